/* All that touches a target process. By default: no ptrace, no stop, no write, no signal; only /proc files and
 * process_vm_readv. */
#ifndef HEAPTOP_ATTACH_H
#define HEAPTOP_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "heaptop/base/arena.h"
#include "heaptop/base/error.h"
#include "heaptop/snapshot/instruction.h"
#include "heaptop/snapshot/source.h"

/* One process, for the picker and for finding targets by name. Strings are escaped and owned by the list's arena. */
struct process_row {
    pid_t pid, parent;
    uid_t uid;
    const char *user, *comm, *command_line, *exe;   /* exe: "" when it may not be read. */
    /* What the program is: "go1.24.4", "JVM 17.0.15", "CPython 3.11", "node", "Rust", "C++", "C", "native" (nothing
     * tells); "" when it may not be read or was not looked at. */
    const char *runtime;
    /* What serves its allocations: "Go", "Go+glibc" (a cgo program), "glibc", "musl", "jemalloc", "tcmalloc",
     * "mimalloc"; "" when not known. */
    const char *allocator;
    uint64_t rss_bytes, cpu_ns, start_unix_ns;
    bool readable;              /* heaptop may read its memory. */
};

struct process_list {
    struct arena arena;
    struct process_row *rows;
    size_t count;
    /* The time for looking at programs was up: runtimes are missing that the next list will have. */
    bool unfinished;
};

/* What was found out of programs, for the next list to know. */
struct program_kinds;
struct error *program_kinds_create(struct program_kinds **ret_kinds);      /* ERROR_NO_MEMORY. */
void program_kinds_destroy(struct program_kinds *kinds);        /* Accepts NULL. */

/* All processes but kernel threads, heaptop itself and what it has begun for itself, by falling RSS. With `kinds`
 * executables and memory maps that are not in it yet are looked at for runtime and allocator, the largest processes'
 * first, for at most PROCESS_LIST_LOOK_NS; NULL: those stay "". */
struct error *process_list_read(struct program_kinds *kinds, struct process_list *ret_list);
#define PROCESS_LIST_LOOK_NS UINT64_C(40000000)
void process_list_deinit(struct process_list *list);

/* Finds targets by what a person typed: a number is a pid; else comm, or the file name of exe or argv[0], exactly;
 * where none is equal, all that contain it. The list holds the matches. heaptop itself never matches.
 * ERROR_NOT_FOUND: no match; for a pid also ERROR_GONE (no such process, a zombie), ERROR_UNSUPPORTED (a kernel
 * thread). */
struct error *process_list_find(const char *pid_or_name, struct process_list *ret_list);

/* The version of libbpf, by which allocations are probed; NULL where heaptop was built without. Static. */
const char *attach_bpf_library(void);

/* "go (1.19 to 1.27 on amd64)": the runtimes that this build reads. */
void attach_write_runtimes(struct text *text);

/* ---- a command that heaptop starts: what samples its allocations from within ---- */

struct preload;

/* The library to be preloaded: where HEAPTOP_PRELOAD_LIBRARY says, else beside this program, or in ../lib/heaptop from
 * there. Its path is malloc'd. ERROR_NOT_FOUND; ERROR_UNSUPPORTED: its path cannot be given to a dynamic linker. */
struct error *preload_find_library(char **ret_path);

/* Why the library cannot be loaded into the program that execvp would start by this name, as a sentence that begins
 * with "it"; static. NULL: nothing speaks against it. */
const char *preload_judge_program(const char *name);

/* Makes what is shared with a command, of whose allocations one in `rate` bytes is sampled (Poisson). ERROR_NO_MEMORY,
 * ERROR_SYSTEM. */
struct error *preload_create(const char *library, uint64_t rate, struct preload **ret_preload);
void preload_destroy(struct preload *preload);      /* Accepts NULL. */

/* In the child process that will be the command: sets its environment and what it inherits. Libraries that were to be
 * preloaded anyway come after ours. False when memory is out. */
bool preload_enter(struct preload *preload);

/* What is asked of a running program that keeps no heap profile, to see which code allocates. */
enum attach_probe {
    ATTACH_PROBE_NONE,
    /* Page-fault samples with stacks, by perf_event_open: which code first touches new memory. Places nothing in the
     * program and ends with heaptop; costs it some microseconds a sample, of which there are a few hundred a second
     * at most. */
    ATTACH_PROBE_FAULTS,
    /* BPF programs at the functions by which it allocates (uprobes): what is in use of what was allocated since, by
     * call site. The kernel places breakpoints in the program's own copy of their pages, and takes them out when
     * heaptop ends, however it does. Each call takes about half a microsecond longer: they are counted for a tenth
     * of a second first. */
    ATTACH_PROBE_ALLOCATIONS,
    /* Only counts those calls, once, and says in the snapshots what the probes would cost. */
    ATTACH_PROBE_COUNT,
};

struct attach_options {
    /* Of the command that this process was started as; borrowed, outlives the source. Or NULL. */
    struct preload *preload;
    /* Why it has none, to be shown instead of a heap profile: static or outliving the source; NULL: nothing to say. */
    const char *preload_refusal;
    uint64_t interval_ns;       /* 0: one second. At least ATTACH_MIN_INTERVAL_NS. */
    bool sample_once;           /* Take one sample in source_open's own thread, start no sampler. */
    bool memory_map;            /* The first sample has one. */
    /* Somebody looks at a screen: no sample waits noticeably for lines of source, which come with a later one, unless
     * call sites of allocations are named by them. Else a sample may wait for seconds, once. */
    bool shown_at_once;
    /* Switches memory profiling on in a Go program that has it off, one sample in so many bytes, and puts it back when
     * the source is closed, or heaptop dies: the one thing that is ever written to a target. A power of two within the
     * bounds below; 0: writes nothing. Where it cannot be done nothing is written and the snapshots say why. */
    uint64_t profile_rate;
    /* Every sample stops the threads of running goroutines, or those that run in other programs, each for some ten to a
     * hundred microseconds, to read their stacks. */
    bool stop_running;
    enum attach_probe probe;    /* Where it cannot be done the snapshots say why. */
    /* Of ATTACH_PROBE_ALLOCATIONS: the share of one processor above which the probes are taken away. 0: the default. */
    double probe_budget;
};
#define ATTACH_MIN_INTERVAL_NS (10 * 1000 * 1000ull)
#define ATTACH_LEAST_PROFILE_RATE (UINT64_C(1) << 12)
#define ATTACH_DEFAULT_PROFILE_RATE (UINT64_C(1) << 19)     /* Go's own (runtime/mprof.go MemProfileRate). */
#define ATTACH_MOST_PROFILE_RATE (UINT64_C(1) << 30)
#define ATTACH_DEFAULT_PROBE_BUDGET 0.1

/* Attaches and starts the sampler thread. The process is pinned by a pidfd, its start time and its executable, so
 * that a reused pid is never read. A process that is no Go program still gives RSS, threads and regions. Errors:
 * ERROR_GONE, ERROR_PERMISSION (the message names what was tried and what would help), ERROR_SYSTEM. A runtime that
 * cannot be read is no error: it is said in the snapshots. */
struct error *live_source_open(pid_t pid, const struct attach_options *options, struct source **ret_source);

/* The code of a process's executable as instructions, of its file: by Go's own table of functions, or by its symbols.
 * Nothing is stopped, and of the process's memory only a Go program's moduledata is read. */
struct disassembler;
/* ERROR_UNSUPPORTED: a program for another processor than amd64. Else as live_source_open. */
struct error *disassembler_open(pid_t pid, struct disassembler **ret_disassembler);
void disassembler_close(struct disassembler *disassembler);     /* Accepts NULL. */
/* The instructions of the function at a link-time address, as many of those around it as there is room for, in order;
 * texts in the arena. ERROR_NOT_FOUND: no function is known there; ERROR_GONE: the process has ended, or runs another
 * program: open it anew. */
struct error *disassembler_read(struct disassembler *disassembler, uint64_t address, struct arena *arena,
                                struct instruction *instructions, size_t room, size_t *ret_count);

/* Puts back memory profiling that an earlier heaptop has switched on and could not, as it was killed together with its
 * guardian. *ret_count: processes in which something was written; set also with an error, which is that of one of those
 * where it could not be done (ERROR_PERMISSION and others). */
struct error *profiling_put_back_left(unsigned *ret_count);

/* What doctor says: one row per thing that can or cannot be read. */
enum doctor_state { DOCTOR_YES, DOCTOR_PARTLY, DOCTOR_NO, DOCTOR_UNKNOWN };

struct doctor_row {
    const char *subject;        /* "memory", "heap profile", "symbols" */
    enum doctor_state state;
    const char *detail;         /* What was found: "by operands; 29 of 29 variables". */
    const char *remedy;         /* The command or setting that would mend it; NULL when nothing is to be mended. */
};

struct doctor_report {
    struct arena arena;         /* Owns all rows and strings. */
    struct doctor_row *rows;
    size_t count;
    bool can_attach;
};

/* Tries everything heaptop reads of a process and says how it went. Fails only for lack of memory, or when there is
 * no such process. */
struct error *doctor_examine(pid_t pid, struct doctor_report *ret_report);
void doctor_report_deinit(struct doctor_report *report);

#endif
