/* layout_dump FILE: prints "ID OFFSET SIZE" for every row of GO_FIELDS, as FILE's DWARF has it; -1 for what it has not. What tools/generate-layouts
 * makes the layout table from, and tests/live/layouts_test holds it against. */
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

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE\n", argv[0]);
        return 2;
    }
    int descriptor = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        fprintf(stderr, "cannot open '%s': %s\n", argv[1], strerror(errno));
        return 1;
    }
    _cleanup_(image_closep) struct image *image = NULL;
    _cleanup_error_ struct error *error = image_open(descriptor, argv[1], &image);
    struct go_layout layout;
    if (!error) {
        go_layout_clear(&layout);
        unsigned structs;
        error = go_layout_read_dwarf(image, &layout, NULL, 0, &structs);
    }
    if (error) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    for (unsigned i = 0; i < GO_FIELD_COUNT; i++)
        printf("%s %" PRId32 " %u\n", field_ids[i], layout.offset[i], layout.size[i]);
    return 0;
}
