#include "tui/action.h"

#include <stddef.h>
#include <stdio.h>

#include "heaptop/base.h"

const struct action_info action_infos[ACTION_COUNT] = {
#define X(action, first, second, group_name, word_text, help_text) \
    [ACTION_##action] = {{first, second}, GROUP_##group_name, word_text, help_text},
    TUI_ACTIONS(X)
#undef X
};

enum action action_of_key(uint32_t key)
{
    if (key == 0)
        return ACTION_NONE;
    for (int action = ACTION_NONE + 1; action < ACTION_COUNT; action++)
        for (size_t i = 0; i < ARRAY_SIZE(action_infos[action].keys); i++)
            if (action_infos[action].keys[i] == key)
                return (enum action)action;
    return ACTION_NONE;
}

const char *key_name(uint32_t key, char *buffer)
{
    static const struct {
        uint32_t key;
        const char *name;
    } names[] = {
        {INPUT_UP, "Up"},          {INPUT_DOWN, "Down"},      {INPUT_LEFT, "Left"},       {INPUT_RIGHT, "Right"},
        {INPUT_HOME, "Home"},      {INPUT_END, "End"},        {INPUT_PAGE_UP, "PgUp"},    {INPUT_PAGE_DOWN, "PgDn"},
        {INPUT_ENTER, "Enter"},    {INPUT_ESCAPE, "Esc"},     {INPUT_TAB, "Tab"},         {INPUT_BACK_TAB, "Shift-Tab"},
        {INPUT_BACKSPACE, "Bksp"}, {INPUT_DELETE, "Del"},     {INPUT_F1, "F1"},           {' ', "Space"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i].key == key)
            return names[i].name;
    if (key < ' ') {
        snprintf(buffer, KEY_NAME_BUFFER, "Ctrl-%c", (char)(key + 'A' - 1));
        return buffer;
    }
    buffer[utf8_encode(key, buffer)] = '\0';
    return buffer;
}

const char *action_group_title(enum action_group group)
{
    static const char *const titles[GROUP_COUNT] = {
        [GROUP_MOVE] = "Moving", [GROUP_LIST] = "Lists", [GROUP_VIEW] = "View", [GROUP_TIME] = "Time", [GROUP_PROGRAM] = "Program"};
    return titles[group];
}
