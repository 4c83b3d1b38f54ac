#include "record/recording_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "record/schema.h"

#define SECOND UINT64_C(1000000000)
/* Of the log, after which SQLite moves it into the file. */
#define CHECKPOINT_PAGES 1000
/* Where the file has a greatest size, the log has this part of it. */
#define LOG_PART 16
#define BUSY_TIMEOUT_MS 2000
/* Pieces of thinning after a tick: more than one tick makes work for, and many more where room is needed. */
#define TEND_STEPS 4
#define FULL_TEND_STEPS 100

/* ---- making one ---- */

static void write_fact(struct database *database, const char *name, int64_t value)
{
    sqlite3_stmt *statement = database_prepare(database, "INSERT OR REPLACE INTO recording VALUES (?, ?)");
    struct row row = row_begin(database, statement);
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

/* Pages after which the log is moved into the file. */
static uint64_t log_pages(uint64_t max_bytes)
{
    uint64_t part = max_bytes / RECORD_PAGE_BYTES / LOG_PART;
    return max_bytes && part < CHECKPOINT_PAGES ? part : CHECKPOINT_PAGES;
}

/* Of the bound on both, what the file may have: a transaction that begins just before the log is moved may be a large
 * one, and the log grows by it. */
static uint64_t file_bound(uint64_t max_bytes)
{
    return max_bytes - 4 * log_pages(max_bytes) * RECORD_PAGE_BYTES;
}

static void bound_log(struct database *database, uint64_t max_bytes)
{
    char sql[128];
    uint64_t log = log_pages(max_bytes);
    snprintf(sql, sizeof(sql), "PRAGMA journal_size_limit=%llu", (unsigned long long)(log * RECORD_PAGE_BYTES));
    database_execute(database, sql);
    sqlite3_wal_autocheckpoint(database->handle, (int)log);
}

static void create_tables(struct recording_file *file, const struct recorder_options *options)
{
    struct database *database = &file->database;
    _cleanup_(text_deinit) struct text text = {0};
    /* What tells the format stands in the file itself from the beginning, before there is a log. */
    /* Nothing is lost yet that waiting for the disk would save. */
    text_printf(
        &text,
        "PRAGMA synchronous=OFF; PRAGMA page_size=4096; PRAGMA application_id=%d; PRAGMA user_version=%d; BEGIN;",
        RECORD_APPLICATION_ID, RECORD_FORMAT_VERSION);
    for (size_t i = 0; i < schema_num_tables; i++)
        text_printf(&text, "%s;\n", schema_tables[i].sql);
    for (size_t i = 0; i < SCHEMA_COUNTER_TABLES; i++) {
        schema_write_counter_table(i, &text);
        text_append(&text, ";\n");
    }
    schema_write_views(&text);
    if (text.failed)
        database->code = SQLITE_NOMEM;
    database_execute(database, text.data);
    describe_counters(database);
    write_fact(database, "created_unix_ns", (int64_t)clock_ns(CLOCK_REALTIME));
    database_execute(database, "COMMIT; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-1024;");
    if (options->max_bytes)
        bound_log(database, options->max_bytes);
    else
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


struct error *recording_file_create(const char *path, const struct recorder_options *options,
                                    struct recording_file **ret_file)
{
    struct error *error = create_file(path);
    if (error)
        return error;
    struct recording_file *file = calloc(1, sizeof(*file));
    /* A name that SQLite does not take for something else. */
    if (!file || asprintf(&file->path, "%s%s", path[0] == '/' ? "" : "./", path) < 0) {
        unlink(path);
        free(file);
        return error_no_memory();
    }
    struct database *database = &file->database;
    database->code = sqlite3_open_v2(file->path, &database->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    /* Somebody may look at the file while it is being made, or ended. */
    if (database->code == SQLITE_OK)
        sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
    create_tables(file, options);
    tick_writer_init(&file->writer, database, options->redact);
    suspect_rows_init(&file->suspects, database);
    thinning_init(&file->thinning, database, options->keep_ns,
                  options->max_bytes ? file_bound(options->max_bytes) : 0);
    error = database_error(database, "write", path);
    if (error) {
        recording_file_destroy(file);
        unlink(path);
        return error;
    }
    *ret_file = file;
    return NULL;
}

void recording_file_destroy(struct recording_file *file)
{
    if (!file)
        return;
    thinning_deinit(&file->thinning);
    suspect_rows_deinit(&file->suspects);
    tick_writer_deinit(&file->writer);
    database_close(&file->database);
    free(file->path);
    free(file);
}

/* ---- ending it ---- */

struct error *recording_file_finish(struct recording_file *file, const struct recording_gap_row *gap)
{
    struct database *database = &file->database;
    database->code = SQLITE_OK;
    thinning_deinit(&file->thinning);
    database_execute(database, "BEGIN IMMEDIATE");
    if (gap->ticks)
        tick_writer_write_gap(&file->writer, gap);
    write_fact(database, "closed_unix_ns", (int64_t)clock_ns(CLOCK_REALTIME));
    database_execute(database, "COMMIT");
    if (database->code != SQLITE_OK && sqlite3_get_autocommit(database->handle) == 0)
        sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    suspect_rows_deinit(&file->suspects);
    file->suspects = (struct suspect_rows){.database = database};
    tick_writer_deinit(&file->writer);
    file->writer = (struct tick_writer){.database = database};
    /* A reader that follows keeps the log in use: then the file is whole, with an empty log beside it. */
    if (database->code == SQLITE_OK)
        sqlite3_exec(database->handle, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
    return database_error(database, "finish", file->path);
}

/* ---- while it grows ---- */

/* Asked of the open files: they may have no name any more. */
uint64_t recording_file_bytes(const struct recording_file *file)
{
    static const int which[] = {SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER};
    uint64_t bytes = 0;
    for (size_t i = 0; i < ARRAY_SIZE(which); i++) {
        sqlite3_file *opened = NULL;
        sqlite3_int64 size = 0;
        if (sqlite3_file_control(file->database.handle, "main", which[i], &opened) == SQLITE_OK && opened &&
            opened->pMethods && opened->pMethods->xFileSize(opened, &size) == SQLITE_OK)
            bytes += (uint64_t)size;
    }
    return bytes;
}

void recording_file_tend(struct recording_file *file, uint64_t unix_ns)
{
    struct thinning *thinning = &file->thinning;
    for (int i = 0; i < (thinning->is_full ? FULL_TEND_STEPS : TEND_STEPS) && thinning_step(thinning, unix_ns); i++)
        ;
    if (file->thinning.wants_keyframe)
        file->writer.wants_keyframe = true;
    file->thinning.wants_keyframe = false;
}

char *recording_file_name(const char *path, uint64_t unix_ns, unsigned number)
{
    static const char extension[] = ".heaptop";
    time_t seconds = (time_t)(unix_ns / SECOND);
    struct tm utc;
    char when[32] = "0", again[16] = "", *name = NULL;
    size_t length = strlen(path), tail = sizeof(extension) - 1;
    bool has_extension = length > tail && strcmp(path + length - tail, extension) == 0;
    if (gmtime_r(&seconds, &utc))
        strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &utc);
    if (number > 1)
        snprintf(again, sizeof(again), "-%u", number);
    if (asprintf(&name, "%.*s-%s%s%s", (int)(has_extension ? length - tail : length), path, when, again,
                 has_extension ? extension : "") < 0)
        return NULL;
    return name;
}
