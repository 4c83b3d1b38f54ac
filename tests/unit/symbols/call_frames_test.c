/* Call frame information: every function of real libraries against what libdw makes of it. */
#include "heaptop/symbols/call_frames.h"

#include <dwarf.h>
#include <elfutils/libdw.h>

#include "tests/unit/symbols/fixture.h"

DEFINE_CLEANUP(struct call_frames *, call_frames_close)

/* Where libdw's operations say that a register is. */
static void compare_register(const Dwarf_Op *ops, const Dwarf_Op *memory, size_t count,
                             const struct call_frame_rule *rule, uint64_t address, unsigned number)
{
    if (count == 0) {
        /* Where nothing is said of rbx libdw takes it for lost (its x86_64_abi_cfi.c means register 3 and says 0). */
        if (number == CALL_FRAME_RBX && rule->kind == RULE_SAME)
            return;
        ck_assert_msg(rule->kind == (ops == memory ? RULE_UNDEFINED : RULE_SAME), "%#lx: register %u is of kind %d",
                      address, number, rule->kind);
        return;
    }
    bool is_value = ops[count - 1].atom == DW_OP_stack_value;
    if (ops[0].atom != DW_OP_call_frame_cfa || count - is_value > 2) {
        ck_assert_msg(rule->kind == RULE_SAVED_EXPRESSION || rule->kind == RULE_EXPRESSION ||
                          rule->kind == RULE_REGISTER,
                      "%#lx: register %u is of kind %d", address, number, rule->kind);
        return;
    }
    /* libdw has an expression that only adds to the CFA in the same words. */
    if (rule->kind == RULE_SAVED_EXPRESSION || rule->kind == RULE_EXPRESSION)
        return;
    int64_t offset = count - is_value == 2 ? (int64_t)ops[1].number : 0;
    ck_assert_msg(rule->kind == (is_value ? RULE_CFA : RULE_SAVED) && rule->offset == offset,
                  "%#lx: register %u is of kind %d at %ld, not %ld", address, number, rule->kind, rule->offset, offset);
}

static bool compare_row(Dwarf_CFI *cfi, struct call_frames *frames, uint64_t address)
{
    Dwarf_Frame *theirs = NULL;
    struct call_frame_row row;
    struct error *error = call_frames_find(frames, address, &row);
    if (dwarf_cfi_addrframe(cfi, address, &theirs) != 0) {
        /* They may know of an address what lies beyond the function before it; nothing else is known to them alone. */
        ck_error(error, ERROR_NOT_FOUND);
        return false;
    }
    if (error && error->kind == ERROR_NOT_FOUND) {
        Dwarf_Addr start, end;
        dwarf_frame_info(theirs, &start, &end, NULL);
        ck_assert_msg(address < start || address >= end, "%#lx is not found", address);
        error_destroy(error);
        free(theirs);
        return false;
    }
    ck_no_error(error);
    Dwarf_Op *ops, memory[3];
    size_t count;
    bool is_signal;
    ck_assert_int_eq(dwarf_frame_info(theirs, NULL, NULL, &is_signal), CALL_FRAME_RIP);
    ck_assert_int_eq(row.is_signal_frame, is_signal);
    ck_assert_int_eq(dwarf_frame_cfa(theirs, &ops, &count), 0);
    if (row.cfa.kind == RULE_REGISTER) {
        ck_assert_uint_eq(count, 1);
        ck_assert_uint_eq(ops[0].atom, DW_OP_bregx);
        ck_assert_msg(ops[0].number == row.cfa.reg && (int64_t)ops[0].number2 == row.cfa.offset,
                      "%#lx: CFA is %u + %ld", address, row.cfa.reg, row.cfa.offset);
    } else {
        ck_assert_msg(row.cfa.kind == RULE_EXPRESSION && count > 1, "%#lx: CFA of kind %d", address, row.cfa.kind);
    }
    /* Those that a caller finds unchanged, and the return address. Of the others libdw says that they are lost. */
    static const unsigned kept[] = {CALL_FRAME_RBX, CALL_FRAME_RBP, 12, 13, 14, 15, CALL_FRAME_RIP};
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        ck_assert_int_eq(dwarf_frame_register(theirs, (int)kept[i], memory, &ops, &count), 0);
        compare_register(ops, memory, count, &row.registers[kept[i]], address, kept[i]);
    }
    free(theirs);
    return true;
}

/* Addresses all over the code. */
static size_t compare_image(struct image *image, Dwarf_CFI *cfi, struct call_frames *frames, uint64_t step)
{
    size_t compared = 0;
    ck_assert_ptr_nonnull(cfi);
    for (size_t i = 0; i < image_segment_count(image); i++) {
        const struct image_segment *segment = image_segment_at(image, i);
        for (uint64_t within = 0; segment->executable && within < segment->file_size; within += step)
            compared += compare_row(cfi, frames, segment->address + within);
    }
    return compared;
}

/* At odd distances so that all parts of functions are met. */
static size_t compare_all(const char *path)
{
    _cleanup_(image_closep) struct image *image = open_fixture(path);
    _cleanup_(call_frames_closep) struct call_frames *frames = NULL;
    ck_no_error(call_frames_open(image, &frames));
    _cleanup_close_ int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(descriptor, ELF_C_READ, NULL);
    Dwarf_CFI *cfi = dwarf_getcfi_elf(elf);
    size_t compared = compare_image(image, cfi, frames, 29);
    dwarf_cfi_end(cfi);
    elf_end(elf);
    return compared;
}

/* The same of .debug_frame. */
static size_t compare_debug(const char *path)
{
    _cleanup_(image_closep) struct image *image = open_fixture(path);
    _cleanup_(call_frames_closep) struct call_frames *frames = NULL;
    ck_error(call_frames_open(image, &frames), ERROR_NOT_FOUND);
    ck_no_error(call_frames_open_debug(image, &frames));
    _cleanup_close_ int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    Dwarf *dwarf = dwarf_begin(descriptor, DWARF_C_READ);
    ck_assert_ptr_nonnull(dwarf);
    size_t compared = compare_image(image, dwarf_getcfi(dwarf), frames, 1);
    dwarf_end(dwarf);
    return compared;
}

/* The path of a library that this program has loaded. */
static void find_library(const char *name, char path[4096])
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[4352];
    path[0] = '\0';
    ck_assert_ptr_nonnull(maps);
    while (!path[0] && fgets(line, sizeof(line), maps)) {
        char *start = strchr(line, '/');
        if (start && strstr(start, name))
            snprintf(path, 4096, "%.*s", (int)strcspn(start, "\n"), start);
    }
    fclose(maps);
    ck_assert_msg(path[0] != '\0', "no %s is loaded", name);
}

START_TEST(rows_are_those_of_libdw)
{
    char path[4096];
    /* Its own code, compiled C; the C library's, with hand-written assembly, PLT entries and a signal frame. */
    ck_assert_uint_gt(compare_all("/proc/self/exe"), 800);
#ifdef __GLIBC__
    find_library("libc.so", path);
    ck_assert_uint_gt(compare_all(path), 5000);
#endif
    find_library("libz", path);
    ck_assert_uint_gt(compare_all(path), 500);
}
END_TEST

/* ---- expressions ---- */

START_TEST(debug_frames_are_those_of_libdw)
{
    ck_assert_uint_gt(compare_debug(FIXTURE("lines4.elf")), 29);
    ck_assert_uint_gt(compare_debug(FIXTURE("lines5.elf")), 29);
    ck_assert_uint_gt(compare_debug(FIXTURE("lines-zlib.elf")), 29);
    struct call_frames *frames;
    _cleanup_(image_closep) struct image *go = open_fixture(FIXTURE("go1.26.elf"));
    ck_error(call_frames_open_debug(go, &frames), ERROR_UNSUPPORTED);
    _cleanup_(image_closep) struct image *without = open_fixture(FIXTURE("functions.elf"));
    ck_error(call_frames_open_debug(without, &frames), ERROR_NOT_FOUND);
}
END_TEST

static bool read_doubled(void *context, uint64_t address, uint64_t *ret_value)
{
    (void)context;
    *ret_value = 2 * address;
    return address != 0xbad;
}

START_TEST(expressions_are_evaluated)
{
    static const struct {
        uint8_t bytes[16];
        size_t size;
        bool good;
        uint64_t value;
    } rows[] = {
        {{DW_OP_lit31}, 1, true, 31},
        {{DW_OP_breg7, 8}, 2, true, 1008},
        {{DW_OP_breg7, 0x78}, 2, true, 992},
        {{DW_OP_breg0 + 1, 0}, 2, false, 0},            /* A register that is not known. */
        {{DW_OP_bregx, 7, 1}, 3, true, 1001},
        {{DW_OP_breg7, 0, DW_OP_deref}, 3, true, 2000},
        {{DW_OP_const2u, 0xad, 0x0b, DW_OP_deref}, 4, false, 0},
        {{DW_OP_const1s, 0xff}, 2, true, UINT64_MAX},
        {{DW_OP_const2s, 0xfe, 0xff, DW_OP_neg}, 4, true, 2},
        {{DW_OP_const4u, 1, 0, 0, 0x80}, 5, true, 0x80000001},
        {{DW_OP_constu, 0x80, 0x01}, 3, true, 128},
        {{DW_OP_consts, 0x7f}, 2, true, UINT64_MAX},
        {{DW_OP_lit5, DW_OP_lit3, DW_OP_minus}, 3, true, 2},
        {{DW_OP_lit5, DW_OP_lit3, DW_OP_swap, DW_OP_minus, DW_OP_not}, 5, true, 1},
        {{DW_OP_lit5, DW_OP_lit3, DW_OP_over, DW_OP_plus, DW_OP_mul}, 5, true, 40},
        {{DW_OP_lit1, DW_OP_lit4, DW_OP_shl, DW_OP_lit1, DW_OP_or}, 5, true, 17},
        {{DW_OP_lit1, DW_OP_const1u, 64, DW_OP_shl}, 4, true, 0},
        {{DW_OP_lit0, DW_OP_not, DW_OP_const1u, 70, DW_OP_shra}, 5, true, UINT64_MAX},
        {{DW_OP_lit7, DW_OP_lit7, DW_OP_ge, DW_OP_plus_uconst, 1}, 5, true, 2},
        {{DW_OP_lit0, DW_OP_not, DW_OP_lit1, DW_OP_lt}, 4, true, 1},
        {{DW_OP_lit1, DW_OP_bra, 1, 0, DW_OP_lit9, DW_OP_lit3}, 6, true, 3},
        {{DW_OP_skip, 1, 0, DW_OP_lit9, DW_OP_lit3, DW_OP_dup, DW_OP_plus}, 7, true, 6},
        {{DW_OP_skip, 0xfd, 0xff}, 3, false, 0},        /* For ever. */
        {{DW_OP_skip, 0x70, 0}, 3, false, 0},           /* Outside. */
        {{DW_OP_lit1, DW_OP_pick, 1}, 3, false, 0},
        {{DW_OP_lit1, DW_OP_drop}, 2, false, 0},
        {{DW_OP_plus}, 1, false, 0},
        {{DW_OP_const8u, 1, 2}, 3, false, 0},
        {{0xff}, 1, false, 0},
        {{0}, 0, false, 0},
        /* A lazy PLT entry of binutils: sp + 8, and 8 more from the middle of the entry on (pc is 0x401b). */
        {{DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and, DW_OP_lit11, DW_OP_ge, DW_OP_lit3, DW_OP_shl,
          DW_OP_plus}, 11, true, 1016},
    };
    struct call_frame_state state = {.registers = {[CALL_FRAME_RSP] = 1000, [CALL_FRAME_RIP] = 0x401b},
                                     .known = 1u << CALL_FRAME_RSP | 1u << CALL_FRAME_RIP,
                                     .read = read_doubled};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t value = 0;
        bool good = call_frame_evaluate(rows[i].bytes, rows[i].size, &state, NULL, &value);
        ck_assert_msg(good == rows[i].good && value == rows[i].value, "row %zu: %d %#lx", i, good, value);
    }
    uint64_t cfa = 4711, value = 0;
    ck_assert(call_frame_evaluate((const uint8_t[]){DW_OP_lit1, DW_OP_plus}, 2, &state, &cfa, &value));
    ck_assert_uint_eq(value, 4712);
}
END_TEST

/* Of a damaged file any error will do, and any row; sanitizers see the rest. */
START_TEST(damage_is_survived)
{
    _cleanup_bytes_ struct bytes bytes = bytes_of("/proc/self/exe");
    struct image *whole = open_fixture("/proc/self/exe");
    const struct image_section *section = image_find_section(whole, ".eh_frame");
    const struct image_section *text = image_find_section(whole, ".text");
    ck_assert_ptr_nonnull(section);
    size_t start = (size_t)section->offset, size = (size_t)section->size;
    uint64_t code = text->address, code_size = text->size;
    image_close(whole);
    ck_assert_uint_lt(start + size, bytes.size);
    unsigned seed = 1;
    for (unsigned round = 0; round < 50; round++) {
        _cleanup_free_ uint8_t *damaged = malloc(bytes.size);
        memcpy(damaged, bytes.data, bytes.size);
        for (size_t i = 0; i < size / 8; i++)
            damaged[start + (size_t)rand_r(&seed) % size] = (uint8_t)rand_r(&seed);
        struct image *image = NULL;
        ck_no_error(image_open(file_of(damaged, bytes.size), "damaged", &image));
        struct call_frames *frames = NULL;
        ck_no_error(call_frames_open(image, &frames));
        for (uint64_t within = 0; within < code_size; within += 1009) {
            struct call_frame_row row;
            struct call_frame_state state = {.known = ~0u, .read = read_doubled}, caller;
            struct error *error = call_frames_find(frames, code + within, &row);
            if (!error)
                call_frames_step(frames, &row, &state, &caller);
            error_destroy(error);
        }
        call_frames_close(frames);
        image_close(image);
    }
}
END_TEST

int main(void)
{
    return RUN_TESTS("call frames", rows_are_those_of_libdw, debug_frames_are_those_of_libdw, expressions_are_evaluated,
                     damage_is_survived);
}
