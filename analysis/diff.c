#include "analysis/diff.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A change within so many standard errors is none. */
#define NOTABLE_ERRORS 2
/* The start of a process is computed from clock ticks and the time of boot, which is adjusted now and then. */
#define SAME_START_NS UINT64_C(2000000000)

static const char *const value_names[SITE_VALUE_COUNT] = {[SITE_INUSE_BYTES] = "inuse_bytes",
                                                          [SITE_INUSE_OBJECTS] = "inuse_objects",
                                                          [SITE_ALLOC_BYTES] = "alloc_bytes",
                                                          [SITE_ALLOC_OBJECTS] = "alloc_objects"};
static const char *const kind_names[DIFF_KIND_COUNT] = {[DIFF_SAME] = "same",
                                                        [DIFF_GREW] = "grew",
                                                        [DIFF_SHRANK] = "shrank",
                                                        [DIFF_APPEARED] = "appeared",
                                                        [DIFF_VANISHED] = "vanished"};

const char *site_value_name(enum site_value which)
{
    return (size_t)which < ARRAY_SIZE(value_names) ? value_names[which] : "";
}

const char *diff_kind_name(enum diff_kind kind)
{
    return (size_t)kind < ARRAY_SIZE(kind_names) ? kind_names[kind] : "";
}

int64_t site_value_of(const struct site_values *values, enum site_value which)
{
    switch (which) {
    case SITE_INUSE_OBJECTS:
        return values->inuse_objects;
    case SITE_ALLOC_BYTES:
        return values->alloc_bytes;
    case SITE_ALLOC_OBJECTS:
        return values->alloc_objects;
    default:
        return values->inuse_bytes;
    }
}

/* ---- changes ---- */

/* Of figures that may come from a damaged recording: no overflow. */
static int64_t subtract(int64_t left, int64_t right)
{
    int64_t difference;
    if (__builtin_sub_overflow(left, right, &difference))
        return left > right ? INT64_MAX : INT64_MIN;
    return difference;
}

void diff_add(int64_t *sum, int64_t value)
{
    if (__builtin_add_overflow(*sum, value, sum))
        *sum = value > 0 ? INT64_MAX : INT64_MIN;
}

struct diff_change diff_change_of(int64_t old_value, int64_t new_value, bool in_old, bool in_new, double variance)
{
    struct diff_change change = {.change = subtract(new_value, old_value), .error = sqrt(variance)};
    if (in_old != in_new)
        change.kind = in_new ? DIFF_APPEARED : DIFF_VANISHED;
    else if (change.change == 0 || fabs((double)change.change) <= NOTABLE_ERRORS * change.error)
        change.kind = DIFF_SAME;
    else
        change.kind = change.change > 0 ? DIFF_GREW : DIFF_SHRANK;
    return change;
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

int diff_change_compare(const struct diff_change *left, const struct diff_change *right)
{
    uint64_t a = magnitude(left->change), b = magnitude(right->change);
    if (a != b)
        return a > b ? -1 : 1;
    return (right->change > 0) - (left->change > 0);
}

double diff_share(int64_t change, int64_t grown, int64_t shrunk)
{
    int64_t whole = change > 0 ? grown : shrunk;
    return change && whole ? fmin((double)change / (double)whole, 1) : 0;
}

/* ---- names ---- */

static uint64_t pack(struct translated ids)
{
    return (uint64_t)ids.shown << 32 | ids.matched;
}

static struct translated unpack(uint64_t packed)
{
    return (struct translated){.shown = (uint32_t)(packed >> 32), .matched = (uint32_t)packed};
}

void translator_deinit(struct translator *translator)
{
    table_deinit(&translator->frames);
    table_deinit(&translator->stacks);
    vector_deinit(&translator->shown_frames);
    vector_deinit(&translator->matched_frames);
}

bool translate_string(struct translator *translator, string_id id, string_id *ret_id)
{
    const char *string = catalog_string(translator->from, id);
    string_id translated = *string ? catalog_add_string(translator->to, string, strlen(string)) : 0;
    if (*string && !translated)
        return false;
    *ret_id = translated;
    return true;
}

bool translate_frame(struct translator *translator, frame_id id, struct translated *ret_ids)
{
    const uint64_t *known = id ? table_find(&translator->frames, id) : NULL;
    if (known || !id) {
        *ret_ids = known ? unpack(*known) : (struct translated){0};
        return true;
    }
    struct frame shown = *catalog_frame(translator->from, id);
    if (!translate_string(translator, shown.function, &shown.function) ||
        !translate_string(translator, shown.file, &shown.file))
        return false;
    struct frame matched = {.function = shown.function,
                            .address = shown.function ? 0 : shown.address,
                            .line = translator->by_line ? shown.line : 0};
    struct translated ids = {.shown = catalog_add_frame(translator->to, &shown),
                             .matched = catalog_add_frame(translator->to, &matched)};
    uint64_t *place = ids.shown && ids.matched ? table_insert(&translator->frames, id, NULL) : NULL;
    if (!place)
        return false;
    *place = pack(ids);
    *ret_ids = ids;
    return true;
}

bool translate_stack(struct translator *translator, stack_id id, struct translated *ret_ids)
{
    const uint64_t *known = id ? table_find(&translator->stacks, id) : NULL;
    if (known || !id) {
        *ret_ids = known ? unpack(*known) : (struct translated){0};
        return true;
    }
    struct stack stack = catalog_stack(translator->from, id);
    if (!vector_reserve(&translator->shown_frames, stack.depth) ||
        !vector_reserve(&translator->matched_frames, stack.depth))
        return false;
    for (uint32_t i = 0; i < stack.depth; i++) {
        struct translated frame;
        if (!translate_frame(translator, stack.frames[i], &frame))
            return false;
        translator->shown_frames.items[i] = frame.shown;
        translator->matched_frames.items[i] = frame.matched;
    }
    struct translated ids = {
        .shown = catalog_add_stack(translator->to, translator->shown_frames.items, stack.depth),
        .matched = catalog_add_stack(translator->to, translator->matched_frames.items, stack.depth)};
    uint64_t *place = ids.shown && ids.matched ? table_insert(&translator->stacks, id, NULL) : NULL;
    if (!place)
        return false;
    *place = pack(ids);
    *ret_ids = ids;
    return true;
}

/* ---- which build ---- */

static bool strings_equal(const struct snapshot *left, string_id left_id, const struct snapshot *right,
                          string_id right_id)
{
    return strcmp(catalog_string(left->catalog, left_id), catalog_string(right->catalog, right_id)) == 0;
}

static bool is_same_process(const struct snapshot *left, const struct snapshot *right)
{
    uint64_t a = left->target.start_unix_ns, b = right->target.start_unix_ns;
    return left->target.pid == right->target.pid && (a > b ? a - b : b - a) < SAME_START_NS &&
           strings_equal(left, left->target.build_id, right, right->target.build_id);
}

static uint64_t frame_hash(const struct catalog *catalog, const struct frame *frame, bool with_address)
{
    const char *function = catalog_string(catalog, frame->function);
    const uint64_t numbers[] = {frame->line, with_address ? frame->address : 0};
    return table_hash_bytes(numbers, sizeof(numbers), table_hash_bytes(function, strlen(function), with_address));
}

struct address_count {
    size_t common, equal;       /* Calls of a function and line that is in both; those of them at one address. */
};

/* Notes the frames of every heap stack, or counts those that were noted before. False when memory is out. */
static bool scan_frames(const struct snapshot *snapshot, struct table *seen, struct address_count *count)
{
    for (size_t i = 0; i < snapshot->num_sites; i++) {
        struct stack stack = catalog_stack(snapshot->catalog, snapshot->sites[i].stack);
        for (uint32_t k = 0; k < stack.depth; k++) {
            const struct frame *frame = catalog_frame(snapshot->catalog, stack.frames[k]);
            if (!frame->function || !frame->address)
                continue;
            uint64_t line = frame_hash(snapshot->catalog, frame, false);
            uint64_t address = frame_hash(snapshot->catalog, frame, true);
            if (!count) {
                if (!table_insert(seen, line, NULL) || !table_insert(seen, address, NULL))
                    return false;
            } else if (table_find(seen, line)) {
                count->common++;
                count->equal += table_find(seen, address) != NULL;
            }
        }
    }
    return true;
}

/* Where executables carry no build id: in another build hardly a call stays at its address. */
static bool addresses_agree(const struct snapshot *left, const struct snapshot *right)
{
    struct table seen = {0};
    struct address_count count = {0};
    bool agree = scan_frames(left, &seen, NULL) && scan_frames(right, &seen, &count) && count.common > 0 &&
                 count.equal >= count.common - count.common / 4;
    table_deinit(&seen);
    return agree;
}

bool diff_is_same_build(const struct snapshot *left, const struct snapshot *right)
{
    const struct target_info *a = &left->target, *b = &right->target;
    if (a->build_id || b->build_id)
        return strings_equal(left, a->build_id, right, b->build_id);
    return is_same_process(left, right) ||
           (strings_equal(left, a->main_module, right, b->main_module) &&
            strings_equal(left, a->runtime_version, right, b->runtime_version) && addresses_agree(left, right));
}

/* ---- the moments ---- */

static struct error *copy_reason(struct diff *diff, const char *reason, const char **ret_copy)
{
    const char *text = reason ? reason : "not read";
    char *copy = arena_copy_string(&diff->arena, text, strlen(text));
    if (!copy)
        return error_no_memory();
    *ret_copy = copy;
    return NULL;
}

static struct error *fill_target(struct translator *translator, const struct target_info *target,
                                 struct target_info *ret_target)
{
    struct target_info translated = *target;
    string_id *const strings[] = {&translated.exe,         &translated.comm,        &translated.command_line,
                                  &translated.container,   &translated.runtime,     &translated.runtime_version,
                                  &translated.main_module, &translated.build_id,    &translated.how_located,
                                  &translated.how_laid_out};
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
        if (!translate_string(translator, *strings[i], strings[i]))
            return error_no_memory();
    *ret_target = translated;
    return NULL;
}

static struct error *fill_moment(struct diff *diff, const struct diff_source *source, struct translator *translator,
                                 struct diff_moment *moment)
{
    const struct snapshot *snapshot = source->snapshot;
    moment->unix_ns = snapshot->unix_ns;
    moment->memory_parts = source->memory_parts ? *source->memory_parts : memory_parts_of(snapshot);
    moment->has_sites =
        snapshot->profile_state == PROFILE_ON && counter_known(&snapshot->counters[COUNTER_MEM_PROFILE_RATE]);
    struct error *error = fill_target(translator, &snapshot->target, &moment->target);
    if (!error && moment->memory_parts.heap_reason)
        error = copy_reason(diff, moment->memory_parts.heap_reason, &moment->memory_parts.heap_reason);
    if (!error && !moment->has_sites)
        error = copy_reason(diff,
                            snapshot->profile_state == PROFILE_ON
                                ? "the rate of its heap profile is not known"
                                : snapshot->profile_reason,
                            &moment->sites_reason);
    return error;
}

static double counter_number(const struct counter *counter, enum counter_id id)
{
    return counter_infos[id].unit == UNIT_FRACTION ? counter->value.real : (double)counter->value.integer;
}

static struct error *compare_counters(struct diff *diff, const struct diff_source *const sources[2])
{
    for (int id = 0; id < COUNTER_COUNT; id++) {
        struct diff_counter *row = &diff->counters[id];
        for (int side = DIFF_OLD; side <= DIFF_NEW; side++) {
            row->values[side] = sources[side]->snapshot->counters[id];
            struct error *error = row->values[side].reason
                                      ? copy_reason(diff, row->values[side].reason, &row->values[side].reason)
                                      : NULL;
            if (error)
                return error;
        }
        row->ratio = NAN;
        row->is_known = counter_known(&row->values[DIFF_OLD]) && counter_known(&row->values[DIFF_NEW]);
        if (!row->is_known)
            continue;
        double before = counter_number(&row->values[DIFF_OLD], (enum counter_id)id);
        double after = counter_number(&row->values[DIFF_NEW], (enum counter_id)id);
        row->change = after - before;
        row->ratio = before != 0 ? after / before : NAN;
    }
    return NULL;
}

static int64_t clamp(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static void compare_memory_parts(struct diff *diff)
{
    const struct memory_parts *parts[] = {&diff->moments[DIFF_OLD].memory_parts, &diff->moments[DIFF_NEW].memory_parts};
    int64_t grown = 0, shrunk = 0;
    diff->has_memory_parts = parts[DIFF_OLD]->known && parts[DIFF_NEW]->known;
    if (!diff->has_memory_parts)
        return;
    for (int part = 0; part < MEMORY_PART_COUNT; part++) {
        struct diff_memory_part *row = &diff->memory_parts[part];
        row->bytes[DIFF_OLD] = parts[DIFF_OLD]->bytes[part];
        row->bytes[DIFF_NEW] = parts[DIFF_NEW]->bytes[part];
        row->change = diff_change_of(clamp(row->bytes[DIFF_OLD]), clamp(row->bytes[DIFF_NEW]),
                                     row->bytes[DIFF_OLD] != 0, row->bytes[DIFF_NEW] != 0, 0);
        diff_add(row->change.change > 0 ? &grown : &shrunk, row->change.change);
    }
    for (int part = 0; part < MEMORY_PART_COUNT; part++) {
        struct diff_change *change = &diff->memory_parts[part].change;
        change->share = diff_share(change->change, grown, shrunk);
    }
}

/* ---- all of it ---- */

static struct error *compute(struct diff *diff, const struct diff_source *const sources[2],
                             struct translator translators[2])
{
    struct error *error = NULL;
    for (int side = DIFF_OLD; !error && side <= DIFF_NEW; side++)
        error = fill_moment(diff, sources[side], &translators[side], &diff->moments[side]);
    diff->has_sites = diff->moments[DIFF_OLD].has_sites && diff->moments[DIFF_NEW].has_sites;
    if (!error)
        error = compare_counters(diff, sources);
    if (error)
        return error;
    compare_memory_parts(diff);
    error = diff_compute_sites(diff, sources, translators);
    return error ? error : diff_compute_goroutines(diff, sources, translators);
}

struct error *diff_compute(const struct diff_source *old_source, const struct diff_source *new_source,
                           const struct diff_options *options, struct diff **ret_diff)
{
    const struct diff_source *const sources[2] = {old_source, new_source};
    struct diff *diff = calloc(1, sizeof(*diff));
    if (!diff)
        return error_no_memory();
    arena_init(&diff->arena);
    diff->value = options ? options->value : SITE_INUSE_BYTES;
    diff->is_same_process = is_same_process(old_source->snapshot, new_source->snapshot);
    diff->is_same_build = diff_is_same_build(old_source->snapshot, new_source->snapshot);
    struct error *error = catalog_create(&diff->catalog);
    if (!error) {
        struct translator translators[2] = {0};
        for (int side = DIFF_OLD; side <= DIFF_NEW; side++) {
            translators[side].from = sources[side]->snapshot->catalog;
            translators[side].to = diff->catalog;
            translators[side].by_line = diff->is_same_build;
        }
        error = compute(diff, sources, translators);
        translator_deinit(&translators[DIFF_OLD]);
        translator_deinit(&translators[DIFF_NEW]);
    }
    if (error) {
        diff_destroy(diff);
        return error;
    }
    *ret_diff = diff;
    return NULL;
}

void diff_destroy(struct diff *diff)
{
    if (!diff)
        return;
    arena_deinit(&diff->arena);
    catalog_unref(diff->catalog);
    free(diff);
}
