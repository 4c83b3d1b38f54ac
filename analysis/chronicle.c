/* Samples are put together in bins of even width; the bins of one process are cut into stretches that a straight line
 * each fits, by merging neighbours for as long as that costs no more than the values' own noise explains; and what a
 * stretch is called follows from how far it rises. */
#include "heaptop/analysis/chronicle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "heaptop/base/vector.h"

#define SECOND UINT64_C(1000000000)
/* When there are so many, each two become one. */
#define MAX_BINS 1024
/* A rise is one when it is so many times the noise, such a part of the value, and so many bytes. */
#define RISE_NOISES 4
#define RISE_PART 0.05
#define SMALLEST_RISE (1 << 20)
/* Merging costs nothing as long as the line fits so well: noise is not below this part of the value. */
#define SMALLEST_NOISE 0.002
/* A line more must save so many variances of the noise in squared distances. */
#define LINE_COST 20
/* Growing phases in a row are told as one when their rates are no further apart. */
#define SAME_RATE 2.0
/* A chronology is short. */
#define MAX_PHASES_OF_PROCESS 12
/* No phase is shorter than this part of the time. */
#define SHORTEST_PART 64
/* The runtime forces a cycle every two minutes: no more than these is idle. */
#define IDLE_CYCLE_SECONDS 100

struct bin {
    uint64_t from_unix_ns, to_unix_ns;
    uint32_t process, samples;
    double marked, rss;                 /* The last; NAN where not known. */
    double first_goroutines, goroutines, first_gc, gc, first_pause, pause;
};

struct chronicler {
    VECTOR(struct bin) bins;
    uint64_t width_ns;
    struct chronicle chronicle;
    struct chronicle_sample last;       /* Figures as known last. */
};

const char *phase_kind_name(enum phase_kind kind)
{
    static const char *const names[] = {[PHASE_IDLE] = "idle",
                                        [PHASE_PLATEAU] = "plateau",
                                        [PHASE_GROWING] = "growing",
                                        [PHASE_SHRINKING] = "shrinking"};
    return names[kind];
}

/* ---- bins ---- */

struct error *chronicler_create(struct chronicler **ret_chronicler)
{
    struct chronicler *chronicler = calloc(1, sizeof(*chronicler));
    if (!chronicler)
        return error_no_memory();
    chronicler->width_ns = SECOND;
    chronicler->chronicle.peak_rss_bytes = chronicler->chronicle.peak_goroutines = NAN;
    *ret_chronicler = chronicler;
    return NULL;
}

void chronicler_destroy(struct chronicler *chronicler)
{
    if (!chronicler)
        return;
    vector_deinit(&chronicler->bins);
    free(chronicler);
}

/* The second of two bins of one process into the first. */
static void bin_merge(struct bin *bin, const struct bin *next)
{
    bin->to_unix_ns = next->to_unix_ns;
    bin->samples += next->samples;
    bin->marked = next->marked;
    bin->rss = next->rss;
    bin->goroutines = next->goroutines;
    bin->gc = next->gc;
    bin->pause = next->pause;
}

/* Where the processes are many, so are the bins: a bin is never of two. */
static void widen(struct chronicler *chronicler)
{
    size_t kept = 0;
    chronicler->width_ns *= 2;
    for (size_t i = 0; i < chronicler->bins.count; i++) {
        struct bin *bin = &chronicler->bins.items[i], *before = kept ? &chronicler->bins.items[kept - 1] : NULL;
        if (before && before->process == bin->process &&
            before->from_unix_ns / chronicler->width_ns == bin->from_unix_ns / chronicler->width_ns)
            bin_merge(before, bin);
        else
            chronicler->bins.items[kept++] = *bin;
    }
    chronicler->bins.count = kept;
}

static struct error *add_bin(struct chronicler *chronicler, const struct chronicle_sample *sample)
{
    const struct bin bin = {.from_unix_ns = sample->unix_ns,
                            .to_unix_ns = sample->unix_ns,
                            .process = sample->process,
                            .samples = 1,
                            .marked = sample->heap_marked_bytes,
                            .rss = sample->rss_bytes,
                            .first_goroutines = sample->goroutines,
                            .goroutines = sample->goroutines,
                            .first_gc = sample->num_gc,
                            .gc = sample->num_gc,
                            .first_pause = sample->pause_total_ns,
                            .pause = sample->pause_total_ns};
    struct bin *last = chronicler->bins.count ? &chronicler->bins.items[chronicler->bins.count - 1] : NULL;
    if (last && last->process == bin.process &&
        last->from_unix_ns / chronicler->width_ns == bin.from_unix_ns / chronicler->width_ns) {
        bin_merge(last, &bin);
        return NULL;
    }
    if (chronicler->bins.count >= MAX_BINS + 2 * chronicler->chronicle.num_processes)
        widen(chronicler);
    return vector_append(&chronicler->bins, bin) ? NULL : error_no_memory();
}

/* ---- samples ---- */

static double known_or(double value, double before)
{
    return isnan(value) ? before : value;
}

static void add_to_process(struct chronicle *chronicle, const struct chronicle_sample *sample)
{
    size_t count = chronicle->num_processes;
    struct chronicle_process *process = count ? &chronicle->processes[count - 1] : NULL;
    if (!process || process->process != sample->process) {
        if (count == CHRONICLE_MAX_PROCESSES) {
            chronicle->processes_not_listed += sample->exited;
            return;
        }
        process = &chronicle->processes[chronicle->num_processes++];
        *process = (struct chronicle_process){
            .process = sample->process, .first_unix_ns = sample->unix_ns, .peak_rss_bytes = NAN};
    }
    process->last_unix_ns = sample->unix_ns;
    process->samples++;
    process->exited = sample->exited;
    if (!isnan(sample->rss_bytes) && !(sample->rss_bytes <= process->peak_rss_bytes)) {
        process->peak_rss_bytes = sample->rss_bytes;
        process->peak_rss_unix_ns = sample->unix_ns;
    }
}

struct error *chronicler_add(struct chronicler *chronicler, const struct chronicle_sample *added)
{
    struct chronicle *chronicle = &chronicler->chronicle;
    const struct chronicle_sample *last = &chronicler->last;
    struct chronicle_sample sample = *added;
    if (chronicle->samples > 0 && last->process == sample.process) {
        sample.rss_bytes = known_or(sample.rss_bytes, last->rss_bytes);
        sample.heap_marked_bytes = known_or(sample.heap_marked_bytes, last->heap_marked_bytes);
        sample.goroutines = known_or(sample.goroutines, last->goroutines);
        sample.num_gc = known_or(sample.num_gc, last->num_gc);
        sample.pause_total_ns = known_or(sample.pause_total_ns, last->pause_total_ns);
    }
    chronicler->last = sample;
    if (chronicle->samples++ == 0)
        chronicle->first_unix_ns = sample.unix_ns;
    chronicle->last_unix_ns = sample.unix_ns;
    add_to_process(chronicle, &sample);
    if (!isnan(sample.rss_bytes) && !(sample.rss_bytes <= chronicle->peak_rss_bytes)) {
        chronicle->peak_rss_bytes = sample.rss_bytes;
        chronicle->peak_rss_unix_ns = sample.unix_ns;
    }
    if (!isnan(sample.goroutines) && !(sample.goroutines <= chronicle->peak_goroutines)) {
        chronicle->peak_goroutines = sample.goroutines;
        chronicle->peak_goroutines_unix_ns = sample.unix_ns;
    }
    return add_bin(chronicler, &sample);
}

/* ---- lines ---- */

/* Sums over points, from which a line's fit follows; times in seconds from the first bin. */
struct sums {
    double n, t, v, tt, tv, vv;
};

struct stretch {
    size_t first, last;     /* Bins. */
    struct sums sums;
};

static double bin_value(const struct bin *bin, bool by_heap)
{
    return by_heap ? bin->marked : bin->rss;
}

static struct sums sums_add(const struct sums *a, const struct sums *b)
{
    return (struct sums){a->n + b->n, a->t + b->t, a->v + b->v, a->tt + b->tt, a->tv + b->tv, a->vv + b->vv};
}

static double slope(const struct sums *sums)
{
    double spread = sums->tt - sums->t * sums->t / sums->n;
    return spread > 1e-9 ? (sums->tv - sums->t * sums->v / sums->n) / spread : 0;
}

/* Squared distances from the line that fits best. */
static double misfit(const struct sums *sums)
{
    double level = sums->vv - sums->v * sums->v / sums->n,
           explained = slope(sums) * (sums->tv - sums->t * sums->v / sums->n), left = level - explained;
    return left > 0 ? left : 0;
}

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* As a part of the value, by how far values are off the line between their neighbours: what varies, varies more where
 * it is large. */
static double noise_of(const struct bin *bins, size_t count, bool by_heap)
{
    double noise = 0, *off = calloc(count, sizeof(*off));
    size_t differing = 0;
    for (size_t i = 1; off && i + 1 < count; i++) {
        double value = bin_value(&bins[i], by_heap);
        double difference =
            fabs(value - (bin_value(&bins[i - 1], by_heap) + bin_value(&bins[i + 1], by_heap)) / 2) / sqrt(1.5);
        /* A value that stays between two GC cycles says nothing. */
        if (difference > 0 && value > 0)
            off[differing++] = difference / value;
    }
    if (differing > 0) {
        qsort(off, differing, sizeof(*off), compare_doubles);
        noise = 1.4826 * off[differing / 2];
    }
    free(off);
    return noise > SMALLEST_NOISE ? noise : SMALLEST_NOISE;
}

/* How much worse one line for both fits than one for each, in variances of the noise. */
static double merge_cost(const struct stretch *a, const struct stretch *b, double noise)
{
    struct sums both = sums_add(&a->sums, &b->sums);
    double size = noise * both.v / both.n;
    return size > 0 ? (misfit(&both) - misfit(&a->sums) - misfit(&b->sums)) / (size * size) : 0;
}

/* Stretch i + 1 into stretch i. */
static void join(struct stretch *stretches, size_t *count, size_t i)
{
    stretches[i].sums = sums_add(&stretches[i].sums, &stretches[i + 1].sums);
    stretches[i].last = stretches[i + 1].last;
    memmove(stretches + i + 1, stretches + i + 2, (*count - i - 2) * sizeof(*stretches));
    --*count;
}

/* What is too short to be told of belongs to the neighbour that it fits better. */
static void join_short(struct stretch *stretches, size_t *count, double noise)
{
    size_t bins = *count ? stretches[*count - 1].last - stretches[0].first + 1 : 0;
    for (size_t i = 0; i < *count && *count > 1;) {
        if ((stretches[i].last - stretches[i].first + 1) * SHORTEST_PART >= bins) {
            i++;
            continue;
        }
        bool is_last = i + 1 == *count,
             joins_before = i > 0 && (is_last || merge_cost(&stretches[i - 1], &stretches[i], noise) <
                                                     merge_cost(&stretches[i], &stretches[i + 1], noise));
        join(stretches, count, joins_before ? i - 1 : i);
        i = 0;
    }
}

static void merge_stretches(struct stretch *stretches, size_t *count, double noise, size_t most)
{
    while (*count > 1) {
        size_t best = 0;
        double least = INFINITY;
        for (size_t i = 0; i + 1 < *count; i++) {
            double cost = merge_cost(&stretches[i], &stretches[i + 1], noise);
            if (cost < least) {
                least = cost;
                best = i;
            }
        }
        if (least > LINE_COST && *count <= most)
            return;
        join(stretches, count, best);
    }
}

/* ---- phases ---- */

static struct chronicle_phase phase_of(const struct bin *bins, const struct stretch *stretch, bool by_heap,
                                       double noise)
{
    const struct bin *first = &bins[stretch->first], *last = &bins[stretch->last];
    double seconds = (double)(last->to_unix_ns - first->from_unix_ns) / 1e9;
    struct chronicle_phase phase = {.process = first->process,
                                    .from_unix_ns = first->from_unix_ns,
                                    .to_unix_ns = last->to_unix_ns,
                                    .from_bytes = bin_value(first, by_heap),
                                    .to_bytes = bin_value(last, by_heap),
                                    .per_second = slope(&stretch->sums),
                                    .from_rss_bytes = first->rss,
                                    .to_rss_bytes = last->rss,
                                    .from_goroutines = first->first_goroutines,
                                    .to_goroutines = last->goroutines,
                                    .cycles = last->gc - first->first_gc,
                                    .pause_ns = last->pause - first->first_pause};
    double rise = phase.per_second * seconds, mean = stretch->sums.v / stretch->sums.n,
           least = RISE_NOISES * noise * mean;
    if (least < RISE_PART * mean)
        least = RISE_PART * mean;
    if (least < SMALLEST_RISE)
        least = SMALLEST_RISE;
    bool is_idle = !isnan(phase.cycles) && phase.cycles * IDLE_CYCLE_SECONDS <= seconds;
    phase.kind = rise >= least    ? PHASE_GROWING
                 : rise <= -least ? PHASE_SHRINKING
                 : is_idle        ? PHASE_IDLE
                                  : PHASE_PLATEAU;
    return phase;
}

static bool is_level(const struct chronicle_phase *phase)
{
    return phase->kind == PHASE_IDLE || phase->kind == PHASE_PLATEAU;
}

/* A short stretch at the rate of its neighbour is a part of it, though it does not rise far by itself. */
static bool is_like(const struct chronicle_phase *a, const struct chronicle_phase *b)
{
    double ratio = a->per_second / b->per_second;
    if (a->process != b->process)
        return false;
    return is_level(a) && is_level(b) ? a->kind == b->kind : ratio < SAME_RATE && ratio > 1 / SAME_RATE;
}

static void add_phase(struct chronicle *chronicle, const struct chronicle_phase *phase)
{
    struct chronicle_phase *last = chronicle->num_phases ? &chronicle->phases[chronicle->num_phases - 1] : NULL;
    if (last && is_like(last, phase)) {
        last->kind = is_level(last) ? phase->kind : last->kind;
        last->to_unix_ns = phase->to_unix_ns;
        last->to_bytes = phase->to_bytes;
        last->to_rss_bytes = phase->to_rss_bytes;
        last->to_goroutines = phase->to_goroutines;
        last->cycles += phase->cycles;
        last->pause_ns += phase->pause_ns;
        double seconds = (double)(last->to_unix_ns - last->from_unix_ns) / 1e9;
        last->per_second = seconds > 0 ? (last->to_bytes - last->from_bytes) / seconds : 0;
        return;
    }
    if (chronicle->num_phases < CHRONICLE_MAX_PHASES)
        chronicle->phases[chronicle->num_phases++] = *phase;
}

/* The bins of one process. */
static struct error *add_process(struct chronicle *chronicle, const struct bin *bins, size_t count, size_t most)
{
    struct stretch *stretches = calloc(count, sizeof(*stretches));
    if (!stretches)
        return error_no_memory();
    size_t num_stretches = 0;
    double noise = noise_of(bins, count, chronicle->by_heap);
    for (size_t i = 0; i < count; i++) {
        double t = (double)(bins[i].to_unix_ns - bins[0].from_unix_ns) / 1e9,
               v = bin_value(&bins[i], chronicle->by_heap);
        if (isnan(v))
            continue;
        stretches[num_stretches++] = (struct stretch){.first = i, .last = i, .sums = {1, t, v, t * t, t * v, v * v}};
    }
    merge_stretches(stretches, &num_stretches, noise, most);
    join_short(stretches, &num_stretches, noise);
    for (size_t i = 0; i < num_stretches; i++) {
        const struct chronicle_phase phase = phase_of(bins, &stretches[i], chronicle->by_heap, noise);
        add_phase(chronicle, &phase);
    }
    free(stretches);
    return NULL;
}

/* The growing phases in a row, plateaus between them, that rose most. */
static void find_growth(struct chronicle *chronicle)
{
    double most = 0;
    for (size_t i = 0; i < chronicle->num_phases; i++) {
        const struct chronicle_phase *first = &chronicle->phases[i];
        for (size_t k = i; k < chronicle->num_phases && first->kind == PHASE_GROWING; k++) {
            const struct chronicle_phase *last = &chronicle->phases[k];
            if (last->process != first->process || last->kind == PHASE_SHRINKING)
                break;
            double rise = last->to_bytes - first->from_bytes;
            if (last->kind != PHASE_GROWING || rise <= most)
                continue;
            most = rise;
            chronicle->growth_first = i;
            chronicle->growth_count = k - i + 1;
        }
    }
}

struct error *chronicler_finish(const struct chronicler *chronicler, struct chronicle *ret_chronicle)
{
    struct chronicle *chronicle = malloc(sizeof(*chronicle));
    struct error *error = chronicle ? NULL : error_no_memory();
    size_t with_heap = 0;
    if (error)
        return error;
    *chronicle = chronicler->chronicle;
    /* Of programs without a GC recordings have 0, or nothing. */
    for (size_t i = 0; i < chronicler->bins.count; i++)
        with_heap += chronicler->bins.items[i].marked > 0;
    chronicle->by_heap = 2 * with_heap > chronicler->bins.count;
    size_t most = CHRONICLE_MAX_PHASES / (chronicle->num_processes ? chronicle->num_processes : 1);
    if (most > MAX_PHASES_OF_PROCESS)
        most = MAX_PHASES_OF_PROCESS;
    for (size_t first = 0, end; !error && first < chronicler->bins.count; first = end) {
        const struct bin *bins = chronicler->bins.items;
        for (end = first; end < chronicler->bins.count && bins[end].process == bins[first].process; end++)
            ;
        error = add_process(chronicle, bins + first, end - first, most ? most : 1);
    }
    find_growth(chronicle);
    if (!error)
        *ret_chronicle = *chronicle;
    free(chronicle);
    return error;
}
