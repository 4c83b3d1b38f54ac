#include "attach/doctor_offers.h"

#include <unistd.h>

#include "attach/probe/allocation_trace.h"
#include "attach/probe/fault_events.h"
#include "heaptop/base/cleanup.h"

#define ONLY(runtime) (1u << (runtime))
#define ALL_KINDS (~0u)
#define BUT_GO (ALL_KINDS & ~ONLY(RUNTIME_GO))
/* Any will do: the events are closed at once. */
#define SOME_PERIOD 1009

/* Figures: docs/decisions.md and tests/bench; of a machine of two processors, so the magnitude is what counts. */
struct offer {
    unsigned kinds;             /* Of programs that it is for. */
    bool is_free;
    struct error *(*try)(void); /* Why it cannot be had here; NULL: it can be anyway. */
    const char *detail;
};

/* Why this kernel, or what may be asked of it here, has no such events; NULL: it has. */
static struct error *try_perf_events(void)
{
    struct fault_events *events;
    struct error *error = fault_events_open(getpid(), SOME_PERIOD, &events);
    if (!error)
        fault_events_close(events);
    return error;
}

static const struct offer offers[] = {
    {ONLY(RUNTIME_GO), true, NULL,
     "heap, GC and scheduler; goroutines with stacks; call sites where profiling is on: about 1 ms of heaptop's CPU a "
     "sample, nothing of the "
     "program's"},
    {ONLY(RUNTIME_JVM), true, NULL,
     "Java heap by generation, GC counts and times, classes and threads, from the counters that the JVM keeps for "
     "jstat: microseconds a sample, "
     "nothing of the program's"},
    {ONLY(RUNTIME_CPYTHON), true, NULL,
     "collections and what they freed, pymalloc's arenas, interpreters and threads, from the interpreter's own state: "
     "microseconds a sample, "
     "nothing of the program's"},
    {ALL_KINDS, true, NULL,
     "RSS by kind, regions, threads with their CPU and, while they wait, their native stacks: some 30 us a thread, "
     "nothing of the program's"},
    {ALL_KINDS, false, NULL,
     "on the memory screen: resident pages by use, and the chunks of glibc's malloc where it is used: up to 0.3 s of "
     "heaptop's CPU a GB, every ten "
     "seconds at most; the kernel's lock on the memory map is held for moments"},
    {ONLY(RUNTIME_GO), false, NULL,
     "--enable-profiling: call sites of a program with profiling off; writes one word in it, undone at the end"},
    {ONLY(RUNTIME_GO), false, NULL,
     "--stop-running: stacks of goroutines that run; stops each such thread for 10 to 100 us"},
    {BUT_GO, false, NULL,
     "--stop-running: stacks of threads that run; stops each for 10 to 100 us"},
    {BUT_GO, false, try_perf_events,
     "--probe faults: which code first touches new memory; about 3 us of the program's a sample, some 250 samples a "
     "second: below 0.1% of a "
     "processor"},
    {BUT_GO, false, allocation_trace_refusal,
     "--probe allocs: every call site of malloc, of what is allocated from then on and in use, by samples; about half "
     "a microsecond of the program's "
     "a call, which are counted first, and a breakpoint in each such function while it lasts"},
    {BUT_GO, false, NULL,
     "heaptop run -- COMMAND: every call site of malloc, in use and allocated, by samples; a few ns of the program's "
     "an allocation, and it "
     "has to be started again"},
};

struct error *doctor_add_offers(struct doctor_report *report, const struct program_kind *kind)
{
    struct error *error = doctor_report_add(
        report, "program", kind->runtime == RUNTIME_UNKNOWN ? DOCTOR_UNKNOWN : DOCTOR_YES, NULL, "%s%s; allocator: %s",
        kind->name, kind->runtime == RUNTIME_UNKNOWN ? ", of which nothing tells the language" : "",
        kind->allocator[0] ? kind->allocator : "none that is known");
    for (size_t i = 0; i < ARRAY_SIZE(offers) && !error; i++) {
        const struct offer *offer = &offers[i];
        if (!(offer->kinds & ONLY(kind->runtime)))
            continue;
        _cleanup_error_ struct error *refusal = offer->try ? offer->try() : NULL;
        if (refusal && refusal->kind == ERROR_NO_MEMORY)
            return take_pointer(refusal);
        error = doctor_report_add(report, offer->is_free ? "for free" : "on request", refusal ? DOCTOR_NO : DOCTOR_YES,
                                  NULL, "%s%s%s", offer->detail, refusal ? "; not here: " : "",
                                  refusal ? refusal->message : "");
    }
    return error;
}
