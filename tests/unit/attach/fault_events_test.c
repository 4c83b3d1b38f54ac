/* Samples of page faults as the kernel writes them, well-formed and not; and faults of this program itself. */
#include "attach/probe/fault_events.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attach/probe/fault_profile.h"
#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

/* One as perf_event_open(2) lays it out for the fields that are asked for: registers by the kernel's numbers,
 * ascending. */
#define KERNEL_REGISTERS 17
#define STACK_BYTES 64
struct record {
    uint32_t pid, tid;
    uint64_t address, event, abi, registers[KERNEL_REGISTERS], stack_size;
    uint8_t stack[STACK_BYTES];
    uint64_t filled;
};

static struct record make_record(void)
{
    struct record record = {
        .pid = 10, .tid = 11, .address = 0x7000, .event = 5, .abi = 2, .stack_size = STACK_BYTES, .filled = 48};
    for (uint64_t i = 0; i < KERNEL_REGISTERS; i++)
        record.registers[i] = 100 + i;
    memset(record.stack, 0xab, sizeof(record.stack));
    return record;
}

START_TEST(registers_have_their_dwarf_numbers)
{
    struct record record = make_record();
    struct fault_sample sample;
    pid_t pid;
    uint64_t event;
    ck_assert(fault_sample_parse(&record, sizeof(record), &pid, &event, &sample));
    ck_assert_int_eq(pid, 10);
    ck_assert_int_eq(sample.tid, 11);
    ck_assert_uint_eq(event, 5);
    ck_assert_uint_eq(sample.address, 0x7000);
    /* The kernel has ax bx cx dx si di bp sp ip, then r8 on; DWARF ax dx cx bx si di bp sp, r8 on, ip. */
    const uint64_t expected[CALL_FRAME_REGISTERS] = {100, 103, 102, 101, 104, 105, 106, 107, 109,
                                                     110, 111, 112, 113, 114, 115, 116, 108};
    for (size_t i = 0; i < CALL_FRAME_REGISTERS; i++)
        ck_assert_uint_eq(sample.registers[i], expected[i]);
    ck_assert_uint_eq(sample.stack_size, 48);
    ck_assert_uint_eq(sample.stack[47], 0xab);
}
END_TEST

START_TEST(what_is_malformed_is_refused)
{
    struct record record = make_record();
    struct fault_sample sample;
    pid_t pid;
    uint64_t event;
    for (size_t size = 0; size < sizeof(record); size++)
        ck_assert_msg(!fault_sample_parse(&record, size, &pid, &event, &sample), "%zu bytes", size);
    record.filled = STACK_BYTES + 1;
    ck_assert(!fault_sample_parse(&record, sizeof(record), &pid, &event, &sample));
    record = make_record();
    record.stack_size = UINT64_MAX - 7;
    ck_assert(!fault_sample_parse(&record, sizeof(record), &pid, &event, &sample));
    record = make_record();
    record.abi = 1;     /* Of a 32-bit program. */
    ck_assert(!fault_sample_parse(&record, sizeof(record), &pid, &event, &sample));
}
END_TEST

/* pprof's scaling is to give as many pages as faults that a sample stands for. */
START_TEST(the_rate_stands_for_the_period)
{
    ck_assert_uint_eq(fault_profile_rate(1), 1);
    const uint64_t periods[] = {7, 31, 127, 509, 2039, 8191};
    for (size_t i = 0; i < ARRAY_SIZE(periods); i++) {
        struct site_counts counts = {.allocs = 1000, .alloc_bytes = 1000 * UINT64_C(4096)};
        struct site_values values = site_scale(&counts, (int64_t)fault_profile_rate(periods[i]));
        double expected = 1000 * (double)periods[i];
        ck_assert_double_eq_tol((double)values.alloc_objects, expected, expected / 500);
    }
}
END_TEST

struct seen {
    const uint8_t *first;
    size_t size, inside;
    bool has_stack;
};

static struct error *see(void *context, const struct fault_sample *sample)
{
    struct seen *seen = context;
    bool is_inside = sample->address - (uint64_t)(uintptr_t)seen->first < seen->size;
    seen->inside += is_inside;
    seen->has_stack |= is_inside && sample->stack_size > 0 && sample->registers[CALL_FRAME_RIP] != 0;
    return NULL;
}

#define PAGES 7

/* At a period of 1 each page that this program touches is one sample. */
START_TEST(every_fault_is_seen)
{
    struct fault_events *events;
    struct error *error = fault_events_open(getpid(), 1, &events);
    if (error && (error->kind == ERROR_PERMISSION || error->kind == ERROR_UNSUPPORTED)) {
        printf("not tried: %s\n", error->message);
        error_destroy(error);
        return;
    }
    ck_assert_msg(!error, "%s", error ? error->message : "");
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = PAGES * page;
    uint8_t *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(bytes != MAP_FAILED);
    madvise(bytes, size, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < PAGES; i++)
        ((volatile uint8_t *)bytes)[i * page] = 1;
    struct seen seen = {.first = bytes, .size = size};
    ck_assert_ptr_null(fault_events_read(events, see, &seen));
    ck_assert_uint_eq(seen.inside, PAGES);
    ck_assert(seen.has_stack);
    ck_assert_uint_ge(fault_events_totals(events).samples, PAGES);
    ck_assert_uint_eq(fault_events_totals(events).lost, 0);
    fault_events_close(events);
    munmap(bytes, size);
}
END_TEST

START_TEST(a_process_that_is_gone)
{
    struct fault_events *events;
    struct error *error = fault_events_open(INT32_MAX, 1, &events);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_GONE);
    error_destroy(error);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault events");
    TCase *tests = tcase_create("fault events");
    tcase_add_test(tests, registers_have_their_dwarf_numbers);
    tcase_add_test(tests, what_is_malformed_is_refused);
    tcase_add_test(tests, the_rate_stands_for_the_period);
    tcase_add_test(tests, every_fault_is_seen);
    tcase_add_test(tests, a_process_that_is_gone);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
