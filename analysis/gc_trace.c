/* A GC cycle as GODEBUG=gctrace=1 prints it: runtime/mgc.go gcMarkTermination; itoaDiv and fmtNSAsMS, which round as
 * runtime/proc.go and mgc.go do (Go 1.19-1.27). */
#include <inttypes.h>

#include "heaptop/analysis/gc_activity.h"

#define MIB_SHIFT 20

/* The value divided by ten to the power of `digits`, with so many digits behind the point. */
static void write_divided(struct text *text, uint64_t value, unsigned digits)
{
    uint64_t unit = 1;
    for (unsigned i = 0; i < digits; i++)
        unit *= 10;
    text_printf(text, "%" PRIu64, value / unit);
    if (digits > 0)
        text_printf(text, ".%0*" PRIu64, (int)digits, value % unit);
}

/* Milliseconds in two significant digits, cut off; whole ones from ten milliseconds on. */
static void write_milliseconds(struct text *text, uint64_t ns)
{
    if (ns >= 10000000) {
        write_divided(text, ns / 1000000, 0);
        return;
    }
    uint64_t microseconds = ns / 1000;
    unsigned digits = 3;
    if (microseconds == 0) {
        text_append(text, "0");
        return;
    }
    for (; microseconds >= 100; digits--)
        microseconds /= 10;
    write_divided(text, microseconds, digits);
}

static void write_phase(struct text *text, const char *before, uint64_t ns, bool known)
{
    text_append(text, before);
    if (known)
        write_milliseconds(text, ns);
    else
        text_append(text, "-");
}

static void write_mebibytes(struct text *text, const char *before, uint64_t bytes, bool known)
{
    text_append(text, before);
    if (known)
        text_printf(text, "%" PRIu64, bytes >> MIB_SHIFT);
    else
        text_append(text, "-");
}

void gc_cycle_write_trace(const struct gc_cycle *cycle, struct text *text)
{
    text_printf(text, "gc %" PRIu64 " @", cycle->number);
    if (cycle->since_init_known)
        write_divided(text, cycle->since_init_ns / 1000000, 3);
    else
        text_append(text, "-");
    if (cycle->cpu_known)
        text_printf(text, "s %d%%:", (int)(cycle->cpu_fraction * 100));
    else
        text_append(text, "s -%:");
    bool phases = cycle->phases_known, cpu = cycle->cpu_known;
    write_phase(text, " ", cycle->sweep_termination_ns, phases);
    write_phase(text, "+", cycle->mark_ns, phases);
    write_phase(text, "+", cycle->mark_termination_ns, phases);
    write_phase(text, " ms clock, ", cycle->stop_procs * cycle->sweep_termination_ns, phases);
    write_phase(text, "+", cycle->assist_cpu_ns, cpu);
    write_phase(text, "/", cycle->background_cpu_ns, cpu);
    write_phase(text, "/", cycle->idle_cpu_ns, cpu);
    write_phase(text, "+", cycle->stop_procs * cycle->mark_termination_ns, phases);
    write_mebibytes(text, " ms cpu, ", cycle->heap_before, cycle->heap_known);
    write_mebibytes(text, "->", cycle->heap_peak, cycle->heap_known);
    write_mebibytes(text, "->", cycle->heap_after, cycle->heap_known);
    write_mebibytes(text, " MB, ", cycle->heap_goal, cycle->goal_known);
    write_mebibytes(text, " MB goal, ", cycle->stack_bytes, cpu);
    write_mebibytes(text, " MB stacks, ", cycle->globals_bytes, cpu);
    text_append(text, " MB globals, ");
    if (phases)
        text_printf(text, "%u P", cycle->procs);
    else
        text_append(text, "- P");
    if (cycle->cause == GC_CAUSE_FORCED)
        text_append(text, " (forced)");
}
