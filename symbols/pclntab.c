/* Finding and checking Go's function table, and the records in it. Layouts: runtime/symtab.go (pcHeader, functab) and
 * runtime/runtime2.go (_func), the same in Go 1.18-1.19 and 1.20-1.27 but for what is noted. */
#include "heaptop/symbols/pclntab.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "symbols/image_private.h"
#include "symbols/pclntab_private.h"

#define HEADER_SIZE 72u
#define HEADER_ALIGNMENT 8u
/* Of the magic, the bytes after the version's: FF FF FF, two of padding, the instruction quantum of x86, the pointer
 * size. */
#define SIGNATURE "\xff\xff\xff\x00\x00\x01\x08"
#define SIGNATURE_LENGTH ((size_t)7)
/* Candidates looked into in a search by signature. */
#define MAX_CANDIDATES 64u
/* Records compared with the function table before it is believed. */
#define CHECKED_RECORDS 16u

#define RECORD_SIZE_118 40u
#define RECORD_SIZE_120 44u
#define PCDATA_INLINE_INDEX 2u      /* abi.PCDATA_InlTreeIndex */
#define FUNCDATA_INLINE_TREE 3u     /* abi.FUNCDATA_InlTree */

DEFINE_CLEANUP(struct pclntab *, pclntab_close)

struct error *pclntab_read(struct pclntab *table, uint64_t offset, void *buffer, size_t size)
{
    if (size > table->size || offset > table->size - size)
        return error_create_at(ERROR_BAD_DATA, table->address, "Go's function table points beyond its end");
    return file_cache_read(&table->image->file, table->file_offset + offset, buffer, size);
}

/* True for a nonempty range from `start` to `end` inside the table. */
static bool set_part(const struct pclntab *table, uint64_t start, uint64_t end, struct pclntab_part *ret_part)
{
    *ret_part = (struct pclntab_part){start, end - start};
    return start >= HEADER_SIZE && start < end && end <= table->size;
}

/* Decodes pcHeader; false when its numbers are not those of a table. */
static bool parse_header(struct pclntab *table, const uint8_t *bytes)
{
    struct cursor cursor = cursor_over(bytes, HEADER_SIZE);
    uint32_t magic = cursor_u32(&cursor);
    uint16_t padding = cursor_u16(&cursor);
    table->version = magic & 0xff;
    table->quantum = cursor_u8(&cursor);
    uint8_t pointer_size = cursor_u8(&cursor);
    uint64_t function_count = cursor_u64(&cursor);
    cursor_u64(&cursor);    /* nfiles: the number of entries of the file table, of which nothing depends. */
    table->text_start = cursor_u64(&cursor);
    uint64_t names = cursor_u64(&cursor), units = cursor_u64(&cursor), files = cursor_u64(&cursor);
    uint64_t pctab = cursor_u64(&cursor), functions = cursor_u64(&cursor);
    if (magic != 0xfffffff0 && magic != 0xfffffff1)
        return false;
    if (padding != 0 || (table->quantum != 1 && table->quantum != 2 && table->quantum != 4) || pointer_size != 8)
        return false;
    if (function_count == 0 || function_count > PCLNTAB_MAX_FUNCTIONS)
        return false;
    table->function_count = (uint32_t)function_count;
    return set_part(table, names, units, &table->names) && set_part(table, units, files, &table->units) &&
           set_part(table, files, pctab, &table->files) && set_part(table, pctab, functions, &table->pctab) &&
           set_part(table, functions, table->size, &table->functions) &&
           table->functions.size >= function_count * 8 + 4;
}

/* Entry offsets ascend, and records follow each other behind the table, as cmd/link/internal/ld/pcln.go writes them. */
static bool check_functab(const struct pclntab *table)
{
    uint64_t lowest = (uint64_t)table->function_count * 8 + 4;
    for (uint32_t i = 0; i < table->function_count; i++) {
        const uint32_t *pair = table->functab + 2 * (size_t)i;
        if (pair[0] > pair[2] || pair[1] < lowest || pair[1] >= table->functions.size)
            return false;
        lowest = (uint64_t)pair[1] + 1;
    }
    return table->functab[0] < table->functab[2 * (size_t)table->function_count];
}

/* The code the table describes must fit into one executable segment; a text start outside of all of them is one that
 * was not relocated. */
static bool check_text(struct pclntab *table)
{
    uint32_t end = table->functab[2 * (size_t)table->function_count];
    bool fits = false, start_is_known = false;
    for (size_t i = 0; i < table->image->segments.count; i++) {
        const struct image_segment *segment = &table->image->segments.items[i];
        if (!segment->executable || segment->memory_size < end)
            continue;
        fits = true;
        if (table->text_start != 0 && table->text_start - segment->address <= segment->memory_size - end)
            start_is_known = true;
    }
    if (!start_is_known)
        table->text_start = 0;
    return fits;
}

static struct error *load_functab(struct pclntab *table)
{
    size_t words = 2 * (size_t)table->function_count + 1;
    table->functab = malloc(words * sizeof(*table->functab));
    if (!table->functab)
        return error_no_memory();
    struct error *error = pclntab_read(table, table->functions.offset, table->functab, words * sizeof(*table->functab));
    if (error)
        return error;
    /* In place, whatever the host's byte order. */
    struct cursor cursor = cursor_over(table->functab, words * sizeof(*table->functab));
    for (size_t i = 0; i < words; i++)
        table->functab[i] = cursor_u32(&cursor);
    if (!check_functab(table))
        return error_create_at(ERROR_BAD_DATA, table->address, "Go's function table does not ascend");
    if (!check_text(table))
        return error_create_at(ERROR_BAD_DATA, table->address, "Go's function table reaches beyond the code");
    return NULL;
}

/* Some records, spread over the table, are read in full: what merely looks like a table fails here. */
static struct error *check_records(struct pclntab *table)
{
    uint32_t step = table->function_count / CHECKED_RECORDS + 1;
    for (uint32_t i = 0; i < table->function_count; i += step) {
        struct function_record record;
        struct error *error = pclntab_read_record(table, i, &record);
        if (error)
            return error;
    }
    return NULL;
}

/* The table at a link-time address, `size` bytes at most. ERROR_BAD_DATA when it is none. */
static struct error *open_at(struct image *image, uint64_t address, uint64_t size, struct pclntab **ret_table)
{
    _cleanup_(pclntab_closep) struct pclntab *table = calloc(1, sizeof(*table));
    if (!table)
        return error_no_memory();
    arena_init(&table->arena);
    table_init(&table->by_offset);
    table_init(&table->by_content);
    table->image = image;
    table->address = address;
    if (address % HEADER_ALIGNMENT != 0 || !image_file_range(image, address, &table->file_offset, &table->size))
        return error_create_at(ERROR_BAD_DATA, address, "Go's function table lies outside the file");
    if (size < table->size)
        table->size = size;
    uint8_t bytes[HEADER_SIZE];
    struct error *error = pclntab_read(table, 0, bytes, sizeof(bytes));
    if (!error && !parse_header(table, bytes))
        error = error_create_at(ERROR_BAD_DATA, address, "the header of Go's function table makes no sense");
    if (!error)
        error = load_functab(table);
    if (!error)
        error = check_records(table);
    if (error)
        return error;
    *ret_table = take_pointer(table);
    return NULL;
}

/* Opens a candidate and keeps it when it describes more code than the best so far: a program may carry another
 * program's table in its data, but hardly a larger one that fits its own code. */
static struct error *try_candidate(struct image *image, uint64_t address, uint64_t size, struct pclntab **best)
{
    struct pclntab *table = NULL;
    struct error *error = open_at(image, address, size, &table);
    if (error && error->kind != ERROR_NO_MEMORY) {
        error_destroy(error);
        return NULL;
    }
    if (error)
        return error;
    if (*best &&
        (*best)->functab[2 * (size_t)(*best)->function_count] >= table->functab[2 * (size_t)table->function_count]) {
        pclntab_close(table);
        return NULL;
    }
    pclntab_close(*best);
    *best = table;
    return NULL;
}

/* Looks for the signature at aligned addresses from `address` on. */
static struct error *search_range(struct image *image, uint64_t address, uint64_t size, unsigned *budget,
                                  struct pclntab **best)
{
    uint64_t offset, left;
    if (!image_file_range(image, address, &offset, &left))
        return NULL;
    if (left < size)
        size = left;
    _cleanup_free_ uint8_t *window = malloc(FILE_STREAM_WINDOW);
    if (!window)
        return error_no_memory();
    /* Windows overlap by a header's first bytes. */
    for (uint64_t at = 0; at + SIGNATURE_LENGTH < size; at += FILE_STREAM_WINDOW - SIGNATURE_LENGTH) {
        size_t count = size - at < FILE_STREAM_WINDOW ? (size_t)(size - at) : FILE_STREAM_WINDOW;
        struct error *error = file_cache_read(&image->file, offset + at, window, count);
        if (error)
            return error;
        const uint8_t *hit = window + 1;
        while (hit < window + count && *budget > 0 &&
               (hit = memmem(hit, count - (size_t)(hit - window), SIGNATURE, SIGNATURE_LENGTH))) {
            uint64_t within = at + (uint64_t)(hit - window) - 1;
            uint8_t version = hit[-1];
            hit++;
            if ((version != PCLNTAB_VERSION_118 && version != PCLNTAB_VERSION_120) ||
                (address + within) % HEADER_ALIGNMENT != 0)
                continue;
            (*budget)--;
            error = try_candidate(image, address + within, size - within, best);
            if (error)
                return error;
        }
    }
    return NULL;
}

static struct error *search_image(struct image *image, struct pclntab **best)
{
    unsigned budget = MAX_CANDIDATES;
    /* Up to Go 1.25 the external linker puts the table of a position-independent file in among the other relocated
     * data. */
    const struct image_section *relro = image_find_section(image, ".data.rel.ro");
    struct error *error = relro ? search_range(image, relro->address, relro->size, &budget, best) : NULL;
    for (size_t i = 0; i < image->segments.count && !error && !(relro && *best); i++)
        error =
            search_range(image, image->segments.items[i].address, image->segments.items[i].file_size, &budget, best);
    return error;
}

struct error *pclntab_open(struct image *image, struct pclntab **ret_pclntab)
{
    static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab"};
    _cleanup_(pclntab_closep) struct pclntab *table = NULL;
    struct error *error = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(names) && !error && !table; i++) {
        const struct image_section *section = image_find_section(image, names[i]);
        if (section)
            error = try_candidate(image, section->address, section->size, &table);
    }
    if (!error && !table)
        error = search_image(image, &table);
    if (error)
        return error;
    if (!table)
        return error_create(ERROR_NOT_FOUND, "no table of Go functions");
    *ret_pclntab = take_pointer(table);
    return NULL;
}

void pclntab_close(struct pclntab *pclntab)
{
    if (!pclntab)
        return;
    free(pclntab->functab);
    arena_deinit(&pclntab->arena);
    table_deinit(&pclntab->by_offset);
    table_deinit(&pclntab->by_content);
    free(pclntab);
}

uint64_t pclntab_address(const struct pclntab *pclntab)
{
    return pclntab->address;
}

uint32_t pclntab_function_count(const struct pclntab *pclntab)
{
    return pclntab->function_count;
}

uint8_t pclntab_version(const struct pclntab *pclntab)
{
    return pclntab->version;
}

uint64_t pclntab_text_start(const struct pclntab *pclntab)
{
    return pclntab->text_start;
}

void pclntab_set_text_start(struct pclntab *pclntab, uint64_t text_start)
{
    pclntab->text_start = text_start;
}

void pclntab_set_gofunc(struct pclntab *pclntab, uint64_t gofunc)
{
    pclntab->gofunc = gofunc;
    pclntab->has_gofunc = true;
}

void pclntab_set_go_minor(struct pclntab *pclntab, unsigned minor)
{
    pclntab->minor = minor;
}

size_t pclntab_memory(const struct pclntab *pclntab)
{
    return sizeof(*pclntab) + (2 * (size_t)pclntab->function_count + 1) * sizeof(*pclntab->functab) +
           pclntab->arena.reserved +
           (pclntab->by_offset.capacity + pclntab->by_content.capacity) * 2 * sizeof(uint64_t);
}

uint8_t pclntab_wrapper_id(const struct pclntab *table)
{
    /* The last of the list: 21 up to Go 1.21, 22 from 1.22 (corobase is new), 23 from 1.25 (runCleanups is new).
     * Without a version the F1 form is taken for a recent one. */
    if (table->version == PCLNTAB_VERSION_118 || (table->minor != 0 && table->minor < 22))
        return 21;
    return table->minor != 0 && table->minor < 25 ? 22 : 23;
}

static uint32_t u32_at(const uint8_t *bytes, size_t size, size_t offset)
{
    uint32_t value = 0;
    bytes_u32_at(bytes, size, offset, &value);
    return value;
}

struct error *pclntab_read_record(struct pclntab *table, uint32_t index, struct function_record *ret_record)
{
    const uint32_t *pair = table->functab + 2 * (size_t)index;
    uint64_t at = table->functions.offset + pair[1];
    uint32_t fixed = table->version == PCLNTAB_VERSION_118 ? RECORD_SIZE_118 : RECORD_SIZE_120;
    uint8_t bytes[RECORD_SIZE_120];
    struct error *error = pclntab_read(table, at, bytes, fixed);
    if (error)
        return error;
    struct cursor cursor = cursor_over(bytes, fixed);
    struct function_record record = {.inline_tree = NO_FUNCDATA};
    record.entry_offset = cursor_u32(&cursor);
    record.name_offset = cursor_u32(&cursor);
    cursor_skip(&cursor, 8);    /* args, deferreturn */
    record.pcsp = cursor_u32(&cursor);
    record.pcfile = cursor_u32(&cursor);
    record.pcln = cursor_u32(&cursor);
    uint32_t pcdata_count = cursor_u32(&cursor);
    record.unit_offset = cursor_u32(&cursor);
    if (table->version != PCLNTAB_VERSION_118)
        record.start_line = cursor_u32(&cursor);
    record.func_id = cursor_u8(&cursor);
    record.flag = cursor_u8(&cursor);
    cursor_u8(&cursor);         /* padding */
    uint8_t funcdata_count = cursor_u8(&cursor);
    if (record.entry_offset != pair[0] || record.name_offset >= table->names.size ||
        pcdata_count > PCLNTAB_MAX_PCDATA || funcdata_count > PCLNTAB_MAX_FUNCDATA)
        return error_create_at(ERROR_BAD_DATA, table->address + at, "the record of function %u makes no sense", index);

    uint8_t variable[4 * (PCLNTAB_MAX_PCDATA + PCLNTAB_MAX_FUNCDATA)];
    size_t variable_size = 4 * ((size_t)pcdata_count + funcdata_count);
    error = pclntab_read(table, at + fixed, variable, variable_size);
    if (error)
        return error;
    if (pcdata_count > PCDATA_INLINE_INDEX)
        record.inline_index_table = u32_at(variable, variable_size, 4 * PCDATA_INLINE_INDEX);
    if (funcdata_count > FUNCDATA_INLINE_TREE)
        record.inline_tree = u32_at(variable, variable_size, 4 * ((size_t)pcdata_count + FUNCDATA_INLINE_TREE));
    *ret_record = record;
    return NULL;
}

bool pclntab_find_index(const struct pclntab *table, uint64_t address, uint32_t *ret_index)
{
    uint64_t offset = address - table->text_start;
    uint32_t low = 0, high = table->function_count;
    if (address < table->text_start || offset < table->functab[0] || offset >= table->functab[2 * (size_t)high])
        return false;
    /* The last function that begins at or before the offset: functab[low] <= offset < functab[high]. */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (table->functab[2 * (size_t)middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    *ret_index = low;
    return true;
}
