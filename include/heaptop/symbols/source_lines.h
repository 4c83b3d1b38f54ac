/* From addresses to lines of source, with the calls that the compiler has inlined there: what DWARF 4 and 5 say of
 * programs in C, C++, Rust and their like. Read with libdw, which ends the program when memory is out and was not
 * made for files that mean harm: to be called in a process that may end at any time. */
#ifndef HEAPTOP_SYMBOLS_SOURCE_LINES_H
#define HEAPTOP_SYMBOLS_SOURCE_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "heaptop/base/error.h"

struct source_lines;

/* One function that the code at an address belongs to. */
struct source_frame {
    const char *function;       /* As linkers name it where they do, to be demangled; NULL when it has no name. */
    const char *folder;         /* In which the compiler ran, for a file that is no absolute path; NULL: unknown. */
    const char *file;           /* NULL: unknown. */
    uint32_t line;              /* Of the code, or of the call that was inlined; 0: unknown. */
    uint32_t start_line;        /* Where the function is declared; 0: unknown. */
};

/* More inlined calls at one address are left out, the outermost first. */
#define SOURCE_LINES_MAX_INLINED 64u

/* descriptor: of an ELF file with debug information, read at once as far as its list of compile units. supplement: of
 * the file that holds what several debug files have in common (dwz); -1: none. Both are borrowed, and must stay open as
 * long as this. ERROR_BAD_DATA, ERROR_NOT_FOUND (it has none), ERROR_NO_MEMORY. */
struct error *source_lines_open(int descriptor, int supplement, struct source_lines **ret_lines);
void source_lines_close(struct source_lines *lines);        /* Accepts NULL. */

/* The functions at a link-time address, innermost first, at most SOURCE_LINES_MAX_INLINED; strings live as long as
 * `lines`. No frames (*ret_count is 0) where nothing is said of the address; one without a function where only the line
 * is known. ERROR_NO_MEMORY. */
struct error *source_lines_find(struct source_lines *lines, uint64_t address,
                                struct source_frame frames[SOURCE_LINES_MAX_INLINED], size_t *ret_count);

#endif
