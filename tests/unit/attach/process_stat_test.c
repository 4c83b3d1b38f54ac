#include "attach/process_stat.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "attach/procfs.h"
#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

#define REST \
    " S 6966 6971 6971 0 -1 4194560 3012 44292 7 27 101 202 36 9 20 0 12 0 113254 5124096 934 18446744073709551615 " \
    "94488228192256 " \
    "94488228981661 140736004926064 0 0 0 65536 4 1132560123 1 0 0 17 3 0 0 0 0 0 94488229214960 94488229263204 " \
    "94488797659136 " \
    "140736004934459 140736004934474 140736004934474 140736004935658 9\n"

static struct process_stat parse(const char *text)
{
    struct process_stat stat;
    ck_assert_msg(process_stat_parse(text, strlen(text), &stat), "not parsed: %s", text);
    return stat;
}

START_TEST(test_stat_fields)
{
    struct process_stat stat = parse("6971 (bash)" REST);
    ck_assert_int_eq(stat.pid, 6971);
    ck_assert_int_eq(stat.state, 'S');
    ck_assert_int_eq(stat.parent, 6966);
    ck_assert_uint_eq(stat.flags, 4194560);
    ck_assert_uint_eq(stat.minor_faults, 3012);
    ck_assert_uint_eq(stat.major_faults, 7);
    ck_assert_uint_eq(stat.user_ticks, 101);
    ck_assert_uint_eq(stat.system_ticks, 202);
    ck_assert_uint_eq(stat.threads, 12);
    ck_assert_uint_eq(stat.start_ticks, 113254);
    ck_assert_uint_eq(stat.virtual_bytes, 5124096);
    ck_assert_uint_eq(stat.rss_pages, 934);
    ck_assert_uint_eq(stat.stack_start, 140736004926064);
    ck_assert_int_eq(stat.processor, 3);
    ck_assert_int_eq(stat.exit_code, 9);
}
END_TEST

START_TEST(test_stat_names)
{
    static const char *const names[] = {"a) R (b", ") S 1 1",      "",         " ", "x\ny", "((((", "))))",
                                        "a b c",   "\xff\x1b[31m", "1 (2) S 3"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char text[1024];
        snprintf(text, sizeof(text), "42 (%s)" REST, names[i]);
        struct process_stat stat = parse(text);
        ck_assert_uint_eq(stat.comm_length, strlen(names[i]));
        ck_assert_mem_eq(stat.comm, names[i], stat.comm_length);
        ck_assert_int_eq(stat.parent, 6966);
    }
}
END_TEST

START_TEST(test_stat_malformed)
{
    static const char *const texts[] = {
        "",
        "1",
        "1 ",
        "1 (",
        "1 (x",
        "1 (x)",
        "1 (x) ",
        "1 (x) S",
        "1 (x) SS 1 2 3",
        "(x) S 1",
        "x (y) S 1",
        "1 (x) S 1 2 3 4 5 6 7 8 9 10",
        "99999999999999999999 (x)" REST,
        "1 (x) S 1 2 3 4 5 6 z 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24",
        "1 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 99999999999999999999999 23 24",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct process_stat stat = {.pid = 77};
        ck_assert_msg(!process_stat_parse(texts[i], strlen(texts[i]), &stat), "parsed: %s", texts[i]);
        ck_assert_int_eq(stat.pid, 77);
    }
    /* Every cut of a good text is refused or gives what was there, and never reads beyond. */
    const char *good = "6971 (ba sh)" REST;
    for (size_t length = 0; length < strlen(good); length++) {
        char *cut = malloc(length ? length : 1);
        memcpy(cut, good, length);
        struct process_stat stat;
        if (process_stat_parse(cut, length, &stat))
            ck_assert_uint_eq(stat.start_ticks, 113254);
        free(cut);
    }
}
END_TEST

START_TEST(test_own_files)
{
    ck_assert_int_eq(prctl(PR_SET_NAME, "a) R (b\n c"), 0);
    char text[PROCESS_STATUS_SIZE];
    size_t length;
    ck_assert_ptr_null(procfs_read(AT_FDCWD, "/proc/self/stat", text, sizeof(text), &length));
    struct process_stat stat = parse(text);
    ck_assert_int_eq(stat.pid, getpid());
    ck_assert_int_eq(stat.parent, getppid());
    ck_assert_uint_ge(stat.threads, 1);
    ck_assert_uint_ne(stat.stack_start, 0);
    ck_assert_uint_gt(stat.virtual_bytes, stat.rss_pages);

    /* Started within the last minutes, and not in the future. */
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    uint64_t start = process_start_unix_ns(stat.start_ticks);
    ck_assert_uint_le(start, now_ns);
    ck_assert_uint_gt(start, now_ns - UINT64_C(600) * 1000000000);

    ck_assert_ptr_null(procfs_read(AT_FDCWD, "/proc/self/status", text, sizeof(text), &length));
    struct process_status status;
    ck_assert(process_status_parse(text, length, &status));
    ck_assert_int_eq(status.group, getpid());
    ck_assert_uint_eq(status.uids[0], getuid());
    ck_assert_uint_eq(status.uids[1], geteuid());
    ck_assert_uint_eq(status.gids[2], getegid());
    ck_assert(status.memory_known);
    ck_assert_uint_gt(status.rss_bytes, 0);
    ck_assert_uint_ge(status.rss_bytes, status.anon_bytes + status.file_bytes);
    ck_assert_uint_ge(status.virtual_bytes, status.rss_bytes);
}
END_TEST

START_TEST(test_status_text)
{
    const char *text =
        "Name:\tx\\nUid:\t9 9 9 9\nState:\tS "
        "(sleeping)\nTgid:\t4242\nPid:\t4243\nTracerPid:\t7\nUid:\t1000\t1001\t1002\t1003\n"
        "Gid:\t1\t2\t3\t4\nNSpid:\t4242\t17\t1\nVmSize:\t  47260 kB\nVmRSS:\t   16856 kB\nRssAnon:\t   10484 kB\n"
        "RssFile:\t       8 kB\nRssShmem:\t    6364 kB\nVmSwap:\t       4 kB\nCapPrm:\t000001ffffffffff\n"
        "CapEff:\t0000000000080000\nNoNewPrivs:\t1\nSeccomp:\t2\nvoluntary_ctxt_switches:\t332\n";
    struct process_status status;
    ck_assert(process_status_parse(text, strlen(text), &status));
    ck_assert_int_eq(status.group, 4242);
    ck_assert_int_eq(status.inner_pid, 1);
    ck_assert_int_eq(status.tracer, 7);
    ck_assert_uint_eq(status.uids[0], 1000);
    ck_assert_uint_eq(status.uids[3], 1003);
    ck_assert_uint_eq(status.gids[1], 2);
    ck_assert_uint_eq(status.virtual_bytes, 47260 * 1024);
    ck_assert_uint_eq(status.rss_bytes, 16856 * 1024);
    ck_assert_uint_eq(status.anon_bytes, 10484 * 1024);
    ck_assert_uint_eq(status.file_bytes, 8 * 1024);
    ck_assert_uint_eq(status.shmem_bytes, 6364 * 1024);
    ck_assert_uint_eq(status.swap_bytes, 4 * 1024);
    ck_assert_uint_eq(status.permitted_capabilities, 0x1ffffffffff);
    ck_assert_uint_eq(status.effective_capabilities, 0x80000);
    ck_assert(status.no_new_privileges);
    ck_assert_uint_eq(status.seccomp, 2);
    ck_assert_uint_eq(status.voluntary_switches, 332);

    /* A zombie: no memory, and no NSpid on old kernels. */
    const char *zombie = "Name:\tx\nTgid:\t5\nVmRSSX:\t3 kB\n";
    ck_assert(process_status_parse(zombie, strlen(zombie), &status));
    ck_assert(!status.memory_known);
    ck_assert_int_eq(status.inner_pid, 5);
    ck_assert(!process_status_parse("Name:\tx\n", 8, &status));
    ck_assert(!process_status_parse("", 0, &status));
    /* Too large to be bytes. */
    const char *large = "Tgid:\t5\nVmRSS:\t18446744073709551615 kB\n";
    ck_assert(process_status_parse(large, strlen(large), &status));
    ck_assert_uint_eq(status.rss_bytes, 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("process_stat");
    TCase *tests = tcase_create("process_stat");
    tcase_add_test(tests, test_stat_fields);
    tcase_add_test(tests, test_stat_names);
    tcase_add_test(tests, test_stat_malformed);
    tcase_add_test(tests, test_own_files);
    tcase_add_test(tests, test_status_text);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
