/* Where the symbols of an image are that were taken out of it: in a file of its own, found by build id or by name, or
 * compressed within it. */
#ifndef HEAPTOP_SYMBOLS_DEBUG_FILE_H
#define HEAPTOP_SYMBOLS_DEBUG_FILE_H

#include "heaptop/symbols/image.h"

/* Where to look, in this order. */
struct debug_places {
    const char *const *roots;   /* Folders in which a file system begins, "" for the one that is seen here. */
    size_t num_roots;
    const char *cache;          /* Folder of a debuginfod client, with BUILD-ID/debuginfo in it; NULL: none. */
};

/* The separate debug file of an image: ROOT/usr/lib/debug/.build-id/xx/yyyy.debug for each root, then by its
 * .gnu_debuglink beside the image, in its folder's .debug and below ROOT/usr/lib/debug, then in the cache. path: of
 * the image within the roots ("/usr/bin/redis-server"), NULL when it has none. A file of another build is not taken.
 * ERROR_NOT_FOUND. */
struct error *debug_file_open(struct image *image, const char *path, const struct debug_places *places,
                              struct image **ret_debug);

/* What several debug files have in common and dwz(1) has taken out of `debug` (.gnu_debugaltlink): by its build id,
 * then where its name says below each root, then in the cache. ERROR_NOT_FOUND: it needs none, or it is not there. */
struct error *debug_file_open_supplement(struct image *debug, const struct debug_places *places,
                                         struct image **ret_supplement);
#define DEBUG_FILE_BUILD_ID_BUFFER 65
/* Its build id, as image_build_id has it; false when `debug` needs none. */
bool debug_file_supplement_id(struct image *debug, char build_id[DEBUG_FILE_BUILD_ID_BUFFER]);

/* The symbol table that .gnu_debugdata holds (MiniDebugInfo: an ELF file compressed with LZMA), of some distributions'
 * programs. At most DEBUG_FILE_MAX_MINI bytes. ERROR_NOT_FOUND, ERROR_BAD_DATA, ERROR_UNSUPPORTED (larger). */
struct error *debug_file_open_mini(struct image *image, struct image **ret_debug);
#define DEBUG_FILE_MAX_MINI ((size_t)64 << 20)

#endif
