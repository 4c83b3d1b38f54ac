/* The runtimes that can be read. */
#include "attach/live_source.h"

#include "heaptop/base/cleanup.h"

static const struct reader_ops *const kinds[] = {
    &go_reader_ops,
};

static const struct reader_list all_readers = {.items = kinds, .count = ARRAY_SIZE(kinds)};

struct error *live_source_open(pid_t pid, const struct attach_options *options, struct source **ret_source)
{
    return live_source_create(pid, options, all_readers, ret_source);
}


struct error *doctor_examine(pid_t pid, struct doctor_report *ret_report)
{
    return doctor_examine_with(pid, all_readers, ret_report);
}
