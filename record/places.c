#include "record/places.h"

/* So many keys that are gone may be left in the table beside those that are there. */
#define MANY_LEFT 1024

void places_init(struct places *places)
{
    *places = (struct places){0};
    table_init(&places->by_key);
}

void places_deinit(struct places *places)
{
    vector_deinit(&places->items);
    vector_deinit(&places->free);
    table_deinit(&places->by_key);
}

void places_clear(struct places *places)
{
    places->items.count = places->free.count = 0;
    table_clear(&places->by_key);
}

/* The table without what is gone. */
static bool tidy(struct places *places)
{
    table_clear(&places->by_key);
    for (size_t i = 0; i < places->items.count; i++) {
        uint64_t key = places->items.items[i].key;
        uint64_t *entry = key ? table_insert(&places->by_key, key, NULL) : NULL;
        if (key && !entry)
            return false;
        if (entry)
            *entry = i + 1;
    }
    return true;
}

void places_keep(struct places *places, uint64_t key, uint64_t round)
{
    const uint64_t *entry = table_find(&places->by_key, key);
    if (entry && *entry != 0 && places->items.items[*entry - 1].key == key)
        places->items.items[*entry - 1].kept_in = round;
}

uint32_t places_find(struct places *places, uint64_t key, uint64_t round, enum place_state *ret_state)
{
    if (places->by_key.count > 2 * places->items.count + MANY_LEFT && !tidy(places))
        return NO_PLACE;
    uint64_t *entry = table_insert(&places->by_key, key, NULL);
    if (!entry)
        return NO_PLACE;
    bool is_new = *entry == 0 || places->items.items[*entry - 1].key != key;
    if (is_new && places->free.count > 0)
        *entry = (uint64_t)places->free.items[--places->free.count] + 1;
    else if (is_new && vector_append(&places->items, (struct place){0}))
        *entry = places->items.count;
    else if (is_new)
        return NO_PLACE;
    struct place *place = &places->items.items[*entry - 1];
    *ret_state = is_new ? PLACE_NEW : place->seen_in == round ? PLACE_SEEN : PLACE_KNOWN;
    *place = (struct place){.key = key, .kept_in = round, .seen_in = round};
    return (uint32_t)(*entry - 1);
}

void places_sweep(struct places *places, uint64_t round)
{
    for (size_t i = places->items.count; i-- > 0;) {
        struct place *place = &places->items.items[i];
        if (place->key != 0 && place->kept_in != round && vector_append(&places->free, (uint32_t)i))
            place->key = 0;
    }
}
