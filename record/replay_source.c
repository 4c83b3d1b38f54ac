/* A recording as a source: at its own pace, faster, or as fast as it is asked. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "record/recording.h"
#include "record/schema.h"
#include "record/suspect_rows.h"

#define SECOND UINT64_C(1000000000)
/* Where nothing was recorded for a while, replay goes on after so many of the intervals at which samples are taken. */
#define LONGEST_WAIT_INTERVALS 3
/* How often a recording that is still being written is asked for more. */
#define FOLLOW_NS (SECOND / 2)
/* 2^62: an exabyte of anything is none. */
#define LARGEST_FIGURE 4.6e18

struct replay_source {
    struct source source;
    struct recording *recording;
    double speed;               /* INFINITY: not paced; 0: held, only what was sought is given. */
    int timer;                  /* Readable when `next` is due; always, when it is not paced. */
    sqlite3_stmt *scan;         /* NULL until it is needed. */
    bool gathers_cycles;
    int64_t gathered;           /* The tick up to which; 0: none yet. */
    int64_t shown;              /* The tick given last; 0: none. */
    uint64_t shown_unix_ns, interval_ns;
    int64_t wanted;             /* By seek: to be given next; 0: the one after `shown`. */
    uint64_t due_ns;            /* CLOCK_MONOTONIC. */
};

/* Makes the descriptor readable at this time; 0 never. */
static void arm(struct replay_source *replay, uint64_t due_ns)
{
    /* It is never read, so that it stays readable: without pace it need not be set again for every sample. */
    if (due_ns == 1 && replay->due_ns == 1)
        return;
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(due_ns / SECOND), .tv_nsec = (long)(due_ns % SECOND)}};
    replay->due_ns = due_ns;
    timerfd_settime(replay->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* When the tick after the one that was just given is due. */
static void arm_next(struct replay_source *replay, uint64_t now)
{
    int64_t tick;
    uint64_t unix_ns;
    if (replay->speed <= 0 || isinf(replay->speed)) {
        arm(replay, replay->speed > 0);
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
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (replay->due_ns <= now)
        return true;
    uint64_t wait = replay->due_ns - now < timeout_ns ? replay->due_ns - now : timeout_ns;
    if (wait > 0) {
        struct timespec time = {.tv_sec = (time_t)(wait / SECOND), .tv_nsec = (long)(wait % SECOND)};
        struct pollfd descriptor = {.fd = replay->timer, .events = POLLIN};
        ppoll(&descriptor, 1, &time, NULL);
    }
    return replay->due_ns <= clock_ns(CLOCK_MONOTONIC);
}

static struct error *replay_next(struct source *source, uint64_t timeout_ns, struct snapshot **ret_snapshot)
{
    struct replay_source *replay = (struct replay_source *)source;
    struct recording *recording = replay->recording;
    struct snapshot *snapshot = NULL;
    int64_t tick = replay->wanted;
    uint64_t unix_ns;
    if ((replay->speed <= 0 && tick == 0) || !wait_until_due(replay, timeout_ns)) {
        *ret_snapshot = NULL;
        return NULL;
    }
    if (recording->database.code != SQLITE_OK)
        return database_error(&recording->database, "read on in", recording->path);
    if (tick == 0 && !tick_reader_next(&recording->reader, replay->shown, &tick, &unix_ns)) {
        if (recording->database.code != SQLITE_OK)
            return database_error(&recording->database, "read on in", recording->path);
        arm_next(replay, clock_ns(CLOCK_MONOTONIC));
        *ret_snapshot = NULL;
        return NULL;
    }
    int64_t cycles_from = replay->gathered > 0 && replay->gathered < tick ? replay->gathered + 1 : tick;
    struct error *error = tick_reader_read(&recording->reader, tick, cycles_from, &snapshot);
    if (error)
        return error;
    if (recording->is_without_log && replay->shown == 0)
        snapshot_add_problem(snapshot,
                             "the log beside the recording cannot be read: its newest samples may be missing");
    replay->wanted = 0;
    replay->gathered = replay->gathers_cycles ? tick : 0;
    replay->shown = tick;
    replay->shown_unix_ns = snapshot->unix_ns;
    replay->interval_ns = snapshot->interval_ns;
    arm_next(replay, clock_ns(CLOCK_MONOTONIC));
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

/* ---- the time line ---- */

static struct error *replay_read_timeline(struct source *source, struct arena *arena, struct timeline *ret_timeline)
{
    struct recording *recording = ((struct replay_source *)source)->recording;
    struct recording_info info;
    struct timeline timeline = {0};
    struct error *error = recording_read_info(recording, &info);
    if (!error && info.marks > 0)
        error = recording_read_marks(recording, arena, &timeline.marks, &timeline.num_marks);
    if (!error && info.gaps > 0)
        error = recording_read_gaps(recording, arena, &timeline.gaps, &timeline.num_gaps);
    if (!error) {
        suspect_rows_read(&recording->database, arena, &timeline);
        error = database_error(&recording->database, "read", recording->path);
    }
    if (error)
        return error;
    timeline.first_unix_ns = info.first_unix_ns;
    timeline.last_unix_ns = info.last_unix_ns;
    timeline.ended = info.closed;
    *ret_timeline = timeline;
    return NULL;
}

/* The columns that a point is made from, as far as the file has them. */
static const enum counter_id scanned[] = {COUNTER_RSS, COUNTER_HEAP_LIVE, COUNTER_GOROUTINES, COUNTER_NUM_GC,
                                         COUNTER_HEAP_MARKED, COUNTER_PAUSE_TOTAL};

/* ", seldom_counters.num_gc", wherever the file has it; ", NULL" where it has it not. */
static void append_column(const struct tick_reader *reader, enum counter_id id, struct text *sql)
{
    for (size_t table = 0; table < SCHEMA_COUNTER_TABLES; table++) {
        for (size_t i = 0; i < reader->columns[table].count; i++) {
            if (reader->columns[table].ids[i] == id) {
                text_printf(sql, ", %s.%s", schema_counter_tables[table], schema_counter_names[id]);
                return;
            }
        }
    }
    text_append(sql, ", NULL");
}

static sqlite3_stmt *prepare_scan(struct recording *recording)
{
    _cleanup_(text_deinit) struct text sql = {0};
    const struct tick_reader *reader = &recording->reader;
    text_append(&sql, "SELECT t.tick, t.unix_ns");
    for (size_t i = 0; i < ARRAY_SIZE(scanned); i++)
        append_column(reader, scanned[i], &sql);
    text_append(&sql, ", t.exited, g.pid, g.start_unix_ns FROM ticks t LEFT JOIN targets g ON g.target = t.target");
    for (size_t table = 0; table < SCHEMA_COUNTER_TABLES; table++)
        if (reader->columns[table].count > 0)
            text_printf(&sql, " LEFT JOIN %s ON %s.tick = t.tick", schema_counter_tables[table],
                        schema_counter_tables[table]);
    text_append(&sql, " WHERE t.tick > ? ORDER BY t.tick LIMIT ?");
    if (sql.failed) {
        recording->database.code = SQLITE_NOMEM;
        return NULL;
    }
    return database_prepare(&recording->database, sql.data);
}

/* What no counter can be is not known. */
static double column_or_nan(sqlite3_stmt *statement, int column)
{
    double value = sqlite3_column_type(statement, column) == SQLITE_NULL ? (double)NAN
                                                                         : sqlite3_column_double(statement, column);
    return fabs(value) < LARGEST_FIGURE ? value : (double)NAN;
}

static struct error *replay_scan(struct source *source, int64_t *position, struct timeline_point *points, size_t room,
                                 size_t *ret_count)
{
    struct replay_source *replay = (struct replay_source *)source;
    struct recording *recording = replay->recording;
    size_t count = 0;
    int64_t last = *position;
    if (!replay->scan)
        replay->scan = prepare_scan(recording);
    struct row row = row_begin(&recording->database, replay->scan);
    row_integer(&row, last);
    row_integer(&row, (int64_t)room);
    while (count < room && row_next(&row)) {
        int64_t tick = sqlite3_column_int64(row.statement, 0);
        /* In a damaged file they need not rise. */
        if (tick <= last)
            break;
        last = tick;
        points[count++] = (struct timeline_point){.unix_ns = (uint64_t)sqlite3_column_int64(row.statement, 1),
                                                  .rss_bytes = column_or_nan(row.statement, 2),
                                                  .heap_live_bytes = column_or_nan(row.statement, 3),
                                                  .goroutines = column_or_nan(row.statement, 4),
                                                  .num_gc = column_or_nan(row.statement, 5),
                                                  .heap_marked_bytes = column_or_nan(row.statement, 6),
                                                  .pause_total_ns = column_or_nan(row.statement, 7),
                                                  .exited = sqlite3_column_int64(row.statement, 8) != 0,
                                                  .pid = sqlite3_column_int64(row.statement, 9),
                                                  .start_unix_ns = (uint64_t)sqlite3_column_int64(row.statement, 10)};
    }
    row_reset(&row);
    struct error *error = database_error(&recording->database, "read", recording->path);
    if (error)
        return error;
    *position = last;
    *ret_count = count;
    return NULL;
}

/* One number of one row, 0 when there is none. */
static int64_t find_number(struct database *database, const char *sql, int64_t parameter)
{
    int64_t value = 0;
    sqlite3_stmt *statement = database_prepare(database, sql);
    struct row row = row_begin(database, statement);
    row_integer(&row, parameter);
    if (row_next(&row))
        value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* The time of the tick in which a keyed table has its next row, or the one before. */
static uint64_t find_row(struct recording *recording, const char *table, int direction, uint64_t unix_ns)
{
    struct database *database = &recording->database;
    char sql[128];
    int64_t tick = 0;
    /* The last tick at or before this time, or the last that is before it. */
    if (direction > 0 || unix_ns > 0)
        tick_reader_find(&recording->reader, direction > 0 ? unix_ns : unix_ns - 1, &tick);
    snprintf(sql, sizeof(sql),
             direction > 0 ? "SELECT at >> 24 FROM %s WHERE at >= ? ORDER BY at LIMIT 1"
                           : "SELECT at >> 24 FROM %s WHERE at < ? ORDER BY at DESC LIMIT 1",
             table);
    tick = find_number(database, sql, (tick + 1) << RECORD_KEY_BITS);
    return tick ? (uint64_t)find_number(database, "SELECT unix_ns FROM ticks WHERE tick = ?", tick) : 0;
}

static uint64_t find_snapshot(struct recording *recording, int direction, uint64_t unix_ns)
{
    int64_t tick = 0;
    uint64_t found = 0;
    if (direction > 0) {
        tick_reader_find(&recording->reader, unix_ns, &tick);
        return tick_reader_next(&recording->reader, tick, &tick, &found) ? found : 0;
    }
    if (unix_ns == 0 || !tick_reader_find(&recording->reader, unix_ns - 1, &tick))
        return 0;
    return (uint64_t)find_number(&recording->database, "SELECT unix_ns FROM ticks WHERE tick = ?", tick);
}

static struct error *replay_find(struct source *source, enum timeline_landmark what, int direction, uint64_t unix_ns,
                                 uint64_t *ret_unix_ns)
{
    struct recording *recording = ((struct replay_source *)source)->recording;
    uint64_t found = 0;
    switch (what) {
    case TIMELINE_SNAPSHOT:
        found = find_snapshot(recording, direction, unix_ns);
        break;
    case TIMELINE_MARK:
        found = (uint64_t)find_number(&recording->database,
                                      direction > 0 ? "SELECT min(unix_ns) FROM marks WHERE unix_ns > ?"
                                                    : "SELECT max(unix_ns) FROM marks WHERE unix_ns < ?",
                                      (int64_t)unix_ns);
        break;
    case TIMELINE_GC_CYCLE:
        found = find_row(recording, "gc_cycles", direction, unix_ns);
        break;
    case TIMELINE_SUSPECT:
        found = (uint64_t)find_number(&recording->database,
                                      direction > 0 ? "SELECT min(from_unix_ns) FROM suspects WHERE from_unix_ns > ?"
                                                    : "SELECT max(from_unix_ns) FROM suspects WHERE from_unix_ns < ?",
                                      (int64_t)unix_ns);
        break;
    case TIMELINE_MEMORY_MAP:
        found = find_row(recording, "memory_maps", direction, unix_ns);
        break;
    }
    struct error *error = database_error(&recording->database, "read", recording->path);
    if (!error)
        *ret_unix_ns = found;
    return error;
}

static void replay_set_pace(struct source *source, double speed)
{
    struct replay_source *replay = (struct replay_source *)source;
    replay->speed = speed;
    replay->due_ns = 0;
    if (replay->wanted)
        arm(replay, 1);
    else
        arm_next(replay, clock_ns(CLOCK_MONOTONIC));
}

static const struct timeline_ops replay_timeline = {
    .read = replay_read_timeline,
    .scan = replay_scan,
    .find = replay_find,
    .set_pace = replay_set_pace,
};

/* ---- life ---- */

static void replay_close(struct source *source)
{
    struct replay_source *replay = (struct replay_source *)source;
    sqlite3_finalize(replay->scan);
    recording_close(replay->recording);
    close_p(&replay->timer);
    free(replay);
}

static const struct source_ops replay_ops = {
    .next = replay_next,
    .seek = replay_seek,
    .descriptor = replay_descriptor,
    .close = replay_close,
    .timeline = &replay_timeline,
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
    if (options->catalog)
        names_set_catalog(&recording->reader.names, options->catalog);
    replay->speed = options->speed > 0 ? options->speed : (double)INFINITY;
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

void replay_source_gather_cycles(struct source *source)
{
    ((struct replay_source *)source)->gathers_cycles = true;
}
