/* Whether golden screens (tests/screens/recorded/) are there of all that can be shown. What all is comes from the
 * program: the tables of screens and of lists, the enums of popups and prompts, and, for groupings, panes, graphs and
 * whatever else lies behind a key, pressing every key of the table of actions on every screen that they lead to. */
#include "tests/unit/record/golden_sources.h"

#include "tests/unit/check_main.h"
#include "tests/unit/record/golden_state.h"

#define GOLDENS SOURCE_DIR "/tests/screens/recorded"
#define MAX_PARTS 512
#define MAX_STATES 256
#define MAX_KEYS 160
#define MAX_STATE 256

/* ---- what the golden files show ---- */

static char parts[MAX_PARTS][MAX_STATE];
static size_t num_parts;

static bool is_covered(const char *part)
{
    for (size_t i = 0; i < num_parts; i++)
        if (strcmp(parts[i], part) == 0)
            return true;
    return false;
}

/* Hands over each of the parts of "a, b, c"; cuts it. */
static void each_part(char *state, void (*each)(void *context, const char *part), void *context)
{
    for (char *part = state, *next; part; part = next) {
        next = strstr(part, ", ");
        if (next) {
            *next = '\0';
            next += 2;
        }
        each(context, part);
    }
}

static void add_part(void *context, const char *part)
{
    (void)context;
    if (is_covered(part))
        return;
    ck_assert_uint_lt(num_parts, MAX_PARTS);
    snprintf(parts[num_parts++], MAX_STATE, "%s", part);
}

/* Every size must be in it, each in colour and without. */
static void read_golden_file(const char *path)
{
    static const char *const sizes[] = {"---- 200x60 ----\n", "---- 80x24 ----\n", "---- 60x15 ----\n"};
    static const char looks[] = "in 256 colours, in none:\n";
    char line[4 * MAX_STATE];
    size_t size = 0, look = 0;
    FILE *file = fopen(path, "re");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, "shows: ", 7) == 0) {
            line[strcspn(line, "\n")] = '\0';
            each_part(line + 7, add_part, NULL);
        }
        if (size < ARRAY_SIZE(sizes) && strcmp(line, sizes[size]) == 0)
            size++;
        if (look < size && strcmp(line, looks) == 0)
            look++;
    }
    fclose(file);
    ck_assert_msg(size == ARRAY_SIZE(sizes) && look == size,
                  "%s lacks one of 200x60, 80x24 and 60x15, or one of its looks", path);
}

static void read_golden_files(void)
{
    DIR *entries = opendir(GOLDENS);
    ck_assert_msg(entries != NULL, "cannot open %s", GOLDENS);
    for (struct dirent *entry; (entry = readdir(entries));) {
        char path[512];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), GOLDENS "/%s", entry->d_name);
        read_golden_file(path);
    }
    closedir(entries);
    ck_assert_uint_gt(num_parts, 0);
}

static const struct {
    enum golden_source_id source;
    const char *keys;
} walks[] = {
    {SHORT, "@ -20s Enter ( End )"}, {SHORT_LIVE, ""}, {SHORT_NATIVE, ""},
};

static void setup(void)
{
    uint32_t wanted = 0;
    for (size_t i = 0; i < ARRAY_SIZE(walks); i++)
        wanted |= 1u << walks[i].source;
    golden_setup(wanted);
    golden_tables_find();
    read_golden_files();
}

/* ---- by the tables ---- */

START_TEST(every_screen_and_list_has_a_golden_file)
{
    struct text missing = {0};
    for (size_t i = 0; i < num_golden_tables; i++) {
        bool found = false;
        size_t length = strlen(golden_tables[i].name);
        for (size_t p = 0; p < num_parts; p++)
            found |= strncmp(parts[p], golden_tables[i].name, length) == 0 && strchr(" ", parts[p][length]);
        if (!found)
            text_printf(&missing, "\n  %s", golden_tables[i].name);
    }
    ck_assert_msg(!missing.length, "no golden file in " GOLDENS " shows these:%s", missing.data);
}
END_TEST

START_TEST(every_popup_and_prompt_has_a_golden_file)
{
    static const char *const names[] = {
#define X(popup) "popup " #popup,
        TUI_POPUPS(X)
#undef X
#define X(prompt) "prompt " #prompt,
        TUI_PROMPTS(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        ck_assert_msg(is_covered(names[i]), "no golden file in " GOLDENS " shows %s", names[i]);
}
END_TEST

/* ---- by the keys ---- */

/* Where the walk has been, and the keys that lead there. */
struct walk {
    const struct golden_source *source;
    struct stage stage;
    size_t num_states;
    char keys[MAX_STATES][MAX_KEYS], states[MAX_STATES][MAX_STATE];
};

struct look {
    const struct walk *walk;
    const char *keys;
    struct text missing;
};

static void look_up(void *context, const char *part)
{
    struct look *look = context;
    if (!is_covered(part))
        text_printf(&look->missing, "%s\n    after '%s' over %s", part, look->keys, look->walk->source->name);
}

/* What is on the screen now, which golden files must show. */
static void see(struct walk *walk, const char *keys, char *ret_state)
{
    struct text state = {0};
    struct look look = {walk, keys, {0}};
    char cut[MAX_STATE];
    session_draw(walk->stage.session);
    golden_state_write(walk->stage.session, &state);
    ck_assert_uint_lt(state.length, MAX_STATE);
    memcpy(ret_state, state.data, state.length + 1);
    memcpy(cut, state.data, state.length + 1);
    text_deinit(&state);
    each_part(cut, look_up, &look);
    ck_assert_msg(!look.missing.length,
                  "there can be seen what no golden file in " GOLDENS " shows; add it to recorded_screens_test:\n  %s",
                  look.missing.data);
}

/* The line of keys has this one. */
static bool is_offered(const struct session *session, enum action action)
{
    char name[KEY_NAME_BUFFER], wanted[64], line[GRID_MAX_WIDTH + 1];
    const struct grid *grid = &session->grid;
    for (int x = 0; x < grid->width; x++) {
        uint32_t rune = grid_cell(grid, x, grid->height - 1)->rune;
        line[x] = rune < 0x7f ? (char)rune : '?';
    }
    line[grid->width] = '\0';
    snprintf(wanted, sizeof(wanted), " %s %s ", action_key_name(action, name), action_infos[action].word);
    return strstr(line, wanted) != NULL;
}

/* A key that the line of keys offers does something that can be seen. */
static void press(struct walk *walk, const char *keys, enum action action)
{
    const struct grid *grid = &walk->stage.session->grid;
    size_t size = (size_t)grid->width * (size_t)grid->height * sizeof(*grid->cells);
    struct cell *before = is_offered(walk->stage.session, action) ? malloc(size) : NULL;
    if (before)
        memcpy(before, grid->cells, size);
    stage_key(&walk->stage, action_keys(action)[0]);
    golden_settle(&walk->stage);
    session_draw(walk->stage.session);
    ck_assert_msg(!before || memcmp(before, grid->cells, size) != 0,
                  "the line of keys offers '%s', which does nothing: '%s' over %s", action_infos[action].word, keys,
                  walk->source->name);
    free(before);
}

static void go_to(struct walk *walk, const char *keys)
{
    if (walk->stage.session)
        golden_close(&walk->stage);
    golden_open(&walk->stage, walk->source);
    golden_keys(&walk->stage, keys);
    session_draw(walk->stage.session);
}

/* What leaves nothing behind; another moment is the same screen, and playing goes by the clock. */
static bool is_tried(const struct walk *walk, enum action action)
{
    switch (action) {
    case ACTION_PAUSE:
        return walk->source->is_live;
    case ACTION_QUIT:
    case ACTION_PICK:
    case ACTION_SAVE_SCREEN:
    case ACTION_SAVE_LIST:
    case ACTION_BACK:
        return false;
    default:
        return action_infos[action].group != GROUP_TIME || action == ACTION_JUMP || action == ACTION_MARK ||
               action == ACTION_DIFFERENCE;
    }
}

/* false: the way has become too long. */
static bool append_key(char *keys, const char *path, enum action action)
{
    char name[KEY_NAME_BUFFER];
    action_key_name(action, name);
    return snprintf(keys, MAX_KEYS, "%s%s%s", path, *path ? " " : "", action_key_name(action, name)) < MAX_KEYS;
}

static void add_state(struct walk *walk, const char *keys, const char *state)
{
    for (size_t i = 0; i < walk->num_states; i++)
        if (strcmp(walk->states[i], state) == 0)
            return;
    ck_assert_uint_lt(walk->num_states, MAX_STATES);
    snprintf(walk->keys[walk->num_states], MAX_KEYS, "%s", keys);
    snprintf(walk->states[walk->num_states++], MAX_STATE, "%s", state);
}

/* Back from where one key has led, by another key if that is enough. */
static void come_back(struct walk *walk, const char *keys, const char *state, enum action action)
{
    struct session *session = walk->stage.session;
    char now[MAX_STATE];
    if (session->popup != POPUP_NONE || session->prompt.kind != PROMPT_NONE)
        stage_key(&walk->stage, INPUT_ESCAPE);
    see(walk, keys, now);
    if (strcmp(now, state) == 0)
        return;
    stage_key(&walk->stage, action == ACTION_NEXT_PANE       ? INPUT_BACK_TAB
                            : action == ACTION_PREVIOUS_PANE ? INPUT_TAB
                            : action == ACTION_TREE          ? 't'
                                                             : INPUT_ESCAPE);
    golden_settle(&walk->stage);
    see(walk, keys, now);
    if (strcmp(now, state) != 0)
        go_to(walk, keys);
}

/* Every key on this screen: what it shows is looked up, and what is new is gone on from. */
static void try_keys(struct walk *walk, size_t index)
{
    char keys[MAX_KEYS], tried[MAX_KEYS], state[MAX_STATE], next[MAX_STATE];
    memcpy(keys, walk->keys[index], sizeof(keys));
    memcpy(state, walk->states[index], sizeof(state));
    /* Only the next graph is behind a graph alone, and nothing behind a list alone that is not behind its screen. */
    bool is_alone = strstr(state, ", a graph of ") || strstr(state, "a list alone");
    go_to(walk, keys);
    for (int action = ACTION_NONE + 1; action < ACTION_COUNT; action++) {
        if ((is_alone && action != ACTION_GRAPH) || !is_tried(walk, (enum action)action) ||
            !append_key(tried, keys, (enum action)action))
            continue;
        press(walk, tried, (enum action)action);
        see(walk, tried, next);
        if (strcmp(next, state) == 0)
            continue;
        if (walk->stage.session->popup == POPUP_NONE && walk->stage.session->prompt.kind == PROMPT_NONE)
            add_state(walk, tried, next);
        come_back(walk, keys, state, (enum action)action);
    }
}

START_TEST(no_key_leads_to_what_no_golden_file_shows)
{
    struct walk *walk = calloc(1, sizeof(*walk));
    ck_assert_ptr_nonnull(walk);
    walk->source = &golden_sources[walks[_i].source];
    for (char tab = '1'; tab <= '8'; tab++) {
        char keys[MAX_KEYS], state[MAX_STATE];
        snprintf(keys, sizeof(keys), "%s%s%c", walks[_i].keys, walks[_i].keys[0] ? " " : "", tab);
        go_to(walk, keys);
        see(walk, keys, state);
        add_state(walk, keys, state);
    }
    for (size_t i = 0; i < walk->num_states; i++)
        try_keys(walk, i);
    golden_close(&walk->stage);
    free(walk);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("golden_coverage");
    TCase *tests = tcase_create("golden_coverage");
    /* A walk is thousands of keys: sanitizers on a busy machine take their time. */
    tcase_set_timeout(tests, 240);
    tcase_add_unchecked_fixture(tests, setup, golden_teardown);
    tcase_add_test(tests, every_screen_and_list_has_a_golden_file);
    tcase_add_test(tests, every_popup_and_prompt_has_a_golden_file);
    tcase_add_loop_test(tests, no_key_leads_to_what_no_golden_file_shows, 0, ARRAY_SIZE(walks));
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
