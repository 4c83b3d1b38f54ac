#include "heaptop/snapshot/catalog.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "heaptop/base/table.h"

#define MAX_ENTRIES (1u << 24)
#define MAX_STRING_BYTES ((size_t)256 << 20)
#define MAX_DEPTH (1u << 16)

/* Entries live in chunks that double in size, the first of 256: so a directory of 17 pointers reaches 2^24 entries, and
 * nothing moves when more come. Entry i lies in the chunk of i + 256's highest bit. */
#define FIRST_CHUNK_BITS 8u
#define NUM_CHUNKS 17u
#define POOL_BLOCK ((size_t)64 << 10)

struct list {
    void *chunks[NUM_CHUNKS];
    size_t entry_size;
    /* Stored with release after the entry is whole, so that a reader may test any id against it. */
    atomic_uint count;
};

/* Bytes that are handed out one after another and freed all at once. */
struct pool_block {
    struct pool_block *older;
    max_align_t bytes[];
};

struct pool {
    struct pool_block *newest;
    size_t used, size;          /* Of the newest. */
};

struct stack_entry {
    const frame_id *frames;
    uint32_t depth;
    uint32_t subject;
};

struct catalog {
    atomic_uint references;
    atomic_size_t memory;
    struct list strings;        /* Of const char *. */
    struct list frames;         /* Of struct frame. */
    struct list stacks;         /* Of struct stack_entry. */
    /* Held by whoever adds; guards all below. Tables map content hashes to ids. */
    pthread_mutex_t writing;
    struct table strings_by_hash, frames_by_hash, stacks_by_hash;
    struct pool string_pool, frame_id_pool;
    size_t string_bytes;
    struct text scratch;
};

/* ---- storage ---- */

static void *list_place(const struct list *list, uint32_t index)
{
    uint32_t shifted = index + (1u << FIRST_CHUNK_BITS);
    unsigned top = 31u - (unsigned)__builtin_clz(shifted);
    size_t within = shifted - (1u << top);
    return (char *)list->chunks[top - FIRST_CHUNK_BITS] + within * list->entry_size;
}

/* The entry of an id, or NULL for 0 and ids that were never given out. */
static const void *list_entry(const struct list *list, uint32_t id)
{
    if (id == 0 || id > atomic_load_explicit(&list->count, memory_order_acquire))
        return NULL;
    return list_place(list, id - 1);
}

/* Copies the entry in; its id, or 0 when memory is out or the list is full. */
static uint32_t list_append(struct catalog *catalog, struct list *list, const void *entry)
{
    uint32_t index = atomic_load_explicit(&list->count, memory_order_relaxed);
    if (index >= MAX_ENTRIES - 1)
        return 0;
    uint32_t shifted = index + (1u << FIRST_CHUNK_BITS);
    unsigned top = 31u - (unsigned)__builtin_clz(shifted);
    void **chunk = &list->chunks[top - FIRST_CHUNK_BITS];
    if (!*chunk) {
        size_t bytes = ((size_t)1 << top) * list->entry_size;
        *chunk = malloc(bytes);
        if (!*chunk)
            return 0;
        atomic_fetch_add_explicit(&catalog->memory, bytes, memory_order_relaxed);
    }
    memcpy(list_place(list, index), entry, list->entry_size);
    atomic_store_explicit(&list->count, index + 1, memory_order_release);
    return index + 1;
}

static void list_deinit(struct list *list)
{
    for (unsigned i = 0; i < NUM_CHUNKS; i++)
        free(list->chunks[i]);
}

static void *pool_alloc(struct catalog *catalog, struct pool *pool, size_t size)
{
    if (!pool->newest || pool->size - pool->used < size) {
        size_t block_size = size > POOL_BLOCK ? size : POOL_BLOCK;
        struct pool_block *block = malloc(sizeof(*block) + block_size);
        if (!block)
            return NULL;
        atomic_fetch_add_explicit(&catalog->memory, sizeof(*block) + block_size, memory_order_relaxed);
        block->older = pool->newest;
        pool->newest = block;
        pool->size = block_size;
        pool->used = 0;
    }
    void *place = (char *)pool->newest->bytes + pool->used;
    pool->used += size;
    return place;
}

/* Gives back the last allocation. */
static void pool_undo(struct pool *pool, size_t size)
{
    pool->used -= size;
}

static void pool_deinit(struct pool *pool)
{
    while (pool->newest) {
        struct pool_block *older = pool->newest->older;
        free(pool->newest);
        pool->newest = older;
    }
}

static size_t tables_memory(const struct catalog *catalog)
{
    /* A slot is a key and a value. */
    return (catalog->strings_by_hash.capacity + catalog->frames_by_hash.capacity + catalog->stacks_by_hash.capacity) *
           2 * sizeof(uint64_t);
}

/* table_insert, with the table's growth counted. */
static uint64_t *index_insert(struct catalog *catalog, struct table *table, uint64_t key)
{
    size_t before = tables_memory(catalog);
    uint64_t *place = table_insert(table, key, NULL);
    atomic_fetch_add_explicit(&catalog->memory, tables_memory(catalog) - before, memory_order_relaxed);
    return place;
}

/* ---- interning ---- */

struct content {
    const void *bytes;
    size_t size;
};

typedef bool content_equal(const struct catalog *catalog, uint32_t id, const struct content *content);

/* The id of equal content, or 0 and the key under which it would go. Two contents of one 64-bit hash are told apart by
 * comparing; the later one then goes under the hash of the next seed. */
static uint32_t find_content(const struct catalog *catalog, const struct table *table, content_equal *equal,
                             const struct content *content, uint64_t *ret_key)
{
    for (uint64_t seed = 0;; seed++) {
        uint64_t key = table_hash_bytes(content->bytes, content->size, seed);
        const uint64_t *id = table_find(table, key);
        /* A key with id 0 is left by an add that ran out of memory. */
        if (!id || *id == 0) {
            *ret_key = key;
            return 0;
        }
        if (equal(catalog, (uint32_t)*id, content))
            return (uint32_t)*id;
    }
}

static bool string_equal(const struct catalog *catalog, uint32_t id, const struct content *content)
{
    const char *known = catalog_string(catalog, id);
    return strncmp(known, content->bytes, content->size) == 0 && known[content->size] == '\0';
}

static string_id add_string(struct catalog *catalog, const char *bytes, size_t length)
{
    /* What readers get is a C string: it ends at the first NUL. */
    struct content content = {.bytes = length ? bytes : "", .size = length ? strnlen(bytes, length) : 0};
    uint64_t key = 0;
    string_id id = find_content(catalog, &catalog->strings_by_hash, string_equal, &content, &key);
    if (id)
        return id;
    if (content.size >= MAX_STRING_BYTES - catalog->string_bytes)
        return 0;
    char *copy = pool_alloc(catalog, &catalog->string_pool, content.size + 1);
    if (!copy)
        return 0;
    memcpy(copy, content.bytes, content.size);
    copy[content.size] = '\0';
    uint64_t *place = index_insert(catalog, &catalog->strings_by_hash, key);
    id = place ? list_append(catalog, &catalog->strings, &copy) : 0;
    if (!id) {
        pool_undo(&catalog->string_pool, content.size + 1);
        return 0;
    }
    *place = id;
    catalog->string_bytes += content.size + 1;
    return id;
}

static string_id add_untrusted(struct catalog *catalog, const char *bytes, size_t length)
{
    struct text *scratch = &catalog->scratch;
    scratch->length = 0;
    scratch->failed = false;
    text_append_escaped(scratch, bytes, length);
    if (scratch->failed)
        return 0;
    return add_string(catalog, scratch->data, scratch->length);
}

/* A frame's fields without the padding between them. */
static void pack_frame(const struct frame *frame, uint32_t words[7])
{
    words[0] = (uint32_t)frame->address;
    words[1] = (uint32_t)(frame->address >> 32);
    words[2] = frame->function;
    words[3] = frame->file;
    words[4] = frame->line;
    words[5] = frame->start_line;
    words[6] = frame->origin;
}

static bool frame_equal(const struct catalog *catalog, uint32_t id, const struct content *content)
{
    uint32_t words[7];
    pack_frame(catalog_frame(catalog, id), words);
    return memcmp(words, content->bytes, sizeof(words)) == 0;
}

static frame_id add_frame(struct catalog *catalog, const struct frame *frame)
{
    uint32_t words[7];
    pack_frame(frame, words);
    struct content content = {.bytes = words, .size = sizeof(words)};
    uint64_t key = 0;
    frame_id id = find_content(catalog, &catalog->frames_by_hash, frame_equal, &content, &key);
    if (id)
        return id;
    uint64_t *place = index_insert(catalog, &catalog->frames_by_hash, key);
    id = place ? list_append(catalog, &catalog->frames, frame) : 0;
    if (id)
        *place = id;
    return id;
}

/* How well a frame of this origin tells a person whose allocation it was; the first frame of the best rank is the
 * subject. */
static unsigned subject_rank(uint8_t origin)
{
    switch (origin) {
    case FRAME_APPLICATION:
        return 3;
    case FRAME_DEPENDENCY:
        return 2;
    case FRAME_STANDARD:
    case FRAME_NATIVE:
    case FRAME_UNKNOWN:
        return 1;
    default:
        return 0;
    }
}

static uint32_t find_subject(const struct catalog *catalog, const frame_id *frames, size_t depth)
{
    uint32_t best = 0;
    unsigned best_rank = 0;
    for (size_t i = 0; i < depth; i++) {
        unsigned rank = subject_rank(catalog_frame(catalog, frames[i])->origin);
        if (rank > best_rank) {
            best = (uint32_t)i;
            best_rank = rank;
        }
    }
    return best;
}

static bool stack_equal(const struct catalog *catalog, uint32_t id, const struct content *content)
{
    struct stack known = catalog_stack(catalog, id);
    size_t size = known.depth * sizeof(frame_id);
    return size == content->size && (size == 0 || memcmp(known.frames, content->bytes, size) == 0);
}

static stack_id add_stack(struct catalog *catalog, const frame_id *frames, size_t depth)
{
    if (depth > MAX_DEPTH)
        return 0;
    struct content content = {.bytes = frames, .size = depth * sizeof(*frames)};
    uint64_t key = 0;
    stack_id id = find_content(catalog, &catalog->stacks_by_hash, stack_equal, &content, &key);
    if (id)
        return id;
    frame_id *copy = pool_alloc(catalog, &catalog->frame_id_pool, content.size);
    if (!copy)
        return 0;
    if (depth > 0)
        memcpy(copy, frames, content.size);
    struct stack_entry entry = {
        .frames = copy, .depth = (uint32_t)depth, .subject = find_subject(catalog, frames, depth)};
    uint64_t *place = index_insert(catalog, &catalog->stacks_by_hash, key);
    id = place ? list_append(catalog, &catalog->stacks, &entry) : 0;
    if (!id) {
        pool_undo(&catalog->frame_id_pool, content.size);
        return 0;
    }
    *place = id;
    return id;
}

/* Adding is rare, once a name is known: one lock for all kinds. */
#define WHILE_WRITING(catalog, expression) \
    __extension__({ \
        pthread_mutex_lock(&(catalog)->writing); \
        uint32_t id_ = (expression); \
        pthread_mutex_unlock(&(catalog)->writing); \
        id_; \
    })

string_id catalog_add_string(struct catalog *catalog, const char *bytes, size_t length)
{
    return WHILE_WRITING(catalog, add_string(catalog, bytes, length));
}

string_id catalog_add_untrusted(struct catalog *catalog, const char *bytes, size_t length)
{
    return WHILE_WRITING(catalog, add_untrusted(catalog, bytes, length));
}

frame_id catalog_add_frame(struct catalog *catalog, const struct frame *frame)
{
    return WHILE_WRITING(catalog, add_frame(catalog, frame));
}

stack_id catalog_add_stack(struct catalog *catalog, const frame_id *frames, size_t depth)
{
    return WHILE_WRITING(catalog, add_stack(catalog, frames, depth));
}

/* ---- reading ---- */

const char *catalog_string(const struct catalog *catalog, string_id id)
{
    const char *const *string = list_entry(&catalog->strings, id);
    return string ? *string : "";
}

const struct frame *catalog_frame(const struct catalog *catalog, frame_id id)
{
    static const struct frame none;
    const struct frame *frame = list_entry(&catalog->frames, id);
    return frame ? frame : &none;
}

struct stack catalog_stack(const struct catalog *catalog, stack_id id)
{
    const struct stack_entry *entry = list_entry(&catalog->stacks, id);
    return entry ? (struct stack){.depth = entry->depth, .frames = entry->frames} : (struct stack){0};
}

const char *catalog_function(const struct catalog *catalog, frame_id id)
{
    return catalog_string(catalog, catalog_frame(catalog, id)->function);
}

const char *catalog_file(const struct catalog *catalog, frame_id id)
{
    return catalog_string(catalog, catalog_frame(catalog, id)->file);
}

uint32_t catalog_stack_subject(const struct catalog *catalog, stack_id id)
{
    const struct stack_entry *entry = list_entry(&catalog->stacks, id);
    return entry ? entry->subject : 0;
}

size_t catalog_memory(const struct catalog *catalog)
{
    return sizeof(*catalog) + atomic_load_explicit(&catalog->memory, memory_order_relaxed);
}

/* ---- names for people ---- */

/* "v2." to "v999.", the last element of a Go module path with a major version. */
static bool is_major_version(const char *element)
{
    if (element[0] != 'v')
        return false;
    size_t digits = strspn(element + 1, "0123456789");
    return digits > 0 && digits <= 3 && element[1 + digits] == '.';
}

const char *function_short_name(const char *function)
{
    /* Type arguments and parameters may hold slashes of their own. A receiver, "(*T)", comes after the last slash of
     * the path. */
    size_t end = strcspn(function, "([< ");
    const char *last = function, *before = function;
    for (size_t i = 0; i < end; i++) {
        if (function[i] == '/') {
            before = last;
            last = function + i + 1;
        }
    }
    return is_major_version(last) ? before : last;
}

const char *function_name_fitting(const char *function, size_t columns)
{
    const char *name = function_short_name(function);
    for (int part = 0; part < 2 && utf8_width(name) > columns; part++) {
        /* Without its package, then without its receiver. */
        const char *dot = *name == '(' ? strstr(name, ").") : strchr(name, '.');
        if (!dot)
            break;
        name = dot + (*dot == ')' ? 2 : 1);
    }
    return name;
}

const char *file_short_name(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

void catalog_write_frame(const struct catalog *catalog, frame_id id, struct text *text)
{
    const struct frame *frame = catalog_frame(catalog, id);
    const char *function = catalog_string(catalog, frame->function);
    if (*function)
        text_append(text, function_short_name(function));
    else if (frame->address)
        text_printf(text, "0x%" PRIx64, frame->address);
    else
        text_append(text, "unknown");
    const char *file = catalog_string(catalog, frame->file);
    if (*file && frame->line)
        text_printf(text, "  %s:%u", file_short_name(file), frame->line);
    else if (*file)
        text_printf(text, "  %s", file_short_name(file));
}

/* ---- life ---- */

struct error *catalog_create(struct catalog **ret_catalog)
{
    struct catalog *catalog = calloc(1, sizeof(*catalog));
    if (!catalog)
        return error_no_memory();
    atomic_init(&catalog->references, 1);
    catalog->strings.entry_size = sizeof(const char *);
    catalog->frames.entry_size = sizeof(struct frame);
    catalog->stacks.entry_size = sizeof(struct stack_entry);
    pthread_mutex_init(&catalog->writing, NULL);
    table_init(&catalog->strings_by_hash);
    table_init(&catalog->frames_by_hash);
    table_init(&catalog->stacks_by_hash);
    *ret_catalog = catalog;
    return NULL;
}

struct catalog *catalog_ref(struct catalog *catalog)
{
    atomic_fetch_add_explicit(&catalog->references, 1, memory_order_relaxed);
    return catalog;
}

void catalog_unref(struct catalog *catalog)
{
    if (!catalog || atomic_fetch_sub_explicit(&catalog->references, 1, memory_order_acq_rel) != 1)
        return;
    list_deinit(&catalog->strings);
    list_deinit(&catalog->frames);
    list_deinit(&catalog->stacks);
    table_deinit(&catalog->strings_by_hash);
    table_deinit(&catalog->frames_by_hash);
    table_deinit(&catalog->stacks_by_hash);
    pool_deinit(&catalog->string_pool);
    pool_deinit(&catalog->frame_id_pool);
    text_deinit(&catalog->scratch);
    pthread_mutex_destroy(&catalog->writing);
    free(catalog);
}
