/* One function per subcommand, and what they share. */
#ifndef HEAPTOP_CLI_COMMANDS_H
#define HEAPTOP_CLI_COMMANDS_H

#include <sys/types.h>

#include "cli/options.h"

enum exit_status attach_command(const struct options *options);
enum exit_status run_command(const struct options *options);
enum exit_status record_command(const struct options *options);
enum exit_status replay_command(const struct options *options);
enum exit_status report_command(const struct options *options);
enum exit_status export_command(const struct options *options);
enum exit_status diff_command(const struct options *options);
enum exit_status doctor_command(const struct options *options);
enum exit_status completion_command(const struct options *options);
enum exit_status help_command(const struct options *options);
enum exit_status version_command(const struct options *options);

/* The live view of this process. *ret_pick_again: another one is wanted. */
enum exit_status attach_process(pid_t pid, const struct options *options, bool *ret_pick_again);
/* Records it to a file, until it ends or a signal comes. */
enum exit_status record_process(pid_t pid, const struct options *options, const char *path);

enum exit_status status_of_error(const struct error *error);

/* Prints "heaptop: MESSAGE" on standard error, control characters escaped, and returns the status that goes with the
 * error, which it ends. */
enum exit_status error_print(struct error *error);
/* The same for what the command line says; of a command that was named, by which help it goes on. */
enum exit_status error_print_usage(struct error *error, const struct options *options);
/* The same for an error of live_source_open, followed by what would help. */
enum exit_status error_print_attach(struct error *error, pid_t pid);

/* The process that options->target names. Where several match, a person at a terminal picks; else they are listed and
 * the status is STATUS_USAGE. *ret_pid is 0, with STATUS_DONE, when the person picked none. */
enum exit_status target_choose(const struct options *options, pid_t *ret_pid);
/* The same without a name: all processes. */
enum exit_status target_pick(const char *filter, const struct tui_options *options, pid_t *ret_pid);
bool terminal_present(void);

#endif
