/* What a process is, told from its executable and what it has mapped: its runtime or language, and what serves its
 * malloc. Cheap enough for every process of a machine: files are looked at once each, memory maps once a process. */
#ifndef ATTACH_PROGRAM_KIND_H
#define ATTACH_PROGRAM_KIND_H

#include <stdint.h>
#include <sys/types.h>

#include "attach/maps.h"
#include "heaptop/base/error.h"
#include "heaptop/symbols.h"

enum program_runtime {
    RUNTIME_UNKNOWN,            /* Nothing tells: static and stripped, or not to be opened. */
    RUNTIME_GO,
    RUNTIME_JVM,
    RUNTIME_CPYTHON,
    RUNTIME_NODE,
    RUNTIME_RUST,
    RUNTIME_CPP,
    RUNTIME_C,                  /* Or another language that is compiled and needs no library of its own. */
};

struct program_kind {
    enum program_runtime runtime;
    char name[32]; /* Escaped: "go1.24.4", "JVM 17.0.15", "CPython 3.11", "node", "Rust", "C++", "C", "native". */
    /* Static: "Go", "Go+glibc", "glibc", "musl", "jemalloc", "tcmalloc", "mimalloc"; "" when not known. */
    const char *allocator;
};

/* What an executable tells by itself: the C library's and libraries' allocators are not seen in it. Memory that is out,
 * and a file that cannot be read on, are as nothing found. name: its file name, with which CPython's version
 * is told. */
struct program_kind program_kind_of_image(struct image *image, const char *name);

/* What the mappings tell beyond that. folder: of procfs_open_process, for the release file of a JVM. */
void program_kind_add_maps(struct program_kind *kind, int folder, const struct maps *maps);

/* What was found of files and of processes before. Not for several threads at once. */
struct program_kinds;

enum program_kind_found {
    KIND_FOUND,
    KIND_HIDDEN,                /* The executable may not be opened. */
    KIND_POSTPONED,             /* It would take a look, and the time is up. */
};

/* The kind of a process. folder: of procfs_open_process; start_ticks: when it began, by which it is known again; it is
 * looked at anew after an exec, and while it is so young that it may still be loading its libraries. Nothing is opened
 * after deadline_ns (CLOCK_MONOTONIC). */
enum program_kind_found program_kinds_find(struct program_kinds *kinds, int folder, pid_t pid, uint64_t start_ticks,
                                           uint64_t deadline_ns, struct program_kind *ret_kind);

#endif
