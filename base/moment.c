#include "heaptop/base/moment.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "heaptop/base/units.h"

#define SECOND_NS UINT64_C(1000000000)

static struct error *no_moment(const char *text)
{
    return error_create(ERROR_USAGE,
                        "'%s' is no time; try 14:03, 2026-01-02 14:03:20, -5m, +1h, start, end or @UNIX-SECONDS", text);
}

static bool parse_offset(const char *text, uint64_t first, uint64_t last, uint64_t *ret)
{
    uint64_t offset = 0;
    struct error *error = units_parse_duration(text + 1, &offset);
    if (error) {
        error_destroy(error);
        return false;
    }
    if (text[0] == '+')
        *ret = offset < UINT64_MAX - first ? first + offset : UINT64_MAX;
    else
        *ret = offset < last ? last - offset : 0;
    return true;
}

static bool parse_unix(const char *text, uint64_t *ret)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    double seconds = strtod(text, &end);
    if (*end || !isfinite(seconds) || seconds > 1e10)
        return false;
    *ret = (uint64_t)(seconds * 1e9);
    return true;
}

/* The time of day on the day on which the session began, else on the next. */
static bool at_time_of_day(const struct tm *clock, uint64_t first, uint64_t *ret)
{
    time_t begin = (time_t)(first / SECOND_NS);
    struct tm day;
    if (!localtime_r(&begin, &day))
        return false;
    for (int after = 0; after < 2; after++) {
        struct tm when = day;
        when.tm_mday += after;
        when.tm_hour = clock->tm_hour;
        when.tm_min = clock->tm_min;
        when.tm_sec = clock->tm_sec;
        when.tm_isdst = -1;
        time_t seconds = mktime(&when);
        if (seconds == (time_t)-1)
            return false;
        *ret = (uint64_t)seconds * SECOND_NS;
        /* Without seconds, the minute in which the session began counts as in it. */
        if (seconds >= begin - 59)
            return true;
    }
    return true;
}

static bool parse_clock(const char *text, uint64_t first, uint64_t *ret)
{
    static const char *const dated[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"};
    static const char *const daily[] = {"%H:%M:%S", "%H:%M"};
    for (size_t i = 0; i < sizeof(dated) / sizeof(dated[0]); i++) {
        struct tm when = {.tm_isdst = -1};
        const char *end = strptime(text, dated[i], &when);
        bool is_utc = end && strcmp(end, "Z") == 0;
        if (!end || (*end && !is_utc))
            continue;
        time_t seconds = is_utc ? timegm(&when) : mktime(&when);
        if (seconds < 0)
            return false;
        *ret = (uint64_t)seconds * SECOND_NS;
        return true;
    }
    for (size_t i = 0; i < sizeof(daily) / sizeof(daily[0]); i++) {
        struct tm when = {0};
        const char *end = strptime(text, daily[i], &when);
        if (end && !*end)
            return at_time_of_day(&when, first, ret);
    }
    return false;
}

struct error *moment_parse(const char *text, uint64_t first_unix_ns, uint64_t last_unix_ns, uint64_t *ret_unix_ns)
{
    uint64_t moment;
    bool good = true;
    if (strcmp(text, "start") == 0)
        moment = first_unix_ns;
    else if (strcmp(text, "end") == 0)
        moment = last_unix_ns;
    else if (text[0] == '+' || text[0] == '-')
        good = parse_offset(text, first_unix_ns, last_unix_ns, &moment);
    else if (text[0] == '@')
        good = parse_unix(text + 1, &moment);
    else
        good = parse_clock(text, first_unix_ns, &moment);
    if (!good)
        return no_moment(text);
    *ret_unix_ns = moment;
    return NULL;
}

void moment_append_utc(struct text *text, uint64_t unix_ns, char separator)
{
    time_t seconds = (time_t)(unix_ns / 1000000000u);
    struct tm parts;
    char date[32], clock[16];
    if (!gmtime_r(&seconds, &parts) || strftime(date, sizeof(date), "%Y-%m-%d", &parts) == 0 ||
        strftime(clock, sizeof(clock), "%H:%M:%S", &parts) == 0)
        return;
    text_printf(text, "%s%c%s", date, separator, clock);
}
