#include "attach/go/validate.h"

#include <math.h>
#include <string.h>

#include "attach/go/peek.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

/* Nothing in a 47-bit address space holds more bytes. */
#define MAX_BYTES (1ull << 47)
/* runtime/mprof.go: maxProfStackDepth (1,024 from 1.23; 32 before). */
#define MAX_BUCKET_STACK 1024
/* runtime/mprof.go: memProfile, the type of a heap bucket; mProfCycleWrap. */
#define BUCKET_MEM_PROFILE 1
#define PROFILE_CYCLE_WRAP (3u * (2u << 24))
/* kernel/pid: PID_MAX_LIMIT. */
#define MAX_THREAD_ID (4u << 20)
/* runtime/runtime2.go: _Pdead, the highest status of a P. */
#define P_STATUS_MAX 4
#define MAX_PROCESSORS (1u << 20)
#define MAX_GOROUTINES (1ull << 32)
/* How many elements of a list or slice are looked at. */
#define SAMPLED_ELEMENTS 8
#define MAX_VERSION_LENGTH 256
/* A GC may run between two reads that are compared; threads may come and go. */
#define CYCLE_SLACK 4
#define MS_SLACK 8
/* Ms are counted up to this many: more make attaching slow. */
#define COUNTED_MS 2000
/* What a program may allocate between two reads. */
#define HEAP_SLACK (16u << 20)
#define NS_PER_S 1000000000ull
/* A hundred years since boot. */
#define MAX_MONOTONIC_NS (100ull * 365 * 86400 * NS_PER_S)
/* Settings are whole numbers of something; a clock's value hardly ever is. */
#define ROUND_NS 1000000u
/* How often values that must agree are read until they do. */
#define AGREEMENT_TRIES 8

const char go_reason_no_place[] = "found where no variable can lie";

struct check {
    const struct go_process *process;
    struct peek peek;
    remote_address address;
};

static bool has_field(const struct check *check, enum go_field field)
{
    return check->process->layout.offset[field] != GO_OFFSET_MISSING;
}

static remote_address field_address(const struct check *check, remote_address base, enum go_field field)
{
    return base + (uint64_t)check->process->layout.offset[field];
}

/* A field of at most 8 bytes; 0 and failed when the layout has none. */
static uint64_t peek_field(struct check *check, remote_address base, enum go_field field)
{
    uint8_t bytes[8] = {0};
    size_t size = check->process->layout.size[field];
    if (!has_field(check, field) || (size != 1 && size != 2 && size != 4 && size != 8)) {
        check->peek.failed = true;
        return 0;
    }
    peek_bytes(&check->peek, field_address(check, base, field), bytes, size);
    struct cursor cursor = cursor_over(bytes, sizeof bytes);
    return cursor_uint(&cursor, size);
}

struct slice {
    uint64_t data, length, capacity;
};

static struct slice peek_slice(struct check *check, remote_address address)
{
    uint64_t words[3];
    peek_bytes(&check->peek, address, words, sizeof words);
    return (struct slice){words[0], words[1], words[2]};
}

static bool is_pointer(uint64_t value)
{
    return value >= 4096 && value < MAX_BYTES && value % 8 == 0;
}

/* Whether a variable that others are compared with is known. */
static remote_address known(const struct check *check, enum go_variable id)
{
    return go_variable(check->process, id);
}

/* memstats.numgc, once memstats is known. */
static bool number_of_gcs(struct check *check, uint64_t *ret_count)
{
    remote_address memstats = known(check, GO_VARIABLE_MEMSTATS);
    if (!memstats)
        return false;
    *ret_count = peek_field(check, memstats, GO_FIELD_MSTATS_NUMGC);
    return !check->peek.failed;
}

static bool is_near(uint64_t a, uint64_t b, uint64_t slack)
{
    return a >= b ? a - b <= slack : b - a <= slack;
}

static bool is_mem_bucket(struct check *check, remote_address bucket)
{
    uint64_t type = peek_field(check, bucket, GO_FIELD_BUCKET_TYP);
    uint64_t depth = peek_field(check, bucket, GO_FIELD_BUCKET_NSTK);
    if (check->peek.failed || type != BUCKET_MEM_PROFILE || depth > MAX_BUCKET_STACK)
        return false;
    uint64_t caller =
        depth ? peek_u64(&check->peek, bucket + (uint64_t)check->process->layout.offset[GO_FIELD_BUCKET_SIZE]) : 0;
    return depth == 0 || (caller >= check->process->text && caller < check->process->end_text);
}

static bool check_mbuckets(struct check *check)
{
    remote_address bucket = peek_u64(&check->peek, check->address);
    for (unsigned i = 0; bucket && i < SAMPLED_ELEMENTS; i++) {
        if (!is_pointer(bucket) || !is_mem_bucket(check, bucket))
            return false;
        bucket = peek_field(check, bucket, GO_FIELD_BUCKET_ALLNEXT);
    }
    return true;
}

/* The profile's cycle is stepped once a GC, when the GC is counted (runtime/mgc.go gcMarkTermination). */
static bool check_profile_cycle(struct check *check)
{
    uint32_t cycle = peek_u32(&check->peek, check->address) >> 1;
    uint64_t gcs;
    return cycle < PROFILE_CYCLE_WRAP &&
           (!number_of_gcs(check, &gcs) || is_near(cycle, gcs % PROFILE_CYCLE_WRAP, CYCLE_SLACK));
}

static bool check_profile_rate(struct check *check)
{
    return peek_u64(&check->peek, check->address) < MAX_BYTES;
}

static bool check_boolean(struct check *check)
{
    return peek_u8(&check->peek, check->address) <= 1;
}

/* allgs and its two atomic copies; the first goroutine ever made is the main one. */
static bool is_goroutine_array(struct check *check, remote_address array)
{
    if (!is_pointer(array))
        return false;
    remote_address first = peek_u64(&check->peek, array);
    return is_pointer(first) && peek_field(check, first, GO_FIELD_G_GOID) == 1 &&
           peek_field(check, first, GO_FIELD_G_STACK_LO) < peek_field(check, first, GO_FIELD_G_STACK_HI);
}

static bool check_allgptr(struct check *check)
{
    return is_goroutine_array(check, peek_u64(&check->peek, check->address));
}

static bool check_allgs(struct check *check)
{
    struct slice slice = peek_slice(check, check->address);
    return slice.length >= 1 && slice.length <= slice.capacity && slice.capacity < MAX_BYTES / 8 &&
           is_goroutine_array(check, slice.data);
}

/* Equal to len(allgs), but for the moment in which a goroutine is added. */
static bool check_allglen(struct check *check)
{
    remote_address allgs = known(check, GO_VARIABLE_ALLGS);
    for (unsigned i = 0; i < AGREEMENT_TRIES; i++) {
        uint64_t length = peek_u64(&check->peek, check->address);
        if (length < 1 || length > MAX_GOROUTINES)
            return false;
        if (!allgs || length == peek_slice(check, allgs).length)
            return true;
    }
    return false;
}

static bool check_allm(struct check *check)
{
    remote_address m = peek_u64(&check->peek, check->address);
    if (!is_pointer(m))
        return false;
    for (unsigned i = 0; m && i < SAMPLED_ELEMENTS; i++) {
        if (!is_pointer(m) || peek_field(check, m, GO_FIELD_M_PROCID) > MAX_THREAD_ID ||
            peek_field(check, m, GO_FIELD_M_ID) > INT32_MAX)
            return false;
        remote_address next = peek_field(check, m, GO_FIELD_M_ALLLINK);
        /* The first thread's M is the list's end. */
        if (!next && peek_field(check, m, GO_FIELD_M_ID) != 0)
            return false;
        m = next;
    }
    return true;
}

static bool check_allp(struct check *check)
{
    struct slice slice = peek_slice(check, check->address);
    if (slice.length < 1 || slice.length > slice.capacity || slice.capacity > MAX_PROCESSORS || !is_pointer(slice.data))
        return false;
    for (uint64_t i = 0; i < slice.length && i < SAMPLED_ELEMENTS; i++) {
        remote_address p = peek_u64(&check->peek, slice.data + 8 * i);
        if (!is_pointer(p) || peek_field(check, p, GO_FIELD_P_ID) != i ||
            peek_field(check, p, GO_FIELD_P_STATUS) > P_STATUS_MAX)
            return false;
    }
    return true;
}

static bool check_gomaxprocs(struct check *check)
{
    uint32_t count = peek_u32(&check->peek, check->address);
    remote_address allp = known(check, GO_VARIABLE_ALLP);
    return count >= 1 && count <= MAX_PROCESSORS && (!allp || count == peek_slice(check, allp).length);
}

static bool check_mheap(struct check *check)
{
    if (!has_field(check, GO_FIELD_MHEAP_ALLSPANS))
        return false;
    struct slice spans = peek_slice(check, field_address(check, check->address, GO_FIELD_MHEAP_ALLSPANS));
    if (spans.length < 1 || spans.length > spans.capacity || spans.capacity > MAX_BYTES / 8192 ||
        !is_pointer(spans.data))
        return false;
    uint64_t span_bytes = peek_field(check, check->address, GO_FIELD_MHEAP_SPANALLOC_INUSE);
    uint64_t cache_bytes = peek_field(check, check->address, GO_FIELD_MHEAP_CACHEALLOC_INUSE);
    uint64_t pages = peek_field(check, check->address, GO_FIELD_MHEAP_PAGES_IN_USE);
    return is_pointer(peek_u64(&check->peek, spans.data)) && pages > 0 && pages < MAX_BYTES / 8192 && span_bytes > 0 &&
           span_bytes < MAX_BYTES && cache_bytes > 0 && cache_bytes < MAX_BYTES;
}

/* gcController.heapInUse counts bytes of the spans whose pages mheap_.pagesInUse counts (runtime/mheap.go allocSpan,
 * freeSpanLocked). */
static bool heap_pages_agree(struct check *check, remote_address controller)
{
    remote_address mheap = known(check, GO_VARIABLE_MHEAP);
    for (unsigned i = 0; mheap && i < AGREEMENT_TRIES; i++) {
        uint64_t in_use = peek_field(check, controller, GO_FIELD_GC_CONTROLLER_HEAP_IN_USE);
        uint64_t pages = peek_field(check, mheap, GO_FIELD_MHEAP_PAGES_IN_USE);
        if (is_near(in_use, pages * 8192, in_use / 8 + HEAP_SLACK))
            return true;
    }
    return !mheap;
}

static bool check_gc_controller(struct check *check)
{
    remote_address base = check->address;
    int32_t percent = (int32_t)peek_field(check, base, GO_FIELD_GC_CONTROLLER_GC_PERCENT);
    int64_t limit = (int64_t)peek_field(check, base, GO_FIELD_GC_CONTROLLER_MEMORY_LIMIT);
    uint64_t live = peek_field(check, base, GO_FIELD_GC_CONTROLLER_HEAP_LIVE);
    uint64_t in_use = peek_field(check, base, GO_FIELD_GC_CONTROLLER_HEAP_IN_USE);
    uint64_t freed = peek_field(check, base, GO_FIELD_GC_CONTROLLER_TOTAL_FREE);
    /* Read after what must not exceed it: both only grow. */
    uint64_t allocated = peek_field(check, base, GO_FIELD_GC_CONTROLLER_TOTAL_ALLOC);
    uint64_t mapped = peek_field(check, base, GO_FIELD_GC_CONTROLLER_MAPPED_READY);
    return percent >= -1 && limit >= 0 && live < MAX_BYTES && in_use > 0 && in_use < MAX_BYTES && in_use % 4096 == 0 &&
           freed <= allocated && mapped > 0 && mapped < MAX_BYTES && heap_pages_agree(check, base);
}

/* A time of day in nanoseconds, by a clock that has been set; 2100 at the latest. */
static bool is_wall_time(uint64_t ns)
{
    const uint64_t earliest = 946684800ull * NS_PER_S, latest = 4102444800ull * NS_PER_S;
    return ns >= earliest && ns < latest;
}

/* runtime/mgc.go gcMarkTermination: the count is stepped after the time and the pause were noted. */
static bool check_memstats(struct check *check)
{
    remote_address base = check->address;
    uint64_t forced = peek_field(check, base, GO_FIELD_MSTATS_NUMFORCEDGC);
    uint64_t gcs = peek_field(check, base, GO_FIELD_MSTATS_NUMGC);
    uint64_t last = peek_field(check, base, GO_FIELD_MSTATS_LAST_GC_UNIX);
    uint64_t paused = peek_field(check, base, GO_FIELD_MSTATS_PAUSE_TOTAL_NS);
    uint64_t enabled = peek_field(check, base, GO_FIELD_MSTATS_ENABLEGC);
    uint64_t fraction_bits = peek_field(check, base, GO_FIELD_MSTATS_GC_CPU_FRACTION);
    double fraction;
    memcpy(&fraction, &fraction_bits, sizeof fraction);
    if (forced > gcs + CYCLE_SLACK || !isfinite(fraction) || fraction < 0 || fraction > 1 || enabled > 1 ||
        paused > INT64_MAX)
        return false;
    /* The process may have just started, and may run its first GC while it is looked at. */
    if (gcs > 0 && (!is_wall_time(last) || paused == 0 || !enabled))
        return false;
    if (gcs == 0 && last != 0 && !is_wall_time(last))
        return false;
    static const enum go_field sizes[] = {GO_FIELD_MSTATS_MSPAN_SYS, GO_FIELD_MSTATS_MCACHE_SYS,
                                          GO_FIELD_MSTATS_GC_MISC_SYS, GO_FIELD_MSTATS_OTHER_SYS};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        uint64_t bytes = peek_field(check, base, sizes[i]);
        if (bytes == 0 || bytes >= MAX_BYTES)
            return false;
    }
    /* Counted by the generation of the statistics in use, of which there are three. */
    if (!has_field(check, GO_FIELD_MSTATS_HEAP_STATS) || !has_field(check, GO_FIELD_HEAP_STATS_GEN))
        return false;
    uint64_t stats = field_address(check, base, GO_FIELD_MSTATS_HEAP_STATS);
    return peek_field(check, stats, GO_FIELD_HEAP_STATS_GEN) < 3;
}

/* How many Ms there are: 0 when there are more than are counted. */
static uint64_t count_ms(struct check *check, remote_address allm)
{
    remote_address m = peek_u64(&check->peek, allm);
    uint64_t count = 0;
    for (; m; m = peek_field(check, m, GO_FIELD_M_ALLLINK)) {
        if (++count > COUNTED_MS)
            return 0;
    }
    return count;
}

/* runtime/proc.go mcount: sched.mnext - sched.nmfreed. */
static bool check_sched(struct check *check)
{
    remote_address base = check->address, allm = known(check, GO_VARIABLE_ALLM);
    uint64_t freed = peek_field(check, base, GO_FIELD_SCHED_NMFREED);
    uint64_t next = peek_field(check, base, GO_FIELD_SCHED_MNEXT);
    int32_t system = (int32_t)peek_field(check, base, GO_FIELD_SCHED_NGSYS);
    if (next < 1 || next > INT32_MAX || freed >= next || system < 0 ||
        (int32_t)peek_field(check, base, GO_FIELD_SCHED_GFREE_N) < 0)
        return false;
    uint64_t ms = allm ? count_ms(check, allm) : 0;
    /* Those that are being made or ended are counted by one of the two only. */
    return ms == 0 || is_near(ms, next - freed, MS_SLACK);
}

/* A cycle is counted as it starts, a GC as it ends (runtime/mgc.go). */
static bool check_work(struct check *check)
{
    remote_address base = check->address;
    uint64_t gcs, cycles = peek_field(check, base, GO_FIELD_WORK_CYCLES);
    uint64_t start = peek_field(check, base, GO_FIELD_WORK_TSTART), end = peek_field(check, base, GO_FIELD_WORK_TEND);
    if (peek_field(check, base, GO_FIELD_WORK_MODE) > 2 || peek_field(check, base, GO_FIELD_WORK_HEAP1) >= MAX_BYTES)
        return false;
    if (number_of_gcs(check, &gcs) && !is_near(cycles, gcs, CYCLE_SLACK))
        return false;
    /* Times are of the monotonic clock; those of the cycle under way may not be noted yet. */
    return start < MAX_MONOTONIC_NS && end < MAX_MONOTONIC_NS && (cycles <= 1 || (start > 0 && end > 0)) &&
           (start == 0 || peek_field(check, base, GO_FIELD_WORK_CYCLES) > 0);
}

static bool is_string(struct check *check, remote_address address, const char *expected)
{
    uint64_t header[2];
    char text[MAX_VERSION_LENGTH];
    size_t length = strlen(expected);
    peek_bytes(&check->peek, address, header, sizeof header);
    return header[1] == length && length < sizeof text && peek_bytes(&check->peek, header[0], text, length) &&
           memcmp(text, expected, length) == 0;
}

/* runtime/runtime2.go: waitReasonZero is "" and the next two have kept their places since Go 1.19. */
static bool check_wait_reasons(struct check *check)
{
    return is_string(check, check->address + 16, "GC assist marking") &&
           is_string(check, check->address + 32, "IO wait");
}

/* runtime/mfinal.go finblock: alllink, next, cnt; 101 finalizers fit into its 4 KiB. Mostly there is none. */
static bool check_finalizer_queue(struct check *check)
{
    remote_address block = peek_u64(&check->peek, check->address);
    for (unsigned i = 0; block && i < SAMPLED_ELEMENTS; i++) {
        if (!is_pointer(block) || peek_u32(&check->peek, block + 16) > 101)
            return false;
        block = peek_u64(&check->peek, block + 8);
    }
    return true;
}

static bool check_build_version(struct check *check)
{
    uint64_t header[2];
    char start[3];
    peek_bytes(&check->peek, check->address, header, sizeof header);
    if (header[1] < sizeof start || header[1] > MAX_VERSION_LENGTH ||
        !peek_bytes(&check->peek, header[0], start, sizeof start))
        return false;
    return memcmp(start, "go1", 3) == 0 || memcmp(start, "dev", 3) == 0;
}

static bool check_module_data(struct check *check)
{
    return check->address == check->process->module_data;
}

/* When runtime.main began, by the monotonic clock (no machine runs programs in its first second): just after schedinit
 * sized allp (procresize notes when), and before the first GC cycle ended. No round number, as other settings of
 * runtime.main are. */
static bool check_init_time(struct check *check)
{
    uint64_t time = peek_u64(&check->peek, check->address);
    remote_address sched = known(check, GO_VARIABLE_SCHED), work = known(check, GO_VARIABLE_WORK);
    if (time < NS_PER_S || time >= MAX_MONOTONIC_NS || time % ROUND_NS == 0 || !sched)
        return false;
    uint64_t ended = work ? peek_field(check, work, GO_FIELD_WORK_TEND) : 0;
    if (ended != 0 && time > ended)
        return false;
    uint64_t resized = peek_field(check, sched, GO_FIELD_SCHED_PROCRESIZETIME);
    uint64_t total = peek_field(check, sched, GO_FIELD_SCHED_TOTALTIME);
    if (total == 0)
        return resized != 0 && time >= resized && time - resized < NS_PER_S * 10;
    /* GOMAXPROCS has been changed since: `total` is the time from the first to the last change, times the Ps there
     * were. */
    return total < resized && time < resized && resized - time <= total;
}

static const struct {
    bool (*is_plausible)(struct check *check);
    unsigned alignment;     /* Bytes. */
} checks[GO_VARIABLE_COUNT] = {
    [GO_VARIABLE_MBUCKETS] = {check_mbuckets, 8},
    [GO_VARIABLE_MPROF_CYCLE] = {check_profile_cycle, 4},
    [GO_VARIABLE_MEM_PROFILE_RATE] = {check_profile_rate, 8},
    [GO_VARIABLE_DISABLE_MEMORY_PROFILING] = {check_boolean, 1},
    [GO_VARIABLE_ALLGPTR] = {check_allgptr, 8},
    [GO_VARIABLE_ALLGLEN] = {check_allglen, 8},
    [GO_VARIABLE_ALLGS] = {check_allgs, 8},
    [GO_VARIABLE_ALLM] = {check_allm, 8},
    [GO_VARIABLE_ALLP] = {check_allp, 8},
    [GO_VARIABLE_MHEAP] = {check_mheap, 8},
    [GO_VARIABLE_GC_CONTROLLER] = {check_gc_controller, 8},
    [GO_VARIABLE_MEMSTATS] = {check_memstats, 8},
    [GO_VARIABLE_SCHED] = {check_sched, 8},
    [GO_VARIABLE_WORK] = {check_work, 8},
    [GO_VARIABLE_WAIT_REASON_STRINGS] = {check_wait_reasons, 8},
    [GO_VARIABLE_GOMAXPROCS] = {check_gomaxprocs, 4},
    [GO_VARIABLE_FINQ] = {check_finalizer_queue, 8},
    [GO_VARIABLE_RUNTIME_INIT_TIME] = {check_init_time, 8},
    [GO_VARIABLE_FIRST_MODULE_DATA] = {check_module_data, 8},
    [GO_VARIABLE_BUILD_VERSION] = {check_build_version, 8},
};

/* All of them are variables of the executable that the runtime writes to, or that the dynamic linker has relocated. */
static bool is_in_data(const struct go_process *process, remote_address address)
{
    struct image *image = process->context.image;
    size_t count = image_segment_count(image);
    for (size_t i = 0; i < count; i++) {
        const struct image_segment *segment = image_segment_at(image, i);
        uint64_t offset = address - process->context.load_bias - segment->address;
        if (segment->writable && offset < segment->memory_size)
            return true;
    }
    return false;
}

struct error *go_variable_validate(const struct go_process *process, enum go_variable id, remote_address address,
                                   const char **ret_reason)
{
    if (address % checks[id].alignment != 0 || !is_in_data(process, address)) {
        *ret_reason = go_reason_no_place;
        return NULL;
    }
    struct check check = {.process = process, .peek = {.memory = process->context.memory}, .address = address};
    bool plausible = checks[id].is_plausible(&check);
    if (check.peek.error)
        return check.peek.error;
    *ret_reason = check.peek.failed ? "its memory, or what it points at, cannot be read"
                  : plausible       ? NULL
                                    : "its contents are not plausible";
    return NULL;
}
