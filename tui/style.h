/* What a cell means, and how each kind of terminal shows it. Screens name roles; only the theme knows colours. No role
 * is told from another by colour alone where it carries meaning: growth has its mark, a selected row its bar. */
#ifndef TUI_STYLE_H
#define TUI_STYLE_H

#include <stdbool.h>
#include <stdint.h>

#include "heaptop/tui.h"

#define ATTRIBUTE_BOLD 1u
#define ATTRIBUTE_DIM 2u
#define ATTRIBUTE_REVERSE 4u
#define ATTRIBUTE_UNDERLINE 8u

/* X(ROLE, RGB, colour of 256, colour of 16, attributes in colour, attributes without colour); -1: the terminal's own
 * foreground. These are the colours of the dark theme; tui/themes.c has those of the others. The colours of 256 are the
 * nearest of the fixed cube and grey ramp, which are the same in every palette that people use. */
#define TUI_ROLES(X) \
    X(TEXT, -1, -1, -1, 0, 0) \
    X(MUTED, 0x8b93a1, 246, 8, 0, 0) \
    X(FAINT, 0x4b5263, 240, 8, 0, ATTRIBUTE_DIM) \
    X(TRACK, 0x2f3440, 236, 8, 0, ATTRIBUTE_DIM) \
    X(FIGURE, -1, -1, -1, ATTRIBUTE_BOLD, ATTRIBUTE_BOLD) \
    X(HEADING, 0x8b93a1, 246, 8, 0, 0) \
    X(ACCENT, 0x61b5d9, 74, 6, 0, 0) \
    X(STRONG, 0x61b5d9, 74, 6, ATTRIBUTE_BOLD, ATTRIBUTE_BOLD) \
    X(GROWING, 0xff6b6b, 203, 9, ATTRIBUTE_BOLD, ATTRIBUTE_BOLD) \
    X(CALM, 0x7cb887, 108, 2, 0, 0) \
    X(NOTICE, 0xd9b062, 179, 3, 0, 0) \
    X(KEY, 0x61b5d9, 74, 6, ATTRIBUTE_BOLD, ATTRIBUTE_BOLD) \
    X(MATCH, 0xd9b062, 179, 3, ATTRIBUTE_UNDERLINE, ATTRIBUTE_UNDERLINE) \
    X(GRAPH_1, 0x2a5d76, 24, 6, 0, 0) \
    X(GRAPH_2, 0x37809f, 31, 6, 0, 0) \
    X(GRAPH_3, 0x4da3c6, 74, 6, 0, 0) \
    X(GRAPH_4, 0x7cc7e6, 117, 14, 0, 0) \
    X(HOT_1, 0x7d3a3f, 95, 1, 0, 0) \
    X(HOT_2, 0xa74b50, 131, 1, 0, 0) \
    X(HOT_3, 0xd45d61, 167, 9, 0, 0) \
    X(HOT_4, 0xff8787, 210, 9, 0, 0) \
    X(GOAL, 0xd9b062, 179, 3, 0, 0)

enum role {
#define X(role, ...) ROLE_##role,
    TUI_ROLES(X)
#undef X
    ROLE_COUNT
};

/* X(GROUND, RGB, colour of 256, colour of 16, attributes without colour): what is behind the text. Frames of flame
 * graphs stand on grounds of their own: by whose code they are, or by how much they grew or shrank, which their first
 * column and the details tell as well. */
#define TUI_GROUNDS(X) \
    X(PLAIN, -1, -1, -1, 0) \
    X(BAR, 0x23272f, 235, -1, 0) \
    X(SELECTED, 0x2c4a5e, 238, 4, ATTRIBUTE_REVERSE) \
    X(CHIP, 0x3a5f75, 24, 4, ATTRIBUTE_REVERSE) \
    X(CURSOR, 0x61b5d9, 74, 6, ATTRIBUTE_REVERSE) \
    X(ALERT, 0x3d2429, -1, -1, 0) \
    X(FLAME_OWN, 0x6b4423, 94, 4, 0) \
    X(FLAME_MODULE, 0x245463, 23, 6, 0) \
    X(FLAME_STANDARD, 0x2f5034, 22, -1, 0) \
    X(FLAME_RUNTIME, 0x3a3f4a, 237, -1, 0) \
    X(FLAME_FOUND, 0x69408a, 54, 5, 0) \
    X(FLAME_SAME, 0x2c3038, 236, -1, 0) \
    X(FLAME_GREW_1, 0x553236, 52, -1, 0) \
    X(FLAME_GREW_2, 0x7d353b, 88, 1, 0) \
    X(FLAME_GREW_3, 0xa83a42, 124, 1, 0) \
    X(FLAME_SHRANK_1, 0x2c3f58, 17, -1, 0) \
    X(FLAME_SHRANK_2, 0x2b5080, 18, 4, 0) \
    X(FLAME_SHRANK_3, 0x2f66b0, 25, 4, 0) \
    X(POPUP, 0x1d2027, 234, -1, 0)

enum ground {
#define X(ground, ...) GROUND_##ground,
    TUI_GROUNDS(X)
#undef X
    GROUND_COUNT
};

enum colour_depth { DEPTH_MONO, DEPTH_8, DEPTH_16, DEPTH_256, DEPTH_RGB };

/* How to show a role on a ground: colours are RGB, or indices, as the depth says; -1 is the terminal's own. */
struct appearance {
    int32_t foreground, background;
    uint8_t attributes;
};

/* The theme must not be TUI_THEME_AUTO; on a terminal without colours it is of no account. */
struct appearance theme_resolve(enum tui_theme theme, enum colour_depth depth, enum role role, enum ground ground);
/* What TUI_THEME_AUTO is here; COLORFGBG as the environment has it, or NULL. */
enum tui_theme theme_choose(enum tui_theme wanted, const char *colorfgbg);
const char *role_name(enum role role);
const char *ground_name(enum ground ground);

#endif
