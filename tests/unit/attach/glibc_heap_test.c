/* A heap of glibc's malloc, whole and damaged. */
#include "fake_malloc.h"
#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

static struct fake_malloc fake;

START_TEST(test_whole)
{
    fake_malloc_init(&fake);
    _cleanup_free_ struct malloc_heap *heap = fake_malloc_read(&fake, NULL);
    ck_assert_ptr_nonnull(heap);
    ck_assert_msg(heap->known, "%s", heap->reason ? heap->reason : "");
    uint64_t top = FAKE_HEAP_BYTES - 0x290 - 0x20 - 0x20 - 0x100 - 0x200 - 0x40 - 0x1000;
    ck_assert_uint_eq(heap->num_arenas, 1);
    ck_assert_uint_eq(heap->torn_arenas, 0);
    ck_assert_uint_eq(heap->system_bytes, FAKE_HEAP_BYTES);
    ck_assert_uint_eq(heap->top_bytes, top);
    ck_assert_uint_eq(heap->free_bytes, 0x200);
    ck_assert_uint_eq(heap->free_chunks, 1);
    ck_assert_uint_eq(heap->fast_bytes, 0x40);
    ck_assert_uint_eq(heap->fast_chunks, 1);
    ck_assert_uint_eq(heap->used_bytes, FAKE_HEAP_BYTES - top - 0x240);
    ck_assert_uint_eq(heap->used_chunks, 5);
    ck_assert_uint_eq(heap->caches, 1);
    ck_assert_uint_eq(heap->cache_bytes, 0x40);
    ck_assert_uint_eq(heap->cache_chunks, 2);
    ck_assert(heap->mapped_known);
    ck_assert_uint_eq(heap->mapped_chunks, 3);
    ck_assert_uint_eq(heap->mapped_bytes, 0x300000);
    const struct malloc_class *small = &heap->classes[malloc_class_of(0x20)];
    ck_assert_uint_eq(small->used_chunks, 0);
    ck_assert_uint_eq(small->cached_chunks, 2);
    ck_assert_uint_eq(heap->classes[malloc_class_of(0x40)].cached_bytes, 0x40);
    ck_assert_uint_eq(heap->classes[malloc_class_of(0x100)].used_bytes, 0x100);
    ck_assert_uint_eq(heap->classes[malloc_class_of(0x200)].free_bytes, 0x200);
    ck_assert_uint_eq(heap->classes[malloc_class_of(0x1000)].used_bytes, 0x1000);
}
END_TEST

/* Links that are not mixed with their place, as before 2.32. */
START_TEST(test_plain_links)
{
    fake_malloc_init(&fake);
    size_t first = CACHE_CHUNK_BYTES, second = first + 0x20, fast = second + 0x20 + 0x100 + 0x200;
    fake_put(fake.heap, first + CHUNK_HEADER_BYTES, FAKE_HEAP + second + CHUNK_HEADER_BYTES);
    fake_put(fake.heap, second + CHUNK_HEADER_BYTES, 0);
    fake_put(fake.heap, fast + CHUNK_HEADER_BYTES, 0);
    _cleanup_free_ struct malloc_heap *heap = fake_malloc_read(&fake, NULL);
    ck_assert_ptr_nonnull(heap);
    ck_assert_uint_eq(heap->fast_chunks, 1);
    ck_assert_uint_eq(heap->cache_chunks, 2);
}
END_TEST

/* An arena in which a chunk leads elsewhere is not believed, and what lies in it is not counted. */
START_TEST(test_torn)
{
    static const struct {
        size_t offset;
        uint64_t value;
    } rows[] = {
        {CHUNK_SIZE_OFFSET, 0x291 + 0x10},              /* Not to a chunk. */
        {CHUNK_SIZE_OFFSET, 0},
        {CHUNK_SIZE_OFFSET, 0x291 | CHUNK_MAPPED},
        {CHUNK_SIZE_OFFSET, UINT64_C(1) << 40},         /* Beyond the heap. */
        {CHUNK_SIZE_OFFSET, UINT64_MAX},
        {CACHE_CHUNK_BYTES + CHUNK_SIZE_OFFSET, 0x18},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_malloc_init(&fake);
        fake_put(fake.heap, rows[i].offset, rows[i].value);
        _cleanup_free_ struct malloc_heap *heap = fake_malloc_read(&fake, NULL);
        ck_assert_ptr_nonnull(heap);
        ck_assert_msg(!heap->known && heap->torn_arenas == 1, "row %zu", i);
        ck_assert_ptr_nonnull(heap->reason);
        ck_assert_uint_eq(heap->used_bytes, 0);
    }
    /* A fastbin that goes round in a circle. */
    fake_malloc_init(&fake);
    size_t fast = CACHE_CHUNK_BYTES + 0x40 + 0x100 + 0x200;
    fake_put(fake.heap, fast + CHUNK_HEADER_BYTES,
             (FAKE_HEAP + fast) ^ (FAKE_HEAP + fast + CHUNK_HEADER_BYTES) >> 12);
    _cleanup_free_ struct malloc_heap *heap = fake_malloc_read(&fake, NULL);
    ck_assert_uint_eq(heap->torn_arenas, 1);
}
END_TEST

/* What is larger than is walked is not said to have changed; and what leads in a circle looks as large as one likes. */
START_TEST(test_too_large)
{
    fake_malloc_init(&fake);
    fake.heap_mapped = GLIBC_HEAP_MAX_BYTES + FAKE_HEAP_BYTES;
    _cleanup_free_ struct malloc_heap *heap = fake_malloc_read(&fake, NULL);
    ck_assert(!heap->known);
    ck_assert_str_eq(heap->reason, "it is larger than 16 GiB, which would take too long to walk over");
    fake_malloc_init(&fake);
    fake_malloc_add_circle(&fake);
    _cleanup_free_ struct malloc_heap *round = fake_malloc_read(&fake, NULL);
    ck_assert_uint_eq(round->num_arenas, 2);
    ck_assert_uint_eq(round->torn_arenas, 1);
    ck_assert_uint_lt(round->bytes_read, 4 << 20);
}
END_TEST

/* Where the program has moved the break itself nothing tells the pieces of the main arena. */
START_TEST(test_main_in_pieces)
{
    fake_malloc_init(&fake);
    fake_put(fake.data + (FAKE_ARENA - FAKE_DATA), ARENA_FLAGS - 4, (uint64_t)ARENA_NONCONTIGUOUS << 32);
    _cleanup_free_ struct malloc_heap *heap = fake_malloc_read(&fake, NULL);
    ck_assert(!heap->known);
    ck_assert_str_eq(heap->reason, "its main arena lies in several pieces, and nothing tells where they are");
}
END_TEST

START_TEST(test_none)
{
    memset(&fake, 0, sizeof(fake));
    _cleanup_free_ struct malloc_heap *heap = fake_malloc_read(&fake, NULL);
    ck_assert_ptr_nonnull(heap);
    ck_assert(!heap->known);
    ck_assert_str_eq(heap->reason, "no malloc of glibc was found in it");
}
END_TEST

/* A program that has set bounds of its own: only what lies in mappings is not known then. */
START_TEST(test_other_parameters)
{
    fake_malloc_init(&fake);
    fake_put(fake.data, FAKE_PARAMETERS + PARAMETERS_TOP_PAD, 4096);
    _cleanup_free_ struct malloc_heap *heap = fake_malloc_read(&fake, NULL);
    ck_assert(heap->known);
    ck_assert(!heap->mapped_known);
    ck_assert_uint_eq(heap->free_bytes, 0x200);
}
END_TEST

/* Whatever the bytes are: the sums fit together. */
START_TEST(test_damage)
{
    unsigned seed = 7;
    for (unsigned round = 0; round < 300; round++) {
        fake_malloc_init(&fake);
        for (unsigned i = 0; i <= round % 8; i++) {
            size_t at = (size_t)rand_r(&seed) % (FAKE_HEAP_BYTES - 0x1000);
            fake.heap[at] = (uint8_t)rand_r(&seed);
        }
        _cleanup_free_ struct malloc_heap *heap = fake_malloc_read(&fake, NULL);
        ck_assert_ptr_nonnull(heap);
        if (heap->known)
            ck_assert_uint_eq(heap->used_bytes + heap->free_bytes + heap->fast_bytes + heap->top_bytes,
                              FAKE_HEAP_BYTES);
    }
}
END_TEST

static void expect_types(const char *expected)
{
    struct text types = {0};
    _cleanup_free_ struct malloc_heap *heap = fake_malloc_read(&fake, &types);
    ck_assert_ptr_nonnull(heap);
    ck_assert_str_eq(types.data ? types.data : "", expected);
    text_deinit(&types);
}

START_TEST(test_types)
{
    fake_malloc_init(&fake);
    fake_malloc_add_type(&fake);
    expect_types("ns::Session 2 4352;");
    /* Of a class that only one file knows. */
    strcpy((char *)fake.data + FAKE_NAME, "*N2ns7SessionE");
    expect_types("ns::Session 2 4352;");
    /* What no demangler knows stands as it is, escaped. */
    strcpy((char *)fake.data + FAKE_NAME, "\x1b[2J");
    expect_types("\\x1b[2J 2 4352;");
}
END_TEST

/* What looks like a class at first and is none is not counted. */
START_TEST(test_no_types)
{
    static const struct {
        size_t offset;
        uint64_t value;
    } rows[] = {
        {FAKE_TABLE - 16, 8},                       /* Not the table of an object's start. */
        {FAKE_TABLE - 8, 0},                        /* No type information. */
        {FAKE_TABLE - 8, FAKE_HEAP},                /* It lies in no file. */
        {FAKE_TABLE - 8, FAKE_DATA + FAKE_INFO + 4},
        {FAKE_INFO, 0},
        {FAKE_INFO, UINT64_MAX},
        {FAKE_INFO + 8, FAKE_HEAP},
        {FAKE_KIND_TABLE - 8, 1},
        {FAKE_KIND_INFO + 8, FAKE_DATA + FAKE_NAME},    /* Described by no class that describes classes. */
        {FAKE_KIND_INFO + 8, FAKE_DATA + FAKE_DATA_BYTES - 1},
        {FAKE_NAME, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_malloc_init(&fake);
        fake_malloc_add_type(&fake);
        fake_put(fake.data, rows[i].offset, rows[i].value);
        expect_types("");
    }
    /* Chunks that are free, and an arena that is not whole. */
    fake_malloc_init(&fake);
    fake_malloc_add_type(&fake);
    fake_put(fake.heap, CHUNK_SIZE_OFFSET, 0);
    expect_types("");
}
END_TEST

START_TEST(test_classes)
{
    uint64_t before = 0;
    for (size_t i = 0; i < MALLOC_CLASSES; i++) {
        uint64_t largest = malloc_class_largest(i);
        ck_assert_uint_eq(malloc_class_of(largest), i);
        if (i > 0) {
            ck_assert_uint_gt(largest, before);
            ck_assert_uint_eq(malloc_class_of(before + 1), i);
        }
        before = largest;
    }
    ck_assert_uint_eq(malloc_class_largest(malloc_class_of(1024)), 1024);
    ck_assert_uint_eq(malloc_class_largest(malloc_class_of(1040)), 1280);
    ck_assert_uint_eq(malloc_class_largest(malloc_class_of(4096)), 4096);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("glibc heap");
    TCase *tests = tcase_create("glibc heap");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_whole);
    tcase_add_test(tests, test_plain_links);
    tcase_add_test(tests, test_torn);
    tcase_add_test(tests, test_too_large);
    tcase_add_test(tests, test_main_in_pieces);
    tcase_add_test(tests, test_none);
    tcase_add_test(tests, test_other_parameters);
    tcase_add_test(tests, test_damage);
    tcase_add_test(tests, test_types);
    tcase_add_test(tests, test_no_types);
    tcase_add_test(tests, test_classes);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
