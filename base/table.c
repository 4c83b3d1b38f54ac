#include "heaptop/base/table.h"

#include <stdlib.h>
#include <string.h>

#define SMALLEST_CAPACITY 16

/* An empty slot has key 0. The key 0 itself lives in one spare slot behind the others, whose `key` is 1 when it is
 * in the table: so any value can be a key, and a slot stays at 16 bytes. */
struct table_slot {
    uint64_t key;
    uint64_t value;
};

/* Every bit of the key changes about half of the bits of the result (the finalizer of splitmix64: Steele, Lea and
 * Flood, "Fast Splittable Pseudorandom Number Generators", 2014, with Stafford's variant 13 constants). */
static uint64_t mix(uint64_t bits)
{
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

void table_init(struct table *table)
{
    *table = (struct table){0};
}

void table_deinit(struct table *table)
{
    free(table->slots);
    table_init(table);
}

/* The slot that holds the key, or the one where it would go. There is always an empty one. */
static struct table_slot *slot_for(struct table_slot *slots, size_t capacity, uint64_t key)
{
    if (key == 0)
        return &slots[capacity];
    size_t at = mix(key) & (capacity - 1);
    while (slots[at].key != 0 && slots[at].key != key)
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

uint64_t *table_find(const struct table *table, uint64_t key)
{
    if (table->capacity == 0)
        return NULL;
    struct table_slot *slot = slot_for(table->slots, table->capacity, key);
    return slot->key != 0 ? &slot->value : NULL;
}

static bool table_grow(struct table *table)
{
    size_t capacity = table->capacity ? table->capacity * 2 : SMALLEST_CAPACITY;
    if (capacity < table->capacity)
        return false;
    struct table_slot *slots = calloc(capacity + 1, sizeof(*slots));
    if (!slots)
        return false;
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].key != 0)
            *slot_for(slots, capacity, table->slots[i].key) = table->slots[i];
    }
    if (table->capacity)
        slots[capacity] = table->slots[table->capacity];
    free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
    return true;
}

uint64_t *table_insert(struct table *table, uint64_t key, bool *ret_new)
{
    uint64_t *known = table_find(table, key);
    if (known) {
        if (ret_new)
            *ret_new = false;
        return known;
    }
    /* At three quarters full a search for a missing key still looks at few slots, mostly of one cache line. */
    if (table->count >= table->capacity / 4 * 3 && !table_grow(table))
        return NULL;
    struct table_slot *slot = slot_for(table->slots, table->capacity, key);
    *slot = (struct table_slot){.key = key != 0 ? key : 1};
    table->count++;
    if (ret_new)
        *ret_new = true;
    return &slot->value;
}

void table_clear(struct table *table)
{
    if (table->capacity)
        memset(table->slots, 0, (table->capacity + 1) * sizeof(*table->slots));
    table->count = 0;
}

bool table_copy(const struct table *table, struct table *ret_copy)
{
    struct table copy = *table;
    if (table->slots) {
        size_t bytes = (table->capacity + 1) * sizeof(*table->slots);
        copy.slots = malloc(bytes);
        if (!copy.slots)
            return false;
        memcpy(copy.slots, table->slots, bytes);
    }
    *ret_copy = copy;
    return true;
}

uint64_t table_hash_bytes(const void *bytes, size_t size, uint64_t seed)
{
    const unsigned char *next = bytes;
    uint64_t hash = mix(seed ^ (uint64_t)size * UINT64_C(0x9e3779b97f4a7c15));
    while (size > 0) {
        uint64_t word = 0;
        size_t taken = size < sizeof(word) ? size : sizeof(word);
        memcpy(&word, next, taken);
        hash = mix(hash ^ word) + UINT64_C(0x9e3779b97f4a7c15);
        next += taken;
        size -= taken;
    }
    return mix(hash);
}
