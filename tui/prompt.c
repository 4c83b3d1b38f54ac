#include "tui/prompt.h"

#include <stdio.h>
#include <string.h>

#include "tui/command.h"
#include "tui/playback.h"
#include "tui/session.h"

/* What is typed has so many columns before the hint gives way to it. */
#define LEAST_LINE_WIDTH 18

static const struct {
    const char *sign, *hint;
} looks[PROMPT_COUNT] = {
    [PROMPT_SEARCH] = {"/", "Enter keep   Esc leave"},
    [PROMPT_FILTER] = {"\\", "Enter keep   Esc clear"},
    [PROMPT_JUMP] = {"go to:", "14:03  -5m  +30s  mark  gc  rise  start  end"},
    [PROMPT_MARK] = {"mark:", "Enter set   Esc leave"},
    [PROMPT_COMMAND] = {":", "Tab complete   Enter do   Esc leave"},
};

/* ---- what was typed before ---- */

static void remember(struct prompt_line *prompt)
{
    struct prompt_history *history = &prompt->histories[prompt->kind];
    const char *line = prompt->edit.text;
    if (!line[0] || (history->count > 0 && strcmp(history->lines[history->count - 1], line) == 0))
        return;
    if (history->count == PROMPT_REMEMBERED) {
        memmove(history->lines, history->lines + 1, sizeof(history->lines) - sizeof(history->lines[0]));
        history->count--;
    }
    memcpy(history->lines[history->count++], line, strlen(line) + 1);
}

static void set_line(struct prompt_line *prompt, const char *line)
{
    char *buffer = prompt->edit.text;
    size_t size = prompt->edit.size, length = strnlen(line, size - 1);
    memmove(buffer, line, length);
    buffer[length] = '\0';
    line_edit_begin(&prompt->edit, buffer, size);
}

/* Up and Down; false: not one of those. */
static bool recall(struct prompt_line *prompt, uint32_t key)
{
    const struct prompt_history *history = &prompt->histories[prompt->kind];
    if (key == INPUT_UP && prompt->recalled < history->count) {
        if (prompt->recalled == 0)
            memcpy(prompt->draft, prompt->edit.text, strlen(prompt->edit.text) + 1);
        prompt->recalled++;
    } else if (key == INPUT_DOWN && prompt->recalled > 0) {
        prompt->recalled--;
    } else {
        return key == INPUT_UP || key == INPUT_DOWN;
    }
    set_line(prompt, prompt->recalled ? history->lines[history->count - prompt->recalled] : prompt->draft);
    return true;
}

/* ---- beginning ---- */

/* Search and filter are typed into the list's own text, which follows every key. */
static void begin_in_list(struct session *session, enum prompt kind)
{
    struct list *list = session_list(session);
    char *buffer = kind == PROMPT_SEARCH ? session_search_text(session) : list ? list->filter : NULL;
    if (!buffer) {
        session_say(session, "there is no list to %s here", kind == PROMPT_SEARCH ? "search" : "filter");
        return;
    }
    struct prompt_line *prompt = &session->prompt;
    memcpy(prompt->before, buffer, LIST_NEEDLE);
    if (kind == PROMPT_SEARCH)
        buffer[0] = '\0';
    prompt->kind = kind;
    line_edit_begin(&prompt->edit, buffer, LIST_NEEDLE);
}

struct error *prompt_begin(struct session *session, enum prompt kind)
{
    struct prompt_line *prompt = &session->prompt;
    prompt->recalled = prompt->completed = 0;
    if (kind == PROMPT_SEARCH || kind == PROMPT_FILTER) {
        begin_in_list(session, kind);
        return NULL;
    }
    if (kind == PROMPT_MARK && !session->keeper) {
        session_say(session, "there is nothing to set a mark in");
        return NULL;
    }
    if (kind == PROMPT_JUMP && !session->playback.is_on && !session->keeper) {
        session_say(session, "nothing is kept to go to");
        return NULL;
    }
    prompt->kind = kind;
    prompt->typed[0] = '\0';
    line_edit_begin(&prompt->edit, prompt->typed, sizeof(prompt->typed));
    return NULL;
}

/* ---- keys ---- */

static struct error *leave(struct session *session)
{
    struct prompt_line *prompt = &session->prompt;
    enum prompt kind = prompt->kind;
    prompt->kind = PROMPT_NONE;
    if (kind != PROMPT_SEARCH && kind != PROMPT_FILTER)
        return NULL;
    /* A search that is left falls back to the one before; a filter is cleared. */
    if (kind == PROMPT_SEARCH)
        memcpy(prompt->edit.text, prompt->before, LIST_NEEDLE);
    else
        prompt->edit.text[0] = '\0';
    if (kind == PROMPT_SEARCH && !session_list(session))
        session_find(session, 0);
    return session_update(session);
}

static struct error *enter(struct session *session)
{
    struct prompt_line *prompt = &session->prompt;
    enum prompt kind = prompt->kind;
    remember(prompt);
    prompt->kind = PROMPT_NONE;
    switch (kind) {
    case PROMPT_SEARCH:
        if (prompt->edit.text[0] && !session_find(session, 0))
            session_say(session, "not found: %s", prompt->edit.text);
        return NULL;
    case PROMPT_JUMP:
        return session_go_to(session, prompt->typed);
    case PROMPT_MARK:
        session_mark(session, prompt->typed);
        return NULL;
    case PROMPT_COMMAND:
        return command_run(session, prompt->typed);
    default:
        return NULL;
    }
}

/* The text is another one. */
static struct error *follow(struct session *session)
{
    if (session->prompt.kind == PROMPT_FILTER)
        return session_update(session);
    if (session->prompt.kind == PROMPT_SEARCH)
        session_find(session, 0);
    return NULL;
}

/* The next line, or the one before, that completes what was typed. */
static void complete(struct session *session, int step)
{
    struct prompt_line *prompt = &session->prompt;
    if (prompt->completed == 0)
        memcpy(prompt->stem, prompt->typed, sizeof(prompt->stem));
    struct command_match matches[COMMAND_MATCHES];
    size_t count = command_matches(session, prompt->stem, matches);
    if (count == 0)
        return;
    prompt->completed = prompt->completed == 0 ? (step > 0 ? 1 : count)
                                               : (prompt->completed - 1 + count + (size_t)step) % count + 1;
    set_line(prompt, matches[prompt->completed - 1].line);
    /* The only one: what comes next is typed from here on. */
    if (count == 1)
        prompt->completed = 0;
}

struct error *prompt_key(struct session *session, uint32_t key)
{
    struct prompt_line *prompt = &session->prompt;
    if (key == INPUT_ESCAPE)
        return leave(session);
    if (key == INPUT_ENTER)
        return enter(session);
    if (prompt->kind == PROMPT_COMMAND && (key == INPUT_TAB || key == INPUT_BACK_TAB)) {
        complete(session, key == INPUT_TAB ? +1 : -1);
        return NULL;
    }
    if (!recall(prompt, key) && !line_edit_key(&prompt->edit, key))
        return NULL;
    prompt->completed = 0;
    return follow(session);
}

/* ---- drawing ---- */

void prompt_draw_matches(const struct session *session, struct canvas canvas)
{
    const struct prompt_line *prompt = &session->prompt;
    int y = canvas.height - 1;
    if (prompt->kind != PROMPT_COMMAND)
        return;
    struct command_match matches[COMMAND_MATCHES];
    size_t count = command_matches(session, prompt->completed ? prompt->stem : prompt->typed, matches);
    size_t room = (size_t)y / 2, first = prompt->completed > room ? prompt->completed - room : 0;
    size_t shown = count - first < room ? count - first : room;
    int left = 0;
    for (size_t i = 0; i < count; i++) {
        int width = (int)utf8_width(matches[i].line) + (int)utf8_width(matches[i].argument) + 1;
        left = width > left ? width : left;
    }
    char more[32] = "";
    if (first + shown < count)
        snprintf(more, sizeof(more), "and %zu more", count - first - shown);
    int more_width = more[0] ? (int)strlen(more) + 1 : 0;
    struct canvas box = canvas_part(canvas, 0, y - (int)shown, canvas.width, (int)shown);
    canvas_clear(box, GROUND_POPUP);
    for (size_t i = 0; i < shown; i++) {
        const struct command_match *match = &matches[first + i];
        bool is_chosen = prompt->completed == first + i + 1;
        int line = (int)i;
        canvas_text(box, 1, line, ROLE_KEY, is_chosen ? ">" : " ");
        int x = canvas_text(box, 3, line, is_chosen ? ROLE_STRONG : ROLE_FIGURE, match->line);
        canvas_text(box, match->argument[0] ? x + 1 : x, line, ROLE_MUTED, match->argument);
        int right = i + 1 == shown ? box.width - more_width : box.width;
        canvas_text_fit(box, left + 6, line, right - left - 7, ROLE_MUTED, match->help);
        if (is_chosen)
            canvas_ground(box, 0, line, box.width, GROUND_SELECTED);
    }
    canvas_text_right(box, box.width - 1, box.height - 1, ROLE_MUTED, more);
}

void prompt_draw(const struct session *session, struct canvas canvas, int y)
{
    const struct prompt_line *prompt = &session->prompt;
    canvas_clear(canvas_part(canvas, 0, y, canvas.width, 1), GROUND_BAR);
    int x = canvas_text(canvas, 1, y, ROLE_STRONG, looks[prompt->kind].sign);
    const char *hint = looks[prompt->kind].hint;
    int room = canvas.width - x - 4 - LEAST_LINE_WIDTH, hint_width = (int)utf8_width(hint);
    hint_width = hint_width < room ? hint_width : room;
    line_edit_draw(&prompt->edit, canvas, x + 1, y, canvas.width - x - 4 - hint_width);
    canvas_text_fit(canvas, canvas.width - 1 - hint_width, y, hint_width, ROLE_MUTED, hint);
}
