#include "attach/go/locate.h"

#include <limits.h>
#include <string.h>

#include "attach/go/layout_dwarf.h"
#include "attach/go/module_data.h"
#include "attach/go/peek.h"
#include "attach/go/runtime_code.h"
#include "attach/go/type_descriptors.h"
#include "attach/go/validate.h"
#include "attach/go/version.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"

const char *const go_variable_names[GO_VARIABLE_COUNT] = {
#define X(id, name) [GO_VARIABLE_##id] = name,
    GO_VARIABLES(X)
#undef X
};

/* Addresses that one recipe may name. */
#define MAX_CANDIDATES 256
#define VERSION_MAX_LENGTH 256
/* Go 1.18 and 1.19 write pclntab version F0, 1.20 and newer F1. */
#define PCLNTAB_VERSION_1_18 0xf0
#define NEWEST_WITH_PCLNTAB_1_18 19
#define DWARF_QUICK_BYTES (1u << 20)
#define DWARF_PATIENT_BYTES (64u << 20)

DEFINE_CLEANUP(struct go_process *, go_process_destroy)

static const char reason_not_found[] = "not found";

/* What is known along the way, and of no use afterwards. */
struct search {
    struct go_process *process;
    const struct locate_options *options;
    struct image_symbol symbols[GO_VARIABLE_COUNT];
    struct dwarf_variable dwarf_variables[GO_VARIABLE_COUNT];
    struct runtime_code code;
    bool code_is_found, dwarf_is_read;
    const struct go_layout_row *row;
    bool is_in_table;           /* The table has a row of this very version. */
};

/* Those that others are compared with come first. */
static const enum go_variable validation_order[GO_VARIABLE_COUNT] = {
    GO_VARIABLE_FIRST_MODULE_DATA, GO_VARIABLE_BUILD_VERSION, GO_VARIABLE_MEMSTATS, GO_VARIABLE_ALLGS,
    GO_VARIABLE_ALLM, GO_VARIABLE_ALLP, GO_VARIABLE_MBUCKETS, GO_VARIABLE_MPROF_CYCLE,
    GO_VARIABLE_MEM_PROFILE_RATE, GO_VARIABLE_DISABLE_MEMORY_PROFILING, GO_VARIABLE_ALLGPTR, GO_VARIABLE_ALLGLEN,
    GO_VARIABLE_MHEAP, GO_VARIABLE_GC_CONTROLLER, GO_VARIABLE_SCHED, GO_VARIABLE_WORK,
    GO_VARIABLE_WAIT_REASON_STRINGS, GO_VARIABLE_GOMAXPROCS, GO_VARIABLE_FINQ, GO_VARIABLE_RUNTIME_INIT_TIME,
};

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
    struct go_location *location = &process->variables[id];
    /* What was said of a likelier candidate says more. */
    if (reason && (reason != go_reason_no_place || location->reason == reason_not_found))
        location->reason = reason;
    if (!reason)
        *location = (struct go_location){.address = address, .source = source};
    return NULL;
}

static struct error *find_symbols(struct search *search)
{
    for (unsigned i = 0; i < GO_VARIABLE_COUNT; i++)
        search->symbols[i] = (struct image_symbol){.name = go_variable_names[i]};
    if (!(search->options->sources & LOCATE_SYMBOLS))
        return NULL;
    return pass_serious(image_find_symbols(search->process->context.image, search->symbols, GO_VARIABLE_COUNT));
}

/* The functions are looked for once, when the first of them is wanted. */
static struct error *find_code(struct search *search)
{
    struct go_process *process = search->process;
    if (search->code_is_found || !image_is_x86_64(process->context.image))
        return NULL;
    search->code_is_found = true;
    return pass_serious(runtime_code_init(&search->code, process->context.image, process->pclntab));
}

static struct error *try_symbol(struct search *search, enum go_variable id)
{
    struct go_process *process = search->process;
    const struct image_symbol *symbol = &search->symbols[id];
    uint64_t bias = process->context.load_bias;
    struct error *error = NULL;
    if (symbol->source != SYMBOL_MISSING && !process->variables[id].address)
        error = try_address(process, id, symbol->address + bias,
                            symbol->source == SYMBOL_SYMTAB ? GO_VARIABLE_SYMTAB : GO_VARIABLE_DYNSYM);
    if (!error && search->dwarf_variables[id].address && !process->variables[id].address)
        error = try_address(process, id, search->dwarf_variables[id].address + bias, GO_VARIABLE_DWARF);
    return error;
}

static struct error *locate_by_symbols(struct search *search)
{
    struct error *error = NULL;
    for (unsigned i = 0; i < GO_VARIABLE_COUNT && !error; i++)
        error = try_symbol(search, validation_order[i]);
    return error;
}

static struct error *try_recipe(struct search *search, const struct operand_recipe *recipe)
{
    struct go_process *process = search->process;
    uint64_t addresses[MAX_CANDIDATES], bias = process->context.load_bias;
    remote_address before = recipe->pick == PICK_BEFORE ? go_variable(process, recipe->before) : 0;
    const struct operand_list *operands;
    struct error *error = runtime_code_operands(&search->code, recipe->function, &operands);
    if (error)
        return error;
    size_t count = operand_recipe_apply(recipe, operands, &process->layout, before ? before - bias : 0, addresses,
                                        MAX_CANDIDATES);
    for (size_t i = 0; i < count && !error && !process->variables[recipe->variable].address; i++)
        error = try_address(process, recipe->variable, addresses[i] + bias, GO_VARIABLE_OPERANDS);
    return error;
}

/* Tries the recipes of one variable, or of all that are missing (GO_VARIABLE_COUNT). */
static struct error *locate_by_operands(struct search *search, enum go_variable wanted)
{
    if (!(search->options->sources & LOCATE_OPERANDS))
        return NULL;
    struct error *error = find_code(search);
    for (unsigned i = 0; i < go_operand_recipe_count && !error; i++) {
        enum go_variable id = go_operand_recipes[i].variable;
        if (!search->process->variables[id].address && (wanted == GO_VARIABLE_COUNT || wanted == id))
            error = try_recipe(search, &go_operand_recipes[i]);
    }
    return error;
}

static void copy_struct(struct go_layout *to, const struct go_layout *from, const char *type)
{
    for (unsigned i = 0; i < GO_FIELD_COUNT; i++) {
        if (strcmp(go_field_names[i].type, type) == 0) {
            to->offset[i] = from->offset[i];
            to->size[i] = from->size[i];
        }
    }
}

static const char reason_other_fields[] = "its fields do not lie where this Go version has them";

/* Takes back a variable whose fields do not lie where the layout has them, as the program's code shows; all of them for
 * GO_VARIABLE_COUNT. */
static struct error *confirm_fields(struct search *search, enum go_variable wanted)
{
    struct go_process *process = search->process;
    if (process->layout_source == GO_LAYOUT_DWARF || !(search->options->sources & LOCATE_OPERANDS))
        return NULL;
    struct error *error = find_code(search);
    for (unsigned i = 0; i < go_operand_confirmation_count && !error; i++) {
        const struct operand_confirmation *confirmation = &go_operand_confirmations[i];
        struct go_location *location = &process->variables[confirmation->variable];
        int32_t offset = process->layout.offset[confirmation->field];
        const struct operand_list *operands;
        if (!location->address || (wanted != GO_VARIABLE_COUNT && wanted != confirmation->variable))
            continue;
        error = runtime_code_operands(&search->code, confirmation->function, &operands);
        if (!error && (offset == GO_OFFSET_MISSING ||
                       !operand_confirms(operands, location->address - process->context.load_bias + (uint64_t)offset)))
            *location = (struct go_location){.reason = reason_other_fields};
    }
    return error;
}

/* A version between two rows (Go 1.20 has none of its own) has some structs as the one, some as the other: what its own
 * row does not fit is tried with the row before. */
static struct error *mend_by_older_row(struct search *search)
{
    static const struct {
        enum go_variable variable;
        const char *type;
    } structs[] = {
        {GO_VARIABLE_MEMSTATS, "runtime.mstats"},
        {GO_VARIABLE_MHEAP, "runtime.mheap"},
        {GO_VARIABLE_GC_CONTROLLER, "runtime.gcControllerState"},
        {GO_VARIABLE_SCHED, "runtime.schedt"},
        {GO_VARIABLE_WORK, "runtime.workType"},
    };
    struct go_process *process = search->process;
    const struct go_layout_row *row = search->row;
    if (search->is_in_table || process->layout_source == GO_LAYOUT_DWARF || row == go_layout_table)
        return NULL;
    struct error *error = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(structs) && !error; i++) {
        enum go_variable id = structs[i].variable;
        if (go_variable(process, id))
            continue;
        copy_struct(&process->layout, &row[-1].layout, structs[i].type);
        error = try_symbol(search, id);
        if (!error && !go_variable(process, id))
            error = locate_by_operands(search, id);
        if (!error)
            error = confirm_fields(search, id);
        if (!go_variable(process, id))
            copy_struct(&process->layout, &row->layout, structs[i].type);
    }
    /* It was held against a sched of the wrong layout. */
    if (!error && !go_variable(process, GO_VARIABLE_RUNTIME_INIT_TIME))
        error = try_symbol(search, GO_VARIABLE_RUNTIME_INIT_TIME);
    if (!error && !go_variable(process, GO_VARIABLE_RUNTIME_INIT_TIME))
        error = locate_by_operands(search, GO_VARIABLE_RUNTIME_INIT_TIME);
    return error;
}

static bool is_missing_some(const struct go_process *process)
{
    for (unsigned i = 0; i < GO_VARIABLE_COUNT; i++) {
        if (!process->variables[i].address)
            return true;
    }
    return false;
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

/* The rest of moduledata, by the layout of the version. */
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

static struct error *replace_string(char **string, const char *text, size_t length)
{
    char *copy = strndup(text, length);
    if (!copy)
        return error_no_memory();
    free(*string);
    *string = copy;
    return NULL;
}

static struct error *read_build_info(struct go_process *process)
{
    struct go_build_info info = {0};
    struct error *error = image_read_go_build_info(process->context.image, &info);
    if (error)
        return pass_serious(error);
    const char *module = info.main_module ? info.main_module : info.main_path ? info.main_path : "";
    const char *version = info.version ? info.version : "";
    error = replace_string(&process->version, version, strlen(version));
    if (!error)
        error = replace_string(&process->main_module, module, strlen(module));
    go_build_info_deinit(&info);
    return error;
}

/* Without build information: the runtime's own variable, which schedinit names. */
static struct error *read_build_version(struct search *search)
{
    struct go_process *process = search->process;
    struct error *error = try_symbol(search, GO_VARIABLE_BUILD_VERSION);
    if (!error && !go_variable(process, GO_VARIABLE_BUILD_VERSION))
        error = locate_by_operands(search, GO_VARIABLE_BUILD_VERSION);
    if (error || !go_variable(process, GO_VARIABLE_BUILD_VERSION))
        return error;
    char text[VERSION_MAX_LENGTH];
    struct peek peek = {.memory = process->context.memory};
    remote_address variable = go_variable(process, GO_VARIABLE_BUILD_VERSION);
    uint64_t start = peek_u64(&peek, variable), length = peek_u64(&peek, variable + 8);
    if (length <= sizeof text && peek_bytes(&peek, start, text, (size_t)length) && !peek.failed)
        error = replace_string(&process->version, text, strnlen(text, (size_t)length));
    return peek.error ? peek.error : error;
}

/* Functions that make a g, an m and a p, and so name their types. */
static const enum go_function_id type_functions[] = {GO_FUNCTION_MALG, GO_FUNCTION_ALLOCM, GO_FUNCTION_PROCRESIZE};

/* Overwrites rows of the process's layout with those of its type descriptors. */
static struct error *read_types(struct search *search, unsigned *ret_structs)
{
    struct go_process *process = search->process;
    remote_address seeds[MAX_CANDIDATES];
    size_t num_seeds = 0;
    struct error *error = find_code(search);
    for (size_t i = 0; i < ARRAY_SIZE(type_functions) && !error; i++) {
        const struct operand_list *operands;
        error = runtime_code_operands(&search->code, type_functions[i], &operands);
        for (size_t j = 0; !error && j < operands->count && num_seeds < MAX_CANDIDATES; j++) {
            if (operands->items[j].uses & OPERAND_ADDRESS)
                seeds[num_seeds++] = operands->items[j].target + process->context.load_bias;
        }
    }
    if (error)
        return error;
    struct type_space space = {.memory = process->context.memory, .start = process->types, .end = process->end_types};
    return go_layout_read_types(&space, seeds, num_seeds, &process->layout, ret_structs);
}

static unsigned count_differences(const struct go_layout *a, const struct go_layout *b)
{
    unsigned count = 0;
    for (unsigned i = 0; i < GO_FIELD_COUNT; i++)
        count += a->offset[i] != b->offset[i];
    return count;
}

/* No version string anywhere: the row of the table that its type descriptors differ from least. */
static struct error *guess_version(struct search *search)
{
    struct go_process *process = search->process;
    bool is_old = pclntab_version(process->pclntab) == PCLNTAB_VERSION_1_18;
    unsigned best = UINT_MAX;
    process->minor_guessed = true;
    process->minor = is_old ? NEWEST_WITH_PCLNTAB_1_18 : go_layout_table[go_layout_table_count - 1].minor;
    for (unsigned i = 0; i < go_layout_table_count; i++) {
        const struct go_layout_row *row = &go_layout_table[i];
        unsigned structs = 0;
        if ((row->minor <= NEWEST_WITH_PCLNTAB_1_18) != is_old)
            continue;
        process->layout = row->layout;
        process->types = process->end_types = 0;
        struct error *error = read_module_data(process);
        if (!error)
            error = pass_serious(read_types(search, &structs));
        if (error)
            return error;
        unsigned differences = count_differences(&process->layout, &row->layout);
        if (structs && differences < best) {
            best = differences;
            process->minor = row->minor;
        }
    }
    return NULL;
}

static struct error *settle_version(struct search *search)
{
    struct go_process *process = search->process;
    struct error *error = NULL;
    if (search->options->sources & LOCATE_BUILD_INFO)
        error = read_build_info(process);
    if (!error && !go_version_parse(process->version, &process->minor))
        error = read_build_version(search);
    if (!error && !go_version_parse(process->version, &process->minor))
        error = guess_version(search);
    if (error)
        return error;
    if (search->options->minor)
        process->minor = search->options->minor;
    search->row = go_layout_find(process->minor, &process->newer_than_table);
    search->is_in_table = search->row->minor == process->minor && !search->options->minor;
    process->layout = search->row->layout;
    pclntab_set_go_minor(process->pclntab, process->minor);
    return read_module_data(process);
}

/* Bytes of .debug_info in the file, compressed as they are; 0 without DWARF. */
static uint64_t dwarf_size(struct image *image)
{
    const struct image_section *section = image_find_section(image, ".debug_info");
    if (!section)
        section = image_find_section(image, ".zdebug_info");
    return image_has_dwarf(image) && section ? section->size : 0;
}

/* Reading DWARF takes about 20 ms a MiB of it (compressed): little of it is read for what the table knows anyway, more
 * for what nothing else tells. */
static struct error *read_dwarf(struct search *search, uint64_t limit)
{
    struct go_process *process = search->process;
    uint64_t size = dwarf_size(process->context.image);
    if (!(search->options->sources & LOCATE_DWARF) || search->dwarf_is_read || size == 0 || size > limit)
        return NULL;
    unsigned structs = 0;
    search->dwarf_is_read = true;
    struct error *error = go_layout_read_dwarf(process->context.image, &process->layout, search->dwarf_variables,
                                               GO_VARIABLE_COUNT, &structs);
    if (!error && structs)
        process->layout_source = GO_LAYOUT_DWARF;
    return pass_serious(error);
}

/* A version that the table has not may have its types where any other has them: the nearest first. */
static struct error *read_types_by_other_rows(struct search *search, unsigned *ret_structs)
{
    struct go_process *process = search->process;
    struct go_layout layout = process->layout;
    struct error *error = NULL;
    for (unsigned i = go_layout_table_count; i-- > 0 && !error && *ret_structs == 0;) {
        process->layout = go_layout_table[i].layout;
        error = read_module_data(process);
        process->layout = layout;
        if (!error)
            error = pass_serious(read_types(search, ret_structs));
        if (!error && *ret_structs)
            copy_struct(&process->layout, &go_layout_table[i].layout, "runtime.moduledata");
    }
    return error;
}

static struct error *settle_layout(struct search *search)
{
    struct go_process *process = search->process;
    unsigned structs = 0;
    struct error *error = read_dwarf(search, search->is_in_table ? DWARF_QUICK_BYTES : DWARF_PATIENT_BYTES);
    if (error || process->layout_source == GO_LAYOUT_DWARF || !(search->options->sources & LOCATE_TYPES))
        return error;
    error = pass_serious(read_types(search, &structs));
    if (!error && structs == 0 && !search->is_in_table)
        error = read_types_by_other_rows(search, &structs);
    if (!error && structs)
        process->layout_source = GO_LAYOUT_TYPES;
    return error;
}

static struct error *locate_variables(struct search *search)
{
    struct error *error = locate_by_symbols(search);
    if (!error && is_missing_some(search->process))
        error = locate_by_operands(search, GO_VARIABLE_COUNT);
    if (!error)
        error = confirm_fields(search, GO_VARIABLE_COUNT);
    if (!error)
        error = mend_by_older_row(search);
    if (error || !is_missing_some(search->process))
        return error;
    /* What takes longer, where there is something to gain. */
    error = read_dwarf(search, DWARF_PATIENT_BYTES);
    if (!error && search->process->layout_source == GO_LAYOUT_DWARF)
        error = locate_by_symbols(search);
    if (!error && search->process->layout_source == GO_LAYOUT_DWARF)
        error = locate_by_operands(search, GO_VARIABLE_COUNT);
    return error;
}

static void search_deinit(struct search *search)
{
    runtime_code_deinit(&search->code);
}

struct error *go_process_locate_by(const struct reader_context *context, const struct locate_options *options,
                                   struct go_process **ret_process)
{
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    _cleanup_(go_process_destroyp) struct go_process *process = calloc(1, sizeof *process);
    if (!process)
        return error_no_memory();
    _cleanup_(search_deinit) struct search search = {.process = process, .options = options};
    for (unsigned i = 0; i < GO_VARIABLE_COUNT; i++) {
        process->variables[i].reason = reason_not_found;
        search.dwarf_variables[i].name = go_variable_names[i];
    }
    process->context = *context;
    struct error *error = pclntab_open(context->image, &process->pclntab);
    if (error) {
        error = pass_serious(error);
        if (!error)
            *ret_process = NULL;
        return error;
    }
    error = replace_string(&process->version, "", 0);
    if (!error)
        error = replace_string(&process->main_module, "", 0);
    if (!error)
        error = locate_module_data(process);
    if (!error)
        error = find_symbols(&search);
    if (!error)
        error = settle_version(&search);
    if (!error)
        error = settle_layout(&search);
    if (!error)
        error = locate_variables(&search);
    if (error)
        return error;
    process->symbols_ns = clock_ns(CLOCK_MONOTONIC) - start;
    *ret_process = take_pointer(process);
    return NULL;
}

struct error *go_process_locate(const struct reader_context *context, struct go_process **ret_process)
{
    const struct locate_options options = {.sources = LOCATE_ALL};
    return go_process_locate_by(context, &options, ret_process);
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
