#include "cli/options.h"

#include <stdio.h>
#include <string.h>

#include "unit/check_main.h"

/* Parses "heaptop " and these words. */
static struct error *parse(const char *line, struct options *ret_options)
{
    static char words[512];
    char *argv[32] = {(char *)"heaptop"};
    int argc = 1;
    snprintf(words, sizeof(words), "%s", line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
        ck_assert_int_lt(argc, 31);
        argv[argc++] = word;
    }
    return options_parse(argc, argv, ret_options);
}

static struct options parse_good(const char *line)
{
    struct options options;
    struct error *error = parse(line, &options);
    ck_assert_msg(!error, "%s: %s", line, error ? error->message : "");
    return options;
}

static void check_refused(const char *line, enum error_kind kind, const char *part)
{
    struct options options;
    struct error *error = parse(line, &options);
    ck_assert_msg(error != NULL, "%s", line);
    ck_assert_msg(error->kind == kind && strstr(error->message, part), "%s: %s", line, error->message);
    error_destroy(error);
}

START_TEST(the_first_word_is_a_command_or_a_target)
{
    struct options options = parse_good("4242");
    ck_assert_int_eq(options.command, COMMAND_ATTACH);
    ck_assert_str_eq(options.target, "4242");
    ck_assert_uint_eq(options.interval_ns, 1000000000);
    ck_assert(options.tui.mouse);

    options = parse_good("attach report");
    ck_assert_int_eq(options.command, COMMAND_ATTACH);
    ck_assert_str_eq(options.target, "report");

    options = parse_good("-i 250ms prometheus --ascii --no-mouse --color never");
    ck_assert_int_eq(options.command, COMMAND_ATTACH);
    ck_assert_str_eq(options.target, "prometheus");
    ck_assert_uint_eq(options.interval_ns, 250000000);
    ck_assert_uint_eq(options.tui.interval_ns, 250000000);
    ck_assert(!options.tui.mouse && options.tui.glyphs == TUI_GLYPHS_ASCII && options.tui.colour == TUI_COLOUR_NEVER);

    /* Options may stand before it, with what they take. */
    options = parse_good("--theme light --ascii replay night.heaptop");
    ck_assert_int_eq(options.command, COMMAND_REPLAY);
    ck_assert_str_eq(options.target, "night.heaptop");
    ck_assert_int_eq(options.tui.theme, TUI_THEME_LIGHT);
    options = parse_good("-i 250ms --json --for=1s report 4242");
    ck_assert_int_eq(options.command, COMMAND_REPORT);
    ck_assert_str_eq(options.target, "4242");
    ck_assert_uint_eq(options.interval_ns, 250000000);
    ck_assert_int_eq(parse_good("--theme dark 4242").command, COMMAND_ATTACH);
    ck_assert_str_eq(parse_good("-- replay").target, "replay");
    check_refused("--theme light export 4242", ERROR_USAGE, "export does not know");
    check_refused("--theme", ERROR_USAGE, "wants an argument");

    ck_assert_ptr_null(parse_good("").target);
    ck_assert_ptr_null(parse_good("attach").target);
}
END_TEST

START_TEST(options_stand_anywhere)
{
    struct options options = parse_good("report 7 --json --for 1h30m -i100ms");
    ck_assert_int_eq(options.command, COMMAND_REPORT);
    ck_assert_str_eq(options.target, "7");
    ck_assert(options.json);
    ck_assert_uint_eq(options.for_ns, UINT64_C(5400) * 1000000000);
    ck_assert_uint_eq(options.interval_ns, 100000000);
    ck_assert_uint_eq(parse_good("report 7").for_ns, UINT64_C(10) * 1000000000);
    ck_assert_uint_eq(parse_good("report --for=0 7").for_ns, 0);
    /* After "--" everything is a name. */
    ck_assert_str_eq(parse_good("report -- --json").target, "--json");

    options = parse_good("export --format=pprof --profile allocs -o out.pb.gz 7");
    ck_assert_int_eq(options.format, FORMAT_PPROF);
    ck_assert_int_eq(options.profile, SAMPLE_ALLOCS);
    ck_assert_str_eq(options.output, "out.pb.gz");
    ck_assert_str_eq(parse_good("export --format json 7").output, "-");
}
END_TEST

START_TEST(help_and_version_need_no_target)
{
    ck_assert(parse_good("report --help").help);
    ck_assert(parse_good("export -h").help);
    ck_assert(parse_good("-V").version);
    ck_assert_int_eq(parse_good("help report").command, COMMAND_HELP);
    ck_assert_str_eq(parse_good("help report").target, "report");
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
    check_refused("report", ERROR_USAGE, "PID or NAME");
    check_refused("report 1 2", ERROR_USAGE, "'2'");
    check_refused("reprot 1", ERROR_USAGE, "no command 'reprot'");
    check_refused("attach 1 2", ERROR_USAGE, "'2'");
    check_refused("report --nonsense 1", ERROR_USAGE, "'--nonsense'");
    check_refused("report -z 1", ERROR_USAGE, "'-z'");
    /* Options of another command. */
    check_refused("report --format pprof 1", ERROR_USAGE, "--format");
    check_refused("doctor --json 1", ERROR_USAGE, "--json");
    check_refused("doctor -o x 1", ERROR_USAGE, "'-o'");
    check_refused("report 1 --for", ERROR_USAGE, "'--for'");
    check_refused("report --for soon 1", ERROR_USAGE, "--for soon");
    check_refused("report -i 9ms 1", ERROR_USAGE, "10 ms");
    check_refused("export --format json --enable-profiling 1", ERROR_USAGE, "--enable-profiling");
    check_refused("--enable-profiling= 1", ERROR_USAGE, "--enable-profiling");
    check_refused("--enable-profiling=500K 1", ERROR_USAGE, "power of two");
    check_refused("--enable-profiling=2K 1", ERROR_USAGE, "power of two");
    check_refused("--enable-profiling=2G 1", ERROR_USAGE, "power of two");
    check_refused("--enable-profiling=lots 1", ERROR_USAGE, "--enable-profiling lots");
    check_refused("--color perhaps 1", ERROR_USAGE, "--color perhaps");
    check_refused("--theme solarized 1", ERROR_USAGE, "colour-blind");
    check_refused("export 1", ERROR_USAGE, "--format");
    check_refused("export --format png 1", ERROR_USAGE, "png");
    check_refused("export --format svg --value size 1", ERROR_USAGE, "--value size");
    check_refused("export --format svg --base= 1", ERROR_USAGE, "--base");
    check_refused("diff a.heaptop", ERROR_USAGE, "OLD NEW");
    check_refused("diff a.heaptop b.heaptop c.heaptop", ERROR_USAGE, "two moments");
    check_refused("diff --value count a.heaptop b.heaptop", ERROR_USAGE, "count");
    check_refused("diff --format svg a.heaptop b.heaptop", ERROR_USAGE, "--format");
    check_refused("export --format pprof --profile cpu 1", ERROR_USAGE, "cpu");
    check_refused("completion", ERROR_USAGE, "bash, zsh or fish");
    check_refused("completion tcsh", ERROR_USAGE, "bash, zsh or fish");
}
END_TEST

START_TEST(every_option_is_known_to_a_command_and_explained)
{
    for (int id = 0; id < OPTION_COUNT; id++) {
        const struct option_info *info = &option_infos[id];
        ck_assert_msg(info->name && info->help && info->set, "option %d", id);
        ck_assert_uint_ne(info->commands, 0);
        bool shown = false;
        for (int command = 0; command < COMMAND_COUNT; command++) {
            struct text text = {0};
            char name[64];
            bool is_optional = info->argument && info->argument[0] == '[';
            snprintf(name, sizeof(name), "--%s%s", info->name, is_optional ? info->argument : " ");
            options_write_help((enum command_id)command, &text);
            bool here = text.data && strstr(text.data, name);
            ck_assert_msg(here == ((info->commands >> command & 1) != 0), "%s in %s", name,
                          command_infos[command].name);
            shown |= here;
            text_deinit(&text);
        }
        ck_assert(shown);
    }
}
END_TEST

START_TEST(help_fits_a_narrow_terminal)
{
    for (int command = 0; command < COMMAND_COUNT; command++) {
        struct text text = {0};
        options_write_help((enum command_id)command, &text);
        for (const char *line = text.data; line && *line; line += strcspn(line, "\n") + 1)
            ck_assert_msg(strcspn(line, "\n") <= 80, "%.*s", (int)strcspn(line, "\n"), line);
        text_deinit(&text);
    }
}
END_TEST

/* ---- the man page ---- */

static void append_name(struct text *text, const char *name)
{
    for (; *name; name++)
        text_printf(text, *name == '-' ? "\\-" : "%c", *name);
}

static void write_man_line(const struct option_info *info, struct text *text)
{
    if (info->letter)
        text_printf(text, "\\fB\\-%c\\fR, ", info->letter);
    text_append(text, "\\fB\\-\\-");
    append_name(text, info->name);
    text_append(text, "\\fR");
    if (info->argument && info->argument[0] == '[')
        text_printf(text, "[=\\fI%.*s\\fR]", (int)strcspn(info->argument + 2, "]"), info->argument + 2);
    else if (info->argument)
        text_printf(text, " \\fI%s\\fR", info->argument);
    text_append(text, "\n");
}

/* The pages are made by the build (tools/man/make_pages.c). */
START_TEST(the_man_page_of_a_command_lists_its_options)
{
    static char page[65536];
    char path[512];
    const struct command_info *command = &command_infos[_i];
    snprintf(path, sizeof(path), BINARY_DIR "/man/heaptop-%s.1", command->name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "there is no %s", path);
    page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
    fclose(file);
    char *options = strstr(page, "\n.SH OPTIONS\n"), *end = options ? strstr(options + 1, "\n.SH ") : NULL;
    ck_assert_msg(options && end, "%s has no OPTIONS", path);
    *end = '\0';
    size_t known = 0, listed = 0;
    for (int id = 0; id < OPTION_COUNT; id++) {
        struct text line = {0};
        text_append(&line, "\n.TP\n");
        write_man_line(&option_infos[id], &line);
        bool is_known = (option_infos[id].commands >> _i & 1) != 0;
        const char *at = strstr(options, line.data);
        ck_assert_msg((at != NULL) == is_known, "the page of %s: %s", command->name, line.data);
        /* And says something of it. */
        ck_assert(!at || (at[line.length] != '\0' && strncmp(at + line.length, ".TP", 3) != 0));
        known += is_known;
        text_deinit(&line);
    }
    for (const char *at = options; (at = strstr(at, "\n.TP\n\\fB\\-")); at++)
        listed++;
    ck_assert_uint_eq(listed, known);
}
END_TEST

START_TEST(what_an_option_takes_is_known)
{
    for (int id = 0; id < OPTION_COUNT; id++) {
        const struct value_info *value = option_value(&option_infos[id]);
        ck_assert_msg(!option_infos[id].argument || value, "--%s takes an unknown %s", option_infos[id].name,
                      option_infos[id].argument);
        /* What is completed is understood. */
        for (unsigned i = 0; value && value->word && value->word(i); i++) {
            struct options options = {0};
            struct error *error = option_infos[id].set(&options, value->word(i));
            ck_assert_msg(!error, "--%s %s: %s", option_infos[id].name, value->word(i), error ? error->message : "");
        }
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("options");
    TCase *tests = tcase_create("options");
    tcase_add_test(tests, the_first_word_is_a_command_or_a_target);
    tcase_add_test(tests, options_stand_anywhere);
    tcase_add_test(tests, help_and_version_need_no_target);
    tcase_add_test(tests, what_makes_no_sense_is_refused);
    tcase_add_test(tests, every_option_is_known_to_a_command_and_explained);
    tcase_add_test(tests, help_fits_a_narrow_terminal);
    tcase_add_loop_test(tests, the_man_page_of_a_command_lists_its_options, 0, COMMAND_COUNT);
    tcase_add_test(tests, what_an_option_takes_is_known);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
