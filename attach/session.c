#include "attach/session.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attach/cgroup.h"
#include "attach/exit_snapshot.h"
#include "attach/mappings.h"
#include "attach/memory_map.h"
#include "attach/procfs.h"
#include "attach/profile_switch.h"
#include "attach/threads.h"
#include "heaptop/base/cleanup.h"

#define SECOND UINT64_C(1000000000)
/* Reading the memory map holds the target's own mmap back; the map changes slowly. */
#define MAPS_PERIOD_NS (30 * SECOND)
#define CGROUP_PERIOD_NS (10 * SECOND)
#define OWN_RSS_PERIOD_NS (10 * SECOND)
/* A few objects may have been sampled before the runtime heeded the linker's word. */
#define NOTABLE_OLDER_SAMPLES 8
/* A sample during which the process called exec is taken anew. */
#define MAX_ATTEMPTS 3
#define MAX_READERS 8
/* A path of /proc/PID/exe: PATH_MAX and " (deleted)". */
#define TARGET_LINK_SIZE 4112

struct session {
    struct target *target;
    bool stops_once, stops_always;      /* Threads of running goroutines: in the next sample, in every one. */
    uint64_t stops, stop_ns;
    struct reader_list kinds;
    struct memory *memory;
    struct catalog *catalog;
    struct name_cache names;            /* Of threads, regions and files. */
    struct cgroup_reader *cgroup;
    struct thread_reader *threads;
    struct target_info info;
    string_id container;

    /* What belongs to the program that runs now, and is made anew after an exec. */
    struct image *image;
    struct reader *readers[MAX_READERS];
    size_t num_readers;
    struct arena program_arena;         /* Regions, as the readers see them. */
    struct region *regions;
    size_t num_regions;
    struct mapping_list *mappings;
    char *program_problem;              /* Why the program cannot be looked into; NULL when it can. */
    bool is_attached;
    uint64_t execs;

    struct profile_switch *profile_switch;      /* On, of the program that runs now; or NULL. */
    uint64_t wanted_profile_rate;       /* 0: off. */
    char *profile_refusal;              /* Why it is not on although wanted; NULL when it is, or is not wanted. */
    int64_t searched_profile_rate;      /* The rate for which it was last searched who has switched it on, */
    uint64_t found_profile_since;       /* and what was found. */
    uint64_t older_samples;             /* In use in the first sample since it is on. */
    bool older_are_counted;

    struct snapshot *last;              /* For when the process ends: a reference. */
    uint64_t sequence, retried;
    uint64_t maps_read_ns, cgroup_found_ns, own_rss_read_ns;    /* Monotonic; 0: never. */
    bool wants_memory_map;
    uint64_t memory_map_ns;             /* Monotonic: when the last was made; 0: never. */
    uint64_t own_rss_bytes, opened_ns, attach_ns, symbols_ns;
    uint64_t cpu_before_ns;             /* What heaptop had spent before it attached. */
    uint64_t writes;                    /* To the target. */
    uint64_t oom_kills;                 /* As of the attach. */
};

DEFINE_CLEANUP(struct session *, session_close)
DEFINE_CLEANUP(struct snapshot *, snapshot_unref)
DEFINE_CLEANUP(struct residency *, residency_close)

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static struct error *describe_target(struct session *session)
{
    struct target_info info = {.container = session->container};
    struct error *error = target_describe(session->target, session->catalog, &info);
    if (!error)
        session->info = info;
    return error;
}

struct error *session_open(pid_t pid, struct reader_list readers, struct session **ret_session)
{
    _cleanup_(session_closep) struct session *session = calloc(1, sizeof(*session));
    if (!session)
        return error_no_memory();
    session->opened_ns = clock_ns(CLOCK_MONOTONIC);
    session->cpu_before_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    session->kinds = readers;
    arena_init(&session->program_arena);
    struct error *error = target_open(pid, &session->target);
    if (!error)
        error = target_check_access(session->target);
    if (!error)
        error = catalog_create(&session->catalog);
    name_cache_init(&session->names, session->catalog);
    if (!error)
        error = memory_create_live(session->target->pid, &session->memory);
    if (!error)
        error = cgroup_reader_create(session->target->folder, &session->cgroup);
    if (!error)
        error = thread_reader_create(session->target->folder, &session->names, &session->threads);
    if (error)
        return error;
    const char *container = cgroup_reader_container(session->cgroup);
    session->container = *container ? catalog_add_string(session->catalog, container, strlen(container)) : 0;
    session->oom_kills = cgroup_reader_oom_kills(session->cgroup);
    session->cgroup_found_ns = session->opened_ns;
    error = describe_target(session);
    if (error)
        return error;
    *ret_session = take_pointer(session);
    return NULL;
}

/* Lets go of all that belongs to one program. */
static void detach_program(struct session *session)
{
    profile_switch_off(session->profile_switch);
    session->profile_switch = NULL;
    session->searched_profile_rate = 0;
    for (size_t i = 0; i < session->num_readers; i++)
        session->readers[i]->ops->close(session->readers[i]);
    session->num_readers = 0;
    image_close(session->image);
    session->image = NULL;
    mapping_list_destroy(session->mappings);
    session->mappings = NULL;
    arena_deinit(&session->program_arena);
    arena_init(&session->program_arena);
    session->regions = NULL;
    session->num_regions = 0;
    free(session->program_problem);
    session->program_problem = NULL;
    session->is_attached = false;
}

void session_close(struct session *session)
{
    if (!session)
        return;
    detach_program(session);
    arena_deinit(&session->program_arena);
    free(session->profile_refusal);
    snapshot_unref(session->last);
    thread_reader_destroy(session->threads);
    cgroup_reader_destroy(session->cgroup);
    memory_destroy(session->memory);
    name_cache_deinit(&session->names);
    catalog_unref(session->catalog);
    target_close(session->target);
    free(session);
}

int session_exit_descriptor(const struct session *session)
{
    return session->target->pid_descriptor;
}

static string_id add_static(struct session *session, const char *text)
{
    return catalog_add_string(session->catalog, text, strlen(text));
}

/* Keeps an error's message to show with every sample; takes the error. */
static void keep_problem(struct session *session, struct error *error)
{
    if (!session->program_problem)
        session->program_problem = strdup(error->message);
    error_destroy(error);
}

static void describe_image(struct session *session)
{
    const char *build_id = image_build_id(session->image);
    session->info.build_id = *build_id ? add_static(session, build_id) : 0;
    session->info.stripped = image_has_symtab(session->image) ? KNOWN_NO : KNOWN_YES;
    session->info.position_independent = image_is_position_independent(session->image) ? KNOWN_YES : KNOWN_NO;
    session->info.runtime = add_static(session, "native");
}

/* ERROR_NO_MEMORY and ERROR_GONE end an attempt to attach; whatever else went wrong leaves the rest to be looked at. */
static bool is_final(const struct error *error)
{
    return error && (error->kind == ERROR_NO_MEMORY || error->kind == ERROR_GONE);
}

static struct error *open_readers(struct session *session, uint64_t load_bias)
{
    struct reader_context context = {
        .memory = session->memory,
        .image = session->image,
        .load_bias = load_bias,
        .catalog = session->catalog,
        .regions = session->regions,
        .num_regions = session->num_regions,
    };
    for (size_t i = 0; i < session->kinds.count && session->num_readers < MAX_READERS; i++) {
        struct reader *reader = NULL;
        struct error *error = session->kinds.items[i]->open(&context, &session->info, &reader);
        if (is_final(error))
            return error;
        if (error)
            keep_problem(session, error_prefix(error, "%s reader", session->kinds.items[i]->name));
        else if (reader)
            session->readers[session->num_readers++] = reader;
    }
    return NULL;
}

/* Looks at the program that runs now: its executable, its memory map, its runtime. */
static struct error *attach_program(struct session *session)
{
    struct maps maps = {0};
    uint64_t load_bias = 0;
    struct error *error = describe_target(session);
    if (!error)
        error = mapping_list_create(session->target, &session->names, &session->mappings);
    if (!error)
        error = maps_read(session->target->folder, &maps);
    if (!error)
        error = maps_make_regions(&maps, &session->program_arena, &session->names, &session->regions,
                                  &session->num_regions);
    if (!error)
        error = mapping_list_refresh(session->mappings, &maps);
    maps_deinit(&maps);

    uint64_t before_symbols = clock_ns(CLOCK_MONOTONIC);
    if (!error)
        error = target_open_executable(session->target, &session->image);
    if (!error) {
        describe_image(session);
        error = target_find_load_bias(session->target, session->image, &load_bias);
    }
    if (!error)
        error = open_readers(session, load_bias);
    if (is_final(error))
        return error;
    if (error)
        keep_problem(session, error);
    session->symbols_ns += clock_ns(CLOCK_MONOTONIC) - before_symbols;
    session->is_attached = true;
    return NULL;
}

struct error *session_attach(struct session *session)
{
    return session->is_attached ? NULL : attach_program(session);
}

struct target *session_target(const struct session *session)
{
    return session->target;
}

struct memory *session_memory(const struct session *session)
{
    return session->memory;
}

struct image *session_image(const struct session *session)
{
    return session->image;
}

const char *session_problem(const struct session *session)
{
    return session->program_problem;
}

size_t session_reader_count(const struct session *session)
{
    return session->num_readers;
}

struct error *session_examine_readers(struct session *session, struct doctor_report *report)
{
    for (size_t i = 0; i < session->num_readers; i++) {
        struct error *error = session->readers[i]->ops->examine(session->readers[i], report);
        if (error)
            return error;
    }
    return NULL;
}

static void set_count(struct snapshot *snapshot, enum counter_id id, uint64_t value)
{
    snapshot_set(snapshot, id, value < INT64_MAX ? (int64_t)value : INT64_MAX);
}

static void fill_process(struct snapshot *snapshot, const struct process_stat *stat,
                         const struct process_status *status)
{
    set_count(snapshot, COUNTER_CPU, process_ticks_to_ns(stat->user_ticks + stat->system_ticks));
    set_count(snapshot, COUNTER_THREADS, stat->threads);
    set_count(snapshot, COUNTER_MINOR_FAULTS, stat->minor_faults);
    set_count(snapshot, COUNTER_MAJOR_FAULTS, stat->major_faults);
    set_count(snapshot, COUNTER_VIRTUAL, stat->virtual_bytes);
    if (!status->memory_known) {
        static const char reason[] = "the kernel gives no figures: the process is ending";
        for (enum counter_id id = COUNTER_RSS; id <= COUNTER_VIRTUAL; id++)
            snapshot_set_unavailable(snapshot, id, reason);
        return;
    }
    set_count(snapshot, COUNTER_RSS, status->rss_bytes);
    set_count(snapshot, COUNTER_ANON, status->anon_bytes);
    set_count(snapshot, COUNTER_FILE, status->file_bytes);
    set_count(snapshot, COUNTER_SHMEM, status->shmem_bytes);
    set_count(snapshot, COUNTER_SWAP, status->swap_bytes);
}

static bool is_due(uint64_t *last, uint64_t now, uint64_t period)
{
    if (*last && now - *last < period)
        return false;
    *last = now;
    return true;
}

static void fill_cgroup(struct session *session, struct snapshot *snapshot)
{
    struct cgroup_memory memory;
    if (is_due(&session->cgroup_found_ns, snapshot->monotonic_ns, CGROUP_PERIOD_NS))
        cgroup_reader_refresh(session->cgroup);
    cgroup_reader_read(session->cgroup, &memory);
    if (memory.limit_known)
        set_count(snapshot, COUNTER_LIMIT, memory.limit_bytes);
    else
        snapshot_set_unavailable(snapshot, COUNTER_LIMIT, memory.limit_reason);
    if (memory.usage_known)
        set_count(snapshot, COUNTER_CGROUP_USAGE, memory.usage_bytes);
    else
        snapshot_set_unavailable(snapshot, COUNTER_CGROUP_USAGE, memory.usage_reason);
}

void session_request_memory_map(struct session *session)
{
    session->wants_memory_map = true;
}

/* Pages are looked at again, up to so many times, where RSS has moved by more than this part of it. */
#define RSS_MOVED_PART 100
#define MAX_LOOKS 3u

static uint64_t read_rss(struct session *session)
{
    struct process_status status = {0};
    _cleanup_error_ struct error *error = target_read_status(session->target, &status);
    return !error && status.memory_known ? status.rss_bytes : 0;
}

/* What the readers know of the heap. */
static struct error *survey_heap(struct session *session, struct heap_survey *survey)
{
    survey->reason = session->num_readers > 0 ? "its heap cannot be told apart" : "not a Go program";
    for (size_t i = 0; i < session->num_readers; i++) {
        const struct reader_ops *ops = session->readers[i]->ops;
        struct error *error = ops->survey ? ops->survey(session->readers[i], survey) : NULL;
        if (error || survey->arenas.count > 0)
            return error;
    }
    return NULL;
}

static struct error *measure_memory(struct session *session, const struct maps *maps, struct heap_survey *survey,
                                    struct snapshot *snapshot)
{
    char program[TARGET_LINK_SIZE] = "";
    _cleanup_free_ uint8_t *kinds = calloc(maps->lines.count + 1, 1);
    _cleanup_(residency_closep) struct residency *residency = NULL;
    if (!kinds)
        return error_no_memory();
    /* Without it the executable's pages are shown as those of any file. */
    error_destroy(procfs_read_link(session->target->folder, "exe", program, sizeof(program)));
    struct error *error = residency_open(session->target->folder, &residency);
    if (error)
        return error;
    memory_map_classify(maps, survey, program, kinds);
    return memory_map_measure(residency, maps, kinds, survey, snapshot);
}

/* With the readers' sample already made, so that the figures of both are of nearly the same moment. Where RSS has moved
 * meanwhile, as on a machine that has more to do than it can, the pages are looked at once more. */
static struct error *fill_memory_map(struct session *session, const struct maps *maps, struct snapshot *snapshot)
{
    uint64_t begin_ns = clock_ns(CLOCK_MONOTONIC), before, after, moved;
    session->wants_memory_map = false;
    session->memory_map_ns = begin_ns;
    unsigned looks = 0;
    do {
        struct heap_survey survey = {0};
        before = read_rss(session);
        for (size_t i = 0; i < snapshot->num_regions; i++) {
            snapshot->regions[i].resident_bytes = 0;
            snapshot->regions[i].is_measured = false;
        }
        struct error *error = survey_heap(session, &survey);
        if (!error)
            error = measure_memory(session, maps, &survey, snapshot);
        heap_survey_deinit(&survey);
        if (is_final(error))
            return error;
        if (error) {
            snapshot_add_problem(snapshot, "resident pages: %s", error->message);
            error_destroy(error);
            return NULL;
        }
        after = read_rss(session);
        moved = after > before ? after - before : before - after;
    } while (before && after && moved > before / RSS_MOVED_PART && ++looks < MAX_LOOKS);
    snapshot->memory_map->rss_bytes = before && after ? (before + after) / 2 : before + after;
    snapshot->memory_map->took_ns = clock_ns(CLOCK_MONOTONIC) - begin_ns;
    return NULL;
}

/* The memory map: of the attach in the first sample, then read anew every now and then. */
static struct error *fill_regions(struct session *session, struct snapshot *snapshot)
{
    struct maps maps;
    bool measures = session->wants_memory_map &&
                    (!session->memory_map_ns || snapshot->monotonic_ns - session->memory_map_ns >= SESSION_MAP_PERIOD_NS);
    if (measures)
        session->maps_read_ns = 0;
    if (!is_due(&session->maps_read_ns, snapshot->monotonic_ns, MAPS_PERIOD_NS))
        return mapping_list_fill(session->mappings, snapshot);
    struct error *error = maps_read(session->target->folder, &maps);
    if (error) {
        snapshot_add_problem(snapshot, "memory map: %s", error->message);
        error_destroy(error);
        return mapping_list_fill(session->mappings, snapshot);
    }
    error = maps_make_regions(&maps, &snapshot->arena, &session->names, &snapshot->regions, &snapshot->num_regions);
    if (!error)
        error = mapping_list_refresh(session->mappings, &maps);
    if (maps.truncated)
        snapshot_add_problem(snapshot, "the memory map has more than %d lines; the rest is left out", MAPS_MAX_LINES);
    if (maps.malformed)
        snapshot_add_problem(snapshot, "%zu lines of the memory map were not understood", maps.malformed);
    if (!error && measures)
        error = fill_memory_map(session, &maps, snapshot);
    maps_deinit(&maps);
    return error ? error : mapping_list_fill(session->mappings, snapshot);
}

/* ---- memory profiling switched on ---- */

void session_request_profiling(struct session *session, uint64_t rate)
{
    session->wanted_profile_rate = rate;
    free(session->profile_refusal);
    session->profile_refusal = NULL;
}

static struct error *find_profile_rate(const struct session *session, remote_address *ret_address)
{
    for (size_t i = 0; i < session->num_readers; i++) {
        const struct reader_ops *ops = session->readers[i]->ops;
        if (ops->find_profile_rate)
            return ops->find_profile_rate(session->readers[i], ret_address);
    }
    return error_create(ERROR_UNSUPPORTED, "%s", session->program_problem ? "the program could not be looked into"
                                                                          : "only Go programs have such a profile");
}

/* Switches as was asked for. Once refused it stays so until it is asked for again. */
static struct error *switch_profiling(struct session *session)
{
    if (session->wanted_profile_rate == 0) {
        profile_switch_off(session->profile_switch);
        session->profile_switch = NULL;
        return NULL;
    }
    if (session->profile_refusal)
        return NULL;
    remote_address address = 0;
    struct error *error = NULL;
    if (session->profile_switch) {
        error = error_prefix(profile_switch_keep_guarded(session->profile_switch),
                             "memory profiling stays on should heaptop be killed");
    } else {
        error = find_profile_rate(session, &address);
        if (!error)
            error = profile_switch_on(session->target, address, session->wanted_profile_rate, &session->profile_switch);
        session->writes += !error;
        session->older_are_counted = false;
        if (is_final(error))
            return error;
        error = error_prefix(error, "memory profiling was not switched on");
    }
    if (error)
        session->profile_refusal = strdup(error->message);
    error_destroy(error);
    return NULL;
}

/* What was sampled before it was off is in the profile too, and scaled as if at today's rate. Go's own rate is taken for
 * what it was then, so that only another one is worth a word. */
static void fill_older_samples(struct session *session, struct snapshot *snapshot)
{
    if (profile_switch_rate(session->profile_switch) == ATTACH_DEFAULT_PROFILE_RATE)
        return;
    if (!session->older_are_counted) {
        session->older_samples = 0;
        for (size_t i = 0; i < snapshot->num_sites; i++) {
            const struct site_counts *counts = &snapshot->sites[i].published;
            session->older_samples += counts->allocs > counts->frees ? counts->allocs - counts->frees : 0;
        }
        session->older_are_counted = true;
    }
    if (session->older_samples >= NOTABLE_OLDER_SAMPLES)
        snapshot_add_problem(snapshot, "%llu objects were sampled before heaptop switched profiling on, at a rate that is not "
                                       "known: their sizes are estimated as if at today's",
                             (unsigned long long)session->older_samples);
}

/* Who has switched the profile on, if anybody has: looked for once, and when the rate has changed. */
static void fill_profile_switch(struct session *session, struct snapshot *snapshot)
{
    const struct counter *rate = &snapshot->counters[COUNTER_MEM_PROFILE_RATE];
    bool is_on = snapshot->profile_state == PROFILE_ON && counter_known(rate);
    struct profile_switch *ours = session->profile_switch;
    if (session->profile_refusal)
        snapshot_add_problem(snapshot, "%s", session->profile_refusal);
    if (ours && is_on && (uint64_t)rate->value.integer != profile_switch_rate(ours))
        snapshot_add_problem(snapshot, "the program has set runtime.MemProfileRate itself since heaptop switched it "
                                       "on: it will be left as it is");
    if (ours && is_on)
        fill_older_samples(session, snapshot);
    if (ours) {
        snapshot->profile_switch = PROFILE_SWITCH_ON;
        snapshot->profile_since_unix_ns = profile_switch_since(ours);
        return;
    }
    if (snapshot->profile_state == PROFILE_OFF)
        snapshot->profile_switch = PROFILE_SWITCH_OFFERED;
    if (is_on && rate->value.integer != session->searched_profile_rate) {
        session->searched_profile_rate = rate->value.integer;
        session->found_profile_since = profile_switch_find(session->target);
    }
    if (!is_on)
        session->searched_profile_rate = 0;
    else if (session->found_profile_since)
        snapshot->profile_since_unix_ns = session->found_profile_since;
}

void session_request_running_stacks(struct session *session, bool always)
{
    session->stops_once = true;
    session->stops_always |= always;
}

static struct error *sample_readers(struct session *session, struct snapshot *snapshot)
{
    /* Who it is matters for the ids of its threads. */
    snapshot->target = session->info;
    for (size_t i = 0; i < session->num_readers; i++) {
        if (session->readers[i]->ops->stop_running)
            session->readers[i]->ops->stop_running(session->readers[i], session->stops_once || session->stops_always);
        struct error *error = session->readers[i]->ops->sample(session->readers[i], snapshot);
        if (is_final(error))
            return error;
        if (error) {
            snapshot_add_problem(snapshot, "%s reader: %s", session->readers[i]->ops->name, error->message);
            error_destroy(error);
        }
    }
    return NULL;
}

uint64_t session_look_interval(const struct session *session)
{
    uint64_t shortest = 0;
    for (size_t i = 0; i < session->num_readers; i++) {
        const struct reader_ops *ops = session->readers[i]->ops;
        uint64_t interval = ops->look_interval ? ops->look_interval(session->readers[i]) : 0;
        if (interval != 0 && (shortest == 0 || interval < shortest))
            shortest = interval;
    }
    return shortest;
}

void session_look(struct session *session)
{
    for (size_t i = 0; i < session->num_readers; i++) {
        if (session->readers[i]->ops->look)
            error_destroy(session->readers[i]->ops->look(session->readers[i]));
    }
}

/* With no reader for the runtime, says why its figures are missing. */
static void fill_reasons(struct session *session, struct snapshot *snapshot)
{
    const char *reason = session->program_problem ? "the program could not be looked into" : "not a Go program";
    if (session->num_readers > 0)
        return;
    snapshot->profile_state = PROFILE_NONE;
    snapshot->profile_reason = reason;
    for (int id = 0; id < COUNTER_COUNT; id++) {
        if (strcmp(counter_infos[id].group, "go") == 0 || strcmp(counter_infos[id].group, "scheduler") == 0)
            snapshot_set_unavailable(snapshot, (enum counter_id)id, reason);
    }
}

static void fill_problems(struct session *session, struct snapshot *snapshot)
{
    const struct target *target = session->target;
    if (target->requested != target->pid)
        snapshot_add_problem(snapshot, "%d is a thread of process %d, which is shown", (int)target->requested,
                             (int)target->pid);
    if (session->execs > 0)
        snapshot_add_problem(
            snapshot, "the process has called exec since heaptop attached; what is shown is the program it now runs");
    if (session->names.is_full)
        snapshot_add_problem(snapshot, "more than %d different names of threads and files: later ones are left out",
                             NAME_CACHE_MAX);
    if (session->program_problem)
        snapshot_add_problem(snapshot, "%s", session->program_problem);
}

/* After an exec nothing that was known of the program holds. */
static struct error *follow_exec(struct session *session, const struct process_stat *stat)
{
    struct program_identity now, *before = &session->target->program;
    target_read_program(session->target, stat, &now);
    /* While a thread that is not the main one calls exec there is no program for a moment; and then in any exec a new
     * one without a stack, under the old name. Nothing to look at yet. */
    if ((now.stack_start == 0 && before->stack_start != 0) || (now.inode == 0 && before->inode != 0))
        return error_create(ERROR_SYSTEM, "process %d is in the middle of an exec", (int)session->target->pid);
    if (session->is_attached && program_is_same(&now, before))
        return NULL;
    if (!program_is_same(&now, before)) {
        session->execs++;
        /* It was asked for in the program that was. */
        session_request_profiling(session, 0);
        *before = now;
        session->maps_read_ns = 0;
        detach_program(session);
    }
    /* An attempt that failed halfway leaves nothing behind. */
    if (!session->is_attached)
        detach_program(session);
    return attach_program(session);
}

/* Whether what was read was read of one and the same program: only known afterwards. */
static bool is_still_the_program(struct session *session)
{
    struct target_stat stat;
    struct program_identity now;
    _cleanup_error_ struct error *error = target_read_thread_stat(session->target, &stat);
    if (error || !target_is_alive(session->target))
        return false;
    target_read_program(session->target, &stat.stat, &now);
    return program_is_same(&now, &session->target->program);
}

/* Reads everything once. ERROR_GONE when the process ended meanwhile. */
static struct error *read_once(struct session *session, struct snapshot *snapshot)
{
    struct target_stat stat;
    struct process_status status;
    snapshot->unix_ns = clock_ns(CLOCK_REALTIME);
    snapshot->monotonic_ns = clock_ns(CLOCK_MONOTONIC);
    struct error *error = target_read_stat(session->target, &stat);
    if (!error)
        error = target_read_status(session->target, &status);
    if (!error)
        error = follow_exec(session, &stat.stat);
    if (!error)
        error = switch_profiling(session);
    if (error)
        return error;
    fill_process(snapshot, &stat.stat, &status);
    fill_cgroup(session, snapshot);
    fill_problems(session, snapshot);
    error = thread_reader_sample(session->threads, stat.stat.threads, snapshot);
    if (!error)
        error = sample_readers(session, snapshot);
    if (!error)
        error = fill_regions(session, snapshot);
    if (error)
        return error;
    fill_reasons(session, snapshot);
    fill_profile_switch(session, snapshot);
    snapshot->target = session->info;
    return NULL;
}

static uint64_t read_own_rss(void)
{
    char text[128];
    size_t length;
    uint64_t size, resident;
    _cleanup_error_ struct error *error = procfs_read(AT_FDCWD, "/proc/self/statm", text, sizeof(text), &length);
    struct scanner scanner = scanner_over(text, error ? 0 : length);
    bool is_read = scanner_number_word(&scanner, &size) && scanner_number_word(&scanner, &resident);
    return is_read ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void fill_cost(struct session *session, struct snapshot *snapshot, uint64_t wall_before, uint64_t cpu_before,
                      uint64_t dropped)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (is_due(&session->own_rss_read_ns, now, OWN_RSS_PERIOD_NS))
        session->own_rss_bytes = read_own_rss();
    if (!session->attach_ns)
        session->attach_ns = now - session->opened_ns;
    session->retried += snapshot->cost.samples_retried;
    session->stops += snapshot->cost.stops;
    session->stop_ns += snapshot->cost.stop_ns;
    session->stops_once = false;
    snapshot->cost = (struct cost){
        .cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - session->cpu_before_ns,
        .bytes_read = session->memory->bytes_read,
        .read_calls = session->memory->read_calls,
        .stops = session->stops,
        .stop_ns = session->stop_ns,
        .writes = session->writes,
        .sample_ns = now - wall_before,
        .sample_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_before,
        .attach_ns = session->attach_ns,
        .symbols_ns = session->symbols_ns,
        .rss_bytes = session->own_rss_bytes,
        .samples_taken = session->sequence,
        .samples_retried = session->retried,
        .samples_dropped = dropped,
    };
}

/* The last snapshot there will be. */
static struct error *make_exit_snapshot(struct session *session, struct snapshot **ret_snapshot)
{
    char buffer[128];
    const char *reason = target_exit_reason(session->target, buffer, sizeof(buffer));
    bool out_of_memory = cgroup_reader_oom_kills(session->cgroup) > session->oom_kills;
    struct error *error =
        exit_snapshot_create(session->catalog, session->last, &session->info, reason, out_of_memory, ret_snapshot);
    if (error)
        return error;
    (*ret_snapshot)->unix_ns = clock_ns(CLOCK_REALTIME);
    (*ret_snapshot)->monotonic_ns = clock_ns(CLOCK_MONOTONIC);
    return NULL;
}

/* Reads until one reading was whole. */
static struct error *make_snapshot(struct session *session, struct snapshot **ret_snapshot)
{
    for (unsigned attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        _cleanup_(snapshot_unrefp) struct snapshot *snapshot = NULL;
        struct error *error = snapshot_create(session->catalog, &snapshot);
        if (error)
            return error;
        error = read_once(session, snapshot);
        if (error && error->kind == ERROR_NO_MEMORY)
            return error;
        bool is_whole = !error && is_still_the_program(session);
        error_destroy(error);
        if (is_whole) {
            *ret_snapshot = take_pointer(snapshot);
            return NULL;
        }
        if (!target_is_alive(session->target))
            return make_exit_snapshot(session, ret_snapshot);
        session->retried++;
    }
    return error_create(ERROR_SYSTEM, "process %d changes faster than it can be read", (int)session->target->pid);
}

struct error *session_sample(struct session *session, uint64_t interval_ns, uint64_t samples_dropped,
                             struct snapshot **ret_snapshot)
{
    uint64_t wall_before = clock_ns(CLOCK_MONOTONIC), cpu_before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    struct snapshot *snapshot;
    struct error *error =
        target_is_alive(session->target) ? make_snapshot(session, &snapshot) : make_exit_snapshot(session, &snapshot);
    if (error)
        return error;
    snapshot->sequence = ++session->sequence;
    snapshot->interval_ns = interval_ns;
    fill_cost(session, snapshot, wall_before, cpu_before, samples_dropped);
    /* A process that is ending has lost its memory before it is gone: what is shown after its end is the sample
     * before. */
    bool is_ending = session->last && counter_known(&session->last->counters[COUNTER_RSS]) &&
                     !counter_known(&snapshot->counters[COUNTER_RSS]);
    if (!is_ending) {
        snapshot_unref(session->last);
        session->last = snapshot_ref(snapshot);
    }
    *ret_snapshot = snapshot;
    return NULL;
}
