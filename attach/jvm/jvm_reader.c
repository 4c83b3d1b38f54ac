/* The reader of JVMs: heap, collections, safepoints, classes and threads, by the counters that the JVM keeps for jstat.
 * They are read where the process has mapped them, not by their file: that may have been removed, or be another's. */
#include <stdlib.h>
#include <string.h>

#include "attach/jvm/hsperfdata.h"
#include "attach/late_look.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"

/* 32 KB unless told otherwise (-XX:PerfDataMemorySize). */
#define MAX_DATA_BYTES ((size_t)1 << 20)
#define VERSION_TEXT 24
#define HEAP_PADDING_MASK UINT64_C(0xfff)

struct jvm_reader {
    struct reader reader;
    struct reader_context context;
    struct late_look look;
    bool is_loaded;             /* libjvm.so is mapped. */
    remote_address address;     /* Of the counters; 0: not found. */
    size_t size;
    uint8_t *bytes;             /* A copy of them; `size` bytes. */
    string_id version;
    const char *problem; /* Why there are none as of the last sample; static, or of the catalog. NULL: there are. */
};

static const char no_counters[] =
    "this JVM keeps no counters that can be read (-XX:-UsePerfData, -XX:+PerfDisableSharedMem)";

static struct error *jvm_reader_open(const struct reader_context *context, struct target_info *info,
                                     struct reader **ret_reader)
{
    *ret_reader = NULL;
    /* A command that has only begun has not loaded it yet. */
    if (!context->target ||
        (!reader_context_has_file(context, "libjvm.so") && !reader_context_names(context, "JLI_Launch")))
        return NULL;
    _cleanup_free_ struct jvm_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return error_no_memory();
    reader->reader.ops = &jvm_reader_ops;
    reader->context = *context;
    info->runtime = catalog_add_string(context->catalog, "jvm", 3);
    *ret_reader = &take_pointer(reader)->reader;
    return NULL;
}

static void jvm_reader_close(struct reader *base)
{
    struct jvm_reader *reader = (struct jvm_reader *)base;
    free(reader->bytes);
    free(reader);
}

/* "/tmp/hsperfdata_USER/PID", by its folder. */
static bool is_counters(const struct maps *maps, const struct map_line *line)
{
    static const char folder[] = "/hsperfdata_";
    return line->inode != 0 && line->permissions[0] == 'r' &&
           memmem(map_line_name(maps, line), line->name_length, folder, strlen(folder)) != NULL;
}

static struct error *find_counters(struct jvm_reader *reader)
{
    struct maps maps;
    struct error *error = maps_read(reader->context.target->folder, &maps);
    if (error)
        return error;
    reader->is_loaded = maps_find_file(&maps, "libjvm.so");
    for (size_t i = 0; i < maps.lines.count && !reader->address; i++) {
        const struct map_line *line = &maps.lines.items[i];
        if (!is_counters(&maps, line))
            continue;
        reader->size = line->end - line->start < MAX_DATA_BYTES ? (size_t)(line->end - line->start) : MAX_DATA_BYTES;
        reader->bytes = malloc(reader->size);
        error = reader->bytes ? NULL : error_no_memory();
        reader->address = error ? 0 : line->start;
    }
    maps_deinit(&maps);
    return error;
}

/* Sums of counters, which are known where at least one of them is. */
struct figure {
    int64_t value;
    bool is_known;
};

static struct figure figure_of(const struct hsperfdata *data, enum hsperfdata_value id)
{
    return (struct figure){data->values[id], data->is_known[id]};
}

static struct figure add(struct figure one, struct figure other)
{
    uint64_t sum = (uint64_t)(one.is_known ? one.value : 0) + (uint64_t)(other.is_known ? other.value : 0);
    return (struct figure){(int64_t)sum, one.is_known || other.is_known};
}

static struct figure subtract(struct figure one, struct figure other)
{
    other.value = (int64_t)(0 - (uint64_t)other.value);
    return add(one, other);
}

static struct figure ticks_to_ns(const struct hsperfdata *data, enum hsperfdata_value id)
{
    struct figure frequency = figure_of(data, HSPERFDATA_TICKS_PER_S), ticks = figure_of(data, id);
    if (!frequency.is_known || frequency.value <= 0 || !ticks.is_known || ticks.value < 0)
        return (struct figure){0};
    double ns = (double)ticks.value / (double)frequency.value * 1e9;
    bool is_exact = frequency.value == (int64_t)CLOCK_SECOND_NS;
    return (struct figure){is_exact ? ticks.value : ns < 9e18 ? (int64_t)ns : INT64_MAX, true};
}

static void set(struct snapshot *snapshot, enum counter_id id, struct figure figure, const char *reason)
{
    if (figure.is_known && figure.value >= 0)
        snapshot_set(snapshot, id, figure.value);
    else
        snapshot_set_unavailable(snapshot, id, reason);
}

/* Of Serial and Parallel ("Copy:MSC", "ParScav:MSC") two generations share the heap; of G1 and of ZGC with generations
 * each may become all of it (src/hotspot/share/gc/g1/g1MonitoringSupport.cpp, gc/z/zServiceability.cpp); Shenandoah's
 * young one is of no size. */
static struct figure heap_max(const struct hsperfdata *data)
{
    struct figure young = figure_of(data, HSPERFDATA_YOUNG_MAX), old = figure_of(data, HSPERFDATA_OLD_MAX);
    return strchr(data->policy, ':') ? add(young, old) : old;
}

static void fill(const struct hsperfdata *data, struct snapshot *snapshot)
{
    static const char none[] = "this JVM has no such counter", no_young[] = "its collector has no generations",
                      no_collector[] = "its collector has none of that kind";
    struct figure eden = figure_of(data, HSPERFDATA_EDEN_USED), old = figure_of(data, HSPERFDATA_OLD_USED);
    struct figure survivors =
        add(figure_of(data, HSPERFDATA_SURVIVOR_0_USED), figure_of(data, HSPERFDATA_SURVIVOR_1_USED));
    struct figure young = add(eden, survivors);
    /* Shenandoah has one without spaces, of no size. */
    struct figure young_capacity = young.is_known ? figure_of(data, HSPERFDATA_YOUNG_CAPACITY) : (struct figure){0};
    struct figure old_capacity = figure_of(data, HSPERFDATA_OLD_CAPACITY);
    struct figure classes = subtract(
        add(figure_of(data, HSPERFDATA_LOADED_CLASSES), figure_of(data, HSPERFDATA_SHARED_LOADED_CLASSES)),
        add(figure_of(data, HSPERFDATA_UNLOADED_CLASSES), figure_of(data, HSPERFDATA_SHARED_UNLOADED_CLASSES)));
    set(snapshot, COUNTER_JAVA_HEAP_USED, add(young, old), none);
    set(snapshot, COUNTER_JAVA_HEAP_COMMITTED, add(young_capacity, old_capacity), none);
    set(snapshot, COUNTER_JAVA_HEAP_MAX, heap_max(data), none);
    set(snapshot, COUNTER_JAVA_YOUNG_USED, young, no_young);
    set(snapshot, COUNTER_JAVA_YOUNG_COMMITTED, young_capacity, no_young);
    set(snapshot, COUNTER_JAVA_OLD_USED, old, none);
    set(snapshot, COUNTER_JAVA_OLD_COMMITTED, old_capacity, none);
    set(snapshot, COUNTER_JAVA_METASPACE_USED, figure_of(data, HSPERFDATA_METASPACE_USED), none);
    set(snapshot, COUNTER_JAVA_METASPACE_COMMITTED, figure_of(data, HSPERFDATA_METASPACE_CAPACITY), none);
    set(snapshot, COUNTER_JAVA_YOUNG_GCS, figure_of(data, HSPERFDATA_YOUNG_GCS), no_collector);
    set(snapshot, COUNTER_JAVA_YOUNG_GC_TIME, ticks_to_ns(data, HSPERFDATA_YOUNG_GC_TICKS), no_collector);
    set(snapshot, COUNTER_JAVA_FULL_GCS, figure_of(data, HSPERFDATA_FULL_GCS), no_collector);
    set(snapshot, COUNTER_JAVA_FULL_GC_TIME, ticks_to_ns(data, HSPERFDATA_FULL_GC_TICKS), no_collector);
    set(snapshot, COUNTER_JAVA_CONCURRENT_GCS, figure_of(data, HSPERFDATA_CONCURRENT_GCS), no_collector);
    set(snapshot, COUNTER_JAVA_CONCURRENT_GC_TIME, ticks_to_ns(data, HSPERFDATA_CONCURRENT_GC_TICKS), no_collector);
    set(snapshot, COUNTER_JAVA_SAFEPOINTS, figure_of(data, HSPERFDATA_SAFEPOINTS), none);
    set(snapshot, COUNTER_JAVA_SAFEPOINT_TIME, ticks_to_ns(data, HSPERFDATA_SAFEPOINT_TICKS), none);
    set(snapshot, COUNTER_JAVA_THREADS, figure_of(data, HSPERFDATA_THREADS_LIVE), none);
    set(snapshot, COUNTER_JAVA_CLASSES, classes, none);
}

/* "JVM 17.0.15+6": what distributions append is left off. */
static void note_version(struct jvm_reader *reader, const struct hsperfdata *data)
{
    struct text name = {0};
    if (reader->version || !data->version[0])
        return;
    size_t length = strcspn(data->version, "-");
    text_append(&name, "JVM ");
    text_append_escaped(&name, data->version, length < VERSION_TEXT ? length : VERSION_TEXT);
    reader->version = name.failed ? 0 : catalog_add_string(reader->context.catalog, name.data, name.length);
    text_deinit(&name);
}

/* *ret_data: the counters now. Other errors than of memory and of a target that is gone are in reader->problem. */
static struct error *read_counters(struct jvm_reader *reader, uint64_t now_ns, struct hsperfdata *ret_data,
                                   bool *ret_done)
{
    *ret_done = false;
    struct error *error = NULL;
    if (!reader->address && late_look_is_due(&reader->look, now_ns))
        error = find_counters(reader);
    if (!error && !reader->address) {
        reader->problem = reader->is_loaded ? no_counters : "this program has not started its JVM";
        return NULL;
    }
    if (!error)
        error = memory_read(reader->context.memory, reader->address, reader->bytes, reader->size);
    if (!error)
        error = hsperfdata_parse(reader->bytes, reader->size, ret_data);
    if (error && (error->kind == ERROR_NO_MEMORY || error->kind == ERROR_GONE))
        return error;
    reader->problem = NULL;
    if (error) {
        string_id message = catalog_add_untrusted(reader->context.catalog, error->message, strlen(error->message));
        reader->problem = message ? catalog_string(reader->context.catalog, message) : no_counters;
    }
    *ret_done = !error;
    error_destroy(error);
    return NULL;
}

static struct error *jvm_reader_sample(struct reader *base, struct snapshot *snapshot)
{
    struct jvm_reader *reader = (struct jvm_reader *)base;
    struct hsperfdata data;
    bool done;
    struct error *error = read_counters(reader, snapshot->monotonic_ns, &data, &done);
    if (error)
        return error;
    if (done) {
        note_version(reader, &data);
        fill(&data, snapshot);
    }
    for (int id = COUNTER_JAVA_HEAP_USED; id <= COUNTER_JAVA_CLASSES && !done; id++)
        snapshot_set_unavailable(snapshot, (enum counter_id)id, reader->problem);
    snapshot->target.runtime_version = reader->version;
    return NULL;
}

/* No file, or the archive of classes, of which G1 maps objects into the heap (CDS). */
static bool may_be_heap(const struct maps *maps, const struct map_line *line)
{
    static const char archive[] = ".jsa";
    size_t length = strlen(archive);
    if (line->name_length == 0)
        return line->inode == 0;
    return line->name_length > length &&
           memcmp(map_line_name(maps, line) + line->name_length - length, archive, length) == 0;
}

/* The Java heap is reserved as one range of its greatest size (src/hotspot/share/memory/virtualspace.cpp
 * ReservedHeapSpace), of which parts are given memory: neighbouring mappings that sum to that size. Where more than one
 * such run is found, none is believed. ZGC maps its heap under a name, three times (JDK 11 to 22;
 * src/hotspot/os/linux/gc/z/zPhysicalMemoryBacking_linux.cpp). */
static struct error *find_heap(const struct maps *maps, uint64_t size, struct heap_survey *survey)
{
    static const char named[] = "/memfd:java_heap";
    struct heap_range found = {0};
    unsigned runs = 0;
    for (size_t i = 0; i < maps->lines.count;) {
        const struct map_line *first = &maps->lines.items[i];
        if (first->name_length >= strlen(named) && memcmp(map_line_name(maps, first), named, strlen(named)) == 0 &&
            !vector_append(&survey->managed, (struct heap_range){first->start, first->end}))
            return error_no_memory();
        uint64_t end = first->start;
        for (; i < maps->lines.count && maps->lines.items[i].start == end && may_be_heap(maps, &maps->lines.items[i]);
             i++)
            end = maps->lines.items[i].end;
        if (end == first->start)
            i++;
        else if (end - first->start == size && ++runs == 1)
            found = (struct heap_range){first->start, end};
    }
    if (runs == 1 && survey->managed.count == 0)
        return vector_append(&survey->managed, found) ? NULL : error_no_memory();
    return NULL;
}

static struct error *jvm_reader_survey(struct reader *base, struct heap_survey *survey)
{
    struct jvm_reader *reader = (struct jvm_reader *)base;
    struct hsperfdata data;
    struct maps maps;
    bool done;
    survey->reason = "not a Go program";
    struct error *error = read_counters(reader, clock_ns(CLOCK_MONOTONIC), &data, &done);
    struct figure max = done ? heap_max(&data) : (struct figure){0};
    if (error || !max.is_known || max.value <= 0)
        return error;
    error = maps_read(reader->context.target->folder, &maps);
    if (error)
        return error;
    /* G1 counts a word more for each of its spaces, lest any be empty. */
    error = find_heap(&maps, (uint64_t)max.value & ~HEAP_PADDING_MASK, survey);
    maps_deinit(&maps);
    return error;
}

static struct error *jvm_reader_examine(struct reader *base, struct doctor_report *report)
{
    struct jvm_reader *reader = (struct jvm_reader *)base;
    struct hsperfdata data;
    bool done;
    struct error *error = read_counters(reader, clock_ns(CLOCK_MONOTONIC), &data, &done);
    if (error)
        return error;
    if (!done)
        return doctor_report_add(report, "java counters", DOCTOR_NO,
                                 reader->problem == no_counters ? "start it without -XX:-UsePerfData" : NULL, "%s",
                                 reader->problem);
    size_t known = 0;
    for (size_t i = 0; i < HSPERFDATA_VALUE_COUNT; i++)
        known += data.is_known[i];
    struct text version = {0};
    text_append_escaped(&version, data.version, strlen(data.version));
    text_append(&version, data.policy[0] ? ", " : "");
    text_append_escaped(&version, data.policy, strlen(data.policy));
    error = version.failed
                ? error_no_memory()
                : doctor_report_add(report, "java counters", DOCTOR_YES, NULL,
                                    "HotSpot %s: %zu of %d counters, read in its memory without a stop; which "
                                    "code allocates is not read",
                                    version.data ? version.data : "", known, HSPERFDATA_VALUE_COUNT);
    text_deinit(&version);
    return error;
}

const struct reader_ops jvm_reader_ops = {
    .name = "jvm",
    .no_profile = true,
    .open = jvm_reader_open,
    .sample = jvm_reader_sample,
    .survey = jvm_reader_survey,
    .examine = jvm_reader_examine,
    .close = jvm_reader_close,
};
