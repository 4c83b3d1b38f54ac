/* The reader of CPython: collections and what they freed, interpreters, threads, pymalloc's arenas. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/late_look.h"
#include "attach/procfs.h"
#include "attach/python/python_state.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"

struct python_reader {
    struct reader reader;
    struct reader_context context;
    struct late_look look;
    bool is_own;                /* The program is the interpreter, and not one that embeds it. */
    bool is_located;
    remote_address runtime, narenas;
    unsigned minor, micro;      /* micro: UINT_MAX when not known. */
    struct python_layout layout;
    string_id version;
    const char *problem;        /* Why there are no figures as of the last sample; static, or of the catalog. */
};

DEFINE_CLEANUP(struct image *, image_close)

/* Symbols of the file that holds the interpreter. */
enum python_symbol { SYMBOL_RUNTIME, SYMBOL_VERSION, SYMBOL_NARENAS, SYMBOL_COUNT };

static struct error *python_reader_open(const struct reader_context *context, struct target_info *info,
                                        struct reader **ret_reader)
{
    *ret_reader = NULL;
    if (!context->target)
        return NULL;
    bool is_own = reader_context_names(context, "Py_BytesMain");
    /* The interpreter's own library; there is also libpython3.so, which only refers to it. */
    if (!is_own && !reader_context_has_file(context, "libpython3."))
        return NULL;
    _cleanup_free_ struct python_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return error_no_memory();
    reader->reader.ops = &python_reader_ops;
    reader->context = *context;
    reader->is_own = is_own;
    if (is_own)
        info->runtime = catalog_add_string(context->catalog, "cpython", 7);
    *ret_reader = &take_pointer(reader)->reader;
    return NULL;
}

static void python_reader_close(struct reader *base)
{
    free(base);
}

/* 11 of "python3.11" and "libpython3.11.so.1.0"; 0 when there is no such number. */
static unsigned minor_of_name(const char *name, size_t length)
{
    static const char prefix[] = "python3.";
    const char *found = memmem(name, length, prefix, strlen(prefix));
    struct scanner scanner = scanner_over(name, length);
    uint64_t minor = 0;
    if (found)
        scanner.next = found + strlen(prefix);
    return found && scanner_number(&scanner, 10, &minor) && minor < 100 ? (unsigned)minor : 0;
}

/* Takes the interpreter's places out of the file that holds it; false when it does not. */
static bool take_symbols(struct python_reader *reader, struct image *image, uint64_t bias, unsigned minor_by_name)
{
    struct image_symbol symbols[SYMBOL_COUNT] = {[SYMBOL_RUNTIME] = {.name = "_PyRuntime"},
                                                 [SYMBOL_VERSION] = {.name = "Py_Version"},
                                                 [SYMBOL_NARENAS] = {.name = "narenas_currently_allocated"}};
    struct error *error = image_find_symbols(image, symbols, SYMBOL_COUNT);
    bool failed = error;
    error_destroy(error);
    if (failed || symbols[SYMBOL_RUNTIME].source == SYMBOL_MISSING)
        return false;
    reader->minor = minor_by_name;
    reader->micro = UINT_MAX;
    uint8_t bytes[4];
    /* PY_VERSION_HEX, from 3.11 on. */
    if (symbols[SYMBOL_VERSION].source != SYMBOL_MISSING) {
        error = image_read(image, symbols[SYMBOL_VERSION].address, bytes, sizeof(bytes));
        if (!error && bytes[3] == 3) {
            reader->minor = bytes[2];
            reader->micro = bytes[1];
        }
        error_destroy(error);
    }
    reader->runtime = symbols[SYMBOL_RUNTIME].address + bias;
    reader->narenas = symbols[SYMBOL_NARENAS].source != SYMBOL_MISSING ? symbols[SYMBOL_NARENAS].address + bias : 0;
    return true;
}

static bool take_library(struct python_reader *reader, const struct maps *maps)
{
    const struct map_line *line = maps_find_file(maps, "libpython3.");
    _cleanup_(image_closep) struct image *image = NULL;
    if (!line || line->offset != 0)
        return false;
    struct error *error = target_open_mapping(reader->context.target, maps, line, &image);
    bool failed = error;
    error_destroy(error);
    if (failed || image_segment_count(image) == 0)
        return false;
    const struct image_segment *first = image_segment_at(image, 0);
    return take_symbols(reader, image, line->start - (first->address - first->file_offset),
                        minor_of_name(map_line_name(maps, line), line->name_length));
}

static struct error *locate(struct python_reader *reader)
{
    char link[PATH_MAX] = "";
    error_destroy(procfs_read_link(reader->context.target->folder, "exe", link, sizeof(link)));
    reader->is_located = reader->is_own && take_symbols(reader, reader->context.image, reader->context.load_bias,
                                                        minor_of_name(link, strlen(link)));
    if (reader->is_located)
        return NULL;
    struct maps maps;
    struct error *error = maps_read(reader->context.target->folder, &maps);
    if (error)
        return error;
    reader->is_located = take_library(reader, &maps);
    maps_deinit(&maps);
    return NULL;
}

static void note_version(struct python_reader *reader)
{
    char name[48];
    if (reader->version)
        return;
    if (reader->micro != UINT_MAX)
        snprintf(name, sizeof(name), "CPython 3.%u.%u", reader->minor, reader->micro);
    else
        snprintf(name, sizeof(name), "CPython 3.%u", reader->minor);
    reader->version = catalog_add_string(reader->context.catalog, name, strlen(name));
}

/* Other errors than of memory and of a target that is gone are in reader->problem. */
static struct error *read_state(struct python_reader *reader, uint64_t now_ns, struct python_state *ret_state,
                                bool *ret_done)
{
    *ret_done = false;
    struct error *error = NULL;
    if (!reader->is_located && late_look_is_due(&reader->look, now_ns))
        error = locate(reader);
    if (!error && !reader->is_located) {
        reader->problem = "_PyRuntime was not found in it";
        return NULL;
    }
    if (!error)
        note_version(reader);
    if (!error && !reader->layout.minor)
        error = python_layout_find(reader->minor, reader->context.memory, reader->runtime, &reader->layout);
    if (!error)
        error = python_state_read(&reader->layout, reader->context.memory, reader->runtime, reader->narenas, ret_state);
    if (error && (error->kind == ERROR_NO_MEMORY || error->kind == ERROR_GONE))
        return error;
    reader->problem = NULL;
    if (error) {
        string_id message = catalog_add_untrusted(reader->context.catalog, error->message, strlen(error->message));
        reader->problem = message ? catalog_string(reader->context.catalog, message) : "it could not be read";
    }
    *ret_done = !error;
    error_destroy(error);
    return NULL;
}

static const char no_arenas[] =
    "pymalloc's arenas were not found: up to 3.11 a symbol table names where they are counted; or it does without them";

static void fill(const struct python_reader *reader, const struct python_state *state, struct snapshot *snapshot)
{
    const struct python_collector *collector = &state->collector;
    snapshot_set(snapshot, COUNTER_PY_INTERPRETERS, state->interpreters);
    snapshot_set(snapshot, COUNTER_PY_THREADS, state->threads);
    for (int i = 0; i < PYTHON_GENERATIONS; i++) {
        snapshot_set(snapshot, (enum counter_id)(COUNTER_PY_GEN0_COUNT + i), collector->counts[i]);
        snapshot_set(snapshot, (enum counter_id)(COUNTER_PY_GEN0_GCS + i), collector->collections[i]);
    }
    snapshot_set(snapshot, COUNTER_PY_COLLECTED, collector->collected);
    snapshot_set(snapshot, COUNTER_PY_UNCOLLECTABLE, collector->uncollectable);
    snapshot_set(snapshot, COUNTER_PY_LONG_LIVED, collector->long_lived);
    if (state->arenas_known) {
        snapshot_set(snapshot, COUNTER_PY_ARENAS, state->arenas);
        snapshot_set(snapshot, COUNTER_PY_ARENA_BYTES, state->arenas * (int64_t)reader->layout.arena_bytes);
    } else {
        snapshot_set_unavailable(snapshot, COUNTER_PY_ARENAS, no_arenas);
        snapshot_set_unavailable(snapshot, COUNTER_PY_ARENA_BYTES, no_arenas);
    }
}

static struct error *python_reader_sample(struct reader *base, struct snapshot *snapshot)
{
    struct python_reader *reader = (struct python_reader *)base;
    struct python_state state;
    bool done;
    struct error *error = read_state(reader, snapshot->monotonic_ns, &state, &done);
    if (error)
        return error;
    if (done)
        fill(reader, &state, snapshot);
    for (int id = COUNTER_PY_INTERPRETERS; id <= COUNTER_PY_ARENA_BYTES && !done; id++)
        snapshot_set_unavailable(snapshot, (enum counter_id)id, reader->problem);
    if (reader->is_own)
        snapshot->target.runtime_version = reader->version;
    return NULL;
}

static struct error *python_reader_examine(struct reader *base, struct doctor_report *report)
{
    struct python_reader *reader = (struct python_reader *)base;
    struct python_state state;
    bool done;
    struct error *error = read_state(reader, clock_ns(CLOCK_MONOTONIC), &state, &done);
    if (error)
        return error;
    const char *version = catalog_string(reader->context.catalog, reader->version);
    if (!done)
        return doctor_report_add(report, "python interpreter", DOCTOR_NO, NULL, "%s%s%s", version, *version ? ": " : "",
                                 reader->problem);
    return doctor_report_add(report, "python interpreter", state.arenas_known ? DOCTOR_YES : DOCTOR_PARTLY, NULL,
                             "%s%s: %u interpreter%s, %u thread%s, its collector's figures, read without a stop%s%s",
                             version, reader->is_own ? "" : " within this program", state.interpreters,
                             state.interpreters == 1 ? "" : "s", state.threads, state.threads == 1 ? "" : "s",
                             state.arenas_known ? "" : "; ", state.arenas_known ? "" : no_arenas);
}

const struct reader_ops python_reader_ops = {
    .name = "python",
    .no_profile = true,
    .open = python_reader_open,
    .sample = python_reader_sample,
    .examine = python_reader_examine,
    .close = python_reader_close,
};
