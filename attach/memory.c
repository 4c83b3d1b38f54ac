#include "attach/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

/* The kernel's own limit on ranges in one call (UIO_MAXIOV, include/uapi/linux/uio.h). */
#define MAX_RANGES_A_CALL 1024
/* The kernel cuts a call off at 2 GiB less a page (MAX_RW_COUNT); a call well below that is never cut short for its
 * size, and lets a large read be given up in good time. */
#define MAX_BYTES_A_CALL ((size_t)256 << 20)
/* After a fault the next call carries this many ranges, then twice as many, and so on: faults tend to come in rows,
 * and every range of a call that stops at its first costs some time. */
#define RANGES_AFTER_FAULT 8

struct live_memory {
    struct memory memory;
    pid_t pid;
};

/* One call's worth of requests: what is left of the first, and as many more as fit. */
struct call {
    struct iovec local[MAX_RANGES_A_CALL], remote[MAX_RANGES_A_CALL];
    size_t requests[MAX_RANGES_A_CALL];     /* Which request each range belongs to. */
    size_t count;
};

static void fail_request(struct memory_request *request)
{
    request->failed = true;
    memset(request->buffer, 0, request->size);
}

/* Gathers ranges from requests[*next] on, of which the first `done` bytes are already read. */
static void call_gather(struct call *call, const struct memory_request *requests, size_t count, size_t next,
                        size_t done, size_t most_ranges)
{
    size_t bytes = 0;
    call->count = 0;
    for (size_t i = next; i < count && call->count < most_ranges && bytes < MAX_BYTES_A_CALL; i++) {
        const struct memory_request *request = &requests[i];
        size_t skip = i == next ? done : 0;
        if (request->failed || request->size == skip)
            continue;
        size_t size = request->size - skip;
        if (size > MAX_BYTES_A_CALL - bytes)
            size = MAX_BYTES_A_CALL - bytes;
        call->local[call->count] = (struct iovec){.iov_base = (char *)request->buffer + skip, .iov_len = size};
        call->remote[call->count] =
            (struct iovec){.iov_base = (void *)(uintptr_t)(request->address + skip), .iov_len = size};
        call->requests[call->count++] = i;
        bytes += size;
    }
}

/* A request no memory can serve is not given to the kernel, which would refuse the whole call. */
static bool request_is_possible(const struct memory_request *request)
{
    uint64_t end;
    return request->size <= SIZE_MAX / 2 && !__builtin_add_overflow(request->address, request->size, &end);
}

static struct error *live_read_batch(struct memory *memory, struct memory_request *requests, size_t count)
{
    struct live_memory *live = (struct live_memory *)memory;
    struct call call;
    size_t next = 0, done = 0, most_ranges = MAX_RANGES_A_CALL;
    for (size_t i = 0; i < count; i++) {
        requests[i].failed = false;
        if (!request_is_possible(&requests[i]))
            fail_request(&requests[i]);
    }

    for (;;) {
        call_gather(&call, requests, count, next, done, most_ranges);
        if (call.count == 0)
            return NULL;
        ssize_t got = process_vm_readv(live->pid, call.local, call.count, call.remote, call.count, 0);
        memory->read_calls++;
        if (got < 0 && errno != EFAULT) {
            int errno_value = errno;
            for (size_t i = next; i < count; i++)
                fail_request(&requests[i]);
            return error_from_errno(errno_value, "cannot read the memory of process %d", (int)live->pid);
        }

        size_t left = got > 0 ? (size_t)got : 0, range = 0;
        memory->bytes_read += left;
        while (range < call.count && left >= call.local[range].iov_len)
            left -= call.local[range++].iov_len;
        if (range == call.count) {
            /* All of it came; the last range may have been only a part of its request. */
            size_t last = call.requests[range - 1];
            size_t reached = (size_t)((char *)call.local[range - 1].iov_base - (char *)requests[last].buffer) +
                             call.local[range - 1].iov_len;
            bool is_whole = reached == requests[last].size;
            next = is_whole ? last + 1 : last;
            done = is_whole ? 0 : reached;
            most_ranges = most_ranges * 2 < MAX_RANGES_A_CALL ? most_ranges * 2 : MAX_RANGES_A_CALL;
        } else {
            /* The call stopped inside this range: it faulted, and those after it were not tried. */
            fail_request(&requests[call.requests[range]]);
            next = call.requests[range] + 1;
            done = 0;
            most_ranges = RANGES_AFTER_FAULT;
        }
    }
}

static void live_destroy(struct memory *memory)
{
    free(memory);
}

static const struct memory_ops live_ops = {
    .read_batch = live_read_batch,
    .destroy = live_destroy,
};

struct error *memory_create_live(pid_t pid, struct memory **ret_memory)
{
    struct live_memory *live = calloc(1, sizeof(*live));
    if (!live)
        return error_no_memory();
    live->memory.ops = &live_ops;
    live->pid = pid;
    *ret_memory = &live->memory;
    return NULL;
}

void memory_destroy(struct memory *memory)
{
    if (memory)
        memory->ops->destroy(memory);
}

struct error *memory_read_batch(struct memory *memory, struct memory_request *requests, size_t count)
{
    return memory->ops->read_batch(memory, requests, count);
}

struct error *memory_read(struct memory *memory, remote_address address, void *buffer, size_t size)
{
    struct memory_request request = {.address = address, .buffer = buffer, .size = size};
    struct error *error = memory_read_batch(memory, &request, 1);
    if (error)
        return error;
    if (request.failed)
        return error_create_at(ERROR_FAULT, address, "cannot read %zu bytes at 0x%llx", size,
                               (unsigned long long)address);
    return NULL;
}

/* An integer of `size` bytes, little-endian as all our targets are. */
static struct error *read_integer(struct memory *memory, remote_address address, size_t size, uint64_t *ret_value)
{
    uint8_t bytes[8];
    struct error *error = memory_read(memory, address, bytes, size);
    if (error)
        return error;
    struct cursor cursor = cursor_over(bytes, size);
    *ret_value = cursor_uint(&cursor, size);
    return NULL;
}

struct error *memory_read_u8(struct memory *memory, remote_address address, uint8_t *ret_value)
{
    return memory_read(memory, address, ret_value, sizeof(*ret_value));
}

struct error *memory_read_u32(struct memory *memory, remote_address address, uint32_t *ret_value)
{
    uint64_t value;
    struct error *error = read_integer(memory, address, sizeof(*ret_value), &value);
    if (!error)
        *ret_value = (uint32_t)value;
    return error;
}

struct error *memory_read_u64(struct memory *memory, remote_address address, uint64_t *ret_value)
{
    return read_integer(memory, address, sizeof(*ret_value), ret_value);
}
