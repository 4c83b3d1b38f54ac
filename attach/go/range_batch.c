#include "attach/go/range_batch.h"

#include "heaptop/base/order.h"

/* What lies between two ranges is copied with them where that costs less than one more range does (0.6 us, some
 * 2 KB). */
#define MAX_GAP_BYTES 2048u

void range_batch_deinit(struct range_batch *batch)
{
    vector_deinit(&batch->ranges);
    vector_deinit(&batch->addresses);
    vector_deinit(&batch->order);
    vector_deinit(&batch->scratch);
    vector_deinit(&batch->requests);
    vector_deinit(&batch->window);
}

void range_batch_clear(struct range_batch *batch)
{
    batch->ranges.count = 0;
}

struct error *range_batch_add(struct range_batch *batch, remote_address address, size_t size)
{
    struct range range = {.address = address, .size = (uint32_t)size};
    return vector_append(&batch->ranges, range) ? NULL : error_no_memory();
}

/* One request for each run of neighbours; *ret_bytes is what all of them need. */
static struct error *plan(struct range_batch *batch, size_t *ret_bytes)
{
    size_t count = batch->ranges.count, bytes = 0;
    if (!vector_reserve(&batch->order, count) || !vector_reserve(&batch->scratch, count) ||
        !vector_reserve(&batch->addresses, count))
        return error_no_memory();
    for (size_t i = 0; i < count; i++) {
        batch->order.items[i] = (uint32_t)i;
        batch->addresses.items[i] = batch->ranges.items[i].address;
    }
    order_by_key(batch->order.items, count, batch->addresses.items, batch->scratch.items);
    batch->requests.count = 0;
    for (size_t i = 0; i < count; i++) {
        struct range *range = &batch->ranges.items[batch->order.items[i]];
        struct memory_request *last = batch->requests.count ? &batch->requests.items[batch->requests.count - 1] : NULL;
        remote_address end = range->address + range->size;
        if (last && range->address <= last->address + last->size + MAX_GAP_BYTES && end >= range->address) {
            size_t size = end - last->address;
            bytes += size > last->size ? size - last->size : 0;
            last->size = size > last->size ? size : last->size;
        } else {
            bytes += range->size;
            struct memory_request request = {.address = range->address, .size = range->size};
            if (!vector_append(&batch->requests, request))
                return error_no_memory();
        }
        range->request = (uint32_t)batch->requests.count - 1;
    }
    *ret_bytes = bytes;
    return NULL;
}

/* A range whose neighbours were not readable, by itself, into its own part of theirs. */
static struct error *read_singly(struct memory *memory, struct range *range, uint8_t *buffer)
{
    struct memory_request request = {.address = range->address, .buffer = buffer, .size = range->size};
    struct error *error = memory_read_batch(memory, &request, 1);
    range->bytes = error || request.failed ? NULL : buffer;
    return error;
}

struct error *range_batch_read(struct range_batch *batch, struct memory *memory)
{
    size_t bytes;
    struct error *error = plan(batch, &bytes);
    if (error || batch->ranges.count == 0)
        return error;
    if (!vector_reserve(&batch->window, bytes))
        return error_no_memory();
    for (size_t i = 0, used = 0; i < batch->requests.count; i++) {
        batch->requests.items[i].buffer = batch->window.items + used;
        used += batch->requests.items[i].size;
    }
    error = memory_read_batch(memory, batch->requests.items, batch->requests.count);
    for (size_t i = 0; !error && i < batch->ranges.count; i++) {
        struct range *range = &batch->ranges.items[i];
        const struct memory_request *request = &batch->requests.items[range->request];
        uint8_t *place = (uint8_t *)request->buffer + (range->address - request->address);
        range->bytes = place;
        /* Where ranges overlap, each reading repeats the same bytes or fails by itself. */
        if (request->failed)
            error = read_singly(memory, range, place);
    }
    return error;
}
