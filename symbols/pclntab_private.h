/* What the files that read Go's function tables share. */
#ifndef HEAPTOP_SYMBOLS_PCLNTAB_PRIVATE_H
#define HEAPTOP_SYMBOLS_PCLNTAB_PRIVATE_H

#include "heaptop/base/arena.h"
#include "heaptop/base/table.h"
#include "heaptop/symbols/pclntab.h"

#define PCLNTAB_VERSION_118 0xf0    /* Go 1.18 and 1.19 */
#define PCLNTAB_VERSION_120 0xf1    /* Go 1.20 and newer */

/* 16 bytes of heaptop's memory for each pair; the largest programs known have some 500,000 functions. */
#define PCLNTAB_MAX_FUNCTIONS ((uint64_t)4 << 20)
/* Of a function or a file; type parameters spelt out make the longest. */
#define PCLNTAB_MAX_NAME ((size_t)64 << 10)
/* Steps of one pc-value table: a function of 1 MB of code has some 100,000. */
#define PCLNTAB_MAX_STEPS 1000000u
/* The runtime has 5 of the first and 8 of the second (internal/abi/symtab.go, Go 1.27). */
#define PCLNTAB_MAX_PCDATA 64u
#define PCLNTAB_MAX_FUNCDATA 64u

/* A part of the table, as offsets from the table's start. */
struct pclntab_part {
    uint64_t offset, size;
};

/* Where the last look into a pc-value table ended: its value holds for code offsets from `first` on and before `code`.
 * A table can only be read from its beginning, but who asks for addresses in rising order then reads each but once. */
struct pclntab_position {
    uint32_t pctab_offset;                  /* Of the table; 0: none. */
    uint32_t steps, value;
    uint64_t first, code;
    uint64_t offset;                        /* Of the next step, from the pclntab's start. */
};
#define PCLNTAB_POSITIONS 16u

struct pclntab {
    struct image *image;                    /* Borrowed. */
    uint64_t address;                       /* Of the header, link-time. */
    uint64_t file_offset;                   /* Of the header. */
    uint64_t size;                          /* Bytes from the header to the end of its section or segment. */
    uint8_t version;
    uint8_t quantum;                        /* Code addresses are multiples of it (minLC). */
    uint64_t text_start;
    bool has_gofunc;
    uint64_t gofunc;
    unsigned minor;                         /* 0: not told. */
    uint32_t function_count;
    struct pclntab_part names, units, files, pctab, functions;
    uint32_t *functab; /* Pairs {entry offset, offset in `functions`}, then the end's entry offset. */
    struct arena arena;                     /* Of the strings. */
    struct table by_offset, by_content;     /* Both to char *: where a string stands, and what it says. */
    struct pclntab_position positions[PCLNTAB_POSITIONS];
};

/* A function's record (runtime/runtime2.go _func) with what its variable part holds of use here. */
struct function_record {
    uint32_t entry_offset;
    uint32_t name_offset;
    uint32_t pcsp, pcfile, pcln;            /* Offsets in pctab; 0: none. */
    uint32_t unit_offset;
    uint32_t start_line;
    uint8_t func_id, flag;
    uint32_t inline_index_table;            /* pcdata[PCDATA_InlTreeIndex]: offset in pctab; 0: none. */
    uint32_t inline_tree;                   /* funcdata[FUNCDATA_InlTree]: offset from gofunc; NO_FUNCDATA: none. */
};
#define NO_FUNCDATA UINT32_MAX

/* Reads bytes at an offset from the table's start. */
struct error *pclntab_read(struct pclntab *table, uint64_t offset, void *buffer, size_t size);

/* The record of a function by its index, checked against the function table. */
struct error *pclntab_read_record(struct pclntab *table, uint32_t index, struct function_record *ret_record);

/* The index of the function whose code holds an address; false when none does. */
bool pclntab_find_index(const struct pclntab *table, uint64_t address, uint32_t *ret_index);

/* The value that a pc-value table (offset in pctab) gives for a code offset from the function's entry. false in
 * *ret_found: the table is not there, or does not reach so far. ERROR_BAD_DATA: it makes no sense. */
struct error *pclntab_find_value(struct pclntab *table, uint32_t pctab_offset, uint32_t code_offset, bool *ret_found,
                                 int32_t *ret_value);

/* A function's name, type arguments and all, and a file's, from their tables. Owned by the pclntab. */
struct error *pclntab_function_name(struct pclntab *table, uint32_t name_offset, const char **ret_name);
struct error *pclntab_file_name(struct pclntab *table, uint32_t file_offset, const char **ret_name);

/* The numbers of FuncIDWrapper: internal/abi/symtab.go (before Go 1.21 runtime/symtab.go). */
uint8_t pclntab_wrapper_id(const struct pclntab *table);

/* Fills in a go_function from a record. */
struct error *pclntab_describe(struct pclntab *table, uint32_t index, const struct function_record *record,
                               struct go_function *ret_function);

#endif
