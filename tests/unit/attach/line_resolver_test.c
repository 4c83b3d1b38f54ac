/* The process that reads debug information: answers, files that it cannot read or crashes over, its end. */
#include "attach/native/line_resolver.h"

#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "heaptop/base/clock.h"
#include "tests/unit/symbols/fixture.h"

#define PATIENCE (60 * CLOCK_SECOND_NS)
/* Fixed addresses of lines5.elf: somewhere in its functions main and outer. */
#define IN_MAIN UINT64_C(0x4000f0)
#define IN_OUTER UINT64_C(0x400102)

DEFINE_CLEANUP(struct line_resolver *, line_resolver_destroy)

/* The answers to the questions 0, 1, ... by their tags. */
static size_t counts[600];
static char outermost[ARRAY_SIZE(counts)][64];
static size_t answered;

static struct error *take(void *context, uint64_t tag, const struct line_answer *answer)
{
    (void)context;
    ck_assert_uint_lt(tag, ARRAY_SIZE(counts));
    counts[tag] = answer->count;
    outermost[tag][0] = '\0';
    if (answer->count > 0)
        snprintf(outermost[tag], sizeof(outermost[tag]), "%s:%u", answer->frames[answer->count - 1].function,
                 answer->frames[answer->count - 1].line);
    answered++;
    return NULL;
}

static struct line_resolver *create(void)
{
    struct line_resolver *resolver;
    ck_no_error(line_resolver_create(&resolver));
    answered = 0;
    return resolver;
}

static uint32_t add_file(struct line_resolver *resolver, int descriptor)
{
    uint32_t file;
    ck_no_error(line_resolver_add_file(resolver, descriptor, -1, &file));
    return file;
}

static int open_lines(void)
{
    int descriptor = open(FIXTURE("lines5.elf"), O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(descriptor, 0);
    return descriptor;
}

START_TEST(test_answers)
{
    _cleanup_(line_resolver_destroyp) struct line_resolver *resolver = create();
    _cleanup_close_ int descriptor = open_lines();
    _cleanup_close_ int other = open_lines();
    uint32_t files[] = {add_file(resolver, descriptor), add_file(resolver, other)};
    /* More than are asked for at once, of two files in turn. */
    for (uint64_t i = 0; i < ARRAY_SIZE(counts); i++)
        ck_no_error(line_resolver_ask(resolver, files[i / 200 % 2], i % 2 ? IN_OUTER : IN_MAIN, i));
    ck_assert_uint_eq(line_resolver_waiting(resolver), ARRAY_SIZE(counts));
    ck_no_error(line_resolver_run(resolver, PATIENCE, take, NULL));
    ck_assert_uint_eq(answered, ARRAY_SIZE(counts));
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        ck_assert_uint_eq(counts[i], i % 2 ? 3 : 1);
        ck_assert_str_eq(outermost[i], i % 2 ? "outer:15" : "main:19");
    }
    ck_assert_ptr_null(line_resolver_problem(resolver, files[0]));
    ck_assert_uint_gt(line_resolver_cpu_ns(resolver), 0);
    /* Again, of the process that has the file. */
    ck_no_error(line_resolver_ask(resolver, files[1], IN_OUTER, 0));
    ck_no_error(line_resolver_ask(resolver, files[1], 1, 1));
    ck_no_error(line_resolver_run(resolver, PATIENCE, take, NULL));
    ck_assert_uint_eq(counts[0], 3);
    ck_assert_uint_eq(counts[1], 0);
}
END_TEST

/* Without patience nothing is waited for, and all comes in the end. */
START_TEST(test_without_patience)
{
    _cleanup_(line_resolver_destroyp) struct line_resolver *resolver = create();
    _cleanup_close_ int descriptor = open_lines();
    uint32_t file = add_file(resolver, descriptor);
    ck_no_error(line_resolver_ask(resolver, file, IN_OUTER, 0));
    while (line_resolver_waiting(resolver) > 0) {
        ck_no_error(line_resolver_run(resolver, 0, take, NULL));
        sched_yield();
    }
    ck_assert_uint_eq(counts[0], 3);
}
END_TEST

START_TEST(test_unreadable)
{
    _cleanup_(line_resolver_destroyp) struct line_resolver *resolver = create();
    _cleanup_close_ int text = file_of("no ELF file", 11);
    _cleanup_close_ int descriptor = open_lines();
    uint32_t bad = add_file(resolver, text), good = add_file(resolver, descriptor);
    for (uint64_t i = 0; i < 4; i++)
        ck_no_error(line_resolver_ask(resolver, i % 2 ? good : bad, IN_MAIN, i));
    ck_no_error(line_resolver_run(resolver, PATIENCE, take, NULL));
    ck_assert_uint_eq(answered, 4);
    ck_assert_uint_eq(counts[0] + counts[2], 0);
    ck_assert_uint_eq(counts[1] + counts[3], 2);
    ck_assert_str_eq(line_resolver_problem(resolver, bad), "its debug information cannot be read");
    ck_assert_ptr_null(line_resolver_problem(resolver, good));
}
END_TEST

/* A file that is cut short once it is mapped: reading it is a bus error. */
static uint32_t crash(struct line_resolver *resolver, int file_descriptor)
{
    uint32_t file = add_file(resolver, file_descriptor);
    ck_no_error(line_resolver_ask(resolver, file, 1, 0));
    ck_no_error(line_resolver_run(resolver, PATIENCE, take, NULL));
    ck_assert_int_eq(ftruncate(file_descriptor, 0), 0);
    ck_no_error(line_resolver_ask(resolver, file, IN_OUTER, 1));
    ck_no_error(line_resolver_ask(resolver, file, IN_MAIN, 2));
    return file;
}

START_TEST(test_crash)
{
    _cleanup_bytes_ struct bytes bytes = bytes_of(FIXTURE("lines5.elf"));
    _cleanup_(line_resolver_destroyp) struct line_resolver *resolver = create();
    _cleanup_close_ int descriptor = open_lines();
    uint32_t good = add_file(resolver, descriptor);
    for (unsigned i = 0; i < LINE_RESOLVER_MAX_FAILURES; i++) {
        _cleanup_close_ int shrinking = file_of(bytes.data, bytes.size);
        uint32_t bad = crash(resolver, shrinking);
        ck_no_error(line_resolver_ask(resolver, good, IN_OUTER, 3));
        ck_no_error(line_resolver_run(resolver, PATIENCE, take, NULL));
        ck_assert_uint_eq(counts[1] + counts[2], 0);
        ck_assert_ptr_nonnull(strstr(line_resolver_problem(resolver, bad), "has crashed over it"));
        /* The others are read by the next process, until there have been too many. */
        ck_assert_uint_eq(counts[3], i + 1 < LINE_RESOLVER_MAX_FAILURES ? 3 : 0);
    }
    ck_assert_ptr_nonnull(strstr(line_resolver_problem(resolver, good), "crashed too often"));
}
END_TEST

/* The only child of a process. */
static pid_t find_child(pid_t pid)
{
    char path[64], text[64] = "";
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(text, sizeof(text), file));
    fclose(file);
    return (pid_t)strtol(text, NULL, 10);
}

START_TEST(test_deadline)
{
    _cleanup_(line_resolver_destroyp) struct line_resolver *resolver = create();
    _cleanup_close_ int descriptor = open_lines();
    uint32_t file = add_file(resolver, descriptor);
    ck_no_error(line_resolver_ask(resolver, file, IN_OUTER, 0));
    ck_no_error(line_resolver_run(resolver, PATIENCE, take, NULL));
    ck_assert_uint_eq(counts[0], 3);
    /* From then on it hangs. */
    ck_assert_int_eq(kill(find_child(getpid()), SIGSTOP), 0);
    line_resolver_set_deadline(resolver, 1000000);
    ck_no_error(line_resolver_ask(resolver, file, IN_OUTER, 1));
    ck_no_error(line_resolver_run(resolver, PATIENCE, take, NULL));
    ck_assert_uint_eq(answered, 2);
    ck_assert_uint_eq(counts[1], 0);
    ck_assert_ptr_nonnull(strstr(line_resolver_problem(resolver, file), "took more than"));
}
END_TEST

/* Whatever is changed in a file: an answer, or none and why. */
START_TEST(test_damaged)
{
    _cleanup_bytes_ struct bytes bytes = bytes_of(FIXTURE("lines5.elf"));
    uint64_t seed = 1;
    for (unsigned i = 0; i < 200; i++) {
        _cleanup_free_ uint8_t *damaged = malloc(bytes.size);
        ck_assert_ptr_nonnull(damaged);
        memcpy(damaged, bytes.data, bytes.size);
        for (unsigned k = 0; k < 1 + i % 8; k++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            /* Behind the headers, which tell whether it is read at all. */
            size_t at = 0x120 + (size_t)(seed >> 33) % (bytes.size - 0x120);
            damaged[at] = (uint8_t)(seed >> 20 | (k % 2 ? 0xf0 : 0));
        }
        size_t size = i % 5 == 4 ? (size_t)(seed >> 33) % bytes.size : bytes.size;
        _cleanup_close_ int descriptor = file_of(damaged, size);
        _cleanup_(line_resolver_destroyp) struct line_resolver *resolver = create();
        uint32_t file = add_file(resolver, descriptor);
        ck_no_error(line_resolver_ask(resolver, file, IN_OUTER, 0));
        ck_no_error(line_resolver_run(resolver, PATIENCE, take, NULL));
        ck_assert_uint_eq(answered, 1);
        ck_assert(!line_resolver_problem(resolver, file) || counts[0] == 0);
    }
}
END_TEST

START_TEST(test_ends_with_heaptop)
{
    int ready[2];
    char sign;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t heaptop = fork();
    if (heaptop == 0) {
        struct line_resolver *resolver = create();
        ck_no_error(line_resolver_ask(resolver, add_file(resolver, open_lines()), IN_MAIN, 0));
        ck_no_error(line_resolver_run(resolver, PATIENCE, take, NULL));
        if (write(ready[1], "r", 1) == 1)
            pause();
        _exit(1);
    }
    ck_assert_int_eq(read(ready[0], &sign, 1), 1);
    pid_t reader = find_child(heaptop);
    _cleanup_close_ int descriptor = (int)syscall(SYS_pidfd_open, reader, 0);
    ck_assert_int_ge(descriptor, 0);
    kill(heaptop, SIGKILL);
    waitpid(heaptop, NULL, 0);
    struct pollfd end = {.fd = descriptor, .events = POLLIN};
    ck_assert_int_eq(poll(&end, 1, 60000), 1);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("line resolver");
    TCase *tests = tcase_create("line resolver");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_answers);
    tcase_add_test(tests, test_without_patience);
    tcase_add_test(tests, test_unreadable);
    tcase_add_test(tests, test_crash);
    tcase_add_test(tests, test_deadline);
    tcase_add_test(tests, test_damaged);
    tcase_add_test(tests, test_ends_with_heaptop);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
