#include "attach/probe/preload_channel.h"

#include <fcntl.h>
#include <unistd.h>

#include "unit/attach/preload_peer.h"
#include "attach/probe/allocation_sites.h"
#include "unit/check_main.h"

static struct preload *preload;
static struct preload_peer peer;

static void setup(void)
{
    ck_assert_ptr_null(preload_create("/lib/none.so", 1 << 19, &preload));
    ck_assert(preload_peer_open(preload, &peer));
}

static void teardown(void)
{
    preload_peer_close(&peer);
    preload_destroy(preload);
}

/* What the library would write at the head, but not yet that it is whole. */
static uint64_t write_sample(uint64_t serial, uint32_t stack_bytes)
{
    uint8_t stack[4096];
    struct preload_sample sample = {
        .length =
            (uint32_t)(sizeof(sample) + stack_bytes + PRELOAD_ALIGNMENT - 1) / PRELOAD_ALIGNMENT * PRELOAD_ALIGNMENT,
        .stack_bytes = stack_bytes,
        .serial = serial,
        .address = 0x1000 * serial,
        .size = 100 + serial,
        .slot = serial % 1000,
        .registers = {[7] = 0x7fff0000, [16] = 0x400000 + serial},
    };
    memset(stack, (int)serial, sizeof(stack));
    uint64_t position = peer.header->head;
    preload_peer_write(&peer, position, &sample, sizeof(sample));
    preload_peer_write(&peer, position + sizeof(sample), stack, stack_bytes);
    peer.header->head += sample.length;
    return position;
}

static void finish_sample(uint64_t position)
{
    uint64_t whole = position + 1;
    preload_peer_write(&peer, position, &whole, sizeof(whole));
}

static void check_next(uint64_t serial, uint32_t stack_bytes)
{
    struct preload_event event;
    ck_assert(preload_next(preload, &event));
    ck_assert_uint_eq(event.serial, serial);
    ck_assert_uint_eq(event.address, 0x1000 * serial);
    ck_assert_uint_eq(event.size, 100 + serial);
    ck_assert_uint_eq(event.slot, serial % 1000);
    ck_assert_uint_eq(event.registers[16], 0x400000 + serial);
    ck_assert_uint_eq(event.stack_bytes, stack_bytes);
    uint8_t expected[4096];
    memset(expected, (int)serial, sizeof(expected));
    ck_assert(memcmp(event.stack, expected, stack_bytes) == 0);
}

static void check_none(void)
{
    struct preload_event event;
    ck_assert(!preload_next(preload, &event));
}

START_TEST(samples_come_in_order_and_around_the_end)
{
    check_none();
    uint64_t bytes = 0;
    for (uint64_t serial = 1; bytes < 3 * (uint64_t)peer.header->ring_bytes; serial += 2) {
        uint32_t first = (uint32_t)(serial * 37 % 4096), second = (uint32_t)(serial * 91 % 4096);
        finish_sample(write_sample(serial, first));
        finish_sample(write_sample(serial + 1, second));
        check_next(serial, first);
        check_next(serial + 1, second);
        check_none();
        ck_assert_uint_eq(peer.header->tail, peer.header->head);
        bytes = peer.header->head;
    }
}
END_TEST

START_TEST(a_sample_that_is_not_whole_is_waited_for)
{
    uint64_t first = write_sample(1, 100), second = write_sample(2, 200);
    finish_sample(second);
    check_none();
    check_none();
    finish_sample(first);
    check_next(1, 100);
    check_next(2, 200);
}
END_TEST

START_TEST(the_samples_of_a_program_before_are_passed_over)
{
    finish_sample(write_sample(1, 100));
    write_sample(2, 100);       /* It was replaced before it had finished. */
    peer.header->program_start = peer.header->head;
    peer.header->program = 1;
    finish_sample(write_sample(3, 100));
    check_next(3, 100);
    check_none();
}
END_TEST

/* Each leaves nothing to read, and what comes later is read. */
START_TEST(what_no_library_writes_is_passed_over)
{
    for (int kind = 0; kind < 6; kind++) {
        uint64_t position = write_sample(1, 100);
        struct preload_sample sample = {.length = 400, .stack_bytes = 100};
        if (kind == 0)
            sample.length = 0;
        else if (kind == 1)
            sample.length = UINT32_MAX;
        else if (kind == 2)
            sample.length = 401;
        else if (kind == 3)
            sample.stack_bytes = UINT32_MAX;
        else if (kind == 4)
            sample.slot = peer.header->slot_count;
        else
            peer.header->head += UINT64_C(1) << 40;
        preload_peer_write(&peer, position, &sample, sizeof(sample));
        finish_sample(position);
        check_none();
        ck_assert_uint_eq(peer.header->tail, peer.header->head);
        finish_sample(write_sample(7, 50));
        check_next(7, 50);
    }
}
END_TEST

START_TEST(a_block_is_live_while_it_has_its_slot)
{
    ck_assert(!preload_is_live(preload, 5, 1, 0x5000));
    peer.slots[5].address = 0x5000;
    peer.slots[5].serial = 1;
    ck_assert(preload_is_live(preload, 5, 1, 0x5000));
    peer.slots[5].address = 0x5001;     /* While realloc is at it. */
    ck_assert(preload_is_live(preload, 5, 1, 0x5000));
    peer.slots[5].serial = 2;           /* The next block at this address. */
    ck_assert(!preload_is_live(preload, 5, 1, 0x5000));
}
END_TEST

START_TEST(the_file_keeps_its_size)
{
    int descriptor = atoi(getenv(PRELOAD_VARIABLE));
    ck_assert_int_ne(ftruncate(descriptor, 0), 0);
    ck_assert_int_eq(fcntl(descriptor, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_str_eq(getenv("LD_PRELOAD"), "/lib/none.so");
    setenv("LD_PRELOAD", "/lib/other.so", 1);
    ck_assert(preload_enter(preload));
    ck_assert_str_eq(getenv("LD_PRELOAD"), "/lib/none.so:/lib/other.so");
}
END_TEST

/* ---- what they are summed to ---- */

START_TEST(allocations_are_summed_by_stack_and_size)
{
    struct allocation_sites *sites;
    struct catalog *catalog;
    struct snapshot *snapshot;
    uint32_t first, second, third, other;
    ck_assert_ptr_null(allocation_sites_create(&sites));
    ck_assert_ptr_null(catalog_create(&catalog));
    ck_assert_ptr_null(allocation_sites_add(sites, 1, 1000, &first));
    ck_assert_ptr_null(allocation_sites_add(sites, 1, 1020, &second));
    ck_assert_ptr_null(allocation_sites_add(sites, 1, 1025, &third));
    ck_assert_ptr_null(allocation_sites_add(sites, 2, 1000, &other));
    ck_assert_uint_eq(first, second);
    ck_assert_uint_ne(first, third);
    ck_assert_uint_ne(first, other);
    allocation_sites_free(sites, first, 1000);
    ck_assert_ptr_null(snapshot_create(catalog, &snapshot));
    ck_assert_ptr_null(allocation_sites_fill(sites, 1 << 19, snapshot));
    ck_assert_int_eq(snapshot->profile_state, PROFILE_ON);
    ck_assert_uint_eq(snapshot->num_sites, 3);
    const struct site *site = &snapshot->sites[first];
    ck_assert_uint_eq(site->stack, 1);
    ck_assert_uint_eq(site->object_size, 1024);
    ck_assert_uint_eq(site->published.allocs, 2);
    ck_assert_uint_eq(site->published.alloc_bytes, 2020);
    ck_assert_uint_eq(site->published.frees, 1);
    ck_assert_uint_eq(site->published.free_bytes, 1000);
    ck_assert_uint_eq(site->provisional.allocs, 2);
    ck_assert_uint_eq((uint64_t)snapshot->counters[COUNTER_MEM_PROFILE_RATE].value.integer, 1 << 19);
    uint64_t cycle = snapshot->profile_cycle;
    snapshot_unref(snapshot);
    /* The program has become another. */
    allocation_sites_free_all(sites);
    ck_assert_ptr_null(snapshot_create(catalog, &snapshot));
    ck_assert_ptr_null(allocation_sites_fill(sites, 1 << 19, snapshot));
    ck_assert_uint_gt(snapshot->profile_cycle, cycle);
    for (size_t i = 0; i < snapshot->num_sites; i++) {
        const struct site_counts *counts = &snapshot->sites[i].published;
        ck_assert_uint_eq(counts->frees, counts->allocs);
        ck_assert_uint_eq(counts->free_bytes, counts->alloc_bytes);
    }
    snapshot_unref(snapshot);
    catalog_unref(catalog);
    allocation_sites_destroy(sites);
}
END_TEST

/* No size is rounded down, nor by more than an eighth, and the greatest do not overflow. */
START_TEST(sizes_are_told_apart_to_an_eighth)
{
    struct allocation_sites *sites;
    struct catalog *catalog;
    struct snapshot *snapshot;
    uint32_t site;
    uint64_t asked[4000];
    size_t count = 0;
    ck_assert_ptr_null(allocation_sites_create(&sites));
    ck_assert_ptr_null(catalog_create(&catalog));
    for (uint64_t size = 1; size < UINT64_C(1) << 47 && count < 4000; size += 1 + size / 100)
        asked[count++] = size;
    for (size_t i = 0; i < count; i++)
        ck_assert_ptr_null(allocation_sites_add(sites, (stack_id)i + 1, asked[i], &site));
    ck_assert_ptr_null(allocation_sites_add(sites, 1, UINT64_MAX, &site));
    ck_assert_ptr_null(snapshot_create(catalog, &snapshot));
    ck_assert_ptr_null(allocation_sites_fill(sites, 1 << 19, snapshot));
    for (size_t i = 0; i < count; i++) {
        uint64_t rounded = snapshot->sites[i].object_size;
        ck_assert_uint_ge(rounded, asked[i]);
        ck_assert_uint_le(rounded, asked[i] + asked[i] / 8 + 1);
    }
    ck_assert_uint_eq(snapshot->sites[count].published.alloc_bytes, UINT64_C(1) << 47);
    snapshot_unref(snapshot);
    catalog_unref(catalog);
    allocation_sites_destroy(sites);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("preload_channel");
    TCase *channel = tcase_create("channel"), *sums = tcase_create("sums");
    tcase_add_checked_fixture(channel, setup, teardown);
    tcase_add_test(channel, samples_come_in_order_and_around_the_end);
    tcase_add_test(channel, a_sample_that_is_not_whole_is_waited_for);
    tcase_add_test(channel, the_samples_of_a_program_before_are_passed_over);
    tcase_add_test(channel, what_no_library_writes_is_passed_over);
    tcase_add_test(channel, a_block_is_live_while_it_has_its_slot);
    tcase_add_test(channel, the_file_keeps_its_size);
    tcase_add_test(sums, allocations_are_summed_by_stack_and_size);
    tcase_add_test(sums, sizes_are_told_apart_to_an_eighth);
    suite_add_tcase(suite, channel);
    suite_add_tcase(suite, sums);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
