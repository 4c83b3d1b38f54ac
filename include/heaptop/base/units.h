/* Sizes, counts, times and rates, as people write and read them. */
#ifndef HEAPTOP_BASE_UNITS_H
#define HEAPTOP_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "heaptop/base/error.h"

#define UNITS_BUFFER 32

/* Each formats into the buffer (at least UNITS_BUFFER bytes), and returns it. NaN gives "?". The decimal point is the
 * locale's: leave LC_NUMERIC at "C".
 *
 * Bytes are binary: "412.0 MB" means MiB, as in top and pprof; at most 8 columns wide, with the sign. */
char *units_format_bytes(char *buffer, double bytes);
/* "2.54 MB/s", "0 B/s"; keeps a leading '-'; at most 11 columns wide. */
char *units_format_rate(char *buffer, double bytes_per_second);
/* "1.9 M", "310 k", "812". */
char *units_format_count(char *buffer, double count);
/* "1,204": exact, with thousands separators. */
char *units_format_exact(char *buffer, int64_t count);
/* "3 s", "41 min", "4 h 10 min", "3d 4h", "0.4 ms", "12 us"; cut, not rounded, from a minute on. At most 12 columns
 * wide. */
char *units_format_duration(char *buffer, double nanoseconds);
/* "64%", "<1%", "0%", ">99%" for what is not quite all. */
char *units_format_percent(char *buffer, double fraction);

/* "512K", "1.5G", "100" (bytes; K M G T and KiB MB ... all binary), in any case of letters. ERROR_USAGE. */
struct error *units_parse_bytes(const char *text, uint64_t *ret_bytes);
/* "250ms", "1s", "10m", "1.5h", "2d", "1h30m", "4 h 10 min"; a bare number means seconds. ERROR_USAGE. */
struct error *units_parse_duration(const char *text, uint64_t *ret_nanoseconds);

#endif
