#include <inttypes.h>

#include "heaptop/analysis/flame_tree.h"
#include "heaptop/export.h"
#include "unit/check_main.h"
#include "unit/snapshot_builder.h"

#define MB (1024.0 * 1024)

static char *make_folded(const struct export_request *request)
{
    struct text text = {0};
    struct error *error = export_folded(request, &text);
    ck_assert_msg(!error, "%s", error ? error->message : "");
    return text_take(&text);
}

static char *make_svg(const struct export_request *request)
{
    struct text text = {0};
    struct error *error = export_svg(request, &text);
    ck_assert_msg(!error, "%s", error ? error->message : "");
    return text_take(&text);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)); text++)
        count++;
    return count;
}

/* Every tag is closed in its turn, and text holds no '<' and no control character: what XML asks of this writer. */
static void check_xml(const char *text)
{
    char open[64][16];
    size_t depth = 0;
    ck_assert(strncmp(text, "<?xml ", 6) == 0);
    for (text = strstr(text, "?>") + 2; *text;) {
        if (*text != '<') {
            ck_assert_msg((unsigned char)*text >= ' ' || *text == '\n', "byte 0x%02x", (unsigned char)*text);
            if (*text == '&')
                ck_assert_msg(strcspn(text, ";") < 7, "%.20s", text);
            text++;
            continue;
        }
        if (strncmp(text, "<![CDATA[", 9) == 0) {
            text = strstr(text, "]]>") + 3;
            continue;
        }
        const char *end = strchr(text, '>');
        ck_assert_ptr_nonnull(end);
        size_t length = strcspn(text + 1 + (text[1] == '/'), " />");
        const char *name = text + 1 + (text[1] == '/');
        ck_assert_uint_lt(length, 16);
        if (text[1] == '/') {
            ck_assert_uint_gt(depth, 0);
            ck_assert_msg(strncmp(open[--depth], name, length) == 0 && !open[depth][length], "%.40s", text);
        } else if (end[-1] != '/') {
            ck_assert_uint_lt(depth, 64);
            snprintf(open[depth++], 16, "%.*s", (int)length, name);
        }
        text = end + 1;
    }
    ck_assert_uint_eq(depth, 0);
}

START_TEST(folded_stacks_are_summed_by_functions)
{
    struct builder *b = builder_create_exact();
    size_t first = builder_site(b, 100, "main.fill a.go:4; main.main a.go:9");
    size_t line = builder_site(b, 100, "main.fill a.go:5; main.main a.go:9");
    size_t other = builder_site(b, 10, "main.unused b.go:1");
    static const char generic[] = "main.gen[go.shape.struct { A int; B int }]";
    struct frame frame = {.function = builder_string(b, generic), .address = 0x1000};
    frame_id frames[] = {catalog_add_frame(b->catalog, &frame), builder_frame(b, "main.main a.go:8", 16)};
    b->sites.items[other].stack = catalog_add_stack(b->catalog, frames, 2);
    builder_site(b, 8, "main.never b.go:1; main.main a.go:8");
    builder_allocate(b, first, 3);
    builder_allocate(b, line, 2);
    builder_allocate(b, other, 7);
    builder_free(b, other, 1);
    builder_gc(b);
    struct snapshot *snapshot = builder_take(b);
    struct export_request request = {.snapshot = snapshot};
    char *text = make_folded(&request);
    ck_assert_str_eq(text, "main.main;main.fill 500\nmain.main;main.gen[go.shape.struct { A int: B int }] 60\n");
    free(text);
    request.value = SAMPLE_INUSE_OBJECTS;
    text = make_folded(&request);
    ck_assert_str_eq(text, "main.main;main.fill 5\nmain.main;main.gen[go.shape.struct { A int: B int }] 6\n");
    free(text);
    request = (struct export_request){.snapshot = snapshot, .profile = SAMPLE_ALLOCS};
    text = make_folded(&request);
    ck_assert_ptr_nonnull(strstr(text, "B int }] 70\n"));
    free(text);
    request.value = SAMPLE_COUNT;
    struct text refused = {0};
    struct error *error = export_folded(&request, &refused);
    ck_assert(error && error->kind == ERROR_USAGE);
    error_destroy(error);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

START_TEST(differences_hold_both_sides)
{
    struct builder *b = builder_create_exact();
    size_t grows = builder_site(b, 100, "main.grows a.go:4; main.main a.go:9");
    size_t goes = builder_site(b, 100, "main.goes a.go:5; main.main a.go:9");
    builder_allocate(b, grows, 1);
    builder_allocate(b, goes, 4);
    builder_gc(b);
    struct snapshot *before = builder_take(b);
    size_t comes = builder_site(b, 50, "main.comes a.go:6; main.main a.go:9");
    builder_allocate(b, grows, 2);
    builder_allocate(b, comes, 1);
    builder_free(b, goes, 4);
    builder_gc(b);
    struct snapshot *after = builder_take(b);
    const struct export_request request = {.snapshot = after, .base = before};
    char *text = make_folded(&request);
    ck_assert_str_eq(text, "main.main;main.comes 0 50\nmain.main;main.goes 400 0\nmain.main;main.grows 100 300\n");
    free(text);
    text = make_svg(&request);
    check_xml(text);
    struct sample_request by_change = export_samples(&request);
    struct flame_tree tree;
    by_change.by_change = true;
    ck_assert_ptr_null(flame_tree_build(&by_change, &tree));
    /* What came, what went and what grew: 50 + 400 + 200. */
    ck_assert_int_eq(tree.nodes.items[0].width, 650);
    ck_assert_int_eq(flame_node_change(&tree.nodes.items[0]), -150);
    flame_tree_deinit(&tree);
    /* Wide enough for what is gone, too: 50 + 400 + 300. */
    ck_assert_ptr_nonnull(strstr(text,
                                 "<g data-new=\"350\" data-old=\"500\"><title>all\n-150 B: 350 B, was 500 B</title>"
                                 "<rect x=\"10.00\" y=\"98\" width=\"1180.00\""));
    ck_assert_ptr_nonnull(strstr(text, "<g data-new=\"0\" data-old=\"400\"><title>main.goes\n-400 B: 0 B, was 400 B"));
    ck_assert_ptr_nonnull(strstr(text, "width=\"629.33\""));
    free(text);
    snapshot_unref(before);
    snapshot_unref(after);
    builder_destroy(b);
}
END_TEST

START_TEST(goroutines_and_threads_are_counted)
{
    struct builder *b = builder_create();
    size_t group = builder_goroutines(b, 12, "waiting", "chan receive", "main.worker w.go:1", "main.main m.go:4");
    builder_goroutine_stack(b, group, "main.worker w.go:9; main.start w.go:2");
    builder_goroutines(b, 2, "running", NULL, "main.busy w.go:1", "main.main m.go:4");
    size_t system = builder_goroutines(b, 4, "waiting", "GC worker (idle)", "runtime.gcBgMarkWorker mgc.go:1", NULL);
    b->groups.items[system].system = true;
    builder_thread(b, 1, "app", 'S', "futex");
    builder_thread(b, 2, "app", 'S', "futex");
    builder_thread(b, 3, "app", 'R', NULL);
    struct snapshot *snapshot = builder_take(b);
    struct export_request request = {.snapshot = snapshot, .profile = SAMPLE_GOROUTINE};
    char *text = make_folded(&request);
    ck_assert_str_eq(text, "main.busy;(running) 2\nmain.start;main.worker;runtime.gopark 12\n");
    free(text);
    request.profile = SAMPLE_THREADS;
    text = make_folded(&request);
    ck_assert_str_eq(text, "thread app;running or ready 1\nthread app;sleeping;system call futex 2\n");
    free(text);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

/* Names come from a target, or from a file that anyone may have made. */
START_TEST(hostile_names_are_escaped)
{
    static const char hostile[] =
        "main.<script>alert(\"1\")</script>&'\x1b[31m\x01\n]]>\xff\xef\xbf\xbf\xe2\x80\xae;x y";
    struct builder *b = builder_create();
    struct frame frames[] = {{.function = catalog_add_string(b->catalog, hostile, strlen(hostile)),
                              .file = catalog_add_string(b->catalog, "/<&\">.go\x02", 10),
                              .address = 0x1000},
                             {.address = 0x2000}};
    char longest[20000];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    struct frame named = {.function = catalog_add_string(b->catalog, longest, sizeof(longest) - 1), .address = 0x3000};
    frame_id ids[] = {catalog_add_frame(b->catalog, &frames[0]), catalog_add_frame(b->catalog, &frames[1]),
                      catalog_add_frame(b->catalog, &named)};
    size_t site = builder_site(b, 64, "main.unused a.go:1");
    b->sites.items[site].stack = catalog_add_stack(b->catalog, ids, 3);
    b->target.comm = catalog_add_string(b->catalog, hostile, strlen(hostile));
    builder_hold(b, site, 5 * MB);
    builder_gc(b);
    struct snapshot *snapshot = builder_take(b);
    const struct export_request request = {.snapshot = snapshot};
    char *svg = make_svg(&request), *folded = make_folded(&request);
    check_xml(svg);
    ck_assert_uint_eq(count_of(svg, "<script>"), 1);
    ck_assert_uint_eq(count_of(svg, "]]>"), 1);
    ck_assert_ptr_null(strstr(svg, "\xef\xbf\xbf"));
    ck_assert_ptr_nonnull(
        strstr(svg, "main.&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;\\x1b[31m\\x01"));
    ck_assert_uint_lt(strlen(svg), 20000);
    ck_assert_ptr_nonnull(strstr(svg, "<title>0x2000\n"));
    /* One line, whatever is in a name. */
    ck_assert_uint_eq(count_of(folded, "\n"), 1);
    ck_assert_uint_eq(count_of(folded, ";"), 2);
    free(svg);
    free(folded);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

START_TEST(very_deep_and_very_many_are_bounded)
{
    struct builder *b = builder_create();
    struct frame frame = {.function = builder_string(b, "main.recurse"), .address = 0x1000};
    frame_id ids[2000];
    for (size_t i = 0; i < 2000; i++)
        ids[i] = catalog_add_frame(b->catalog, &frame);
    size_t site = builder_site(b, 64, "main.unused a.go:1");
    b->sites.items[site].stack = catalog_add_stack(b->catalog, ids, 2000);
    builder_hold(b, site, 5 * MB);
    for (int i = 0; i < 25000; i++) {
        char stack[64];
        snprintf(stack, sizeof(stack), "main.f%d a.go:1", i);
        builder_allocate(b, builder_site(b, 64, stack), 1);
    }
    builder_gc(b);
    struct snapshot *snapshot = builder_take(b);
    const struct export_request request = {.snapshot = snapshot, .value = SAMPLE_INUSE_OBJECTS};
    char *text = make_svg(&request);
    check_xml(text);
    ck_assert_uint_le(count_of(text, "<g data-new="), 20000);
    /* Most of the recursion is one frame, which names all of it. */
    ck_assert_ptr_nonnull(strstr(text, "frames too small to show"));
    ck_assert_uint_ge(count_of(text, "(deeper frames)"), 1);
    ck_assert_uint_ge(count_of(text, "main.recurse"), 500);
    free(text);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

static unsigned height_of(const char *svg)
{
    const char *height = strstr(svg, "height=\"");
    ck_assert_ptr_nonnull(height);
    return (unsigned)strtoul(height + strlen("height=\""), NULL, 10);
}

/* A stack of so many frames; another ends at each of them when it branches. */
static char *make_deep_svg(size_t depth, bool branches)
{
    struct builder *b = builder_create();
    frame_id ids[512];
    ck_assert_uint_le(depth, 512);
    for (size_t i = 0; i < depth; i++) {
        char name[32];
        snprintf(name, sizeof(name), "main.f%zu", depth - 1 - i);
        struct frame frame = {.function = builder_string(b, name), .address = 0x1000 + i};
        ids[i] = catalog_add_frame(b->catalog, &frame);
    }
    for (size_t from = 0; from < (branches ? depth : 1); from++) {
        size_t site = builder_site(b, 64, "main.unused a.go:1");
        b->sites.items[site].stack = catalog_add_stack(b->catalog, ids + from, (uint32_t)(depth - from));
        builder_hold(b, site, 5 * MB);
    }
    builder_gc(b);
    struct snapshot *snapshot = builder_take(b);
    const struct export_request request = {.snapshot = snapshot, .value = SAMPLE_INUSE_BYTES};
    char *text = make_svg(&request);
    check_xml(text);
    snapshot_unref(snapshot);
    builder_destroy(b);
    return text;
}

START_TEST(deep_graphs_are_no_taller_than_a_page)
{
    /* Up to so many rows each frame has its own. */
    char *text = make_deep_svg(60, false);
    ck_assert_uint_eq(count_of(text, "<g data-new="), 61);
    ck_assert_uint_eq(height_of(text), 62 + 61 * 18 + 46);
    ck_assert_ptr_null(strstr(text, " frames: "));
    free(text);
    /* Beyond, those that only lead on are one: all, f0; f1 to f297; f298 and the one that it leads to. */
    text = make_deep_svg(300, false);
    ck_assert_uint_eq(count_of(text, "<g data-new="), 5);
    ck_assert_uint_eq(height_of(text), 62 + 5 * 18 + 46);
    ck_assert_ptr_nonnull(strstr(text, "<title>\xe2\x80\xa6 297 frames: main.f1, main.f2, "));
    ck_assert_ptr_nonnull(strstr(text, "main.f297\n"));
    ck_assert_ptr_nonnull(strstr(text, ">\xe2\x80\xa6 297 frames</text>"));
    free(text);
    /* Where each branches there is nothing to put together: rows are lower. */
    text = make_deep_svg(200, true);
    ck_assert_uint_eq(count_of(text, "<g data-new="), 201);
    ck_assert_uint_eq(height_of(text), 62 + 201 * 8 + 46);
    free(text);
    text = make_deep_svg(500, true);
    ck_assert_uint_eq(height_of(text), 62 + 501 * 4 + 46);
    free(text);
}
END_TEST

START_TEST(nothing_is_an_empty_graph)
{
    struct builder *b = builder_create();
    struct snapshot *snapshot = builder_take(b);
    struct export_request request = {.snapshot = snapshot};
    char *text = make_svg(&request);
    check_xml(text);
    ck_assert_uint_eq(count_of(text, "<g data-new="), 0);
    free(text);
    text = make_folded(&request);
    ck_assert_str_eq(text, "");
    free(text);
    builder_set_unavailable(b, COUNTER_GOROUTINES, "not a Go program");
    struct snapshot *native = builder_take(b);
    struct text refused = {0};
    request = (struct export_request){.snapshot = native, .profile = SAMPLE_GOROUTINE};
    struct error *error = export_svg(&request, &refused);
    ck_assert(error && error->kind == ERROR_UNSUPPORTED && strstr(error->message, "not a Go program"));
    error_destroy(error);
    snapshot_unref(snapshot);
    snapshot_unref(native);
    builder_destroy(b);
}
END_TEST

START_TEST(an_icicle_hangs_from_the_top)
{
    struct snapshot *snapshots[20];
    builder_demo(snapshots, 20);
    struct export_request request = {.snapshot = snapshots[19]};
    char *flame = make_svg(&request);
    request.icicle = true;
    char *icicle = make_svg(&request);
    check_xml(flame);
    check_xml(icicle);
    ck_assert_ptr_nonnull(strstr(icicle, "<rect x=\"10.00\" y=\"62\" width=\"1180.00\""));
    ck_assert_ptr_null(strstr(flame, "<rect x=\"10.00\" y=\"62\" width=\"1180.00\" height=\"17\" fill=\"#e8eaed\""));
    ck_assert_uint_eq(count_of(flame, "<g data-new="), count_of(icicle, "<g data-new="));
    free(flame);
    free(icicle);
    builder_release(snapshots, 20);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("flame_graph");
    TCase *tests = tcase_create("graph");
    tcase_add_test(tests, folded_stacks_are_summed_by_functions);
    tcase_add_test(tests, differences_hold_both_sides);
    tcase_add_test(tests, goroutines_and_threads_are_counted);
    tcase_add_test(tests, hostile_names_are_escaped);
    tcase_add_test(tests, very_deep_and_very_many_are_bounded);
    tcase_add_test(tests, deep_graphs_are_no_taller_than_a_page);
    tcase_add_test(tests, nothing_is_an_empty_graph);
    tcase_add_test(tests, an_icicle_hangs_from_the_top);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
