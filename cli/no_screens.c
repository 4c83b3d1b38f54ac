/* Stands in for the tui room in a build without it. */
#include "heaptop/tui.h"

struct error *tui_run(struct source *source, const struct tui_options *options, bool *ret_pick_again)
{
    (void)source, (void)options, (void)ret_pick_again;
    return error_create(ERROR_UNSUPPORTED, "this build has no live view; what would help: heaptop report");
}

struct error *tui_pick(const struct picker *picker, const char *filter, const struct tui_options *options, pid_t *ret_pid)
{
    (void)picker, (void)filter, (void)options, (void)ret_pid;
    return error_create(ERROR_UNSUPPORTED, "this build has no process picker; what would help: give a pid");
}
