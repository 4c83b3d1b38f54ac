/* The recorder's thread, and the queue through which it is fed. */
#include "heaptop/record.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "record/recording_file.h"

/* Samples that wait for the disk. */
#define QUEUE 16
/* After a write that failed the next is tried so much later, doubling: a full disk is asked now and then, not all the
 * time. */
#define FIRST_RETRY_NS UINT64_C(500000000)
#define LAST_RETRY_NS UINT64_C(30000000000)
/* The next file is to begin with a memory map: so many snapshots are waited for one. */
#define MAP_SNAPSHOTS 5
/* A next file that cannot be made is tried again so much later. */
#define ROTATE_RETRY_NS UINT64_C(60000000000)
/* Files that begin in one second. */
#define MAX_NAMESAKES 100

/* A mark, or a gap that somebody else knows of. */
struct pending_note {
    uint64_t unix_ns, to_unix_ns;
    char *text;
    bool is_gap;
};

struct recorder {
    char *path;                     /* As it was given. */
    struct recorder_options options;
    struct recording_file *file;    /* The writer thread's, once it runs. */
    unsigned snapshots_without_map; /* Since the next file is due. */
    uint64_t rotate_retry_ns;       /* CLOCK_MONOTONIC. */
    uint64_t retry_after_ns, retry_at_ns;   /* CLOCK_MONOTONIC; 0: nothing failed. */
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t mutex;          /* Guards all below; never held over a write. */
    pthread_cond_t arrived;
    struct snapshot *queue[QUEUE];  /* Oldest first. */
    size_t queued;
    struct pending_note notes[RECORD_MAX_PENDING_MARKS];
    size_t num_notes;
    bool wants_keyframe;
    struct suspect_list *suspects;  /* To be written with the next snapshot; NULL: none new. */
    struct recording_gap_row
        gap; /* What was dropped since the last tick that is in the file; ticks is 0 when nothing was. */
    char reason[160];               /* gap.reason. */
    struct recorder_status status;
    uint64_t last_sequence;         /* Of the snapshot added last; 0: none. */
    pid_t last_pid;
    uint64_t last_start_unix_ns;
    bool is_closing;
};

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
    const struct target_info *target = &snapshot->target;
    bool is_same = target->pid == recorder->last_pid && target->start_unix_ns == recorder->last_start_unix_ns;
    recorder->last_pid = target->pid;
    recorder->last_start_unix_ns = target->start_unix_ns;
    /* Samples that were taken and never came here. */
    if (is_same && recorder->last_sequence != 0 && snapshot->sequence > recorder->last_sequence + 1)
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

static void add_note(struct recorder *recorder, struct pending_note note, const char *text)
{
    struct text escaped = {0};
    text_append_escaped(&escaped, text, strnlen(text, RECORD_MAX_MARK));
    note.text = text_take(&escaped);
    pthread_mutex_lock(&recorder->mutex);
    if (note.text && recorder->num_notes < RECORD_MAX_PENDING_MARKS) {
        recorder->notes[recorder->num_notes++] = note;
        note.text = NULL;
    }
    pthread_cond_signal(&recorder->arrived);
    pthread_mutex_unlock(&recorder->mutex);
    free(note.text);
}

void recorder_mark(struct recorder *recorder, uint64_t at_unix_ns, const char *text)
{
    add_note(recorder, (struct pending_note){.unix_ns = at_unix_ns}, text);
}

void recorder_gap(struct recorder *recorder, uint64_t from_unix_ns, uint64_t to_unix_ns, const char *reason)
{
    add_note(recorder, (struct pending_note){.unix_ns = from_unix_ns, .to_unix_ns = to_unix_ns, .is_gap = true},
             reason);
}

void recorder_set_suspects(struct recorder *recorder, const struct snapshot *snapshot,
                           const struct recorder_suspect *suspects, size_t count)
{
    struct suspect_list *list = suspect_list_create(snapshot, suspects, count);
    if (!list)
        return;
    pthread_mutex_lock(&recorder->mutex);
    struct suspect_list *before = recorder->suspects;
    recorder->suspects = list;
    pthread_mutex_unlock(&recorder->mutex);
    suspect_list_destroy(before);
}

void recorder_request_keyframe(struct recorder *recorder)
{
    pthread_mutex_lock(&recorder->mutex);
    recorder->wants_keyframe = true;
    pthread_mutex_unlock(&recorder->mutex);
}

void recorder_status(struct recorder *recorder, struct recorder_status *ret_status)
{
    pthread_mutex_lock(&recorder->mutex);
    *ret_status = recorder->status;
    pthread_mutex_unlock(&recorder->mutex);
}

/* ---- the thread ---- */

/* A failed write: what it says, and when to try again. */
static void note_failure(struct recorder *recorder, char *reason, size_t size)
{
    snprintf(reason, size, "cannot write: %s", sqlite3_errstr(recorder->file->database.code));
    recorder->file->database.code = SQLITE_OK;
    uint64_t after = recorder->retry_after_ns ? 2 * recorder->retry_after_ns : FIRST_RETRY_NS;
    recorder->retry_after_ns = after < LAST_RETRY_NS ? after : LAST_RETRY_NS;
    recorder->retry_at_ns = clock_ns(CLOCK_MONOTONIC) + recorder->retry_after_ns;
}

/* A file that goes on from the time of this snapshot; the present one stays where there cannot be another. */
static void rotate(struct recorder *recorder, const struct snapshot *snapshot)
{
    struct recording_file *next = NULL;
    struct error *error = NULL;
    for (unsigned number = 1; number <= MAX_NAMESAKES && !next; number++) {
        error_destroy(error);
        char *name = recording_file_name(recorder->path, snapshot->unix_ns, number);
        error = name ? recording_file_create(name, &recorder->options, &next) : error_no_memory();
        free(name);
        if (error && error->kind != ERROR_USAGE)
            break;
    }
    recorder->snapshots_without_map = 0;
    if (error) {
        recorder->rotate_retry_ns = clock_ns(CLOCK_MONOTONIC) + ROTATE_RETRY_NS;
        pthread_mutex_lock(&recorder->mutex);
        snprintf(recorder->status.problem, sizeof(recorder->status.problem), "no new file: %s", error->message);
        pthread_mutex_unlock(&recorder->mutex);
        error_destroy(error);
        return;
    }
    /* What was dropped since the last tick, the next file tells with its first. */
    error_destroy(recording_file_finish(recorder->file, &(struct recording_gap_row){0}));
    recording_file_destroy(recorder->file);
    recorder->file = next;
    pthread_mutex_lock(&recorder->mutex);
    recorder->status.files++;
    recorder->status.wants_memory_map = false;
    pthread_mutex_unlock(&recorder->mutex);
}

static void rotate_if_due(struct recorder *recorder, const struct snapshot *snapshot)
{
    const struct recorder_options *options = &recorder->options;
    const struct recording_file *file = recorder->file;
    bool is_due = file->first_unix_ns != 0 &&
                  ((options->rotate_ns && snapshot->unix_ns >= file->first_unix_ns + options->rotate_ns) ||
                   (options->rotate_bytes && recording_file_bytes(file) >= options->rotate_bytes));
    if (!is_due || clock_ns(CLOCK_MONOTONIC) < recorder->rotate_retry_ns)
        return;
    if (snapshot->memory_map || recorder->snapshots_without_map == MAP_SNAPSHOTS) {
        rotate(recorder, snapshot);
        return;
    }
    recorder->snapshots_without_map++;
    pthread_mutex_lock(&recorder->mutex);
    recorder->status.wants_memory_map = true;
    pthread_mutex_unlock(&recorder->mutex);
}

/* Those that were handed over, once a snapshot of their process is there. A failure is one of the disk, which the next
 * snapshot meets as well. */
static void write_suspects(struct recorder *recorder)
{
    struct recording_file *file = recorder->file;
    pthread_mutex_lock(&recorder->mutex);
    struct suspect_list *list = recorder->suspects;
    recorder->suspects = NULL;
    pthread_mutex_unlock(&recorder->mutex);
    if (list && list->catalog == file->writer.dictionary.catalog)
        suspect_rows_write(&file->suspects, &file->writer.dictionary, file->writer.last_target, list);
    suspect_list_destroy(list);
    file->database.code = SQLITE_OK;
}

static void write_snapshot(struct recorder *recorder, struct snapshot *snapshot)
{
    char reason[160];
    rotate_if_due(recorder, snapshot);
    struct recording_file *file = recorder->file;
    pthread_mutex_lock(&recorder->mutex);
    file->writer.wants_keyframe |= recorder->wants_keyframe;
    recorder->wants_keyframe = false;
    struct recording_gap_row gap = recorder->gap;
    char gap_reason[sizeof(recorder->reason)];
    memcpy(gap_reason, recorder->reason, sizeof(gap_reason));
    snprintf(reason, sizeof(reason), "%s", recorder->status.problem);
    pthread_mutex_unlock(&recorder->mutex);
    gap.reason = gap_reason;
    /* A target that ends says so once: that is worth a try at any time. */
    bool is_tried =
        recorder->retry_at_ns == 0 || snapshot->exited || clock_ns(CLOCK_MONOTONIC) >= recorder->retry_at_ns;
    if (is_tried)
        tick_writer_write(&file->writer, snapshot, gap.ticks ? &gap : NULL);
    bool is_written = is_tried && file->database.code == SQLITE_OK;
    if (is_tried && !is_written)
        note_failure(recorder, reason, sizeof(reason));
    else if (is_written)
        recorder->retry_at_ns = recorder->retry_after_ns = 0;
    if (is_written && file->first_unix_ns == 0)
        file->first_unix_ns = snapshot->unix_ns;
    if (is_written)
        write_suspects(recorder);
    /* Also where the file is full: that is what makes room. */
    recording_file_tend(file, snapshot->unix_ns);
    uint64_t bytes = recording_file_bytes(file);
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
static bool write_note(struct recorder *recorder, const struct pending_note *note)
{
    struct tick_writer *writer = &recorder->file->writer;
    if (note->is_gap) {
        const struct recording_gap_row gap = {
            .from_unix_ns = note->unix_ns, .to_unix_ns = note->to_unix_ns, .reason = note->text};
        tick_writer_write_gap(writer, &gap);
    } else {
        tick_writer_write_mark(writer, note->unix_ns, note->text);
    }
    bool is_written = recorder->file->database.code == SQLITE_OK;
    if (!is_written) {
        char reason[160];
        note_failure(recorder, reason, sizeof(reason));
    }
    return is_written;
}

/* Writes the oldest note, when a try is due; false when there is none. With the mutex held, which it lets go of
 * meanwhile. */
static bool take_note(struct recorder *recorder)
{
    if (recorder->num_notes == 0 ||
        (recorder->retry_at_ns != 0 && !recorder->is_closing && clock_ns(CLOCK_MONOTONIC) < recorder->retry_at_ns))
        return false;
    struct pending_note note = recorder->notes[0];
    pthread_mutex_unlock(&recorder->mutex);
    bool is_written = write_note(recorder, &note);
    pthread_mutex_lock(&recorder->mutex);
    if (!is_written && !recorder->is_closing)
        return false;
    free(note.text);
    recorder->num_notes--;
    memmove(recorder->notes, recorder->notes + 1, recorder->num_notes * sizeof(recorder->notes[0]));
    return true;
}

static void *run_recorder(void *argument)
{
    struct recorder *recorder = argument;
    prctl(PR_SET_NAME, "recorder");
    pthread_mutex_lock(&recorder->mutex);
    for (;;) {
        if (take_note(recorder))
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

static void recorder_destroy(struct recorder *recorder)
{
    recording_file_destroy(recorder->file);
    for (size_t i = 0; i < recorder->num_notes; i++)
        free(recorder->notes[i].text);
    suspect_list_destroy(recorder->suspects);
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

/* The file itself, or the first of several. */
static struct error *create_first(const char *path, const struct recorder_options *options,
                                  struct recording_file **ret_file)
{
    if (!options->rotate_ns && !options->rotate_bytes)
        return recording_file_create(path, options, ret_file);
    char *name = recording_file_name(path, clock_ns(CLOCK_REALTIME), 1);
    struct error *error = name ? recording_file_create(name, options, ret_file) : error_no_memory();
    free(name);
    return error;
}

struct error *recorder_try(const char *path, const struct recorder_options *options)
{
    struct recording_file *file = NULL;
    struct error *error = create_first(path, options, &file);
    if (error)
        return error;
    error = recording_file_finish(file, &(struct recording_gap_row){0});
    unlink(file->path);
    recording_file_destroy(file);
    return error;
}

struct error *recorder_open(const char *path, const struct recorder_options *options, struct recorder **ret_recorder)
{
    struct recorder *allocated = calloc(1, sizeof(*allocated));
    if (!allocated)
        return error_no_memory();
    pthread_mutex_init(&allocated->mutex, NULL);
    pthread_cond_init(&allocated->arrived, NULL);
    _cleanup_(recorder_destroyp) struct recorder *recorder = allocated;
    if (options)
        recorder->options = *options;
    recorder->path = strdup(path);
    if (!recorder->path)
        return error_no_memory();
    struct error *error = create_first(recorder->path, &recorder->options, &recorder->file);
    if (error)
        return error;
    error = start_thread(recorder);
    if (error) {
        unlink(recorder->file->path);
        return error;
    }
    recorder->status.bytes = recording_file_bytes(recorder->file);
    recorder->status.files = 1;
    *ret_recorder = take_pointer(recorder);
    return NULL;
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
    struct error *error = recording_file_finish(recorder->file, &recorder->gap);
    recorder->status.bytes = recording_file_bytes(recorder->file);
    if (ret_status)
        *ret_status = recorder->status;
    recorder_destroy(recorder);
    return error;
}
