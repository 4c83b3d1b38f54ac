/* Lets the wanted compile units of a .debug_info section through as its bytes come; of the others, only the headers. */
#ifndef HEAPTOP_SYMBOLS_UNIT_SIEVE_H
#define HEAPTOP_SYMBOLS_UNIT_SIEVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/debug_elf.h"

/* What is held of a unit before it is judged: its header and its name. */
#define UNIT_HEAD_SIZE ((size_t)512)

struct unit_sieve {
    uint8_t *out;                   /* Set by the caller: `size` bytes, zero, for the section. */
    uint64_t size;
    debug_unit_wanted *is_wanted;   /* Set by the caller. */
    bool keeps_rest;                /* Let all through from here on: the caller's wish, or after nonsense. */
    size_t kept;                    /* Units let through. */
    uint64_t at;                    /* Bytes passed. */
    uint64_t unit_start, unit_end;
    bool is_judged, is_kept;        /* The unit at hand. */
    size_t held;
    uint8_t head[UNIT_HEAD_SIZE];
};

/* The next bytes of the section; no more than its size in all. */
void unit_sieve_pass(struct unit_sieve *sieve, const uint8_t *bytes, size_t count);

#endif
