/* Which Go a program was built with. */
#ifndef HEAPTOP_ATTACH_GO_VERSION_H
#define HEAPTOP_ATTACH_GO_VERSION_H

#include <stdbool.h>

/* 24 for "go1.24.4", "go1.24rc1", "go1.24.4 X:nocoverageredesign" and "devel go1.24-abcdef Mon ..."; false (and
 * *ret_minor untouched) when no release can be told from it. */
bool go_version_parse(const char *version, unsigned *ret_minor);

#endif
