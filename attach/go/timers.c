#include "attach/go/timers.h"

#include "attach/go/copied_struct.h"
#include "heaptop/base/cursor.h"

/* No process has more; what says so is no count. */
#define MAX_TIMERS (1ll << 32)

/* The sum of a 4-byte field over all Ps. */
static struct error *sum_over_procs(struct procs *procs, const struct go_process *process, enum go_field field,
                                    int64_t *ret_sum, bool *ret_ok)
{
    const uint8_t *bytes;
    *ret_ok = false;
    if (!go_layout_has(&process->layout, field))
        return NULL;
    struct error *error =
        procs_read_field(procs, process, (size_t)process->layout.offset[field], 4, &bytes, ret_ok);
    if (error || !*ret_ok)
        return error;
    struct cursor cursor = cursor_over(bytes, procs->addresses.count * 4);
    *ret_sum = 0;
    for (size_t i = 0; i < procs->addresses.count; i++)
        *ret_sum += (int32_t)cursor_u32(&cursor);
    return NULL;
}

struct error *timers_sample(struct procs *procs, const struct go_process *process, struct snapshot *snapshot)
{
    int64_t length = 0, stopped = 0;
    bool has_length = false, has_stopped = false;
    struct error *error = sum_over_procs(procs, process, GO_FIELD_P_TIMERS_LEN, &length, &has_length);
    if (!error)
        error = sum_over_procs(procs, process, GO_FIELD_P_TIMERS_ZOMBIES, &stopped, &has_stopped);
    if (error)
        return error;
    int64_t count = length - stopped;
    if (!has_length || !has_stopped)
        snapshot_set_unavailable(snapshot, COUNTER_TIMERS, "the Ps' heaps of timers (allp) were not found");
    else if (length < 0 || length > MAX_TIMERS)
        snapshot_set_unavailable(snapshot, COUNTER_TIMERS, "the Ps' counts of timers are not plausible");
    else
        /* The two are not read at one moment. */
        snapshot_set(snapshot, COUNTER_TIMERS, count < 0 ? 0 : count);
    return NULL;
}
