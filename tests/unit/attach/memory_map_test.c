#include "attach/memory_map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attach/procfs.h"
#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

static struct maps parse(const char *string)
{
    struct text text = {0};
    struct maps maps;
    text_append(&text, string);
    ck_assert_ptr_null(maps_parse(&text, &maps));
    return maps;
}

START_TEST(test_classify)
{
    static const struct {
        const char *line;
        enum region_kind kind;
    } expected[] = {
        {"00400000-00500000 r-xp 00000000 fd:01 7   /usr/bin/server\n", REGION_PROGRAM},
        {"00500000-00510000 rw-p 00100000 fd:01 7   /usr/bin/server\n", REGION_PROGRAM},
        {"00510000-00590000 rw-p 00000000 00:00 0 \n", REGION_PROGRAM},                      /* bss */
        {"01000000-01021000 rw-p 00000000 00:00 0   [heap]\n", REGION_C_HEAP},
        {"c000000000-c000800000 rw-p 00000000 00:00 0 \n", REGION_GO_HEAP},
        {"c000800000-c004000000 ---p 00000000 00:00 0 \n", REGION_RESERVED},
        {"c004000000-c008000000 rw-p 00000000 00:00 0 \n", REGION_C_HEAP},                   /* 64 MiB, but not Go's. */
        {"7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n", REGION_C_HEAP},
        {"7f0000021000-7f0004000000 ---p 00000000 00:00 0 \n", REGION_RESERVED},
        {"7f0010000000-7f0010001000 ---p 00000000 00:00 0 \n", REGION_RESERVED},
        {"7f0010001000-7f0010801000 rw-p 00000000 00:00 0 \n", REGION_THREAD_STACK},
        /* 64 MiB-aligned, nothing reserved behind it. */
        {"7f0020000000-7f0020100000 rw-p 00000000 00:00 0 \n", REGION_ANONYMOUS},
        {"7f0030000000-7f0030100000 rw-p 00000000 00:00 0   [anon: Go: gc bits]\n", REGION_GO_RUNTIME},
        /* Holds something of the runtime's. */
        {"7f0031000000-7f0031100000 rw-p 00000000 00:00 0 \n", REGION_GO_RUNTIME},
        {"7f0032000000-7f0032100000 rw-p 00000000 00:00 0 \n", REGION_ANONYMOUS},
        {"7f0040000000-7f0040100000 r-xp 00000000 fd:01 9   /usr/lib/libc.so.6\n", REGION_FILE},
        {"7f0040100000-7f0040102000 rw-p 00100000 fd:01 9   /usr/lib/libc.so.6\n", REGION_FILE},
        {"7f0040102000-7f004010f000 rw-p 00000000 00:00 0 \n", REGION_FILE},
        {"7f0050000000-7f0050100000 rw-s 00000000 00:01 5   /memfd:frames (deleted)\n", REGION_SHARED},
        {"7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0   [stack]\n", REGION_THREAD_STACK},
    };
    struct text text = {0};
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        text_append(&text, expected[i].line);
    struct maps maps = parse(text.data);
    text_deinit(&text);
    ck_assert_uint_eq(maps.lines.count, ARRAY_SIZE(expected));
    struct heap_survey survey = {0};
    ck_assert(vector_append(&survey.arenas, (struct heap_range){0xc000000000, 0xc004000000}));
    ck_assert(vector_append(&survey.runtime_addresses, 0x7f0031000040));
    ck_assert(vector_append(&survey.runtime_addresses, 0x7f0039000000));    /* In no line. */
    ck_assert(vector_append(&survey.runtime_addresses, 0x1000040));         /* In one that is known for another. */
    uint8_t kinds[ARRAY_SIZE(expected)];
    memory_map_classify(&maps, &survey, "/usr/bin/server", kinds);
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        ck_assert_msg(kinds[i] == expected[i].kind, "%s is of kind %d, not %d", expected[i].line, kinds[i],
                      expected[i].kind);
    heap_survey_deinit(&survey);
    maps_deinit(&maps);
}
END_TEST

struct pages {
    uint64_t bytes, file_bytes;
    size_t ranges;
};

static void count_pages(void *context, const struct resident_range *range)
{
    struct pages *pages = context;
    pages->bytes += range->end - range->start;
    pages->file_bytes += range->is_file ? range->end - range->start : 0;
    pages->ranges++;
}

/* Of this very process: every other page of a mapping, which makes more ranges than the kernel lists in one call. */
START_TEST(test_residency)
{
    enum { PAGES = 4096 };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *mapping = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(mapping, MAP_FAILED);
    ck_assert_int_eq(madvise(mapping, PAGES * page, MADV_NOHUGEPAGE), 0);
    for (size_t i = 0; i < PAGES; i += 2)
        mapping[i * page] = 1;
    int folder;
    struct residency *residency;
    ck_assert_ptr_null(procfs_open_process(getpid(), &folder));
    ck_assert_ptr_null(residency_open(folder, &residency));
    uint64_t start = (uint64_t)(uintptr_t)mapping, end = 0;
    struct pages pages = {0};
    ck_assert_ptr_null(residency_visit(residency, start, start + PAGES * page, count_pages, &pages, &end));
    ck_assert_uint_eq(end, start + PAGES * page);
    ck_assert_uint_eq(pages.bytes, PAGES / 2 * page);
    ck_assert_uint_eq(pages.ranges, PAGES / 2);
    ck_assert_uint_eq(pages.file_bytes, 0);
    munmap(mapping, PAGES * page);

    mapping = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(mapping, MAP_FAILED);
    mapping[3 * page] = mapping[4 * page] = 1;
    start = (uint64_t)(uintptr_t)mapping;
    pages = (struct pages){0};
    ck_assert_ptr_null(residency_visit(residency, start, start + 8 * page, count_pages, &pages, &end));
    ck_assert_uint_eq(pages.file_bytes, 2 * page);
    ck_assert_uint_eq(pages.bytes, 2 * page);
    munmap(mapping, 8 * page);
    residency_close(residency);
    close(folder);
}
END_TEST

/* A heap of spans in this very process's memory. */
START_TEST(test_measure)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = 64 * page;
    char *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(mapping, MAP_FAILED);
    ck_assert_int_eq(madvise(mapping, size, MADV_NOHUGEPAGE), 0);
    memset(mapping, 1, 20 * page);
    uint64_t start = (uint64_t)(uintptr_t)mapping;
    struct text text = {0};
    text_printf(&text, "%llx-%llx rw-p 00000000 00:00 0 \n", (unsigned long long)start,
                (unsigned long long)(start + size));
    struct maps maps = parse(text.data);
    text_deinit(&text);

    struct heap_survey survey = {.spans_known = true};
    ck_assert(vector_append(&survey.arenas, (struct heap_range){start, start + size}));
    /* 2 pages of objects of a quarter page, 5 of 8 used; 4 free pages; 8 pages of stacks; a large object, of which 6
     * of 10 pages are resident. */
    const struct heap_span spans[] = {
        {.start = start, .size = 2 * page, .object_size = page / 4, .slots = 8, .objects = 5, .use = SPAN_OBJECTS},
        {.start = start + 6 * page, .size = 8 * page, .object_size = 8 * page, .use = SPAN_MANUAL, .is_large = true},
        {.start = start + 14 * page,
         .size = 10 * page,
         .object_size = 10 * page - 16,
         .slots = 1,
         .objects = 1,
         .use = SPAN_OBJECTS,
         .is_large = true,
         .no_scan = true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(spans); i++)
        ck_assert(vector_append(&survey.spans, spans[i]));
    struct catalog *catalog;
    struct snapshot *snapshot;
    struct residency *residency;
    int folder;
    ck_assert_ptr_null(catalog_create(&catalog));
    ck_assert_ptr_null(snapshot_create(catalog, &snapshot));
    ck_assert_ptr_null(procfs_open_process(getpid(), &folder));
    ck_assert_ptr_null(residency_open(folder, &residency));
    struct region region = {.start = start, .size = size, .permissions = "rw-p"};
    snapshot->regions = &region;
    snapshot->num_regions = 1;
    uint8_t kinds[1];
    memory_map_classify(&maps, &survey, "", kinds);
    ck_assert_ptr_null(memory_map_measure(residency, &maps, kinds, &survey, snapshot));

    const struct memory_map *map = snapshot->memory_map;
    ck_assert_uint_eq(map->resident[REGION_GO_HEAP].anonymous, 20 * page);
    ck_assert_uint_eq(map->heap.object_bytes, page / 4 * 5 + 10 * page - 16);
    ck_assert_uint_eq(map->heap.object_resident, page / 4 * 5 + 6 * page);
    ck_assert_uint_eq(map->heap.slack_resident, page / 4 * 3);
    ck_assert_uint_eq(map->heap.manual_resident, 8 * page);
    ck_assert_uint_eq(map->heap.free_resident, 4 * page);
    ck_assert_uint_eq(map->num_span_classes, 2);
    ck_assert_uint_eq(map->span_classes[0].object_size, page / 4);
    ck_assert_uint_eq(map->span_classes[0].free_bytes, page / 4 * 3);
    ck_assert_uint_eq(map->span_classes[0].tail_bytes, 0);
    ck_assert_uint_eq(map->span_classes[1].object_size, 0);
    ck_assert_uint_eq(map->span_classes[1].tail_bytes, 16);
    ck_assert_uint_eq(map->span_classes[1].resident_bytes, 6 * page);
    ck_assert(map->span_classes[1].no_scan);
    ck_assert(region.is_measured);
    ck_assert_uint_eq(region.resident_bytes, 20 * page);
    ck_assert_uint_eq(region.kind, REGION_GO_HEAP);

    snapshot->regions = NULL;
    snapshot->num_regions = 0;
    residency_close(residency);
    close(folder);
    snapshot_unref(snapshot);
    catalog_unref(catalog);
    heap_survey_deinit(&survey);
    maps_deinit(&maps);
    munmap(mapping, size);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("memory_map");
    TCase *tests = tcase_create("memory_map");
    tcase_add_test(tests, test_classify);
    tcase_add_test(tests, test_residency);
    tcase_add_test(tests, test_measure);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
