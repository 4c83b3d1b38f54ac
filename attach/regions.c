#include "attach/regions.h"

#include <stdlib.h>

#include "attach/malloc/allocator.h"
#include "attach/malloc/glibc_heap.h"
#include "attach/memory_map.h"
#include "attach/procfs.h"
#include "attach/program_kind.h"
#include "attach/residency.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"

/* Reading the memory map holds the target's own mmap back; the map changes slowly. */
#define MAPS_PERIOD_NS (30 * CLOCK_SECOND_NS)
/* Pages are looked at again, up to so many times, where RSS has moved by more than this part of it. */
#define RSS_MOVED_PART 100
#define MAX_LOOKS 3u
/* With more than this swapped out the heap of C code is not read. */
#define MOST_SWAPPED_BYTES (INT64_C(16) << 20)
/* A path of /proc/PID/exe: PATH_MAX and " (deleted)". */
#define TARGET_LINK_SIZE 4112

DEFINE_CLEANUP(struct residency *, residency_close)

void region_reader_detach(struct region_reader *reader)
{
    mapping_list_destroy(reader->mappings);
    type_names_deinit(&reader->type_names);
    reader->mappings = NULL;
    reader->image = NULL;
    reader->allocator = NULL;
    reader->maps_read_ns = reader->malloc_due_ns = 0;
}

struct error *region_reader_attach(struct region_reader *reader, struct target *target, struct memory *memory,
                                   struct name_cache *names, struct arena *arena, struct region **ret_regions,
                                   size_t *ret_count)
{
    struct maps maps = {0};
    reader->target = target;
    reader->memory = memory;
    reader->names = names;
    struct error *error = mapping_list_create(target, names, &reader->mappings);
    if (!error)
        error = maps_read(target->folder, &maps);
    if (!error)
        error = maps_make_regions(&maps, arena, names, ret_regions, ret_count);
    if (!error)
        error = mapping_list_refresh(reader->mappings, &maps);
    maps_deinit(&maps);
    return error;
}

void region_reader_request_pages(struct region_reader *reader)
{
    reader->wants_pages = true;
}

static uint64_t read_rss(const struct region_reader *reader)
{
    struct process_status status = {0};
    _cleanup_error_ struct error *error = target_read_status(reader->target, &status);
    return !error && status.memory_known ? status.rss_bytes : 0;
}

static struct error *measure(const struct region_reader *reader, const struct maps *maps,
                             const struct heap_survey *survey, struct snapshot *snapshot)
{
    char program[TARGET_LINK_SIZE] = "";
    _cleanup_free_ uint8_t *kinds = calloc(maps->lines.count + 1, 1);
    _cleanup_(residency_closep) struct residency *residency = NULL;
    if (!kinds)
        return error_no_memory();
    /* Without it the executable's pages are shown as those of any file. */
    error_destroy(procfs_read_link(reader->target->folder, "exe", program, sizeof(program)));
    struct error *error = residency_open(reader->target->folder, &residency);
    if (error)
        return error;
    memory_map_classify(maps, survey, program, kinds);
    return memory_map_measure(residency, maps, kinds, survey, snapshot);
}

/* With the readers' sample already made, so that the figures of both are of nearly the same moment. `before` is RSS as
 * it was before the maps were read: *ret_moved is whether it is another since. */
static struct error *look_at_pages(struct region_reader *reader, struct reader_set *readers, const struct maps *maps,
                                   uint64_t before, struct snapshot *snapshot, bool *ret_moved)
{
    struct heap_survey survey = {0};
    struct error *error = reader_set_survey(readers, &survey);
    if (!error)
        error = measure(reader, maps, &survey, snapshot);
    heap_survey_deinit(&survey);
    if (error && reader_error_is_final(error))
        return error;
    if (error) {
        snapshot_add_problem(snapshot, "resident pages: %s", error->message);
        error_destroy(error);
        return NULL;
    }
    uint64_t after = read_rss(reader), moved = after > before ? after - before : before - after;
    *ret_moved = before && after && moved > before / RSS_MOVED_PART;
    snapshot->memory_map->rss_bytes = before && after ? (before + after) / 2 : before + after;
    snapshot->memory_map->took_ns = clock_ns(CLOCK_MONOTONIC) - reader->pages_ns;
    return NULL;
}

/* What serves the program's allocations, found once. */
static void find_allocator(struct region_reader *reader, const struct maps *maps)
{
    struct program_kind kind = {.allocator = ""};
    if (reader->allocator)
        return;
    if (reader->image)
        kind = program_kind_of_image(reader->image, "");
    program_kind_add_maps(&kind, reader->target->folder, maps);
    reader->allocator = kind.allocator;
}

/* A C library's malloc that another one has taken the place of has nothing; one beside it may have. */
static void name_allocator(const struct region_reader *reader, struct malloc_heap *heap)
{
    const char *why = allocator_why_not_read(reader->allocator);
    heap->allocator = reader->allocator;
    if (!why || (heap->known && heap->system_bytes + heap->mapped_bytes > 0))
        return;
    heap->known = false;
    heap->reason = why;
}

/* What lies in the heaps of C code, and which classes its objects are of. */
static struct error *walk_malloc_heap(struct region_reader *reader, const struct maps *maps, struct snapshot *snapshot,
                                      struct malloc_heap *heap)
{
    _cleanup_free_ struct first_words *words = malloc(sizeof(*words));
    if (!words)
        return error_no_memory();
    struct error *error = first_words_init(words, maps);
    if (!error)
        error = glibc_heap_read(reader->memory, maps, words, heap);
    if (!error && heap->known)
        error = object_types_read(reader->memory, words, &reader->type_names, reader->names, &snapshot->arena, heap);
    first_words_deinit(words);
    find_allocator(reader, maps);
    name_allocator(reader, heap);
    return error;
}

/* Chunks that are swapped out are left there. */
static struct error *read_malloc_heap(struct region_reader *reader, const struct maps *maps, struct snapshot *snapshot)
{
    struct malloc_heap *heap = arena_alloc(&snapshot->arena, sizeof(*heap));
    const struct counter *swap = &snapshot->counters[COUNTER_SWAP];
    if (!heap)
        return error_no_memory();
    if (counter_known(swap) && swap->value.integer > MOST_SWAPPED_BYTES) {
        heap->reason = "part of it may be swapped out, and reading it would bring it back";
        snapshot->malloc_heap = heap;
        return NULL;
    }
    struct error *error = walk_malloc_heap(reader, maps, snapshot, heap);
    if (error && reader_error_is_final(error))
        return error;
    if (error)
        snapshot_add_problem(snapshot, "malloc's heap: %s", error->message);
    else
        snapshot->malloc_heap = heap;
    error_destroy(error);
    return NULL;
}

enum look { LOOK_AT_MAPS, LOOK_AT_MALLOC, LOOK_AT_PAGES, LOOK_AT_PAGES_LAST };

static struct error *look_once(struct region_reader *reader, struct reader_set *readers, enum look look,
                               struct snapshot *snapshot, bool *ret_moved)
{
    struct maps maps;
    bool measures = look == LOOK_AT_PAGES || look == LOOK_AT_PAGES_LAST;
    uint64_t before = measures ? read_rss(reader) : 0;
    *ret_moved = false;
    struct error *error = maps_read(reader->target->folder, &maps);
    if (error) {
        snapshot_add_problem(snapshot, "memory map: %s", error->message);
        error_destroy(error);
        return NULL;
    }
    error = maps_make_regions(&maps, &snapshot->arena, reader->names, &snapshot->regions, &snapshot->num_regions);
    if (!error)
        error = mapping_list_refresh(reader->mappings, &maps);
    if (!error && measures)
        error = look_at_pages(reader, readers, &maps, before, snapshot, ret_moved);
    bool is_last = !*ret_moved || look == LOOK_AT_PAGES_LAST;
    if (!error && is_last && look != LOOK_AT_MAPS)
        error = read_malloc_heap(reader, &maps, snapshot);
    if (is_last && maps.truncated)
        snapshot_add_problem(snapshot, "the memory map has more than %d lines; the rest is left out", MAPS_MAX_LINES);
    if (is_last && maps.malformed)
        snapshot_add_problem(snapshot, "%zu lines of the memory map were not understood", maps.malformed);
    maps_deinit(&maps);
    return error;
}

/* A heap profile says more of its program's heap, where collectors' figures do not; and a first sample is not kept
 * waiting. */
static bool malloc_is_due(struct region_reader *reader, const struct reader_set *readers, uint64_t now)
{
    bool is_first = reader->malloc_due_ns == 0;
    if (reader_set_has_profile(readers))
        return false;
    if (is_first)
        reader->malloc_due_ns = now;
    return !is_first && now >= reader->malloc_due_ns;
}

/* Where RSS has moved meanwhile, as on a machine that has more to do than it can, maps and pages are looked at once
 * more: a heap that has grown since the maps were read is in none of their lines. */
struct error *region_reader_sample(struct region_reader *reader, struct reader_set *readers, struct snapshot *snapshot)
{
    bool measures = reader->wants_pages &&
                    (!reader->pages_ns || snapshot->monotonic_ns - reader->pages_ns >= REGIONS_PAGES_PERIOD_NS);
    bool walks = malloc_is_due(reader, readers, snapshot->monotonic_ns);
    if (measures || walks)
        reader->maps_read_ns = 0;
    if (!clock_is_due(&reader->maps_read_ns, snapshot->monotonic_ns, MAPS_PERIOD_NS))
        return mapping_list_fill(reader->mappings, snapshot);
    if (measures) {
        reader->wants_pages = false;
        reader->pages_ns = clock_ns(CLOCK_MONOTONIC);
    }
    struct error *error = NULL;
    bool moved = true;
    uint64_t cpu_before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned looks = 1; !error && moved && looks <= MAX_LOOKS; looks++)
        error = look_once(reader, readers,
                          !measures            ? walks ? LOOK_AT_MALLOC : LOOK_AT_MAPS
                          : looks == MAX_LOOKS ? LOOK_AT_PAGES_LAST
                                               : LOOK_AT_PAGES,
                          snapshot, &moved);
    /* The pages' cost is somebody's who has asked for it. */
    if (walks && !measures)
        reader->malloc_due_ns = snapshot->monotonic_ns +
                                REGIONS_MALLOC_PARTS * (clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_before);
    return error ? error : mapping_list_fill(reader->mappings, snapshot);
}
