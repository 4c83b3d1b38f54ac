/* Goroutine groups in a history: each group's count, and the count of all that one go statement started. */
#include "analysis/history.h"

#include <stdlib.h>
#include <string.h>

static struct goroutine_key key_of(enum goroutine_scope scope, const struct goroutine_group *group)
{
    struct goroutine_key key = {.scope = scope};
    if (scope == SCOPE_GROUP || scope == SCOPE_STATE) {
        key.state = group->state;
        key.wait_reason = group->wait_reason;
    }
    if (scope == SCOPE_GROUP || scope == SCOPE_CREATOR) {
        key.created_by = group->created_by;
        key.start = group->start;
    }
    if (scope == SCOPE_KIND)
        key.kind = group->kind;
    if (scope == SCOPE_LABELS)
        key.labels = group->labels;
    return key;
}

/* The entry of a key; NULL, and the hash under which it would go, when there is none. Entries of one hash are told
 * apart by comparing. */
static struct tracked_goroutines *find_entry(const struct history *history, const struct goroutine_key *key,
                                             uint64_t *ret_hash)
{
    for (uint64_t seed = 0;; seed++) {
        uint64_t hash = table_hash_bytes(key, sizeof(*key), seed);
        const uint64_t *index = table_find(&history->goroutines_by_key, hash);
        if (!index) {
            *ret_hash = hash;
            return NULL;
        }
        struct tracked_goroutines *entry = &history->goroutines.items[*index];
        if (memcmp(&entry->key, key, sizeof(*key)) == 0)
            return entry;
    }
}

const struct tracked_goroutines *history_find_goroutines(const struct history *history, enum goroutine_scope scope,
                                                         const struct goroutine_group *group)
{
    struct goroutine_key key = key_of(scope, group);
    uint64_t hash;
    return find_entry(history, &key, &hash);
}

/* Whether one more entry of this scope is followed. Labels may be different for each request: they leave room for all
 * else. */
static bool has_room(const struct history *history, uint32_t scope)
{
    size_t most = history->options.max_rows;
    return history->goroutines.count < (scope == SCOPE_LABELS ? most / 4 : most);
}

/* The entry, made when new; NULL in *ret_entry when there are too many to follow. */
static struct error *add_entry(struct history *history, const struct goroutine_key *key,
                               struct tracked_goroutines **ret_entry)
{
    uint64_t hash;
    struct tracked_goroutines *entry = find_entry(history, key, &hash);
    if (!entry && has_room(history, key->scope)) {
        if (!vector_append(&history->goroutines, (struct tracked_goroutines){.key = *key}))
            return error_no_memory();
        uint64_t *index = table_insert(&history->goroutines_by_key, hash, NULL);
        if (!index) {
            history->goroutines.count--;
            return error_no_memory();
        }
        *index = history->goroutines.count - 1;
        entry = &history->goroutines.items[*index];
        /* It had none until now, unless this is the first look. */
        const struct snapshot *previous = history->latest;
        if (previous && previous->num_goroutine_groups > 0 &&
            !series_add(&entry->counts, history->options.site_points, previous->unix_ns, 0))
            return error_no_memory();
    }
    *ret_entry = entry;
    return NULL;
}

static bool is_runner(const struct snapshot *snapshot, const struct goroutine_group *group)
{
    static const char *const names[] = {"runtime.runfinq", "runtime.runFinalizers", "runtime.runCleanups"};
    const char *start = catalog_function(snapshot->catalog, group->start);
    size_t i = 0;
    if (strncmp(start, "runtime.run", strlen("runtime.run")) != 0)
        return false;
    while (i < ARRAY_SIZE(names) && strcmp(start, names[i]) != 0)
        i++;
    struct stack stack = catalog_stack(snapshot->catalog, group->stack);
    if (i == ARRAY_SIZE(names) || stack.depth == 0)
        return false;
    /* In a function of the program when a frame is not the runtime's. */
    uint32_t subject = catalog_stack_subject(snapshot->catalog, group->stack);
    return catalog_frame(snapshot->catalog, stack.frames[subject])->origin != FRAME_RUNTIME;
}

/* Since when goroutines that run finalizers and cleanups have stood where they are. */
static void note_runners(struct history *history, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < history->num_runners; i++)
        history->runners[i].seen = false;
    for (size_t i = 0; i < snapshot->num_goroutine_groups; i++) {
        const struct goroutine_group *group = &snapshot->goroutine_groups[i];
        if (!is_runner(snapshot, group))
            continue;
        size_t at = 0;
        while (at < history->num_runners &&
               (history->runners[at].start != group->start || history->runners[at].stack != group->stack))
            at++;
        if (at == MAX_RUNNERS)
            continue;
        if (at == history->num_runners)
            history->runners[history->num_runners++] = (struct runner){
                .start = group->start, .stack = group->stack, .since_unix_ns = snapshot->unix_ns};
        history->runners[at].seen = true;
    }
    size_t kept = 0;
    for (size_t i = 0; i < history->num_runners; i++) {
        if (history->runners[i].seen)
            history->runners[kept++] = history->runners[i];
    }
    history->num_runners = kept;
}

struct error *history_add_goroutines(struct history *history, const struct snapshot *snapshot)
{
    /* Every process has goroutines: none means that they were not read. */
    if (snapshot->num_goroutine_groups == 0)
        return NULL;
    for (size_t i = 0; i < history->goroutines.count; i++)
        history->goroutines.items[i].count = 0;
    for (size_t i = 0; i < snapshot->num_goroutine_groups; i++) {
        const struct goroutine_group *group = &snapshot->goroutine_groups[i];
        for (enum goroutine_scope scope = 0; scope < SCOPE_COUNT; scope++) {
            struct goroutine_key key = key_of(scope, group);
            struct tracked_goroutines *entry;
            struct error *error = add_entry(history, &key, &entry);
            if (error)
                return error;
            if (entry)
                entry->count += group->count;
        }
    }
    note_runners(history, snapshot);
    uint64_t age = history_verdict_age(history, snapshot->unix_ns);
    for (size_t i = 0; i < history->goroutines.count; i++) {
        struct tracked_goroutines *entry = &history->goroutines.items[i];
        if (!series_add(&entry->counts, history->options.site_points, snapshot->unix_ns, entry->count))
            return error_no_memory();
        /* Not all of them at the same sample. */
        if (snapshot->unix_ns - entry->judged_unix_ns < age + age * (i % 8) / 8)
            continue;
        entry->judged_unix_ns = snapshot->unix_ns;
        entry->growth = growth_of_series(&entry->counts, history->options.window_ns, SMALLEST_GOROUTINE_RISE);
    }
    return NULL;
}
