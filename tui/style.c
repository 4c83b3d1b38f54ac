#include "tui/style.h"

#include <stdlib.h>
#include <string.h>

#include "tui/themes.h"

struct role_look {
    const char *name;
    int32_t rgb;
    int16_t of_256, of_16;
    uint8_t in_colour, without;
};

static const struct role_look role_looks[ROLE_COUNT] = {
#define X(role, rgb_value, index_256, index_16, colour_attributes, mono_attributes) \
    [ROLE_##role] = {#role, rgb_value, index_256, index_16, colour_attributes, mono_attributes},
    TUI_ROLES(X)
#undef X
};

struct ground_look {
    const char *name;
    int32_t rgb;
    int16_t of_256, of_16;
    uint8_t without;
};

static const struct ground_look ground_looks[GROUND_COUNT] = {
#define X(ground, rgb_value, index_256, index_16, mono_attributes) \
    [GROUND_##ground] = {#ground, rgb_value, index_256, index_16, mono_attributes},
    TUI_GROUNDS(X)
#undef X
};

/* What is faint on the terminal's own ground would be lost on a lighter one. */
static enum role role_on(enum role role, enum ground ground)
{
    bool is_lighter = ground == GROUND_SELECTED || ground == GROUND_CHIP ||
                      (ground >= GROUND_FLAME_OWN && ground <= GROUND_FLAME_SHRANK_3);
    if (!is_lighter)
        return role;
    return role == ROLE_FAINT                            ? ROLE_MUTED
           : role == ROLE_MUTED || role == ROLE_HEADING ? ROLE_TEXT
           : role == ROLE_TRACK                         ? ROLE_FAINT
                                                        : role;
}

/* The six steps of each primary in the fixed cube of 256 colours, and its ramp of greys (xterm, 256colres.h). */
static int cube_step(int value)
{
    return value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40;
}

static int squared_distance(const int a[3], const int b[3])
{
    int sum = 0;
    for (int i = 0; i < 3; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

/* The nearest of the fixed 240 colours, which are the same in every palette that people use. */
static int32_t nearest_of_256(int32_t rgb)
{
    const int wanted[3] = {rgb >> 16 & 255, rgb >> 8 & 255, rgb & 255};
    int cube[3], index = 16, grey = (wanted[0] + wanted[1] + wanted[2]) / 3;
    for (int i = 0; i < 3; i++) {
        int step = cube_step(wanted[i]);
        cube[i] = step == 0 ? 0 : 55 + 40 * step;
        index += step * (i == 0 ? 36 : i == 1 ? 6 : 1);
    }
    int ramp = grey > 238 ? 23 : grey < 8 ? 0 : (grey - 3) / 10;
    const int greys[3] = {8 + 10 * ramp, 8 + 10 * ramp, 8 + 10 * ramp};
    return squared_distance(greys, wanted) < squared_distance(cube, wanted) ? 232 + ramp : index;
}

/* One colour at this depth; -1 where it is the terminal's own. */
static int32_t at_depth(const struct colour *colour, enum colour_depth depth)
{
    if (depth == DEPTH_RGB)
        return colour->rgb;
    if (depth == DEPTH_256)
        return colour->of_256 != 0 || colour->rgb < 0 ? colour->of_256 : nearest_of_256(colour->rgb);
    return colour->of_16;
}

static struct colour role_colour(const struct theme *theme, enum role role)
{
    const struct role_look *look = &role_looks[role];
    if (theme->roles[role].is_set)
        return theme->roles[role];
    return (struct colour){true, look->rgb, look->of_16, look->of_256};
}

static struct colour ground_colour(const struct theme *theme, enum ground ground)
{
    const struct ground_look *look = &ground_looks[ground];
    if (theme->grounds[ground].is_set)
        return theme->grounds[ground];
    return (struct colour){true, look->rgb, look->of_16, look->of_256};
}

/* What stands on a ground of our own: the terminal's own foreground may be as dark, or as light, as that. */
static const struct colour light_ink = {true, 0xd5d9e0, 7, 252}, lightest_ink = {true, 0xffffff, 15, 15};

struct appearance theme_resolve(enum tui_theme theme_id, enum colour_depth depth, enum role role, enum ground ground)
{
    role = role_on(role, ground);
    const struct role_look *look = &role_looks[role];
    if (depth == DEPTH_MONO || theme_id == TUI_THEME_MONO)
        return (struct appearance){-1, -1, (uint8_t)(look->without | ground_looks[ground].without)};
    const struct theme *theme = theme_of(theme_id);
    const struct colour colour = role_colour(theme, role), behind = ground_colour(theme, ground);
    const struct colour *ink = theme->inks[ground].is_set ? &theme->inks[ground] : NULL;
    const struct colour *other = theme->ink.is_set ? &theme->ink : depth == DEPTH_16 ? &lightest_ink : &light_ink;
    struct appearance appearance = {at_depth(&colour, depth), at_depth(&behind, depth), look->in_colour};
    bool has_few = depth == DEPTH_8 || depth == DEPTH_16;
    if (ink)
        appearance.foreground = at_depth(ink, depth);
    /* So few colours are hard to read on one another; the marks still tell. */
    else if (has_few ? appearance.background > 0 : appearance.background >= 0 && appearance.foreground < 0)
        appearance.foreground = at_depth(other, depth);
    if (depth == DEPTH_8) {
        /* Bright colours are bold in a palette of eight; dark grey would be black. */
        if (appearance.foreground == 8)
            appearance.foreground = -1;
        if (appearance.foreground > 8 || (!ink && colour.of_16 > 8))
            appearance.attributes |= ATTRIBUTE_BOLD;
        if (appearance.foreground > 7)
            appearance.foreground -= 8;
        if (appearance.background > 7)
            appearance.background -= 8;
    }
    return appearance;
}

/* ---- themes by name ---- */

static const char *const theme_names[] = {
    [TUI_THEME_AUTO] = "auto",         [TUI_THEME_DARK] = "dark", [TUI_THEME_LIGHT] = "light",
    [TUI_THEME_CONTRAST] = "contrast", [TUI_THEME_MONO] = "mono", [TUI_THEME_COLOUR_BLIND] = "colour-blind",
};
_Static_assert(sizeof(theme_names) / sizeof(*theme_names) == TUI_THEME_COUNT, "every theme has a name");

const char *tui_theme_name(enum tui_theme theme)
{
    return theme_names[theme];
}

bool tui_theme_find(const char *name, enum tui_theme *ret_theme)
{
    for (int theme = 0; theme < TUI_THEME_COUNT; theme++) {
        if (strcmp(theme_names[theme], name) == 0) {
            *ret_theme = (enum tui_theme)theme;
            return true;
        }
    }
    return false;
}

enum tui_theme theme_choose(enum tui_theme wanted, const char *colorfgbg)
{
    if (wanted != TUI_THEME_AUTO)
        return wanted;
    /* "15;0", "0;default;15": what terminals that know it say of their ground, as an index of 16. */
    const char *last = colorfgbg ? strrchr(colorfgbg, ';') : NULL;
    if (!last || !last[1])
        return TUI_THEME_DARK;
    char *end;
    long ground = strtol(last + 1, &end, 10);
    bool is_light = *end == '\0' && (ground == 7 || (ground > 8 && ground <= 15));
    return is_light ? TUI_THEME_LIGHT : TUI_THEME_DARK;
}

const char *role_name(enum role role)
{
    return role_looks[role].name;
}

const char *ground_name(enum ground ground)
{
    return ground_looks[ground].name;
}
