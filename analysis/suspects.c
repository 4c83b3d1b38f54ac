#include "analysis/suspects.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const struct suspect_kind_info suspect_kind_infos[SUSPECT_KIND_COUNT] = {
#define X(id, json_name, rate_unit, words) [SUSPECT_##id] = {.name = json_name, .unit = rate_unit, .label = words},
    SUSPECT_KINDS(X)
#undef X
};

const char *suspect_confidence_name(enum suspect_confidence confidence)
{
    static const char *const names[] = {
        [SUSPECT_POSSIBLE] = "possible", [SUSPECT_LIKELY] = "likely", [SUSPECT_SURE] = "sure"};
    return names[confidence];
}

struct suspicion *suspect_add(struct suspect_list *list, enum suspect_kind kind, enum suspect_confidence confidence)
{
    struct suspicion suspicion = {.suspect = {.kind = kind,
                                              .confidence = confidence,
                                              .per_second = NAN,
                                              .share = NAN,
                                              .summary = "",
                                              .advice = ""}};
    if (!vector_append(&list->found, suspicion)) {
        list->failed = true;
        return NULL;
    }
    return &list->found.items[list->found.count - 1];
}

const char *suspect_text(struct suspect_list *list, const char *format, ...)
{
    char buffer[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(buffer, sizeof(buffer), format, arguments);
    va_end(arguments);
    if (length < 0)
        length = 0;
    const char *text =
        arena_copy_string(list->arena, buffer, (size_t)length < sizeof(buffer) ? (size_t)length : sizeof(buffer) - 1);
    list->failed |= !text;
    return text ? text : "";
}

const char *suspect_frame(struct suspect_list *list, frame_id frame)
{
    struct text text = {0};
    catalog_write_frame(list->analysis->snapshot->catalog, frame, &text);
    const char *copy = text.failed ? NULL : arena_copy_string(list->arena, text.data ? text.data : "", text.length);
    text_deinit(&text);
    list->failed |= !copy;
    return copy ? copy : "";
}

const char *suspect_since(struct suspect_list *list, uint64_t since_unix_ns)
{
    char buffer[UNITS_BUFFER];
    uint64_t now = list->analysis->snapshot->unix_ns;
    if (since_unix_ns == 0 || since_unix_ns >= now)
        return "";
    return suspect_text(list, " for %s", units_format_duration(buffer, (double)(now - since_unix_ns)));
}

void suspect_add_evidence(struct suspect *suspect, const char *text)
{
    if (suspect->num_evidence < SUSPECT_MAX_EVIDENCE)
        suspect->evidence[suspect->num_evidence++] = text;
}

static int compare_suspicions(const void *left, const void *right)
{
    const struct suspicion *a = left, *b = right;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    if (a->suspect.confidence != b->suspect.confidence)
        return a->suspect.confidence > b->suspect.confidence ? -1 : 1;
    return a->suspect.kind < b->suspect.kind ? -1 : a->suspect.kind > b->suspect.kind;
}

struct error *suspects_find(const struct history *history, struct analysis *analysis)
{
    struct suspect_list list = {.history = history, .analysis = analysis, .arena = &analysis->arena};
    suspects_find_sites(&list);
    suspects_find_goroutines(&list);
    size_t count = list.found.count;
    if (count > 1)
        qsort(list.found.items, count, sizeof(*list.found.items), compare_suspicions);
    struct suspect *suspects = arena_alloc_array(&analysis->arena, count, sizeof(*suspects));
    if (!suspects || list.failed) {
        vector_deinit(&list.found);
        return error_no_memory();
    }
    for (size_t i = 0; i < count; i++)
        suspects[i] = list.found.items[i].suspect;
    vector_deinit(&list.found);
    analysis->suspects = suspects;
    analysis->num_suspects = count;
    return NULL;
}
