#include "heaptop/analysis.h"

#include <math.h>
#include <string.h>

#include "analysis/common_path.h"
#include "analysis/managed_heap.h"
#include "analysis/sentence.h"

/* Idle heap is worth a word from this size on, and from this part of RSS. */
#define NOTABLE_IDLE_BYTES (64.0 * 1048576)
#define NOTABLE_IDLE_PART 0.25
/* A limit further away than this is not spoken of. */
#define FAR_LIMIT_SECONDS (30.0 * 86400)

/* What grows in malloc's heap is worth a word from this part of RSS's growth on. */
#define MOST_OF_GROWTH 0.5

/* What has been about as it is for this part of the time judged is steady for all of it. */
#define STEADY_PART 0.5

/* A call site with less of the growth than this is one of many. */
#define SMALL_SHARE 0.4

/* Below this a person should be told how long it takes. */
#define SLOW_GC_PER_S 0.1

/* The cases of the verdict line, the first that holds. */
enum verdict_case {
    CASE_EXITED,
    CASE_HEAP_GROWS,
    CASE_SUSPECT,               /* The first suspect, which is no call site. */
    CASE_SITE_GROWS,
    CASE_SITE_SEEMS_TO_GROW,    /* By provisional counts: too few GC cycles yet. */
    CASE_GOROUTINES_GROW,
    CASE_OUTSIDE_GROWS,
    CASE_MANAGED_GROWS,         /* A JVM's heap, or CPython's. */
    CASE_RSS_GROWS,
    CASE_IDLE_HEAP,
    CASE_NO_HEAP,           /* Not a Go program, or its figures cannot be read. */
    CASE_WAITING,
    CASE_CALM,
};

static bool grows(const struct growth *growth)
{
    return growth->verdict == GROWTH_GROWING;
}

/* The call site that grows fastest, or NULL. */
static const struct allocation_row *top_site(const struct analysis *analysis)
{
    return analysis->num_call_sites > 0 && grows(&analysis->call_sites[0].growth) ? &analysis->call_sites[0] : NULL;
}

/* The goroutines that grow fastest, the runtime's own left out, or NULL. */
static const struct goroutine_row *top_goroutines(const struct analysis *analysis)
{
    for (size_t i = 0; i < analysis->num_goroutines && grows(&analysis->goroutines[i].growth); i++) {
        if (!analysis->goroutines[i].group.system)
            return &analysis->goroutines[i];
    }
    return NULL;
}

/* The suspect that stands first, or NULL. */
static const struct suspect *top_suspect(const struct analysis *analysis)
{
    return analysis->num_suspects > 0 ? &analysis->suspects[0] : NULL;
}

/* The first of this kind, or NULL. */
static const struct suspect *find_suspect(const struct analysis *analysis, enum suspect_kind kind)
{
    for (size_t i = 0; i < analysis->num_suspects; i++) {
        if (analysis->suspects[i].kind == kind)
            return &analysis->suspects[i];
    }
    return NULL;
}

/* Idle heap that is still resident. The runtime's counts take for it what was never touched as well: its pages, once
 * looked at, tell better. */
static double kept_heap(const struct analysis *analysis)
{
    if (analysis->memory_parts.known && analysis->memory_parts.heap_known)
        return (double)analysis->memory_parts.bytes[MEMORY_PART_IDLE];
    return snapshot_counter_or(analysis->snapshot, COUNTER_HEAP_IDLE, 0) -
           snapshot_counter_or(analysis->snapshot, COUNTER_HEAP_RELEASED, 0);
}

bool analysis_is_go(const struct analysis *analysis)
{
    return strcmp(catalog_string(analysis->snapshot->catalog, analysis->snapshot->target.runtime), "go") == 0;
}

static bool knows_heap(const struct analysis *analysis)
{
    return counter_known(&analysis->snapshot->counters[COUNTER_HEAP_MARKED]) || analysis->heap.points > 0;
}

static bool outside_grows(const struct analysis *analysis)
{
    return grows(&analysis->rss) && knows_heap(analysis) && analysis->heap.verdict != GROWTH_TOO_FEW &&
           grows(&analysis->outside_go) && analysis->outside_go.per_second > analysis->rss.per_second / 2;
}

static enum verdict_case find_case(const struct analysis *analysis)
{
    if (analysis->snapshot->exited)
        return CASE_EXITED;
    if (grows(&analysis->heap))
        return CASE_HEAP_GROWS;
    const struct suspect *suspect = top_suspect(analysis);
    /* Idle heap and memory outside Go have sentences of their own below. */
    if (suspect && suspect->kind != SUSPECT_SITE_GROWS && suspect->kind != SUSPECT_HEAP_IDLE &&
        (suspect->kind != SUSPECT_OUTSIDE_GO_GROWS || !outside_grows(analysis)))
        return CASE_SUSPECT;
    /* A site that only touches memory may give it back: RSS tells. */
    bool is_touched = snapshot_profile_kind(analysis->snapshot) == PROFILE_OF_FAULTS;
    const struct allocation_row *site = is_touched ? NULL : top_site(analysis);
    if (site && !site->growth.provisional)
        return CASE_SITE_GROWS;
    if (grows(&analysis->goroutine_count) || top_goroutines(analysis))
        return CASE_GOROUTINES_GROW;
    if (site)
        return CASE_SITE_SEEMS_TO_GROW;
    bool heap_is_judged = knows_heap(analysis) && analysis->heap.verdict != GROWTH_TOO_FEW;
    if (outside_grows(analysis))
        return CASE_OUTSIDE_GROWS;
    if (grows(&analysis->managed.growth))
        return CASE_MANAGED_GROWS;
    if (grows(&analysis->rss))
        return CASE_RSS_GROWS;
    if (!knows_heap(analysis))
        return CASE_NO_HEAP;
    if (!heap_is_judged)
        return CASE_WAITING;
    double kept = kept_heap(analysis);
    double rss = snapshot_counter_or(analysis->snapshot, COUNTER_RSS, INFINITY);
    if (kept >= NOTABLE_IDLE_BYTES && kept >= NOTABLE_IDLE_PART * rss)
        return CASE_IDLE_HEAP;
    return CASE_CALM;
}

enum verdict_level analysis_verdict_level(const struct analysis *analysis)
{
    switch (find_case(analysis)) {
    case CASE_HEAP_GROWS:
    case CASE_GOROUTINES_GROW:
    case CASE_OUTSIDE_GROWS:
        return VERDICT_GROWING;
    case CASE_SITE_GROWS:
        /* A site may grow at another's expense. */
        if (analysis->heap.verdict == GROWTH_PLATEAU || analysis->heap.verdict == GROWTH_SHRINKING)
            return VERDICT_NOTICE;
        return VERDICT_GROWING;
    case CASE_SUSPECT: {
        const struct suspect *suspect = top_suspect(analysis);
        bool present = suspect->kind == SUSPECT_GOROUTINES_STUCK || suspect->kind == SUSPECT_GC_THRASH;
        return present || suspect->confidence == SUSPECT_POSSIBLE ? VERDICT_NOTICE : VERDICT_GROWING;
    }
    case CASE_MANAGED_GROWS:
        /* What was not collected since may be garbage. */
        return analysis->managed.kind == MANAGED_JVM && !(analysis->managed.collections > 0) ? VERDICT_NOTICE
                                                                                            : VERDICT_GROWING;
    case CASE_EXITED:
    case CASE_SITE_SEEMS_TO_GROW:
    case CASE_RSS_GROWS:
    case CASE_IDLE_HEAP:
        return VERDICT_NOTICE;
    case CASE_NO_HEAP:
        return analysis->rss.verdict == GROWTH_TOO_FEW ? VERDICT_WAITING : VERDICT_CALM;
    case CASE_WAITING:
        return VERDICT_WAITING;
    case CASE_CALM:
        break;
    }
    return VERDICT_CALM;
}

/* ---- sentences ---- */

/* " for 12 min", since a growth began. */
static void write_since(const struct analysis *analysis, const struct growth *growth, struct text *text)
{
    if (growth->since_unix_ns == 0 || growth->since_unix_ns >= analysis->snapshot->unix_ns)
        return;
    text_append(text, " for ");
    sentence_add_duration(text, (double)(analysis->snapshot->unix_ns - growth->since_unix_ns));
}

/* " for 12 min", over which it was judged. */
static void write_judged_time(const struct analysis *analysis, struct text *text)
{
    uint64_t watched = analysis->snapshot->unix_ns - analysis->first_unix_ns;
    text_append(text, " for ");
    sentence_add_duration(text, (double)(watched < analysis->window_ns ? watched : analysis->window_ns));
}

/* ", steady for 12 min"; ", steady for 12 s after a rise of 1.9 GB", where it has come to a halt only now. */
static void write_no_growth(const struct analysis *analysis, const struct growth *growth, struct text *text)
{
    uint64_t now = analysis->snapshot->unix_ns, watched = now - analysis->first_unix_ns;
    double judged = (double)(watched < analysis->window_ns ? watched : analysis->window_ns);
    double steady = growth->steady_since_unix_ns ? (double)(now - growth->steady_since_unix_ns) : judged;
    if (growth->verdict == GROWTH_SAWTOOTH || steady >= STEADY_PART * judged) {
        text_append(text, growth->verdict == GROWTH_SAWTOOTH ? ", up and down without a trend" : ", steady");
        write_judged_time(analysis, text);
        return;
    }
    text_append(text, ", steady for ");
    sentence_add_duration(text, steady);
    text_append(text, growth->gained > 0 ? " after a rise of " : " after a fall of ");
    sentence_add_bytes(text, fabs(growth->gained));
}

static void write_limit(const struct analysis *analysis, struct text *text)
{
    if (analysis->limit_bytes == 0 || !(analysis->seconds_to_limit < FAR_LIMIT_SECONDS))
        return;
    bool met = !(analysis->seconds_to_limit > 0);
    text_append(text, met ? " The " : " At this rate the ");
    if (analysis->limit_is_soft)
        text_append(text, met ? "live heap has met GOMEMLIMIT, " : "live heap meets GOMEMLIMIT, ");
    sentence_add_bytes(text, (double)analysis->limit_bytes);
    if (!analysis->limit_is_soft)
        text_append(text, met ? " limit is met" : " limit is met in ");
    else if (!met)
        text_append(text, ", in ");
    if (!met)
        sentence_add_duration(text, analysis->seconds_to_limit * 1e9);
    text_append(text, ".");
}

static void write_site(const struct analysis *analysis, const struct allocation_row *site, struct text *text)
{
    catalog_write_frame(analysis->snapshot->catalog, site->subject, text);
}

/* "1.4/s", "0.3/min": a rate of goroutines. */
static void write_count_rate(struct text *text, double per_second)
{
    const char *unit = "s";
    double rate = per_second;
    if (rate < 0.5) {
        rate *= 60;
        unit = "min";
    }
    text_printf(text, rate < 9.95 ? "%.1f/%s" : "%.0f/%s", rate, unit);
}

static void write_suspect(const struct suspect *suspect, struct text *text)
{
    text_printf(text, "%s%s", text->length ? " " : "", suspect->summary);
}

/* " Goroutines grow 14/s for 3 min: created by f  x.go:1." Where the creators are not known, the number only; what the
 * suspect says, where they are one. */
static void write_goroutines(const struct analysis *analysis, struct text *text)
{
    const struct suspect *suspect = find_suspect(analysis, SUSPECT_GOROUTINES_GROW);
    if (suspect) {
        write_suspect(suspect, text);
        return;
    }
    const struct goroutine_row *row = top_goroutines(analysis);
    const struct growth *growth = row ? &row->growth : &analysis->goroutine_count;
    if (!grows(growth))
        return;
    text_append(text, text->length ? " Goroutines grow " : "Goroutines grow ");
    write_count_rate(text, growth->per_second);
    write_since(analysis, growth, text);
    if (row && (row->group.created_by || row->group.start)) {
        text_append(text, row->group.created_by ? ": created by " : ": ");
        frame_id frame = row->group.created_by ? row->group.created_by : row->group.start;
        catalog_write_frame(analysis->snapshot->catalog, frame, text);
    }
    text_append(text, ".");
}

/* Why the call site that is named need not be the one that stands first in the lists: it is weighed with those that it
 * brings along, they by the growth of one alone. */
static void write_company(const struct analysis *analysis, const struct suspect *suspect, struct text *text)
{
    const struct allocation_row *fastest = top_site(analysis);
    if (suspect && suspect->num_folded > 0)
        text_printf(text, " and %u site%s on its path", suspect->num_folded, suspect->num_folded == 1 ? "" : "s");
    if (suspect && fastest && fastest->subject != suspect->subject) {
        text_append(text, "; fastest alone: ");
        write_site(analysis, fastest, text);
    }
}

/* "; 92% of the gain passes through f  x.go:1": no site alone is told from chance yet, or much of the gain, but what is
 * above them is. */
static void write_common_path(const struct analysis *analysis, struct text *text)
{
    double share;
    char percent[UNITS_BUFFER];
    frame_id frame = common_path_find(analysis, &share);
    if (!frame)
        return;
    text_printf(text, "; %s of the gain passes through ", units_format_percent(percent, share));
    catalog_write_frame(analysis->snapshot->catalog, frame, text);
}

static void write_heap_growth(const struct analysis *analysis, struct text *text)
{
    text_append(text, "Growing ");
    sentence_add_rate(text, analysis->heap.per_second);
    write_since(analysis, &analysis->heap, text);
    text_append(text, ".");
    const struct suspect *suspect = top_suspect(analysis);
    const struct allocation_row *fastest = top_site(analysis);
    /* While a program starts its call sites are not suspected: goroutines that are must not seem to be the cause of
     * what a site gains. */
    if (suspect && suspect->kind == SUSPECT_GOROUTINES_GROW && fastest &&
        fastest->growth_share > (isnan(suspect->share) ? 0 : suspect->share))
        suspect = NULL;
    frame_id site = suspect ? suspect->subject : fastest ? fastest->subject : 0;
    if (suspect && suspect->kind != SUSPECT_SITE_GROWS) {
        if (suspect->kind != SUSPECT_GOROUTINES_GROW)
            write_suspect(suspect, text);
    } else if (site) {
        char percent[UNITS_BUFFER];
        double part = suspect ? suspect->share : fastest->growth_share;
        if (isnan(part))
            text_append(text, " Fastest: ");
        else if (part > 0.95)
            text_append(text, " Nearly all of it: ");
        else
            text_printf(text, " %s of it: ", units_format_percent(percent, part));
        catalog_write_frame(analysis->snapshot->catalog, site, text);
        write_company(analysis, suspect, text);
        /* One of many: what they have in common says more. */
        if (part < SMALL_SHARE)
            write_common_path(analysis, text);
        text_append(text, ".");
    } else if (analysis->snapshot->profile_state == PROFILE_ON) {
        text_append(text, " No call site stands out yet");
        write_common_path(analysis, text);
        text_append(text, analysis->unattributed && analysis->unattributed->growth.verdict == GROWTH_SHRINKING
                              ? ": what was allocated before profiling was switched on is still being replaced."
                              : ".");
    } else {
        text_append(text, " Which code, the heap profile would tell");
        if (analysis->snapshot->profile_reason)
            text_printf(text, ": %s", analysis->snapshot->profile_reason);
        text_append(text, ".");
    }
}

/* "live heap 640 MB" */
static void write_live_heap(const struct analysis *analysis, struct text *text)
{
    text_append(text, "live heap ");
    sentence_add_bytes(text, snapshot_counter_or(analysis->snapshot, COUNTER_HEAP_MARKED, NAN));
}

static void write_waiting(const struct analysis *analysis, struct text *text)
{
    uint32_t seen = analysis->cycles_seen;
    text_printf(text, "Watching: %u GC cycle%s so far, the verdict needs %d", seen, seen == 1 ? "" : "s",
                GROWTH_MIN_OBSERVATIONS);
    const struct counter *gogc = &analysis->snapshot->counters[COUNTER_GOGC];
    double watched = (double)(analysis->snapshot->unix_ns - analysis->first_unix_ns);
    bool is_slow = false;
    if (counter_known(gogc) && gogc->value.integer < 0 && analysis->limit_bytes == 0) {
        text_append(text, "; GOGC is off in this program");
    } else if (analysis->gc_per_s > 0 && analysis->gc_per_s < SLOW_GC_PER_S) {
        is_slow = true;
        text_append(text, "; one comes about every ");
        sentence_add_duration(text, 1e9 / analysis->gc_per_s);
    } else if (!(analysis->gc_per_s > 0) && watched * SLOW_GC_PER_S > 2e9) {
        is_slow = true;
        text_append(text, "; none came in ");
        sentence_add_duration(text, watched);
    }
    text_append(text, ".");
    if (is_slow && analysis->alloc_bytes_per_s_window >= 0) {
        text_append(text, " It allocates ");
        sentence_add_rate(text, analysis->alloc_bytes_per_s_window);
        text_append(text, " in all, and can grow no faster.");
    }
    if (analysis->rss.verdict == GROWTH_PLATEAU)
        text_append(text, " RSS is steady.");
}

/* What of malloc's heap has grown most since it was first read, if that is most of RSS's growth. */
static void write_malloc_growth(const struct analysis *analysis, struct text *text)
{
    const struct malloc_type_row *type = NULL;
    const struct malloc_class_row *class = NULL;
    for (size_t i = 0; i < analysis->num_malloc_types; i++) {
        const struct malloc_type_row *row = &analysis->malloc_types[i];
        if (!type || row->growth.bytes_per_s > type->growth.bytes_per_s)
            type = row;
    }
    for (size_t i = 0; i < analysis->num_malloc_classes; i++) {
        const struct malloc_class_row *row = &analysis->malloc_classes[i];
        if (!class || row->growth.bytes_per_s > class->growth.bytes_per_s)
            class = row;
    }
    double least = analysis->rss.per_second * MOST_OF_GROWTH;
    if (type && type->growth.bytes_per_s >= least) {
        text_printf(text, ". Most of it so far: objects of %s, ",
                    catalog_string(analysis->snapshot->catalog, type->type.name));
        sentence_add_rate(text, type->growth.bytes_per_s);
        text_append(text, ".");
    } else if (class && class->growth.bytes_per_s >= least && class->class.largest != UINT64_MAX) {
        text_printf(text, ". Most of it so far: malloc's chunks of up to %llu bytes, ",
                    (unsigned long long)class->class.largest);
        sentence_add_rate(text, class->growth.bytes_per_s);
        text_append(text, ".");
    } else {
        const struct malloc_heap *heap = analysis->malloc_heap;
        if (heap && !heap->known && heap->allocator && *heap->allocator) {
            text_printf(text, ". What holds it cannot be read: %s serves its allocations.", heap->allocator);
            return;
        }
        text_append(text, analysis->malloc_unix_ns > analysis->first_malloc_unix_ns
                              ? ". No class of objects and no size of malloc's chunks stands out yet."
                              : ". What holds it is not known yet.");
    }
}

static void write_rss(const struct analysis *analysis, struct text *text)
{
    text_append(text, "RSS ");
    sentence_add_bytes(text, snapshot_counter_or(analysis->snapshot, COUNTER_RSS, NAN));
    bool moves = analysis->rss.verdict == GROWTH_GROWING || analysis->rss.verdict == GROWTH_SHRINKING;
    if (moves) {
        text_append(text, analysis->rss.verdict == GROWTH_GROWING ? ", growing" : ", shrinking");
        write_judged_time(analysis, text);
    } else {
        write_no_growth(analysis, &analysis->rss, text);
    }
    text_append(text, ".");
}

/* Without a GC there is RSS to judge by, and malloc's heap where it can be read. */
static void write_native(const struct analysis *analysis, struct text *text)
{
    const struct malloc_heap *heap = analysis->malloc_heap;
    if (analysis->rss.verdict == GROWTH_TOO_FEW) {
        text_printf(text, "Watching: too few samples so far, the verdict needs %d.", GROWTH_MIN_SAMPLES);
        return;
    }
    text_append(text, analysis->rss.verdict == GROWTH_SHRINKING ? "" : "Not growing: ");
    write_rss(analysis, text);
    if (heap && heap->known) {
        text_append(text, " Of malloc's heap ");
        sentence_add_bytes(text, (double)(heap->used_bytes - heap->cache_bytes));
        text_append(text, " are in use.");
    }
}

/* The heap of another runtime, and RSS behind it where that was judged. */
static void write_managed(const struct analysis *analysis, struct text *text)
{
    managed_heap_write(analysis, text);
    if (analysis->rss.verdict == GROWTH_TOO_FEW)
        return;
    text_append(text, " ");
    write_rss(analysis, text);
}

static void write_no_heap(const struct analysis *analysis, struct text *text)
{
    if (analysis->managed.kind != MANAGED_NONE) {
        write_managed(analysis, text);
        return;
    }
    if (!analysis_is_go(analysis)) {
        write_native(analysis, text);
        return;
    }
    text_append(text, "The Go heap cannot be read");
    if (analysis->snapshot->profile_reason)
        text_printf(text, ": %s", analysis->snapshot->profile_reason);
    text_append(text, ".");
    if (analysis->rss.verdict == GROWTH_TOO_FEW)
        return;
    text_append(text, " ");
    write_rss(analysis, text);
}

static void write_calm(const struct analysis *analysis, struct text *text)
{
    if (analysis->heap.verdict == GROWTH_SHRINKING) {
        text_append(text, "Shrinking ");
        sentence_add_rate(text, -analysis->heap.per_second);
        write_since(analysis, &analysis->heap, text);
        text_append(text, ": ");
        write_live_heap(analysis, text);
    } else {
        text_append(text, "Not growing: ");
        write_live_heap(analysis, text);
        write_no_growth(analysis, &analysis->heap, text);
    }
    text_append(text, ".");
    if (analysis->snapshot->profile_state == PROFILE_OFF)
        text_append(text, " The heap profile is off: no call sites.");
}

static void write_rss_growth(const struct analysis *analysis, struct text *text)
{
    text_append(text, "RSS grows ");
    sentence_add_rate(text, analysis->rss.per_second);
    write_since(analysis, &analysis->rss, text);
    const struct allocation_row *site = top_site(analysis);
    if (analysis->managed.kind != MANAGED_NONE && !site) {
        text_append(text, ". ");
        managed_heap_write(analysis, text);
    } else if (!knows_heap(analysis) && !analysis_is_go(analysis) && site) {
        text_append(text, ". New memory is first touched, ");
        sentence_add_rate(text, site->growth.per_second);
        text_append(text, ", by ");
        write_site(analysis, site, text);
        text_append(text, ".");
    } else if (!knows_heap(analysis)) {
        bool is_sampled = analysis->snapshot->profile_state == PROFILE_ON &&
                          snapshot_profile_kind(analysis->snapshot) == PROFILE_OF_ALLOCATIONS;
        if (analysis_is_go(analysis))
            text_append(text, "; the Go heap cannot be read.");
        else if (is_sampled)
            text_append(text, "; of its sampled call sites none grows so far.");
        else
            write_malloc_growth(analysis, text);
    } else if (analysis->heap.verdict == GROWTH_TOO_FEW) {
        uint32_t seen = analysis->cycles_seen;
        text_printf(text, ". %u GC cycle%s so far: whether it is live or garbage is told after %d.", seen,
                    seen == 1 ? "" : "s", GROWTH_MIN_OBSERVATIONS);
    } else {
        text_append(text, " while the live heap is not growing: garbage between collections, or memory that Go keeps "
                          "for reuse.");
    }
}

/* What several sites keep of what they allocate; no cycle has confirmed it yet. */
static void write_provisional_growth(const struct analysis *analysis, struct text *text)
{
    double sum = 0;
    for (size_t i = 0; i < analysis->num_call_sites && grows(&analysis->call_sites[i].growth); i++)
        sum += analysis->call_sites[i].growth.per_second;
    const struct allocation_row *site = top_site(analysis);
    char percent[UNITS_BUFFER];
    text_append(text, "Seems to grow ");
    sentence_add_rate(text, sum);
    write_since(analysis, &site->growth, text);
    text_printf(text, ", after %u of %d %ss. ", analysis->cycles_seen, GROWTH_MIN_OBSERVATIONS,
                snapshot_profile_step(analysis->snapshot));
    if (site->growth.per_second < sum)
        text_printf(text, "%s of it: ", units_format_percent(percent, site->growth.per_second / sum));
    write_site(analysis, site, text);
    text_append(text, ", which has freed hardly anything so far.");
}

static void write_site_growth(const struct analysis *analysis, struct text *text)
{
    const struct allocation_row *site = top_site(analysis);
    text_append(text, "Growing ");
    sentence_add_rate(text, site->growth.per_second);
    write_since(analysis, &site->growth, text);
    text_append(text, ": ");
    write_site(analysis, site, text);
    text_append(text, ".");
    if (analysis->heap.verdict != GROWTH_TOO_FEW) {
        text_append(text, analysis->heap.verdict == GROWTH_SAWTOOTH ? " The live heap goes up and down: "
                                                                    : " As a whole the heap does not grow: ");
        write_live_heap(analysis, text);
        text_append(text, ".");
    }
}

/* Where memory outside Go is, as far as its pages were looked at. */
static void write_outside_holders(const struct analysis *analysis, struct text *text)
{
    const struct memory_parts *parts = &analysis->memory_parts;
    if (!parts->known)
        return;
    text_append(text, " C heaps hold ");
    sentence_add_bytes(text, (double)parts->bytes[MEMORY_PART_C_HEAP]);
    text_append(text, ", other anonymous mappings ");
    sentence_add_bytes(text, (double)parts->bytes[MEMORY_PART_ANONYMOUS]);
    text_append(text, ".");
}

struct error *analysis_write_verdict(const struct analysis *analysis, struct text *ret_text)
{
    struct text text = {0};
    switch (find_case(analysis)) {
    case CASE_EXITED:
        text_append(&text, "The process has ended");
        if (analysis->snapshot->exit_reason)
            text_printf(&text, ": %s", analysis->snapshot->exit_reason);
        text_append(&text, ". The figures are its last.");
        break;
    case CASE_HEAP_GROWS:
        write_heap_growth(analysis, &text);
        write_goroutines(analysis, &text);
        write_limit(analysis, &text);
        break;
    case CASE_SUSPECT:
        write_suspect(top_suspect(analysis), &text);
        write_limit(analysis, &text);
        break;
    case CASE_SITE_GROWS:
        write_site_growth(analysis, &text);
        write_goroutines(analysis, &text);
        break;
    case CASE_SITE_SEEMS_TO_GROW:
        write_provisional_growth(analysis, &text);
        break;
    case CASE_GOROUTINES_GROW:
        write_goroutines(analysis, &text);
        write_limit(analysis, &text);
        break;
    case CASE_OUTSIDE_GROWS:
        text_append(&text, "RSS grows ");
        sentence_add_rate(&text, analysis->rss.per_second);
        write_since(analysis, &analysis->rss, &text);
        text_append(&text, " while the Go heap is flat: memory outside Go (cgo, mmap).");
        write_outside_holders(analysis, &text);
        write_limit(analysis, &text);
        break;
    case CASE_MANAGED_GROWS:
        write_managed(analysis, &text);
        write_limit(analysis, &text);
        break;
    case CASE_RSS_GROWS:
        write_rss_growth(analysis, &text);
        write_limit(analysis, &text);
        break;
    case CASE_IDLE_HEAP:
        write_calm(analysis, &text);
        text_append(&text, " RSS is ");
        sentence_add_bytes(&text, snapshot_counter_or(analysis->snapshot, COUNTER_RSS, NAN));
        text_append(&text, " but ");
        sentence_add_bytes(&text, kept_heap(analysis));
        text_append(&text, " of it is idle heap kept for reuse: not a leak.");
        break;
    case CASE_NO_HEAP:
        write_no_heap(analysis, &text);
        break;
    case CASE_WAITING:
        write_waiting(analysis, &text);
        break;
    case CASE_CALM:
        write_calm(analysis, &text);
        break;
    }
    if (text.failed) {
        text_deinit(&text);
        return error_no_memory();
    }
    *ret_text = text;
    return NULL;
}
