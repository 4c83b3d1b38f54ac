/* Which process is meant. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "heaptop/attach.h"

/* So many matches of a name are listed. */
#define MAX_LISTED 20

bool terminal_present(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* ---- by name ---- */

static void list_matches(const char *name, const struct process_list *list)
{
    struct text text = {0};
    text_append(&text, "heaptop: '");
    text_append_escaped(&text, name, strlen(name));
    text_printf(&text, "' names %zu processes; give the pid of one:\n", list->count);
    for (size_t i = 0; i < list->count && i < MAX_LISTED; i++) {
        const struct process_row *row = &list->rows[i];
        char rss[UNITS_BUFFER];
        text_printf(&text, "  %8d  %-10.10s %9s  %.100s\n", (int)row->pid, row->user,
                    units_format_bytes(rss, (double)row->rss_bytes),
                    *row->command_line ? row->command_line : row->comm);
    }
    if (list->count > MAX_LISTED)
        text_printf(&text, "  ... and %zu more\n", list->count - MAX_LISTED);
    fputs(text.failed ? "heaptop: out of memory\n" : text.data, stderr);
    text_deinit(&text);
}

enum exit_status target_choose(const struct options *options, pid_t *ret_pid)
{
    struct process_list list;
    struct error *error = process_list_find(options->target, &list);
    if (error)
        return error_print(error);
    enum exit_status status = STATUS_DONE;
    if (list.count == 1) {
        *ret_pid = list.rows[0].pid;
    } else if (terminal_present()) {
        status = target_pick(options->target, &options->tui, ret_pid);
    } else {
        list_matches(options->target, &list);
        status = STATUS_USAGE;
    }
    process_list_deinit(&list);
    return status;
}

/* ---- by hand ---- */

struct picker_state {
    struct process_list list;
    bool listed;
    struct program_kinds *kinds;
    VECTOR(struct picker_row) rows;
};

static struct error *list_processes(void *context, const struct picker_row **ret_rows, size_t *ret_count,
                                    bool *ret_unfinished)
{
    struct picker_state *state = context;
    struct process_list list;
    struct error *error = process_list_read(state->kinds, &list);
    if (error)
        return error;
    if (!vector_reserve(&state->rows, list.count)) {
        process_list_deinit(&list);
        return error_no_memory();
    }
    if (state->listed)
        process_list_deinit(&state->list);
    state->list = list;
    state->listed = true;
    state->rows.count = list.count;
    for (size_t i = 0; i < list.count; i++) {
        const struct process_row *row = &list.rows[i];
        state->rows.items[i] = (struct picker_row){
            .pid = row->pid,
            .user = row->user,
            .name = row->comm,
            .command_line = row->command_line,
            .runtime = row->runtime,
            .allocator = row->allocator,
            .rss_bytes = row->rss_bytes,
            .readable = row->readable,
        };
    }
    *ret_rows = state->rows.items;
    *ret_count = state->rows.count;
    *ret_unfinished = list.unfinished;
    return NULL;
}

enum exit_status target_pick(const char *filter, const struct tui_options *options, pid_t *ret_pid)
{
    struct picker_state state = {0};
    struct picker picker = {.list = list_processes, .context = &state};
    struct error *error = program_kinds_create(&state.kinds);
    if (!error)
        error = tui_pick(&picker, filter, options, ret_pid);
    program_kinds_destroy(state.kinds);
    if (state.listed)
        process_list_deinit(&state.list);
    vector_deinit(&state.rows);
    return error ? error_print(error) : STATUS_DONE;
}
