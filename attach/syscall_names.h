/* Names of system calls by number, x86-64. */
#ifndef HEAPTOP_ATTACH_SYSCALL_NAMES_H
#define HEAPTOP_ATTACH_SYSCALL_NAMES_H

#include <stdint.h>

/* Static; NULL for a number that has none. */
const char *syscall_name(uint64_t number);

#endif
