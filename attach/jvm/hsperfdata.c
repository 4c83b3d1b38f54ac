#include "attach/jvm/hsperfdata.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

/* PerfDataPrologue. */
#define MAGIC "\xca\xfe\xc0\xc0"
#define BYTE_ORDER_OFFSET 4
#define LITTLE_ENDIAN_ORDER 1
#define MAJOR_VERSION 2
#define ENTRY_OFFSET_OFFSET 24
#define PROLOGUE_SIZE 32
/* PerfDataEntry: entry_length, name_offset, vector_length, data_type, flags, data_units, data_variability,
 * data_offset. */
#define ENTRY_SIZE 20
#define TYPE_LONG 'J'
#define TYPE_BYTE 'B'
/* A JVM has some 250 to 400. */
#define MAX_ENTRIES 16384

static const char *const names[HSPERFDATA_VALUE_COUNT] = {
#define X(id, name) [HSPERFDATA_##id] = name,
    HSPERFDATA_VALUES(X)
#undef X
};

static int compare_names(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

static void take_text(struct cursor entry, size_t offset, size_t length, char text[HSPERFDATA_TEXT])
{
    cursor_seek(&entry, offset);
    const uint8_t *bytes = cursor_bytes(&entry, length);
    if (!bytes)
        return;
    length = strnlen((const char *)bytes, length < HSPERFDATA_TEXT - 1 ? length : HSPERFDATA_TEXT - 1);
    memcpy(text, bytes, length);
    text[length] = '\0';
}

/* One entry and nothing else is under the cursor. */
static void take_entry(struct cursor entry, struct hsperfdata *data)
{
    cursor_skip(&entry, 4);
    uint32_t name_offset = cursor_u32(&entry), vector_length = cursor_u32(&entry);
    uint8_t type = cursor_u8(&entry);
    cursor_skip(&entry, 3);
    uint32_t data_offset = cursor_u32(&entry);
    struct cursor at_name = entry;
    cursor_seek(&at_name, name_offset);
    const char *name = cursor_string(&at_name, cursor_left(&at_name));
    if (!name)
        return;
    if (type == TYPE_BYTE && strcmp(name, "java.property.java.vm.version") == 0)
        take_text(entry, data_offset, vector_length, data->version);
    else if (type == TYPE_BYTE && strcmp(name, "sun.gc.policy.name") == 0)
        take_text(entry, data_offset, vector_length, data->policy);
    const char *const *found = bsearch(name, names, HSPERFDATA_VALUE_COUNT, sizeof(*names), compare_names);
    if (!found || type != TYPE_LONG || vector_length != 0)
        return;
    cursor_seek(&entry, data_offset);
    int64_t value = (int64_t)cursor_u64(&entry);
    if (entry.failed)
        return;
    data->values[found - names] = value;
    data->is_known[found - names] = true;
}

struct error *hsperfdata_parse(const void *bytes, size_t size, struct hsperfdata *ret_data)
{
    struct cursor cursor = cursor_over(bytes, size);
    const uint8_t *prologue = cursor_bytes(&cursor, PROLOGUE_SIZE);
    if (!prologue || memcmp(prologue, MAGIC, 4) != 0)
        return error_create(ERROR_BAD_DATA, "no counters of a JVM");
    if (prologue[BYTE_ORDER_OFFSET] != LITTLE_ENDIAN_ORDER)
        return error_create(ERROR_UNSUPPORTED, "counters of a JVM of another byte order");
    if (prologue[BYTE_ORDER_OFFSET + 1] != MAJOR_VERSION)
        return error_create(ERROR_BAD_DATA, "counters of a JVM in format %u, not %u", prologue[BYTE_ORDER_OFFSET + 1],
                            MAJOR_VERSION);
    if (prologue[BYTE_ORDER_OFFSET + 3] == 0)
        return error_create(ERROR_NOT_FOUND, "the JVM is still making its counters");
    cursor_seek(&cursor, ENTRY_OFFSET_OFFSET);
    uint32_t offset = cursor_u32(&cursor), count = cursor_u32(&cursor);
    struct hsperfdata data = {0};
    for (uint32_t i = 0; i < count && i < MAX_ENTRIES; i++) {
        cursor_seek(&cursor, offset);
        uint32_t length = cursor_u32(&cursor);
        if (cursor.failed || length < ENTRY_SIZE || length > size - offset)
            return error_create(ERROR_BAD_DATA, "the counters of the JVM make no sense at byte %u", offset);
        take_entry(cursor_over((const uint8_t *)bytes + offset, length), &data);
        offset += length;
    }
    *ret_data = data;
    return NULL;
}
