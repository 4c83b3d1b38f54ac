/* Putting jansson values together without a test at every step. */
#ifndef HEAPTOP_EXPORT_JSON_H
#define HEAPTOP_EXPORT_JSON_H

#include <jansson.h>

#include "heaptop/export.h"

struct json_writer {
    const struct history *history;
    const struct analysis *analysis;
    const struct snapshot *snapshot;    /* The latest. */
    const struct export_recorded *recorded;     /* NULL: it is no recording. */
    const struct catalog *catalog;      /* What frames and strings are of. */
    json_t *unavailable;                /* path -> reason; borrowed from the document. */
    bool failed;                        /* Memory ran out. */
};

/* Each adds one member to an object and takes over the value. A value that could not be made sets `failed`. */
void json_add(struct json_writer *writer, json_t *object, const char *name, json_t *value);
void json_add_integer(struct json_writer *writer, json_t *object, const char *name, int64_t value);
/* Above INT64_MAX it says INT64_MAX. */
void json_add_unsigned(struct json_writer *writer, json_t *object, const char *name, uint64_t value);
/* null where it is not known. */
void json_add_if(struct json_writer *writer, json_t *object, const char *name, uint64_t value, bool known);
struct json_figure {
    const char *name;
    uint64_t value;
    bool known;
};
void json_add_figures(struct json_writer *writer, json_t *object, const struct json_figure *figures, size_t count);
/* Where memory was at the two moments of a difference, as the object's "memory_parts", which is at this path. */
void json_add_memory_changes(struct json_writer *writer, json_t *object, const char *path, const struct diff *diff);
/* null for what is no number. */
void json_add_real(struct json_writer *writer, json_t *object, const char *name, double value);
/* null for NULL and "". Text that is not UTF-8 is escaped. */
void json_add_string(struct json_writer *writer, json_t *object, const char *name, const char *value);
void json_add_boolean(struct json_writer *writer, json_t *object, const char *name, bool value);
json_t *json_add_object(struct json_writer *writer, json_t *object, const char *name);
json_t *json_add_array(struct json_writer *writer, json_t *object, const char *name);
/* Appends an empty object to an array. */
json_t *json_append_object(struct json_writer *writer, json_t *array);
void json_append_string(struct json_writer *writer, json_t *array, const char *value);
/* Says why the value at this path is null. The first reason for a path stays. */
void json_say_unavailable(struct json_writer *writer, const char *path, const char *reason);

/* function, file and line as members; each null where unknown. */
void json_fill_frame(struct json_writer *writer, json_t *object, frame_id id);
/* A frame as one member; null for none. */
void json_add_frame(struct json_writer *writer, json_t *object, const char *name, frame_id id);
/* The member "stack", innermost frame first. */
void json_add_stack(struct json_writer *writer, json_t *object, stack_id id);

/* The document as text, which ends it; `unavailable` becomes its last member. */
struct error *json_finish(struct json_writer *writer, json_t *document, struct text *ret_text);

/* Members of the document that are lists of rows (json_rows.c, json_goroutines.c). */
void json_add_sites(struct json_writer *writer, json_t *document);
void json_add_call_sites(struct json_writer *writer, json_t *document);
/* goroutine_groups and goroutines. */
void json_add_goroutines(struct json_writer *writer, json_t *document);
void json_add_threads(struct json_writer *writer, json_t *document);
/* Threads by their stacks. */
void json_add_thread_groups(struct json_writer *writer, json_t *document);
void json_add_thread_role(struct json_writer *writer, json_t *object, const struct thread *thread);
/* Into the object of the scheduler's counters, which is there already. */
void json_add_scheduler(struct json_writer *writer, json_t *document);
void json_add_gc(struct json_writer *writer, json_t *document);
void json_add_gc_cycles(struct json_writer *writer, json_t *document);
void json_add_size_classes(struct json_writer *writer, json_t *document);
/* The C library's heap (json_malloc.c). */
void json_add_malloc(struct json_writer *writer, json_t *document);
/* memory_parts and span_classes. */
void json_add_memory_parts(struct json_writer *writer, json_t *document);
void json_add_suspects(struct json_writer *writer, json_t *document);
/* What happened when (json_recorded.c); nothing for a live process. */
void json_add_recording(struct json_writer *writer, json_t *document);

/* verdict, PREFIX_per_s and the rest of a growth judgement, as members of an object. Unit: "bytes" or "". */
void json_add_growth(struct json_writer *writer, json_t *object, const struct growth *growth, const char *unit);

#endif
