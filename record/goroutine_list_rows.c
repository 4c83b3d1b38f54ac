#include "record/goroutine_list_rows.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "record/goroutine_rows.h"
#include "record/schema.h"

#define SECOND UINT64_C(1000000000)
/* Keys of `goroutines`, and of `wait_objects`. */
#define MAX_PLACES (2 * GOROUTINE_LIST_MOST)
#define MAX_OBJECTS (MAX_PLACES * SNAPSHOT_MAX_SELECT)
_Static_assert(MAX_OBJECTS <= RECORD_MAX_KEY, "keys of goroutine_waits");

/* ---- life ---- */

void goroutine_list_writer_init(struct goroutine_list_writer *list)
{
    *list = (struct goroutine_list_writer){0};
    places_init(&list->goroutines);
    places_init(&list->objects);
}

void goroutine_list_writer_deinit(struct goroutine_list_writer *list)
{
    places_deinit(&list->goroutines);
    places_deinit(&list->objects);
    vector_deinit(&list->written);
    vector_deinit(&list->written_objects);
    vector_deinit(&list->object_numbers);
}

void goroutine_list_reader_deinit(struct goroutine_list_reader *list)
{
    vector_deinit(&list->goroutines);
    vector_deinit(&list->objects);
}

/* ---- which goroutines ---- */

struct candidate {
    uint64_t wait_since_ns;     /* UINT64_MAX: not known. */
    uint64_t goid;
    uint32_t group, index;
};

static int compare_candidates(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    if (a->wait_since_ns != b->wait_since_ns)
        return a->wait_since_ns < b->wait_since_ns ? -1 : 1;
    return (a->goid > b->goid) - (a->goid < b->goid);
}

/* The greatest number such that so many of each group are not too many together. */
static size_t find_quota(const struct candidate *candidates, size_t count)
{
    size_t low = 1, high = GOROUTINE_LIST_MOST;
    while (low < high) {
        size_t quota = (low + high + 1) / 2, taken = 0, run = 0;
        for (size_t i = 0; i < count; i++) {
            run = i > 0 && candidates[i].group == candidates[i - 1].group ? run + 1 : 1;
            taken += run <= quota;
        }
        if (taken <= GOROUTINE_LIST_MOST)
            low = quota;
        else
            high = quota - 1;
    }
    return low;
}

/* The indices of those that are written, *ret_count of them; NULL when memory is out. To be freed. */
static uint32_t *choose(const struct snapshot *snapshot, size_t *ret_count)
{
    size_t count = snapshot->num_goroutines, chosen = 0, run = 0;
    uint32_t *indices = calloc(count + 1, sizeof(*indices));
    _cleanup_free_ struct candidate *candidates =
        count > GOROUTINE_LIST_MOST ? calloc(count, sizeof(*candidates)) : NULL;
    if (!indices || (count > GOROUTINE_LIST_MOST && !candidates)) {
        free(indices);
        return NULL;
    }
    for (size_t i = 0; i < count && !candidates; i++)
        indices[chosen++] = (uint32_t)i;
    for (size_t i = 0; i < count && candidates; i++) {
        const struct listed_goroutine *goroutine = &snapshot->goroutines[i];
        candidates[i] = (struct candidate){
            .wait_since_ns = goroutine->wait_since_ns ? goroutine->wait_since_ns : UINT64_MAX,
            .goid = goroutine->goid,
            .group = goroutine->group,
            .index = (uint32_t)i,
        };
    }
    if (candidates)
        qsort(candidates, count, sizeof(*candidates), compare_candidates);
    size_t quota = candidates ? find_quota(candidates, count) : 0;
    for (size_t i = 0; i < count && candidates && chosen < GOROUTINE_LIST_MOST; i++) {
        run = i > 0 && candidates[i].group == candidates[i - 1].group ? run + 1 : 1;
        if (run <= quota)
            indices[chosen++] = candidates[i].index;
    }
    *ret_count = chosen;
    return indices;
}

/* ---- writing ---- */

/* The number of one of the snapshot's objects, which is written when it is asked for first; 0 when memory is out. */
static uint32_t write_object(struct tick_writer *writer, const struct snapshot *snapshot, uint32_t index)
{
    struct goroutine_list_writer *list = &writer->list;
    uint32_t *number = &list->object_numbers.items[index];
    if (*number != 0)
        return *number;
    const struct wait_object *object = &snapshot->wait_objects[index];
    enum place_state state = PLACE_NEW;
    int64_t columns[WAIT_OBJECT_COLUMNS];
    wait_object_columns(object, columns);
    uint32_t place = places_find(&list->objects, object->address << 3 | (object->kind & 7u) | UINT64_C(1) << 63,
                                 writer->tick, &state);
    if (place == NO_PLACE || !vector_extend(&list->written_objects, place + 1)) {
        tick_writer_out_of_memory(writer);
        return 0;
    }
    *number = place + 1;
    struct written_object *written = &list->written_objects.items[place];
    if (state == PLACE_SEEN || (state == PLACE_KNOWN && memcmp(columns, written->columns, sizeof(columns)) == 0))
        return *number;
    memcpy(written->columns, columns, sizeof(columns));
    struct row row = tick_writer_begin(writer, INSERT_WAIT_OBJECT);
    row_integer(&row, tick_writer_key(writer, *number));
    row_integers(&row, columns, ARRAY_SIZE(columns));
    row_done(&row);
    return *number;
}

static void write_waits(struct tick_writer *writer, const struct snapshot *snapshot,
                        const struct listed_goroutine *goroutine, uint32_t place)
{
    for (unsigned i = 0; i < goroutine->num_waits && i < SNAPSHOT_MAX_SELECT; i++) {
        uint32_t number = write_object(writer, snapshot, snapshot->waits[goroutine->first_wait + i]);
        uint32_t *written = &writer->list.written.items[place].objects[i];
        if (number == 0 || number == *written)
            continue;
        *written = number;
        struct row row = tick_writer_begin(writer, INSERT_GOROUTINE_WAIT);
        row_integer(&row, tick_writer_key(writer, (int64_t)place * SNAPSHOT_MAX_SELECT + i));
        row_integer(&row, number);
        row_done(&row);
    }
}

/* Whether it is in the list now: not if it was there already. */
static bool write_goroutine(struct tick_writer *writer, const struct snapshot *snapshot,
                            const struct listed_goroutine *goroutine, int64_t group)
{
    struct goroutine_list_writer *list = &writer->list;
    int64_t waits = goroutine->num_waits < SNAPSHOT_MAX_SELECT ? goroutine->num_waits : (int64_t)SNAPSHOT_MAX_SELECT;
    const int64_t columns[] = {(int64_t)goroutine->goid, (int64_t)goroutine->parent_goid, group,
                               (int64_t)goroutine->wait_since_ns, goroutine->examined ? waits : -1};
    enum place_state state = PLACE_NEW;
    uint32_t place = places_find(&list->goroutines, goroutine->goid, writer->tick, &state);
    if (place == NO_PLACE || !vector_extend(&list->written, place + 1)) {
        tick_writer_out_of_memory(writer);
        return false;
    }
    if (state == PLACE_SEEN)
        return false;
    struct written_goroutine *written = &list->written.items[place];
    if (memcmp(columns, written->columns, sizeof(columns)) != 0) {
        memcpy(written->columns, columns, sizeof(columns));
        struct row row = tick_writer_begin(writer, INSERT_GOROUTINE);
        row_integer(&row, tick_writer_key(writer, place));
        row_integers(&row, columns, ARRAY_SIZE(columns) - 1);
        if (goroutine->examined)
            row_integer(&row, waits);
        else
            row_null(&row);
        row_done(&row);
    }
    write_waits(writer, snapshot, goroutine, place);
    return true;
}

/* Of places that nobody has taken over. */
static void write_gone(struct tick_writer *writer)
{
    struct goroutine_list_writer *list = &writer->list;
    for (size_t i = 0; i < list->written.count; i++) {
        struct written_goroutine *written = &list->written.items[i];
        if (written->columns[0] == 0 || list->goroutines.items.items[i].key != 0)
            continue;
        memset(written->columns, 0, sizeof(written->columns));
        struct row row = tick_writer_begin(writer, INSERT_GOROUTINE);
        row_integer(&row, tick_writer_key(writer, (int64_t)i));
        row_nulls(&row, ARRAY_SIZE(written->columns));
        row_done(&row);
    }
}

/* What a keyframe does not say is not known any more. */
static void forget(struct goroutine_list_writer *list)
{
    places_clear(&list->goroutines);
    places_clear(&list->objects);
    list->written.count = list->written_objects.count = 0;
}

static void write_list(struct tick_writer *writer, const struct snapshot *snapshot, const int64_t *group_ids)
{
    struct goroutine_list_writer *list = &writer->list;
    size_t count = 0, listed = 0;
    _cleanup_free_ uint32_t *chosen = choose(snapshot, &count);
    list->object_numbers.count = 0;
    if (!chosen || !vector_extend(&list->object_numbers, snapshot->num_wait_objects)) {
        tick_writer_out_of_memory(writer);
        return;
    }
    /* New ones take over the places of those that are gone. */
    for (size_t i = 0; i < count; i++)
        places_keep(&list->goroutines, snapshot->goroutines[chosen[i]].goid, writer->tick);
    places_sweep(&list->goroutines, writer->tick);
    for (size_t i = 0; i < count; i++) {
        const struct listed_goroutine *goroutine = &snapshot->goroutines[chosen[i]];
        int64_t group = goroutine->group < snapshot->num_goroutine_groups ? group_ids[goroutine->group] : 0;
        listed += goroutine->goid != 0 && group != 0 && write_goroutine(writer, snapshot, goroutine, group);
    }
    write_gone(writer);
    places_sweep(&list->objects, writer->tick);
    uint64_t read_ns = snapshot->goroutines_monotonic_ns ? snapshot->goroutines_monotonic_ns : snapshot->monotonic_ns;
    struct row row = tick_writer_begin(writer, INSERT_GOROUTINE_LIST);
    row_integer(&row, tick_writer_key(writer, 0));
    row_integer(&row, (int64_t)read_ns);
    row_integer(&row, (int64_t)(snapshot->goroutines_not_listed + snapshot->num_goroutines - listed));
    row_done(&row);
}

void goroutine_list_rows_write(struct tick_writer *writer, const struct snapshot *snapshot, const int64_t *group_ids)
{
    struct goroutine_list_writer *list = &writer->list;
    uint64_t rows = writer->rows;
    if (writer->keyframe)
        forget(list);
    bool is_due = writer->keyframe || list->is_wanted || snapshot->exited || snapshot->monotonic_ns >= list->due_ns;
    if (!snapshot->goroutines || !is_due)
        return;
    write_list(writer, snapshot, group_ids);
    list->is_wanted = false;
    /* What a keyframe writes anew has not changed. */
    uint64_t paid_ns = writer->keyframe ? 0 : (writer->rows - rows) * (SECOND / GOROUTINE_LIST_ROWS_PER_SECOND);
    list->due_ns = snapshot->monotonic_ns + (paid_ns > GOROUTINE_LIST_PERIOD_NS ? paid_ns : GOROUTINE_LIST_PERIOD_NS);
}

/* ---- reading ---- */

static void read_goroutines(struct tick_reader *reader, int64_t first, int64_t last)
{
    struct goroutine_list_reader *list = &reader->list;
    struct span span = span_keys(reader, SELECT_GOROUTINES, first, last);
    while (span_next(&span)) {
        int64_t place = span_key(&span), waits = span_is_null(&span, 5) ? -1 : span_integer(&span, 5);
        if (place >= (int64_t)MAX_PLACES || waits > (int64_t)SNAPSHOT_MAX_SELECT) {
            reader->damaged++;
            continue;
        }
        if (!TICK_READER_GROW(reader, &list->goroutines, (size_t)place + 1))
            return;
        struct read_goroutine *read = &list->goroutines.items[place];
        read->present = !span_is_null(&span, 1);
        read->group = span_integer(&span, 3);
        read->goroutine = (struct listed_goroutine){.goid = (uint64_t)span_integer(&span, 1),
                                                    .parent_goid = (uint64_t)span_integer(&span, 2),
                                                    .wait_since_ns = (uint64_t)span_integer(&span, 4),
                                                    .num_waits = (uint16_t)(waits > 0 ? waits : 0),
                                                    .examined = waits >= 0};
    }
}

static void read_waits(struct tick_reader *reader, int64_t first, int64_t last)
{
    struct goroutine_list_reader *list = &reader->list;
    struct span span = span_keys(reader, SELECT_GOROUTINE_WAITS, first, last);
    while (span_next(&span)) {
        int64_t place = span_key(&span) / SNAPSHOT_MAX_SELECT, number = span_integer(&span, 1);
        if (place >= (int64_t)MAX_PLACES || number <= 0 || number > (int64_t)MAX_OBJECTS) {
            reader->damaged++;
            continue;
        }
        if (!TICK_READER_GROW(reader, &list->goroutines, (size_t)place + 1))
            return;
        list->goroutines.items[place].objects[span_key(&span) % SNAPSHOT_MAX_SELECT] = (uint32_t)number;
    }
    span = span_keys(reader, SELECT_WAIT_OBJECTS, first, last);
    while (span_next(&span)) {
        if (span_key(&span) > (int64_t)MAX_OBJECTS)
            reader->damaged++;
        else if (TICK_READER_GROW(reader, &list->objects, (size_t)span_key(&span) + 1))
            list->objects.items[span_key(&span)].object = wait_object_read(&span, 1);
    }
}

void goroutine_list_rows_read(struct tick_reader *reader, int64_t first, int64_t last)
{
    /* Files of earlier versions have none of these tables. */
    if (!reader->statements[SELECT_GOROUTINE_LISTS])
        return;
    read_goroutines(reader, first, last);
    read_waits(reader, first, last);
    struct span span = span_keys(reader, SELECT_GOROUTINE_LISTS, first, last);
    while (span_next(&span)) {
        reader->list.monotonic_ns = (uint64_t)span_integer(&span, 1);
        reader->list.not_listed = (uint64_t)span_integer(&span, 2);
    }
}

void goroutine_list_rows_forget(struct tick_reader *reader)
{
    reader->list.goroutines.count = reader->list.objects.count = 0;
    reader->list.monotonic_ns = reader->list.not_listed = 0;
}

/* What it waits on, behind what others do; stops at what the file does not have. */
static void fill_waits(struct goroutine_list_reader *list, const struct read_goroutine *read, struct snapshot *snapshot,
                       struct listed_goroutine *goroutine)
{
    goroutine->first_wait = (uint32_t)snapshot->num_waits;
    goroutine->num_waits = 0;
    while (goroutine->num_waits < read->goroutine.num_waits) {
        uint32_t number = read->objects[goroutine->num_waits];
        if (number == 0 || number >= list->objects.count)
            return;
        struct read_object *object = &list->objects.items[number];
        if (object->index == 0) {
            snapshot->wait_objects[snapshot->num_wait_objects++] = object->object;
            object->index = (uint32_t)snapshot->num_wait_objects;
        }
        snapshot->waits[snapshot->num_waits++] = object->index - 1;
        goroutine->num_waits++;
    }
}

static const struct read_group *find_group(const struct tick_reader *reader, const struct read_goroutine *read)
{
    if (!read->present || read->group <= 0 || (uint64_t)read->group >= reader->groups.count)
        return NULL;
    const struct read_group *group = &reader->groups.items[read->group];
    return group->present ? group : NULL;
}

bool goroutine_list_rows_fill(struct tick_reader *reader, struct snapshot *snapshot)
{
    struct goroutine_list_reader *list = &reader->list;
    size_t goroutines = 0, waits = 0;
    if (list->monotonic_ns == 0) {
        snapshot->goroutines_reason = GOROUTINES_NOT_RECORDED;
        return true;
    }
    for (size_t i = 0; i < list->goroutines.count; i++) {
        if (!find_group(reader, &list->goroutines.items[i]))
            continue;
        goroutines++;
        waits += list->goroutines.items[i].goroutine.num_waits;
    }
    size_t objects = waits < list->objects.count ? waits : list->objects.count;
    snapshot->goroutines = arena_alloc_array(&snapshot->arena, goroutines, sizeof(*snapshot->goroutines));
    snapshot->waits = arena_alloc_array(&snapshot->arena, waits, sizeof(*snapshot->waits));
    snapshot->wait_objects = arena_alloc_array(&snapshot->arena, objects, sizeof(*snapshot->wait_objects));
    if (!snapshot->goroutines || !snapshot->waits || !snapshot->wait_objects)
        return false;
    for (size_t i = 0; i < list->objects.count; i++)
        list->objects.items[i].index = 0;
    for (size_t i = 0; i < list->goroutines.count; i++) {
        const struct read_goroutine *read = &list->goroutines.items[i];
        const struct read_group *group = find_group(reader, read);
        if (!group)
            continue;
        struct listed_goroutine *goroutine = &snapshot->goroutines[snapshot->num_goroutines++];
        *goroutine = read->goroutine;
        goroutine->group = group->index;
        fill_waits(list, read, snapshot, goroutine);
    }
    snapshot->goroutines_not_listed = (size_t)list->not_listed;
    snapshot->goroutines_monotonic_ns = list->monotonic_ns == snapshot->monotonic_ns ? 0 : list->monotonic_ns;
    return true;
}
