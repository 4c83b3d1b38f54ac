/* Code of the process on view, as the screens ask for it: looked for when it is first wanted. */
#ifndef HEAPTOP_CLI_CODE_H
#define HEAPTOP_CLI_CODE_H

#include <sys/types.h>

#include "heaptop/attach.h"
#include "heaptop/tui.h"

struct code {
    pid_t pid;
    struct disassembler *disassembler;
    struct tui_code interface;
};

/* Gives what tui_options.code wants. Its context is `code`, which must stay where it is. */
const struct tui_code *code_init(struct code *code, pid_t pid);
void code_deinit(struct code *code);

#endif
