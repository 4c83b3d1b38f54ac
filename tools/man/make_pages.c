/* Makes the man pages, heaptop.1 and one for each subcommand: what stands in tables (commands, options, keys) comes out
 * of them, what is to be told is in docs/man/. The build runs it.
 *
 *   make_pages TEXTS OUTPUT DATE       folders, and the date of this version
 *
 * A page's text is TEXTS/COMMAND.roff (TEXTS/heaptop.roff), in which these lines stand for what is made:
 *   .\" @COMMANDS   .\" @OPTIONS   .\" @KEYS   .\" @TYPED (commands after a colon)
 * TEXTS/options.roff has what is to be told of each option, after a line .\" --NAME. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "tui/action.h"
#include "tui/command.h"

static char *read_all(const char *folder, const char *name)
{
    char path[4096], buffer[4096];
    struct text text = {0};
    snprintf(path, sizeof(path), "%s/%s.roff", folder, name);
    FILE *file = fopen(path, "re");
    if (!file) {
        fprintf(stderr, "make_pages: cannot open %s\n", path);
        exit(1);
    }
    for (size_t got; (got = fread(buffer, 1, sizeof(buffer), file)) > 0;)
        text_append_bytes(&text, buffer, got);
    fclose(file);
    return text_take(&text);
}

/* ---- roff ---- */

/* Plain text, nothing of which roff reads in its own way. */
static void append_plain(struct text *page, const char *string, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        static const struct {
            char character;
            const char *name;
        } names[] = {{'-', "\\-"}, {'\\', "\\e"}, {'^', "\\(ha"}, {'~', "\\(ti"}, {'`', "\\(ga"}, {'\'', "\\(aq"}};
        const char *name = NULL;
        for (size_t n = 0; n < ARRAY_SIZE(names); n++)
            if (names[n].character == string[i])
                name = names[n].name;
        /* A line that begins with a point would be a command. */
        if (string[i] == '.' && i == 0)
            name = "\\&.";
        if (name)
            text_append(page, name);
        else
            text_append_bytes(page, string + i, 1);
    }
}

static void append_text(struct text *page, const char *string)
{
    append_plain(page, string, strlen(string));
}

/* "report [--for TIME] PID|NAME": what is typed as it stands is bold, what stands for something in italics. */
static void append_synopsis(struct text *page, const char *synopsis)
{
    static const char small[] = "abcdefghijklmnopqrstuvwxyz-", large[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    while (*synopsis) {
        size_t length = strspn(synopsis, large);
        const char *font = "\\fI";
        if (length == 0) {
            length = strspn(synopsis, small);
            font = "\\fB";
        }
        if (length == 0) {
            append_plain(page, synopsis++, 1);
            continue;
        }
        text_append(page, font);
        append_plain(page, synopsis, length);
        text_append(page, "\\fR");
        synopsis += length;
    }
    text_append(page, "\n");
}

/* ---- what is made ---- */

static void append_sentence(struct text *page, const char *help)
{
    bool is_small = help[0] >= 'a' && help[0] <= 'z';
    text_printf(page, "%c", is_small ? help[0] - 'a' + 'A' : help[0]);
    append_text(page, help + 1);
    text_append(page, ".\n");
}

static void append_commands(struct text *page)
{
    for (int command = 0; command < COMMAND_COUNT; command++) {
        const struct command_info *info = &command_infos[command];
        text_printf(page, ".TP\n.BR heaptop\\-%s (1)\n", info->name);
        append_sentence(page, info->help);
    }
}

static void append_option(struct text *page, const struct option_info *option, const char *told)
{
    char start[64];
    snprintf(start, sizeof(start), "\n.\\\" --%s\n", option->name);
    const char *body = strstr(told, start);
    if (!body) {
        fprintf(stderr, "make_pages: docs/man/options.roff says nothing of --%s\n", option->name);
        exit(1);
    }
    body += strlen(start);
    const char *end = strstr(body, "\n.\\\" --");
    text_append(page, ".TP\n");
    if (option->letter)
        text_printf(page, "\\fB\\-%c\\fR, ", option->letter);
    text_append(page, "\\fB\\-\\-");
    append_text(page, option->name);
    text_append(page, "\\fR");
    if (option_value_is_optional(option))
        text_printf(page, "[=\\fI%s\\fR]", option_value(option)->name);
    else if (option->argument)
        text_printf(page, " \\fI%s\\fR", option->argument);
    text_append(page, "\n");
    text_append_bytes(page, body, end ? (size_t)(end + 1 - body) : strlen(body));
}

static void append_options(struct text *page, int command, const char *told)
{
    for (int id = 0; id < OPTION_COUNT; id++)
        if (option_infos[id].commands >> command & 1)
            append_option(page, &option_infos[id], told);
}

static void append_keys(struct text *page)
{
    for (int group = 0; group < GROUP_COUNT; group++) {
        text_printf(page, ".SS %s\n", action_group_title((enum action_group)group));
        for (int action = ACTION_NONE + 1; action < ACTION_COUNT; action++) {
            const struct action_info *info = &action_infos[action];
            if (info->group != (enum action_group)group)
                continue;
            text_append(page, ".TP\n");
            for (size_t i = 0; i < ARRAY_SIZE(info->keys) && info->keys[i]; i++) {
                char name[KEY_NAME_BUFFER];
                text_append(page, i ? ", \\fB" : "\\fB");
                append_text(page, key_name(info->keys[i], name));
                text_append(page, "\\fR");
            }
            text_append(page, "\n");
            append_sentence(page, info->help);
        }
    }
}

static void append_typed(struct text *page)
{
    for (size_t i = 0; i < num_typed_commands; i++) {
        text_append(page, ".TP\n\\fB:");
        append_text(page, typed_commands[i].name);
        text_printf(page, "\\fR \\fI%s\\fR\n", typed_commands[i].argument);
        append_sentence(page, typed_commands[i].help);
    }
}

static void append_see_also(struct text *page, int command)
{
    text_append(page, ".SH SEE ALSO\n");
    for (int other = 0; other < COMMAND_COUNT; other++)
        if (other != command && command_infos[other].operands)
            text_printf(page, ".BR heaptop\\-%s (1),\n", command_infos[other].name);
    if (command < COMMAND_COUNT)
        text_append(page, ".BR heaptop (1)\n");
    else
        text_append(page, ".BR top (1),\n.BR process_vm_readv (2),\n.BR ptrace (2),\n.BR proc (5)\n");
}

/* ---- pages ---- */

static void append_body(struct text *page, int command, const char *body, const char *told)
{
    while (*body) {
        const char *end = strchr(body, '\n');
        size_t length = end ? (size_t)(end + 1 - body) : strlen(body);
        if (strncmp(body, ".\\\" @COMMANDS\n", length) == 0)
            append_commands(page);
        else if (strncmp(body, ".\\\" @OPTIONS\n", length) == 0)
            append_options(page, command, told);
        else if (strncmp(body, ".\\\" @KEYS\n", length) == 0)
            append_keys(page);
        else if (strncmp(body, ".\\\" @TYPED\n", length) == 0)
            append_typed(page);
        else
            text_append_bytes(page, body, length);
        body += length;
    }
}

static void append_head(struct text *page, int command, const char *date)
{
    text_append(page, ".\\\" Made by tools/man/make_pages.c from heaptop's tables and docs/man/.\n.TH HEAPTOP");
    for (const char *c = command < COMMAND_COUNT ? command_infos[command].name : ""; *c; c++)
        text_printf(page, "%s%c", c == command_infos[command].name ? "\\-" : "", *c - 'a' + 'A');
    text_printf(page, " 1 %s \"heaptop %s\" \"User Commands\"\n.SH NAME\n", date, HEAPTOP_VERSION);
    if (command < COMMAND_COUNT) {
        text_printf(page, "heaptop\\-%s \\- ", command_infos[command].name);
        append_text(page, command_infos[command].help);
    } else {
        text_append(page, "heaptop \\- watch a running process\\(aqs memory, and the code that makes it grow");
    }
    text_append(page, "\n.SH SYNOPSIS\n");
    for (int other = 0; other < COMMAND_COUNT; other++) {
        if (command != other && command != COMMAND_COUNT)
            continue;
        text_printf(page, "%s.B heaptop\n", command == COMMAND_COUNT && other > 0 ? ".br\n" : "");
        append_synopsis(page, command_infos[other].synopsis);
    }
}

/* COMMAND_COUNT: the page of heaptop itself. */
static void make_page(int command, const char *texts, const char *output, const char *date, const char *told)
{
    struct text page = {0};
    char path[4096];
    const char *name = command < COMMAND_COUNT ? command_infos[command].name : "heaptop";
    char *body = read_all(texts, name);
    append_head(&page, command, date);
    append_body(&page, command, body, told);
    append_see_also(&page, command);
    free(body);
    snprintf(path, sizeof(path), "%s/heaptop%s%s.1", output, command < COMMAND_COUNT ? "-" : "",
             command < COMMAND_COUNT ? name : "");
    FILE *file = fopen(path, "we");
    bool is_written = file && !page.failed && fwrite(page.data, 1, page.length, file) == page.length;
    if (!file || fclose(file) != 0 || !is_written) {
        fprintf(stderr, "make_pages: cannot write %s\n", path);
        exit(1);
    }
    text_deinit(&page);
}

/* What is told of an option that there is not would be read by nobody. */
static void check_told(const char *told)
{
    size_t count = 0;
    for (const char *at = told; (at = strstr(at, "\n.\\\" --")); at++)
        count++;
    if (count != OPTION_COUNT) {
        fprintf(stderr, "make_pages: docs/man/options.roff tells of %zu options; there are %d\n", count, OPTION_COUNT);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: make_pages TEXTS OUTPUT DATE\n", stderr);
        return 2;
    }
    char *told = read_all(argv[1], "options");
    check_told(told);
    for (int command = 0; command <= COMMAND_COUNT; command++)
        make_page(command, argv[1], argv[2], argv[3], told);
    free(told);
    return 0;
}
