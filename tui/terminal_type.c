#include "tui/terminal_type.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"

const char *terminal_type_description(const char *type)
{
    for (const struct terminal_description *at = terminal_descriptions; at->type; at++)
        if (strcmp(at->type, type) == 0)
            return at->value;
    return NULL;
}

/* By how they begin, the first that fits. */
static const struct {
    const char *start, *kin;
} kins[] = {
    {"screen", "screen-256color"},  {"tmux", "tmux-256color"},      {"linux", "linux"},
    {"vt", "vt100"},                {"xterm", "xterm-256color"},    {"alacritty", "xterm-256color"},
    {"contour", "xterm-256color"},  {"foot", "xterm-256color"},     {"ghostty", "xterm-256color"},
    {"gnome", "xterm-256color"},    {"iterm", "xterm-256color"},    {"kitty", "xterm-256color"},
    {"konsole", "xterm-256color"},  {"mintty", "xterm-256color"},   {"putty", "xterm-256color"},
    {"rio", "xterm-256color"},      {"rxvt", "xterm-256color"},     {"st-", "xterm-256color"},
    {"vscode", "xterm-256color"},   {"wezterm", "xterm-256color"},
};

const char *terminal_type_kin(const char *type)
{
    for (size_t i = 0; i < ARRAY_SIZE(kins); i++)
        if (strncmp(type, kins[i].start, strlen(kins[i].start)) == 0 && strcmp(type, kins[i].kin) != 0)
            return kins[i].kin;
    return NULL;
}

bool terminal_wants_utf8(void)
{
    /* In the order that setlocale(3) has. */
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}
