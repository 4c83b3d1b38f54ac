/* What CPython says of itself in memory, read from outside: _PyRuntime, the interpreters that hang on it, their threads
 * and collectors. Versions 3.8 to 3.13 with a global interpreter lock. Nothing of it is believed before it was checked
 * against itself. */
#ifndef ATTACH_PYTHON_PYTHON_STATE_H
#define ATTACH_PYTHON_PYTHON_STATE_H

#include "attach/memory.h"

#define PYTHON_GENERATIONS 3
/* More interpreters, or threads of all of them, are not followed. */
#define PYTHON_MAX_INTERPRETERS 1024u
#define PYTHON_MAX_THREADS 65536u

/* Where things are; offsets in bytes. */
struct python_layout {
    unsigned minor;                 /* Of 3.x. */
    uint64_t interpreters_head;     /* Of the first interpreter, in _PyRuntime. */
    uint64_t runtime_gc; /* The collector's state in _PyRuntime, where all interpreters share one (3.8); else 0. */
    uint64_t interpreter_next, interpreter_threads, interpreter_id;
    uint64_t interpreter_gc;        /* 0: runtime_gc. */
    uint64_t thread_next, thread_interpreter;
    /* pymalloc's state in the interpreter, or a pointer to it, of which the first comes with patch levels: told by its
     * contents. 0: it is not there, but in variables of their own (before 3.12). */
    uint64_t interpreter_pymalloc;
    uint64_t arena_bytes;           /* ARENA_SIZE of Objects/obmalloc.c. */
};

/* The layout of version 3.minor. From 3.13 on _PyRuntime tells it itself: memory and runtime are for that, and not
 * touched before. ERROR_UNSUPPORTED: a version that is not known, or a build without the lock; ERROR_FAULT and as
 * memory_read. */
struct error *python_layout_find(unsigned minor, struct memory *memory, remote_address runtime,
                                 struct python_layout *ret_layout);

struct python_collector {
    int32_t counts[PYTHON_GENERATIONS];         /* gc.get_count() */
    int64_t collections[PYTHON_GENERATIONS];    /* gc.get_stats() */
    int64_t collected, uncollectable;           /* Of all generations. */
    int64_t long_lived;             /* Objects that the last full collection left. */
};

struct python_state {
    unsigned interpreters, threads;
    /* Counts and long_lived of the main interpreter; the others summed over all. */
    struct python_collector collector;
    bool arenas_known;
    int64_t arenas;
};

/* Reads it. narenas: the address of narenas_currently_allocated where that is a variable of its own, else 0.
 * ERROR_BAD_DATA: it does not hold together, as while the interpreter starts or ends; else as memory_read. */
struct error *python_state_read(const struct python_layout *layout, struct memory *memory, remote_address runtime,
                                remote_address narenas, struct python_state *ret_state);

#endif
