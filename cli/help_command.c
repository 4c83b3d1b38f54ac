#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

static void write_overview(struct text *text)
{
    text_append(text, "heaptop shows what a running process's memory is doing, and which code makes it grow.\n"
                      "It attaches from outside: no change to the process, no stop, no restart.\n\n");
    for (int command = 0; command < COMMAND_COUNT; command++)
        text_printf(text, "%s heaptop %s\n", command ? "      " : "usage:", command_infos[command].synopsis);
    text_append(text, "\n");
    for (int command = 0; command < COMMAND_COUNT; command++)
        text_printf(text, "  %-9s %s\n", command_infos[command].name, command_infos[command].help);
    for (int command = COMMAND_ATTACH; command <= COMMAND_EXPORT; command++) {
        text_printf(text, "\nOptions of %s:\n", command_infos[command].name);
        options_write_help((enum command_id)command, text);
    }
    text_append(text, "\nNAME is that of the program, or a part of it. Times take units: 250ms, 10s, 5m.\n"
                      "Exit status: 0 done, 1 failed, 2 usage, 3 no permission, 4 no such process, 5 not supported.\n");
}

static void write_command(enum command_id command, struct text *text)
{
    text_printf(text, "usage: heaptop %s\n\n%s: %s\n", command_infos[command].synopsis, command_infos[command].name,
                command_infos[command].help);
    text_append(text, "\n");
    options_write_help(command, text);
}

enum exit_status help_command(const struct options *options)
{
    struct text text = {0};
    /* `heaptop help report`, `heaptop report --help`; all of it for `heaptop help` and `heaptop --help`. */
    enum command_id wanted = options->command;
    if (options->command == COMMAND_HELP && options->target) {
        for (wanted = 0; wanted < COMMAND_COUNT; wanted++)
            if (strcmp(options->target, command_infos[wanted].name) == 0)
                break;
        if (wanted == COMMAND_COUNT)
            return error_print(error_create(ERROR_USAGE, "there is no command '%s'", options->target));
    }
    if (wanted == COMMAND_HELP || wanted == COMMAND_ATTACH)
        write_overview(&text);
    else
        write_command(wanted, &text);
    struct error *error = text.failed ? error_no_memory() : export_write_file("-", text.data, text.length);
    text_deinit(&text);
    return error ? error_print(error) : STATUS_DONE;
}
