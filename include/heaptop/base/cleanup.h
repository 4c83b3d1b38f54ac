/* Cleanup attributes instead of goto ladders: `_cleanup_(arena_destroyp) struct arena *arena = NULL;`. */
#ifndef HEAPTOP_BASE_CLEANUP_H
#define HEAPTOP_BASE_CLEANUP_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "heaptop/base/error.h"

/* Unused as well: to clang a variable that is only cleaned up, such as an error that does not matter, is unused. */
#define _cleanup_(function) __attribute__((cleanup(function), unused))

/* Defines TYPEp(TYPE **), the form a cleanup attribute takes, from a destructor of a pointer that accepts NULL. */
#define DEFINE_CLEANUP(type, destroy) \
    static inline void destroy##p(type *pointer) \
    { \
        if (*pointer) \
            destroy(*pointer); \
    }

static inline void free_p(void *pointer)
{
    free(*(void **)pointer);
}

static inline void close_p(const int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
}

static inline void error_destroy_p(struct error **error)
{
    error_destroy(*error);
}

#define _cleanup_free_ _cleanup_(free_p)
#define _cleanup_close_ _cleanup_(close_p)
#define _cleanup_error_ _cleanup_(error_destroy_p)

/* Hands a value over to the caller and leaves NULL behind, so that its cleanup does nothing. */
#define take_pointer(pointer) \
    __extension__({ \
        __typeof__(pointer) taken_ = (pointer); \
        (pointer) = NULL; \
        taken_; \
    })
#define take_descriptor(descriptor) \
    __extension__({ \
        int taken_ = (descriptor); \
        (descriptor) = -1; \
        taken_; \
    })

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
