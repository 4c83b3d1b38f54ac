/* Suspects of programs that are not Go's: what grows in malloc's heap, threads, mappings; healthy ones raise none. */
#include "heaptop/analysis.h"

#include "tests/unit/check_main.h"
#include "tests/unit/snapshot_builder.h"

#define KIBIBYTE UINT64_C(1024)
#define MEBIBYTE (KIBIBYTE * 1024)

/* What a program has at one second. */
struct state {
    struct builder *b;
    struct malloc_heap *heap;
    struct malloc_type types[2];
    uint64_t used, idle, outside;
    unsigned second, threads;
};

/* Changes what a healthy program has. */
typedef void program(struct state *state);

static void set_chunks(struct state *state, uint64_t size, uint64_t count)
{
    struct malloc_class *class = &state->heap->classes[malloc_class_of(size)];
    state->used += count * size;
    class->used_chunks = count;
    class->used_bytes = count * size;
}

static struct snapshot *take(struct builder *b, program *change, unsigned second)
{
    struct state state = {.b = b, .second = second, .threads = 4, .outside = 6 * MEBIBYTE};
    b->threads.count = 0;
    state.heap = calloc(1, sizeof(*state.heap));
    ck_assert_ptr_nonnull(state.heap);
    /* What comes and goes, and a cache of a fixed size. */
    set_chunks(&state, 64, 50000 + (second * 7919) % 4000);
    set_chunks(&state, 1024, 8000);
    state.types[1] = (struct malloc_type){builder_string(b, "app::Cached"), 8000, 8000 * 1024};
    state.idle = MEBIBYTE + (second * 104729) % MEBIBYTE;
    change(&state);
    builder_set(b, COUNTER_ANON, (int64_t)(state.used + state.idle + state.outside));
    builder_set(b, COUNTER_RSS, (int64_t)(state.used + state.idle + state.outside + 8 * MEBIBYTE));
    builder_set(b, COUNTER_THREADS, state.threads);
    struct snapshot *snapshot = builder_take(b);
    struct malloc_heap *heap = arena_alloc(&snapshot->arena, sizeof(*heap));
    ck_assert_ptr_nonnull(heap);
    *heap = *state.heap;
    free(state.heap);
    heap->known = heap->mapped_known = heap->reason == NULL;
    heap->used_bytes = state.used - heap->mapped_bytes;
    heap->free_bytes = state.idle;
    heap->system_bytes = heap->used_bytes + heap->free_bytes;
    heap->types = arena_alloc_array(&snapshot->arena, 2, sizeof(*heap->types));
    ck_assert_ptr_nonnull(heap->types);
    for (size_t i = 0; i < 2; i++) {
        if (state.types[i].objects > 0)
            heap->types[heap->num_types++] = state.types[i];
    }
    snapshot->malloc_heap = heap;
    return snapshot;
}

static struct analysis *analyse(program *change, struct builder *b, unsigned seconds, struct history **ret_history)
{
    struct analysis *analysis = NULL;
    struct history *copy = NULL;
    b->target.runtime = 0;
    if (b->profile_state == PROFILE_ON && b->sites.count == 0)
        b->profile_state = PROFILE_NONE;
    ck_assert_ptr_null(history_create(NULL, ret_history));
    for (unsigned second = 0; second < seconds; second++) {
        struct snapshot *snapshot = take(b, change, second);
        ck_assert_ptr_null(history_add(*ret_history, snapshot));
        snapshot_unref(snapshot);
        builder_advance(b, 1);
    }
    /* A copy knows the same. */
    ck_assert_ptr_null(history_copy(*ret_history, &copy));
    ck_assert_uint_gt(history_memory(copy), 0);
    history_destroy(*ret_history);
    *ret_history = copy;
    ck_assert_ptr_null(analysis_compute(*ret_history, &analysis));
    builder_destroy(b);
    return analysis;
}

/* "KIND CONFIDENCE NAME" of each suspect, and the subject's function where there is one. */
static const char *suspects_after(program *change, struct builder *b, unsigned seconds)
{
    static char text[1024];
    struct history *history;
    struct analysis *analysis = analyse(change, b, seconds, &history);
    int length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < analysis->num_suspects; i++) {
        const struct suspect *suspect = &analysis->suspects[i];
        length += snprintf(text + length, sizeof(text) - (size_t)length, "%s%s %s %s%s", i ? "; " : "",
                           suspect_kind_infos[suspect->kind].name, suspect_confidence_name(suspect->confidence),
                           suspect->name ? suspect->name : "",
                           catalog_function(analysis->snapshot->catalog, suspect->subject));
        ck_assert_uint_gt(strlen(suspect->summary), 0);
        ck_assert_uint_gt(strlen(suspect->advice), 0);
        ck_assert_uint_gt(suspect->num_evidence, 0);
    }
    analysis_destroy(analysis);
    history_destroy(history);
    return text;
}

static struct builder *started_now(void)
{
    struct builder *b = builder_create();
    b->target.start_unix_ns = BUILDER_START_NS - 2 * BUILDER_SECOND_NS;
    return b;
}

/* ---- programs ---- */

static void healthy(struct state *state)
{
    (void)state;
}

/* A thousand objects a second with a string each. */
static void objects_leak(struct state *state)
{
    uint64_t count = 500 + UINT64_C(1000) * state->second;
    state->types[0] = (struct malloc_type){builder_string(state->b, "app::Session"), count, count * 256};
    set_chunks(state, 256, count);
    set_chunks(state, 48, 2 * count);
}

static void list_leaks(struct state *state)
{
    set_chunks(state, 112, UINT64_C(2000) * state->second);
}

/* It stops at a minute. */
static void cache_fills(struct state *state)
{
    set_chunks(state, 112, UINT64_C(2000) * (state->second < 60 ? state->second : 60));
}

/* A buffer that doubles when it is full; it is written into at an even pace. */
static void buffer_grows(struct state *state)
{
    uint64_t written = MEBIBYTE + 512 * KIBIBYTE * state->second, size = MEBIBYTE;
    while (size < written)
        size *= 2;
    state->heap->mapped_chunks = 1;
    state->heap->mapped_bytes = size;
    state->used += written;
}

static void threads_pile_up(struct state *state)
{
    state->threads += 2 * state->second;
    state->outside += 20 * KIBIBYTE * state->threads;
    stack_id stack = builder_stack(state->b, "wait_for_answer app.c:12; answer_request app.c:40; start_thread a.c:1");
    for (unsigned i = 0; i < state->threads; i++) {
        size_t thread = builder_thread(state->b, 5000 + (pid_t)i, "worker", 'S', "futex");
        state->b->threads.items[thread].stack = stack;
    }
}

/* A pool that starts its threads as they are needed, and no more. */
static void pool_starts(struct state *state)
{
    state->threads += state->second < 40 ? state->second : 40;
}

/* Another allocator serves it, which is not read: all that grows are its mappings. */
static void other_allocator_grows(struct state *state)
{
    state->heap->reason = "jemalloc serves it";
    state->heap->allocator = "jemalloc";
    state->outside += 300 * KIBIBYTE * state->second;
}

static void mappings_grow(struct state *state)
{
    state->outside += 300 * KIBIBYTE * state->second;
}

/* A peak has gone, and what is left of it lies in between. */
static void heap_is_fragmented(struct state *state)
{
    state->idle = 200 * MEBIBYTE;
}

/* Each minute a peak takes what the last one has left. */
static void peaks_come_again(struct state *state)
{
    state->idle = state->second % 60 < 50 ? 200 * MEBIBYTE : 4 * MEBIBYTE;
    set_chunks(state, 4096, state->second % 60 < 50 ? 10 : 50000);
}

/* As a preloaded library tells of it: with every sample. */
static void site_and_objects_leak(struct state *state)
{
    objects_leak(state);
    builder_hold(state->b, 0, 256.0 * (500 + 1000.0 * state->second));
    state->b->published.items[0] = state->b->sites.items[0].provisional;
    state->b->cycle++;
}

START_TEST(what_grows_is_named)
{
    static const struct {
        program *change;
        unsigned seconds;
        const char *expected;
    } rows[] = {
        {objects_leak, 120, "type_grows sure app::Session"},
        {objects_leak, 20, ""},
        {list_leaks, 120, "chunks_grow sure chunks of 112 bytes"},
        {buffer_grows, 200, "chunks_grow likely large blocks"},
        {threads_pile_up, 120, "threads_grow sure wait_for_answer"},
        {mappings_grow, 120, "mappings_grow sure "},
        {other_allocator_grows, 120, "mappings_grow sure jemalloc"},
        {heap_is_fragmented, 200, "heap_idle possible "},
        {heap_is_fragmented, 60, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_str_eq(suspects_after(rows[i].change, builder_create(), rows[i].seconds), rows[i].expected);
}
END_TEST

START_TEST(healthy_programs_raise_none)
{
    static program *const programs[] = {healthy, cache_fills, pool_starts, peaks_come_again};
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
        ck_assert_str_eq(suspects_after(programs[i], builder_create(), 600), "");
}
END_TEST

/* Before anything is suspected it is said already that it will not be told by itself. */
START_TEST(an_allocator_that_is_not_read_is_named)
{
    struct history *history;
    struct text text;
    struct analysis *analysis = analyse(other_allocator_grows, builder_create(), 25, &history);
    ck_assert_uint_eq(analysis->num_suspects, 0);
    ck_assert_ptr_null(analysis_write_verdict(analysis, &text));
    ck_assert_ptr_nonnull(strstr(text.data, ". What holds it cannot be read: jemalloc serves its allocations."));
    text_deinit(&text);
    analysis_destroy(analysis);
    history_destroy(history);
}
END_TEST

START_TEST(at_start_up_it_takes_longer)
{
    ck_assert_str_eq(suspects_after(list_leaks, started_now(), 50), "");
    ck_assert_str_eq(suspects_after(list_leaks, started_now(), 120), "chunks_grow likely chunks of 112 bytes");
}
END_TEST

/* What comes at one pace with it is its evidence, and so is what is seen where a call site is known. */
START_TEST(one_cause_is_one_suspect)
{
    struct history *history;
    struct analysis *analysis = analyse(objects_leak, builder_create(), 120, &history);
    const struct suspect *suspect = &analysis->suspects[0];
    ck_assert_uint_eq(suspect->num_evidence, 2);
    ck_assert_ptr_nonnull(strstr(suspect->evidence[1], "At the same pace come chunks of 48 bytes"));
    analysis_destroy(analysis);
    history_destroy(history);

    struct builder *b = builder_create();
    builder_site(b, 256, "open_session app.c:9; main app.c:80");
    b->rate = 1;
    b->cost.preload_rate = 1;
    builder_set(b, COUNTER_MEM_PROFILE_RATE, 1);
    analysis = analyse(site_and_objects_leak, b, 120, &history);
    ck_assert_uint_eq(analysis->num_suspects, 1);
    suspect = &analysis->suspects[0];
    ck_assert_int_eq(suspect->kind, SUSPECT_SITE_GROWS);
    bool is_told = false;
    for (size_t i = 0; i < suspect->num_evidence; i++)
        is_told |= strstr(suspect->evidence[i], "In malloc's heap objects of app::Session grow") != NULL;
    ck_assert(is_told);
    analysis_destroy(analysis);
    history_destroy(history);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("native suspects");
    TCase *tests = tcase_create("native suspects");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, what_grows_is_named);
    tcase_add_test(tests, healthy_programs_raise_none);
    tcase_add_test(tests, an_allocator_that_is_not_read_is_named);
    tcase_add_test(tests, at_start_up_it_takes_longer);
    tcase_add_test(tests, one_cause_is_one_suspect);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
