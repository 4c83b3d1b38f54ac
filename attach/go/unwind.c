#include "attach/go/unwind.h"

#include <string.h>

#include "heaptop/base/cursor.h"

/* internal/abi/symtab.go (up to Go 1.20 runtime/symtab.go), Go 1.19-1.27. */
#define FUNC_FLAG_TOP_FRAME 1u
#define FUNC_FLAG_SP_WRITE 2u
/* Stacks are at most 1 GB (runtime/proc.go main, maxstacksize), frames far smaller. */
#define MAX_DELTA (1 << 30)
/* Addresses that are remembered; garbage on torn stacks could otherwise add up for ever. */
#define MAX_STEPS ((size_t)1 << 20)

static struct error *look_up_in_pclntab(void *context, uint64_t pc, struct unwind_step *ret_step)
{
    const struct go_process *process = context;
    struct go_function function;
    int32_t delta = 0;
    *ret_step = (struct unwind_step){.kind = UNWIND_UNKNOWN};
    if (!process->pclntab)
        return NULL;
    uint64_t address = pc - process->context.load_bias;
    struct error *error = pclntab_find_function(process->pclntab, address, &function);
    if (!error) {
        /* runtime.cgocallback keeps its frame on both stacks while it changes from one to the other
         * (runtime/traceback.go). */
        bool writes_sp = (function.flag & FUNC_FLAG_SP_WRITE) && strcmp(function.name, "runtime.cgocallback") != 0;
        bool is_top = function.flag & FUNC_FLAG_TOP_FRAME;
        ret_step->kind = is_top ? UNWIND_OUTERMOST : writes_sp ? UNWIND_WRITES_SP : UNWIND_FRAME;
        error = pclntab_find_stack_delta(process->pclntab, address, &delta);
        if (error && error->kind == ERROR_NOT_FOUND)
            ret_step->kind = UNWIND_OUTERMOST;
        else if (error || delta < 0 || delta > MAX_DELTA)
            ret_step->kind = UNWIND_UNKNOWN;
        ret_step->delta = error ? 0 : (uint32_t)delta;
    }
    if (error && error->kind == ERROR_NO_MEMORY)
        return error;
    error_destroy(error);
    return NULL;
}

void unwinder_init(struct unwinder *unwinder, const struct go_process *process)
{
    /* It is only read. */
    unwinder_init_with(unwinder, look_up_in_pclntab, (void *)(uintptr_t)process);
}

void unwinder_init_with(struct unwinder *unwinder, unwind_lookup *look_up, void *context)
{
    *unwinder = (struct unwinder){.look_up = look_up, .context = context};
    table_init(&unwinder->steps);
}

void unwinder_deinit(struct unwinder *unwinder)
{
    table_deinit(&unwinder->steps);
}

static struct error *find_step(struct unwinder *unwinder, uint64_t pc, struct unwind_step *ret_step)
{
    uint64_t *known = table_find(&unwinder->steps, pc);
    if (!known) {
        struct unwind_step step;
        struct error *error = unwinder->look_up(unwinder->context, pc, &step);
        if (error)
            return error;
        if (unwinder->steps.count >= MAX_STEPS)
            table_clear(&unwinder->steps);
        known = table_insert(&unwinder->steps, pc, NULL);
        if (!known)
            return error_no_memory();
        *known = (uint64_t)step.kind << 32 | step.delta;
    }
    *ret_step = (struct unwind_step){.kind = (enum unwind_kind)(*known >> 32), .delta = (uint32_t)*known};
    return NULL;
}

/* As runtime/traceback.go unwinder (up to Go 1.20 gentraceback) goes from frame to frame. */
struct error *unwind_stack(struct unwinder *unwinder, const struct stack_copy *copy, uint64_t *pcs, size_t *ret_count,
                           enum unwind_end *ret_end)
{
    uint64_t pc = copy->pc, at = 0;
    size_t count = 0;
    enum unwind_end end = UNWIND_TOO_DEEP;
    while (count < UNWIND_MAX_FRAMES) {
        struct unwind_step step;
        struct error *error = find_step(unwinder, pc, &step);
        if (error)
            return error;
        end = UNWIND_BROKEN;
        if (step.kind == UNWIND_UNKNOWN)
            break;
        pcs[count++] = pc;
        end = UNWIND_WHOLE;
        if (step.kind == UNWIND_OUTERMOST)
            break;
        end = UNWIND_BROKEN;
        if (step.kind == UNWIND_WRITES_SP && !(count == 1 && copy->in_syscall))
            break;
        at += step.delta;
        if (at > copy->high - copy->sp || copy->high - copy->sp - at < 8)
            break;
        end = UNWIND_SHORT_COPY;
        if (!bytes_u64_at(copy->bytes, copy->size, (size_t)at, &pc))
            break;
        at += 8;
        end = UNWIND_TOO_DEEP;
    }
    *ret_count = count;
    *ret_end = end;
    return NULL;
}
