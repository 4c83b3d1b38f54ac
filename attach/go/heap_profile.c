#include "attach/go/heap_profile.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attach/go/copied_struct.h"
#include "attach/go/page_cache.h"
#include "attach/go/record_set.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

/* runtime/mprof.go: memProfile bucketType = 1 (Go 1.19-1.27). */
#define MEM_PROFILE_TYPE 1
/* memRecord.future holds the cycles C, C+1 and C+2. */
#define FUTURE_CYCLES 3u
/* Larger than any version's header (48 bytes) and record (128 bytes); a layout beyond is not believed. */
#define MAX_HEADER_BYTES 256u
#define MAX_RECORD_BYTES 512u
/* New stacks are looked up when so many PCs have come together. */
#define MAX_PENDING_PCS (64u << 10)

struct bucket {
    uint64_t object_size;
    stack_id stack;
};

/* A bucket whose stack is still to be looked up: pcs[first_pc] on. */
struct pending_stack {
    size_t bucket, first_pc, depth;
};

struct active_counts {
    uint64_t allocs, frees;
};

/* From the third reading on, how long to wait first: the flush that was met may be waiting for a processor. Doubled
 * each time. */
#define READING_PAUSE_NS 20000

/* mProf_PostSweep is waited for over so many readings, of several samples, at most. */
#define MAX_SWEEP_READINGS (3 * HEAP_PROFILE_MAX_READINGS)

/* What one reading of all counts found. */
struct reading {
    uint32_t cycle;         /* C, the heap profile's cycle. */
    bool flushed;           /* Cycle C has been queued for adding to `active`. */
    bool any_active;        /* Some bucket has published counts. */
    bool in_flush;          /* Marked as flushed, and some bucket is not. */
    bool next_pending;      /* Some bucket has counts in cycle C + 1. */
    bool impossible;        /* More frees than allocations. */
    size_t unreadable;
};

struct heap_profile {
    const struct go_process *process;       /* Borrowed. */
    struct go_frames *frames;               /* Borrowed. */
    struct memory *memory;                  /* Borrowed. */
    const char *unusable;                   /* Why the profile cannot be read; NULL when it can. Static. */
    size_t header_size, record_size, active, future, cycle_size;
    bool has_bytes;                         /* memRecordCycle counts bytes as well (up to Go 1.26). */

    VECTOR(struct bucket) buckets;
    struct table known;                     /* Bucket's address -> index in buckets. */
    remote_address head;                    /* Of the list, when it was last followed. */
    remote_address unfinished;              /* Where that broke off for lack of memory; 0 when it did not. */
    /* Why the list could not be followed to its end; NULL when it could. Static. */
    const char *broken;
    bool truncated;

    struct record_set records;              /* Every bucket's memRecord. */
    VECTOR(struct active_counts) reference, current;    /* `active` of all buckets in the last two readings. */
    VECTOR(struct site) good;               /* As of the last consistent reading. */
    uint32_t good_cycle;
    uint32_t last_word;                     /* mProfCycle in the last reading, */
    bool last_whole;                        /* in which no flush was under way and something was published already. */
    unsigned sweep_readings;                /* So many more wait for mProf_PostSweep, seen to have begun, to end. */
    uint64_t retries;

    VECTOR(uint64_t) pcs;
    VECTOR(uint64_t) sorted_pcs;
    VECTOR(struct pending_stack) pending;
    struct page_cache *pages;
};

static const char *find_layout(struct heap_profile *profile)
{
    const struct go_layout *layout = &profile->process->layout;
    static const enum go_field needed[] = {
        GO_FIELD_BUCKET_SIZE,        GO_FIELD_BUCKET_ALLNEXT,  GO_FIELD_BUCKET_TYP,
        GO_FIELD_BUCKET_OBJECT_SIZE, GO_FIELD_BUCKET_NSTK,     GO_FIELD_MEM_RECORD_ACTIVE,
        GO_FIELD_MEM_RECORD_FUTURE,  GO_FIELD_MEM_RECORD_SIZE, GO_FIELD_MEM_RECORD_CYCLE_SIZE,
    };
    if (!go_variable(profile->process, GO_VARIABLE_MBUCKETS))
        return "the runtime's list of heap profile buckets (mbuckets) was not found";
    if (!go_layout_has_all(layout, needed, ARRAY_SIZE(needed)))
        return "the layout of the runtime's heap profile buckets is not known";
    profile->header_size = (size_t)layout->offset[GO_FIELD_BUCKET_SIZE];
    profile->record_size = (size_t)layout->offset[GO_FIELD_MEM_RECORD_SIZE];
    profile->active = (size_t)layout->offset[GO_FIELD_MEM_RECORD_ACTIVE];
    profile->future = (size_t)layout->offset[GO_FIELD_MEM_RECORD_FUTURE];
    profile->cycle_size = (size_t)layout->offset[GO_FIELD_MEM_RECORD_CYCLE_SIZE];
    profile->has_bytes = go_layout_has(layout, GO_FIELD_MEM_RECORD_CYCLE_ALLOC_BYTES);
    size_t least = profile->has_bytes ? 32 : 16;
    if (profile->header_size > MAX_HEADER_BYTES || profile->record_size > MAX_RECORD_BYTES ||
        profile->cycle_size < least || profile->active > profile->record_size ||
        profile->cycle_size > profile->record_size - profile->active || profile->future > profile->record_size ||
        profile->cycle_size > (profile->record_size - profile->future) / FUTURE_CYCLES)
        return "the layout of the runtime's heap profile buckets is not plausible";
    return NULL;
}

struct error *heap_profile_create(const struct go_process *process, struct go_frames *frames,
                                  struct heap_profile **ret_profile)
{
    struct heap_profile *profile = calloc(1, sizeof(*profile));
    if (!profile)
        return error_no_memory();
    profile->process = process;
    profile->frames = frames;
    profile->memory = process->context.memory;
    profile->unusable = find_layout(profile);
    profile->pages = calloc(1, sizeof(*profile->pages));
    struct error *error = profile->pages ? NULL : error_no_memory();
    if (!error && !profile->unusable)
        error = record_set_init(&profile->records, profile->memory, profile->record_size);
    if (error) {
        heap_profile_destroy(profile);
        return error;
    }
    *ret_profile = profile;
    return NULL;
}

void heap_profile_destroy(struct heap_profile *profile)
{
    if (!profile)
        return;
    vector_deinit(&profile->buckets);
    table_deinit(&profile->known);
    record_set_deinit(&profile->records);
    vector_deinit(&profile->reference);
    vector_deinit(&profile->current);
    vector_deinit(&profile->good);
    vector_deinit(&profile->pcs);
    vector_deinit(&profile->sorted_pcs);
    vector_deinit(&profile->pending);
    free(profile->pages);
    free(profile);
}

uint64_t heap_profile_retries(const struct heap_profile *profile)
{
    return profile->retries;
}

size_t heap_profile_bucket_count(const struct heap_profile *profile)
{
    return profile->buckets.count;
}

/* Gives all pending buckets their stacks. */
static struct error *resolve_pending(struct heap_profile *profile)
{
    profile->sorted_pcs.count = 0;
    if (!vector_reserve(&profile->sorted_pcs, profile->pcs.count))
        return error_no_memory();
    if (profile->pcs.count > 0)
        memcpy(profile->sorted_pcs.items, profile->pcs.items, profile->pcs.count * sizeof(*profile->pcs.items));
    struct error *error = go_frames_prepare(profile->frames, profile->sorted_pcs.items, profile->pcs.count);
    for (size_t i = 0; !error && i < profile->pending.count; i++) {
        const struct pending_stack *pending = &profile->pending.items[i];
        const uint64_t *pcs = pending->depth > 0 ? &profile->pcs.items[pending->first_pc] : NULL;
        error = go_frames_stack(profile->frames, pcs, pending->depth, &profile->buckets.items[pending->bucket].stack);
    }
    /* What could not be looked up for lack of memory is tried again with the next sample. */
    if (!error)
        profile->pending.count = profile->pcs.count = 0;
    return error;
}

/* Reads one bucket's header and stack and adds it. *ret_next is the address of the next; *ret_bad says why this
 * cannot be a bucket, or NULL. */
static struct error *add_bucket(struct heap_profile *profile, remote_address address, remote_address *ret_next,
                                const char **ret_bad)
{
    uint8_t header[MAX_HEADER_BYTES];
    bool ok;
    struct error *error = page_cache_read(profile->pages, address, header, profile->header_size, &ok);
    if (error)
        return error;
    struct copied_struct copied = {.layout = &profile->process->layout, .bytes = header, .size = profile->header_size};
    uint64_t next = 0, type = 0, object_size = 0, depth = 0;
    ok = ok && copied_struct_get(&copied, GO_FIELD_BUCKET_ALLNEXT, &next) &&
         copied_struct_get(&copied, GO_FIELD_BUCKET_TYP, &type) &&
         copied_struct_get(&copied, GO_FIELD_BUCKET_OBJECT_SIZE, &object_size) &&
         copied_struct_get(&copied, GO_FIELD_BUCKET_NSTK, &depth);
    *ret_bad = NULL;
    if (!ok)
        *ret_bad = "a bucket is not readable";
    else if (address % 8 != 0 || type != MEM_PROFILE_TYPE || depth > HEAP_PROFILE_MAX_DEPTH)
        *ret_bad = "what should be a bucket is none";
    if (*ret_bad)
        return NULL;

    size_t first_pc = profile->pcs.count;
    if (!vector_reserve(&profile->pcs, first_pc + depth))
        return error_no_memory();
    uint8_t stack[HEAP_PROFILE_MAX_DEPTH * 8];
    error = page_cache_read(profile->pages, address + profile->header_size, stack, depth * 8, &ok);
    if (error)
        return error;
    if (!ok) {
        *ret_bad = "a bucket's stack is not readable";
        return NULL;
    }
    struct cursor cursor = cursor_over(stack, depth * 8);
    for (size_t i = 0; i < depth; i++)
        profile->pcs.items[profile->pcs.count++] = cursor_u64(&cursor);

    /* All or nothing: the lists are one by their index. */
    size_t index = profile->buckets.count;
    if (!vector_reserve(&profile->buckets, index + 1) || !vector_reserve(&profile->reference, index + 1) ||
        !vector_reserve(&profile->current, index + 1) || !vector_reserve(&profile->pending, profile->pending.count + 1))
        return error_no_memory();
    error = record_set_add(&profile->records, address + profile->header_size + depth * 8);
    if (error)
        return error;
    uint64_t *place = table_insert(&profile->known, address, NULL);
    if (!place) {
        profile->records.addresses.count--;
        return error_no_memory();
    }
    *place = index;
    profile->buckets.items[profile->buckets.count++] = (struct bucket){.object_size = object_size};
    profile->reference.items[profile->reference.count++] = (struct active_counts){0};
    profile->pending.items[profile->pending.count++] =
        (struct pending_stack){.bucket = index, .first_pc = first_pc, .depth = depth};
    *ret_next = next;
    return NULL;
}

/* Follows the list from an address to the first bucket already known. */
static struct error *walk(struct heap_profile *profile, remote_address address, bool must_meet_known)
{
    size_t known_before = profile->buckets.count;
    for (;;) {
        if (address == 0) {
            if (must_meet_known)
                profile->broken = "the list no longer leads to the buckets known before";
            return NULL;
        }
        const uint64_t *index = table_find(&profile->known, address);
        if (index) {
            if (*index >= known_before)
                profile->broken = "the list leads back into itself";
            return NULL;
        }
        if (profile->buckets.count >= HEAP_PROFILE_MAX_BUCKETS) {
            profile->truncated = true;
            return NULL;
        }
        const char *bad;
        struct error *error = profile->pcs.count >= MAX_PENDING_PCS ? resolve_pending(profile) : NULL;
        if (!error)
            error = add_bucket(profile, address, &address, &bad);
        if (error) {
            profile->unfinished = address;
            return error;
        }
        if (bad) {
            profile->broken = bad;
            return NULL;
        }
    }
}

/* Brings the list of buckets up to date: headers never change, no bucket is ever freed, and new ones are put in front
 * (runtime/mprof.go, type bucket and stkbucket). */
static struct error *find_new_buckets(struct heap_profile *profile, remote_address head)
{
    struct error *error = NULL;
    remote_address unfinished = profile->unfinished;
    bool is_known = profile->buckets.count > 0;
    page_cache_reset(profile->pages, profile->memory);
    if (unfinished) {
        profile->unfinished = 0;
        error = walk(profile, unfinished, false);
    }
    if (!error && head != profile->head) {
        profile->head = head;
        error = walk(profile, head, is_known);
    }
    if (!error && profile->pending.count > 0)
        error = resolve_pending(profile);
    return error;
}

/* One memRecordCycle at an offset of a record. Up to Go 1.26 it counts bytes as well; in 1.27 they follow from the
 * bucket's object size. */
static struct site_counts decode_cycle(const struct heap_profile *profile, const uint8_t *record, size_t offset,
                                       uint64_t object_size)
{
    struct cursor cursor = cursor_over(record, profile->record_size);
    cursor_seek(&cursor, offset);
    /* Once for all words: with thousands of buckets this is where a sample's time goes. */
    uint64_t words[4] = {0};
    size_t size = profile->has_bytes ? sizeof(words) : sizeof(words) / 2;
    const uint8_t *bytes = cursor_bytes(&cursor, size);
    if (bytes)
        memcpy(words, bytes, size);
    return (struct site_counts){
        .allocs = words[0], .frees = words[1], .alloc_bytes = profile->has_bytes ? words[2] : words[0] * object_size,
        .free_bytes = profile->has_bytes ? words[3] : words[1] * object_size};
}

static void counts_add(struct site_counts *sum, const struct site_counts *more)
{
    sum->allocs += more->allocs;
    sum->frees += more->frees;
    sum->alloc_bytes += more->alloc_bytes;
    sum->free_bytes += more->free_bytes;
}

static bool counts_any(const struct site_counts *counts)
{
    return counts->allocs != 0 || counts->frees != 0;
}

/* Takes one bucket's record into its site. `published` is what runtime/mprof.go memProfileInternal would count:
 * `active`, once cycle C has been added to it. */
static void decode_record(const struct heap_profile *profile, const uint8_t *record, size_t index, struct site *site,
                          struct reading *reading)
{
    uint64_t object_size = profile->buckets.items[index].object_size;
    struct site_counts active = decode_cycle(profile, record, profile->active, object_size);
    profile->current.items[index] = (struct active_counts){.allocs = active.allocs, .frees = active.frees};
    reading->any_active |= counts_any(&active);
    site->published = site->provisional = active;
    for (uint32_t i = 0; i < FUTURE_CYCLES; i++) {
        struct site_counts future =
            decode_cycle(profile, record, profile->future + i * profile->cycle_size, object_size);
        if (!counts_any(&future))
            continue;
        if (i == reading->cycle % FUTURE_CYCLES) {
            if (reading->flushed)
                reading->in_flush = true;
            else
                counts_add(&site->published, &future);
        }
        if (i == (reading->cycle + 1) % FUTURE_CYCLES)
            reading->next_pending = true;
        /* An allocation counts its object before its bytes: its bytes may be missing still. All objects of a bucket
         * are of one size. */
        future.alloc_bytes = future.allocs * object_size;
        future.free_bytes = future.frees * object_size;
        counts_add(&site->provisional, &future);
    }
    if (site->published.frees > site->published.allocs || site->published.free_bytes > site->published.alloc_bytes)
        reading->impossible = true;
}

/* Where a reading's records go. */
struct reading_target {
    struct heap_profile *profile;
    struct site *sites;
    struct reading *reading;
};

static void take_record(void *context, size_t index, const uint8_t *bytes)
{
    const struct reading_target *target = context;
    struct heap_profile *profile = target->profile;
    if (bytes) {
        decode_record(profile, bytes, index, &target->sites[index], target->reading);
        return;
    }
    /* A bucket that cannot be read repeats what it last had. */
    struct site *site = &target->sites[index];
    site->published = site->provisional = (struct site_counts){0};
    if (index < profile->good.count) {
        site->published = profile->good.items[index].published;
        site->provisional = profile->good.items[index].provisional;
    }
    profile->current.items[index] = profile->reference.items[index];
    target->reading->unreadable++;
}

static struct error *read_counts(struct heap_profile *profile, struct site *sites, struct reading *reading)
{
    struct reading_target target = {.profile = profile, .sites = sites, .reading = reading};
    profile->current.count = profile->reference.count;
    return record_set_read(&profile->records, take_record, &target);
}

/* The profile's cycle number and flag (runtime/mprof.go, mProfCycleHolder). Where the variable was not found the
 * profile is taken for flushed, as it is nearly always. */
static struct error *read_cycle(const struct heap_profile *profile, uint32_t *ret_word)
{
    remote_address address = go_variable(profile->process, GO_VARIABLE_MPROF_CYCLE);
    uint32_t word = 1;
    struct error *error = address ? memory_read_u32(profile->memory, address, &word) : NULL;
    if (error && error->kind == ERROR_FAULT) {
        error_destroy(error);
        error = NULL;
    }
    *ret_word = word;
    return error;
}

/* Nothing has been published yet: as memProfileInternal then does, everything counts. */
static void publish_all(struct site *sites, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sites[i].published = sites[i].provisional;
}

static bool same_active(const struct heap_profile *profile)
{
    return memcmp(profile->reference.items, profile->current.items,
                  profile->current.count * sizeof(*profile->current.items)) == 0;
}

/* Notes what this reading tells of mProf_PostSweep, which publishes cycle C + 1 early, when runtime.GC has swept,
 * and leaves no mark of its own: `active` has changed within a cycle that was flushed before. From then on, once it
 * is through, cycle C + 1 is empty. A program that frees otherwise than by sweeping (arenas) could fill it again: it is
 * not waited for without end. */
static bool is_post_sweep_under_way(struct heap_profile *profile, uint32_t word, bool agrees,
                                    const struct reading *reading)
{
    bool has_cycle = go_variable(profile->process, GO_VARIABLE_MPROF_CYCLE) != 0;
    if (word != profile->last_word)
        profile->sweep_readings = 0;
    else if (profile->last_whole && !agrees && has_cycle)
        profile->sweep_readings = MAX_SWEEP_READINGS;
    else if (profile->sweep_readings > 0)
        profile->sweep_readings--;
    profile->last_word = word;
    profile->last_whole = reading->flushed && !reading->in_flush && reading->any_active;
    return profile->sweep_readings > 0 && reading->next_pending;
}

/* Reads until a reading is consistent. `active` is only ever written while a cycle is flushed into it, at the end of
 * a GC cycle and of runtime.GC (mProf_Flush, mProf_PostSweep): so a reading is good when the cycle did not move
 * meanwhile, no flush was under way, and `active` is in all buckets what it was in the reading before, of this
 * sample or of the last one. */
static struct error *read_consistently(struct heap_profile *profile, struct site *sites, bool *ret_consistent,
                                       struct reading *ret_reading)
{
    size_t count = profile->buckets.count;
    for (unsigned tries = 0; tries < HEAP_PROFILE_MAX_READINGS; tries++) {
        uint32_t before, after;
        struct reading reading = {0};
        if (tries >= 2)
            nanosleep(&(struct timespec){.tv_nsec = READING_PAUSE_NS << (tries - 2)}, NULL);
        struct error *error = read_cycle(profile, &before);
        if (error)
            return error;
        reading.cycle = before >> 1;
        reading.flushed = before & 1;
        error = read_counts(profile, sites, &reading);
        if (!error)
            error = read_cycle(profile, &after);
        if (error)
            return error;

        bool has_cycle = go_variable(profile->process, GO_VARIABLE_MPROF_CYCLE) != 0;
        bool agrees = count == 0 || same_active(profile);
        if (!reading.any_active) {
            publish_all(sites, count);
            reading.in_flush = reading.impossible = false;
        }
        bool in_sweep = is_post_sweep_under_way(profile, before, agrees, &reading);
        if (agrees && before == after && !in_sweep && !(has_cycle && reading.in_flush) && !reading.impossible) {
            *ret_consistent = true;
            *ret_reading = reading;
            return NULL;
        }
        profile->retries++;
        /* The next reading is held against this one. */
        __typeof__(profile->reference) swapped = profile->reference;
        profile->reference = profile->current;
        profile->current = swapped;
    }
    *ret_consistent = false;
    return NULL;
}

/* Nothing better was had: the last good sites again. */
static void repeat_sites(const struct heap_profile *profile, struct snapshot *snapshot)
{
    if (profile->good.count > 0)
        memcpy(snapshot->sites, profile->good.items, profile->good.count * sizeof(*snapshot->sites));
    snapshot->num_sites = profile->good.count;
    snapshot->profile_cycle = profile->good_cycle;
    snapshot->profile_torn = true;
    snapshot_add_problem(snapshot, "heap profile: no two of %u readings agreed; the last good one is shown again",
                         HEAP_PROFILE_MAX_READINGS);
}

/* The sites of this sample: read, or repeated when no reading was consistent. *ret_aged: the reading is consistent,
 * but buckets that were made since the walk, in cycle `walked`, would count in it: an allocation of cycle c is
 * published with c + 2. */
static struct error *sample_sites(struct heap_profile *profile, struct snapshot *snapshot, uint32_t walked,
                                  bool *ret_aged)
{
    size_t count = profile->buckets.count;
    struct site *sites = arena_alloc_array(&snapshot->arena, count, sizeof(*sites));
    if (!sites)
        return error_no_memory();
    for (size_t i = 0; i < count; i++) {
        sites[i].stack = profile->buckets.items[i].stack;
        sites[i].object_size = profile->buckets.items[i].object_size;
    }
    bool consistent;
    struct reading reading;
    *ret_aged = false;
    struct error *error = read_consistently(profile, sites, &consistent, &reading);
    if (error)
        return error;

    snapshot->sites = sites;
    snapshot->sites_truncated = profile->truncated || profile->broken;
    if (!consistent) {
        repeat_sites(profile, snapshot);
        return NULL;
    }
    if (reading.cycle - walked >= 2 && reading.cycle > walked) {
        *ret_aged = true;
        return NULL;
    }
    if (!vector_reserve(&profile->good, count))
        return error_no_memory();
    if (count > 0)
        memcpy(profile->good.items, sites, count * sizeof(*sites));
    profile->good.count = count;
    /* Published at cycle C is the state as of the end of GC cycle C - 1: what has been freed since then counts for
     * the next. */
    profile->good_cycle = reading.any_active && reading.cycle > 0 ? reading.cycle - 1 : reading.cycle;
    snapshot->num_sites = count;
    snapshot->profile_cycle = profile->good_cycle;
    if (reading.unreadable > 0)
        snapshot_add_problem(snapshot, "heap profile: %zu of %zu buckets are not readable", reading.unreadable, count);
    return NULL;
}

/* The variables the profile begins with. */
struct profile_variables {
    uint32_t cycle;     /* Read before the head. */
    remote_address head;
    int64_t rate;
    bool rate_known, head_known, disabled;
};

static struct error *read_variables(const struct heap_profile *profile, struct profile_variables *ret_variables)
{
    enum { CYCLE, HEAD, RATE, DISABLED, COUNT };
    static const enum go_variable ids[COUNT] = {[CYCLE] = GO_VARIABLE_MPROF_CYCLE,
                                                [HEAD] = GO_VARIABLE_MBUCKETS,
                                                [RATE] = GO_VARIABLE_MEM_PROFILE_RATE,
                                                [DISABLED] = GO_VARIABLE_DISABLE_MEMORY_PROFILING};
    static const size_t sizes[COUNT] = {[CYCLE] = 4, [HEAD] = 8, [RATE] = 8, [DISABLED] = 1};
    uint8_t bytes[COUNT][8] = {0};
    struct memory_request requests[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        requests[i] = (struct memory_request){
            .address = go_variable(profile->process, ids[i]), .buffer = bytes[i], .size = sizes[i]};
    struct error *error = memory_read_batch(profile->memory, requests, COUNT);
    if (error)
        return error;
    *ret_variables = (struct profile_variables){
        .head_known = requests[HEAD].address && !requests[HEAD].failed,
        .rate_known = requests[RATE].address && !requests[RATE].failed,
        .disabled = requests[DISABLED].address && !requests[DISABLED].failed && bytes[DISABLED][0],
    };
    uint64_t rate = 0;
    uint32_t cycle = 0;
    bytes_u32_at(bytes[CYCLE], 8, 0, &cycle);
    ret_variables->cycle = cycle >> 1;
    bytes_u64_at(bytes[HEAD], 8, 0, &ret_variables->head);
    bytes_u64_at(bytes[RATE], 8, 0, &rate);
    ret_variables->rate = (int64_t)rate;
    return NULL;
}

/* Why profiling is off, and what would turn it on. What is allocated before the runtime heeds the linker's word, in
 * the first moments of a program of Go 1.25 and newer, may have made a bucket all the same
 * (cmd/link/internal/ld/deadcode.go and runtime/malloc.go for disableMemoryProfiling). */
static const char *off_reason(const struct profile_variables *variables, bool has_buckets)
{
    if (variables->disabled)
        return "the linker has left heap profiling off because nothing in the program reads the heap profile: "
               "a build that imports net/http/pprof or runtime/pprof has it on, and --enable-profiling switches it on "
               "now";
    if (has_buckets)
        return "the program has switched heap profiling off (runtime.MemProfileRate is 0): "
               "what was sampled before is shown, and only its frees are still counted; --enable-profiling switches it "
               "on";
    return "heap profiling is switched off (runtime.MemProfileRate is 0, set by the program or by "
           "GODEBUG=memprofilerate=0): a start without that has it on, and --enable-profiling switches it on now";
}

struct error *heap_profile_sample(struct heap_profile *profile, struct snapshot *snapshot)
{
    struct profile_variables variables;
    struct error *error = read_variables(profile, &variables);
    if (error)
        return error;
    if (variables.rate_known)
        snapshot_set(snapshot, COUNTER_MEM_PROFILE_RATE, variables.rate);
    else
        snapshot_set_unavailable(snapshot, COUNTER_MEM_PROFILE_RATE, "runtime.MemProfileRate was not found");

    snapshot->profile_state = PROFILE_NONE;
    snapshot->profile_reason = profile->unusable;
    if (profile->unusable)
        return NULL;
    if (!variables.head_known) {
        snapshot->profile_reason = "the runtime's list of heap profile buckets (mbuckets) is not readable";
        return NULL;
    }

    bool aged = true;
    for (unsigned walks = 0; !error && aged && walks < HEAP_PROFILE_MAX_WALKS; walks++) {
        if (walks > 0)
            error = read_variables(profile, &variables);
        if (!error)
            error = find_new_buckets(profile, variables.head);
        if (!error)
            error = sample_sites(profile, snapshot, variables.cycle, &aged);
    }
    if (error)
        return error;
    if (aged)
        repeat_sites(profile, snapshot);

    bool is_off = variables.rate_known && variables.rate == 0;
    /* The linker has it off: so somebody has switched it on, from outside in all likelihood. */
    if (variables.rate_known && variables.rate != 0 && variables.disabled)
        snapshot->profile_since_unix_ns = PROFILE_SINCE_UNKNOWN;
    snapshot->profile_state = is_off ? PROFILE_OFF : PROFILE_ON;
    snapshot->profile_reason = is_off ? off_reason(&variables, profile->buckets.count > 0) : NULL;
    if (profile->broken)
        snapshot_add_problem(snapshot, "heap profile: %s; %zu buckets are shown", profile->broken,
                             profile->buckets.count);
    if (profile->truncated)
        snapshot_add_problem(snapshot, "heap profile: only the newest %u buckets are followed",
                             HEAP_PROFILE_MAX_BUCKETS);
    return NULL;
}
