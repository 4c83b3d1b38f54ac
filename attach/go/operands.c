/* As much of decoding amd64 code as that takes: how long each instruction is, whether its memory operand is relative to
 * RIP, and what it does with it. Read from the opcode maps of the Intel 64 manual, volume 2, appendix A. A library
 * would tell more, and takes five times as long over code that is decoded before the first frame is drawn. */
#include "attach/go/operands.h"

#include <string.h>

/* What follows each opcode in 64-bit mode, a character for each:
 *   . nothing            m a ModRM byte         b a byte          z 4 bytes, or 2        w 2 bytes       e 2 bytes and
 *   one B ModRM and a byte   Z ModRM and 4 or 2     v 4, 2, or 8      o an address           r 4 bytes
 *   3 ModRM, and a byte in the first two of the group             4 the same with 4 or 2 bytes
 *   x no instruction; prefixes are none by themselves */
static const char one_byte_map[] =
    "mmmmbzxxmmmmbzxx" "mmmmbzxxmmmmbzxx" "mmmmbzxxmmmmbzxx" "mmmmbzxxmmmmbzxx"     /* 00 */
    "xxxxxxxxxxxxxxxx" "................" "xxxmxxxxzZbB...." "bbbbbbbbbbbbbbbb"     /* 40 */
    "BZxBmmmmmmmmmmmm" "..........x....." "oooo....bz......" "bbbbbbbbvvvvvvvv"     /* 80 */
    "BBw.xxBZe.w..bx." "mmmmxxx.mmmmmmmm" "bbbbbbbbrrxb...." "x.xx..34......mm";    /* C0 */
static const char two_byte_map[] =
    "mmmmx.....x..m.B" "mmmmmmmmmmmmmmmm" "mmmmxxxxmmmmmmmm" "......x.xxxxxxxx"     /* 0F 00 */
    "mmmmmmmmmmmmmmmm" "mmmmmmmmmmmmmmmm" "mmmmmmmmmmmmmmmm" "BBBBmmm.mmxxmmmm"     /* 0F 40 */
    "rrrrrrrrrrrrrrrr" "mmmmmmmmmmmmmmmm" "...mBmxx...mBmmm" "mmmmmmmmmmBmmmmm"     /* 0F 80 */
    "mmBmBBBm........" "mmmmmmmmmmmmmmmm" "mmmmmmmmmmmmmmmm" "mmmmmmmmmmmmmmmm";    /* 0F C0 */

/* Opcode maps by number, as VEX and EVEX prefixes name them. */
enum { MAP_ONE_BYTE, MAP_0F, MAP_0F38, MAP_0F3A, MAP_LAST_EVEX = 6 };

struct instruction_parts {
    uint8_t map, opcode, modrm;
    uint8_t repeat;             /* The prefix F2 or F3, which tells vector instructions apart; 0: none. */
    uint8_t vector_size;        /* Bytes, of instructions with VEX or EVEX; 0: others. */
    bool is_wide, is_short;     /* Operands of 8 or of 2 bytes, where those of 4 are usual. */
    bool has_short_addresses;
    const uint8_t *displacement;    /* Of an operand that is relative to RIP; NULL: it has none. */
};

/* Moves *at behind the prefixes and the opcode. */
static bool read_opcode(const uint8_t **at, const uint8_t *end, struct instruction_parts *parts)
{
    const uint8_t *p = *at;
    uint8_t rex = 0;
    for (; p < end; p++) {
        if (*p == 0x66)
            parts->is_short = true;
        else if (*p == 0x67)
            parts->has_short_addresses = true;
        else if (*p == 0xf2 || *p == 0xf3)
            parts->repeat = *p;
        else if (*p != 0xf0 && *p != 0x2e && *p != 0x36 && *p != 0x3e && *p != 0x26 && *p != 0x64 && *p != 0x65)
            break;
    }
    if (p < end && (*p & 0xf0) == 0x40)
        rex = *p++;
    parts->is_wide = rex & 8;
    static const uint8_t repeats[] = {0, 0, 0xf3, 0xf2};
    if (!rex && end - p > 2 && *p == 0xc5) {
        parts->map = MAP_0F;
        parts->repeat = repeats[p[1] & 3];
        parts->vector_size = p[1] & 4 ? 32 : 16;
        p += 2;
    } else if (!rex && end - p > 3 && *p == 0xc4) {
        parts->map = p[1] & 0x1f;
        parts->repeat = repeats[p[2] & 3];
        parts->vector_size = p[2] & 4 ? 32 : 16;
        parts->is_wide = p[2] & 0x80;
        p += 3;
    } else if (!rex && end - p > 4 && *p == 0x62) {
        parts->map = p[1] & 7;
        parts->repeat = repeats[p[2] & 3];
        parts->vector_size = (uint8_t)(16 << (p[3] >> 5 & 3));
        parts->is_wide = p[2] & 0x80;
        p += 4;
    } else if (end - p > 1 && *p == 0x0f) {
        parts->map = p[1] == 0x38 ? MAP_0F38 : p[1] == 0x3a ? MAP_0F3A : MAP_0F;
        p += parts->map == MAP_0F ? 1 : 2;
    }
    if (p >= end || (parts->vector_size && (parts->map == MAP_ONE_BYTE || parts->map > MAP_LAST_EVEX)))
        return false;
    parts->opcode = *p++;
    *at = p;
    return true;
}

/* The ModRM byte and what belongs to it: a SIB byte, a displacement. */
static const uint8_t *read_modrm(const uint8_t *at, const uint8_t *end, struct instruction_parts *parts)
{
    if (at >= end)
        return NULL;
    parts->modrm = *at++;
    unsigned mode = parts->modrm >> 6, base = parts->modrm & 7;
    if (mode == 3)
        return at;
    if (mode == 0 && base == 5) {
        parts->displacement = at;
        return at + 4;
    }
    if (base == 4) {
        if (at >= end)
            return NULL;
        base = *at++ & 7;
    }
    return at + (mode == 1 ? 1 : mode == 2 || base == 5 ? 4 : 0);
}

/* The length of the instruction; 0 when there is none, or not all of it. */
static size_t read_instruction(const uint8_t *code, size_t size, struct instruction_parts *parts)
{
    const uint8_t *at = code, *end = code + size;
    if (!read_opcode(&at, end, parts))
        return 0;
    char form = parts->map == MAP_ONE_BYTE ? one_byte_map[parts->opcode]
                : parts->map == MAP_0F     ? two_byte_map[parts->opcode]
                : parts->map == MAP_0F3A   ? 'B'
                                           : 'm';
    if (form == 'x')
        return 0;
    if (strchr("mBZ34", form) && !(at = read_modrm(at, end, parts)))
        return 0;
    bool is_test = (parts->modrm >> 3 & 7) < 2;
    unsigned usual = parts->is_short && !parts->is_wide ? 2 : 4;
    switch (form) {
    case 'b':
    case 'B':
        at += 1;
        break;
    case 'w':
        at += 2;
        break;
    case 'e':
        at += 3;
        break;
    case 'r':
        at += 4;
        break;
    case 'z':
    case 'Z':
        at += usual;
        break;
    case 'v':
        at += parts->is_wide ? 8 : usual;
        break;
    case 'o':
        at += parts->has_short_addresses ? 4 : 8;
        break;
    case '3':
        at += is_test ? 1 : 0;
        break;
    case '4':
        at += is_test ? usual : 0;
        break;
    default:
        break;
    }
    return at <= end ? (size_t)(at - code) : 0;
}

static uint8_t general_size(const struct instruction_parts *parts)
{
    return parts->is_wide ? 8 : parts->is_short ? 2 : 4;
}

static struct operand use_in_one_byte_map(const struct instruction_parts *parts)
{
    enum { UPDATE = OPERAND_LOAD | OPERAND_STORE, COMPARE = OPERAND_LOAD | OPERAND_COMPARE };
    unsigned opcode = parts->opcode, of_group = parts->modrm >> 3 & 7;
    struct operand operand = {.uses = OPERAND_LOAD, .size = opcode & 1 ? general_size(parts) : 1};
    if (opcode < 0x40) {    /* Arithmetic; the last eight of them compare. */
        operand.uses = opcode >= 0x38 ? COMPARE : opcode & 2 ? OPERAND_LOAD : UPDATE;
    } else if (opcode == 0x63) {    /* MOVSXD */
        operand.size = 4;
    } else if (opcode == 0x8d) {
        operand = (struct operand){.uses = OPERAND_ADDRESS};
    } else if (opcode >= 0x80 && opcode <= 0x83) {
        operand.uses = of_group == 7 ? COMPARE : UPDATE;
    } else if (opcode == 0x84 || opcode == 0x85 || ((opcode & 0xfe) == 0xf6 && of_group < 2)) {
        operand.uses = COMPARE;
    } else if (opcode == 0x88 || opcode == 0x89 || opcode == 0xc6 || opcode == 0xc7) {
        operand.uses = OPERAND_STORE;
    } else if (opcode == 0x8f) {    /* POP */
        operand = (struct operand){.uses = OPERAND_STORE, .size = 8};
    } else if (opcode == 0xff && of_group >= 2) {   /* Calls, jumps, PUSH */
        operand.size = 8;
    } else if (opcode == 0x86 || opcode == 0x87 || opcode == 0xc0 || opcode == 0xc1 ||
               (opcode >= 0xd0 && opcode <= 0xd3) || opcode >= 0xfe || (opcode >= 0xf6 && of_group < 4)) {
        operand.uses = UPDATE;
    } else if (opcode >= 0xd8 && opcode <= 0xdf) {  /* The x87: what it stores is not told from what it loads. */
        operand.size = 0;
    }
    return operand;
}

/* Vector instructions, except moves of part of one: by the prefix one number or all of the register. */
static uint8_t vector_operand_size(const struct instruction_parts *parts)
{
    unsigned opcode = parts->opcode;
    if (opcode == 0x12 || opcode == 0x13 || opcode == 0x16 || opcode == 0x17 || opcode == 0xd6)
        return 8;
    if (opcode == 0x6e || opcode == 0x7e)
        return parts->is_wide || parts->repeat ? 8 : 4;
    if (opcode == 0x2a)
        return parts->is_wide ? 8 : 4;
    if (parts->repeat && opcode != 0x6f && opcode != 0x7f && opcode != 0x70)
        return parts->repeat == 0xf2 ? 8 : 4;
    return parts->vector_size ? parts->vector_size : 16;
}

static struct operand use_in_two_byte_map(const struct instruction_parts *parts)
{
    enum { UPDATE = OPERAND_LOAD | OPERAND_STORE };
    unsigned opcode = parts->opcode, of_group = parts->modrm >> 3 & 7;
    if (opcode >= 0x90 && opcode <= 0x9f)   /* SETcc */
        return (struct operand){.uses = OPERAND_STORE, .size = 1};
    if ((opcode >= 0x40 && opcode <= 0x4f) || opcode == 0xaf || (opcode >= 0xb8 && opcode <= 0xbd)) {
        /* CMOVcc, IMUL; POPCNT, tests and searches of bits, of which some set or clear the bit. */
        bool is_update = opcode == 0xbb || (opcode == 0xba && of_group > 4);
        return (struct operand){.uses = is_update ? UPDATE : OPERAND_LOAD, .size = general_size(parts)};
    }
    if (opcode == 0xb6 || opcode == 0xb7 || opcode == 0xbe || opcode == 0xbf)   /* MOVZX, MOVSX */
        return (struct operand){.uses = OPERAND_LOAD, .size = opcode & 1 ? 2 : 1};
    if (opcode == 0xb0 || opcode == 0xb1 || opcode == 0xc0 || opcode == 0xc1)   /* CMPXCHG, XADD */
        return (struct operand){.uses = UPDATE, .size = opcode & 1 ? general_size(parts) : 1};
    if (opcode == 0xc3)     /* MOVNTI */
        return (struct operand){.uses = OPERAND_STORE, .size = general_size(parts)};
    if (opcode == 0xc7)     /* CMPXCHG8B and 16B */
        return (struct operand){.uses = UPDATE, .size = parts->is_wide ? 16 : 8};
    if (opcode == 0x0d || opcode == 0xae || (opcode >= 0x18 && opcode <= 0x1f) || opcode < 0x10)
        return (struct operand){0};     /* Hints, and what concerns the processor's state. */
    bool is_store = opcode == 0x11 || opcode == 0x13 || opcode == 0x17 || opcode == 0x29 || opcode == 0x2b ||
                    (opcode == 0x7e && parts->repeat != 0xf3) || opcode == 0x7f || opcode == 0xd6 || opcode == 0xe7;
    return (struct operand){.uses = is_store ? OPERAND_STORE : OPERAND_LOAD, .size = vector_operand_size(parts)};
}

/* In the other maps are vector instructions only, which variables of a runtime have no use for: taken for loads. */
static struct operand use_of(const struct instruction_parts *parts)
{
    if (parts->map == MAP_ONE_BYTE)
        return use_in_one_byte_map(parts);
    return parts->map == MAP_0F ? use_in_two_byte_map(parts) : (struct operand){.uses = OPERAND_LOAD};
}

struct error *operands_decode(const uint8_t *code, size_t size, uint64_t address, struct operand_list *list)
{
    if (size > OPERANDS_MAX_CODE)
        size = OPERANDS_MAX_CODE;
    for (size_t offset = 0; offset < size && list->count < OPERANDS_MAX;) {
        struct instruction_parts parts = {0};
        size_t length = read_instruction(code + offset, size - offset, &parts);
        offset += length ? length : 1;
        if (!length || !parts.displacement)
            continue;
        int32_t displacement;
        memcpy(&displacement, parts.displacement, sizeof(displacement));
        struct operand operand = use_of(&parts);
        operand.target = address + offset + (uint64_t)(int64_t)displacement;
        if (operand.uses && !vector_append(list, operand))
            return error_no_memory();
    }
    return NULL;
}
