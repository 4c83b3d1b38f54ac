#include "attach/native/modules.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attach/maps.h"
#include "attach/native/debuginfod.h"
#include "attach/native/mapped_copy.h"
#include "attach/procfs.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/vector.h"

/* The vdso is two pages. */
#define MAX_VDSO_BYTES ((size_t)256 << 10)

struct modules {
    struct target *target;
    struct memory *memory;
    struct name_cache *names;
    char program[PATH_MAX + 16];            /* What /proc/PID/exe says. */
    struct maps maps;
    VECTOR(struct module) modules;
    VECTOR(struct module_range) ranges;     /* By address. */
    struct debuginfod *debuginfod;          /* NULL: nobody has looked for debug files. */
    VECTOR(uint32_t) lines;                 /* In maps, of each module; UINT32_MAX: not mapped now. */
};

struct error *modules_create(struct target *target, struct memory *memory, struct name_cache *names,
                             struct modules **ret_modules)
{
    struct modules *modules = calloc(1, sizeof(*modules));
    if (!modules)
        return error_no_memory();
    modules->target = target;
    modules->memory = memory;
    modules->names = names;
    *ret_modules = modules;
    return NULL;
}

static void close_module(struct module *module)
{
    call_frames_close(module->frames);
    call_frames_close(module->debug_frames);
    image_close(module->image);
    image_close(module->debug);
    image_close(module->mini_debug);
    image_close(module->supplement);
}

void modules_destroy(struct modules *modules)
{
    if (!modules)
        return;
    for (size_t i = 0; i < modules->modules.count; i++)
        close_module(&modules->modules.items[i]);
    debuginfod_destroy(modules->debuginfod);
    vector_deinit(&modules->modules);
    vector_deinit(&modules->ranges);
    vector_deinit(&modules->lines);
    maps_deinit(&modules->maps);
    free(modules);
}

/* ---- the memory map ---- */

static bool is_vdso(const struct maps *maps, const struct map_line *line)
{
    return line->name_length == 6 && memcmp(map_line_name(maps, line), "[vdso]", 6) == 0;
}

static bool is_same_file(const struct module *module, const struct map_line *line)
{
    return module->inode == line->inode && module->device_major == line->device_major &&
           module->device_minor == line->device_minor;
}

/* Libraries that come with the compiler and the C library. */
static bool is_standard(const char *file)
{
    static const char *const starts[] = {"ld-linux",  "ld-musl",    "libc.",  "libc-",  "libm.",
                                         "libm-",     "libpthread", "libdl.", "librt.", "libresolv",
                                         "libstdc++", "libgcc_s",   "libc++", "[vdso]"};
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        if (strncmp(file, starts[i], strlen(starts[i])) == 0)
            return true;
    }
    return false;
}

static uint8_t origin_of(const struct modules *modules, const char *name)
{
    size_t length = strlen(name);
    /* The link says more of a program that was deleted. */
    if (strncmp(modules->program, name, length) == 0 &&
        (modules->program[length] == '\0' || strcmp(modules->program + length, " (deleted)") == 0))
        return FRAME_APPLICATION;
    return is_standard(file_short_name(name)) ? FRAME_STANDARD : FRAME_DEPENDENCY;
}

static struct error *find_module(struct modules *modules, size_t line_index, uint32_t *ret_index)
{
    const struct map_line *line = &modules->maps.lines.items[line_index];
    for (size_t i = 0; i < modules->modules.count; i++) {
        if (is_same_file(&modules->modules.items[i], line)) {
            *ret_index = (uint32_t)i;
            modules->lines.items[i] = (uint32_t)line_index;
            return NULL;
        }
    }
    char name[PATH_MAX];
    snprintf(name, sizeof(name), "%.*s", (int)line->name_length, map_line_name(&modules->maps, line));
    struct module module = {
        .file = name_cache_add(modules->names, name, strlen(name)),
        .origin = origin_of(modules, name),
        .device_major = line->device_major,
        .device_minor = line->device_minor,
        .inode = line->inode,
        .line_file = MODULE_NO_LINES,
    };
    *ret_index = (uint32_t)modules->modules.count;
    if (!vector_reserve(&modules->lines, modules->modules.count + 1) || !vector_append(&modules->modules, module))
        return error_no_memory();
    modules->lines.items[modules->lines.count++] = (uint32_t)line_index;
    return NULL;
}

struct range_list {
    VECTOR(struct module_range) ranges;
};

static struct error *list_ranges(struct modules *modules, struct range_list *list)
{
    for (size_t i = 0; i < modules->maps.lines.count; i++) {
        const struct map_line *line = &modules->maps.lines.items[i];
        bool is_file = line->inode != 0 && line->name_length > 0;
        struct module_range range = {.start = line->start, .end = line->end, .file_offset = line->offset};
        if (line->permissions[2] != 'x' || (!is_file && !is_vdso(&modules->maps, line)))
            continue;
        if (modules->modules.count >= MODULES_MAX || list->ranges.count >= MODULE_RANGES_MAX)
            break;
        struct error *error = find_module(modules, i, &range.module);
        if (error)
            return error;
        if (!vector_append(&list->ranges, range))
            return error_no_memory();
    }
    return NULL;
}

static bool is_same_range(const struct module_range *one, const struct module_range *other)
{
    return one->start == other->start && one->end == other->end && one->file_offset == other->file_offset &&
           one->module == other->module;
}

static bool take_ranges(struct modules *modules, const struct range_list *list)
{
    bool changed = modules->ranges.count != list->ranges.count;
    for (size_t i = 0; i < list->ranges.count && !changed; i++)
        changed = !is_same_range(&modules->ranges.items[i], &list->ranges.items[i]);
    vector_deinit(&modules->ranges);
    modules->ranges.items = list->ranges.items;
    modules->ranges.count = list->ranges.count;
    modules->ranges.capacity = list->ranges.capacity;
    return changed;
}

struct error *modules_refresh(struct modules *modules, bool *ret_changed)
{
    struct maps maps;
    struct error *error = maps_read(modules->target->folder, &maps);
    if (error)
        return error;
    /* A process that ends has no memory any more; what it has left behind is of the map that was. */
    if (maps.lines.count == 0) {
        maps_deinit(&maps);
        *ret_changed = false;
        return NULL;
    }
    maps_deinit(&modules->maps);
    modules->maps = maps;
    /* Without it the program's own functions are taken for a library's. */
    error_destroy(procfs_read_link(modules->target->folder, "exe", modules->program, sizeof(modules->program)));
    for (size_t i = 0; i < modules->lines.count; i++)
        modules->lines.items[i] = UINT32_MAX;
    struct range_list list = {0};
    error = list_ranges(modules, &list);
    if (error) {
        vector_deinit(&list.ranges);
        return error;
    }
    *ret_changed = take_ranges(modules, &list);
    return NULL;
}

/* ---- opening ---- */

/* A file that holds what the target has in memory. */
static struct error *open_copy(struct modules *modules, const struct map_line *line, struct image **ret_image)
{
    size_t size = (size_t)(line->end - line->start);
    if (line->end - line->start > MAX_VDSO_BYTES)
        return error_create(ERROR_UNSUPPORTED, "too large for a vdso");
    _cleanup_free_ uint8_t *bytes = malloc(size);
    if (!bytes)
        return error_no_memory();
    struct error *error = memory_read(modules->memory, line->start, bytes, size);
    if (error)
        return error;
    _cleanup_close_ int descriptor = memfd_create("heaptop vdso", MFD_CLOEXEC);
    if (descriptor < 0 || write(descriptor, bytes, size) != (ssize_t)size)
        return error_create(ERROR_SYSTEM, "cannot keep the vdso in memory");
    return image_open(take_descriptor(descriptor), "[vdso]", ret_image);
}

/* What cannot be read leaves the module without an image. */
static struct error *open_module(struct modules *modules, struct module *module, const struct map_line *line)
{
    module->is_open = true;
    struct error *error = is_vdso(&modules->maps, line)
                              ? open_copy(modules, line, &module->image)
                              : target_open_mapping(modules->target, &modules->maps, line, &module->image);
    /* The executable can be read by this way also when it was deleted. */
    if (error && module->origin == FRAME_APPLICATION) {
        error_destroy(error);
        error = target_open_executable(modules->target, &module->image);
    }
    /* Else what is mapped of a file that is not there any more has to do. */
    if (error && error->kind != ERROR_NO_MEMORY && !is_vdso(&modules->maps, line)) {
        error_destroy(error);
        error = mapped_copy_open(modules->memory, &modules->maps, line, &module->image);
    }
    if (!error)
        error = call_frames_open(module->image, &module->frames);
    if (error && error->kind == ERROR_NO_MEMORY)
        return error;
    error_destroy(error);
    return NULL;
}

/* Where the process looks first, which in a container is its own; then here. */
#define MAX_ROOTS 2

struct roots {
    char of_target[64];
    const char *list[MAX_ROOTS];
    struct debug_places places;
};

static void find_roots(const struct modules *modules, struct roots *ret_roots)
{
    snprintf(ret_roots->of_target, sizeof(ret_roots->of_target), "/proc/%d/root", (int)modules->target->pid);
    ret_roots->list[0] = ret_roots->of_target;
    ret_roots->list[1] = "";
    ret_roots->places = (struct debug_places){
        .roots = ret_roots->list, .num_roots = MAX_ROOTS, .cache = debuginfod_cache(modules->debuginfod)};
}

struct image *module_lines(const struct module *module)
{
    if (module->debug && image_has_dwarf(module->debug))
        return module->debug;
    return module->image && image_has_dwarf(module->image) ? module->image : NULL;
}

static struct error *find_debug(struct modules *modules, struct module *module, const struct debug_places *places)
{
    char path[PATH_MAX];
    if (image_has_symtab(module->image) && image_has_dwarf(module->image))
        return NULL;
    uint32_t line_index = modules->lines.items[module - modules->modules.items];
    const struct map_line *line =
        line_index < modules->maps.lines.count ? &modules->maps.lines.items[line_index] : NULL;
    if (line)
        snprintf(path, sizeof(path), "%.*s", (int)line->name_length, map_line_name(&modules->maps, line));
    struct error *error = debug_file_open(module->image, line ? path : NULL, places, &module->debug);
    if (error && error->kind == ERROR_NOT_FOUND && !image_has_symtab(module->image) && !module->mini_debug) {
        error_destroy(error);
        error = debug_file_open_mini(module->image, &module->mini_debug);
    }
    return error;
}

/* What was not found, by its build id. */
static struct error *want_missing(struct modules *modules, const struct module *module)
{
    char build_id[DEBUG_FILE_BUILD_ID_BUFFER];
    struct image *lines = module_lines(module);
    if (!lines)
        return debuginfod_want(modules->debuginfod, image_build_id(module->image));
    return !module->supplement && debug_file_supplement_id(lines, build_id)
               ? debuginfod_want(modules->debuginfod, build_id)
               : NULL;
}

/* Looks for what is not there yet. */
static struct error *look_for_debug(struct modules *modules, struct module *module)
{
    struct roots roots;
    struct error *error = modules->debuginfod ? NULL : debuginfod_create(&modules->debuginfod);
    if (error)
        return error;
    find_roots(modules, &roots);
    error = module->debug ? NULL : find_debug(modules, module, &roots.places);
    if (error && error->kind == ERROR_NO_MEMORY)
        return error;
    error_destroy(error);
    error = module_lines(module) && !module->supplement
                ? debug_file_open_supplement(module_lines(module), &roots.places, &module->supplement)
                : NULL;
    if (error && error->kind == ERROR_NO_MEMORY)
        return error;
    error_destroy(error);
    return want_missing(modules, module);
}

struct error *modules_open_debug(struct modules *modules, struct module *module)
{
    if (module->has_debug || !module->image)
        return NULL;
    module->has_debug = true;
    return look_for_debug(modules, module);
}

struct error *modules_open_debug_frames(struct modules *modules, struct module *module)
{
    if (module->has_debug_frames || !module->image)
        return NULL;
    module->has_debug_frames = true;
    struct error *error = call_frames_open_debug(module->image, &module->debug_frames);
    if (error && error->kind == ERROR_NOT_FOUND) {
        error_destroy(error);
        error = modules_open_debug(modules, module);
        if (!error && module->debug)
            error = call_frames_open_debug(module->debug, &module->debug_frames);
    }
    if (error && error->kind == ERROR_NO_MEMORY)
        return error;
    error_destroy(error);
    return NULL;
}

struct error *modules_fetch(struct modules *modules, bool *ret_changed)
{
    *ret_changed = false;
    if (!modules->debuginfod || !debuginfod_poll(modules->debuginfod))
        return NULL;
    for (size_t i = 0; i < modules->modules.count; i++) {
        struct module *module = &modules->modules.items[i];
        const struct image *before = module->debug, *supplement_before = module->supplement;
        if (!module->has_debug || !module->image)
            continue;
        struct error *error = look_for_debug(modules, module);
        if (error)
            return error;
        if (module->debug == before && module->supplement == supplement_before)
            continue;
        /* To whom it is known it is known without that. */
        module->line_file = MODULE_NO_LINES;
        module->has_debug_frames &= module->debug_frames != NULL;
        *ret_changed = true;
    }
    return NULL;
}

size_t modules_fetching(const struct modules *modules)
{
    return modules->debuginfod ? debuginfod_waiting(modules->debuginfod) : 0;
}

struct target *modules_target(const struct modules *modules)
{
    return modules->target;
}

size_t modules_count(const struct modules *modules)
{
    return modules->modules.count;
}

/* ---- finding ---- */

static const struct module_range *find_range(const struct modules *modules, uint64_t address)
{
    size_t low = 0, high = modules->ranges.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct module_range *range = &modules->ranges.items[middle];
        if (address >= range->end)
            low = middle + 1;
        else if (address < range->start)
            high = middle;
        else
            return range;
    }
    return NULL;
}

/* The link-time address of what lies at a file offset. */
static bool link_address(const struct image *image, uint64_t offset, uint64_t *ret_address)
{
    for (size_t i = 0; i < image_segment_count(image); i++) {
        const struct image_segment *segment = image_segment_at(image, i);
        /* Mapped in whole pages, which can reach beyond both ends: only what the segment has counts. */
        if (segment->executable && offset - segment->file_offset < segment->file_size) {
            *ret_address = segment->address + (offset - segment->file_offset);
            return true;
        }
    }
    return false;
}

/* When it was not tried yet. */
static struct error *open_once(struct modules *modules, uint32_t index)
{
    struct module *module = &modules->modules.items[index];
    uint32_t line = modules->lines.items[index];
    if (module->is_open || line == UINT32_MAX)
        return NULL;
    return open_module(modules, module, &modules->maps.lines.items[line]);
}

struct error *modules_open_all(struct modules *modules)
{
    for (uint32_t i = 0; i < modules->modules.count; i++) {
        struct error *error = open_once(modules, i);
        if (error)
            return error;
    }
    return NULL;
}

struct error *modules_find(struct modules *modules, uint64_t address, struct module **ret_module, uint32_t *ret_index,
                           uint64_t *ret_link_address)
{
    const struct module_range *range = find_range(modules, address);
    *ret_module = NULL;
    if (!range)
        return NULL;
    struct module *module = &modules->modules.items[range->module];
    struct error *error = open_once(modules, range->module);
    if (error)
        return error;
    *ret_module = module;
    *ret_index = range->module;
    uint64_t offset = range->file_offset + (address - range->start);
    if (!module->image || !link_address(module->image, offset, ret_link_address))
        *ret_link_address = offset;
    return NULL;
}

bool modules_hold(const struct modules *modules, uint64_t address)
{
    return find_range(modules, address) != NULL;
}

uint64_t modules_program_bias(struct modules *modules)
{
    for (size_t i = 0; i < modules->ranges.count; i++) {
        const struct module_range *range = &modules->ranges.items[i];
        const struct module *module = &modules->modules.items[range->module];
        uint64_t address;
        if (module->origin == FRAME_APPLICATION && module->image &&
            link_address(module->image, range->file_offset, &address))
            return range->start - address;
    }
    return 0;
}

struct module *modules_at(struct modules *modules, uint32_t index)
{
    return &modules->modules.items[index];
}
