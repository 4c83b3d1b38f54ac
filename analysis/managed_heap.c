#include "analysis/managed_heap.h"

#include <math.h>

#include "analysis/sentence.h"

/* Less is no growth: bytes, and objects. */
#define SMALLEST_RISE (1 << 20)
#define SMALLEST_RISE_OF_OBJECTS 10000

/* What each kind's growth is told by, the first that is known. */
static const struct {
    enum managed_kind kind;
    enum counter_id counter;
    double smallest_rise;
} judged[] = {
    {MANAGED_JVM, COUNTER_JAVA_OLD_USED, SMALLEST_RISE},
    {MANAGED_PYTHON, COUNTER_PY_ARENA_BYTES, SMALLEST_RISE},
    {MANAGED_PYTHON, COUNTER_PY_LONG_LIVED, SMALLEST_RISE_OF_OBJECTS},
};

/* How often a count has risen since a moment. */
static double since(const struct series *counters, enum counter_id id, uint64_t unix_ns)
{
    const struct series *series = &counters[id];
    double before;
    if (series->count == 0 || !series_value_at(series, unix_ns, &before))
        return 0;
    return series_point(series, series->count - 1).value - before;
}

struct managed_heap managed_heap_judge(const struct series *counters, uint64_t window_ns)
{
    for (size_t i = 0; i < ARRAY_SIZE(judged); i++) {
        const struct series *series = &counters[judged[i].counter];
        if (series->count == 0)
            continue;
        struct managed_heap heap = {.kind = judged[i].kind, .counter = judged[i].counter};
        heap.growth = growth_of_series(series, window_ns, judged[i].smallest_rise);
        uint64_t from = heap.growth.since_unix_ns;
        if (heap.kind == MANAGED_JVM && from)
            heap.collections =
                since(counters, COUNTER_JAVA_FULL_GCS, from) + since(counters, COUNTER_JAVA_CONCURRENT_GCS, from);
        return heap;
    }
    return (struct managed_heap){.kind = MANAGED_NONE};
}

static double value_of(const struct analysis *analysis, enum counter_id id)
{
    return snapshot_counter_or(analysis->snapshot, id, NAN);
}

/* What it does, " grows" or " growing", and how fast: " 2.1 MB/s for 3 min"; or " steady"; or nothing yet. */
static void write_growth(const struct analysis *analysis, const char *what, const char *const verbs[2], bool of_bytes,
                         struct text *text)
{
    const struct growth *growth = &analysis->managed.growth;
    bool grows = growth->verdict == GROWTH_GROWING;
    if (growth->verdict == GROWTH_TOO_FEW)
        return;
    text_append(text, what);
    if (!grows && growth->verdict != GROWTH_SHRINKING) {
        text_append(text, growth->verdict == GROWTH_SAWTOOTH ? " up and down without a trend" : " steady");
        return;
    }
    text_append(text, verbs[grows ? 0 : 1]);
    if (of_bytes) {
        sentence_add_rate(text, fabs(growth->per_second));
    } else {
        sentence_add_count(text, (int64_t)fabs(growth->per_second));
        text_append(text, "/s");
    }
    if (growth->since_unix_ns && growth->since_unix_ns < analysis->snapshot->unix_ns) {
        text_append(text, " for ");
        sentence_add_duration(text, (double)(analysis->snapshot->unix_ns - growth->since_unix_ns));
    }
}

static void write_java(const struct analysis *analysis, struct text *text)
{
    double max = value_of(analysis, COUNTER_JAVA_HEAP_MAX);
    bool has_young = counter_known(&analysis->snapshot->counters[COUNTER_JAVA_YOUNG_USED]);
    text_append(text, "Java heap ");
    sentence_add_bytes(text, value_of(analysis, COUNTER_JAVA_HEAP_USED));
    if (max > 0) {
        text_append(text, " of ");
        sentence_add_bytes(text, max);
    }
    static const char *const of_generation[] = {" grows ", " shrinks "}, *const of_heap[] = {" growing ",
                                                                                             " shrinking "};
    write_growth(analysis, has_young ? ", old generation" : ",", has_young ? of_generation : of_heap, true, text);
    if (analysis->managed.growth.verdict == GROWTH_GROWING && !(analysis->managed.collections > 0))
        text_append(text, ": not collected since, so that it may be garbage");
    text_append(text, ".");
}

static void write_python(const struct analysis *analysis, struct text *text)
{
    double bytes = value_of(analysis, COUNTER_PY_ARENA_BYTES), survivors = value_of(analysis, COUNTER_PY_LONG_LIVED);
    double freed = value_of(analysis, COUNTER_PY_COLLECTED), full = value_of(analysis, COUNTER_PY_GEN2_GCS);
    text_append(text, "Python: ");
    if (!isnan(bytes)) {
        sentence_add_bytes(text, bytes);
        text_append(text, " of arenas for small objects");
    } else {
        sentence_add_count(text, (int64_t)survivors);
        text_append(text, " containers after the last full collection");
    }
    static const char *const verbs[] = {" growing ", " shrinking "};
    write_growth(analysis, ",", verbs, !isnan(bytes), text);
    text_append(text, "; ");
    sentence_add_count(text, (int64_t)full);
    text_append(text, full == 1 ? " full collection, " : " full collections, ");
    sentence_add_count(text, (int64_t)freed);
    text_append(text, freed == 1 ? " object freed in cycles." : " objects freed in cycles.");
}

void managed_heap_write(const struct analysis *analysis, struct text *text)
{
    switch (analysis->managed.kind) {
    case MANAGED_JVM:
        write_java(analysis, text);
        break;
    case MANAGED_PYTHON:
        write_python(analysis, text);
        break;
    case MANAGED_NONE:
        break;
    }
}
