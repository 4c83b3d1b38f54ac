#include "analysis/common_path.h"

#include <math.h>
#include <string.h>

#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

/* The gain must be worth so many samples for a share of it to mean something. */
#define LEAST_SAMPLES 20
/* Less than this part is not what they have in common. */
#define LEAST_SHARE 0.7
/* Functions of one stack that are looked at; more are further out than anybody would look. */
#define MOST_FRAMES 128
/* A call site that was there with the first sample, and not new then. */
#define FIRST_SAMPLE_NS UINT64_C(1000000000)

/* A function on the stacks of what was gained. */
struct passage {
    string_id function;
    double gain;
    double most;                /* The largest gain of one stack, whose frame stands for it. */
    frame_id frame;
    double distance;            /* From the start of a stack, summed by gain. */
    size_t last_stack;          /* Counted once a stack, however often it calls itself. */
};

struct passages {
    VECTOR(struct passage) items;
    struct table by_function;
};

/* What a stack has more in use than when the heap began to grow. */
static double gain_of(const struct analysis *analysis, const struct allocation_row *row)
{
    const struct series *inuse = row->inuse;
    double before = 0;
    if (!inuse || inuse->count == 0)
        return 0;
    struct point first = series_point(inuse, 0);
    if (!series_value_at(inuse, analysis->heap.since_unix_ns, &before) &&
        first.unix_ns <= analysis->first_unix_ns + FIRST_SAMPLE_NS)
        before = first.value;
    return (double)row->published.inuse_bytes - before;
}

/* Not the runtime's, not the standard library's, and not where every program begins. */
static bool tells(const struct catalog *catalog, const struct frame *frame)
{
    bool is_program = frame->origin == FRAME_APPLICATION || frame->origin == FRAME_DEPENDENCY;
    return is_program && frame->function && strcmp(catalog_string(catalog, frame->function), "main.main") != 0;
}

static struct passage *passage_of(struct passages *passages, string_id function)
{
    bool is_new;
    uint64_t *place = table_insert(&passages->by_function, function, &is_new);
    if (!place)
        return NULL;
    if (is_new) {
        *place = passages->items.count;
        if (!vector_append(&passages->items, (struct passage){.function = function, .last_stack = SIZE_MAX}))
            return NULL;
    }
    return &passages->items.items[*place];
}

static bool add_stack(struct passages *passages, const struct catalog *catalog, size_t index, stack_id id, double gain)
{
    struct stack stack = catalog_stack(catalog, id);
    for (uint32_t i = 0; i < stack.depth && i < MOST_FRAMES; i++) {
        const struct frame *frame = catalog_frame(catalog, stack.frames[i]);
        if (!tells(catalog, frame))
            continue;
        struct passage *passage = passage_of(passages, frame->function);
        if (!passage)
            return false;
        if (passage->last_stack == index)
            continue;
        passage->last_stack = index;
        passage->gain += gain;
        passage->distance += fabs(gain) * (stack.depth - i);
        if (gain > passage->most) {
            passage->most = gain;
            passage->frame = stack.frames[i];
        }
    }
    return true;
}

static const struct passage *innermost(const struct passages *passages, double gain)
{
    const struct passage *found = NULL;
    for (size_t i = 0; i < passages->items.count; i++) {
        const struct passage *passage = &passages->items.items[i];
        /* Of two as far in, on average, the one through which more passes. */
        if (passage->gain >= LEAST_SHARE * gain &&
            (!found || passage->distance / passage->gain > found->distance / found->gain ||
             (passage->distance / passage->gain == found->distance / found->gain && passage->gain > found->gain)))
            found = passage;
    }
    return found;
}

frame_id common_path_find(const struct analysis *analysis, double *ret_share)
{
    const struct snapshot *snapshot = analysis->snapshot;
    double rate = snapshot_counter_or(snapshot, COUNTER_MEM_PROFILE_RATE, 0), sum = 0;
    struct passages passages = {0};
    bool good = analysis->heap.since_unix_ns > 0;
    table_init(&passages.by_function);
    for (size_t i = 0; i < analysis->num_stacks && good; i++) {
        double gain = gain_of(analysis, &analysis->stacks[i]);
        sum += gain;
        if (gain != 0)
            good = add_stack(&passages, snapshot->catalog, i, analysis->stacks[i].stack, gain);
    }
    const struct passage *passage =
        good && sum > 0 && sum >= LEAST_SAMPLES * rate ? innermost(&passages, sum) : NULL;
    frame_id frame = passage ? passage->frame : 0;
    if (passage)
        *ret_share = fmin(passage->gain / sum, 1);
    table_deinit(&passages.by_function);
    vector_deinit(&passages.items);
    return frame;
}
