#include "heaptop/snapshot/snapshot.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/text.h"
#include "heaptop/base/units.h"

/* Longer messages are cut. */
#define PROBLEM_BUFFER 512

struct error *snapshot_create(struct catalog *catalog, struct snapshot **ret_snapshot)
{
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (!snapshot)
        return error_no_memory();
    atomic_init(&snapshot->references, 1);
    arena_init(&snapshot->arena);
    snapshot->catalog = catalog_ref(catalog);
    for (int id = 0; id < COUNTER_COUNT; id++)
        snapshot_set_unavailable(snapshot, (enum counter_id)id, "not read");
    *ret_snapshot = snapshot;
    return NULL;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) != 1)
        return;
    arena_deinit(&snapshot->arena);
    catalog_unref(snapshot->catalog);
    free(snapshot);
}

double snapshot_counter_or(const struct snapshot *snapshot, enum counter_id id, double otherwise)
{
    const struct counter *counter = &snapshot->counters[id];
    return counter_known(counter) ? (double)counter->value.integer : otherwise;
}

void snapshot_set(struct snapshot *snapshot, enum counter_id id, int64_t value)
{
    snapshot->counters[id] = (struct counter){.value.integer = value, .provenance = PROVENANCE_EXACT};
}

void snapshot_set_real(struct snapshot *snapshot, enum counter_id id, double value)
{
    snapshot->counters[id] = (struct counter){.value.real = value, .provenance = PROVENANCE_EXACT};
}

void snapshot_set_unavailable(struct snapshot *snapshot, enum counter_id id, const char *reason)
{
    snapshot->counters[id] = (struct counter){.provenance = PROVENANCE_UNAVAILABLE, .reason = reason};
}

void snapshot_add_problem(struct snapshot *snapshot, const char *format, ...)
{
    static const char more[] = "there were more problems than are listed here";
    if (!snapshot->problems) {
        snapshot->problems = arena_alloc_array(&snapshot->arena, SNAPSHOT_MAX_PROBLEMS, sizeof(*snapshot->problems));
        if (!snapshot->problems)
            return;
    }
    if (snapshot->num_problems == SNAPSHOT_MAX_PROBLEMS) {
        snapshot->problems[SNAPSHOT_MAX_PROBLEMS - 1].text = more;
        return;
    }
    char message[PROBLEM_BUFFER];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    /* Escaping again what was escaped already changes nothing. */
    _cleanup_(text_deinit) struct text escaped = {0};
    text_append_escaped(&escaped, message, strlen(message));
    if (escaped.failed)
        return;
    char *text = arena_copy_string(&snapshot->arena, escaped.data ? escaped.data : "", escaped.length);
    if (text)
        snapshot->problems[snapshot->num_problems++].text = text;
}

/* A double as an integer, towards zero, without overflow. */
static int64_t truncate_real(double value)
{
    if (value >= 0x1p63)
        return INT64_MAX;
    if (value <= -0x1p63)
        return INT64_MIN;
    return isnan(value) ? 0 : (int64_t)value;
}

/* Sampling keeps an allocation of s bytes with probability 1 - exp(-s/rate); all of a bucket are taken to be of the
 * average size. */
static void scale_pair(int64_t objects, int64_t bytes, int64_t rate, int64_t *ret_objects, int64_t *ret_bytes)
{
    if (objects == 0 || bytes == 0) {
        *ret_objects = *ret_bytes = 0;
        return;
    }
    if (rate <= 1) {
        *ret_objects = objects;
        *ret_bytes = bytes;
        return;
    }
    double average = (double)bytes / (double)objects;
    double scale = 1 / (1 - exp(-average / (double)rate));
    *ret_objects = truncate_real((double)objects * scale);
    *ret_bytes = truncate_real((double)bytes * scale);
}

struct site_values site_scale(const struct site_counts *counts, int64_t rate)
{
    struct site_values values;
    scale_pair((int64_t)counts->allocs, (int64_t)counts->alloc_bytes, rate, &values.alloc_objects, &values.alloc_bytes);
    scale_pair((int64_t)(counts->allocs - counts->frees), (int64_t)(counts->alloc_bytes - counts->free_bytes), rate,
               &values.inuse_objects, &values.inuse_bytes);
    return values;
}

enum profile_kind snapshot_profile_kind(const struct snapshot *snapshot)
{
    if (counter_known(&snapshot->counters[COUNTER_FAULT_PERIOD]))
        return PROFILE_OF_FAULTS;
    return strcmp(catalog_string(snapshot->catalog, snapshot->target.runtime), "native") == 0 ? PROFILE_OF_ALLOCATIONS
                                                                                            : PROFILE_OF_RUNTIME;
}

const char *snapshot_profile_held(const struct snapshot *snapshot)
{
    return snapshot_profile_kind(snapshot) == PROFILE_OF_FAULTS ? "touched" : "in use";
}

const char *snapshot_profile_gains(const struct snapshot *snapshot)
{
    return snapshot_profile_kind(snapshot) == PROFILE_OF_FAULTS ? "touches" : "allocates";
}

const char *snapshot_profile_units(const struct snapshot *snapshot)
{
    return snapshot_profile_kind(snapshot) == PROFILE_OF_FAULTS ? "pages" : "objects";
}

const char *snapshot_profile_step(const struct snapshot *snapshot)
{
    return snapshot_profile_kind(snapshot) == PROFILE_OF_RUNTIME ? "GC cycle" : "sample";
}

const char *snapshot_profile_moment(const struct snapshot *snapshot, char *buffer)
{
    char cycle[UNITS_BUFFER];
    switch (snapshot_profile_kind(snapshot)) {
    case PROFILE_OF_FAULTS:
        return "freed since or not";
    case PROFILE_OF_ALLOCATIONS:
        return "as of now";
    case PROFILE_OF_RUNTIME:
        break;
    }
    snprintf(buffer, SNAPSHOT_MOMENT_BUFFER, "as of GC %s",
             units_format_exact(cycle, (int64_t)snapshot->profile_cycle));
    return buffer;
}

bool snapshot_misses(const struct snapshot *snapshot, enum counter_id id)
{
    static const struct {
        const char *group, *runtime;
    } own[] = {{"jvm", "jvm"}, {"python", "cpython"}};
    const char *group = counter_infos[id].group, *runtime = catalog_string(snapshot->catalog, snapshot->target.runtime);
    if (counter_known(&snapshot->counters[id]) || strcmp(group, "probe") == 0)
        return false;
    bool is_other = false;
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        if (strcmp(group, own[i].group) == 0)
            return strcmp(runtime, own[i].runtime) == 0;
        is_other |= strcmp(runtime, own[i].runtime) == 0;
    }
    /* Nobody looks for Go's figures there. */
    return !is_other || (strcmp(group, "go") != 0 && strcmp(group, "scheduler") != 0);
}

uint64_t snapshot_goroutines_age_ns(const struct snapshot *snapshot)
{
    uint64_t listed = snapshot->goroutines_monotonic_ns, now = snapshot->monotonic_ns;
    return listed != 0 && listed < now ? now - listed : 0;
}

bool snapshot_goroutine_waited(const struct snapshot *snapshot, const struct listed_goroutine *goroutine,
                               uint64_t *ret_ns)
{
    uint64_t listed = snapshot->monotonic_ns - snapshot_goroutines_age_ns(snapshot), since = goroutine->wait_since_ns;
    *ret_ns = since < listed ? listed - since : 0;
    return since != 0;
}
