/* A graph in a frame: title and figures on the frame's upper edge, the time it covers on the lower. And the same as a
 * single line. */
#ifndef TUI_PANEL_H
#define TUI_PANEL_H

#include "tui/format.h"
#include "tui/graph.h"
#include "tui/model.h"

#define PANEL_NOTE 96

/* What is to be known of one figure over time. */
struct panel {
    const char *title;
    char figure[FORMAT_BUFFER];     /* Now; "" when it was not read. */
    char change[FORMAT_BUFFER];     /* Its growth, with the mark of `verdict`; "" when it does not grow or shrink. */
    enum growth_verdict verdict;
    char note[PANEL_NOTE];          /* Something beside it: "goal 1.1 GB". */
    const char *missing;            /* Why there is no figure; NULL when there is. */
    char *(*format)(char *buffer, double value);
    bool from_zero;                 /* The scale always starts at zero. */
    const struct series *series;    /* What is drawn, or NULL. */
    const struct series *line;      /* Drawn as a line over it, or NULL. */
    bool pauses;                    /* Drawn are the pauses of the GC cycles, not a series. */
};

/* At least PANEL_LEAST_HEIGHT rows; one that is tall tells more of its scale and its values. */
void panel_draw(struct canvas canvas, const struct model *model, const struct panel *panel);
#define PANEL_LEAST_HEIGHT 4

/* One row: title, figure, sparkline, change or note. */
void panel_draw_line(struct canvas canvas, const struct model *model, const struct panel *panel);

#endif
