/* From addresses to lines of source and inlined calls, read by a process of its own: one that is started when it is
 * first asked, ends with heaptop, and may crash: what it was reading then is left without lines, and it is started
 * anew. */
#ifndef ATTACH_NATIVE_LINE_RESOLVER_H
#define ATTACH_NATIVE_LINE_RESOLVER_H

#include "attach/native/line_answer.h"
#include "heaptop/base/error.h"

/* So long may one answer take: the first of a file includes reading its list of compile units. */
#define LINE_RESOLVER_DEADLINE_NS UINT64_C(20000000000)
/* So often the process may end before it should; then no more is asked. */
#define LINE_RESOLVER_MAX_FAILURES 4u

struct line_resolver;

struct error *line_resolver_create(struct line_resolver **ret_resolver);
void line_resolver_destroy(struct line_resolver *resolver);     /* Accepts NULL. */
/* For tests: another deadline. */
void line_resolver_set_deadline(struct line_resolver *resolver, uint64_t deadline_ns);

/* Makes a file with debug information known; supplement: of the file that dwz(1) has moved some of it to, or -1. Both
 * are borrowed, and must stay open. *ret_file: by which it is asked for. ERROR_NO_MEMORY. */
struct error *line_resolver_add_file(struct line_resolver *resolver, int descriptor, int supplement,
                                     uint32_t *ret_file);

/* Puts a question about a link-time address of it; `tag` comes back with the answer. ERROR_NO_MEMORY. */
struct error *line_resolver_ask(struct line_resolver *resolver, uint32_t file, uint64_t address, uint64_t tag);

/* Is given the answers in the order of the questions, those without frames as well. May not ask. */
typedef struct error *line_visitor(void *context, uint64_t tag, const struct line_answer *answer);

/* Takes the answers that are there, and waits for more as long as `patience_ns` allows, 0 for not at all: the others
 * come with a later call. Errors are those of the visitor, and ERROR_NO_MEMORY. */
struct error *line_resolver_run(struct line_resolver *resolver, uint64_t patience_ns, line_visitor *visit,
                                void *context);

/* Questions that have no answer yet. */
size_t line_resolver_waiting(const struct line_resolver *resolver);
/* CPU time that reading has taken, of all processes together. */
uint64_t line_resolver_cpu_ns(const struct line_resolver *resolver);
/* Why a file has no lines: a part of a sentence, owned by the resolver; NULL: nothing is wrong. */
const char *line_resolver_problem(const struct line_resolver *resolver, uint32_t file);

#endif
