/* The symbol tables of an image, as places in its file. */
#ifndef SYMBOLS_SYMBOL_TABLE_H
#define SYMBOLS_SYMBOL_TABLE_H

#include "symbols/image_private.h"

/* A symbol table and its strings. */
struct symbol_table {
    uint64_t offset, size;
    uint64_t strings_offset, strings_size;
};

/* False when there is none that makes sense. */
bool symbol_table_find_static(struct image *image, struct symbol_table *ret_table);
/* Also of a file without section headers. */
bool symbol_table_find_dynamic(struct image *image, struct symbol_table *ret_table);

struct table_symbol {
    uint64_t address, size;
    uint32_t name;          /* Offset in the strings. */
    uint8_t type, binding;  /* STT_..., STB_... */
};

/* Passes over all defined symbols. */
typedef void symbol_visitor(void *context, const struct table_symbol *symbol);
struct error *symbol_table_visit(struct image *image, const struct symbol_table *table, symbol_visitor *visit,
                                 void *context);

#endif
