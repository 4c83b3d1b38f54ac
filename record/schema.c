#include "record/schema.h"

#include <string.h>

#include "heaptop/base/cleanup.h"

const struct schema_table schema_tables[] = {
    {"recording", THIN_NOT,
     "CREATE TABLE recording (name TEXT PRIMARY KEY, value) WITHOUT ROWID"},
    {"strings", THIN_NOT,
     "CREATE TABLE strings (string INTEGER PRIMARY KEY, text TEXT)"},
    {"frames", THIN_NOT,
     "CREATE TABLE frames (frame INTEGER PRIMARY KEY, function INTEGER, file INTEGER, line INTEGER, start_line INTEGER, "
     "origin INTEGER, address INTEGER)"},
    {"stacks", THIN_NOT,
     "CREATE TABLE stacks (stack INTEGER PRIMARY KEY, depth INTEGER, subject INTEGER)"},
    {"stack_frames", THIN_NOT,
     "CREATE TABLE stack_frames (stack INTEGER, position INTEGER, frame INTEGER, PRIMARY KEY (stack, position)) "
     "WITHOUT ROWID"},
    {"targets", THIN_NOT,
     "CREATE TABLE targets (target INTEGER PRIMARY KEY, pid INTEGER, inner_pid INTEGER, start_unix_ns INTEGER, uid INTEGER, "
     "stripped INTEGER, position_independent INTEGER, load_bias INTEGER, exe INTEGER, comm INTEGER, command_line INTEGER, "
     "container INTEGER, runtime INTEGER, runtime_version INTEGER, main_module INTEGER, build_id INTEGER, "
     "how_located INTEGER, how_laid_out INTEGER)"},
    {"ticks", THIN_COLUMNS,
     "CREATE TABLE ticks (tick INTEGER PRIMARY KEY, unix_ns INTEGER, monotonic_ns INTEGER, target INTEGER, exited INTEGER, "
     "regions INTEGER, cpu_ns INTEGER, bytes_read INTEGER, read_calls INTEGER, sample_ns INTEGER, sample_cpu_ns INTEGER)"},
    {"tick_facts", THIN_COLUMNS,
#define X(id, column) ", " column " INTEGER"
     "CREATE TABLE tick_facts (tick INTEGER PRIMARY KEY" TICK_FACTS(X) ")"},
#undef X
    {"keyframes", THIN_TICK,
     "CREATE TABLE keyframes (tick INTEGER PRIMARY KEY)"},
    {"counter_info", THIN_NOT,
     "CREATE TABLE counter_info (counter INTEGER PRIMARY KEY, name TEXT, object TEXT, unit TEXT, kind TEXT, help TEXT)"},
    {"counter_states", THIN_STATES,
     "CREATE TABLE counter_states (at INTEGER PRIMARY KEY, provenance INTEGER, reason TEXT)"},
    {"sites", THIN_NOT,
     "CREATE TABLE sites (site INTEGER PRIMARY KEY, position INTEGER, stack INTEGER, object_size INTEGER)"},
    {"site_published", THIN_STATES,
     "CREATE TABLE site_published (at INTEGER PRIMARY KEY, allocs INTEGER, frees INTEGER, alloc_bytes INTEGER, "
     "free_bytes INTEGER)"},
    {"site_provisional", THIN_STATES,
     "CREATE TABLE site_provisional (at INTEGER PRIMARY KEY, allocs INTEGER, frees INTEGER, alloc_bytes INTEGER, "
     "free_bytes INTEGER)"},
    {"goroutine_groups", THIN_NOT,
     "CREATE TABLE goroutine_groups (goroutine_group INTEGER PRIMARY KEY, state INTEGER, wait_reason INTEGER, "
     "created_by INTEGER, start INTEGER, stack INTEGER, system INTEGER, kind TEXT, labels INTEGER, "
     "profile_stack INTEGER)"},
    {"goroutine_group_values", THIN_STATES,
     "CREATE TABLE goroutine_group_values (at INTEGER PRIMARY KEY, count INTEGER, "
     "newest_wait_monotonic_ns INTEGER, oldest_wait_monotonic_ns INTEGER)"},
    {"goroutine_group_waits", THIN_STATES,
     "CREATE TABLE goroutine_group_waits (at INTEGER PRIMARY KEY, stack_cut INTEGER, parent INTEGER, "
     "parent_created_by INTEGER, parent_start INTEGER, examined INTEGER, objects INTEGER, "
     "object_kind INTEGER, object_flags INTEGER, object_address INTEGER, object_goroutines INTEGER, "
     "length INTEGER, capacity INTEGER, senders INTEGER, receivers INTEGER)"},
    {"goroutine_lists", THIN_STATES,
     "CREATE TABLE goroutine_lists (at INTEGER PRIMARY KEY, monotonic_ns INTEGER, not_listed INTEGER)"},
    {"goroutines", THIN_STATES,
     "CREATE TABLE goroutines (at INTEGER PRIMARY KEY, goid INTEGER, parent_goid INTEGER, goroutine_group INTEGER, "
     "wait_since_monotonic_ns INTEGER, waits INTEGER)"},
    {"goroutine_waits", THIN_STATES,
     "CREATE TABLE goroutine_waits (at INTEGER PRIMARY KEY, wait_object INTEGER)"},
    {"wait_objects", THIN_STATES,
     "CREATE TABLE wait_objects (at INTEGER PRIMARY KEY, kind INTEGER, flags INTEGER, address INTEGER, goroutines INTEGER, "
     "length INTEGER, capacity INTEGER, senders INTEGER, receivers INTEGER)"},
    {"threads", THIN_NOT,
     "CREATE TABLE threads (thread INTEGER PRIMARY KEY, tid INTEGER, name INTEGER)"},
    {"thread_states", THIN_NOT,
     "CREATE TABLE thread_states (thread_state INTEGER PRIMARY KEY, state TEXT, system_call INTEGER, wait_channel INTEGER, "
     "role INTEGER, machine INTEGER, locked_goid INTEGER, stack INTEGER, stack_quality INTEGER)"},
    {"thread_values", THIN_STATES,
     "CREATE TABLE thread_values (at INTEGER PRIMARY KEY, thread_state INTEGER, cpu_us INTEGER, processor INTEGER, "
     "goid INTEGER, proc INTEGER)"},
    {"thread_reads", THIN_STATES,
     "CREATE TABLE thread_reads (at INTEGER PRIMARY KEY, read_monotonic_ns INTEGER)"},
    {"procs", THIN_STATES,
     "CREATE TABLE procs (at INTEGER PRIMARY KEY, state INTEGER, queue INTEGER, machine INTEGER, tid INTEGER, goid INTEGER)"},
    {"proc_ticks", THIN_STATES,
     "CREATE TABLE proc_ticks (at INTEGER PRIMARY KEY, schedule_ticks INTEGER, syscall_ticks INTEGER)"},
    {"gc_cycles", THIN_EVENTS,
     "CREATE TABLE gc_cycles (at INTEGER PRIMARY KEY, number INTEGER, end_unix_ns INTEGER, pause_ns INTEGER, "
     "heap_before INTEGER, heap_peak INTEGER, heap_after INTEGER, heap_goal INTEGER, cause INTEGER, since_init_ns INTEGER, "
     "sweep_termination_ns INTEGER, mark_ns INTEGER, mark_termination_ns INTEGER, procs INTEGER, stop_procs INTEGER, "
     "assist_cpu_ns INTEGER, background_cpu_ns INTEGER, idle_cpu_ns INTEGER, stack_bytes INTEGER, globals_bytes INTEGER, "
     "cpu_fraction REAL)"},
    {"size_classes", THIN_STATES,
     "CREATE TABLE size_classes (at INTEGER PRIMARY KEY, mallocs INTEGER, frees INTEGER)"},
    {"regions", THIN_STATES,
     "CREATE TABLE regions (at INTEGER PRIMARY KEY, start_address INTEGER, size INTEGER, permissions TEXT, name INTEGER)"},
    {"memory_maps", THIN_LIST,
     "CREATE TABLE memory_maps (at INTEGER PRIMARY KEY, rss_bytes INTEGER, took_ns INTEGER, not_looked_at_bytes INTEGER, "
     "heap_known INTEGER, heap_reason TEXT, object_bytes INTEGER, slack_bytes INTEGER, manual_bytes INTEGER, "
     "object_resident_bytes INTEGER, slack_resident_bytes INTEGER, manual_resident_bytes INTEGER, free_resident_bytes INTEGER)"},
    {"memory_map_kinds", THIN_LIST,
     "CREATE TABLE memory_map_kinds (at INTEGER PRIMARY KEY, kind TEXT, file_bytes INTEGER, anonymous_bytes INTEGER)"},
    {"span_classes", THIN_LIST,
     "CREATE TABLE span_classes (at INTEGER PRIMARY KEY, object_size INTEGER, no_scan INTEGER, spans INTEGER, bytes INTEGER, "
     "resident_bytes INTEGER, slots INTEGER, objects INTEGER, object_bytes INTEGER, free_bytes INTEGER, tail_bytes INTEGER, "
     "cached_spans INTEGER, partial_spans INTEGER, full_spans INTEGER, unswept_spans INTEGER)"},
    {"heap_caches", THIN_LIST,
     "CREATE TABLE heap_caches (at INTEGER PRIMARY KEY, spans INTEGER, bytes INTEGER, free_slots INTEGER, free_bytes INTEGER, "
     "tiny_free_bytes INTEGER, page_bytes INTEGER, released_page_bytes INTEGER)"},
    {"region_residents", THIN_LIST,
     "CREATE TABLE region_residents (at INTEGER PRIMARY KEY, kind INTEGER, resident_bytes INTEGER)"},
    {"malloc_heaps", THIN_LIST,
     "CREATE TABLE malloc_heaps (at INTEGER PRIMARY KEY, reason TEXT, flags INTEGER, caches INTEGER, arenas INTEGER, "
     "arenas_listed INTEGER, torn_arenas INTEGER, types_left_out INTEGER, read_bytes INTEGER, system_bytes INTEGER, "
     "used_bytes INTEGER, free_bytes INTEGER, free_chunks INTEGER, fast_bytes INTEGER, fast_chunks INTEGER, top_bytes INTEGER, "
     "used_chunks INTEGER, cache_bytes INTEGER, cache_chunks INTEGER, mapped_bytes INTEGER, mapped_chunks INTEGER, "
     "took_ns INTEGER, cpu_ns INTEGER, allocator TEXT)"},
    {"malloc_arenas", THIN_STATES,
     "CREATE TABLE malloc_arenas (at INTEGER PRIMARY KEY, flags INTEGER, heaps INTEGER, address INTEGER, system_bytes INTEGER, "
     "free_bytes INTEGER, free_chunks INTEGER, fast_bytes INTEGER, fast_chunks INTEGER, top_bytes INTEGER, used_chunks INTEGER)"},
    {"malloc_classes", THIN_STATES,
     "CREATE TABLE malloc_classes (at INTEGER PRIMARY KEY, largest_bytes INTEGER, used_chunks INTEGER, used_bytes INTEGER, "
     "free_chunks INTEGER, free_bytes INTEGER, cached_chunks INTEGER, cached_bytes INTEGER)"},
    {"malloc_types", THIN_STATES,
     "CREATE TABLE malloc_types (at INTEGER PRIMARY KEY, objects INTEGER, bytes INTEGER)"},
    {"suspects", THIN_NOT,
     "CREATE TABLE suspects (suspect INTEGER PRIMARY KEY, target INTEGER, from_unix_ns INTEGER, to_unix_ns INTEGER, kind TEXT, "
     "confidence TEXT, subject INTEGER, created_by INTEGER, stack INTEGER, per_second REAL, unit TEXT, since_unix_ns INTEGER, "
     "share REAL, summary TEXT, evidence TEXT, advice TEXT)"},
    {"mappings", THIN_NOT,
     "CREATE TABLE mappings (at INTEGER PRIMARY KEY, start_address INTEGER, end_address INTEGER, file_offset INTEGER, "
     "file INTEGER, build_id INTEGER)"},
    {"problems", THIN_LIST,
     "CREATE TABLE problems (at INTEGER PRIMARY KEY, text TEXT)"},
    {"marks", THIN_NOT,
     "CREATE TABLE marks (mark INTEGER PRIMARY KEY, unix_ns INTEGER, text TEXT)"},
    {"gaps", THIN_NOT,
     "CREATE TABLE gaps (gap INTEGER PRIMARY KEY, from_unix_ns INTEGER, to_unix_ns INTEGER, ticks INTEGER, reason TEXT)"},
};
const size_t schema_num_tables = ARRAY_SIZE(schema_tables);

/* The version that had these first. */
static const struct {
    const char *name;
    unsigned version;
} since[] = {
    {"tick_facts", 2},      {"thread_states", 2}, {"thread_reads", 2},    {"proc_ticks", 2},
    {"goroutine_lists", 3}, {"goroutines", 3},    {"goroutine_waits", 3}, {"wait_objects", 3},
    {"malloc_heaps", 3},    {"malloc_arenas", 3}, {"malloc_classes", 3},  {"malloc_types", 3},
};
/* What these were before a version; of one table, the oldest first. */
static const struct {
    unsigned version;
    const char *name, *sql;
} before[] = {
    {2, "ticks",
     "CREATE TABLE ticks (tick INTEGER PRIMARY KEY, unix_ns INTEGER, monotonic_ns INTEGER, sequence INTEGER, target INTEGER, "
     "exited INTEGER, exit_reason INTEGER, profile_state INTEGER, profile_reason INTEGER, profile_cycle INTEGER, "
     "profile_torn INTEGER, sites_truncated INTEGER, sites INTEGER, mappings INTEGER, regions INTEGER, interval_ns INTEGER, "
     "cpu_ns INTEGER, bytes_read INTEGER, read_calls INTEGER, stops INTEGER, stop_ns INTEGER, writes INTEGER, "
     "sample_ns INTEGER, sample_cpu_ns INTEGER, attach_ns INTEGER, symbols_ns INTEGER, rss_bytes INTEGER, "
     "samples_taken INTEGER, samples_retried INTEGER, samples_dropped INTEGER, profile_since_unix_ns INTEGER)"},
    {2, "thread_values",
     "CREATE TABLE thread_values (at INTEGER PRIMARY KEY, state TEXT, cpu_ns INTEGER, processor INTEGER, "
     "system_call INTEGER, wait_channel INTEGER, goid INTEGER, role INTEGER, proc INTEGER, machine INTEGER, "
     "locked_goid INTEGER, read_monotonic_ns INTEGER)"},
    {2, "procs",
     "CREATE TABLE procs (at INTEGER PRIMARY KEY, state INTEGER, queue INTEGER, machine INTEGER, tid INTEGER, goid INTEGER, "
     "schedule_ticks INTEGER, syscall_ticks INTEGER)"},
    {4, "malloc_heaps",
     "CREATE TABLE malloc_heaps (at INTEGER PRIMARY KEY, reason TEXT, flags INTEGER, caches INTEGER, arenas INTEGER, "
     "arenas_listed INTEGER, torn_arenas INTEGER, types_left_out INTEGER, read_bytes INTEGER, system_bytes INTEGER, "
     "used_bytes INTEGER, free_bytes INTEGER, free_chunks INTEGER, fast_bytes INTEGER, fast_chunks INTEGER, top_bytes INTEGER, "
     "used_chunks INTEGER, cache_bytes INTEGER, cache_chunks INTEGER, mapped_bytes INTEGER, mapped_chunks INTEGER, "
     "took_ns INTEGER, cpu_ns INTEGER)"},
};

const char *schema_table_sql(const struct schema_table *table, unsigned version)
{
    for (size_t i = 0; i < ARRAY_SIZE(since); i++)
        if (version < since[i].version && strcmp(since[i].name, table->name) == 0)
            return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(before); i++)
        if (version < before[i].version && strcmp(before[i].name, table->name) == 0)
            return before[i].sql;
    return table->sql;
}

/* For people with the sqlite3 shell; the reader never uses them. 1 / (1 - exp(-size/rate)) is how pprof scales a
 * sampled bucket. */
#define TIME(column) "strftime('%Y-%m-%d %H:%M:%f', " column " / 1e9, 'unixepoch')"
#define TICK(table) "(" table ".at >> 24)"
#define KEY(table) "(" table ".at & 16777215)"
#define STRING(column) "(SELECT text FROM strings WHERE string = " column ")"
#define FUNCTION(column) "(SELECT s.text FROM frames f JOIN strings s ON s.string = f.function WHERE f.frame = " column ")"
#define PLACE(column) \
    "(SELECT s.text || ':' || f.line FROM frames f JOIN strings s ON s.string = f.file WHERE f.frame = " column ")"
#define CAUSE(column) "CASE " column " WHEN 1 THEN 'heap goal' WHEN 2 THEN 'memory limit' WHEN 3 THEN 'forced' WHEN 4 THEN 'periodic' END"
#define STATE(column) "CASE " column " WHEN 0 THEN 'idle' WHEN 1 THEN 'running' WHEN 2 THEN 'system call' WHEN 3 THEN 'stopped' END"
#define ROLE(column) \
    "CASE " column " WHEN 1 THEN 'runs Go' WHEN 2 THEN 'schedules' WHEN 3 THEN 'looks for work' WHEN 4 THEN 'system call' " \
    "WHEN 5 THEN 'in C' WHEN 6 THEN 'idle' WHEN 7 THEN 'locked, idle' WHEN 8 THEN 'Go runtime' WHEN 9 THEN 'C thread' END"
#define SITE_VIEW(view, table) \
    "CREATE VIEW " view " AS SELECT " TICK("v") " AS tick, " TIME("t.unix_ns") " AS time, s.site AS site, " FUNCTION("k.subject") \
    " AS function, " PLACE("k.subject") " AS place, s.object_size AS object_size, v.allocs - v.frees AS sampled_objects, " \
    "CAST((v.allocs - v.frees) * x.scale AS INTEGER) AS inuse_objects, " \
    "CAST((coalesce(v.alloc_bytes, v.allocs * s.object_size) - coalesce(v.free_bytes, v.frees * s.object_size)) * x.scale AS INTEGER) " \
    "AS inuse_bytes, CAST(v.allocs * x.scale AS INTEGER) AS alloc_objects, " \
    "CAST(coalesce(v.alloc_bytes, v.allocs * s.object_size) * x.scale AS INTEGER) AS alloc_bytes FROM " table " v " \
    "JOIN ticks t ON t.tick = " TICK("v") " JOIN sites s ON s.site = " KEY("v") " JOIN stacks k ON k.stack = s.stack " \
    "JOIN v_site_scale x ON x.site = s.site;\n"

/* All but that of the counters. */
static const char views[] =
    "CREATE VIEW v_targets AS SELECT target, pid, inner_pid, " TIME("start_unix_ns") " AS started, uid, " STRING("exe") " AS exe, "
    STRING("command_line") " AS command_line, " STRING("container") " AS container, " STRING("runtime") " AS runtime, "
    STRING("runtime_version") " AS runtime_version, " STRING("main_module") " AS main_module, " STRING("build_id")
    " AS build_id FROM targets;\n"
    "CREATE VIEW v_ticks AS SELECT tick, " TIME("unix_ns") " AS time, tick + (SELECT sequence_less_tick FROM tick_facts s "
    "WHERE s.tick <= ticks.tick AND sequence_less_tick NOT NULL ORDER BY s.tick DESC LIMIT 1) AS sequence, target, exited, "
    STRING("exit_reason") " AS exit_reason, sites, cpu_ns / 1e6 AS heaptop_cpu_ms, bytes_read AS heaptop_bytes_read, "
    "rss_bytes AS heaptop_rss_bytes, sample_ns / 1e6 AS sample_ms, stops, writes, samples_dropped FROM ticks "
    "LEFT JOIN tick_facts USING (tick);\n"
    "CREATE VIEW v_stacks AS SELECT k.stack AS stack, p.position AS position, " FUNCTION("p.frame") " AS function, " PLACE("p.frame")
    " AS place FROM stacks k JOIN stack_frames p USING (stack);\n"
    "CREATE VIEW v_site_scale AS SELECT site, CASE WHEN rate <= 1 OR object_size = 0 THEN 1.0 ELSE 1 / (1 - exp(-1.0 * object_size / rate)) END "
    "AS scale FROM sites, (SELECT coalesce(max(mem_profile_rate), 1) AS rate FROM seldom_counters);\n"
    SITE_VIEW("v_site_history", "site_published")
    SITE_VIEW("v_site_history_provisional", "site_provisional")
    "CREATE VIEW v_sites AS SELECT max(tick) AS tick, site, function, place, object_size, sampled_objects, inuse_objects, inuse_bytes, "
    "alloc_objects, alloc_bytes FROM v_site_history WHERE tick >= (SELECT max(tick) FROM keyframes) GROUP BY site;\n"
    "CREATE VIEW v_goroutine_group_history AS SELECT " TICK("v") " AS tick, " TIME("t.unix_ns") " AS time, g.goroutine_group AS goroutine_group, "
    "coalesce(v.count, 0) AS count, " STRING("g.state") " AS state, " STRING("g.wait_reason") " AS wait_reason, " FUNCTION("g.start")
    " AS function, " FUNCTION("g.created_by") " AS created_by, g.kind AS kind, " STRING("g.labels") " AS labels, (t.monotonic_ns - v.oldest_wait_monotonic_ns) / 1e9 AS longest_wait_s, "
    "g.system AS system FROM goroutine_group_values v JOIN ticks t ON t.tick = " TICK("v") " JOIN goroutine_groups g ON g.goroutine_group = "
    KEY("v") ";\n"
    "CREATE VIEW v_goroutine_groups AS SELECT max(tick) AS tick, goroutine_group, count, state, wait_reason, function, created_by, system "
    "FROM v_goroutine_group_history WHERE tick >= (SELECT max(tick) FROM keyframes) GROUP BY goroutine_group HAVING count > 0;\n"
    "CREATE VIEW v_goroutine_history AS SELECT " TICK("o") " AS tick, " TIME("t.unix_ns") " AS time, " KEY("o") " AS place, o.goid AS goid, "
    "o.parent_goid AS parent_goid, " STRING("g.state") " AS state, " STRING("g.wait_reason") " AS wait_reason, " FUNCTION("g.start")
    " AS function, " FUNCTION("g.created_by") " AS created_by, g.kind AS kind, " STRING("g.labels") " AS labels, "
    "CASE WHEN o.wait_since_monotonic_ns > 0 THEN (t.monotonic_ns - o.wait_since_monotonic_ns) / 1e9 END AS waited_s, "
    "o.waits AS waits, o.goroutine_group AS goroutine_group, g.stack AS stack FROM goroutines o JOIN ticks t ON t.tick = " TICK("o")
    " LEFT JOIN goroutine_groups g ON g.goroutine_group = o.goroutine_group;\n"
    "CREATE VIEW v_goroutines AS SELECT max(tick) AS tick, goid, parent_goid, state, wait_reason, function, created_by, kind, labels, waited_s, "
    "waits, place, goroutine_group, stack FROM v_goroutine_history WHERE tick >= (SELECT max(tick) FROM keyframes) GROUP BY place "
    "HAVING goid IS NOT NULL;\n"
    "CREATE VIEW v_goroutine_waits AS SELECT g.goid AS goid, w.position AS position, o.kind AS kind, o.address AS address, "
    "o.goroutines AS goroutines, o.length AS length, o.capacity AS capacity, o.senders AS senders, o.receivers AS receivers "
    "FROM v_goroutines g JOIN (SELECT max(at), " KEY("w") " / 16 AS place, " KEY("w") " % 16 AS position, wait_object FROM goroutine_waits w "
    "WHERE at >= (SELECT max(tick) FROM keyframes) << 24 GROUP BY " KEY("w") ") w ON w.place = g.place AND w.position < g.waits "
    "JOIN (SELECT max(at), " KEY("x") " AS wait_object, CASE kind WHEN 1 THEN 'channel' WHEN 2 THEN 'nil channel' WHEN 3 THEN 'semaphore' "
    "WHEN 4 THEN 'condition' END AS kind, printf('0x%x', address) AS address, goroutines, length, capacity, senders, receivers "
    "FROM wait_objects x WHERE at >= (SELECT max(tick) FROM keyframes) << 24 GROUP BY " KEY("x") ") o ON o.wait_object = w.wait_object;\n"
    "CREATE VIEW v_thread_history AS SELECT " TICK("v") " AS tick, " TIME("t.unix_ns") " AS time, r.thread AS thread, r.tid AS tid, "
    STRING("r.name") " AS name, s.state AS state, v.cpu_us / 1e6 AS cpu_s, " STRING("s.system_call") " AS system_call, "
    STRING("s.wait_channel") " AS wait_channel, v.goid AS goid, " ROLE("s.role") " AS role, s.machine AS machine, v.proc AS proc, "
    "s.locked_goid AS locked_goid FROM thread_values v JOIN ticks t ON t.tick = " TICK("v")
    " JOIN threads r ON r.thread = " KEY("v") " LEFT JOIN thread_states s ON s.thread_state = v.thread_state;\n"
    "CREATE VIEW v_threads AS SELECT max(tick) AS tick, thread, tid, name, state, cpu_s, system_call, wait_channel, goid, role, "
    "machine, proc, locked_goid FROM v_thread_history WHERE tick >= (SELECT max(tick) FROM keyframes) GROUP BY thread HAVING state IS NOT NULL;\n"
    "CREATE VIEW v_gc_cycles AS SELECT number, " TICK("g") " AS tick, " TIME("g.end_unix_ns") " AS ended, " CAUSE("cause") " AS cause, "
    "pause_ns / 1e6 AS pause_ms, mark_ns / 1e6 AS mark_ms, heap_before, heap_peak, heap_after, heap_goal, cpu_fraction FROM gc_cycles g;\n"
    "CREATE VIEW v_procs AS SELECT " TICK("p") " AS tick, " TIME("t.unix_ns") " AS time, " KEY("p") " AS proc, " STATE("p.state")
    " AS state, p.queue AS queue, p.machine AS machine, p.tid AS tid, p.goid AS goid FROM procs p JOIN ticks t ON t.tick = " TICK("p") ";\n"
    "CREATE VIEW v_regions AS SELECT " TICK("r") " AS tick, start_address, size, permissions, " STRING("name") " AS name FROM regions r;\n"
    "CREATE VIEW v_memory_maps AS SELECT " TICK("m") " AS tick, " TIME("t.unix_ns") " AS time, m.rss_bytes AS rss_bytes, "
    "m.object_resident_bytes AS heap_objects_bytes, m.slack_resident_bytes AS heap_slack_bytes, m.manual_resident_bytes AS stacks_bytes, "
    "m.free_resident_bytes AS heap_free_bytes FROM memory_maps m JOIN ticks t ON t.tick = " TICK("m") ";\n"
    "CREATE VIEW v_memory_map_kinds AS SELECT " TICK("m") " AS tick, " TIME("t.unix_ns") " AS time, m.kind AS kind, "
    "m.file_bytes AS file_bytes, m.anonymous_bytes AS anonymous_bytes FROM memory_map_kinds m JOIN ticks t ON t.tick = " TICK("m") ";\n"
    "CREATE VIEW v_span_classes AS SELECT " TICK("c") " AS tick, c.object_size AS object_size, c.no_scan AS no_scan, c.spans AS spans, "
    "c.bytes AS bytes, c.resident_bytes AS resident_bytes, c.objects AS objects, c.free_bytes AS free_bytes, c.cached_spans AS cached_spans, c.partial_spans AS partial_spans, "
    "c.full_spans AS full_spans, c.unswept_spans AS unswept_spans FROM span_classes c;\n"
    "CREATE VIEW v_malloc_heaps AS SELECT " TICK("h") " AS tick, " TIME("t.unix_ns") " AS time, h.reason AS reason, h.system_bytes AS system_bytes, "
    "h.used_bytes AS used_bytes, h.used_chunks AS used_chunks, h.free_bytes AS free_bytes, h.fast_bytes AS fast_bytes, h.top_bytes AS top_bytes, "
    "h.cache_bytes AS cache_bytes, h.mapped_bytes AS mapped_bytes, h.arenas AS arenas, h.allocator AS allocator FROM malloc_heaps h JOIN ticks t ON t.tick = " TICK("h") ";\n"
    "CREATE VIEW v_malloc_classes AS SELECT max(at) >> 24 AS tick, largest_bytes, used_chunks, used_bytes, free_chunks, free_bytes, "
    "cached_chunks, cached_bytes FROM malloc_classes c WHERE at >= (SELECT max(tick) FROM keyframes) << 24 GROUP BY " KEY("c") ";\n"
    "CREATE VIEW v_malloc_type_history AS SELECT " TICK("y") " AS tick, " TIME("t.unix_ns") " AS time, " STRING(KEY("y")) " AS type, "
    "y.objects AS objects, y.bytes AS bytes FROM malloc_types y JOIN ticks t ON t.tick = " TICK("y") ";\n"
    "CREATE VIEW v_malloc_types AS SELECT max(tick) AS tick, type, objects, bytes FROM v_malloc_type_history "
    "WHERE tick >= (SELECT max(tick) FROM keyframes) GROUP BY type HAVING objects > 0;\n"
    "CREATE VIEW v_suspects AS SELECT " TIME("from_unix_ns") " AS from_time, " TIME("to_unix_ns") " AS to_time, target, kind, confidence, "
    FUNCTION("subject") " AS function, " PLACE("subject") " AS place, per_second, unit, " TIME("since_unix_ns") " AS since, share, summary, "
    "evidence, advice FROM suspects;\n"
    "CREATE VIEW v_problems AS SELECT " TICK("p") " AS tick, " TIME("t.unix_ns") " AS time, p.text AS text "
    "FROM problems p JOIN ticks t ON t.tick = " TICK("p") ";\n"
    "CREATE VIEW v_marks AS SELECT " TIME("unix_ns") " AS time, text FROM marks;\n"
    "CREATE VIEW v_gaps AS SELECT " TIME("from_unix_ns") " AS from_time, " TIME("to_unix_ns") " AS to_time, ticks, reason FROM gaps;\n";

/* ---- counters ---- */

const char *const schema_counter_tables[SCHEMA_COUNTER_TABLES] = {"counters", "scheduler_counters", "seldom_counters"};

const char *const schema_counter_names[COUNTER_COUNT] = {
#define X(id, group, name, ...) [COUNTER_##id] = name,
    SNAPSHOT_COUNTERS(X)
#undef X
};

enum { OFTEN, SCHEDULER, SELDOM };

size_t schema_counter_table(enum counter_id id)
{
    switch (id) {
    /* What every allocation moves, and what the kernel counts. */
    case COUNTER_RSS:
    case COUNTER_ANON:
    case COUNTER_CGROUP_USAGE:
    case COUNTER_CPU:
    case COUNTER_MINOR_FAULTS:
    case COUNTER_HEAP_LIVE:
    case COUNTER_HEAP_ALLOC:
    case COUNTER_HEAP_OBJECTS:
    case COUNTER_HEAP_INUSE:
    case COUNTER_HEAP_IDLE:
    case COUNTER_HEAP_RELEASED:
    case COUNTER_TOTAL_ALLOC:
    case COUNTER_MALLOCS:
    case COUNTER_FREES:
    case COUNTER_HEAP_SYS:
    case COUNTER_STACK_INUSE:
    case COUNTER_MSPAN_INUSE:
    case COUNTER_MSPAN_SYS:
    case COUNTER_BUCKHASH_SYS:
    case COUNTER_OTHER_SYS:
    case COUNTER_GO_SYS:
    case COUNTER_SCHEDULE_TICKS:
    case COUNTER_SYSCALL_TICKS:
        return OFTEN;
    /* What is the same in every sample of a program at rest, and in none of a busy one. */
    case COUNTER_GOROUTINES:
    case COUNTER_TIMERS:
    case COUNTER_THREADS:
        return SCHEDULER;
    default:
        return strcmp(counter_infos[id].group, "scheduler") == 0 ? SCHEDULER : SELDOM;
    }
}

void schema_write_counter_table(size_t table, struct text *text)
{
    text_printf(text, "CREATE TABLE %s (tick INTEGER PRIMARY KEY", schema_counter_tables[table]);
    for (int id = 0; id < COUNTER_COUNT; id++)
        if (schema_counter_table((enum counter_id)id) == table)
            text_printf(text, ", %s", schema_counter_names[id]);
    text_append(text, ")");
}

void schema_write_views(struct text *text)
{
    text_append(text, views);
    text_append(text, "CREATE VIEW v_counters AS SELECT tick, " TIME("unix_ns") " AS time");
    for (int id = 0; id < COUNTER_COUNT; id++)
        text_printf(text, ", %s.%s AS %s", schema_counter_tables[schema_counter_table((enum counter_id)id)],
                    schema_counter_names[id], schema_counter_names[id]);
    text_append(text, " FROM ticks");
    for (size_t table = 0; table < SCHEMA_COUNTER_TABLES; table++)
        text_printf(text, " LEFT JOIN %s USING (tick)", schema_counter_tables[table]);
    text_append(text, ";\n");
}
