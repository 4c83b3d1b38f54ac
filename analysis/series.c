#include "analysis/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Time in ticks of 10 ms since the first value reaches 497 days. */
#define TICK_NS UINT64_C(10000000)
#define RECENT_TICKS ((double)(SERIES_RECENT_NS / TICK_NS))
#define SMALLEST_CAPACITY 8u

struct series_cell {
    uint32_t tick;
    float offset;       /* From base_value. */
};

void series_deinit(struct series *series)
{
    free(series->cells);
    *series = (struct series){0};
}

bool series_copy(const struct series *series, struct series *ret_copy)
{
    struct series copy = *series;
    *ret_copy = (struct series){0};
    if (series->cells) {
        copy.cells = malloc(series->capacity * sizeof(*copy.cells));
        if (!copy.cells)
            return false;
        memcpy(copy.cells, series->cells, series->count * sizeof(*copy.cells));
    }
    *ret_copy = copy;
    return true;
}

size_t series_memory(const struct series *series)
{
    return series->capacity * sizeof(*series->cells);
}

static uint32_t tick_of(const struct series *series, uint64_t unix_ns)
{
    if (unix_ns <= series->base_unix_ns)
        return 0;
    uint64_t tick = (unix_ns - series->base_unix_ns) / TICK_NS;
    return tick < UINT32_MAX ? (uint32_t)tick : UINT32_MAX;
}

struct point series_point(const struct series *series, uint32_t index)
{
    struct series_cell cell = series->cells[index];
    return (struct point){.unix_ns = series->base_unix_ns + cell.tick * TICK_NS,
                          .value = series->base_value + (double)cell.offset};
}

/* How far apart points of this age may lie, relative to new ones: even within the recent span, then growing a little
 * faster than the age, so that however long the session, about a quarter of the points or more are recent ones. */
static double wanted_spacing(double age_ticks)
{
    double ages = age_ticks / RECENT_TICKS;
    return ages <= 1 ? 1 : ages * sqrt(sqrt(ages));
}

/* How many points stay when all lie at least `spacing` apart; moves them together when `apply`. The first and the last
 * stay. */
static uint32_t series_thin(struct series *series, double spacing, bool apply)
{
    struct series_cell *cells = series->cells;
    uint32_t last = series->count - 1, kept = 1;
    double now = cells[last].tick, previous = cells[0].tick;
    for (uint32_t i = 1; i < last; i++) {
        double tick = cells[i].tick;
        if (tick - previous < spacing * wanted_spacing(now - tick))
            continue;
        previous = tick;
        if (apply)
            cells[kept] = cells[i];
        kept++;
    }
    if (apply)
        cells[kept] = cells[last];
    return kept + 1;
}

/* Frees at least a quarter of the points. */
static void series_make_room(struct series *series)
{
    uint32_t wanted = series->count - series->count / 4;
    /* Recent points never lie further apart than all do on average. */
    double spacing = (double)series->cells[series->count - 1].tick / series->count / 128;
    while (series_thin(series, spacing, false) > wanted)
        spacing *= 1.25;
    series->count = series_thin(series, spacing, true);
}

static bool series_grow(struct series *series, uint32_t most)
{
    uint32_t capacity = series->capacity ? series->capacity + series->capacity / 2 : 4;
    if (capacity > most)
        capacity = most;
    struct series_cell *cells = realloc(series->cells, capacity * sizeof(*cells));
    if (!cells)
        return false;
    series->cells = cells;
    series->capacity = capacity;
    return true;
}

bool series_add(struct series *series, uint32_t capacity, uint64_t unix_ns, double value)
{
    if (isnan(value))
        return true;
    if (capacity < SMALLEST_CAPACITY)
        capacity = SMALLEST_CAPACITY;
    if (series->count == 0) {
        series->base_unix_ns = unix_ns;
        series->base_value = value;
    }
    struct series_cell cell = {.tick = tick_of(series, unix_ns), .offset = (float)(value - series->base_value)};
    struct series_cell *cells = series->cells;
    uint32_t count = series->count;
    if (count > 0 && cell.tick <= cells[count - 1].tick) {
        cells[count - 1].offset = cell.offset;
        return true;
    }
    series->added++;
    if (count >= 2 && cells[count - 1].offset == cell.offset && cells[count - 2].offset == cell.offset) {
        cells[count - 1].tick = cell.tick;
        return true;
    }
    if (count == series->capacity) {
        if (series->capacity >= capacity)
            series_make_room(series);
        else if (!series_grow(series, capacity))
            return false;
    }
    series->cells[series->count++] = cell;
    return true;
}

/* The number of points at or before a time. */
static uint32_t points_until(const struct series *series, uint64_t unix_ns)
{
    if (series->count == 0 || unix_ns < series->base_unix_ns)
        return 0;
    uint32_t tick = tick_of(series, unix_ns);
    uint32_t low = 0, high = series->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (series->cells[middle].tick <= tick)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool series_value_at(const struct series *series, uint64_t unix_ns, double *ret_value)
{
    uint32_t until = points_until(series, unix_ns);
    if (until == 0)
        return false;
    *ret_value = series_point(series, until - 1).value;
    return true;
}

void series_columns(const struct series *series, uint64_t now_unix_ns, uint64_t span_ns, double *columns, size_t count)
{
    if (count == 0)
        return;
    uint64_t start = now_unix_ns > span_ns ? now_unix_ns - span_ns : 0;
    double width = (double)span_ns / (double)count;
    double carried = NAN;
    uint32_t next = start > 0 ? points_until(series, start - 1) : 0;
    if (next > 0)
        carried = series_point(series, next - 1).value;
    for (size_t i = 0; i < count; i++) {
        /* The last column holds the present too. */
        double end = i + 1 == count ? (double)span_ns + 1 : width * (double)(i + 1);
        double most = NAN;
        for (; next < series->count; next++) {
            struct point point = series_point(series, next);
            if ((double)point.unix_ns - (double)start >= end)
                break;
            carried = point.value;
            most = isnan(most) || carried > most ? carried : most;
        }
        columns[i] = isnan(most) ? carried : most;
    }
}
