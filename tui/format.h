/* How names and figures of a snapshot are written on the screens. */
#ifndef TUI_FORMAT_H
#define TUI_FORMAT_H

#include "heaptop/analysis.h"
#include "tui/grid.h"

/* Shown for what could not be read. */
#define NOT_KNOWN "-"
#define FORMAT_BUFFER 64

/* The length of the package within a short name, its point included: 5 for "tsdb.(*Head).getOrCreate". */
size_t function_package_length(const char *short_name);
/* A frame's function, as function_short_name cuts it; or its address, or "?". buffer: FORMAT_BUFFER bytes. */
const char *frame_function(const struct catalog *catalog, frame_id frame, char *buffer);
/* "head.go:1622", or "". buffer: FORMAT_BUFFER bytes. */
const char *frame_place(const struct catalog *catalog, frame_id frame, char *buffer);
/* The same of a frame that has no id; "?" where no file is known. */
void frame_write_place(const struct catalog *catalog, const struct frame *frame, struct text *text);
/* Behind the first so many columns of a text. */
const char *text_skip_columns(const char *text, int columns);
/* Draws a frame's function: the package muted, the name bright; the first `pan` columns left out. Returns the column
 * behind it. */
int frame_draw(struct canvas canvas, int x, int y, int width, int pan, const struct catalog *catalog, frame_id frame);

/* The mark that stands for a verdict, so that colour is never needed to tell. */
uint32_t verdict_mark(enum growth_verdict verdict);
/* In its place where the next GC cycles may take a verdict back. */
#define GROWTH_PROVISIONAL_MARK '?'
enum role verdict_role(enum growth_verdict verdict);
/* Growth per second of bytes or of a count, right-aligned with its mark before it: "▲ 2.54 MB". */
void growth_draw(struct canvas canvas, const struct growth *growth, bool of_bytes);

/* "3.1 MB/s", "+14 /s"; buffer: FORMAT_BUFFER. */
char *format_growth_bytes(char *buffer, double per_second);
char *format_growth_count(char *buffer, double per_second);
/* Local time of day, "15:04:05". */
char *format_clock(char *buffer, uint64_t unix_ns);
/* A value as the counter's unit asks for. buffer: FORMAT_BUFFER. */
const char *format_value(char *buffer, enum counter_id id, double value);
/* A counter as its unit asks for, NOT_KNOWN where it was not read. */
const char *format_counter(char *buffer, const struct snapshot *snapshot, enum counter_id id);
/* Whether it was read, and its value. */
bool counter_value(const struct snapshot *snapshot, enum counter_id id, double *ret_value);

#endif
