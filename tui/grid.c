#include "tui/grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT 0xfffd
#define PRINTF_BUFFER 512

bool grid_resize(struct grid *grid, int width, int height)
{
    width = width < 1 ? 1 : width > GRID_MAX_WIDTH ? GRID_MAX_WIDTH : width;
    height = height < 1 ? 1 : height > GRID_MAX_HEIGHT ? GRID_MAX_HEIGHT : height;
    if (grid->cells && grid->width == width && grid->height == height) {
        grid_clear(grid);
        return true;
    }
    struct cell *cells = calloc((size_t)width * (size_t)height, sizeof(*cells));
    if (!cells)
        return false;
    free(grid->cells);
    grid->cells = cells;
    grid->width = width;
    grid->height = height;
    grid_clear(grid);
    return true;
}

void grid_deinit(struct grid *grid)
{
    free(grid->cells);
    grid->cells = NULL;
    grid->width = grid->height = 0;
}

void grid_clear(struct grid *grid)
{
    const struct cell blank = {.rune = ' '};
    for (int i = 0; i < grid->width * grid->height; i++)
        grid->cells[i] = blank;
}

/* ---- characters ---- */

/* The ASCII stand-ins of the characters that our own screens and sentences use; those of other people's names become
 * '?'. */
static uint32_t ascii_of(uint32_t rune)
{
    static const struct {
        uint32_t rune;
        char ascii;
    } stand_ins[] = {
        {0x00a0, ' '},  {0x00b1, '~'},  {0x00b7, '-'}, {0x00d7, 'x'}, {0x03bc, 'u'}, {0x2013, '-'}, {0x2014, '-'},
        {0x2018, '\''}, {0x2019, '\''}, {0x201c, '"'}, {0x201d, '"'}, {0x2022, '*'}, {0x2026, '~'}, {0x203a, '>'},
        {0x2190, '<'},  {0x2191, '^'},  {0x2192, '>'}, {0x2193, 'v'}, {0x2248, '~'}, {0x2500, '-'}, {0x2502, '|'},
        {0x250c, '+'},  {0x2510, '+'},  {0x2514, '+'}, {0x2518, '+'}, {0x251c, '+'}, {0x2524, '+'}, {0x252c, '+'},
        {0x2534, '+'},  {0x256d, '+'},  {0x256e, '+'}, {0x256f, '+'}, {0x2570, '+'}, {0x2588, '#'}, {0x2591, '.'},
        {0x258f, '|'},  {0x25b2, '^'},  {0x25b8, '>'}, {0x25b6, '>'}, {0x25bc, 'v'}, {0x25be, 'v'}, {0x25cf, '*'},
        {0x25cb, 'o'},  {0x25c6, '*'},  {0x2713, '*'},  {0x26a0, '!'}, {0x2501, '='}, {0x2578, '-'}, {0x254c, '.'},
        {0x2016, '"'},
    };
    if (rune < 0x7f)
        return rune;
    for (size_t i = 0; i < ARRAY_SIZE(stand_ins); i++)
        if (stand_ins[i].rune == rune)
            return (unsigned char)stand_ins[i].ascii;
    return '?';
}

static bool is_control(uint32_t rune)
{
    return rune < 0x20 || (rune >= 0x7f && rune <= 0x9f) || rune == 0x2028 || rune == 0x2029 ||
           (rune >= 0x202a && rune <= 0x202e) || (rune >= 0x2066 && rune <= 0x2069) || rune == 0x200e ||
           rune == 0x200f || rune == 0x61c || rune == 0xfeff || rune > 0x10ffff ||
           (rune >= 0xd800 && rune <= 0xdfff);
}

/* Half a wide character cannot be shown: what is left of one that is being written over becomes a space. */
static void break_wide(struct grid *grid, int x, int y)
{
    struct cell *cell = grid_cell(grid, x, y);
    if (cell->rune == 0 && x > 0) {
        struct cell *left = grid_cell(grid, x - 1, y);
        left->rune = ' ';
        memset(left->combining, 0, sizeof(left->combining));
    }
    if (x + 1 < grid->width && grid_cell(grid, x + 1, y)->rune == 0)
        grid_cell(grid, x + 1, y)->rune = ' ';
}

static bool inside(const struct canvas *canvas, int x, int y)
{
    return x >= 0 && y >= 0 && x < canvas->width && y < canvas->height;
}

/* Puts one character; returns how many columns it takes, drawn or not. */
static int put(const struct canvas *canvas, int x, int y, enum role role, uint32_t rune)
{
    struct grid *grid = canvas->grid;
    if (is_control(rune))
        rune = REPLACEMENT;
    if (grid->glyphs == GLYPHS_ASCII && rune > 0x7e && rune_width(rune) > 0) {
        int width = rune_width(rune);
        for (int i = 0; i < width; i++)
            put(canvas, x + i, y, role, ascii_of(rune));
        return width;
    }
    int width = rune_width(rune);
    if (width == 0) {
        /* A combining character joins the one before it, if there is one here. */
        if (grid->glyphs == GLYPHS_ASCII || !inside(canvas, x - 1, y))
            return 0;
        struct cell *base = grid_cell(grid, canvas->x + x - 1, canvas->y + y);
        if (base->rune == 0 && canvas->x + x >= 2)
            base = grid_cell(grid, canvas->x + x - 2, canvas->y + y);
        for (size_t i = 0; i < CELL_COMBINING; i++) {
            if (base->combining[i] == 0) {
                base->combining[i] = rune;
                break;
            }
        }
        return 0;
    }
    if (width == 2 && inside(canvas, x, y) != inside(canvas, x + 1, y)) {
        /* Cut through by an edge. */
        put(canvas, x, y, role, ' ');
        put(canvas, x + 1, y, role, ' ');
        return 2;
    }
    if (!inside(canvas, x, y))
        return width;
    for (int i = 0; i < width; i++) {
        break_wide(grid, canvas->x + x + i, canvas->y + y);
        struct cell *cell = grid_cell(grid, canvas->x + x + i, canvas->y + y);
        *cell = (struct cell){.rune = i == 0 ? rune : 0, .role = (uint8_t)role, .ground = cell->ground};
    }
    return width;
}

/* ---- canvases ---- */

struct canvas canvas_over(struct grid *grid)
{
    return (struct canvas){grid, 0, 0, grid->width, grid->height};
}

struct canvas canvas_part(struct canvas canvas, int x, int y, int width, int height)
{
    if (x < 0)
        width += x, x = 0;
    if (y < 0)
        height += y, y = 0;
    if (width > canvas.width - x)
        width = canvas.width - x;
    if (height > canvas.height - y)
        height = canvas.height - y;
    if (width <= 0 || height <= 0)
        return (struct canvas){canvas.grid, canvas.x, canvas.y, 0, 0};
    return (struct canvas){canvas.grid, canvas.x + x, canvas.y + y, width, height};
}

static int text_bytes(struct canvas canvas, int x, int y, enum role role, const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        uint32_t rune;
        at += utf8_decode(text + at, length - at, &rune);
        x += put(&canvas, x, y, role, rune);
    }
    return x;
}

int canvas_text(struct canvas canvas, int x, int y, enum role role, const char *text)
{
    return text_bytes(canvas, x, y, role, text, strlen(text));
}

int canvas_printf(struct canvas canvas, int x, int y, enum role role, const char *format, ...)
{
    char buffer[PRINTF_BUFFER];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof(buffer), format, arguments);
    va_end(arguments);
    return canvas_text(canvas, x, y, role, buffer);
}

int canvas_text_fit(struct canvas canvas, int x, int y, int width, enum role role, const char *text)
{
    if (width <= 0)
        return x;
    size_t length = strlen(text), kept = 0;
    int columns = 0, kept_columns = 0;
    for (size_t at = 0; at < length;) {
        uint32_t rune;
        at += utf8_decode(text + at, length - at, &rune);
        columns += is_control(rune) ? 1 : rune_width(rune);
        if (columns <= width - 1) {
            kept = at;
            kept_columns = columns;
        }
        if (columns > width) {
            text_bytes(canvas, x, y, role, text, kept);
            canvas_rune(canvas, x + kept_columns, y, role, 0x2026);
            return x + kept_columns + 1;
        }
    }
    return text_bytes(canvas, x, y, role, text, length);
}

/* A figure stays with its unit: "1.00 MB/s". */
static bool parts_figure(const char *text, size_t space)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "ns", "us", "ms", "s", "min", "h", "d"};
    if (space == 0 || text[space - 1] < '0' || text[space - 1] > '9')
        return false;
    const char *word = text + space + 1;
    size_t length = strcspn(word, " /,.;:)");
    for (size_t i = 0; i < ARRAY_SIZE(units); i++)
        if (length == strlen(units[i]) && strncmp(word, units[i], length) == 0)
            return true;
    return false;
}

size_t text_line_length(const char *text, int width)
{
    size_t length = strlen(text), space = 0;
    int columns = 0;
    for (size_t at = 0; at < length;) {
        uint32_t rune;
        size_t taken = utf8_decode(text + at, length - at, &rune);
        columns += is_control(rune) ? 1 : rune_width(rune);
        if (rune == ' ' && !parts_figure(text, at))
            space = at + 1;
        if (columns > width && at > 0)
            return space > 0 ? space : at;
        at += taken;
    }
    return length;
}

int canvas_text_wrap(struct canvas canvas, int x, int y, int width, int lines, enum role role, const char *text)
{
    for (; *text && lines > 0 && width > 0; lines--) {
        size_t length = text_line_length(text, width);
        if (lines == 1 || !text[length])
            canvas_text_fit(canvas, x, y++, width, role, text);
        else
            text_bytes(canvas, x, y++, role, text, text[length - 1] == ' ' ? length - 1 : length);
        text += length;
    }
    return y;
}

int canvas_text_right(struct canvas canvas, int right, int y, enum role role, const char *text)
{
    int x = right - (int)utf8_width(text);
    canvas_text(canvas, x, y, role, text);
    return x;
}

void canvas_rune(struct canvas canvas, int x, int y, enum role role, uint32_t rune)
{
    put(&canvas, x, y, role, rune);
}

void canvas_rule(struct canvas canvas, int x, int y, int width, enum role role)
{
    for (int i = 0; i < width; i++)
        put(&canvas, x + i, y, role, 0x2500);
}

void canvas_frame(struct canvas canvas, enum role role)
{
    int right = canvas.width - 1, bottom = canvas.height - 1;
    if (right < 1 || bottom < 1)
        return;
    canvas_rule(canvas, 1, 0, right - 1, role);
    canvas_rule(canvas, 1, bottom, right - 1, role);
    for (int y = 1; y < bottom; y++) {
        put(&canvas, 0, y, role, 0x2502);
        put(&canvas, right, y, role, 0x2502);
    }
    put(&canvas, 0, 0, role, 0x256d);
    put(&canvas, right, 0, role, 0x256e);
    put(&canvas, 0, bottom, role, 0x2570);
    put(&canvas, right, bottom, role, 0x256f);
}

void canvas_clear(struct canvas canvas, enum ground ground)
{
    for (int y = 0; y < canvas.height; y++) {
        for (int x = 0; x < canvas.width; x++) {
            put(&canvas, x, y, ROLE_TEXT, ' ');
            grid_cell(canvas.grid, canvas.x + x, canvas.y + y)->ground = (uint8_t)ground;
        }
    }
}

void canvas_ground(struct canvas canvas, int x, int y, int width, enum ground ground)
{
    for (int i = x; i < x + width; i++)
        if (inside(&canvas, i, y))
            grid_cell(canvas.grid, canvas.x + i, canvas.y + y)->ground = (uint8_t)ground;
}

static uint32_t lower(uint32_t rune)
{
    return rune >= 'A' && rune <= 'Z' ? rune + ('a' - 'A') : rune;
}

void canvas_mark(struct canvas canvas, int x, int y, int width, const char *needle)
{
    size_t length = strlen(needle);
    if (length == 0 || y < 0 || y >= canvas.height)
        return;
    for (int start = x; start < x + width; start++) {
        int column = start;
        size_t at = 0;
        while (at < length && inside(&canvas, column, y)) {
            uint32_t rune;
            size_t taken = utf8_decode(needle + at, length - at, &rune);
            const struct cell *cell = grid_cell(canvas.grid, canvas.x + column, canvas.y + y);
            if (lower(cell->rune) != lower(rune))
                break;
            at += taken;
            column += rune_width(rune) > 0 ? rune_width(rune) : 1;
        }
        if (at < length)
            continue;
        for (int i = start; i < column; i++)
            grid_cell(canvas.grid, canvas.x + i, canvas.y + y)->role = ROLE_MATCH;
    }
}

/* ---- dumps ---- */

void grid_dump_text(const struct grid *grid, struct text *text)
{
    for (int y = 0; y < grid->height; y++) {
        int end = grid->width;
        while (end > 0 && grid_cell(grid, end - 1, y)->rune == ' ')
            end--;
        for (int x = 0; x < end; x++) {
            const struct cell *cell = grid_cell(grid, x, y);
            if (cell->rune == 0)
                continue;
            char bytes[4];
            text_append_bytes(text, bytes, utf8_from_rune(cell->rune, bytes));
            for (size_t i = 0; i < CELL_COMBINING && cell->combining[i]; i++)
                text_append_bytes(text, bytes, utf8_from_rune(cell->combining[i], bytes));
        }
        text_append(text, "\n");
    }
}

static void print_colour(struct text *text, enum colour_depth depth, const char *name, int32_t colour)
{
    if (colour < 0)
        return;
    if (depth == DEPTH_RGB)
        text_printf(text, " %s=#%06x", name, (unsigned)colour);
    else
        text_printf(text, " %s=%d", name, (int)colour);
}

void grid_dump_styles(const struct grid *grid, enum colour_depth depth, struct text *text)
{
    static const struct {
        uint8_t bit;
        const char *name;
    } names[] = {{ATTRIBUTE_BOLD, " bold"}, {ATTRIBUTE_DIM, " dim"}, {ATTRIBUTE_REVERSE, " reverse"},
                 {ATTRIBUTE_UNDERLINE, " underline"}};
    for (int y = 0; y < grid->height; y++) {
        text_printf(text, "%d:", y);
        for (int x = 0; x < grid->width;) {
            const struct cell *cell = grid_cell(grid, x, y);
            struct appearance look = theme_resolve(grid->theme, depth, cell->role, cell->ground);
            int end = x + 1;
            while (end < grid->width) {
                const struct cell *next = grid_cell(grid, end, y);
                struct appearance other = theme_resolve(grid->theme, depth, next->role, next->ground);
                if (other.foreground != look.foreground || other.background != look.background ||
                    other.attributes != look.attributes)
                    break;
                end++;
            }
            if (look.foreground >= 0 || look.background >= 0 || look.attributes != 0) {
                text_printf(text, " [%d-%d", x, end - 1);
                print_colour(text, depth, "fg", look.foreground);
                print_colour(text, depth, "bg", look.background);
                for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                    if (look.attributes & names[i].bit)
                        text_append(text, names[i].name);
                text_append(text, "]");
            }
            x = end;
        }
        text_append(text, "\n");
    }
}
