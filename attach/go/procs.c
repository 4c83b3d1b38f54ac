#include "attach/go/procs.h"

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

void procs_deinit(struct procs *procs)
{
    vector_deinit(&procs->addresses);
    vector_deinit(&procs->bytes);
    vector_deinit(&procs->requests);
}

struct error *procs_read(struct procs *procs, const struct go_process *process)
{
    remote_address allp = go_variable(process, GO_VARIABLE_ALLP);
    uint8_t header[16];
    uint64_t list = 0, count = 0;
    procs->addresses.count = 0;
    if (!allp)
        return NULL;
    struct memory_request request = {.address = allp, .buffer = header, .size = sizeof(header)};
    struct error *error = memory_read_batch(process->context.memory, &request, 1);
    if (error || request.failed)
        return error;
    bytes_u64_at(header, sizeof(header), 0, &list);
    bytes_u64_at(header, sizeof(header), 8, &count);
    if (count > PROCS_MAX)
        return NULL;
    if (!vector_reserve(&procs->bytes, count * 8) || !vector_reserve(&procs->addresses, count))
        return error_no_memory();
    request = (struct memory_request){.address = list, .buffer = procs->bytes.items, .size = count * 8};
    error = memory_read_batch(process->context.memory, &request, 1);
    if (error || request.failed)
        return error;
    struct cursor cursor = cursor_over(procs->bytes.items, count * 8);
    for (size_t i = 0; i < count; i++)
        procs->addresses.items[procs->addresses.count++] = cursor_u64(&cursor);
    return NULL;
}

struct error *procs_read_field(struct procs *procs, const struct go_process *process, size_t offset, size_t size,
                               const uint8_t **ret_bytes, bool *ret_ok)
{
    size_t count = procs->addresses.count;
    *ret_ok = false;
    *ret_bytes = NULL;
    if (count == 0)
        return NULL;
    if (!vector_reserve(&procs->bytes, count * size) || !vector_reserve(&procs->requests, count))
        return error_no_memory();
    for (size_t i = 0; i < count; i++)
        procs->requests.items[i] = (struct memory_request){
            .address = procs->addresses.items[i] + offset, .buffer = procs->bytes.items + i * size, .size = size};
    struct error *error = memory_read_batch(process->context.memory, procs->requests.items, count);
    if (error)
        return error;
    for (size_t i = 0; i < count; i++) {
        if (procs->requests.items[i].failed)
            return NULL;
    }
    *ret_bytes = procs->bytes.items;
    *ret_ok = true;
    return NULL;
}
