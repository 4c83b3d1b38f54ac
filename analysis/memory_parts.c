#include "heaptop/analysis/memory_parts.h"

/* A part is worth a word from this size and this share of RSS on; what stays open from a smaller share. */
#define NOTABLE_BYTES (UINT64_C(16) << 20)
#define NOTABLE_SHARE 0.2
#define OPEN_SHARE 0.02

const struct memory_part_info memory_part_infos[MEMORY_PART_COUNT] = {
#define X(id, name, label, help) [MEMORY_PART_##id] = {name, label, help},
    MEMORY_PARTS(X)
#undef X
};

static uint64_t counter_or_zero(const struct snapshot *snapshot, enum counter_id id)
{
    const struct counter *counter = &snapshot->counters[id];
    return counter_known(counter) && counter->value.integer > 0 ? (uint64_t)counter->value.integer : 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t both(const struct resident_bytes *resident)
{
    return resident->file + resident->anonymous;
}

/* The pages of spans are seen one by one; what of the objects in them is live the runtime's count tells. */
static void divide_heap(const struct snapshot *snapshot, struct memory_parts *parts)
{
    const struct heap_use *heap = &snapshot->memory_map->heap;
    uint64_t all = both(&snapshot->memory_map->resident[REGION_GO_HEAP]);
    uint64_t live = smaller(heap->object_resident, counter_or_zero(snapshot, COUNTER_HEAP_MARKED));
    if (!counter_known(&snapshot->counters[COUNTER_HEAP_MARKED])) {
        parts->bytes[MEMORY_PART_UNDIVIDED] += heap->object_resident;
    } else {
        parts->bytes[MEMORY_PART_LIVE] = live;
        parts->bytes[MEMORY_PART_RECENT] = heap->object_resident - live;
    }
    parts->bytes[MEMORY_PART_SLACK] = heap->slack_resident;
    parts->bytes[MEMORY_PART_IDLE] = heap->free_resident;
    /* Spans that are managed by hand are stacks, and a few that the GC works with. */
    uint64_t stacks = heap->manual_resident;
    if (counter_known(&snapshot->counters[COUNTER_STACK_INUSE]))
        stacks = smaller(stacks, counter_or_zero(snapshot, COUNTER_STACK_INUSE));
    parts->bytes[MEMORY_PART_GOROUTINES] = stacks;
    parts->bytes[MEMORY_PART_RUNTIME] += heap->manual_resident - stacks;
    uint64_t divided = heap->object_resident + heap->slack_resident + heap->free_resident + heap->manual_resident;
    parts->bytes[MEMORY_PART_UNDIVIDED] += all > divided ? all - divided : 0;
}

/* Without spans the runtime's counts are all there is: what is in use is taken to be resident. */
static void divide_heap_by_counts(const struct snapshot *snapshot, struct memory_parts *parts)
{
    static const enum counter_id needed[] = {COUNTER_HEAP_MARKED, COUNTER_HEAP_ALLOC, COUNTER_HEAP_INUSE,
                                             COUNTER_STACK_INUSE};
    uint64_t left = both(&snapshot->memory_map->resident[REGION_GO_HEAP]);
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (!counter_known(&snapshot->counters[needed[i]])) {
            parts->bytes[MEMORY_PART_UNDIVIDED] = left;
            return;
        }
    }
    uint64_t marked = counter_or_zero(snapshot, COUNTER_HEAP_MARKED),
             alloc = counter_or_zero(snapshot, COUNTER_HEAP_ALLOC);
    uint64_t in_use = counter_or_zero(snapshot, COUNTER_HEAP_INUSE);
    const struct {
        enum memory_part part;
        uint64_t bytes;
    } shares[] = {
        {MEMORY_PART_LIVE, smaller(marked, alloc)},
        {MEMORY_PART_GOROUTINES, counter_or_zero(snapshot, COUNTER_STACK_INUSE)},
        {MEMORY_PART_RECENT, alloc > marked ? alloc - marked : 0},
        {MEMORY_PART_SLACK, in_use > alloc ? in_use - alloc : 0},
        {MEMORY_PART_IDLE, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        parts->bytes[shares[i].part] = smaller(left, shares[i].bytes);
        left -= parts->bytes[shares[i].part];
    }
}

/* What the runtime maps beyond what it counts: its allocator of what is never freed takes chunks of 256 KiB
 * (runtime/malloc.go, persistentChunkSize), and counts what it hands out of them. */
#define RUNTIME_UNCOUNTED_BYTES (UINT64_C(1) << 20)

/* The kernel joins what the program maps to mappings of the runtime beside it, unless these have names: what the
 * runtime does not count for itself is not its own. */
static void divide_runtime(const struct snapshot *snapshot, struct memory_parts *parts)
{
    static const enum counter_id counted[] = {COUNTER_MSPAN_SYS, COUNTER_MCACHE_SYS, COUNTER_BUCKHASH_SYS,
                                              COUNTER_GC_SYS, COUNTER_OTHER_SYS};
    uint64_t own = RUNTIME_UNCOUNTED_BYTES, resident = both(&snapshot->memory_map->resident[REGION_GO_RUNTIME]);
    for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
        if (!counter_known(&snapshot->counters[counted[i]]))
            return;
        own += counter_or_zero(snapshot, counted[i]);
    }
    if (resident <= own)
        return;
    parts->bytes[MEMORY_PART_RUNTIME] -= resident - own;
    parts->bytes[MEMORY_PART_ANONYMOUS] += resident - own;
}

struct memory_parts memory_parts_of(const struct snapshot *snapshot)
{
    struct memory_parts parts = {0};
    const struct memory_map *map = snapshot->memory_map;
    if (!map)
        return parts;
    parts.known = true;
    parts.unix_ns = snapshot->unix_ns;
    parts.took_ns = map->took_ns;
    parts.rss_bytes = map->rss_bytes;
    parts.not_looked_at = map->not_looked_at;
    parts.heap_known = map->heap_known;
    parts.heap_reason = map->heap_reason;
    parts.released_known = counter_known(&snapshot->counters[COUNTER_HEAP_RELEASED]);
    parts.released_bytes = counter_or_zero(snapshot, COUNTER_HEAP_RELEASED);

    static const enum memory_part part_of_kind[REGION_KIND_COUNT] = {
        [REGION_ANONYMOUS] = MEMORY_PART_ANONYMOUS,
        [REGION_GO_HEAP] = MEMORY_PART_COUNT,       /* Divided below. */
        [REGION_GO_RUNTIME] = MEMORY_PART_RUNTIME,
        [REGION_PROGRAM] = MEMORY_PART_PROGRAM,
        [REGION_C_HEAP] = MEMORY_PART_C_HEAP,
        [REGION_THREAD_STACK] = MEMORY_PART_THREAD_STACKS,
        [REGION_FILE] = MEMORY_PART_FILES,
        [REGION_SHARED] = MEMORY_PART_SHARED,
        [REGION_RESERVED] = MEMORY_PART_ANONYMOUS,
        [REGION_MANAGED_HEAP] = MEMORY_PART_MANAGED_HEAP,
    };
    for (int kind = 0; kind < REGION_KIND_COUNT; kind++) {
        if (part_of_kind[kind] != MEMORY_PART_COUNT)
            parts.bytes[part_of_kind[kind]] += both(&map->resident[kind]);
    }
    divide_runtime(snapshot, &parts);
    if (map->heap_known)
        divide_heap(snapshot, &parts);
    else
        divide_heap_by_counts(snapshot, &parts);

    uint64_t sum = 0;
    for (int part = 0; part < MEMORY_PART_UNEXPLAINED; part++)
        sum += parts.bytes[part];
    if (sum <= map->rss_bytes)
        parts.bytes[MEMORY_PART_UNEXPLAINED] = map->rss_bytes - sum;
    else
        parts.excess_bytes = sum - map->rss_bytes;
    return parts;
}

/* ---- what they mean ---- */

static bool is_notable(const struct memory_parts *parts, uint64_t bytes)
{
    return bytes >= NOTABLE_BYTES && (double)bytes >= NOTABLE_SHARE * (double)parts->rss_bytes;
}

static void write_sentence(struct text *text, uint64_t bytes, const char *rest)
{
    char buffer[UNITS_BUFFER];
    if (text->length)
        text_append(text, " ");
    text_append(text, units_format_bytes(buffer, (double)bytes));
    text_append(text, rest);
}

/* What makes people look for a leak in Go code that is not there. */
static void write_outside(const struct memory_parts *parts, struct text *text)
{
    uint64_t c = parts->bytes[MEMORY_PART_C_HEAP], anonymous = parts->bytes[MEMORY_PART_ANONYMOUS];
    /* Beside a Go heap; where there is none it goes without saying. */
    if (is_notable(parts, c) && parts->heap_known)
        write_sentence(text, c, " are malloc of C code: no Go profile shows them.");
    if (is_notable(parts, anonymous))
        write_sentence(text, anonymous,
                       parts->heap_known
                           ? " are mapped outside the Go heap, by mmap or by C code: no Go profile shows them."
                           : " are mapped, by mmap or as large blocks.");
    if (is_notable(parts, parts->bytes[MEMORY_PART_FILES]))
        write_sentence(text, parts->bytes[MEMORY_PART_FILES],
                       " are pages of mapped files, which the kernel takes back when it needs them.");
    if (is_notable(parts, parts->bytes[MEMORY_PART_SHARED]))
        write_sentence(text, parts->bytes[MEMORY_PART_SHARED],
                       " are shared memory, which other processes may hold as well.");
}

struct error *memory_parts_write_note(const struct memory_parts *parts, struct text *ret_text)
{
    struct text text = {0};
    uint64_t idle = parts->bytes[MEMORY_PART_IDLE], slack = parts->bytes[MEMORY_PART_SLACK];
    if (is_notable(parts, idle))
        write_sentence(&text, idle, " are heap kept for reuse: not a leak; Go gives it back bit by bit.");
    if (is_notable(parts, slack))
        write_sentence(
            &text, slack,
            " are free slots between live objects: fragmentation, reused for objects of the same sizes only.");
    if (is_notable(parts, parts->bytes[MEMORY_PART_RECENT]))
        write_sentence(&text, parts->bytes[MEMORY_PART_RECENT],
                       " came since the last GC: how much of it is garbage the next one tells.");
    if (is_notable(parts, parts->bytes[MEMORY_PART_GOROUTINES]))
        write_sentence(&text, parts->bytes[MEMORY_PART_GOROUTINES], " are stacks: very many goroutines, or deep ones.");
    write_outside(parts, &text);
    if ((double)parts->bytes[MEMORY_PART_UNEXPLAINED] > OPEN_SHARE * (double)parts->rss_bytes)
        write_sentence(&text, parts->bytes[MEMORY_PART_UNEXPLAINED], " are not explained.");
    if ((double)parts->excess_bytes > OPEN_SHARE * (double)parts->rss_bytes)
        write_sentence(&text, parts->excess_bytes,
                       " more were seen than RSS counts: pages came while they were looked at.");
    if (parts->known && text.length == 0 && parts->bytes[MEMORY_PART_LIVE])
        write_sentence(&text, parts->bytes[MEMORY_PART_LIVE], " are live objects; nothing else stands out.");
    if (parts->released_bytes >= NOTABLE_BYTES)
        write_sentence(&text, parts->released_bytes,
                       " of address space were given back to the system: they cost nothing.");
    if (text.failed) {
        text_deinit(&text);
        return error_no_memory();
    }
    *ret_text = text;
    return NULL;
}
