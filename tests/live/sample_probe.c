/* sample_probe PID: a developer's tool and the live tests' way to the Go reader alone. Attaches, and answers each line
 * of standard input with one line of JSON:
 *
 *   sample FILE     one sample; its heap profile as pprof into FILE ("-": none)
 *   doctor          the reader's doctor rows
 *   look            a look between samples, and how long the reader would have waited for it
 *   cost N          N samples, one after another: what one costs
 *   torn N          N samples, one after another, each held against what must be true of a whole one
 *
 * Ends with standard input. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/maps.h"
#include "attach/procfs.h"
#include "attach/reader.h"
#include "heaptop/analysis/gc_activity.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "heaptop/export.h"

struct probe {
    pid_t pid;
    struct memory *memory;
    struct image *image;
    struct catalog *catalog;
    struct reader *reader;
    struct target_info info;
    VECTOR(struct region) regions;
};

static void check(struct error *error)
{
    if (!error)
        return;
    printf("{\"error\":\"%s\"}\n", error->message);
    fprintf(stderr, "%s\n", error->message);
    exit(1);
}

static void *check_pointer(void *pointer)
{
    if (!pointer)
        check(error_no_memory());
    return pointer;
}

static void print_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

/* Where the executable's first loadable segment lies, less where it says it should. */
static uint64_t find_load_bias(struct probe *probe)
{
    char path[64], exe[4096];
    int folder;
    check(procfs_open_process(probe->pid, &folder));
    check(procfs_read_link(folder, "exe", exe, sizeof(exe)));
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)probe->pid);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    check(descriptor < 0 ? error_create(ERROR_SYSTEM, "cannot open '%s'", path) : NULL);
    check(image_open(descriptor, path, &probe->image));
    struct maps maps;
    check(maps_read(folder, &maps));
    close(folder);
    uint64_t bias = 0;
    bool found = false;
    for (size_t i = 0; i < maps.lines.count; i++) {
        const struct map_line *line = &maps.lines.items[i];
        struct region region = {.start = line->start, .size = line->end - line->start};
        memcpy(region.permissions, line->permissions, sizeof(region.permissions));
        if (!vector_append(&probe->regions, region))
            check(error_no_memory());
        if (!found && line->name_length == strlen(exe) &&
            memcmp(map_line_name(&maps, line), exe, line->name_length) == 0) {
            const struct image_segment *segment = image_segment_at(probe->image, 0);
            bias = line->start - (segment->address & ~(uint64_t)4095);
            found = true;
        }
    }
    maps_deinit(&maps);
    return image_is_position_independent(probe->image) ? bias : 0;
}

static void fill_threads(const struct probe *probe, struct snapshot *snapshot)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)probe->pid);
    DIR *folder = opendir(path);
    if (!folder)
        return;
    size_t capacity = 4096;
    snapshot->threads = check_pointer(arena_alloc_array(&snapshot->arena, capacity, sizeof(*snapshot->threads)));
    for (struct dirent *entry; (entry = readdir(folder)) && snapshot->num_threads < capacity;) {
        if (entry->d_name[0] != '.')
            snapshot->threads[snapshot->num_threads++].tid = atoi(entry->d_name);
    }
    closedir(folder);
}

static struct snapshot *take_sample(struct probe *probe)
{
    struct snapshot *snapshot;
    check(snapshot_create(probe->catalog, &snapshot));
    snapshot->target = probe->info;
    fill_threads(probe, snapshot);
    check(probe->reader->ops->sample(probe->reader, snapshot));
    return snapshot;
}

static void print_counters(const struct snapshot *snapshot)
{
    printf("\"counters\":{");
    for (int i = 0; i < COUNTER_COUNT; i++) {
        const struct counter *counter = &snapshot->counters[i];
        printf("%s\"%s.%s\":", i ? "," : "", counter_infos[i].group, counter_infos[i].name);
        if (!counter_known(counter))
            printf("null");
        else if (counter_infos[i].unit == UNIT_FRACTION)
            printf("%.17g", counter->value.real);
        else
            printf("%" PRId64, counter->value.integer);
    }
    printf("}");
}

static void print_stack(const struct catalog *catalog, const struct goroutine_group *group)
{
    struct stack stack = catalog_stack(catalog, group->stack);
    printf(",\"stack_cut\":%s,\"stack\":[", group->stack_cut ? "true" : "false");
    for (uint32_t i = 0; i < stack.depth; i++) {
        printf("%s[", i ? "," : "");
        print_string(catalog_function(catalog, stack.frames[i]));
        printf(",");
        print_string(catalog_file(catalog, stack.frames[i]));
        printf(",%u]", catalog_frame(catalog, stack.frames[i])->line);
    }
    printf("]");
}

static void print_object(const struct wait_object *object)
{
    printf("{\"kind\":%u,\"address\":%" PRIu64 ",\"read\":%s,\"closed\":%s,\"timer\":%s,\"bounded\":%s,\"senders\":%u,"
           "\"receivers\":%u,\"goroutines\":%u,\"length\":%" PRIu64 ",\"capacity\":%" PRIu64 "}",
           object->kind, object->address, object->is_read ? "true" : "false", object->is_closed ? "true" : "false",
           object->is_timer ? "true" : "false", object->is_bounded ? "true" : "false", object->senders,
           object->receivers, object->goroutines, object->length, object->capacity);
}

/* Every goroutine that is listed, with what it waits on. */
static void print_goroutines(const struct snapshot *snapshot)
{
    printf("\"goroutines_not_listed\":%zu,\"goroutines\":[", snapshot->goroutines_not_listed);
    for (size_t i = 0; i < snapshot->num_goroutines; i++) {
        const struct listed_goroutine *goroutine = &snapshot->goroutines[i];
        printf("%s{\"goid\":%" PRIu64 ",\"parent\":%" PRIu64 ",\"group\":%u,\"since\":%" PRIu64 ",\"waits\":[",
               i ? "," : "", goroutine->goid, goroutine->parent_goid, goroutine->group, goroutine->wait_since_ns);
        for (unsigned j = 0; j < goroutine->num_waits; j++) {
            printf("%s", j ? "," : "");
            print_object(&snapshot->wait_objects[snapshot->waits[goroutine->first_wait + j]]);
        }
        printf("]}");
    }
    printf("]");
}

static void print_groups(const struct snapshot *snapshot)
{
    const struct catalog *catalog = snapshot->catalog;
    printf("\"groups\":[");
    for (size_t i = 0; i < snapshot->num_goroutine_groups; i++) {
        const struct goroutine_group *group = &snapshot->goroutine_groups[i];
        printf("%s{\"count\":%u,\"system\":%s,\"state\":", i ? "," : "", group->count,
               group->system ? "true" : "false");
        print_string(catalog_string(catalog, group->state));
        printf(",\"wait_reason\":");
        print_string(catalog_string(catalog, group->wait_reason));
        printf(",\"start\":");
        print_string(catalog_function(catalog, group->start));
        printf(",\"created_by\":");
        print_string(catalog_function(catalog, group->created_by));
        printf(",\"created_file\":");
        print_string(catalog_file(catalog, group->created_by));
        print_stack(catalog, group);
        printf(",\"created_line\":%u,\"kind\":\"%s\",\"labels\":%s", catalog_frame(catalog, group->created_by)->line,
               wait_kind_name(group->kind), group->labels ? catalog_string(catalog, group->labels) : "{}");
        printf(",\"examined\":%u,\"objects\":%u,\"object\":", group->examined, group->num_objects);
        print_object(&group->object);
        printf(",\"parent_known\":%s,\"parent_ended\":%s,\"parent_start\":", group->parent_known ? "true" : "false",
               group->parent_ended ? "true" : "false");
        print_string(catalog_function(catalog, group->parent_start));
        printf(",\"wait_known\":%s,\"wait_ns_min\":%" PRIu64 ",\"wait_ns_max\":%" PRIu64 "}",
               group->wait_known ? "true" : "false", group->wait_ns_min, group->wait_ns_max);
    }
    printf("]");
}

static void print_cycles(const struct snapshot *snapshot)
{
    printf("\"gc_cycles\":[");
    for (size_t i = 0; i < snapshot->num_gc_cycles; i++) {
        const struct gc_cycle *cycle = &snapshot->gc_cycles[i];
        _cleanup_(text_deinit) struct text trace = {0};
        gc_cycle_write_trace(cycle, &trace);
        printf("%s{\"number\":%" PRIu64 ",\"end\":%" PRIu64 ",\"pause\":%" PRIu64
               ",\"heap_known\":%s,\"before\":%" PRIu64 ",\"peak\":%" PRIu64 ",\"after\":%" PRIu64 ",\"goal\":%" PRIu64
               ",\"cause\":\"%s\",\"gctrace\":\"%s\"}",
               i ? "," : "", cycle->number, cycle->end_unix_ns, cycle->pause_ns, cycle->heap_known ? "true" : "false",
               cycle->heap_before, cycle->heap_peak, cycle->heap_after, cycle->heap_goal,
               gc_cause_name((enum gc_cause)cycle->cause), trace.data);
    }
    printf("],\"size_classes\":[");
    for (size_t i = 0; i < snapshot->num_size_classes; i++) {
        const struct size_class *class = &snapshot->size_classes[i];
        printf("%s[%u,%" PRIu64 ",%" PRIu64 "]", i ? "," : "", class->size, class->mallocs, class->frees);
    }
    printf("]");
}

static void print_rest(const struct probe *probe, const struct snapshot *snapshot)
{
    printf("\"profile\":{\"state\":%d,\"torn\":%s,\"cycle\":%" PRIu64 ",\"sites\":%zu,\"reason\":",
           (int)snapshot->profile_state, snapshot->profile_torn ? "true" : "false", snapshot->profile_cycle,
           snapshot->num_sites);
    print_string(snapshot->profile_reason ? snapshot->profile_reason : "");
    printf("},\"located\":");
    print_string(catalog_string(probe->catalog, probe->info.how_located));
    printf(",\"laid_out\":");
    print_string(catalog_string(probe->catalog, probe->info.how_laid_out));
    printf(",\"version\":");
    print_string(catalog_string(probe->catalog, probe->info.runtime_version));
    printf(",\"main_module\":");
    print_string(catalog_string(probe->catalog, probe->info.main_module));
    printf(",\"problems\":[");
    for (size_t i = 0; i < snapshot->num_problems; i++) {
        printf("%s", i ? "," : "");
        print_string(snapshot->problems[i].text);
    }
    printf("],\"threads\":[");
    for (size_t i = 0; i < snapshot->num_threads; i++)
        printf("%s[%d,%" PRIu64 "]", i ? "," : "", (int)snapshot->threads[i].tid, snapshot->threads[i].goid);
    printf("],\"origins\":{");
    bool first = true;
    for (frame_id id = 1;
         catalog_frame(probe->catalog, id)->address != 0 || catalog_frame(probe->catalog, id)->function != 0; id++) {
        printf("%s", first ? "" : ",");
        first = false;
        print_string(catalog_function(probe->catalog, id));
        printf(":%d", catalog_frame(probe->catalog, id)->origin);
    }
    printf("}");
}

static void answer_sample(struct probe *probe, const char *path)
{
    struct snapshot *snapshot = take_sample(probe);
    if (strcmp(path, "-") != 0 && snapshot->num_sites > 0) {
        _cleanup_(text_deinit) struct text bytes = {0};
        check(export_pprof(&(struct export_request){.snapshot = snapshot}, &bytes));
        check(export_write_file(path, bytes.data, bytes.length));
    }
    printf("{");
    print_counters(snapshot);
    printf(",");
    print_groups(snapshot);
    printf(",");
    print_goroutines(snapshot);
    printf(",");
    print_cycles(snapshot);
    printf(",");
    print_rest(probe, snapshot);
    printf("}\n");
    snapshot_unref(snapshot);
}

static void answer_doctor(struct probe *probe)
{
    static const char *const states[] = {"yes", "partly", "no", "unknown"};
    struct doctor_report report = {0};
    arena_init(&report.arena);
    check(probe->reader->ops->examine(probe->reader, &report));
    printf("[");
    for (size_t i = 0; i < report.count; i++) {
        printf("%s{\"subject\":", i ? "," : "");
        print_string(report.rows[i].subject);
        printf(",\"state\":\"%s\",\"detail\":", states[report.rows[i].state]);
        print_string(report.rows[i].detail);
        printf(",\"remedy\":");
        print_string(report.rows[i].remedy ? report.rows[i].remedy : "");
        printf("}");
    }
    printf("]\n");
    doctor_report_deinit(&report);
}

static void answer_look(struct probe *probe)
{
    uint64_t interval = probe->reader->ops->look_interval(probe->reader);
    check(probe->reader->ops->look(probe->reader));
    printf("{\"interval_ns\":%" PRIu64 "}\n", interval);
}

static void answer_cost(struct probe *probe, size_t count)
{
    uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID), wall = clock_ns(CLOCK_MONOTONIC);
    uint64_t bytes = probe->memory->bytes_read, calls = probe->memory->read_calls, sites = 0, torn = 0;
    for (size_t i = 0; i < count; i++) {
        struct snapshot *snapshot = take_sample(probe);
        sites = snapshot->num_sites;
        torn += snapshot->profile_torn;
        snapshot_unref(snapshot);
    }
    cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
    wall = clock_ns(CLOCK_MONOTONIC) - wall;
    printf("{\"samples\":%zu,\"sites\":%" PRIu64 ",\"cpu_us\":%.1f,\"wall_us\":%.1f,\"bytes_read\":%" PRIu64
           ",\"read_calls\":%.1f,\"torn\":%" PRIu64 "}\n",
           count, sites, (double)cpu / 1e3 / (double)count, (double)wall / 1e3 / (double)count,
           (bytes = probe->memory->bytes_read - bytes) / count,
           (double)(probe->memory->read_calls - calls) / (double)count, torn);
}

/* What `torn` looks at. All of these must hold of a whole profile, however it was read. */
struct torn_totals {
    uint64_t samples, torn, fell, more_frees, wrong_bytes, above_total, moved, lost, early, cycles, retried, sites;
};

/* Allocations of every site that were counted up to some moment, published or not, in samples of one cycle: first
 * and last. */
#define TORN_MAX_SITES (1u << 16)
#define TORN_CYCLES 4u
struct counted {
    uint64_t cycle, first[TORN_MAX_SITES], last[TORN_MAX_SITES];
    size_t num_first, num_last;
};

/* counts of one site in the sample before. */
struct before {
    struct site_counts published;
    uint64_t provisional_allocs;
};

static void hold_against(const struct snapshot *snapshot, struct before *before, size_t num_before, bool comparable,
                         struct torn_totals *totals)
{
    for (size_t i = 0; i < snapshot->num_sites; i++) {
        const struct site *site = &snapshot->sites[i];
        const struct site_counts *all[] = {&site->published, &site->provisional};
        for (size_t j = 0; j < ARRAY_SIZE(all); j++) {
            totals->more_frees += all[j]->frees > all[j]->allocs;
            totals->wrong_bytes += all[j]->alloc_bytes != all[j]->allocs * site->object_size ||
                                   all[j]->free_bytes != all[j]->frees * site->object_size;
        }
        totals->above_total +=
            site->published.allocs > site->provisional.allocs || site->published.frees > site->provisional.frees;
        if (i < num_before) {
            totals->fell += comparable && (site->published.allocs < before[i].published.allocs ||
                                           site->published.frees < before[i].published.frees);
            totals->fell += site->provisional.allocs < before[i].provisional_allocs;
        }
        before[i] = (struct before){.published = site->published, .provisional_allocs = site->provisional.allocs};
    }
}

/* What was counted while cycle c went on is published with c + 2 at the latest (runtime/mprof.go: mallocs go to c +
 * 2), and nothing is published that was not counted before its cycle began. profile_cycle is the cycle or one less. */
static void hold_against_counted(const struct snapshot *snapshot, struct counted counted[TORN_CYCLES],
                                 struct torn_totals *totals)
{
    uint64_t cycle = snapshot->profile_cycle;
    struct counted *now = &counted[cycle % TORN_CYCLES], *old = &counted[(cycle + 1) % TORN_CYCLES];
    if (old->cycle + 3 == cycle) {
        for (size_t i = 0; i < old->num_last; i++)
            totals->lost += snapshot->sites[i].published.allocs < old->last[i];
    }
    if (now->cycle != cycle) {
        now->cycle = cycle;
        now->num_first = snapshot->num_sites;
        for (size_t i = 0; i < snapshot->num_sites; i++)
            now->first[i] = snapshot->sites[i].provisional.allocs;
    }
    for (size_t i = 0; i < now->num_first; i++)
        totals->early += snapshot->sites[i].published.allocs > now->first[i];
    now->num_last = snapshot->num_sites;
    for (size_t i = 0; i < snapshot->num_sites; i++)
        now->last[i] = snapshot->sites[i].provisional.allocs;
}

static void answer_torn(struct probe *probe, size_t count)
{
    static struct before before[TORN_MAX_SITES];
    static struct counted counted[TORN_CYCLES];
    struct torn_totals totals = {0};
    uint64_t cycle = 0, sum = 0;
    size_t num_before = 0;
    for (size_t i = 0; i < count; i++) {
        struct snapshot *snapshot = take_sample(probe);
        check(snapshot->num_sites > ARRAY_SIZE(before) ? error_create(ERROR_UNSUPPORTED, "more sites than are compared")
                                                       : NULL);
        totals.samples++;
        totals.retried += snapshot->cost.samples_retried;
        totals.torn += snapshot->profile_torn;
        if (!snapshot->profile_torn) {
            /* Until a cycle is published all counts are; when the first is, fewer are. */
            bool comparable = cycle > 2;
            uint64_t published = 0;
            for (size_t site = 0; site < snapshot->num_sites; site++)
                published += snapshot->sites[site].published.allocs + snapshot->sites[site].published.frees;
            /* Within one cycle nothing is published but at its end. */
            totals.moved += comparable && snapshot->profile_cycle == cycle && published != sum;
            totals.cycles += snapshot->profile_cycle != cycle;
            hold_against(snapshot, before, num_before, comparable, &totals);
            if (comparable)
                hold_against_counted(snapshot, counted, &totals);
            cycle = snapshot->profile_cycle;
            sum = published;
            num_before = snapshot->num_sites;
        }
        totals.sites = snapshot->num_sites;
        snapshot_unref(snapshot);
    }
    printf("{\"samples\":%" PRIu64 ",\"torn\":%" PRIu64 ",\"retried\":%" PRIu64 ",\"cycles\":%" PRIu64
           ",\"sites\":%" PRIu64 ",\"violations\":{\"fell\":%" PRIu64 ",\"more_frees_than_allocs\":%" PRIu64
           ",\"wrong_bytes\":%" PRIu64 ",\"published_above_all\":%" PRIu64 ",\"moved_within_cycle\":%" PRIu64
           ",\"lost\":%" PRIu64 ",\"early\":%" PRIu64 "}}\n",
           totals.samples, totals.torn, totals.retried, totals.cycles, totals.sites, totals.fell, totals.more_frees,
           totals.wrong_bytes, totals.above_total, totals.moved, totals.lost, totals.early);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s PID\n", argv[0]);
        return 2;
    }
    struct probe probe = {.pid = (pid_t)atoi(argv[1])};
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    check(memory_create_live(probe.pid, &probe.memory));
    check(catalog_create(&probe.catalog));
    struct reader_context context = {
        .memory = probe.memory, .load_bias = find_load_bias(&probe), .catalog = probe.catalog};
    context.image = probe.image;
    context.regions = probe.regions.items;
    context.num_regions = probe.regions.count;
    check(go_reader_ops.open(&context, &probe.info, &probe.reader));
    check(probe.reader ? NULL : error_create(ERROR_UNSUPPORTED, "process %d is no Go program", (int)probe.pid));
    printf("{\"attach_us\":%.1f}\n", (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1e3);
    fflush(stdout);

    char line[4096];
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = 0;
        char *argument = strchr(line, ' ');
        argument = argument ? argument + 1 : line + strlen(line);
        if (strncmp(line, "sample", 6) == 0)
            answer_sample(&probe, *argument ? argument : "-");
        else if (strncmp(line, "doctor", 6) == 0)
            answer_doctor(&probe);
        else if (strncmp(line, "look", 4) == 0)
            answer_look(&probe);
        else if (strncmp(line, "cost", 4) == 0)
            answer_cost(&probe, strtoul(argument, NULL, 10));
        else if (strncmp(line, "torn", 4) == 0)
            answer_torn(&probe, strtoul(argument, NULL, 10));
        else
            printf("{\"error\":\"no such command\"}\n");
        fflush(stdout);
    }
    probe.reader->ops->close(probe.reader);
    image_close(probe.image);
    catalog_unref(probe.catalog);
    memory_destroy(probe.memory);
    vector_deinit(&probe.regions);
    return 0;
}
