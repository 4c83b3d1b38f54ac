#include "attach/go/locate.h"

#include <string.h>
#include <time.h>

#include "attach/go/layout_dwarf.h"
#include "attach/go/module_data.h"
#include "attach/go/runtime_code.h"
#include "attach/go/type_descriptors.h"
#include "attach/go/validate.h"
#include "attach/go/version.h"
#include "heaptop/base/cleanup.h"

const char *const go_variable_names[GO_VARIABLE_COUNT] = {
#define X(id, name) [GO_VARIABLE_##id] = name,
    GO_VARIABLES(X)
#undef X
};

/* Addresses that one recipe may name. */
#define MAX_CANDIDATES 256

DEFINE_CLEANUP(struct go_process *, go_process_destroy)

/* Those that others are compared with come first. */
static const enum go_variable validation_order[GO_VARIABLE_COUNT] = {
    GO_VARIABLE_FIRST_MODULE_DATA, GO_VARIABLE_BUILD_VERSION, GO_VARIABLE_MEMSTATS, GO_VARIABLE_ALLGS,
    GO_VARIABLE_ALLM, GO_VARIABLE_ALLP, GO_VARIABLE_MBUCKETS, GO_VARIABLE_MPROF_CYCLE,
    GO_VARIABLE_MEM_PROFILE_RATE, GO_VARIABLE_DISABLE_MEMORY_PROFILING, GO_VARIABLE_ALLGPTR, GO_VARIABLE_ALLGLEN,
    GO_VARIABLE_MHEAP, GO_VARIABLE_GC_CONTROLLER, GO_VARIABLE_SCHED, GO_VARIABLE_WORK,
    GO_VARIABLE_WAIT_REASON_STRINGS, GO_VARIABLE_GOMAXPROCS,
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* An error that only means that this source has nothing; others end the search. */
static bool is_nothing_there(const struct error *error)
{
    return error->kind == ERROR_NOT_FOUND || error->kind == ERROR_BAD_DATA || error->kind == ERROR_UNSUPPORTED ||
           error->kind == ERROR_FAULT || error->kind == ERROR_SYSTEM;
}

/* Drops an error of the first kind and hands on one of the second. */
static struct error *pass_serious(struct error *error)
{
    if (error && is_nothing_there(error)) {
        error_destroy(error);
        return NULL;
    }
    return error;
}

/* Takes the address for the variable if what lies there bears it out; else notes why not. */
static struct error *try_address(struct go_process *process, enum go_variable id, remote_address address,
                                 enum go_variable_source source)
{
    const char *reason = NULL;
    struct error *error = go_variable_validate(process, id, address, &reason);
    if (error)
        return pass_serious(error);
    if (reason)
        process->variables[id].reason = reason;
    else
        process->variables[id] = (struct go_location){.address = address, .source = source};
    return NULL;
}

static struct error *locate_by_symbols(struct go_process *process)
{
    struct image_symbol symbols[GO_VARIABLE_COUNT];
    for (unsigned i = 0; i < GO_VARIABLE_COUNT; i++)
        symbols[i] = (struct image_symbol){.name = go_variable_names[i]};
    struct error *error = image_find_symbols(process->context.image, symbols, GO_VARIABLE_COUNT);
    if (error)
        return pass_serious(error);
    for (unsigned i = 0; i < GO_VARIABLE_COUNT; i++) {
        enum go_variable id = validation_order[i];
        if (symbols[id].source == SYMBOL_MISSING || process->variables[id].address)
            continue;
        error = try_address(process, id, symbols[id].address + process->context.load_bias,
                            symbols[id].source == SYMBOL_SYMTAB ? GO_VARIABLE_SYMTAB : GO_VARIABLE_DYNSYM);
        if (error)
            return error;
    }
    return NULL;
}

static struct error *locate_by_recipe(struct go_process *process, struct runtime_code *code, const struct operand_recipe *recipe)
{
    uint64_t addresses[MAX_CANDIDATES], bias = process->context.load_bias;
    remote_address before = go_variable(process, recipe->before);
    const struct operand_list *operands;
    struct error *error = runtime_code_operands(code, recipe->function, &operands);
    if (error)
        return error;
    size_t count = operand_recipe_apply(recipe, operands, &process->layout, recipe->pick == PICK_BEFORE && before ? before - bias : 0,
                                        addresses, MAX_CANDIDATES);
    for (size_t i = 0; i < count && !error && !process->variables[recipe->variable].address; i++)
        error = try_address(process, recipe->variable, addresses[i] + bias, GO_VARIABLE_OPERANDS);
    return error;
}

static struct error *locate_by_operands(struct go_process *process, struct runtime_code *code)
{
    struct error *error = NULL;
    for (unsigned i = 0; i < go_operand_recipe_count && !error; i++) {
        if (!process->variables[go_operand_recipes[i].variable].address)
            error = locate_by_recipe(process, code, &go_operand_recipes[i]);
    }
    return error;
}

/* Functions that make a g, an m and a p, and so name their types. */
static const enum go_function_id type_functions[] = {GO_FUNCTION_MALG, GO_FUNCTION_ALLOCM, GO_FUNCTION_PROCRESIZE};

static struct error *read_types(struct go_process *process, struct runtime_code *code)
{
    remote_address seeds[MAX_CANDIDATES];
    size_t num_seeds = 0;
    for (size_t i = 0; i < ARRAY_SIZE(type_functions); i++) {
        const struct operand_list *operands;
        struct error *error = runtime_code_operands(code, type_functions[i], &operands);
        if (error)
            return error;
        for (size_t j = 0; j < operands->count && num_seeds < MAX_CANDIDATES; j++) {
            if (operands->items[j].uses & OPERAND_ADDRESS)
                seeds[num_seeds++] = operands->items[j].target + process->context.load_bias;
        }
    }
    struct type_space space = {.memory = process->context.memory, .start = process->types, .end = process->end_types};
    unsigned structs = 0;
    struct error *error = go_layout_read_types(&space, seeds, num_seeds, &process->layout, &structs);
    if (!error && structs)
        process->layout_source = GO_LAYOUT_TYPES;
    return pass_serious(error);
}

static bool all_found(const struct go_process *process)
{
    for (unsigned i = 0; i < GO_VARIABLE_COUNT; i++) {
        if (!process->variables[i].address)
            return false;
    }
    return true;
}

static struct error *locate_module_data(struct go_process *process)
{
    struct go_module_data data;
    struct error *error = go_module_data_find(&process->context, process->pclntab, &data);
    if (error)
        return pass_serious(error);
    process->module_data = data.address;
    process->text = data.text;
    process->end_text = data.end_text;
    process->variables[GO_VARIABLE_FIRST_MODULE_DATA] =
        (struct go_location){.address = data.address, .source = GO_VARIABLE_MODULE_DATA};
    pclntab_set_text_start(process->pclntab, data.text - process->context.load_bias);
    return NULL;
}

/* What depends on the version: the rest of moduledata. */
static struct error *read_module_data(struct go_process *process)
{
    struct go_module_data data;
    if (!process->module_data)
        return NULL;
    struct error *error = go_module_data_read(process->context.memory, &process->layout, process->module_data, &data);
    if (error)
        return pass_serious(error);
    process->types = data.types;
    process->end_types = data.end_types;
    if (data.gofunc)
        pclntab_set_gofunc(process->pclntab, data.gofunc - process->context.load_bias);
    return NULL;
}

static struct error *read_build_info(struct go_process *process)
{
    struct go_build_info info = {0};
    struct error *error = image_read_go_build_info(process->context.image, &info);
    if (error)
        return pass_serious(error);
    const char *module = info.main_module ? info.main_module : info.main_path ? info.main_path : "";
    char *version = strdup(info.version ? info.version : ""), *main_module = strdup(module);
    go_build_info_deinit(&info);
    if (!version || !main_module) {
        free(version);
        free(main_module);
        return error_no_memory();
    }
    free(process->version);
    free(process->main_module);
    process->version = version;
    process->main_module = main_module;
    return NULL;
}

static void settle_version(struct go_process *process)
{
    if (!go_version_parse(process->version, &process->minor)) {
        process->minor = pclntab_version(process->pclntab) == 0xf0 ? 19 : go_layout_table[go_layout_table_count - 1].minor;
        process->minor_guessed = true;
    }
    process->layout = go_layout_find(process->minor, &process->newer_than_table)->layout;
    process->layout_source = GO_LAYOUT_TABLE;
    pclntab_set_go_minor(process->pclntab, process->minor);
}

struct error *go_process_locate_by(const struct reader_context *context, unsigned sources, struct go_process **ret_process)
{
    uint64_t start = now_ns();
    _cleanup_(go_process_destroyp) struct go_process *process = calloc(1, sizeof *process);
    if (!process)
        return error_no_memory();
    process->context = *context;
    process->version = strdup("");
    process->main_module = strdup("");
    if (!process->version || !process->main_module)
        return error_no_memory();
    for (unsigned i = 0; i < GO_VARIABLE_COUNT; i++)
        process->variables[i].reason = "not found";
    struct error *error = pclntab_open(context->image, &process->pclntab);
    if (error) {
        error = pass_serious(error);
        if (!error)
            *ret_process = NULL;
        return error;
    }
    error = locate_module_data(process);
    if (!error && sources & LOCATE_BUILD_INFO)
        error = read_build_info(process);
    if (!error)
        settle_version(process);
    if (!error)
        error = read_module_data(process);
    _cleanup_(runtime_code_deinit) struct runtime_code code = {0};
    if (!error && image_is_x86_64(context->image) && sources & (LOCATE_TYPES | LOCATE_OPERANDS))
        error = pass_serious(runtime_code_init(&code, context->image, process->pclntab));
    if (!error && sources & LOCATE_TYPES)
        error = read_types(process, &code);
    if (!error && sources & LOCATE_SYMBOLS)
        error = locate_by_symbols(process);
    if (!error && sources & LOCATE_OPERANDS && !all_found(process))
        error = locate_by_operands(process, &code);
    if (error)
        return error;
    process->symbols_ns = now_ns() - start;
    *ret_process = take_pointer(process);
    return NULL;
}

struct error *go_process_locate(const struct reader_context *context, struct go_process **ret_process)
{
    return go_process_locate_by(context, LOCATE_ALL, ret_process);
}

void go_process_destroy(struct go_process *process)
{
    if (!process)
        return;
    pclntab_close(process->pclntab);
    free(process->version);
    free(process->main_module);
    free(process);
}
