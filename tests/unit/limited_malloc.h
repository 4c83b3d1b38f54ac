/* malloc and its kin renamed, for sources that are compiled into a test program, so that they fail at the Nth call;
 * works under every sanitizer. Such sources are included next, then "unit/unlimited_malloc.h". */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* How many allocations still succeed. */
static size_t allowed;

static inline bool may_allocate(void)
{
    if (allowed == 0)
        return false;
    allowed--;
    return true;
}

static inline void *limited_malloc(size_t size)
{
    return may_allocate() ? malloc(size) : NULL;
}

static inline void *limited_calloc(size_t count, size_t size)
{
    return may_allocate() ? calloc(count, size) : NULL;
}

static inline void *limited_realloc(void *old, size_t size)
{
    return may_allocate() ? realloc(old, size) : NULL;
}

static inline char *limited_strdup(const char *string)
{
    return may_allocate() ? strdup(string) : NULL;
}

static inline char *limited_strndup(const char *string, size_t length)
{
    return may_allocate() ? strndup(string, length) : NULL;
}

#define malloc limited_malloc
#define calloc limited_calloc
#define realloc limited_realloc
#define strdup limited_strdup
#define strndup limited_strndup
