#include "attach/go/validate.h"

#include <inttypes.h>

#include "tests/unit/symbols/fixture.h"

DEFINE_CLEANUP(struct memory *, memory_destroy)

/* Variables lie in the writable segment of this image; what they point at is in a block that stands for the heap. */
#define HEAP_AT 0xc000000000u
#define HEAP_SIZE 65536u
#define TEXT_AT 0x401000u
#define DATA_SIZE 320u

struct world {
    struct image *image;
    struct memory *memory;
    struct go_process process;
    uint8_t data[DATA_SIZE], heap[HEAP_SIZE];
    uint64_t data_at;
};

static void world_init(struct world *world)
{
    bool is_newer;
    *world = (struct world){.image = open_fixture(FIXTURE("go1.21.elf"))};
    world->data_at = image_segment_at(world->image, image_segment_count(world->image) - 1)->address;
    world->process.layout = go_layout_find(24, &is_newer)->layout;
    world->process.text = TEXT_AT;
    world->process.end_text = TEXT_AT + 0x10000;
}

static void world_deinit(struct world *world)
{
    image_close(world->image);
}

static void put_field(struct world *world, uint64_t base, enum go_field field, uint64_t value)
{
    size_t size = world->process.layout.size[field];
    ck_assert_uint_le(size, 8);
    memcpy(world->heap + (base - HEAP_AT) + world->process.layout.offset[field], &value, size);
}

static void put_heap(struct world *world, uint64_t address, uint64_t value)
{
    put_u64(world->heap + (address - HEAP_AT), value);
}

/* What is said of the variable at `offset` in the data; NULL when it is believed. */
static const char *check_at(struct world *world, enum go_variable id, uint64_t offset)
{
    _cleanup_(memory_destroyp) struct memory *memory = NULL;
    const char *reason = "";
    ck_no_error(memory_create_fake(&memory));
    ck_no_error(memory_fake_add(memory, world->data_at, world->data, sizeof world->data));
    ck_no_error(memory_fake_add(memory, HEAP_AT, world->heap, sizeof world->heap));
    world->process.context = (struct reader_context){.memory = memory, .image = world->image};
    ck_no_error(go_variable_validate(&world->process, id, world->data_at + offset, &reason));
    return reason;
}

#define BELIEVED(world, id) ck_assert_ptr_null(check_at(world, id, 0))
#define REFUSED(world, id) ck_assert_ptr_nonnull(check_at(world, id, 0))

START_TEST(addresses_that_no_variable_has_are_refused)
{
    struct world world;
    world_init(&world);
    ck_assert_ptr_null(check_at(&world, GO_VARIABLE_MEM_PROFILE_RATE, 8));
    ck_assert_ptr_eq(check_at(&world, GO_VARIABLE_MEM_PROFILE_RATE, 4), go_reason_no_place);
    ck_assert_ptr_eq(check_at(&world, GO_VARIABLE_MEM_PROFILE_RATE, 1u << 20), go_reason_no_place);
    ck_assert_ptr_eq(check_at(&world, GO_VARIABLE_MEM_PROFILE_RATE, TEXT_AT - world.data_at), go_reason_no_place);
    ck_assert_ptr_eq(check_at(&world, GO_VARIABLE_MEM_PROFILE_RATE, 0 - world.data_at), go_reason_no_place);
    world_deinit(&world);
}
END_TEST

START_TEST(buckets)
{
    struct world world;
    world_init(&world);
    BELIEVED(&world, GO_VARIABLE_MBUCKETS);     /* Nothing sampled yet. */
    put_u64(world.data, HEAP_AT);
    put_field(&world, HEAP_AT, GO_FIELD_BUCKET_TYP, 1);
    put_field(&world, HEAP_AT, GO_FIELD_BUCKET_NSTK, 2);
    put_heap(&world, HEAP_AT + 48, TEXT_AT + 5);
    BELIEVED(&world, GO_VARIABLE_MBUCKETS);
    put_heap(&world, HEAP_AT + 48, TEXT_AT - 1);
    REFUSED(&world, GO_VARIABLE_MBUCKETS);
    put_heap(&world, HEAP_AT + 48, TEXT_AT);
    put_field(&world, HEAP_AT, GO_FIELD_BUCKET_TYP, 2);     /* A block profile's. */
    REFUSED(&world, GO_VARIABLE_MBUCKETS);
    put_field(&world, HEAP_AT, GO_FIELD_BUCKET_TYP, 1);
    put_field(&world, HEAP_AT, GO_FIELD_BUCKET_NSTK, 1u << 20);
    REFUSED(&world, GO_VARIABLE_MBUCKETS);
    put_field(&world, HEAP_AT, GO_FIELD_BUCKET_NSTK, 2);
    put_field(&world, HEAP_AT, GO_FIELD_BUCKET_ALLNEXT, 0x1000);    /* Not readable. */
    REFUSED(&world, GO_VARIABLE_MBUCKETS);
    put_field(&world, HEAP_AT, GO_FIELD_BUCKET_ALLNEXT, HEAP_AT);   /* A circle: bounded. */
    BELIEVED(&world, GO_VARIABLE_MBUCKETS);
    world_deinit(&world);
}
END_TEST

/* allgs with one goroutine at HEAP_AT + 4096. */
static void make_allgs(struct world *world)
{
    put_u64(world->data, HEAP_AT);
    put_u64(world->data + 8, 1);
    put_u64(world->data + 16, 4);
    put_heap(world, HEAP_AT, HEAP_AT + 4096);
    put_field(world, HEAP_AT + 4096, GO_FIELD_G_GOID, 1);
    put_field(world, HEAP_AT + 4096, GO_FIELD_G_STACK_LO, HEAP_AT + 8192);
    put_field(world, HEAP_AT + 4096, GO_FIELD_G_STACK_HI, HEAP_AT + 16384);
}

START_TEST(goroutines)
{
    struct world world;
    world_init(&world);
    REFUSED(&world, GO_VARIABLE_ALLGS);
    make_allgs(&world);
    BELIEVED(&world, GO_VARIABLE_ALLGS);
    BELIEVED(&world, GO_VARIABLE_ALLGPTR);
    world.process.variables[GO_VARIABLE_ALLGS].address = world.data_at;
    put_u64(world.data + 24, 1);
    ck_assert_ptr_null(check_at(&world, GO_VARIABLE_ALLGLEN, 24));
    put_u64(world.data + 24, 2);
    ck_assert_ptr_nonnull(check_at(&world, GO_VARIABLE_ALLGLEN, 24));
    put_u64(world.data + 24, 0);
    ck_assert_ptr_nonnull(check_at(&world, GO_VARIABLE_ALLGLEN, 24));
    put_field(&world, HEAP_AT + 4096, GO_FIELD_G_GOID, 2);
    REFUSED(&world, GO_VARIABLE_ALLGS);
    make_allgs(&world);
    put_u64(world.data + 16, 0);    /* Longer than its capacity. */
    REFUSED(&world, GO_VARIABLE_ALLGS);
    world_deinit(&world);
}
END_TEST

/* Ms with ids 1 and 0, linked. */
static void make_ms(struct world *world)
{
    put_u64(world->data, HEAP_AT);
    put_field(world, HEAP_AT, GO_FIELD_M_ID, 1);
    put_field(world, HEAP_AT, GO_FIELD_M_PROCID, 4243);
    put_field(world, HEAP_AT, GO_FIELD_M_ALLLINK, HEAP_AT + 4096);
    put_field(world, HEAP_AT + 4096, GO_FIELD_M_ID, 0);
    put_field(world, HEAP_AT + 4096, GO_FIELD_M_PROCID, 4242);
}

START_TEST(threads_and_scheduler)
{
    struct world world;
    world_init(&world);
    REFUSED(&world, GO_VARIABLE_ALLM);
    make_ms(&world);
    BELIEVED(&world, GO_VARIABLE_ALLM);
    put_field(&world, HEAP_AT + 4096, GO_FIELD_M_ID, 5);    /* The list must end with the first thread's. */
    REFUSED(&world, GO_VARIABLE_ALLM);
    make_ms(&world);
    put_field(&world, HEAP_AT, GO_FIELD_M_PROCID, 1u << 30);
    REFUSED(&world, GO_VARIABLE_ALLM);
    make_ms(&world);
    /* sched, by the count of Ms. */
    world.process.variables[GO_VARIABLE_ALLM].address = world.data_at;
    memset(world.data + 8, 0, DATA_SIZE - 8);
    put_u64(world.data + 8 + world.process.layout.offset[GO_FIELD_SCHED_MNEXT], 2);
    ck_assert_ptr_null(check_at(&world, GO_VARIABLE_SCHED, 8));
    put_u64(world.data + 8 + world.process.layout.offset[GO_FIELD_SCHED_MNEXT], 40);
    ck_assert_ptr_nonnull(check_at(&world, GO_VARIABLE_SCHED, 8));
    put_u64(world.data + 8 + world.process.layout.offset[GO_FIELD_SCHED_NMFREED], 38);
    ck_assert_ptr_null(check_at(&world, GO_VARIABLE_SCHED, 8));
    put_u64(world.data + 8 + world.process.layout.offset[GO_FIELD_SCHED_NMFREED], 41);
    ck_assert_ptr_nonnull(check_at(&world, GO_VARIABLE_SCHED, 8));
    world_deinit(&world);
}
END_TEST

START_TEST(processors)
{
    struct world world;
    world_init(&world);
    put_u64(world.data, HEAP_AT);
    put_u64(world.data + 8, 2);
    put_u64(world.data + 16, 2);
    put_heap(&world, HEAP_AT, HEAP_AT + 1024);
    put_heap(&world, HEAP_AT + 8, HEAP_AT + 32768);
    put_field(&world, HEAP_AT + 32768, GO_FIELD_P_ID, 1);
    BELIEVED(&world, GO_VARIABLE_ALLP);
    world.process.variables[GO_VARIABLE_ALLP].address = world.data_at;
    put_u32(world.data + 24, 2);
    ck_assert_ptr_null(check_at(&world, GO_VARIABLE_GOMAXPROCS, 24));
    put_u32(world.data + 24, 3);
    ck_assert_ptr_nonnull(check_at(&world, GO_VARIABLE_GOMAXPROCS, 24));
    put_field(&world, HEAP_AT + 32768, GO_FIELD_P_ID, 7);
    REFUSED(&world, GO_VARIABLE_ALLP);
    world_deinit(&world);
}
END_TEST

START_TEST(the_profile_s_cycle_follows_the_gc)
{
    struct world world;
    world_init(&world);
    world.process.variables[GO_VARIABLE_MEMSTATS].address = HEAP_AT;
    put_field(&world, HEAP_AT, GO_FIELD_MSTATS_NUMGC, 1000);
    put_u32(world.data, 1000 << 1 | 1);
    BELIEVED(&world, GO_VARIABLE_MPROF_CYCLE);
    put_u32(world.data, 1000 + 1);
    REFUSED(&world, GO_VARIABLE_MPROF_CYCLE);
    put_field(&world, HEAP_AT, GO_FIELD_MSTATS_NUMGC, (3u << 25) + 1000);   /* It wraps around. */
    put_u32(world.data, 1000 << 1);
    BELIEVED(&world, GO_VARIABLE_MPROF_CYCLE);
    world_deinit(&world);
}
END_TEST

START_TEST(strings)
{
    struct world world;
    world_init(&world);
    memcpy(world.heap, "go1.24.4", 8);
    put_u64(world.data, HEAP_AT);
    put_u64(world.data + 8, 8);
    BELIEVED(&world, GO_VARIABLE_BUILD_VERSION);
    put_u64(world.data + 8, UINT64_MAX);
    REFUSED(&world, GO_VARIABLE_BUILD_VERSION);
    memcpy(world.heap, "gone", 4);
    put_u64(world.data + 8, 4);
    REFUSED(&world, GO_VARIABLE_BUILD_VERSION);
    memcpy(world.heap, "GC assist markingIO wait", 24);
    put_u64(world.data + 16, HEAP_AT);
    put_u64(world.data + 24, 17);
    put_u64(world.data + 32, HEAP_AT + 17);
    put_u64(world.data + 40, 7);
    BELIEVED(&world, GO_VARIABLE_WAIT_REASON_STRINGS);
    put_u64(world.data + 40, 6);
    REFUSED(&world, GO_VARIABLE_WAIT_REASON_STRINGS);
    world_deinit(&world);
}
END_TEST

START_TEST(nothing_readable_is_refused)
{
    struct world world;
    world_init(&world);
    _cleanup_(memory_destroyp) struct memory *memory = NULL;
    ck_no_error(memory_create_fake(&memory));
    world.process.context = (struct reader_context){.memory = memory, .image = world.image};
    for (unsigned i = 0; i < GO_VARIABLE_COUNT; i++) {
        const char *reason = NULL;
        if (i == GO_VARIABLE_FIRST_MODULE_DATA)
            continue;   /* Only its address is compared. */
        ck_no_error(go_variable_validate(&world.process, (enum go_variable)i, world.data_at, &reason));
        ck_assert_msg(reason != NULL, "%s", go_variable_names[i]);
    }
    world_deinit(&world);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("go_validate");
    TCase *tests = tcase_create("validate");
    tcase_add_test(tests, addresses_that_no_variable_has_are_refused);
    tcase_add_test(tests, buckets);
    tcase_add_test(tests, goroutines);
    tcase_add_test(tests, threads_and_scheduler);
    tcase_add_test(tests, processors);
    tcase_add_test(tests, the_profile_s_cycle_follows_the_gc);
    tcase_add_test(tests, strings);
    tcase_add_test(tests, nothing_readable_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
