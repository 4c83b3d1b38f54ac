/* Opening a recording, which is untrusted: nothing of its schema is run, only tables that are word for word ours are
 * read. */
#include "record/recording.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "heaptop/base/cleanup.h"
#include "record/schema.h"

/* https://www.sqlite.org/fileformat.html 1.3: user_version at 60 and application_id at 68, both big-endian. */
#define HEADER_SIZE 100
#define HEADER_USER_VERSION 60
#define HEADER_APPLICATION_ID 68
static const char magic[16] = "SQLite format 3";

/* Bounds on what SQLite does for a file that wants to be expensive. */
#define MAX_VALUE_BYTES (1 << 20)
#define BUSY_TIMEOUT_MS 2000
#define MAX_COUNTER_NAME 63

DEFINE_CLEANUP(struct recording *, recording_close)

/* ---- what kind of file ---- */

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static struct error *check_header(const uint8_t *header, size_t size, const char *name)
{
    if (size == 0)
        return error_create(ERROR_BAD_DATA, "'%s' is empty", name);
    if (size < HEADER_SIZE || memcmp(header, magic, sizeof(magic)) != 0 ||
        big_endian(header + HEADER_APPLICATION_ID) != RECORD_APPLICATION_ID)
        return error_create(ERROR_BAD_DATA, "'%s' is not a recording of heaptop", name);
    uint32_t version = big_endian(header + HEADER_USER_VERSION);
    if (version > RECORD_FORMAT_VERSION)
        return error_create(ERROR_UNSUPPORTED,
                            "'%s' was written by a newer heaptop: its format is %u, this one reads up to %d", name,
                            version, RECORD_FORMAT_VERSION);
    return version == 0 ? error_create(ERROR_BAD_DATA, "'%s' has no format version", name) : NULL;
}

static struct error *read_header(const char *path, uint8_t header[HEADER_SIZE], size_t *ret_size, struct text *name)
{
    text_append_escaped(name, path, strlen(path));
    if (name->failed)
        return error_no_memory();
    const char *shown = name->data ? name->data : "";
    /* Not to hang on a fifo. */
    _cleanup_close_ int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status) != 0)
        return error_from_errno(errno, "cannot open '%s'", shown);
    if (S_ISDIR(status.st_mode))
        return error_create(ERROR_BAD_DATA, "'%s' is a directory, not a recording", shown);
    if (!S_ISREG(status.st_mode))
        return error_create(ERROR_BAD_DATA, "'%s' is not a file", shown);
    ssize_t size = pread(descriptor, header, HEADER_SIZE, 0);
    if (size < 0)
        return error_from_errno(errno, "cannot read '%s'", shown);
    *ret_size = (size_t)size;
    return NULL;
}

bool recording_is_file(const char *path)
{
    uint8_t header[HEADER_SIZE];
    size_t size = 0;
    _cleanup_(text_deinit) struct text name = {0};
    _cleanup_error_ struct error *error = read_header(path, header, &size, &name);
    return !error && size >= sizeof(magic) && memcmp(header, magic, sizeof(magic)) == 0;
}

/* ---- its tables ---- */

/* The columns of a table of counters after the first, in the arena: names of small letters, digits and '_'. */
static bool read_counter_columns(const char *sql, const char *table, struct arena *arena,
                                 struct counter_columns *columns)
{
    char head[96];
    int length = snprintf(head, sizeof(head), "CREATE TABLE %s (tick INTEGER PRIMARY KEY", table);
    if (strncmp(sql, head, (size_t)length) != 0)
        return false;
    size_t count = 0;
    for (sql += length; sql[0] == ',' && sql[1] == ' ' && count < SCHEMA_MAX_COUNTER_COLUMNS; count++) {
        size_t name = strspn(sql + 2, "abcdefghijklmnopqrstuvwxyz0123456789_");
        if (name == 0 || name > MAX_COUNTER_NAME || !islower((unsigned char)sql[2]))
            return false;
        columns->names[count] = arena_copy_string(arena, sql + 2, name);
        if (!columns->names[count])
            return false;
        sql += 2 + name;
    }
    columns->count = count;
    return strcmp(sql, ")") == 0;
}

/* The table of this name among those of counters, as far as the version has them; SCHEMA_COUNTER_TABLES when it is
 * none. */
static size_t find_counter_table(const char *name, unsigned version)
{
    size_t count = version < 2 ? 1 : SCHEMA_COUNTER_TABLES;
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, schema_counter_tables[i]) == 0)
            return i;
    return SCHEMA_COUNTER_TABLES;
}

/* The text that the table of this name must have; NULL when the name is none of ours. */
static const char *expected_sql(const char *name, unsigned version)
{
    for (size_t i = 0; i < schema_num_tables; i++)
        if (strcmp(schema_tables[i].name, name) == 0)
            return schema_table_sql(&schema_tables[i], version);
    return NULL;
}

static size_t count_tables(unsigned version)
{
    size_t count = version < 2 ? 1 : SCHEMA_COUNTER_TABLES;
    for (size_t i = 0; i < schema_num_tables; i++)
        count += schema_table_sql(&schema_tables[i], version) != NULL;
    return count;
}

/* Everything of one of our names must be a table with our text; whatever else there is, is never touched. */
static bool check_schema(struct database *database, unsigned version, struct arena *arena,
                         struct counter_columns columns[SCHEMA_COUNTER_TABLES])
{
    size_t found = 0;
    bool is_good = true;
    sqlite3_stmt *statement = database_prepare(database, "SELECT type, name, sql FROM sqlite_master");
    struct row row = row_begin(database, statement);
    while (is_good && row_next(&row)) {
        const char *texts[3];
        for (int i = 0; i < 3; i++) {
            texts[i] = (const char *)sqlite3_column_text(statement, i);
            texts[i] = texts[i] ? texts[i] : "";
        }
        size_t table = find_counter_table(texts[1], version);
        const char *expected = expected_sql(texts[1], version);
        if (!expected && table == SCHEMA_COUNTER_TABLES)
            continue;
        is_good = strcmp(texts[0], "table") == 0 &&
                  (expected ? strcmp(texts[2], expected) == 0
                            : read_counter_columns(texts[2], texts[1], arena, &columns[table]));
        found++;
    }
    sqlite3_finalize(statement);
    return is_good && found == count_tables(version);
}

/* ---- opening ---- */

static void guard(struct database *database)
{
    sqlite3 *handle = database->handle;
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES);
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_busy_timeout(handle, BUSY_TIMEOUT_MS);
    database_execute(database,
                     "PRAGMA query_only=1; PRAGMA cell_size_check=1; PRAGMA mmap_size=0; PRAGMA cache_size=-4096;");
}

/* Takes the recording, which is destroyed when this fails. */
static struct error *prepare_reading(struct recording *opened, unsigned version, const char *name,
                                     struct recording **ret_recording)
{
    _cleanup_(recording_closep) struct recording *recording = opened;
    struct arena arena;
    struct counter_columns columns[SCHEMA_COUNTER_TABLES];
    for (size_t i = 0; i < SCHEMA_COUNTER_TABLES; i++)
        columns[i].count = 0;
    guard(&recording->database);
    arena_init(&arena);
    bool is_good = check_schema(&recording->database, version, &arena, columns);
    if (recording->database.code == SQLITE_OK && is_good) {
        tick_reader_init(&recording->reader, &recording->database, version, columns);
        recording->has_reader = true;
    }
    arena_deinit(&arena);
    struct error *error = database_error(&recording->database, "read", recording->path);
    if (!error && !is_good)
        error = error_create(ERROR_BAD_DATA,
                             "'%s' is damaged, or of another heaptop: its tables are not those of format %u", name,
                             version);
    if (error)
        return error;
    *ret_recording = take_pointer(recording);
    return NULL;
}

/* "file:PATH?immutable=1", all that could mean something else written as %XX. */
static char *immutable_uri(const char *path)
{
    struct text uri = {0};
    text_append(&uri, "file:");
    for (; *path; path++) {
        if (isalnum((unsigned char)*path) || strchr("/._-", *path))
            text_append_bytes(&uri, path, 1);
        else
            text_printf(&uri, "%%%02X", (unsigned char)*path);
    }
    text_append(&uri, "?immutable=1");
    return text_take(&uri);
}

static void open_handle(struct recording *recording)
{
    struct database *database = &recording->database;
    database->code = sqlite3_open_v2(recording->path, &database->handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
                                     NULL);
    if (database->code == SQLITE_OK)
        sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
    /* The first reading tells whether the log beside the file, if any, can be used: in a folder that may not be
     * written, it cannot. */
    database_execute(database, "SELECT count(*) FROM sqlite_master");
    if ((database->code & 0xff) != SQLITE_CANTOPEN && (database->code & 0xff) != SQLITE_READONLY)
        return;
    char *uri = immutable_uri(recording->path);
    sqlite3_close_v2(database->handle);
    database->handle = NULL;
    recording->is_without_log = true;
    database->code = uri ? sqlite3_open_v2(uri, &database->handle,
                                           SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL)
                         : SQLITE_NOMEM;
    free(uri);
}

static struct error *recording_create(const char *path, struct recording **ret_recording)
{
    struct recording *recording = calloc(1, sizeof(*recording));
    if (!recording)
        return error_no_memory();
    /* A name that SQLite does not take for something else. */
    if (asprintf(&recording->path, "%s%s", path[0] == '/' ? "" : "./", path) < 0) {
        free(recording);
        return error_no_memory();
    }
    *ret_recording = recording;
    return NULL;
}

struct error *recording_open(const char *path, struct recording **ret_recording)
{
    uint8_t header[HEADER_SIZE];
    size_t size = 0;
    _cleanup_(text_deinit) struct text name = {0};
    struct recording *recording = NULL;
    struct error *error = read_header(path, header, &size, &name);
    if (!error)
        error = check_header(header, size, name.data ? name.data : "");
    if (!error)
        error = recording_create(path, &recording);
    if (error)
        return error;
    open_handle(recording);
    return prepare_reading(recording, big_endian(header + HEADER_USER_VERSION), name.data ? name.data : "",
                           ret_recording);
}

struct error *recording_open_bytes(const void *bytes, size_t size, struct recording **ret_recording)
{
    struct recording *recording = NULL;
    struct error *error = check_header(bytes, size, "bytes");
    if (!error)
        error = recording_create("bytes", &recording);
    if (error)
        return error;
    struct database *database = &recording->database;
    database->code = sqlite3_open_v2(":memory:", &database->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    unsigned char *copy = sqlite3_malloc64(size);
    if (copy)
        memcpy(copy, bytes, size);
    if (database->code == SQLITE_OK)
        database->code = copy ? sqlite3_deserialize(database->handle, "main", copy, (sqlite3_int64)size,
                                                    (sqlite3_int64)size,
                                                    SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_READONLY)
                              : SQLITE_NOMEM;
    return prepare_reading(recording, big_endian((const uint8_t *)bytes + HEADER_USER_VERSION), "bytes", ret_recording);
}

void recording_close(struct recording *recording)
{
    if (!recording)
        return;
    if (recording->has_reader)
        tick_reader_deinit(&recording->reader);
    database_close(&recording->database);
    free(recording->path);
    free(recording);
}

/* ---- what is in it ---- */

static int64_t read_one(struct database *database, const char *sql)
{
    int64_t value = 0;
    sqlite3_stmt *statement = database_prepare(database, sql);
    struct row row = row_begin(database, statement);
    if (row_next(&row))
        value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

struct error *recording_read_info(struct recording *recording, struct recording_info *ret_info)
{
    struct database *database = &recording->database;
    struct recording_info info = {
        .ticks = (uint64_t)read_one(database, "SELECT count(*) FROM ticks"),
        .first_unix_ns = (uint64_t)read_one(database, "SELECT unix_ns FROM ticks ORDER BY tick LIMIT 1"),
        .last_unix_ns = (uint64_t)read_one(database, "SELECT unix_ns FROM ticks ORDER BY tick DESC LIMIT 1"),
        .marks = (uint64_t)read_one(database, "SELECT count(*) FROM marks"),
        .gaps = (uint64_t)read_one(database, "SELECT count(*) FROM gaps"),
        .closed = read_one(database, "SELECT count(*) FROM recording WHERE name = 'closed_unix_ns'") != 0,
    };
    struct error *error = database_error(database, "read", recording->path);
    if (!error)
        *ret_info = info;
    return error;
}

struct error *recording_read_marks(struct recording *recording, struct arena *arena, struct timeline_mark **ret_marks,
                                   size_t *ret_count)
{
    VECTOR(struct timeline_mark) marks = {0};
    bool good = true;
    sqlite3_stmt *statement = database_prepare(&recording->database, "SELECT unix_ns, text FROM marks ORDER BY mark");
    struct row row = row_begin(&recording->database, statement);
    while (good && marks.count < RECORD_MAX_LISTED && row_next(&row)) {
        struct timeline_mark mark = {.unix_ns = (uint64_t)sqlite3_column_int64(statement, 0),
                                      .text = row_escaped(&row, 1, arena)};
        good = mark.text && vector_append(&marks, mark);
    }
    sqlite3_finalize(statement);
    struct error *error = database_error(&recording->database, "read", recording->path);
    struct timeline_mark *copy =
        good && !error ? arena_copy_array(arena, marks.items, marks.count, sizeof(*copy)) : NULL;
    if (copy) {
        *ret_marks = copy;
        *ret_count = marks.count;
    }
    vector_deinit(&marks);
    return error || copy ? error : error_no_memory();
}

struct error *recording_read_gaps(struct recording *recording, struct arena *arena, struct timeline_gap **ret_gaps,
                                  size_t *ret_count)
{
    VECTOR(struct timeline_gap) gaps = {0};
    bool good = true;
    sqlite3_stmt *statement = database_prepare(&recording->database,
                                               "SELECT from_unix_ns, to_unix_ns, ticks, reason FROM gaps ORDER BY gap");
    struct row row = row_begin(&recording->database, statement);
    while (good && gaps.count < RECORD_MAX_LISTED && row_next(&row)) {
        struct timeline_gap gap = {.from_unix_ns = (uint64_t)sqlite3_column_int64(statement, 0),
                                    .to_unix_ns = (uint64_t)sqlite3_column_int64(statement, 1),
                                    .ticks = (uint64_t)sqlite3_column_int64(statement, 2),
                                    .reason = row_escaped(&row, 3, arena)};
        good = gap.reason && vector_append(&gaps, gap);
    }
    sqlite3_finalize(statement);
    struct error *error = database_error(&recording->database, "read", recording->path);
    struct timeline_gap *copy =
        good && !error ? arena_copy_array(arena, gaps.items, gaps.count, sizeof(*copy)) : NULL;
    if (copy) {
        *ret_gaps = copy;
        *ret_count = gaps.count;
    }
    vector_deinit(&gaps);
    return error || copy ? error : error_no_memory();
}
