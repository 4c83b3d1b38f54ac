/* A recording as a source: at its own pace, faster, or as fast as it is asked. */
#include <errno.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "heaptop/base/cleanup.h"
#include "record/recording.h"

#define SECOND UINT64_C(1000000000)
/* Where nothing was recorded for a while, replay goes on after so many of the intervals at which samples are taken. */
#define LONGEST_WAIT_INTERVALS 3
/* How often a recording that is still being written is asked for more. */
#define FOLLOW_NS (SECOND / 2)

struct replay_source {
    struct source source;
    struct recording *recording;
    double speed;               /* 0: not paced. */
    int timer;                  /* Readable when `next` is due; always, when it is not paced. */
    int64_t shown;              /* The tick given last; 0: none. */
    uint64_t shown_unix_ns, interval_ns;
    int64_t wanted;             /* By seek: to be given next; 0: the one after `shown`. */
    uint64_t due_ns;            /* CLOCK_MONOTONIC. */
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* Makes the descriptor readable at this time; 0 never. */
static void arm(struct replay_source *replay, uint64_t due_ns)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(due_ns / SECOND), .tv_nsec = (long)(due_ns % SECOND)}};
    replay->due_ns = due_ns;
    timerfd_settime(replay->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* When the tick after the one that was just given is due. */
static void arm_next(struct replay_source *replay, uint64_t now)
{
    int64_t tick;
    uint64_t unix_ns;
    if (replay->speed <= 0) {
        arm(replay, 1);
        return;
    }
    if (!tick_reader_next(&replay->recording->reader, replay->shown, &tick, &unix_ns)) {
        arm(replay, now + FOLLOW_NS);
        return;
    }
    uint64_t wait = unix_ns > replay->shown_unix_ns ? unix_ns - replay->shown_unix_ns : 0;
    uint64_t interval = replay->interval_ns ? replay->interval_ns : SECOND;
    uint64_t longest = interval < UINT64_MAX / LONGEST_WAIT_INTERVALS ? LONGEST_WAIT_INTERVALS * interval : UINT64_MAX;
    double scaled = (double)(wait < longest ? wait : longest) / replay->speed;
    /* Measured from when the last one was due, so that delays do not add up. */
    uint64_t from = replay->due_ns != 0 && replay->due_ns <= now && now - replay->due_ns < SECOND ? replay->due_ns
                                                                                                  : now;
    arm(replay, from + (scaled < 1e18 ? (uint64_t)scaled : UINT64_C(1000000000000000000)));
}

static bool wait_until_due(struct replay_source *replay, uint64_t timeout_ns)
{
    uint64_t now = now_ns();
    if (replay->due_ns <= now)
        return true;
    uint64_t wait = replay->due_ns - now < timeout_ns ? replay->due_ns - now : timeout_ns;
    if (wait > 0) {
        struct timespec time = {.tv_sec = (time_t)(wait / SECOND), .tv_nsec = (long)(wait % SECOND)};
        struct pollfd descriptor = {.fd = replay->timer, .events = POLLIN};
        ppoll(&descriptor, 1, &time, NULL);
    }
    return replay->due_ns <= now_ns();
}

static struct error *replay_next(struct source *source, uint64_t timeout_ns, struct snapshot **ret_snapshot)
{
    struct replay_source *replay = (struct replay_source *)source;
    struct recording *recording = replay->recording;
    struct snapshot *snapshot = NULL;
    int64_t tick = replay->wanted;
    uint64_t unix_ns;
    if (!wait_until_due(replay, timeout_ns)) {
        *ret_snapshot = NULL;
        return NULL;
    }
    if (recording->database.code != SQLITE_OK)
        return database_error(&recording->database, "read on in", recording->path);
    if (tick == 0 && !tick_reader_next(&recording->reader, replay->shown, &tick, &unix_ns)) {
        if (recording->database.code != SQLITE_OK)
            return database_error(&recording->database, "read on in", recording->path);
        arm_next(replay, now_ns());
        *ret_snapshot = NULL;
        return NULL;
    }
    struct error *error = tick_reader_read(&recording->reader, tick, &snapshot);
    if (error)
        return error;
    if (recording->is_without_log && replay->shown == 0)
        snapshot_add_problem(snapshot,
                             "the log beside the recording cannot be read: its newest samples may be missing");
    replay->wanted = 0;
    replay->shown = tick;
    replay->shown_unix_ns = snapshot->unix_ns;
    replay->interval_ns = snapshot->interval_ns;
    arm_next(replay, now_ns());
    *ret_snapshot = snapshot;
    return NULL;
}

static struct error *replay_seek(struct source *source, uint64_t unix_ns)
{
    struct replay_source *replay = (struct replay_source *)source;
    struct recording *recording = replay->recording;
    int64_t tick = 0;
    /* Before the first tick, it is the first. */
    if (!tick_reader_find(&recording->reader, unix_ns, &tick))
        tick_reader_next(&recording->reader, 0, &tick, &unix_ns);
    if (recording->database.code != SQLITE_OK)
        return database_error(&recording->database, "read on in", recording->path);
    replay->wanted = tick;
    replay->due_ns = 0;
    arm(replay, 1);
    return NULL;
}

static int replay_descriptor(struct source *source)
{
    return ((struct replay_source *)source)->timer;
}

static void replay_close(struct source *source)
{
    struct replay_source *replay = (struct replay_source *)source;
    recording_close(replay->recording);
    close_p(&replay->timer);
    free(replay);
}

static const struct source_ops replay_ops = {
    .next = replay_next,
    .seek = replay_seek,
    .descriptor = replay_descriptor,
    .close = replay_close,
};

struct error *replay_source_open(struct recording *recording, const struct replay_options *options,
                                 struct source **ret_source)
{
    struct replay_source *replay = calloc(1, sizeof(*replay));
    if (!replay) {
        recording_close(recording);
        return error_no_memory();
    }
    replay->source = (struct source){.ops = &replay_ops, .live = false};
    replay->recording = recording;
    replay->speed = options->speed;
    replay->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (replay->timer < 0) {
        struct error *error = error_from_errno(errno, "cannot create a timer");
        replay_close(&replay->source);
        return error;
    }
    arm(replay, 1);
    *ret_source = &replay->source;
    return NULL;
}
