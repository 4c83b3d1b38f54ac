/* What a Go program's DWARF says of its runtime. The linker puts all types into one compile unit of package runtime,
 * named as in Go (cmd/link/internal/ld/dwarf.go movetomodule, Go 1.19 to 1.27: DWARF 4 up to 1.24, then 5). */
#include "heaptop/symbols/dwarf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "heaptop/base/table.h"
#include "symbols/debug_elf.h"

/* Bounds that no Go program meets: top-level entries looked at, members of a struct, typedefs of typedefs, levels of
 * "a.b.c". */
#define MAX_ENTRIES (16u << 20)
#define MAX_MEMBERS 4096u
#define MAX_TYPEDEFS 16u
#define MAX_DEPTH 16u

/* DW_OP_addr and the address. */
#define ADDRESS_EXPRESSION_SIZE 9u

/* One search: what is wanted, by the hash of its name, and how much of it is still missing. */
struct search {
    struct dwarf_field *fields;
    size_t num_fields;
    struct dwarf_variable *variables;
    size_t num_variables;
    struct table wanted;        /* Hash of a type's or variable's name -> nothing of use. */
    size_t missing;
    uint32_t entries;           /* Looked at so far. */
};

static void end_dwarf(Dwarf **dwarf)
{
    if (*dwarf)
        dwarf_end(*dwarf);
}

static void end_elf(Elf **elf)
{
    if (*elf)
        elf_end(*elf);
}

static void search_deinit(struct search *search)
{
    table_deinit(&search->wanted);
}

static uint64_t hash_name(const char *name)
{
    return table_hash_bytes(name, strlen(name), 0);
}

static bool is_runtime_unit(const char *name)
{
    static const char *const exact[] = {"runtime", "internal/abi"};
    static const char *const beneath[] = {"runtime/", "internal/runtime/"};
    for (size_t i = 0; i < ARRAY_SIZE(exact); i++)
        if (strcmp(name, exact[i]) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_SIZE(beneath); i++)
        if (strncmp(name, beneath[i], strlen(beneath[i])) == 0)
            return true;
    return false;
}

static bool get_unsigned(Dwarf_Die *die, unsigned name, uint64_t *ret_value)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value;
    if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0)
        return false;
    *ret_value = value;
    return true;
}

/* The type of an entry, past typedefs and qualifiers. Not dwarf_peel_type, which follows a circle of typedefs for
 * ever. */
static bool get_type(Dwarf_Die *die, Dwarf_Die *ret_type)
{
    Dwarf_Die at = *die;
    for (unsigned i = 0; i < MAX_TYPEDEFS; i++) {
        Dwarf_Attribute attribute;
        Dwarf_Die type;
        if (!dwarf_attr(&at, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, &type))
            return false;
        at = type;
        int tag = dwarf_tag(&at);
        if (tag != DW_TAG_typedef && tag != DW_TAG_const_type && tag != DW_TAG_volatile_type) {
            *ret_type = at;
            return true;
        }
    }
    return false;
}

/* A type's size: Go gives every type one but pointers, and arrays have one too. */
static uint64_t get_type_size(Dwarf_Die *type)
{
    uint64_t size;
    if (get_unsigned(type, DW_AT_byte_size, &size))
        return size;
    int tag = dwarf_tag(type);
    return tag == DW_TAG_pointer_type || tag == DW_TAG_subroutine_type ? sizeof(uint64_t) : 0;
}

/* The member of a struct whose name is the first `length` bytes of `name`. */
static bool find_member(Dwarf_Die *structure, const char *name, size_t length, Dwarf_Die *ret_member)
{
    Dwarf_Die member;
    int status = dwarf_child(structure, &member);
    for (unsigned i = 0; status == 0 && i < MAX_MEMBERS; i++) {
        const char *member_name = dwarf_tag(&member) == DW_TAG_member ? dwarf_diename(&member) : NULL;
        if (member_name && strncmp(member_name, name, length) == 0 && member_name[length] == '\0') {
            *ret_member = member;
            return true;
        }
        status = dwarf_siblingof(&member, &member);
    }
    return false;
}

/* Follows a dotted path of members. */
static bool find_field(Dwarf_Die *structure, const char *path, uint64_t *ret_offset, uint64_t *ret_size)
{
    Dwarf_Die at = *structure;
    uint64_t offset = 0;
    for (unsigned depth = 0; *path && depth < MAX_DEPTH; depth++) {
        size_t length = strcspn(path, ".");
        Dwarf_Die member, type;
        uint64_t location;
        if (!find_member(&at, path, length, &member) || !get_unsigned(&member, DW_AT_data_member_location, &location) ||
            !get_type(&member, &type))
            return false;
        offset += location;
        at = type;
        path += length;
        path += *path == '.';
    }
    /* An offset that does not fit the result's sign is none. */
    if (*path || offset > INT64_MAX)
        return false;
    *ret_offset = offset;
    *ret_size = get_type_size(&at);
    return true;
}

static void take_structure(struct search *search, Dwarf_Die *die, const char *name)
{
    for (size_t i = 0; i < search->num_fields; i++) {
        struct dwarf_field *field = &search->fields[i];
        uint64_t offset, size;
        if (field->offset >= 0 || strcmp(field->type_name, name) != 0 ||
            !find_field(die, field->field_name, &offset, &size))
            continue;
        field->offset = (int64_t)offset;
        field->size = size;
        search->missing--;
    }
}

static void take_variable(struct search *search, Dwarf_Die *die, const char *name)
{
    /* By hand: Go has blocks here in DWARF 4 too, which dwarf_getlocation does not take for locations any more. */
    Dwarf_Attribute attribute;
    Dwarf_Block block;
    uint64_t address;
    if (!dwarf_attr(die, DW_AT_location, &attribute) || dwarf_formblock(&attribute, &block) != 0)
        return;
    if (block.length != ADDRESS_EXPRESSION_SIZE || block.data[0] != DW_OP_addr ||
        !bytes_u64_at(block.data, block.length, 1, &address))
        return;
    for (size_t i = 0; i < search->num_variables; i++) {
        struct dwarf_variable *variable = &search->variables[i];
        if (variable->address != 0 || strcmp(variable->name, name) != 0)
            continue;
        variable->address = address;
        search->missing -= address != 0;
    }
}

/* Looks at the top-level entries of one compile unit. Go writes neither types nor package variables deeper. */
static void search_unit(struct search *search, Dwarf_Die *unit)
{
    Dwarf_Die die;
    int status = dwarf_child(unit, &die);
    while (status == 0 && search->missing > 0 && search->entries++ < MAX_ENTRIES) {
        int tag = dwarf_tag(&die);
        if (tag == DW_TAG_structure_type || tag == DW_TAG_variable) {
            const char *name = dwarf_diename(&die);
            if (name && table_find(&search->wanted, hash_name(name))) {
                if (tag == DW_TAG_variable)
                    take_variable(search, &die, name);
                else
                    take_structure(search, &die, name);
            }
        }
        status = dwarf_siblingof(&die, &die);
    }
}

static struct error *prepare_search(struct search *search)
{
    for (size_t i = 0; i < search->num_fields; i++) {
        search->fields[i].offset = -1;
        search->fields[i].size = 0;
        if (!table_insert(&search->wanted, hash_name(search->fields[i].type_name), NULL))
            return error_no_memory();
    }
    for (size_t i = 0; i < search->num_variables; i++) {
        search->variables[i].address = 0;
        if (!table_insert(&search->wanted, hash_name(search->variables[i].name), NULL))
            return error_no_memory();
    }
    search->missing = search->num_fields + search->num_variables;
    return NULL;
}

struct error *dwarf_find(struct image *image, struct dwarf_field *fields, size_t num_fields,
                         struct dwarf_variable *variables, size_t num_variables)
{
    struct search search __attribute__((cleanup(search_deinit))) = {
        .fields = fields, .num_fields = num_fields, .variables = variables, .num_variables = num_variables};
    struct debug_elf bytes __attribute__((cleanup(debug_elf_deinit))) = {0};
    struct error *error = prepare_search(&search);
    if (!error)
        error = debug_elf_build(image, DWARF_MAX_BYTES, is_runtime_unit, &bytes);
    if (error)
        return error;
    elf_version(EV_CURRENT);
    Elf *elf __attribute__((cleanup(end_elf))) = elf_memory(bytes.bytes, bytes.size);
    if (!elf)
        return error_create(ERROR_BAD_DATA, "cannot read debug information: %s", elf_errmsg(-1));
    Dwarf *dwarf __attribute__((cleanup(end_dwarf))) = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
    if (!dwarf)
        return error_create(ERROR_BAD_DATA, "cannot read debug information: %s", dwarf_errmsg(-1));
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    while (search.missing > 0 && dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
        const char *name = dwarf_diename(&die);
        if (name && is_runtime_unit(name))
            search_unit(&search, &die);
    }
    return NULL;
}
