#include "heaptop/symbols/source_lines.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/vector.h"

/* Bounds that no program meets; what lies beyond is left out. Debug information can also run in circles (DW_AT_sibling
 * may lead back): hence the bound on entries looked at, for each compile unit and each address. */
#define MAX_UNITS (1u << 20)
#define MAX_RANGES (1u << 24)
#define MAX_RANGES_OF_ONE (1u << 18)
#define MAX_ENTRIES (1u << 24)
#define MAX_ENTRIES_OF_ADDRESS (1u << 20)
#define MAX_DEPTH 256u
/* Ranges may lie within each other: how many are looked at that begin before an address. */
#define MAX_STEPS 64u

/* Code that belongs to a compile unit, or to a function of one. */
struct code_range {
    uint64_t start, end;
    uint32_t owner;             /* Index of the unit, or of the function in its unit. */
};

struct code_ranges {
    VECTOR(struct code_range) list;     /* By start, once sorted. */
};

struct unit {
    Dwarf_Die die;
    bool is_read;               /* Its functions are known. */
    VECTOR(Dwarf_Die) functions;
    struct code_ranges code;    /* Of these. */
};

struct source_lines {
    Elf *elf, *supplement_elf;
    Dwarf *dwarf, *supplement;
    VECTOR(struct unit) units;
    struct code_ranges code;    /* Of these. */
};

DEFINE_CLEANUP(struct source_lines *, source_lines_close)

/* ---- ranges of code ---- */

/* The code of a unit, a function or a block. */
static bool add_ranges(struct code_ranges *ranges, Dwarf_Die *die, uint32_t owner)
{
    Dwarf_Addr base, start, end;
    ptrdiff_t offset = 0;
    for (unsigned i = 0; i < MAX_RANGES_OF_ONE && ranges->list.count < MAX_RANGES; i++) {
        offset = dwarf_ranges(die, offset, &base, &start, &end);
        if (offset <= 0)
            break;
        /* Of code that the linker has left out the addresses begin at 0. */
        if (start == 0 || start >= end)
            continue;
        struct code_range range = {.start = start, .end = end, .owner = owner};
        if (!vector_append(&ranges->list, range))
            return false;
    }
    return true;
}

static int compare_ranges(const void *left, const void *right)
{
    const struct code_range *a = left, *b = right;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    /* The inner one behind: it is found first. */
    return a->end > b->end ? -1 : a->end < b->end;
}

static void sort_ranges(struct code_ranges *ranges)
{
    if (ranges->list.count > 1)
        qsort(ranges->list.items, ranges->list.count, sizeof(*ranges->list.items), compare_ranges);
}

/* The innermost range that holds an address. */
static const struct code_range *find_range(const struct code_ranges *ranges, uint64_t address)
{
    size_t low = 0, high = ranges->list.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->list.items[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i > 0 && low - i < MAX_STEPS; i--) {
        if (address < ranges->list.items[i - 1].end)
            return &ranges->list.items[i - 1];
    }
    return NULL;
}

/* ---- opening ---- */

static struct error *list_units(struct source_lines *lines)
{
    Dwarf_CU *cu = NULL;
    struct unit unit = {0};
    uint8_t type;
    while (lines->units.count < MAX_UNITS &&
           dwarf_get_units(lines->dwarf, cu, &cu, NULL, &type, &unit.die, NULL) == 0) {
        /* Partial and type units have no code. */
        if (type != DW_UT_compile && type != DW_UT_skeleton)
            continue;
        if (!add_ranges(&lines->code, &unit.die, (uint32_t)lines->units.count) || !vector_append(&lines->units, unit))
            return error_no_memory();
    }
    sort_ranges(&lines->code);
    return NULL;
}

/* Maps the file: who shortens it ends this process. */
static Dwarf *begin(int descriptor, Elf **ret_elf)
{
    elf_version(EV_CURRENT);
    *ret_elf = elf_begin(descriptor, ELF_C_READ_MMAP, NULL);
    return *ret_elf && elf_kind(*ret_elf) == ELF_K_ELF ? dwarf_begin_elf(*ret_elf, DWARF_C_READ, NULL) : NULL;
}

struct error *source_lines_open(int descriptor, int supplement, struct source_lines **ret_lines)
{
    _cleanup_(source_lines_closep) struct source_lines *lines = calloc(1, sizeof(*lines));
    if (!lines)
        return error_no_memory();
    lines->dwarf = begin(descriptor, &lines->elf);
    if (!lines->dwarf)
        return error_create(ERROR_BAD_DATA, "cannot read debug information");
    lines->supplement = supplement >= 0 ? begin(supplement, &lines->supplement_elf) : NULL;
    if (lines->supplement)
        dwarf_setalt(lines->dwarf, lines->supplement);
    struct error *error = list_units(lines);
    if (error)
        return error;
    if (lines->units.count == 0)
        return error_create(ERROR_NOT_FOUND, "no debug information");
    *ret_lines = take_pointer(lines);
    return NULL;
}

void source_lines_close(struct source_lines *lines)
{
    if (!lines)
        return;
    for (size_t i = 0; i < lines->units.count; i++) {
        vector_deinit(&lines->units.items[i].functions);
        vector_deinit(&lines->units.items[i].code.list);
    }
    vector_deinit(&lines->units);
    vector_deinit(&lines->code.list);
    dwarf_end(lines->dwarf);
    dwarf_end(lines->supplement);
    elf_end(lines->elf);
    elf_end(lines->supplement_elf);
    free(lines);
}

/* ---- the functions of a unit ---- */

/* What can hold functions. */
static bool is_scope_of_functions(int tag)
{
    switch (tag) {
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_lexical_block:
    case DW_TAG_subprogram:
        return true;
    default:
        return false;
    }
}

/* Lists the functions that have code, those within others as well. */
static bool list_functions(struct unit *unit, Dwarf_Die *parent, unsigned depth, unsigned *entries)
{
    Dwarf_Die die;
    int status = dwarf_child(parent, &die);
    while (status == 0 && (*entries)++ < MAX_ENTRIES) {
        int tag = dwarf_tag(&die);
        size_t before = unit->code.list.count;
        if (tag == DW_TAG_subprogram && (!add_ranges(&unit->code, &die, (uint32_t)unit->functions.count) ||
                                         !vector_append(&unit->functions, die)))
            return false;
        /* In a function without code there is none. */
        bool can_hold = is_scope_of_functions(tag) && (tag != DW_TAG_subprogram || unit->code.list.count > before);
        if (can_hold && depth < MAX_DEPTH && dwarf_haschildren(&die) > 0 &&
            !list_functions(unit, &die, depth + 1, entries))
            return false;
        status = dwarf_siblingof(&die, &die);
    }
    return true;
}

static struct error *read_unit(struct unit *unit)
{
    unsigned entries = 0;
    if (unit->is_read)
        return NULL;
    unit->is_read = true;
    bool is_listed = list_functions(unit, &unit->die, 0, &entries);
    sort_ranges(&unit->code);
    return is_listed ? NULL : error_no_memory();
}

/* ---- one address ---- */

static uint32_t read_number(Dwarf_Die *die, unsigned name, bool is_inherited)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value;
    if (!(is_inherited ? dwarf_attr_integrate(die, name, &attribute) : dwarf_attr(die, name, &attribute)) ||
        dwarf_formudata(&attribute, &value) != 0)
        return 0;
    return value <= UINT32_MAX ? (uint32_t)value : 0;
}

static const char *read_function_name(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) ||
        dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute))
        return dwarf_formstring(&attribute);
    return dwarf_diename(die);
}

static const char *read_folder(struct unit *unit)
{
    Dwarf_Attribute attribute;
    return dwarf_attr(&unit->die, DW_AT_comp_dir, &attribute) ? dwarf_formstring(&attribute) : NULL;
}

/* The file that a call was inlined from, by its number in the unit's table. */
static const char *read_file(struct unit *unit, uint32_t number)
{
    Dwarf_Files *files;
    size_t count;
    return dwarf_getsrcfiles(&unit->die, &files, &count) == 0 && number < count
               ? dwarf_filesrc(files, number, NULL, NULL)
               : NULL;
}

/* The inlined calls that hold an address, from the outermost to the innermost. */
struct inlined {
    Dwarf_Die calls[SOURCE_LINES_MAX_INLINED];
    size_t count;
    unsigned entries;
};

/* True when one of the entries in `parent` holds the address. */
static bool find_inlined(Dwarf_Die *parent, uint64_t address, unsigned depth, struct inlined *inlined)
{
    Dwarf_Die die;
    int status = dwarf_child(parent, &die);
    while (status == 0 && inlined->entries++ < MAX_ENTRIES_OF_ADDRESS && depth < MAX_DEPTH) {
        int tag = dwarf_tag(&die);
        bool is_call = tag == DW_TAG_inlined_subroutine;
        if ((is_call || tag == DW_TAG_lexical_block) && dwarf_haspc(&die, address) > 0) {
            if (is_call && inlined->count < SOURCE_LINES_MAX_INLINED - 1)
                inlined->calls[inlined->count++] = die;
            find_inlined(&die, address, depth + 1, inlined);
            return true;
        }
        status = dwarf_siblingof(&die, &die);
    }
    return false;
}

/* Where the code at the address itself was written. */
static void read_line(struct unit *unit, uint64_t address, struct source_frame *frame)
{
    Dwarf_Line *line = dwarf_getsrc_die(&unit->die, address);
    int number = 0;
    if (!line || dwarf_lineno(line, &number) != 0 || number < 0)
        return;
    frame->line = (uint32_t)number;
    frame->file = dwarf_linesrc(line, NULL, NULL);
}

struct error *source_lines_find(struct source_lines *lines, uint64_t address,
                                struct source_frame frames[SOURCE_LINES_MAX_INLINED], size_t *ret_count)
{
    const struct code_range *range = find_range(&lines->code, address);
    *ret_count = 0;
    if (!range)
        return NULL;
    struct unit *unit = &lines->units.items[range->owner];
    struct error *error = read_unit(unit);
    if (error)
        return error;
    struct inlined inlined = {0};
    const struct code_range *function = find_range(&unit->code, address);
    Dwarf_Die *die = function ? &unit->functions.items[function->owner] : NULL;
    if (die)
        find_inlined(die, address, 0, &inlined);
    struct source_frame at = {.folder = read_folder(unit)};
    read_line(unit, address, &at);
    for (size_t i = inlined.count; i > 0; i--) {
        Dwarf_Die *call = &inlined.calls[i - 1];
        at.function = read_function_name(call);
        at.start_line = read_number(call, DW_AT_decl_line, true);
        frames[(*ret_count)++] = at;
        at.line = read_number(call, DW_AT_call_line, false);
        at.file = read_file(unit, read_number(call, DW_AT_call_file, false));
    }
    at.function = die ? read_function_name(die) : NULL;
    at.start_line = die ? read_number(die, DW_AT_decl_line, true) : 0;
    if (at.function || at.line)
        frames[(*ret_count)++] = at;
    return NULL;
}
