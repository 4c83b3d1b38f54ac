#include "attach/native/names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "attach/native/line_resolver.h"
#include "attach/native/perf_map.h"
#include "attach/native/source_origin.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

/* Names of compiled code are read anew at most so often. */
#define PERF_MAP_PERIOD_NS CLOCK_SECOND_NS
/* Files of which it is said that they have no lines. */
#define MAX_TOLD 8u

/* What is known of one address. */
struct place {
    uint64_t address;           /* Run-time, in the executable's terms. */
    /* What holds it by the symbol tables, else "libfoo.so.1+0x12f0"; 0: it is in no file. */
    string_id symbol;
    bool has_symbol;            /* The first of these. */
    uint8_t origin;             /* enum frame_origin of its module. */
    string_id module_file;      /* 0: it lies in no file. */
    size_t first, count;        /* Its frames, in frames. */
};

struct native_names {
    struct modules *modules;
    struct catalog *catalog;
    struct line_resolver *lines;        /* NULL: nobody has asked. */
    uint64_t patience_ns;
    bool has_waited;                    /* In vain, for answers that are still to come. */
    size_t num_told;                    /* Places whose frames may have been asked for. */
    bool is_changed;                    /* Frames of these. */
    uint32_t forgotten;                 /* How often all was. */
    struct perf_map *compiled;          /* What lies in no file; NULL: nobody has asked. */
    uint64_t compiled_read_ns;
    struct table by_address;            /* Run-time address -> index in places. */
    VECTOR(struct place) places;
    VECTOR(frame_id) frames;
};

/* An address that is being looked up. */
struct wanted {
    uint64_t address, link_address;
    uint32_t module;            /* UINT32_MAX: in none. */
};

struct error *native_names_create(struct modules *modules, struct catalog *catalog, struct native_names **ret_names)
{
    struct native_names *names = calloc(1, sizeof(*names));
    if (!names)
        return error_no_memory();
    names->modules = modules;
    names->catalog = catalog;
    table_init(&names->by_address);
    *ret_names = names;
    return NULL;
}

void native_names_destroy(struct native_names *names)
{
    if (!names)
        return;
    line_resolver_destroy(names->lines);
    perf_map_destroy(names->compiled);
    table_deinit(&names->by_address);
    vector_deinit(&names->places);
    vector_deinit(&names->frames);
    free(names);
}

void native_names_set_patience(struct native_names *names, uint64_t patience_ns)
{
    names->patience_ns = patience_ns;
}

void native_names_forget(struct native_names *names)
{
    table_clear(&names->by_address);
    names->places.count = names->num_told = 0;
    names->frames.count = 0;
    names->forgotten++;
}

const frame_id *native_names_frames(const struct native_names *names, uint64_t address, size_t *ret_count)
{
    const uint64_t *found = table_find(&names->by_address, address);
    const struct place *place = found ? &names->places.items[*found] : NULL;
    *ret_count = place ? place->count : 0;
    return place ? &names->frames.items[place->first] : NULL;
}

/* ---- symbols ---- */

static int compare_wanted(const void *left, const void *right)
{
    const struct wanted *a = left, *b = right;
    if (a->module != b->module)
        return a->module < b->module ? -1 : 1;
    return a->link_address < b->link_address ? -1 : a->link_address > b->link_address;
}

/* Returns how many are left. */
static size_t drop_repeated(struct wanted *wanted, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || wanted[i].address != wanted[kept - 1].address)
            wanted[kept++] = wanted[i];
    }
    return kept;
}

/* A function's name as people write it. 0 for "". */
static struct error *add_function(struct native_names *names, const char *symbol, string_id *ret_name)
{
    _cleanup_free_ char *name = demangle(symbol);
    if (!name)
        return error_no_memory();
    *ret_name = *name ? catalog_add_untrusted(names->catalog, name, strlen(name)) : 0;
    return NULL;
}

static struct error *add_unnamed(struct native_names *names, const struct wanted *wanted, const struct module *module,
                                 string_id *ret_name)
{
    _cleanup_(text_deinit) struct text text = {0};
    text_printf(&text, "%s+%#" PRIx64, file_short_name(catalog_string(names->catalog, module->file)),
                wanted->link_address);
    if (text.failed)
        return error_no_memory();
    *ret_name = catalog_add_string(names->catalog, text.data, text.length);
    return NULL;
}

static struct error *append_frame(struct native_names *names, struct place *place, const struct frame *frame)
{
    place->count++;
    return vector_append(&names->frames, catalog_add_frame(names->catalog, frame)) ? NULL : error_no_memory();
}

/* As long as nothing is known of lines: one frame. */
static struct error *add_place(struct native_names *names, const struct wanted *wanted, const struct module *module,
                               const char *symbol)
{
    /* Of all files alike in the executable's terms, so that its bias leads back to where it was. */
    struct place place = {.address = wanted->address - modules_program_bias(names->modules),
                          .origin = module ? module->origin : FRAME_UNKNOWN,
                          .module_file = module ? module->file : 0,
                          .has_symbol = symbol,
                          .first = names->frames.count};
    struct error *error = symbol   ? add_function(names, symbol, &place.symbol)
                          : module ? add_unnamed(names, wanted, module, &place.symbol)
                                   : NULL;
    const struct frame frame = {.address = place.address,
                                .function = place.symbol,
                                .file = place.module_file,
                                .origin = source_origin(place.origin, symbol, "")};
    if (!error)
        error = append_frame(names, &place, &frame);
    if (error)
        return error;
    uint64_t *at = table_insert(&names->by_address, wanted->address, NULL);
    if (!at || !vector_append(&names->places, place))
        return error_no_memory();
    *at = names->places.count - 1;
    return NULL;
}

/* A file that cannot be read leaves its functions without names. */
static struct error *look_in(struct image *image, struct image_function *functions, size_t count)
{
    struct error *error = image ? image_find_functions(image, functions, count) : NULL;
    if (error && error->kind == ERROR_NO_MEMORY)
        return error;
    error_destroy(error);
    return NULL;
}

/* ---- lines ---- */

/* Asks for the lines of a place that was just added, if its module has any. */
static struct error *ask_for_lines(struct native_names *names, struct module *module, uint64_t link_address)
{
    struct image *image = module_lines(module);
    struct error *error = NULL;
    if (!image)
        return NULL;
    if (!names->lines)
        error = line_resolver_create(&names->lines);
    if (!error && module->line_file == MODULE_NO_LINES)
        error = line_resolver_add_file(names->lines, image_descriptor(image),
                                       module->supplement ? image_descriptor(module->supplement) : -1,
                                       &module->line_file);
    uint64_t tag = (uint64_t)names->forgotten << 32 | (uint32_t)(names->places.count - 1);
    return error ? error : line_resolver_ask(names->lines, module->line_file, link_address, tag);
}

static struct error *add_lined_frame(struct native_names *names, struct place *place, const struct line_frame *found,
                                     bool is_outermost)
{
    struct frame frame = {.address = place->address,
                          .function = place->symbol,
                          .file = place->module_file,
                          .origin = source_origin(place->origin, found->function, found->file)};
    struct error *error = NULL;
    /* The symbol of what was not inlined says more: which clone of a function, which of its names. */
    if (found->function[0] && !(is_outermost && place->has_symbol))
        error = add_function(names, found->function, &frame.function);
    if (error)
        return error;
    if (found->line > 0 && found->file[0]) {
        frame.file = catalog_add_untrusted(names->catalog, found->file, strlen(found->file));
        frame.line = found->line;
    }
    frame.start_line = found->start_line;
    return append_frame(names, place, &frame);
}

static struct error *take_lines(void *context, uint64_t tag, const struct line_answer *answer)
{
    struct native_names *names = context;
    if (tag >> 32 != names->forgotten || answer->count == 0)
        return NULL;
    size_t index = tag & UINT32_MAX;
    struct place *place = &names->places.items[index];
    place->first = names->frames.count;
    place->count = 0;
    names->is_changed |= index < names->num_told;
    struct error *error = NULL;
    for (size_t i = 0; i < answer->count && !error; i++)
        error = add_lined_frame(names, place, &answer->frames[i], i == answer->count - 1);
    return error;
}

/* Waits once for what is slow, and from then on only looks whether it is there. */
static struct error *run_lines(struct native_names *names)
{
    if (!names->lines || line_resolver_waiting(names->lines) == 0)
        return NULL;
    uint64_t patience_ns = names->has_waited ? 0 : names->patience_ns;
    struct error *error = line_resolver_run(names->lines, patience_ns, take_lines, names);
    names->has_waited = line_resolver_waiting(names->lines) > 0;
    return error;
}

uint64_t native_names_cpu_ns(const struct native_names *names)
{
    return names->lines ? line_resolver_cpu_ns(names->lines) : 0;
}

void native_names_tell_problems(const struct native_names *names, struct snapshot *snapshot)
{
    size_t told = 0, waiting = names->lines ? line_resolver_waiting(names->lines) : 0;
    for (uint32_t i = 0; names->lines && i < modules_count(names->modules) && told < MAX_TOLD; i++) {
        const struct module *module = modules_at(names->modules, i);
        const char *problem =
            module->line_file == MODULE_NO_LINES ? NULL : line_resolver_problem(names->lines, module->line_file);
        if (problem)
            snapshot_add_problem(snapshot, "%s: no lines of source: %s", catalog_string(names->catalog, module->file),
                                 problem);
        told += problem != NULL;
    }
    if (modules_fetching(names->modules) > 0)
        snapshot_add_problem(snapshot, "%zu debug files are being fetched from the servers that DEBUGINFOD_URLS names",
                             modules_fetching(names->modules));
    if (waiting > 0)
        snapshot_add_problem(snapshot, "lines of source of %zu places are still being looked up", waiting);
}

/* ---- code in no file ---- */

static struct error *read_perf_map(struct native_names *names)
{
    struct error *error = NULL;
    if (!names->compiled)
        error = perf_map_create(modules_target(names->modules), &names->compiled);
    if (!error && clock_is_due(&names->compiled_read_ns, clock_ns(CLOCK_MONOTONIC), PERF_MAP_PERIOD_NS))
        error = perf_map_refresh(names->compiled);
    return error;
}

/* One frame: compilers of this sort do not tell what they have inlined. */
static struct error *add_compiled(struct native_names *names, const struct wanted *wanted)
{
    const char *name;
    size_t length;
    struct error *error = add_place(names, wanted, NULL, NULL);
    if (error || !perf_map_find(names->compiled, wanted->address, &name, &length))
        return error;
    struct place *place = &names->places.items[names->places.count - 1];
    struct perf_map_name parts = perf_map_name(name, length);
    const struct frame frame = {
        .address = place->address,
        .function = catalog_add_untrusted(names->catalog, name, parts.function_length),
        .file = parts.file_length == 0
                    ? 0
                    : catalog_add_untrusted(names->catalog, name + parts.file_start, parts.file_length),
        .line = parts.line,
        .origin = parts.is_runtime ? FRAME_RUNTIME : FRAME_APPLICATION,
    };
    place->count = 0;
    place->first = names->frames.count;
    return append_frame(names, place, &frame);
}

static struct error *look_up_compiled(struct native_names *names, const struct wanted *wanted, size_t count)
{
    struct error *error = read_perf_map(names);
    for (size_t i = 0; i < count && !error; i++)
        error = add_compiled(names, &wanted[i]);
    return error;
}

/* ---- all ---- */

/* Of one module. */
static struct error *look_up(struct native_names *names, const struct wanted *wanted, size_t count)
{
    struct module *module = modules_at(names->modules, wanted->module);
    struct image_function *functions = calloc(count, sizeof(*functions));
    if (!functions)
        return error_no_memory();
    for (size_t i = 0; i < count; i++)
        functions[i].address = wanted[i].link_address;
    struct error *error = modules_open_debug(names->modules, module);
    if (!error)
        error = look_in(module->debug, functions, count);
    if (!error)
        error = look_in(module->mini_debug, functions, count);
    if (!error)
        error = look_in(module->image, functions, count);
    for (size_t i = 0; i < count; i++) {
        if (!error)
            error = add_place(names, &wanted[i], module, functions[i].name);
        if (!error)
            error = ask_for_lines(names, module, wanted[i].link_address);
        free(functions[i].name);
    }
    free(functions);
    return error;
}

static struct error *look_up_new(struct native_names *names, const uint64_t *addresses, size_t count)
{
    _cleanup_free_ struct wanted *wanted = calloc(count + 1, sizeof(*wanted));
    if (!wanted)
        return error_no_memory();
    size_t num_wanted = 0;
    for (size_t i = 0; i < count; i++) {
        struct module *module;
        struct wanted *next = &wanted[num_wanted];
        if (table_find(&names->by_address, addresses[i]))
            continue;
        *next = (struct wanted){.address = addresses[i], .link_address = addresses[i], .module = UINT32_MAX};
        struct error *error =
            modules_find(names->modules, addresses[i], &module, &next->module, &next->link_address);
        if (error)
            return error;
        num_wanted++;
    }
    qsort(wanted, num_wanted, sizeof(*wanted), compare_wanted);
    num_wanted = drop_repeated(wanted, num_wanted);
    for (size_t first = 0, behind; first < num_wanted; first = behind) {
        for (behind = first + 1; behind < num_wanted && wanted[behind].module == wanted[first].module; behind++) {
        }
        struct error *error = wanted[first].module == UINT32_MAX
                                  ? look_up_compiled(names, &wanted[first], behind - first)
                                  : look_up(names, &wanted[first], behind - first);
        if (error)
            return error;
    }
    return NULL;
}

struct error *native_names_prepare(struct native_names *names, const uint64_t *addresses, size_t count,
                                   bool *ret_changed)
{
    names->num_told = names->places.count;
    names->is_changed = false;
    struct error *error = count > 0 ? look_up_new(names, addresses, count) : NULL;
    if (!error)
        error = run_lines(names);
    *ret_changed = names->is_changed;
    return error;
}
