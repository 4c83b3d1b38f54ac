#include "heaptop/snapshot/goroutine.h"

static const char *const names[WAIT_KIND_COUNT] = {
#define X(id, name) [WAIT_##id] = name,
    WAIT_KINDS(X)
#undef X
};

const char *wait_kind_name(unsigned kind)
{
    return names[kind < WAIT_KIND_COUNT ? kind : WAIT_UNKNOWN];
}
