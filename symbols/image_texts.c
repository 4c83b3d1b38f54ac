/* Words looked for in a section, in one pass over it. */
#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "symbols/image_private.h"

struct error *image_find_texts(struct image *image, const char *section, uint64_t limit, const char *const *texts,
                               size_t count, bool *ret_found)
{
    const struct named_section *found = image_find_named_section(image, section);
    memset(ret_found, 0, count * sizeof(*ret_found));
    if (!found)
        return NULL;
    _cleanup_free_ uint8_t *window = malloc(IMAGE_MAX_TEXT + FILE_STREAM_WINDOW);
    if (!window)
        return error_no_memory();
    uint64_t size = found->place.size < limit ? found->place.size : limit;
    size_t kept = 0;    /* Of the window before: a text may lie across two. */
    for (uint64_t at = 0; at < size;) {
        size_t fresh = size - at < FILE_STREAM_WINDOW ? (size_t)(size - at) : FILE_STREAM_WINDOW;
        struct error *error = file_cache_read(&image->file, found->place.offset + at, window + kept, fresh);
        if (error)
            return error;
        at += fresh;
        size_t held = kept + fresh;
        for (size_t i = 0; i < count; i++)
            ret_found[i] = ret_found[i] || memmem(window, held, texts[i], strlen(texts[i]));
        kept = held < IMAGE_MAX_TEXT ? held : IMAGE_MAX_TEXT;
        memmove(window, window + held - kept, kept);
    }
    return NULL;
}
