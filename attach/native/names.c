#include "attach/native/names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

struct native_names {
    struct modules *modules;
    struct catalog *catalog;
    struct table frames;        /* Run-time address -> frame_id. */
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
    table_init(&names->frames);
    *ret_names = names;
    return NULL;
}

void native_names_destroy(struct native_names *names)
{
    if (!names)
        return;
    table_deinit(&names->frames);
    free(names);
}

void native_names_forget(struct native_names *names)
{
    table_clear(&names->frames);
}

frame_id native_names_frame(const struct native_names *names, uint64_t address)
{
    const uint64_t *found = table_find(&names->frames, address);
    return found ? (frame_id)*found : 0;
}

static int compare_wanted(const void *left, const void *right)
{
    const struct wanted *a = left, *b = right;
    if (a->module != b->module)
        return a->module < b->module ? -1 : 1;
    return a->link_address < b->link_address ? -1 : a->link_address > b->link_address;
}

static struct error *write_name(struct native_names *names, const struct wanted *wanted, const struct module *module,
                                const char *symbol, string_id *ret_name)
{
    _cleanup_free_ char *name = symbol ? demangle(symbol) : NULL;
    _cleanup_(text_deinit) struct text text = {0};
    if (symbol && !name)
        return error_no_memory();
    if (name)
        text_append_escaped(&text, name, strlen(name));
    else if (module)
        text_printf(&text, "%s+%#" PRIx64, file_short_name(catalog_string(names->catalog, module->file)),
                    wanted->link_address);
    if (text.failed)
        return error_no_memory();
    *ret_name = text.length ? catalog_add_string(names->catalog, text.data, text.length) : 0;
    return NULL;
}

/* Templates of the C++ library are compiled into the programs that use them. */
static bool is_library_template(const char *symbol)
{
    static const char *const starts[] = {"_ZNSt", "_ZNKSt", "_ZSt", "_ZN9__gnu_cxx", "_ZNK9__gnu_cxx"};
    bool is_one = false;
    for (size_t i = 0; symbol && i < ARRAY_SIZE(starts); i++)
        is_one |= strncmp(symbol, starts[i], strlen(starts[i])) == 0;
    return is_one;
}

static struct error *add_frame(struct native_names *names, const struct wanted *wanted, const struct module *module,
                               const char *symbol)
{
    /* Of all files alike in the executable's terms, so that its bias leads back to where it was. */
    struct frame frame = {.address = wanted->address - modules_program_bias(names->modules), .origin = FRAME_UNKNOWN};
    struct error *error = write_name(names, wanted, module, symbol, &frame.function);
    if (error)
        return error;
    if (module) {
        frame.origin = is_library_template(symbol) ? FRAME_STANDARD : module->origin;
        frame.file = module->file;
    }
    uint64_t *place = table_insert(&names->frames, wanted->address, NULL);
    if (!place)
        return error_no_memory();
    *place = catalog_add_frame(names->catalog, &frame);
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

/* Of one module. */
static struct error *look_up(struct native_names *names, const struct wanted *wanted, size_t count)
{
    struct module *module = wanted->module == UINT32_MAX ? NULL : modules_at(names->modules, wanted->module);
    struct image_function *functions = calloc(count, sizeof(*functions));
    if (!functions)
        return error_no_memory();
    for (size_t i = 0; i < count; i++)
        functions[i].address = wanted[i].link_address;
    struct error *error = module ? modules_open_debug(names->modules, module) : NULL;
    if (!error && module)
        error = look_in(module->debug, functions, count);
    if (!error && module)
        error = look_in(module->mini_debug, functions, count);
    if (!error && module)
        error = look_in(module->image, functions, count);
    for (size_t i = 0; i < count; i++) {
        if (!error)
            error = add_frame(names, &wanted[i], module, functions[i].name);
        free(functions[i].name);
    }
    free(functions);
    return error;
}

struct error *native_names_prepare(struct native_names *names, const uint64_t *addresses, size_t count)
{
    _cleanup_free_ struct wanted *wanted = calloc(count + 1, sizeof(*wanted));
    if (!wanted)
        return error_no_memory();
    size_t num_wanted = 0;
    for (size_t i = 0; i < count; i++) {
        struct module *module;
        struct wanted *next = &wanted[num_wanted];
        if (table_find(&names->frames, addresses[i]))
            continue;
        *next = (struct wanted){.address = addresses[i], .link_address = addresses[i], .module = UINT32_MAX};
        struct error *error =
            modules_find(names->modules, addresses[i], &module, &next->module, &next->link_address);
        if (error)
            return error;
        num_wanted++;
    }
    qsort(wanted, num_wanted, sizeof(*wanted), compare_wanted);
    for (size_t first = 0, behind; first < num_wanted; first = behind) {
        for (behind = first + 1; behind < num_wanted && wanted[behind].module == wanted[first].module; behind++) {
        }
        struct error *error = look_up(names, &wanted[first], behind - first);
        if (error)
            return error;
    }
    return NULL;
}
