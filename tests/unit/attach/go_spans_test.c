/* The survey of a heap made by hand in fake memory: what a sane runtime holds, and what a hostile or torn one may. */
#include "attach/go/spans.h"

#include <string.h>

#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

#define HEAP UINT64_C(0x500000)         /* runtime.mheap_ */
#define LIST UINT64_C(0x600000)         /* The array of mheap.allspans. */
#define INDICES UINT64_C(0x700000)      /* That of mheap.heapArenas. */
#define TABLE UINT64_C(0x10000000)      /* That of mheap.arenas[0]. */
#define SPANS UINT64_C(0x800000)
#define ARENA UINT64_C(0xc000000000)
#define ARENA_INDEX ((ARENA - UINT64_C(0xffff800000000000)) >> 26)
#define SPAN_BYTES 160

struct heap {
    struct go_process process;
    unsigned char spans[8][SPAN_BYTES];
    size_t count;
};

static void put(unsigned char *bytes, const struct go_layout *layout, enum go_field field, uint64_t value)
{
    memcpy(bytes + layout->offset[field], &value, layout->size[field] < 8 ? layout->size[field] : 8);
}

static void add_span(struct heap *heap, uint64_t start, uint64_t pages, unsigned state, unsigned class, uint64_t slots,
                     uint64_t objects, uint64_t size)
{
    unsigned char *bytes = heap->spans[heap->count++];
    const struct go_layout *layout = &heap->process.layout;
    put(bytes, layout, GO_FIELD_MSPAN_START_ADDR, start);
    put(bytes, layout, GO_FIELD_MSPAN_NPAGES, pages);
    put(bytes, layout, GO_FIELD_MSPAN_STATE, state);
    put(bytes, layout, GO_FIELD_MSPAN_SPANCLASS, class);
    put(bytes, layout, GO_FIELD_MSPAN_NELEMS, slots);
    put(bytes, layout, GO_FIELD_MSPAN_ALLOC_COUNT, objects);
    put(bytes, layout, GO_FIELD_MSPAN_ELEMSIZE, size);
}

static void add_words(struct memory *memory, uint64_t address, const uint64_t *words, size_t count)
{
    ck_assert_ptr_null(memory_fake_add(memory, address, words, count * sizeof(*words)));
}

/* Puts all of it into memory; the list says that it has `listed` spans. */
static void heap_build(struct heap *heap, uint64_t listed)
{
    const struct go_layout *layout = &heap->process.layout;
    struct memory *memory = heap->process.context.memory;
    uint64_t spans[] = {LIST, listed, listed}, arenas[] = {INDICES, 2, 2}, table = TABLE;
    uint64_t indices[] = {ARENA_INDEX + 1, ARENA_INDEX}, metadata[] = {0x900000, 0xa00000}, pointers[8];
    add_words(memory, HEAP + (uint64_t)layout->offset[GO_FIELD_MHEAP_ALLSPANS], spans, 3);
    add_words(memory, HEAP + (uint64_t)layout->offset[GO_FIELD_MHEAP_HEAP_ARENAS], arenas, 3);
    add_words(memory, HEAP + (uint64_t)layout->offset[GO_FIELD_MHEAP_ARENAS], &table, 1);
    add_words(memory, INDICES, indices, 2);
    add_words(memory, TABLE + ARENA_INDEX * 8, metadata, 2);
    for (size_t i = 0; i < heap->count; i++) {
        pointers[i] = SPANS + i * SPAN_BYTES;
        ck_assert_ptr_null(memory_fake_add(memory, pointers[i], heap->spans[i], SPAN_BYTES));
    }
    add_words(memory, LIST, pointers, heap->count);
}

static void heap_init(struct heap *heap, unsigned minor)
{
    bool newer;
    *heap = (struct heap){0};
    heap->process.layout = go_layout_find(minor, &newer)->layout;
    heap->process.variables[GO_VARIABLE_MHEAP].address = HEAP;
    ck_assert_ptr_null(memory_create_fake(&heap->process.context.memory));
}

static void heap_deinit(struct heap *heap)
{
    memory_destroy(heap->process.context.memory);
}

START_TEST(test_survey)
{
    static const unsigned minors[] = {19, 21, 24, 25, 27};
    struct heap heap;
    struct heap_survey survey = {0};
    heap_init(&heap, minors[_i]);
    add_span(&heap, ARENA + 0x10000, 2, 1, 11, 100, 40, 160);           /* Not in the order of addresses. */
    add_span(&heap, ARENA, 1, 1, 10, 512, 512, 16);
    add_span(&heap, ARENA + 0x20000, 4, 2, 0, 0, 0, 0);                 /* A stack. */
    add_span(&heap, ARENA + 0x40000, 1, 0, 10, 512, 1, 16);             /* Not in use. */
    add_span(&heap, ARENA + (UINT64_C(64) << 20) - 8192, 3, 1, 1, 1, 1, 20000);     /* Large, over two arenas. */
    heap_build(&heap, heap.count);
    ck_assert_ptr_null(spans_survey(&heap.process, &survey));
    ck_assert(survey.spans_known);
    ck_assert_ptr_null(survey.reason);
    ck_assert_uint_eq(survey.arenas.count, 1);
    ck_assert_uint_eq(survey.arenas.items[0].start, ARENA);
    ck_assert_uint_eq(survey.arenas.items[0].end, ARENA + (UINT64_C(128) << 20));
    ck_assert_uint_eq(survey.spans.count, 4);
    ck_assert_uint_eq(survey.spans.items[0].start, ARENA);
    ck_assert_uint_eq(survey.spans.items[0].objects, 512);
    ck_assert(!survey.spans.items[0].no_scan && !survey.spans.items[0].is_large);
    ck_assert_uint_eq(survey.spans.items[1].size, 16384);
    ck_assert_uint_eq(survey.spans.items[1].object_size, 160);
    ck_assert_uint_eq(survey.spans.items[1].slots, 100);
    ck_assert(survey.spans.items[1].no_scan);
    ck_assert_int_eq(survey.spans.items[2].use, SPAN_MANUAL);
    ck_assert(survey.spans.items[3].is_large && survey.spans.items[3].no_scan);
    ck_assert_uint_gt(survey.runtime_addresses.count, 2);
    heap_survey_deinit(&survey);
    heap_deinit(&heap);
}
END_TEST

/* One P, whose cache holds the second span; the heap is being swept, and the first span has not been. */
START_TEST(test_who_holds_a_span)
{
    enum { PROCS = 0xb00000, PROC = 0xb10000, CACHE = 0xb20000, ALLP = 0xb30000, GENERATION = 8 };
    struct heap heap;
    struct heap_survey survey = {0};
    heap_init(&heap, 27);
    const struct go_layout *layout = &heap.process.layout;
    struct memory *memory = heap.process.context.memory;
    add_span(&heap, ARENA, 1, 1, 10, 512, 512, 16);
    put(heap.spans[0], layout, GO_FIELD_MSPAN_SWEEPGEN, GENERATION - 2);
    add_span(&heap, ARENA + 0x10000, 2, 1, 11, 100, 40, 160);
    put(heap.spans[1], layout, GO_FIELD_MSPAN_SWEEPGEN, GENERATION + 3);
    heap_build(&heap, heap.count);
    uint64_t generation = GENERATION, allp[] = {PROCS, 1, 1}, proc = PROC, words[2048] = {0};
    add_words(memory, HEAP + (uint64_t)layout->offset[GO_FIELD_MHEAP_SWEEPGEN], &generation, 1);
    heap.process.variables[GO_VARIABLE_ALLP].address = ALLP;
    add_words(memory, ALLP, allp, 3);
    add_words(memory, PROCS, &proc, 1);
    words[layout->offset[GO_FIELD_P_MCACHE] / 8] = CACHE;
    words[layout->offset[GO_FIELD_P_PCACHE_CACHE] / 8] = 0xff;
    words[layout->offset[GO_FIELD_P_PCACHE_SCAV] / 8] = 0x0f;
    add_words(memory, PROC, words, ARRAY_SIZE(words));
    memset(words, 0, sizeof(words));
    /* Where there is no span stands a dummy. */
    for (size_t i = 0; i < 136; i++)
        words[(size_t)layout->offset[GO_FIELD_MCACHE_ALLOC] / 8 + i] = 0xc00000;
    words[layout->offset[GO_FIELD_MCACHE_ALLOC] / 8 + 11] = SPANS + SPAN_BYTES;
    words[layout->offset[GO_FIELD_MCACHE_TINY] / 8] = ARENA;
    words[layout->offset[GO_FIELD_MCACHE_TINYOFFSET] / 8] = 10;
    add_words(memory, CACHE, words, ARRAY_SIZE(words));
    ck_assert_ptr_null(spans_survey(&heap.process, &survey));
    ck_assert_uint_eq(survey.spans.count, 2);
    ck_assert_uint_eq(survey.spans.items[0].cache, 0);
    ck_assert(survey.spans.items[0].is_unswept);
    ck_assert_uint_eq(survey.spans.items[1].cache, 1);
    ck_assert(!survey.spans.items[1].is_unswept);
    ck_assert_uint_eq(survey.caches.count, 1);
    ck_assert_uint_eq(survey.caches.items[0].pages, 8);
    ck_assert_uint_eq(survey.caches.items[0].released_pages, 4);
    ck_assert_uint_eq(survey.caches.items[0].tiny_free, 6);
    heap_survey_deinit(&survey);
    heap_deinit(&heap);
}
END_TEST

START_TEST(test_what_makes_no_sense_is_left_out)
{
    struct heap heap;
    struct heap_survey survey = {0};
    heap_init(&heap, 24);
    add_span(&heap, ARENA, 1, 1, 10, 512, 60000, 16);               /* More objects than slots: as many as slots. */
    add_span(&heap, ARENA + 0x1000, 1, 1, 10, 512, 1, 16);          /* Not on a page. */
    add_span(&heap, ARENA + 0x4000, UINT64_MAX / 8192, 1, 10, 512, 1, 16);
    add_span(&heap, ARENA - 8192, 1, 1, 10, 512, 1, 16);            /* In no arena. */
    add_span(&heap, ARENA + 0x6000, 1, 1, 10, 513, 1, 16);          /* More slots than fit. */
    add_span(&heap, ARENA + 0x8000, 1, 1, 10, 512, 1, 0);
    add_span(&heap, ARENA + 0xa000, 4, 1, 10, 512, 1, 16);
    add_span(&heap, ARENA + 0xc000, 1, 1, 10, 512, 1, 16);          /* Within the one before. */
    heap_build(&heap, heap.count);
    ck_assert_ptr_null(spans_survey(&heap.process, &survey));
    ck_assert(survey.spans_known);
    ck_assert_uint_eq(survey.spans.count, 2);
    ck_assert_uint_eq(survey.spans.items[0].objects, 512);
    ck_assert_uint_eq(survey.spans.items[1].start, ARENA + 0xa000);
    heap_survey_deinit(&survey);
    heap_deinit(&heap);
}
END_TEST

START_TEST(test_reasons)
{
    struct heap heap;
    struct heap_survey survey = {0};
    heap_init(&heap, 24);
    add_span(&heap, ARENA, 1, 1, 10, 512, 1, 16);
    heap_build(&heap, SPANS_MAX + 1);
    ck_assert_ptr_null(spans_survey(&heap.process, &survey));
    ck_assert(!survey.spans_known);
    ck_assert_str_eq(survey.reason, "the heap has more spans than are looked at");
    ck_assert_uint_eq(survey.arenas.count, 1);
    heap_survey_deinit(&survey);

    survey = (struct heap_survey){0};
    heap.process.variables[GO_VARIABLE_MHEAP].address = 0;
    ck_assert_ptr_null(spans_survey(&heap.process, &survey));
    ck_assert(!survey.spans_known);
    ck_assert_ptr_nonnull(survey.reason);
    ck_assert_uint_eq(survey.arenas.count, 0);
    heap_survey_deinit(&survey);

    /* The list says more than is there. */
    survey = (struct heap_survey){0};
    heap_deinit(&heap);
    heap_init(&heap, 24);
    add_span(&heap, ARENA, 1, 1, 10, 512, 1, 16);
    heap_build(&heap, 100000);
    ck_assert_ptr_null(spans_survey(&heap.process, &survey));
    ck_assert(!survey.spans_known);
    ck_assert_str_eq(survey.reason, "the heap's list of spans could not be read");
    heap_survey_deinit(&survey);
    heap_deinit(&heap);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("go_spans");
    TCase *tests = tcase_create("go_spans");
    tcase_add_loop_test(tests, test_survey, 0, 5);
    tcase_add_test(tests, test_who_holds_a_span);
    tcase_add_test(tests, test_what_makes_no_sense_is_left_out);
    tcase_add_test(tests, test_reasons);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
