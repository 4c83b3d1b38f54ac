/* /proc/PID/stat and /proc/PID/status, of processes and threads (Linux: fs/proc/array.c, checked on 6.18). */
#ifndef HEAPTOP_ATTACH_PROCESS_STAT_H
#define HEAPTOP_ATTACH_PROCESS_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Large enough for either file: stat has 52 numbers and a name of at most 64 bytes. In status the supplementary
 * groups can be very many (65,536): of such a process it is cut short and its memory not known from it. */
#define PROCESS_STAT_SIZE 2048
#define PROCESS_STATUS_SIZE 8192

#define PROCESS_FLAG_KERNEL_THREAD 0x00200000u  /* PF_KTHREAD, include/linux/sched.h */

struct process_stat {
    const char *comm;           /* In the parsed text, not terminated, not escaped: may hold any byte. */
    size_t comm_length;
    pid_t pid, parent;
    char state;                 /* R S D T t Z X I */
    uint32_t flags;
    uint64_t minor_faults, major_faults;
    uint64_t user_ticks, system_ticks;
    uint64_t threads;
    uint64_t start_ticks;       /* Since boot. */
    uint64_t virtual_bytes, rss_pages;
    uint64_t stack_start;       /* Changes with every exec; 0 when it may not be read. */
    int processor;
    int exit_code;              /* As wait reports it; set in a zombie; 0 when it may not be read. */
};

/* False when the text is not of this form. */
bool process_stat_parse(const char *text, size_t length, struct process_stat *ret_stat);

struct process_status {
    pid_t group;                /* Tgid: the process a thread belongs to. */
    pid_t inner_pid;            /* Last of NSpid. */
    pid_t tracer;
    uid_t uids[4];              /* Real, effective, saved, file system. */
    gid_t gids[4];
    uint64_t effective_capabilities, permitted_capabilities, bounding_capabilities;
    unsigned seccomp;           /* 0 none, 1 strict, 2 filter */
    bool no_new_privileges;
    /* Bytes. Not known for kernel threads and zombies, which have no memory. */
    bool memory_known;
    uint64_t virtual_bytes, rss_bytes, anon_bytes, file_bytes, shmem_bytes, swap_bytes;
    uint64_t voluntary_switches;
};

/* Lines that are missing (older kernels, a cut text) leave 0. False when there is no Tgid. */
bool process_status_parse(const char *text, size_t length, struct process_status *ret_status);

/* Clock ticks of the files above to nanoseconds. */
uint64_t process_ticks_to_ns(uint64_t ticks);
/* The time of day of a moment given in ticks since boot. */
uint64_t process_start_unix_ns(uint64_t start_ticks);

#endif
