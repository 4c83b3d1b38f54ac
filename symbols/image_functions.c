/* From addresses to the functions that hold them: one pass over a symbol table for many. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "symbols/symbol_table.h"

struct candidate {
    struct table_symbol symbol, nearest;
    unsigned rank;          /* Of the symbol; 0: there is none that says it holds the address. */
    unsigned
        nearest_rank; /* Of the last symbol that begins behind the address before, if any, and not behind this one. */
};

struct search {
    struct image_function *functions;
    struct candidate *candidates;       /* One a function. */
    size_t count;
};

/* Which of several symbols of one address a person should see: a global name before a weak and a local one. */
static unsigned rank_of(const struct table_symbol *symbol)
{
    return symbol->binding == STB_GLOBAL ? 3 : symbol->binding == STB_WEAK ? 2 : 1;
}

/* The index of the first function at or behind an address. */
static size_t first_from(const struct search *search, uint64_t address)
{
    size_t low = 0, high = search->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (search->functions[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void take_better(const struct table_symbol *symbol, struct table_symbol *best, unsigned *best_rank)
{
    unsigned rank = rank_of(symbol);
    if (*best_rank > 0 && (symbol->address < best->address || (symbol->address == best->address && rank <= *best_rank)))
        return;
    *best = *symbol;
    *best_rank = rank;
}

static void look_at_symbol(void *context, const struct table_symbol *symbol)
{
    struct search *search = context;
    if (symbol->type != STT_FUNC && symbol->type != STT_GNU_IFUNC && symbol->type != STT_NOTYPE)
        return;
    size_t first = first_from(search, symbol->address);
    if (first < search->count)
        take_better(symbol, &search->candidates[first].nearest, &search->candidates[first].nearest_rank);
    for (size_t i = first; i < search->count && search->functions[i].address - symbol->address < symbol->size; i++)
        take_better(symbol, &search->candidates[i].symbol, &search->candidates[i].rank);
}

static bool lies_in(const struct image_segment *segment, uint64_t address)
{
    return address - segment->address < segment->memory_size;
}

/* Whether two addresses lie in the same segment of code. */
static bool share_code(const struct image *image, uint64_t one, uint64_t other)
{
    for (size_t i = 0; i < image->segments.count; i++) {
        const struct image_segment *segment = &image->segments.items[i];
        if (segment->executable && lies_in(segment, one) && lies_in(segment, other))
            return true;
    }
    return false;
}

/* A symbol that does not say where it ends, as of hand-written assembly, reaches up to the next one, within code. */
static void take_labels(const struct image *image, struct search *search)
{
    struct table_symbol nearest = {0};
    unsigned rank = 0;
    for (size_t i = 0; i < search->count; i++) {
        struct candidate *candidate = &search->candidates[i];
        if (candidate->nearest_rank > 0) {
            nearest = candidate->nearest;
            rank = candidate->nearest_rank;
        }
        if (candidate->rank == 0 && rank > 0 && nearest.size == 0 &&
            share_code(image, nearest.address, search->functions[i].address)) {
            candidate->symbol = nearest;
            candidate->rank = rank;
        }
    }
}

/* NULL when there is no such string, or memory is out. */
static char *read_name(struct image *image, const struct symbol_table *table, uint32_t offset)
{
    char name[IMAGE_MAX_NAME];
    if (offset >= table->strings_size)
        return NULL;
    uint64_t left = table->strings_size - offset;
    size_t length = 0, most = left < sizeof(name) ? (size_t)left : sizeof(name);
    while (length < most) {
        const uint8_t *bytes;
        size_t count;
        _cleanup_error_ struct error *error =
            file_cache_peek(&image->file, table->strings_offset + offset + length, &bytes, &count);
        if (error)
            return NULL;
        count = count < most - length ? count : most - length;
        memcpy(name + length, bytes, count);
        if (memchr(bytes, 0, count))
            return name[0] ? strdup(name) : NULL;
        length += count;
    }
    return strndup(name, length);
}

static struct error *search_table(struct image *image, const struct symbol_table *table, struct search *search)
{
    struct error *error = symbol_table_visit(image, table, look_at_symbol, search);
    take_labels(image, search);
    for (size_t i = 0; !error && i < search->count; i++) {
        struct image_function *function = &search->functions[i];
        const struct candidate *candidate = &search->candidates[i];
        if (candidate->rank == 0 || function->name)
            continue;
        function->name = read_name(image, table, candidate->symbol.name);
        function->start = function->name ? candidate->symbol.address : 0;
        function->size = function->name ? candidate->symbol.size : 0;
    }
    return error;
}

struct error *image_find_functions(struct image *image, struct image_function *functions, size_t count)
{
    struct symbol_table table;
    _cleanup_free_ struct candidate *candidates = calloc(count + 1, sizeof(*candidates));
    if (!candidates)
        return error_no_memory();
    struct search search = {.functions = functions, .candidates = candidates, .count = count};
    if (symbol_table_find_static(image, &table) || symbol_table_find_dynamic(image, &table))
        return search_table(image, &table, &search);
    return NULL;
}
