/* The C library's functions that allocate, each of which does what it always did, and is counted. */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "preload/sampler.h"

#define EXPORTED __attribute__((visibility("default")))
/* What is asked for before the real functions are known, as when looking them up allocates. */
#define EARLY_BYTES 65536u
#define EARLY_ALIGNMENT 16u

struct functions {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *block, size_t size);
    void (*free)(void *block);
    int (*posix_memalign)(void **ret_block, size_t alignment, size_t size);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    void *(*memalign)(size_t alignment, size_t size);
    void *(*valloc)(size_t size);
    void *(*pvalloc)(size_t size);
};

/* ---- before the real functions are known ---- */

static _Alignas(EARLY_ALIGNMENT) unsigned char early[EARLY_BYTES];
static _Atomic size_t early_used;

static bool is_early(const void *block)
{
    return (uintptr_t)block - (uintptr_t)early < EARLY_BYTES;
}

/* The block's size stands in front of it. Its memory is zero and never used again. */
static void *early_alloc(size_t alignment, size_t size)
{
    alignment = alignment < EARLY_ALIGNMENT ? EARLY_ALIGNMENT : alignment;
    size_t needed = size + alignment + EARLY_ALIGNMENT, start = 0;
    if (size > EARLY_BYTES || alignment > EARLY_BYTES ||
        (start = atomic_fetch_add(&early_used, (needed + EARLY_ALIGNMENT - 1) & ~(size_t)(EARLY_ALIGNMENT - 1))) +
                needed >
            EARLY_BYTES) {
        errno = ENOMEM;
        return NULL;
    }
    uintptr_t address = ((uintptr_t)early + start + EARLY_ALIGNMENT + alignment - 1) & ~(uintptr_t)(alignment - 1);
    unsigned char *block = early + (address - (uintptr_t)early);
    memcpy(block - sizeof(size), &size, sizeof(size));
    sampler_mark(block);
    return block;
}

static size_t early_size(const void *block)
{
    size_t size;
    memcpy(&size, (const unsigned char *)block - sizeof(size), sizeof(size));
    return size;
}

/* ---- the real functions ---- */

static struct functions real;

/* The next definitions behind this library: those of the C library, or of whatever takes their place. */
static void find_real_functions(void)
{
    struct functions found;
    *(void **)&found.malloc = dlsym(RTLD_NEXT, "malloc");
    *(void **)&found.calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **)&found.realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **)&found.free = dlsym(RTLD_NEXT, "free");
    *(void **)&found.posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    *(void **)&found.aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
    *(void **)&found.memalign = dlsym(RTLD_NEXT, "memalign");
    *(void **)&found.valloc = dlsym(RTLD_NEXT, "valloc");
    *(void **)&found.pvalloc = dlsym(RTLD_NEXT, "pvalloc");
    real = found;
}

/* Whether they are known now; not while they are being looked up. */
static bool have_real_functions(void)
{
    static _Atomic int state;   /* 0: not looked up, 1: being looked up, 2: known */
    int expected = 0;
    if (atomic_compare_exchange_strong(&state, &expected, 1)) {
        find_real_functions();
        atomic_store(&state, 2);
        return true;
    }
    return expected == 2;
}

/* Stand in place of the real ones until these are known, so that nobody need ask whether they are. */
static void *first_malloc(size_t size)
{
    return have_real_functions() ? real.malloc(size) : early_alloc(0, size);
}

static void *first_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (have_real_functions())
        return real.calloc(count, size);
    return early_alloc(0, __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes);
}

static void *first_realloc(void *block, size_t size)
{
    return have_real_functions() ? real.realloc(block, size) : block ? NULL : early_alloc(0, size);
}

static void first_free(void *block)
{
    if (have_real_functions())
        real.free(block);
}

static int first_posix_memalign(void **ret_block, size_t alignment, size_t size)
{
    if (have_real_functions())
        return real.posix_memalign(ret_block, alignment, size);
    *ret_block = early_alloc(alignment, size);
    return *ret_block ? 0 : ENOMEM;
}

static void *first_aligned_alloc(size_t alignment, size_t size)
{
    return have_real_functions() ? real.aligned_alloc(alignment, size) : early_alloc(alignment, size);
}

static void *first_memalign(size_t alignment, size_t size)
{
    return have_real_functions() ? real.memalign(alignment, size) : early_alloc(alignment, size);
}

static void *first_valloc(size_t size)
{
    return have_real_functions() ? real.valloc(size) : early_alloc(4096, size);
}

static void *first_pvalloc(size_t size)
{
    return have_real_functions() ? real.pvalloc(size) : early_alloc(4096, size);
}

static struct functions real = {
    .malloc = first_malloc,
    .calloc = first_calloc,
    .realloc = first_realloc,
    .free = first_free,
    .posix_memalign = first_posix_memalign,
    .aligned_alloc = first_aligned_alloc,
    .memalign = first_memalign,
    .valloc = first_valloc,
    .pvalloc = first_pvalloc,
};

/* ---- in their place ---- */

/* Apart from the rest, so that this costs nothing where no sample is due. */
__attribute__((noinline)) static void *sampled_malloc(size_t size)
{
    void *block = real.malloc(size);
    sampler_allocated(block, size);
    return block;
}

EXPORTED void *malloc(size_t size)
{
    return sampler_is_due(size) ? sampled_malloc(size) : real.malloc(size);
}

__attribute__((noinline)) static void *sampled_calloc(size_t count, size_t size)
{
    void *block = real.calloc(count, size);
    sampler_allocated(block, count * size);
    return block;
}

EXPORTED void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (unlikely(__builtin_mul_overflow(count, size, &bytes)))
        return real.calloc(count, size);
    return sampler_is_due(bytes) ? sampled_calloc(count, size) : real.calloc(count, size);
}

__attribute__((noinline)) static void free_known(void *block)
{
    if (is_early(block))
        return;
    sampler_forget(block);
    real.free(block);
}

EXPORTED void free(void *block)
{
    if (sampler_may_know(block))
        free_known(block);
    else
        real.free(block);
}

/* C23; the same to whoever counts. */
EXPORTED void free_sized(void *block, size_t size);
EXPORTED void free_sized(void *block, size_t size)
{
    (void)size;
    free(block);
}

EXPORTED void free_aligned_sized(void *block, size_t alignment, size_t size);
EXPORTED void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    free(block);
}

static void *realloc_early(const void *block, size_t size)
{
    size_t before = early_size(block);
    void *copy = malloc(size);
    if (copy)
        memcpy(copy, block, before < size ? before : size);
    return copy;
}

__attribute__((noinline)) static void *realloc_known(void *block, size_t size, bool is_due)
{
    if (is_early(block))
        return realloc_early(block, size);
    struct preload_slot *slot = sampler_move(block);
    void *moved = real.realloc(block, size);
    sampler_moved(slot, block, moved || size == 0);
    if (is_due)
        sampler_allocated(moved, size);
    return moved;
}

/* Counts as freed and allocated anew. */
EXPORTED void *realloc(void *block, size_t size)
{
    bool is_due = sampler_is_due(size);
    if (unlikely(is_due) || sampler_may_know(block))
        return realloc_known(block, size, is_due);
    return real.realloc(block, size);
}

EXPORTED void *reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes;
    if (!__builtin_mul_overflow(count, size, &bytes))
        return realloc(block, bytes);
    errno = ENOMEM;
    return NULL;
}

EXPORTED int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
    bool is_due = sampler_is_due(size);
    int result = real.posix_memalign(ret_block, alignment, size);
    if (unlikely(is_due) && result == 0)
        sampler_allocated(*ret_block, size);
    return result;
}

static void *count_aligned(void *block, size_t size, bool is_due)
{
    if (unlikely(is_due))
        sampler_allocated(block, size);
    return block;
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size)
{
    bool is_due = sampler_is_due(size);
    return count_aligned(real.aligned_alloc(alignment, size), size, is_due);
}

EXPORTED void *memalign(size_t alignment, size_t size)
{
    bool is_due = sampler_is_due(size);
    return count_aligned(real.memalign(alignment, size), size, is_due);
}

EXPORTED void *valloc(size_t size)
{
    bool is_due = sampler_is_due(size);
    return count_aligned(real.valloc(size), size, is_due);
}

EXPORTED void *pvalloc(size_t size)
{
    bool is_due = sampler_is_due(size);
    return count_aligned(real.pvalloc(size), size, is_due);
}
