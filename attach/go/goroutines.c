#include "attach/go/goroutines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/go/goroutine.h"
#include "attach/go/goroutine_stacks.h"
#include "attach/go/record_set.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "heaptop/base/table.h"

static const char *const status_names[GOROUTINE_STATUS_COUNT] = {
    [GOROUTINE_RUNNABLE] = "runnable",   [GOROUTINE_RUNNING] = "running",     [GOROUTINE_SYSCALL] = "syscall",
    [GOROUTINE_WAITING] = "waiting",     [GOROUTINE_COPYSTACK] = "copystack", [GOROUTINE_PREEMPTED] = "preempted",
    [GOROUTINE_LEAKED] = "leaked",
};

/* g.waitreason is one byte. */
#define WAIT_REASONS 256u
/* The longest is "sync.WaitGroup.Wait (durable)", 29 bytes. */
#define MAX_WAIT_REASON_BYTES 64u
/* Tries to read the part of allgs that is new while it stays where it is. */
#define MAX_LIST_READINGS 4u
#define POINTERS_A_READ 8192u

/* What goroutines of one group have in common, as the target has it. */
struct group_key {
    uint64_t created_by, start;     /* g.gopc, g.startpc. */
    uint32_t status, wait_reason;   /* wait_reason: 0 unless waiting. */
    stack_id stack;
    uint32_t zero;                  /* Keys are compared byte by byte. */
};

struct group {
    struct group_key key;
    uint32_t count;
    bool wait_known, stack_cut;
    uint64_t wait_min, wait_max;
};

struct wait_reason {
    bool known;
    string_id text;
    bool is_runtime_idle;   /* What the finalizer and cleanup goroutines wait in when they have nothing to do. */
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
    VECTOR(struct goroutine) all;       /* What was last read of each record. */
    struct goroutine_stacks stacks;

    struct table by_key;                /* Hash of a key -> index in groups. */
    VECTOR(struct group) groups;
    size_t last_group;                  /* Of the goroutine before. */
    size_t unreadable, invalid, ungrouped;
    uint64_t now;                       /* CLOCK_MONOTONIC, as the runtime's nanotime. */
    bool out_of_memory;
    struct wait_reason wait_reasons[WAIT_REASONS];
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
    size_t size = 0;
    bool has_list = (go_variable(process, GO_VARIABLE_ALLGPTR) && go_variable(process, GO_VARIABLE_ALLGLEN)) ||
                    go_variable(process, GO_VARIABLE_ALLGS);
    if (!has_list)
        goroutines->unusable = "the runtime's list of goroutines (allgs) was not found";
    else if (!goroutine_range(&process->layout, &goroutines->start, &size) || size > RECORD_SET_MAX_RECORD_BYTES)
        goroutines->unusable = "the layout of the runtime's goroutines (g) is not known";
    if (!goroutines->unusable) {
        struct error *error = record_set_init(&goroutines->records, goroutines->memory, size);
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
    free(goroutines);
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

/* A record_visitor: notes what one g says. Where nothing tells that the goroutine has run since the last sample, it keeps
 * the stack that it had. */
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
    *goroutine = now;
}

static struct error *read_goroutines(struct goroutines *goroutines)
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
    return error;
}

/* Counts one goroutine in its group. */
static void group_goroutine(struct goroutines *goroutines, const struct goroutine *goroutine)
{
    uint32_t status = goroutine->status;
    if (status >= GOROUTINE_STATUS_COUNT || status == GOROUTINE_MORIBUND || status == GOROUTINE_ENQUEUE) {
        goroutines->invalid++;
        return;
    }
    if (!status_names[status])
        return;     /* Not in use: dead, kept for the next go statement, or being made. */
    struct group_key key = {
        .created_by = goroutine->created_by, .start = goroutine->start, .status = status, .stack = goroutine->stack};
    if (status == GOROUTINE_WAITING || status == GOROUTINE_LEAKED)
        key.wait_reason = goroutine->wait_reason;
    if (goroutines->groups.count >= GOROUTINES_MAX_GROUPS) {
        goroutines->ungrouped++;
        return;
    }
    struct group *group = find_group(goroutines, &key);
    if (!group)
        return;
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

static bool is_printable(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] < ' ' || bytes[i] > '~')
            return false;
    }
    return true;
}

/* The numbers of wait reasons differ between versions; the target has their names in runtime.waitReasonStrings, an
 * array of strings. */
static struct error *find_wait_reason(struct goroutines *goroutines, uint32_t number,
                                      const struct wait_reason **ret_reason)
{
    struct wait_reason *reason = &goroutines->wait_reasons[number];
    *ret_reason = reason;
    if (reason->known || number == 0)
        return NULL;
    uint8_t text[MAX_WAIT_REASON_BYTES];
    uint64_t data = 0, length = 0;
    bool ok = false;
    remote_address strings = go_variable(goroutines->process, GO_VARIABLE_WAIT_REASON_STRINGS);
    if (strings) {
        uint8_t header[16];
        struct memory_request request = {
            .address = strings + (uint64_t)number * 16, .buffer = header, .size = sizeof(header)};
        struct error *error = memory_read_batch(goroutines->memory, &request, 1);
        if (error)
            return error;
        ok = !request.failed && bytes_u64_at(header, 16, 0, &data) && bytes_u64_at(header, 16, 8, &length) &&
             length > 0 && length <= sizeof(text);
        request = (struct memory_request){.address = data, .buffer = text, .size = ok ? (size_t)length : 0};
        error = ok ? memory_read_batch(goroutines->memory, &request, 1) : NULL;
        if (error)
            return error;
        ok = ok && !request.failed && is_printable(text, (size_t)length);
    }
    char numbered[32];
    if (!ok)
        length = (uint64_t)snprintf(numbered, sizeof(numbered), "wait reason %u", number);
    const char *bytes = ok ? (const char *)text : numbered;
    reason->text = catalog_add_untrusted(goroutines->catalog, bytes, (size_t)length);
    reason->is_runtime_idle = ok && ((length == 14 && memcmp(text, "finalizer wait", 14) == 0) ||
                                     (length == 12 && memcmp(text, "cleanup wait", 12) == 0));
    reason->known = true;
    return NULL;
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

static int compare_counts(const void *left, const void *right)
{
    const struct goroutine_group *a = left, *b = right;
    return (a->count < b->count) - (a->count > b->count);
}

static struct error *fill_groups(struct goroutines *goroutines, struct snapshot *snapshot)
{
    size_t count = goroutines->groups.count;
    struct goroutine_group *rows = arena_alloc_array(&snapshot->arena, count, sizeof(*rows));
    if (!rows)
        return error_no_memory();
    for (size_t i = 0; i < count; i++) {
        const struct group *group = &goroutines->groups.items[i];
        const struct wait_reason *reason;
        frame_id created_by, start;
        const char *start_name;
        struct error *error = find_wait_reason(goroutines, group->key.wait_reason, &reason);
        if (!error)
            error = go_frames_caller(goroutines->frames, group->key.created_by, &created_by);
        if (!error)
            error = go_frames_start(goroutines->frames, group->key.start, &start, &start_name);
        if (error)
            return error;
        /* The first goroutine is made by the runtime's start-up code. */
        if (strcmp(start_name, "runtime.main") == 0)
            created_by = 0;
        const char *state = status_names[group->key.status];
        rows[i] = (struct goroutine_group){
            .state = catalog_add_string(goroutines->catalog, state, strlen(state)),
            .wait_reason = reason->text,
            .created_by = created_by,
            .start = start,
            .stack = group->key.stack,
            .stack_cut = group->stack_cut,
            .count = group->count,
            .system = is_system(start_name, group->key.status, reason),
            .wait_ns_min = group->wait_min,
            .wait_ns_max = group->wait_max,
            .wait_known = group->wait_known,
        };
    }
    qsort(rows, count, sizeof(*rows), compare_counts);
    snapshot->goroutine_groups = rows;
    snapshot->num_goroutine_groups = count;
    return NULL;
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
        snapshot_add_problem(snapshot, "goroutines: %zu stacks are shown in part: deeper than %u frames, or not readable",
                             goroutines->stacks.cut, UNWIND_MAX_FRAMES);
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
    /* The sample's time, not that of this reading: since when one waits, as seen from there, is then the same in every sample. */
    goroutines->now = snapshot->monotonic_ns;
    error = read_goroutines(goroutines);
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
