/* Names that a target chooses, put into the catalog: each once, and only so many. The catalog keeps strings for the
 * session, and a program that gives every thread a new name, or maps a new file every second, must not make heaptop
 * grow. */
#ifndef HEAPTOP_ATTACH_NAME_CACHE_H
#define HEAPTOP_ATTACH_NAME_CACHE_H

#include "heaptop/base/table.h"
#include "heaptop/snapshot/catalog.h"

/* Different names kept; later ones are shown as none. */
#define NAME_CACHE_MAX 16384

struct name_cache {
    struct catalog *catalog;    /* Borrowed. */
    struct table ids;           /* Hash of the name -> string_id. */
    bool is_full;               /* A name was left out. */
};

void name_cache_init(struct name_cache *cache, struct catalog *catalog);
void name_cache_deinit(struct name_cache *cache);

/* Escaped. 0 for an empty name, when the cache is full, or memory is out. */
string_id name_cache_add(struct name_cache *cache, const char *name, size_t length);

#endif
