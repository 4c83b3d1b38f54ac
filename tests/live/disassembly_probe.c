/* disassembly_probe PID ADDRESS...: the instructions around each link-time address (hexadecimal), one a line: "ADDRESS
 * SIZE TEXT"; "error: WHY" where there are none. What tests/live/disassembly_test.py holds against objdump. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "heaptop/attach.h"

#define ROOM 4096

static int fail(struct error *error)
{
    printf("error: %s\n", error->message);
    error_destroy(error);
    return 1;
}

int main(int argc, char **argv)
{
    static struct instruction instructions[ROOM];
    struct disassembler *disassembler;
    if (argc < 3)
        return 2;
    struct error *error = disassembler_open((pid_t)atoi(argv[1]), &disassembler);
    if (error)
        return fail(error);
    for (int i = 2; !error && i < argc; i++) {
        struct arena arena;
        size_t count = 0;
        arena_init(&arena);
        error = disassembler_read(disassembler, strtoull(argv[i], NULL, 16), &arena, instructions, ROOM, &count);
        for (size_t j = 0; j < count; j++)
            printf("%" PRIx64 " %u %s\n", instructions[j].address, instructions[j].size, instructions[j].text);
        arena_deinit(&arena);
    }
    disassembler_close(disassembler);
    return error ? fail(error) : 0;
}
