#include "attach/go/module_data.h"

#include "attach/go/peek.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

#define SCAN_CHUNK ((size_t)256 << 10)
#define PAGE_SIZE ((size_t)4096)
#define MAX_RANGES 64

struct scan {
    const struct reader_context *context;
    struct peek peek;
    const struct go_layout *layout;
    remote_address header;          /* Run-time address of the pclntab's header: what a moduledata begins with. */
    uint32_t function_count;
    uint64_t scanned;
    uint8_t *chunk;
    struct go_module_data found;    /* Its address is 0 until one is found. */
};

/* runtime/symtab.go moduledataverify1 asks the same of it. */
static bool take_module_data(struct scan *scan, remote_address address)
{
    const int32_t *offset = scan->layout->offset;
    struct peek peek = {.memory = scan->peek.memory};
    uint64_t ftab = peek_u64(&peek, address + (uint64_t)offset[GO_FIELD_MODULE_DATA_FTAB]);
    uint64_t ftab_length = peek_u64(&peek, address + (uint64_t)offset[GO_FIELD_MODULE_DATA_FTAB] + 8);
    uint64_t text = peek_u64(&peek, address + (uint64_t)offset[GO_FIELD_MODULE_DATA_TEXT]);
    uint64_t end_text = peek_u64(&peek, address + (uint64_t)offset[GO_FIELD_MODULE_DATA_ETEXT]);
    if (peek.error) {
        scan->peek.error = peek.error;
        return false;
    }
    if (peek.failed || ftab <= scan->header || ftab_length != (uint64_t)scan->function_count + 1 || text >= end_text)
        return false;
    scan->found = (struct go_module_data){.address = address, .text = text, .end_text = end_text};
    return true;
}

static void scan_chunk(struct scan *scan, remote_address address, size_t size)
{
    for (size_t offset = 0; offset + 8 <= size && !scan->peek.error; offset += 8) {
        uint64_t word = 0;
        bytes_u64_at(scan->chunk, size, offset, &word);
        if (word == scan->header && take_module_data(scan, address + offset))
            return;
    }
}

/* Link-time addresses. A chunk with a hole in it is read again page by page. */
static void scan_range(struct scan *scan, uint64_t address, uint64_t size)
{
    remote_address start = (address + scan->context->load_bias + 7) & ~7ull,
                   end = address + size + scan->context->load_bias;
    while (start < end && !scan->found.address && !scan->peek.error && scan->scanned < MODULE_DATA_SCAN_MAX) {
        size_t length = end - start < SCAN_CHUNK ? (size_t)(end - start) : SCAN_CHUNK;
        if (peek_bytes(&scan->peek, start, scan->chunk, length)) {
            scan_chunk(scan, start, length);
        } else {
            for (size_t done = 0; done < length && !scan->found.address && !scan->peek.error;) {
                size_t left = PAGE_SIZE - (start + done) % PAGE_SIZE;
                size_t part = left < length - done ? left : length - done;
                if (peek_bytes(&scan->peek, start + done, scan->chunk, part))
                    scan_chunk(scan, start + done, part);
                done += part;
            }
        }
        scan->scanned += length;
        start += length;
    }
}

struct error *go_module_data_find(const struct reader_context *context, const struct pclntab *pclntab,
                                  struct go_module_data *ret_module_data)
{
    /* cmd/link/internal/ld/data.go, symtab.go: .go.module from Go 1.26, .noptrdata before. */
    static const char *const sections[] = {".go.module", ".noptrdata"};
    _cleanup_free_ uint8_t *chunk = malloc(SCAN_CHUNK);
    if (!chunk)
        return error_no_memory();
    struct scan scan = {
        .context = context,
        .peek = {.memory = context->memory},
        .layout = &go_layout_table[go_layout_table_count - 1].layout,
        .header = pclntab_address(pclntab) + context->load_bias,
        .function_count = pclntab_function_count(pclntab),
        .chunk = chunk,
    };
    for (size_t i = 0; i < ARRAY_SIZE(sections) && !scan.found.address; i++) {
        const struct image_section *section = image_find_section(context->image, sections[i]);
        if (section && section->in_file)
            scan_range(&scan, section->address, section->size);
    }
    /* Without sections, or with ones of other names: the initialised part of every segment, the writable ones first. */
    for (unsigned pass = 0; pass < 2 && !scan.found.address; pass++) {
        size_t segments = image_segment_count(context->image);
        for (size_t i = 0; i < segments && i < MAX_RANGES && !scan.found.address; i++) {
            const struct image_segment *segment = image_segment_at(context->image, i);
            if (segment->readable && segment->writable == (pass == 0) && !segment->executable)
                scan_range(&scan, segment->address, segment->file_size);
        }
    }
    if (scan.peek.error)
        return scan.peek.error;
    if (!scan.found.address)
        return error_create(ERROR_NOT_FOUND, "no moduledata in the memory of '%s'", image_path(context->image));
    *ret_module_data = scan.found;
    return NULL;
}

struct error *go_module_data_read(struct memory *memory, const struct go_layout *layout, remote_address address,
                                  struct go_module_data *ret_module_data)
{
    struct go_module_data data = {.address = address};
    const struct {
        enum go_field field;
        remote_address *value;
    } wanted[] = {
        {GO_FIELD_MODULE_DATA_TEXT, &data.text},           {GO_FIELD_MODULE_DATA_ETEXT, &data.end_text},
        {GO_FIELD_MODULE_DATA_TYPES, &data.types},         {GO_FIELD_MODULE_DATA_ETYPES, &data.end_types},
        {GO_FIELD_MODULE_DATA_GOFUNC, &data.gofunc},       {GO_FIELD_MODULE_DATA_NOPTRDATA, &data.noptrdata},
        {GO_FIELD_MODULE_DATA_DATA, &data.data},           {GO_FIELD_MODULE_DATA_BSS, &data.bss},
        {GO_FIELD_MODULE_DATA_NOPTRBSS, &data.noptrbss},   {GO_FIELD_MODULE_DATA_ENOPTRBSS, &data.end_noptrbss},
    };
    struct peek peek = {.memory = memory};
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        int32_t offset = layout->offset[wanted[i].field];
        *wanted[i].value = offset == GO_OFFSET_MISSING ? 0 : peek_u64(&peek, address + (uint64_t)offset);
    }
    if (peek.error)
        return peek.error;
    if (peek.failed)
        return error_create_at(ERROR_FAULT, address, "cannot read moduledata");
    if (data.text >= data.end_text || data.types > data.end_types || data.noptrbss > data.end_noptrbss)
        return error_create_at(ERROR_BAD_DATA, address, "moduledata does not fit the layout");
    *ret_module_data = data;
    return NULL;
}
