/* Single pages of the target, kept while one sample is taken: for following lists whose elements lie close together. */
#ifndef HEAPTOP_ATTACH_GO_PAGE_CACHE_H
#define HEAPTOP_ATTACH_GO_PAGE_CACHE_H

#include "attach/memory.h"

#define PAGE_CACHE_PAGES 32
#define PAGE_CACHE_PAGE_BYTES 4096u

struct page_cache {
    struct memory *memory;                      /* Borrowed. */
    remote_address tags[PAGE_CACHE_PAGES];      /* A page's address plus 1; 0 when empty. */
    uint8_t pages[PAGE_CACHE_PAGES][PAGE_CACHE_PAGE_BYTES];
};

/* Forgets all pages. */
void page_cache_reset(struct page_cache *cache, struct memory *memory);

/* Copies bytes of the target; *ret_ok tells whether all of them could be read. Errors only when nothing more can
 * ever be read. */
struct error *page_cache_read(struct page_cache *cache, remote_address address, void *buffer, size_t size,
                              bool *ret_ok);

#endif
