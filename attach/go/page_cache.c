#include "attach/go/page_cache.h"

#include <string.h>

void page_cache_reset(struct page_cache *cache, struct memory *memory)
{
    cache->memory = memory;
    memset(cache->tags, 0, sizeof(cache->tags));
}

/* The cached page at this address; *ret_page is NULL when it is not readable as a whole. */
static struct error *find_page(struct page_cache *cache, remote_address address, const uint8_t **ret_page)
{
    size_t slot = (size_t)(address / PAGE_CACHE_PAGE_BYTES) % PAGE_CACHE_PAGES;
    if (cache->tags[slot] != address + 1) {
        struct memory_request request = {
            .address = address, .buffer = cache->pages[slot], .size = PAGE_CACHE_PAGE_BYTES};
        cache->tags[slot] = 0;
        struct error *error = memory_read_batch(cache->memory, &request, 1);
        if (error)
            return error;
        if (request.failed) {
            *ret_page = NULL;
            return NULL;
        }
        cache->tags[slot] = address + 1;
    }
    *ret_page = cache->pages[slot];
    return NULL;
}

struct error *page_cache_read(struct page_cache *cache, remote_address address, void *buffer, size_t size, bool *ret_ok)
{
    size_t done = 0;
    *ret_ok = false;
    if (size > UINT64_MAX - address)
        return NULL;
    while (done < size) {
        size_t offset = (size_t)((address + done) % PAGE_CACHE_PAGE_BYTES);
        size_t part = PAGE_CACHE_PAGE_BYTES - offset;
        if (part > size - done)
            part = size - done;
        const uint8_t *page;
        struct error *error = find_page(cache, address + done - offset, &page);
        if (error)
            return error;
        if (page) {
            memcpy((uint8_t *)buffer + done, page + offset, part);
        } else {
            /* Not a whole page of memory, as in tests and at the ends of core files: just these bytes. */
            struct memory_request request = {
                .address = address + done, .buffer = (uint8_t *)buffer + done, .size = part};
            error = memory_read_batch(cache->memory, &request, 1);
            if (error || request.failed)
                return error;
        }
        done += part;
    }
    *ret_ok = true;
    return NULL;
}
