/* A hash table from 64-bit keys to 64-bit values, open addressing. For keys that are byte strings, hash them with
 * table_hash_bytes and compare the candidates yourself (see catalog.c). */
#ifndef HEAPTOP_BASE_TABLE_H
#define HEAPTOP_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot;

struct table {
    struct table_slot *slots;
    size_t capacity;    /* A power of two, or 0. */
    size_t count;
};

void table_init(struct table *table);
void table_deinit(struct table *table);

/* The value's place, or NULL. The pointer holds until the next table_insert. */
uint64_t *table_find(const struct table *table, uint64_t key);

/* The place of the key's value, made (as 0) when the key is new (*ret_new tells; may be NULL). NULL when memory is
 * out. */
uint64_t *table_insert(struct table *table, uint64_t key, bool *ret_new);

/* Empties the table and keeps its storage. */
void table_clear(struct table *table);

/* A table of its own with the same content; false (and untouched) when memory is out. */
bool table_copy(const struct table *table, struct table *ret_copy);

uint64_t table_hash_bytes(const void *bytes, size_t size, uint64_t seed);

#endif
