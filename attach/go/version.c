#include "attach/go/version.h"

#include <string.h>

/* Far beyond any release, so that a garbled number cannot overflow. */
#define MINOR_MAX 999

bool go_version_parse(const char *version, unsigned *ret_minor)
{
    const char *release = strstr(version, "go1.");
    if (!release)
        return false;
    const char *digit = release + strlen("go1.");
    unsigned minor = 0;
    if (*digit < '0' || *digit > '9')
        return false;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        minor = minor * 10 + (unsigned)(*digit - '0');
        if (minor > MINOR_MAX)
            return false;
    }
    *ret_minor = minor;
    return true;
}
