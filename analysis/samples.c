#include "heaptop/analysis/samples.h"

#include <stdio.h>
#include <string.h>

static const char *const profile_names[] = {[SAMPLE_HEAP] = "heap",
                                            [SAMPLE_ALLOCS] = "allocs",
                                            [SAMPLE_GOROUTINE] = "goroutine",
                                            [SAMPLE_THREADS] = "threads"};
static const char *const value_names[] = {[SAMPLE_DEFAULT] = "default",
                                          [SAMPLE_INUSE_BYTES] = "inuse_bytes",
                                          [SAMPLE_INUSE_OBJECTS] = "inuse_objects",
                                          [SAMPLE_ALLOC_BYTES] = "alloc_bytes",
                                          [SAMPLE_ALLOC_OBJECTS] = "alloc_objects",
                                          [SAMPLE_COUNT] = "count"};
/* Where in a sample a value stands. */
static const unsigned value_places[] = {[SAMPLE_INUSE_BYTES] = 3,
                                        [SAMPLE_INUSE_OBJECTS] = 2,
                                        [SAMPLE_ALLOC_BYTES] = 1,
                                        [SAMPLE_ALLOC_OBJECTS] = 0,
                                        [SAMPLE_COUNT] = 0};

#define CUT_STACK "(outer frames not read)"
#define NO_STACK "(stack not read)"

const char *sample_profile_name(enum sample_profile profile)
{
    return (size_t)profile < ARRAY_SIZE(profile_names) ? profile_names[profile] : "";
}

const char *sample_value_name(enum sample_value value)
{
    return (size_t)value < ARRAY_SIZE(value_names) ? value_names[value] : "";
}

struct error *sample_value_resolve(enum sample_profile profile, enum sample_value value, enum sample_value *ret_value)
{
    bool of_heap = profile == SAMPLE_HEAP || profile == SAMPLE_ALLOCS;
    if (value == SAMPLE_DEFAULT)
        value = profile == SAMPLE_HEAP ? SAMPLE_INUSE_BYTES : of_heap ? SAMPLE_ALLOC_BYTES : SAMPLE_COUNT;
    if (of_heap == (value == SAMPLE_COUNT))
        return error_create(ERROR_USAGE, "the profile '%s' has no value '%s'", sample_profile_name(profile),
                            sample_value_name(value));
    *ret_value = value;
    return NULL;
}

int64_t sample_value_of(const struct sample *sample, enum diff_side side, enum sample_value value)
{
    return sample->values[side][value_places[value]];
}

/* ---- stacks ---- */

struct collector {
    struct sample_set *set;
    const struct snapshot *snapshot;    /* The one being read. */
    enum diff_side side;
    uint64_t load_bias;
    struct table samples;               /* Hash of stack and label -> index; of differences only. */
    struct table stacks, frames_known;  /* Id in the snapshot's catalog -> id in the set's. */
    VECTOR(frame_id) frames;            /* Scratch. */
};

static string_id copy_string(struct collector *collector, string_id id)
{
    const char *string = catalog_string(collector->snapshot->catalog, id);
    return *string ? catalog_add_string(collector->set->catalog, string, strlen(string)) : 0;
}

static bool append_frame(struct collector *collector, frame_id id)
{
    uint64_t *known = table_insert(&collector->frames_known, id, NULL);
    if (!known || *known)
        return known && vector_append(&collector->frames, (frame_id)*known);
    struct frame frame = *catalog_frame(collector->snapshot->catalog, id);
    frame.function = copy_string(collector, frame.function);
    frame.file = copy_string(collector, frame.file);
    if (frame.address)
        frame.address += collector->load_bias;
    frame_id copy = catalog_add_frame(collector->set->catalog, &frame);
    *known = copy;
    return copy && vector_append(&collector->frames, copy);
}

/* A frame that stands for something that is no function. */
static bool append_words(struct collector *collector, const char *words)
{
    struct frame frame = {.function = catalog_add_untrusted(collector->set->catalog, words, strlen(words)),
                          .origin = FRAME_NATIVE};
    frame_id id = frame.function ? catalog_add_frame(collector->set->catalog, &frame) : 0;
    return id && vector_append(&collector->frames, id);
}

static bool append_stack(struct collector *collector, stack_id id)
{
    struct stack stack = catalog_stack(collector->snapshot->catalog, id);
    for (uint32_t i = 0; i < stack.depth; i++)
        if (!append_frame(collector, stack.frames[i]))
            return false;
    return true;
}

static stack_id finish_stack(struct collector *collector)
{
    return catalog_add_stack(collector->set->catalog, collector->frames.items, collector->frames.count);
}

static stack_id copy_stack(struct collector *collector, stack_id id)
{
    uint64_t *known = table_insert(&collector->stacks, id, NULL);
    if (!known || *known)
        return known ? (stack_id)*known : 0;
    collector->frames.count = 0;
    if (!append_stack(collector, id))
        return 0;
    stack_id copy = finish_stack(collector);
    known = table_find(&collector->stacks, id);
    *known = copy;
    return copy;
}

/* Adds to the sample of this stack and label, made when there is none. */
static struct error *add_sample(struct collector *collector, stack_id stack, uint64_t object_bytes, string_id labels,
                                const int64_t values[SAMPLE_MAX_VALUES])
{
    struct sample_set *set = collector->set;
    const uint64_t key[] = {stack, object_bytes, labels};
    bool is_new = true;
    uint64_t own_index = 0, *index = &own_index;
    if (!stack || !vector_reserve(&set->samples, set->samples.count + 1))
        return error_no_memory();
    if (set->base && !(index = table_insert(&collector->samples, table_hash_bytes(key, sizeof(key), 0), &is_new)))
        return error_no_memory();
    if (is_new) {
        *index = set->samples.count;
        set->samples.items[set->samples.count++] = (struct sample){
            .stack = stack, .object_bytes = object_bytes, .labels = labels,
            .in_base_only = collector->side == DIFF_OLD};
    }
    struct sample *sample = &set->samples.items[*index];
    sample->in_base_only &= collector->side == DIFF_OLD;
    for (unsigned i = 0; i < set->num_values; i++)
        if (__builtin_add_overflow(sample->values[collector->side][i], values[i],
                                   &sample->values[collector->side][i]))
            return error_create(ERROR_BAD_DATA, "the values of the profile are too large");
    return NULL;
}

/* ---- profiles ---- */

static struct error *collect_heap(struct collector *collector)
{
    const struct snapshot *snapshot = collector->snapshot;
    if (snapshot->profile_state != PROFILE_ON)
        return error_create(ERROR_UNSUPPORTED, "there is no heap profile: %s",
                            snapshot->profile_reason ? snapshot->profile_reason : "the target has none");
    const struct counter *rate = &snapshot->counters[COUNTER_MEM_PROFILE_RATE];
    if (!counter_known(rate))
        return error_create(ERROR_UNSUPPORTED, "the heap profile cannot be scaled: its rate is not known: %s",
                            rate->reason ? rate->reason : "not read");
    for (size_t i = 0; i < snapshot->num_sites; i++) {
        const struct site *site = &snapshot->sites[i];
        const struct site_values scaled = site_scale(&site->published, rate->value.integer);
        const int64_t values[] = {scaled.alloc_objects, scaled.alloc_bytes, scaled.inuse_objects, scaled.inuse_bytes};
        /* runtime/pprof labels with the mean size of what was sampled, and leaves the label out where nothing is
         * published yet. */
        uint64_t mean = site->published.allocs ? site->published.alloc_bytes / site->published.allocs : 0;
        struct error *error = add_sample(collector, copy_stack(collector, site->stack), mean, 0, values);
        if (error)
            return error;
    }
    return NULL;
}

static bool append_goroutine(struct collector *collector, const struct goroutine_group *group)
{
    const char *state = catalog_string(collector->snapshot->catalog, group->state);
    collector->frames.count = 0;
    stack_id stack = group->profile_stack ? group->profile_stack : group->stack;
    if (stack)
        return append_stack(collector, stack) && (!group->stack_cut || append_words(collector, CUT_STACK));
    char words[64] = NO_STACK;
    if (strcmp(state, "running") == 0)
        snprintf(words, sizeof(words), "(%s)", state);
    return append_words(collector, words) && (!group->start || append_frame(collector, group->start));
}

static struct error *collect_goroutines(struct collector *collector)
{
    const struct snapshot *snapshot = collector->snapshot;
    const struct counter *count = &snapshot->counters[COUNTER_GOROUTINES];
    if (!snapshot->num_goroutine_groups && !counter_known(count))
        return error_create(ERROR_UNSUPPORTED, "goroutines are not known: %s",
                            count->reason ? count->reason : "not read");
    for (size_t i = 0; i < snapshot->num_goroutine_groups; i++) {
        const struct goroutine_group *group = &snapshot->goroutine_groups[i];
        if (group->system || group->count == 0)
            continue;
        const int64_t values[SAMPLE_MAX_VALUES] = {group->count};
        if (!append_goroutine(collector, group))
            return error_no_memory();
        struct error *error =
            add_sample(collector, finish_stack(collector), 0, copy_string(collector, group->labels), values);
        if (error)
            return error;
    }
    return NULL;
}

static const char *thread_state_name(char state)
{
    switch (state) {
    case 'R':
        return "running or ready";
    case 'S':
        return "sleeping";
    case 'D':
        return "waiting without interruption";
    case 'T':
        return "stopped";
    case 't':
        return "stopped by a tracer";
    case 'Z':
        return "ended";
    case 'I':
        return "idle";
    default:
        return "in another state";
    }
}

static struct error *collect_threads(struct collector *collector)
{
    static const int64_t one[SAMPLE_MAX_VALUES] = {1};
    const struct snapshot *snapshot = collector->snapshot;
    if (!snapshot->num_threads)
        return error_create(ERROR_UNSUPPORTED, "threads are not known");
    for (size_t i = 0; i < snapshot->num_threads; i++) {
        const struct thread *thread = &snapshot->threads[i];
        char words[256];
        bool good = true;
        collector->frames.count = 0;
        if (thread->wait_channel) {
            snprintf(words, sizeof(words), "kernel %s", catalog_string(snapshot->catalog, thread->wait_channel));
            good = append_words(collector, words);
        }
        if (good && thread->system_call) {
            snprintf(words, sizeof(words), "system call %s", catalog_string(snapshot->catalog, thread->system_call));
            good = append_words(collector, words);
        }
        snprintf(words, sizeof(words), "thread %s", catalog_string(snapshot->catalog, thread->name));
        good = good && append_stack(collector, thread->stack);
        if (!good || !append_words(collector, thread_state_name(thread->state)) || !append_words(collector, words))
            return error_no_memory();
        struct error *error = add_sample(collector, finish_stack(collector), 0, 0, one);
        if (error)
            return error;
    }
    return NULL;
}

static struct error *collect_side(struct collector *collector, const struct snapshot *snapshot, enum diff_side side)
{
    collector->snapshot = snapshot;
    collector->side = side;
    /* What ran at other addresses, but is the same code, is the same location. */
    collector->load_bias = collector->set->is_same_build ? collector->set->snapshot->target.load_bias
                                                         : snapshot->target.load_bias;
    table_clear(&collector->stacks);
    table_clear(&collector->frames_known);
    switch (collector->set->profile) {
    case SAMPLE_GOROUTINE:
        return collect_goroutines(collector);
    case SAMPLE_THREADS:
        return collect_threads(collector);
    default:
        return collect_heap(collector);
    }
}

struct error *sample_set_collect(const struct sample_request *request, struct sample_set *ret_set)
{
    bool of_heap = request->profile == SAMPLE_HEAP || request->profile == SAMPLE_ALLOCS;
    struct sample_set set = {.snapshot = request->snapshot,
                             .base = request->base,
                             .profile = request->profile,
                             .num_values = of_heap ? SAMPLE_MAX_VALUES : 1,
                             .is_same_build = !request->base || diff_is_same_build(request->base, request->snapshot)};
    struct error *error = catalog_create(&set.catalog);
    if (error)
        return error;
    struct collector collector = {.set = &set};
    /* The moment first: its order is kept. */
    error = collect_side(&collector, request->snapshot, DIFF_NEW);
    if (!error && request->base)
        error = error_prefix(collect_side(&collector, request->base, DIFF_OLD), "the base");
    table_deinit(&collector.samples);
    table_deinit(&collector.stacks);
    table_deinit(&collector.frames_known);
    vector_deinit(&collector.frames);
    if (error)
        sample_set_deinit(&set);
    else
        *ret_set = set;
    return error;
}

void sample_set_deinit(struct sample_set *set)
{
    vector_deinit(&set->samples);
    catalog_unref(set->catalog);
    set->catalog = NULL;
}
