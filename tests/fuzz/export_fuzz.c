/* Snapshots that hold anything, as a recording may make them: two are built from the input, compared, and written in
 * every format. What comes out must be text without control characters, and a graph whose tags are balanced. */
#include <stdlib.h>
#include <string.h>

#include "heaptop/export.h"

#define MAX_FRAMES 64
#define MAX_STACKS 64
#define MAX_ROWS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

static void check_text(const struct text *text)
{
    for (size_t i = 0; i < text->length; i++)
        check((unsigned char)text->data[i] >= ' ' || text->data[i] == '\n');
}

/* Tags open and close in turn; outside of them there is no '<'. */
static void check_tags(const char *text)
{
    long depth = 0;
    const char *script = strstr(text, "<script>");
    check(script != NULL);
    for (text = strchr(text, '\n'); text < script; text++) {
        if (*text != '<')
            continue;
        const char *end = strchr(text, '>');
        check(end != NULL && !memchr(text + 1, '<', (size_t)(end - text - 1)));
        depth += text[1] == '/' ? -1 : end[-1] == '/' ? 0 : 1;
        text = end;
    }
    check(depth == 1);
}

static string_id read_string(struct cursor *cursor, struct catalog *catalog)
{
    size_t length = cursor_u8(cursor) % 48;
    const uint8_t *bytes = cursor_bytes(cursor, length);
    return bytes && length ? catalog_add_string(catalog, (const char *)bytes, length) : 0;
}

/* Counts that are absurd as often as not. */
static uint64_t read_number(struct cursor *cursor)
{
    uint8_t kind = cursor_u8(cursor);
    return kind % 4 ? kind : cursor_u64(cursor);
}

struct names {
    frame_id frames[MAX_FRAMES];
    stack_id stacks[MAX_STACKS];
    size_t num_frames, num_stacks;
};

static void read_names(struct cursor *cursor, struct catalog *catalog, struct names *names)
{
    names->num_frames = 1 + cursor_u8(cursor) % (MAX_FRAMES - 1);
    names->num_stacks = 1 + cursor_u8(cursor) % (MAX_STACKS - 1);
    for (size_t i = 0; i < names->num_frames; i++) {
        struct frame frame = {.address = read_number(cursor),
                              .function = read_string(cursor, catalog),
                              .file = read_string(cursor, catalog),
                              .line = cursor_u32(cursor),
                              .origin = cursor_u8(cursor)};
        names->frames[i] = catalog_add_frame(catalog, &frame);
    }
    for (size_t i = 0; i < names->num_stacks; i++) {
        frame_id frames[MAX_FRAMES];
        size_t depth = cursor_u8(cursor) % MAX_FRAMES;
        for (size_t k = 0; k < depth; k++)
            frames[k] = names->frames[cursor_u8(cursor) % names->num_frames];
        names->stacks[i] = catalog_add_stack(catalog, frames, depth);
    }
}

static struct site_counts read_counts(struct cursor *cursor)
{
    return (struct site_counts){.allocs = read_number(cursor),
                                .frees = read_number(cursor),
                                .alloc_bytes = read_number(cursor),
                                .free_bytes = read_number(cursor)};
}

static void fill_rows(struct cursor *cursor, const struct names *names, struct snapshot *snapshot)
{
    snapshot->num_sites = cursor_u8(cursor) % MAX_ROWS;
    snapshot->num_goroutine_groups = cursor_u8(cursor) % MAX_ROWS;
    snapshot->num_threads = cursor_u8(cursor) % MAX_ROWS;
    snapshot->sites = arena_alloc_array(&snapshot->arena, MAX_ROWS, sizeof(*snapshot->sites));
    snapshot->goroutine_groups = arena_alloc_array(&snapshot->arena, MAX_ROWS, sizeof(*snapshot->goroutine_groups));
    snapshot->threads = arena_alloc_array(&snapshot->arena, MAX_ROWS, sizeof(*snapshot->threads));
    check(snapshot->sites && snapshot->goroutine_groups && snapshot->threads);
    for (size_t i = 0; i < snapshot->num_sites; i++)
        snapshot->sites[i] = (struct site){.stack = names->stacks[cursor_u8(cursor) % names->num_stacks],
                                           .object_size = read_number(cursor),
                                           .published = read_counts(cursor),
                                           .provisional = read_counts(cursor)};
    for (size_t i = 0; i < snapshot->num_goroutine_groups; i++)
        snapshot->goroutine_groups[i] =
            (struct goroutine_group){.state = read_string(cursor, snapshot->catalog),
                                     .wait_reason = read_string(cursor, snapshot->catalog),
                                     .labels = read_string(cursor, snapshot->catalog),
                                     .created_by = names->frames[cursor_u8(cursor) % names->num_frames],
                                     .start = names->frames[cursor_u8(cursor) % names->num_frames],
                                     .stack = names->stacks[cursor_u8(cursor) % names->num_stacks],
                                     .stack_cut = cursor_u8(cursor) & 1,
                                     .system = cursor_u8(cursor) & 1,
                                     .count = cursor_u32(cursor)};
    for (size_t i = 0; i < snapshot->num_threads; i++)
        snapshot->threads[i] = (struct thread){.tid = (pid_t)cursor_u32(cursor),
                                               .state = (char)cursor_u8(cursor),
                                               .name = read_string(cursor, snapshot->catalog),
                                               .system_call = read_string(cursor, snapshot->catalog),
                                               .wait_channel = read_string(cursor, snapshot->catalog)};
}

static struct snapshot *make_snapshot(struct cursor *cursor)
{
    struct catalog *catalog = NULL;
    struct snapshot *snapshot = NULL;
    struct names names;
    check(!catalog_create(&catalog) && !snapshot_create(catalog, &snapshot));
    catalog_unref(catalog);
    read_names(cursor, catalog, &names);
    snapshot->sequence = 1;
    snapshot->unix_ns = read_number(cursor);
    snapshot->target.pid = (pid_t)cursor_u8(cursor);
    snapshot->target.comm = read_string(cursor, catalog);
    snapshot->target.build_id = read_string(cursor, catalog);
    snapshot->target.load_bias = read_number(cursor);
    snapshot->profile_state = cursor_u8(cursor) % 8 ? PROFILE_ON : PROFILE_OFF;
    for (int id = 0; id < COUNTER_COUNT; id++) {
        uint8_t kind = cursor_u8(cursor);
        if (counter_infos[id].unit == UNIT_FRACTION)
            snapshot_set_real(snapshot, (enum counter_id)id, (double)kind / 100);
        else if (kind & 1 || id == COUNTER_MEM_PROFILE_RATE)
            snapshot_set(snapshot, (enum counter_id)id, (int64_t)read_number(cursor));
    }
    snapshot->num_mappings = 1;
    snapshot->mappings = arena_alloc_array(&snapshot->arena, 1, sizeof(*snapshot->mappings));
    check(snapshot->mappings != NULL);
    snapshot->mappings[0] = (struct mapping){.start = 0, .limit = read_number(cursor), .file = snapshot->target.comm};
    fill_rows(cursor, &names, snapshot);
    return snapshot;
}

typedef struct error *export_function(const struct export_request *request, struct text *ret_text);

static void write_profiles(const struct snapshot *snapshot, const struct snapshot *base, uint8_t choice)
{
    static export_function *const formats[] = {export_pprof, export_folded, export_svg, export_csv};
    for (int profile = SAMPLE_HEAP; profile <= SAMPLE_THREADS; profile++) {
        struct export_request request = {
            .snapshot = snapshot, .base = base, .profile = (enum sample_profile)profile, .icicle = choice & 1};
        if (profile <= SAMPLE_ALLOCS)
            request.value = (enum sample_value)(choice / 2 % (SAMPLE_ALLOC_OBJECTS + 1));
        for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
            struct text text = {0};
            struct error *error = formats[i](&request, &text);
            if (!error && formats[i] != export_pprof)
                check_text(&text);
            if (!error && formats[i] == export_svg)
                check_tags(text.data);
            error_destroy(error);
            text_deinit(&text);
        }
    }
}

static void write_comparison(const struct snapshot *before, const struct snapshot *after, uint8_t choice)
{
    struct diff *diff = NULL;
    struct text json = {0}, report = {0};
    const struct diff_options options = {.value = (enum site_value)(choice % SITE_VALUE_COUNT)};
    check(!diff_compute(&(struct diff_source){.snapshot = before}, &(struct diff_source){.snapshot = after}, &options,
                        &diff));
    check(!export_diff_json(diff, &json) && !export_diff_report(diff, 80, &report));
    check_text(&json);
    uint32_t stacks = 0, groups = 0;
    for (size_t i = 0; i < diff->num_call_sites; i++) {
        check(diff->call_sites[i].first_stack == stacks && diff->call_sites[i].change.share <= 1);
        stacks += diff->call_sites[i].num_stacks;
    }
    for (size_t i = 0; i < diff->num_goroutines; i++) {
        check(diff->goroutines[i].first_group == groups);
        groups += diff->goroutines[i].num_groups;
    }
    check(stacks == diff->num_stacks && groups == diff->num_goroutine_groups);
    text_deinit(&json);
    text_deinit(&report);
    diff_destroy(diff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor cursor = cursor_over(data, size);
    uint8_t choice = cursor_u8(&cursor);
    struct snapshot *before = make_snapshot(&cursor), *after = make_snapshot(&cursor);
    struct history *history = NULL;
    struct analysis *analysis = NULL;
    struct text text = {0};
    write_profiles(after, NULL, choice);
    write_profiles(after, before, choice);
    write_comparison(before, after, choice);
    check(!history_create(NULL, &history) && !history_add(history, after) && !analysis_compute(history, &analysis));
    check(!export_openmetrics(history, analysis, &text));
    check_text(&text);
    text_deinit(&text);
    check(!export_csv_counters_row(after, &text));
    check_text(&text);
    text_deinit(&text);
    analysis_destroy(analysis);
    history_destroy(history);
    snapshot_unref(before);
    snapshot_unref(after);
    return 0;
}
