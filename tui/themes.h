/* The colours of each theme but the dark one, which stands beside the roles (tui/style.h). */
#ifndef TUI_THEMES_H
#define TUI_THEMES_H

#include "tui/style.h"

struct colour {
    bool is_set;        /* Else it is that of the dark theme. */
    int32_t rgb;        /* -1: the terminal's own. */
    int8_t of_16;
    int16_t of_256;     /* 0: the nearest to rgb. */
};

struct theme {
    struct colour roles[ROLE_COUNT], grounds[GROUND_COUNT];
    struct colour inks[GROUND_COUNT];   /* Where set, all that stands on this ground has this colour. */
    struct colour ink;                  /* In place of the terminal's own on grounds of ours; unset: light. */
};

/* That of the dark one for AUTO and MONO. */
const struct theme *theme_of(enum tui_theme theme);

#endif
