#include "attach/live_source.h"

#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "heaptop/base/cleanup.h"

#define SECOND UINT64_C(1000000000)
#define DEFAULT_INTERVAL_NS SECOND
/* A sample that fails is tried again at the next tick; after so many in a row the source gives up. */
#define MAX_FAILURES 5
#define FREE_MEMORY_PERIOD_NS (60 * SECOND)

struct live_source {
    struct source source;
    struct session *session;        /* The sampler thread's alone, once that runs. */
    pthread_t thread;
    bool has_thread;
    int wake; /* An event counter that ends the sampler's wait: the interval changed, or it shall stop. */
    int ready;                      /* An event counter, above 0 while `next` has something to give. */

    pthread_mutex_t mutex;          /* Guards all below. */
    pthread_cond_t arrived;         /* A snapshot came, or none will come any more. */
    struct snapshot *queue[LIVE_SOURCE_QUEUE];      /* Oldest first. */
    size_t queued;
    uint64_t interval_ns, dropped;
    bool is_stopping, is_finished, wants_memory_map, wants_sample, wants_running_stacks;
    uint64_t profile_rate;          /* To switch profiling on with when asked. */
    double probe_budget;            /* As of attach_options. */
    enum { PROFILING_AS_IT_IS, PROFILING_ON, PROFILING_OFF } wants_profiling;
    bool wants_probe;               /* Another than before: the one that is wanted. */
    enum attach_probe wanted_probe;
    struct error *failure;          /* Why it finished, to be handed out once. */
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static struct timespec to_timespec(uint64_t nanoseconds)
{
    return (struct timespec){.tv_sec = (time_t)(nanoseconds / SECOND), .tv_nsec = (long)(nanoseconds % SECOND)};
}

static void event_raise(int descriptor)
{
    uint64_t one = 1;
    /* It cannot fail but for a counter that is full, and then it is raised already. */
    ssize_t written = write(descriptor, &one, sizeof(one));
    (void)written;
}

static void event_clear(int descriptor)
{
    uint64_t count;
    ssize_t got = read(descriptor, &count, sizeof(count));
    (void)got;
}

/* Takes the snapshot; drops the oldest that waits when there is no room. */
static void enqueue(struct live_source *live, struct snapshot *snapshot)
{
    struct snapshot *oldest = NULL;
    pthread_mutex_lock(&live->mutex);
    if (live->queued == LIVE_SOURCE_QUEUE) {
        oldest = live->queue[0];
        memmove(live->queue, live->queue + 1, (LIVE_SOURCE_QUEUE - 1) * sizeof(live->queue[0]));
        live->queued--;
        live->dropped++;
    }
    live->queue[live->queued++] = snapshot;
    live->is_finished |= snapshot->exited;
    event_raise(live->ready);
    pthread_cond_broadcast(&live->arrived);
    pthread_mutex_unlock(&live->mutex);
    snapshot_unref(oldest);
}

/* Takes the error. */
static void finish(struct live_source *live, struct error *error)
{
    pthread_mutex_lock(&live->mutex);
    live->failure = error;
    live->is_finished = true;
    event_raise(live->ready);
    pthread_cond_broadcast(&live->arrived);
    pthread_mutex_unlock(&live->mutex);
}

/* One sample into the queue. False when there will be no more. */
static bool sample(struct live_source *live, unsigned *failures)
{
    struct snapshot *snapshot;
    pthread_mutex_lock(&live->mutex);
    uint64_t interval_ns = live->interval_ns, dropped = live->dropped;
    if (live->wants_memory_map)
        session_request_memory_map(live->session);
    if (live->wants_profiling != PROFILING_AS_IT_IS)
        session_request_profiling(live->session, live->wants_profiling == PROFILING_ON ? live->profile_rate : 0);
    if (live->wants_running_stacks)
        session_request_running_stacks(live->session, false);
    live->wants_memory_map = live->wants_running_stacks = false;
    if (live->wants_probe)
        session_request_probe(live->session, live->wanted_probe, live->probe_budget);
    live->wants_probe = false;
    live->wants_profiling = PROFILING_AS_IT_IS;
    pthread_mutex_unlock(&live->mutex);
    struct error *error = session_sample(live->session, interval_ns, dropped, &snapshot);
    if (error && ++*failures >= MAX_FAILURES) {
        finish(live, error);
        return false;
    }
    if (error) {
        error_destroy(error);
        return true;
    }
    *failures = 0;
    bool has_exited = snapshot->exited;
    enqueue(live, snapshot);
    return !has_exited;
}

/* Waits, looking now and then at what will have passed by then, for the next tick, the end of the process, or a change
 * of interval. False when it shall stop. */
static bool wait_for_tick(struct live_source *live, uint64_t last_due, uint64_t *ret_due)
{
    uint64_t look_interval = session_look_interval(live->session), looked = now_ns();
    for (;;) {
        pthread_mutex_lock(&live->mutex);
        uint64_t interval_ns = live->interval_ns;
        bool is_stopping = live->is_stopping, is_wanted = live->wants_sample;
        live->wants_sample = false;
        pthread_mutex_unlock(&live->mutex);
        if (is_stopping)
            return false;
        uint64_t now = now_ns(), due = is_wanted ? now : last_due + interval_ns;
        /* Ticks that were missed are not made up for. */
        if (due + interval_ns < now)
            due = now;
        if (due <= now) {
            *ret_due = due;
            return true;
        }
        if (look_interval != 0 && looked + look_interval <= now) {
            session_look(live->session);
            looked = now;
            look_interval = session_look_interval(live->session);
        }
        bool looks_first = look_interval != 0 && looked + look_interval < due;
        uint64_t until = looks_first ? looked + look_interval : due;
        struct timespec left = to_timespec(until > now ? until - now : 0);
        struct pollfd descriptors[] = {
            {.fd = live->wake, .events = POLLIN},
            {.fd = session_exit_descriptor(live->session), .events = POLLIN},
        };
        int count = ppoll(descriptors, ARRAY_SIZE(descriptors), &left, NULL);
        if (count > 0 && descriptors[1].revents) {
            *ret_due = now;
            return true;
        }
        if (count > 0)
            event_clear(live->wake);
    }
}

/* Snapshots are made by one thread and let go of by others, in sizes that vary: what is free among the blocks in use
 * gets touched little by little, and RSS creeps up for hours although no more is in use. */
static void return_free_memory(uint64_t *last)
{
#ifdef __GLIBC__
    uint64_t now = now_ns();
    if (now - *last < FREE_MEMORY_PERIOD_NS)
        return;
    malloc_trim(0);
    *last = now;
#else
    (void)last;
#endif
}

static void *run_sampler(void *argument)
{
    struct live_source *live = argument;
    /* From the thread itself: naming another thread writes a file of /proc. */
    prctl(PR_SET_NAME, "sampler");
    uint64_t due = now_ns(), returned = due;
    unsigned failures = 0;
    while (sample(live, &failures) && wait_for_tick(live, due, &due))
        return_free_memory(&returned);
    return NULL;
}

static struct error *start_sampler(struct live_source *live)
{
    sigset_t all, before;
    sigfillset(&all);
    /* Signals are for the program's other threads. */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int errno_value = pthread_create(&live->thread, NULL, run_sampler, live);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (errno_value)
        return error_from_errno(errno_value, "cannot start the sampler");
    live->has_thread = true;
    return NULL;
}

static struct error *live_next(struct source *source, uint64_t timeout_ns, struct snapshot **ret_snapshot)
{
    struct live_source *live = (struct live_source *)source;
    uint64_t now = now_ns();
    struct timespec until = to_timespec(timeout_ns < UINT64_MAX / 2 - now ? now + timeout_ns : UINT64_MAX / 2);
    struct snapshot *snapshot = NULL;
    struct error *error = NULL;
    pthread_mutex_lock(&live->mutex);
    while (live->queued == 0 && !live->is_finished && timeout_ns > 0) {
        if (pthread_cond_timedwait(&live->arrived, &live->mutex, &until) == ETIMEDOUT)
            break;
    }
    if (live->queued > 0) {
        snapshot = live->queue[0];
        live->queued--;
        memmove(live->queue, live->queue + 1, live->queued * sizeof(live->queue[0]));
    } else {
        error = take_pointer(live->failure);
    }
    if (live->queued == 0 && !live->failure)
        event_clear(live->ready);
    pthread_mutex_unlock(&live->mutex);
    if (error)
        return error;
    *ret_snapshot = snapshot;
    return NULL;
}

static void live_set_interval(struct source *source, uint64_t interval_ns)
{
    struct live_source *live = (struct live_source *)source;
    pthread_mutex_lock(&live->mutex);
    live->interval_ns = interval_ns < ATTACH_MIN_INTERVAL_NS ? ATTACH_MIN_INTERVAL_NS : interval_ns;
    pthread_mutex_unlock(&live->mutex);
    event_raise(live->wake);
}

/* Whether a request is for a probe, or for none. */
static bool find_probe(enum source_request what, enum attach_probe *ret_probe)
{
    switch (what) {
    case SOURCE_REQUEST_PROBE_FAULTS:
        *ret_probe = ATTACH_PROBE_FAULTS;
        return true;
    case SOURCE_REQUEST_PROBE_ALLOCATIONS:
        *ret_probe = ATTACH_PROBE_ALLOCATIONS;
        return true;
    case SOURCE_REQUEST_PROBE_COUNT:
        *ret_probe = ATTACH_PROBE_COUNT;
        return true;
    case SOURCE_REQUEST_PROBE_OFF:
        *ret_probe = ATTACH_PROBE_NONE;
        return true;
    default:
        return false;
    }
}

static void live_request(struct source *source, enum source_request what)
{
    struct live_source *live = (struct live_source *)source;
    pthread_mutex_lock(&live->mutex);
    if (what == SOURCE_REQUEST_MEMORY_MAP)
        live->wants_memory_map = true;
    else if (what == SOURCE_REQUEST_SAMPLE)
        live->wants_sample = true;
    else if (what == SOURCE_REQUEST_RUNNING_STACKS)
        live->wants_running_stacks = true;
    else if (find_probe(what, &live->wanted_probe))
        live->wants_probe = true;
    else
        live->wants_profiling = what == SOURCE_REQUEST_PROFILING_ON ? PROFILING_ON : PROFILING_OFF;
    pthread_mutex_unlock(&live->mutex);
    if (what == SOURCE_REQUEST_SAMPLE)
        event_raise(live->wake);
}

static int live_descriptor(struct source *source)
{
    return ((struct live_source *)source)->ready;
}

static void live_close(struct source *source)
{
    struct live_source *live = (struct live_source *)source;
    if (live->has_thread) {
        pthread_mutex_lock(&live->mutex);
        live->is_stopping = true;
        pthread_mutex_unlock(&live->mutex);
        event_raise(live->wake);
        pthread_join(live->thread, NULL);
    }
    for (size_t i = 0; i < live->queued; i++)
        snapshot_unref(live->queue[i]);
    session_close(live->session);
    error_destroy(live->failure);
    pthread_cond_destroy(&live->arrived);
    pthread_mutex_destroy(&live->mutex);
    close_p(&live->wake);
    close_p(&live->ready);
    free(live);
}

static const struct source_ops live_ops = {
    .next = live_next,
    .set_interval = live_set_interval,
    .descriptor = live_descriptor,
    .request = live_request,
    .close = live_close,
};

DEFINE_CLEANUP(struct source *, source_close)

static struct error *create_events(struct live_source *live)
{
    live->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    live->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (live->wake < 0 || live->ready < 0)
        return error_from_errno(errno, "cannot create an event descriptor");
    return NULL;
}

struct error *live_source_create(pid_t pid, const struct attach_options *options, struct reader_list readers,
                                 struct source **ret_source)
{
    struct live_source *live = calloc(1, sizeof(*live));
    if (!live)
        return error_no_memory();
    _cleanup_(source_closep) struct source *source = &live->source;
    *source = (struct source){.ops = &live_ops, .live = true};
    live->wake = live->ready = -1;
    live->interval_ns = options->interval_ns ? options->interval_ns : DEFAULT_INTERVAL_NS;
    if (live->interval_ns < ATTACH_MIN_INTERVAL_NS)
        live->interval_ns = ATTACH_MIN_INTERVAL_NS;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&live->mutex, NULL);
    pthread_cond_init(&live->arrived, &attributes);
    pthread_condattr_destroy(&attributes);

    struct error *error = create_events(live);
    if (!error)
        error = session_open(pid, readers, &live->session);
    if (!error)
        error = session_use_options(live->session, options);
    if (!error && options->memory_map)
        session_request_memory_map(live->session);
    live->profile_rate = options->profile_rate ? options->profile_rate : ATTACH_DEFAULT_PROFILE_RATE;
    live->probe_budget = options->probe_budget;
    if (!error && options->stop_running)
        session_request_running_stacks(live->session, true);
    if (!error)
        session_request_probe(live->session, options->probe, options->probe_budget);
    if (!error && options->profile_rate)
        session_request_profiling(live->session, options->profile_rate);
    if (!error && options->sample_once) {
        struct snapshot *snapshot;
        error = session_sample(live->session, live->interval_ns, 0, &snapshot);
        if (!error)
            enqueue(live, snapshot);
        live->is_finished = true;
    } else if (!error) {
        error = start_sampler(live);
    }
    if (error)
        return error;
    *ret_source = take_pointer(source);
    return NULL;
}
