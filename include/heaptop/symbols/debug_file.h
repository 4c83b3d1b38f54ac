/* Where the symbols of an image are that were taken out of it: in a file of its own, found by build id or by name, or
 * compressed within it. */
#ifndef HEAPTOP_SYMBOLS_DEBUG_FILE_H
#define HEAPTOP_SYMBOLS_DEBUG_FILE_H

#include "heaptop/symbols/image.h"

/* The separate debug file of an image: ROOT/usr/lib/debug/.build-id/xx/yyyy.debug for each root, then by its
 * .gnu_debuglink beside the image, in its folder's .debug and below ROOT/usr/lib/debug. path: of the image within the
 * roots ("/usr/bin/redis-server"), NULL when it has none. A file of another build is not taken. ERROR_NOT_FOUND. */
struct error *debug_file_open(struct image *image, const char *path, const char *const *roots, size_t num_roots,
                              struct image **ret_debug);

/* What several debug files have in common and dwz(1) has taken out of `debug` (.gnu_debugaltlink): by its build id, then where
 * its name says, both below each root. ERROR_NOT_FOUND: it needs none, or it is not there. */
struct error *debug_file_open_supplement(struct image *debug, const char *const *roots, size_t num_roots,
                                         struct image **ret_supplement);

/* The symbol table that .gnu_debugdata holds (MiniDebugInfo: an ELF file compressed with LZMA), of some distributions'
 * programs. At most DEBUG_FILE_MAX_MINI bytes. ERROR_NOT_FOUND, ERROR_BAD_DATA, ERROR_UNSUPPORTED (larger). */
struct error *debug_file_open_mini(struct image *image, struct image **ret_debug);
#define DEBUG_FILE_MAX_MINI ((size_t)64 << 20)

#endif
