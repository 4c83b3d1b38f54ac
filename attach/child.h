/* What a child process of heaptop does first that works on by itself, after a fork of a program with threads: from
 * then on only system calls, and what libraries do that are made for it. */
#ifndef ATTACH_CHILD_H
#define ATTACH_CHILD_H

#include <sys/types.h>

/* It is called `name`, gets none of the signals that are meant for heaptop, ends with the thread that forked it (and
 * so with heaptop, whose process is `parent`), leaves no core, and has nothing open but `kept`: messages of libraries
 * that give up go nowhere. */
void child_begin(const char *name, pid_t parent, int kept);

#endif
