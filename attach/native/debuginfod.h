/* Debug files from the servers that DEBUGINFOD_URLS names, if it names any: fetched by libdebuginfod, where that is
 * installed, in a process of its own, into the folder that all its clients share. Nothing is ever fetched unless that
 * variable is set. */
#ifndef ATTACH_NATIVE_DEBUGINFOD_H
#define ATTACH_NATIVE_DEBUGINFOD_H

#include <stdbool.h>
#include <stddef.h>

#include "heaptop/base/error.h"

/* Files that are asked for in one session. */
#define DEBUGINFOD_MAX_FILES 256u

struct debuginfod;

/* ERROR_NO_MEMORY. */
struct error *debuginfod_create(struct debuginfod **ret_fetcher);
/* Accepts NULL. What is being fetched is given up. */
void debuginfod_destroy(struct debuginfod *fetcher);

/* The folder in which fetched files lie, each as BUILD-ID/debuginfo; NULL: there is none. */
const char *debuginfod_cache(const struct debuginfod *fetcher);

/* Asks for the debug file of a build id, once. ERROR_NO_MEMORY. */
struct error *debuginfod_want(struct debuginfod *fetcher, const char *build_id);
/* Goes on fetching. True when one file more has come, or is known not to. */
bool debuginfod_poll(struct debuginfod *fetcher);
/* Files that are still to come. */
size_t debuginfod_waiting(const struct debuginfod *fetcher);

#endif
