#include "attach/native/line_answer.h"

#include <string.h>

#include "heaptop/base/cursor.h"

/* Of a path or a name; what is longer is cut. */
#define MAX_STRING 4096u

struct writer {
    uint8_t *bytes;
    size_t used;
};

/* There is room: see LARGEST_FRAME. */
static void put_u32(struct writer *writer, uint32_t value)
{
    uint32_t little = htole32(value);
    memcpy(writer->bytes + writer->used, &little, sizeof(little));
    writer->used += sizeof(little);
}

static void put_text(struct writer *writer, const char *text)
{
    size_t length = strnlen(text, MAX_STRING);
    memcpy(writer->bytes + writer->used, text, length);
    writer->used += length;
}

static void end_text(struct writer *writer)
{
    writer->bytes[writer->used++] = 0;
}

/* Two numbers, and a name, a folder and a file with what is between and behind them. */
#define LARGEST_FRAME (2 * sizeof(uint32_t) + 3 * MAX_STRING + 3)

static void put_frame(struct writer *writer, const struct source_frame *frame)
{
    put_u32(writer, frame->line);
    put_u32(writer, frame->start_line);
    put_text(writer, frame->function ? frame->function : "");
    end_text(writer);
    if (frame->file && frame->file[0] != '/' && frame->folder) {
        put_text(writer, frame->folder);
        put_text(writer, "/");
    }
    put_text(writer, frame->file ? frame->file : "");
    end_text(writer);
}

size_t line_answer_write(bool is_unreadable, const struct source_frame *frames, size_t count,
                         uint8_t buffer[LINE_ANSWER_MAX_BYTES])
{
    struct writer writer = {.bytes = buffer};
    put_u32(&writer, is_unreadable);
    for (size_t i = 0; i < count && LINE_ANSWER_MAX_BYTES - writer.used >= LARGEST_FRAME; i++)
        put_frame(&writer, &frames[i]);
    return writer.used;
}

bool line_answer_read(const uint8_t *bytes, size_t size, struct line_answer *ret_answer)
{
    struct cursor cursor = cursor_over(bytes, size);
    ret_answer->is_unreadable = cursor_u32(&cursor) != 0;
    ret_answer->count = 0;
    while (cursor_left(&cursor) > 0) {
        struct line_frame frame = {.line = cursor_u32(&cursor), .start_line = cursor_u32(&cursor)};
        frame.function = cursor_string(&cursor, 2 * MAX_STRING + 2);
        frame.file = cursor_string(&cursor, 2 * MAX_STRING + 2);
        if (cursor.failed || !frame.function || !frame.file || ret_answer->count == SOURCE_LINES_MAX_INLINED)
            return false;
        ret_answer->frames[ret_answer->count++] = frame;
    }
    return !cursor.failed;
}
