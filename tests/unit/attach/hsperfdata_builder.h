/* The counters of a JVM that never ran. */
#ifndef TESTS_UNIT_ATTACH_HSPERFDATA_BUILDER_H
#define TESTS_UNIT_ATTACH_HSPERFDATA_BUILDER_H

#include <stdint.h>
#include <string.h>

#define PERF_MAX 4096

struct perf_builder {
    uint8_t bytes[PERF_MAX];
    uint32_t used, entries;
};

static inline void perf_put(struct perf_builder *b, uint32_t at, uint64_t value, uint32_t size)
{
    memcpy(b->bytes + at, &value, size);
}

static inline struct perf_builder perf_begin(void)
{
    static const uint8_t prologue[] = {0xca, 0xfe, 0xc0, 0xc0, 1, 2, 0, 1};
    struct perf_builder b = {.used = 32};
    memcpy(b.bytes, prologue, sizeof(prologue));
    perf_put(&b, 24, 32, 4);
    return b;
}

/* One entry: name, then the data, of a length that is a multiple of 8. */
static inline uint32_t perf_add(struct perf_builder *b, const char *name, char type, const void *data, uint32_t size,
                                uint32_t vector_length)
{
    uint32_t start = b->used, name_size = (uint32_t)strlen(name) + 1, place = (20 + name_size + 7) / 8 * 8;
    uint32_t length = (place + size + 7) / 8 * 8;
    perf_put(b, start, length, 4);
    perf_put(b, start + 4, 20, 4);
    perf_put(b, start + 8, vector_length, 4);
    b->bytes[start + 12] = (uint8_t)type;
    perf_put(b, start + 16, place, 4);
    memcpy(b->bytes + start + 20, name, name_size);
    memcpy(b->bytes + start + place, data, size);
    b->used += length;
    b->entries++;
    perf_put(b, 28, b->entries, 4);
    return start;
}

static inline uint32_t perf_add_long(struct perf_builder *b, const char *name, int64_t value)
{
    return perf_add(b, name, 'J', &value, sizeof(value), 0);
}

static inline uint32_t perf_add_text(struct perf_builder *b, const char *name, const char *text)
{
    return perf_add(b, name, 'B', text, (uint32_t)strlen(text) + 1, (uint32_t)strlen(text) + 1);
}

#endif
