/* Points in time as people give them for a session of the past. */
#ifndef HEAPTOP_BASE_MOMENT_H
#define HEAPTOP_BASE_MOMENT_H

#include <stdint.h>

#include "heaptop/base/error.h"
#include "heaptop/base/text.h"

/* A moment of a session that lasted from first to last: "14:03" or "14:03:20" (local time, the first such from the
 * minute in which the session began), "2026-01-02 14:03" or with seconds ('T' may stand for the space, a 'Z' at the end
 * means UTC), "-5m" (before its end), "+1h30m" (after its beginning), "@1767323045.5" (Unix seconds), "start", "end".
 * ERROR_USAGE. The result may lie outside the session. */
struct error *moment_parse(const char *text, uint64_t first_unix_ns, uint64_t last_unix_ns, uint64_t *ret_unix_ns);

/* Appends a time as UTC: "2026-01-02", the separator, "03:04:05". Nothing for what is no time of a calendar. */
void moment_append_utc(struct text *text, uint64_t unix_ns, char separator);

#endif
