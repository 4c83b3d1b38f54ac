/* The first thing a person sees: six figures over time, then what grows. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/panel.h"
#include "tui/profiling.h"
#include "tui/screens/allocation_list.h"
#include "tui/screens/goroutine_list.h"
#include "tui/screens/memory_parts_view.h"
#include "tui/screens/thread_list.h"
#include "tui/session.h"

/* From this size on the figures have graphs; below, a line each. */
#define GRAPH_WIDTH 100
#define GRAPH_HEIGHT 24
#define GRAPH_MOST_HEIGHT 9
#define WIDE 132
/* Rows below the figures from which on there is room for the parts of RSS; for a line of what could be done. */
#define MEMORY_HEIGHT 14
#define OFFER_HEIGHT 4
/* Of an empty list of call sites, with the lines that say why. */
#define NO_SITES_HEIGHT 7

struct overview {
    struct list sites;
    struct list goroutines;     /* Below them. */
    struct list threads;        /* In place of these in a program that is not Go's. */
    bool is_native, has_sites;
    bool is_below;              /* The focus is on the list below. */
};

/* ---- figures ---- */

/* Sets the figure, or why there is none. */
static void set_counter(struct panel *panel, const struct snapshot *snapshot, enum counter_id id)
{
    char buffer[FORMAT_BUFFER];
    const struct counter *counter = &snapshot->counters[id];
    snprintf(panel->figure, sizeof(panel->figure), "%s", format_counter(buffer, snapshot, id));
    if (!counter_known(counter))
        panel->missing = counter->reason ? counter->reason : "not read";
}

static void set_change(struct panel *panel, const struct growth *growth, bool of_bytes)
{
    panel->verdict = growth->verdict;
    if (growth->verdict != GROWTH_GROWING && growth->verdict != GROWTH_SHRINKING)
        return;
    if (of_bytes)
        format_growth_bytes(panel->change, growth->per_second);
    else
        format_growth_count(panel->change, growth->per_second);
}

static void describe_rss(const struct model *model, struct panel *panel)
{
    char buffer[UNITS_BUFFER];
    *panel = (struct panel){
        .title = "RSS", .format = units_format_bytes, .series = history_counter(model->history, COUNTER_RSS)};
    set_counter(panel, model->shown, COUNTER_RSS);
    set_change(panel, &model->analysis->rss, true);
    if (model->analysis->limit_bytes > 0)
        snprintf(panel->note, sizeof(panel->note), "%s limit %s", model->analysis->limit_is_soft ? "soft" : "hard",
                 units_format_bytes(buffer, (double)model->analysis->limit_bytes));
}

static void describe_heap(const struct model *model, struct panel *panel)
{
    double goal;
    char buffer[UNITS_BUFFER];
    *panel = (struct panel){.title = "heap",
                            .format = units_format_bytes,
                            .series = history_counter(model->history, COUNTER_HEAP_LIVE),
                            .line = history_counter(model->history, COUNTER_HEAP_GOAL)};
    set_counter(panel, model->shown, COUNTER_HEAP_LIVE);
    set_change(panel, &model->analysis->heap, true);
    if (counter_value(model->shown, COUNTER_HEAP_GOAL, &goal))
        snprintf(panel->note, sizeof(panel->note), "goal %s", units_format_bytes(buffer, goal));
}

static void describe_alloc(const struct model *model, struct panel *panel)
{
    char buffer[UNITS_BUFFER];
    *panel = (struct panel){.title = "allocation",
                            .format = units_format_bytes,
                            .from_zero = true,
                            .series = history_counter_rate(model->history, COUNTER_TOTAL_ALLOC)};
    set_counter(panel, model->shown, COUNTER_TOTAL_ALLOC);
    double rate = model->analysis->alloc_bytes_per_s;
    snprintf(panel->figure, sizeof(panel->figure), "%s", isnan(rate) ? NOT_KNOWN : units_format_rate(buffer, rate));
    double allocated;
    if (counter_value(model->shown, COUNTER_TOTAL_ALLOC, &allocated))
        snprintf(panel->note, sizeof(panel->note), "%s in all", units_format_bytes(buffer, allocated));
}

static void describe_pauses(const struct model *model, struct panel *panel)
{
    char buffer[UNITS_BUFFER];
    const struct analysis *analysis = model->analysis;
    *panel = (struct panel){.title = "GC p99", .format = units_format_duration, .from_zero = true, .pauses = true};
    set_counter(panel, model->shown, COUNTER_NUM_GC);
    if (isnan(analysis->gc.pause_p99_ns))
        snprintf(panel->figure, sizeof(panel->figure), NOT_KNOWN);
    else
        snprintf(panel->figure, sizeof(panel->figure), "%s", units_format_duration(buffer, analysis->gc.pause_p99_ns));
    if (analysis->gc_per_s > 0)
        snprintf(panel->note, sizeof(panel->note), "one in %s",
                 units_format_duration(buffer, 1e9 / analysis->gc_per_s));
}

static void describe_goroutines(const struct model *model, struct panel *panel)
{
    *panel = (struct panel){.title = "goroutines",
                            .format = units_format_count,
                            .series = history_counter(model->history, COUNTER_GOROUTINES)};
    set_counter(panel, model->shown, COUNTER_GOROUTINES);
    set_change(panel, &model->analysis->goroutine_count, false);
    /* As the figure, without the runtime's own. */
    size_t groups = 0;
    for (size_t i = 0; i < model->analysis->num_goroutines; i++)
        groups += !model->analysis->goroutines[i].group.system;
    if (groups > 0)
        snprintf(panel->note, sizeof(panel->note), "%zu group%s", groups, groups == 1 ? "" : "s");
}

static void describe_threads(const struct model *model, struct panel *panel)
{
    *panel = (struct panel){.title = "threads",
                            .format = units_format_count,
                            .from_zero = true,
                            .series = history_counter(model->history, COUNTER_THREADS)};
    set_counter(panel, model->shown, COUNTER_THREADS);
    size_t running = 0;
    for (size_t i = 0; i < model->shown->num_threads; i++)
        running += model->shown->threads[i].state == 'R';
    if (model->shown->num_threads > 0)
        snprintf(panel->note, sizeof(panel->note), "%zu running", running);
}

/* ---- of other runtimes ---- */

static void describe_counter(const struct model *model, struct panel *panel, const char *title, enum counter_id id)
{
    *panel = (struct panel){.title = title,
                            .format = counter_infos[id].unit == UNIT_BYTES ? units_format_bytes : units_format_count,
                            .series = history_counter(model->history, id)};
    set_counter(panel, model->shown, id);
    if (model->analysis->managed.kind != MANAGED_NONE && model->analysis->managed.counter == id)
        set_change(panel, &model->analysis->managed.growth, counter_infos[id].unit == UNIT_BYTES);
}

/* "of 1.0 GB" */
static void note_bytes(const struct model *model, struct panel *panel, const char *word, enum counter_id id)
{
    char buffer[UNITS_BUFFER];
    double bytes;
    if (counter_value(model->shown, id, &bytes))
        snprintf(panel->note, sizeof(panel->note), "%s %s", word, units_format_bytes(buffer, bytes));
}

static void describe_java_heap(const struct model *model, struct panel *panel)
{
    describe_counter(model, panel, "Java heap", COUNTER_JAVA_HEAP_USED);
    panel->line = history_counter(model->history, COUNTER_JAVA_HEAP_COMMITTED);
    note_bytes(model, panel, "of", COUNTER_JAVA_HEAP_MAX);
}

static void describe_java_old(const struct model *model, struct panel *panel)
{
    describe_counter(model, panel, "old gen", COUNTER_JAVA_OLD_USED);
    panel->line = history_counter(model->history, COUNTER_JAVA_OLD_COMMITTED);
    note_bytes(model, panel, "of", COUNTER_JAVA_OLD_COMMITTED);
    /* The heap once more. */
    if (!counter_known(&model->shown->counters[COUNTER_JAVA_YOUNG_USED]))
        panel->missing = "no generations";
}

/* Of nanoseconds in a second. */
static char *format_share(char *buffer, double value)
{
    return units_format_percent(buffer, value / 1e9);
}

static void describe_java_stops(const struct model *model, struct panel *panel)
{
    char count[UNITS_BUFFER];
    double young, full;
    describe_counter(model, panel, "stopped", COUNTER_JAVA_SAFEPOINT_TIME);
    panel->format = format_share;
    panel->from_zero = true;
    panel->series = history_counter_rate(model->history, COUNTER_JAVA_SAFEPOINT_TIME);
    if (panel->missing)
        return;
    const struct series *rate = panel->series;
    if (rate && rate->count > 0)
        format_share(panel->figure, series_point(rate, rate->count - 1).value);
    else
        snprintf(panel->figure, sizeof(panel->figure), NOT_KNOWN);
    if (counter_value(model->shown, COUNTER_JAVA_YOUNG_GCS, &young)) {
        snprintf(panel->note, sizeof(panel->note), "%s young", units_format_count(count, young));
        if (counter_value(model->shown, COUNTER_JAVA_FULL_GCS, &full)) {
            size_t length = strlen(panel->note);
            snprintf(panel->note + length, sizeof(panel->note) - length, ", %s full", units_format_count(count, full));
        }
    }
}

static void describe_java_classes(const struct model *model, struct panel *panel)
{
    char count[UNITS_BUFFER];
    double classes;
    describe_counter(model, panel, "metaspace", COUNTER_JAVA_METASPACE_USED);
    if (counter_value(model->shown, COUNTER_JAVA_CLASSES, &classes))
        snprintf(panel->note, sizeof(panel->note), "%s classes", units_format_count(count, classes));
}

static void describe_python_arenas(const struct model *model, struct panel *panel)
{
    char count[UNITS_BUFFER];
    double arenas;
    describe_counter(model, panel, "arenas", COUNTER_PY_ARENA_BYTES);
    if (counter_value(model->shown, COUNTER_PY_ARENAS, &arenas))
        snprintf(panel->note, sizeof(panel->note), "%s", units_format_count(count, arenas));
}

static void describe_python_survivors(const struct model *model, struct panel *panel)
{
    describe_counter(model, panel, "survivors", COUNTER_PY_LONG_LIVED);
    if (!panel->missing)
        snprintf(panel->note, sizeof(panel->note), "of full GC");
}

/* What a count rises by in a second, with how often so far. */
static void describe_rate(const struct model *model, struct panel *panel, const char *title, enum counter_id id)
{
    char count[UNITS_BUFFER];
    double sum;
    describe_counter(model, panel, title, id);
    panel->from_zero = true;
    panel->series = history_counter_rate(model->history, id);
    if (panel->missing || !counter_value(model->shown, id, &sum))
        return;
    const struct series *rate = panel->series;
    double now = rate && rate->count > 0 ? series_point(rate, rate->count - 1).value : 0;
    snprintf(panel->figure, sizeof(panel->figure), now < 9.95 ? "%.1f/s" : "%.0f/s", now);
    snprintf(panel->note, sizeof(panel->note), "%s in all", units_format_count(count, sum));
}

static void describe_python_collections(const struct model *model, struct panel *panel)
{
    describe_rate(model, panel, "GC gen 0", COUNTER_PY_GEN0_GCS);
}

static void describe_python_freed(const struct model *model, struct panel *panel)
{
    describe_rate(model, panel, "GC freed", COUNTER_PY_COLLECTED);
}

/* In the order in which they are read: memory first, then what drives it. */
static const struct {
    void (*describe)(const struct model *, struct panel *);
    enum managed_kind kind;     /* Of which runtime, but Go's. */
} describers[] = {
    {describe_rss, MANAGED_NONE},
    {describe_heap, MANAGED_NONE},
    {describe_java_heap, MANAGED_JVM},
    {describe_java_old, MANAGED_JVM},
    {describe_python_arenas, MANAGED_PYTHON},
    {describe_python_survivors, MANAGED_PYTHON},
    {describe_alloc, MANAGED_NONE},
    {describe_goroutines, MANAGED_NONE},
    {describe_java_stops, MANAGED_JVM},
    {describe_java_classes, MANAGED_JVM},
    {describe_python_collections, MANAGED_PYTHON},
    {describe_python_freed, MANAGED_PYTHON},
    {describe_pauses, MANAGED_NONE},
    {describe_threads, MANAGED_NONE},
};
#define NUM_PANELS ((int)ARRAY_SIZE(describers))

/* ---- drawing ---- */

/* Returns how many there are. A program without a runtime has no use for panels that say so. */
static int describe_figures(const struct session *session, bool is_native, struct panel panels[NUM_PANELS])
{
    int count = 0;
    for (int i = 0; i < NUM_PANELS; i++) {
        describers[i].describe(&session->model, &panels[count]);
        bool is_optional = is_native || describers[i].kind != MANAGED_NONE;
        if (!is_optional || !panels[count].missing)
            count++;
    }
    return count;
}

static unsigned overview_num_graphs(const struct session *session, const void *state)
{
    struct panel panels[NUM_PANELS];
    return (unsigned)describe_figures(session, ((const struct overview *)state)->is_native, panels);
}

static void overview_draw_graph(const struct session *session, const void *state, struct canvas canvas, unsigned number)
{
    struct panel panels[NUM_PANELS];
    describe_figures(session, ((const struct overview *)state)->is_native, panels);
    panel_draw(canvas, &session->model, &panels[number]);
}

/* Returns the rows it took. */
static int draw_figures(const struct session *session, struct canvas canvas, bool is_native)
{
    struct panel panels[NUM_PANELS];
    int count = describe_figures(session, is_native, panels);
    /* A process that was gone before anything of it was read. */
    if (count == 0)
        return 0;
    bool graphs = canvas.width >= GRAPH_WIDTH && canvas.height >= GRAPH_HEIGHT;
    int columns = graphs && canvas.width >= WIDE ? 3 : canvas.width >= 72 ? 2 : 1;
    columns = columns < count ? columns : count;
    int rows = (count + columns - 1) / columns, height = 1;
    if (graphs) {
        height = canvas.height * 2 / 5 / rows;
        height = height < PANEL_LEAST_HEIGHT  ? PANEL_LEAST_HEIGHT
                 : height > GRAPH_MOST_HEIGHT ? GRAPH_MOST_HEIGHT
                                              : height;
    } else if (rows > canvas.height * 2 / 5) {
        rows = canvas.height * 2 / 5;
    }
    for (int i = 0; i < count && i < rows * columns; i++) {
        int row = i / columns, column = i % columns;
        int left = canvas.width * column / columns, right = canvas.width * (column + 1) / columns;
        struct canvas part = canvas_part(canvas, left, row * height, right - left, height);
        if (graphs)
            panel_draw(part, &session->model, &panels[i]);
        else
            panel_draw_line(canvas_part(part, 1, 0, part.width - 2, 1), &session->model, &panels[i]);
    }
    return rows * height;
}

static const char *sites_title(const struct session *session)
{
    const struct analysis *analysis = session->model.analysis;
    if (analysis->num_call_sites > 0 && analysis->call_sites[0].growth.verdict == GROWTH_GROWING)
        return "Growing call sites";
    return "Call sites";
}

static void draw_sites(const struct session *session, struct overview *overview, struct canvas canvas, bool focused)
{
    const struct snapshot *shown = session->model.shown;
    section_draw(canvas, 0, sites_title(session), &overview->sites, focused);
    struct canvas below = canvas_part(canvas, 0, 1, canvas.width, canvas.height - 1);
    list_draw(&overview->sites, below, focused);
    if (overview->sites.num_all > 0)
        return;
    const char *why = shown->profile_reason ? shown->profile_reason
                      : shown->profile_state == PROFILE_ON ? "nothing sampled yet" : "no heap profile in this program";
    /* The last line is kept for what can be done about it. */
    int lines = below.height - 1 - profiling_is_offered(session);
    int y = canvas_text_wrap(below, 2, 1, below.width - 4, lines, ROLE_MUTED, why);
    profiling_offer_draw(session, below, y);
}

static struct list *list_below(struct overview *overview)
{
    return overview->is_native ? &overview->threads : &overview->goroutines;
}

static const char *title_below(const struct session *session, const struct overview *overview)
{
    const struct analysis *analysis = session->model.analysis;
    if (overview->is_native)
        return "Threads";
    bool grows = analysis->num_goroutines > 0 && analysis->goroutines[0].growth.verdict == GROWTH_GROWING;
    return grows ? "Growing goroutines" : "Goroutines";
}

/* Without call sites: where RSS lies, as far as the list below leaves room, and the key that would find some. Returns
 * the rows it took. */
static int draw_native(const struct session *session, struct canvas canvas)
{
    int y = 0;
    if (canvas.height >= MEMORY_HEIGHT)
        y = memory_parts_draw(&session->model, canvas, canvas.height / 2) + 1;
    if (canvas.height - y >= OFFER_HEIGHT)
        y += profiling_offer_draw(session, canvas_part(canvas, 0, y, canvas.width, OFFER_HEIGHT - 2), 0);
    return y;
}

static void overview_draw(struct session *session, void *state, struct canvas canvas)
{
    struct overview *overview = state;
    int y = draw_figures(session, canvas, overview->is_native), left = canvas.height - y;
    struct list *below = list_below(overview);
    int rows = left;
    if (overview->has_sites) {
        size_t lines = below->num_all == 0 ? 0 : below->num_rows + 1;
        rows = list_height_below(left, lines, overview->is_below);
        if (overview->sites.num_all == 0 && left > NO_SITES_HEIGHT + rows)
            rows = (int)lines + 1 < left - NO_SITES_HEIGHT ? (int)lines + 1 : left - NO_SITES_HEIGHT;
        draw_sites(session, overview, canvas_part(canvas, 0, y, canvas.width, left - rows), !overview->is_below);
    } else {
        rows -= draw_native(session, canvas_part(canvas, 0, y, canvas.width, left));
    }
    if (rows == 0)
        return;
    struct canvas part = canvas_part(canvas, 0, canvas.height - rows, canvas.width, rows);
    bool is_focus = overview->is_below || !overview->has_sites;
    section_draw(part, 0, title_below(session, overview), below, is_focus);
    list_draw(below, canvas_part(part, 0, 1, part.width, rows - 1), is_focus);
}

/* ---- the screen ---- */

static struct error *overview_open(struct session *session, void *state, const void *argument)
{
    (void)session, (void)argument;
    struct overview *overview = state;
    list_init(&overview->sites, &call_site_list);
    list_init(&overview->goroutines, &goroutine_list);
    list_init(&overview->threads, &thread_list);
    return NULL;
}

static void overview_close(void *state)
{
    struct overview *overview = state;
    list_deinit(&overview->sites);
    list_deinit(&overview->goroutines);
    list_deinit(&overview->threads);
}

static struct error *overview_update(struct session *session, void *state)
{
    struct overview *overview = state;
    const struct analysis *analysis = session->model.analysis;
    bool done = list_set_rows(&overview->sites, &session->model, analysis->call_sites, analysis_num_listed(analysis),
                              sizeof(*analysis->call_sites)) &&
                list_set_rows(&overview->goroutines, &session->model, analysis->goroutines, analysis->num_goroutines,
                              sizeof(*analysis->goroutines)) &&
                list_set_rows(&overview->threads, &session->model, analysis->threads, analysis->num_threads,
                              sizeof(*analysis->threads));
    /* A Go program of which nothing can be read is as good as none. */
    overview->is_native = !analysis_is_go(analysis) ||
                          (analysis->num_call_sites == 0 && analysis->num_goroutines == 0 &&
                           session->model.shown->profile_state == PROFILE_NONE);
    overview->has_sites = !overview->is_native || analysis->num_call_sites > 0;
    return done ? NULL : error_no_memory();
}

static struct list *overview_focus(void *state)
{
    struct overview *overview = state;
    return overview->is_below || !overview->has_sites ? list_below(overview) : &overview->sites;
}

static void overview_point(void *state, int x, int y)
{
    struct overview *overview = state;
    if (list_contains(list_below(overview), x, y))
        overview->is_below = true;
    else if (overview->has_sites && list_contains(&overview->sites, x, y))
        overview->is_below = false;
}

static bool overview_offers(const struct session *session, const void *state, enum action action)
{
    const struct overview *overview = state;
    const struct list *below = overview->is_native ? &overview->threads : &overview->goroutines;
    (void)session;
    return action != ACTION_NEXT_PANE || (overview->has_sites && (overview->is_below || below->num_rows > 0));
}

static bool overview_act(struct session *session, void *state, enum action action)
{
    struct overview *overview = state;
    if (action == ACTION_NEXT_PANE || action == ACTION_PREVIOUS_PANE) {
        overview->is_below = !overview->is_below && list_below(overview)->num_rows > 0;
        return true;
    }
    if (action != ACTION_OPEN)
        return false;
    const struct list *list = overview_focus(overview);
    const void *row = list_selected(list);
    if (!row)
        return true;
    if (list == &overview->sites && ((const struct allocation_row *)row)->is_unattributed)
        session_say(session, "what was %s has no call site", ANALYSIS_UNATTRIBUTED);
    else if (list == &overview->sites)
        error_destroy(session_open_site(session, ((const struct allocation_row *)row)->subject));
    else
        error_destroy(
            session_show(session, overview->is_native ? &threads_screen : &goroutines_screen, list->selected_identity));
    return true;
}

static const enum action overview_footer[] = {ACTION_OPEN, ACTION_NEXT_PANE, ACTION_SEARCH, ACTION_FILTER, ACTION_SORT,
                                              ACTION_BASELINE, ACTION_RECORD, ACTION_NONE};

const struct screen_ops overview_screen = {
    .title = "Overview",
    .about = "Is it growing, and what: figures over time, and the top of each list.",
    .state_size = sizeof(struct overview),
    .footer = overview_footer,
    .open = overview_open,
    .close = overview_close,
    .update = overview_update,
    .draw = overview_draw,
    .num_graphs = overview_num_graphs,
    .draw_graph = overview_draw_graph,
    .focus = overview_focus,
    .act = overview_act,
    .offers = overview_offers,
    .point = overview_point,
};
