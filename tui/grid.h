/* A rectangle of character cells that screens draw into, and that a terminal, a test or a picture is made from. Nothing
 * that could move a cursor gets in: control characters become U+FFFD here, whatever the caller missed. */
#ifndef TUI_GRID_H
#define TUI_GRID_H

#include <stdbool.h>
#include <stdint.h>

#include "heaptop/base.h"
#include "tui/style.h"

#define CELL_COMBINING 2
#define GRID_MAX_WIDTH 1000
#define GRID_MAX_HEIGHT 500

struct cell {
    uint32_t rune;                          /* 0: the right half of the wide character before it. */
    uint32_t combining[CELL_COMBINING];     /* 0 where unused; more than fit are dropped. */
    uint8_t role, ground;
};

enum glyphs {
    GLYPHS_BRAILLE,     /* Everything. */
    GLYPHS_BLOCK,       /* No braille: the fonts of text consoles lack it. */
    GLYPHS_ASCII,       /* Anything above 0x7e is shown as its nearest ASCII character. */
};

struct grid {
    int width, height;
    enum glyphs glyphs;
    enum tui_theme theme;   /* With which it is to be shown. */
    struct cell *cells;     /* width * height, by rows. */
};

/* Changes the size and clears. Sizes are held to 1 ... GRID_MAX_*. false (unchanged) when memory is out. */
bool grid_resize(struct grid *grid, int width, int height);
void grid_deinit(struct grid *grid);
void grid_clear(struct grid *grid);

static inline struct cell *grid_cell(const struct grid *grid, int x, int y)
{
    return &grid->cells[y * grid->width + x];
}

/* The characters as lines, spaces at line ends cut. */
void grid_dump_text(const struct grid *grid, struct text *text);
/* One line per row: runs of cells that look alike on such a terminal, "0-8 fg=74 bold", plain runs left out. */
void grid_dump_styles(const struct grid *grid, enum colour_depth depth, struct text *text);

/* A part of a grid with coordinates of its own; all drawing is cut off at its edges. */
struct canvas {
    struct grid *grid;
    int x, y, width, height;
};

struct canvas canvas_over(struct grid *grid);
/* A part of a canvas, cut to it; may be empty. */
struct canvas canvas_part(struct canvas canvas, int x, int y, int width, int height);

/* Draws text from column x and returns the column behind it, as if nothing had been cut off. */
int canvas_text(struct canvas canvas, int x, int y, enum role role, const char *text);
int canvas_printf(struct canvas canvas, int x, int y, enum role role, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* At most `width` columns, the last of them an ellipsis when the text is longer. Returns the column behind what was
 * drawn. */
int canvas_text_fit(struct canvas canvas, int x, int y, int width, enum role role, const char *text);
/* How many bytes of a text stand in a line of so many columns, broken between words where that can be, and not before
 * a unit; not 0, where there is any text. */
size_t text_line_length(const char *text, int width);
/* In at most `lines` such lines; what has no room in the last of them ends in an ellipsis. Returns the row below. */
int canvas_text_wrap(struct canvas canvas, int x, int y, int width, int lines, enum role role, const char *text);
/* Ends before column `right`. Returns the column where it begins. */
int canvas_text_right(struct canvas canvas, int right, int y, enum role role, const char *text);
void canvas_rune(struct canvas canvas, int x, int y, enum role role, uint32_t rune);
/* A horizontal line. */
void canvas_rule(struct canvas canvas, int x, int y, int width, enum role role);
/* A frame around the whole canvas. */
void canvas_frame(struct canvas canvas, enum role role);
/* Blanks the whole canvas on this ground. */
void canvas_clear(struct canvas canvas, enum ground ground);
/* Puts a ground behind what is drawn already. */
void canvas_ground(struct canvas canvas, int x, int y, int width, enum ground ground);
/* Underlines every place in these columns where the needle stands (letters of either case alike). */
void canvas_mark(struct canvas canvas, int x, int y, int width, const char *needle);

#endif
