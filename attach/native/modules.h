/* The files whose code a process runs: its executable, shared libraries, the vdso. Each is opened when an address in it
 * is first asked for. */
#ifndef ATTACH_NATIVE_MODULES_H
#define ATTACH_NATIVE_MODULES_H

#include "attach/memory.h"
#include "attach/name_cache.h"
#include "attach/target.h"

/* More files, or mappings of code, are left out. */
#define MODULES_MAX 1024u
#define MODULE_RANGES_MAX 4096u

#define MODULE_NO_LINES UINT32_MAX

struct module {
    struct image *image;            /* NULL: it cannot be read, or was not asked for yet. */
    struct image *debug;            /* Where its symbols are; NULL: in the image, if anywhere. */
    struct image *mini_debug;       /* Static functions' names besides, where there is no debug file; or NULL. */
    struct image *supplement;       /* What its debug information has in common with other files'; or NULL. */
    uint32_t line_file;             /* By which who reads its lines knows it; MODULE_NO_LINES: it does not yet. */
    struct call_frames *frames;     /* NULL: nothing tells how its functions are left. */
    struct call_frames *debug_frames;   /* For those of which `frames` says nothing; NULL: none, or nobody has asked. */
    string_id file;
    uint8_t origin;                 /* enum frame_origin of its functions. */
    bool is_open;                   /* Opened, with or without success. */
    bool has_debug, has_debug_frames;       /* Symbols, debug_frames were searched for. */
    uint64_t device_major, device_minor, inode;
};

/* Executable memory that a module is mapped to. */
struct module_range {
    uint64_t start, end;
    uint64_t file_offset;           /* Of start. */
    uint32_t module;                /* Index. */
};

struct modules;

/* All are borrowed. */
struct error *modules_create(struct target *target, struct memory *memory, struct name_cache *names,
                             struct modules **ret_modules);
void modules_destroy(struct modules *modules);      /* Accepts NULL. */

/* Reads the memory map anew. What was opened stays open, and an index stays with its module. *ret_changed: code lies
 * elsewhere than it did. */
struct error *modules_refresh(struct modules *modules, bool *ret_changed);

/* The module that holds a run-time address, opened, and the link-time address there; NULL for no module. Only errors
 * that end all: ERROR_NO_MEMORY. *ret_index: by which modules_at finds it again. */
struct error *modules_find(struct modules *modules, uint64_t address, struct module **ret_module, uint32_t *ret_index,
                           uint64_t *ret_link_address);
/* Opens all that have not been yet: once the process has ended they could not be found any more. */
struct error *modules_open_all(struct modules *modules);
/* Whether an address lies in a module's code. */
bool modules_hold(const struct modules *modules, uint64_t address);
/* Run-time minus link-time addresses of the executable; 0 while it is not known. */
uint64_t modules_program_bias(struct modules *modules);
struct module *modules_at(struct modules *modules, uint32_t index);
size_t modules_count(const struct modules *modules);
struct target *modules_target(const struct modules *modules);
/* Looks, once, where its symbols are, and asks debug servers for what is not there, where some are configured. */
struct error *modules_open_debug(struct modules *modules, struct module *module);
/* Goes on fetching debug files from servers. *ret_changed: some have come; what was looked up before may have other
 * names. ERROR_NO_MEMORY. */
struct error *modules_fetch(struct modules *modules, bool *ret_changed);
/* Files that are still being fetched. */
size_t modules_fetching(const struct modules *modules);
/* Looks, once, for call frame information that is there for debuggers. ERROR_NO_MEMORY. */
struct error *modules_open_debug_frames(struct modules *modules, struct module *module);
/* The file with its debug information, once that was looked for; NULL: it has none. */
struct image *module_lines(const struct module *module);

#endif
