/* Numbers for things that come and go, each given out again once its thing is gone: rows about them then need no table
 * of what they ever were. */
#ifndef HEAPTOP_RECORD_PLACES_H
#define HEAPTOP_RECORD_PLACES_H

#include "heaptop/base.h"

struct place {
    uint64_t key;           /* What has the place; 0: nothing. */
    uint64_t kept_in, seen_in;      /* The rounds in which it was kept last, and asked for. */
};

struct places {
    VECTOR(struct place) items;
    VECTOR(uint32_t) free;  /* Indices of items without a key. */
    struct table by_key;    /* To index + 1; of what is gone an entry may be left. */
};

#define NO_PLACE UINT32_MAX

enum place_state {
    PLACE_NEW,              /* It has just been given. */
    PLACE_KNOWN,
    PLACE_SEEN,             /* It was asked for before in this round. */
};

void places_init(struct places *places);
void places_deinit(struct places *places);
/* Nothing has a place any more. */
void places_clear(struct places *places);

/* If the key has a place, it keeps it in this round. */
void places_keep(struct places *places, uint64_t key, uint64_t round);
/* The place of a key, which is not 0; it keeps it in this round. NO_PLACE when memory is out. */
uint32_t places_find(struct places *places, uint64_t key, uint64_t round, enum place_state *ret_state);
/* Takes back all places that were not kept in this round. Those that memory is out for stay as they are. */
void places_sweep(struct places *places, uint64_t round);

#endif
