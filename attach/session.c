#include "attach/session.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "attach/cgroup.h"
#include "attach/exit_snapshot.h"
#include "attach/procfs.h"
#include "attach/probe/preload_channel.h"
#include "attach/probe/preload_reader.h"
#include "attach/probe/probe.h"
#include "attach/profiling.h"
#include "attach/regions.h"
#include "attach/threads.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"

#define CGROUP_PERIOD_NS (10 * CLOCK_SECOND_NS)
#define OWN_RSS_PERIOD_NS (10 * CLOCK_SECOND_NS)
/* A sample during which the process called exec is taken anew. */
#define MAX_ATTEMPTS 3
/* So long a sample waits, once, for lines of source; then they come with a later sample. One that somebody looks out
 * for has those of small programs, too. */
#define LINE_PATIENCE_NS (5 * CLOCK_SECOND_NS)
#define SHOWN_LINE_PATIENCE_NS (CLOCK_SECOND_NS / 20)

struct session {
    struct target *target;
    bool stops_once, stops_always;      /* Threads of what runs: in the next sample, in every one. */
    uint64_t stops, stop_ns;
    struct reader_list kinds;
    struct memory *memory;
    struct catalog *catalog;
    struct name_cache names;            /* Of threads, regions and files. */
    struct cgroup_reader *cgroup;
    struct thread_reader *threads;
    struct native_stacks *stacks;
    struct preload_reader *preloaded;   /* NULL: nothing was preloaded. */
    uint64_t preload_rate;
    const char *preload_refusal;
    bool is_shown_at_once;              /* As of attach_options. */
    struct target_info info;
    string_id container;

    /* What belongs to the program that runs now, and is made anew after an exec. */
    struct image *image;
    struct reader_set readers;
    struct arena program_arena;         /* Regions, as the readers see them. */
    char *program_problem;              /* Why the program cannot be looked into; NULL when it can. */
    bool is_attached;
    uint64_t execs;

    struct profiling profiling;
    struct probe probe;
    struct region_reader region_reader;

    struct snapshot *last;              /* For when the process ends: a reference. */
    uint64_t sequence, retried;
    uint64_t cgroup_found_ns, own_rss_read_ns;      /* CLOCK_MONOTONIC; 0: never. */
    uint64_t own_rss_bytes, opened_ns, attach_ns, symbols_ns;
    uint64_t cpu_before_ns;             /* What heaptop had spent before it attached. */
    uint64_t oom_kills;                 /* As of the attach. */
};

DEFINE_CLEANUP(struct session *, session_close)
DEFINE_CLEANUP(struct snapshot *, snapshot_unref)

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
    if (!error)
        error =
            native_stacks_create(session->target, session->memory, &session->names, session->catalog, &session->stacks);
    if (error)
        return error;
    thread_reader_set_stacks(session->threads, session->stacks, session->memory);
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

struct error *session_use_options(struct session *session, const struct attach_options *options)
{
    session->preload_refusal = options->preload_refusal;
    session->is_shown_at_once = options->shown_at_once;
    if (!options->preload)
        return NULL;
    session->preload_rate = preload_rate(options->preload);
    return preload_reader_create(options->preload, session->stacks, &session->preloaded);
}

/* Lets go of all that belongs to one program. */
static void detach_program(struct session *session)
{
    if (session->stacks)
        native_stacks_forget(session->stacks);
    probe_deinit(&session->probe);
    profiling_detach(&session->profiling);
    reader_set_close(&session->readers);
    image_close(session->image);
    session->image = NULL;
    region_reader_detach(&session->region_reader);
    arena_deinit(&session->program_arena);
    arena_init(&session->program_arena);
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
    profiling_deinit(&session->profiling);
    snapshot_unref(session->last);
    thread_reader_destroy(session->threads);
    preload_reader_destroy(session->preloaded);
    native_stacks_destroy(session->stacks);
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
    session->readers.is_blind = true;
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

/* A sample of a Go program never waits for lines of C code. Call sites are told apart by theirs. */
static void set_line_patience(struct session *session)
{
    bool is_go = strncmp(catalog_string(session->catalog, session->info.runtime), "go", 2) == 0;
    bool has_sites = session->preloaded || session->probe.wanted != ATTACH_PROBE_NONE;
    uint64_t patience_ns = session->is_shown_at_once && !has_sites ? SHOWN_LINE_PATIENCE_NS : LINE_PATIENCE_NS;
    native_stacks_set_patience(session->stacks, is_go ? 0 : patience_ns);
}

/* Looks at the program that runs now: its executable, its memory map, its runtime. */
static struct error *attach_program(struct session *session)
{
    struct reader_context context = {
        .target = session->target, .memory = session->memory, .catalog = session->catalog};
    struct region *regions = NULL;
    struct error *error = describe_target(session);
    if (!error)
        error = region_reader_attach(&session->region_reader, session->target, session->memory, &session->names,
                                     &session->program_arena, &regions, &context.num_regions);

    uint64_t before_symbols = clock_ns(CLOCK_MONOTONIC);
    if (!error)
        error = target_open_executable(session->target, &session->image);
    if (!error) {
        describe_image(session);
        session->region_reader.image = session->image;
        error = target_find_load_bias(session->target, session->image, &context.load_bias);
    }
    if (!error) {
        context.image = session->image;
        context.regions = regions;
        error = reader_set_open(&session->readers, session->kinds, &context, &session->info);
    }
    if (error && reader_error_is_final(error))
        return error;
    if (error)
        keep_problem(session, error);
    set_line_patience(session);
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

struct reader_set *session_readers(struct session *session)
{
    return &session->readers;
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

static void fill_cgroup(struct session *session, struct snapshot *snapshot)
{
    struct cgroup_memory memory;
    if (clock_is_due(&session->cgroup_found_ns, snapshot->monotonic_ns, CGROUP_PERIOD_NS))
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
    region_reader_request_pages(&session->region_reader);
}

void session_request_profiling(struct session *session, uint64_t rate)
{
    profiling_request(&session->profiling, rate);
}

void session_request_running_stacks(struct session *session, bool always)
{
    session->stops_once = true;
    session->stops_always |= always;
}

void session_request_probe(struct session *session, enum attach_probe probe, double budget)
{
    session->probe.budget = budget;
    probe_request(&session->probe, probe);
    if (session->is_attached)
        set_line_patience(session);
}

/* The sooner of two that want to look, of which 0 does not. */
static uint64_t sooner(uint64_t one, uint64_t other)
{
    return other == 0 || (one != 0 && one < other) ? one : other;
}

uint64_t session_look_interval(const struct session *session)
{
    uint64_t fetch = session->preloaded ? preload_reader_look_interval(session->preloaded) : 0;
    return sooner(sooner(reader_set_look_interval(&session->readers), fetch), probe_look_interval(&session->probe));
}

void session_look(struct session *session)
{
    reader_set_look(&session->readers);
    /* Memory that is out now is out as well when the next sample is taken, which will say so. */
    if (session->preloaded)
        error_destroy(preload_reader_look(session->preloaded));
    error_destroy(probe_look(&session->probe));
}

#define NO_PROFILE \
    "it keeps no heap profile: `heaptop run` would sample its allocations, --probe tells of the running one which " \
    "code allocates or touches memory"

static void explain_group(struct snapshot *snapshot, const char *group, const char *reason)
{
    for (int id = 0; id < COUNTER_COUNT; id++)
        if (strcmp(counter_infos[id].group, group) == 0 && !counter_known(&snapshot->counters[id]))
            snapshot_set_unavailable(snapshot, (enum counter_id)id, reason);
}

/* With no reader for a runtime, says why its figures are missing. */
static void fill_reasons(struct session *session, struct snapshot *snapshot)
{
    static const struct {
        const char *group, *reader, *reason;
    } groups[] = {{"go", "go", "not a Go program"},
                  {"scheduler", "go", "not a Go program"},
                  {"jvm", "jvm", "not a JVM"},
                  {"python", "python", "not a Python interpreter"}};
    const struct reader_set *set = &session->readers;
    if (!reader_set_has_profile(set)) {
        snapshot->profile_state = PROFILE_NONE;
        snapshot->profile_reason = set->is_blind ? reader_set_empty_reason(set) : NO_PROFILE;
    }
    for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
        const char *reason = set->is_blind ? reader_set_empty_reason(set) : groups[i].reason;
        if (!reader_set_has(set, groups[i].reader))
            explain_group(snapshot, groups[i].group, reason);
    }
}

/* The profile of a program that has none of its own. */
static struct error *fill_preloaded(struct session *session, struct snapshot *snapshot)
{
    if (snapshot->profile_state != PROFILE_NONE)
        return NULL;
    if (session->preload_refusal)
        snapshot->profile_reason = session->preload_refusal;
    return session->preloaded ? preload_reader_sample(session->preloaded, snapshot) : NULL;
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
        session_request_probe(session, ATTACH_PROBE_NONE, 0);
        *before = now;
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
        error = profiling_switch(&session->profiling, session->target, &session->readers);
    if (error)
        return error;
    fill_process(snapshot, &stat.stat, &status);
    fill_cgroup(session, snapshot);
    fill_problems(session, snapshot);
    bool stops = session->stops_once || session->stops_always;
    /* In a Go program it is the running goroutines that are asked for. */
    error = thread_reader_sample(session->threads, stat.stat.threads,
                                 stops && !reader_set_has(&session->readers, "go"), snapshot);
    /* For the readers too: who it is matters for the ids of its threads. */
    snapshot->target = session->info;
    if (!error)
        error = reader_set_sample(&session->readers, stops, snapshot);
    if (!error)
        error = region_reader_sample(&session->region_reader, &session->readers, snapshot);
    if (error)
        return error;
    fill_reasons(session, snapshot);
    profiling_fill(&session->profiling, session->target, snapshot);
    error = fill_preloaded(session, snapshot);
    if (!error)
        error = probe_sample(&session->probe, session->target, session->stacks, snapshot);
    native_stacks_tell_problems(session->stacks, snapshot);
    return error;
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
    if (clock_is_due(&session->own_rss_read_ns, now, OWN_RSS_PERIOD_NS))
        session->own_rss_bytes = read_own_rss();
    if (!session->attach_ns)
        session->attach_ns = now - session->opened_ns;
    session->retried += snapshot->cost.samples_retried;
    session->stops += snapshot->cost.stops;
    session->stop_ns += snapshot->cost.stop_ns;
    session->stops_once = false;
    snapshot->cost = (struct cost){
        .cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - session->cpu_before_ns + native_stacks_cpu_ns(session->stacks),
        .bytes_read = session->memory->bytes_read,
        .read_calls = session->memory->read_calls,
        .stops = session->stops,
        .stop_ns = session->stop_ns,
        .writes = session->profiling.writes,
        .preload_rate = session->preload_rate,
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
    if ((*ret_snapshot)->profile_state == PROFILE_NONE && session->preload_refusal)
        (*ret_snapshot)->profile_reason = session->preload_refusal;
    return session->preloaded ? preload_reader_finish(session->preloaded, *ret_snapshot) : NULL;
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
