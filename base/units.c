#include "heaptop/base/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "heaptop/base/text.h"

__extension__ typedef unsigned __int128 wide_uint;

static const char *const byte_units[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
static const char *const count_units[] = {"", " k", " M", " G", " T", " P", " E"};
#define UNIT_COUNT 7

#define NANOSECOND UINT64_C(1)
#define MICROSECOND (1000 * NANOSECOND)
#define MILLISECOND (1000 * MICROSECOND)
#define SECOND (1000 * MILLISECOND)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static char *print_unknown(char *buffer)
{
    snprintf(buffer, UNITS_BUFFER, "?");
    return buffer;
}

/* Divides a value that is not negative by `base` until its rounded whole part is below it; the number of divisions is
 * the unit. More than the largest unit can say stays at or above the base. */
static size_t scale(double *value, double base)
{
    size_t unit = 0;
    while (unit + 1 < UNIT_COUNT && rint(*value) >= base) {
        *value /= base;
        unit++;
    }
    return unit;
}

/* Whether the value, printed to a multiple of `step`, shows `bound` or more: 9.97 to tenths is 10.0. */
static bool rounds_to(double value, double bound, double step)
{
    return rint(value / step) * step >= bound;
}

char *units_format_bytes(char *buffer, double bytes)
{
    if (isnan(bytes))
        return print_unknown(buffer);
    double value = fabs(bytes);
    size_t unit = scale(&value, 1024);
    const char *sign = bytes < 0 && (unit > 0 || rint(value) > 0) ? "-" : "";
    if (rint(value) >= 1024)
        snprintf(buffer, UNITS_BUFFER, *sign ? "<-999 EB" : ">1023 EB");
    else if (unit == 0 || rounds_to(value, *sign ? 100 : 1000, 0.1))
        snprintf(buffer, UNITS_BUFFER, "%s%.0f %s", sign, value, byte_units[unit]);
    else
        snprintf(buffer, UNITS_BUFFER, "%s%.1f %s", sign, value, byte_units[unit]);
    return buffer;
}

char *units_format_rate(char *buffer, double bytes_per_second)
{
    if (isnan(bytes_per_second))
        return print_unknown(buffer);
    double value = fabs(bytes_per_second);
    size_t unit = scale(&value, 1024);
    const char *sign = bytes_per_second < 0 && (unit > 0 || rint(value) > 0) ? "-" : "";
    /* Three digits that count, however large: one glance tells 2.54 from 25.4. */
    if (rint(value) >= 1024)
        snprintf(buffer, UNITS_BUFFER, *sign ? "<-1023 EB/s" : ">1023 EB/s");
    else if (unit == 0 || rounds_to(value, 100, 0.1))
        snprintf(buffer, UNITS_BUFFER, "%s%.0f %s/s", sign, value, byte_units[unit]);
    else if (rounds_to(value, 10, 0.01))
        snprintf(buffer, UNITS_BUFFER, "%s%.1f %s/s", sign, value, byte_units[unit]);
    else
        snprintf(buffer, UNITS_BUFFER, "%s%.2f %s/s", sign, value, byte_units[unit]);
    return buffer;
}

char *units_format_count(char *buffer, double count)
{
    if (isnan(count))
        return print_unknown(buffer);
    double value = fabs(count);
    size_t unit = scale(&value, 1000);
    /* A tenth matters only beside a single digit, and only where there is one: a count of 3 is 3. */
    bool tenths = !rounds_to(value, 10, 0.1) && (unit > 0 || fabs(value - rint(value)) >= 0.05);
    const char *sign = count < 0 && (unit > 0 || tenths || rint(value) > 0) ? "-" : "";
    if (rint(value) >= 1000)
        snprintf(buffer, UNITS_BUFFER, *sign ? "<-999 E" : ">999 E");
    else
        snprintf(buffer, UNITS_BUFFER, "%s%.*f%s", sign, tenths ? 1 : 0, value, count_units[unit]);
    return buffer;
}

char *units_format_exact(char *buffer, int64_t count)
{
    /* The magnitude of INT64_MIN fits only unsigned. */
    uint64_t magnitude = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
    char digits[UNITS_BUFFER];
    size_t length = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, magnitude);
    char *next = buffer;
    if (count < 0)
        *next++ = '-';
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *next++ = ',';
        *next++ = digits[i];
    }
    *next = '\0';
    return buffer;
}

/* "41 UNIT", with a decimal below ten: "3.2 UNIT", but "3 UNIT". Two below one: "0.12 UNIT". */
static void print_decimal(char *buffer, const char *sign, double value, const char *unit)
{
    char number[UNITS_BUFFER];
    int decimals = rounds_to(value, 10, 0.1) ? 0 : rounds_to(value, 1, 0.01) ? 1 : 2;
    snprintf(number, sizeof(number), "%.*f", decimals, value);
    size_t length = strlen(number);
    if (decimals > 0) {
        while (number[length - 1] == '0')
            length--;
        if (number[length - 1] < '0' || number[length - 1] > '9')
            length--;
    }
    snprintf(buffer, UNITS_BUFFER, "%s%.*s %s", sign, (int)length, number, unit);
}

/* "4 h 10 min", or "4 h" when nothing is left for the smaller unit. */
static void print_pair(char *buffer, const char *sign, uint64_t large, const char *large_unit, uint64_t small,
                       const char *small_unit)
{
    int length = snprintf(buffer, UNITS_BUFFER, "%s%" PRIu64 "%s", sign, large, large_unit);
    if (small > 0)
        snprintf(buffer + length, UNITS_BUFFER - (size_t)length, " %" PRIu64 "%s", small, small_unit);
}

char *units_format_duration(char *buffer, double nanoseconds)
{
    if (isnan(nanoseconds))
        return print_unknown(buffer);
    const char *sign = nanoseconds < 0 ? "-" : "";
    double value = fabs(nanoseconds);
    if (rint(value) == 0) {
        snprintf(buffer, UNITS_BUFFER, "0 s");
        return buffer;
    }
    if (value >= 1e5 * (double)DAY) {
        snprintf(buffer, UNITS_BUFFER, *sign ? "<-99999d" : ">99999d");
        return buffer;
    }
    if (rint(value) < 1e3) {
        snprintf(buffer, UNITS_BUFFER, "%s%.0f ns", sign, value);
        return buffer;
    }

    /* From 0.1 ms on in milliseconds, as people speak of pauses. */
    if (rint(value / 1e3) < 100)
        print_decimal(buffer, sign, value / 1e3, "us");
    else if (rint(value / 1e6) < 1000)
        print_decimal(buffer, sign, value / 1e6, "ms");
    else if (rint(value / 1e9) < 60)
        print_decimal(buffer, sign, value / 1e9, "s");
    else {
        uint64_t whole = (uint64_t)rint(value / 1e9);
        uint64_t days = whole / 86400, hours = whole / 3600 % 24, minutes = whole / 60 % 60, seconds = whole % 60;
        /* Cut, not rounded, as clocks and uptime do; the smaller unit only where it still tells something. */
        if (days > 0)
            print_pair(buffer, sign, days, "d", days < 100 ? hours : 0, "h");
        else if (hours > 0)
            print_pair(buffer, sign, hours, " h", minutes, " min");
        else
            print_pair(buffer, sign, minutes, " min", minutes < 10 ? seconds : 0, " s");
    }
    return buffer;
}

char *units_format_percent(char *buffer, double fraction)
{
    if (isnan(fraction))
        return print_unknown(buffer);
    double percent = fraction * 100;
    /* Neither "0%" of something nor "100%" of not quite all. */
    if (percent > 0 && percent < 1)
        snprintf(buffer, UNITS_BUFFER, "<1%%");
    else if (percent > 99 && percent < 100 && rint(percent) >= 100)
        snprintf(buffer, UNITS_BUFFER, ">99%%");
    else if (percent < 0 && percent > -1)
        snprintf(buffer, UNITS_BUFFER, ">-1%%");
    else if (percent > 9999)
        snprintf(buffer, UNITS_BUFFER, ">9999%%");
    else if (percent < -9999)
        snprintf(buffer, UNITS_BUFFER, "<-9999%%");
    else
        snprintf(buffer, UNITS_BUFFER, "%.0f%%", percent == 0 ? 0.0 : percent);
    return buffer;
}

/* A decimal number as text, exact: strtod would round, and reads what the locale says. */
struct decimal {
    uint64_t whole;
    uint64_t fraction;  /* In units of 1 / denominator. */
    uint64_t denominator;
};

/* More digits of a fraction than this change nothing we can count. */
#define FRACTION_DIGITS 18

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

/* Reads digits with an optional fraction and moves *text behind them; false when there are none or too many. */
static bool parse_decimal(const char **text, struct decimal *ret)
{
    const char *next = *text;
    if (!is_digit(*next))
        return false;
    struct decimal decimal = {.denominator = 1};
    for (; is_digit(*next); next++) {
        if (__builtin_mul_overflow(decimal.whole, 10, &decimal.whole) ||
            __builtin_add_overflow(decimal.whole, (uint64_t)(*next - '0'), &decimal.whole))
            return false;
    }
    if (*next == '.') {
        next++;
        if (!is_digit(*next))
            return false;
        for (size_t digits = 0; is_digit(*next); next++, digits++) {
            if (digits >= FRACTION_DIGITS)
                continue;
            decimal.fraction = decimal.fraction * 10 + (uint64_t)(*next - '0');
            decimal.denominator *= 10;
        }
    }
    *text = next;
    *ret = decimal;
    return true;
}

/* decimal * unit, rounded down; false when it does not fit. The fraction is below 10^18 and a unit below 2^64. */
static bool multiply_decimal(const struct decimal *decimal, uint64_t unit, uint64_t *ret)
{
    wide_uint product = (wide_uint)decimal->whole * unit + (wide_uint)decimal->fraction * unit / decimal->denominator;
    if (product > UINT64_MAX)
        return false;
    *ret = (uint64_t)product;
    return true;
}

static void skip_spaces(const char **text)
{
    while (**text == ' ')
        (*text)++;
}

static size_t letters_length(const char *text)
{
    size_t length = 0;
    while ((text[length] >= 'a' && text[length] <= 'z') || (text[length] >= 'A' && text[length] <= 'Z'))
        length++;
    return length;
}

static struct error *refuse(const char *text, const char *why)
{
    struct text quoted = {0};
    text_append_escaped(&quoted, text, strlen(text));
    struct error *error =
        quoted.failed ? error_no_memory()
                      : error_create(ERROR_USAGE, "'%s' %s", quoted.data ? quoted.data : "", why);
    text_deinit(&quoted);
    return error;
}

/* "", "B", "K", "KB", "KiB" and so on, in any case. */
static bool byte_unit(const char *letters, size_t length, uint64_t *ret)
{
    static const char prefixes[] = "KMGTPE";
    if (length == 0 || (length == 1 && strncasecmp(letters, "B", 1) == 0)) {
        *ret = 1;
        return true;
    }
    for (size_t i = 0; prefixes[i]; i++) {
        if (strncasecmp(letters, &prefixes[i], 1) != 0)
            continue;
        if (length == 1 || (length == 2 && strncasecmp(letters + 1, "B", 1) == 0) ||
            (length == 3 && strncasecmp(letters + 1, "iB", 2) == 0)) {
            *ret = UINT64_C(1) << (10 * (i + 1));
            return true;
        }
    }
    return false;
}

struct error *units_parse_bytes(const char *text, uint64_t *ret_bytes)
{
    static const char expected[] = "is not a size: a number and a unit are expected, as in 512K, 1.5G or 100";
    const char *next = text;
    struct decimal decimal;
    skip_spaces(&next);
    if (!parse_decimal(&next, &decimal))
        return refuse(text, expected);
    skip_spaces(&next);
    size_t length = letters_length(next);
    uint64_t unit;
    if (!byte_unit(next, length, &unit))
        return refuse(text, expected);
    next += length;
    skip_spaces(&next);
    if (*next)
        return refuse(text, expected);
    uint64_t bytes;
    if (!multiply_decimal(&decimal, unit, &bytes))
        return refuse(text, "is too large a size");
    *ret_bytes = bytes;
    return NULL;
}

static bool duration_unit(const char *letters, size_t length, uint64_t *ret)
{
    static const struct {
        const char *name;
        uint64_t nanoseconds;
    } units[] = {
        {"ns", NANOSECOND}, {"us", MICROSECOND}, {"ms", MILLISECOND}, {"s", SECOND},
        {"m", MINUTE},      {"min", MINUTE},     {"h", HOUR},         {"d", DAY},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].name) == length && strncmp(units[i].name, letters, length) == 0) {
            *ret = units[i].nanoseconds;
            return true;
        }
    }
    return false;
}

struct error *units_parse_duration(const char *text, uint64_t *ret_nanoseconds)
{
    static const char expected[] = "is not a time: a number and a unit are expected, as in 250ms, 10s, 5m or 1h30m";
    const char *next = text;
    uint64_t total = 0;
    bool is_first = true, is_bare = false;
    skip_spaces(&next);
    do {
        struct decimal decimal;
        uint64_t unit, part;
        if (is_bare || !parse_decimal(&next, &decimal))
            return refuse(text, expected);
        skip_spaces(&next);
        size_t length = letters_length(next);
        /* A bare number counts seconds, but only alone: "1h30" could mean either. */
        is_bare = length == 0;
        if (is_bare && is_first)
            unit = SECOND;
        else if (!duration_unit(next, length, &unit))
            return refuse(text, expected);
        next += length;
        skip_spaces(&next);
        if (!multiply_decimal(&decimal, unit, &part) || __builtin_add_overflow(total, part, &total))
            return refuse(text, "is too long a time");
        is_first = false;
    } while (*next);
    *ret_nanoseconds = total;
    return NULL;
}
