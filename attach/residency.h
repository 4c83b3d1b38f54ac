/* Which pages of a process are resident, from /proc/PID/pagemap: not smaps, which holds the target's mmap lock for as
 * long as a whole region takes. The kernel walks at most 2 MiB of addresses at a time under that lock. */
#ifndef HEAPTOP_ATTACH_RESIDENCY_H
#define HEAPTOP_ATTACH_RESIDENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heaptop/base/error.h"

/* Consecutive resident pages of one kind. The kernel's page of zeros, which stands for memory that was only ever
 * read, is not resident. */
struct resident_range {
    uint64_t start, end;
    bool is_file;           /* Pages of files or shared memory; else anonymous. */
};

typedef void resident_visitor(void *context, const struct resident_range *range);

struct residency;

/* folder: of procfs_open_process. ERROR_PERMISSION, ERROR_NOT_FOUND (no pagemap in this kernel), ERROR_NO_MEMORY. */
struct error *residency_open(int folder, struct residency **ret_residency);
void residency_close(struct residency *residency);      /* Accepts NULL. */

/* The resident ranges between two page-aligned addresses, by address. *ret_end is where it stopped: before `end` only
 * where the bound on the work of one residency was met. */
struct error *residency_visit(struct residency *residency, uint64_t start, uint64_t end, resident_visitor *visit,
                              void *context, uint64_t *ret_end);

#endif
