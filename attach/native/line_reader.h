/* The process that reads debug information for heaptop: it can crash, hang or run out of memory over a file without
 * harm to anybody. Forked from heaptop; it opens nothing, and has only what it is sent. */
#ifndef ATTACH_NATIVE_LINE_READER_H
#define ATTACH_NATIVE_LINE_READER_H

#include <sys/types.h>

/* What it exits with when memory is out; it may have so much more than heaptop has. */
#define LINE_READER_NO_MEMORY 12
#define LINE_READER_MAX_MEMORY ((uint64_t)2 << 30)

/* In the child process of `parent`, after a fork of a program with threads: answers questions that come over `line`
 * until it is closed. */
_Noreturn void line_reader_run(int line, pid_t parent);

#endif
