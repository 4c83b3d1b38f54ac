#include "attach/probe/fault_profile.h"

#include <math.h>
#include <string.h>

#include "attach/probe/allocation_sites.h"
#include "attach/probe/fault_events.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "heaptop/base/vector.h"

/* x86-64. A huge page comes by one fault, and is counted as one of these. */
#define PAGE_BYTES 4096u
#define MEASURE_NS (CLOCK_SECOND_NS / 10)
#define MAPS_PERIOD_NS CLOCK_SECOND_NS
#define MAX_WEIGHT (UINT64_C(1) << 20)
/* More samples than wanted by so much, over a second: the period is raised by the next factor. */
#define EXCESS 4u
#define FACTOR 5u
/* Measured on the machine of docs/decisions.md: a fault with a sample of 16 KB less one without. */
#define SAMPLE_NS 3000u

/* Primes, lest a program that touches memory in turns is always met at the same one. */
static const uint64_t periods[] = {1, 7, 31, 127, 509, 2039, 8191};

/* A sample whose stack has no name yet. */
struct fetched {
    uint32_t raw;
    uint64_t weight;
};

struct fault_profile {
    struct target *target;
    struct native_stacks *stacks;
    struct allocation_sites *sites;
    struct fault_events *events;       /* NULL: the faults of a moment are counted at first. */
    struct fault_events_totals before; /* Of events that were closed for a longer period. */
    uint64_t period, factor; /* One in period * factor is sampled; a sample stands for `factor` ones of the period. */
    uint64_t began_ns, faults_at_begin; /* CLOCK_MONOTONIC. */
    uint64_t began_unix_ns;
    uint64_t second_ns, samples_at_second;
    struct maps maps;
    uint64_t maps_read_ns;
    VECTOR(struct fetched) fetched;
};

uint64_t fault_profile_rate(uint64_t period)
{
    /* 1 / (1 - exp(-page / rate)) is to be the period; at 1 nothing is scaled. */
    return period <= 1 ? 1 : (uint64_t)llround(-(double)PAGE_BYTES / log1p(-1 / (double)period));
}

static struct error *count_faults(struct fault_profile *profile, uint64_t *ret_faults)
{
    struct target_stat stat;
    struct error *error = target_read_stat(profile->target, &stat);
    if (!error)
        *ret_faults = stat.stat.minor_faults + stat.stat.major_faults;
    return error;
}

DEFINE_CLEANUP(struct fault_profile *, fault_profile_destroy)

struct error *fault_profile_create(struct target *target, struct native_stacks *stacks,
                                   struct fault_profile **ret_profile)
{
    _cleanup_(fault_profile_destroyp) struct fault_profile *profile = calloc(1, sizeof(*profile));
    if (!profile)
        return error_no_memory();
    profile->target = target;
    profile->stacks = stacks;
    profile->factor = 1;
    profile->began_ns = clock_ns(CLOCK_MONOTONIC);
    struct fault_events *tried;
    struct error *error = allocation_sites_create(&profile->sites);
    if (!error)
        error = count_faults(profile, &profile->faults_at_begin);
    if (!error)
        error = fault_events_open(target->pid, periods[ARRAY_SIZE(periods) - 1], &tried);
    if (error)
        return error;
    fault_events_close(tried);
    *ret_profile = take_pointer(profile);
    return NULL;
}

void fault_profile_destroy(struct fault_profile *profile)
{
    if (!profile)
        return;
    fault_events_close(profile->events);
    allocation_sites_destroy(profile->sites);
    maps_deinit(&profile->maps);
    vector_deinit(&profile->fetched);
    free(profile);
}

/* ---- the period ---- */

static struct error *open_events(struct fault_profile *profile, uint64_t now)
{
    struct error *error = fault_events_open(profile->target->pid, profile->period * profile->factor, &profile->events);
    profile->second_ns = now;
    profile->samples_at_second = 0;
    return error;
}

static struct error *begin(struct fault_profile *profile, uint64_t now)
{
    uint64_t faults;
    struct error *error = count_faults(profile, &faults);
    if (error)
        return error;
    double seconds = (double)(now - profile->began_ns) / (double)CLOCK_SECOND_NS;
    double per_second = (double)(faults - profile->faults_at_begin) / seconds;
    size_t i = 0;
    while (i + 1 < ARRAY_SIZE(periods) && per_second / (double)periods[i] > FAULT_PROFILE_SAMPLES_PER_SECOND)
        i++;
    profile->period = periods[i];
    profile->began_unix_ns = clock_ns(CLOCK_REALTIME);
    return open_events(profile, now);
}

/* What it costs is kept in bounds: a program that has come to touch much more is sampled less often. */
static struct error *keep_budget(struct fault_profile *profile, uint64_t now)
{
    struct fault_events_totals totals = fault_events_totals(profile->events);
    uint64_t passed = now - profile->second_ns, since = totals.samples + totals.lost - profile->samples_at_second;
    if (passed < CLOCK_SECOND_NS)
        return NULL;
    bool is_excess =
        (double)since / ((double)passed / (double)CLOCK_SECOND_NS) > EXCESS * FAULT_PROFILE_SAMPLES_PER_SECOND;
    profile->second_ns = now;
    profile->samples_at_second = totals.samples + totals.lost;
    if (!is_excess || profile->factor > MAX_WEIGHT / FACTOR)
        return NULL;
    profile->before.samples += totals.samples;
    profile->before.lost += totals.lost;
    fault_events_close(take_pointer(profile->events));
    profile->factor *= FACTOR;
    return open_events(profile, now);
}

/* ---- what is new memory ---- */

static const struct map_line *find_line(const struct maps *maps, uint64_t address)
{
    size_t low = 0, high = maps->lines.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (maps->lines.items[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < maps->lines.count && maps->lines.items[low].start <= address ? &maps->lines.items[low] : NULL;
}

/* Memory that is shared without a file that lasts has a name all the same (Linux: mm/shmem.c, ipc/shm.c). */
static bool is_memory(const struct maps *maps, const struct map_line *line)
{
    static const char *const names[] = {"/dev/shm/", "/memfd:", "/SYSV", "/dev/zero"};
    bool is = line->inode == 0;
    for (size_t i = 0; i < ARRAY_SIZE(names) && !is; i++)
        is =
            line->name_length >= strlen(names[i]) && memcmp(map_line_name(maps, line), names[i], strlen(names[i])) == 0;
    return is;
}

/* Pages of files come by faults too, and are not what grows. */
static bool is_new_memory(struct fault_profile *profile, uint64_t address)
{
    const struct map_line *line = find_line(&profile->maps, address);
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (!line && now - profile->maps_read_ns >= MAPS_PERIOD_NS) {
        maps_deinit(&profile->maps);
        memset(&profile->maps, 0, sizeof(profile->maps));
        error_destroy(maps_read(profile->target->folder, &profile->maps));
        profile->maps_read_ns = now;
        line = find_line(&profile->maps, address);
    }
    /* What was mapped since then is mostly anonymous. */
    return !line || is_memory(&profile->maps, line);
}

/* ---- reading ---- */

static struct error *visit(void *context, const struct fault_sample *sample)
{
    struct fault_profile *profile = context;
    const struct stack_copy copy = {.registers = sample->registers,
                                    .known = (1u << CALL_FRAME_REGISTERS) - 1,
                                    .bytes = sample->stack,
                                    .size = sample->stack_size};
    struct fetched fetched = {.weight = profile->factor};
    if (!is_new_memory(profile, sample->address))
        return NULL;
    struct error *error = native_stacks_read_copy(profile->stacks, &copy, 0, 0, &fetched.raw);
    if (error && error->kind == ERROR_NO_MEMORY)
        return error;
    if (error)
        fetched.raw = UINT32_MAX;
    error_destroy(error);
    return vector_append(&profile->fetched, fetched) ? NULL : error_no_memory();
}

static struct error *add_fetched(struct fault_profile *profile)
{
    struct error *error = profile->fetched.count > 0 ? native_stacks_name(profile->stacks) : NULL;
    for (size_t i = 0; i < profile->fetched.count && !error; i++) {
        const struct fetched *fetched = &profile->fetched.items[i];
        uint8_t quality;
        uint32_t site;
        stack_id stack = fetched->raw == UINT32_MAX ? 0 : native_stacks_stack(profile->stacks, fetched->raw, &quality);
        for (uint64_t k = 0; k < fetched->weight && !error; k++)
            error = allocation_sites_add(profile->sites, stack, PAGE_BYTES, &site);
    }
    profile->fetched.count = 0;
    return error;
}

uint64_t fault_profile_look_interval(const struct fault_profile *profile)
{
    return profile->events ? FAULT_EVENTS_LOOK_NS : MEASURE_NS;
}

struct error *fault_profile_look(struct fault_profile *profile)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (!profile->events)
        return now - profile->began_ns < MEASURE_NS ? NULL : begin(profile, now);
    struct error *error = fault_events_read(profile->events, visit, profile);
    if (!error)
        error = add_fetched(profile);
    return error ? error : keep_budget(profile, now);
}

static void fill_state(const struct fault_profile *profile, struct snapshot *snapshot)
{
    struct fault_events_totals totals = fault_events_totals(profile->events);
    uint64_t samples = totals.samples + profile->before.samples, lost = totals.lost + profile->before.lost;
    snapshot_set(snapshot, COUNTER_FAULT_PERIOD, (int64_t)(profile->period * profile->factor));
    snapshot_set(snapshot, COUNTER_PROBE_SAMPLES, (int64_t)samples);
    snapshot_set(snapshot, COUNTER_PROBE_LOST, (int64_t)lost);
    snapshot_set(snapshot, COUNTER_PROBE_COST, (int64_t)((samples + lost) * SAMPLE_NS));
    snapshot->counters[COUNTER_PROBE_COST].provenance = PROVENANCE_SAMPLED;
    snapshot->profile_since_unix_ns = profile->began_unix_ns;
    if (fault_events_miss_kernel(profile->events))
        snapshot_add_problem(
            snapshot,
            "page faults: memory that system calls touch first, such as read(2) into new buffers, is left out: "
            "that needs CAP_PERFMON, or kernel.perf_event_paranoid at 1 or less");
    if (fault_events_missed_threads(profile->events) > 0)
        snapshot_add_problem(snapshot,
                             "page faults: of %zu threads none are sampled, for want of descriptors (ulimit -n)",
                             fault_events_missed_threads(profile->events));
    if (lost > 0)
        snapshot_add_problem(snapshot,
                             "page faults: %llu samples were lost for want of room, and stand in no call site",
                             (unsigned long long)lost);
}

struct error *fault_profile_sample(struct fault_profile *profile, struct snapshot *snapshot)
{
    struct error *error = fault_profile_look(profile);
    if (error)
        return error;
    if (!profile->events) {
        snapshot->profile_reason = "page faults are counted, to choose how often to sample them";
        return NULL;
    }
    error = allocation_sites_fill(profile->sites, fault_profile_rate(profile->period), snapshot);
    if (!error)
        fill_state(profile, snapshot);
    return error;
}
