#include "attach/go/record_set.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/base/order.h"

/* Records closer than this are read as one range: copying what lies between costs less than one more range does (0.6
 * us, some 2 KB). No unmapped page fits in between. */
#define MAX_GAP_BYTES 2048u
#define MAX_RANGE_BYTES (64u << 10)
/* Ranges are read by batches into one buffer of this size, which stays in the processor's cache. */
#define WINDOW_BYTES (256u << 10)

struct error *record_set_init(struct record_set *set, struct memory *memory, size_t record_size)
{
    *set = (struct record_set){.memory = memory, .record_size = record_size};
    if (record_size > RECORD_SET_MAX_RECORD_BYTES)
        return error_create(ERROR_UNSUPPORTED, "records of %zu bytes are not read", record_size);
    set->window = malloc(WINDOW_BYTES);
    return set->window ? NULL : error_no_memory();
}

void record_set_deinit(struct record_set *set)
{
    vector_deinit(&set->addresses);
    vector_deinit(&set->order);
    vector_deinit(&set->merged);
    vector_deinit(&set->ranges);
    vector_deinit(&set->requests);
    free(set->window);
    set->window = NULL;
}

void record_set_clear(struct record_set *set)
{
    set->addresses.count = set->order.count = set->ranges.count = 0;
}

struct error *record_set_add(struct record_set *set, remote_address address)
{
    return vector_append(&set->addresses, address) ? NULL : error_no_memory();
}

/* Sorts the new indices and merges them with the others. */
static struct error *order_new(struct record_set *set)
{
    size_t old = set->order.count, count = set->addresses.count;
    if (!vector_reserve(&set->order, count) || !vector_reserve(&set->merged, count))
        return error_no_memory();
    for (size_t i = old; i < count; i++)
        set->order.items[i] = (uint32_t)i;
    uint32_t *order = set->order.items;
    const remote_address *addresses = set->addresses.items;
    order_by_key(order + old, count - old, addresses, set->merged.items);
    set->order.count = count;
    /* Often they all come behind the others; and the first time there are no others. */
    if (old == 0 || addresses[order[old - 1]] <= addresses[order[old]])
        return NULL;
    size_t left = 0, right = old;
    set->merged.count = 0;
    while (left < old || right < count) {
        bool take_left = right == count || (left < old && addresses[order[left]] <= addresses[order[right]]);
        set->merged.items[set->merged.count++] = order[take_left ? left++ : right++];
    }
    memcpy(order, set->merged.items, count * sizeof(*order));
    return NULL;
}

static bool range_extend(struct record_range *range, remote_address record, size_t record_size)
{
    /* By rising address, so only overflow at the end of the address space could make these wrap. */
    remote_address end = range->address + range->size;
    if (record > UINT64_MAX - record_size || (record > end && record - end > MAX_GAP_BYTES))
        return false;
    remote_address wanted = record + record_size > end ? record + record_size : end;
    if (wanted - range->address > MAX_RANGE_BYTES)
        return false;
    range->size = (uint32_t)(wanted - range->address);
    range->count++;
    return true;
}

static struct error *plan(struct record_set *set)
{
    if (set->order.count == set->addresses.count)
        return NULL;        /* Also when there is none. */
    struct error *error = order_new(set);
    if (error)
        return error;
    set->ranges.count = 0;
    for (size_t i = 0; i < set->order.count; i++) {
        remote_address record = set->addresses.items[set->order.items[i]];
        if (set->ranges.count > 0 && range_extend(&set->ranges.items[set->ranges.count - 1], record, set->record_size))
            continue;
        struct record_range range = {
            .address = record, .size = (uint32_t)set->record_size, .first = (uint32_t)i, .count = 1};
        if (!vector_append(&set->ranges, range)) {
            /* Half a plan is none. */
            set->order.count = 0;
            return error_no_memory();
        }
    }
    return NULL;
}

static void visit_range(const struct record_set *set, const struct record_range *range, const uint8_t *bytes,
                        record_visitor *visit, void *context)
{
    for (uint32_t i = 0; i < range->count; i++) {
        uint32_t index = set->order.items[range->first + i];
        visit(context, index, bytes + (set->addresses.items[index] - range->address));
    }
}

/* Not all of the range can be read: each record by itself. */
static struct error *read_singly(struct record_set *set, const struct record_range *range, record_visitor *visit,
                                 void *context)
{
    uint8_t record[RECORD_SET_MAX_RECORD_BYTES];
    for (uint32_t i = 0; i < range->count; i++) {
        uint32_t index = set->order.items[range->first + i];
        struct memory_request request = {
            .address = set->addresses.items[index], .buffer = record, .size = set->record_size};
        struct error *error = memory_read_batch(set->memory, &request, 1);
        if (error)
            return error;
        visit(context, index, request.failed ? NULL : record);
    }
    return NULL;
}

struct error *record_set_read(struct record_set *set, record_visitor *visit, void *context)
{
    struct error *error = plan(set);
    size_t next = 0;
    while (!error && next < set->ranges.count) {
        size_t first = next, used = 0;
        set->requests.count = 0;
        for (; next < set->ranges.count && used + set->ranges.items[next].size <= WINDOW_BYTES; next++) {
            const struct record_range *range = &set->ranges.items[next];
            struct memory_request request = {
                .address = range->address, .buffer = set->window + used, .size = range->size};
            if (!vector_append(&set->requests, request))
                return error_no_memory();
            used += range->size;
        }
        error = memory_read_batch(set->memory, set->requests.items, set->requests.count);
        for (size_t i = 0; !error && i < set->requests.count; i++) {
            const struct record_range *range = &set->ranges.items[first + i];
            if (set->requests.items[i].failed)
                error = read_singly(set, range, visit, context);
            else
                visit_range(set, range, set->requests.items[i].buffer, visit, context);
        }
    }
    return error;
}
