/* The readers of Go runtime state over memory that holds anything. The input's first byte chooses the Go version;
 * then come pieces of memory, each an offset (2 bytes), a length (1 byte) and its bytes: they are laid over the
 * image of tests/unit/fake_go_process.h, whose address all pointers of the seeds lead to. A length of 0 takes a
 * sample: what the readers keep from one sample to the next is part of what is tried. */
#include "attach/go/collector.h"
#include "attach/go/finalizers.h"
#include "attach/go/goroutines.h"
#include "attach/go/heap_profile.h"
#include "attach/go/memory_stats.h"
#include "attach/go/scheduler.h"
#include "attach/go/spans.h"
#include "attach/go/timers.h"
#include "tests/unit/fake_go_process.h"

#define MAX_SAMPLES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct readers {
    struct go_frames *frames;
    struct heap_profile *profile;
    struct memory_state *state;
    struct goroutines *goroutines;
    struct collector collector;
    struct machines machines;
    struct scheduler scheduler;
    struct memory_stats stats;
    struct allocation_caches caches;
    struct procs procs;
};

static void readers_open(struct readers *readers, struct fake_go *fake)
{
    fake_go_check(go_frames_create(&fake->process, &readers->frames));
    fake_go_check(heap_profile_create(&fake->process, readers->frames, &readers->profile));
    fake_go_check(memory_state_create(&fake->process, &readers->state));
    fake_go_check(goroutines_create(&fake->process, readers->frames, &readers->goroutines));
    fake_go_check(allocation_caches_init(&readers->caches, &fake->process));
}

static void readers_close(struct readers *readers)
{
    heap_profile_destroy(readers->profile);
    memory_state_destroy(readers->state);
    goroutines_destroy(readers->goroutines);
    machines_deinit(&readers->machines);
    scheduler_deinit(&readers->scheduler);
    allocation_caches_deinit(&readers->caches);
    procs_deinit(&readers->procs);
    go_frames_destroy(readers->frames);
}

/* What must hold of every snapshot, whatever the target. */
static void check_snapshot(const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->num_sites; i++) {
        if (snapshot->sites[i].stack == 0 && snapshot->sites[i].published.frees > snapshot->sites[i].published.allocs)
            abort();
    }
    for (size_t i = 0; i < snapshot->num_goroutine_groups; i++) {
        if (snapshot->goroutine_groups[i].count == 0 ||
            snapshot->goroutine_groups[i].wait_ns_min > snapshot->goroutine_groups[i].wait_ns_max)
            abort();
    }
    if (snapshot->num_gc_cycles > COLLECTOR_RING)
        abort();
    for (int i = 0; i < COUNTER_COUNT; i++) {
        if (!counter_known(&snapshot->counters[i]) && !snapshot->counters[i].reason)
            abort();
    }
}

static void take_sample(struct readers *readers, struct fake_go *fake)
{
    struct snapshot *snapshot;
    struct thread threads[] = {{.tid = 7}, {.tid = 9}};
    fake_go_show(fake);
    fake_go_check(snapshot_create(fake->catalog, &snapshot));
    snapshot->threads = threads;
    snapshot->num_threads = 2;
    fake_go_check(memory_state_read(readers->state));
    fake_go_check(procs_read(&readers->procs, &fake->process));
    fake_go_check(allocation_caches_read(&readers->caches, &readers->procs));
    fake_go_check(memory_stats_sample(&readers->stats, readers->state, &readers->caches, snapshot));
    fake_go_check(collector_sample(&readers->collector, readers->state, snapshot));
    fake_go_check(heap_profile_sample(readers->profile, snapshot));
    fake_go_check(goroutines_sample(readers->goroutines, &readers->procs, snapshot));
    fake_go_check(timers_sample(&readers->procs, &fake->process, snapshot));
    fake_go_check(finalizers_sample(&fake->process, snapshot));
    fake_go_check(machines_read(&readers->machines, &fake->process, 70));
    fake_go_check(scheduler_sample(&readers->scheduler, &fake->process, &readers->procs, &readers->machines, snapshot));
    fake_go_check(machines_note_threads(&readers->machines, &readers->procs, snapshot));
    struct heap_survey survey = {0};
    fake_go_check(spans_survey(&fake->process, &survey));
    heap_survey_deinit(&survey);
    check_snapshot(snapshot);
    snapshot_unref(snapshot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct fake_go *fake = fake_go_create(go_layout_table[data[0] % go_layout_table_count].minor);
    struct readers readers = {0};
    readers_open(&readers, fake);
    unsigned samples = 0;
    for (size_t at = 1; at + 3 <= size && samples < MAX_SAMPLES;) {
        size_t offset = data[at] | (size_t)data[at + 1] << 8, length = data[at + 2];
        at += 3;
        if (length == 0) {
            take_sample(&readers, fake);
            samples++;
            continue;
        }
        if (length > size - at)
            length = size - at;
        if (length > FAKE_GO_BYTES - offset)
            length = FAKE_GO_BYTES - offset;
        memcpy(fake->image + offset, data + at, length);
        at += length;
    }
    if (samples == 0)
        take_sample(&readers, fake);
    readers_close(&readers);
    fake_go_destroy(fake);
    return 0;
}
