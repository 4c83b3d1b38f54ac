/* The flame graph's screen and widget: figures held against sums over the snapshot, keys, mouse, a tree that is made
 * anew below what is on view, and one of 100,000 stacks. */
#include "tests/unit/tui/tui_test.h"

#include "tests/unit/check_main.h"
#include "tui/flame_graph.h"

static const struct stage_options usual = {.width = 120, .height = 40, .seconds = 120};

static bool stack_has(const struct snapshot *snapshot, stack_id id, const char *part)
{
    struct stack stack = catalog_stack(snapshot->catalog, id);
    for (uint32_t i = 0; i < stack.depth; i++)
        if (text_contains(catalog_function(snapshot->catalog, stack.frames[i]), part))
            return true;
    return false;
}

/* Bytes in use below functions whose name contains this. */
static int64_t bytes_below(const struct snapshot *snapshot, const char *part)
{
    int64_t sum = 0, rate = snapshot->counters[COUNTER_MEM_PROFILE_RATE].value.integer;
    for (size_t i = 0; i < snapshot->num_sites; i++)
        if (!part || stack_has(snapshot, snapshot->sites[i].stack, part))
            sum += site_scale(&snapshot->sites[i].published, rate).inuse_bytes;
    return sum;
}

static struct flame_tree tree_of(const struct snapshot *snapshot, const struct snapshot *base)
{
    struct flame_tree tree;
    const struct sample_request request = {.snapshot = snapshot, .base = base};
    ck_assert_ptr_null(flame_tree_build(&request, &tree));
    return tree;
}

START_TEST(what_is_found_is_counted_once)
{
    static const char *const needles[] = {"labels", "SCRAPE", "tsdb", ".", "newmemseries"};
    struct stage stage;
    stage_open(&stage, &usual);
    const struct snapshot *shown = stage.session->model.shown;
    struct flame_graph graph = {0};
    struct flame_tree tree = tree_of(shown, NULL);
    flame_graph_set(&graph, &tree);
    ck_assert_int_eq(flame_graph_node(&graph, 0)->total[DIFF_NEW], bytes_below(shown, NULL));
    for (size_t i = 0; i < ARRAY_SIZE(needles); i++) {
        snprintf(graph.needle, sizeof(graph.needle), "%s", needles[i]);
        flame_graph_search(&graph);
        ck_assert_int_gt(graph.found, 0);
        ck_assert_int_eq(graph.found, bytes_below(shown, needles[i]));
    }
    flame_graph_deinit(&graph);
    stage_keys(&stage, "7 / labels Enter");
    char expected[200], amount[UNITS_BUFFER], percent[UNITS_BUFFER];
    double found = (double)bytes_below(shown, "labels");
    snprintf(expected, sizeof(expected), "/labels: %s, %s", units_format_bytes(amount, found),
             units_format_percent(percent, found / (double)bytes_below(shown, NULL)));
    ck_assert(stage_shows(&stage, expected));
    stage_keys(&stage, "/ nowhere Enter");
    ck_assert(stage_shows(&stage, "not found: nowhere"));
    stage_keys(&stage, "Esc Esc");
    ck_assert(!stage_shows(&stage, "nowhere"));
    stage_close(&stage);
}
END_TEST

START_TEST(zoom_and_picked_frame_stay_when_samples_come)
{
    struct stage stage;
    stage_open(&stage, &usual);
    stage_keys(&stage, "7 / scrapeandreport Enter Enter Esc Up");
    ck_assert(stage_shows(&stage, "zoomed in"));
    ck_assert(stage_shows(&stage, "scrape.(*scrapeLoop).append  "));
    for (int i = 0; i < 12; i++) {
        stage_second(&stage);
        stage_settle(&stage);
    }
    ck_assert(stage_shows(&stage, "zoomed in"));
    ck_assert(stage_shows(&stage, "  github.com/prometheus/prometheus/scrape.(*scrapeLoop).append  "));
    /* The figures are the new ones. */
    char amount[UNITS_BUFFER], expected[100];
    units_format_bytes(amount, (double)bytes_below(stage.session->model.shown, "scrapeLoop).append"));
    snprintf(expected, sizeof(expected), "  %s  ", amount);
    ck_assert_msg(stage_shows(&stage, expected), "%s", expected);
    stage_keys(&stage, "Esc");
    ck_assert(!stage_shows(&stage, "zoomed in"));
    stage_close(&stage);
}
END_TEST

START_TEST(growth_is_since_the_first_sample_or_the_chosen_one)
{
    struct stage stage;
    stage_open(&stage, &usual);
    const struct model *model = &stage.session->model;
    char expected[100], amount[UNITS_BUFFER];
    int64_t change = bytes_below(model->shown, NULL) - bytes_below(model->first, NULL);
    stage_keys(&stage, "7 Tab Tab");
    snprintf(expected, sizeof(expected), "+%s since ", units_format_bytes(amount, (double)change));
    ck_assert(stage_shows(&stage, expected));
    struct snapshot *start = snapshot_ref(model->shown);
    stage_keys(&stage, "(");
    for (int i = 0; i < 20; i++)
        stage_second(&stage);
    stage_settle(&stage);
    snprintf(expected, sizeof(expected), "+%s since ",
             units_format_bytes(amount, (double)(bytes_below(model->shown, NULL) - bytes_below(start, NULL))));
    ck_assert_msg(stage_shows(&stage, expected), "%s", expected);
    snapshot_unref(start);
    stage_close(&stage);
}
END_TEST

START_TEST(one_sample_has_no_growth)
{
    struct stage stage;
    stage_open(&stage, &(struct stage_options){.width = 80, .height = 24, .seconds = 1});
    stage_keys(&stage, "7 Tab Tab");
    ck_assert(stage_shows(&stage, "growth is between two samples"));
    stage_keys(&stage, "Tab");
    ck_assert(!stage_shows(&stage, "growth is between two samples"));
    stage_close(&stage);
}
END_TEST

/* The row and column of a text on the screen. */
static void find_on_screen(struct stage *stage, const char *what, int *ret_x, int *ret_y)
{
    char *text = stage_text(stage), *line = text;
    for (*ret_y = 0; line; (*ret_y)++) {
        char *end = strchr(line, '\n'), *found = strstr(line, what);
        if (found && (!end || found < end)) {
            *found = '\0';
            *ret_x = (int)utf8_width(line);
            free(text);
            return;
        }
        line = end ? end + 1 : NULL;
    }
    free(text);
    ck_abort_msg("not on the screen: %s", what);
}

static void click(struct stage *stage, int x, int y)
{
    ck_assert_ptr_null(session_handle(
        stage->session, &(struct event){.type = EVENT_MOUSE, .mouse = MOUSE_PRESS, .x = x, .y = y}));
    stage_settle(stage);
}

START_TEST(a_click_picks_and_a_second_one_zooms)
{
    struct stage stage;
    int x, y;
    stage_open(&stage, &usual);
    stage_keys(&stage, "7");
    find_on_screen(&stage, "scrape.(*scrapeLoop).run", &x, &y);
    click(&stage, x + 3, y);
    ck_assert(stage_shows(&stage, "  github.com/prometheus/prometheus/scrape.(*scrapeLoop).run  "));
    ck_assert(!stage_shows(&stage, "zoomed in"));
    click(&stage, x + 3, y);
    ck_assert(stage_shows(&stage, "zoomed in"));
    find_on_screen(&stage, "goroutines   threads", &x, &y);
    click(&stage, x + 2, y);
    ck_assert(stage_shows(&stage, " goroutines "));
    ck_assert(!stage_shows(&stage, "in use, as of"));
    stage_close(&stage);
}
END_TEST

/* "main.", and five characters of two columns. */
#define OUTER "main.\xe5\x90\x8d\xe5\x89\x8d\xe3\x81\xae\xe9\x95\xb7\xe3\x81\x84 a.go:9"

/* Characters of two columns, and of none, in frames of every width. */
START_TEST(wide_and_combining_characters_are_cut_whole)
{
    struct builder *b = builder_create_exact();
    struct grid grid = {0};
    struct flame_graph graph = {0};
    size_t wide = 0;
    size_t first = builder_site(b, 100, "main.(*\xe5\xba\x97).\xe5\x85\xa5\xe8\x8d\xb7 a.go:1; " OUTER);
    size_t second = builder_site(b, 50, "main.e\xcc\x81\xcc\x82t\xcc\x83 b.go:2; " OUTER);
    builder_allocate(b, first, 3);
    builder_allocate(b, second, 4);
    builder_gc(b);
    struct snapshot *snapshot = builder_take(b);
    struct flame_tree tree = tree_of(snapshot, NULL);
    flame_graph_set(&graph, &tree);
    for (int width = 1; width <= 90; width++) {
        ck_assert(grid_resize(&grid, width, 6));
        flame_graph_draw(&graph, canvas_over(&grid));
        for (int i = 0; i < width * 6; i++) {
            uint32_t rune = grid.cells[i].rune;
            bool is_wide = rune != 0 && rune_width(rune) == 2;
            wide += is_wide;
            if (is_wide)
                ck_assert(i % width + 1 < width && grid.cells[i + 1].rune == 0);
            if (rune == 0)
                ck_assert(i % width > 0 && rune_width(grid.cells[i - 1].rune) == 2);
        }
    }
    ck_assert_uint_gt(wide, 200);
    flame_graph_deinit(&graph);
    grid_deinit(&grid);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

#define STACKS 100000
#define FUNCTIONS 4000
#define DEPTH 18

/* Stacks with branches of the sort that programs have: few near the root, many far from it. */
static struct snapshot *make_large(struct builder *b)
{
    frame_id frames[FUNCTIONS], stack[DEPTH];
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        char name[80];
        snprintf(name, sizeof(name), "example.com/app/package%u.(*Type%u).method%u app%u.go:%u", i % 60, i % 300, i,
                 i % 60, i);
        frames[i] = builder_frame(b, name, strlen(name));
    }
    builder_set(b, COUNTER_MEM_PROFILE_RATE, 1);
    for (unsigned i = 0; i < STACKS; i++) {
        for (unsigned d = 0; d < DEPTH; d++) {
            const unsigned parts[] = {d, i >> (d < 14 ? 14 - d : 0)};
            stack[DEPTH - 1 - d] = frames[table_hash_bytes(parts, sizeof(parts), 0) % FUNCTIONS];
        }
        struct site site = {.stack = catalog_add_stack(b->catalog, stack, DEPTH), .object_size = 64};
        builder_check(site.stack && vector_append(&b->sites, site) &&
                      vector_append(&b->published, (struct site_counts){1 + i % 7, 0, 64 * (1 + i % 7), 0}));
    }
    return builder_take(b);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A key, and what is drawn after it, must not take what making the tree does. */
START_TEST(a_hundred_thousand_stacks_are_drawn_without_a_pause)
{
    struct builder *b = builder_create();
    struct snapshot *snapshot = make_large(b);
    double start = seconds_now();
    struct flame_tree tree = tree_of(snapshot, NULL);
    double built = seconds_now() - start;
    ck_assert_uint_gt(tree.nodes.count, STACKS);
    struct flame_graph graph = {0};
    struct grid grid = {0};
    ck_assert(grid_resize(&grid, 200, 60));
    flame_graph_set(&graph, &tree);
    flame_graph_draw(&graph, canvas_over(&grid));
    const int rounds = 50;
    start = seconds_now();
    for (int i = 0; i < rounds; i++) {
        flame_graph_move(&graph, i % 5 == 0 ? FLAME_TO_CALLER : i % 3 ? FLAME_TO_CALLED : FLAME_RIGHT);
        if (i % 10 == 9)
            flame_graph_zoom(&graph);
        flame_graph_draw(&graph, canvas_over(&grid));
    }
    double drawn = (seconds_now() - start) / rounds;
    start = seconds_now();
    snprintf(graph.needle, sizeof(graph.needle), "type7");
    flame_graph_search(&graph);
    double searched = seconds_now() - start;
    ck_assert_int_gt(graph.found, 0);
    printf("%zu frames: built in %.0f ms, a key and its frame %.2f ms, searched in %.1f ms\n", graph.tree.nodes.count,
           built * 1e3, drawn * 1e3, searched * 1e3);
    ck_assert_double_lt(drawn, built / 20);
    ck_assert_double_lt(searched, built / 3);
    flame_graph_deinit(&graph);
    grid_deinit(&grid);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

int main(void)
{
    return RUN_TESTS("flame", what_is_found_is_counted_once, zoom_and_picked_frame_stay_when_samples_come,
                     growth_is_since_the_first_sample_or_the_chosen_one, one_sample_has_no_growth,
                     a_click_picks_and_a_second_one_zooms, wide_and_combining_characters_are_cut_whole,
                     a_hundred_thousand_stacks_are_drawn_without_a_pause);
}
