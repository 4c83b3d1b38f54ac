/* An ELF file as bytes at link-time addresses, with its sections, symbols and build information. Everything in it is
 * untrusted. Files are read with pread in blocks and never mapped, so that a file that shrinks gives an error and not a
 * SIGBUS, and heaptop stays small. */
#ifndef HEAPTOP_SYMBOLS_IMAGE_H
#define HEAPTOP_SYMBOLS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heaptop/base/error.h"

struct image;

struct image_segment {          /* A PT_LOAD program header. */
    uint64_t address, memory_size, file_offset, file_size;
    bool readable, writable, executable;
};

struct image_section {
    uint64_t address, offset, size;
    bool in_file;               /* Not SHT_NOBITS. */
};

enum symbol_source { SYMBOL_MISSING, SYMBOL_SYMTAB, SYMBOL_DYNSYM };

struct image_symbol {
    const char *name;           /* In: what is wanted. */
    uint64_t address, size;     /* Out. */
    enum symbol_source source;  /* Out. */
};

/* Takes ownership of the descriptor, also on failure. path is for messages. ERROR_BAD_DATA (not ELF, cut short),
 * ERROR_UNSUPPORTED (not 64-bit little-endian). A file without section headers is fine. */
struct error *image_open(int descriptor, const char *path, struct image **ret_image);
void image_close(struct image *image);      /* Accepts NULL. */

const char *image_path(const struct image *image);
int image_descriptor(const struct image *image);    /* Of its file; the image's own. */
bool image_is_position_independent(const struct image *image);
bool image_is_x86_64(const struct image *image);
bool image_has_sections(const struct image *image);
bool image_has_symtab(const struct image *image);
bool image_has_dwarf(const struct image *image);    /* .debug_info or .zdebug_info with contents */
uint64_t image_file_size(const struct image *image);
size_t image_segment_count(const struct image *image);
const struct image_segment *image_segment_at(const struct image *image, size_t index);
/* NULL when there is no such section. */
const struct image_section *image_find_section(const struct image *image, const char *name);
/* GNU build id as lower-case hex (at most 64 digits), "" when there is none. */
const char *image_build_id(const struct image *image);

/* Bytes at a link-time address, through the program headers: what follows a segment's file part, up to its memory size,
 * reads as zero. ERROR_FAULT when any byte lies in no segment. */
struct error *image_read(struct image *image, uint64_t address, void *buffer, size_t size);
/* Bytes at a file offset. */
struct error *image_read_file(struct image *image, uint64_t offset, void *buffer, size_t size);

/* Sets ret_found[i] where texts[i] (shorter than IMAGE_MAX_TEXT bytes) stands in the first `limit` bytes of a section;
 * none, where there is no such section. For telling by what words a program is what. ERROR_NO_MEMORY; others are
 * those of reading. */
struct error *image_find_texts(struct image *image, const char *section, uint64_t limit, const char *const *texts,
                               size_t count, bool *ret_found);
#define IMAGE_MAX_TEXT ((size_t)256)

/* Looks up all wanted names in one pass over .symtab, then those still missing in .dynsym. Not finding one is no
 * error. */
struct error *image_find_symbols(struct image *image, struct image_symbol *symbols, size_t count);

/* The function that holds an address. */
struct image_function {
    uint64_t address;           /* In: link-time. */
    uint64_t start, size;       /* Out: 0, 0 when none is known. A size of 0: its symbol does not say where it ends. */
    char *name; /* Out: as in the file, at most IMAGE_MAX_NAME bytes; malloc'd, NULL when none is known. */
};
#define IMAGE_MAX_NAME 4096u

/* Fills in the functions that are not known yet, in one pass over .symtab, or .dynsym where there is none. `functions`
 * is by rising address. ERROR_NO_MEMORY; other errors are those of reading. */
struct error *image_find_functions(struct image *image, struct image_function *functions, size_t count);

/* What the Go linker noted in .go.buildinfo (also found without section headers, by its magic in the writable
 * segments). Strings are malloc'd and owned by the struct; NULL when not given. ERROR_NOT_FOUND: no build information,
 * perhaps not a Go program. */
struct go_build_info {
    char *version;      /* "go1.24.4", perhaps with experiments after it. */
    char *main_path;    /* Path of the main package. */
    char *main_module;  /* Path of the main module; NULL in GOPATH builds. */
};
struct error *image_read_go_build_info(struct image *image, struct go_build_info *ret_info);
void go_build_info_deinit(struct go_build_info *info);

#endif
