/* In place of allocation_trace.c where heaptop is built without libbpf, clang or bpftool. */
#include "attach/probe/allocation_trace.h"
#include "heaptop/attach.h"

struct error *allocation_trace_refusal(void)
{
    return error_create(ERROR_UNSUPPORTED,
                        "this heaptop was built without libbpf, clang or bpftool: allocations cannot be probed; "
                        "--probe faults needs none of them");
}

struct error *allocation_trace_open(struct target *target, const struct allocator_functions *functions, uint64_t rate,
                                    enum allocation_trace_links links, struct allocation_trace **ret_trace)
{
    (void)target;
    (void)functions;
    (void)rate;
    (void)links;
    (void)ret_trace;
    return allocation_trace_refusal();
}

/* There is none that the others could be called with. */
void allocation_trace_close(struct allocation_trace *trace)
{
    (void)trace;
}

bool allocation_trace_sees_all_returns(const struct allocation_trace *trace)
{
    (void)trace;
    return false;
}

struct allocation_trace_costs allocation_trace_costs(const struct allocation_trace *trace)
{
    (void)trace;
    return (struct allocation_trace_costs){0};
}

void allocation_trace_sample(struct allocation_trace *trace)
{
    (void)trace;
}

struct error *allocation_trace_count(struct allocation_trace *trace, struct allocation_trace_totals *ret_totals)
{
    (void)trace;
    *ret_totals = (struct allocation_trace_totals){0};
    return NULL;
}

struct error *allocation_trace_read(struct allocation_trace *trace, size_t most, allocation_visitor *visit,
                                    void *context)
{
    (void)trace;
    (void)most;
    (void)visit;
    (void)context;
    return NULL;
}

struct error *allocation_trace_list_live(struct allocation_trace *trace, struct table *serials)
{
    (void)trace;
    table_clear(serials);
    return NULL;
}

void allocation_trace_forget(struct allocation_trace *trace, uint64_t address, uint64_t serial)
{
    (void)trace;
    (void)address;
    (void)serial;
}

const char *attach_bpf_library(void)
{
    return NULL;
}
