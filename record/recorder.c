/* The recorder's thread, and the queue through which it is fed. */
#include "heaptop/record.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "heaptop/base/cleanup.h"
#include "record/schema.h"
#include "record/tick_writer.h"

/* Samples that wait for the disk. */
#define QUEUE 16
/* After a write that failed the next is tried so much later, doubling: a full disk is asked now and then, not all the
 * time. */
#define FIRST_RETRY_NS UINT64_C(500000000)
#define LAST_RETRY_NS UINT64_C(30000000000)
/* Bytes of the log after which SQLite moves it into the file, in pages of 4 KiB. */
#define CHECKPOINT_PAGES 1000

struct pending_mark {
    uint64_t unix_ns;
    char *text;
};

struct recorder {
    char *path;
    struct database database;       /* The writer thread's, once it runs. */
    struct tick_writer writer;
    uint64_t retry_after_ns, retry_at_ns;   /* CLOCK_MONOTONIC; 0: nothing failed. */
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t mutex;          /* Guards all below; never held over a write. */
    pthread_cond_t arrived;
    struct snapshot *queue[QUEUE];  /* Oldest first. */
    size_t queued;
    struct pending_mark marks[RECORD_MAX_PENDING_MARKS];
    size_t num_marks;
    struct recording_gap_row
        gap; /* What was dropped since the last tick that is in the file; ticks is 0 when nothing was. */
    char reason[160];               /* gap.reason. */
    struct recorder_status status;
    uint64_t last_sequence;         /* Of the snapshot added last; 0: none. */
    bool is_closing;
};

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t unix_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- dropping ---- */

/* So many samples up to this time are not in the file. With the mutex held. */
static void note_dropped(struct recorder *recorder, uint64_t ticks, uint64_t at_unix_ns, const char *reason)
{
    struct recording_gap_row *gap = &recorder->gap;
    if (gap->ticks == 0) {
        *gap = (struct recording_gap_row){
            .from_unix_ns = at_unix_ns, .to_unix_ns = at_unix_ns, .reason = recorder->reason};
        snprintf(recorder->reason, sizeof(recorder->reason), "%s", reason);
    }
    if (at_unix_ns < gap->from_unix_ns)
        gap->from_unix_ns = at_unix_ns;
    if (at_unix_ns > gap->to_unix_ns)
        gap->to_unix_ns = at_unix_ns;
    gap->ticks += ticks;
    recorder->status.dropped += ticks;
    snprintf(recorder->status.problem, sizeof(recorder->status.problem), "%s", reason);
}

void recorder_add(struct recorder *recorder, struct snapshot *snapshot)
{
    pthread_mutex_lock(&recorder->mutex);
    /* Samples that were taken and never came here. */
    if (recorder->last_sequence != 0 && snapshot->sequence > recorder->last_sequence + 1)
        note_dropped(recorder, snapshot->sequence - recorder->last_sequence - 1, snapshot->unix_ns,
                     "heaptop was too slow");
    recorder->last_sequence = snapshot->sequence;
    if (recorder->queued == QUEUE)
        note_dropped(recorder, 1, snapshot->unix_ns, "the disk was too slow");
    else
        recorder->queue[recorder->queued++] = snapshot_ref(snapshot);
    pthread_cond_signal(&recorder->arrived);
    pthread_mutex_unlock(&recorder->mutex);
}

void recorder_mark(struct recorder *recorder, uint64_t at_unix_ns, const char *text)
{
    struct text escaped = {0};
    text_append_escaped(&escaped, text, strnlen(text, RECORD_MAX_MARK));
    char *copy = text_take(&escaped);
    pthread_mutex_lock(&recorder->mutex);
    if (copy && recorder->num_marks < RECORD_MAX_PENDING_MARKS) {
        recorder->marks[recorder->num_marks++] = (struct pending_mark){.unix_ns = at_unix_ns, .text = copy};
        copy = NULL;
    }
    pthread_cond_signal(&recorder->arrived);
    pthread_mutex_unlock(&recorder->mutex);
    free(copy);
}

void recorder_status(struct recorder *recorder, struct recorder_status *ret_status)
{
    pthread_mutex_lock(&recorder->mutex);
    *ret_status = recorder->status;
    pthread_mutex_unlock(&recorder->mutex);
}

/* ---- the thread ---- */

/* Of the file and its log, asked of the open ones: they may have no name any more. */
static uint64_t bytes_written(struct recorder *recorder)
{
    static const int which[] = {SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER};
    uint64_t bytes = 0;
    for (size_t i = 0; i < ARRAY_SIZE(which); i++) {
        sqlite3_file *file = NULL;
        sqlite3_int64 size = 0;
        if (sqlite3_file_control(recorder->database.handle, "main", which[i], &file) == SQLITE_OK && file &&
            file->pMethods && file->pMethods->xFileSize(file, &size) == SQLITE_OK)
            bytes += (uint64_t)size;
    }
    return bytes;
}

/* A failed write: what it says, and when to try again. */
static void note_failure(struct recorder *recorder, char *reason, size_t size)
{
    snprintf(reason, size, "cannot write: %s", sqlite3_errstr(recorder->database.code));
    recorder->database.code = SQLITE_OK;
    uint64_t after = recorder->retry_after_ns ? 2 * recorder->retry_after_ns : FIRST_RETRY_NS;
    recorder->retry_after_ns = after < LAST_RETRY_NS ? after : LAST_RETRY_NS;
    recorder->retry_at_ns = monotonic_ns() + recorder->retry_after_ns;
}

static void write_snapshot(struct recorder *recorder, struct snapshot *snapshot)
{
    char reason[160];
    pthread_mutex_lock(&recorder->mutex);
    struct recording_gap_row gap = recorder->gap;
    char gap_reason[sizeof(recorder->reason)];
    memcpy(gap_reason, recorder->reason, sizeof(gap_reason));
    snprintf(reason, sizeof(reason), "%s", recorder->status.problem);
    pthread_mutex_unlock(&recorder->mutex);
    gap.reason = gap_reason;
    /* A target that ends says so once: that is worth a try at any time. */
    bool is_tried = recorder->retry_at_ns == 0 || snapshot->exited || monotonic_ns() >= recorder->retry_at_ns;
    if (is_tried)
        tick_writer_write(&recorder->writer, snapshot, gap.ticks ? &gap : NULL);
    bool is_written = is_tried && recorder->database.code == SQLITE_OK;
    if (is_tried && !is_written)
        note_failure(recorder, reason, sizeof(reason));
    else if (is_written)
        recorder->retry_at_ns = recorder->retry_after_ns = 0;
    uint64_t bytes = bytes_written(recorder);
    pthread_mutex_lock(&recorder->mutex);
    if (is_written) {
        recorder->status.ticks++;
        /* More may have been dropped meanwhile, at the end of what the gap says. */
        recorder->gap.ticks -= gap.ticks;
        if (recorder->gap.ticks == 0)
            recorder->status.problem[0] = '\0';
        else
            recorder->gap.from_unix_ns = snapshot->unix_ns;
    } else {
        note_dropped(recorder, 1, snapshot->unix_ns, reason);
    }
    recorder->status.bytes = bytes;
    pthread_mutex_unlock(&recorder->mutex);
}

/* False when it cannot be written now. */
static bool write_mark(struct recorder *recorder, const struct pending_mark *mark)
{
    tick_writer_write_mark(&recorder->writer, mark->unix_ns, mark->text);
    bool is_written = recorder->database.code == SQLITE_OK;
    if (!is_written) {
        char reason[160];
        note_failure(recorder, reason, sizeof(reason));
    }
    return is_written;
}

/* The oldest mark, when a try is due; false when there is none. With the mutex held, which it lets go of meanwhile. */
static bool take_mark(struct recorder *recorder)
{
    if (recorder->num_marks == 0 ||
        (recorder->retry_at_ns != 0 && !recorder->is_closing && monotonic_ns() < recorder->retry_at_ns))
        return false;
    struct pending_mark mark = recorder->marks[0];
    pthread_mutex_unlock(&recorder->mutex);
    bool is_written = write_mark(recorder, &mark);
    pthread_mutex_lock(&recorder->mutex);
    if (!is_written && !recorder->is_closing)
        return false;
    free(mark.text);
    recorder->num_marks--;
    memmove(recorder->marks, recorder->marks + 1, recorder->num_marks * sizeof(recorder->marks[0]));
    return true;
}

static void *run_recorder(void *argument)
{
    struct recorder *recorder = argument;
    prctl(PR_SET_NAME, "recorder");
    pthread_mutex_lock(&recorder->mutex);
    for (;;) {
        if (take_mark(recorder))
            continue;
        if (recorder->queued > 0) {
            struct snapshot *snapshot = recorder->queue[0];
            recorder->queued--;
            memmove(recorder->queue, recorder->queue + 1, recorder->queued * sizeof(recorder->queue[0]));
            pthread_mutex_unlock(&recorder->mutex);
            write_snapshot(recorder, snapshot);
            snapshot_unref(snapshot);
            pthread_mutex_lock(&recorder->mutex);
            continue;
        }
        if (recorder->is_closing)
            break;
        pthread_cond_wait(&recorder->arrived, &recorder->mutex);
    }
    pthread_mutex_unlock(&recorder->mutex);
    return NULL;
}

/* ---- life ---- */

static void write_fact(struct recorder *recorder, const char *name, int64_t value)
{
    sqlite3_stmt *statement = database_prepare(&recorder->database, "INSERT OR REPLACE INTO recording VALUES (?, ?)");
    struct row row = row_begin(&recorder->database, statement);
    row_text(&row, name, strlen(name));
    row_integer(&row, value);
    row_done(&row);
    sqlite3_finalize(statement);
}

static void describe_counters(struct database *database)
{
    static const char *const units[] = {[UNIT_BYTES] = "bytes",       [UNIT_COUNT] = "count",
                                        [UNIT_NANOSECONDS] = "ns",    [UNIT_UNIX_NANOSECONDS] = "unix_ns",
                                        [UNIT_FRACTION] = "fraction", [UNIT_PERCENT] = "percent"};
    sqlite3_stmt *statement = database_prepare(database, "INSERT INTO counter_info VALUES (?,?,?,?,?,?)");
    for (int id = 0; id < COUNTER_COUNT; id++) {
        const struct counter_info *info = &counter_infos[id];
        const char *texts[] = {info->name, info->group, units[info->unit],
                               info->kind == COUNTER_GAUGE ? "gauge" : "monotonic", info->help};
        struct row row = row_begin(database, statement);
        row_integer(&row, id);
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
            row_text(&row, texts[i], strlen(texts[i]));
        row_done(&row);
    }
    sqlite3_finalize(statement);
}

static void create_tables(struct recorder *recorder)
{
    struct database *database = &recorder->database;
    _cleanup_(text_deinit) struct text text = {0};
    /* What tells the format stands in the file itself from the beginning, before there is a log. */
    /* Nothing is lost yet that waiting for the disk would save. */
    text_printf(
        &text,
        "PRAGMA synchronous=OFF; PRAGMA page_size=4096; PRAGMA application_id=%d; PRAGMA user_version=%d; BEGIN;",
        RECORD_APPLICATION_ID, RECORD_FORMAT_VERSION);
    for (size_t i = 0; i < schema_num_tables; i++)
        text_printf(&text, "%s;\n", schema_tables[i].sql);
    schema_write_counters_table(schema_counter_names, COUNTER_COUNT, &text);
    text_append(&text, ";\n");
    text_append(&text, schema_views);
    if (text.failed)
        database->code = SQLITE_NOMEM;
    database_execute(database, text.data);
    describe_counters(database);
    write_fact(recorder, "created_unix_ns", (int64_t)unix_ns());
    database_execute(database, "COMMIT; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-1024;");
    sqlite3_wal_autocheckpoint(database->handle, CHECKPOINT_PAGES);
}

/* An empty file for the owner alone; ERROR_USAGE where there is one already. */
static struct error *create_file(const char *path)
{
    _cleanup_(text_deinit) struct text name = {0};
    text_append_escaped(&name, path, strlen(path));
    if (name.failed)
        return error_no_memory();
    int descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (descriptor < 0 && errno == EEXIST)
        return error_create(ERROR_USAGE, "'%s' exists already; choose another name, or remove it", name.data);
    if (descriptor < 0)
        return error_from_errno(errno, "cannot create '%s'", name.data ? name.data : "");
    close(descriptor);
    return NULL;
}

static void recorder_destroy(struct recorder *recorder)
{
    tick_writer_deinit(&recorder->writer);
    database_close(&recorder->database);
    for (size_t i = 0; i < recorder->num_marks; i++)
        free(recorder->marks[i].text);
    pthread_cond_destroy(&recorder->arrived);
    pthread_mutex_destroy(&recorder->mutex);
    free(recorder->path);
    free(recorder);
}

DEFINE_CLEANUP(struct recorder *, recorder_destroy)

static struct error *start_thread(struct recorder *recorder)
{
    sigset_t all, before;
    sigfillset(&all);
    /* Signals are for the program's other threads. */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int errno_value = pthread_create(&recorder->thread, NULL, run_recorder, recorder);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (errno_value)
        return error_from_errno(errno_value, "cannot start the recorder");
    recorder->has_thread = true;
    return NULL;
}

struct error *recorder_open(const char *path, struct recorder **ret_recorder)
{
    struct error *error = create_file(path);
    if (error)
        return error;
    struct recorder *allocated = calloc(1, sizeof(*allocated));
    if (!allocated)
        return error_no_memory();
    pthread_mutex_init(&allocated->mutex, NULL);
    pthread_cond_init(&allocated->arrived, NULL);
    _cleanup_(recorder_destroyp) struct recorder *recorder = allocated;
    /* A name that SQLite does not take for something else. */
    recorder->path = NULL;
    if (asprintf(&recorder->path, "%s%s", path[0] == '/' ? "" : "./", path) < 0) {
        recorder->path = NULL;
        return error_no_memory();
    }
    recorder->database.code = sqlite3_open_v2(recorder->path, &recorder->database.handle,
                                              SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    create_tables(recorder);
    tick_writer_init(&recorder->writer, &recorder->database);
    error = database_error(&recorder->database, "write", path);
    if (!error)
        error = start_thread(recorder);
    if (error) {
        unlink(path);
        return error;
    }
    recorder->status.bytes = bytes_written(recorder);
    *ret_recorder = take_pointer(recorder);
    return NULL;
}

/* What was dropped after the last tick, the mark of a clean end, and one plain file. */
static struct error *finish_file(struct recorder *recorder)
{
    struct database *database = &recorder->database;
    database->code = SQLITE_OK;
    database_execute(database, "BEGIN IMMEDIATE");
    if (recorder->gap.ticks)
        tick_writer_write_gap(&recorder->writer, &recorder->gap);
    write_fact(recorder, "closed_unix_ns", (int64_t)unix_ns());
    database_execute(database, "COMMIT");
    if (database->code != SQLITE_OK && sqlite3_get_autocommit(database->handle) == 0)
        sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    tick_writer_deinit(&recorder->writer);
    recorder->writer = (struct tick_writer){.database = database};
    /* A reader that follows keeps the log in use: then the file is whole, with an empty log beside it. */
    if (database->code == SQLITE_OK)
        sqlite3_exec(database->handle, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
    return database_error(database, "finish", recorder->path);
}

struct error *recorder_close(struct recorder *recorder, struct recorder_status *ret_status)
{
    if (!recorder)
        return NULL;
    pthread_mutex_lock(&recorder->mutex);
    recorder->is_closing = true;
    pthread_cond_signal(&recorder->arrived);
    pthread_mutex_unlock(&recorder->mutex);
    if (recorder->has_thread)
        pthread_join(recorder->thread, NULL);
    struct error *error = finish_file(recorder);
    recorder->status.bytes = bytes_written(recorder);
    if (ret_status)
        *ret_status = recorder->status;
    recorder_destroy(recorder);
    return error;
}
