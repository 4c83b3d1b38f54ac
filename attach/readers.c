/* The runtimes that can be read. */
#include "attach/go/layout.h"
#include "attach/live_source.h"

#include "heaptop/base/cleanup.h"

static const struct reader_ops *const kinds[] = {
    &go_reader_ops,
    &jvm_reader_ops,
    &python_reader_ops,
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

void attach_write_runtimes(struct text *text)
{
    for (size_t i = 0; i < all_readers.count; i++) {
        text_printf(text, "%s%s", i ? ", " : "", all_readers.items[i]->name);
        if (all_readers.items[i] == &go_reader_ops)
            text_printf(text, " (1.%u to 1.%u on amd64)", go_layout_table[0].minor,
                        go_layout_table[go_layout_table_count - 1].minor);
    }
}
