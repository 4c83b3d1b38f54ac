/* Two moments side by side: what appeared, vanished, grew and shrank. */
#include <stdio.h>
#include <string.h>

#include "tui/format.h"
#include "tui/screens/diff_list.h"
#include "tui/session.h"

/* From so many columns on a moment's line has these. */
#define PID_WIDTH 72
#define VERSION_WIDTH 90

enum pane { PANE_SITES, PANE_GOROUTINES, PANE_COUNTERS, PANE_MEMORY, PANES };

static const struct {
    const char *title;
    const struct list_ops *ops;
} pane_infos[PANES] = {
    [PANE_SITES] = {"Call sites", &diff_site_list},
    [PANE_GOROUTINES] = {"Goroutines", &diff_goroutine_list},
    [PANE_COUNTERS] = {"Counters", &diff_counter_list},
    [PANE_MEMORY] = {"Resident memory", &diff_memory_list},
};

struct diff_screen {
    struct diff *diff;
    struct text verdict;
    struct list lists[PANES];
    struct diff_counter_row counters[COUNTER_COUNT];
    size_t num_counters;
    struct diff_memory_row memory[MEMORY_PART_COUNT];
    size_t num_memory;
    enum pane pane;
};

static struct error *diff_open(struct session *session, void *state, const void *argument)
{
    struct diff_screen *screen = state;
    const struct diff_pair *pair = argument;
    (void)session;
    for (int pane = 0; pane < PANES; pane++)
        list_init(&screen->lists[pane], pane_infos[pane].ops);
    const struct diff_source old_source = {.snapshot = pair->before, .memory_parts = pair->memory_parts[DIFF_OLD]},
                             new_source = {.snapshot = pair->after, .memory_parts = pair->memory_parts[DIFF_NEW]};
    const struct diff_options options = {.value = pair->value};
    struct error *error = diff_compute(&old_source, &new_source, &options, &screen->diff);
    if (error)
        return error;
    for (int id = 0; id < COUNTER_COUNT; id++)
        if (screen->diff->counters[id].is_known)
            screen->counters[screen->num_counters++] =
                (struct diff_counter_row){.id = (enum counter_id)id, .counter = &screen->diff->counters[id]};
    for (int id = 0; id < MEMORY_PART_COUNT && screen->diff->has_memory_parts; id++) {
        const struct diff_memory_part *part = &screen->diff->memory_parts[id];
        if (part->bytes[DIFF_OLD] || part->bytes[DIFF_NEW])
            screen->memory[screen->num_memory++] = (struct diff_memory_row){.id = (enum memory_part)id, .part = part};
    }
    return diff_write_verdict(screen->diff, &screen->verdict);
}

static void diff_close(void *state)
{
    struct diff_screen *screen = state;
    for (int pane = 0; pane < PANES; pane++)
        list_deinit(&screen->lists[pane]);
    text_deinit(&screen->verdict);
    diff_destroy(screen->diff);
}

static struct error *diff_update(struct session *session, void *state)
{
    struct diff_screen *screen = state;
    const struct diff *diff = screen->diff;
    (void)session;
    bool good = list_set_rows(&screen->lists[PANE_SITES], diff, diff->call_sites, diff->num_call_sites,
                              sizeof(*diff->call_sites));
    good = list_set_rows(&screen->lists[PANE_GOROUTINES], diff, diff->goroutines, diff->num_goroutines,
                         sizeof(*diff->goroutines)) && good;
    good = list_set_rows(&screen->lists[PANE_COUNTERS], diff, screen->counters, screen->num_counters,
                         sizeof(*screen->counters)) && good;
    good = list_set_rows(&screen->lists[PANE_MEMORY], diff, screen->memory, screen->num_memory,
                         sizeof(*screen->memory)) && good;
    return good ? NULL : error_no_memory();
}

/* "old  2026-01-02 03:04:05  prometheus  pid 4242  go1.24.4  97 goroutines" */
static void draw_moment(const struct diff *diff, enum diff_side side, struct canvas canvas, int y)
{
    const struct diff_moment *moment = &diff->moments[side];
    char clock[FORMAT_BUFFER], figure[UNITS_BUFFER];
    _cleanup_(text_deinit) struct text rest = {0};
    canvas_text(canvas, 1, y, ROLE_MUTED, side == DIFF_OLD ? "old" : "new");
    int x = canvas_text(canvas, 6, y, ROLE_FIGURE, format_clock(clock, moment->unix_ns));
    x = canvas_text(canvas, x + 2, y, ROLE_TEXT, catalog_string(diff->catalog, moment->target.comm));
    /* Which process and which runtime it is gives way to what is compared. */
    if (canvas.width >= PID_WIDTH)
        x = canvas_printf(canvas, x + 1, y, ROLE_MUTED, "pid %d", (int)moment->target.pid);
    if (canvas.width >= VERSION_WIDTH)
        x = canvas_text(canvas, x + 2, y, ROLE_MUTED, catalog_string(diff->catalog, moment->target.runtime_version));
    if (moment->has_sites)
        text_printf(&rest, "%s in use", units_format_bytes(figure, (double)moment->totals.inuse_bytes));
    else
        text_append(&rest, moment->sites_reason ? moment->sites_reason : "no heap profile");
    text_printf(&rest, "  %s goroutines", units_format_exact(figure, moment->goroutines));
    canvas_text_fit(canvas, x + 2, y, canvas.width - x - 3, moment->has_sites ? ROLE_TEXT : ROLE_NOTICE,
                    rest.data ? rest.data : "");
}

static int draw_kinds(const struct diff *diff, struct canvas canvas, int y)
{
    static const enum diff_kind kinds[] = {DIFF_GREW, DIFF_APPEARED, DIFF_SHRANK, DIFF_VANISHED, DIFF_SAME};
    int x = 1;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        x = canvas_printf(canvas, x, y, ROLE_MUTED, "%u %s", diff->num_of_kind[kinds[i]], diff_kind_name(kinds[i])) + 3;
    if (!diff->is_same_build)
        canvas_text(canvas, x, y, ROLE_NOTICE, "two builds: matched by function");
    return y + 1;
}

/* When the pages were looked at: in recordings that is now and then. */
static int draw_looked_at(const struct diff *diff, struct canvas canvas, int y)
{
    char clocks[2][FORMAT_BUFFER];
    if (!diff->has_memory_parts) {
        canvas_text(canvas, 1, y, ROLE_MUTED, "the pages of memory were not looked at, at both moments");
        return y + 1;
    }
    for (int side = DIFF_OLD; side <= DIFF_NEW; side++)
        format_clock(clocks[side], diff->moments[side].memory_parts.unix_ns);
    canvas_printf(canvas, 1, y, ROLE_MUTED, "as its pages were looked at, %s and %s", clocks[DIFF_OLD],
                  clocks[DIFF_NEW]);
    return y + 1;
}

static void diff_draw(struct session *session, void *state, struct canvas canvas)
{
    struct diff_screen *screen = state;
    (void)session;
    draw_moment(screen->diff, DIFF_OLD, canvas, 0);
    draw_moment(screen->diff, DIFF_NEW, canvas, 1);
    int y = draw_kinds(screen->diff, canvas, 2);
    struct list *list = &screen->lists[screen->pane];
    if (screen->pane == PANE_MEMORY)
        y = draw_looked_at(screen->diff, canvas, y);
    y += section_draw(canvas, y, pane_infos[screen->pane].title, list, true);
    list_draw(list, canvas_part(canvas, 0, y, canvas.width, canvas.height - y), true);
}

static struct list *diff_focus(void *state)
{
    struct diff_screen *screen = state;
    return &screen->lists[screen->pane];
}

static bool diff_act(struct session *session, void *state, enum action action)
{
    struct diff_screen *screen = state;
    (void)session;
    if (action != ACTION_NEXT_PANE && action != ACTION_PREVIOUS_PANE)
        return false;
    screen->pane = (enum pane)((screen->pane + (action == ACTION_NEXT_PANE ? 1 : PANES - 1)) % PANES);
    return true;
}

static const char *diff_verdict(const void *state)
{
    return ((const struct diff_screen *)state)->verdict.data;
}

static void diff_describe(const struct session *session, const void *state, struct text *text)
{
    const struct diff *diff = ((const struct diff_screen *)state)->diff;
    char before[FORMAT_BUFFER], after[FORMAT_BUFFER];
    (void)session;
    text_printf(text, "difference of %s and %s", format_clock(before, diff->moments[DIFF_OLD].unix_ns),
                format_clock(after, diff->moments[DIFF_NEW].unix_ns));
}

static const enum action diff_footer[] = {ACTION_BACK, ACTION_NEXT_PANE, ACTION_SEARCH, ACTION_FILTER, ACTION_SORT,
                                          ACTION_NONE};

const struct screen_ops diff_screen = {
    .title = "Difference",
    .about = "What changed between two moments: what grew and what shrank.",
    .state_size = sizeof(struct diff_screen),
    .footer = diff_footer,
    .open = diff_open,
    .close = diff_close,
    .update = diff_update,
    .draw = diff_draw,
    .focus = diff_focus,
    .act = diff_act,
    .verdict = diff_verdict,
    .describe = diff_describe,
};
