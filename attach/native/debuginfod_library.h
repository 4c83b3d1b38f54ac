/* libdebuginfod, where it is installed: loaded when something is to be fetched, so that heaptop neither needs it nor
 * what it brings. The static program loads no libraries, and fetches nothing. */
#ifndef ATTACH_NATIVE_DEBUGINFOD_LIBRARY_H
#define ATTACH_NATIVE_DEBUGINFOD_LIBRARY_H

#include <stdbool.h>

/* Whether DEBUGINFOD_URLS names servers. */
bool debuginfod_library_is_configured(void);

/* In a process of its own: fetches the debug file of a build id, in hex, into the folder of all clients. False: it
 * was not to be had. */
bool debuginfod_library_fetch(const char *build_id);

#endif
