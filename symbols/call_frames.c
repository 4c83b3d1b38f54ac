#include "heaptop/symbols/call_frames.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "symbols/debug_elf.h"
#include "symbols/image_private.h"

/* A record of more is not believed; the longest that compilers write for one function are some 10 KB. */
#define MAX_RECORD_BYTES ((uint32_t)1 << 20)
/* Rows remembered at once (DW_CFA_remember_state); compilers nest one or two. */
#define MAX_REMEMBERED 8
/* Expressions are some ten bytes. */
#define MAX_EXPRESSION_BYTES 256u

/* .eh_frame_hdr: a table of functions by address, so that one is found without reading all of .eh_frame. Linkers write
 * addresses relative to the header in four bytes each (binutils bfd/elf-eh-frame.c, lld SyntheticSections.cpp). */
#define HEADER_ENCODING (DW_EH_PE_datarel | DW_EH_PE_sdata4)
#define HEADER_ENTRY_BYTES 8

/* In .debug_frame, which has no such table (DWARF 5, 6.4.1): an id that tells common records from functions', and the
 * version that brought sizes of addresses. */
#define DEBUG_COMMON_ID UINT32_MAX
#define DEBUG_VERSION 4
#define ADDRESS_BYTES 8

struct indexed_function {
    uint64_t start;
    uint64_t record;            /* Its offset. */
};

struct record_bytes {
    VECTOR(uint8_t) bytes;
};

struct call_frames {
    struct image *image;
    uint64_t header, table;     /* Link-time addresses. */
    uint64_t count;             /* Of entries in the table. */
    uint8_t *section;           /* All of .debug_frame, in which addresses are offsets; NULL: .eh_frame is read. */
    size_t section_size;
    VECTOR(struct indexed_function) functions;  /* Of it, by start. */
    struct record_bytes common, function;       /* Records read last. */
};

/* A record's bytes behind its length, and where they lie. */
struct record {
    uint64_t address;           /* Of the first of them. */
    struct cursor cursor;
};

/* A common information entry: what the entries of many functions share. */
struct common_entry {
    uint64_t code_alignment;
    int64_t data_alignment;
    uint64_t return_register;
    uint8_t pointer_encoding;
    bool has_augmentation_data, is_signal_frame;
    struct record instructions;
};

/* ---- finding a function's entry ---- */

struct error *call_frames_open(struct image *image, struct call_frames **ret_frames)
{
    uint8_t bytes[12];
    if (!image_is_x86_64(image))
        return error_create(ERROR_UNSUPPORTED, "call frames of this processor are not understood");
    if (image->unwind_header_size < sizeof(bytes))
        return error_create(ERROR_NOT_FOUND, "no call frame information");
    struct error *error = image_read(image, image->unwind_header_address, bytes, sizeof(bytes));
    if (error)
        return error_prefix(error, "call frame information");
    struct cursor cursor = cursor_over(bytes, sizeof(bytes));
    uint8_t version = cursor_u8(&cursor), pointer_encoding = cursor_u8(&cursor);
    uint8_t count_encoding = cursor_u8(&cursor), table_encoding = cursor_u8(&cursor);
    if (version != 1 || pointer_encoding == DW_EH_PE_omit || count_encoding != DW_EH_PE_udata4 ||
        table_encoding != HEADER_ENCODING)
        return error_create(ERROR_UNSUPPORTED, "call frame information without a table of functions");
    bool is_short = (pointer_encoding & 0x0f) == DW_EH_PE_sdata4 || (pointer_encoding & 0x0f) == DW_EH_PE_udata4;
    if (!is_short)
        return error_create(ERROR_UNSUPPORTED, "call frame information at an address of another size");
    cursor_skip(&cursor, 4);
    uint64_t count = cursor_u32(&cursor), room = (image->unwind_header_size - sizeof(bytes)) / HEADER_ENTRY_BYTES;
    struct call_frames *frames = calloc(1, sizeof(*frames));
    if (!frames)
        return error_no_memory();
    frames->image = image;
    frames->header = image->unwind_header_address;
    frames->table = frames->header + sizeof(bytes);
    frames->count = count < room ? count : room;
    *ret_frames = frames;
    return NULL;
}

void call_frames_close(struct call_frames *frames)
{
    if (!frames)
        return;
    free(frames->section);
    vector_deinit(&frames->functions);
    vector_deinit(&frames->common.bytes);
    vector_deinit(&frames->function.bytes);
    free(frames);
}

static struct error *read_table_entry(struct call_frames *frames, uint64_t index, uint64_t *ret_start,
                                      uint64_t *ret_entry)
{
    uint8_t bytes[HEADER_ENTRY_BYTES];
    struct error *error = image_read(frames->image, frames->table + index * sizeof(bytes), bytes, sizeof(bytes));
    if (error)
        return error;
    struct cursor cursor = cursor_over(bytes, sizeof(bytes));
    *ret_start = frames->header + (uint64_t)(int64_t)(int32_t)cursor_u32(&cursor);
    *ret_entry = frames->header + (uint64_t)(int64_t)(int32_t)cursor_u32(&cursor);
    return NULL;
}

static struct error *read_function(struct call_frames *frames, uint64_t index, uint64_t *ret_start, uint64_t *ret_entry)
{
    if (!frames->section)
        return read_table_entry(frames, index, ret_start, ret_entry);
    *ret_start = frames->functions.items[index].start;
    *ret_entry = frames->functions.items[index].record;
    return NULL;
}

/* The address of the record of the last function that begins at or before an address. */
static struct error *search_table(struct call_frames *frames, uint64_t address, uint64_t *ret_entry)
{
    uint64_t low = 0, high = frames->section ? frames->functions.count : frames->count, start = 0, entry = 0;
    bool is_found = false;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct error *error = read_function(frames, middle, &start, &entry);
        if (error)
            return error;
        if (start <= address) {
            *ret_entry = entry;
            is_found = true;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (!is_found)
        return error_create_at(ERROR_NOT_FOUND, address, "no call frame information for %#llx",
                               (unsigned long long)address);
    return NULL;
}

/* ---- records ---- */

static struct error *read_bytes(struct call_frames *frames, uint64_t address, void *buffer, size_t size)
{
    if (!frames->section)
        return image_read(frames->image, address, buffer, size);
    if (address > frames->section_size || size > frames->section_size - address)
        return error_create_at(ERROR_FAULT, address, "beyond the end of .debug_frame");
    memcpy(buffer, frames->section + address, size);
    return NULL;
}

static struct error *read_record(struct call_frames *frames, uint64_t address, struct record_bytes *buffer,
                                 struct record *ret_record)
{
    uint8_t head[4];
    uint32_t length;
    struct error *error = read_bytes(frames, address, head, sizeof(head));
    if (error)
        return error;
    bytes_u32_at(head, sizeof(head), 0, &length);
    /* 0 ends a section; all ones announce a record above 4 GiB. */
    if (length == 0 || length > MAX_RECORD_BYTES)
        return error_create_at(ERROR_BAD_DATA, address, "a record of call frame information has %u bytes", length);
    if (!vector_reserve(&buffer->bytes, length))
        return error_no_memory();
    error = read_bytes(frames, address + 4, buffer->bytes.items, length);
    if (error)
        return error;
    *ret_record = (struct record){.address = address + 4, .cursor = cursor_over(buffer->bytes.items, length)};
    return NULL;
}

/* A pointer as its encoding says, which for code may only be absolute or relative to itself. */
static uint64_t read_pointer(struct record *record, uint8_t encoding)
{
    struct cursor *cursor = &record->cursor;
    uint64_t base = (encoding & 0x70) == DW_EH_PE_pcrel ? record->address + cursor->offset : 0, value = 0;
    switch (encoding & 0x0f) {
    case DW_EH_PE_absptr:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8:
        value = cursor_u64(cursor);
        break;
    case DW_EH_PE_udata4:
        value = cursor_u32(cursor);
        break;
    case DW_EH_PE_sdata4:
        value = (uint64_t)(int64_t)(int32_t)cursor_u32(cursor);
        break;
    case DW_EH_PE_udata2:
        value = cursor_u16(cursor);
        break;
    case DW_EH_PE_sdata2:
        value = (uint64_t)(int64_t)(int16_t)cursor_u16(cursor);
        break;
    case DW_EH_PE_uleb128:
        value = cursor_uvarint(cursor);
        break;
    case DW_EH_PE_sleb128:
        value = (uint64_t)cursor_varint(cursor);
        break;
    default:
        cursor->failed = true;
    }
    if (encoding & DW_EH_PE_indirect || ((encoding & 0x70) != DW_EH_PE_pcrel && (encoding & 0x70) != DW_EH_PE_absptr))
        cursor->failed = true;
    return base + value;
}

/* The letters of an augmentation (LSB 5, 10.6.1.1.1): what its data are, in that order. */
static void read_augmentation(struct record *record, const char *letters, struct common_entry *entry)
{
    struct cursor *cursor = &record->cursor;
    entry->pointer_encoding = DW_EH_PE_absptr;
    if (letters[0] != 'z') {
        /* Without 'z' it cannot be told how long the rest is. */
        cursor->failed |= letters[0] != '\0';
        return;
    }
    entry->has_augmentation_data = true;
    uint64_t size = cursor_uvarint(cursor);
    size_t end = cursor->offset + (size_t)size;
    for (const char *letter = letters + 1; *letter && !cursor->failed; letter++) {
        if (*letter == 'R') {
            entry->pointer_encoding = cursor_u8(cursor);
        } else if (*letter == 'L') {
            cursor_u8(cursor);
        } else if (*letter == 'P') {
            /* The personality routine is of no use here, only its length. */
            uint8_t encoding = cursor_u8(cursor) & 0x0f;
            read_pointer(record, encoding);
        } else if (*letter == 'S') {
            entry->is_signal_frame = true;
        } else {
            break;      /* 'B' of aarch64 and what else may come has no data, or ends what is known. */
        }
    }
    if (size > cursor->size || end > cursor->size)
        cursor->failed = true;
    cursor_seek(cursor, end);
}

static struct error *read_common_entry(struct call_frames *frames, uint64_t address, struct common_entry *ret_entry)
{
    struct record record;
    struct error *error = read_record(frames, address, &frames->common, &record);
    if (error)
        return error;
    struct common_entry entry = {0};
    struct cursor *cursor = &record.cursor;
    uint32_t id = cursor_u32(cursor);
    uint8_t version = cursor_u8(cursor);
    const char *letters = cursor_string(cursor, 16);
    bool is_debug_version = frames->section && version == DEBUG_VERSION;
    if (!letters || id != (frames->section ? DEBUG_COMMON_ID : 0) ||
        (version != 1 && version != 3 && !is_debug_version))
        return error_create_at(ERROR_BAD_DATA, address, "a common record of call frame information makes no sense");
    /* Sizes of addresses and of segment selectors. */
    if (is_debug_version && (cursor_u8(cursor) != ADDRESS_BYTES || cursor_u8(cursor) != 0))
        return error_create_at(ERROR_UNSUPPORTED, address, "call frame information with addresses of another size");
    entry.code_alignment = cursor_uvarint(cursor);
    entry.data_alignment = cursor_varint(cursor);
    entry.return_register = version == 1 ? cursor_u8(cursor) : cursor_uvarint(cursor);
    read_augmentation(&record, letters, &entry);
    if (cursor->failed || entry.return_register != CALL_FRAME_RIP)
        return error_create_at(ERROR_BAD_DATA, address, "a common record of call frame information makes no sense");
    entry.instructions = record;
    *ret_entry = entry;
    return NULL;
}

/* ---- .debug_frame ---- */

static int compare_functions(const void *left, const void *right)
{
    const struct indexed_function *a = left, *b = right;
    return a->start < b->start ? -1 : a->start > b->start;
}

/* Goes over all records once. One that leads beyond the end, or has 64-bit offsets, ends it. */
static bool index_functions(struct call_frames *frames)
{
    struct cursor cursor = cursor_over(frames->section, frames->section_size);
    while (cursor_left(&cursor) >= 4) {
        uint64_t record = cursor.offset;
        uint32_t length = cursor_u32(&cursor);
        size_t behind = cursor.offset + length;
        if (length > cursor_left(&cursor))
            break;
        bool is_function = length >= 4 + 2 * ADDRESS_BYTES && cursor_u32(&cursor) != DEBUG_COMMON_ID;
        uint64_t start = is_function ? cursor_u64(&cursor) : 0;
        struct indexed_function function = {.start = start, .record = record};
        /* Of code that the linker has left out the address is 0. */
        if (start != 0 && !vector_append(&frames->functions, function))
            return false;
        cursor_seek(&cursor, behind);
    }
    if (frames->functions.count > 1)
        qsort(frames->functions.items, frames->functions.count, sizeof(*frames->functions.items), compare_functions);
    return true;
}

DEFINE_CLEANUP(struct call_frames *, call_frames_close)

struct error *call_frames_open_debug(struct image *image, struct call_frames **ret_frames)
{
    if (!image_is_x86_64(image))
        return error_create(ERROR_UNSUPPORTED, "call frames of this processor are not understood");
    if (image_find_named_section(image, ".gopclntab") || image_find_named_section(image, ".go.buildinfo"))
        return error_create(ERROR_UNSUPPORTED, "a Go program's stacks are read in another way");
    _cleanup_(call_frames_closep) struct call_frames *frames = calloc(1, sizeof(*frames));
    if (!frames)
        return error_no_memory();
    frames->image = image;
    struct error *error =
        debug_section_load(image, ".debug_frame", CALL_FRAMES_MAX_DEBUG, &frames->section, &frames->section_size);
    if (error)
        return error;
    if (!index_functions(frames))
        return error_no_memory();
    *ret_frames = take_pointer(frames);
    return NULL;
}

/* ---- instructions ---- */

struct machine {
    const struct common_entry *common;
    struct call_frame_row row, initial;
    struct call_frame_row remembered[MAX_REMEMBERED];
    unsigned num_remembered;
    uint64_t location, wanted;
    bool failed;
};

static struct call_frame_rule *rule_of(struct machine *machine, uint64_t number)
{
    static struct call_frame_rule ignored;
    /* Vector registers are of no use for finding frames. */
    return number < CALL_FRAME_REGISTERS ? &machine->row.registers[number] : &ignored;
}

static int64_t scaled(const struct machine *machine, uint64_t factor)
{
    return (int64_t)(factor * (uint64_t)machine->common->data_alignment);
}

static struct call_frame_rule read_expression(struct record *record, enum call_frame_rule_kind kind)
{
    uint64_t size = cursor_uvarint(&record->cursor);
    struct call_frame_rule rule = {.kind = (uint8_t)kind, .expression = record->address + record->cursor.offset};
    if (size > MAX_EXPRESSION_BYTES)
        record->cursor.failed = true;
    else
        rule.expression_size = (uint16_t)size;
    cursor_skip(&record->cursor, (size_t)size);
    return rule;
}

static void set_cfa(struct machine *machine, uint64_t number, int64_t offset)
{
    if (number >= CALL_FRAME_REGISTERS)
        machine->failed = true;
    else
        machine->row.cfa = (struct call_frame_rule){.kind = RULE_REGISTER, .reg = (uint8_t)number, .offset = offset};
}

static void set_register_rule(struct machine *machine, struct cursor *cursor)
{
    struct call_frame_rule *rule = rule_of(machine, cursor_uvarint(cursor));
    uint64_t other = cursor_uvarint(cursor);
    *rule = (struct call_frame_rule){.kind = other < CALL_FRAME_REGISTERS ? RULE_REGISTER : RULE_UNDEFINED,
                                     .reg = (uint8_t)other};
}

/* Instructions whose operand is in the low six bits. False: it is another one. */
static bool run_packed(struct machine *machine, struct cursor *cursor, uint8_t instruction)
{
    uint8_t operand = instruction & 0x3f;
    switch (instruction & 0xc0) {
    case DW_CFA_advance_loc:
        machine->location += operand * machine->common->code_alignment;
        return true;
    case DW_CFA_offset:
        *rule_of(machine, operand) =
            (struct call_frame_rule){.kind = RULE_SAVED, .offset = scaled(machine, cursor_uvarint(cursor))};
        return true;
    case DW_CFA_restore:
        *rule_of(machine, operand) =
            operand < CALL_FRAME_REGISTERS ? machine->initial.registers[operand] : (struct call_frame_rule){0};
        return true;
    default:
        return false;
    }
}

static void restore_state(struct machine *machine)
{
    if (machine->num_remembered == 0)
        machine->failed = true;
    else
        machine->row = machine->remembered[--machine->num_remembered];
}

static void remember_state(struct machine *machine)
{
    if (machine->num_remembered == MAX_REMEMBERED)
        machine->failed = true;
    else
        machine->remembered[machine->num_remembered++] = machine->row;
}

static void run_instruction(struct machine *machine, struct record *record)
{
    struct cursor *cursor = &record->cursor;
    uint8_t instruction = cursor_u8(cursor);
    struct call_frame_rule *rule;
    uint64_t number;
    if (run_packed(machine, cursor, instruction))
        return;
    switch (instruction) {
    case DW_CFA_nop:
        break;
    case DW_CFA_set_loc:
        machine->location = read_pointer(record, machine->common->pointer_encoding);
        break;
    case DW_CFA_advance_loc1:
        machine->location += cursor_u8(cursor) * machine->common->code_alignment;
        break;
    case DW_CFA_advance_loc2:
        machine->location += cursor_u16(cursor) * machine->common->code_alignment;
        break;
    case DW_CFA_advance_loc4:
        machine->location += cursor_u32(cursor) * machine->common->code_alignment;
        break;
    case DW_CFA_offset_extended:
        rule = rule_of(machine, cursor_uvarint(cursor));
        *rule = (struct call_frame_rule){.kind = RULE_SAVED, .offset = scaled(machine, cursor_uvarint(cursor))};
        break;
    case DW_CFA_offset_extended_sf:
        rule = rule_of(machine, cursor_uvarint(cursor));
        *rule = (struct call_frame_rule){.kind = RULE_SAVED,
                                         .offset = scaled(machine, (uint64_t)cursor_varint(cursor))};
        break;
    case DW_CFA_GNU_negative_offset_extended:
        rule = rule_of(machine, cursor_uvarint(cursor));
        *rule = (struct call_frame_rule){.kind = RULE_SAVED, .offset = scaled(machine, -cursor_uvarint(cursor))};
        break;
    case DW_CFA_val_offset:
        rule = rule_of(machine, cursor_uvarint(cursor));
        *rule = (struct call_frame_rule){.kind = RULE_CFA, .offset = scaled(machine, cursor_uvarint(cursor))};
        break;
    case DW_CFA_val_offset_sf:
        rule = rule_of(machine, cursor_uvarint(cursor));
        *rule = (struct call_frame_rule){.kind = RULE_CFA, .offset = scaled(machine, (uint64_t)cursor_varint(cursor))};
        break;
    case DW_CFA_restore_extended:
        number = cursor_uvarint(cursor);
        *rule_of(machine, number) =
            number < CALL_FRAME_REGISTERS ? machine->initial.registers[number] : (struct call_frame_rule){0};
        break;
    case DW_CFA_undefined:
        *rule_of(machine, cursor_uvarint(cursor)) = (struct call_frame_rule){.kind = RULE_UNDEFINED};
        break;
    case DW_CFA_same_value:
        *rule_of(machine, cursor_uvarint(cursor)) = (struct call_frame_rule){.kind = RULE_SAME};
        break;
    case DW_CFA_register:
        set_register_rule(machine, cursor);
        break;
    case DW_CFA_remember_state:
        remember_state(machine);
        break;
    case DW_CFA_restore_state:
        restore_state(machine);
        break;
    case DW_CFA_def_cfa:
        number = cursor_uvarint(cursor);
        set_cfa(machine, number, (int64_t)cursor_uvarint(cursor));
        break;
    case DW_CFA_def_cfa_sf:
        number = cursor_uvarint(cursor);
        set_cfa(machine, number, scaled(machine, (uint64_t)cursor_varint(cursor)));
        break;
    case DW_CFA_def_cfa_register:
        set_cfa(machine, cursor_uvarint(cursor), machine->row.cfa.offset);
        break;
    case DW_CFA_def_cfa_offset:
        machine->row.cfa.offset = (int64_t)cursor_uvarint(cursor);
        break;
    case DW_CFA_def_cfa_offset_sf:
        machine->row.cfa.offset = scaled(machine, (uint64_t)cursor_varint(cursor));
        break;
    case DW_CFA_def_cfa_expression:
        machine->row.cfa = read_expression(record, RULE_EXPRESSION);
        break;
    case DW_CFA_expression:
        rule = rule_of(machine, cursor_uvarint(cursor));
        *rule = read_expression(record, RULE_SAVED_EXPRESSION);
        break;
    case DW_CFA_val_expression:
        rule = rule_of(machine, cursor_uvarint(cursor));
        *rule = read_expression(record, RULE_EXPRESSION);
        break;
    case DW_CFA_GNU_args_size:
        cursor_uvarint(cursor);
        break;
    default:
        machine->failed = true;
    }
}

/* Up to the instructions that hold behind the wanted address. */
static bool run_instructions(struct machine *machine, struct record *record)
{
    while (cursor_left(&record->cursor) > 0 && !machine->failed && !record->cursor.failed) {
        struct call_frame_row before = machine->row;
        run_instruction(machine, record);
        if (machine->location > machine->wanted) {
            machine->row = before;
            break;
        }
    }
    return !machine->failed && !record->cursor.failed;
}

struct error *call_frames_find(struct call_frames *frames, uint64_t address, struct call_frame_row *ret_row)
{
    uint64_t place = 0;
    struct record record;
    struct common_entry common;
    struct error *error = search_table(frames, address, &place);
    if (!error)
        error = read_record(frames, place, &frames->function, &record);
    if (error)
        return error;
    uint64_t told = cursor_u32(&record.cursor);
    if (record.cursor.failed || (!frames->section && told == 0))
        return error_create_at(ERROR_BAD_DATA, place, "a function's call frame information makes no sense");
    /* The common entry is told by its distance from this field; in .debug_frame by its offset. */
    error = read_common_entry(frames, frames->section ? told : record.address - told, &common);
    if (error)
        return error;
    uint64_t start = read_pointer(&record, common.pointer_encoding);
    uint64_t size = read_pointer(&record, common.pointer_encoding & 0x0f);
    if (common.has_augmentation_data) {
        uint64_t skipped = cursor_uvarint(&record.cursor);
        cursor_skip(&record.cursor, (size_t)skipped);
    }
    if (record.cursor.failed)
        return error_create_at(ERROR_BAD_DATA, place, "a function's call frame information makes no sense");
    if (address - start >= size)
        return error_create_at(ERROR_NOT_FOUND, address, "no call frame information for %#llx",
                               (unsigned long long)address);
    struct machine machine = {.common = &common, .location = start, .wanted = UINT64_MAX};
    /* Nothing said of it: the caller saves these registers, or has no further use for them. */
    bool good = run_instructions(&machine, &common.instructions);
    machine.initial = machine.row;
    machine.location = start;
    machine.wanted = address;
    if (!good || !run_instructions(&machine, &record))
        return error_create_at(ERROR_BAD_DATA, place, "call frame instructions that are not understood");
    machine.row.function = start;
    machine.row.is_signal_frame = common.is_signal_frame;
    *ret_row = machine.row;
    return NULL;
}

/* ---- leaving a frame ---- */

static bool evaluate(struct call_frames *frames, const struct call_frame_rule *rule,
                     const struct call_frame_state *state, const uint64_t *cfa, uint64_t *ret_value)
{
    uint8_t bytes[MAX_EXPRESSION_BYTES];
    _cleanup_error_ struct error *error = read_bytes(frames, rule->expression, bytes, rule->expression_size);
    return !error && call_frame_evaluate(bytes, rule->expression_size, state, cfa, ret_value);
}

static bool known(const struct call_frame_state *state, unsigned number, uint64_t *ret_value)
{
    *ret_value = state->registers[number];
    return state->known >> number & 1;
}

/* The caller's value of one register; false when it is lost. */
static bool restore(struct call_frames *frames, const struct call_frame_row *row, unsigned number,
                    const struct call_frame_state *state, uint64_t cfa, uint64_t *ret_value)
{
    const struct call_frame_rule *rule = &row->registers[number];
    uint64_t address;
    switch (rule->kind) {
    case RULE_SAME:
        return known(state, number, ret_value);
    case RULE_SAVED:
        return state->read(state->context, cfa + (uint64_t)rule->offset, ret_value);
    case RULE_CFA:
        *ret_value = cfa + (uint64_t)rule->offset;
        return true;
    case RULE_REGISTER:
        return known(state, rule->reg, ret_value);
    case RULE_SAVED_EXPRESSION:
        return evaluate(frames, rule, state, &cfa, &address) && state->read(state->context, address, ret_value);
    case RULE_EXPRESSION:
        return evaluate(frames, rule, state, &cfa, ret_value);
    default:
        return false;
    }
}

bool call_frames_step(struct call_frames *frames, const struct call_frame_row *row,
                      const struct call_frame_state *state, struct call_frame_state *ret_caller)
{
    uint64_t cfa = 0;
    bool found = row->cfa.kind == RULE_EXPRESSION ? evaluate(frames, &row->cfa, state, NULL, &cfa)
                                                  : row->cfa.kind == RULE_REGISTER && known(state, row->cfa.reg, &cfa);
    if (!found)
        return false;
    cfa += row->cfa.kind == RULE_REGISTER ? (uint64_t)row->cfa.offset : 0;
    struct call_frame_state caller = {.read = state->read, .context = state->context};
    for (unsigned number = 0; number < CALL_FRAME_REGISTERS; number++) {
        uint64_t value = 0;
        bool is_known = number == CALL_FRAME_RSP && row->registers[number].kind == RULE_SAME
                            ? (value = cfa, true)
                            : restore(frames, row, number, state, cfa, &value);
        caller.registers[number] = is_known ? value : 0;
        caller.known |= (uint32_t)is_known << number;
    }
    /* A return address that should be there and cannot be read is no outermost frame. A register that holds it still
     * (RULE_SAME) would be this frame's own. */
    uint8_t kind = row->registers[CALL_FRAME_RIP].kind;
    if (kind == RULE_SAME || (kind != RULE_UNDEFINED && !(caller.known >> CALL_FRAME_RIP & 1)))
        return false;
    *ret_caller = caller;
    return true;
}
