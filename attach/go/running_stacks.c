#include "attach/go/running_stacks.h"

#include <stdlib.h>
#include <string.h>

#include "attach/thread_stop.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

/* Of a deeper stack the outer part is not read: the thread would stand still for longer. */
#define WINDOW_BYTES (64u << 10)

/* One goroutine that runs, while its thread stands still. */
struct running {
    const struct goroutine_stacks *stacks;
    const struct record_set *records;
    size_t start;
    size_t index;               /* Of the goroutine. */
    struct goroutine now;       /* What its g says then. */
    struct stack_copy copy;
    uint8_t *bytes;             /* Of the stack; WINDOW_BYTES. */
    bool is_read;
    bool left_stack;            /* It is on its thread's stack: the copy is of its own, where it left that. */
};

/* A thread_stop_visitor. */
static void copy_stack(void *context, const struct thread_registers *registers)
{
    struct running *running = context;
    const struct go_process *process = running->stacks->process;
    struct memory *memory = process->context.memory;
    uint8_t bytes[RECORD_SET_MAX_RECORD_BYTES];
    size_t size = running->records->record_size;
    _cleanup_error_ struct error *error =
        memory_read(memory, running->records->addresses.items[running->index], bytes, size);
    if (error)
        return;
    struct copied_struct copied = {
        .layout = &process->layout, .bytes = bytes, .size = size, .start = running->start};
    running->now = goroutine_decode(&copied);
    if (running->now.status != GOROUTINE_RUNNING)
        return;
    struct stack_copy copy = {.pc = registers->pc, .sp = registers->sp, .high = running->now.stack_high};
    uint64_t low = copied_struct_get_or_zero(&copied, GO_FIELD_G_STACK_LO);
    if (copy.sp <= low || copy.sp >= copy.high) {
        /* On the thread's own stack, in the runtime: where the goroutine left its own is noted in its g. Outside of
         * Go's code (in the kernel's clock) it is not. */
        if (registers->pc < process->text || registers->pc >= process->end_text)
            return;
        copy.pc = running->now.pc;
        copy.sp = running->now.sp;
        running->left_stack = true;
    }
    if (copy.sp % 8 != 0 || copy.sp <= low || copy.sp >= copy.high)
        return;
    copy.size = copy.high - copy.sp < WINDOW_BYTES ? (size_t)(copy.high - copy.sp) : WINDOW_BYTES;
    struct memory_request request = {.address = copy.sp, .buffer = running->bytes, .size = copy.size};
    error = memory_read_batch(memory, &request, 1);
    copy.bytes = running->bytes;
    running->copy = copy;
    running->is_read = !error && !request.failed;
}

/* The kernel's id of the thread that runs it; 0 when it is none of the process's. */
static pid_t find_thread(const struct go_process *process, remote_address g, const struct snapshot *snapshot)
{
    const struct go_layout *layout = &process->layout;
    uint64_t machine = 0, thread = 0;
    if (!go_layout_has(layout, GO_FIELD_G_M) || !go_layout_has(layout, GO_FIELD_M_PROCID))
        return 0;
    struct memory *memory = process->context.memory;
    struct error *error = memory_read_u64(memory, g + (uint64_t)layout->offset[GO_FIELD_G_M], &machine);
    if (!error && machine != 0)
        error = memory_read_u64(memory, machine + (uint64_t)layout->offset[GO_FIELD_M_PROCID], &thread);
    error_destroy(error);
    for (size_t i = 0; i < snapshot->num_threads; i++) {
        if ((uint64_t)snapshot->threads[i].tid == thread)
            return snapshot->threads[i].tid;
    }
    return 0;
}

/* Whether a goroutine has left its own stack for its thread's, and noted where: only then its g tells. */
static bool is_on_system_stack(const struct go_process *process, uint64_t pc)
{
    struct go_function function;
    if (!process->pclntab)
        return false;
    _cleanup_error_ struct error *error =
        pclntab_find_function(process->pclntab, pc - process->context.load_bias, &function);
    return !error && strcmp(function.name, "runtime.systemstack_switch") == 0;
}

static struct error *take_stack(struct goroutine_stacks *stacks, struct goroutine *goroutine,
                                const struct running *running)
{
    uint64_t pcs[UNWIND_MAX_FRAMES];
    size_t depth = 0;
    enum unwind_end end;
    struct error *error = unwind_stack(&stacks->unwinder, &running->copy, pcs, &depth, &end);
    if (error || depth == 0)
        return error;
    /* Names are looked up before an address, as behind a call; this one is where the processor is. */
    pcs[0] += !running->left_stack;
    error = go_frames_traceback(stacks->frames, pcs, depth, &goroutine->stack);
    goroutine->stack_cut = end != UNWIND_WHOLE;
    return error;
}

struct error *running_stacks_read(struct goroutine_stacks *stacks, struct goroutine *goroutines, size_t count,
                                  const struct record_set *records, size_t start, struct snapshot *snapshot)
{
    size_t asked = 0, missed = 0;
    const char *reason = "it moved on";
    if (snapshot->target.inner_pid != 0 && snapshot->target.inner_pid != snapshot->target.pid) {
        snapshot_add_problem(snapshot, "running goroutines: in another pid namespace their threads are not known");
        return NULL;
    }
    _cleanup_free_ uint8_t *bytes = malloc(WINDOW_BYTES);
    if (!bytes)
        return error_no_memory();
    _cleanup_error_ struct error *last = NULL;
    for (size_t i = 0; i < count && asked < RUNNING_STACKS_MAX; i++) {
        struct goroutine *goroutine = &goroutines[i];
        if (goroutine->status != GOROUTINE_RUNNING)
            continue;
        struct running running = {
            .stacks = stacks, .records = records, .start = start, .index = i, .bytes = bytes};
        struct thread_stop_result result = {.stopped = false};
        pid_t tid = find_thread(stacks->process, records->addresses.items[i] - start, snapshot);
        asked++;
        struct error *error = tid ? thread_stop(tid, copy_stack, &running, &result) : NULL;
        snapshot->cost.stops += result.stopped;
        snapshot->cost.stop_ns += result.stop_ns;
        bool is_same = running.is_read && running.now.goid == goroutine->goid &&
                       (!running.left_stack || is_on_system_stack(stacks->process, running.copy.pc));
        missed += error || !is_same;
        if (error) {
            error_destroy(last);
            last = error;
            reason = error->message;
            continue;
        }
        error = is_same ? take_stack(stacks, goroutine, &running) : NULL;
        if (error)
            return error;
    }
    if (missed > 0)
        snapshot_add_problem(snapshot, "running goroutines: of %zu stopped, %zu show no stack: %s", asked, missed,
                             reason);
    return NULL;
}
