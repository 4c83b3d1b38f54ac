#include "attach/process_stat.h"

#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attach/procfs.h"

#define SECOND UINT64_C(1000000000)

/* Numbers of proc(5): the name is the second, the state the third. */
enum {
    FIELD_PARENT = 4,
    FIELD_FLAGS = 9,
    FIELD_MINOR_FAULTS = 10,
    FIELD_MAJOR_FAULTS = 12,
    FIELD_USER_TICKS = 14,
    FIELD_SYSTEM_TICKS = 15,
    FIELD_THREADS = 20,
    FIELD_START_TICKS = 22,
    FIELD_VIRTUAL_BYTES = 23,
    FIELD_RSS_PAGES = 24,
    FIELD_STACK_START = 28,
    FIELD_PROCESSOR = 39,
    FIELD_EXIT_CODE = 52,
    FIELD_LAST_NEEDED = FIELD_RSS_PAGES,
};

static void store_field(struct process_stat *stat, unsigned field, uint64_t value)
{
    switch (field) {
    case FIELD_PARENT: stat->parent = (pid_t)value; break;
    case FIELD_FLAGS: stat->flags = (uint32_t)value; break;
    case FIELD_MINOR_FAULTS: stat->minor_faults = value; break;
    case FIELD_MAJOR_FAULTS: stat->major_faults = value; break;
    case FIELD_USER_TICKS: stat->user_ticks = value; break;
    case FIELD_SYSTEM_TICKS: stat->system_ticks = value; break;
    case FIELD_THREADS: stat->threads = value; break;
    case FIELD_START_TICKS: stat->start_ticks = value; break;
    case FIELD_VIRTUAL_BYTES: stat->virtual_bytes = value; break;
    case FIELD_RSS_PAGES: stat->rss_pages = value; break;
    case FIELD_STACK_START: stat->stack_start = value; break;
    case FIELD_PROCESSOR: stat->processor = value <= INT_MAX ? (int)value : -1; break;
    case FIELD_EXIT_CODE: stat->exit_code = value <= INT_MAX ? (int)value : 0; break;
    default: break;
    }
}

bool process_stat_parse(const char *text, size_t length, struct process_stat *ret_stat)
{
    struct process_stat stat = {0};
    struct scanner scanner = scanner_over(text, length);
    uint64_t pid;
    if (!scanner_number(&scanner, 10, &pid) || pid > INT_MAX || !scanner_accept_text(&scanner, " ("))
        return false;
    stat.pid = (pid_t)pid;
    /* The name may itself hold parentheses, blanks and newlines: it ends at the last parenthesis there is. */
    const char *close = memrchr(scanner.next, ')', scanner_left(&scanner));
    if (!close)
        return false;
    stat.comm = scanner.next;
    stat.comm_length = (size_t)(close - scanner.next);
    scanner.next = close + 1;
    struct scanner word;
    if (!scanner_word(&scanner, &word) || scanner_left(&word) != 1)
        return false;
    stat.state = *word.next;

    unsigned field = FIELD_PARENT;
    for (; scanner_word(&scanner, &word); field++) {
        uint64_t value;
        bool is_negative = scanner_accept(&word, '-');
        if (!scanner_number(&word, 10, &value) || word.next != word.end)
            return false;
        /* What can be negative (tpgid, priorities) is not read. */
        store_field(&stat, field, is_negative ? 0 : value);
    }
    if (field <= FIELD_LAST_NEEDED)
        return false;
    *ret_stat = stat;
    return true;
}

/* "123 kB", as all sizes in status are. */
static uint64_t kilobytes(struct scanner value)
{
    uint64_t number = 0;
    scanner_number_word(&value, &number);
    return number < UINT64_MAX / 1024 ? number * 1024 : 0;
}

static uint64_t hexadecimal(struct scanner value)
{
    uint64_t number = 0;
    scanner_skip_blanks(&value);
    scanner_number(&value, 16, &number);
    return number;
}

static uint64_t decimal(struct scanner value)
{
    uint64_t number = 0;
    scanner_number_word(&value, &number);
    return number;
}

static void four_ids(struct scanner value, uint32_t ids[4])
{
    uint64_t number;
    for (size_t i = 0; i < 4 && scanner_number_word(&value, &number); i++)
        ids[i] = (uint32_t)number;
}

/* Takes one line, "Key:" already known and passed over. */
static void store_status(struct process_status *status, const struct scanner *key, struct scanner value)
{
    uint64_t number;
    if (scanner_equals(key, "Tgid"))
        status->group = (pid_t)decimal(value);
    else if (scanner_equals(key, "NSpid"))
        while (scanner_number_word(&value, &number))
            status->inner_pid = (pid_t)number;
    else if (scanner_equals(key, "TracerPid"))
        status->tracer = (pid_t)decimal(value);
    else if (scanner_equals(key, "Uid"))
        four_ids(value, status->uids);
    else if (scanner_equals(key, "Gid"))
        four_ids(value, status->gids);
    else if (scanner_equals(key, "CapPrm"))
        status->permitted_capabilities = hexadecimal(value);
    else if (scanner_equals(key, "CapEff"))
        status->effective_capabilities = hexadecimal(value);
    else if (scanner_equals(key, "CapBnd"))
        status->bounding_capabilities = hexadecimal(value);
    else if (scanner_equals(key, "NoNewPrivs"))
        status->no_new_privileges = decimal(value) != 0;
    else if (scanner_equals(key, "Seccomp"))
        status->seccomp = (unsigned)decimal(value);
    else if (scanner_equals(key, "VmSize"))
        status->virtual_bytes = kilobytes(value);
    else if (scanner_equals(key, "VmRSS")) {
        status->rss_bytes = kilobytes(value);
        status->memory_known = true;
    } else if (scanner_equals(key, "RssAnon"))
        status->anon_bytes = kilobytes(value);
    else if (scanner_equals(key, "RssFile"))
        status->file_bytes = kilobytes(value);
    else if (scanner_equals(key, "RssShmem"))
        status->shmem_bytes = kilobytes(value);
    else if (scanner_equals(key, "VmSwap"))
        status->swap_bytes = kilobytes(value);
    else if (scanner_equals(key, "voluntary_ctxt_switches"))
        status->voluntary_switches = decimal(value);
}

bool process_status_parse(const char *text, size_t length, struct process_status *ret_status)
{
    struct process_status status = {0};
    struct scanner scanner = scanner_over(text, length), line;
    while (scanner_line(&scanner, &line)) {
        const char *colon = memchr(line.next, ':', scanner_left(&line));
        if (!colon)
            continue;
        struct scanner key = {.next = line.next, .end = colon};
        /* The name of the process comes first and is of its own choosing; the kernel escapes newlines in it. */
        store_status(&status, &key, (struct scanner){.next = colon + 1, .end = line.end});
    }
    if (status.group <= 0)
        return false;
    if (status.inner_pid <= 0)
        status.inner_pid = status.group;
    *ret_status = status;
    return true;
}

uint64_t process_ticks_to_ns(uint64_t ticks)
{
    long per_second = sysconf(_SC_CLK_TCK);
    uint64_t rate = per_second > 0 ? (uint64_t)per_second : 100;
    return ticks / rate * SECOND + ticks % rate * (SECOND / rate);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

uint64_t process_start_unix_ns(uint64_t start_ticks)
{
    /* Not btime of /proc/stat, which is in whole seconds and lags behind clock steps. */
    uint64_t since_start = clock_ns(CLOCK_BOOTTIME) - process_ticks_to_ns(start_ticks);
    return clock_ns(CLOCK_REALTIME) - since_start;
}
