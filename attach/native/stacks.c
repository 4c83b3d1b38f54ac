#include "attach/native/stacks.h"

#include <stdlib.h>
#include <string.h>

#include "attach/native/names.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

/* Different stacks that are remembered, and the addresses on them; then all are forgotten. */
#define MAX_STACKS 65536u
#define MAX_ADDRESSES ((size_t)1 << 20)
/* The memory map is read at most so often to find code that was loaded since, and at least so often to see that other
 * code has taken the place of some. */
#define SOONEST_REFRESH_NS UINT64_C(1000000000)
/* Copies wait for nobody: what they tell of is gone when the next ones come. */
#define SOONEST_COPY_REFRESH_NS UINT64_C(100000000)
#define LATEST_REFRESH_NS UINT64_C(30000000000)

struct raw_stack {
    size_t first;           /* In addresses. */
    uint32_t count;
    stack_id stack;         /* 0: not named yet. */
    uint8_t quality;        /* enum stack_quality */
};

struct native_stacks {
    struct target *target;
    struct memory *memory;
    struct name_cache *names_of_files;
    struct catalog *catalog;
    struct modules *modules;    /* These three NULL: not looked at yet. */
    struct unwinder *unwinder;
    struct native_names *names;
    uint64_t refreshed_ns;
    size_t num_named;           /* Of raws. */
    bool is_stale;              /* Other code has come since stacks were named. */
    uint64_t patience_ns;
    uint64_t ended_cpu_ns;      /* For programs that were there before. */
    struct native_stacks_age age;
    VECTOR(frame_id) frames;    /* Of the stack that is being named. */
    struct table by_content;    /* Hash of the addresses -> index in raws. */
    VECTOR(struct raw_stack) raws;
    VECTOR(uint64_t) addresses;
};

struct error *native_stacks_create(struct target *target, struct memory *memory, struct name_cache *names,
                                   struct catalog *catalog, struct native_stacks **ret_stacks)
{
    struct native_stacks *stacks = calloc(1, sizeof(*stacks));
    if (!stacks)
        return error_no_memory();
    stacks->target = target;
    stacks->memory = memory;
    stacks->names_of_files = names;
    stacks->catalog = catalog;
    table_init(&stacks->by_content);
    *ret_stacks = stacks;
    return NULL;
}

static void forget_stacks(struct native_stacks *stacks)
{
    table_clear(&stacks->by_content);
    stacks->raws.count = 0;
    stacks->addresses.count = 0;
    stacks->num_named = 0;
    stacks->age.begun++;
}

uint64_t native_stacks_cpu_ns(const struct native_stacks *stacks)
{
    return stacks->ended_cpu_ns + (stacks->names ? native_names_cpu_ns(stacks->names) : 0);
}

void native_stacks_forget(struct native_stacks *stacks)
{
    stacks->ended_cpu_ns = native_stacks_cpu_ns(stacks);
    native_names_destroy(stacks->names);
    unwinder_destroy(stacks->unwinder);
    modules_destroy(stacks->modules);
    stacks->names = NULL;
    stacks->unwinder = NULL;
    stacks->modules = NULL;
    forget_stacks(stacks);
}

void native_stacks_destroy(struct native_stacks *stacks)
{
    if (!stacks)
        return;
    native_stacks_forget(stacks);
    table_deinit(&stacks->by_content);
    vector_deinit(&stacks->raws);
    vector_deinit(&stacks->addresses);
    vector_deinit(&stacks->frames);
    free(stacks);
}

/* ---- the memory map ---- */

static struct error *refresh(struct native_stacks *stacks)
{
    bool changed = false;
    stacks->refreshed_ns = clock_ns(CLOCK_MONOTONIC_COARSE);
    struct error *error = modules_refresh(stacks->modules, &changed);
    if (changed) {
        unwinder_forget(stacks->unwinder);
        native_names_forget(stacks->names);
        stacks->is_stale = stacks->raws.count > 0;
    }
    return error;
}

static struct error *open_modules(struct native_stacks *stacks)
{
    if (stacks->names)
        return NULL;
    native_stacks_forget(stacks);
    struct error *error = modules_create(stacks->target, stacks->memory, stacks->names_of_files, &stacks->modules);
    if (!error)
        error = unwinder_create(stacks->modules, stacks->memory, &stacks->unwinder);
    if (!error)
        error = native_names_create(stacks->modules, stacks->catalog, &stacks->names);
    if (!error)
        error = refresh(stacks);
    return error;
}

void native_stacks_begin(struct native_stacks *stacks)
{
    /* A map that cannot be read now leaves things as they were. */
    if (stacks->names && clock_ns(CLOCK_MONOTONIC_COARSE) - stacks->refreshed_ns >= LATEST_REFRESH_NS)
        error_destroy(refresh(stacks));
    if (stacks->is_stale || stacks->raws.count > MAX_STACKS || stacks->addresses.count > MAX_ADDRESSES)
        forget_stacks(stacks);
    stacks->is_stale = false;
}

/* ---- reading ---- */

/* Equal stacks are kept once. */
static struct error *keep(struct native_stacks *stacks, const uint64_t *addresses, size_t count, uint8_t quality,
                          uint32_t *ret_raw)
{
    uint64_t hash = table_hash_bytes(addresses, count * sizeof(*addresses), quality);
    bool is_new;
    uint64_t *place = table_insert(&stacks->by_content, hash, &is_new);
    if (!place)
        return error_no_memory();
    const struct raw_stack *there = is_new ? NULL : &stacks->raws.items[*place];
    /* One that leads nowhere has no frames at all. */
    if (there && there->count == count && there->quality == quality &&
        (count == 0 ||
         memcmp(&stacks->addresses.items[there->first], addresses, count * sizeof(*addresses)) == 0)) {
        *ret_raw = (uint32_t)*place;
        return NULL;
    }
    /* One that only has the same hash takes its place there: the other is kept twice when it comes again. */
    struct raw_stack raw = {.first = stacks->addresses.count, .count = (uint32_t)count, .quality = quality};
    if (!vector_reserve(&stacks->addresses, stacks->addresses.count + count) || !vector_append(&stacks->raws, raw))
        return error_no_memory();
    if (count > 0)
        memcpy(&stacks->addresses.items[raw.first], addresses, count * sizeof(*addresses));
    stacks->addresses.count += count;
    *place = stacks->raws.count - 1;
    *ret_raw = (uint32_t)*place;
    return NULL;
}

static uint8_t quality_of(enum unwind_end end)
{
    return end == UNWIND_COMPLETE ? STACK_WHOLE : end == UNWIND_DEDUCED ? STACK_DEDUCED : STACK_CUT;
}

struct error *native_stacks_read(struct native_stacks *stacks, uint64_t sp, uint64_t pc, uint32_t *ret_raw)
{
    uint64_t registers[CALL_FRAME_REGISTERS] = {[CALL_FRAME_RSP] = sp, [CALL_FRAME_RIP] = pc};
    uint64_t addresses[UNWIND_MAX_FRAMES];
    size_t count;
    enum unwind_end end;
    struct error *error = open_modules(stacks);
    for (unsigned attempt = 0; !error && attempt < 2; attempt++) {
        error =
            unwind(stacks->unwinder, registers, 1u << CALL_FRAME_RSP | 1u << CALL_FRAME_RIP, addresses, &count, &end);
        if (error || !unwinder_met_unknown(stacks->unwinder) ||
            clock_ns(CLOCK_MONOTONIC_COARSE) - stacks->refreshed_ns < SOONEST_REFRESH_NS)
            break;
        error = refresh(stacks);
    }
    if (!error && count <= 1 && end == UNWIND_NO_FRAMES) {
        *ret_raw = NATIVE_STACKS_NONE;
        return NULL;
    }
    return error ? error : keep(stacks, addresses, count, quality_of(end), ret_raw);
}

struct error *native_stacks_prepare(struct native_stacks *stacks)
{
    struct error *error = stacks->names ? refresh(stacks) : open_modules(stacks);
    return error ? error : modules_open_all(stacks->modules);
}

struct error *native_stacks_hold(struct native_stacks *stacks, uint64_t address, bool *ret_holds)
{
    struct error *error = open_modules(stacks);
    if (!error)
        *ret_holds = modules_hold(stacks->modules, address);
    return error;
}

struct error *native_stacks_read_copy(struct native_stacks *stacks, const struct stack_copy *copy, uint64_t skip_start,
                                      uint64_t skip_end, uint32_t *ret_raw)
{
    uint64_t addresses[UNWIND_MAX_FRAMES];
    size_t count = 0, first = 0;
    enum unwind_end end = UNWIND_NO_FRAMES;
    struct error *error = open_modules(stacks);
    for (unsigned attempt = 0; !error && attempt < 2; attempt++) {
        error = unwind_copy(stacks->unwinder, copy, addresses, &count, &end);
        if (error || !unwinder_met_unknown(stacks->unwinder) ||
            clock_ns(CLOCK_MONOTONIC_COARSE) - stacks->refreshed_ns < SOONEST_COPY_REFRESH_NS)
            break;
        error = native_stacks_prepare(stacks);
    }
    if (error)
        return error;
    while (first < count && addresses[first] >= skip_start && addresses[first] < skip_end)
        first++;
    return keep(stacks, addresses + first, count - first, quality_of(end), ret_raw);
}

/* ---- names ---- */

void native_stacks_set_patience(struct native_stacks *stacks, uint64_t patience_ns)
{
    stacks->patience_ns = patience_ns;
}

/* More frames than places, where calls were inlined. */
static struct error *name_one(struct native_stacks *stacks, struct raw_stack *raw)
{
    stacks->frames.count = 0;
    for (uint32_t i = 0; i < raw->count; i++) {
        size_t count;
        const frame_id *frames = native_names_frames(stacks->names, stacks->addresses.items[raw->first + i], &count);
        if (!vector_reserve(&stacks->frames, stacks->frames.count + count))
            return error_no_memory();
        for (size_t k = 0; k < count; k++)
            stacks->frames.items[stacks->frames.count++] = frames[k];
    }
    raw->stack = catalog_add_stack(stacks->catalog, stacks->frames.items, stacks->frames.count);
    return NULL;
}

struct error *native_stacks_name(struct native_stacks *stacks)
{
    if (!stacks->names)
        return NULL;
    bool is_changed, has_fetched;
    struct error *error = modules_fetch(stacks->modules, &has_fetched);
    if (error)
        return error;
    if (has_fetched) {
        /* All anew, by what has come. */
        native_names_forget(stacks->names);
        stacks->num_named = 0;
        stacks->age.renamed++;
    }
    bool is_new = stacks->num_named < stacks->raws.count;
    size_t first = is_new ? stacks->raws.items[stacks->num_named].first : 0;
    native_names_set_patience(stacks->names, stacks->patience_ns);
    error = native_names_prepare(stacks->names, is_new ? &stacks->addresses.items[first] : NULL,
                                               is_new ? stacks->addresses.count - first : 0, &is_changed);
    if (!error && is_changed) {
        stacks->num_named = 0;
        stacks->age.renamed++;
    }
    for (; !error && stacks->num_named < stacks->raws.count; stacks->num_named++)
        error = name_one(stacks, &stacks->raws.items[stacks->num_named]);
    return error;
}

struct native_stacks_age native_stacks_age(const struct native_stacks *stacks)
{
    return stacks->age;
}

void native_stacks_tell_problems(const struct native_stacks *stacks, struct snapshot *snapshot)
{
    if (stacks->names)
        native_names_tell_problems(stacks->names, snapshot);
}

stack_id native_stacks_stack(const struct native_stacks *stacks, uint32_t raw, uint8_t *ret_quality)
{
    *ret_quality = stacks->raws.items[raw].quality;
    return stacks->raws.items[raw].stack;
}
