#include "attach/reader_set.h"

#include <string.h>

const char *reader_set_empty_reason(const struct reader_set *set)
{
    return set->is_blind ? "the program could not be looked into" : "not a Go program";
}

bool reader_set_has(const struct reader_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->items[i]->ops->name, name) == 0)
            return true;
    }
    return false;
}

bool reader_set_has_profile(const struct reader_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!set->items[i]->ops->no_profile)
            return true;
    }
    return false;
}

bool reader_error_is_final(const struct error *error)
{
    return error->kind == ERROR_NO_MEMORY || error->kind == ERROR_GONE;
}

struct error *reader_set_open(struct reader_set *set, struct reader_list kinds, const struct reader_context *context,
                              struct target_info *info)
{
    struct error *first = NULL;
    for (size_t i = 0; i < kinds.count && set->count < READER_SET_MAX; i++) {
        struct reader *reader = NULL;
        struct error *error = kinds.items[i]->open(context, info, &reader);
        if (error && reader_error_is_final(error)) {
            error_destroy(first);
            return error;
        }
        if (error && !first)
            first = error_prefix(error, "%s reader", kinds.items[i]->name);
        else if (error)
            error_destroy(error);
        else if (reader)
            set->items[set->count++] = reader;
    }
    return first;
}

void reader_set_close(struct reader_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        set->items[i]->ops->close(set->items[i]);
    *set = (struct reader_set){0};
}

struct error *reader_set_sample(struct reader_set *set, bool stops_running, struct snapshot *snapshot)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct reader_ops *ops = set->items[i]->ops;
        if (ops->stop_running)
            ops->stop_running(set->items[i], stops_running);
        struct error *error = ops->sample(set->items[i], snapshot);
        if (error && reader_error_is_final(error))
            return error;
        if (error)
            snapshot_add_problem(snapshot, "%s reader: %s", ops->name, error->message);
        error_destroy(error);
    }
    return NULL;
}

uint64_t reader_set_look_interval(const struct reader_set *set)
{
    uint64_t shortest = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct reader_ops *ops = set->items[i]->ops;
        uint64_t interval = ops->look_interval ? ops->look_interval(set->items[i]) : 0;
        if (interval != 0 && (shortest == 0 || interval < shortest))
            shortest = interval;
    }
    return shortest;
}

void reader_set_look(struct reader_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->items[i]->ops->look)
            error_destroy(set->items[i]->ops->look(set->items[i]));
    }
}

struct error *reader_set_survey(struct reader_set *set, struct heap_survey *survey)
{
    survey->reason = reader_set_has_profile(set) ? "its heap cannot be told apart" : reader_set_empty_reason(set);
    for (size_t i = 0; i < set->count; i++) {
        const struct reader_ops *ops = set->items[i]->ops;
        struct error *error = ops->survey ? ops->survey(set->items[i], survey) : NULL;
        if (error || survey->arenas.count > 0 || survey->managed.count > 0)
            return error;
    }
    return NULL;
}

struct error *reader_set_find_profile_rate(const struct reader_set *set, remote_address *ret_address)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct reader_ops *ops = set->items[i]->ops;
        if (ops->find_profile_rate)
            return ops->find_profile_rate(set->items[i], ret_address);
    }
    return error_create(ERROR_UNSUPPORTED, "%s", set->is_blind ? reader_set_empty_reason(set)
                                                                : "only Go programs have such a profile");
}

struct error *reader_set_examine(struct reader_set *set, struct doctor_report *report)
{
    for (size_t i = 0; i < set->count; i++) {
        struct error *error = set->items[i]->ops->examine(set->items[i], report);
        if (error)
            return error;
    }
    return NULL;
}
