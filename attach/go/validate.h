/* Does the memory at an address hold what this runtime variable should hold? No address is believed before. */
#ifndef HEAPTOP_ATTACH_GO_VALIDATE_H
#define HEAPTOP_ATTACH_GO_VALIDATE_H

#include "attach/go/process.h"

/* *ret_reason is NULL when the contents are plausible, else a static string. Uses the layout, and the variables that
 * the process has already: values that must agree are compared. Variables may move while they are looked at, so a check
 * only refuses what no running program can hold. Errors only when nothing more can be read. */
extern const char go_reason_no_place[];     /* The reason when the address itself cannot be a variable's. */
struct error *go_variable_validate(const struct go_process *process, enum go_variable id, remote_address address,
                                   const char **ret_reason);

#endif
