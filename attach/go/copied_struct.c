#include "attach/go/copied_struct.h"

bool copied_struct_get_small(const struct copied_struct *copied, enum go_field field, uint64_t *ret_value)
{
    int32_t offset = copied->layout->offset[field];
    if (offset < 0 || (size_t)offset < copied->start)
        return false;
    struct cursor cursor = cursor_over(copied->bytes, copied->size);
    cursor_seek(&cursor, (size_t)offset - copied->start);
    uint64_t value = cursor_uint(&cursor, copied->layout->size[field]);
    if (cursor.failed)
        return false;
    *ret_value = value;
    return true;
}

bool go_layout_has_all(const struct go_layout *layout, const enum go_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!go_layout_has(layout, fields[i]))
            return false;
    }
    return true;
}

bool go_layout_range(const struct go_layout *layout, const enum go_field *fields, size_t count, size_t *ret_start,
                     size_t *ret_size)
{
    size_t start = SIZE_MAX, end = 0;
    for (size_t i = 0; i < count; i++) {
        if (!go_layout_has(layout, fields[i]) || layout->offset[fields[i]] < 0)
            continue;
        size_t first = (size_t)layout->offset[fields[i]], last = first + layout->size[fields[i]];
        start = first < start ? first : start;
        end = last > end ? last : end;
    }
    if (start >= end || end - start > COPIED_STRUCT_MAX_BYTES)
        return false;
    *ret_start = start;
    *ret_size = end - start;
    return true;
}
