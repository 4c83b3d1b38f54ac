#include <elf.h>
#include <stdlib.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "symbols/image_private.h"
#include "symbols/string_match.h"

/* Dynamic entries looked at in a file without section headers. */
#define MAX_DYNAMIC_ENTRIES 512u

/* A symbol table and its strings, as places in the file. */
struct symbol_table {
    uint64_t offset, size;
    uint64_t strings_offset, strings_size;
};

/* True when a symbol is defined and may be taken for a wanted name. */
static bool parse_symbol(const uint8_t *bytes, struct image_symbol *symbol, uint32_t *ret_name, bool *ret_is_global)
{
    struct cursor cursor = cursor_over(bytes, sizeof(Elf64_Sym));
    *ret_name = cursor_u32(&cursor);
    uint8_t info = cursor_u8(&cursor);
    cursor_u8(&cursor);     /* st_other */
    uint16_t section = cursor_u16(&cursor);
    symbol->address = cursor_u64(&cursor);
    symbol->size = cursor_u64(&cursor);
    *ret_is_global = ELF64_ST_BIND(info) != STB_LOCAL;
    unsigned type = ELF64_ST_TYPE(info);
    return section != SHN_UNDEF && type != STT_SECTION && type != STT_FILE && type != STT_TLS;
}

/* Passes over the symbols and fills in those whose name's offset is wanted. A global symbol goes before local ones of
 * the same name. */
static struct error *scan_symbols(struct image *image, const struct symbol_table *table,
                                  const struct string_match *match, enum symbol_source source,
                                  struct image_symbol *found, bool *is_global)
{
    size_t window_size = FILE_STREAM_WINDOW / sizeof(Elf64_Sym) * sizeof(Elf64_Sym);
    _cleanup_free_ uint8_t *window = malloc(window_size);
    if (!window)
        return error_no_memory();
    uint64_t size = table->size / sizeof(Elf64_Sym) * sizeof(Elf64_Sym);
    for (uint64_t done = 0; done < size; done += window_size) {
        size_t count = size - done < window_size ? (size_t)(size - done) : window_size;
        struct error *error = file_cache_read(&image->file, table->offset + done, window, count);
        if (error)
            return error;
        for (size_t at = 0; at < count; at += sizeof(Elf64_Sym)) {
            struct image_symbol symbol = {.source = source};
            uint32_t name;
            bool global;
            if (!parse_symbol(window + at, &symbol, &name, &global))
                continue;
            const uint64_t *index = table_find(&match->offsets, name);
            if (!index || (found[*index].source != SYMBOL_MISSING && (is_global[*index] || !global)))
                continue;
            symbol.name = found[*index].name;
            found[*index] = symbol;
            is_global[*index] = global;
        }
    }
    return NULL;
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
    if (!error && match.offsets.count > 0)
        error = scan_symbols(image, table, &match, source, found, is_global);
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

static bool table_of_section(const struct image *image, uint32_t type, struct symbol_table *ret_table)
{
    const struct named_section *section = image_find_section_of_type(image, type);
    if (!section || section->link >= image->sections.count || section->entry_size != sizeof(Elf64_Sym))
        return false;
    const struct named_section *strings = &image->sections.items[section->link];
    if (!strings->place.in_file || strings->type != SHT_STRTAB)
        return false;
    *ret_table = (struct symbol_table){section->place.offset, section->place.size,
                                       strings->place.offset, strings->place.size};
    return true;
}

/* Without section headers nothing tells the number of dynamic symbols, save that linkers put the strings right behind
 * them: all that lies between is taken. In a position-independent file the addresses are link-time ones too, as it is
 * the file that is read. */
static bool table_of_dynamic(struct image *image, struct symbol_table *ret_table)
{
    uint64_t symbols = 0, strings = 0, strings_size = 0;
    for (uint32_t i = 0; i < MAX_DYNAMIC_ENTRIES && (i + 1) * sizeof(Elf64_Dyn) <= image->dynamic_size; i++) {
        uint8_t bytes[sizeof(Elf64_Dyn)];
        _cleanup_error_ struct error *error =
            image_read(image, image->dynamic_address + i * sizeof(Elf64_Dyn), bytes, sizeof(bytes));
        if (error)
            return false;
        struct cursor cursor = cursor_over(bytes, sizeof(bytes));
        uint64_t tag = cursor_u64(&cursor), value = cursor_u64(&cursor);
        if (tag == DT_NULL)
            break;
        if (tag == DT_SYMTAB)
            symbols = value;
        else if (tag == DT_STRTAB)
            strings = value;
        else if (tag == DT_STRSZ)
            strings_size = value;
    }
    struct symbol_table table;
    uint64_t left;
    if (!symbols || strings <= symbols || !image_file_range(image, symbols, &table.offset, &left))
        return false;
    table.size = strings - symbols < left ? strings - symbols : left;
    if (!image_file_range(image, strings, &table.strings_offset, &left))
        return false;
    table.strings_size = strings_size < left ? strings_size : left;
    *ret_table = table;
    return true;
}

struct error *image_find_symbols(struct image *image, struct image_symbol *symbols, size_t count)
{
    for (size_t i = 0; i < count; i++)
        symbols[i] = (struct image_symbol){.name = symbols[i].name};
    struct symbol_table table;
    if (table_of_section(image, SHT_SYMTAB, &table)) {
        struct error *error = search_table(image, &table, SYMBOL_SYMTAB, symbols, count);
        if (error)
            return error_prefix(error, ".symtab");
    }
    if (table_of_section(image, SHT_DYNSYM, &table) ||
        (!image_has_sections(image) && table_of_dynamic(image, &table))) {
        struct error *error = search_table(image, &table, SYMBOL_DYNSYM, symbols, count);
        if (error)
            return error_prefix(error, ".dynsym");
    }
    return NULL;
}
