/* Suspects: what to look at first, and of the selected one the evidence and what to do next. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"
#include "tui/list_screen.h"

/* Rows of the list while there is room for the evidence below. */
#define LEAST_DETAIL 10
#define LABEL_WIDTH 11
/* With its title; of most suspects, in a wide terminal. */
#define WHOLE_DETAIL 9

/* ---- the table ---- */

static enum role confidence_role(enum suspect_confidence confidence)
{
    static const enum role roles[] = {
        [SUSPECT_POSSIBLE] = ROLE_MUTED, [SUSPECT_LIKELY] = ROLE_NOTICE, [SUSPECT_SURE] = ROLE_GROWING};
    return roles[confidence];
}

static void draw_confidence(const struct list_cell *cell, const void *row)
{
    enum suspect_confidence confidence = ((const struct suspect *)row)->confidence;
    cell_left(cell, confidence_role(confidence), suspect_confidence_name(confidence));
}

static void draw_kind(const struct list_cell *cell, const void *row)
{
    cell_left(cell, ROLE_FIGURE, suspect_kind_infos[((const struct suspect *)row)->kind].label);
}

static void draw_rate(const struct list_cell *cell, const void *row)
{
    const struct suspect *suspect = row;
    const char *unit = suspect_kind_infos[suspect->kind].unit;
    char buffer[FORMAT_BUFFER];
    if (isnan(suspect->per_second) || !unit)
        return;
    if (strcmp(unit, "bytes") == 0)
        format_growth_bytes(buffer, suspect->per_second);
    else
        format_growth_count(buffer, suspect->per_second);
    cell_right(cell, ROLE_TEXT, buffer);
}

static void draw_share(const struct list_cell *cell, const void *row)
{
    const struct suspect *suspect = row;
    char buffer[UNITS_BUFFER];
    if (!isnan(suspect->share))
        cell_right(cell, ROLE_TEXT, units_format_percent(buffer, suspect->share));
}

static void draw_since(const struct list_cell *cell, const void *row)
{
    const struct suspect *suspect = row;
    const struct model *model = cell->context;
    char buffer[UNITS_BUFFER];
    if (suspect->since_unix_ns && suspect->since_unix_ns < model->shown->unix_ns)
        cell_right(cell, ROLE_TEXT,
                   units_format_duration(buffer, (double)(model->shown->unix_ns - suspect->since_unix_ns)));
}

static void draw_subject(const struct list_cell *cell, const void *row)
{
    frame_id subject = ((const struct suspect *)row)->subject;
    const char *name = ((const struct suspect *)row)->name;
    if (subject)
        cell_frame(cell, subject);
    else
        cell_left(cell, name ? ROLE_TEXT : ROLE_MUTED, name ? name : "the process");
}

static void draw_place(const struct list_cell *cell, const void *row)
{
    frame_id subject = ((const struct suspect *)row)->subject;
    if (subject)
        cell_place(cell, subject);
}

/* The line and the kind: it stays on its row while figures change. */
static uint64_t identify(const void *context, const void *row)
{
    (void)context;
    const struct suspect *suspect = row;
    const uint32_t parts[] = {suspect->kind, suspect->subject, suspect->created_by};
    uint64_t name = suspect->name ? table_hash_bytes(suspect->name, strlen(suspect->name), 0) : 0;
    return table_hash_bytes(parts, sizeof(parts), name);
}

static const char *text_of_suspect(const void *context, const void *row, char *buffer)
{
    const struct suspect *suspect = row;
    const struct catalog *catalog = cell_catalog(context);
    char place[FORMAT_BUFFER];
    snprintf(buffer, LIST_TEXT, "%s %s %.200s %.200s %s", suspect_confidence_name(suspect->confidence),
             suspect_kind_infos[suspect->kind].label, suspect->name ? suspect->name : "",
             catalog_function(catalog, suspect->subject), frame_place(catalog, suspect->subject, place));
    return buffer;
}

static int measure(const void *context, const void *row)
{
    char buffer[FORMAT_BUFFER];
    const struct suspect *suspect = row;
    if (suspect->subject)
        return (int)utf8_width(frame_function(cell_catalog(context), suspect->subject, buffer));
    return (int)utf8_width(suspect->name ? suspect->name : "the process");
}

static const struct column columns[] = {
    {.title = "sure?", .width = 8, .draw = draw_confidence, .help = "sure, likely or possible"},
    {.title = "what", .width = 16, .draw = draw_kind},
    {.title = "growth", .width = 10, .right = true, .draw = draw_rate, .help = "how much more of it comes"},
    {.title = "share", .width = 5, .priority = 3, .right = true, .draw = draw_share,
     .help = "of what the live heap has gained"},
    {.title = "for", .width = 12, .priority = 2, .right = true, .draw = draw_since, .help = "since when it grows"},
    {.title = "where", .width = 14, .flexible = true, .draw = draw_subject, .help = "the line to look at"},
    {.title = "line", .width = 18, .priority = 1, .draw = draw_place},
};

static const struct list_ops suspect_list = {
    .columns = columns,
    .num_columns = ARRAY_SIZE(columns),
    .first_sort = LIST_UNSORTED,
    .identity = identify,
    .text = text_of_suspect,
    .measure = measure,
};

/* ---- the selected one ---- */

/* In as many lines as it takes; returns the row below. */
static int draw_wrapped(struct canvas canvas, int x, int y, enum role role, const char *text)
{
    return canvas_text_wrap(canvas, x, y, canvas.width - x - 2, canvas.height - y, role, text);
}

/* Returns how many rows it took. */
static int draw_detail(struct canvas canvas, const struct suspect *suspect)
{
    char heading[96];
    snprintf(heading, sizeof(heading), "%s: %s", suspect_confidence_name(suspect->confidence),
             suspect_kind_infos[suspect->kind].label);
    section_draw(canvas, 0, heading, NULL, false);
    int y = draw_wrapped(canvas, 2, 1, ROLE_FIGURE, suspect->summary);
    for (size_t i = 0; i < suspect->num_evidence && y < canvas.height; i++) {
        if (i == 0)
            canvas_text(canvas, 2, y, ROLE_MUTED, "evidence");
        canvas_rune(canvas, LABEL_WIDTH, y, ROLE_FAINT, 0xb7);
        y = draw_wrapped(canvas, LABEL_WIDTH + 2, y, ROLE_TEXT, suspect->evidence[i]);
    }
    if (y < canvas.height) {
        canvas_text(canvas, 2, y, ROLE_MUTED, "next");
        y = draw_wrapped(canvas, LABEL_WIDTH + 2, y, ROLE_ACCENT, suspect->advice);
    }
    return y;
}

/* ---- the screen ---- */

static struct error *suspects_open(struct session *session, void *state, const void *argument)
{
    (void)session, (void)argument;
    list_init(&((struct list_screen *)state)->list, &suspect_list);
    return NULL;
}

static struct error *suspects_update(struct session *session, void *state)
{
    const struct analysis *analysis = session->model.analysis;
    /* Which part of RSS it is that grows takes two looks at its pages. */
    for (size_t i = 0; i < analysis->num_suspects; i++) {
        if (analysis->suspects[i].kind == SUSPECT_OUTSIDE_GO_GROWS)
            source_request(session->model.source, SOURCE_REQUEST_MEMORY_MAP);
    }
    return list_screen_set(session, state, analysis->suspects, analysis->num_suspects, sizeof(*analysis->suspects));
}

/* What an empty list means. */
static const char *explain_none(const struct analysis *analysis)
{
    if (analysis->heap.verdict == GROWTH_GROWING && analysis->snapshot->profile_state == PROFILE_ON)
        return "The heap grows, but no call site of it stands out from sampling error yet: that takes a dozen samples "
               "at one place.";
    if (analysis_verdict_level(analysis) != VERDICT_WAITING && analysis->rss.verdict != GROWTH_GROWING)
        return "Nothing grows without end, stands still or wears the GC out, as far as has been seen.";
    return analysis_is_go(analysis)
               ? "Too little has been seen yet to name one: that takes a minute, and call sites take GC cycles."
               : "Too little has been seen yet to name one: that takes a minute or two.";
}

static void suspects_draw(struct session *session, void *state, struct canvas canvas)
{
    struct list_screen *screen = state;
    const struct suspect *selected = list_selected(&screen->list);
    section_draw(canvas, 0, "Suspects, the most telling first", &screen->list, true);
    if (!selected) {
        if (screen->list.num_all == 0) {
            int y = draw_wrapped(canvas, 2, 2, ROLE_TEXT, "None.");
            draw_wrapped(canvas, 2, y, ROLE_MUTED, explain_none(session->model.analysis));
        }
        return;
    }
    int rows = (int)screen->list.num_rows + 1, most = canvas.height - 1 - LEAST_DETAIL;
    rows = rows > most ? most : rows;
    rows = rows < 3 ? 3 : rows;
    list_draw(&screen->list, canvas_part(canvas, 0, 1, canvas.width, rows), true);
    int y = 1 + rows + draw_detail(canvas_part(canvas, 0, 1 + rows, canvas.width, canvas.height - 1 - rows), selected);
    /* Those that come next in the list, where there is room for all that is to be said of one. */
    for (size_t i = screen->list.selected + 1; i < screen->list.num_rows && canvas.height - y > WHOLE_DETAIL; i++)
        y += 1 + draw_detail(canvas_part(canvas, 0, y + 1, canvas.width, canvas.height - y - 1), screen->list.rows[i]);
}

/* The row of goroutines that the suspect is about; NULL when there is none any more. */
static const struct goroutine_row *find_goroutines(const struct model *model, const struct suspect *suspect)
{
    const struct analysis *analysis = model->analysis;
    const struct goroutine_row *found = NULL;
    for (size_t i = 0; i < analysis->num_goroutines; i++) {
        const struct goroutine_row *row = &analysis->goroutines[i];
        bool same_stack = suspect->stack && row->group.stack == suspect->stack;
        bool same_creator = suspect->created_by && row->group.created_by == suspect->created_by;
        if ((same_stack || same_creator) && (!found || (same_stack && found->group.stack != suspect->stack)))
            found = row;
    }
    return found;
}

static void open_suspect(struct session *session, const struct suspect *suspect)
{
    const struct goroutine_row *row;
    switch (suspect->kind) {
    case SUSPECT_SITE_GROWS:
    case SUSPECT_TIMERS_GROW:
        if (suspect->subject)
            error_destroy(session_open_site(session, suspect->subject));
        else
            session_say(session, "the line is not known yet: call sites show it once timers were sampled");
        return;
    case SUSPECT_GOROUTINES_GROW:
    case SUSPECT_GOROUTINES_STUCK:
    case SUSPECT_FINALIZERS:
        row = find_goroutines(&session->model, suspect);
        if (row)
            error_destroy(session_open_goroutines(session, GOROUTINES_BY_STACK, &row->group));
        else
            session_say(session, "none of these goroutines is there at the moment");
        return;
    case SUSPECT_GC_THRASH:
        error_destroy(session_show(session, &gc_screen, 0));
        return;
    case SUSPECT_THREADS_GROW:
        error_destroy(session_show(session, &threads_screen, 0));
        return;
    case SUSPECT_CHUNKS_GROW:
        if (suspect->subject) {
            error_destroy(session_open_site(session, suspect->subject));
            return;
        }
        __attribute__((fallthrough));
    case SUSPECT_HEAP_IDLE:
    case SUSPECT_OUTSIDE_GO_GROWS:
    case SUSPECT_TYPE_GROWS:
    case SUSPECT_MAPPINGS_GROW:
    case SUSPECT_LIMIT_NEAR:
    case SUSPECT_KIND_COUNT:
        error_destroy(session_show(session, &memory_screen, 0));
        return;
    }
}

static bool suspects_act(struct session *session, void *state, enum action action)
{
    const struct suspect *selected = list_selected(&((struct list_screen *)state)->list);
    if (action != ACTION_OPEN)
        return false;
    if (selected)
        open_suspect(session, selected);
    return true;
}

static size_t suspects_count(const struct session *session)
{
    return session->model.analysis ? session->model.analysis->num_suspects : 0;
}

static const enum action suspects_footer[] = {ACTION_OPEN, ACTION_SEARCH, ACTION_FILTER, ACTION_NONE};

const struct screen_ops suspects_screen = {
    .title = "Suspects",
    .about = "What most likely leaks, why heaptop thinks so, and where to look next.",
    .state_size = sizeof(struct list_screen),
    .footer = suspects_footer,
    .open = suspects_open,
    .close = list_screen_close,
    .update = suspects_update,
    .draw = suspects_draw,
    .focus = list_screen_focus,
    .act = suspects_act,
    .count = suspects_count,
};
