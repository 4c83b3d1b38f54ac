#include "heaptop/snapshot/counter.h"

const struct counter_info counter_infos[COUNTER_COUNT] = {
#define X(id, group_, name_, unit_, kind_, help_) \
    [COUNTER_##id] = {.group = group_, .name = name_, .unit = unit_, .kind = kind_, .help = help_},
    SNAPSHOT_COUNTERS(X)
#undef X
};
