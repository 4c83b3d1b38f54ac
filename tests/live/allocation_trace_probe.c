/* allocation_trace_probe session|pairs PID: the live tests' way to probes on allocations alone. Prints "on" once they
 * sample; after a line of its standard input, or when that ends, {"inuse_bytes": ..., "calls": ..., "samples": ...,
 * "lost": ..., "call_ns": ...}, and ends. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/probe/allocation_trace.h"
#include "heaptop/base/vector.h"
#include "heaptop/snapshot.h"

#define RATE (512u << 10)
#define MOST_SAMPLES 4096u
#define LOOK_MS 20

struct block {
    uint64_t serial, size;
};

struct blocks {
    VECTOR(struct block) list;
};

static void check(struct error *error)
{
    if (!error)
        return;
    printf("%s\n", error->message);
    exit(1);
}

static struct error *take(void *context, const struct allocation_sample *sample, const struct allocation_range *range)
{
    struct blocks *blocks = context;
    (void)range;
    if (sample && !vector_append(&blocks->list, ((struct block){sample->serial, sample->size})))
        return error_no_memory();
    return NULL;
}

int main(int argc, char **argv)
{
    static struct allocator_functions functions;
    struct target *target;
    struct allocation_trace *trace;
    struct blocks blocks = {{0}};
    if (argc != 3)
        return 2;
    check(target_open((pid_t)atoi(argv[2]), &target));
    check(allocator_functions_find(target, &functions));
    check(allocation_trace_open(target, &functions, RATE,
                                strcmp(argv[1], "pairs") == 0 ? ALLOCATION_TRACE_PAIRS : ALLOCATION_TRACE_SESSION,
                                &trace));
    allocation_trace_sample(trace);
    printf("on\n");
    fflush(stdout);
    struct pollfd input = {.fd = 0, .events = POLLIN};
    for (bool is_over = false; !is_over;) {
        is_over = poll(&input, 1, LOOK_MS) != 0;
        check(allocation_trace_read(trace, MOST_SAMPLES, take, &blocks));
    }
    struct table live;
    struct allocation_trace_totals totals;
    struct site_counts sum = {0};
    table_init(&live);
    check(allocation_trace_list_live(trace, &live));
    check(allocation_trace_count(trace, &totals));
    int64_t inuse = 0;
    for (size_t i = 0; i < blocks.list.count; i++) {
        const struct block *block = &blocks.list.items[i];
        sum = (struct site_counts){.allocs = 1, .alloc_bytes = block->size};
        inuse += table_find(&live, block->serial) ? site_scale(&sum, RATE).inuse_bytes : 0;
    }
    printf("{\"inuse_bytes\": %lld, \"calls\": %llu, \"samples\": %llu, \"lost\": %llu, \"call_ns\": %.0f}\n",
           (long long)inuse, (unsigned long long)totals.calls, (unsigned long long)totals.samples,
           (unsigned long long)totals.lost, allocation_trace_costs(trace).call_ns);
    allocation_trace_close(trace);
    target_close(target);
    table_deinit(&live);
    vector_deinit(&blocks.list);
    return 0;
}
