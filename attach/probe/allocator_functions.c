#include "attach/probe/allocator_functions.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attach/probe/allocation_shared.h"
#include "attach/probe/probe_place.h"
#include "heaptop/base/cleanup.h"

/* Files with code that are searched for malloc; programs have some dozens. */
#define MAX_FILES 512u

struct function {
    const char *name;
    enum allocation_call call;
    uint8_t arguments;                  /* That are read: the first so many. */
};

/* The C library's, and those that allocators have besides. operator new and delete of libstdc++ call malloc and
 * free; allocators have their own. */
static const struct function allocator_table[] = {
    {"malloc", ALLOCATION_CALL_MALLOC, 1},
    {"free", ALLOCATION_CALL_FREE, 1},
    {"calloc", ALLOCATION_CALL_CALLOC, 2},
    {"realloc", ALLOCATION_CALL_REALLOC, 2},
    {"posix_memalign", ALLOCATION_CALL_POSIX_MEMALIGN, 3},
    {"aligned_alloc", ALLOCATION_CALL_ALIGNED, 2},
    {"memalign", ALLOCATION_CALL_ALIGNED, 2},
    {"valloc", ALLOCATION_CALL_MALLOC, 1},
    {"pvalloc", ALLOCATION_CALL_MALLOC, 1},
    {"cfree", ALLOCATION_CALL_FREE, 1},
    {"mallocx", ALLOCATION_CALL_MALLOC, 1},
    {"rallocx", ALLOCATION_CALL_REALLOC, 2},
    {"dallocx", ALLOCATION_CALL_FREE, 1},
    {"sdallocx", ALLOCATION_CALL_FREE, 1},
    {"_Znwm", ALLOCATION_CALL_MALLOC, 1},
    {"_Znam", ALLOCATION_CALL_MALLOC, 1},
    {"_ZnwmRKSt9nothrow_t", ALLOCATION_CALL_MALLOC, 1},
    {"_ZnamRKSt9nothrow_t", ALLOCATION_CALL_MALLOC, 1},
    {"_ZnwmSt11align_val_t", ALLOCATION_CALL_MALLOC, 1},
    {"_ZnamSt11align_val_t", ALLOCATION_CALL_MALLOC, 1},
    {"_ZnwmSt11align_val_tRKSt9nothrow_t", ALLOCATION_CALL_MALLOC, 1},
    {"_ZnamSt11align_val_tRKSt9nothrow_t", ALLOCATION_CALL_MALLOC, 1},
    {"_ZdlPv", ALLOCATION_CALL_FREE, 1},
    {"_ZdaPv", ALLOCATION_CALL_FREE, 1},
    {"_ZdlPvm", ALLOCATION_CALL_FREE, 1},
    {"_ZdaPvm", ALLOCATION_CALL_FREE, 1},
    {"_ZdlPvRKSt9nothrow_t", ALLOCATION_CALL_FREE, 1},
    {"_ZdaPvRKSt9nothrow_t", ALLOCATION_CALL_FREE, 1},
    {"_ZdlPvSt11align_val_t", ALLOCATION_CALL_FREE, 1},
    {"_ZdaPvSt11align_val_t", ALLOCATION_CALL_FREE, 1},
    {"_ZdlPvmSt11align_val_t", ALLOCATION_CALL_FREE, 1},
    {"_ZdaPvmSt11align_val_t", ALLOCATION_CALL_FREE, 1},
};
/* musl's others call these two (musl 1.2.5, src/malloc): what realloc makes larger in its place is not seen. */
#define MUSL_FUNCTIONS 2u

/* An allocator's own calls of these are part of the calls above. */
static const struct function mapping_table[] = {
    {"mmap", ALLOCATION_CALL_MMAP, 4},       {"munmap", ALLOCATION_CALL_MUNMAP, 2}, {"mmap64", ALLOCATION_CALL_MMAP, 4},
    {"mremap", ALLOCATION_CALL_MREMAP, 3},   {"brk", ALLOCATION_CALL_BRK, 1},       {"sbrk", ALLOCATION_CALL_SBRK, 1},
};

_Static_assert(ARRAY_SIZE(allocator_table) + ARRAY_SIZE(mapping_table) <= ALLOCATOR_PROBES_MAX,
               "all fit into one file");

/* jemalloc, built into a program beside the C library's: redis calls it so, Rust's tikv-jemallocator too. */
static const char *const prefixes[] = {"je_", "_rjem_"};

struct search {
    struct target *target;
    struct maps maps;
    struct allocator_functions *found;
};

static bool is_libc(const struct maps *maps, const struct map_line *line)
{
    return map_line_file_begins(maps, line, "libc.so") || map_line_file_begins(maps, line, "libc-2.") ||
           map_line_file_begins(maps, line, "ld-musl-") || map_line_file_begins(maps, line, "libc.musl-");
}

static bool is_program(const struct search *search, const struct map_line *line)
{
    return line->inode == search->target->program.inode &&
           makedev(line->device_major, line->device_minor) == search->target->program.device;
}

/* Where all code of the line's file lies. */
static void find_code(const struct search *search, const struct map_line *wanted, uint64_t *ret_start,
                      uint64_t *ret_end)
{
    *ret_start = *ret_end = 0;
    for (size_t i = 0; i < search->maps.lines.count; i++) {
        const struct map_line *line = &search->maps.lines.items[i];
        if (line->permissions[2] != 'x' || !map_line_is_same_file(line, wanted))
            continue;
        *ret_start = *ret_start ? *ret_start : line->start;
        *ret_end = line->end;
    }
}

/* The path under which the kernel finds a mapped file, as of target_open_mapping. */
static void write_path(const struct search *search, const struct map_line *line, char *path)
{
    snprintf(path, ALLOCATOR_PATH_SIZE, "/proc/%d/map_files/%llx-%llx", (int)search->target->pid,
             (unsigned long long)line->start, (unsigned long long)line->end);
    if (access(path, R_OK) != 0 && !line->deleted)
        snprintf(path, ALLOCATOR_PATH_SIZE, "/proc/%d/root%.*s", (int)search->target->pid, (int)line->name_length,
                 map_line_name(&search->maps, line));
}

static bool find_offset(const struct image *image, uint64_t address, uint64_t *ret_offset)
{
    for (size_t i = 0; i < image_segment_count(image); i++) {
        const struct image_segment *segment = image_segment_at(image, i);
        if (segment->executable && address >= segment->address && address - segment->address < segment->file_size) {
            *ret_offset = address - segment->address + segment->file_offset;
            return true;
        }
    }
    return false;
}

static void add_probe(struct allocator_functions *found, struct allocator_file *file, struct image *image,
                      const struct image_symbol *symbol, const struct function *function, uint64_t flags)
{
    uint8_t code[PROBE_PLACE_CODE];
    size_t size = symbol->size > 0 && symbol->size < sizeof(code) ? (size_t)symbol->size : 64;
    uint64_t offset;
    _cleanup_error_ struct error *error =
        symbol->source == SYMBOL_MISSING ? NULL : image_read(image, symbol->address, code, size);
    if (symbol->source == SYMBOL_MISSING || error || !find_offset(image, symbol->address, &offset))
        return;
    struct probe_place place = probe_place_choose(code, size, function->arguments);
    /* Where it jumps to there is a probe already. */
    if (place.is_jump)
        return;
    struct allocator_probe probe = {.offset = offset + place.offset,
                                    .cookie = function->call | flags | (place.stepped ? ALLOCATION_STEPPED : 0)};
    for (size_t i = 0; i < file->num_probes; i++) {
        if (file->probes[i].offset == probe.offset)
            return;
    }
    found->num_stepped += place.stepped;
    file->probes[file->num_probes++] = probe;
}

/* *ret_has_first: the table's first two, by which memory is had and freed, are there. Errors of reading the file. */
static struct error *add_functions(struct search *search, struct image *image, const struct map_line *line,
                                   const struct function *table, size_t count, const char *prefix, uint64_t flags,
                                   bool *ret_has_first)
{
    char names[ALLOCATOR_PROBES_MAX][64];
    struct image_symbol symbols[ALLOCATOR_PROBES_MAX] = {0};
    struct allocator_functions *found = search->found;
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof(names[i]), "%s%s", prefix, table[i].name);
        symbols[i].name = names[i];
    }
    struct error *error = image_find_symbols(image, symbols, count);
    if (error)
        return error;
    *ret_has_first = symbols[0].source != SYMBOL_MISSING && symbols[1].source != SYMBOL_MISSING;
    if (!*ret_has_first || found->num_files == ALLOCATOR_FILES_MAX)
        return NULL;
    struct allocator_file *file = &found->files[found->num_files];
    file->num_probes = 0;
    write_path(search, line, file->path);
    for (size_t i = 0; i < count; i++)
        add_probe(found, file, image, &symbols[i], &table[i], flags);
    found->num_files += file->num_probes > 0;
    return NULL;
}

static bool has_symbol(struct image *image, const char *name)
{
    struct image_symbol symbol = {.name = name};
    error_destroy(image_find_symbols(image, &symbol, 1));
    return symbol.source != SYMBOL_MISSING;
}

/* By its name, or by what only its malloc has where it is linked into the program (musl 1.2.2 and later:
 * src/malloc/free.c). */
static bool is_musl(const struct search *search, const struct map_line *line, struct image *image)
{
    return map_line_file_begins(&search->maps, line, "ld-musl-") ||
           map_line_file_begins(&search->maps, line, "libc.musl-") || has_symbol(image, "__libc_malloc_impl");
}

/* The C library's realloc calls malloc where there is nothing yet (glibc malloc/malloc.c __libc_realloc); jemalloc's
 * does not. */
static bool is_jemalloc(struct image *image)
{
    return has_symbol(image, "mallctl");
}

/* Looks for malloc in one file. An allocator that is not the C library's may call itself. */
static struct error *try_file(struct search *search, const struct map_line *line, bool *ret_has_malloc)
{
    struct image *image;
    bool is_own = is_program(search, line);
    *ret_has_malloc = false;
    struct error *error = target_open_mapping(search->target, &search->maps, line, &image);
    if (error)
        return error;
    size_t count = is_musl(search, line, image) ? MUSL_FUNCTIONS : ARRAY_SIZE(allocator_table);
    bool has_own_code = !is_own && !is_libc(&search->maps, line);
    if (!image_is_x86_64(image))
        error = error_create(ERROR_UNSUPPORTED, "allocations can be probed in programs for amd64 only");
    else
        error = add_functions(search, image, line, allocator_table, count, "",
                              has_own_code         ? ALLOCATION_NOT_FROM_ALLOCATOR
                          : is_jemalloc(image) ? 0
                                               : ALLOCATION_NOTHING_IS_MALLOC,
                          ret_has_malloc);
    bool has_prefixed = false;
    for (size_t i = 0; i < ARRAY_SIZE(prefixes) && !error && is_own && !*ret_has_malloc && !has_prefixed; i++)
        error = add_functions(search, image, line, allocator_table, count, prefixes[i], 0, &has_prefixed);
    if (*ret_has_malloc && has_own_code)
        find_code(search, line, &search->found->allocator_start, &search->found->allocator_end);
    image_close(image);
    return error;
}

/* mmap and what belongs to it. A static program's are its own, where the callers cannot be told apart. */
static struct error *add_mappings(struct search *search, const struct map_line *libc)
{
    struct image *image;
    bool has_first;
    struct error *error = libc ? target_open_mapping(search->target, &search->maps, libc, &image) : NULL;
    if (!libc || error)
        return error;
    find_code(search, libc, &search->found->libc_start, &search->found->libc_end);
    error = add_functions(search, image, libc, mapping_table, ARRAY_SIZE(mapping_table), "",
                          ALLOCATION_NOT_FROM_ALLOCATOR | ALLOCATION_NOT_FROM_LIBC, &has_first);
    image_close(image);
    return error;
}

enum turn { TURN_PROGRAM, TURN_LIBRARIES, TURN_LIBC, TURN_NONE };

static enum turn turn_of(const struct search *search, const struct map_line *line)
{
    if (line->permissions[2] != 'x' || line->inode == 0 || map_line_file_begins(&search->maps, line, "ld-linux"))
        return TURN_NONE;
    return is_program(search, line)         ? TURN_PROGRAM
           : is_libc(&search->maps, line) ? TURN_LIBC
                                          : TURN_LIBRARIES;
}

/* In the order in which a dynamic linker looks, as far as it matters: the program, any library, the C library. */
static struct error *find_malloc(struct search *search, bool *ret_has_malloc)
{
    struct error *error = NULL;
    unsigned tried = 0;
    *ret_has_malloc = false;
    for (enum turn turn = TURN_PROGRAM; turn < TURN_NONE; turn++) {
        const struct map_line *last = NULL;
        for (size_t i = 0; i < search->maps.lines.count && !*ret_has_malloc && tried < MAX_FILES; i++) {
            const struct map_line *line = &search->maps.lines.items[i];
            if (turn_of(search, line) != turn || (last && map_line_is_same_file(line, last)))
                continue;
            last = line;
            tried++;
            error = try_file(search, line, ret_has_malloc);
            if (error && (error->kind == ERROR_NO_MEMORY || error->kind == ERROR_UNSUPPORTED))
                return error;
            /* A file that cannot be read is none in which it is found. */
            error_destroy(error);
        }
    }
    return NULL;
}

struct error *allocator_functions_find(struct target *target, struct allocator_functions *ret_functions)
{
    struct search search = {.target = target, .found = ret_functions};
    bool has_malloc = false;
    memset(ret_functions, 0, sizeof(*ret_functions));
    struct error *error = maps_read(target->folder, &search.maps);
    if (error)
        return error;
    const struct map_line *libc = NULL;
    for (size_t i = 0; i < search.maps.lines.count && !libc; i++) {
        if (turn_of(&search, &search.maps.lines.items[i]) == TURN_LIBC)
            libc = &search.maps.lines.items[i];
    }
    error = find_malloc(&search, &has_malloc);
    if (!error)
        error = add_mappings(&search, libc);
    maps_deinit(&search.maps);
    if (!error && !has_malloc && ret_functions->num_files == 0)
        error = error_create(ERROR_UNSUPPORTED,
                             "none of the program's files has a symbol malloc: its allocator cannot be probed");
    return error;
}
