/* A table of rows: typed columns, sorting, filter and search, scrolling, and a selection that stays on its row when the
 * data moves. */
#ifndef TUI_LIST_H
#define TUI_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/action.h"
#include "tui/grid.h"

#define LIST_NEEDLE 96
#define LIST_MAX_COLUMNS 16
/* More rows than a person will ever scroll through are counted, not listed. */
#define LIST_MAX_ROWS 50000

/* Where one cell of the table goes: a canvas one row high, as wide as the column. */
struct list_cell {
    struct canvas canvas;
    const void *context;    /* The list's. */
    int pan;                /* How many columns long names are moved left. */
};

struct column {
    const char *title;
    int width;                  /* Columns. For a flexible column: the least it is useful with. */
    bool flexible;              /* Takes what the others leave, up to what its texts need. One a list. */
    int stretch;                /* Up to this width it takes what even the flexible column leaves. One a list. */
    int priority;               /* When room is short the highest goes first; 0 stays. */
    bool right;                 /* Its title stands at the right, above figures. */
    bool ascending;             /* Smallest first is the natural order, as for names. */
    void (*draw)(const struct list_cell *cell, const void *row);
    int (*compare)(const void *context, const void *a, const void *b);  /* Ascending; NULL: not to sort by. */
    const char *help;           /* For the help screen; NULL where the title says it all. */
    bool (*is_shown)(const void *context);  /* Whether it has anything to say now; NULL: always. */
    const char *(*title_now)(const void *context);  /* Where it depends on what is shown; as wide at most. Or NULL. */
};

struct list_ops {
    const struct column *columns;
    size_t num_columns;
    size_t first_sort;          /* The column it is sorted by at first; LIST_UNSORTED: as the rows come. */
    bool hide_titles;
    uint64_t (*identity)(const void *context, const void *row);
    /* What filter and search look in. buffer: LIST_TEXT bytes. */
    const char *(*text)(const void *context, const void *row, char *buffer);
    /* Columns that the row would like of the flexible column; NULL: as wide as `text`. */
    int (*measure)(const void *context, const void *row);
};
#define LIST_UNSORTED SIZE_MAX
#define LIST_TEXT 512

struct list {
    const struct list_ops *ops;
    const void *context;
    const void **rows;          /* Filtered and sorted. Borrowed from whoever set them. */
    size_t num_rows, capacity;
    size_t num_all;             /* Before the filter. */
    size_t selected, top;
    uint64_t selected_identity;
    bool moved; /* The person chose a row: it stays selected. Until then the first one is, whichever that is. */
    size_t sort;                /* Column index or LIST_UNSORTED. */
    bool reversed;
    int pan;
    int flexible_width;         /* Widest text of the flexible column. */
    char filter[LIST_NEEDLE], search[LIST_NEEDLE];
    struct canvas drawn;        /* Where it was drawn last, for the mouse and the page size. */
    int column_x[LIST_MAX_COLUMNS], column_width[LIST_MAX_COLUMNS];     /* Of the last drawing; width 0: not shown. */
};

void list_init(struct list *list, const struct list_ops *ops);
void list_deinit(struct list *list);

/* Takes in rows of `size` bytes each, and again after the filter or the order changed. Keeps the selection on its row.
 * false when memory is out. */
bool list_set_rows(struct list *list, const void *context, const void *rows, size_t count, size_t size);
/* NULL when the list is empty. */
const void *list_selected(const struct list *list);
bool list_select_identity(struct list *list, uint64_t identity);

/* Moves, sorts, searches. *ret_resort: the order changed, so the rows are to be set again. false: not a list's action.
 */
bool list_act(struct list *list, enum action action, bool *ret_resort);
/* There is a column to sort by; else the rows stand as they must, and are not reversed. */
bool list_can_sort(const struct list *list);
/* Goes to the next row in this direction (+1, -1) that contains the search text, round the end; with 0 to the selected
 * or next one. */
bool list_find(struct list *list, int direction);
/* A click selects; one on a title sorts (*ret_resort). false: not within the list. */
bool list_click(struct list *list, int x, int y, bool *ret_resort);
bool list_contains(const struct list *list, int x, int y);
void list_scroll(struct list *list, int lines);

/* The columns that it takes to show the widest of its first rows whole. */
int list_whole_width(const struct list *list);
/* Titles and rows. A list that has the focus shows its selected row. */
void list_draw(struct list *list, struct canvas canvas, bool focused);

/* Of a section: its own, and those of the columns. */
#define LIST_TITLE_ROWS 2
/* How many rows of so many a list of so many lines gets that stands below something else, its two lines of titles
 * included: a third at most, and 0 where that is too little to see anything; but with the focus it is seen, and gets
 * all of them then. */
int list_height_below(int height, size_t lines, bool focused);

/* Whether the needle is in the text, letters of either case alike. */
bool text_contains(const char *text, const char *needle);

#endif
