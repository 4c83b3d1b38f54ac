/* Looking for what a program maps only some time after its start: libraries of runtimes, files of theirs. */
#ifndef ATTACH_LATE_LOOK_H
#define ATTACH_LATE_LOOK_H

#include "attach/reader.h"

/* When to look again: at first at every chance, a second apart; what has not come in half a minute is looked for
 * seldom, as reading memory maps takes the program's lock. Zeroed, a look is due at once. */
struct late_look {
    uint64_t last_ns;           /* CLOCK_MONOTONIC. */
    unsigned looks;
};
#define LATE_LOOK_SOON_NS UINT64_C(900000000)
#define LATE_LOOK_SELDOM_NS UINT64_C(30000000000)
#define LATE_LOOK_SOON 30u

/* Whether a look is due at now_ns, which then is taken. */
bool late_look_is_due(struct late_look *look, uint64_t now_ns);

/* Whether a file whose name, without folders, begins so was mapped when the program was attached to. */
bool reader_context_has_file(const struct reader_context *context, const char *start);

/* Whether the executable's table of dynamic names holds one (a word that stands in no other name). */
bool reader_context_names(const struct reader_context *context, const char *name);

#endif
