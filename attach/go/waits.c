#include "attach/go/waits.h"

#include <stdlib.h>
#include <string.h>

#include "attach/go/copied_struct.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

/* Of those who wait in one queue of a channel so many are counted, one after the other, and of all queues so many. */
#define MAX_QUEUE_COUNTED 256u
#define MAX_QUEUES_COUNTED 32768u
/* runtime/chan.go: a channel's buffer is one allocation. */
#define MAX_CAPACITY (UINT64_C(1) << 48)

static const enum go_field sudog_fields[] = {GO_FIELD_SUDOG_G, GO_FIELD_SUDOG_NEXT, GO_FIELD_SUDOG_ELEM,
                                             GO_FIELD_SUDOG_WAITLINK, GO_FIELD_SUDOG_C};
static const enum go_field channel_fields[] = {GO_FIELD_HCHAN_QCOUNT, GO_FIELD_HCHAN_DATAQSIZ, GO_FIELD_HCHAN_CLOSED,
                                               GO_FIELD_HCHAN_SENDX,  GO_FIELD_HCHAN_RECVX,    GO_FIELD_HCHAN_RECVQ,
                                               GO_FIELD_HCHAN_SENDQ};

struct error *waits_init(struct waits *waits, const struct go_process *process)
{
    const struct go_layout *layout = &process->layout;
    size_t start, size, channel_size;
    *waits = (struct waits){.process = process};
    /* Both are read from their first byte on. */
    if (!go_layout_has_all(layout, sudog_fields, ARRAY_SIZE(sudog_fields)) ||
        !go_layout_has_all(layout, channel_fields, ARRAY_SIZE(channel_fields)) ||
        !go_layout_has(layout, GO_FIELD_G_WAITING) ||
        !go_layout_range(layout, sudog_fields, ARRAY_SIZE(sudog_fields), &start, &size) || start != 0 ||
        !go_layout_range(layout, channel_fields, ARRAY_SIZE(channel_fields), &start, &channel_size) || start != 0 ||
        size > RECORD_SET_MAX_RECORD_BYTES || channel_size > RECORD_SET_MAX_RECORD_BYTES) {
        waits->unusable = "the layout of the runtime's channels is not known";
        return NULL;
    }
    struct error *error = record_set_init(&waits->sudogs, process->context.memory, size);
    return error ? error : record_set_init(&waits->channels, process->context.memory, channel_size);
}

void waits_deinit(struct waits *waits)
{
    record_set_deinit(&waits->sudogs);
    record_set_deinit(&waits->channels);
    vector_deinit(&waits->questions);
    vector_deinit(&waits->asking);
    vector_deinit(&waits->asking_next);
    vector_deinit(&waits->following);
    vector_deinit(&waits->links);
    vector_deinit(&waits->objects);
    vector_deinit(&waits->channel_objects);
    table_deinit(&waits->by_address);
    vector_deinit(&waits->queues);
    vector_deinit(&waits->queue_bytes);
    vector_deinit(&waits->requests);
}

/* ---- from sudogs to objects ---- */

static void link_object(struct waits *waits, uint32_t question, enum wait_object_kind kind, remote_address address)
{
    bool is_new;
    uint64_t *place = table_insert(&waits->by_address, address ^ kind, &is_new);
    if (!place) {
        waits->no_memory = true;
        return;
    }
    if (is_new) {
        struct wait_object object = {.address = address, .kind = (uint8_t)kind};
        *place = waits->objects.count;
        if (!vector_append(&waits->objects, object)) {
            waits->no_memory = true;
            return;
        }
    }
    waits->objects.items[*place].goroutines++;
    struct wait_link link = {.question = question, .object = (uint32_t)*place};
    waits->no_memory |= !vector_append(&waits->links, link);
}

/* A record_visitor: takes one sudog. */
static void take_sudog(void *context, size_t index, const uint8_t *bytes)
{
    struct waits *waits = context;
    uint32_t number = waits->asking.items[index];
    const struct wait_question *question = &waits->questions.items[number];
    struct copied_struct copied = {
        .layout = &waits->process->layout, .bytes = bytes, .size = waits->sudogs.record_size, .start = 0};
    /* Sudogs are used again and again: one that is no longer this goroutine's tells of another wait. */
    if (!bytes || copied_struct_get_or_zero(&copied, GO_FIELD_SUDOG_G) != question->goroutine)
        return;
    remote_address channel = copied_struct_get_or_zero(&copied, GO_FIELD_SUDOG_C);
    remote_address element = copied_struct_get_or_zero(&copied, GO_FIELD_SUDOG_ELEM);
    remote_address next = copied_struct_get_or_zero(&copied, GO_FIELD_SUDOG_WAITLINK);
    bool is_channel = question->kind == WAIT_CHAN_SEND || question->kind == WAIT_CHAN_RECEIVE ||
                      question->kind == WAIT_SELECT;
    if (is_channel && channel != 0 && channel % 8 == 0)
        link_object(waits, number, WAIT_OBJECT_CHANNEL, channel);
    else if (!is_channel && element != 0)
        link_object(waits, number, question->is_condition ? WAIT_OBJECT_NOTIFY_LIST : WAIT_OBJECT_SEMAPHORE, element);
    if (question->kind != WAIT_SELECT || next == 0 || next % 8 != 0)
        return;
    waits->no_memory |= !vector_append(&waits->asking_next, number) || !vector_append(&waits->following, next);
}

/* All sudogs of one round; those of selects lead to the next round's. */
static struct error *read_round(struct waits *waits)
{
    waits->asking_next.count = waits->following.count = 0;
    struct error *error = record_set_read(&waits->sudogs, take_sudog, waits);
    record_set_clear(&waits->sudogs);
    waits->asking.count = 0;
    for (size_t i = 0; !error && i < waits->asking_next.count; i++) {
        error = record_set_add(&waits->sudogs, waits->following.items[i]);
        if (!error && !vector_append(&waits->asking, waits->asking_next.items[i]))
            error = error_no_memory();
    }
    return error;
}

static struct error *read_sudogs(struct waits *waits)
{
    struct error *error = NULL;
    waits->asking.count = 0;
    record_set_clear(&waits->sudogs);
    for (size_t i = 0; !error && i < waits->questions.count; i++) {
        const struct wait_question *question = &waits->questions.items[i];
        if (question->is_nil_channel)
            link_object(waits, (uint32_t)i, WAIT_OBJECT_NIL_CHANNEL, 0);
        if (question->sudog == 0 || question->sudog % 8 != 0)
            continue;
        error = record_set_add(&waits->sudogs, question->sudog);
        if (!error && !vector_append(&waits->asking, (uint32_t)i))
            error = error_no_memory();
    }
    for (unsigned round = 0; !error && round < SNAPSHOT_MAX_SELECT && waits->asking.count > 0; round++)
        error = read_round(waits);
    return error ? error : waits->no_memory ? error_no_memory() : NULL;
}

/* ---- channels ---- */

static void add_queue(struct waits *waits, uint32_t object, bool is_send, remote_address first)
{
    if (first != 0 && first % 8 == 0)
        waits->no_memory |= !vector_append(
            &waits->queues, (struct wait_queue){.object = object, .is_send = is_send, .next = first});
}

/* A record_visitor: takes one channel. */
static void take_channel(void *context, size_t index, const uint8_t *bytes)
{
    struct waits *waits = context;
    uint32_t number = waits->channel_objects.items[index];
    struct wait_object *object = &waits->objects.items[number];
    struct copied_struct copied = {
        .layout = &waits->process->layout, .bytes = bytes, .size = waits->channels.record_size, .start = 0};
    if (!bytes)
        return;
    uint64_t length = copied_struct_get_or_zero(&copied, GO_FIELD_HCHAN_QCOUNT);
    uint64_t capacity = copied_struct_get_or_zero(&copied, GO_FIELD_HCHAN_DATAQSIZ);
    uint64_t closed = copied_struct_get_or_zero(&copied, GO_FIELD_HCHAN_CLOSED);
    uint64_t send = copied_struct_get_or_zero(&copied, GO_FIELD_HCHAN_SENDX);
    uint64_t receive = copied_struct_get_or_zero(&copied, GO_FIELD_HCHAN_RECVX);
    /* What a channel can never be is none any more. */
    if (capacity > MAX_CAPACITY || length > capacity || closed > 1 || send > capacity || receive > capacity)
        return;
    object->is_read = true;
    object->is_closed = closed == 1;
    object->is_timer = copied_struct_get_or_zero(&copied, GO_FIELD_HCHAN_TIMER) != 0;
    object->length = length;
    object->capacity = capacity;
    add_queue(waits, number, false, copied_struct_get_or_zero(&copied, GO_FIELD_HCHAN_RECVQ));
    add_queue(waits, number, true, copied_struct_get_or_zero(&copied, GO_FIELD_HCHAN_SENDQ));
}

static struct error *read_channels(struct waits *waits)
{
    struct error *error = NULL;
    record_set_clear(&waits->channels);
    waits->channel_objects.count = waits->queues.count = 0;
    for (size_t i = 0; !error && i < waits->objects.count; i++) {
        if (waits->objects.items[i].kind != WAIT_OBJECT_CHANNEL)
            continue;
        error = record_set_add(&waits->channels, waits->objects.items[i].address);
        if (!error && !vector_append(&waits->channel_objects, (uint32_t)i))
            error = error_no_memory();
    }
    if (!error)
        error = record_set_read(&waits->channels, take_channel, waits);
    return error ? error : waits->no_memory ? error_no_memory() : NULL;
}

/* Those who wait in a queue are counted one after the other, all queues at once: each read takes one more of each. */
static struct error *step_queues(struct waits *waits, size_t *counted)
{
    size_t count = waits->queues.count, kept = 0, next_at = (size_t)waits->process->layout.offset[GO_FIELD_SUDOG_NEXT];
    if (!vector_reserve(&waits->queue_bytes, count * 8) || !vector_reserve(&waits->requests, count))
        return error_no_memory();
    for (size_t i = 0; i < count; i++)
        waits->requests.items[i] = (struct memory_request){.address = waits->queues.items[i].next + next_at,
                                                           .buffer = waits->queue_bytes.items + i * 8,
                                                           .size = 8};
    struct error *error = memory_read_batch(waits->process->context.memory, waits->requests.items, count);
    for (size_t i = 0; !error && i < count; i++) {
        struct wait_queue queue = waits->queues.items[i];
        struct wait_object *object = &waits->objects.items[queue.object];
        if (waits->requests.items[i].failed || !bytes_u64_at(waits->queue_bytes.items, count * 8, i * 8, &queue.next))
            continue;
        *(queue.is_send ? &object->senders : &object->receivers) += 1;
        if (queue.next != 0 && queue.next % 8 == 0)
            waits->queues.items[kept++] = queue;
    }
    *counted += count;
    waits->queues.count = kept;
    return error;
}

static struct error *count_queues(struct waits *waits)
{
    size_t counted = 0;
    struct error *error = NULL;
    for (unsigned step = 0;
         !error && step < MAX_QUEUE_COUNTED && waits->queues.count > 0 && counted < MAX_QUEUES_COUNTED; step++)
        error = step_queues(waits, &counted);
    for (size_t i = 0; i < waits->queues.count; i++)
        waits->objects.items[waits->queues.items[i].object].is_bounded = true;
    return error;
}

/* Of a queue too long to be counted at least those who were looked at are known. */
static struct error *raise_counts(struct waits *waits)
{
    _cleanup_free_ uint32_t(*known)[2] = calloc(waits->objects.count + 1, sizeof(*known));
    if (!known)
        return error_no_memory();
    for (size_t i = 0; i < waits->links.count; i++) {
        uint8_t kind = waits->questions.items[waits->links.items[i].question].kind;
        if (kind == WAIT_CHAN_SEND || kind == WAIT_CHAN_RECEIVE)
            known[waits->links.items[i].object][kind == WAIT_CHAN_SEND]++;
    }
    for (size_t i = 0; i < waits->objects.count; i++) {
        struct wait_object *object = &waits->objects.items[i];
        if (!object->is_bounded)
            continue;
        object->receivers = known[i][0] > object->receivers ? known[i][0] : object->receivers;
        object->senders = known[i][1] > object->senders ? known[i][1] : object->senders;
    }
    return NULL;
}

/* ---- into the snapshot ---- */

static int compare_links(const void *left, const void *right)
{
    const struct wait_link *a = left, *b = right;
    if (a->question != b->question)
        return a->question < b->question ? -1 : 1;
    return (a->object > b->object) - (a->object < b->object);
}

static struct error *fill_lists(struct waits *waits, struct snapshot *snapshot)
{
    size_t links = waits->links.count, objects = waits->objects.count;
    snapshot->waits = arena_alloc_array(&snapshot->arena, links, sizeof(*snapshot->waits));
    snapshot->wait_objects = arena_alloc_array(&snapshot->arena, objects, sizeof(*snapshot->wait_objects));
    if (!snapshot->waits || !snapshot->wait_objects)
        return error_no_memory();
    snapshot->num_waits = links;
    snapshot->num_wait_objects = objects;
    if (objects > 0)
        memcpy(snapshot->wait_objects, waits->objects.items, objects * sizeof(*snapshot->wait_objects));
    if (links > 1)
        qsort(waits->links.items, links, sizeof(*waits->links.items), compare_links);
    for (size_t i = 0; i < links; i++) {
        const struct wait_link *link = &waits->links.items[i];
        struct listed_goroutine *goroutine = &snapshot->goroutines[waits->questions.items[link->question].listed];
        if (!goroutine->examined)
            goroutine->first_wait = (uint32_t)i;
        goroutine->examined = true;
        goroutine->num_waits++;
        snapshot->waits[i] = link->object;
    }
    return NULL;
}

struct group_wait {
    uint32_t group, object;
};

static int compare_group_waits(const void *left, const void *right)
{
    const struct group_wait *a = left, *b = right;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    return (a->object > b->object) - (a->object < b->object);
}

/* What the goroutines of each group wait on. */
static struct error *fill_groups(const struct waits *waits, struct snapshot *snapshot)
{
    size_t count = waits->links.count;
    _cleanup_free_ struct group_wait *all = calloc(count + 1, sizeof(*all));
    if (!all)
        return error_no_memory();
    for (size_t i = 0; i < count; i++) {
        const struct wait_link *link = &waits->links.items[i];
        const struct wait_question *question = &waits->questions.items[link->question];
        uint32_t group = snapshot->goroutines[question->listed].group;
        all[i] = (struct group_wait){.group = group, .object = link->object};
        if (i == 0 || waits->links.items[i - 1].question != link->question)
            snapshot->goroutine_groups[group].examined++;
    }
    if (count > 1)
        qsort(all, count, sizeof(*all), compare_group_waits);
    for (size_t i = 0, end; i < count; i = end) {
        struct goroutine_group *group = &snapshot->goroutine_groups[all[i].group];
        for (end = i + 1; end < count && compare_group_waits(&all[end], &all[i]) == 0;)
            end++;
        group->num_objects++;
        if (end - i <= group->object.goroutines)
            continue;
        group->object = snapshot->wait_objects[all[i].object];
        group->object.goroutines = (uint32_t)(end - i);
    }
    return NULL;
}

struct error *waits_read(struct waits *waits, struct snapshot *snapshot)
{
    waits->links.count = waits->objects.count = waits->queues.count = 0;
    table_clear(&waits->by_address);
    waits->no_memory = false;
    if (waits->unusable || waits->questions.count == 0)
        return NULL;
    struct error *error = read_sudogs(waits);
    if (!error)
        error = read_channels(waits);
    if (!error)
        error = count_queues(waits);
    if (!error)
        error = raise_counts(waits);
    if (!error)
        error = fill_lists(waits, snapshot);
    return error ? error : fill_groups(waits, snapshot);
}
