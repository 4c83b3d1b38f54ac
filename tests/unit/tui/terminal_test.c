/* The live view on a real terminal (a pseudo terminal, and a shell of a few lines before it): whatever ends or stops
 * it, the terminal is left as it was found. */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <utmp.h>

#include "heaptop/tui.h"
#include "tests/unit/tui/scene.h"
#include "tests/unit/check_main.h"

/* Long enough for a sanitizer on a busy machine; nothing waits so long when all is well. */
#define PATIENCE_MS 20000
#define ENTER_SCREEN "\033[?1049h"
#define LEAVE_SCREEN "\033[?1049l"

struct stand {
    int terminal;           /* The side of the person. */
    pid_t shell;
    int news, orders;       /* The shell tells what its child did, and is told to continue it. */
    struct termios before;
    struct text output;
};

static int run_view(void)
{
    struct scene scene;
    struct snapshot *snapshots[40];
    scene_init(&scene);
    for (size_t i = 0; i < ARRAY_SIZE(snapshots); i++)
        snapshots[i] = scene_next(&scene);
    struct source *source = builder_source(snapshots, ARRAY_SIZE(snapshots));
    bool again = false;
    struct error *error = tui_run(source, &(struct tui_options){.mouse = true}, &again);
    int status = !error ? (again ? 3 : 0) : error->kind == ERROR_UNSUPPORTED ? 4 : 5;
    error_destroy(error);
    builder_release(snapshots, ARRAY_SIZE(snapshots));
    source_close(source);
    scene_deinit(&scene);
    return status;
}

/* What a shell does with a job: a process group in front, told again when it stops. News: "P" and the pid, then for
 * each change a letter ('x' exited, 'k' killed, 's' stopped) and a number. */
static void run_shell(int news, int orders)
{
    signal(SIGTTOU, SIG_IGN);
    pid_t job = fork();
    if (job == 0) {
        setpgid(0, 0);
        tcsetpgrp(STDIN_FILENO, getpid());
        signal(SIGTTOU, SIG_DFL);
        _exit(run_view());
    }
    setpgid(job, job);
    tcsetpgrp(STDIN_FILENO, job);
    dprintf(news, "P%d\n", (int)job);
    for (;;) {
        int status;
        if (waitpid(job, &status, WUNTRACED) != job)
            _exit(9);
        if (!WIFSTOPPED(status)) {
            dprintf(news, "%c%d\n", WIFEXITED(status) ? 'x' : 'k',
                    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
            _exit(0);
        }
        tcsetpgrp(STDIN_FILENO, getpgrp());
        dprintf(news, "s%d\n", WSTOPSIG(status));
        char order;
        if (read(orders, &order, 1) != 1)
            _exit(9);
        tcsetpgrp(STDIN_FILENO, job);
        kill(-job, SIGCONT);
    }
}

static void stand_open(struct stand *stand, const char *type)
{
    int news[2], orders[2];
    *stand = (struct stand){0};
    ck_assert_int_eq(pipe2(news, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(orders, O_CLOEXEC), 0);
    struct winsize size = {.ws_col = 100, .ws_row = 30};
    setenv("TERM", type, 1);
    setenv("LANG", "C.UTF-8", 1);
    unsetenv("LC_ALL");
    unsetenv("COLORTERM");
    int other;
    ck_assert_int_eq(openpty(&stand->terminal, &other, NULL, NULL, &size), 0);
    ck_assert_int_eq(tcgetattr(stand->terminal, &stand->before), 0);
    stand->shell = fork();
    if (stand->shell == 0) {
        close(stand->terminal);
        if (login_tty(other) != 0)
            _exit(9);
        run_shell(news[1], orders[0]);
    }
    close(other);
    close(news[1]);
    close(orders[0]);
    stand->news = news[0];
    stand->orders = orders[1];
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Takes in what comes until `seen` is in it (counted from `from`), or the shell has news. Returns whether it is. */
static bool await_output(struct stand *stand, size_t from, const char *seen)
{
    uint64_t end = now_ms() + PATIENCE_MS;
    while (now_ms() < end) {
        if (stand->output.data && stand->output.length > from &&
            memmem(stand->output.data + from, stand->output.length - from, seen, strlen(seen)))
            return true;
        struct pollfd polled = {.fd = stand->terminal, .events = POLLIN};
        if (poll(&polled, 1, 200) <= 0)
            continue;
        char buffer[4096];
        ssize_t got = read(stand->terminal, buffer, sizeof(buffer));
        if (got <= 0)
            return false;
        text_append_bytes(&stand->output, buffer, (size_t)got);
    }
    return false;
}

/* The shell's next line; the terminal is emptied meanwhile, so that the view is never held up. */
static void await_news(struct stand *stand, char *line, size_t size)
{
    size_t used = 0;
    uint64_t end = now_ms() + PATIENCE_MS;
    while (now_ms() < end) {
        struct pollfd polled[] = {{.fd = stand->news, .events = POLLIN}, {.fd = stand->terminal, .events = POLLIN}};
        if (poll(polled, 2, 200) <= 0)
            continue;
        char buffer[4096];
        if (polled[1].revents & POLLIN) {
            ssize_t got = read(stand->terminal, buffer, sizeof(buffer));
            if (got > 0)
                text_append_bytes(&stand->output, buffer, (size_t)got);
        }
        if (!(polled[0].revents & (POLLIN | POLLHUP)))
            continue;
        ck_assert_int_eq(read(stand->news, buffer, 1), 1);
        if (buffer[0] == '\n') {
            line[used] = '\0';
            return;
        }
        ck_assert_uint_lt(used + 1, size);
        line[used++] = buffer[0];
    }
    ck_abort_msg("no news in %d ms", PATIENCE_MS);
}

static pid_t await_view(struct stand *stand)
{
    char line[32];
    await_news(stand, line, sizeof(line));
    ck_assert_int_eq(line[0], 'P');
    ck_assert(await_output(stand, 0, "getOrCreate"));
    return (pid_t)atoi(line + 1);
}

static void type(struct stand *stand, const char *keys)
{
    ck_assert_int_eq(write(stand->terminal, keys, strlen(keys)), (ssize_t)strlen(keys));
}

/* The screen of before, and the modes of before. */
static void check_restored(struct stand *stand, size_t from)
{
    struct termios now;
    ck_assert(await_output(stand, from, LEAVE_SCREEN));
    /* The mouse is the terminal's again. */
    ck_assert(await_output(stand, from, "1000l"));
    ck_assert_int_eq(tcgetattr(stand->terminal, &now), 0);
    ck_assert_uint_eq(now.c_lflag, stand->before.c_lflag);
    ck_assert_uint_eq(now.c_iflag, stand->before.c_iflag);
    ck_assert_uint_eq(now.c_oflag, stand->before.c_oflag);
}

static void stand_close(struct stand *stand)
{
    close(stand->orders);
    close(stand->news);
    close(stand->terminal);
    waitpid(stand->shell, NULL, 0);
    text_deinit(&stand->output);
}

static void check_ends(int signal_number, const char *keys, const char *expected)
{
    struct stand stand;
    char line[32];
    stand_open(&stand, "xterm-256color");
    pid_t view = await_view(&stand);
    if (keys)
        type(&stand, keys);
    else
        kill(view, signal_number);
    await_news(&stand, line, sizeof(line));
    ck_assert_str_eq(line, expected);
    check_restored(&stand, 0);
    stand_close(&stand);
}

START_TEST(quitting_restores_the_terminal)
{
    check_ends(0, "q", "x0");
    check_ends(0, "p", "x3");
    check_ends(0, "\003", "x0");        /* Ctrl-C. */
}
END_TEST

START_TEST(signals_that_ask_restore_the_terminal)
{
    check_ends(SIGTERM, NULL, "x0");
    check_ends(SIGHUP, NULL, "x0");
}
END_TEST

START_TEST(a_crash_restores_the_terminal)
{
    char killed[8];
    snprintf(killed, sizeof(killed), "k%d", SIGABRT);
    check_ends(SIGABRT, NULL, killed);
    snprintf(killed, sizeof(killed), "k%d", SIGBUS);
    check_ends(SIGBUS, NULL, killed);
}
END_TEST

START_TEST(suspending_gives_the_terminal_back_and_takes_it_again)
{
    struct stand stand;
    char line[32], stopped[8];
    snprintf(stopped, sizeof(stopped), "s%d", SIGTSTP);
    stand_open(&stand, "xterm-256color");
    await_view(&stand);
    type(&stand, "2\032");
    await_news(&stand, line, sizeof(line));
    ck_assert_str_eq(line, stopped);
    check_restored(&stand, 0);
    size_t from = stand.output.length;
    ck_assert_int_eq(write(stand.orders, "c", 1), 1);
    ck_assert(await_output(&stand, from, ENTER_SCREEN));
    /* It is drawn again, whole, as it was. */
    ck_assert(await_output(&stand, from, "newMemSeries"));
    type(&stand, "q");
    await_news(&stand, line, sizeof(line));
    ck_assert_str_eq(line, "x0");
    check_restored(&stand, from);
    stand_close(&stand);
}
END_TEST

START_TEST(it_follows_the_size_of_the_terminal)
{
    struct stand stand;
    char line[32];
    stand_open(&stand, "xterm-256color");
    await_view(&stand);
    size_t from = stand.output.length;
    ck_assert_int_eq(ioctl(stand.terminal, TIOCSWINSZ, &(struct winsize){.ws_col = 50, .ws_row = 10}), 0);
    ck_assert(await_output(&stand, from, "heaptop needs 60"));
    from = stand.output.length;
    ck_assert_int_eq(ioctl(stand.terminal, TIOCSWINSZ, &(struct winsize){.ws_col = 160, .ws_row = 44}), 0);
    ck_assert(await_output(&stand, from, "allocates"));
    type(&stand, "q");
    await_news(&stand, line, sizeof(line));
    ck_assert_str_eq(line, "x0");
    stand_close(&stand);
}
END_TEST

/* A screen that is cleared before it is drawn flickers. */
START_TEST(a_resize_clears_nothing)
{
    static const struct winsize sizes[] = {
        {.ws_col = 100, .ws_row = 38}, {.ws_col = 160, .ws_row = 50}, {.ws_col = 80, .ws_row = 24}};
    struct stand stand;
    char line[32];
    stand_open(&stand, "xterm-256color");
    await_view(&stand);
    type(&stand, "2");
    ck_assert(await_output(&stand, 0, "sampled every"));
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        size_t from = stand.output.length;
        ck_assert_int_eq(ioctl(stand.terminal, TIOCSWINSZ, &sizes[i]), 0);
        /* The last row is written last. */
        ck_assert(await_output(&stand, from, "quit"));
        ck_assert_ptr_null(memmem(stand.output.data + from, stand.output.length - from, "\033[2J", 4));
        ck_assert_ptr_null(memmem(stand.output.data + from, stand.output.length - from, "\033[J", 3));
    }
    type(&stand, "q");
    await_news(&stand, line, sizeof(line));
    ck_assert_str_eq(line, "x0");
    stand_close(&stand);
}
END_TEST

START_TEST(what_is_copied_goes_to_the_terminals_clipboard)
{
    struct stand stand;
    char line[32];
    stand_open(&stand, "xterm-256color");
    await_view(&stand);
    type(&stand, "y");
    /* "github.com/prometheus/prometheus/", in base64. */
    ck_assert(await_output(&stand, 0, "\033]52;c;Z2l0aHViLmNvbS9wcm9tZXRoZXVzL3Byb21ldGhldXMv"));
    ck_assert(await_output(&stand, 0, "\a"));
    type(&stand, "q");
    await_news(&stand, line, sizeof(line));
    ck_assert_str_eq(line, "x0");
    stand_close(&stand);
}
END_TEST

START_TEST(no_color_is_heeded)
{
    struct stand stand;
    char line[32];
    setenv("NO_COLOR", "1", 1);
    stand_open(&stand, "xterm-256color");
    await_view(&stand);
    type(&stand, "q");
    await_news(&stand, line, sizeof(line));
    await_output(&stand, 0, LEAVE_SCREEN);
    ck_assert_ptr_null(memmem(stand.output.data, stand.output.length, "\033[38", 4));
    ck_assert_ptr_null(memmem(stand.output.data, stand.output.length, ";38;5;", 6));
    stand_close(&stand);
}
END_TEST

START_TEST(a_terminal_that_cannot_is_refused)
{
    static const char *const types[] = {"dumb", "no-such-terminal-type"};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct stand stand;
        char line[32];
        stand_open(&stand, types[i]);
        await_news(&stand, line, sizeof(line));
        await_news(&stand, line, sizeof(line));
        ck_assert_str_eq(line, "x4");
        stand_close(&stand);
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("terminal");
    TCase *tests = tcase_create("terminal");
    tcase_add_test(tests, quitting_restores_the_terminal);
    tcase_add_test(tests, signals_that_ask_restore_the_terminal);
    tcase_add_test(tests, a_crash_restores_the_terminal);
    tcase_add_test(tests, suspending_gives_the_terminal_back_and_takes_it_again);
    tcase_add_test(tests, it_follows_the_size_of_the_terminal);
    tcase_add_test(tests, a_resize_clears_nothing);
    tcase_add_test(tests, what_is_copied_goes_to_the_terminals_clipboard);
    tcase_add_test(tests, no_color_is_heeded);
    tcase_add_test(tests, a_terminal_that_cannot_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
