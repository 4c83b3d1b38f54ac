#include "tui/list.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COLUMN_GAP 2
/* The mark of the selected row stands before the columns. */
#define MARK_WIDTH 2
#define PAN_STEP 8

void list_init(struct list *list, const struct list_ops *ops)
{
    *list = (struct list){.ops = ops, .sort = ops->first_sort};
}

void list_deinit(struct list *list)
{
    free(list->rows);
    list->rows = NULL;
    list->num_rows = list->capacity = 0;
}

int list_height_below(int height, size_t lines, bool focused)
{
    int most = height / 3;
    if (lines == 0)
        return 0;
    if (most < LIST_TITLE_ROWS + 1)
        return focused ? height : 0;
    return lines + LIST_TITLE_ROWS < (size_t)most ? (int)lines + LIST_TITLE_ROWS : most;
}

bool text_contains(const char *text, const char *needle)
{
    size_t length = strlen(needle);
    for (; *text; text++)
        if (strncasecmp(text, needle, length) == 0)
            return true;
    return length == 0;
}

static bool row_contains(const struct list *list, const void *row, const char *needle)
{
    char buffer[LIST_TEXT];
    return text_contains(list->ops->text(list->context, row, buffer), needle);
}

/* ---- rows ---- */

static int compare_rows(const void *a, const void *b, void *context)
{
    const struct list *list = context;
    const void *first = *(const void *const *)a, *second = *(const void *const *)b;
    const struct column *column = &list->ops->columns[list->sort];
    int order = column->compare(list->context, first, second);
    if (order != 0)
        return column->ascending == list->reversed ? -order : order;
    /* Equal rows stay in the order they came in, so that they do not dance. */
    return first < second ? -1 : first > second;
}

static void sort_rows(struct list *list)
{
    if (list->num_rows == 0)
        return;
    if (list->sort != LIST_UNSORTED) {
        qsort_r(list->rows, list->num_rows, sizeof(*list->rows), compare_rows, list);
        return;
    }
    for (size_t i = 0; list->reversed && i < list->num_rows / 2; i++) {
        const void *row = list->rows[i];
        list->rows[i] = list->rows[list->num_rows - 1 - i];
        list->rows[list->num_rows - 1 - i] = row;
    }
}

static void remember_selected(struct list *list)
{
    if (list->selected < list->num_rows)
        list->selected_identity = list->ops->identity(list->context, list->rows[list->selected]);
}

bool list_select_identity(struct list *list, uint64_t identity)
{
    for (size_t i = 0; i < list->num_rows; i++) {
        if (list->ops->identity(list->context, list->rows[i]) == identity) {
            list->selected = i;
            list->selected_identity = identity;
            list->moved = true;
            return true;
        }
    }
    return false;
}

static void measure_flexible(struct list *list)
{
    /* Enough rows to settle the width; the rest is cut. */
    size_t count = list->num_rows < 500 ? list->num_rows : 500;
    char buffer[LIST_TEXT];
    list->flexible_width = 0;
    for (size_t i = 0; i < count; i++) {
        const void *row = list->rows[i];
        int width = list->ops->measure ? list->ops->measure(list->context, row)
                                       : (int)utf8_width(list->ops->text(list->context, row, buffer));
        if (width > list->flexible_width)
            list->flexible_width = width;
    }
}

bool list_set_rows(struct list *list, const void *context, const void *rows, size_t count, size_t size)
{
    list->num_all = count;
    if (count > LIST_MAX_ROWS)
        count = LIST_MAX_ROWS;
    if (count > list->capacity) {
        size_t capacity = count + count / 2;
        const void **grown = realloc(list->rows, capacity * sizeof(*grown));
        if (!grown) {
            list->num_rows = 0;
            return false;
        }
        list->rows = grown;
        list->capacity = capacity;
    }
    list->context = context;
    list->num_rows = 0;
    for (size_t i = 0; i < count; i++) {
        const void *row = (const char *)rows + i * size;
        if (list->filter[0] == '\0' || row_contains(list, row, list->filter))
            list->rows[list->num_rows++] = row;
    }
    sort_rows(list);
    measure_flexible(list);
    if (!list->moved || !list_select_identity(list, list->selected_identity)) {
        if (list->selected >= list->num_rows)
            list->selected = list->num_rows ? list->num_rows - 1 : 0;
        if (!list->moved)
            list->selected = 0;
        remember_selected(list);
    }
    return true;
}

const void *list_selected(const struct list *list)
{
    return list->selected < list->num_rows ? list->rows[list->selected] : NULL;
}

/* ---- moving ---- */

static int page_size(const struct list *list)
{
    int page = list->drawn.height - (list->ops->hide_titles ? 0 : 1);
    return page > 0 ? page : 1;
}

static void move_to(struct list *list, long row)
{
    if (row >= (long)list->num_rows)
        row = (long)list->num_rows - 1;
    list->selected = row > 0 ? (size_t)row : 0;
    list->moved = true;
    remember_selected(list);
}

void list_scroll(struct list *list, int lines)
{
    move_to(list, (long)list->selected + lines);
}

bool list_can_sort(const struct list *list)
{
    for (size_t i = 0; i < list->ops->num_columns; i++)
        if (list->ops->columns[i].compare)
            return true;
    return false;
}

static bool choose_sort(struct list *list, int step)
{
    long count = (long)list->ops->num_columns,
         column = list->sort == LIST_UNSORTED ? (step > 0 ? -1 : count) : (long)list->sort;
    for (long i = 0; i < count; i++) {
        column = (column + step + count) % count;
        if (list->ops->columns[column].compare && list->column_width[column] > 0) {
            list->sort = (size_t)column;
            list->reversed = false;
            return true;
        }
    }
    return false;
}

bool list_act(struct list *list, enum action action, bool *ret_resort)
{
    long selected = (long)list->selected;
    *ret_resort = false;
    switch (action) {
    case ACTION_UP:
        move_to(list, selected - 1);
        return true;
    case ACTION_DOWN:
        move_to(list, selected + 1);
        return true;
    case ACTION_PAGE_UP:
        move_to(list, selected - page_size(list));
        return true;
    case ACTION_PAGE_DOWN:
        move_to(list, selected + page_size(list));
        return true;
    case ACTION_TOP:
        move_to(list, 0);
        list->moved = false;
        return true;
    case ACTION_BOTTOM:
        move_to(list, (long)list->num_rows - 1);
        return true;
    case ACTION_LEFT:
        list->pan = list->pan > PAN_STEP ? list->pan - PAN_STEP : 0;
        return true;
    case ACTION_RIGHT:
        if (list->pan + PAN_STEP < list->flexible_width)
            list->pan += PAN_STEP;
        return true;
    case ACTION_SORT:
        *ret_resort = choose_sort(list, +1);
        return true;
    case ACTION_SORT_BACK:
        *ret_resort = choose_sort(list, -1);
        return true;
    case ACTION_REVERSE:
        *ret_resort = list_can_sort(list);
        list->reversed ^= *ret_resort;
        return true;
    default:
        return false;
    }
}

bool list_find(struct list *list, int direction)
{
    if (list->search[0] == '\0' || list->num_rows == 0)
        return false;
    size_t step = direction < 0 ? list->num_rows - 1 : 1;
    size_t row = direction == 0 ? list->selected : (list->selected + step) % list->num_rows;
    for (size_t i = 0; i < list->num_rows; i++, row = (row + step) % list->num_rows) {
        if (row_contains(list, list->rows[row], list->search)) {
            move_to(list, (long)row);
            return true;
        }
    }
    return false;
}

bool list_contains(const struct list *list, int x, int y)
{
    return x >= list->drawn.x && x < list->drawn.x + list->drawn.width && y >= list->drawn.y &&
           y < list->drawn.y + list->drawn.height;
}

bool list_click(struct list *list, int x, int y, bool *ret_resort)
{
    *ret_resort = false;
    if (!list_contains(list, x, y))
        return false;
    int row = y - list->drawn.y - (list->ops->hide_titles ? 0 : 1);
    if (row >= 0) {
        if (list->top + (size_t)row < list->num_rows)
            move_to(list, (long)list->top + row);
        return true;
    }
    for (size_t i = 0; i < list->ops->num_columns; i++) {
        int left = list->drawn.x + list->column_x[i];
        if (!list->ops->columns[i].compare || x < left || x >= left + list->column_width[i])
            continue;
        list->reversed = list->sort == i ? !list->reversed : false;
        list->sort = i;
        *ret_resort = true;
    }
    return true;
}

/* ---- drawing ---- */

static bool is_column_shown(const struct list *list, const struct column *column)
{
    return !column->is_shown || (list->context && column->is_shown(list->context));
}

/* What the column takes where there is room. */
static int whole_column_width(const struct list *list, const struct column *column)
{
    return column->flexible && list->flexible_width > column->width ? list->flexible_width : column->width;
}

int list_whole_width(const struct list *list)
{
    int width = MARK_WIDTH;
    for (size_t i = 0; i < list->ops->num_columns; i++) {
        const struct column *column = &list->ops->columns[i];
        if (is_column_shown(list, column))
            width += whole_column_width(list, column) + COLUMN_GAP;
    }
    return width - COLUMN_GAP;
}

/* Drops columns by priority until the flexible one has room, then places them. */
static void place_columns(struct list *list, int width)
{
    const struct column *columns = list->ops->columns;
    size_t count = list->ops->num_columns, flexible = count;
    int used = MARK_WIDTH;
    for (size_t i = 0; i < count; i++) {
        bool is_shown = is_column_shown(list, &columns[i]);
        list->column_width[i] = is_shown ? columns[i].width : 0;
        used += is_shown ? columns[i].width + COLUMN_GAP : 0;
        if (columns[i].flexible)
            flexible = i;
    }
    used -= COLUMN_GAP;
    while (used > width) {
        size_t worst = count;
        for (size_t i = 0; i < count; i++)
            if (list->column_width[i] > 0 && columns[i].priority > 0 &&
                (worst == count || columns[i].priority > columns[worst].priority))
                worst = i;
        if (worst == count)
            break;
        used -= list->column_width[worst] + COLUMN_GAP;
        list->column_width[worst] = 0;
    }
    if (flexible < count && list->column_width[flexible] > 0) {
        int room = list->column_width[flexible] + width - used;
        int needed = whole_column_width(list, &columns[flexible]);
        list->column_width[flexible] = needed < room ? needed : room;
        used += list->column_width[flexible] - columns[flexible].width;
    }
    for (size_t i = 0; i < count; i++) {
        int most = columns[i].stretch, room = list->column_width[i] + width - used;
        if (list->column_width[i] > 0 && most > list->column_width[i] && room > list->column_width[i])
            list->column_width[i] = most < room ? most : room;
    }
    int x = MARK_WIDTH;
    for (size_t i = 0; i < count; i++) {
        list->column_x[i] = x;
        if (list->column_width[i] > 0)
            x += list->column_width[i] + COLUMN_GAP;
    }
}

static void draw_titles(const struct list *list, struct canvas canvas)
{
    for (size_t i = 0; i < list->ops->num_columns; i++) {
        const struct column *column = &list->ops->columns[i];
        if (list->column_width[i] <= 0)
            continue;
        bool sorted = list->sort == i;
        const char *title =
            column->title_now && list->context ? column->title_now(list->context) : column->title;
        enum role role = sorted ? ROLE_ACCENT : ROLE_HEADING;
        int x = list->column_x[i], end = x + list->column_width[i];
        if (column->right)
            x = canvas_text_right(canvas, end, 0, role, title);
        else
            end = canvas_text_fit(canvas, x, 0, list->column_width[i], role, title);
        bool descends = column->ascending == list->reversed;
        if (!sorted)
            continue;
        /* Between the title and its neighbour, with a space where there is room for one. */
        int away = list->column_width[i] >= (int)utf8_width(title) + 2 ? 2 : 1;
        canvas_rune(canvas, column->right ? x - away : end + 1, 0, role, descends ? 0x2193 : 0x2191);
    }
}

void list_draw(struct list *list, struct canvas canvas, bool focused)
{
    list->drawn = canvas;
    place_columns(list, canvas.width);
    int first = 0;
    if (!list->ops->hide_titles) {
        draw_titles(list, canvas);
        first = 1;
    }
    size_t page = (size_t)page_size(list);
    if (list->selected < list->top)
        list->top = list->selected;
    if (list->selected >= list->top + page)
        list->top = list->selected - page + 1;
    if (list->num_rows <= page)
        list->top = 0;
    else if (list->top > list->num_rows - page)
        list->top = list->num_rows - page;
    for (size_t i = 0; i < page && list->top + i < list->num_rows; i++) {
        int y = first + (int)i;
        const void *row = list->rows[list->top + i];
        for (size_t c = 0; c < list->ops->num_columns; c++) {
            if (list->column_width[c] <= 0)
                continue;
            struct list_cell cell = {canvas_part(canvas, list->column_x[c], y, list->column_width[c], 1), list->context,
                                     list->pan};
            list->ops->columns[c].draw(&cell, row);
        }
        if (list->search[0])
            canvas_mark(canvas, 0, y, canvas.width, list->search);
        if (focused && list->top + i == list->selected) {
            canvas_rune(canvas, 0, y, ROLE_STRONG, 0x25b8);
            canvas_ground(canvas, 0, y, canvas.width, GROUND_SELECTED);
        }
    }
}
