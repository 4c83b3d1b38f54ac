#include "attach/late_look.h"

#include <string.h>

#define NAMES_LIMIT (UINT64_C(4) << 20)

bool late_look_is_due(struct late_look *look, uint64_t now_ns)
{
    uint64_t period = look->looks < LATE_LOOK_SOON ? LATE_LOOK_SOON_NS : LATE_LOOK_SELDOM_NS;
    if (look->looks > 0 && now_ns - look->last_ns < period)
        return false;
    look->last_ns = now_ns;
    look->looks++;
    return true;
}

bool reader_context_has_file(const struct reader_context *context, const char *start)
{
    for (size_t i = 0; i < context->num_regions; i++) {
        const char *path = catalog_string(context->catalog, context->regions[i].name), *slash = strrchr(path, '/');
        if (slash && strncmp(slash + 1, start, strlen(start)) == 0)
            return true;
    }
    return false;
}

bool reader_context_names(const struct reader_context *context, const char *name)
{
    bool found;
    struct error *error = image_find_texts(context->image, ".dynstr", NAMES_LIMIT, &name, 1, &found);
    bool failed = error;
    error_destroy(error);
    return !failed && found;
}
