#include "symbols/symbol_table.h"

#include <elf.h>
#include <stdlib.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

/* Dynamic entries looked at in a file without section headers. */
#define MAX_DYNAMIC_ENTRIES 512u

/* True when a symbol is defined and lies at an address. */
static bool parse_symbol(const uint8_t *bytes, struct table_symbol *ret_symbol)
{
    struct cursor cursor = cursor_over(bytes, sizeof(Elf64_Sym));
    struct table_symbol symbol = {.name = cursor_u32(&cursor)};
    uint8_t info = cursor_u8(&cursor);
    cursor_u8(&cursor);     /* st_other */
    uint16_t section = cursor_u16(&cursor);
    symbol.address = cursor_u64(&cursor);
    symbol.size = cursor_u64(&cursor);
    symbol.type = ELF64_ST_TYPE(info);
    symbol.binding = ELF64_ST_BIND(info);
    *ret_symbol = symbol;
    return section != SHN_UNDEF && symbol.type != STT_SECTION && symbol.type != STT_FILE && symbol.type != STT_TLS;
}

struct error *symbol_table_visit(struct image *image, const struct symbol_table *table, symbol_visitor *visit,
                                 void *context)
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
            struct table_symbol symbol;
            if (parse_symbol(window + at, &symbol))
                visit(context, &symbol);
        }
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

bool symbol_table_find_static(struct image *image, struct symbol_table *ret_table)
{
    return table_of_section(image, SHT_SYMTAB, ret_table);
}

bool symbol_table_find_dynamic(struct image *image, struct symbol_table *ret_table)
{
    return table_of_section(image, SHT_DYNSYM, ret_table) ||
           (!image_has_sections(image) && table_of_dynamic(image, ret_table));
}
