/* A small process that puts back what heaptop has changed in a target when heaptop dies, however it dies. */
#ifndef HEAPTOP_ATTACH_GUARDIAN_H
#define HEAPTOP_ATTACH_GUARDIAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "attach/switch_note.h"
#include "heaptop/base/error.h"

/* A word of a target's memory that was 0 and now holds `value`. `memory` is its /proc/PID/mem, open for writing: it is
 * bound to the address space it was opened in, so that after an exec, or the end of the process, nothing can be written
 * through it, whoever has the pid by then. */
struct changed_word {
    int memory;
    remote_address address;
    uint64_t value;
};

/* The word's value; false when the address space is gone. Only a system call, for use after a fork. */
bool changed_word_read(const struct changed_word *word, uint64_t *ret_value);
/* Writes 8 bytes. False when nothing was written. */
bool changed_word_write(const struct changed_word *word, uint64_t value);
/* 0 again, if it is still what was written. True when it was written. */
bool changed_word_put_back(const struct changed_word *word);

struct guardian {
    pid_t pid;      /* 0: none. */
    int line;       /* To it: its end tells the guardian that heaptop is gone. */
};

/* Forks it, and returns once it watches. From then on it lives until heaptop ends it or dies, or the target ends. It
 * has a session of its own and no signal but SIGKILL ends it; it borrows nothing. target_descriptor: a pidfd, or -1. */
struct error *guardian_start(const struct changed_word *word, int target_descriptor, const struct switch_file *file,
                             struct guardian *ret_guardian);
/* Whether it still watches; one that does not is waited for. */
bool guardian_is_there(struct guardian *guardian);
/* The word has been put back: lets it go, and waits for that. Accepts one that is not there. */
void guardian_end(struct guardian *guardian);

#endif
