/* A session in which everything that can change does, once or again and again. */
#ifndef TESTS_UNIT_RECORD_BUSY_SESSION_H
#define TESTS_UNIT_RECORD_BUSY_SESSION_H

#include "tests/unit/snapshot_builder.h"

static uint64_t busy_next(uint64_t *figure)
{
    return ++*figure;
}

/* Figures that are all different. */
static void busy_memory_map(struct snapshot *snapshot, size_t n)
{
    struct memory_map *map = arena_alloc(&snapshot->arena, sizeof(*map));
    uint64_t figure = 1000 * n;
    builder_check(map != NULL);
    *map = (struct memory_map){.rss_bytes = busy_next(&figure),
                               .took_ns = busy_next(&figure),
                               .not_looked_at = n % 40 == 10 ? busy_next(&figure) : 0};
    for (size_t kind = 0; kind < REGION_MANAGED_HEAP; kind++)
        map->resident[kind] = (struct resident_bytes){.file = busy_next(&figure), .anonymous = busy_next(&figure)};
    /* A kind that files of older formats do not have takes no figure that others have there. */
    map->resident[REGION_MANAGED_HEAP] = (struct resident_bytes){.file = 7 * n, .anonymous = 9 * n};
    map->heap_known = n % 40 == 10;
    map->heap_reason = map->heap_known ? NULL : "spans: torn";
    map->heap = (struct heap_use){busy_next(&figure), busy_next(&figure), busy_next(&figure), busy_next(&figure),
                                  busy_next(&figure), busy_next(&figure), busy_next(&figure)};
    map->num_span_classes = map->heap_known ? 5 : 0;
    map->span_classes = arena_alloc_array(&snapshot->arena, map->num_span_classes, sizeof(*map->span_classes));
    builder_check(map->span_classes != NULL);
    for (size_t i = 0; i < map->num_span_classes; i++)
        map->span_classes[i] = (struct span_class){.object_size = i < 4 ? 16u << (i / 2) : 0,
                                                   .no_scan = i % 2,
                                                   .spans = busy_next(&figure),
                                                   .bytes = busy_next(&figure),
                                                   .resident_bytes = busy_next(&figure),
                                                   .slots = busy_next(&figure),
                                                   .objects = busy_next(&figure),
                                                   .object_bytes = busy_next(&figure),
                                                   .free_bytes = busy_next(&figure),
                                                   .tail_bytes = busy_next(&figure),
                                                   .cached_spans = busy_next(&figure),
                                                   .partial_spans = busy_next(&figure),
                                                   .full_spans = busy_next(&figure),
                                                   .unswept_spans = busy_next(&figure)};
    map->num_caches = n % 3;
    map->caches = arena_alloc_array(&snapshot->arena, map->num_caches, sizeof(*map->caches));
    builder_check(map->caches != NULL);
    for (size_t i = 0; i < map->num_caches; i++)
        map->caches[i] = (struct heap_cache_use){.spans = busy_next(&figure),
                                                 .bytes = busy_next(&figure),
                                                 .free_slots = busy_next(&figure),
                                                 .free_bytes = busy_next(&figure),
                                                 .tiny_free_bytes = (uint32_t)busy_next(&figure),
                                                 .page_bytes = (uint32_t)busy_next(&figure),
                                                 .released_page_bytes = (uint32_t)busy_next(&figure)};
    for (size_t i = 0; i < snapshot->num_regions; i++) {
        snapshot->regions[i].is_measured = true;
        snapshot->regions[i].kind = (uint8_t)(i % REGION_KIND_COUNT);
        snapshot->regions[i].resident_bytes = busy_next(&figure);
    }
    snapshot->memory_map = map;
}

/* Of some figures, others from reading to reading; types that come and go. Once it is not known. */
static void busy_malloc_heap(struct snapshot *snapshot, size_t n)
{
    struct malloc_heap *heap = arena_alloc(&snapshot->arena, sizeof(*heap));
    uint64_t figure = 7000 * n;
    builder_check(heap != NULL);
    heap->known = n % 35 != 14;
    heap->reason = heap->known ? NULL : "not glibc's";
    heap->allocator = heap->known ? NULL : "jemalloc";
    snapshot->malloc_heap = heap;
    if (!heap->known)
        return;
    uint64_t *const sums[] = {&heap->system_bytes, &heap->used_bytes,   &heap->free_bytes,   &heap->free_chunks,
                              &heap->fast_bytes,   &heap->fast_chunks,  &heap->top_bytes,    &heap->used_chunks,
                              &heap->cache_bytes,  &heap->cache_chunks, &heap->mapped_bytes, &heap->mapped_chunks,
                              &heap->took_ns,      &heap->cpu_ns,       &heap->bytes_read};
    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
        *sums[i] = busy_next(&figure);
    heap->mapped_known = n % 2;
    heap->caches = 3;
    heap->num_arenas = 70;
    heap->num_listed = 1 + (uint32_t)(n / 7 % 3);
    heap->torn_arenas = n % 3 == 1;
    heap->types_left_out = n % 5 == 2;
    heap->types_cut = n % 5 == 3;
    for (size_t i = 0; i < heap->num_listed; i++)
        heap->arenas[i] = (struct malloc_arena){.address = 0x7f0000000000 + i * 4096,
                                                .is_main = i == 0,
                                                .is_whole = i != n % 4,
                                                .heaps = (uint32_t)i,
                                                .system_bytes = 135168,
                                                .top_bytes = i == 1 ? busy_next(&figure) : 4096,
                                                .used_chunks = 11};
    for (size_t i = 0; i < MALLOC_CLASSES; i++)
        heap->classes[i] = (struct malloc_class){.largest = malloc_class_largest(i),
                                                 .used_chunks = i % 16 == 3 ? busy_next(&figure) : i % 5 == 0 ? 8 : 0,
                                                 .free_bytes = i % 50 == 7 ? n / 30 * 16 : 0,
                                                 .cached_chunks = i % 64 == 1};
    heap->types = arena_alloc_array(&snapshot->arena, 4, sizeof(*heap->types));
    builder_check(heap->types != NULL);
    static const char *const names[] = {"net::Session", "ui::Widget", "(anonymous namespace)::Job",
                                        "cache::Entry<int>"};
    for (size_t i = 0; i < 4; i++)
        if ((n / 7 + i) % 4 != 0)
            heap->types[heap->num_types++] =
                (struct malloc_type){.name = catalog_add_string(snapshot->catalog, names[i], strlen(names[i])),
                                     .objects = 1 + n / 50,
                                     .bytes = 900 - 100 * i};
}

__attribute__((unused)) static void busy_session(struct snapshot **snapshots, size_t count)
{
    struct builder *b = builder_demo_create();
    struct mapping mapping = {
        .start = 0x400000, .limit = 0x900000, .offset = 0, .file = builder_string(b, "/usr/bin/prometheus")};
    for (size_t n = 0; n < count; n++) {
        builder_demo_second(b, (unsigned)n);
        b->regions.count = 0;
        if (n % 10 == 0) {
            /* In the order of their addresses, as the kernel lists them; some come, go and come again. */
            for (size_t i = 0; i < n / 20 % 4; i++)
                builder_region(b, 0x10000000 + (i << 20), 1 << 20, "r--s", i % 2 ? "/data/chunk" : NULL);
            if (n % 30 != 0)
                builder_region(b, 0x20000000, 1 << 20, n % 20 ? "rw-p" : "r--p", NULL);
            builder_region(b, 0x7ffc0000, 132 << 10, "rw-p", "[stack]");
            builder_region(b, 0xc000000000, (64 + (n / 50)) << 20, "rw-p", "[anon: Go: heap]");
        }
        if (n == 20)
            builder_thread(b, 4250, "late", 'D', "openat");
        if (n == 40)
            b->threads.count--;
        if (n == 30)
            builder_goroutines(b, 7, "waiting", "sleep", "main.ticker main.go:12", "main.main main.go:10");
        if (n == 35)
            b->groups.count--;
        if (n == 45)
            builder_goroutines(b, 9, "waiting", "sleep", "main.ticker main.go:12", "main.main main.go:10");
        if (n == 50)
            builder_set_unavailable(b, COUNTER_RSS, "the page went away");
        if (n == 60)
            builder_site(b, 32, "main.late main.go:77; main.main main.go:9");
        b->torn = n % 17 == 3;
        if (n == 70)
            b->profile_state = PROFILE_OFF, b->profile_reason = "MemProfileRate is 0";
        if (n == 75)
            b->profile_state = PROFILE_ON, b->profile_reason = NULL;
        b->problems.count = 0;
        if (n % 23 == 5)
            builder_check(vector_append(&b->problems, n % 2 ? "allgs: 3 of 2,030 pointers not readable" : "another"));
        if (n == 90)
            b->target.runtime_version = builder_string(b, "go1.25.1");
        if (n + 1 == count)
            b->exit_reason = "killed by signal 9";
        if (n == 100)
            b->interval_ns = 2 * BUILDER_SECOND_NS;
        b->counters[COUNTER_ANON].provenance = n % 9 == 0 ? PROVENANCE_STALE : PROVENANCE_EXACT;
        b->counters[COUNTER_ANON].reason = n % 9 == 0 ? "torn" : NULL;
        snapshots[n] = builder_take(b);
        struct snapshot *taken = snapshots[n];
        if (n % 20 == 10)
            busy_memory_map(taken, n);
        if (n % 7 == 0)
            busy_malloc_heap(taken, n);
        taken->profile_reason = b->profile_reason;
        taken->profile_since_unix_ns = n < 75 ? 0 : n < 110 ? PROFILE_SINCE_UNKNOWN : UINT64_C(1735689600123456789);
        taken->mappings = arena_alloc_array(&taken->arena, 1, sizeof(mapping));
        builder_check(taken->mappings != NULL);
        if (n == 120)
            mapping.limit += 4096;
        taken->mappings[0] = mapping;
        taken->num_mappings = 1;
        taken->num_size_classes = 3;
        taken->size_classes = arena_alloc_array(&taken->arena, 3, sizeof(struct size_class));
        builder_check(taken->size_classes != NULL);
        for (size_t i = 0; i < 3; i++)
            taken->size_classes[i] = (struct size_class){
                .size = (uint32_t)(8 << i), .mallocs = n * i + 7, .frees = n / 2};
        taken->cost.preload_rate = n >= 80 ? 512 << 10 : 0;
        for (size_t i = 0; i < taken->num_threads; i++) {
            taken->threads[i].read_monotonic_ns = i == 1 ? taken->monotonic_ns - 1234 : taken->monotonic_ns;
            if (n % 16 >= 8 && i == n % 3) {
                taken->threads[i].stack = b->sites.items[n % 2].stack;
                taken->threads[i].stack_quality = (uint8_t)(n % 16 / 8 + i % 2);
            }
        }
        builder_advance(b, 1);
    }
    builder_destroy(b);
}

#endif
