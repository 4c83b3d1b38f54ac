#include "symbols/unit_sieve.h"

#include <dwarf.h>
#include <string.h>

#include "heaptop/base/cursor.h"

#define LENGTH_SIZE ((size_t)4)
/* Lengths from here on tell of 64-bit DWARF, which no Go linker writes. */
#define FIRST_ESCAPE 0xfffffff0u

/* The name of a unit as Go's linker writes it: in place, as the first attribute of the unit's entry (DW_ABRV_COMPUNIT
 * in cmd/internal/dwarf/dwarf.go, Go 1.19 to 1.27). NULL for what is not laid out so. *ret_header is the header's
 * length. */
static const char *find_name(const uint8_t *head, size_t held, size_t *ret_header)
{
    struct cursor cursor = cursor_over(head, held);
    cursor_skip(&cursor, LENGTH_SIZE);
    uint16_t version = cursor_u16(&cursor);
    if (version == 5 && cursor_u8(&cursor) != DW_UT_compile)
        return NULL;
    cursor_skip(&cursor, 4 + 1);    /* Abbreviations and address size, in either order. */
    *ret_header = cursor.offset;
    cursor_uvarint(&cursor);
    const char *name = cursor_string(&cursor, held);
    return version >= 2 && version <= 5 && !cursor.failed ? name : NULL;
}

static void judge(struct unit_sieve *sieve)
{
    size_t header = 0;
    const char *name = find_name(sieve->head, sieve->held, &header);
    sieve->is_judged = true;
    /* What has another layout than Go's is dropped like a Go unit of another name; its header is kept whole. */
    sieve->is_kept = name && sieve->is_wanted(name);
    sieve->kept += sieve->is_kept;
    size_t length = sieve->is_kept || header == 0 ? sieve->held : header;
    memcpy(sieve->out + sieve->unit_start, sieve->head, length);
}

/* Lets all through from the unit at hand on. */
static void give_up(struct unit_sieve *sieve)
{
    memcpy(sieve->out + sieve->unit_start, sieve->head, sieve->held);
    sieve->keeps_rest = true;
}

/* Takes bytes for the head of the unit at hand; returns how many. */
static size_t take_head(struct unit_sieve *sieve, const uint8_t *bytes, size_t count)
{
    size_t wanted = sieve->held < LENGTH_SIZE ? LENGTH_SIZE : UNIT_HEAD_SIZE;
    if (sieve->held >= LENGTH_SIZE && wanted > sieve->unit_end - sieve->unit_start)
        wanted = (size_t)(sieve->unit_end - sieve->unit_start);
    size_t taken = wanted - sieve->held < count ? wanted - sieve->held : count;
    memcpy(sieve->head + sieve->held, bytes, taken);
    sieve->held += taken;
    if (sieve->held < wanted)
        return taken;
    if (wanted > LENGTH_SIZE || sieve->unit_end > sieve->unit_start) {
        judge(sieve);
        return taken;
    }
    uint32_t length = 0;
    bytes_u32_at(sieve->head, sieve->held, 0, &length);
    sieve->unit_end = sieve->unit_start + LENGTH_SIZE + length;
    if (length == 0 || length >= FIRST_ESCAPE || sieve->unit_end > sieve->size)
        give_up(sieve);
    return taken;
}

void unit_sieve_pass(struct unit_sieve *sieve, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        size_t taken = count;
        if (sieve->keeps_rest) {
            memcpy(sieve->out + sieve->at, bytes, taken);
        } else if (!sieve->is_judged) {
            taken = take_head(sieve, bytes, count);
        } else {
            if (taken > sieve->unit_end - sieve->at)
                taken = (size_t)(sieve->unit_end - sieve->at);
            if (sieve->is_kept)
                memcpy(sieve->out + sieve->at, bytes, taken);
        }
        sieve->at += taken;
        bytes += taken;
        count -= taken;
        if (sieve->is_judged && sieve->at == sieve->unit_end) {
            sieve->unit_start = sieve->unit_end;
            sieve->is_judged = false;
            sieve->held = 0;
        }
    }
}
