#include "attach/go/scheduler.h"

#include <string.h>

#include "attach/go/copied_struct.h"
#include "attach/go/goroutine.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

/* runtime/runtime2.go: _Pidle, _Prunning, _Psyscall (up to Go 1.25), _Pgcstop; 4 is a P that is not in use. */
enum { P_IDLE, P_RUNNING, P_SYSCALL, P_GCSTOP, P_DEAD };

/* Each P's fields lie in two places: at its start, and around the run queue that is 2 KiB long. */
static const enum go_field head_fields[] = {GO_FIELD_P_ID, GO_FIELD_P_STATUS, GO_FIELD_P_SCHEDTICK,
                                            GO_FIELD_P_SYSCALLTICK, GO_FIELD_P_M};
static const enum go_field queue_fields[] = {GO_FIELD_P_RUNQHEAD, GO_FIELD_P_RUNQTAIL};
static const enum go_field sched_fields[] = {
    GO_FIELD_SCHED_NMIDLE,  GO_FIELD_SCHED_NMIDLELOCKED, GO_FIELD_SCHED_MNEXT,   GO_FIELD_SCHED_NMFREED,
    GO_FIELD_SCHED_NPIDLE,  GO_FIELD_SCHED_NMSPINNING,   GO_FIELD_SCHED_RUNQSIZE,
};
/* runtime/runtime2.go: p.runq has so many places. */
#define RUN_QUEUE_MAX 256u

static const char procs_missing[] = "runtime.allp was not found or could not be read";
static const char sched_missing[] = "runtime.sched was not found, or its layout is not known";
static const char machines_missing[] = "the runtime's list of threads was not found or could not be read";

void scheduler_deinit(struct scheduler *scheduler)
{
    vector_deinit(&scheduler->bytes);
    vector_deinit(&scheduler->requests);
    vector_deinit(&scheduler->ticks);
}

static void set_all(struct snapshot *snapshot, const enum counter_id *ids, size_t count, const char *reason)
{
    for (size_t i = 0; i < count; i++)
        snapshot_set_unavailable(snapshot, ids[i], reason);
}

/* ---- sched ---- */

static struct error *sample_sched(const struct go_process *process, struct snapshot *snapshot)
{
    static const struct {
        enum counter_id id;
        enum go_field field;
    } counts[] = {{COUNTER_GLOBAL_RUN_QUEUE, GO_FIELD_SCHED_RUNQSIZE},
                  {COUNTER_MACHINES_IDLE, GO_FIELD_SCHED_NMIDLE},
                  {COUNTER_MACHINES_LOCKED_IDLE, GO_FIELD_SCHED_NMIDLELOCKED},
                  {COUNTER_MACHINES_SPINNING, GO_FIELD_SCHED_NMSPINNING}};
    remote_address sched = go_variable(process, GO_VARIABLE_SCHED);
    uint8_t bytes[512];
    size_t start = 0, size;
    struct memory_request request = {.failed = true};
    if (sched && go_layout_range(&process->layout, sched_fields, ARRAY_SIZE(sched_fields), &start, &size) &&
        size <= sizeof(bytes)) {
        request = (struct memory_request){.address = sched + start, .buffer = bytes, .size = size};
        struct error *error = memory_read_batch(process->context.memory, &request, 1);
        if (error)
            return error;
    }
    struct copied_struct copied = {.layout = &process->layout, .bytes = bytes, .size = request.size, .start = start};
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        uint64_t value;
        /* Counts of 32 bits; below 0 only while a thread is about to be counted. */
        if (!request.failed && copied_struct_get(&copied, counts[i].field, &value))
            snapshot_set(snapshot, counts[i].id, (int32_t)value < 0 ? 0 : (int32_t)value);
        else
            snapshot_set_unavailable(snapshot, counts[i].id, sched_missing);
    }
    uint64_t made, freed;
    if (!request.failed && copied_struct_get(&copied, GO_FIELD_SCHED_MNEXT, &made) &&
        copied_struct_get(&copied, GO_FIELD_SCHED_NMFREED, &freed) && made >= freed && made - freed <= INT32_MAX)
        snapshot_set(snapshot, COUNTER_MACHINES, (int64_t)(made - freed));
    else
        snapshot_set_unavailable(snapshot, COUNTER_MACHINES, sched_missing);
    return NULL;
}

/* ---- machines ---- */

static void count_machines(const struct machines *machines, struct snapshot *snapshot)
{
    static const enum counter_id ids[] = {COUNTER_MACHINES_LOCKED, COUNTER_MACHINES_IN_C};
    if (!machines->known) {
        set_all(snapshot, ids, ARRAY_SIZE(ids), machines_missing);
        return;
    }
    int64_t locked = 0, in_c = 0;
    for (size_t i = 0; i < machines->list.count; i++) {
        const struct machine *machine = &machines->list.items[i];
        locked += machine->locked_goroutine != 0 && machine->thread != 0;
        in_c += machine->in_c && machine->goid != 0 && machine->thread != 0;
    }
    snapshot_set(snapshot, COUNTER_MACHINES_LOCKED, locked);
    snapshot_set(snapshot, COUNTER_MACHINES_IN_C, in_c);
}

static const struct machine *machine_at(const struct machines *machines, remote_address address)
{
    for (size_t i = 0; address != 0 && i < machines->list.count; i++) {
        if (machines->list.items[i].address == address)
            return &machines->list.items[i];
    }
    return NULL;
}

/* ---- Ps ---- */

/* The places of one P's fields in the copied bytes. */
struct proc_layout {
    size_t head_start, head_size, queue_start, queue_size, next_start, record;
    bool known;
};

static struct proc_layout lay_out(const struct go_layout *layout)
{
    struct proc_layout places = {.record = 0};
    places.known =
        go_layout_has_all(layout, head_fields, ARRAY_SIZE(head_fields)) &&
        go_layout_has_all(layout, queue_fields, ARRAY_SIZE(queue_fields)) &&
        go_layout_has(layout, GO_FIELD_P_RUNNEXT) &&
        go_layout_range(layout, head_fields, ARRAY_SIZE(head_fields), &places.head_start, &places.head_size) &&
        go_layout_range(layout, queue_fields, ARRAY_SIZE(queue_fields), &places.queue_start, &places.queue_size);
    places.next_start = places.known ? (size_t)layout->offset[GO_FIELD_P_RUNNEXT] : 0;
    places.record = places.head_size + places.queue_size + 8;
    return places;
}

static struct error *read_procs(struct scheduler *scheduler, const struct go_process *process,
                                const struct procs *procs, const struct proc_layout *places, bool *ret_ok)
{
    size_t count = procs->addresses.count;
    *ret_ok = false;
    if (!vector_reserve(&scheduler->bytes, count * places->record) || !vector_reserve(&scheduler->requests, count * 3))
        return error_no_memory();
    for (size_t i = 0; i < count; i++) {
        uint8_t *record = scheduler->bytes.items + i * places->record;
        remote_address proc = procs->addresses.items[i];
        struct memory_request *requests = &scheduler->requests.items[i * 3];
        requests[0] = (struct memory_request){
            .address = proc + places->head_start, .buffer = record, .size = places->head_size};
        record += places->head_size;
        requests[1] = (struct memory_request){
            .address = proc + places->queue_start, .buffer = record, .size = places->queue_size};
        record += places->queue_size;
        requests[2] = (struct memory_request){.address = proc + places->next_start, .buffer = record, .size = 8};
    }
    struct error *error = memory_read_batch(process->context.memory, scheduler->requests.items, count * 3);
    if (error)
        return error;
    for (size_t i = 0; i < count * 3; i++) {
        if (scheduler->requests.items[i].failed)
            return NULL;
    }
    *ret_ok = true;
    return NULL;
}

/* What the P is at. From Go 1.26 one whose goroutine is in a system call stays running. */
static uint8_t state_of(uint64_t status, const struct machine *machine)
{
    switch (status) {
    case P_RUNNING:
        return machine && machine->goid != 0 && machine->status == GOROUTINE_SYSCALL ? PROC_SYSTEM_CALL : PROC_RUNNING;
    case P_SYSCALL:
        return PROC_SYSTEM_CALL;
    case P_GCSTOP:
        return PROC_STOPPED;
    default:
        return PROC_IDLE;
    }
}

static struct proc decode_proc(const struct go_process *process, const struct machines *machines,
                               const struct proc_layout *places, const uint8_t *record)
{
    struct copied_struct head = {
        .layout = &process->layout, .bytes = record, .size = places->head_size, .start = places->head_start};
    struct copied_struct queue = {.layout = &process->layout,
                                  .bytes = record + places->head_size,
                                  .size = places->queue_size,
                                  .start = places->queue_start};
    struct copied_struct next = {.layout = &process->layout,
                                 .bytes = record + places->head_size + places->queue_size,
                                 .size = 8,
                                 .start = places->next_start};
    const struct machine *machine = machine_at(machines, copied_struct_get_or_zero(&head, GO_FIELD_P_M));
    uint32_t waiting = (uint32_t)copied_struct_get_or_zero(&queue, GO_FIELD_P_RUNQTAIL) -
                       (uint32_t)copied_struct_get_or_zero(&queue, GO_FIELD_P_RUNQHEAD);
    /* Head and tail are not read in one moment by the threads that write them either. */
    if (waiting > RUN_QUEUE_MAX)
        waiting = 0;
    return (struct proc){
        .id = (uint32_t)copied_struct_get_or_zero(&head, GO_FIELD_P_ID),
        .state = state_of(copied_struct_get_or_zero(&head, GO_FIELD_P_STATUS), machine),
        .queue = waiting + (copied_struct_get_or_zero(&next, GO_FIELD_P_RUNNEXT) != 0),
        .machine = machine ? machine->id : -1,
        .tid = machine && machine->thread <= INT32_MAX ? (pid_t)machine->thread : 0,
        .goid = machine ? machine->goid : 0,
        .schedule_ticks = (uint32_t)copied_struct_get_or_zero(&head, GO_FIELD_P_SCHEDTICK),
        .system_call_ticks = (uint32_t)copied_struct_get_or_zero(&head, GO_FIELD_P_SYSCALLTICK),
    };
}

/* Ticks since the last sample; a P seen for the first time brings all that it has. */
static struct error *add_ticks(struct scheduler *scheduler, size_t index, const struct proc *proc)
{
    while (scheduler->ticks.count <= index) {
        if (!vector_append(&scheduler->ticks, (struct proc_ticks){0}))
            return error_no_memory();
    }
    struct proc_ticks *ticks = &scheduler->ticks.items[index];
    scheduler->schedule_ticks += proc->schedule_ticks - ticks->schedule;
    scheduler->system_call_ticks += proc->system_call_ticks - ticks->system_call;
    *ticks = (struct proc_ticks){.schedule = proc->schedule_ticks, .system_call = proc->system_call_ticks};
    return NULL;
}

static const enum counter_id proc_counters[] = {
    COUNTER_PROCS_IDLE, COUNTER_PROCS_RUNNING,  COUNTER_PROCS_SYSCALL, COUNTER_PROCS_STOPPED,
    COUNTER_RUN_QUEUE,  COUNTER_SCHEDULE_TICKS, COUNTER_SYSCALL_TICKS,
};

static struct error *sample_procs(struct scheduler *scheduler, const struct go_process *process,
                                  const struct procs *procs, const struct machines *machines,
                                  struct snapshot *snapshot)
{
    static const enum counter_id by_state[PROC_STATES] = {
        [PROC_IDLE] = COUNTER_PROCS_IDLE,
        [PROC_RUNNING] = COUNTER_PROCS_RUNNING,
        [PROC_SYSTEM_CALL] = COUNTER_PROCS_SYSCALL,
        [PROC_STOPPED] = COUNTER_PROCS_STOPPED,
    };
    struct proc_layout places = lay_out(&process->layout);
    size_t count = procs->addresses.count;
    bool is_read = false;
    struct error *error = NULL;
    if (places.known && count > 0)
        error = read_procs(scheduler, process, procs, &places, &is_read);
    if (error || !is_read) {
        set_all(snapshot, proc_counters, ARRAY_SIZE(proc_counters), procs_missing);
        return error;
    }
    snapshot->procs = arena_alloc_array(&snapshot->arena, count, sizeof(struct proc));
    if (!snapshot->procs)
        return error_no_memory();
    int64_t states[PROC_STATES] = {0}, queued = 0;
    for (size_t i = 0; i < count; i++) {
        struct proc *proc = &snapshot->procs[i];
        *proc = decode_proc(process, machines, &places, scheduler->bytes.items + i * places.record);
        states[proc->state]++;
        queued += proc->queue;
        error = add_ticks(scheduler, i, proc);
        if (error)
            return error;
    }
    snapshot->num_procs = count;
    for (int state = 0; state < PROC_STATES; state++)
        snapshot_set(snapshot, by_state[state], states[state]);
    snapshot_set(snapshot, COUNTER_RUN_QUEUE, queued);
    snapshot_set(snapshot, COUNTER_SCHEDULE_TICKS, (int64_t)scheduler->schedule_ticks);
    snapshot_set(snapshot, COUNTER_SYSCALL_TICKS, (int64_t)scheduler->system_call_ticks);
    return NULL;
}

struct error *scheduler_sample(struct scheduler *scheduler, const struct go_process *process, const struct procs *procs,
                               const struct machines *machines, struct snapshot *snapshot)
{
    struct error *error = sample_sched(process, snapshot);
    if (!error)
        error = sample_procs(scheduler, process, procs, machines, snapshot);
    count_machines(machines, snapshot);
    return error;
}
