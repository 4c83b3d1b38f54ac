#include "record/region_rows.h"

#include <stdlib.h>
#include <string.h>

#include "record/schema.h"
#include "record/tick_span.h"

/* Of mappings of one tick. */
#define MAX_LIST (1 << 17)

/* ---- regions, written ---- */

static bool same_region(const struct region *a, const struct region *b)
{
    return a->start == b->start && a->size == b->size && a->name == b->name &&
           memcmp(a->permissions, b->permissions, 4) == 0;
}

/* As it is from now on; a size of NULL where there is none at its place any more. */
static void write_region(struct tick_writer *writer, const struct written_region *written, bool is_gone)
{
    const struct region *region = &written->region;
    int64_t name = tick_writer_string(writer, region->name);
    struct row row = tick_writer_begin(writer, INSERT_REGION);
    row_integer(&row, tick_writer_key(writer, written->id));
    row_integer(&row, (int64_t)region->start);
    if (is_gone) {
        row_nulls(&row, 3);
    } else {
        row_integer(&row, (int64_t)region->size);
        row_text(&row, region->permissions, strnlen(region->permissions, sizeof(region->permissions)));
        row_integer(&row, name);
    }
    row_done(&row);
}

/* All anew: in keyframes their numbers begin again, so that they never come to an end. */
static void write_all_regions(struct tick_writer *writer)
{
    writer->last_region = 0;
    for (size_t i = 0; i < writer->regions.count; i++) {
        writer->regions.items[i].id = writer->last_region++;
        write_region(writer, &writer->regions.items[i], false);
    }
}

/* What came, went or changed since they were read last: both lists are in the order of their addresses, as the kernel
 * gives them. In another order one would be gone and come anew. */
static bool merge_regions(struct tick_writer *writer, const struct region *regions, size_t count)
{
    VECTOR(struct written_region) merged = {0};
    const struct written_region *before = writer->regions.items, *end = before + writer->regions.count;
    bool good = vector_reserve(&merged, count);
    for (size_t i = 0; good && i < count; i++) {
        for (; before < end && before->region.start < regions[i].start; before++)
            write_region(writer, before, true);
        bool is_known = before < end && before->region.start == regions[i].start;
        bool is_same = is_known && same_region(&before->region, &regions[i]);
        struct written_region now = {.id = is_known ? before->id : writer->last_region++, .region = regions[i]};
        before += is_known;
        if (!is_same)
            write_region(writer, &now, false);
        merged.items[merged.count++] = now;
    }
    for (; good && before < end; before++)
        write_region(writer, before, true);
    if (good) {
        vector_deinit(&writer->regions);
        memcpy(&writer->regions, &merged, sizeof(merged));
        return true;
    }
    vector_deinit(&merged);
    return false;
}

size_t region_rows_write(struct tick_writer *writer, const struct snapshot *snapshot)
{
    size_t count = snapshot->num_regions <= RECORD_MAX_REGIONS ? snapshot->num_regions : RECORD_MAX_REGIONS;
    bool good = true;
    if (writer->keyframe && count > 0) {
        writer->regions.count = 0;
        good = vector_reserve(&writer->regions, count);
        for (size_t i = 0; good && i < count; i++)
            writer->regions.items[writer->regions.count++] = (struct written_region){.region = snapshot->regions[i]};
    } else if (count > 0) {
        good = merge_regions(writer, snapshot->regions, count);
    }
    if (!good)
        tick_writer_out_of_memory(writer);
    if (writer->keyframe)
        write_all_regions(writer);
    return good ? count : 0;
}

/* ---- regions, read ---- */

void region_rows_read(struct tick_reader *reader, int64_t first, int64_t last)
{
    struct span span = span_keys(reader, SELECT_REGIONS, first, last);
    while (span_next(&span)) {
        size_t number = (size_t)span_key(&span);
        if (number >= RECORD_MAX_REGIONS) {
            reader->damaged++;
            continue;
        }
        if (!TICK_READER_GROW(reader, &reader->regions, number + 1))
            break;
        struct region region = {.start = (uint64_t)span_integer(&span, 1), .size = (uint64_t)span_integer(&span, 2)};
        const unsigned char *permissions = sqlite3_column_text(span.row.statement, 3);
        for (size_t i = 0; permissions && i < 4 && permissions[i]; i++)
            region.permissions[i] = strchr("rwxps-", permissions[i]) ? (char)permissions[i] : '?';
        region.name = names_string(&reader->names, span_integer(&span, 4));
        reader->regions.items[number] = (struct read_region){.present = !span_is_null(&span, 2), .region = region};
    }
    row_reset(&span.row);
}

static int compare_starts(const void *left, const void *right)
{
    const struct region *a = left, *b = right;
    return (a->start > b->start) - (a->start < b->start);
}

bool region_rows_fill(const struct tick_reader *reader, struct snapshot *snapshot)
{
    int64_t wanted = reader->row.regions;
    if (wanted <= 0)
        return true;
    /* Version 1 numbers them by their places, of which so many are taken. */
    size_t count = reader->regions.count;
    if (reader->version < 2 && (uint64_t)wanted < count)
        count = (size_t)wanted;
    snapshot->regions = arena_alloc_array(&snapshot->arena, count, sizeof(struct region));
    if (!snapshot->regions)
        return false;
    for (size_t i = 0; i < count; i++)
        if (reader->regions.items[i].present)
            snapshot->regions[snapshot->num_regions++] = reader->regions.items[i].region;
    if (reader->version >= 2)
        qsort(snapshot->regions, snapshot->num_regions, sizeof(*snapshot->regions), compare_starts);
    return true;
}

/* ---- mappings ---- */

static bool same_mapping(const struct mapping *a, const struct mapping *b)
{
    return a->start == b->start && a->limit == b->limit && a->offset == b->offset && a->file == b->file &&
           a->build_id == b->build_id;
}

uint64_t mapping_rows_write(struct tick_writer *writer, const struct snapshot *snapshot)
{
    size_t count = snapshot->num_mappings;
    if (count == 0)
        return 0;
    bool is_same = writer->mappings_tick != 0 && writer->mappings.count == count;
    for (size_t i = 0; i < count && is_same; i++)
        is_same = same_mapping(&snapshot->mappings[i], &writer->mappings.items[i]);
    if (is_same)
        return writer->mappings_tick;
    writer->mappings.count = 0;
    for (size_t i = 0; i < count && i <= RECORD_MAX_KEY; i++) {
        const struct mapping *mapping = &snapshot->mappings[i];
        if (!vector_append(&writer->mappings, *mapping)) {
            tick_writer_out_of_memory(writer);
            return 0;
        }
        int64_t file = tick_writer_string(writer, mapping->file),
                build_id = tick_writer_string(writer, mapping->build_id);
        struct row row = tick_writer_begin(writer, INSERT_MAPPING);
        row_integers(&row,
                     (const int64_t[]){tick_writer_key(writer, (int64_t)i), (int64_t)mapping->start,
                                       (int64_t)mapping->limit, (int64_t)mapping->offset, file, build_id},
                     6);
        row_done(&row);
    }
    return writer->mappings_tick = writer->tick;
}

bool mapping_rows_fill(struct tick_reader *reader, struct snapshot *snapshot)
{
    VECTOR(struct mapping) mappings = {0};
    bool good = true;
    if (reader->row.mappings <= 0 || reader->row.mappings > RECORD_MAX_TICK)
        return true;
    struct span span = span_keys(reader, SELECT_MAPPINGS, reader->row.mappings, reader->row.mappings);
    while (good && mappings.count < MAX_LIST && span_next(&span)) {
        struct mapping mapping = {.start = (uint64_t)span_integer(&span, 1),
                                  .limit = (uint64_t)span_integer(&span, 2),
                                  .offset = (uint64_t)span_integer(&span, 3)};
        mapping.file = names_string(&reader->names, span_integer(&span, 4));
        mapping.build_id = names_string(&reader->names, span_integer(&span, 5));
        good = vector_append(&mappings, mapping);
    }
    row_reset(&span.row);
    snapshot->mappings =
        good ? arena_copy_array(&snapshot->arena, mappings.items, mappings.count, sizeof(struct mapping)) : NULL;
    snapshot->num_mappings = snapshot->mappings ? mappings.count : 0;
    vector_deinit(&mappings);
    return snapshot->mappings != NULL;
}
