/* Which process is looked at: pinned, so that its pid can never come to mean another, and told apart from what it
 * may later exec. */
#ifndef HEAPTOP_ATTACH_TARGET_H
#define HEAPTOP_ATTACH_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "attach/maps.h"
#include "attach/process_stat.h"
#include "heaptop/base/error.h"
#include "heaptop/snapshot.h"
#include "heaptop/symbols.h"

#define TARGET_COMMAND_LINE_LIMIT 4096

/* What an exec changes. */
struct program_identity {
    uint64_t device, inode;     /* Of the executable; 0, 0 when it may not be read. */
    uint64_t stack_start;       /* Placed anew at every exec. */
};

struct target {
    pid_t pid;
    pid_t requested;            /* What was asked for: the id of one of its threads, or pid. */
    int pid_descriptor;         /* -1 where the kernel has no pidfd_open (before 5.3), or a filter forbids it. */
    int folder;                 /* /proc/PID: what is opened through it is this process's or fails. */
    int stat_file, status_file; /* Kept open: reading again costs a third of opening. */
    int thread_stat_file;       /* Of the main thread alone: the process's own is summed over all threads. */
    uint64_t start_ticks, start_unix_ns;
    struct program_identity program;
};

/* A text and what was parsed from it, which points into it. */
struct target_stat {
    char text[PROCESS_STAT_SIZE];
    struct process_stat stat;
};

/* Pins the process. The id of a thread gives its process. ERROR_GONE; ERROR_PERMISSION when /proc hides it. */
struct error *target_open(pid_t pid, struct target **ret_target);
void target_close(struct target *target);       /* Accepts NULL. */

/* Whether the process has not ended. What was read by its pid before this said yes was read of this process. */
bool target_is_alive(const struct target *target);

/* ERROR_GONE once it ended and was waited for. */
struct error *target_read_stat(struct target *target, struct target_stat *ret_stat);
/* The same of the main thread: its times and faults are its own. */
struct error *target_read_thread_stat(struct target *target, struct target_stat *ret_stat);
struct error *target_read_status(struct target *target, struct process_status *ret_status);

/* The program that runs now; from stat and the executable's link. */
void target_read_program(struct target *target, const struct process_stat *stat, struct program_identity *ret_program);
static inline bool program_is_same(const struct program_identity *one, const struct program_identity *other)
{
    return one->device == other->device && one->inode == other->inode && one->stack_start == other->stack_start;
}

/* Fills pid, inner_pid, start, uid, exe, comm and command_line of *info; what cannot be read stays 0. ERROR_GONE,
 * ERROR_NO_MEMORY. */
struct error *target_describe(struct target *target, struct catalog *catalog, struct target_info *info);

/* Whether memory can be read, tried without reading any. ERROR_PERMISSION (explained), ERROR_GONE. */
struct error *target_check_access(struct target *target);

/* The executable that runs, also when it was deleted or replaced, or lies in a container. */
struct error *target_open_executable(struct target *target, struct image **ret_image);
/* The file of a mapping, the same way. ERROR_NOT_FOUND for what is no regular file. */
struct error *target_open_mapping(struct target *target, const struct maps *maps, const struct map_line *line,
                                  struct image **ret_image);

/* Run-time minus link-time addresses of the executable. ERROR_BAD_DATA when the kernel and the file do not fit
 * together. */
struct error *target_find_load_bias(struct target *target, struct image *image, uint64_t *ret_bias);

/* How it ended, as a clause: "exited with status 1", "was killed by signal 9 (Killed)", "ended". Only once it is not
 * alive. Static or in *buffer. */
const char *target_exit_reason(struct target *target, char *buffer, size_t size);

#endif
