/* A few lines of a source file, for the screen of a call site. The file is someone else's: its size, its lines and its
 * bytes are bounded and escaped. */
#ifndef TUI_SOURCE_FILE_H
#define TUI_SOURCE_FILE_H

#include <stdint.h>

#include "heaptop/base.h"
#include "heaptop/tui.h"

#define SOURCE_FILE_MAX_BYTES (4u << 20)
#define SOURCE_FILE_MAX_COLUMNS 400
#define SOURCE_FILE_MAX_LINES 4000

struct source_lines {
    struct arena arena;         /* Owns the lines. */
    uint32_t first;             /* Number of the first line kept. */
    uint32_t count;
    const char **lines;         /* Escaped, tabs widened. */
    uint64_t modified_unix_ns;  /* When the file was last written. */
};

/* Reads the lines around `line`, at most SOURCE_FILE_MAX_LINES of them. Only regular files are opened. ERROR_NOT_FOUND,
 * ERROR_PERMISSION, ERROR_BAD_DATA when the file is too large or has no such line. */
struct error *source_lines_read(const char *path, uint32_t line, struct source_lines *ret_lines);
void source_lines_deinit(struct source_lines *lines);

/* Where a file lies here, by the map with the longest FROM that the path begins with, else as it is, and false. A map's
 * TO may be relative to the folder in which heaptop was started. */
bool source_path_write(const struct tui_source_maps *maps, const char *path, struct text *ret_path);

#endif
