#include "attach/go/layout_dwarf.h"

#include <string.h>

#include "heaptop/base/cleanup.h"

static void take_field(struct go_layout *layout, enum go_field id, const struct dwarf_field *found)
{
    bool fits = found->offset >= 0 && found->offset <= INT32_MAX;
    /* The row of a struct's size holds it where others hold their offset. */
    bool is_size = !*found->field_name;
    uint64_t offset = is_size ? found->size : (uint64_t)found->offset;
    layout->offset[id] = fits && offset <= INT32_MAX ? (int32_t)offset : GO_OFFSET_MISSING;
    layout->size[id] = !fits ? 0 : found->size > UINT16_MAX ? UINT16_MAX : (uint16_t)found->size;
}

struct error *go_layout_read_dwarf(struct image *image, struct go_layout *layout, struct dwarf_variable *variables,
                                   size_t num_variables, unsigned *ret_structs)
{
    /* First all fields by id, then all aliases, then the size of every row's struct, which tells whether it is
     * described at all. */
    size_t aliases_at = GO_FIELD_COUNT, sizes_at = GO_FIELD_COUNT + go_field_alias_count,
           count = sizes_at + GO_FIELD_COUNT;
    _cleanup_free_ struct dwarf_field *wanted = calloc(count, sizeof *wanted);
    if (!wanted)
        return error_no_memory();
    for (size_t i = 0; i < GO_FIELD_COUNT; i++) {
        wanted[i] = (struct dwarf_field){
            .type_name = go_field_names[i].type, .field_name = go_field_names[i].field, .offset = -1};
        bool is_first = i == 0 || strcmp(go_field_names[i].type, go_field_names[i - 1].type) != 0;
        /* A struct's rows stand together: one question a struct is enough. */
        wanted[sizes_at + i] = (struct dwarf_field){
            .type_name = is_first ? go_field_names[i].type : "", .field_name = "", .offset = -1};
    }
    for (size_t i = 0; i < go_field_alias_count; i++) {
        wanted[aliases_at + i] = (struct dwarf_field){.type_name = go_field_names[go_field_aliases[i].id].type,
                                                      .field_name = go_field_aliases[i].field, .offset = -1};
    }
    struct error *error = dwarf_find(image, wanted, count, variables, num_variables);
    if (error)
        return error;
    bool described = false;
    unsigned structs = 0;
    for (size_t i = 0; i < GO_FIELD_COUNT; i++) {
        if (*wanted[sizes_at + i].type_name) {
            described = wanted[sizes_at + i].offset >= 0;
            structs += described;
        }
        if (described)
            take_field(layout, (enum go_field)i, &wanted[i]);
    }
    for (size_t i = 0; i < go_field_alias_count; i++) {
        if (wanted[aliases_at + i].offset >= 0)
            take_field(layout, go_field_aliases[i].id, &wanted[aliases_at + i]);
    }
    *ret_structs = structs;
    return NULL;
}
