/* Which instruction of a function a probe is best placed on. The kernel emulates a few kinds for half a microsecond;
 * all others it has the processor step through, which takes some ten times as long. */
#ifndef ATTACH_PROBE_PROBE_PLACE_H
#define ATTACH_PROBE_PROBE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More of a function is not looked at. */
#define PROBE_PLACE_CODE 4096u

struct probe_place {
    size_t offset;              /* From the function's beginning. */
    bool stepped;               /* No instruction was found that is emulated. */
    bool is_jump;               /* The function is but a jump to another one, which is called in its place. */
};

/* Looks from the beginning on, as far as the function is run straight through with the stack pointer, and as many of
 * its integer arguments as are needed, as they were at the call: there they can be read, and the return be caught.
 * `code`: the whole function, or its first PROBE_PLACE_CODE bytes. x86-64; what is emulated: Linux
 * arch/x86/kernel/uprobes.c branch_setup_xol_ops, push_setup_xol_ops, 4.18 to 6.18. */
struct probe_place probe_place_choose(const uint8_t *code, size_t size, unsigned arguments);

#endif
