/* An allocator that can be told to fail at the Nth call, in the C library's place. A sanitizer brings its own, and
 * another C library has no such names: HAS_OWN_ALLOCATOR is 0 then, and there is nothing to run. For one source file of
 * a test program. */
#ifndef HEAPTOP_TESTS_UNIT_FAILING_MALLOC_H
#define HEAPTOP_TESTS_UNIT_FAILING_MALLOC_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "unit/sanitized.h"

#if IS_SANITIZED || !defined(__GLIBC__)
#define HAS_OWN_ALLOCATOR 0
#else
#define HAS_OWN_ALLOCATOR 1
#endif

#if HAS_OWN_ALLOCATOR

/* How many allocations still succeed, while they are limited at all; how many blocks are in use. */
static bool is_limited;
static size_t allowed;
static ptrdiff_t in_use;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *block);

static bool may_allocate(void)
{
    if (!is_limited)
        return true;
    if (allowed == 0) {
        errno = ENOMEM;
        return false;
    }
    allowed--;
    return true;
}

static void *counted(void *block)
{
    in_use += block != NULL;
    return block;
}

void *malloc(size_t size)
{
    return may_allocate() ? counted(__libc_malloc(size)) : NULL;
}

void *calloc(size_t count, size_t size)
{
    return may_allocate() ? counted(__libc_calloc(count, size)) : NULL;
}

void *realloc(void *old, size_t size)
{
    if (!may_allocate())
        return NULL;
    return old ? __libc_realloc(old, size) : counted(__libc_malloc(size));
}

void free(void *block)
{
    in_use -= block != NULL;
    __libc_free(block);
}

#endif

#endif
