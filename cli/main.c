#include <locale.h>

#include "cli/commands.h"

static enum exit_status (*const commands[COMMAND_COUNT])(const struct options *options) = {
    [COMMAND_RECORD] = record_command, [COMMAND_REPLAY] = replay_command,
    [COMMAND_ATTACH] = attach_command, [COMMAND_REPORT] = report_command, [COMMAND_EXPORT] = export_command,
    [COMMAND_DOCTOR] = doctor_command, [COMMAND_HELP] = help_command,     [COMMAND_VERSION] = version_command,
};

int main(int argc, char **argv)
{
    /* Only characters follow the locale: the decimal point stays what other programs read. */
    setlocale(LC_CTYPE, "");
    struct options options;
    struct error *error = options_parse(argc, argv, &options);
    if (error)
        return error_print(error);
    if (options.help)
        return help_command(&options);
    if (options.version)
        return version_command(&options);
    return commands[options.command](&options);
}
