/* layout_dump FILE: prints "ID OFFSET SIZE" for every row of GO_FIELDS, as FILE's DWARF has it; -1 for what it has not.
 * What tools/generate-layouts makes the layout table from. layout_dump --table 1.NN prints the table's row instead:
 * tests/live/layouts_test compares the two. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "attach/go/layout_dwarf.h"
#include "heaptop/base/cleanup.h"

static const char *const field_ids[GO_FIELD_COUNT] = {
#define X(id, type, field) [GO_FIELD_##id] = #id,
    GO_FIELDS(X)
#undef X
};

DEFINE_CLEANUP(struct image *, image_close)

static struct error *read_file(const char *path, struct go_layout *layout)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return error_from_errno(errno, "cannot open '%s'", path);
    _cleanup_(image_closep) struct image *image = NULL;
    struct error *error = image_open(descriptor, path, &image);
    unsigned structs;
    return error ? error : go_layout_read_dwarf(image, layout, NULL, 0, &structs);
}

static struct error *read_table(const char *version, struct go_layout *layout)
{
    bool is_newer;
    unsigned minor;
    if (sscanf(version, "1.%u", &minor) != 1)
        return error_create(ERROR_USAGE, "no Go version: '%s'", version);
    const struct go_layout_row *row = go_layout_find(minor, &is_newer);
    if (row->minor != minor)
        return error_create(ERROR_NOT_FOUND, "the table has no row for Go 1.%u: run tools/generate-layouts", minor);
    *layout = row->layout;
    return NULL;
}

int main(int argc, char **argv)
{
    bool of_table = argc == 3 && strcmp(argv[1], "--table") == 0;
    if (argc != 2 && !of_table) {
        fprintf(stderr, "usage: %s FILE | --table 1.NN\n", argv[0]);
        return 2;
    }
    struct go_layout layout;
    go_layout_clear(&layout);
    _cleanup_error_ struct error *error = of_table ? read_table(argv[2], &layout) : read_file(argv[1], &layout);
    if (error) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    for (unsigned i = 0; i < GO_FIELD_COUNT; i++)
        printf("%s %" PRId32 " %u\n", field_ids[i], layout.offset[i], layout.size[i]);
    return 0;
}
