#include "tui/strip.h"

#include <math.h>

#define FIRST_SLOT_NS UINT64_C(1000000000)

void strip_init(struct strip *strip)
{
    *strip = (struct strip){.slot_ns = FIRST_SLOT_NS, .num_gc = NAN};
    for (int figure = 0; figure < STRIP_FIGURES; figure++) {
        strip->now[figure] = NAN;
        for (size_t i = 0; i < STRIP_SLOTS; i++)
            strip->most[figure][i] = NAN;
    }
}

static float larger(float a, float b)
{
    return isnan(a) || b > a ? b : a;
}

/* Two slots become one. */
static void halve(struct strip *strip)
{
    for (int figure = 0; figure < STRIP_FIGURES; figure++) {
        float *most = strip->most[figure];
        for (size_t i = 0; i < STRIP_SLOTS; i++)
            most[i] = i < STRIP_SLOTS / 2 ? larger(most[2 * i], most[2 * i + 1]) : NAN;
    }
    for (size_t i = 0; i < STRIP_SLOTS; i++)
        strip->cycles[i] = i < STRIP_SLOTS / 2 ? strip->cycles[2 * i] + strip->cycles[2 * i + 1] : 0;
    strip->slot_ns *= 2;
}

void strip_add(struct strip *strip, const struct timeline_point *point)
{
    if (strip->first_unix_ns == 0)
        strip->first_unix_ns = strip->last_unix_ns = point->unix_ns;
    if (point->unix_ns < strip->last_unix_ns)
        return;
    while ((point->unix_ns - strip->first_unix_ns) / strip->slot_ns >= STRIP_SLOTS)
        halve(strip);
    size_t slot = (size_t)((point->unix_ns - strip->first_unix_ns) / strip->slot_ns);
    const double values[STRIP_FIGURES] = {point->rss_bytes, point->heap_live_bytes, point->goroutines};
    for (int figure = 0; figure < STRIP_FIGURES; figure++) {
        if (!isnan(values[figure]))
            strip->now[figure] = values[figure];
        if (!isnan(strip->now[figure]))
            strip->most[figure][slot] = larger(strip->most[figure][slot], (float)strip->now[figure]);
    }
    /* Cycles of before the first sample are not of this session. */
    if (point->num_gc > strip->num_gc)
        strip->cycles[slot] += (uint32_t)fmin(point->num_gc - strip->num_gc, 1e6);
    if (!isnan(point->num_gc))
        strip->num_gc = point->num_gc;
    strip->last_unix_ns = point->unix_ns;
}

static double value_of(const struct snapshot *snapshot, enum counter_id id)
{
    const struct counter *counter = &snapshot->counters[id];
    return counter_known(counter) ? (double)counter->value.integer : (double)NAN;
}

struct timeline_point strip_point(const struct snapshot *snapshot)
{
    return (struct timeline_point){.unix_ns = snapshot->unix_ns,
                                   .rss_bytes = value_of(snapshot, COUNTER_RSS),
                                   .heap_live_bytes = value_of(snapshot, COUNTER_HEAP_LIVE),
                                   .goroutines = value_of(snapshot, COUNTER_GOROUTINES),
                                   .num_gc = value_of(snapshot, COUNTER_NUM_GC)};
}

/* Slots that a span of time touches: from *ret_first up to, and without, the result. */
static size_t slots_of(const struct strip *strip, double from, double to, size_t *ret_first)
{
    double first = floor((from - (double)strip->first_unix_ns) / (double)strip->slot_ns);
    double end = ceil((to - (double)strip->first_unix_ns) / (double)strip->slot_ns);
    *ret_first = (size_t)fmax(fmin(first, STRIP_SLOTS), 0);
    return (size_t)fmax(fmin(end, STRIP_SLOTS), 0);
}

void strip_columns(const struct strip *strip, enum strip_figure figure, uint64_t from, uint64_t to, double *columns,
                   size_t count)
{
    double width = to > from && count > 0 ? (double)(to - from) / (double)count : 0;
    float carried = NAN;
    for (size_t i = 0; i < count; i++) {
        double start = (double)from + width * (double)i;
        size_t slot, end = slots_of(strip, start, start + fmax(width, 1), &slot);
        float most = NAN;
        for (; strip->first_unix_ns != 0 && slot < end; slot++)
            if (!isnan(strip->most[figure][slot]))
                most = larger(most, carried = strip->most[figure][slot]);
        bool is_over = start > (double)strip->last_unix_ns;
        columns[i] = is_over ? (double)NAN : (double)(isnan(most) ? carried : most);
    }
}

uint32_t strip_cycles(const struct strip *strip, uint64_t from, uint64_t to)
{
    uint32_t cycles = 0;
    /* A slot belongs to where it begins. */
    for (size_t i = 0; i < STRIP_SLOTS; i++) {
        uint64_t begin = strip->first_unix_ns + i * strip->slot_ns;
        if (begin >= from && begin < to)
            cycles += strip->cycles[i];
    }
    return cycles;
}

uint64_t strip_largest_rise(const struct strip *strip)
{
    float before = NAN, most = 0;
    size_t found = STRIP_SLOTS;
    for (size_t i = 0; i < STRIP_SLOTS; i++) {
        float now = strip->most[STRIP_RSS][i];
        if (isnan(now))
            continue;
        if (now - before > most) {
            most = now - before;
            found = i;
        }
        before = now;
    }
    return found == STRIP_SLOTS ? 0 : strip->first_unix_ns + (found + 1) * strip->slot_ns - 1;
}
