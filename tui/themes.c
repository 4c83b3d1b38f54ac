#include "tui/themes.h"

#define COLOUR(rgb_value, index_16) {true, rgb_value, index_16, 0}

/* What stands in a cursor that is a block of colour. */
#define CURSOR_INK {true, 0x101418, 0, 233}

/* Its colours stand beside the roles. */
static const struct theme dark = {.inks = {[GROUND_CURSOR] = CURSOR_INK}};

/* For a terminal whose ground is white, or nearly. */
static const struct theme light = {
    .roles = {
        [ROLE_MUTED] = COLOUR(0x5c6370, 8),
        [ROLE_FAINT] = COLOUR(0x8a919c, 7),
        [ROLE_TRACK] = COLOUR(0xc9ced6, 7),
        [ROLE_HEADING] = COLOUR(0x5c6370, 8),
        [ROLE_ACCENT] = COLOUR(0x0b6a93, 4),
        [ROLE_STRONG] = COLOUR(0x0b6a93, 4),
        [ROLE_GROWING] = COLOUR(0xc0151b, 1),
        [ROLE_CALM] = COLOUR(0x23702f, 2),
        [ROLE_NOTICE] = COLOUR(0x865400, 5),
        [ROLE_KEY] = COLOUR(0x0b6a93, 4),
        [ROLE_MATCH] = COLOUR(0x865400, 5),
        [ROLE_GRAPH_1] = COLOUR(0x8fc0d6, 6),
        [ROLE_GRAPH_2] = COLOUR(0x5ba3c2, 6),
        [ROLE_GRAPH_3] = COLOUR(0x2b82a6, 4),
        [ROLE_GRAPH_4] = COLOUR(0x0b5d80, 4),
        [ROLE_HOT_1] = COLOUR(0xe8abab, 1),
        [ROLE_HOT_2] = COLOUR(0xdb7c7c, 1),
        [ROLE_HOT_3] = COLOUR(0xcc4448, 1),
        [ROLE_HOT_4] = COLOUR(0xa81218, 1),
        [ROLE_GOAL] = COLOUR(0x865400, 5),
    },
    .grounds = {
        [GROUND_BAR] = COLOUR(0xe6e9ee, -1),
        [GROUND_SELECTED] = COLOUR(0xcfe3ee, 6),
        [GROUND_CHIP] = COLOUR(0xb6d5e5, 6),
        [GROUND_CURSOR] = COLOUR(0x6fb4d2, 6),
        [GROUND_ALERT] = COLOUR(0xfbe4e4, -1),
        [GROUND_POPUP] = COLOUR(0xf1f3f6, -1),
        [GROUND_FLAME_OWN] = COLOUR(0xf3d3b0, 3),
        [GROUND_FLAME_MODULE] = COLOUR(0xbfe0ea, 6),
        [GROUND_FLAME_STANDARD] = COLOUR(0xcfe8d0, -1),
        [GROUND_FLAME_RUNTIME] = COLOUR(0xdfe2e7, -1),
        [GROUND_FLAME_FOUND] = COLOUR(0xdcc6ee, 5),
        [GROUND_FLAME_SAME] = COLOUR(0xe4e7eb, -1),
        [GROUND_FLAME_GREW_1] = COLOUR(0xf9dada, -1),
        [GROUND_FLAME_GREW_2] = COLOUR(0xf3b5b5, 1),
        [GROUND_FLAME_GREW_3] = COLOUR(0xea8f8f, 1),
        [GROUND_FLAME_SHRANK_1] = COLOUR(0xd6e4f5, -1),
        [GROUND_FLAME_SHRANK_2] = COLOUR(0xb0cdee, 6),
        [GROUND_FLAME_SHRANK_3] = COLOUR(0x8ab4e6, 6),
    },
    .inks = {[GROUND_CURSOR] = CURSOR_INK},
    .ink = COLOUR(0x14181f, 0),
};

/* For tired eyes, bad projectors and sunlight: its own black ground, nothing dim, the selection as bright as can be. */
static const struct theme contrast = {
    .roles = {
        [ROLE_TEXT] = COLOUR(0xffffff, 15),
        [ROLE_MUTED] = COLOUR(0xe4e4e4, 15),
        [ROLE_FAINT] = COLOUR(0xb2b2b2, 7),
        [ROLE_TRACK] = COLOUR(0x808080, 7),
        [ROLE_FIGURE] = COLOUR(0xffffff, 15),
        [ROLE_HEADING] = COLOUR(0xe4e4e4, 15),
        [ROLE_ACCENT] = COLOUR(0x5fffff, 14),
        [ROLE_STRONG] = COLOUR(0x5fffff, 14),
        [ROLE_GROWING] = COLOUR(0xff8787, 9),
        [ROLE_CALM] = COLOUR(0x87ff87, 10),
        [ROLE_NOTICE] = COLOUR(0xffff5f, 11),
        [ROLE_KEY] = COLOUR(0x5fffff, 14),
        [ROLE_MATCH] = COLOUR(0xffff5f, 11),
        [ROLE_GRAPH_1] = COLOUR(0x5fafd7, 6),
        [ROLE_GRAPH_2] = COLOUR(0x5fd7ff, 14),
        [ROLE_GRAPH_3] = COLOUR(0x87ffff, 14),
        [ROLE_GRAPH_4] = COLOUR(0xd7ffff, 15),
        [ROLE_HOT_1] = COLOUR(0xd78787, 9),
        [ROLE_HOT_2] = COLOUR(0xff8787, 9),
        [ROLE_HOT_3] = COLOUR(0xffafaf, 9),
        [ROLE_HOT_4] = COLOUR(0xffd7d7, 15),
        [ROLE_GOAL] = COLOUR(0xffff5f, 11),
    },
    .grounds = {
        [GROUND_PLAIN] = COLOUR(0x000000, 0),
        [GROUND_BAR] = COLOUR(0x1c1c1c, 0),
        [GROUND_SELECTED] = COLOUR(0xffff5f, 11),
        [GROUND_CHIP] = COLOUR(0x5fffff, 14),
        [GROUND_CURSOR] = COLOUR(0xffffff, 15),
        [GROUND_ALERT] = COLOUR(0x5f0000, 1),
        [GROUND_POPUP] = COLOUR(0x000000, 0),
        [GROUND_FLAME_OWN] = COLOUR(0x4a2c00, 4),
        [GROUND_FLAME_MODULE] = COLOUR(0x003f55, 6),
        [GROUND_FLAME_STANDARD] = COLOUR(0x0f4a1f, 0),
        [GROUND_FLAME_RUNTIME] = COLOUR(0x3a3a3a, 0),
        [GROUND_FLAME_FOUND] = COLOUR(0x5a2a80, 5),
        [GROUND_FLAME_SAME] = COLOUR(0x262626, 0),
        [GROUND_FLAME_GREW_1] = COLOUR(0x4a0000, 0),
        [GROUND_FLAME_GREW_2] = COLOUR(0x700000, 1),
        [GROUND_FLAME_GREW_3] = COLOUR(0x960000, 1),
        [GROUND_FLAME_SHRANK_1] = COLOUR(0x001a4a, 0),
        [GROUND_FLAME_SHRANK_2] = COLOUR(0x002a70, 4),
        [GROUND_FLAME_SHRANK_3] = COLOUR(0x003a96, 4),
    },
    .inks = {
        [GROUND_SELECTED] = COLOUR(0x000000, 0),
        [GROUND_CHIP] = COLOUR(0x000000, 0),
        [GROUND_CURSOR] = COLOUR(0x000000, 0),
        [GROUND_ALERT] = COLOUR(0xffffff, 15),
    },
};

/* After Okabe and Ito, "Color Universal Design" (2002), whose colours stay apart in protanopia, deuteranopia and
 * tritanopia: orange grows, blue is at rest, yellow asks for attention. */
static const struct theme colour_blind = {
    .roles = {
        [ROLE_ACCENT] = COLOUR(0x56b4e9, 14),
        [ROLE_STRONG] = COLOUR(0x56b4e9, 14),
        [ROLE_GROWING] = COLOUR(0xf0a020, 3),
        [ROLE_CALM] = COLOUR(0x56b4e9, 12),
        [ROLE_NOTICE] = COLOUR(0xf0e442, 11),
        [ROLE_KEY] = COLOUR(0x56b4e9, 14),
        [ROLE_MATCH] = COLOUR(0xf0e442, 11),
        [ROLE_GRAPH_1] = COLOUR(0x1f5f8b, 4),
        [ROLE_GRAPH_2] = COLOUR(0x2f83bd, 4),
        [ROLE_GRAPH_3] = COLOUR(0x56b4e9, 12),
        [ROLE_GRAPH_4] = COLOUR(0xa6d8f5, 12),
        [ROLE_HOT_1] = COLOUR(0x7a5000, 3),
        [ROLE_HOT_2] = COLOUR(0xb07400, 3),
        [ROLE_HOT_3] = COLOUR(0xe69f00, 3),
        [ROLE_HOT_4] = COLOUR(0xffc857, 11),
        [ROLE_GOAL] = COLOUR(0xf0e442, 11),
    },
    .grounds = {
        [GROUND_ALERT] = COLOUR(0x3a2c10, -1),
        [GROUND_FLAME_GREW_1] = COLOUR(0x4a3410, -1),
        [GROUND_FLAME_GREW_2] = COLOUR(0x704a08, 3),
        [GROUND_FLAME_GREW_3] = COLOUR(0x945f00, 3),
    },
    .inks = {[GROUND_CURSOR] = CURSOR_INK},
};

const struct theme *theme_of(enum tui_theme theme)
{
    switch (theme) {
    case TUI_THEME_LIGHT:
        return &light;
    case TUI_THEME_CONTRAST:
        return &contrast;
    case TUI_THEME_COLOUR_BLIND:
        return &colour_blind;
    default:
        return &dark;
    }
}
