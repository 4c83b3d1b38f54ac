/* What became of a process, or of several one after the other, over hours: when memory grew and when not, where it was
 * at its most, when one process ended and the next began. From a few figures of every sample, in bounded memory. */
#ifndef HEAPTOP_ANALYSIS_CHRONICLE_H
#define HEAPTOP_ANALYSIS_CHRONICLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heaptop/base/error.h"

/* Figures of one sample; NAN where not known. */
struct chronicle_sample {
    uint64_t unix_ns;
    uint32_t process;           /* Counts from 1: another number is another process. */
    bool exited;
    double rss_bytes, heap_marked_bytes, goroutines, num_gc, pause_total_ns;
};

enum phase_kind {
    PHASE_IDLE,         /* Neither rises nor falls, and hardly anything is collected. */
    PHASE_PLATEAU,      /* Neither rises nor falls. */
    PHASE_GROWING,
    PHASE_SHRINKING,
};
/* "idle", "plateau", "growing", "shrinking". */
const char *phase_kind_name(enum phase_kind kind);

struct chronicle_phase {
    enum phase_kind kind;
    uint32_t process;
    uint64_t from_unix_ns, to_unix_ns;
    double from_bytes, to_bytes;        /* Of what was judged: the live heap as the GC marked it, else RSS. */
    double per_second;
    double from_rss_bytes, to_rss_bytes, from_goroutines, to_goroutines;    /* NAN where not known. */
    double cycles, pause_ns;            /* GC cycles in it, and the world stopped by them; NAN where not known. */
};

struct chronicle_process {
    uint32_t process;
    uint64_t first_unix_ns, last_unix_ns, samples;
    bool exited;
    double peak_rss_bytes;              /* NAN where not known. */
    uint64_t peak_rss_unix_ns;
};

/* More processes are only counted. */
#define CHRONICLE_MAX_PROCESSES 256
#define CHRONICLE_MAX_PHASES 64

struct chronicle {
    uint64_t first_unix_ns, last_unix_ns, samples;
    bool by_heap;                       /* Phases are those of the live heap; else of RSS. */
    struct chronicle_process processes[CHRONICLE_MAX_PROCESSES];
    size_t num_processes, processes_not_listed;
    struct chronicle_phase phases[CHRONICLE_MAX_PHASES];    /* Oldest first. */
    size_t num_phases;
    size_t growth_first, growth_count;  /* The phases in a row that grew most together; 0, 0 when nothing grew. */
    double peak_rss_bytes, peak_goroutines;                 /* NAN where not known. */
    uint64_t peak_rss_unix_ns, peak_goroutines_unix_ns;
};

struct chronicler;

struct error *chronicler_create(struct chronicler **ret_chronicler);
void chronicler_destroy(struct chronicler *chronicler);         /* Accepts NULL. */
/* In the order of time. */
struct error *chronicler_add(struct chronicler *chronicler, const struct chronicle_sample *sample);
struct error *chronicler_finish(const struct chronicler *chronicler, struct chronicle *ret_chronicle);

#endif
