/* Takes samples of a fake Go process with an allocator that fails at the Nth call, for every N: each ends with the
 * error for it or without one, and nothing is lost or freed twice. The allocator is this program's own, over the C
 * library's; sanitizers bring theirs, and then there is nothing to try. */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "attach/go/collector.h"
#include "attach/go/goroutines.h"
#include "attach/go/heap_profile.h"
#include "attach/go/memory_stats.h"
#include "attach/go/scheduler.h"
#include "tests/unit/check_main.h"
#include "tests/unit/fake_go_process.h"

#ifdef __has_feature
#define HAS_FEATURE(feature) __has_feature(feature)
#else
#define HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || HAS_FEATURE(address_sanitizer) ||                 \
    HAS_FEATURE(thread_sanitizer)
#define OWN_ALLOCATOR 0
#else
#define OWN_ALLOCATOR 1
#endif

/* While armed, so many allocations still succeed. */
static bool is_armed, has_failed;
static size_t allowed;

#if OWN_ALLOCATOR
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static bool may_allocate(void)
{
    if (!is_armed)
        return true;
    if (allowed == 0) {
        has_failed = true;
        return false;
    }
    allowed--;
    return true;
}

void *malloc(size_t size)
{
    return may_allocate() ? __libc_malloc(size) : NULL;
}

void *calloc(size_t count, size_t size)
{
    return may_allocate() ? __libc_calloc(count, size) : NULL;
}

void *realloc(void *old, size_t size)
{
    return may_allocate() ? __libc_realloc(old, size) : NULL;
}
#endif

#define HEAP(offset) (FAKE_GO_HEAP + (offset))

static struct fake_go *create_process(void)
{
    static const struct fake_counts counts[4] = {{100, 40}, {5, 0}, {0, 0}, {3, 9}};
    struct fake_go *fake = fake_go_create(24);
    remote_address next = 0, all[20];
    for (unsigned i = 0; i < 8; i++)
        next = fake_go_bucket(fake, HEAP(i * 0x200), next, 16 * (i + 1), 8, counts);
    fake_go_set(fake, GO_VARIABLE_MBUCKETS, next, 8);
    fake_go_set(fake, GO_VARIABLE_MEM_PROFILE_RATE, 512 << 10, 8);
    fake_go_cycle(fake, 7, true);
    for (unsigned i = 0; i < 20; i++)
        all[i] = fake_go_goroutine(fake, HEAP(0x1000 + i * 0x200), i % 5, i % 3, 0x401010 + i, 0x401000);
    fake_go_all_goroutines(fake, HEAP(0x5000), all, 20);
    fake_go_wait_reason(fake, 1, "IO wait");
    fake_go_set(fake, GO_VARIABLE_ALLM, fake_go_address(HEAP(0x4000)), 8);
    fake_go_field(fake, fake_go_address(HEAP(0x4000)), GO_FIELD_M_PROCID, 7);
    fake_go_field(fake, fake_go_address(HEAP(0x4000)), GO_FIELD_M_CURG, all[2]);
    fake_go_set(fake, GO_VARIABLE_ALLP, fake_go_address(HEAP(0x5800)), 8);
    fake_go_put(fake, go_variable(&fake->process, GO_VARIABLE_ALLP) + 8, 1, 8);
    fake_go_put(fake, fake_go_address(HEAP(0x5800)), fake_go_address(HEAP(0x6000)), 8);
    fake_go_field(fake, fake_go_address(FAKE_GO_MEMSTATS), GO_FIELD_MSTATS_NUMGC, 3);
    fake_go_show(fake);
    return fake;
}

struct readers {
    struct go_frames *frames;
    struct heap_profile *profile;
    struct memory_state *state;
    struct goroutines *goroutines;
    struct memory_stats stats;
    struct allocation_caches caches;
    struct procs procs;
    struct collector collector;
    struct machines machines;
    struct scheduler scheduler;
};

static struct error *open_readers(struct readers *readers, struct fake_go *fake)
{
    struct error *error = go_frames_create(&fake->process, &readers->frames);
    if (!error)
        error = heap_profile_create(&fake->process, readers->frames, &readers->profile);
    if (!error)
        error = memory_state_create(&fake->process, &readers->state);
    if (!error)
        error = allocation_caches_init(&readers->caches, &fake->process);
    if (!error)
        error = goroutines_create(&fake->process, readers->frames, &readers->goroutines);
    return error;
}

static struct error *take_sample(struct readers *readers, struct fake_go *fake)
{
    struct snapshot *snapshot;
    struct thread threads[] = {{.tid = 7}, {.tid = 9}};
    struct error *error = snapshot_create(fake->catalog, &snapshot);
    if (error)
        return error;
    snapshot->threads = threads;
    snapshot->num_threads = 2;
    error = memory_state_read(readers->state);
    if (!error)
        error = procs_read(&readers->procs, &fake->process);
    if (!error)
        error = allocation_caches_read(&readers->caches, &readers->procs);
    if (!error)
        error = memory_stats_sample(&readers->stats, readers->state, &readers->caches, snapshot);
    if (!error)
        error = collector_sample(&readers->collector, readers->state, snapshot);
    if (!error)
        error = heap_profile_sample(readers->profile, snapshot);
    if (!error)
        error = goroutines_sample(readers->goroutines, &readers->procs, snapshot);
    if (!error)
        error = machines_read(&readers->machines, &fake->process, 70);
    if (!error)
        error = scheduler_sample(&readers->scheduler, &fake->process, &readers->procs, &readers->machines, snapshot);
    if (!error)
        error = machines_note_threads(&readers->machines, &readers->procs, snapshot);
    /* Check's own allocations are not meant. */
    bool was_armed = is_armed;
    is_armed = false;
    for (size_t i = 0; !error && i < snapshot->num_sites; i++)
        ck_assert_uint_eq(snapshot->sites[i].published.allocs, 100);
    ck_assert(error || (snapshot->num_sites == 8 && snapshot->num_goroutine_groups >= 4));
    is_armed = was_armed;
    snapshot_unref(snapshot);
    return error;
}

static void close_readers(struct readers *readers)
{
    heap_profile_destroy(readers->profile);
    memory_state_destroy(readers->state);
    goroutines_destroy(readers->goroutines);
    allocation_caches_deinit(&readers->caches);
    procs_deinit(&readers->procs);
    machines_deinit(&readers->machines);
    scheduler_deinit(&readers->scheduler);
    go_frames_destroy(readers->frames);
}

START_TEST(every_allocation_may_fail)
{
    size_t runs = 0;
    do {
        struct fake_go *fake = create_process();
        struct readers readers = {0};
        is_armed = true;
        has_failed = false;
        allowed = runs++;
        struct error *error = open_readers(&readers, fake);
        for (int i = 0; !error && i < 2; i++)
            error = take_sample(&readers, fake);
        is_armed = false;
        ck_assert_msg(!error || error->kind == ERROR_NO_MEMORY, "%s", error ? error->message : "");
        /* Once memory is there again, so is the reader; but for its first opening. */
        if (error && readers.goroutines)
            fake_go_check(take_sample(&readers, fake));
        error_destroy(error);
        close_readers(&readers);
        fake_go_destroy(fake);
    } while (has_failed);
    ck_assert_uint_gt(runs, OWN_ALLOCATOR ? 50 : 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("go_out_of_memory");
    TCase *tests = tcase_create("out_of_memory");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, every_allocation_may_fail);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
