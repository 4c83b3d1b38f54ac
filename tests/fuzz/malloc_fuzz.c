/* A glibc heap of which bytes are any: the input tells offsets of the made-up process and what to put there. */
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "tests/fake_malloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fake_malloc fake;
    struct cursor cursor = cursor_over(data, size);
    struct text types = {0};
    fake_malloc_init(&fake);
    fake_malloc_add_type(&fake);
    while (cursor_left(&cursor) >= 10) {
        size_t offset = cursor_u16(&cursor) % (sizeof(fake) - 8);
        uint64_t value = cursor_u64(&cursor);
        memcpy((uint8_t *)&fake + offset, &value, sizeof(value));
    }
    _cleanup_free_ struct malloc_heap *heap = fake_malloc_read(&fake, &types);
    text_deinit(&types);
    if (!heap)
        return 0;
    if (heap->known != !heap->reason || heap->torn_arenas > heap->num_arenas || heap->num_listed > MALLOC_MAX_LISTED)
        abort();
    return 0;
}
