#include "attach/go/goroutines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/go/goroutine_labels.h"
#include "attach/go/goroutine_list.h"
#include "attach/go/goroutine_stacks.h"
#include "attach/go/record_set.h"
#include "attach/go/running_stacks.h"
#include "attach/go/wait_reasons.h"
#include "attach/go/waits.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "heaptop/base/table.h"

static const char *const status_names[GOROUTINE_STATUS_COUNT] = {
    [GOROUTINE_RUNNABLE] = "runnable",   [GOROUTINE_RUNNING] = "running",     [GOROUTINE_SYSCALL] = "syscall",
    [GOROUTINE_WAITING] = "waiting",     [GOROUTINE_COPYSTACK] = "copystack", [GOROUTINE_PREEMPTED] = "preempted",
    [GOROUTINE_LEAKED] = "leaked",
};

/* Tries to read the part of allgs that is new while it stays where it is. */
#define MAX_LIST_READINGS 4u
#define POINTERS_A_READ 8192u

/* What goroutines of one group have in common, as the target has it. */
struct group_key {
    uint64_t created_by, start;     /* g.gopc, g.startpc. */
    uint32_t status, wait_reason;   /* wait_reason: 0 unless waiting. */
    stack_id stack;
    string_id labels;               /* Keys are compared byte by byte: there is no gap. */
};

struct group {
    struct group_key key;
    uint32_t count;
    bool wait_known, stack_cut;
    uint64_t wait_min, wait_max;
    uint64_t oldest, newest;        /* Least and greatest goid. */
};

struct goroutines {
    const struct go_process *process;   /* Borrowed. */
    struct go_frames *frames;           /* Borrowed. */
    struct memory *memory;              /* Borrowed. */
    struct catalog *catalog;            /* Borrowed. */
    const char *unusable;               /* Why groups cannot be made; NULL when they can. Static. */
    size_t start;                       /* Where in a g the bytes begin that are copied. */
    /* Every g in allgs: entries are only appended and never change (runtime/proc.go allgadd). */
    struct record_set records;
    size_t listed;                      /* Entries of allgs that were read. */
    size_t bad_entries;                 /* Of these, no pointers. */
    bool truncated;
    bool stops_running;
    VECTOR(struct goroutine) all;       /* What was last read of each record. */
    struct goroutine_stacks stacks;

    struct table by_key;                /* Hash of a key -> index in groups. */
    VECTOR(struct group) groups;
    size_t last_group;                  /* Of the goroutine before. */
    size_t unreadable, invalid, ungrouped;
    uint64_t now;                       /* CLOCK_MONOTONIC, as the runtime's nanotime. */
    bool out_of_memory;
    VECTOR(uint32_t) places;            /* From a group here to that of the snapshot. */
    struct goroutine_labels labels;
    struct waits waits;
    struct wait_reasons wait_reasons;
};

struct error *goroutines_create(const struct go_process *process, struct go_frames *frames,
                                struct goroutines **ret_goroutines)
{
    struct goroutines *goroutines = calloc(1, sizeof(*goroutines));
    if (!goroutines)
        return error_no_memory();
    goroutines->process = process;
    goroutines->frames = frames;
    goroutines->memory = process->context.memory;
    goroutines->catalog = process->context.catalog;
    goroutine_stacks_init(&goroutines->stacks, process, frames);
    goroutines->wait_reasons.process = goroutines->labels.process = process;
    size_t size = 0;
    bool has_list = (go_variable(process, GO_VARIABLE_ALLGPTR) && go_variable(process, GO_VARIABLE_ALLGLEN)) ||
                    go_variable(process, GO_VARIABLE_ALLGS);
    if (!has_list)
        goroutines->unusable = "the runtime's list of goroutines (allgs) was not found";
    else if (!goroutine_range(&process->layout, &goroutines->start, &size) || size > RECORD_SET_MAX_RECORD_BYTES)
        goroutines->unusable = "the layout of the runtime's goroutines (g) is not known";
    if (!goroutines->unusable) {
        struct error *error = record_set_init(&goroutines->records, goroutines->memory, size);
        if (!error)
            error = waits_init(&goroutines->waits, process);
        if (error) {
            goroutines_destroy(goroutines);
            return error;
        }
    }
    *ret_goroutines = goroutines;
    return NULL;
}

void goroutines_destroy(struct goroutines *goroutines)
{
    if (!goroutines)
        return;
    record_set_deinit(&goroutines->records);
    table_deinit(&goroutines->by_key);
    vector_deinit(&goroutines->groups);
    vector_deinit(&goroutines->all);
    goroutine_stacks_deinit(&goroutines->stacks);
    goroutine_labels_deinit(&goroutines->labels);
    waits_deinit(&goroutines->waits);
    vector_deinit(&goroutines->places);
    free(goroutines);
}

void goroutines_stop_running(struct goroutines *goroutines, bool stops)
{
    goroutines->stops_running = stops;
}

/* Where allgs lies now, and its length. The length is stored after the pointer (runtime/proc.go allgadd), and so
 * read before it. */
static struct error *read_list(const struct goroutines *goroutines, remote_address *ret_list, uint64_t *ret_length,
                               bool *ret_ok)
{
    const struct go_process *process = goroutines->process;
    remote_address list_at = go_variable(process, GO_VARIABLE_ALLGPTR),
                   length_at = go_variable(process, GO_VARIABLE_ALLGLEN);
    if (!list_at || !length_at) {
        list_at = go_variable(process, GO_VARIABLE_ALLGS);
        length_at = list_at + 8;
    }
    uint8_t bytes[2][8] = {{0}};
    struct memory_request requests[] = {
        {.address = length_at, .buffer = bytes[0], .size = 8}, {.address = list_at, .buffer = bytes[1], .size = 8}};
    struct error *error = memory_read_batch(goroutines->memory, requests, ARRAY_SIZE(requests));
    if (error)
        return error;
    *ret_ok = !requests[0].failed && !requests[1].failed && bytes_u64_at(bytes[0], 8, 0, ret_length) &&
              bytes_u64_at(bytes[1], 8, 0, ret_list);
    return NULL;
}

/* Takes the entries [listed, length) of the list at this address, as far as they can be read. */
static struct error *read_entries(struct goroutines *goroutines, remote_address list, size_t length, bool *ret_ok)
{
    _cleanup_free_ uint8_t *bytes = malloc(POINTERS_A_READ * 8);
    if (!bytes)
        return error_no_memory();
    *ret_ok = false;
    while (goroutines->listed < length) {
        size_t count = length - goroutines->listed < POINTERS_A_READ ? length - goroutines->listed : POINTERS_A_READ;
        struct memory_request request = {.address = list + goroutines->listed * 8, .buffer = bytes, .size = count * 8};
        struct error *error = memory_read_batch(goroutines->memory, &request, 1);
        if (error || request.failed)
            return error;
        /* The array moves to a larger one when it is full, and the old one is then free for other things: what was
         * read of it only counts when it is still the list now. */
        remote_address list_now;
        uint64_t length_now;
        bool ok;
        error = read_list(goroutines, &list_now, &length_now, &ok);
        if (error || !ok || list_now != list)
            return error;
        struct cursor cursor = cursor_over(bytes, count * 8);
        for (size_t i = 0; i < count; i++) {
            remote_address address = cursor_u64(&cursor);
            if (address == 0 || address % 8 != 0 || address > UINT64_MAX - COPIED_STRUCT_MAX_BYTES) {
                goroutines->bad_entries++;
                continue;
            }
            error = record_set_add(&goroutines->records, address + goroutines->start);
            if (error)
                return error;
        }
        goroutines->listed += count;
    }
    *ret_ok = true;
    return NULL;
}

/* Brings the list of goroutines up to date. *ret_length is allglen. */
static struct error *update_list(struct goroutines *goroutines, uint64_t *ret_length, const char **ret_problem)
{
    *ret_problem = "the runtime's list of goroutines is not readable";
    *ret_length = 0;
    for (unsigned tries = 0; tries < MAX_LIST_READINGS; tries++) {
        remote_address list;
        uint64_t length;
        bool ok;
        struct error *error = read_list(goroutines, &list, &length, &ok);
        if (error || !ok)
            return error;
        *ret_length = length;
        goroutines->truncated = length > GOROUTINES_MAX;
        size_t wanted = goroutines->truncated ? GOROUTINES_MAX : (size_t)length;
        error = read_entries(goroutines, list, wanted, &ok);
        if (error)
            return error;
        if (ok) {
            *ret_problem = NULL;
            return NULL;
        }
    }
    return NULL;
}

static struct group *find_group(struct goroutines *goroutines, const struct group_key *key)
{
    if (goroutines->last_group < goroutines->groups.count &&
        memcmp(&goroutines->groups.items[goroutines->last_group].key, key, sizeof(*key)) == 0)
        return &goroutines->groups.items[goroutines->last_group];
    /* Two keys with one hash: the second goes by another seed. */
    for (uint64_t seed = 0;; seed++) {
        bool is_new;
        uint64_t hash = table_hash_bytes(key, sizeof(*key), seed), *index = NULL;
        if (vector_reserve(&goroutines->groups, goroutines->groups.count + 1))
            index = table_insert(&goroutines->by_key, hash, &is_new);
        if (!index) {
            goroutines->out_of_memory = true;
            return NULL;
        }
        if (is_new) {
            *index = goroutines->groups.count;
            goroutines->groups.items[goroutines->groups.count++] = (struct group){.key = *key};
        }
        if (memcmp(&goroutines->groups.items[*index].key, key, sizeof(*key)) == 0) {
            goroutines->last_group = (size_t)*index;
            return &goroutines->groups.items[*index];
        }
    }
}

/* A record_visitor: notes what one g says. Where nothing tells that the goroutine has run since the last sample, it
 * keeps the stack that it had. */
static void take_goroutine(void *context, size_t index, const uint8_t *bytes)
{
    struct goroutines *goroutines = context;
    struct goroutine *goroutine = &goroutines->all.items[index];
    if (!bytes) {
        goroutines->unreadable++;
        *goroutine = (struct goroutine){.status = GOROUTINE_DEAD};
        return;
    }
    struct copied_struct copied = {.layout = &goroutines->process->layout,
                                   .bytes = bytes,
                                   .size = goroutines->records.record_size,
                                   .start = goroutines->start};
    struct goroutine now = goroutine_decode(&copied);
    if (goroutine_same_place(goroutine, &now)) {
        now.stack_read = goroutine->stack_read;
        now.stack_cut = goroutine->stack_cut;
        now.stack = goroutine->stack;
    }
    if (now.goid == goroutine->goid && now.labels == goroutine->labels) {
        now.labels_read = goroutine->labels_read;
        now.label_text = goroutine->label_text;
    }
    *goroutine = now;
}

static struct error *read_goroutines(struct goroutines *goroutines, struct snapshot *snapshot)
{
    size_t count = goroutines->records.addresses.count, known = goroutines->all.count;
    if (!vector_reserve(&goroutines->all, count))
        return error_no_memory();
    if (count > known)
        memset(goroutines->all.items + known, 0, (count - known) * sizeof(*goroutines->all.items));
    goroutines->all.count = count;
    struct error *error = record_set_read(&goroutines->records, take_goroutine, goroutines);
    if (!error)
        error = goroutine_stacks_read(&goroutines->stacks, goroutines->all.items, count, &goroutines->records,
                                      goroutines->start);
    if (!error && goroutines->stops_running)
        error = running_stacks_read(&goroutines->stacks, goroutines->all.items, count, &goroutines->records,
                                    goroutines->start, snapshot);
    if (!error)
        error = goroutine_labels_read(&goroutines->labels, goroutines->all.items, count);
    return error;
}

/* Counts one goroutine in its group. */
static void group_goroutine(struct goroutines *goroutines, struct goroutine *goroutine)
{
    uint32_t status = goroutine->status;
    goroutine->group = NO_GROUP;
    if (status >= GOROUTINE_STATUS_COUNT || status == GOROUTINE_MORIBUND || status == GOROUTINE_ENQUEUE) {
        goroutines->invalid++;
        return;
    }
    if (!status_names[status])
        return;     /* Not in use: dead, kept for the next go statement, or being made. */
    struct group_key key = {
        .created_by = goroutine->created_by, .start = goroutine->start, .status = status, .stack = goroutine->stack,
        .labels = goroutine->label_text};
    if (status == GOROUTINE_WAITING || status == GOROUTINE_LEAKED)
        key.wait_reason = goroutine->wait_reason;
    if (goroutines->groups.count >= GOROUTINES_MAX_GROUPS) {
        goroutines->ungrouped++;
        return;
    }
    struct group *group = find_group(goroutines, &key);
    if (!group)
        return;
    goroutine->group = (uint32_t)(group - goroutines->groups.items);
    group->oldest = group->count == 0 || goroutine->goid < group->oldest ? goroutine->goid : group->oldest;
    group->newest = goroutine->goid > group->newest ? goroutine->goid : group->newest;
    group->count++;
    group->stack_cut |= goroutine->stack_cut;
    uint64_t since = goroutine->wait_since;
    if ((status == GOROUTINE_WAITING || status == GOROUTINE_SYSCALL) && since != 0) {
        uint64_t waited = since < goroutines->now ? goroutines->now - since : 0;
        group->wait_min = !group->wait_known || waited < group->wait_min ? waited : group->wait_min;
        group->wait_max = !group->wait_known || waited > group->wait_max ? waited : group->wait_max;
        group->wait_known = true;
    }
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* As runtime/traceback.go isSystemGoroutine: by the function a goroutine starts with. Those that run finalizers and
 * cleanups are the runtime's own only while they have nothing to do; that they are in a program's function is taken
 * from their waiting for something else, for fingStatus and g.runningCleanups are not located. NumGoroutine never
 * counts them. */
static bool is_system(const char *start, uint32_t status, const struct wait_reason *reason)
{
    static const char *const user[] = {"runtime.main", "runtime.handleAsyncEvent", "runtime.corostart"};
    static const char *const runners[] = {"runtime.runfinq", "runtime.runFinalizers", "runtime.runCleanups"};
    if (strncmp(start, "runtime.", strlen("runtime.")) != 0 || is_one_of(start, user, ARRAY_SIZE(user)))
        return false;
    return !is_one_of(start, runners, ARRAY_SIZE(runners)) || status != GOROUTINE_WAITING || reason->is_runtime_idle;
}

static int compare_counts(const void *left, const void *right, void *argument)
{
    const struct group *groups = argument;
    const struct group *a = &groups[*(const uint32_t *)left], *b = &groups[*(const uint32_t *)right];
    return (a->count < b->count) - (a->count > b->count);
}

static struct error *fill_group(struct goroutines *goroutines, const struct group *group, struct goroutine_group *row)
{
    const struct wait_reason *reason;
    frame_id created_by, start;
    const char *start_name;
    struct error *error =
        wait_reasons_find(&goroutines->wait_reasons, (uint8_t)group->key.wait_reason, &reason);
    if (!error)
        error = go_frames_caller(goroutines->frames, group->key.created_by, &created_by);
    if (!error)
        error = go_frames_start(goroutines->frames, group->key.start, &start, &start_name);
    if (error)
        return error;
    /* The first goroutine is made by the runtime's start-up code. */
    if (strcmp(start_name, "runtime.main") == 0)
        created_by = 0;
    uint8_t status = (uint8_t)group->key.status;
    *row = (struct goroutine_group){
        .state = catalog_add_string(goroutines->catalog, status_names[status], strlen(status_names[status])),
        .wait_reason = reason->text,
        .created_by = created_by,
        .start = start,
        .stack = group->key.stack,
        .profile_stack = goroutine_stacks_profile(&goroutines->stacks, group->key.stack),
        .labels = group->key.labels,
        .kind = (uint8_t)wait_kind_of_group(goroutines->catalog, status, reason, group->key.stack),
        .stack_cut = group->stack_cut,
        .count = group->count,
        .system = is_system(start_name, status, reason),
        .wait_ns_min = group->wait_min,
        .wait_ns_max = group->wait_max,
        .wait_known = group->wait_known,
        .oldest_goid = group->oldest,
        .newest_goid = group->newest,
    };
    return NULL;
}

/* The snapshot's groups, the largest first, then its goroutines one by one. */
static struct error *fill_groups(struct goroutines *goroutines, struct snapshot *snapshot)
{
    size_t count = goroutines->groups.count;
    struct goroutine_group *rows = arena_alloc_array(&snapshot->arena, count, sizeof(*rows));
    _cleanup_free_ uint32_t *order = calloc(count + 1, sizeof(*order));
    if (!rows || !order || !vector_reserve(&goroutines->places, count))
        return error_no_memory();
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    if (count > 1)
        qsort_r(order, count, sizeof(*order), compare_counts, goroutines->groups.items);
    for (size_t i = 0; i < count; i++) {
        goroutines->places.items[order[i]] = (uint32_t)i;
        struct error *error = fill_group(goroutines, &goroutines->groups.items[order[i]], &rows[i]);
        if (error)
            return error;
    }
    snapshot->goroutine_groups = rows;
    snapshot->num_goroutine_groups = count;
    struct goroutine_list list = {.layout = &goroutines->process->layout,
                                  .goroutines = goroutines->all.items,
                                  .count = goroutines->all.count,
                                  .records = &goroutines->records,
                                  .start = goroutines->start,
                                  .places = goroutines->places.items,
                                  .reasons = &goroutines->wait_reasons};
    return goroutine_list_fill(&list, &goroutines->waits, snapshot);
}

/* The free goroutines that each P keeps: the sum of p.gFree over allp. */
static struct error *read_free_of_procs(const struct goroutines *goroutines, struct procs *procs, int64_t *ret_free,
                                        bool *ret_ok)
{
    int32_t free_at = goroutines->process->layout.offset[GO_FIELD_P_GFREE_N];
    const uint8_t *bytes;
    *ret_ok = false;
    if (free_at < 0)
        return NULL;
    struct error *error = procs_read_field(procs, goroutines->process, (size_t)free_at, 4, &bytes, ret_ok);
    if (error || !*ret_ok)
        return error;
    struct cursor cursor = cursor_over(bytes, procs->addresses.count * 4);
    *ret_free = 0;
    for (size_t i = 0; i < procs->addresses.count; i++)
        *ret_free += (int32_t)cursor_u32(&cursor);
    return NULL;
}

static struct error *read_sched_count(const struct goroutines *goroutines, enum go_field field, int64_t *ret_count,
                                      bool *ret_ok)
{
    const struct go_process *process = goroutines->process;
    remote_address sched = go_variable(process, GO_VARIABLE_SCHED);
    *ret_ok = false;
    if (!sched || !go_layout_has(&process->layout, field))
        return NULL;
    uint32_t value;
    struct error *error = memory_read_u32(goroutines->memory, sched + (uint64_t)process->layout.offset[field], &value);
    if (!error) {
        *ret_count = (int32_t)value;
        *ret_ok = true;
    } else if (error->kind == ERROR_FAULT) {
        error_destroy(error);
        error = NULL;
    }
    return error;
}

/* As runtime/proc.go gcount: the length of allgs, less those free and the runtime's own. */
static struct error *count_goroutines(struct goroutines *goroutines, struct procs *procs, uint64_t length,
                                      struct snapshot *snapshot)
{
    int64_t free_of_procs = 0, free_global = 0, free_without_stack = 0, system = 0;
    bool has_procs = false, has_free = false, has_system = false, has_more;
    struct error *error = read_free_of_procs(goroutines, procs, &free_of_procs, &has_procs);
    if (!error)
        error = read_sched_count(goroutines, GO_FIELD_SCHED_GFREE_N, &free_global, &has_free);
    /* From 1.25 on those with and those without a stack are counted apart. */
    if (!error)
        error = read_sched_count(goroutines, GO_FIELD_SCHED_GFREE_NO_STACK_N, &free_without_stack, &has_more);
    if (!error)
        error = read_sched_count(goroutines, GO_FIELD_SCHED_NGSYS, &system, &has_system);
    if (error)
        return error;
    if (!has_procs || !has_free || !has_system) {
        snapshot_set_unavailable(snapshot, COUNTER_GOROUTINES,
                                 "the runtime's counts of free goroutines (sched, allp) were not found");
        return NULL;
    }
    int64_t count = (int64_t)length - free_global - free_without_stack - system - free_of_procs;
    snapshot_set(snapshot, COUNTER_GOROUTINES, count < 1 ? 1 : count);
    return NULL;
}

static void note_problems(const struct goroutines *goroutines, struct snapshot *snapshot)
{
    if (goroutines->bad_entries + goroutines->unreadable > 0)
        snapshot_add_problem(snapshot, "goroutines: %zu of %zu pointers in allgs are not readable",
                             goroutines->bad_entries + goroutines->unreadable, goroutines->listed);
    if (goroutines->invalid > 0)
        snapshot_add_problem(snapshot, "goroutines: %zu of %zu have a status that does not exist", goroutines->invalid,
                             goroutines->listed);
    if (goroutines->truncated)
        snapshot_add_problem(snapshot, "goroutines: only the first %u are looked at", GOROUTINES_MAX);
    if (goroutines->stacks.moved > 0)
        snapshot_add_problem(snapshot, "goroutines: %zu ran while their stacks were read", goroutines->stacks.moved);
    if (goroutines->stacks.cut > 0)
        snapshot_add_problem(snapshot,
                             "goroutines: %zu stacks are shown in part: deeper than %u frames, or not readable",
                             goroutines->stacks.cut, UNWIND_MAX_FRAMES);
    if (goroutines->waits.unusable)
        snapshot_add_problem(snapshot, "goroutines: what they wait on is not read: %s", goroutines->waits.unusable);
    if (goroutines->labels.unreadable > 0)
        snapshot_add_problem(snapshot, "goroutines: %zu sets of pprof labels are not readable",
                             goroutines->labels.unreadable);
    if (goroutines->labels.too_many)
        snapshot_add_problem(snapshot, "goroutines: of their pprof labels only the first %u sets are told apart",
                             LABELS_MAX_SETS);
    if (goroutines->ungrouped > 0)
        snapshot_add_problem(snapshot, "goroutines: %zu are in none of the first %u groups", goroutines->ungrouped,
                             GOROUTINES_MAX_GROUPS);
}

struct error *goroutines_sample(struct goroutines *goroutines, struct procs *procs, struct snapshot *snapshot)
{
    if (goroutines->unusable) {
        snapshot_set_unavailable(snapshot, COUNTER_GOROUTINES, goroutines->unusable);
        return NULL;
    }
    uint64_t length;
    const char *problem;
    struct error *error = update_list(goroutines, &length, &problem);
    if (error)
        return error;
    if (problem) {
        snapshot_add_problem(snapshot, "goroutines: %s", problem);
        snapshot_set_unavailable(snapshot, COUNTER_GOROUTINES, problem);
    } else {
        error = count_goroutines(goroutines, procs, length, snapshot);
        if (error)
            return error;
    }

    table_clear(&goroutines->by_key);
    goroutines->groups.count = 0;
    goroutines->unreadable = goroutines->invalid = goroutines->ungrouped = 0;
    goroutines->out_of_memory = false;
    /* The sample's time, not that of this reading: since when one waits, as seen from there, is then the same in
     * every sample. */
    goroutines->now = snapshot->monotonic_ns;
    error = read_goroutines(goroutines, snapshot);
    for (size_t i = 0; !error && i < goroutines->all.count; i++)
        group_goroutine(goroutines, &goroutines->all.items[i]);
    if (!error && goroutines->out_of_memory)
        error = error_no_memory();
    if (!error)
        error = fill_groups(goroutines, snapshot);
    if (!error)
        note_problems(goroutines, snapshot);
    return error;
}
