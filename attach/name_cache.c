#include "attach/name_cache.h"

void name_cache_init(struct name_cache *cache, struct catalog *catalog)
{
    *cache = (struct name_cache){.catalog = catalog};
    table_init(&cache->ids);
}

void name_cache_deinit(struct name_cache *cache)
{
    table_deinit(&cache->ids);
}

string_id name_cache_add(struct name_cache *cache, const char *name, size_t length)
{
    if (length == 0)
        return 0;
    /* By 64 bits of hash: that two names fall together is less likely than that memory fails. */
    uint64_t hash = table_hash_bytes(name, length, 0);
    const uint64_t *known = table_find(&cache->ids, hash);
    if (known)
        return (string_id)*known;
    if (cache->ids.count >= NAME_CACHE_MAX) {
        cache->is_full = true;
        return 0;
    }
    string_id id = catalog_add_untrusted(cache->catalog, name, length);
    uint64_t *place = id ? table_insert(&cache->ids, hash, NULL) : NULL;
    if (place)
        *place = id;
    return id;
}
