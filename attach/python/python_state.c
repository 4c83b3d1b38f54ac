#include "attach/python/python_state.h"

#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

/* CPython 3.8.18, 3.9.18, 3.10.13, 3.11.7 and 3.12.1, amd64: Include/internal/pycore_runtime.h, pycore_interp.h,
 * cpython/pystate.h, by their DWARF. */
static const struct python_layout layouts[] = {
    {.minor = 8, .interpreters_head = 32, .runtime_gc = 344, .interpreter_next = 0, .interpreter_threads = 8,
     .interpreter_id = 16, .thread_next = 8, .thread_interpreter = 16, .arena_bytes = 256 << 10},
    {.minor = 9, .interpreters_head = 32, .interpreter_next = 0, .interpreter_threads = 8, .interpreter_id = 24,
     .interpreter_gc = 616, .thread_next = 8, .thread_interpreter = 16, .arena_bytes = 256 << 10},
    {.minor = 10, .interpreters_head = 32, .interpreter_next = 0, .interpreter_threads = 8, .interpreter_id = 24,
     .interpreter_gc = 616, .thread_next = 8, .thread_interpreter = 16, .arena_bytes = 1 << 20},
    {.minor = 11, .interpreters_head = 40, .interpreter_next = 0, .interpreter_threads = 16, .interpreter_id = 48,
     .interpreter_gc = 648, .thread_next = 8, .thread_interpreter = 16, .arena_bytes = 1 << 20},
    {.minor = 12, .interpreters_head = 40, .interpreter_next = 0, .interpreter_threads = 72, .interpreter_id = 8,
     .interpreter_gc = 112, .thread_next = 8, .thread_interpreter = 16, .interpreter_pymalloc = 3960,
     .arena_bytes = 1 << 20},
};

/* _Py_DebugOffsets, with which _PyRuntime begins in 3.13 (Include/internal/pycore_runtime.h). */
#define DEBUG_OFFSETS_MINOR 13
#define DEBUG_COOKIE "xdebugpy"
#define DEBUG_OFFSETS_SIZE 224
#define DEBUG_VERSION 8
#define DEBUG_FREE_THREADED 16
#define DEBUG_INTERPRETERS_HEAD 40
#define DEBUG_INTERPRETER 48        /* size, id, next, threads_head, gc */
#define DEBUG_THREAD 152            /* size, prev, next, interp */
/* From the collector's state to `obmalloc`: neither of both is told (3.13.0: 10800 - 7400). */
#define PYMALLOC_BEHIND_GC_13 3400
/* No field that is read lies further from its start. */
#define MAX_OFFSET (UINT64_C(1) << 20)

/* struct _gc_runtime_state, the same from 3.8 to 3.13 (pycore_gc.h). */
#define GC_ENABLED 12
#define GC_GENERATIONS 24           /* Each: head 16, threshold 4, count 4. */
#define GC_GENERATION_SIZE 24
#define GC_GENERATION_0 96          /* A pointer to the first generation's head, by which all of it is borne out. */
#define GC_STATS 128                /* Each: collections, collected, uncollectable. */
#define GC_COLLECTING 200
#define GC_LONG_LIVED 224
#define GC_SIZE 240

/* struct _obmalloc_state of 3.12 and 3.13 (pycore_obmalloc.h): 64 pointers of used pools, then _obmalloc_mgmt. */
#define PYMALLOC_MANAGEMENT 512
#define MANAGEMENT_SIZE 584
#define MANAGEMENT_MAX_ARENAS 8
#define MANAGEMENT_ARENAS 552       /* now, ever allocated, at most at once */
/* narenas_currently_allocated of a process on a machine of today. */
#define MAX_ARENAS (INT64_C(1) << 24)

static uint64_t u64_at(const uint8_t *bytes, size_t offset)
{
    uint64_t value;
    memcpy(&value, bytes + offset, sizeof(value));
    return le64toh(value);
}

static uint32_t u32_at(const uint8_t *bytes, size_t offset)
{
    uint32_t value;
    memcpy(&value, bytes + offset, sizeof(value));
    return le32toh(value);
}

/* ---- where things are ---- */

static struct error *read_debug_offsets(struct memory *memory, remote_address runtime, struct python_layout *ret_layout)
{
    uint8_t bytes[DEBUG_OFFSETS_SIZE];
    struct error *error = memory_read(memory, runtime, bytes, sizeof(bytes));
    if (error)
        return error;
    if (memcmp(bytes, DEBUG_COOKIE, strlen(DEBUG_COOKIE)) != 0 || u64_at(bytes, DEBUG_VERSION) >> 16 != 0x030d)
        return error_create(ERROR_BAD_DATA, "_PyRuntime does not begin as in CPython 3.13");
    if (u64_at(bytes, DEBUG_FREE_THREADED))
        return error_create(ERROR_UNSUPPORTED, "CPython built without its global lock: its collector is another");
    struct python_layout layout = {
        .minor = DEBUG_OFFSETS_MINOR,
        .interpreters_head = u64_at(bytes, DEBUG_INTERPRETERS_HEAD),
        .interpreter_id = u64_at(bytes, DEBUG_INTERPRETER + 8),
        .interpreter_next = u64_at(bytes, DEBUG_INTERPRETER + 16),
        .interpreter_threads = u64_at(bytes, DEBUG_INTERPRETER + 24),
        .interpreter_gc = u64_at(bytes, DEBUG_INTERPRETER + 32),
        .thread_next = u64_at(bytes, DEBUG_THREAD + 16),
        .thread_interpreter = u64_at(bytes, DEBUG_THREAD + 24),
        .arena_bytes = 1 << 20,
    };
    const uint64_t offsets[] = {layout.interpreters_head,   layout.interpreter_id, layout.interpreter_next,
                                layout.interpreter_threads, layout.interpreter_gc, layout.thread_next,
                                layout.thread_interpreter};
    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        if (offsets[i] > MAX_OFFSET)
            return error_create(ERROR_BAD_DATA, "the offsets in _PyRuntime make no sense");
    }
    layout.interpreter_pymalloc = layout.interpreter_gc + PYMALLOC_BEHIND_GC_13;
    *ret_layout = layout;
    return NULL;
}

struct error *python_layout_find(unsigned minor, struct memory *memory, remote_address runtime,
                                 struct python_layout *ret_layout)
{
    if (minor == DEBUG_OFFSETS_MINOR)
        return read_debug_offsets(memory, runtime, ret_layout);
    for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
        if (layouts[i].minor == minor) {
            *ret_layout = layouts[i];
            return NULL;
        }
    }
    return error_create(ERROR_UNSUPPORTED, "CPython 3.%u: only 3.%u to 3.%u are known", minor, layouts[0].minor,
                        DEBUG_OFFSETS_MINOR);
}

/* ---- reading ---- */

static struct error *say_torn(const char *what)
{
    return error_create(ERROR_BAD_DATA, "CPython's %s do not hold together: it starts, ends, or is laid out otherwise",
                        what);
}

static struct error *read_collector(struct memory *memory, remote_address address,
                                    struct python_collector *ret_collector)
{
    uint8_t bytes[GC_SIZE];
    struct error *error = memory_read(memory, address, bytes, sizeof(bytes));
    if (error)
        return error;
    bool holds = u64_at(bytes, GC_GENERATION_0) == address + GC_GENERATIONS && u32_at(bytes, GC_ENABLED) <= 1 &&
                 u32_at(bytes, GC_COLLECTING) <= 1;
    struct python_collector collector = {.long_lived = (int64_t)u64_at(bytes, GC_LONG_LIVED)};
    for (size_t i = 0; i < PYTHON_GENERATIONS; i++) {
        const uint8_t *stats = bytes + GC_STATS + i * 24;
        collector.counts[i] = (int32_t)u32_at(bytes, GC_GENERATIONS + i * GC_GENERATION_SIZE + 20);
        collector.collections[i] = (int64_t)u64_at(stats, 0);
        int64_t collected = (int64_t)u64_at(stats, 8), uncollectable = (int64_t)u64_at(stats, 16);
        holds = holds && collector.collections[i] >= 0 && collected >= 0 && uncollectable >= 0 &&
                collected < INT64_MAX / 8 && uncollectable < INT64_MAX / 8;
        if (!holds)
            return say_torn("collector's figures");
        collector.collected += collected;
        collector.uncollectable += uncollectable;
    }
    if (collector.long_lived < 0)
        return say_torn("collector's figures");
    *ret_collector = collector;
    return NULL;
}

static bool add_within(int64_t *sum, int64_t value)
{
    return !__builtin_add_overflow(*sum, value, sum);
}

static struct error *add_collector(struct python_state *state, const struct python_collector *added)
{
    struct python_collector *sum = &state->collector;
    bool fits = add_within(&sum->collected, added->collected) && add_within(&sum->uncollectable, added->uncollectable);
    for (size_t i = 0; i < PYTHON_GENERATIONS && fits; i++)
        fits = add_within(&sum->collections[i], added->collections[i]);
    return fits ? NULL : say_torn("collector's figures");
}

static struct error *count_threads(const struct python_layout *layout, struct memory *memory,
                                   remote_address interpreter, struct python_state *state)
{
    remote_address thread;
    struct error *error = memory_read_u64(memory, interpreter + layout->interpreter_threads, &thread);
    while (!error && thread) {
        remote_address owner;
        if (state->threads >= PYTHON_MAX_THREADS)
            return say_torn("threads");
        error = memory_read_u64(memory, thread + layout->thread_interpreter, &owner);
        if (!error && owner != interpreter)
            return say_torn("threads");
        state->threads++;
        if (!error)
            error = memory_read_u64(memory, thread + layout->thread_next, &thread);
    }
    return error;
}

/* Whether _obmalloc_mgmt is there: its counts bear one another out. */
static bool take_arenas(struct memory *memory, remote_address pymalloc, struct python_state *state)
{
    uint8_t bytes[MANAGEMENT_SIZE];
    struct error *error = memory_read(memory, pymalloc + PYMALLOC_MANAGEMENT, bytes, sizeof(bytes));
    bool failed = error;
    error_destroy(error);
    if (failed)
        return false;
    uint64_t arenas = u64_at(bytes, MANAGEMENT_ARENAS), ever = u64_at(bytes, MANAGEMENT_ARENAS + 8),
             most = u64_at(bytes, MANAGEMENT_ARENAS + 16);
    uint32_t room = u32_at(bytes, MANAGEMENT_MAX_ARENAS);
    /* What was never used has no table, and is nothing that could be told from other zeros. */
    bool is_table = u64_at(bytes, 0) != 0 && room >= 16 && (room & (room - 1)) == 0;
    if (!is_table || arenas > room || arenas > most || most > ever || most > room)
        return false;
    state->arenas = (int64_t)arenas;
    state->arenas_known = true;
    return true;
}

/* Of the main interpreter; what others have of their own is not counted. */
static void read_arenas(const struct python_layout *layout, struct memory *memory, remote_address interpreter,
                        remote_address narenas, struct python_state *state)
{
    uint64_t count;
    if (narenas) {
        struct error *error = memory_read_u64(memory, narenas, &count);
        state->arenas_known = !error && count < (uint64_t)MAX_ARENAS;
        state->arenas = state->arenas_known ? (int64_t)count : 0;
        error_destroy(error);
    } else if (layout->interpreter_pymalloc) {
        remote_address inside = interpreter + layout->interpreter_pymalloc, pointed;
        struct error *error = memory_read_u64(memory, inside, &pointed);
        bool done = !error && pointed && take_arenas(memory, pointed, state);
        if (!error && !done)
            take_arenas(memory, inside, state);
        error_destroy(error);
    }
}

struct error *python_state_read(const struct python_layout *layout, struct memory *memory, remote_address runtime,
                                remote_address narenas, struct python_state *ret_state)
{
    struct python_state state = {0};
    remote_address interpreter;
    struct error *error = memory_read_u64(memory, runtime + layout->interpreters_head, &interpreter);
    if (!error && !interpreter)
        error = error_create(ERROR_BAD_DATA, "CPython has not made its interpreter yet, or no longer has one");
    while (!error && interpreter) {
        int64_t id;
        struct python_collector collector = {0};
        if (state.interpreters >= PYTHON_MAX_INTERPRETERS)
            return say_torn("interpreters");
        state.interpreters++;
        error = memory_read_u64(memory, interpreter + layout->interpreter_id, (uint64_t *)&id);
        if (!error)
            error = count_threads(layout, memory, interpreter, &state);
        if (!error && layout->interpreter_gc)
            error = read_collector(memory, interpreter + layout->interpreter_gc, &collector);
        if (!error)
            error = add_collector(&state, &collector);
        /* The main one is made first. */
        if (!error && id == 0) {
            memcpy(state.collector.counts, collector.counts, sizeof(collector.counts));
            state.collector.long_lived = collector.long_lived;
            read_arenas(layout, memory, interpreter, narenas, &state);
        }
        if (!error)
            error = memory_read_u64(memory, interpreter + layout->interpreter_next, &interpreter);
    }
    if (!error && layout->runtime_gc)
        error = read_collector(memory, runtime + layout->runtime_gc, &state.collector);
    if (error)
        return error;
    *ret_state = state;
    return NULL;
}
