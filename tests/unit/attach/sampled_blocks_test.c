/* Sampled allocations in use, as their readers hand them over. */
#include "attach/probe/sampled_blocks.h"

#include <unistd.h>

#include "unit/check_main.h"

#define SIZE UINT64_C(4096)

static struct target *target;
static struct memory *memory;
static struct catalog *catalog;
static struct name_cache names;
static struct native_stacks *stacks;
static struct sampled_blocks blocks;

static void setup(void)
{
    ck_assert_ptr_null(target_open(getpid(), &target));
    ck_assert_ptr_null(memory_create_live(getpid(), &memory));
    ck_assert_ptr_null(catalog_create(&catalog));
    name_cache_init(&names, catalog);
    ck_assert_ptr_null(native_stacks_create(target, memory, &names, catalog, &stacks));
    blocks = (struct sampled_blocks){0};
    ck_assert_ptr_null(sampled_blocks_init(&blocks, stacks));
}

static void teardown(void)
{
    sampled_blocks_deinit(&blocks);
    native_stacks_destroy(stacks);
    name_cache_deinit(&names);
    catalog_unref(catalog);
    memory_destroy(memory);
    target_close(target);
}

static void add(uint64_t serial)
{
    /* Of nowhere: a block whose stack leads nowhere counts as well. */
    const uint64_t registers[CALL_FRAME_REGISTERS] = {0};
    const struct stack_copy copy = {.registers = registers, .bytes = registers};
    const struct sampled_block block = {.serial = serial, .address = serial << 12, .size = SIZE};
    ck_assert_ptr_null(sampled_blocks_fetch(&blocks, &copy, 0, 0, &block));
    ck_assert_ptr_null(sampled_blocks_count(&blocks));
}

/* Bytes allocated, and in use, by the profile. */
static void expect(uint64_t allocated, uint64_t in_use)
{
    struct snapshot *snapshot;
    uint64_t allocs = 0, frees = 0;
    ck_assert_ptr_null(snapshot_create(catalog, &snapshot));
    ck_assert_ptr_null(allocation_sites_fill(blocks.sites, SIZE, snapshot));
    for (size_t i = 0; i < snapshot->num_sites; i++) {
        allocs += snapshot->sites[i].published.allocs;
        frees += snapshot->sites[i].published.frees;
    }
    ck_assert_uint_eq(allocs, allocated);
    ck_assert_uint_eq(allocs - frees, in_use);
    snapshot_unref(snapshot);
}

static bool is_even(const void *context, const struct sampled_block *block)
{
    (void)context;
    return block->serial % 2 == 0;
}

START_TEST(what_is_freed_is_no_longer_in_use)
{
    for (uint64_t serial = 1; serial <= 5; serial++)
        add(serial);
    expect(5, 5);
    sampled_blocks_sweep(&blocks, is_even, NULL);
    ck_assert_uint_eq(blocks.live.count, 2);
    expect(5, 2);
}
END_TEST

/* A program that says so of ever more must not fill heaptop's memory. */
START_TEST(more_than_can_be_are_not_kept)
{
    add(0);
    while (blocks.live.count < SAMPLED_BLOCKS_MAX)
        ck_assert(vector_append(&blocks.live, blocks.live.items[0]));
    expect(1, 1);
    add(1);
    ck_assert_uint_eq(blocks.live.count, SAMPLED_BLOCKS_MAX);
    expect(2, 1);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("sampled_blocks");
    TCase *tests = tcase_create("sampled_blocks");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_is_freed_is_no_longer_in_use);
    tcase_add_test(tests, more_than_can_be_are_not_kept);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
