/* What heaptop and the process that reads debug information for it say to each other: one message a question, one an
 * address. That process has read files that nobody vouches for, so its answers are taken apart with the same care. */
#ifndef ATTACH_NATIVE_LINE_ANSWER_H
#define ATTACH_NATIVE_LINE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heaptop/symbols.h"

/* Addresses asked for at once. */
#define LINE_QUESTION_ADDRESSES 128u

/* With the file's descriptors when has_file: its own, and that of its supplement if it has one. */
struct line_question {
    uint32_t file;              /* By which heaptop calls it. */
    uint32_t count;             /* Of addresses; as many answers come, in this order. */
    bool has_file;
    uint64_t addresses[LINE_QUESTION_ADDRESSES];
};

/* One function at an address; strings are not NULL, "" for what is not known. */
struct line_frame {
    const char *function;       /* As linkers name it where they do. */
    const char *file;           /* Path as compiled in. */
    uint32_t line, start_line;  /* 0: unknown. */
};

struct line_answer {
    bool is_unreadable;         /* The file has no debug information that can be read. */
    size_t count;
    struct line_frame frames[SOURCE_LINES_MAX_INLINED];     /* Innermost first. */
};

#define LINE_ANSWER_MAX_BYTES 65536u

/* Frames that find no room any more are left out, the outermost first. Returns the size. */
size_t line_answer_write(bool is_unreadable, const struct source_frame *frames, size_t count,
                         uint8_t buffer[LINE_ANSWER_MAX_BYTES]);
/* False when it makes no sense. Strings point into the bytes. */
bool line_answer_read(const uint8_t *bytes, size_t size, struct line_answer *ret_answer);

#endif
