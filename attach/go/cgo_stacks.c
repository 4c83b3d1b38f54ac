#include "attach/go/cgo_stacks.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/table.h"

/* How cmd/cgo names the functions that make a call (src/cmd/cgo/out.go, Go 1.19 to 1.27): main._Cfunc_puts in Go, and
 * in C _cgo_0123456789ab_Cfunc_puts; _C2func where the caller wants errno too. */
static const char *const call_names[] = {"_Cfunc_", "_C2func_"};

/* What is called, as such a name tells; NULL when it is none. */
static const char *called_function(const char *name)
{
    for (size_t i = 0; i < sizeof(call_names) / sizeof(call_names[0]); i++) {
        const char *found = strstr(name, call_names[i]);
        if (found)
            return found + strlen(call_names[i]);
    }
    return NULL;
}

/* The number of frames before the first of Go's code; the depth when there is none of it. */
static uint32_t count_outside(const struct catalog *catalog, const struct stack *stack, uint64_t text,
                              uint64_t end_text)
{
    uint32_t count = 0;
    while (count < stack->depth) {
        uint64_t address = catalog_frame(catalog, stack->frames[count])->address;
        if (address >= text && address < end_text)
            break;
        count++;
    }
    return count;
}

/* Whether the C frames are of the call that the goroutine makes, as far as their names tell. */
static bool is_same_call(const struct catalog *catalog, const struct stack *c, uint32_t depth, const struct stack *go)
{
    const char *made = go->depth > 0 ? called_function(catalog_function(catalog, go->frames[0])) : NULL;
    const char *seen = depth > 0 ? called_function(catalog_function(catalog, c->frames[depth - 1])) : NULL;
    return made && depth > 0 && (!seen || strcmp(made, seen) == 0);
}

static struct error *join(struct snapshot *snapshot, struct thread *thread, const struct goroutine_group *group,
                          uint64_t text, uint64_t end_text)
{
    struct catalog *catalog = snapshot->catalog;
    struct stack c = catalog_stack(catalog, thread->stack), go = catalog_stack(catalog, group->stack);
    uint32_t depth = count_outside(catalog, &c, text, end_text);
    if (depth == c.depth || !is_same_call(catalog, &c, depth, &go))
        return NULL;
    _cleanup_free_ frame_id *frames = malloc((depth + go.depth) * sizeof(*frames));
    if (!frames)
        return error_no_memory();
    memcpy(frames, c.frames, depth * sizeof(*frames));
    memcpy(frames + depth, go.frames, go.depth * sizeof(*frames));
    stack_id joined = catalog_add_stack(catalog, frames, depth + go.depth);
    if (!joined)
        return error_no_memory();
    thread->stack = joined;
    thread->stack_quality = group->stack_cut ? STACK_CUT : STACK_WHOLE;
    return NULL;
}

static bool may_join(const struct thread *thread)
{
    return thread->role == THREAD_IN_C && thread->goid != 0 && thread->stack != 0;
}

struct error *cgo_stacks_join(struct snapshot *snapshot, uint64_t text, uint64_t end_text)
{
    struct table threads;       /* goid -> index + 1. */
    struct error *error = NULL;
    table_init(&threads);
    for (size_t i = 0; i < snapshot->num_threads && !error; i++) {
        uint64_t *place =
            may_join(&snapshot->threads[i]) ? table_insert(&threads, snapshot->threads[i].goid, NULL) : NULL;
        if (place)
            *place = i + 1;
        else if (may_join(&snapshot->threads[i]))
            error = error_no_memory();
    }
    bool is_listed_now = snapshot_goroutines_age_ns(snapshot) == 0;
    for (size_t i = 0; threads.count > 0 && is_listed_now && i < snapshot->num_goroutines && !error; i++) {
        const struct listed_goroutine *goroutine = &snapshot->goroutines[i];
        const uint64_t *place = table_find(&threads, goroutine->goid);
        if (place && *place > 0 && goroutine->group < snapshot->num_goroutine_groups)
            error = join(snapshot, &snapshot->threads[*place - 1], &snapshot->goroutine_groups[goroutine->group], text,
                         end_text);
    }
    table_deinit(&threads);
    return error;
}
