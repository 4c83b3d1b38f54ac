/* What the process that reads debug information may answer: any bytes; and what it makes of any frames. */
#include <stdlib.h>
#include <string.h>

#include "attach/native/line_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was understood is said again, and must be understood alike. */
static void check_round_trip(const struct line_answer *answer)
{
    static uint8_t bytes[LINE_ANSWER_MAX_BYTES];
    struct source_frame frames[SOURCE_LINES_MAX_INLINED];
    struct line_answer again;
    for (size_t i = 0; i < answer->count; i++)
        frames[i] = (struct source_frame){.function = answer->frames[i].function,
                                          .file = answer->frames[i].file,
                                          .line = answer->frames[i].line,
                                          .start_line = answer->frames[i].start_line};
    size_t size = line_answer_write(answer->is_unreadable, frames, answer->count, bytes);
    if (!line_answer_read(bytes, size, &again) || again.is_unreadable != answer->is_unreadable ||
        again.count > answer->count)
        abort();
    for (size_t i = 0; i < again.count; i++) {
        if (again.frames[i].line != answer->frames[i].line ||
            strncmp(again.frames[i].function, answer->frames[i].function, strlen(again.frames[i].function)) != 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct line_answer answer;
    if (line_answer_read(data, size, &answer))
        check_round_trip(&answer);
    return 0;
}
