#include "tui/action.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "heaptop/base.h"
#include "heaptop/tui.h"

#define LONGEST_NAME 24

/* "PAGE_UP" until it is first asked for, then "page-up". */
static char names[ACTION_COUNT][LONGEST_NAME] = {
#define X(action, ...) [ACTION_##action] = #action,
    TUI_ACTIONS(X)
#undef X
};

const char *action_name(enum action action)
{
    for (char *c = names[action]; *c; c++)
        *c = *c == '_' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    return names[action];
}

enum action action_of_name(const char *name)
{
    for (int action = ACTION_NONE + 1; action < ACTION_COUNT; action++)
        if (strcmp(action_name((enum action)action), name) == 0)
            return (enum action)action;
    return ACTION_NONE;
}

const struct action_info action_infos[ACTION_COUNT] = {
#define X(action, first, second, group_name, word_text, help_text) \
    [ACTION_##action] = {{first, second}, GROUP_##group_name, word_text, help_text},
    TUI_ACTIONS(X)
#undef X
};

/* By action; what is 0, 0 at first is filled in from the table when keys are first asked for. */
static uint32_t bound[ACTION_COUNT][ACTION_KEYS];
static bool is_bound;

void action_bind_defaults(void)
{
    for (int action = 0; action < ACTION_COUNT; action++)
        memcpy(bound[action], action_infos[action].keys, sizeof(bound[action]));
    is_bound = true;
}

const uint32_t *action_keys(enum action action)
{
    if (!is_bound)
        action_bind_defaults();
    return bound[action];
}

enum action action_of_key(uint32_t key)
{
    if (key == 0)
        return ACTION_NONE;
    for (int action = ACTION_NONE + 1; action < ACTION_COUNT; action++)
        for (size_t i = 0; i < ACTION_KEYS; i++)
            if (action_keys((enum action)action)[i] == key)
                return (enum action)action;
    return ACTION_NONE;
}

void action_bind(enum action action, const uint32_t keys[ACTION_KEYS])
{
    for (size_t i = 0; i < ACTION_KEYS; i++) {
        enum action before = action_of_key(keys[i]);
        for (size_t other = 0; before != ACTION_NONE && other < ACTION_KEYS; other++)
            if (bound[before][other] == keys[i])
                bound[before][other] = 0;
        /* The first one is what footers show. */
        if (before != ACTION_NONE && bound[before][0] == 0) {
            bound[before][0] = bound[before][1];
            bound[before][1] = 0;
        }
    }
    (void)action_keys(action);
    memcpy(bound[action], keys, sizeof(bound[action]));
}

static const struct {
    uint32_t key;
    const char *name;
} special_keys[] = {
    {INPUT_UP, "Up"},          {INPUT_DOWN, "Down"},     {INPUT_LEFT, "Left"},    {INPUT_RIGHT, "Right"},
    {INPUT_HOME, "Home"},      {INPUT_END, "End"},       {INPUT_PAGE_UP, "PgUp"}, {INPUT_PAGE_DOWN, "PgDn"},
    {INPUT_ENTER, "Enter"},    {INPUT_ESCAPE, "Esc"},    {INPUT_TAB, "Tab"},      {INPUT_BACK_TAB, "Shift-Tab"},
    {INPUT_BACKSPACE, "Bksp"}, {INPUT_DELETE, "Del"},    {' ', "Space"},
};

const char *key_name(uint32_t key, char *buffer)
{
    for (size_t i = 0; i < ARRAY_SIZE(special_keys); i++)
        if (special_keys[i].key == key)
            return special_keys[i].name;
    if (key >= INPUT_F1 && key <= INPUT_F12)
        snprintf(buffer, KEY_NAME_BUFFER, "F%u", key - INPUT_F1 + 1);
    else if (key < ' ')
        snprintf(buffer, KEY_NAME_BUFFER, "Ctrl-%c", (char)(key + 'A' - 1));
    else
        buffer[utf8_from_rune(key, buffer)] = '\0';
    return buffer;
}

const char *action_key_name(enum action action, char *buffer)
{
    uint32_t key = action_keys(action)[0];
    return key ? key_name(key, buffer) : "(no key)";
}

uint32_t key_of_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(special_keys); i++)
        if (strcasecmp(special_keys[i].name, name) == 0)
            return special_keys[i].key;
    uint32_t rune;
    size_t length = strlen(name);
    if (strncasecmp(name, "Ctrl-", 5) == 0 && length == 6)
        return name[5] >= 'a' && name[5] <= 'z' ? (uint32_t)CONTROL(name[5])
               : name[5] >= 'A' && name[5] <= 'Z' ? (uint32_t)(name[5] - 'A' + 1) : 0;
    if ((name[0] == 'F' || name[0] == 'f') && length > 1) {
        char *end;
        long number = strtol(name + 1, &end, 10);
        return *end == '\0' && number >= 1 && number <= 12 ? INPUT_F1 + (uint32_t)number - 1 : 0;
    }
    /* One character that can be seen. */
    if (length == 0 || utf8_decode(name, length, &rune) != length || rune <= ' ' || rune == 0xfffd ||
        (rune >= 0x7f && rune < 0xa0))
        return 0;
    return rune;
}

const char *action_group_title(enum action_group group)
{
    static const char *const titles[GROUP_COUNT] = {[GROUP_MOVE] = "Moving",
                                                    [GROUP_LIST] = "Lists",
                                                    [GROUP_VIEW] = "View",
                                                    [GROUP_TIME] = "Time",
                                                    [GROUP_PROGRAM] = "Program"};
    return titles[group];
}

/* ---- for settings ---- */

/* The next word of *keys into `word`, which has room for KEY_NAME_BUFFER bytes; false: there is none. */
static bool next_word(const char **keys, char *word)
{
    *keys += strspn(*keys, " \t");
    size_t length = strcspn(*keys, " \t");
    if (length == 0)
        return false;
    snprintf(word, KEY_NAME_BUFFER, "%.*s", (int)length, *keys);
    *keys += length;
    return true;
}

/* Which actions have the keys that somebody gave them. */
static bool is_settled[ACTION_COUNT];

struct error *tui_bind_keys(const char *name, const char *keys, const char **ret_robbed)
{
    enum action action = action_of_name(name);
    uint32_t bind[ACTION_KEYS] = {0};
    char word[KEY_NAME_BUFFER];
    if (action == ACTION_NONE)
        return error_create(ERROR_USAGE, "there is no action '%s'", name);
    if (!keys[strspn(keys, " \t")])
        return error_create(ERROR_USAGE, "a key is missing, or none");
    for (size_t i = 0; next_word(&keys, word); i++) {
        if (strcmp(word, "none") == 0 && i == 0)
            continue;
        if (i == ACTION_KEYS)
            return error_create(ERROR_USAGE, "an action has %d keys at most", ACTION_KEYS);
        bind[i] = key_of_name(word);
        if (bind[i] == 0)
            return error_create(ERROR_USAGE, "there is no key '%s'", word);
        if (bind[i] >= '0' && bind[i] <= '9')
            return error_create(ERROR_USAGE, "the numbers are for the screens");
    }
    *ret_robbed = NULL;
    for (size_t i = 0; i < ACTION_KEYS; i++) {
        enum action before = action_of_key(bind[i]);
        if (before != action && is_settled[before])
            *ret_robbed = action_name(before);
    }
    action_bind(action, bind);
    is_settled[action] = true;
    return NULL;
}

void tui_bind_default_keys(void)
{
    memset(is_settled, 0, sizeof(is_settled));
    action_bind_defaults();
}

void tui_each_key(void (*each)(void *context, const char *action, const char *keys), void *context)
{
    for (int action = ACTION_NONE + 1; action < ACTION_COUNT; action++) {
        const uint32_t *bound_keys = action_keys((enum action)action);
        char first[KEY_NAME_BUFFER], second[KEY_NAME_BUFFER], keys[2 * KEY_NAME_BUFFER + 2];
        snprintf(keys, sizeof(keys), "%s%s%s", bound_keys[0] ? key_name(bound_keys[0], first) : "none",
                 bound_keys[1] ? " " : "", bound_keys[1] ? key_name(bound_keys[1], second) : "");
        each(context, action_name((enum action)action), keys);
    }
}
