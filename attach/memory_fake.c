/* Memory for tests: what was added, and faults everywhere else. */
#include "attach/memory.h"

#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/vector.h"

struct fake_segment {
    remote_address address;
    size_t size;
    uint8_t *bytes;     /* Owned. */
};

struct fake_memory {
    struct memory memory;
    VECTOR(struct fake_segment) segments;   /* By address, none overlapping. */
};

/* The first segment that ends after the address; segments.count when there is none. */
static size_t find_segment(const struct fake_memory *fake, remote_address address)
{
    size_t low = 0, high = fake->segments.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct fake_segment *segment = &fake->segments.items[middle];
        if (address - segment->address < segment->size || address < segment->address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool read_one(const struct fake_memory *fake, const struct memory_request *request)
{
    remote_address address = request->address;
    size_t done = 0;
    for (size_t i = find_segment(fake, address); done < request->size; i++) {
        if (i >= fake->segments.count || address < fake->segments.items[i].address)
            return false;
        const struct fake_segment *segment = &fake->segments.items[i];
        size_t offset = address - segment->address, size = segment->size - offset;
        if (size > request->size - done)
            size = request->size - done;
        memcpy((uint8_t *)request->buffer + done, segment->bytes + offset, size);
        done += size;
        address += size;
    }
    return true;
}

static struct error *fake_read_batch(struct memory *memory, struct memory_request *requests, size_t count)
{
    struct fake_memory *fake = (struct fake_memory *)memory;
    memory->read_calls++;
    for (size_t i = 0; i < count; i++) {
        requests[i].failed = !read_one(fake, &requests[i]);
        if (requests[i].failed)
            memset(requests[i].buffer, 0, requests[i].size);
        else
            memory->bytes_read += requests[i].size;
    }
    return NULL;
}

static void fake_destroy(struct memory *memory)
{
    struct fake_memory *fake = (struct fake_memory *)memory;
    for (size_t i = 0; i < fake->segments.count; i++)
        free(fake->segments.items[i].bytes);
    vector_deinit(&fake->segments);
    free(fake);
}

static const struct memory_ops fake_ops = {
    .read_batch = fake_read_batch,
    .destroy = fake_destroy,
};

struct error *memory_create_fake(struct memory **ret_memory)
{
    struct fake_memory *fake = calloc(1, sizeof(*fake));
    if (!fake)
        return error_no_memory();
    fake->memory.ops = &fake_ops;
    *ret_memory = &fake->memory;
    return NULL;
}

static struct error *insert_segment(struct fake_memory *fake, size_t index, remote_address address,
                                    const uint8_t *bytes, size_t size)
{
    _cleanup_free_ uint8_t *copy = malloc(size);
    if (!copy || !vector_reserve(&fake->segments, fake->segments.count + 1))
        return error_no_memory();
    memcpy(copy, bytes, size);
    struct fake_segment *place = &fake->segments.items[index];
    memmove(place + 1, place, (fake->segments.count - index) * sizeof(*place));
    *place = (struct fake_segment){.address = address, .size = size, .bytes = take_pointer(copy)};
    fake->segments.count++;
    return NULL;
}

struct error *memory_fake_add(struct memory *memory, remote_address address, const void *bytes, size_t size)
{
    struct fake_memory *fake = (struct fake_memory *)memory;
    const uint8_t *from = bytes;
    if (size > UINT64_MAX - address)
        return error_create(ERROR_USAGE, "a segment of %zu bytes at 0x%llx has no end", size,
                            (unsigned long long)address);
    /* Overwrites what is there, and fills the gaps between with new segments. */
    for (size_t i = find_segment(fake, address); size > 0; i++) {
        struct fake_segment *segment = i < fake->segments.count ? &fake->segments.items[i] : NULL;
        size_t part = size;
        if (segment && segment->address <= address) {
            size_t offset = address - segment->address;
            if (part > segment->size - offset)
                part = segment->size - offset;
            memcpy(segment->bytes + offset, from, part);
        } else {
            if (segment && part > segment->address - address)
                part = segment->address - address;
            struct error *error = insert_segment(fake, i, address, from, part);
            if (error)
                return error;
        }
        address += part;
        from += part;
        size -= part;
    }
    return NULL;
}
