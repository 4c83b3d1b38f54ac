#include "attach/go/machines.h"

#include <stdlib.h>

#include "attach/go/copied_struct.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

static const enum go_field wanted_fields[] = {GO_FIELD_M_PROCID, GO_FIELD_M_CURG, GO_FIELD_M_ALLLINK};

/* What one M says. */
struct machine {
    remote_address next, goroutine;
    uint64_t thread;
};

void machines_deinit(struct machines *machines)
{
    vector_deinit(&machines->list);
    vector_deinit(&machines->bytes);
    vector_deinit(&machines->requests);
}

static struct machine decode(const struct go_process *process, const uint8_t *bytes, size_t start, size_t size)
{
    struct copied_struct copied = {.layout = &process->layout, .bytes = bytes, .size = size, .start = start};
    return (struct machine){
        .next = copied_struct_get_or_zero(&copied, GO_FIELD_M_ALLLINK),
        .goroutine = copied_struct_get_or_zero(&copied, GO_FIELD_M_CURG),
        .thread = copied_struct_get_or_zero(&copied, GO_FIELD_M_PROCID),
    };
}

/* Reads all Ms of the list known. *ret_linked: each still leads to the next, and the last to none. */
static struct error *read_known(struct machines *machines, const struct go_process *process, remote_address head,
                                size_t start, size_t size, bool *ret_linked)
{
    size_t count = machines->list.count;
    *ret_linked = false;
    if (count == 0 || machines->list.items[0] != head)
        return NULL;
    if (!vector_reserve(&machines->bytes, count * size) || !vector_reserve(&machines->requests, count))
        return error_no_memory();
    for (size_t i = 0; i < count; i++)
        machines->requests.items[i] = (struct memory_request){
            .address = machines->list.items[i] + start, .buffer = machines->bytes.items + i * size, .size = size};
    struct error *error = memory_read_batch(process->context.memory, machines->requests.items, count);
    if (error)
        return error;
    for (size_t i = 0; i < count; i++) {
        remote_address next = decode(process, machines->bytes.items + i * size, start, size).next;
        if (machines->requests.items[i].failed || next != (i + 1 < count ? machines->list.items[i + 1] : 0))
            return NULL;
    }
    *ret_linked = true;
    return NULL;
}

/* Follows the list one by one. It ends at an M that is not readable, and where it would lead back it ends at the
 * number of threads there are, with some to spare for those that come and go meanwhile. */
static struct error *walk(struct machines *machines, const struct go_process *process, remote_address head,
                          size_t start, size_t size, size_t most)
{
    machines->list.count = machines->bytes.count = 0;
    for (remote_address address = head; address != 0 && address % 8 == 0 && machines->list.count < most;) {
        if (!vector_reserve(&machines->bytes, machines->bytes.count + size))
            return error_no_memory();
        uint8_t *bytes = machines->bytes.items + machines->bytes.count;
        struct memory_request request = {.address = address + start, .buffer = bytes, .size = size};
        struct error *error = memory_read_batch(process->context.memory, &request, 1);
        if (error || request.failed)
            return error;
        machines->bytes.count += size;
        if (!vector_append(&machines->list, address))
            return error_no_memory();
        address = decode(process, bytes, start, size).next;
    }
    return NULL;
}

static int compare_threads(const void *left, const void *right)
{
    const struct thread *a = *(struct thread *const *)left, *b = *(struct thread *const *)right;
    return (a->tid > b->tid) - (a->tid < b->tid);
}

static struct thread *find_thread(struct thread *const *threads, size_t count, uint64_t tid)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uint64_t)threads[middle]->tid < tid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && (uint64_t)threads[low]->tid == tid ? threads[low] : NULL;
}

/* Reads the ids of the goroutines that the Ms run and notes them with their threads. */
static struct error *note_goids(struct machines *machines, const struct go_process *process, size_t start, size_t size,
                                struct snapshot *snapshot)
{
    size_t count = machines->list.count, found = 0, num_threads = snapshot->num_threads;
    if (count == 0)
        return NULL;
    _cleanup_free_ struct thread **threads = calloc(num_threads + count, sizeof(*threads));
    _cleanup_free_ uint8_t(*goids)[8] = calloc(count, sizeof(*goids));
    if (!threads || !goids || !vector_reserve(&machines->requests, count))
        return error_no_memory();
    for (size_t i = 0; i < num_threads; i++)
        threads[i] = &snapshot->threads[i];
    qsort(threads, num_threads, sizeof(*threads), compare_threads);
    struct thread **running = threads + num_threads;    /* The thread that each request is for. */
    for (size_t i = 0; i < count; i++) {
        struct machine machine = decode(process, machines->bytes.items + i * size, start, size);
        struct thread *thread =
            machine.goroutine && machine.goroutine % 8 == 0 ? find_thread(threads, num_threads, machine.thread) : NULL;
        if (!thread)
            continue;
        machines->requests.items[found] =
            (struct memory_request){.address = machine.goroutine + (uint64_t)process->layout.offset[GO_FIELD_G_GOID],
                                    .buffer = goids[found],
                                    .size = 8};
        running[found++] = thread;
    }
    struct error *error = memory_read_batch(process->context.memory, machines->requests.items, found);
    for (size_t i = 0; !error && i < found; i++) {
        if (!machines->requests.items[i].failed)
            bytes_u64_at(goids[i], 8, 0, &running[i]->goid);
    }
    return error;
}

struct error *machines_sample(struct machines *machines, const struct go_process *process, struct snapshot *snapshot)
{
    remote_address variable = go_variable(process, GO_VARIABLE_ALLM), head;
    size_t start, size;
    /* In another pid namespace than heaptop's the runtime knows its threads by other numbers. */
    if (snapshot->target.inner_pid != 0 && snapshot->target.inner_pid != snapshot->target.pid)
        return NULL;
    if (!variable || snapshot->num_threads == 0 ||
        !go_layout_has_all(&process->layout, wanted_fields, ARRAY_SIZE(wanted_fields)) ||
        !go_layout_has(&process->layout, GO_FIELD_G_GOID) ||
        !go_layout_range(&process->layout, wanted_fields, ARRAY_SIZE(wanted_fields), &start, &size))
        return NULL;
    struct error *error = memory_read_u64(process->context.memory, variable, &head);
    if (error && error->kind == ERROR_FAULT) {
        error_destroy(error);
        return NULL;
    }
    bool linked = false;
    if (!error)
        error = read_known(machines, process, head, start, size, &linked);
    if (!error && !linked) {
        size_t most = snapshot->num_threads * 2 + 64;
        error = walk(machines, process, head, start, size, most < MACHINES_MAX ? most : MACHINES_MAX);
    }
    if (!error)
        error = note_goids(machines, process, start, size, snapshot);
    return error;
}
