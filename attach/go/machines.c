#include "attach/go/machines.h"

#include <stdlib.h>
#include <string.h>

#include "attach/go/copied_struct.h"
#include "attach/go/goroutine.h"
#include "attach/go/peek.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

#define STATUS_SCAN_BIT 0x1000u

static const enum go_field needed_fields[] = {GO_FIELD_M_PROCID, GO_FIELD_M_CURG, GO_FIELD_M_ALLLINK};
/* The range that is copied of each M. */
static const enum go_field wanted_fields[] = {
    GO_FIELD_M_PROCID,   GO_FIELD_M_CURG,     GO_FIELD_M_ALLLINK, GO_FIELD_M_ID,    GO_FIELD_M_P,
    GO_FIELD_M_MSTARTFN, GO_FIELD_M_SPINNING, GO_FIELD_M_INCGO,   GO_FIELD_M_LOCKEDG,
};

void machines_deinit(struct machines *machines)
{
    vector_deinit(&machines->list);
    vector_deinit(&machines->bytes);
    vector_deinit(&machines->requests);
    vector_deinit(&machines->goroutine_words);
}

static struct machine decode(const struct go_process *process, remote_address address, const uint8_t *bytes,
                             size_t start, size_t size)
{
    struct copied_struct copied = {.layout = &process->layout, .bytes = bytes, .size = size, .start = start};
    return (struct machine){
        .address = address,
        .next = copied_struct_get_or_zero(&copied, GO_FIELD_M_ALLLINK),
        .goroutine = copied_struct_get_or_zero(&copied, GO_FIELD_M_CURG),
        .locked_goroutine = copied_struct_get_or_zero(&copied, GO_FIELD_M_LOCKEDG),
        .proc = copied_struct_get_or_zero(&copied, GO_FIELD_M_P),
        .start = copied_struct_get_or_zero(&copied, GO_FIELD_M_MSTARTFN),
        .thread = copied_struct_get_or_zero(&copied, GO_FIELD_M_PROCID),
        .id = (int64_t)copied_struct_get_or_zero(&copied, GO_FIELD_M_ID),
        .spinning = copied_struct_get_or_zero(&copied, GO_FIELD_M_SPINNING) != 0,
        .in_c = copied_struct_get_or_zero(&copied, GO_FIELD_M_INCGO) != 0,
    };
}

/* Reads all Ms of the list known. *ret_linked: each still leads to the next, and the last to none. */
static struct error *read_known(struct machines *machines, const struct go_process *process, remote_address head,
                                size_t start, size_t size, bool *ret_linked)
{
    size_t count = machines->list.count;
    *ret_linked = false;
    if (count == 0 || machines->list.items[0].address != head)
        return NULL;
    if (!vector_reserve(&machines->bytes, count * size) || !vector_reserve(&machines->requests, count))
        return error_no_memory();
    for (size_t i = 0; i < count; i++)
        machines->requests.items[i] = (struct memory_request){.address = machines->list.items[i].address + start,
                                                              .buffer = machines->bytes.items + i * size,
                                                              .size = size};
    struct error *error = memory_read_batch(process->context.memory, machines->requests.items, count);
    if (error)
        return error;
    for (size_t i = 0; i < count; i++) {
        struct machine *known = &machines->list.items[i];
        struct machine now = decode(process, known->address, machines->bytes.items + i * size, start, size);
        if (machines->requests.items[i].failed ||
            now.next != (i + 1 < count ? machines->list.items[i + 1].address : 0))
            return NULL;
        now.is_runtime = known->is_runtime;
        *known = now;
    }
    *ret_linked = true;
    return NULL;
}

/* Whether the function that an M was started with never gives it back: runtime/proc.go newm(sysmon, ...),
 * newm(templateThread, ...). Others (mspinning) return into the scheduler. */
static bool is_endless(const struct go_process *process, struct peek *peek, remote_address start)
{
    struct go_function function;
    if (start == 0)
        return false;
    uint64_t code = peek_u64(peek, start);
    if (code < process->text || code >= process->end_text)
        return false;
    struct error *error = pclntab_find_function(process->pclntab, code - process->context.load_bias, &function);
    if (error) {
        error_destroy(error);
        return false;
    }
    return strcmp(function.name, "runtime.sysmon") == 0 || strcmp(function.name, "runtime.templateThread") == 0;
}

/* Follows the list one by one. It ends at an M that is not readable, and where it would lead back it ends at the
 * number of threads there are, with some to spare for those that come and go meanwhile. */
static struct error *walk(struct machines *machines, const struct go_process *process, remote_address head,
                          size_t start, size_t size, size_t most)
{
    struct peek peek = {.memory = process->context.memory};
    machines->list.count = 0;
    if (!vector_reserve(&machines->bytes, size))
        return error_no_memory();
    remote_address address = head;
    while (address != 0 && address % 8 == 0 && machines->list.count < most) {
        struct memory_request request = {
            .address = address + start, .buffer = machines->bytes.items, .size = size};
        struct error *error = memory_read_batch(process->context.memory, &request, 1);
        if (error || request.failed)
            return error;
        struct machine machine = decode(process, address, machines->bytes.items, start, size);
        machine.is_runtime = is_endless(process, &peek, machine.start);
        if (peek.error)
            return peek.error;
        peek.failed = false;
        if (!vector_append(&machines->list, machine))
            return error_no_memory();
        address = machine.next;
    }
    machines->known = address == 0;
    return NULL;
}

/* The words that tell of a goroutine: its id, and its state. */
enum { WORD_GOID, WORD_STATUS, WORD_LOCKED_GOID, WORDS };

static bool is_pointer(remote_address address)
{
    return address != 0 && address % 8 == 0 && address < UINT64_MAX - COPIED_STRUCT_MAX_BYTES;
}

/* Reads the ids and states of the goroutines that the Ms have. */
static struct error *read_goroutines(struct machines *machines, const struct go_process *process)
{
    const struct go_layout *layout = &process->layout;
    size_t count = machines->list.count, wanted = 0;
    if (!vector_reserve(&machines->goroutine_words, count * WORDS) ||
        !vector_reserve(&machines->requests, count * WORDS))
        return error_no_memory();
    if (count == 0)
        return NULL;
    uint64_t *words = machines->goroutine_words.items;
    memset(words, 0, count * WORDS * sizeof(*words));
    for (size_t i = 0; i < count; i++) {
        const struct machine *machine = &machines->list.items[i];
        const struct {
            remote_address goroutine;
            enum go_field field;
            size_t size;
        } fields[WORDS] = {[WORD_GOID] = {machine->goroutine, GO_FIELD_G_GOID, 8},
                           [WORD_STATUS] = {machine->goroutine, GO_FIELD_G_ATOMICSTATUS, 4},
                           [WORD_LOCKED_GOID] = {machine->locked_goroutine, GO_FIELD_G_GOID, 8}};
        for (size_t word = 0; word < WORDS; word++) {
            if (is_pointer(fields[word].goroutine) && go_layout_has(layout, fields[word].field))
                machines->requests.items[wanted++] = (struct memory_request){
                    .address = fields[word].goroutine + (uint64_t)layout->offset[fields[word].field],
                    .buffer = (uint8_t *)&words[i * WORDS + word],
                    .size = fields[word].size};
        }
    }
    struct error *error = memory_read_batch(process->context.memory, machines->requests.items, wanted);
    for (size_t i = 0; !error && i < count; i++) {
        struct machine *machine = &machines->list.items[i];
        const uint8_t *bytes = (const uint8_t *)&words[i * WORDS];
        uint32_t status = 0;
        bytes_u64_at(bytes, WORDS * 8, WORD_GOID * 8, &machine->goid);
        bytes_u32_at(bytes, WORDS * 8, WORD_STATUS * 8, &status);
        bytes_u64_at(bytes, WORDS * 8, WORD_LOCKED_GOID * 8, &machine->locked_goid);
        machine->status = status & ~STATUS_SCAN_BIT;
    }
    return error;
}

struct error *machines_read(struct machines *machines, const struct go_process *process, size_t most)
{
    remote_address variable = go_variable(process, GO_VARIABLE_ALLM), head;
    size_t start, size;
    machines->known = false;
    if (!variable || !go_layout_has_all(&process->layout, needed_fields, ARRAY_SIZE(needed_fields)) ||
        !go_layout_range(&process->layout, wanted_fields, ARRAY_SIZE(wanted_fields), &start, &size))
        return NULL;
    struct error *error = memory_read_u64(process->context.memory, variable, &head);
    if (error && error->kind == ERROR_FAULT) {
        error_destroy(error);
        return NULL;
    }
    if (!error)
        error = read_known(machines, process, head, start, size, &machines->known);
    if (!error && !machines->known)
        error = walk(machines, process, head, start, size, most < MACHINES_MAX ? most : MACHINES_MAX);
    if (!error)
        error = read_goroutines(machines, process);
    return error;
}

/* ---- threads ---- */

static int compare_machines(const void *left, const void *right)
{
    const struct machine *a = *(struct machine *const *)left, *b = *(struct machine *const *)right;
    return (a->thread > b->thread) - (a->thread < b->thread);
}

static const struct machine *find_machine(struct machine *const *machines, size_t count, uint64_t thread)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (machines[middle]->thread < thread)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && machines[low]->thread == thread ? machines[low] : NULL;
}

static enum thread_role role_of(const struct machine *machine)
{
    if (machine->is_runtime)
        return THREAD_RUNTIME;
    if (machine->goid != 0)
        return machine->in_c                                 ? THREAD_IN_C
               : machine->status == GOROUTINE_SYSCALL ? THREAD_SYSTEM_CALL
                                                             : THREAD_RUNS_GO;
    if (machine->spinning)
        return THREAD_SPINS;
    if (machine->proc != 0)
        return THREAD_SCHEDULES;
    return machine->locked_goroutine != 0 ? THREAD_LOCKED_IDLE : THREAD_IDLE;
}

static void note(struct thread *thread, const struct machine *machine, const struct procs *procs)
{
    thread->goid = machine->goid;
    thread->locked_goid = machine->locked_goid;
    thread->machine = machine->id;
    thread->role = (uint8_t)role_of(machine);
    /* As many have a P as there are Ps. */
    for (size_t i = 0; machine->proc != 0 && i < procs->addresses.count; i++) {
        if (procs->addresses.items[i] == machine->proc)
            thread->proc = (int32_t)i;
    }
}

struct error *machines_note_threads(const struct machines *machines, const struct procs *procs,
                                    struct snapshot *snapshot)
{
    size_t count = machines->list.count;
    /* In another pid namespace than heaptop's the runtime knows its threads by other numbers. */
    bool is_elsewhere = snapshot->target.inner_pid != 0 && snapshot->target.inner_pid != snapshot->target.pid;
    if (count == 0 || is_elsewhere || snapshot->num_threads == 0)
        return NULL;
    _cleanup_free_ struct machine **sorted = calloc(count, sizeof(*sorted));
    if (!sorted)
        return error_no_memory();
    for (size_t i = 0; i < count; i++)
        sorted[i] = &machines->list.items[i];
    qsort(sorted, count, sizeof(*sorted), compare_machines);
    int64_t foreign = 0;
    for (size_t i = 0; i < snapshot->num_threads; i++) {
        struct thread *thread = &snapshot->threads[i];
        const struct machine *machine = find_machine(sorted, count, (uint64_t)thread->tid);
        if (machine)
            note(thread, machine, procs);
        else if (machines->known)
            thread->role = THREAD_FOREIGN;
        foreign += thread->role == THREAD_FOREIGN;
    }
    if (machines->known)
        snapshot_set(snapshot, COUNTER_FOREIGN_THREADS, foreign);
    return NULL;
}
