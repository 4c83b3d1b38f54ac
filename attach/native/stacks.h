/* Stacks of threads that wait in the kernel, read while the target goes on: where they wait is told by /proc, the rest
 * by a copy of their stack. And the names of what is on them. */
#ifndef ATTACH_NATIVE_STACKS_H
#define ATTACH_NATIVE_STACKS_H

#include "attach/memory.h"
#include "attach/name_cache.h"
#include "attach/native/unwind.h"
#include "attach/target.h"
#include "heaptop/snapshot.h"

struct native_stacks;

/* All are borrowed. */
struct error *native_stacks_create(struct target *target, struct memory *memory, struct name_cache *names,
                                   struct catalog *catalog, struct native_stacks **ret_stacks);
void native_stacks_destroy(struct native_stacks *stacks);       /* Accepts NULL. */

/* The process has become another program: all that is known of its files is forgotten. */
void native_stacks_forget(struct native_stacks *stacks);

/* Before the stacks of one sample. */
void native_stacks_begin(struct native_stacks *stacks);

/* In code that tells nothing of its frames, such as Go's, there is no stack but the place itself. */
#define NATIVE_STACKS_NONE UINT32_MAX

/* Copies and unwinds a stack. *ret_raw: stands for it until the next native_stacks_begin, or NATIVE_STACKS_NONE. It
 * counts only if the thread has not run since sp and pc were read, which the caller knows. ERROR_NO_MEMORY; errors
 * after which no memory can be read. */
struct error *native_stacks_read(struct native_stacks *stacks, uint64_t sp, uint64_t pc, uint32_t *ret_raw);

/* The same of a copy that was made when the thread was there. Frames at its inner end that lie in
 * [skip_start, skip_end) are left out. Also when the process has ended meanwhile, if native_stacks_prepare was called
 * before. */
struct error *native_stacks_read_copy(struct native_stacks *stacks, const struct stack_copy *copy, uint64_t skip_start,
                                      uint64_t skip_end, uint32_t *ret_raw);
/* Before copies are read: looks where code lies now, and opens its files. Errors as of native_stacks_read. */
struct error *native_stacks_prepare(struct native_stacks *stacks);

/* Whether code of a file lies at an address, as far as the memory map was read last. Errors as of native_stacks_read.
 */
struct error *native_stacks_hold(struct native_stacks *stacks, uint64_t address, bool *ret_holds);

/* How long native_stacks_name waits for lines of source; 0, as at first: not at all. */
void native_stacks_set_patience(struct native_stacks *stacks, uint64_t patience_ns);
/* Looks up the names of all that was read. ERROR_NO_MEMORY. */
struct error *native_stacks_name(struct native_stacks *stacks);
/* After that: the stack, and its enum stack_quality. 0: memory is out. */
stack_id native_stacks_stack(const struct native_stacks *stacks, uint32_t raw, uint8_t *ret_quality);

/* Stacks that were named before can have other names after native_stacks_name, as more is known of lines of source. */
struct native_stacks_age {
    uint64_t begun;         /* What stands for a stack does so only while this stays. */
    uint64_t renamed;       /* Changes when names have. */
};
struct native_stacks_age native_stacks_age(const struct native_stacks *stacks);

/* CPU time that other processes have taken to look up names. */
uint64_t native_stacks_cpu_ns(const struct native_stacks *stacks);
/* Adds to a snapshot what could not be looked up. */
void native_stacks_tell_problems(const struct native_stacks *stacks, struct snapshot *snapshot);

#endif
