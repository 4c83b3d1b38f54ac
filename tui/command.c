#include "tui/command.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tui/action.h"
#include "tui/session.h"

#define SHORTEST_INTERVAL_NS UINT64_C(10000000)

/* What a command does with its argument, and the words that the argument may be: word(0), word(1), ... up to NULL. */
struct command {
    struct error *(*run)(struct session *session, const char *argument);
    const char *(*word)(const struct session *session, size_t index);
};

/* ---- what each does ---- */

static const char *moment_word(const struct session *session, size_t index)
{
    static const char *const words[] = {"start", "end", "mark", "gc", "suspect", "rise"};
    (void)session;
    return index < ARRAY_SIZE(words) ? words[index] : NULL;
}

static const char *screen_word(const struct session *session, size_t index)
{
    const struct screen_ops *ops = session->tabs[index].ops;
    return ops ? ops->title : NULL;
}

static struct error *show_screen(struct session *session, const char *argument)
{
    for (size_t i = 0; session->tabs[i].ops; i++)
        if (strncasecmp(session->tabs[i].ops->title, argument, strlen(argument)) == 0)
            return session_show_tab(session, i);
    session_say(session, "there is no screen '%s'", argument);
    return NULL;
}

static const char *column_word(const struct session *session, size_t index)
{
    const struct list *list = session_list(session);
    for (size_t i = 0; list && i < list->ops->num_columns; i++) {
        const struct column *column = &list->ops->columns[i];
        bool is_shown = !column->is_shown || column->is_shown(list->context);
        if (column->compare && is_shown && index-- == 0)
            return column->title;
    }
    return NULL;
}

static struct error *sort_list(struct session *session, const char *argument)
{
    struct list *list = session_list(session);
    for (size_t i = 0; list && i < list->ops->num_columns; i++) {
        if (!list->ops->columns[i].compare || strcasecmp(list->ops->columns[i].title, argument) != 0)
            continue;
        list->sort = i;
        list->reversed = false;
        return session_update(session);
    }
    if (list)
        session_say(session, "there is no column '%s' to sort by", argument);
    else
        session_say(session, "there is no list to sort here");
    return NULL;
}

static void set_text(char *text, const char *argument)
{
    snprintf(text, LIST_NEEDLE, "%s", argument);
}

static struct error *filter_list(struct session *session, const char *argument)
{
    struct list *list = session_list(session);
    if (!list) {
        session_say(session, "there is no list to filter here");
        return NULL;
    }
    set_text(list->filter, argument);
    return session_update(session);
}

static struct error *search_list(struct session *session, const char *argument)
{
    char *text = session_search_text(session);
    if (!text) {
        session_say(session, "there is no list to search here");
        return NULL;
    }
    set_text(text, argument);
    if (!session_find(session, 0))
        session_say(session, "not found: %s", argument);
    return NULL;
}

static struct error *mark_moment(struct session *session, const char *argument)
{
    if (session->keeper)
        session_mark(session, argument);
    else
        session_say(session, "there is nothing to set a mark in");
    return NULL;
}

static struct error *set_interval(struct session *session, const char *argument)
{
    uint64_t interval = 0;
    struct error *error = units_parse_duration(argument, &interval);
    if (error)
        session_say(session, "%s", error->message ? error->message : "that is no time");
    else if (interval < SHORTEST_INTERVAL_NS)
        session_say(session, "the shortest interval is 10 ms");
    else if (!session->model.source->ops->set_interval)
        session_say(session, "the interval of this source is fixed");
    else
        model_set_interval(&session->model, interval);
    error_destroy(error);
    return NULL;
}

static const char *theme_word(const struct session *session, size_t index)
{
    (void)session;
    return index + 1 < TUI_THEME_COUNT ? tui_theme_name((enum tui_theme)(index + 1)) : NULL;
}

static struct error *set_theme(struct session *session, const char *argument)
{
    enum tui_theme theme;
    if (!tui_theme_find(argument, &theme))
        session_say(session, "there is no theme '%s'", argument);
    else
        session->grid.theme = session->wanted_theme = theme == TUI_THEME_AUTO ? TUI_THEME_DARK : theme;
    return NULL;
}

static struct error *save_settings(struct session *session, const char *argument)
{
    (void)argument;
    const struct tui_settings now = {.theme = session->wanted_theme, .interval_ns = session->model.interval_ns};
    struct text said = {0};
    if (!session->settings) {
        session_say(session, "there is nowhere to save settings");
        return NULL;
    }
    struct error *error = session->settings->save(session->settings->context, &now, &said);
    session_say(session, "%s", error ? error->message : said.data ? said.data : "saved");
    error_destroy(error);
    text_deinit(&said);
    return NULL;
}

/* ---- the table ---- */

const struct typed_command typed_commands[] = {
#define X(name_text, argument_text, help_text) {name_text, argument_text, help_text},
    TUI_COMMANDS(X)
#undef X
};
const size_t num_typed_commands = ARRAY_SIZE(typed_commands);

static const struct command doings[] = {
    {session_go_to, moment_word}, {show_screen, screen_word}, {sort_list, column_word},
    {filter_list, NULL},          {search_list, NULL},        {mark_moment, NULL},
    {set_interval, NULL},         {set_theme, theme_word},    {save_settings, NULL},
};
_Static_assert(ARRAY_SIZE(typed_commands) == ARRAY_SIZE(doings), "every command does something");

/* ---- completing ---- */

static size_t add_match(struct command_match *matches, size_t count, const char *first, const char *word,
                        const char *argument, const char *help)
{
    if (count == COMMAND_MATCHES)
        return count;
    struct command_match *match = &matches[count];
    snprintf(match->line, sizeof(match->line), "%s%s%s", first, word ? " " : "", word ? word : "");
    for (char *c = match->line; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    match->argument = argument;
    match->help = help;
    return count + 1;
}

static size_t match_names(const char *typed, struct command_match *matches)
{
    size_t count = 0, length = strlen(typed);
    for (size_t i = 0; i < num_typed_commands; i++)
        if (strncmp(typed_commands[i].name, typed, length) == 0)
            count = add_match(matches, count, typed_commands[i].name, NULL, typed_commands[i].argument,
                              typed_commands[i].help);
    for (int id = ACTION_NONE + 1; id < ACTION_COUNT; id++) {
        const char *name = action_name((enum action)id);
        bool is_known = false;
        for (size_t i = 0; i < num_typed_commands; i++)
            is_known |= strcmp(typed_commands[i].name, name) == 0;
        if (!is_known && strncmp(name, typed, length) == 0)
            count = add_match(matches, count, name, NULL, "", action_infos[id].help);
    }
    return count;
}

size_t command_matches(const struct session *session, const char *typed, struct command_match *matches)
{
    const char *space = strchr(typed, ' ');
    if (!space)
        return match_names(typed, matches);
    size_t count = 0, length = (size_t)(space - typed);
    const char *argument = space + strspn(space, " ");
    for (size_t i = 0; i < num_typed_commands; i++) {
        if (strlen(typed_commands[i].name) != length || strncmp(typed_commands[i].name, typed, length) != 0 ||
            !doings[i].word)
            continue;
        for (size_t w = 0; doings[i].word(session, w); w++)
            if (strncasecmp(doings[i].word(session, w), argument, strlen(argument)) == 0)
                count = add_match(matches, count, typed_commands[i].name, doings[i].word(session, w), "", "");
    }
    return count;
}

/* ---- running ---- */

static struct error *run_named(struct session *session, const char *name, const char *argument)
{
    for (size_t i = 0; i < num_typed_commands; i++) {
        /* "filter" alone asks what for, as its key does. */
        bool is_alone = !argument[0] && action_of_name(name) != ACTION_NONE;
        if (strcmp(typed_commands[i].name, name) != 0 || is_alone)
            continue;
        if (!typed_commands[i].argument[0] == !argument[0])
            return doings[i].run(session, argument);
        if (!argument[0]) {
            session_say(session, "%s what? It wants a %s", name, typed_commands[i].argument);
            return NULL;
        }
    }
    if (argument[0]) {
        session_say(session, "'%s' takes nothing", name);
        return NULL;
    }
    return session_act(session, action_of_name(name));
}

struct error *command_run(struct session *session, const char *line)
{
    char name[LIST_NEEDLE];
    struct command_match matches[COMMAND_MATCHES];
    line += strspn(line, " ");
    size_t length = strcspn(line, " ");
    const char *argument = line + length + strspn(line + length, " ");
    if (length == 0)
        return NULL;
    /* A moment needs no word before it: ":14:03", ":-5m". */
    if (isdigit((unsigned char)line[0]) || strchr("+-@", line[0]))
        return session_go_to(session, line);
    snprintf(name, sizeof(name), "%.*s", (int)length, line);
    size_t count = match_names(name, matches), found = count;
    for (size_t i = 0; i < count; i++)
        if (count == 1 || strcmp(matches[i].line, name) == 0)
            found = i;
    if (found < count)
        return run_named(session, matches[found].line, argument);
    if (count)
        session_say(session, "'%s' may be %zu commands: Tab goes through them", name, count);
    else
        session_say(session, "there is no command '%s'", name);
    return NULL;
}
