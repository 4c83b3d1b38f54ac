/* Settings: what wins over what, what is said of bad ones, and that writing them spoils nothing. */
#include "cli/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/check_main.h"

static char folder[] = "/tmp/heaptop-settings-XXXXXX";
static char path[128];
static struct settings settings;
static struct options options;

static void set_up(void)
{
    static const char *const names[] = {"HEAPTOP_THEME", "HEAPTOP_INTERVAL", "HEAPTOP_COLOR", "HEAPTOP_ASCII",
                                        "HEAPTOP_NO_MOUSE", "NO_COLOR"};
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("XDG_CONFIG_HOME", folder, 1);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        unsetenv(names[i]);
    snprintf(path, sizeof(path), "%s/heaptop/settings", folder);
}

static void tear_down(void)
{
    char command[160];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
    tui_bind_default_keys();
}

static void write_settings(const char *text)
{
    char inner[128];
    snprintf(inner, sizeof(inner), "%s/heaptop", folder);
    mkdir(inner, 0700);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static char *read_settings(void)
{
    static char text[8192];
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* "heaptop WORDS", then the settings. */
static void apply(const char *words)
{
    static char copy[256];
    char *argv[16] = {(char *)"heaptop"};
    int argc = 1;
    snprintf(copy, sizeof(copy), "%s", words);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    ck_assert_ptr_null(options_parse(argc, argv, &options));
    settings_apply(&settings, &options);
}

static const char *problems(void)
{
    return settings.problems.data ? settings.problems.data : "";
}

START_TEST(nothing_settled_changes_nothing)
{
    apply("42");
    ck_assert_str_eq(problems(), "");
    ck_assert_ptr_null(options.tui.notice);
    ck_assert_int_eq(options.tui.theme, TUI_THEME_AUTO);
    ck_assert_uint_eq(options.tui.interval_ns, 1000000000);
    ck_assert(access(path, F_OK) != 0);
    settings_deinit(&settings);
    /* No place for them at all. */
    unsetenv("XDG_CONFIG_HOME");
    char *home = strdup(getenv("HOME") ? getenv("HOME") : "/");
    unsetenv("HOME");
    apply("42");
    ck_assert_str_eq(problems(), "");
    ck_assert_uint_eq(settings.path.length, 0);
    setenv("HOME", home, 1);
    free(home);
    settings_deinit(&settings);
}
END_TEST

START_TEST(options_win_over_the_environment_and_that_over_the_file)
{
    write_settings("# mine\n  theme =light\ninterval= 2s\r\nno-mouse = yes\nascii = no\n\n");
    apply("42");
    ck_assert_str_eq(problems(), "");
    ck_assert_int_eq(options.tui.theme, TUI_THEME_LIGHT);
    ck_assert_uint_eq(options.tui.interval_ns, UINT64_C(2000000000));
    ck_assert_uint_eq(options.interval_ns, UINT64_C(2000000000));
    ck_assert(!options.tui.mouse && options.tui.glyphs == TUI_GLYPHS_AUTO);
    settings_deinit(&settings);

    setenv("HEAPTOP_THEME", "contrast", 1);
    setenv("HEAPTOP_ASCII", "yes", 1);
    apply("-i 5s 42");
    ck_assert_int_eq(options.tui.theme, TUI_THEME_CONTRAST);
    ck_assert_uint_eq(options.tui.interval_ns, UINT64_C(5000000000));
    ck_assert(options.tui.glyphs == TUI_GLYPHS_ASCII);
    settings_deinit(&settings);

    apply("--theme dark 42");
    ck_assert_int_eq(options.tui.theme, TUI_THEME_DARK);
    settings_deinit(&settings);
    /* replay has no interval: what is settled of it is of no account there, and no mistake. */
    apply("replay --theme mono file");
    ck_assert_str_eq(problems(), "");
    ck_assert_uint_eq(options.tui.interval_ns, 1000000000);
    settings_deinit(&settings);
}
END_TEST

/* What holds of each setting, as a settings file would write it. */
static void write_held(const char *name, char *buffer, size_t size)
{
    static const char *const colours[] = {
        [TUI_COLOUR_AUTO] = "auto", [TUI_COLOUR_NEVER] = "never", [TUI_COLOUR_ALWAYS] = "always"};
    const char *held = strcmp(name, "theme") == 0      ? tui_theme_name(options.tui.theme)
                       : strcmp(name, "color") == 0    ? colours[options.tui.colour]
                       : strcmp(name, "ascii") == 0    ? options.tui.glyphs == TUI_GLYPHS_ASCII ? "yes" : "no"
                       : strcmp(name, "no-mouse") == 0 ? options.tui.mouse ? "no" : "yes"
                                                       : NULL;
    if (held)
        snprintf(buffer, size, "%s", held);
    else
        snprintf(buffer, size, "%.0fs", (double)options.tui.interval_ns / 1e9);
}

/* Each in turn by nobody, the file, the environment and the command line; those before speak as well. */
static const struct {
    const char *name, *values[4];
} precedences[] = {
    {"theme", {"auto", "light", "contrast", "mono"}},
    {"interval", {"1s", "2s", "3s", "4s"}},
    {"color", {"auto", "never", "always", "auto"}},
    {"ascii", {"no", "yes", "no", "yes"}},
    {"ascii", {"no", "no", "yes", "no"}},
    {"no-mouse", {"no", "yes", "no", "yes"}},
    {"no-mouse", {"no", "no", "yes", "no"}},
};

START_TEST(of_every_setting_the_later_word_holds)
{
    const char *name = precedences[_i].name, *const *values = precedences[_i].values;
    for (int last = 0; last < 4; last++) {
        char line[64], variable[48] = "HEAPTOP_", words[64] = "42", held[32], printed[256];
        snprintf(line, sizeof(line), "%s = %s\n", name, values[1]);
        write_settings(last >= 1 ? line : "");
        for (size_t i = 0; name[i]; i++)
            variable[8 + i] = name[i] == '-' ? '_' : (char)(name[i] - 'a' + 'A');
        if (last >= 2)
            setenv(variable, values[2], 1);
        if (last >= 3)
            snprintf(words, sizeof(words), "--%s=%s 42", name, values[3]);
        apply(words);
        ck_assert_str_eq(problems(), "");
        write_held(name, held, sizeof(held));
        ck_assert_msg(strcmp(held, values[last]) == 0, "%s is %s, not %s (%d)", name, held, values[last], last);
        struct text text = {0};
        settings_write(&settings, &options, &text);
        snprintf(printed, sizeof(printed), "# %s%s\n%s = %s\n", last == 3 ? "--" : "",
                 last == 0 ? "built in" : last == 1 ? "line 1" : last == 2 ? variable : name, name, values[last]);
        ck_assert_msg(strstr(text.data, printed), "'%s' is not in:\n%s", printed, text.data);
        text_deinit(&text);
        settings_deinit(&settings);
    }
}
END_TEST

START_TEST(sources_may_be_settled_to_lie_in_several_places)
{
    static const char *const maps[] = {"/a=/given", "/a=/environment", "/a=/file", "/b=c d"};
    static const char *const printed[] = {"# --source-map\nsource-map = /a=/given\n",
                                          "# HEAPTOP_SOURCE_MAP\nsource-map = /a=/environment\n",
                                          "# line 1\nsource-map = /a=/file\n", "# line 3\nsource-map = /b=c d\n"};
    struct text text = {0};
    write_settings("source-map = /a=/file\nsource-map = /nowhere\nsource-map = /b=c d\n");
    setenv("HEAPTOP_SOURCE_MAP", "/a=/environment", 1);
    apply("--source-map /a=/given replay night.heaptop");
    unsetenv("HEAPTOP_SOURCE_MAP");
    ck_assert(strstr(problems(), "settings:2: source-map = /nowhere: must be FROM=TO"));
    ck_assert_uint_eq(settings.num_problems, 1);
    settings_write(&settings, &options, &text);
    ck_assert_uint_eq(options.tui.source_maps.count, ARRAY_SIZE(maps));
    for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
        ck_assert_str_eq(options.tui.source_maps.maps[i], maps[i]);
        ck_assert_msg(strstr(text.data, printed[i]), "%s", text.data);
    }
    text_deinit(&text);
    settings_deinit(&settings);

    /* More than there is room for. */
    struct text many = {0};
    for (int i = 0; i <= TUI_MAX_SOURCE_MAPS; i++)
        text_printf(&many, "source-map = /%d=/x\n", i);
    write_settings(many.data);
    text_deinit(&many);
    apply("--source-map /a=/given 42");
    ck_assert(strstr(problems(), "settings:17: source-map = /16=/x: at most 16 of them"));
    ck_assert_uint_eq(options.tui.source_maps.count, TUI_MAX_SOURCE_MAPS);
    ck_assert_str_eq(options.tui.source_maps.maps[0], "/a=/given");
    settings_deinit(&settings);
    /* What looks at no sources is not troubled. */
    apply("diff a.heaptop b.heaptop");
    ck_assert_uint_eq(options.tui.source_maps.count, 0);
    settings_deinit(&settings);
}
END_TEST

START_TEST(no_color_wins_over_the_file)
{
    write_settings("color = always\n");
    apply("42");
    ck_assert_int_eq(options.tui.colour, TUI_COLOUR_ALWAYS);
    settings_deinit(&settings);
    setenv("NO_COLOR", "1", 1);
    apply("42");
    ck_assert_int_eq(options.tui.colour, TUI_COLOUR_AUTO);
    settings_deinit(&settings);
    apply("--color always 42");
    ck_assert_int_eq(options.tui.colour, TUI_COLOUR_ALWAYS);
    settings_deinit(&settings);
}
END_TEST

START_TEST(what_is_wrong_is_told_with_its_line_and_stops_nothing)
{
    write_settings("theme = sepia\ninterval = 1ms\nfoo\nsize = \x1b[31m3\nno-mouse = maybe\nkey.help = F2\n"
                   "key.pause = Hyper-x\nkey.nothing = x\n= x\ninterval = 3s\nkey.redraw = F2 F3\n");
    setenv("HEAPTOP_COLOR", "perhaps", 1);
    apply("42");
    static const char *const said[] = {
        "settings:1: theme = sepia: must be auto, dark", "settings:2: interval = 1ms: the shortest interval is 10 ms",
        "settings:3: 'foo' is not NAME = VALUE",       "settings:4: there is no setting 'size'",
        "settings:5: no-mouse = maybe: must be yes or no", "settings:7: key.pause = Hyper-x: there is no key 'Hyper-x'",
        "settings:8: key.nothing = x: there is no action 'nothing'", "settings:9: '= x' is not NAME = VALUE",
        "settings:11: key.redraw = F2 F3: it takes a key that another line gave to 'help'",
        "heaptop: HEAPTOP_COLOR: must be auto, never or always",
    };
    for (size_t i = 0; i < ARRAY_SIZE(said); i++)
        ck_assert_msg(strstr(problems(), said[i]), "'%s' is not among:\n%s", said[i], problems());
    ck_assert_uint_eq(settings.num_problems, ARRAY_SIZE(said));
    ck_assert(strstr(options.tui.notice, "settings:1: theme = sepia"));
    ck_assert(!strchr(problems(), '\x1b'));
    /* All that is right holds. */
    ck_assert_uint_eq(options.tui.interval_ns, UINT64_C(3000000000));
    settings_deinit(&settings);
}
END_TEST

START_TEST(a_file_that_cannot_be_one_is_told)
{
    mkdir(folder, 0700);
    char inner[128];
    snprintf(inner, sizeof(inner), "%s/heaptop", folder);
    mkdir(inner, 0700);
    mkdir(path, 0700);
    apply("42");
    ck_assert_msg(strstr(problems(), "cannot read it"), "%s", problems());
    settings_deinit(&settings);
    rmdir(path);

    char *large = calloc(1, 70000);
    memset(large, 'x', 69999);
    write_settings(large);
    free(large);
    apply("42");
    ck_assert(strstr(problems(), "longer than 64 KiB"));
    settings_deinit(&settings);
}
END_TEST

START_TEST(saving_keeps_what_is_there)
{
    static const struct tui_settings now = {.theme = TUI_THEME_LIGHT, .interval_ns = 250000000};
    struct text said = {0};
    /* The first time: the folder is made, for its owner alone. */
    apply("42");
    ck_assert_ptr_null(options.tui.settings->save(options.tui.settings->context, &now, &said));
    ck_assert_str_eq(read_settings(), "theme = light\ninterval = 250ms\n");
    ck_assert(strstr(said.data, path));
    text_deinit(&said);
    settings_deinit(&settings);
    struct stat status;
    char inner[128];
    snprintf(inner, sizeof(inner), "%s/heaptop", folder);
    ck_assert_int_eq(stat(inner, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0700);

    /* Behind a link; with remarks, other lines, and a line that it sets twice. */
    char other[128];
    snprintf(other, sizeof(other), "%s/dotfile", folder);
    ck_assert_int_eq(rename(path, other), 0);
    ck_assert_int_eq(symlink(other, path), 0);
    write_settings("# mine\nkey.help = F2\n interval = 1s\nno-mouse = yes\ninterval = 2s\n# theme = dark");
    apply("42");
    ck_assert_ptr_null(options.tui.settings->save(options.tui.settings->context, &now, &said));
    ck_assert_str_eq(read_settings(),
                     "# mine\nkey.help = F2\ninterval = 250ms\nno-mouse = yes\n# theme = dark\ntheme = light\n");
    ck_assert_int_eq(lstat(path, &status), 0);
    ck_assert(S_ISLNK(status.st_mode));
    text_deinit(&said);
    settings_deinit(&settings);
    apply("42");
    ck_assert_int_eq(options.tui.theme, TUI_THEME_LIGHT);
    ck_assert_uint_eq(options.tui.interval_ns, 250000000);
    settings_deinit(&settings);
}
END_TEST

START_TEST(what_is_printed_is_a_file_of_settings)
{
    write_settings("theme = light\nkey.help = F2 h\nkey.pause = none\n");
    setenv("HEAPTOP_INTERVAL", "5s", 1);
    apply("--ascii --print-config");
    struct text text = {0}, again = {0};
    settings_write(&settings, &options, &text);
    static const char *const parts[] = {"# line 1\ntheme = light\n", "# HEAPTOP_INTERVAL\ninterval = 5s\n",
                                        "# --ascii\nascii = yes\n",  "# built in\nno-mouse = no\n",
                                        "key.help = F2 h\n",         "key.pause = none\n", "key.left = Left\n"};
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        ck_assert_msg(strstr(text.data, parts[i]), "%s", text.data);
    settings_deinit(&settings);
    write_settings(text.data);
    unsetenv("HEAPTOP_INTERVAL");
    tui_bind_default_keys();
    apply("--print-config");
    ck_assert_str_eq(problems(), "");
    ck_assert(options.tui.theme == TUI_THEME_LIGHT && options.tui.glyphs == TUI_GLYPHS_ASCII && options.tui.mouse);
    settings_write(&settings, &options, &again);
    ck_assert_str_eq(strstr(again.data, "key.up"), strstr(text.data, "key.up"));
    settings_deinit(&settings);
    text_deinit(&text);
    text_deinit(&again);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("settings");
    TCase *tests = tcase_create("settings");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, nothing_settled_changes_nothing);
    tcase_add_test(tests, options_win_over_the_environment_and_that_over_the_file);
    tcase_add_loop_test(tests, of_every_setting_the_later_word_holds, 0, ARRAY_SIZE(precedences));
    tcase_add_test(tests, sources_may_be_settled_to_lie_in_several_places);
    tcase_add_test(tests, no_color_wins_over_the_file);
    tcase_add_test(tests, what_is_wrong_is_told_with_its_line_and_stops_nothing);
    tcase_add_test(tests, a_file_that_cannot_be_one_is_told);
    tcase_add_test(tests, saving_keeps_what_is_there);
    tcase_add_test(tests, what_is_printed_is_a_file_of_settings);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
