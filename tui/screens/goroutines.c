/* Goroutines by what they run, what started them and what they wait for. */
#include <stdio.h>

#include "tui/cells.h"
#include "tui/list_screen.h"
#include "tui/screens/goroutine_list.h"
#include "tui/screens/goroutine_tree_list.h"

/* Begins with what such screens have in common. */
struct goroutines {
    struct list_screen screen;
    enum goroutine_grouping grouping;
    struct tree_view tree;
    bool as_tree;
};

static struct error *goroutines_open(struct session *session, void *state, const void *argument)
{
    (void)session, (void)argument;
    list_init(&((struct list_screen *)state)->list, &goroutine_list);
    tree_view_init(&((struct goroutines *)state)->tree, &goroutine_tree_list, goroutine_tree_of_stacks);
    return NULL;
}

static void goroutines_close(void *state)
{
    tree_view_deinit(&((struct goroutines *)state)->tree);
    list_screen_close(state);
}

static struct error *goroutines_update(struct session *session, void *state)
{
    struct goroutines *goroutines = state;
    if (goroutines->as_tree) {
        goroutines->tree.make =
            goroutines->grouping == GOROUTINES_BY_CREATOR ? goroutine_tree_of_creators : goroutine_tree_of_stacks;
        return tree_view_update(&goroutines->tree, session);
    }
    const struct analysis *analysis = session->model.analysis;
    enum goroutine_grouping grouping = ((struct goroutines *)state)->grouping;
    return list_screen_set(session, state, analysis->goroutines_by[grouping], analysis->num_goroutines_by[grouping],
                           sizeof(*analysis->goroutines));
}

/* How many stand in each state: "2,540 waiting · 31 runnable", the largest first. */
static void describe_states(const struct model *model, char *text, size_t size)
{
    struct {
        string_id state;
        uint64_t count;
    } states[16];
    size_t num_states = 0, used = 0;
    for (size_t i = 0; i < model->analysis->num_goroutines; i++) {
        const struct goroutine_group *group = &model->analysis->goroutines[i].group;
        size_t at = 0;
        while (at < num_states && states[at].state != group->state)
            at++;
        if (at == ARRAY_SIZE(states))
            continue;
        if (at == num_states) {
            states[num_states].state = group->state;
            states[num_states++].count = 0;
        }
        states[at].count += group->count;
    }
    text[0] = '\0';
    while (num_states > 0) {
        size_t most = 0;
        for (size_t i = 1; i < num_states; i++)
            if (states[i].count > states[most].count)
                most = i;
        char count[UNITS_BUFFER];
        int written = snprintf(text + used, size - used, "%s%s %s", used ? " \xc2\xb7 " : "",
                               units_format_exact(count, (int64_t)states[most].count),
                               catalog_string(model->shown->catalog, states[most].state));
        if (written < 0 || (size_t)written >= size - used)
            break;
        used += (size_t)written;
        states[most] = states[--num_states];
    }
}

static struct list *goroutines_focus(void *state)
{
    struct goroutines *goroutines = state;
    return goroutines->as_tree ? &goroutines->tree.list : &goroutines->screen.list;
}

static void goroutines_draw(struct session *session, void *state, struct canvas canvas)
{
    const struct model *model = &session->model;
    char text[256], count[FORMAT_BUFFER];
    if (!analysis_is_go(model->analysis)) {
        canvas_text_wrap(canvas, 2, 1, canvas.width - 4, canvas.height - 1, ROLE_MUTED,
                         "Not a Go program: it has no goroutines. Its threads are on screen 4.");
        return;
    }
    int x = canvas_text(canvas, 2, 0, ROLE_FIGURE, format_counter(count, model->shown, COUNTER_GOROUTINES));
    x = canvas_text(canvas, x, 0, ROLE_MUTED, " goroutines");
    const struct growth *growth = &model->analysis->goroutine_count;
    if (growth->verdict == GROWTH_GROWING || growth->verdict == GROWTH_SHRINKING) {
        canvas_rune(canvas, x + 2, 0, verdict_role(growth->verdict), verdict_mark(growth->verdict));
        x = canvas_text(canvas, x + 4, 0, verdict_role(growth->verdict),
                        format_growth_count(count, growth->per_second));
    }
    describe_states(model, text, sizeof(text));
    canvas_text_fit(canvas, x + 3, 0, canvas.width - x - 4, ROLE_MUTED, text);
    static const char *const titles[GOROUTINE_GROUPINGS] = {
        [GOROUTINES_BY_STACK] = "By stack",
        [GOROUTINES_BY_CREATOR] = "By creator",
        [GOROUTINES_BY_STATE] = "By state",
        [GOROUTINES_BY_KIND] = "By kind of wait",
        [GOROUTINES_BY_LABELS] = "By labels",
    };
    struct goroutines *goroutines = state;
    bool creators = goroutines->grouping == GOROUTINES_BY_CREATOR;
    const char *title = !goroutines->as_tree ? titles[goroutines->grouping]
                        : creators           ? "Who made whom"
                                             : "Tree of stacks";
    section_draw(canvas, 1, title, goroutines_focus(state), true);
    struct canvas below = canvas_part(canvas, 0, 2, canvas.width, canvas.height - 2);
    list_draw(goroutines_focus(state), below, true);
    const struct counter *counter = &model->shown->counters[COUNTER_GOROUTINES];
    if (goroutines_focus(state)->num_all == 0)
        canvas_text_fit(below, 2, 1, below.width - 4, ROLE_MUTED,
                        counter_known(counter) ? "no goroutine groups were read"
                        : counter->reason      ? counter->reason
                                               : "not read");
}

static bool goroutines_act(struct session *session, void *state, enum action action)
{
    struct goroutines *goroutines = state;
    if (action == ACTION_GROUPING) {
        /* Of trees there are two: stacks, and who made whom. */
        goroutines->grouping = !goroutines->as_tree ? (goroutines->grouping + 1) % GOROUTINES_BY_GROUP
                               : goroutines->grouping == GOROUTINES_BY_CREATOR ? GOROUTINES_BY_STACK
                                                                               : GOROUTINES_BY_CREATOR;
        error_destroy(goroutines_update(session, goroutines));
        return true;
    }
    if (action == ACTION_TREE) {
        goroutines->as_tree = !goroutines->as_tree;
        error_destroy(goroutines_update(session, goroutines));
        return true;
    }
    if (goroutines->as_tree)
        return tree_view_act(&goroutines->tree, session, action);
    if (action != ACTION_OPEN)
        return false;
    const struct goroutine_row *row = list_selected(&goroutines->screen.list);
    if (row)
        error_destroy(session_open_goroutines(session, goroutines->grouping, &row->group));
    return true;
}

static const enum action goroutines_footer[] = {ACTION_OPEN,    ACTION_SEARCH,   ACTION_FILTER, ACTION_SORT,
                                                ACTION_REVERSE, ACTION_GROUPING, ACTION_TREE, ACTION_NONE};

const struct screen_ops goroutines_screen = {
    .title = "Goroutines",
    .about = "Goroutines by what they have in common, those that grow first.",
    .state_size = sizeof(struct goroutines),
    .footer = goroutines_footer,
    .open = goroutines_open,
    .close = goroutines_close,
    .update = goroutines_update,
    .draw = goroutines_draw,
    .focus = goroutines_focus,
    .act = goroutines_act,
};
