#include "attach/malloc/object_types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "heaptop/symbols/demangle.h"

/* Words that are looked into at once. */
#define GROUP 256u
/* A name of more characters is none that anybody could read. */
#define NAME_BYTES 2048u
/* What demangle makes of type information. */
#define PREFIX "typeinfo for "

/* A word that may be the address of a class's table. What is read is read for all of a group at once, step by step, and
 * what does not fit is out. */
struct candidate {
    const struct first_word *word;
    bool is_out;
    uint64_t type_info, class_info, kind_info;  /* Of the class; of what describes it; the type of the latter. */
    uint64_t name, kind_name;
};

/* What describes a class: one without bases, with one, with several or virtual ones. */
static const char *const kinds[] = {"N10__cxxabiv120__si_class_type_infoE", "N10__cxxabiv117__class_type_infoE",
                                    "N10__cxxabiv121__vmi_class_type_infoE"};
#define KIND_BYTES 40u

struct group {
    struct memory *memory;
    const struct first_words *words;
    struct candidate candidates[GROUP];
    struct memory_request requests[GROUP];
    size_t count;
    uint8_t bytes[GROUP][NAME_BYTES];
};

/* Reads so many bytes for every candidate from the address that `place` has of it, less than what is asked for where
 * the file's memory ends. What lies in no file is out. */
static struct error *read_all(struct group *group, size_t place, int64_t distance, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < group->count; i++) {
        struct candidate *candidate = &group->candidates[i];
        uint64_t address;
        memcpy(&address, (const char *)candidate + place, sizeof(address));
        address += (uint64_t)distance;
        const struct file_span *span = candidate->is_out ? NULL : first_words_span(group->words, address);
        memset(group->bytes[i], 0, size);
        candidate->is_out = !span;
        if (span)
            group->requests[count++] = (struct memory_request){
                .address = address,
                .buffer = group->bytes[i],
                .size = span->end - address < size ? (size_t)(span->end - address) : size,
            };
    }
    struct error *error = memory_read_batch(group->memory, group->requests, count);
    for (size_t i = 0, request = 0; i < group->count && !error; i++) {
        if (!group->candidates[i].is_out)
            group->candidates[i].is_out = group->requests[request++].failed;
    }
    return error;
}

static uint64_t word_at(const uint8_t *bytes, size_t offset)
{
    uint64_t value = 0;
    bytes_u64_at(bytes, NAME_BYTES, offset, &value);
    return value;
}

/* Before the address that objects have stand the distance to the object's start, 0 in the table that they begin with,
 * and the address of the class's type_info. */
static struct error *read_tables(struct group *group)
{
    for (size_t i = 0; i < group->count; i++)
        group->candidates[i].type_info = group->candidates[i].word->word;
    struct error *error = read_all(group, offsetof(struct candidate, type_info), -16, 16);
    for (size_t i = 0; i < group->count; i++) {
        struct candidate *candidate = &group->candidates[i];
        candidate->is_out |= word_at(group->bytes[i], 0) != 0;
        candidate->type_info = word_at(group->bytes[i], 8);
        candidate->is_out |= candidate->type_info == 0 || candidate->type_info % 8 != 0;
    }
    return error;
}

/* A type_info is an object itself: the address of its own class's table, and the name of what it describes. */
static struct error *read_infos(struct group *group)
{
    struct error *error = read_all(group, offsetof(struct candidate, type_info), 0, 16);
    for (size_t i = 0; i < group->count; i++) {
        group->candidates[i].class_info = word_at(group->bytes[i], 0);
        group->candidates[i].name = word_at(group->bytes[i], 8);
    }
    if (!error)
        error = read_all(group, offsetof(struct candidate, class_info), -8, 8);
    for (size_t i = 0; i < group->count; i++)
        group->candidates[i].kind_info = word_at(group->bytes[i], 0);
    if (!error)
        error = read_all(group, offsetof(struct candidate, kind_info), 8, 8);
    for (size_t i = 0; i < group->count; i++)
        group->candidates[i].kind_name = word_at(group->bytes[i], 0);
    return error;
}

/* That what seems to be type information is some is told by the name of its own class. */
static struct error *check_kinds(struct group *group)
{
    struct error *error = read_all(group, offsetof(struct candidate, kind_name), 0, KIND_BYTES);
    for (size_t i = 0; i < group->count && !error; i++) {
        bool is_kind = false;
        for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++)
            is_kind |= strncmp((const char *)group->bytes[i], kinds[kind], KIND_BYTES) == 0;
        group->candidates[i].is_out |= !is_kind;
    }
    return error;
}

/* The name that stands in the program, of a class that only one file knows behind an asterisk. 0 where it makes no
 * sense, or there are too many names already. */
static struct error *name_type(const uint8_t *bytes, struct type_names *names, struct name_cache *cache,
                               string_id *ret_name)
{
    const char *name = (const char *)bytes + (*bytes == '*');
    size_t length = strnlen(name, NAME_BYTES - 1 - (*bytes == '*'));
    bool is_new;
    uint64_t *id = table_insert(&names->ids, table_hash_bytes(name, length, 0), &is_new);
    if (!id)
        return error_no_memory();
    if (is_new && length > 0) {
        char symbol[NAME_BYTES + 8];
        snprintf(symbol, sizeof(symbol), "_ZTI%.*s", (int)length, name);
        _cleanup_free_ char *words = demangle(symbol);
        if (!words)
            return error_no_memory();
        bool is_known = strncmp(words, PREFIX, strlen(PREFIX)) == 0;
        const char *shown = is_known ? words + strlen(PREFIX) : name;
        *id = name_cache_add(cache, shown, is_known ? strlen(shown) : length);
    }
    *ret_name = (string_id)*id;
    return NULL;
}

/* All that is found, by name: a class may have its table in several files. */
struct found {
    VECTOR(struct malloc_type) types;
    struct table by_name;
};

static bool add_found(struct found *found, string_id name, const struct first_word *word)
{
    bool is_new;
    uint64_t *index = table_insert(&found->by_name, name, &is_new);
    if (!index)
        return false;
    if (is_new) {
        *index = found->types.count;
        if (!vector_append(&found->types, (struct malloc_type){.name = name}))
            return false;
    }
    struct malloc_type *type = &found->types.items[*index];
    type->objects += word->objects;
    type->bytes += word->bytes;
    return true;
}

static struct error *read_group(struct group *group, struct type_names *names, struct name_cache *cache,
                                struct found *found)
{
    struct error *error = read_tables(group);
    if (!error)
        error = read_infos(group);
    if (!error)
        error = check_kinds(group);
    if (!error)
        error = read_all(group, offsetof(struct candidate, name), 0, NAME_BYTES);
    for (size_t i = 0; i < group->count && !error; i++) {
        string_id name = 0;
        if (group->candidates[i].is_out)
            continue;
        error = name_type(group->bytes[i], names, cache, &name);
        if (!error && name != 0 && !add_found(found, name, group->candidates[i].word))
            error = error_no_memory();
    }
    return error;
}

static struct error *read_groups(struct group *group, struct type_names *names, struct name_cache *cache,
                                 struct found *found)
{
    struct error *error = NULL;
    for (size_t i = 0; i < group->words->words.count && !error;) {
        for (group->count = 0; group->count < GROUP && i < group->words->words.count; i++) {
            if (group->words->words.items[i].objects > 0)
                group->candidates[group->count++] = (struct candidate){.word = &group->words->words.items[i]};
        }
        error = read_group(group, names, cache, found);
    }
    return error;
}

static struct error *hand_over(const struct found *found, struct arena *arena, struct malloc_heap *heap)
{
    size_t count = found->types.count;
    malloc_types_sort(found->types.items, count);
    heap->num_types = count < MALLOC_MAX_TYPES ? count : MALLOC_MAX_TYPES;
    heap->types_left_out = (uint32_t)(count - heap->num_types);
    heap->types = arena_alloc_array(arena, heap->num_types, sizeof(*heap->types));
    if (!heap->types) {
        heap->num_types = 0;
        return error_no_memory();
    }
    if (heap->num_types > 0)
        memcpy(heap->types, found->types.items, heap->num_types * sizeof(*heap->types));
    return NULL;
}

void type_names_deinit(struct type_names *names)
{
    table_deinit(&names->ids);
}

struct error *object_types_read(struct memory *memory, const struct first_words *words, struct type_names *names,
                                struct name_cache *cache, struct arena *arena, struct malloc_heap *heap)
{
    struct found found = {0};
    _cleanup_free_ struct group *group = malloc(sizeof(*group));
    if (!group || words->failed)
        return error_no_memory();
    group->memory = memory;
    group->words = words;
    struct error *error = read_groups(group, names, cache, &found);
    if (!error)
        error = hand_over(&found, arena, heap);
    heap->types_cut = words->is_cut;
    vector_deinit(&found.types);
    table_deinit(&found.by_name);
    return error;
}
