/* Whether two snapshots, each with a catalog of its own, say the same in every field. */
#ifndef TESTS_UNIT_RECORD_SNAPSHOT_COMPARE_H
#define TESTS_UNIT_RECORD_SNAPSHOT_COMPARE_H

#include <string.h>

#include "heaptop/snapshot.h"
#include "tests/unit/check_main.h"

struct pair {
    const struct catalog *a, *b;
};

static void compare_text(const char *a, const char *b)
{
    ck_assert_int_eq(a == NULL, b == NULL);
    if (a)
        ck_assert_str_eq(a, b);
}

static void compare_string(struct pair c, string_id a, string_id b)
{
    ck_assert_int_eq(a == 0, b == 0);
    ck_assert_str_eq(catalog_string(c.a, a), catalog_string(c.b, b));
}

static void compare_frame(struct pair c, frame_id a, frame_id b)
{
    const struct frame *left = catalog_frame(c.a, a), *right = catalog_frame(c.b, b);
    ck_assert_int_eq(a == 0, b == 0);
    compare_string(c, left->function, right->function);
    compare_string(c, left->file, right->file);
    ck_assert_uint_eq(left->line, right->line);
    ck_assert_uint_eq(left->start_line, right->start_line);
    ck_assert_uint_eq(left->address, right->address);
    ck_assert_uint_eq(left->origin, right->origin);
}

static void compare_stack(struct pair c, stack_id a, stack_id b)
{
    struct stack left = catalog_stack(c.a, a), right = catalog_stack(c.b, b);
    ck_assert_uint_eq(left.depth, right.depth);
    for (uint32_t i = 0; i < left.depth; i++)
        compare_frame(c, left.frames[i], right.frames[i]);
}

static void compare_target(struct pair c, const struct target_info *a, const struct target_info *b)
{
    ck_assert_int_eq(a->pid, b->pid);
    ck_assert_int_eq(a->inner_pid, b->inner_pid);
    ck_assert_uint_eq(a->start_unix_ns, b->start_unix_ns);
    ck_assert_uint_eq(a->uid, b->uid);
    ck_assert_int_eq(a->stripped, b->stripped);
    ck_assert_int_eq(a->position_independent, b->position_independent);
    ck_assert_uint_eq(a->load_bias, b->load_bias);
    const string_id left[] = {
        a->exe,         a->comm,     a->command_line, a->container,   a->runtime, a->runtime_version,
        a->main_module, a->build_id, a->how_located,  a->how_laid_out};
    const string_id right[] = {
        b->exe,         b->comm,     b->command_line, b->container,   b->runtime, b->runtime_version,
        b->main_module, b->build_id, b->how_located,  b->how_laid_out};
    for (size_t i = 0; i < ARRAY_SIZE(left); i++)
        compare_string(c, left[i], right[i]);
}

static void compare_counts(const struct site_counts *a, const struct site_counts *b)
{
    ck_assert_uint_eq(a->allocs, b->allocs);
    ck_assert_uint_eq(a->frees, b->frees);
    ck_assert_uint_eq(a->alloc_bytes, b->alloc_bytes);
    ck_assert_uint_eq(a->free_bytes, b->free_bytes);
}

static void compare_memory_maps(const struct memory_map *a, const struct memory_map *b)
{
    ck_assert_int_eq(a == NULL, b == NULL);
    if (!a)
        return;
    ck_assert_uint_eq(a->rss_bytes, b->rss_bytes);
    ck_assert_uint_eq(a->took_ns, b->took_ns);
    ck_assert_uint_eq(a->not_looked_at, b->not_looked_at);
    ck_assert_mem_eq(a->resident, b->resident, sizeof(a->resident));
    ck_assert_int_eq(a->heap_known, b->heap_known);
    compare_text(a->heap_reason, b->heap_reason);
    ck_assert_mem_eq(&a->heap, &b->heap, sizeof(a->heap));
    ck_assert_uint_eq(a->num_span_classes, b->num_span_classes);
    for (size_t i = 0; i < a->num_span_classes; i++) {
        const struct span_class *left = &a->span_classes[i], *right = &b->span_classes[i];
        ck_assert_uint_eq(left->object_size, right->object_size);
        ck_assert_int_eq(left->no_scan, right->no_scan);
        const uint64_t figures[2][12] = {{left->spans, left->bytes, left->resident_bytes, left->slots, left->objects,
                                          left->object_bytes, left->free_bytes, left->tail_bytes, left->cached_spans,
                                          left->partial_spans, left->full_spans, left->unswept_spans},
                                         {right->spans, right->bytes, right->resident_bytes, right->slots,
                                          right->objects, right->object_bytes, right->free_bytes, right->tail_bytes,
                                          right->cached_spans, right->partial_spans, right->full_spans,
                                          right->unswept_spans}};
        ck_assert_mem_eq(figures[0], figures[1], sizeof(figures[0]));
    }
}

static void compare_malloc_heaps(struct pair c, const struct malloc_heap *a, const struct malloc_heap *b)
{
    ck_assert_int_eq(a == NULL, b == NULL);
    if (!a)
        return;
    compare_text(a->reason, b->reason);
    compare_text(a->allocator, b->allocator);
    ck_assert_int_eq(a->known, b->known);
    const uint64_t sums[2][20] = {
        {a->system_bytes, a->used_bytes, a->free_bytes, a->free_chunks, a->fast_bytes, a->fast_chunks, a->top_bytes,
         a->used_chunks, a->cache_bytes, a->cache_chunks, a->caches, a->mapped_known, a->mapped_bytes, a->mapped_chunks,
         a->num_arenas, a->num_listed, a->torn_arenas, a->took_ns, a->cpu_ns, a->bytes_read},
        {b->system_bytes, b->used_bytes, b->free_bytes, b->free_chunks, b->fast_bytes, b->fast_chunks, b->top_bytes,
         b->used_chunks, b->cache_bytes, b->cache_chunks, b->caches, b->mapped_known, b->mapped_bytes, b->mapped_chunks,
         b->num_arenas, b->num_listed, b->torn_arenas, b->took_ns, b->cpu_ns, b->bytes_read}};
    ck_assert_mem_eq(sums[0], sums[1], sizeof(sums[0]));
    if (!a->known)
        return;
    for (uint32_t i = 0; i < a->num_listed; i++) {
        const struct malloc_arena *left = &a->arenas[i], *right = &b->arenas[i];
        const uint64_t figures[2][11] = {{left->address, left->is_main, left->is_whole, left->heaps, left->system_bytes,
                                          left->free_bytes, left->free_chunks, left->fast_bytes, left->fast_chunks,
                                          left->top_bytes, left->used_chunks},
                                         {right->address, right->is_main, right->is_whole, right->heaps,
                                          right->system_bytes, right->free_bytes, right->free_chunks, right->fast_bytes,
                                          right->fast_chunks, right->top_bytes, right->used_chunks}};
        ck_assert_mem_eq(figures[0], figures[1], sizeof(figures[0]));
    }
    ck_assert_mem_eq(a->classes, b->classes, sizeof(a->classes));
    ck_assert_uint_eq(a->types_left_out, b->types_left_out);
    ck_assert_int_eq(a->types_cut, b->types_cut);
    ck_assert_uint_eq(a->num_types, b->num_types);
    for (size_t i = 0; i < a->num_types; i++) {
        compare_string(c, a->types[i].name, b->types[i].name);
        ck_assert_uint_eq(a->types[i].objects, b->types[i].objects);
        ck_assert_uint_eq(a->types[i].bytes, b->types[i].bytes);
    }
}

static void compare_caches(const struct memory_map *a, const struct memory_map *b)
{
    ck_assert_uint_eq(a->num_caches, b->num_caches);
    for (size_t i = 0; i < a->num_caches; i++) {
        const struct heap_cache_use *left = &a->caches[i], *right = &b->caches[i];
        const uint64_t figures[2][7] = {{left->spans, left->bytes, left->free_slots, left->free_bytes,
                                         left->tiny_free_bytes, left->page_bytes, left->released_page_bytes},
                                        {right->spans, right->bytes, right->free_slots, right->free_bytes,
                                         right->tiny_free_bytes, right->page_bytes, right->released_page_bytes}};
        ck_assert_mem_eq(figures[0], figures[1], sizeof(figures[0]));
    }
}

static const struct listed_goroutine *find_listed(const struct snapshot *snapshot, uint64_t goid)
{
    for (size_t i = 0; i < snapshot->num_goroutines; i++)
        if (snapshot->goroutines[i].goid == goid)
            return &snapshot->goroutines[i];
    return NULL;
}

static void compare_wait_objects(const struct wait_object *a, const struct wait_object *b)
{
    ck_assert_uint_eq(a->kind, b->kind);
    ck_assert_uint_eq(a->address, b->address);
    ck_assert_int_eq(a->is_read, b->is_read);
    ck_assert_int_eq(a->is_closed, b->is_closed);
    ck_assert_int_eq(a->is_timer, b->is_timer);
    ck_assert_int_eq(a->is_bounded, b->is_bounded);
    ck_assert_uint_eq(a->goroutines, b->goroutines);
    ck_assert_uint_eq(a->length, b->length);
    ck_assert_uint_eq(a->capacity, b->capacity);
    ck_assert_uint_eq(a->senders, b->senders);
    ck_assert_uint_eq(a->receivers, b->receivers);
}

static bool is_same_group(struct pair c, const struct goroutine_group *a, const struct goroutine_group *b)
{
    const string_id left[] = {a->state, a->wait_reason, a->labels, catalog_frame(c.a, a->start)->function,
                              catalog_frame(c.a, a->created_by)->function};
    const string_id right[] = {b->state, b->wait_reason, b->labels, catalog_frame(c.b, b->start)->function,
                               catalog_frame(c.b, b->created_by)->function};
    bool is_same = a->kind == b->kind && a->system == b->system &&
                   catalog_stack(c.a, a->stack).depth == catalog_stack(c.b, b->stack).depth;
    for (size_t i = 0; i < ARRAY_SIZE(left); i++)
        is_same = is_same && strcmp(catalog_string(c.a, left[i]), catalog_string(c.b, right[i])) == 0;
    return is_same;
}

/* The goroutines of `b` are those that were listed in `a`, in whatever order, but for those of groups that `b` has
 * not any more. */
__attribute__((unused)) static void compare_goroutines(const struct snapshot *a, const struct snapshot *b)
{
    struct pair c = {a->catalog, b->catalog};
    size_t expected = 0;
    for (size_t i = 0; i < a->num_goroutines; i++) {
        const struct goroutine_group *group = &a->goroutine_groups[a->goroutines[i].group];
        bool is_there = false;
        for (size_t j = 0; j < b->num_goroutine_groups && !is_there; j++)
            is_there = is_same_group(c, group, &b->goroutine_groups[j]);
        expected += is_there;
    }
    ck_assert_uint_eq(b->num_goroutines, expected);
    ck_assert_uint_eq(a->goroutines_not_listed, b->goroutines_not_listed);
    for (size_t i = 0; i < b->num_goroutines; i++) {
        const struct listed_goroutine *right = &b->goroutines[i], *left = find_listed(a, right->goid);
        ck_assert_ptr_nonnull(left);
        ck_assert(is_same_group(c, &a->goroutine_groups[left->group], &b->goroutine_groups[right->group]));
        ck_assert_uint_eq(left->parent_goid, right->parent_goid);
        ck_assert_uint_eq(left->wait_since_ns, right->wait_since_ns);
        ck_assert_int_eq(left->examined, right->examined);
        ck_assert_uint_eq(left->num_waits, right->num_waits);
        for (unsigned j = 0; j < left->num_waits; j++)
            compare_wait_objects(&a->wait_objects[a->waits[left->first_wait + j]],
                                 &b->wait_objects[b->waits[right->first_wait + j]]);
    }
}

static void compare_lists(struct pair c, const struct snapshot *a, const struct snapshot *b)
{
    ck_assert_uint_eq(a->num_sites, b->num_sites);
    for (size_t i = 0; i < a->num_sites; i++) {
        compare_stack(c, a->sites[i].stack, b->sites[i].stack);
        ck_assert_uint_eq(a->sites[i].object_size, b->sites[i].object_size);
        compare_counts(&a->sites[i].published, &b->sites[i].published);
        compare_counts(&a->sites[i].provisional, &b->sites[i].provisional);
    }
    ck_assert_uint_eq(a->num_goroutine_groups, b->num_goroutine_groups);
    for (size_t i = 0; i < a->num_goroutine_groups; i++) {
        const struct goroutine_group *left = &a->goroutine_groups[i], *right = &b->goroutine_groups[i];
        compare_string(c, left->state, right->state);
        compare_string(c, left->wait_reason, right->wait_reason);
        compare_frame(c, left->created_by, right->created_by);
        compare_frame(c, left->start, right->start);
        compare_stack(c, left->stack, right->stack);
        compare_stack(c, left->profile_stack, right->profile_stack);
        ck_assert_uint_eq(left->count, right->count);
        ck_assert_int_eq(left->system, right->system);
        ck_assert_int_eq(left->wait_known, right->wait_known);
        ck_assert_uint_eq(left->wait_ns_min, right->wait_ns_min);
        ck_assert_uint_eq(left->wait_ns_max, right->wait_ns_max);
        compare_string(c, left->labels, right->labels);
        ck_assert_uint_eq(left->kind, right->kind);
        ck_assert_int_eq(left->stack_cut, right->stack_cut);
        ck_assert_int_eq(left->parent_known, right->parent_known);
        ck_assert_int_eq(left->parent_ended, right->parent_ended);
        compare_frame(c, left->parent_created_by, right->parent_created_by);
        compare_frame(c, left->parent_start, right->parent_start);
        ck_assert_uint_eq(left->examined, right->examined);
        ck_assert_uint_eq(left->num_objects, right->num_objects);
        compare_wait_objects(&left->object, &right->object);
    }
    /* One by one they are listed now and then. */
    ck_assert_int_eq(a->goroutines == NULL, b->goroutines == NULL);
    ck_assert_uint_eq(a->goroutines_monotonic_ns, 0);
    if (b->goroutines_monotonic_ns == 0)
        compare_goroutines(a, b);
    ck_assert_uint_eq(a->num_threads, b->num_threads);
    for (size_t i = 0; i < a->num_threads; i++) {
        const struct thread *left = &a->threads[i], *right = &b->threads[i];
        ck_assert_int_eq(left->tid, right->tid);
        ck_assert_int_eq(left->state, right->state);
        compare_string(c, left->name, right->name);
        compare_string(c, left->system_call, right->system_call);
        compare_string(c, left->wait_channel, right->wait_channel);
        ck_assert_uint_eq(left->cpu_ns, right->cpu_ns);
        ck_assert_int_eq(left->processor, right->processor);
        ck_assert_uint_eq(left->goid, right->goid);
        ck_assert_uint_eq(left->role, right->role);
        ck_assert_int_eq(left->proc, right->proc);
        ck_assert_int_eq(left->machine, right->machine);
        ck_assert_uint_eq(left->locked_goid, right->locked_goid);
        ck_assert_uint_eq(left->read_monotonic_ns, right->read_monotonic_ns);
        compare_stack(c, left->stack, right->stack);
        ck_assert_uint_eq(left->stack_quality, right->stack_quality);
    }
    ck_assert_uint_eq(a->num_procs, b->num_procs);
    for (size_t i = 0; i < a->num_procs; i++) {
        const struct proc *left = &a->procs[i], *right = &b->procs[i];
        ck_assert_uint_eq(left->id, right->id);
        ck_assert_uint_eq(left->state, right->state);
        ck_assert_uint_eq(left->queue, right->queue);
        ck_assert_int_eq(left->machine, right->machine);
        ck_assert_int_eq(left->tid, right->tid);
        ck_assert_uint_eq(left->goid, right->goid);
        ck_assert_uint_eq(left->schedule_ticks, right->schedule_ticks);
        ck_assert_uint_eq(left->system_call_ticks, right->system_call_ticks);
    }
    ck_assert_uint_eq(a->num_gc_cycles, b->num_gc_cycles);
    for (size_t i = 0; i < a->num_gc_cycles; i++) {
        const struct gc_cycle *left = &a->gc_cycles[i], *right = &b->gc_cycles[i];
        ck_assert_uint_eq(left->number, right->number);
        ck_assert_uint_eq(left->end_unix_ns, right->end_unix_ns);
        ck_assert_uint_eq(left->pause_ns, right->pause_ns);
        ck_assert_uint_eq(left->heap_before, right->heap_before);
        ck_assert_uint_eq(left->heap_peak, right->heap_peak);
        ck_assert_uint_eq(left->heap_after, right->heap_after);
        ck_assert_uint_eq(left->heap_goal, right->heap_goal);
        ck_assert_int_eq(left->times_known, right->times_known);
        ck_assert_int_eq(left->heap_known, right->heap_known);
        ck_assert_int_eq(left->goal_known, right->goal_known);
        ck_assert_uint_eq(left->cause, right->cause);
        ck_assert_uint_eq(left->since_init_ns, right->since_init_ns);
        ck_assert_uint_eq(left->sweep_termination_ns, right->sweep_termination_ns);
        ck_assert_uint_eq(left->mark_ns, right->mark_ns);
        ck_assert_uint_eq(left->mark_termination_ns, right->mark_termination_ns);
        ck_assert_uint_eq(left->procs, right->procs);
        ck_assert_uint_eq(left->stop_procs, right->stop_procs);
        ck_assert_uint_eq(left->assist_cpu_ns, right->assist_cpu_ns);
        ck_assert_uint_eq(left->background_cpu_ns, right->background_cpu_ns);
        ck_assert_uint_eq(left->idle_cpu_ns, right->idle_cpu_ns);
        ck_assert_uint_eq(left->stack_bytes, right->stack_bytes);
        ck_assert_uint_eq(left->globals_bytes, right->globals_bytes);
        ck_assert_double_eq(left->cpu_fraction, right->cpu_fraction);
        ck_assert_int_eq(left->phases_known, right->phases_known);
        ck_assert_int_eq(left->cpu_known, right->cpu_known);
        ck_assert_int_eq(left->since_init_known, right->since_init_known);
    }
    ck_assert_uint_eq(a->num_regions, b->num_regions);
    for (size_t i = 0; i < a->num_regions; i++) {
        ck_assert_uint_eq(a->regions[i].start, b->regions[i].start);
        ck_assert_uint_eq(a->regions[i].size, b->regions[i].size);
        ck_assert_str_eq(a->regions[i].permissions, b->regions[i].permissions);
        compare_string(c, a->regions[i].name, b->regions[i].name);
        ck_assert_int_eq(a->regions[i].is_measured, b->regions[i].is_measured);
        ck_assert_uint_eq(a->regions[i].kind, b->regions[i].kind);
        ck_assert_uint_eq(a->regions[i].resident_bytes, b->regions[i].resident_bytes);
    }
    compare_memory_maps(a->memory_map, b->memory_map);
    compare_malloc_heaps(c, a->malloc_heap, b->malloc_heap);
    if (a->memory_map)
        compare_caches(a->memory_map, b->memory_map);
    ck_assert_uint_eq(a->num_mappings, b->num_mappings);
    for (size_t i = 0; i < a->num_mappings; i++) {
        ck_assert_uint_eq(a->mappings[i].start, b->mappings[i].start);
        ck_assert_uint_eq(a->mappings[i].limit, b->mappings[i].limit);
        ck_assert_uint_eq(a->mappings[i].offset, b->mappings[i].offset);
        compare_string(c, a->mappings[i].file, b->mappings[i].file);
        compare_string(c, a->mappings[i].build_id, b->mappings[i].build_id);
    }
    ck_assert_uint_eq(a->num_problems, b->num_problems);
    for (size_t i = 0; i < a->num_problems; i++)
        ck_assert_str_eq(a->problems[i].text, b->problems[i].text);
}

/* Size classes are recorded in keyframes only, of which the first tick is one. */
__attribute__((unused)) static void compare_snapshots(const struct snapshot *a, const struct snapshot *b)
{
    struct pair c = {a->catalog, b->catalog};
    ck_assert_uint_eq(a->sequence, b->sequence);
    ck_assert_uint_eq(a->unix_ns, b->unix_ns);
    ck_assert_uint_eq(a->monotonic_ns, b->monotonic_ns);
    ck_assert_uint_eq(a->interval_ns, b->interval_ns);
    compare_target(c, &a->target, &b->target);
    ck_assert_int_eq(a->exited, b->exited);
    compare_text(a->exit_reason, b->exit_reason);
    for (int id = 0; id < COUNTER_COUNT; id++) {
        ck_assert_msg(a->counters[id].value.integer == b->counters[id].value.integer, "%s", counter_infos[id].name);
        ck_assert_msg(a->counters[id].provenance == b->counters[id].provenance, "%s", counter_infos[id].name);
        compare_text(a->counters[id].reason, b->counters[id].reason);
    }
    ck_assert_int_eq(a->profile_state, b->profile_state);
    compare_text(a->profile_reason, b->profile_reason);
    ck_assert_uint_eq(a->profile_cycle, b->profile_cycle);
    ck_assert_int_eq(a->profile_torn, b->profile_torn);
    ck_assert_uint_eq(a->profile_since_unix_ns, b->profile_since_unix_ns);
    ck_assert_int_eq(a->sites_truncated, b->sites_truncated);
    compare_lists(c, a, b);
    ck_assert_mem_eq(&a->cost, &b->cost, sizeof(a->cost));
    ck_assert_uint_eq(a->num_size_classes, b->num_size_classes);
    for (size_t i = 0; i < a->num_size_classes; i++) {
        ck_assert_uint_eq(a->size_classes[i].size, b->size_classes[i].size);
        ck_assert_msg(a->sequence != 1 || (a->size_classes[i].mallocs == b->size_classes[i].mallocs &&
                                           a->size_classes[i].frees == b->size_classes[i].frees),
                      "size class %zu", i);
    }
}

#endif
