#include "attach/go/spans.h"

#include <stdlib.h>

#include "attach/go/cached_spans.h"
#include "attach/go/copied_struct.h"
#include "attach/go/peek.h"
#include "attach/go/record_set.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

/* runtime/malloc.go, linux/amd64: heapArenaBytes, arenaBaseOffset. An arena's index counts from the lowest canonical
 * address. */
#define ARENA_BYTES (UINT64_C(64) << 20)
#define ARENA_BASE_OFFSET UINT64_C(0xffff800000000000)
/* arenas[0], the only first level, points at so many (1 << arenaL2Bits). */
#define ARENA_INDICES (UINT64_C(1) << 22)
/* runtime/sizeclasses.go: pageSize. */
#define GO_PAGE_BYTES UINT64_C(8192)
/* runtime/mheap.go: mSpanInUse, mSpanManual; 0 is a span that is not used. */
#define STATE_IN_USE 1u
#define STATE_MANUAL 2u
/* Addresses in one block of so many bytes lie in one region. */
#define ADDRESS_BLOCK_SHIFT 16
#define POINTERS_A_READ 8192u

static const char arenas_missing[] = "runtime.mheap_ was not found, or its layout is not known";
static const char spans_missing[] = "the heap's list of spans could not be read";
static const char spans_too_many[] = "the heap has more spans than are looked at";

struct span_reading {
    const struct go_layout *layout;
    struct heap_survey *survey;
    const struct record_set *set;
    struct cached_spans cached;
    uint32_t sweep_generation;      /* mheap_.sweepgen; 0 when not known. */
    size_t start;           /* Where in a span the copied bytes begin. */
    size_t size;
    bool out_of_memory;
};

static const enum go_field span_fields[] = {
    GO_FIELD_MSPAN_START_ADDR, GO_FIELD_MSPAN_NPAGES, GO_FIELD_MSPAN_STATE, GO_FIELD_MSPAN_SPANCLASS,
    GO_FIELD_MSPAN_NELEMS, GO_FIELD_MSPAN_ALLOC_COUNT, GO_FIELD_MSPAN_ELEMSIZE, GO_FIELD_MSPAN_SWEEPGEN,
};

/* runtime/mheap.go mspan.sweepgen, Go 1.19-1.27: two below the heap's where it is to be swept, one below while it is
 * being swept; one above in a cache that was filled before the sweep began. */
static bool is_unswept(uint32_t generation, uint32_t heap_generation)
{
    return heap_generation != 0 && (generation == heap_generation - 2 || generation == heap_generation - 1 ||
                                    generation == heap_generation + 1);
}

static const struct heap_range *find_arena(const struct heap_survey *survey, uint64_t address)
{
    size_t low = 0, high = survey->arenas.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct heap_range *range = &survey->arenas.items[middle];
        if (address < range->start)
            high = middle;
        else if (address >= range->end)
            low = middle + 1;
        else
            return range;
    }
    return NULL;
}

/* A span's bytes may be torn, or be those of one that is let go of just now: what does not fit the heap is left out. */
static void take_span(void *context, size_t index, const uint8_t *bytes)
{
    struct span_reading *reading = context;
    if (!bytes)
        return;
    const struct copied_struct copied = {
        .layout = reading->layout, .bytes = bytes, .size = reading->size, .start = reading->start};
    uint64_t state = copied_struct_get_or_zero(&copied, GO_FIELD_MSPAN_STATE);
    uint64_t start = copied_struct_get_or_zero(&copied, GO_FIELD_MSPAN_START_ADDR);
    uint64_t pages = copied_struct_get_or_zero(&copied, GO_FIELD_MSPAN_NPAGES);
    if (state != STATE_IN_USE && state != STATE_MANUAL)
        return;
    const struct heap_range *arena = find_arena(reading->survey, start);
    if (!arena || start % GO_PAGE_BYTES != 0 || pages == 0 || pages > (arena->end - start) / GO_PAGE_BYTES)
        return;
    uint64_t class = copied_struct_get_or_zero(&copied, GO_FIELD_MSPAN_SPANCLASS);
    uint64_t slots = copied_struct_get_or_zero(&copied, GO_FIELD_MSPAN_NELEMS);
    uint64_t objects = copied_struct_get_or_zero(&copied, GO_FIELD_MSPAN_ALLOC_COUNT);
    struct heap_span span = {
        .start = start,
        .size = pages * GO_PAGE_BYTES,
        .object_size = copied_struct_get_or_zero(&copied, GO_FIELD_MSPAN_ELEMSIZE),
        .use = state == STATE_IN_USE ? SPAN_OBJECTS : SPAN_MANUAL,
        .is_large = class >> 1 == 0,
        .no_scan = class & 1,
    };
    if (span.use == SPAN_OBJECTS) {
        if (span.object_size == 0 || slots == 0 || slots > span.size || slots > span.size / span.object_size)
            return;
        span.slots = (uint32_t)slots;
        span.objects = (uint32_t)(objects < slots ? objects : slots);
        span.is_unswept = is_unswept((uint32_t)copied_struct_get_or_zero(&copied, GO_FIELD_MSPAN_SWEEPGEN),
                                     reading->sweep_generation);
        const uint64_t *cache =
            table_find(&reading->cached.by_address, reading->set->addresses.items[index] - reading->start);
        span.cache = cache ? (uint32_t)*cache : 0;
    }
    if (!vector_append(&reading->survey->spans, span))
        reading->out_of_memory = true;
}

static int compare_spans(const void *left, const void *right)
{
    uint64_t a = ((const struct heap_span *)left)->start, b = ((const struct heap_span *)right)->start;
    return (a > b) - (a < b);
}

static int compare_ranges(const void *left, const void *right)
{
    uint64_t a = ((const struct heap_range *)left)->start, b = ((const struct heap_range *)right)->start;
    return (a > b) - (a < b);
}

/* By address, and of two that overlap (one of them was let go of during the reading) the first. */
static void order_spans(struct heap_survey *survey)
{
    if (survey->spans.count == 0)
        return;
    qsort(survey->spans.items, survey->spans.count, sizeof(*survey->spans.items), compare_spans);
    size_t kept = 0;
    for (size_t i = 0; i < survey->spans.count; i++) {
        const struct heap_span *last = kept ? &survey->spans.items[kept - 1] : NULL;
        if (!last || survey->spans.items[i].start >= last->start + last->size)
            survey->spans.items[kept++] = survey->spans.items[i];
    }
    survey->spans.count = kept;
}

static struct error *add_runtime_address(struct heap_survey *survey, remote_address address)
{
    size_t count = survey->runtime_addresses.count;
    if (address == 0 || (count > 0 && survey->runtime_addresses.items[count - 1] >> ADDRESS_BLOCK_SHIFT ==
                                          address >> ADDRESS_BLOCK_SHIFT))
        return NULL;
    return vector_append(&survey->runtime_addresses, address) ? NULL : error_no_memory();
}

/* mheap.allArenas (1.19-1.24), heapArenas (1.25-1.27): indices of all arenas that were ever mapped. */
static struct error *read_arenas(const struct go_process *process, struct peek *peek, struct heap_survey *survey)
{
    remote_address heap = go_variable(process, GO_VARIABLE_MHEAP);
    const struct go_layout *layout = &process->layout;
    if (!heap || !go_layout_has(layout, GO_FIELD_MHEAP_HEAP_ARENAS) || !go_layout_has(layout, GO_FIELD_MHEAP_ARENAS))
        return NULL;
    remote_address list = heap + (uint64_t)layout->offset[GO_FIELD_MHEAP_HEAP_ARENAS];
    remote_address indices = peek_u64(peek, list);
    uint64_t count = peek_u64(peek, list + 8);
    remote_address table = peek_u64(peek, heap + (uint64_t)layout->offset[GO_FIELD_MHEAP_ARENAS]);
    if (peek->failed || count > SPANS_MAX_ARENAS)
        return NULL;
    struct error *error = add_runtime_address(survey, indices);
    for (uint64_t i = 0; !error && i < count; i++) {
        uint64_t index = peek_u64(peek, indices + i * 8);
        if (peek->failed || index >= ARENA_INDICES)
            continue;
        struct heap_range range = {.start = index * ARENA_BYTES + ARENA_BASE_OFFSET};
        range.end = range.start + ARENA_BYTES;
        if (!vector_append(&survey->arenas, range))
            return error_no_memory();
        error = add_runtime_address(survey, table + index * 8);
        if (!error)
            error = add_runtime_address(survey, peek_u64(peek, table + index * 8));
    }
    if (error || survey->arenas.count == 0)
        return error;
    qsort(survey->arenas.items, survey->arenas.count, sizeof(*survey->arenas.items), compare_ranges);
    size_t kept = 0;
    for (size_t i = 0; i < survey->arenas.count; i++) {
        /* Spans may reach over several arenas that lie side by side: one range. */
        if (kept && survey->arenas.items[i].start <= survey->arenas.items[kept - 1].end)
            survey->arenas.items[kept - 1].end = survey->arenas.items[i].end;
        else
            survey->arenas.items[kept++] = survey->arenas.items[i];
    }
    survey->arenas.count = kept;
    return NULL;
}

/* The pointers of mheap.allspans into the set. */
static struct error *list_spans(struct peek *peek, remote_address spans, uint64_t count, struct heap_survey *survey,
                                struct record_set *set, size_t start)
{
    _cleanup_free_ uint8_t *chunk = malloc(POINTERS_A_READ * 8);
    if (!chunk)
        return error_no_memory();
    struct error *error = add_runtime_address(survey, spans);
    for (uint64_t at = 0; !error && at < count; at += POINTERS_A_READ) {
        size_t wanted = count - at < POINTERS_A_READ ? (size_t)(count - at) : POINTERS_A_READ;
        if (!peek_bytes(peek, spans + at * 8, chunk, wanted * 8))
            return take_pointer(peek->error);
        struct cursor cursor = cursor_over(chunk, wanted * 8);
        for (size_t i = 0; !error && i < wanted; i++) {
            remote_address span = cursor_u64(&cursor);
            if (span == 0 || span % 8 != 0 || span > UINT64_MAX - COPIED_STRUCT_MAX_BYTES)
                continue;
            error = add_runtime_address(survey, span);
            if (!error)
                error = record_set_add(set, span + start);
        }
    }
    return error;
}

/* Left as it is where it cannot be read. */
static struct error *read_sweep_generation(const struct go_process *process, uint32_t *ret_generation)
{
    struct peek peek = {.memory = process->context.memory};
    int32_t offset = process->layout.offset[GO_FIELD_MHEAP_SWEEPGEN];
    if (offset == GO_OFFSET_MISSING)
        return NULL;
    uint32_t generation = peek_u32(&peek, go_variable(process, GO_VARIABLE_MHEAP) + (uint64_t)offset);
    if (!peek.failed)
        *ret_generation = generation;
    return peek.error;
}

static struct error *read_spans(const struct go_process *process, struct peek *peek, struct heap_survey *survey)
{
    const struct go_layout *layout = &process->layout;
    struct span_reading reading = {.layout = layout, .survey = survey};
    survey->reason = spans_missing;
    if (!go_layout_has(layout, GO_FIELD_MHEAP_ALLSPANS) ||
        !go_layout_has_all(layout, span_fields, ARRAY_SIZE(span_fields)) ||
        !go_layout_range(layout, span_fields, ARRAY_SIZE(span_fields), &reading.start, &reading.size) ||
        reading.size > RECORD_SET_MAX_RECORD_BYTES)
        return NULL;
    remote_address list = go_variable(process, GO_VARIABLE_MHEAP) + (uint64_t)layout->offset[GO_FIELD_MHEAP_ALLSPANS];
    remote_address spans = peek_u64(peek, list);
    uint64_t count = peek_u64(peek, list + 8);
    if (peek->failed || count == 0)
        return NULL;
    if (count > SPANS_MAX) {
        survey->reason = spans_too_many;
        return NULL;
    }
    struct record_set set = {0};
    reading.set = &set;
    struct error *error = read_sweep_generation(process, &reading.sweep_generation);
    if (!error)
        error = cached_spans_read(&reading.cached, process, survey);
    if (!error)
        error = record_set_init(&set, process->context.memory, reading.size);
    if (!error)
        error = list_spans(peek, spans, count, survey, &set, reading.start);
    /* The list moves when it grows; what was read of it then is the old one, of which the runtime lets go at
     * leisure. */
    if (!error && !peek->failed && vector_reserve(&survey->spans, set.addresses.count))
        error = record_set_read(&set, take_span, &reading);
    record_set_deinit(&set);
    cached_spans_deinit(&reading.cached);
    if (!error && reading.out_of_memory)
        error = error_no_memory();
    if (error || peek->failed)
        return error;
    order_spans(survey);
    survey->spans_known = true;
    survey->reason = NULL;
    return NULL;
}

struct error *spans_survey(const struct go_process *process, struct heap_survey *survey)
{
    struct peek peek = {.memory = process->context.memory};
    struct error *error = read_arenas(process, &peek, survey);
    if (!error && !peek.error) {
        survey->reason = arenas_missing;
        if (survey->arenas.count > 0 && !peek.failed)
            error = read_spans(process, &peek, survey);
    }
    if (error) {
        error_destroy(peek.error);
        return error;
    }
    return peek.error;
}
