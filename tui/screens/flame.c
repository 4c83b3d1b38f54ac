/* Where memory, goroutines and threads are, as a flame graph: frames as wide as what is in them. The tree is made off
 * the drawing path, anew when what it shows has changed. */
#include <stdio.h>
#include <string.h>

#include "tui/chrome.h"
#include "tui/flame_graph.h"
#include "tui/flame_worker.h"
#include "tui/format.h"
#include "tui/profiling.h"
#include "tui/session.h"

/* A small tree is there before it is missed. */
#define WAIT_NS UINT64_C(8000000)
/* Rows: of the details, and from which height on a rule stands above them. */
#define DETAIL_ROWS 2
#define RULE_LEAST_HEIGHT 9

enum flame_view { FLAME_IN_USE, FLAME_ALLOCATED, FLAME_GROWTH, FLAME_GOROUTINES, FLAME_THREADS, FLAME_VIEWS };

static const struct {
    const char *title, *what;
    enum sample_profile profile;
} views[FLAME_VIEWS] = {
    [FLAME_IN_USE] = {"in use", "in use", SAMPLE_HEAP},
    [FLAME_ALLOCATED] = {"allocated", "allocated since the start", SAMPLE_ALLOCS},
    [FLAME_GROWTH] = {"growth", "more in use", SAMPLE_HEAP},
    [FLAME_GOROUTINES] = {"goroutines", "goroutines", SAMPLE_GOROUTINE},
    [FLAME_THREADS] = {"threads", "threads", SAMPLE_THREADS},
};

/* What a tree was made of: as long as that stays, so does the tree. */
struct flame_key {
    enum flame_view view;
    uint64_t moment;            /* Of the snapshot; of heap profiles the GC cycle that they stand for. */
    uint64_t base_unix_ns, process_unix_ns;
    size_t num_sites;
    enum profile_state profile_state;
};

struct flame {
    struct flame_worker *worker;
    struct flame_graph graph;
    enum flame_view view;
    struct flame_key asked;
    uint64_t ticket;            /* Of the tree asked for last; 0: of none. */
    bool is_of_view;            /* What is drawn is of the view, if of an older sample. */
    char reason[200];           /* Why there is no tree. */
    uint64_t since_unix_ns;     /* Of growth: the earlier moment. */
    int title_x[FLAME_VIEWS + 1], title_y;      /* Where the titles were drawn, for the mouse. */
};

/* ---- data ---- */

static bool is_of_heap(enum flame_view view)
{
    return view == FLAME_IN_USE || view == FLAME_ALLOCATED || view == FLAME_GROWTH;
}

static bool same_key(const struct flame_key *a, const struct flame_key *b)
{
    return a->view == b->view && a->moment == b->moment && a->base_unix_ns == b->base_unix_ns &&
           a->process_unix_ns == b->process_unix_ns && a->num_sites == b->num_sites &&
           a->profile_state == b->profile_state;
}

static struct flame_key key_of(enum flame_view view, const struct sample_request *request)
{
    const struct snapshot *snapshot = request->snapshot;
    return (struct flame_key){.view = view,
                              .moment = is_of_heap(view) ? snapshot->profile_cycle : snapshot->unix_ns,
                              .base_unix_ns = request->base ? request->base->unix_ns : 0,
                              .process_unix_ns = snapshot->target.start_unix_ns,
                              .num_sites = is_of_heap(view) ? snapshot->num_sites : 0,
                              .profile_state = snapshot->profile_state};
}

static void take_result(struct flame *flame, struct flame_result *result)
{
    bool is_wanted = result->ticket == flame->ticket;
    flame->reason[0] = '\0';
    if (is_wanted && result->error) {
        snprintf(flame->reason, sizeof(flame->reason), "%s", result->error->message ? result->error->message : "");
        flame_graph_clear(&flame->graph);
    } else if (is_wanted) {
        flame_graph_set(&flame->graph, &result->tree);
    }
    flame->is_of_view |= is_wanted;
    error_destroy(result->error);
    flame_tree_deinit(&result->tree);
}

static struct error *flame_work(struct session *session, void *state, bool *ret_changed)
{
    (void)session;
    struct flame *flame = state;
    struct flame_result result;
    *ret_changed = false;
    while (flame->worker && flame_worker_take(flame->worker, &result)) {
        take_result(flame, &result);
        *ret_changed = true;
    }
    return NULL;
}

static int flame_descriptor(const void *state)
{
    const struct flame *flame = state;
    return flame->worker ? flame_worker_descriptor(flame->worker) : -1;
}

/* The moments that the view is of; false (and the reason) where it has none. */
static bool find_request(struct flame *flame, const struct model *model, struct sample_request *ret_request)
{
    *ret_request = (struct sample_request){.snapshot = model->shown, .profile = views[flame->view].profile};
    if (flame->view != FLAME_GROWTH)
        return true;
    struct chosen_span span;
    if (!model_growth_span(model, &span)) {
        snprintf(flame->reason, sizeof(flame->reason), "growth is between two samples: wait for the next one");
        return false;
    }
    flame->since_unix_ns = span.start->unix_ns;
    ret_request->snapshot = span.end;
    ret_request->base = span.start;
    ret_request->by_change = true;
    return true;
}

static struct error *flame_update(struct session *session, void *state)
{
    struct flame *flame = state;
    struct sample_request request;
    bool changed;
    if (!find_request(flame, &session->model, &request)) {
        /* What is under way is no longer wanted. */
        flame->ticket++;
        flame->asked.view = FLAME_VIEWS;
        flame_graph_clear(&flame->graph);
        return NULL;
    }
    struct flame_key key = key_of(flame->view, &request);
    if (flame->ticket != 0 && same_key(&key, &flame->asked))
        return NULL;
    struct error *error = flame->worker ? NULL : flame_worker_create(&flame->worker);
    if (error)
        return error;
    flame->asked = key;
    flame_worker_ask(flame->worker, &request, ++flame->ticket);
    if (!flame->is_of_view)
        flame_worker_wait(flame->worker, WAIT_NS);
    return flame_work(session, flame, &changed);
}

static void show_view(struct session *session, struct flame *flame, enum flame_view view)
{
    if (view == flame->view)
        return;
    flame->view = view;
    flame->is_of_view = false;
    flame_graph_clear(&flame->graph);
    error_destroy(flame_update(session, flame));
}

/* ---- around the graph ---- */

static const char *write_amount(const struct flame *flame, int64_t amount, bool with_sign, char *buffer)
{
    char figure[UNITS_BUFFER];
    snprintf(buffer, FORMAT_BUFFER, "%s%s", with_sign && amount > 0 ? "+" : "",
             flame_tree_counts_bytes(&flame->graph.tree) ? units_format_bytes(figure, (double)amount)
                                                         : units_format_exact(figure, amount));
    return buffer;
}

/* What all of it is: "412.0 MB in use, as of GC 1,204"; of growth from when to when. */
static void write_sum(const struct session *session, const struct flame *flame, struct text *text)
{
    char amount[FORMAT_BUFFER], clock[FORMAT_BUFFER];
    _Static_assert(FORMAT_BUFFER >= SNAPSHOT_MOMENT_BUFFER, "a moment fits");
    const struct flame_node *root = flame_graph_node(&flame->graph, 0);
    if (flame->view == FLAME_GROWTH) {
        text_printf(text, "%s since %s", write_amount(flame, flame_node_change(root), true, amount),
                    format_clock(clock, flame->since_unix_ns));
        return;
    }
    text_printf(text, "%s %s", write_amount(flame, root->total[DIFF_NEW], false, amount), views[flame->view].what);
    if (is_of_heap(flame->view))
        text_printf(text, ", %s", snapshot_profile_moment(session->model.shown, clock));
}

/* "/tsdb: 64%" */
static void write_found(const struct flame *flame, struct text *text)
{
    const struct flame_graph *graph = &flame->graph;
    char amount[FORMAT_BUFFER], percent[UNITS_BUFFER];
    if (graph->found_width == 0) {
        text_printf(text, "/%s: not found", graph->needle);
        return;
    }
    text_printf(text, "/%s: %s", graph->needle, write_amount(flame, graph->found, graph->tree.is_difference, amount));
    if (!graph->tree.is_difference)
        text_printf(text, ", %s", units_format_percent(percent, (double)graph->found_width /
                                                                    (double)flame_graph_node(graph, 0)->width));
}

static void draw_views(const struct session *session, struct flame *flame, struct canvas canvas)
{
    int x = 2;
    flame->title_y = canvas.y;
    for (int view = 0; view < FLAME_VIEWS; view++) {
        bool is_current = view == (int)flame->view;
        flame->title_x[view] = canvas.x + x - 1;
        int end = canvas_text(canvas, x, 0, is_current ? ROLE_FIGURE : ROLE_MUTED, views[view].title);
        if (is_current)
            canvas_ground(canvas, x - 1, 0, end - x + 2, GROUND_CHIP);
        x = end + (canvas.width < 80 ? 2 : 3);
    }
    flame->title_x[FLAME_VIEWS] = canvas.x + x - 1;
    if (flame_graph_is_empty(&flame->graph))
        return;
    struct text sum = {0}, found = {0};
    int right = canvas.width - 1;
    write_sum(session, flame, &sum);
    if (flame->graph.needle[0])
        write_found(flame, &found);
    if (found.data && x + (int)utf8_width(found.data) < right)
        right = canvas_text_right(canvas, right, 0, ROLE_NOTICE, found.data) - 3;
    if (sum.data && x + (int)utf8_width(sum.data) < right)
        canvas_text_right(canvas, right, 0, ROLE_MUTED, sum.data);
    text_deinit(&sum);
    text_deinit(&found);
}

/* What the grounds mean. */
static void draw_legend(const struct flame *flame, struct canvas canvas)
{
    static const struct {
        const char *words;
        enum ground ground;
    } owners[] = {{" own code ", GROUND_FLAME_OWN},
                  {" modules ", GROUND_FLAME_MODULE},
                  {" standard library ", GROUND_FLAME_STANDARD},
                  {" runtime ", GROUND_FLAME_RUNTIME}},
      changes[] = {{" \xe2\x96\xbc shrank ", GROUND_FLAME_SHRANK_3},
                   {" the same ", GROUND_FLAME_SAME},
                   {" \xe2\x96\xb2 grew ", GROUND_FLAME_GREW_3}};
    bool is_growth = flame->view == FLAME_GROWTH;
    size_t count = is_growth ? ARRAY_SIZE(changes) : ARRAY_SIZE(owners);
    int x = canvas.width - 1;
    for (size_t i = count; i-- > 0;) {
        const char *words = is_growth ? changes[i].words : owners[i].words;
        int left = x - (int)utf8_width(words);
        if (left < 10)
            return;
        canvas_text(canvas, left, 0, ROLE_TEXT, words);
        canvas_ground(canvas, left, 0, x - left, is_growth ? changes[i].ground : owners[i].ground);
        x = left - 1;
    }
}

static const char *origin_words(enum frame_origin origin)
{
    static const char *const words[] = {[FRAME_UNKNOWN] = "",
                                        [FRAME_RUNTIME] = "runtime",
                                        [FRAME_STANDARD] = "standard library",
                                        [FRAME_DEPENDENCY] = "module",
                                        [FRAME_APPLICATION] = "own code",
                                        [FRAME_NATIVE] = ""};
    return (size_t)origin < ARRAY_SIZE(words) ? words[origin] : "";
}

static void write_figures(const struct flame *flame, const struct flame_node *node, struct text *text)
{
    const struct flame_graph *graph = &flame->graph;
    char amount[FORMAT_BUFFER], other[FORMAT_BUFFER], percent[UNITS_BUFFER];
    const struct flame_node *root = flame_graph_node(graph, 0);
    if (graph->tree.is_difference)
        text_printf(text, "%s: %s, was %s", write_amount(flame, flame_node_change(node), true, amount),
                    write_amount(flame, node->total[DIFF_NEW], false, other),
                    units_format_bytes(percent, (double)node->total[DIFF_OLD]));
    else
        text_printf(text, "%s  %s of all", write_amount(flame, node->total[DIFF_NEW], false, amount),
                    units_format_percent(percent, (double)node->total[DIFF_NEW] / (double)root->total[DIFF_NEW]));
    int64_t self = node->self[DIFF_NEW] - (graph->tree.is_difference ? node->self[DIFF_OLD] : 0);
    text_printf(text, "  \xc2\xb7  self %s", write_amount(flame, self, graph->tree.is_difference, amount));
    if (flame_tree_counts_bytes(&graph->tree))
        text_printf(text, "  \xc2\xb7  %s objects", units_format_exact(amount, node->objects[DIFF_NEW]));
}

/* What is picked: its whole name and where it is, then its figures. */
static void draw_details(const struct flame *flame, struct canvas canvas)
{
    const struct flame_graph *graph = &flame->graph;
    const struct flame_node *node = flame_graph_node(graph, graph->picked);
    const struct catalog *catalog = graph->tree.catalog;
    const struct frame *frame = catalog_frame(catalog, node->frame);
    char place[FORMAT_BUFFER];
    struct text figures = {0}, where = {0};
    text_printf(&where, "%s%s", frame_place(catalog, node->frame, place), node->lines_differ ? " and other lines" : "");
    if (where.data && *origin_words((enum frame_origin)frame->origin))
        text_printf(&where, "  %s", origin_words((enum frame_origin)frame->origin));
    int width = where.data ? (int)utf8_width(where.data) : 0, room = canvas.width - 4 - width;
    const char *name = flame_node_name(&graph->tree, node);
    if (room < (int)utf8_width(name))
        name = function_name_fitting(name, room > 0 ? (size_t)room : 0);
    int x = canvas_text_fit(canvas, 2, 0, room > 20 ? room : canvas.width - 3, ROLE_FIGURE, name);
    if (where.data)
        canvas_text_fit(canvas, x + 2, 0, canvas.width - x - 3, ROLE_MUTED, where.data);
    write_figures(flame, node, &figures);
    if (figures.data)
        canvas_text_fit(canvas, 2, 1, canvas.width - 3, ROLE_TEXT, figures.data);
    text_deinit(&figures);
    text_deinit(&where);
}

static void draw_nothing(struct session *session, const struct flame *flame, struct canvas canvas)
{
    const struct snapshot *shown = session->model.shown;
    if (is_of_heap(flame->view) && shown->profile_state != PROFILE_ON) {
        int y = canvas_text_wrap(canvas, 2, 1, canvas.width - 4, canvas.height - 2, ROLE_MUTED,
                                 shown->profile_reason ? shown->profile_reason : "no heap profile in this program");
        profiling_offer_draw(session, canvas, y);
        return;
    }
    const char *words = flame->view == FLAME_GROWTH ? "nothing has changed" : "nothing to show yet";
    if (flame->reason[0])
        words = flame->reason;
    else if (!flame->is_of_view)
        words = "putting it together ...";
    canvas_text_fit(canvas, 2, 1, canvas.width - 4, ROLE_MUTED, words);
}

/* ---- the screen ---- */

static void flame_close(void *state)
{
    struct flame *flame = state;
    flame_worker_destroy(flame->worker);
    flame_graph_deinit(&flame->graph);
}

static void flame_draw(struct session *session, void *state, struct canvas canvas)
{
    struct flame *flame = state;
    draw_views(session, flame, canvas);
    bool is_empty = flame_graph_is_empty(&flame->graph), has_rule = canvas.height >= RULE_LEAST_HEIGHT;
    int below = DETAIL_ROWS + has_rule;
    struct canvas middle = canvas_part(canvas, 0, 1, canvas.width, canvas.height - 1 - below);
    if (is_empty) {
        draw_nothing(session, flame, middle);
        return;
    }
    flame_graph_draw(&flame->graph, middle);
    struct canvas details = canvas_part(canvas, 0, canvas.height - below, canvas.width, below);
    if (has_rule) {
        canvas_rule(details, 0, 0, details.width, ROLE_FAINT);
        canvas_text(details, 2, 0, ROLE_MUTED, flame->graph.zoom != 0 ? " zoomed in: Esc goes back " : " Frame ");
        if (flame->view != FLAME_THREADS)
            draw_legend(flame, details);
    }
    draw_details(flame, canvas_part(details, 0, has_rule, details.width, DETAIL_ROWS));
}

/* The tree has a catalog of its own, in which addresses are those at which the program runs. */
static void open_source(struct session *session, const struct flame_graph *graph)
{
    if (flame_graph_is_empty(graph))
        return;
    if (flame_graph_node(graph, graph->picked)->frame == 0) {
        session_say(session, "this is all of it: pick a frame, and it is zoomed in on");
        return;
    }
    struct catalog *catalog = session->model.shown->catalog;
    struct frame frame = *catalog_frame(graph->tree.catalog, flame_graph_node(graph, graph->picked)->frame);
    const char *function = catalog_string(graph->tree.catalog, frame.function);
    const char *file = catalog_string(graph->tree.catalog, frame.file);
    frame.function = *function ? catalog_add_string(catalog, function, strlen(function)) : 0;
    frame.file = *file ? catalog_add_string(catalog, file, strlen(file)) : 0;
    if (frame.address)
        frame.address -= session->model.shown->target.load_bias;
    error_destroy(session_open_source(session, &frame));
}

static bool flame_act(struct session *session, void *state, enum action action)
{
    struct flame *flame = state;
    struct flame_graph *graph = &flame->graph;
    bool is_icicle = graph->is_icicle;
    switch (action) {
    case ACTION_UP:
        flame_graph_move(graph, is_icicle ? FLAME_TO_CALLER : FLAME_TO_CALLED);
        return true;
    case ACTION_DOWN:
        flame_graph_move(graph, is_icicle ? FLAME_TO_CALLED : FLAME_TO_CALLER);
        return true;
    case ACTION_LEFT:
    case ACTION_RIGHT:
        flame_graph_move(graph, action == ACTION_LEFT ? FLAME_LEFT : FLAME_RIGHT);
        return true;
    case ACTION_TOP:
    case ACTION_BOTTOM:
        flame_graph_move(graph, action == ACTION_TOP ? FLAME_TO_ROOT : FLAME_TO_LEAF);
        return true;
    case ACTION_OPEN:
        if (!flame_graph_zoom(graph))
            open_source(session, graph);
        return true;
    case ACTION_BACK:
        if (graph->needle[0]) {
            graph->needle[0] = '\0';
            flame_graph_search(graph);
            return true;
        }
        return flame_graph_unzoom(graph);
    case ACTION_INVERT:
        graph->is_icicle = !is_icicle;
        return true;
    case ACTION_NEXT_PANE:
        show_view(session, flame, (enum flame_view)((flame->view + 1) % FLAME_VIEWS));
        return true;
    case ACTION_PREVIOUS_PANE:
        show_view(session, flame, (enum flame_view)((flame->view + FLAME_VIEWS - 1) % FLAME_VIEWS));
        return true;
    default:
        return false;
    }
}

static bool flame_offers(const struct session *session, const void *state, enum action action)
{
    const struct flame_graph *graph = &((const struct flame *)state)->graph;
    (void)session;
    switch (action) {
    case ACTION_OPEN:
    case ACTION_INVERT:
    case ACTION_SEARCH:
    case ACTION_COPY:
        return !flame_graph_is_empty(graph);
    case ACTION_BACK:
        return graph->needle[0] || graph->zoom != 0;
    default:
        return true;
    }
}

static bool flame_mouse(struct session *session, void *state, const struct event *event)
{
    struct flame *flame = state;
    bool again;
    if (event->mouse == MOUSE_WHEEL_UP || event->mouse == MOUSE_WHEEL_DOWN)
        return flame_act(session, flame, event->mouse == MOUSE_WHEEL_UP ? ACTION_UP : ACTION_DOWN);
    for (int view = 0; event->y == flame->title_y && view < FLAME_VIEWS; view++) {
        if (event->x >= flame->title_x[view] && event->x < flame->title_x[view + 1]) {
            show_view(session, flame, (enum flame_view)view);
            return true;
        }
    }
    if (!flame_graph_pick_at(&flame->graph, event->x, event->y, &again))
        return false;
    if (again || event->mouse == MOUSE_DOUBLE)
        flame_graph_zoom(&flame->graph);
    return true;
}

static void flame_copy(const struct session *session, const void *state, struct text *text)
{
    (void)session;
    const struct flame_graph *graph = &((const struct flame *)state)->graph;
    char place[FORMAT_BUFFER];
    if (flame_graph_is_empty(graph))
        return;
    const struct flame_node *node = flame_graph_node(graph, graph->picked);
    const char *where = frame_place(graph->tree.catalog, node->frame, place);
    text_printf(text, "%s%s%s", flame_node_name(&graph->tree, node), *where ? " " : "", where);
}

static char *flame_needle(void *state)
{
    return ((struct flame *)state)->graph.needle;
}

static bool flame_find(struct session *session, void *state, int direction)
{
    (void)session;
    struct flame_graph *graph = &((struct flame *)state)->graph;
    if (direction == 0)
        flame_graph_search(graph);
    return flame_graph_find(graph, direction);
}

static const enum action flame_footer[] = {ACTION_OPEN,   ACTION_BACK,   ACTION_NEXT_PANE,
                                           ACTION_SEARCH, ACTION_INVERT, ACTION_BASELINE,
                                           ACTION_COPY,   ACTION_NONE};

const struct screen_ops flame_screen = {
    .title = "Flame",
    .about = "All stacks at once: a frame is as wide as what it and its callees hold.",
    .state_size = sizeof(struct flame),
    .footer = flame_footer,
    .close = flame_close,
    .update = flame_update,
    .draw = flame_draw,
    .act = flame_act,
    .offers = flame_offers,
    .copy = flame_copy,
    .needle = flame_needle,
    .find = flame_find,
    .mouse = flame_mouse,
    .descriptor = flame_descriptor,
    .work = flame_work,
};
