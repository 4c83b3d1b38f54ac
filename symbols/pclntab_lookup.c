/* Names, lines, inlined frames and stack deltas out of a table that pclntab.c opened. Encodings: runtime/symtab.go
 * (pcvalue, step, funcfile) and runtime/symtabinl.go, Go 1.19 to 1.27. */
#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "heaptop/base/text.h"
#include "symbols/image_private.h"
#include "symbols/pclntab_private.h"
#include "symbols/string_match.h"

/* runtime.inlinedCall: {parent int16, funcID uint8, pad, file, line, func, parentPc int32} in Go 1.18-1.19
 * (runtime/symtab.go), {funcID uint8, pad[3], nameOff, parentPc, startLine int32} from 1.20 on
 * (runtime/symtabinl.go). */
#define INLINED_CALL_SIZE_118 20u
#define INLINED_CALL_SIZE_120 16u
/* The runtime sees the tree as an array of this many. */
#define MAX_INLINED_CALLS (1 << 20)

/* 32 bits in groups of 7. */
#define LONGEST_VARINT 5u

/* cutab's word for a file that the linker dropped. */
#define NO_FILE UINT32_MAX

static uint32_t little_u32(const uint8_t bytes[4])
{
    uint32_t value = 0;
    bytes_u32_at(bytes, 4, 0, &value);
    return value;
}

struct inlined_call {
    uint32_t name_offset, parent_code_offset, start_line;
    uint8_t func_id;
};

/* Reads a part of the table byte by byte, straight from the image's cache. */
struct byte_stream {
    struct pclntab *table;
    uint64_t offset, end;       /* From the table's start. */
    const uint8_t *bytes;       /* `left` of them, valid until the image is read elsewhere. */
    size_t left;
};

static struct error *stream_next(struct byte_stream *stream, uint8_t *ret_byte)
{
    if (stream->left == 0) {
        if (stream->offset >= stream->end)
            return error_create_at(ERROR_BAD_DATA, stream->table->address, "Go's function table breaks off");
        struct error *error = file_cache_peek(&stream->table->image->file, stream->table->file_offset + stream->offset,
                                              &stream->bytes, &stream->left);
        if (error)
            return error;
        if (stream->left > stream->end - stream->offset)
            stream->left = (size_t)(stream->end - stream->offset);
    }
    *ret_byte = *stream->bytes++;
    stream->left--;
    stream->offset++;
    return NULL;
}

static struct error *stream_varint(struct byte_stream *stream, uint32_t *ret_value)
{
    uint32_t value = 0;
    /* Nearly all are of one byte, and within the block at hand. */
    if (stream->left > 0 && *stream->bytes < 0x80) {
        *ret_value = *stream->bytes++;
        stream->left--;
        stream->offset++;
        return NULL;
    }
    for (unsigned shift = 0; shift < 7 * LONGEST_VARINT; shift += 7) {
        uint8_t byte;
        struct error *error = stream_next(stream, &byte);
        if (error)
            return error;
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret_value = value;
            return NULL;
        }
    }
    return error_create_at(ERROR_BAD_DATA, stream->table->address, "a number in Go's function table is too long");
}

struct error *pclntab_find_value(struct pclntab *table, uint32_t pctab_offset, uint32_t code_offset, bool *ret_found,
                                 int32_t *ret_value)
{
    if (pctab_offset == 0) {
        *ret_found = false;
        return NULL;
    }
    struct pclntab_position *kept = &table->positions[(pctab_offset * 2654435761u) >> 28 & (PCLNTAB_POSITIONS - 1)];
    struct pclntab_position now = *kept;
    if (now.pctab_offset != pctab_offset || code_offset < now.first) {
        /* The value is -1 before the first step. */
        now = (struct pclntab_position){
            .pctab_offset = pctab_offset, .value = UINT32_MAX, .offset = table->pctab.offset + pctab_offset};
    }
    struct byte_stream stream = {.table = table, .offset = now.offset, .end = table->pctab.offset + table->pctab.size};
    for (; code_offset >= now.code; now.steps++) {
        uint32_t value_delta, code_delta;
        if (now.steps >= PCLNTAB_MAX_STEPS)
            return error_create_at(ERROR_BAD_DATA, table->address, "a line table of Go's function table has no end");
        struct error *error = stream_varint(&stream, &value_delta);
        if (error)
            return error;
        if (value_delta == 0 && now.steps > 0) {
            *ret_found = false;
            return NULL;
        }
        error = stream_varint(&stream, &code_delta);
        if (error)
            return error;
        now.value += value_delta & 1 ? ~(value_delta >> 1) : value_delta >> 1;
        now.first = now.code;
        now.code += (uint64_t)code_delta * table->quantum;
        now.offset = stream.offset;
    }
    *kept = now;
    *ret_found = true;
    *ret_value = (int32_t)now.value;
    return NULL;
}

/* Appends the NUL-terminated string at an offset of a part. */
static struct error *read_string(struct pclntab *table, const struct pclntab_part *part, uint32_t offset,
                                 struct text *text)
{
    uint64_t at = part->offset + offset, end = part->offset + part->size;
    while (at < end && text->length <= PCLNTAB_MAX_NAME) {
        const uint8_t *bytes;
        size_t count;
        struct error *error = file_cache_peek(&table->image->file, table->file_offset + at, &bytes, &count);
        if (error)
            return error;
        if (count > end - at)
            count = (size_t)(end - at);
        const uint8_t *nul = memchr(bytes, '\0', count);
        text_append_bytes(text, bytes, nul ? (size_t)(nul - bytes) : count);
        if (text->failed)
            return error_no_memory();
        if (nul)
            return NULL;
        at += count;
    }
    return error_create_at(ERROR_BAD_DATA, table->address + part->offset + offset,
                           "a name in Go's function table has no end");
}

/* The one copy of a string that the pclntab owns. */
static struct error *intern(struct pclntab *table, const char *string, size_t length, const char **ret_string)
{
    /* Different strings of one hash take the next seeds. */
    for (uint64_t seed = 0;; seed++) {
        bool is_new;
        uint64_t *place = table_insert(&table->by_content, table_hash_bytes(string, length, seed), &is_new);
        if (!place)
            return error_no_memory();
        if (is_new || *place == 0)
            *place = (uint64_t)(uintptr_t)arena_copy_string(&table->arena, string, length);
        const char *held = (const char *)(uintptr_t)*place;
        if (!held)
            return error_no_memory();
        if (strncmp(held, string, length) == 0 && held[length] == '\0') {
            *ret_string = held;
            return NULL;
        }
    }
}

static struct error *find_string(struct pclntab *table, const struct pclntab_part *part, uint32_t offset,
                                 const char **ret_string)
{
    uint64_t key = part->offset + offset;
    const uint64_t *known = table_find(&table->by_offset, key);
    if (known) {
        *ret_string = (const char *)(uintptr_t)*known;
        return NULL;
    }
    struct text text __attribute__((cleanup(text_deinit))) = {0};
    struct error *error = read_string(table, part, offset, &text);
    if (error)
        return error;
    const char *string = NULL;
    error = intern(table, text.data ? text.data : "", text.length, &string);
    if (error)
        return error;
    uint64_t *place = table_insert(&table->by_offset, key, NULL);
    if (!place)
        return error_no_memory();
    *place = (uint64_t)(uintptr_t)string;
    *ret_string = string;
    return NULL;
}

struct error *pclntab_function_name(struct pclntab *table, uint32_t name_offset, const char **ret_name)
{
    return find_string(table, &table->names, name_offset, ret_name);
}

struct error *pclntab_file_name(struct pclntab *table, uint32_t file_offset, const char **ret_name)
{
    return find_string(table, &table->files, file_offset, ret_name);
}

struct error *pclntab_describe(struct pclntab *table, uint32_t index, const struct function_record *record,
                               struct go_function *ret_function)
{
    struct go_function function = {
        .entry = table->text_start + record->entry_offset,
        .end = table->text_start + table->functab[2 * ((size_t)index + 1)],
        .index = index, .start_line = record->start_line, .func_id = record->func_id, .flag = record->flag};
    struct error *error = pclntab_function_name(table, record->name_offset, &function.name);
    if (!error)
        *ret_function = function;
    return error;
}

static struct error *find_record(struct pclntab *table, uint64_t address, uint32_t *ret_index,
                                 struct function_record *ret_record)
{
    if (!pclntab_find_index(table, address, ret_index))
        return error_create_at(ERROR_NOT_FOUND, address, "no Go function at %#llx", (unsigned long long)address);
    return pclntab_read_record(table, *ret_index, ret_record);
}

struct error *pclntab_find_function(struct pclntab *pclntab, uint64_t address, struct go_function *ret_function)
{
    uint32_t index;
    struct function_record record;
    struct error *error = find_record(pclntab, address, &index, &record);
    return error ? error : pclntab_describe(pclntab, index, &record, ret_function);
}

struct error *pclntab_find_stack_delta(struct pclntab *pclntab, uint64_t address, int32_t *ret_delta)
{
    uint32_t index;
    struct function_record record;
    struct error *error = find_record(pclntab, address, &index, &record);
    if (error)
        return error;
    bool found;
    int32_t delta;
    error = pclntab_find_value(pclntab, record.pcsp, (uint32_t)(address - pclntab->text_start) - record.entry_offset,
                               &found, &delta);
    if (!error && !found)
        error = error_create_at(ERROR_NOT_FOUND, address, "no stack delta at %#llx", (unsigned long long)address);
    if (!error)
        *ret_delta = delta;
    return error;
}

/* File and line at a code offset, as runtime.funcline1 has them. What the tables do not tell is left as it is: NULL and
 * 0. */
static struct error *find_line(struct pclntab *table, const struct function_record *record, uint32_t code_offset,
                               struct go_frame *frame)
{
    bool has_file, has_line;
    int32_t file, line;
    struct error *error = pclntab_find_value(table, record->pcfile, code_offset, &has_file, &file);
    if (!error)
        error = pclntab_find_value(table, record->pcln, code_offset, &has_line, &line);
    if (error)
        return error;
    if (!has_file || !has_line || file < 0 || line < 0)
        return NULL;
    uint64_t at = ((uint64_t)record->unit_offset + (uint32_t)file) * 4;
    if (at + 4 > table->units.size)
        return error_create_at(ERROR_BAD_DATA, table->address, "a file number of Go's function table is too large");
    uint8_t bytes[4];
    error = pclntab_read(table, table->units.offset + at, bytes, sizeof(bytes));
    if (error)
        return error;
    uint32_t file_offset = little_u32(bytes);
    frame->line = (uint32_t)line;
    return file_offset == NO_FILE ? NULL : pclntab_file_name(table, file_offset, &frame->file);
}

static struct error *read_inlined_call(struct pclntab *table, const struct function_record *record, int32_t index,
                                       struct inlined_call *ret_call)
{
    bool is_118 = table->version == PCLNTAB_VERSION_118;
    uint8_t bytes[INLINED_CALL_SIZE_118];
    size_t size = is_118 ? INLINED_CALL_SIZE_118 : INLINED_CALL_SIZE_120;
    if (index >= MAX_INLINED_CALLS)
        return error_create_at(ERROR_BAD_DATA, table->address,
                               "an inlined call of Go's function table has too high a number");
    struct error *error =
        image_read(table->image, table->gofunc + record->inline_tree + (uint64_t)index * size, bytes, size);
    if (error)
        return error;
    struct cursor cursor = cursor_over(bytes, size);
    struct inlined_call call = {0};
    if (is_118) {
        cursor_skip(&cursor, 2);        /* parent */
        call.func_id = cursor_u8(&cursor);
        cursor_skip(&cursor, 1 + 4 + 4);    /* padding, file, line */
        call.name_offset = cursor_u32(&cursor);
        call.parent_code_offset = cursor_u32(&cursor);
    } else {
        call.func_id = cursor_u8(&cursor);
        cursor_skip(&cursor, 3);
        call.name_offset = cursor_u32(&cursor);
        call.parent_code_offset = cursor_u32(&cursor);
        call.start_line = cursor_u32(&cursor);
    }
    if (call.name_offset >= table->names.size)
        return error_create_at(ERROR_BAD_DATA, table->address, "an inlined call of Go's function table has no name");
    *ret_call = call;
    return NULL;
}

/* A line or an inlined call that makes no sense costs no more than itself: the frame is given with what is known. */
static struct error *forgive_bad_data(struct error *error)
{
    if (!error || (error->kind != ERROR_BAD_DATA && error->kind != ERROR_FAULT))
        return error;
    error_destroy(error);
    return NULL;
}

/* The innermost call inlined at a code offset; *ret_found is false for code of the function itself. */
static struct error *find_inlined_call(struct pclntab *table, const struct function_record *record,
                                       uint32_t code_offset, bool *ret_found, struct inlined_call *ret_call)
{
    int32_t index = -1;
    *ret_found = false;
    if (!table->has_gofunc || record->inline_tree == NO_FUNCDATA)
        return NULL;
    bool has_index;
    struct error *error = pclntab_find_value(table, record->inline_index_table, code_offset, &has_index, &index);
    if (error || !has_index || index < 0)
        return error;
    error = read_inlined_call(table, record, index, ret_call);
    if (!error)
        *ret_found = true;
    return error;
}

struct error *pclntab_find_frames(struct pclntab *pclntab, uint64_t address, struct go_frame *ret_frames,
                                  size_t capacity, size_t *ret_count)
{
    uint32_t index;
    struct function_record record;
    struct error *error = find_record(pclntab, address, &index, &record);
    if (error)
        return error;
    uint64_t entry = pclntab->text_start + record.entry_offset;
    uint32_t code_offset = (uint32_t)(address - entry);
    uint8_t wrapper_id = pclntab_wrapper_id(pclntab);
    size_t count = 0;
    bool is_inlined = true;
    if (capacity > PCLNTAB_MAX_INLINE_DEPTH)
        capacity = PCLNTAB_MAX_INLINE_DEPTH;
    while (is_inlined && count < capacity) {
        struct inlined_call call = {record.name_offset, 0, record.start_line, record.func_id};
        error = forgive_bad_data(find_inlined_call(pclntab, &record, code_offset, &is_inlined, &call));
        if (error)
            return error;
        struct go_frame frame = {.start_line = call.start_line, .entry = entry, .is_inlined = is_inlined,
                                 .is_wrapper = call.func_id == wrapper_id};
        error = pclntab_function_name(pclntab, call.name_offset, &frame.function);
        if (!error)
            error = forgive_bad_data(find_line(pclntab, &record, code_offset, &frame));
        if (error)
            return error;
        ret_frames[count++] = frame;
        code_offset = call.parent_code_offset;
    }
    *ret_count = count;
    return NULL;
}

/* What a search for functions by name has come to: the index of the function, and whether it is one that wraps
 * another. */
struct name_hit {
    bool is_found, is_wrapper;
    uint32_t index;
};

/* Passes over all records and notes for each wanted name the first function with it, but rather not a wrapper: Go's ABI
 * wrappers carry the name of the function they wrap. */
static struct error *scan_records(struct pclntab *table, const struct string_match *match, size_t wanted,
                                  struct name_hit *hits)
{
    _cleanup_free_ uint8_t *window = malloc(FILE_STREAM_WINDOW);
    if (!window)
        return error_no_memory();
    size_t func_id_at = table->version == PCLNTAB_VERSION_118 ? 36 : 40;
    size_t needed = func_id_at + 1;
    uint8_t wrapper_id = pclntab_wrapper_id(table);
    uint64_t start = 0;
    size_t held = 0;
    for (uint32_t i = 0; i < table->function_count && wanted > 0; i++) {
        uint64_t at = table->functab[2 * (size_t)i + 1];
        if (at + needed > table->functions.size)
            return error_create_at(ERROR_BAD_DATA, table->address,
                                   "a record of Go's function table lies beyond its end");
        if (at + needed > start + held) {
            /* Records follow each other, which was checked when the table was opened. */
            start = at;
            held = table->functions.size - at < FILE_STREAM_WINDOW ? (size_t)(table->functions.size - at)
                                                                   : FILE_STREAM_WINDOW;
            struct error *error = pclntab_read(table, table->functions.offset + start, window, held);
            if (error)
                return error;
        }
        const uint8_t *record = window + (at - start);
        const uint64_t *name = table_find(&match->offsets, little_u32(record + 4));
        if (!name)
            continue;
        struct name_hit *hit = &hits[*name];
        bool is_wrapper = record[func_id_at] == wrapper_id;
        if (hit->is_found && (!hit->is_wrapper || is_wrapper))
            continue;
        *hit = (struct name_hit){.is_found = true, .is_wrapper = is_wrapper, .index = i};
        wanted -= !is_wrapper;
    }
    return NULL;
}

struct error *pclntab_find_names(struct pclntab *pclntab, const char *const *names, size_t count,
                                 struct go_function *ret_functions)
{
    struct string_match match __attribute__((cleanup(string_match_deinit))) = {0};
    _cleanup_free_ struct name_hit *hits = calloc(count + 1, sizeof(*hits));
    _cleanup_free_ struct go_function *functions = calloc(count + 1, sizeof(*functions));
    if (!hits || !functions)
        return error_no_memory();
    struct error *error = string_match_init(&match, names, count);
    match.whole_strings = true;
    if (!error)
        error = string_match_scan(&match, &pclntab->image->file, pclntab->file_offset + pclntab->names.offset,
                                  pclntab->names.size);
    if (!error)
        error = scan_records(pclntab, &match, match.matched, hits);
    if (error)
        return error;
    for (size_t i = 0; i < count; i++) {
        size_t first = string_match_first(&match, i);
        struct function_record record;
        if (!hits[first].is_found)
            continue;
        error = pclntab_read_record(pclntab, hits[first].index, &record);
        if (!error)
            error = pclntab_describe(pclntab, hits[first].index, &record, &functions[i]);
        if (error)
            return error;
    }
    memcpy(ret_functions, functions, count * sizeof(*functions));
    return NULL;
}
