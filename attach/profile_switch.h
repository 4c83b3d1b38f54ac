/* Memory profiling of a Go program that has it off, switched on and put back: the only thing that heaptop ever writes
 * to a process, and only when asked. docs/decisions.md tells why it cannot harm. */
#ifndef HEAPTOP_ATTACH_PROFILE_SWITCH_H
#define HEAPTOP_ATTACH_PROFILE_SWITCH_H

#include <stdbool.h>
#include <stdint.h>

#include "attach/memory.h"
#include "attach/target.h"

struct profile_switch;

/* Whether it may be written: a power of two within the bounds. Such a value differs from 0 in one byte, so that a write
 * which the processor breaks up is still seen whole. */
bool profile_switch_rate_is_valid(uint64_t rate);

/* Writes `rate` to the variable at `address`, in a process where it is 0. By then there is a note for the next heaptop
 * and a guardian for the case of this one's death. ERROR_USAGE: it is not 0, or another heaptop is at it;
 * ERROR_PERMISSION; ERROR_GONE; ERROR_BAD_DATA: no variable can lie there. In all of these nothing was written. The
 * target is borrowed. */
struct error *profile_switch_on(struct target *target, remote_address address, uint64_t rate,
                                struct profile_switch **ret_switch);
/* Puts it back, if it is still what was written, and lets the guardian go. Accepts NULL. */
void profile_switch_off(struct profile_switch *profile_switch);

uint64_t profile_switch_rate(const struct profile_switch *profile_switch);
uint64_t profile_switch_since(const struct profile_switch *profile_switch);
/* Makes sure that a guardian watches: another one where it was killed. The error is for people to see. */
struct error *profile_switch_keep_guarded(struct profile_switch *profile_switch);

/* When another heaptop has switched it on in this process; 0 when none has. */
uint64_t profile_switch_find(const struct target *target);

#endif
