/* What the tests of the screens share: a session over the scene, keys as text, and what is on the screen as text. */
#ifndef TESTS_UNIT_TUI_TUI_TEST_H
#define TESTS_UNIT_TUI_TUI_TEST_H

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/check_main.h"
#include "tests/unit/tui/scene.h"
#include "tui/session.h"

/* Where the scene's sources lie, for whoever wants them there; one file, made before the program was. */
struct stage_sources {
    char folder[40], file[64], map[96];
};

/* head.go with a line for each of those that the scene has, and more. */
__attribute__((unused)) static void stage_sources_make(struct stage_sources *sources)
{
    static const struct timespec old[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
    snprintf(sources->folder, sizeof(sources->folder), "/tmp/heaptop-sources-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(sources->folder));
    snprintf(sources->file, sizeof(sources->file), "%s/head.go", sources->folder);
    snprintf(sources->map, sizeof(sources->map), "/src/head.go=%s", sources->file);
    FILE *file = fopen(sources->file, "we");
    ck_assert_ptr_nonnull(file);
    for (int line = 1; line <= 2200; line++) {
        if (line == 1622)
            fputs("\treturn h.getOrCreateWithID(id, hash, lset) // \xe5\x90\x8d\xe5\x89\x8d, e\xcc\x81\n", file);
        else if (line == 1650)
            fputs("\t\ts := newMemSeries(lset, id, h.opts.IsolationDisabled)\n", file);
        else
            fprintf(file, line % 5 ? "\tline(%d)\n" : "\n", line);
    }
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(utimensat(AT_FDCWD, sources->file, old, 0), 0);
}

__attribute__((unused)) static void stage_sources_remove(const struct stage_sources *sources)
{
    unlink(sources->file);
    rmdir(sources->folder);
}

/* Code that was made up. */
__attribute__((unused)) static struct error *stage_disassemble(void *context, uint64_t address, struct arena *arena,
                                                               struct instruction *instructions, size_t room,
                                                               size_t *ret_count)
{
    (void)context;
    for (size_t i = 0; i < 40 && i < room; i++)
        instructions[i] = (struct instruction){
            .address = address - 80 + 5 * i - 4,
            .size = 5,
            .text = arena_printf(arena, i == 16 ? "call 0x%x" : "mov rax, [rsp+0x%x]", (unsigned)(8 * i))};
    *ret_count = 40;
    return NULL;
}

struct stage {
    struct scene scene;
    struct snapshot **snapshots;
    struct source *source;
    struct session *session;
};

enum stage_profiling {
    PROFILING_OWN,          /* The program has it on. */
    PROFILING_OFFERED,      /* It is off. */
    PROFILING_SWITCHED,     /* heaptop has switched it on. */
    PROFILING_PRELOADED,    /* heaptop has loaded a library into the program. */
};

struct stage_options {
    int width, height;
    enum glyphs glyphs;
    unsigned seconds;       /* Of the scene that were seen. */
    bool is_native, exits;
    enum stage_profiling profiling;
    const struct stage_sources *sources;    /* NULL: they are not on this machine. */
    bool has_code;
    void (*adjust)(struct snapshot *snapshot, unsigned second);     /* What else is other in it. NULL: nothing. */
};

__attribute__((unused)) static void stage_set_profiling(struct snapshot *snapshot, enum stage_profiling profiling)
{
    if (profiling == PROFILING_OFFERED) {
        snapshot->profile_state = PROFILE_OFF;
        snapshot->profile_reason =
            "heap profiling is switched off (runtime.MemProfileRate is 0, set by the program or by "
            "GODEBUG=memprofilerate=0)";
        snapshot->profile_switch = PROFILE_SWITCH_OFFERED;
        snapshot->num_sites = 0;
        snapshot_set(snapshot, COUNTER_MEM_PROFILE_RATE, 0);
    }
    if (profiling == PROFILING_PRELOADED) {
        snapshot->cost.preload_rate = 1 << 19;
        snapshot->target.runtime = catalog_add_string(snapshot->catalog, "native", strlen("native"));
        snapshot->target.runtime_version = 0;
        snapshot_set_unavailable(snapshot, COUNTER_LAST_GC, "not a Go program");
    }
    if (profiling == PROFILING_SWITCHED) {
        snapshot->profile_switch = PROFILE_SWITCH_ON;
        snapshot->profile_since_unix_ns = BUILDER_START_NS - 20 * BUILDER_SECOND_NS;
        snapshot_set(snapshot, COUNTER_HEAP_MARKED,
                     snapshot->counters[COUNTER_HEAP_MARKED].value.integer + (INT64_C(310) << 20));
        snapshot->cost.writes = 1;
    }
}

__attribute__((unused)) static void stage_pull(struct stage *stage)
{
    /* Until the source has nothing more. */
    for (int i = 0; i < 100; i++)
        ck_assert_ptr_null(session_pull(stage->session));
}

/* The scene's seconds, as these options have them; the caller releases and frees them. */
__attribute__((unused)) static struct snapshot **stage_make_snapshots(struct scene *scene,
                                                                      const struct stage_options *options)
{
    setenv("TZ", "UTC", 1);
    tzset();
    scene_init(scene);
    scene->is_native = options->is_native;
    scene->is_measured = scene->has_stacks = true;
    struct snapshot **snapshots = calloc(options->seconds + 1, sizeof(*snapshots));
    ck_assert_ptr_nonnull(snapshots);
    for (unsigned i = 0; i < options->seconds; i++) {
        if (options->exits && i + 1 == options->seconds)
            scene->b->exit_reason = "exited with status 2";
        snapshots[i] = scene_next(scene);
        stage_set_profiling(snapshots[i], options->profiling);
        if (options->adjust)
            options->adjust(snapshots[i], i);
    }
    return snapshots;
}

__attribute__((unused)) static void stage_open(struct stage *stage, const struct stage_options *options)
{
    unsigned count = options->seconds;
    *stage = (struct stage){0};
    stage->snapshots = stage_make_snapshots(&stage->scene, options);
    stage->source = builder_source(stage->snapshots, count);
    struct session_options session_options = {
        .width = options->width, .height = options->height, .glyphs = options->glyphs, .can_pick = true};
    static const struct tui_code code = {.disassemble = stage_disassemble};
    session_options.code = options->has_code ? &code : NULL;
    if (options->sources)
        session_options.source_maps = (struct tui_source_maps){.maps = {options->sources->map}, .count = 1};
    ck_assert_ptr_null(session_create(stage->source, &session_options, &stage->session));
    stage_pull(stage);
    builder_release(stage->snapshots, count);
    free(stage->snapshots);
}

/* Until what is made off the drawing path is there. */
__attribute__((unused)) static void stage_settle(struct stage *stage)
{
    for (int descriptor; (descriptor = session_descriptor(stage->session)) >= 0;) {
        struct pollfd polled = {.fd = descriptor, .events = POLLIN};
        ck_assert_int_eq(poll(&polled, 1, -1), 1);
        ck_assert_ptr_null(session_pull(stage->session));
    }
}

/* One more second passes. */
__attribute__((unused)) static void stage_second(struct stage *stage)
{
    struct snapshot *snapshot = scene_next(&stage->scene);
    struct builder_source *source = (struct builder_source *)stage->source;
    struct snapshot **grown = realloc(source->snapshots, (source->count + 1) * sizeof(struct snapshot *));
    ck_assert_ptr_nonnull(grown);
    source->snapshots = grown;
    source->snapshots[source->count++] = snapshot;
    ck_assert_ptr_null(session_pull(stage->session));
}

__attribute__((unused)) static void stage_close(struct stage *stage)
{
    session_destroy(stage->session);
    source_close(stage->source);
    scene_deinit(&stage->scene);
}

__attribute__((unused)) static void stage_key(struct stage *stage, uint32_t key)
{
    ck_assert_ptr_null(session_handle(stage->session, &(struct event){.type = EVENT_KEY, .key = key}));
    /* As a terminal does: what is drawn is what the next key is about. */
    stage_settle(stage);
    session_draw(stage->session);
}

/* Words that name keys ("Enter", "Esc", "Tab", ...) or are typed letter by letter. */
__attribute__((unused)) static void stage_keys(struct stage *stage, const char *keys)
{
    static const struct {
        const char *name;
        uint32_t key;
    } names[] = {{"Enter", INPUT_ENTER}, {"Esc", INPUT_ESCAPE},  {"Tab", INPUT_TAB},        {"Space", ' '},
                 {"Up", INPUT_UP},       {"Down", INPUT_DOWN},   {"PgDn", INPUT_PAGE_DOWN}, {"End", INPUT_END},
                 {"Left", INPUT_LEFT},   {"Right", INPUT_RIGHT}, {"PgUp", INPUT_PAGE_UP},   {"Bksp", INPUT_BACKSPACE},
                 {"Home", INPUT_HOME},   {"Shift-Tab", INPUT_BACK_TAB}};
    while (*keys) {
        size_t length = strcspn(keys, " ");
        uint32_t key = 0;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
            if (strlen(names[i].name) == length && strncmp(names[i].name, keys, length) == 0)
                key = names[i].key;
        if (key != 0)
            stage_key(stage, key);
        for (size_t i = 0; key == 0 && i < length; i++)
            stage_key(stage, (unsigned char)keys[i]);
        keys += length;
        keys += strspn(keys, " ");
    }
}

/* What is on the screen; the caller frees it. */
__attribute__((unused)) static char *stage_text(struct stage *stage)
{
    struct text text = {0};
    session_draw(stage->session);
    grid_dump_text(&stage->session->grid, &text);
    char *taken = text_take(&text);
    ck_assert_ptr_nonnull(taken);
    return taken;
}

__attribute__((unused)) static bool stage_shows(struct stage *stage, const char *what)
{
    char *text = stage_text(stage);
    bool shown = strstr(text, what) != NULL;
    free(text);
    return shown;
}

/* What is there, or is not, after these keys. */
#define ck_shows_after(stage, keys, what) \
    do { \
        stage_keys((stage), (keys)); \
        ck_assert_msg(stage_shows((stage), (what)), "after '%s' there is no '%s'", (keys), (what)); \
    } while (0)
#define ck_hides_after(stage, keys, what) \
    do { \
        stage_keys((stage), (keys)); \
        ck_assert_msg(!stage_shows((stage), (what)), "after '%s' there is '%s'", (keys), (what)); \
    } while (0)

#endif
