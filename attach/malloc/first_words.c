#include "attach/malloc/first_words.h"

#define NONE SIZE_MAX

/* Tables of functions lie in data that is read-only once relocated; in old programs among variables or code; and where
 * a program at a fixed address has copies of a library's, among its zeroed variables, which follow the file's pages. */
static bool may_hold_tables(const struct maps *maps, size_t index)
{
    const struct map_line *line = &maps->lines.items[index];
    bool is_behind_file = index > 0 && line[-1].inode != 0 && line[-1].end == line->start && line->name_length == 0;
    return (line->inode != 0 || is_behind_file) && line->permissions[0] == 'r' && line->permissions[3] == 'p';
}

static void mark(struct first_words *words, uint64_t start, uint64_t end)
{
    uint64_t first = start >> 16, last = (end - 1) >> 16;
    for (uint64_t i = first; i <= last && i - first < FIRST_WORDS_PIECES; i++) {
        uint64_t piece = i & (FIRST_WORDS_PIECES - 1);
        words->pieces[piece / 64] |= UINT64_C(1) << (piece % 64);
    }
}

struct error *first_words_init(struct first_words *words, const struct maps *maps)
{
    *words = (struct first_words){.last = NONE};
    table_init(&words->index);
    for (size_t i = 0; i < maps->lines.count; i++) {
        const struct map_line *line = &maps->lines.items[i];
        if (!may_hold_tables(maps, i) || line->start >= line->end)
            continue;
        mark(words, line->start, line->end);
        if (words->spans.count > 0 && words->spans.items[words->spans.count - 1].end == line->start)
            words->spans.items[words->spans.count - 1].end = line->end;
        else if (!vector_append(&words->spans, ((struct file_span){line->start, line->end})))
            return error_no_memory();
    }
    return NULL;
}

void first_words_deinit(struct first_words *words)
{
    vector_deinit(&words->spans);
    vector_deinit(&words->words);
    table_deinit(&words->index);
}

const struct file_span *first_words_span(const struct first_words *words, uint64_t address)
{
    size_t low = 0, high = words->spans.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (words->spans.items[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_in = low < words->spans.count && words->spans.items[low].start <= address;
    return is_in ? &words->spans.items[low] : NULL;
}

static struct first_word *find_or_add(struct first_words *words, uint64_t word)
{
    const uint64_t *known = table_find(&words->index, word);
    if (known) {
        words->last = (size_t)*known;
        return &words->words.items[words->last];
    }
    if (!first_words_span(words, word))
        return NULL;
    if (words->words.count >= FIRST_WORDS_MAX) {
        words->is_cut = true;
        return NULL;
    }
    uint64_t *index = table_insert(&words->index, word, NULL);
    if (!index || !vector_append(&words->words, (struct first_word){.word = word})) {
        words->failed = true;
        return NULL;
    }
    *index = words->last = words->words.count - 1;
    return &words->words.items[words->last];
}

/* Objects of one class often lie in a row. */
void first_words_count(struct first_words *words, uint64_t word, uint64_t bytes)
{
    struct first_word *entry = words->last == NONE ? NULL : &words->words.items[words->last];
    if (words->failed)
        return;
    if (!entry || entry->word != word)
        entry = find_or_add(words, word);
    if (!entry)
        return;
    entry->arena_objects++;
    entry->arena_bytes += bytes;
}

void first_words_begin_arena(struct first_words *words)
{
    for (size_t i = 0; i < words->words.count; i++)
        words->words.items[i].arena_objects = words->words.items[i].arena_bytes = 0;
}

void first_words_keep_arena(struct first_words *words)
{
    for (size_t i = 0; i < words->words.count; i++) {
        struct first_word *word = &words->words.items[i];
        word->objects += word->arena_objects;
        word->bytes += word->arena_bytes;
    }
    first_words_begin_arena(words);
}
