/* The live view over a made-up process, to try the screens by hand: tui_demo [-n | -e SECOND] [SECONDS ALREADY SEEN].
 * -n: a program that is not Go's; -e: it exits at that second. -p: the picker. */
#include <errno.h>
#include <getopt.h>
#include <sys/timerfd.h>

#include "heaptop/tui.h"
#include "tests/unit/tui/scene.h"

struct demo_source {
    struct source source;
    struct scene scene;
    unsigned ahead;         /* Seconds to hand out at once. */
    unsigned exit_at;
    int timer;
};

static void set_timer(const struct demo_source *demo, uint64_t interval_ns)
{
    struct timespec interval = {(time_t)(interval_ns / 1000000000), (long)(interval_ns % 1000000000)};
    /* What is ahead is there at once. */
    struct timespec first = demo->ahead > 0 ? (struct timespec){0, 1} : interval;
    timerfd_settime(demo->timer, 0, &(struct itimerspec){interval, first}, NULL);
}

static struct error *demo_next(struct source *source, uint64_t timeout_ns, struct snapshot **ret_snapshot)
{
    struct demo_source *demo = (struct demo_source *)source;
    uint64_t expirations;
    (void)timeout_ns;
    *ret_snapshot = NULL;
    if (demo->scene.b->exit_reason)
        return NULL;
    if (demo->ahead > 0) {
        demo->ahead--;
        if (demo->ahead == 0)
            set_timer(demo, demo->scene.b->interval_ns);
    } else if (read(demo->timer, &expirations, sizeof(expirations)) != sizeof(expirations))
        return NULL;
    if (demo->exit_at && demo->scene.second >= demo->exit_at)
        demo->scene.b->exit_reason = "exited";
    *ret_snapshot = scene_next(&demo->scene);
    return NULL;
}

static void demo_set_interval(struct source *source, uint64_t interval_ns)
{
    struct demo_source *demo = (struct demo_source *)source;
    demo->scene.b->interval_ns = interval_ns;
    set_timer(demo, interval_ns);
}

static int demo_descriptor(struct source *source)
{
    return ((struct demo_source *)source)->timer;
}

static void demo_close(struct source *source)
{
    struct demo_source *demo = (struct demo_source *)source;
    close(demo->timer);
    scene_deinit(&demo->scene);
}

static struct error *list_processes(void *context, const struct picker_row **ret_rows, size_t *ret_count,
                                    bool *ret_unfinished)
{
    static struct picker_row rows[40];
    static char commands[40][64];
    static const struct {
        const char *name, *runtime, *allocator;
    } programs[] = {{"prometheus", "go1.24.4", "Go"},  {"etcd", "go1.24.4", "Go"},
                    {"postgres", "C", "glibc"},        {"node_exporter", "go1.23.5", "Go+glibc"},
                    {"caddy", "go1.23.5", "Go"},       {"java", "JVM 17.0.15", "glibc"},
                    {"redis-server", "C", "jemalloc"}, {"sshd", "C", "glibc"}};
    unsigned *second = context;
    for (int i = 0; i < 40; i++) {
        const char *name = programs[i % 8].name;
        snprintf(commands[i], sizeof(commands[i]), "/usr/bin/%s --config=/etc/%s/%d.yml", name, name, i);
        rows[i] = (struct picker_row){.pid = 1000 + 37 * i,
                                      .user = i % 3 ? "root" : "prometheus",
                                      .name = name,
                                      .command_line = commands[i],
                                      .runtime = programs[i % 8].runtime,
                                      .allocator = programs[i % 8].allocator,
                                      .rss_bytes =
                                          (uint64_t)(800 / (i + 1) + 1) * 1048576 + (i == 0 ? *second * 2600000u : 0),
                                      .readable = i % 5 != 4};
    }
    (*second)++;
    *ret_unfinished = false;
    *ret_rows = rows;
    *ret_count = 40;
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct source_ops ops = {
        .next = demo_next, .set_interval = demo_set_interval, .descriptor = demo_descriptor, .close = demo_close};
    struct demo_source demo = {.source = {&ops, true},
                               .timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
    struct tui_options options = {.mouse = true, .interval_ns = BUILDER_SECOND_NS};
    scene_init(&demo.scene);
    bool again = false, pick = false;
    for (int option; (option = getopt(argc, argv, "npae:")) != -1;) {
        if (option == 'n')
            demo.scene.is_native = true;
        if (option == 'p')
            pick = true;
        if (option == 'a')
            options.glyphs = TUI_GLYPHS_ASCII;
        if (option == 'e')
            demo.exit_at = (unsigned)atoi(optarg);
    }
    demo.ahead = argc > optind ? (unsigned)atoi(argv[optind]) : 1;
    set_timer(&demo, BUILDER_SECOND_NS);
    unsigned second = 0;
    pid_t pid = 0;
    struct error *error = pick ? tui_pick(&(struct picker){list_processes, &second}, NULL, &options, &pid)
                               : tui_run(&demo.source, &options, &again);
    source_close(&demo.source);
    if (!error)
        return EXIT_SUCCESS;
    fprintf(stderr, "tui_demo: %s\n", error->message);
    error_destroy(error);
    return EXIT_FAILURE;
}
