/* Go's own table of functions, lines, inlining and stack deltas, in every Go program, stripped or not
 * (cmd/link/internal/ld/pcln.go, runtime/symtab.go; versions F0 = Go 1.18-1.19 and F1 = 1.20 and newer). Addresses here
 * are link-time addresses; the tables are read from the file through the image, a block at a time. */
#ifndef HEAPTOP_SYMBOLS_PCLNTAB_H
#define HEAPTOP_SYMBOLS_PCLNTAB_H

#include "heaptop/symbols/image.h"

struct pclntab;

struct go_function {
    uint64_t entry, end;        /* Link-time code range. */
    uint32_t index;             /* In the function table. */
    uint32_t start_line;        /* 0 before Go 1.20. */
    uint8_t func_id;            /* runtime/symtab.go funcID; FuncIDWrapper is told by go_frame.is_wrapper. */
    uint8_t flag;
    /* As the program has it, type arguments and all ("main.F[go.shape.int]"; "main.F[...]" up to Go 1.20), which is
     * what runtime/pprof shows. Owned by the pclntab, valid until it is closed; NOT escaped. */
    const char *name;
};

struct go_frame {
    const char *function;       /* Owned by the pclntab, not escaped. */
    const char *file;           /* Owned by the pclntab, not escaped; NULL when unknown. */
    uint32_t line;
    uint32_t start_line;
    uint64_t entry;             /* Of the physical function. */
    bool is_inlined;            /* Inlined into the frame after it. */
    bool is_wrapper;            /* FuncIDWrapper: not shown in Go's own tracebacks. */
};

#define PCLNTAB_MAX_INLINE_DEPTH 64

/* Finds and checks the table: by section name (.gopclntab, .data.rel.ro.gopclntab), else by its magic in the segments'
 * bytes. Accepts only a header whose counts and offsets are consistent, and whose function table ascends.
 * ERROR_NOT_FOUND when there is none: not a Go program. */
struct error *pclntab_open(struct image *image, struct pclntab **ret_pclntab);
void pclntab_close(struct pclntab *pclntab);    /* Accepts NULL. Does not close the image, which must outlive it. */

uint64_t pclntab_address(const struct pclntab *pclntab);
uint32_t pclntab_function_count(const struct pclntab *pclntab);
/* 0xf0 or 0xf1, the low byte of the magic. */
uint8_t pclntab_version(const struct pclntab *pclntab);
/* From the header; 0 from Go 1.26 on, and in position-independent files whose relocation has not been applied: then the
 * caller sets it from moduledata.text. */
uint64_t pclntab_text_start(const struct pclntab *pclntab);
void pclntab_set_text_start(struct pclntab *pclntab, uint64_t text_start);
/* moduledata.gofunc as a link-time address: where the inline trees lie. Without it inlined frames are not expanded. */
void pclntab_set_gofunc(struct pclntab *pclntab, uint64_t gofunc);
/* The target's Go minor version (24 for 1.24), which settles funcdata details the magic does not. */
void pclntab_set_go_minor(struct pclntab *pclntab, unsigned minor);

/* The function whose code holds this address. ERROR_NOT_FOUND, ERROR_BAD_DATA. */
struct error *pclntab_find_function(struct pclntab *pclntab, uint64_t address, struct go_function *ret_function);

/* Finds functions by exact name in one pass: wanted[i].name in; on return ret_functions[i].name is NULL for those not
 * there. */
struct error *pclntab_find_names(struct pclntab *pclntab, const char *const *names, size_t count,
                                 struct go_function *ret_functions);

/* The logical frames at an address (not a return address: subtract 1 first), innermost first, inlined callers after. At
 * most PCLNTAB_MAX_INLINE_DEPTH. ret_frames has room for `capacity`. */
struct error *pclntab_find_frames(struct pclntab *pclntab, uint64_t address, struct go_frame *ret_frames,
                                  size_t capacity, size_t *ret_count);

/* The stack pointer's distance from the frame's base at an address (pcsp): bytes pushed since entry, the return address
 * not counted. */
struct error *pclntab_find_stack_delta(struct pclntab *pclntab, uint64_t address, int32_t *ret_delta);

/* Nanoseconds spent and bytes held, for the cost line. */
size_t pclntab_memory(const struct pclntab *pclntab);

#endif
