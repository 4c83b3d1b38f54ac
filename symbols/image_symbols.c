#include <elf.h>
#include <stdlib.h>

#include "heaptop/base/cleanup.h"
#include "symbols/string_match.h"
#include "symbols/symbol_table.h"

struct search {
    const struct string_match *match;
    enum symbol_source source;
    struct image_symbol *found;
    bool *is_global;
};

/* Takes those symbols whose name's offset is wanted. A global symbol goes before local ones of the same name. */
static void take_wanted(void *context, const struct table_symbol *symbol)
{
    struct search *search = context;
    const uint64_t *index = table_find(&search->match->offsets, symbol->name);
    bool global = symbol->binding != STB_LOCAL;
    if (!index || (search->found[*index].source != SYMBOL_MISSING && (search->is_global[*index] || !global)))
        return;
    search->found[*index] = (struct image_symbol){.name = search->found[*index].name,
                                                  .address = symbol->address,
                                                  .size = symbol->size,
                                                  .source = search->source};
    search->is_global[*index] = global;
}

/* Looks in one table for all symbols that are still missing. */
static struct error *search_table(struct image *image, const struct symbol_table *table, enum symbol_source source,
                                  struct image_symbol *symbols, size_t count)
{
    _cleanup_free_ const char **names = calloc(count + 1, sizeof(*names));
    _cleanup_free_ struct image_symbol *found = calloc(count + 1, sizeof(*found));
    _cleanup_free_ bool *is_global = calloc(count + 1, sizeof(*is_global));
    if (!names || !found || !is_global)
        return error_no_memory();
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        if (symbols[i].source != SYMBOL_MISSING)
            continue;
        names[i] = symbols[i].name;
        missing++;
    }
    if (missing == 0)
        return NULL;
    struct string_match match __attribute__((cleanup(string_match_deinit))) = {0};
    struct error *error = string_match_init(&match, names, count);
    if (!error)
        error = string_match_scan(&match, &image->file, table->strings_offset, table->strings_size);
    struct search search = {.match = &match, .source = source, .found = found, .is_global = is_global};
    if (!error && match.offsets.count > 0)
        error = symbol_table_visit(image, table, take_wanted, &search);
    if (error)
        return error;
    for (size_t i = 0; i < count; i++) {
        if (!names[i])
            continue;
        size_t first = string_match_first(&match, i);
        if (found[first].source == SYMBOL_MISSING)
            continue;
        symbols[i].address = found[first].address;
        symbols[i].size = found[first].size;
        symbols[i].source = source;
    }
    return NULL;
}

struct error *image_find_symbols(struct image *image, struct image_symbol *symbols, size_t count)
{
    for (size_t i = 0; i < count; i++)
        symbols[i] = (struct image_symbol){.name = symbols[i].name};
    struct symbol_table table;
    if (symbol_table_find_static(image, &table)) {
        struct error *error = search_table(image, &table, SYMBOL_SYMTAB, symbols, count);
        if (error)
            return error_prefix(error, ".symtab");
    }
    if (symbol_table_find_dynamic(image, &table)) {
        struct error *error = search_table(image, &table, SYMBOL_DYNSYM, symbols, count);
        if (error)
            return error_prefix(error, ".dynsym");
    }
    return NULL;
}
