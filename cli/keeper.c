#include "cli/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/recording_name.h"
#include "cli/suspects.h"

/* What is suspected is noted so often. */
#define SUSPECTS_INTERVAL_NS (UINT64_C(10) * 1000000000)

struct keeper {
    struct source source;           /* What the view reads: the live source, with all that it gives kept. */
    struct source *live;
    struct tui_keeper interface;
    const char *output;             /* Borrowed, or NULL. */
    char name[64];                  /* Of the process. */

    /* The private file. Both NULL until the first sample, and when there can be none. */
    struct recorder *past_recorder;
    struct source *past;
    char folder[256];               /* Where it still has names; "" when it has none any more. */
    struct catalog *catalog;        /* A reference: of the session. */
    struct snapshot *first;         /* A reference: of this catalog, and not in the file yet. */
    char past_problem[160];         /* Why there is no past. */

    struct recorder *recorder;      /* NULL while nothing is recorded. */
    char *path;                     /* Of the recording, or of the last one. */
    struct recorder_status status;  /* Of the last one, once it has ended. */
    uint64_t suspects_due_ns;       /* On the snapshots' monotonic clock. */
};

/* ---- the private file ---- */

/* Takes the names of the private file away: whatever becomes of us, nothing stays behind. */
static void remove_names(struct keeper *keeper)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[sizeof(keeper->folder) + 16];
    for (size_t i = 0; keeper->folder[0] && i < ARRAY_SIZE(suffixes); i++) {
        snprintf(path, sizeof(path), "%s/past%s", keeper->folder, suffixes[i]);
        unlink(path);
    }
    if (keeper->folder[0])
        rmdir(keeper->folder);
    keeper->folder[0] = '\0';
}

static void forget_past(struct keeper *keeper)
{
    source_close(keeper->past);
    keeper->past = NULL;
    error_destroy(recorder_close(keeper->past_recorder, NULL));
    keeper->past_recorder = NULL;
    remove_names(keeper);
}

static struct error *open_past(struct keeper *keeper)
{
    char path[sizeof(keeper->folder) + 16];
    struct recording *recording = NULL;
    const char *parent = getenv("TMPDIR");
    int length = snprintf(keeper->folder, sizeof(keeper->folder), "%s/heaptop-XXXXXX",
                          parent && *parent ? parent : "/tmp");
    if (length >= (int)sizeof(keeper->folder) || !mkdtemp(keeper->folder)) {
        keeper->folder[0] = '\0';
        return error_from_errno(errno, "cannot make a folder for what is kept of this session");
    }
    snprintf(path, sizeof(path), "%s/past", keeper->folder);
    struct error *error = recorder_open(path, &(struct recorder_options){.max_bytes = KEEPER_MAX_BYTES},
                                        &keeper->past_recorder);
    if (!error)
        error = recording_open(path, &recording);
    return error ? error : replay_source_open(recording, &(struct replay_options){.catalog = keeper->catalog},
                                              &keeper->past);
}

static void begin_past(struct keeper *keeper)
{
    struct error *error = open_past(keeper);
    keeper->past_problem[0] = '\0';
    if (!error)
        return;
    /* The view goes on without. */
    snprintf(keeper->past_problem, sizeof(keeper->past_problem), "%s", error->message ? error->message : "");
    error_destroy(error);
    forget_past(keeper);
}

/* Once SQLite has opened all of its files, on either side, their names are needed no more. */
static void hide_past(struct keeper *keeper, const struct recorder_status *status)
{
    struct timeline timeline;
    struct arena arena;
    if (!keeper->folder[0] || status->ticks == 0)
        return;
    arena_init(&arena);
    error_destroy(keeper->past->ops->timeline->read(keeper->past, &arena, &timeline));
    arena_deinit(&arena);
    remove_names(keeper);
}

/* The first sample is shown before anything else is done: making the file takes as long as half of the first frame. */
static void keep_for_past(struct keeper *keeper, struct snapshot *snapshot)
{
    struct recorder_status status = {0};
    if (keeper->catalog != snapshot->catalog) {
        forget_past(keeper);
        snapshot_unref(keeper->first);
        catalog_ref(snapshot->catalog);
        catalog_unref(keeper->catalog);
        keeper->catalog = snapshot->catalog;
        keeper->first = snapshot_ref(snapshot);
        return;
    }
    if (keeper->first) {
        begin_past(keeper);
        if (keeper->past_recorder)
            recorder_add(keeper->past_recorder, keeper->first);
        snapshot_unref(keeper->first);
        keeper->first = NULL;
    }
    if (!keeper->past_recorder)
        return;
    recorder_status(keeper->past_recorder, &status);
    hide_past(keeper, &status);
    recorder_add(keeper->past_recorder, snapshot);
}

/* ---- the source ---- */

static struct keeper *keeper_of(struct source *source)
{
    return (struct keeper *)source;
}

static void note_name(struct keeper *keeper, const struct snapshot *snapshot)
{
    snprintf(keeper->name, sizeof(keeper->name), "%s", catalog_string(snapshot->catalog, snapshot->target.comm));
}

static struct error *keeper_next(struct source *source, uint64_t timeout_ns, struct snapshot **ret_snapshot)
{
    struct keeper *keeper = keeper_of(source);
    struct error *error = keeper->live->ops->next(keeper->live, timeout_ns, ret_snapshot);
    if (error || !*ret_snapshot)
        return error;
    note_name(keeper, *ret_snapshot);
    keep_for_past(keeper, *ret_snapshot);
    if (keeper->recorder)
        recorder_add(keeper->recorder, *ret_snapshot);
    return NULL;
}

static void keeper_set_interval(struct source *source, uint64_t interval_ns)
{
    struct source *live = keeper_of(source)->live;
    if (live->ops->set_interval)
        live->ops->set_interval(live, interval_ns);
}

static int keeper_descriptor(struct source *source)
{
    struct source *live = keeper_of(source)->live;
    return live->ops->descriptor ? live->ops->descriptor(live) : -1;
}

static void keeper_request(struct source *source, enum source_request what)
{
    source_request(keeper_of(source)->live, what);
}

/* The keeper is destroyed by whoever made it. */
static void keeper_close(struct source *source)
{
    (void)source;
}

static const struct source_ops keeper_ops = {
    .next = keeper_next,
    .set_interval = keeper_set_interval,
    .descriptor = keeper_descriptor,
    .request = keeper_request,
    .close = keeper_close,
};

/* ---- what the view asks for ---- */

static struct error *give_past(void *context, struct source **ret_past)
{
    struct keeper *keeper = context;
    struct recorder_status status = {0};
    if (keeper->past_recorder)
        recorder_status(keeper->past_recorder, &status);
    if (!keeper->past)
        return error_create(ERROR_UNSUPPORTED, "nothing is kept of this session%s%s",
                            keeper->past_problem[0] ? ": " : "", keeper->past_problem);
    if (status.ticks == 0)
        return error_create(ERROR_NOT_FOUND, "nothing is kept of this session yet%s%s", status.problem[0] ? ": " : "",
                            status.problem);
    *ret_past = keeper->past;
    return NULL;
}

static struct error *choose_path(struct keeper *keeper)
{
    free(keeper->path);
    keeper->path = NULL;
    if (!keeper->output)
        return recording_name(keeper->name, &keeper->path);
    keeper->path = strdup(keeper->output);
    return keeper->path ? NULL : error_no_memory();
}

static void say_end(const struct keeper *keeper, struct text *text)
{
    char bytes[UNITS_BUFFER];
    text_printf(text, "recorded %llu sample%s, %s, in ", (unsigned long long)keeper->status.ticks,
                keeper->status.ticks == 1 ? "" : "s",
                units_format_bytes(bytes, (double)keeper->status.bytes));
    text_append_escaped(text, keeper->path, strlen(keeper->path));
}

static struct error *end_recording(struct keeper *keeper)
{
    struct recorder *recorder = keeper->recorder;
    keeper->recorder = NULL;
    return recorder_close(recorder, &keeper->status);
}

struct error *keeper_record(struct keeper *keeper, const char *path, const struct recorder_options *options)
{
    free(keeper->path);
    keeper->path = strdup(path);
    return keeper->path ? recorder_open(path, options, &keeper->recorder) : error_no_memory();
}

static struct error *toggle_recording(void *context, struct text *ret_said)
{
    struct keeper *keeper = context;
    struct error *error;
    if (keeper->recorder) {
        error = end_recording(keeper);
        if (!error)
            say_end(keeper, ret_said);
        return error;
    }
    error = choose_path(keeper);
    if (!error)
        error = recorder_open(keeper->path, NULL, &keeper->recorder);
    if (error)
        return error;
    text_append(ret_said, "recording to ");
    text_append_escaped(ret_said, keeper->path, strlen(keeper->path));
    return NULL;
}

static void mark(void *context, uint64_t unix_ns, const char *text)
{
    struct keeper *keeper = context;
    if (keeper->past_recorder)
        recorder_mark(keeper->past_recorder, unix_ns, text);
    if (keeper->recorder)
        recorder_mark(keeper->recorder, unix_ns, text);
}

static void note_suspects(void *context, const struct analysis *analysis)
{
    struct keeper *keeper = context;
    uint64_t now = analysis->snapshot->monotonic_ns;
    if (now < keeper->suspects_due_ns && !analysis->snapshot->exited)
        return;
    keeper->suspects_due_ns = now + SUSPECTS_INTERVAL_NS;
    if (keeper->past_recorder)
        suspects_record(analysis, keeper->past_recorder);
    if (keeper->recorder)
        suspects_record(analysis, keeper->recorder);
}

static void write_status(void *context, struct text *ret_status)
{
    struct keeper *keeper = context;
    struct recorder_status status;
    char bytes[UNITS_BUFFER];
    if (!keeper->recorder)
        return;
    recorder_status(keeper->recorder, &status);
    text_append(ret_status, units_format_bytes(bytes, (double)status.bytes));
    if (status.dropped)
        text_printf(ret_status, ", %llu lost", (unsigned long long)status.dropped);
}

/* ---- life ---- */

struct error *keeper_create(struct source *live, const char *output, struct keeper **ret_keeper)
{
    struct keeper *keeper = calloc(1, sizeof(*keeper));
    if (!keeper) {
        source_close(live);
        return error_no_memory();
    }
    keeper->source = (struct source){.ops = &keeper_ops, .live = true};
    keeper->live = live;
    keeper->output = output;
    keeper->interface = (struct tui_keeper){.past = give_past,
                                            .toggle_recording = toggle_recording,
                                            .mark = mark,
                                            .suspects = note_suspects,
                                            .write_status = write_status,
                                            .context = keeper};
    *ret_keeper = keeper;
    return NULL;
}

struct error *keeper_end_recording(struct keeper *keeper, struct text *ret_said)
{
    struct error *error = keeper->recorder ? end_recording(keeper) : NULL;
    if (!error && keeper->path)
        say_end(keeper, ret_said);
    return error;
}

void keeper_destroy(struct keeper *keeper)
{
    if (!keeper)
        return;
    if (keeper->recorder)
        error_destroy(end_recording(keeper));
    forget_past(keeper);
    snapshot_unref(keeper->first);
    source_close(keeper->live);
    catalog_unref(keeper->catalog);
    free(keeper->path);
    free(keeper);
}

struct source *keeper_source(struct keeper *keeper)
{
    return &keeper->source;
}

const struct tui_keeper *keeper_interface(const struct keeper *keeper)
{
    return &keeper->interface;
}
