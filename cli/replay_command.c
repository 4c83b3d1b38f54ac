#include <stdio.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/recorded.h"

DEFINE_CLEANUP(struct source *, source_close)

enum exit_status replay_command(const struct options *options)
{
    _cleanup_(source_closep) struct source *source = NULL;
    _cleanup_(recorded_deinit) struct recorded recorded = {0};
    bool pick_again = false;
    if (!recorded_find(options->target, &recorded)) {
        /* What is there may be something else. */
        bool is_there = access(options->target, F_OK) == 0;
        return error_print(is_there ? error_create(ERROR_BAD_DATA, "'%s' is not a recording", options->target)
                                    : error_create(ERROR_NOT_FOUND, "there is no recording '%s'", options->target));
    }
    struct error *error = recorded_open(&recorded, 0, &source);
    if (!error && !terminal_present())
        error = error_create(ERROR_UNSUPPORTED, "replay needs a terminal; what would help: heaptop report %s",
                             options->target);
    struct tui_options tui = options->tui;
    tui.start_unix_ns = recorded.moment_unix_ns;
    if (!error)
        error = tui_run(source, &tui, &pick_again);
    return error ? error_print(error) : STATUS_DONE;
}
