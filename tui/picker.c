#include "tui/picker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/cells.h"

#define LEAST_WIDTH 40
#define LEAST_HEIGHT 8
/* Before this much time a difference is not yet a rate. */
#define LEAST_SPAN_NS UINT64_C(900000000)
/* Less than a page a second is called standing still. */
#define LEAST_GROWTH 4096

/* ---- the table ---- */

static const struct picker_row *process_of(const void *row)
{
    return row;
}

static void draw_pid(const struct list_cell *cell, const void *row)
{
    char buffer[FORMAT_BUFFER];
    snprintf(buffer, sizeof(buffer), "%d", (int)process_of(row)->pid);
    cell_right(cell, ROLE_TEXT, buffer);
}

static void draw_user(const struct list_cell *cell, const void *row)
{
    cell_left(cell, ROLE_MUTED, process_of(row)->user);
}

/* Those whose own figures are read. */
static bool is_read(const char *runtime)
{
    static const char *const starts[] = {"go", "JVM", "CPython"};
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        if (strncmp(runtime, starts[i], strlen(starts[i])) == 0)
            return true;
    }
    return false;
}

static void draw_runtime(const struct list_cell *cell, const void *row)
{
    const char *runtime = process_of(row)->runtime;
    cell_left(cell, is_read(runtime) ? ROLE_ACCENT : ROLE_FAINT, runtime[0] ? runtime : NOT_KNOWN);
}

static void draw_allocator(const struct list_cell *cell, const void *row)
{
    const char *allocator = process_of(row)->allocator;
    cell_left(cell, ROLE_MUTED, allocator[0] ? allocator : NOT_KNOWN);
}

static void draw_rss(const struct list_cell *cell, const void *row)
{
    cell_bytes(cell, ROLE_FIGURE, (double)process_of(row)->rss_bytes);
}

static void draw_growth(const struct list_cell *cell, const void *row)
{
    char buffer[FORMAT_BUFFER];
    double growth = process_of(row)->rss_growth_per_s;
    if (isnan(growth)) {
        cell_right(cell, ROLE_FAINT, "\xc2\xb7");
        return;
    }
    bool rises = growth >= LEAST_GROWTH, falls = growth <= -LEAST_GROWTH;
    enum growth_verdict verdict = rises ? GROWTH_GROWING : falls ? GROWTH_SHRINKING : GROWTH_PLATEAU;
    canvas_rune(cell->canvas, 0, 0, verdict_role(verdict), verdict_mark(verdict));
    if (rises || falls)
        cell_right(cell, verdict_role(verdict), format_growth_bytes(buffer, growth));
}

static void draw_name(const struct list_cell *cell, const void *row)
{
    cell_left(cell, process_of(row)->readable ? ROLE_FIGURE : ROLE_MUTED, process_of(row)->name);
}

static void draw_command(const struct list_cell *cell, const void *row)
{
    const struct picker_row *process = process_of(row);
    if (process->readable) {
        cell_left(cell, ROLE_MUTED, process->command_line);
        return;
    }
    int x = canvas_text(cell->canvas, 0, 0, ROLE_NOTICE, "no permission  ");
    canvas_text_fit(cell->canvas, x, 0, cell->canvas.width - x, ROLE_FAINT, process->command_line);
}

DEFINE_COMPARE(compare_pid, struct picker_row, pid)
DEFINE_COMPARE(compare_rss, struct picker_row, rss_bytes)
DEFINE_COMPARE(compare_growth, struct picker_row, rss_growth_per_s)

static int compare_runtime(const void *context, const void *a, const void *b)
{
    (void)context;
    return strcmp(process_of(a)->runtime, process_of(b)->runtime);
}

static int compare_allocator(const void *context, const void *a, const void *b)
{
    (void)context;
    return strcmp(process_of(a)->allocator, process_of(b)->allocator);
}

static int compare_name(const void *context, const void *a, const void *b)
{
    (void)context;
    return strcmp(process_of(a)->name, process_of(b)->name);
}

static uint64_t identify(const void *context, const void *row)
{
    (void)context;
    return (uint64_t)process_of(row)->pid;
}

static const char *text_of_process(const void *context, const void *row, char *buffer)
{
    (void)context;
    const struct picker_row *process = process_of(row);
    snprintf(buffer, LIST_TEXT, "%d %.32s %.32s %.16s %.64s %.300s", (int)process->pid, process->user, process->runtime,
             process->allocator, process->name, process->command_line);
    return buffer;
}

static int measure(const void *context, const void *row)
{
    (void)context;
    return (int)utf8_width(process_of(row)->command_line) + (process_of(row)->readable ? 0 : 15);
}

static const struct column columns[] = {
    {.title = "pid", .width = 7, .right = true, .ascending = true, .draw = draw_pid, .compare = compare_pid},
    {.title = "user", .width = 10, .priority = 2, .draw = draw_user},
    {.title = "runtime", .width = 12, .priority = 1, .ascending = true, .draw = draw_runtime,
     .compare = compare_runtime},
    {.title = "allocator", .width = 11, .priority = 2, .ascending = true, .draw = draw_allocator,
     .compare = compare_allocator},
    {.title = "RSS", .width = 8, .right = true, .draw = draw_rss, .compare = compare_rss},
    {.title = "growth", .width = 12, .right = true, .draw = draw_growth, .compare = compare_growth},
    {.title = "name", .width = 11, .stretch = 16, .ascending = true, .draw = draw_name, .compare = compare_name},
    {.title = "command", .width = 20, .priority = 3, .flexible = true, .draw = draw_command},
};

static const struct list_ops process_table = {
    .columns = columns,
    .num_columns = ARRAY_SIZE(columns),
    .first_sort = 4,
    .identity = identify,
    .text = text_of_process,
    .measure = measure,
};

/* ---- the session ---- */

void picker_session_destroy(struct picker_session *session)
{
    if (!session)
        return;
    list_deinit(&session->list);
    grid_deinit(&session->grid);
    table_deinit(&session->first_seen);
    vector_deinit(&session->seen);
    free(session->rows);
    free(session);
}

struct error *picker_session_create(const char *filter, int width, int height, enum glyphs glyphs,
                                    struct picker_session **ret_session)
{
    struct picker_session *session = calloc(1, sizeof(*session));
    if (!session)
        return error_no_memory();
    session->grid.glyphs = glyphs;
    table_init(&session->first_seen);
    list_init(&session->list, &process_table);
    if (filter)
        snprintf(session->list.filter, sizeof(session->list.filter), "%s", filter);
    line_edit_begin(&session->edit, session->list.filter, sizeof(session->list.filter));
    if (!grid_resize(&session->grid, width, height)) {
        picker_session_destroy(session);
        return error_no_memory();
    }
    *ret_session = session;
    return NULL;
}

/* Growth since the process was first listed. */
static struct error *measure_growth(struct picker_session *session, struct picker_row *row)
{
    bool is_new;
    uint64_t *index = table_insert(&session->first_seen, (uint64_t)row->pid, &is_new);
    if (!index)
        return error_no_memory();
    row->rss_growth_per_s = NAN;
    if (is_new) {
        *index = session->seen.count;
        return vector_append(&session->seen, (struct first_look){row->rss_bytes, session->now_ns}) ? NULL
                                                                                                   : error_no_memory();
    }
    const struct first_look *first = &session->seen.items[*index];
    uint64_t span = session->now_ns - first->when_ns;
    if (span >= LEAST_SPAN_NS)
        row->rss_growth_per_s = ((double)row->rss_bytes - (double)first->rss_bytes) * 1e9 / (double)span;
    return NULL;
}

static struct error *set_rows(struct picker_session *session)
{
    return list_set_rows(&session->list, session, session->rows, session->num_rows, sizeof(*session->rows))
               ? NULL
               : error_no_memory();
}

struct error *picker_session_update(struct picker_session *session, const struct picker_row *rows, size_t count,
                                    uint64_t now_ns)
{
    session->now_ns = now_ns;
    if (count > session->capacity) {
        struct picker_row *grown = realloc(session->rows, count * sizeof(*grown));
        if (!grown)
            return error_no_memory();
        session->rows = grown;
        session->capacity = count;
    }
    if (count > 0)
        memcpy(session->rows, rows, count * sizeof(*rows));
    session->num_rows = count;
    for (size_t i = 0; i < count; i++) {
        struct error *error = measure_growth(session, &session->rows[i]);
        if (error)
            return error;
    }
    return set_rows(session);
}

static void choose(struct picker_session *session)
{
    const struct picker_row *row = list_selected(&session->list);
    if (!row)
        return;
    session->chosen = row->pid;
    session->over = true;
}

static struct error *handle_key(struct picker_session *session, uint32_t key)
{
    bool resort = false;
    switch (key) {
    case INPUT_ENTER:
        choose(session);
        return NULL;
    case INPUT_ESCAPE:
        /* The first clears the filter, the next leaves. */
        if (session->list.filter[0] == '\0') {
            session->over = true;
            return NULL;
        }
        session->list.filter[0] = '\0';
        line_edit_begin(&session->edit, session->list.filter, sizeof(session->list.filter));
        return set_rows(session);
    case INPUT_TAB:
        list_act(&session->list, ACTION_SORT, &resort);
        return set_rows(session);
    case INPUT_BACK_TAB:
        list_act(&session->list, ACTION_REVERSE, &resort);
        return set_rows(session);
    /* Letters are typed here: what moves is no letter, whatever settings say. */
    case INPUT_UP:
    case INPUT_DOWN:
        list_act(&session->list, key == INPUT_UP ? ACTION_UP : ACTION_DOWN, &resort);
        return NULL;
    case INPUT_PAGE_UP:
    case INPUT_PAGE_DOWN:
        list_act(&session->list, key == INPUT_PAGE_UP ? ACTION_PAGE_UP : ACTION_PAGE_DOWN, &resort);
        return NULL;
    default:
        break;
    }
    if (!line_edit_key(&session->edit, key))
        return NULL;
    /* What is typed looks for the best match, which stands first. */
    session->list.moved = false;
    return set_rows(session);
}

struct error *picker_session_handle(struct picker_session *session, const struct event *event)
{
    bool resort = false;
    switch (event->type) {
    case EVENT_KEY:
        return handle_key(session, event->key);
    case EVENT_RESIZE:
        return grid_resize(&session->grid, event->width, event->height) ? NULL : error_no_memory();
    case EVENT_QUIT:
        session->over = true;
        return NULL;
    case EVENT_MOUSE:
        if (event->mouse == MOUSE_WHEEL_UP || event->mouse == MOUSE_WHEEL_DOWN)
            list_scroll(&session->list, event->mouse == MOUSE_WHEEL_DOWN ? 3 : -3);
        else if (list_click(&session->list, event->x, event->y, &resort) && event->mouse == MOUSE_DOUBLE)
            choose(session);
        return resort ? set_rows(session) : NULL;
    case EVENT_NONE:
    case EVENT_SUSPEND:
    case EVENT_REDRAW:
        break;
    }
    return NULL;
}

/* The way on and the way out first. */
static void draw_keys(const struct list *list, struct canvas canvas, int y)
{
    const struct {
        const char *key, *word;
    } keys[] = {{"Enter", "look into it"},
                {"Esc", list->filter[0] ? "clear" : "leave"},
                {"type", "filter"},
                {"Tab", "sort"},
                {"Shift-Tab", "reverse"}};
    canvas_clear(canvas_part(canvas, 0, y, canvas.width, 1), GROUND_BAR);
    int x = 1;
    for (size_t i = list->num_rows == 0; i < ARRAY_SIZE(keys); i++) {
        if (x + (int)(strlen(keys[i].key) + strlen(keys[i].word)) + 1 > canvas.width - 1)
            break;
        x = canvas_text(canvas, x, y, ROLE_KEY, keys[i].key);
        x = canvas_text(canvas, x + 1, y, ROLE_MUTED, keys[i].word) + 3;
    }
}

void picker_session_draw(struct picker_session *session)
{
    grid_clear(&session->grid);
    struct canvas canvas = canvas_over(&session->grid);
    if (canvas.width < LEAST_WIDTH || canvas.height < LEAST_HEIGHT) {
        canvas_text_fit(canvas, 0, canvas.height / 2, canvas.width, ROLE_TEXT, "heaptop needs more room");
        return;
    }
    canvas_clear(canvas_part(canvas, 0, 0, canvas.width, 1), GROUND_BAR);
    int x = canvas_text(canvas, 1, 0, ROLE_STRONG, "heaptop");
    canvas_text(canvas, x + 2, 0, ROLE_FIGURE, "Which process?");
    char note[64];
    snprintf(note, sizeof(note), "%zu of %zu", session->list.num_rows, session->list.num_all);
    canvas_text_right(canvas, canvas.width - 1, 0, ROLE_MUTED, note);
    x = canvas_text(canvas, 1, 1, ROLE_STRONG, "\xe2\x80\xba ");
    line_edit_draw(&session->edit, canvas, x, 1, canvas.width - x - 1);
    if (session->list.filter[0] == '\0')
        canvas_text_fit(canvas, x + 2, 1, canvas.width - x - 3, ROLE_FAINT,
                        "type to filter by name, command, user, pid, runtime or allocator");
    canvas_rule(canvas, 0, 2, canvas.width, ROLE_FAINT);
    struct canvas below = canvas_part(canvas, 0, 3, canvas.width, canvas.height - 4);
    list_draw(&session->list, below, true);
    if (session->list.num_rows == 0 && session->list.num_all > 0)
        canvas_text_fit(below, 2, 1, below.width - 4, ROLE_MUTED, "no process has that: Esc clears it");
    draw_keys(&session->list, canvas, canvas.height - 1);
}
