/* One GC cycle. */
#ifndef TUI_SCREENS_GC_CYCLE_H
#define TUI_SCREENS_GC_CYCLE_H

#include "tui/session.h"

/* What the screen is opened with; copied. */
struct cycle_argument {
    struct gc_cycle cycle;
    double cpu_share;       /* NAN when not known. */
};

extern const struct screen_ops gc_cycle_screen;

#endif
