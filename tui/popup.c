#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tui/command.h"
#include "tui/format.h"
#include "tui/session.h"

#define LINE_TEXT 256
/* Sentences are broken at so many columns, however much room there is. */
#define SENTENCE_WIDTH 60

/* A popup's lines are gathered first, so that it can be as large as it needs and scroll where there is no room. */
struct popup_line {
    enum role left_role, right_role;
    char left[40], right[LINE_TEXT];
};

struct popup_text {
    VECTOR(struct popup_line) lines;
    int left_width, width;
};

__attribute__((format(printf, 5, 6))) static void
add_line(struct popup_text *text, enum role left_role, enum role right_role, const char *left, const char *format, ...)
{
    struct popup_line line = {left_role, right_role, "", ""};
    snprintf(line.left, sizeof(line.left), "%s", left);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line.right, sizeof(line.right), format, arguments);
    va_end(arguments);
    int left_width = (int)utf8_width(line.left), width = (int)utf8_width(line.right);
    if (left_width > text->left_width)
        text->left_width = left_width;
    if (width > text->width)
        text->width = width;
    /* A line that finds no memory is left out. */
    (void)vector_append(&text->lines, line);
}

/* What the columns of the list in view mean. */
static void write_columns(const struct session *session, struct popup_text *text)
{
    const struct open_screen *top = session_top(session);
    const struct list *list = top->ops->focus ? top->ops->focus(top->state) : NULL;
    size_t told = 0;
    for (size_t i = 0; list && i < list->ops->num_columns; i++) {
        const struct column *column = &list->ops->columns[i];
        if (!column->help || (column->is_shown && !column->is_shown(list->context)))
            continue;
        if (told++ == 0)
            add_line(text, ROLE_STRONG, ROLE_TEXT, "Columns", "%s", "");
        add_line(text, ROLE_TEXT, ROLE_MUTED, column->title, "%s", column->help);
    }
    if (told > 0)
        add_line(text, ROLE_TEXT, ROLE_TEXT, "", "%s", "");
}

/* One key's line. */
static void add_action(struct popup_text *text, enum action action)
{
    const uint32_t *bound = action_keys(action);
    char first[KEY_NAME_BUFFER], second[KEY_NAME_BUFFER], keys[2 * KEY_NAME_BUFFER + 2];
    snprintf(keys, sizeof(keys), "%s%s%s", action_key_name(action, first), bound[1] ? "  " : "",
             bound[1] ? key_name(bound[1], second) : "");
    add_line(text, ROLE_KEY, ROLE_TEXT, keys, "%s", action_infos[action].help);
}

/* What the screen in view is for, and what it offers first. */
static void write_here(const struct session *session, struct popup_text *text)
{
    const struct screen_ops *ops = session_top(session)->ops;
    add_line(text, ROLE_STRONG, ROLE_STRONG, ops->title, "%s", ops->about);
    const struct snapshot *latest = session->model.latest;
    if (latest && latest->profile_switch == PROFILE_SWITCH_OFFERED)
        add_action(text, ACTION_PROFILING);
    for (const enum action *action = ops->footer; action && *action != ACTION_NONE; action++)
        if (session_offers(session, *action))
            add_action(text, *action);
    add_line(text, ROLE_TEXT, ROLE_TEXT, "", "%s", "");
}

static void write_marks(struct popup_text *text)
{
    add_line(text, ROLE_STRONG, ROLE_TEXT, "Marks", "%s", "");
    static const char *const meanings[] = {
        [GROWTH_TOO_FEW] = "too few samples to say",
        [GROWTH_PLATEAU] = "neither rises nor falls",
        [GROWTH_SAWTOOTH] = "rises and falls, without a trend",
        [GROWTH_GROWING] = "grows, more than sampling explains; ? before 5 GCs",
        [GROWTH_SHRINKING] = "keeps shrinking",
    };
    for (int verdict = GROWTH_GROWING, i = 0; i <= GROWTH_SHRINKING;
         i++, verdict = (verdict + 1) % (GROWTH_SHRINKING + 1)) {
        char mark[5] = "";
        mark[utf8_from_rune(verdict_mark((enum growth_verdict)verdict), mark)] = '\0';
        add_line(text, verdict_role((enum growth_verdict)verdict), ROLE_TEXT, mark, "%s", meanings[verdict]);
    }
    add_line(text, ROLE_MUTED, ROLE_TEXT, NOT_KNOWN, "%s", "could not be read: ! tells why");
    add_line(text, ROLE_TEXT, ROLE_TEXT, "", "%s", "");
}

static void write_keys(struct popup_text *text)
{
    for (int group = 0; group < GROUP_COUNT; group++) {
        if (group > 0)
            add_line(text, ROLE_TEXT, ROLE_TEXT, "", "%s", "");
        add_line(text, ROLE_STRONG, ROLE_TEXT, action_group_title((enum action_group)group), "%s", "");
        if (group == GROUP_MOVE)
            add_line(text, ROLE_KEY, ROLE_TEXT, "1  2  3 ...", "%s", "the screens, as numbered at the top");
        for (int action = ACTION_NONE + 1; action < ACTION_COUNT; action++)
            if (action_infos[action].group == (enum action_group)group)
                add_action(text, (enum action)action);
    }
    add_line(text, ROLE_TEXT, ROLE_TEXT, "", "%s", "");
    char colon[KEY_NAME_BUFFER];
    add_line(text, ROLE_STRONG, ROLE_TEXT, "Commands", "after %s, as is the name of anything above",
             action_key_name(ACTION_COMMAND, colon));
    for (size_t i = 0; i < num_typed_commands; i++) {
        char command[40];
        snprintf(command, sizeof(command), "%s %s", typed_commands[i].name, typed_commands[i].argument);
        add_line(text, ROLE_KEY, ROLE_TEXT, command, "%s", typed_commands[i].help);
    }
}

/* What can be done here and what is seen here come first. */
static void write_help(const struct session *session, struct popup_text *text)
{
    write_here(session, text);
    write_columns(session, text);
    write_marks(text);
    write_keys(text);
}

static void write_problems(const struct session *session, struct popup_text *text)
{
    const struct snapshot *shown = session->model.shown;
    if (session->model.failure)
        add_line(text, ROLE_NOTICE, ROLE_TEXT, "source", "%s", session->model.failure);
    if (shown && shown->exit_reason)
        add_line(text, ROLE_NOTICE, ROLE_TEXT, "process", "%s", shown->exit_reason);
    for (size_t i = 0; shown && i < shown->num_problems; i++)
        add_line(text, ROLE_NOTICE, ROLE_TEXT, "!", "%s", shown->problems[i].text);
    if (shown && shown->profile_reason)
        add_line(text, ROLE_NOTICE, ROLE_TEXT, "heap profile", "%s", shown->profile_reason);
    for (int id = 0; shown && id < COUNTER_COUNT; id++)
        if (snapshot_misses(shown, (enum counter_id)id))
            add_line(text, ROLE_MUTED, ROLE_TEXT, counter_infos[id].name, "%s",
                     shown->counters[id].reason ? shown->counters[id].reason : "not read");
    if (text->lines.count == 0)
        add_line(text, ROLE_CALM, ROLE_TEXT, "", "%s", "Everything could be read.");
}

/* What would be done, what it costs, and how it is undone: read under pressure. */
static void write_profiling_on(const struct session *session, struct popup_text *text)
{
    char rate[UNITS_BUFFER], speed[UNITS_BUFFER], samples[UNITS_BUFFER], often[2 * UNITS_BUFFER + 40] = "";
    double allocates = session->model.analysis ? session->model.analysis->alloc_bytes_per_s : NAN;
    units_format_bytes(rate, (double)session->profile_rate);
    if (isfinite(allocates))
        snprintf(often, sizeof(often), " at %s about %s a second, some us each,", units_format_rate(speed, allocates),
                 units_format_count(samples, ceil(allocates / (double)session->profile_rate)));
    add_line(text, ROLE_STRONG, ROLE_STRONG, "does",
             "writes 8 bytes, once: MemProfileRate is %llu; no stop, no restart, nothing else",
             (unsigned long long)session->profile_rate);
    add_line(text, ROLE_STRONG, ROLE_TEXT, "costs",
             "a stack is taken for one in %s,%s and keeps some hundred bytes for each stack", rate, often);
    add_line(text, ROLE_STRONG, ROLE_TEXT, "shows", "%s",
             "call sites of what is allocated from now on; what was allocated before stays one row");
    add_line(text, ROLE_STRONG, ROLE_TEXT, "undone", "%s", "when heaptop ends or is killed, or by P");
}

static void write_profiling_off(const struct session *session, struct popup_text *text)
{
    (void)session;
    add_line(text, ROLE_STRONG, ROLE_STRONG, "does", "%s", "writes 8 bytes: MemProfileRate is 0 again");
    add_line(text, ROLE_STRONG, ROLE_TEXT, "loses", "%s", "the call sites: they are no longer counted");
}

static void write_probe_on(const struct session *session, struct popup_text *text)
{
    (void)session;
    add_line(text, ROLE_STRONG, ROLE_STRONG, "does", "%s",
             "has the kernel sample page faults with their stacks; no stop, no write, nothing placed in the program");
    add_line(text, ROLE_STRONG, ROLE_TEXT, "costs", "%s",
             "some 3 us a sample, of which it aims at 250 a second: about a thousandth of a processor");
    add_line(text, ROLE_STRONG, ROLE_TEXT, "shows", "%s",
             "call sites that first touch new memory from now on, whether it is freed later or not");
    add_line(text, ROLE_STRONG, ROLE_TEXT, "undone", "%s", "when heaptop ends or is killed, or by P");
    add_line(text, ROLE_STRONG, ROLE_TEXT, "or a", "%s",
             "counts calls of malloc, free and the like for 0.1 s, and tells what probes on them would cost: they show "
             "what is kept (BPF; breakpoints; asks again)");
}

static void write_probe_allocations(const struct session *session, struct popup_text *text)
{
    const struct snapshot *latest = session->model.latest;
    const struct counter *share = latest ? &latest->counters[COUNTER_PROBE_SHARE] : NULL;
    char percent[UNITS_BUFFER], cost[UNITS_BUFFER + 64] = "";
    if (share && counter_known(share))
        snprintf(cost, sizeof(cost), "about %s of a processor, by the calls of the last moment; ",
                 units_format_percent(percent, share->value.real));
    add_line(text, ROLE_STRONG, ROLE_STRONG, "does", "%s",
             "BPF programs run at each call of malloc, free and the like; the kernel places breakpoints in the "
             "process's own copy of their code; no stop");
    add_line(text, ROLE_STRONG, ROLE_TEXT, "costs",
             "%sthe probes are taken away should it become three times that and more than a tenth of one "
             "(--probe-budget)", cost);
    add_line(text, ROLE_STRONG, ROLE_TEXT, "shows", "%s", "call sites of what is allocated from now on and in use");
    add_line(text, ROLE_STRONG, ROLE_TEXT, "undone", "%s", "when heaptop ends or is killed, or by P");
}

static void write_probe_off(const struct session *session, struct popup_text *text)
{
    (void)session;
    add_line(text, ROLE_STRONG, ROLE_TEXT, "loses", "%s", "the call sites: nothing is sampled any more");
}

static unsigned count_running(const struct snapshot *snapshot, bool is_go)
{
    unsigned running = 0;
    for (size_t i = 0; is_go && i < snapshot->num_goroutine_groups; i++)
        if (snapshot->goroutine_groups[i].kind == WAIT_RUNNING)
            running += snapshot->goroutine_groups[i].count;
    for (size_t i = 0; !is_go && i < snapshot->num_threads; i++)
        running += snapshot->threads[i].state == 'R';
    return running;
}

static void write_stop_running(const struct session *session, struct popup_text *text)
{
    const struct snapshot *latest = session->model.latest;
    bool is_go = latest && analysis_is_go(session->model.analysis);
    add_line(text, ROLE_STRONG, ROLE_STRONG, "does",
             "stops the threads %s, one after the other, once, in the next sample; %u ran in the last one",
             is_go ? "of running goroutines" : "that run", latest ? count_running(latest, is_go) : 0);
    add_line(text, ROLE_STRONG, ROLE_TEXT, "costs", "%s", "some ten to a hundred microseconds each (ptrace)");
    add_line(text, ROLE_STRONG, ROLE_TEXT, "shows", "%s", "their stacks; others are read without a stop");
    add_line(text, ROLE_STRONG, ROLE_TEXT, "undone", "%s", "by the kernel, at once, should heaptop be killed");
}

/* What a popup is made of. */
static const struct {
    const char *title, *note;       /* Without a note: how it scrolls and closes. */
    void (*write)(const struct session *session, struct popup_text *text);
} looks[POPUP_COUNT] = {
    [POPUP_HELP] = {" Help ", NULL, write_help},
    [POPUP_PROBLEMS] = {" Not as it should be ", NULL, write_problems},
    [POPUP_PROFILING_ON] = {" Switch memory profiling on? ", " y switches it on, any other key does not ",
                            write_profiling_on},
    [POPUP_PROBE_ON] = {" Sample page faults? ", " y samples them, a counts calls, others do neither ", write_probe_on},
    [POPUP_PROBE_ALLOCATIONS] = {" Probe the allocator? ", " y probes it, any other key does not ",
                                 write_probe_allocations},
    [POPUP_PROBE_OFF] = {" Take the probe away? ", " y takes it away, any other key does not ", write_probe_off},
    [POPUP_STOP_RUNNING] = {" Stop what runs, for its stack? ", " y stops them, any other key does not ",
                            write_stop_running},
    [POPUP_PROFILING_OFF] = {" Put memory profiling back? ", " y puts it back, any other key does not ",
                             write_profiling_off},
};

/* Breaks what is wider than that into lines of its own, below each other; what finds no memory stays cut. */
static void wrap_lines(struct popup_text *text, int width)
{
    text->width = 0;
    for (size_t i = 0; i < text->lines.count; i++) {
        struct popup_line *line = &text->lines.items[i], rest = {line->left_role, line->right_role, "", ""};
        size_t length = text_line_length(line->right, width);
        if (line->right[length] && vector_append(&text->lines, rest)) {
            line = &text->lines.items[i];
            memmove(line + 2, line + 1, (text->lines.count - i - 2) * sizeof(*line));
            line[1] = rest;
            memcpy(line[1].right, line->right + length, strlen(line->right + length) + 1);
            line->right[line->right[length - 1] == ' ' ? length - 1 : length] = '\0';
        }
        int columns = (int)utf8_width(line->right);
        text->width = columns > text->width ? columns : text->width;
    }
}

static bool is_blank(const struct popup_line *line)
{
    return line->left[0] == '\0' && line->right[0] == '\0';
}

/* Where the second of two columns begins: with the group nearest to the middle, less the blank line before it. */
static int second_column(struct popup_text *text)
{
    size_t count = text->lines.count, middle = (count + 1) / 2, found = middle;
    for (size_t away = 0; away < middle && middle + away < count; away++) {
        found = is_blank(&text->lines.items[middle + away]) ? middle + away : middle - away;
        if (is_blank(&text->lines.items[found]))
            break;
    }
    if (!is_blank(&text->lines.items[found]))
        return (int)middle;
    memmove(&text->lines.items[found], &text->lines.items[found + 1],
            (count - found - 1) * sizeof(*text->lines.items));
    text->lines.count--;
    return (int)found;
}

void popup_draw(struct session *session, struct canvas canvas)
{
    struct popup_text text = {.lines = {0}};
    looks[session->popup].write(session, &text);
    /* Long lists of keys stand in two columns where there is room. */
    int room = canvas.width - text.left_width - 8;
    wrap_lines(&text, room < SENTENCE_WIDTH ? room : SENTENCE_WIDTH);
    int column = text.left_width + 2 + text.width;
    int columns = session->popup == POPUP_HELP && 2 * column + 8 <= canvas.width ? 2 : 1;
    int second = columns == 2 ? second_column(&text) : (int)text.lines.count;
    int count = (int)text.lines.count, rows = second > count - second ? second : count - second;
    int width = columns * column + (columns - 1) * 3 + 4, height = rows + 2;
    width = width < canvas.width - 2 ? width : canvas.width - 2;
    height = height < canvas.height - 2 ? height : canvas.height - 2;
    struct canvas box = canvas_part(canvas, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
    canvas_clear(box, GROUND_POPUP);
    canvas_frame(box, ROLE_MUTED);
    canvas_text(box, 2, 0, ROLE_STRONG, looks[session->popup].title);
    int most = rows - (height - 2);
    session->popup_hidden = most > 0 ? most : 0;
    if (session->popup_top > most)
        session->popup_top = most;
    if (session->popup_top < 0)
        session->popup_top = 0;
    const char *note = looks[session->popup].note;
    canvas_text_right(box, box.width - 2, box.height - 1, ROLE_MUTED, note       ? note
                      : most > 0 ? " any other key closes "
                                 : " any key closes ");
    if (most > 0)
        canvas_text_right(box, box.width - 2, 0, ROLE_MUTED, " j k scroll ");
    for (int c = 0; c < columns; c++) {
        int from = c * second, end = c == 0 ? second : count;
        for (int y = 0; y < height - 2 && from + session->popup_top + y < end; y++) {
            const struct popup_line *line = &text.lines.items[from + session->popup_top + y];
            int x = 2 + c * (column + 3);
            canvas_text(box, x, y + 1, line->left_role, line->left);
            canvas_text_fit(box, x + text.left_width + 2, y + 1, box.width - x - text.left_width - 4, line->right_role,
                            line->right);
        }
    }
    vector_deinit(&text.lines);
}
