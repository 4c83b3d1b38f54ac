#include "attach/go/goroutine_list.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"

/* Of each group's goroutines so many are asked for their parents, until one is found alive. */
#define MAX_PARENTS 4u
/* A bit for every goid modulo this tells quickly that it is nobody's parent. */
#define FILTER_BITS 16384u

static bool is_listed(const struct goroutine *goroutine)
{
    return goroutine->group != NO_GROUP;
}

/* ---- the list ---- */

/* How many of each group fit into `most` places. */
static size_t find_quota(const struct snapshot *snapshot, size_t most)
{
    size_t total = 0, groups = snapshot->num_goroutine_groups;
    for (size_t i = 0; i < groups; i++)
        total += snapshot->goroutine_groups[i].count;
    if (total <= most)
        return SIZE_MAX;
    size_t quota = groups ? most / groups : 0;
    return quota ? quota : 1;
}

static struct error *add_goroutines(const struct goroutine_list *list, struct waits *waits, struct snapshot *snapshot,
                                    uint32_t *taken)
{
    size_t quota = find_quota(snapshot, SNAPSHOT_MAX_LISTED), room = 0;
    for (size_t i = 0; i < snapshot->num_goroutine_groups; i++)
        room += snapshot->goroutine_groups[i].count < quota ? snapshot->goroutine_groups[i].count : quota;
    snapshot->goroutines = arena_alloc_array(&snapshot->arena, room, sizeof(*snapshot->goroutines));
    if (!snapshot->goroutines)
        return error_no_memory();
    waits->questions.count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct goroutine *goroutine = &list->goroutines[i];
        if (!is_listed(goroutine))
            continue;
        uint32_t place = list->places[goroutine->group];
        if (taken[place] >= quota || snapshot->num_goroutines == room) {
            snapshot->goroutines_not_listed++;
            continue;
        }
        taken[place]++;
        snapshot->goroutines[snapshot->num_goroutines++] = (struct listed_goroutine){
            .goid = goroutine->goid,
            .parent_goid = goroutine->parent,
            .wait_since_ns = goroutine->status == GOROUTINE_WAITING || goroutine->status == GOROUTINE_SYSCALL
                                 ? goroutine->wait_since
                                 : 0,
            .group = place,
        };
    }
    return NULL;
}

/* ---- what they wait on ---- */

static bool waits_on_object(const struct goroutine_group *group)
{
    return group->kind == WAIT_CHAN_SEND || group->kind == WAIT_CHAN_RECEIVE || group->kind == WAIT_SELECT ||
           group->kind == WAIT_LOCK || group->kind == WAIT_SEMAPHORE;
}

/* Asks what listed goroutines wait on: all, or where there are too many so many of each group. */
static struct error *ask_waits(const struct goroutine_list *list, struct waits *waits, struct snapshot *snapshot,
                               uint32_t *taken)
{
    size_t groups = 0, total = 0, quota = SIZE_MAX, listed = 0;
    for (size_t i = 0; i < snapshot->num_goroutine_groups; i++) {
        groups += waits_on_object(&snapshot->goroutine_groups[i]);
        total += waits_on_object(&snapshot->goroutine_groups[i]) ? snapshot->goroutine_groups[i].count : 0;
    }
    if (total > SNAPSHOT_MAX_EXAMINED)
        quota = SNAPSHOT_MAX_EXAMINED / groups ? SNAPSHOT_MAX_EXAMINED / groups : 1;
    memset(taken, 0, snapshot->num_goroutine_groups * sizeof(*taken));
    for (size_t i = 0; i < list->count && listed < snapshot->num_goroutines; i++) {
        const struct goroutine *goroutine = &list->goroutines[i];
        /* The list is in the order of allgs. */
        if (!is_listed(goroutine) || goroutine->goid != snapshot->goroutines[listed].goid)
            continue;
        uint32_t place = snapshot->goroutines[listed++].group;
        const struct goroutine_group *group = &snapshot->goroutine_groups[place];
        const struct wait_reason *reason = &list->reasons->reasons[goroutine->wait_reason];
        bool is_nil = reason->is_nil_channel;
        if (!waits_on_object(group) || taken[place] >= quota || waits->questions.count == SNAPSHOT_MAX_EXAMINED ||
            (goroutine->waiting == 0 && !is_nil))
            continue;
        taken[place]++;
        struct wait_question question = {.goroutine = list->records->addresses.items[i] - list->start,
                                         .sudog = is_nil ? 0 : goroutine->waiting,
                                         .listed = (uint32_t)(listed - 1),
                                         .kind = group->kind,
                                         .is_nil_channel = is_nil,
                                         .is_condition = reason->is_condition};
        if (!vector_append(&waits->questions, question))
            return error_no_memory();
    }
    return NULL;
}

/* ---- parents ---- */

/* The groups' questions for parents: from a goid to where it was found. */
struct parents {
    struct table by_goid;               /* Value: 1 + the snapshot's group that the goroutine is in, 0 not found. */
    uint8_t filter[FILTER_BITS / 8];
    VECTOR(struct parent) asked;
};

struct parent {
    uint64_t goid;
    uint32_t group;     /* Of the child. */
};

static void parents_deinit(struct parents *parents)
{
    table_deinit(&parents->by_goid);
    vector_deinit(&parents->asked);
}

static struct error *ask_parents(struct parents *parents, const struct snapshot *snapshot, uint32_t *taken)
{
    memset(taken, 0, snapshot->num_goroutine_groups * sizeof(*taken));
    for (size_t i = 0; i < snapshot->num_goroutines; i++) {
        const struct listed_goroutine *goroutine = &snapshot->goroutines[i];
        uint64_t goid = goroutine->parent_goid;
        if (goid == 0 || taken[goroutine->group] == MAX_PARENTS)
            continue;
        taken[goroutine->group]++;
        if (!table_insert(&parents->by_goid, goid, NULL) ||
            !vector_append(&parents->asked, (struct parent){.goid = goid, .group = goroutine->group}))
            return error_no_memory();
        parents->filter[goid % FILTER_BITS / 8] |= (uint8_t)(1u << goid % 8);
    }
    return NULL;
}

static struct error *find_parents(const struct goroutine_list *list, struct snapshot *snapshot, uint32_t *taken)
{
    _cleanup_(parents_deinit) struct parents parents = {0};
    if (!go_layout_has(list->layout, GO_FIELD_G_PARENT_GOID))
        return NULL;
    struct error *error = ask_parents(&parents, snapshot, taken);
    if (error)
        return error;
    for (size_t i = 0; i < list->count; i++) {
        const struct goroutine *goroutine = &list->goroutines[i];
        if (!is_listed(goroutine) ||
            !(parents.filter[goroutine->goid % FILTER_BITS / 8] & (1u << goroutine->goid % 8)))
            continue;
        uint64_t *place = table_find(&parents.by_goid, goroutine->goid);
        if (place)
            *place = (uint64_t)list->places[goroutine->group] + 1;
    }
    for (size_t i = 0; i < parents.asked.count; i++) {
        struct goroutine_group *group = &snapshot->goroutine_groups[parents.asked.items[i].group];
        const uint64_t *place = table_find(&parents.by_goid, parents.asked.items[i].goid);
        if (group->parent_known && !group->parent_ended)
            continue;
        group->parent_known = true;
        group->parent_ended = !place || *place == 0;
        if (group->parent_ended)
            continue;
        const struct goroutine_group *parent = &snapshot->goroutine_groups[*place - 1];
        group->parent_created_by = parent->created_by;
        group->parent_start = parent->start;
    }
    return NULL;
}

struct error *goroutine_list_fill(const struct goroutine_list *list, struct waits *waits, struct snapshot *snapshot)
{
    _cleanup_free_ uint32_t *taken = calloc(snapshot->num_goroutine_groups + 1, sizeof(*taken));
    if (!taken)
        return error_no_memory();
    struct error *error = add_goroutines(list, waits, snapshot, taken);
    if (!error)
        error = ask_waits(list, waits, snapshot, taken);
    if (!error)
        error = waits_read(waits, snapshot);
    return error ? error : find_parents(list, snapshot, taken);
}
