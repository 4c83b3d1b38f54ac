#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/code.h"
#include "cli/keeper.h"
#include "heaptop/attach.h"

enum exit_status attach_process(pid_t pid, const struct options *options, bool *ret_pick_again)
{
    struct source *source = NULL;
    const struct attach_options attach = {.interval_ns = options->interval_ns, .profile_rate = options->profile_rate,
                                          .shown_at_once = true,
                                          .stop_running = options->stop_running, .preload = options->preload,
                                          .preload_refusal = options->preload_refusal, .probe = options->probe,
                                          .probe_budget = options->probe_budget};
    struct error *error = live_source_open(pid, &attach, &source);
    if (error)
        return error_print_attach(error, pid);
    struct keeper *keeper = NULL;
    error = keeper_create(source, strcmp(options->output, "-") == 0 ? NULL : options->output, &keeper);
    if (error)
        return error_print(error);
    struct tui_options tui = options->tui;
    struct code code;
    tui.keeper = keeper_interface(keeper);
    tui.code = code_init(&code, pid);
    if (options->record)
        error = keeper_record(keeper, options->record, &options->recorder);
    if (!error)
        error = tui_run(keeper_source(keeper), &tui, ret_pick_again);
    enum exit_status status = error ? error_print(error) : STATUS_DONE;
    code_deinit(&code);
    _cleanup_(text_deinit) struct text said = {0};
    error = keeper_end_recording(keeper, &said);
    if (said.length)
        fprintf(stderr, "heaptop: %s\n", said.data);
    keeper_destroy(keeper);
    return error ? error_print(error) : status;
}

enum exit_status attach_command(const struct options *options)
{
    pid_t pid = 0;
    if (!terminal_present()) {
        if (options->target)
            return error_print(error_create(ERROR_UNSUPPORTED,
                                            "the live view needs a terminal; what would help: heaptop report %s",
                                            options->target));
        return error_print(
            error_create(ERROR_USAGE, "which process? Picking one needs a terminal; else give a PID or NAME"));
    }
    enum exit_status status =
        options->target ? target_choose(options, &pid) : target_pick(NULL, &options->tui, &pid);
    while (status == STATUS_DONE && pid) {
        bool pick_again = false;
        status = attach_process(pid, options, &pick_again);
        if (status != STATUS_DONE || !pick_again)
            break;
        pid = 0;
        status = target_pick(NULL, &options->tui, &pid);
    }
    return status;
}
