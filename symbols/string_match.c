#include "symbols/string_match.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"

/* Names are told apart by their last KEY_BYTES bytes; shorter ones by all they have. */
#define KEY_BYTES 4
#define BUCKET_BITS 12

static uint32_t bucket_of(const uint8_t *end, size_t length)
{
    uint32_t key = 0;
    for (size_t i = 1; i <= length && i <= KEY_BYTES; i++)
        key = key << 8 | end[-(ptrdiff_t)i];
    return key * 2654435761u >> (32 - BUCKET_BITS);
}

struct error *string_match_init(struct string_match *match, const char *const *names, size_t count)
{
    *match = (struct string_match){.names = names, .count = count};
    table_init(&match->offsets);
    match->lengths = calloc(count + 1, sizeof(*match->lengths));
    match->next = calloc(count + 1, sizeof(*match->next));
    match->is_matched = calloc(count + 1, sizeof(*match->is_matched));
    match->buckets = calloc((size_t)1 << BUCKET_BITS, sizeof(*match->buckets));
    if (!match->lengths || !match->next || !match->is_matched || !match->buckets || count >= UINT32_MAX) {
        string_match_deinit(match);
        return error_no_memory();
    }
    /* Backwards, so that of equal names the first is met first. */
    for (size_t i = count; i-- > 0;) {
        size_t length = names[i] ? strlen(names[i]) : 0;
        match->lengths[i] = length;
        if (length == 0)
            continue;
        uint32_t bucket = bucket_of((const uint8_t *)names[i] + length, length);
        match->next[i] = match->buckets[bucket];
        match->buckets[bucket] = (uint32_t)i + 1;
    }
    return NULL;
}

void string_match_deinit(struct string_match *match)
{
    free(match->lengths);
    free(match->next);
    free(match->is_matched);
    free(match->buckets);
    table_deinit(&match->offsets);
    *match = (struct string_match){0};
}

/* Notes the names of one bucket that end the string [start, end), which begins at `offset` of the table. */
static struct error *match_bucket(struct string_match *match, uint32_t bucket, const uint8_t *start, const uint8_t *end,
                                  uint64_t offset)
{
    for (uint32_t at = match->buckets[bucket]; at != 0; at = match->next[at - 1]) {
        size_t length = match->lengths[at - 1];
        if (length > (size_t)(end - start) || (match->whole_strings && length < (size_t)(end - start)) ||
            memcmp(end - length, match->names[at - 1], length) != 0)
            continue;
        if (match->offsets.count >= STRING_MATCH_MAX_OFFSETS)
            return error_create(ERROR_BAD_DATA, "a string table repeats names without end");
        bool is_new;
        uint64_t *index = table_insert(&match->offsets, offset + (uint64_t)(end - length - start), &is_new);
        if (!index)
            return error_no_memory();
        if (!is_new)
            continue;
        *index = at - 1;
        match->matched += !match->is_matched[at - 1];
        match->is_matched[at - 1] = true;
    }
    return NULL;
}

static struct error *match_string(struct string_match *match, const uint8_t *start, const uint8_t *end, uint64_t offset)
{
    size_t length = (size_t)(end - start);
    /* Shorter names lie in the buckets of their own length's key. */
    for (size_t key_length = 1; key_length < KEY_BYTES && key_length <= length; key_length++) {
        uint32_t bucket = bucket_of(end, key_length);
        if (match->buckets[bucket] != 0) {
            struct error *error = match_bucket(match, bucket, start, end, offset);
            if (error)
                return error;
        }
    }
    return length >= KEY_BYTES ? match_bucket(match, bucket_of(end, KEY_BYTES), start, end, offset) : NULL;
}

struct error *string_match_scan(struct string_match *match, struct file_cache *file, uint64_t base, uint64_t size)
{
    _cleanup_free_ uint8_t *window = malloc(FILE_STREAM_WINDOW);
    if (!window)
        return error_no_memory();
    /* `kept` bytes of a string that began in the last window stand at this one's start; `done` bytes of the table lie
     * before it. */
    size_t kept = 0;
    uint64_t done = 0;
    while (done + kept < size) {
        size_t count = FILE_STREAM_WINDOW - kept;
        if (count > size - done - kept)
            count = (size_t)(size - done - kept);
        struct error *error = file_cache_read(file, base + done + kept, window + kept, count);
        if (error)
            return error;
        const uint8_t *start = window, *window_end = window + kept + count;
        const uint8_t *nul;
        while (start < window_end && (nul = memchr(start, '\0', (size_t)(window_end - start)))) {
            error = nul > start ? match_string(match, start, nul, done + (uint64_t)(start - window)) : NULL;
            if (error)
                return error;
            start = nul + 1;
        }
        kept = (size_t)(window_end - start);
        done += (uint64_t)(start - window);
        /* Of a string longer than the window only the second half can still end with a name. */
        if (kept == FILE_STREAM_WINDOW) {
            start += kept / 2;
            done += kept / 2;
            kept -= kept / 2;
        }
        memmove(window, start, kept);
    }
    return NULL;
}

size_t string_match_first(const struct string_match *match, size_t index)
{
    size_t length = match->lengths[index];
    if (length == 0)
        return index;
    uint32_t at = match->buckets[bucket_of((const uint8_t *)match->names[index] + length, length)];
    while (at != 0 && strcmp(match->names[at - 1], match->names[index]) != 0)
        at = match->next[at - 1];
    return at != 0 ? at - 1 : index;
}
