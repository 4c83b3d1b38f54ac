#include <locale.h>
#include <stdio.h>

#include "cli/commands.h"
#include "cli/settings.h"
#include "heaptop/attach.h"

static enum exit_status (*const commands[COMMAND_COUNT])(const struct options *options) = {
    [COMMAND_RUN] = run_command,
    [COMMAND_RECORD] = record_command, [COMMAND_REPLAY] = replay_command, [COMMAND_ATTACH] = attach_command,
    [COMMAND_REPORT] = report_command, [COMMAND_DIFF] = diff_command,     [COMMAND_EXPORT] = export_command,
    [COMMAND_DOCTOR] = doctor_command, [COMMAND_HELP] = help_command,     [COMMAND_VERSION] = version_command,
    [COMMAND_COMPLETION] = completion_command,
};

/* An earlier heaptop that was killed, and its guardian with it, can have left memory profiling on. */
static void put_back_what_is_left(void)
{
    unsigned count;
    struct error *error = profiling_put_back_left(&count);
    if (count > 0)
        fprintf(stderr, "heaptop: switched memory profiling off again in %u process%s: a heaptop that was killed had "
                        "left it on\n", count, count == 1 ? "" : "es");
    if (error)
        error_print(error);
}

/* With a screen. What is wrong with the settings is said, before the screen and on it, and stops nothing. */
static enum exit_status run_with_settings(struct options *options)
{
    struct settings settings;
    struct text text = {0};
    settings_apply(&settings, options);
    if (settings.problems.length)
        fputs(settings.problems.data, stderr);
    enum exit_status status = STATUS_DONE;
    if (options->print_config) {
        settings_write(&settings, options, &text);
        struct error *error = text.failed ? error_no_memory() : export_write_file("-", text.data, text.length);
        status = error ? error_print(error) : STATUS_DONE;
    } else {
        status = commands[options->command](options);
    }
    text_deinit(&text);
    settings_deinit(&settings);
    return status;
}

int main(int argc, char **argv)
{
    /* Only characters follow the locale: the decimal point stays what other programs read. */
    setlocale(LC_CTYPE, "");
    struct options options;
    struct error *error = options_parse(argc, argv, &options);
    if (error)
        return error_print_usage(error, &options);
    if (options.help)
        return help_command(&options);
    if (options.version)
        return version_command(&options);
    static const unsigned without_processes =
        1u << COMMAND_HELP | 1u << COMMAND_VERSION | 1u << COMMAND_REPLAY | 1u << COMMAND_COMPLETION;
    if (!(without_processes & 1u << options.command) && !options.print_config)
        put_back_what_is_left();
    bool has_screen = (option_infos[OPTION_PRINT_CONFIG].commands >> options.command & 1) != 0;
    return has_screen ? run_with_settings(&options) : commands[options.command](&options);
}
