/* The threads of a process, from /proc/PID/task. */
#ifndef HEAPTOP_ATTACH_THREADS_H
#define HEAPTOP_ATTACH_THREADS_H

#include <stdint.h>

#include "attach/name_cache.h"
#include "attach/native/stacks.h"
#include "heaptop/base/error.h"
#include "heaptop/snapshot.h"

/* More are left out, and it is said so. */
#define THREADS_MAX 16384

struct thread_reader;

/* folder: of procfs_open_process; it and the names are borrowed. */
struct error *thread_reader_create(int folder, struct name_cache *names, struct thread_reader **ret_reader);
/* From now on stacks of threads that wait are read too, with those; NULL: no longer. Of such that run in this memory,
 * where a sample asks for it. Both are borrowed. */
void thread_reader_set_stacks(struct thread_reader *reader, struct native_stacks *stacks, struct memory *memory);
void thread_reader_destroy(struct thread_reader *reader);       /* Accepts NULL. */

/* Fills snapshot->threads. A sample costs about the same however many threads there are: a thread that has not run
 * since it was last looked at costs one small file, and of those that have, a limited number is read, in turn;
 * read_monotonic_ns tells how old each is. expected: the number of threads that stat gives. Only ERROR_NO_MEMORY;
 * what cannot be read becomes a problem of the snapshot. stops_running: threads that run are stopped, each for a
 * moment, and have stacks too. */
struct error *thread_reader_sample(struct thread_reader *reader, uint64_t expected, bool stops_running,
                                   struct snapshot *snapshot);

/* What /proc/PID/task/TID/syscall says of a thread that waits in the kernel (Linux: fs/proc/base.c proc_pid_syscall).
 */
struct thread_wait {
    bool is_call;               /* In a system call, of this number; not in one, it waits for memory, say. */
    uint64_t number;
    uint64_t sp, pc;            /* In the program. */
};

/* False when it does not wait: "running". */
bool thread_parse_syscall(const char *text, size_t length, struct thread_wait *ret_wait);

#endif
