#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

static void write_overview(struct text *text)
{
    static const char *const examples[][2] = {
        {"heaptop", "pick a process, and watch it"},
        {"heaptop prometheus", "watch it, by name or pid; ? shows the keys"},
        {"heaptop report --for 1m 4242", "watch it for a minute, and print what was found"},
        {"heaptop record 4242", "record it to a file, for heaptop replay FILE"},
        {"heaptop doctor 4242", "what can be read of it, and what would help"},
    };
    text_append(text, "heaptop shows what a running process's memory does, and which code makes it grow.\n"
                      "It attaches from outside: no change to the process, no stop, no restart.\n\n"
                      "usage: heaptop [OPTIONS] [PID|NAME]\n"
                      "       heaptop COMMAND [OPTIONS] ...\n\n");
    for (size_t i = 0; i < ARRAY_SIZE(examples); i++)
        text_printf(text, "  %-30s %s\n", examples[i][0], examples[i][1]);
    text_append(text, "\nCommands; heaptop help COMMAND lists the options of one:\n");
    for (int command = 0; command < COMMAND_COUNT; command++)
        text_printf(text, "  %-11s %s\n", command_infos[command].name, command_infos[command].help);
    text_printf(text, "\nOptions of %s, which is the command where none is named:\n",
                command_infos[COMMAND_ATTACH].name);
    options_write_help(COMMAND_ATTACH, text);
    text_append(text, "\nNAME is that of the program, or a part of it. Times take units: 250ms, 10s, 5m.\n"
                      "Exit status: 0 done, 1 failed, 2 usage, 3 no permission, 4 no such process,\n"
                      "5 not supported. man heaptop has the rest.\n");
}

static void write_command(enum command_id command, struct text *text)
{
    text_printf(text, "usage: heaptop %s\n\n%s: %s\n", command_infos[command].synopsis, command_infos[command].name,
                command_infos[command].help);
    text_append(text, "\n");
    options_write_help(command, text);
    text_printf(text, "\nman heaptop-%s says more.\n", command_infos[command].name);
}

enum exit_status help_command(const struct options *options)
{
    struct text text = {0};
    /* `heaptop help report`, `heaptop report --help`; what there is for `heaptop help` and `heaptop --help`. */
    enum command_id wanted = options->command;
    bool is_overview = !options->is_named || (options->command == COMMAND_HELP && !options->target);
    if (options->command == COMMAND_HELP && options->target) {
        for (wanted = 0; wanted < COMMAND_COUNT; wanted++)
            if (strcmp(options->target, command_infos[wanted].name) == 0)
                break;
        if (wanted == COMMAND_COUNT)
            return error_print(error_create(ERROR_USAGE, "there is no command '%s'", options->target));
    }
    if (is_overview)
        write_overview(&text);
    else
        write_command(wanted, &text);
    struct error *error = text.failed ? error_no_memory() : export_write_file("-", text.data, text.length);
    text_deinit(&text);
    return error ? error_print(error) : STATUS_DONE;
}
