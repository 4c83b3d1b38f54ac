/* One attached process and all that is known of it between samples: makes snapshots, one at a time, in whatever
 * thread calls. */
#ifndef HEAPTOP_ATTACH_SESSION_H
#define HEAPTOP_ATTACH_SESSION_H

#include "attach/reader_set.h"
#include "attach/target.h"

struct session;

/* Pins the process and checks that its memory may be read. Quick: the runtime is looked for by the first sample. */
struct error *session_open(pid_t pid, struct reader_list readers, struct session **ret_session);
void session_close(struct session *session);        /* Accepts NULL. */

/* Before the first sample: what the options say of a library preloaded into the process, and of lines of source.
 * ERROR_NO_MEMORY. */
struct error *session_use_options(struct session *session, const struct attach_options *options);

/* One snapshot, sealed. When the process has ended it is the last one: `exited`, with the figures of the one before,
 * marked stale. */
struct error *session_sample(struct session *session, uint64_t interval_ns, uint64_t samples_dropped,
                             struct snapshot **ret_snapshot);

/* How soon after the last sample or look to look again at what passes between samples; 0: not before the next. */
uint64_t session_look_interval(const struct session *session);
/* What cannot be read now, the next sample tells of. */
void session_look(struct session *session);

/* The next sample shall have a memory map, unless the last one is younger than REGIONS_PAGES_PERIOD_NS. */
void session_request_memory_map(struct session *session);

/* The next sample shall begin with memory profiling switched on, one sample in so many bytes; 0: put back. */
void session_request_profiling(struct session *session, uint64_t rate);

/* From the next sample on the program is probed so, or no longer; until it calls exec. `budget`:
 * attach_options.probe_budget. */
void session_request_probe(struct session *session, enum attach_probe probe, double budget);

/* The next sample alone, or every one from now on, stops the threads of running goroutines, or those that run in other
 * programs, each for a moment, to read their stacks. */
void session_request_running_stacks(struct session *session, bool always);

/* For doctor: looks at the program now, as the first sample would. ERROR_NO_MEMORY, ERROR_GONE. */
struct error *session_attach(struct session *session);
struct target *session_target(const struct session *session);
struct memory *session_memory(const struct session *session);
struct image *session_image(const struct session *session);             /* NULL when the executable cannot be read. */
const char *session_problem(const struct session *session); /* Why the program cannot be looked into, or NULL. */
struct reader_set *session_readers(struct session *session);            /* Those that recognised the program. */

/* Becomes readable when the process ends; -1 where the kernel offers none. */
int session_exit_descriptor(const struct session *session);

#endif
