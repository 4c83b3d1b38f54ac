#include "cli/recording_name.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool is_plain(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '-' || character == '_';
}

struct error *recording_name(const char *process, char **ret_path)
{
    char stamp[32], name[64];
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &local);
    snprintf(name, sizeof(name), "%s", *process ? process : "process");
    for (char *c = name; *c; c++)
        *c = is_plain(*c) ? *c : '_';
    if (asprintf(ret_path, "heaptop-%s-%s.heaptop", name, stamp) < 0) {
        *ret_path = NULL;
        return error_no_memory();
    }
    return NULL;
}
