#include "attach/go/heap_profile.h"

#include "tests/unit/check_main.h"
#include "tests/unit/fake_go_process.h"

#define HEAP(offset) (FAKE_GO_HEAP + (offset))

/* Memory that changes while it is read: `change` is called before every batch with the number of batches before. */
struct changing_memory {
    struct memory memory;
    struct fake_go *fake;
    void (*change)(struct fake_go *fake, unsigned batch);
    unsigned batches;
};

static struct error *changing_read(struct memory *memory, struct memory_request *requests, size_t count)
{
    struct changing_memory *changing = (struct changing_memory *)memory;
    changing->change(changing->fake, changing->batches++);
    fake_go_show(changing->fake);
    return memory_read_batch(changing->fake->memory, requests, count);
}

static const struct memory_ops changing_ops = {.read_batch = changing_read};

struct fixture {
    struct fake_go *fake;
    struct go_frames *frames;
    struct heap_profile *profile;
};

static struct fixture open_profile(struct fake_go *fake)
{
    struct fixture fixture = {.fake = fake};
    fake_go_check(go_frames_create(&fake->process, &fixture.frames));
    fake_go_check(heap_profile_create(&fake->process, fixture.frames, &fixture.profile));
    return fixture;
}

static void close_profile(struct fixture *fixture)
{
    heap_profile_destroy(fixture->profile);
    go_frames_destroy(fixture->frames);
    fake_go_destroy(fixture->fake);
}

static struct snapshot *sample(struct fixture *fixture)
{
    struct snapshot *snapshot;
    fake_go_show(fixture->fake);
    fake_go_check(snapshot_create(fixture->fake->catalog, &snapshot));
    fake_go_check(heap_profile_sample(fixture->profile, snapshot));
    return snapshot;
}

static struct fake_go *create_on(unsigned minor, remote_address head)
{
    struct fake_go *fake = fake_go_create(minor);
    fake_go_set(fake, GO_VARIABLE_MBUCKETS, head, 8);
    fake_go_set(fake, GO_VARIABLE_MEM_PROFILE_RATE, 512 << 10, 8);
    fake_go_cycle(fake, 7, true);
    return fake;
}

/* Cycle 7: future[1] is C, future[2] is C+1, future[0] is C+2. */
static const struct fake_counts counts_a[4] = {{100, 40}, {5, 0}, {0, 0}, {3, 9}};
static const struct fake_counts counts_b[4] = {{7, 7}, {0, 0}, {0, 0}, {0, 0}};

static void check_two_buckets(unsigned minor)
{
    struct fake_go *fake = create_on(minor, fake_go_address(HEAP(0x400)));
    fake_go_bucket(fake, HEAP(0x400), fake_go_address(HEAP(0)), 48, 3, counts_a);
    fake_go_bucket(fake, HEAP(0), 0, 1024, 2, counts_b);
    struct fixture fixture = open_profile(fake);
    struct snapshot *snapshot = sample(&fixture);
    ck_assert_int_eq(snapshot->profile_state, PROFILE_ON);
    ck_assert_ptr_null(snapshot->profile_reason);
    ck_assert(!snapshot->profile_torn && !snapshot->sites_truncated);
    ck_assert_uint_eq(snapshot->num_problems, 0);
    ck_assert_int_eq(snapshot->counters[COUNTER_MEM_PROFILE_RATE].value.integer, 512 << 10);
    ck_assert_uint_eq(snapshot->num_sites, 2);
    const struct site *site = &snapshot->sites[0];
    ck_assert_uint_eq(site->object_size, 48);
    ck_assert_uint_eq(site->published.allocs, 100);
    ck_assert_uint_eq(site->published.frees, 40);
    ck_assert_uint_eq(site->published.alloc_bytes, 4800);
    ck_assert_uint_eq(site->published.free_bytes, 40 * 48);
    ck_assert_uint_eq(site->provisional.allocs, 108);
    ck_assert_uint_eq(site->provisional.frees, 49);
    ck_assert_uint_eq(site->provisional.alloc_bytes, 108 * 48);
    ck_assert_uint_eq(site->provisional.free_bytes, 49 * 48);
    ck_assert_uint_eq(catalog_stack(fake->catalog, site->stack).depth, 3);
    ck_assert_uint_eq(catalog_frame(fake->catalog, catalog_stack(fake->catalog, site->stack).frames[1])->address,
                      0x401000 + 16 + 48 - 1);
    ck_assert_uint_eq(snapshot->sites[1].published.allocs, 7);
    ck_assert_uint_eq(catalog_stack(fake->catalog, snapshot->sites[1].stack).depth, 2);
    /* Cycle 8's events are still to be published: this is cycle 6's state. */
    ck_assert_uint_eq(snapshot->profile_cycle, 6);
    snapshot_unref(snapshot);
    close_profile(&fixture);
}

START_TEST(counts_of_32_byte_cycles_are_read)
{
    check_two_buckets(19);
    check_two_buckets(26);
}
END_TEST

START_TEST(counts_of_16_byte_cycles_are_read)
{
    check_two_buckets(27);
}
END_TEST

START_TEST(a_cycle_not_yet_flushed_counts_as_published)
{
    static const struct fake_counts counts[4] = {{100, 40}, {0, 0}, {11, 13}, {1000, 1000}};
    struct fake_go *fake = create_on(24, fake_go_address(HEAP(0)));
    fake_go_cycle(fake, 7, false);
    fake_go_bucket(fake, HEAP(0), 0, 16, 1, counts);
    struct fixture fixture = open_profile(fake);
    struct snapshot *snapshot = sample(&fixture);
    ck_assert(!snapshot->profile_torn);
    ck_assert_uint_eq(snapshot->sites[0].published.allocs, 111);
    ck_assert_uint_eq(snapshot->sites[0].published.frees, 53);
    snapshot_unref(snapshot);
    close_profile(&fixture);
}
END_TEST

START_TEST(before_the_first_cycle_is_published_everything_counts)
{
    static const struct fake_counts counts[4] = {{0, 0}, {1, 0}, {20, 0}, {300, 21}};
    struct fake_go *fake = create_on(24, fake_go_address(HEAP(0)));
    fake_go_cycle(fake, 0, false);
    fake_go_bucket(fake, HEAP(0), 0, 16, 1, counts);
    struct fixture fixture = open_profile(fake);
    struct snapshot *snapshot = sample(&fixture);
    ck_assert_uint_eq(snapshot->sites[0].published.allocs, 321);
    ck_assert_uint_eq(snapshot->sites[0].published.frees, 21);
    ck_assert_uint_eq(snapshot->sites[0].published.alloc_bytes, 321 * 16);
    snapshot_unref(snapshot);
    close_profile(&fixture);
}
END_TEST

START_TEST(new_buckets_are_found_and_the_known_keep_their_index)
{
    struct fake_go *fake = create_on(24, fake_go_address(HEAP(0)));
    fake_go_bucket(fake, HEAP(0), 0, 16, 1, counts_a);
    struct fixture fixture = open_profile(fake);
    struct snapshot *first = sample(&fixture);
    ck_assert_uint_eq(first->num_sites, 1);
    /* Two more in front; the known one's stack is not read again, for headers never change. */
    static const struct fake_counts fresh[4] = {{0, 0}, {4, 0}, {0, 0}, {0, 0}};
    fake_go_bucket(fake, HEAP(0x400), fake_go_address(HEAP(0)), 32, 4, fresh);
    fake_go_bucket(fake, HEAP(0x800), fake_go_address(HEAP(0x400)), 64, 5, fresh);
    fake_go_set(fake, GO_VARIABLE_MBUCKETS, fake_go_address(HEAP(0x800)), 8);
    struct snapshot *second = sample(&fixture);
    ck_assert_uint_eq(second->num_sites, 3);
    ck_assert_uint_eq(second->sites[0].object_size, 16);
    ck_assert_uint_eq(second->sites[0].stack, first->sites[0].stack);
    ck_assert_uint_eq(second->sites[0].published.allocs, 100);
    ck_assert_uint_eq(second->sites[1].object_size, 64);
    ck_assert_uint_eq(second->sites[2].object_size, 32);
    ck_assert(!second->profile_torn);
    snapshot_unref(first);
    snapshot_unref(second);
    close_profile(&fixture);
}
END_TEST

START_TEST(a_list_that_leads_back_into_itself_ends)
{
    struct fake_go *fake = create_on(24, fake_go_address(HEAP(0x400)));
    fake_go_bucket(fake, HEAP(0x400), fake_go_address(HEAP(0)), 48, 3, counts_a);
    fake_go_bucket(fake, HEAP(0), fake_go_address(HEAP(0x400)), 1024, 2, counts_b);
    struct fixture fixture = open_profile(fake);
    for (int i = 0; i < 3; i++) {
        struct snapshot *snapshot = sample(&fixture);
        ck_assert_uint_eq(snapshot->num_sites, 2);
        ck_assert(snapshot->sites_truncated);
        ck_assert_uint_eq(snapshot->num_problems, 1);
        ck_assert_ptr_nonnull(strstr(snapshot->problems[0].text, "back into itself"));
        snapshot_unref(snapshot);
    }
    close_profile(&fixture);
}
END_TEST

/* The bucket behind the first is broken in one way; the first is shown all the same. */
static void check_broken_second(size_t offset, remote_address second, enum go_field field, uint64_t value,
                                const char *problem)
{
    struct fake_go *fake = create_on(24, fake_go_address(HEAP(0)));
    fake_go_bucket(fake, HEAP(0), second, 48, 3, counts_a);
    fake_go_bucket(fake, offset, 0, 48, 3, counts_a);
    fake_go_field(fake, fake_go_address(offset), field, value);
    struct fixture fixture = open_profile(fake);
    struct snapshot *snapshot = sample(&fixture);
    ck_assert_uint_eq(snapshot->num_sites, 1);
    ck_assert(snapshot->sites_truncated);
    ck_assert_uint_eq(snapshot->num_problems, 1);
    ck_assert_msg(strstr(snapshot->problems[0].text, problem), "%s", snapshot->problems[0].text);
    ck_assert_uint_eq(snapshot->sites[0].published.allocs, 100);
    snapshot_unref(snapshot);
    close_profile(&fixture);
}

START_TEST(a_broken_list_is_shown_as_far_as_it_goes)
{
    check_broken_second(HEAP(0x400), 0xdead0000, GO_FIELD_BUCKET_TYP, 1, "not readable");
    check_broken_second(HEAP(0x400), fake_go_address(HEAP(0x404)), GO_FIELD_BUCKET_TYP, 1, "is none");
    check_broken_second(HEAP(0x400), fake_go_address(HEAP(0x400)), GO_FIELD_BUCKET_TYP, 2, "is none");
    check_broken_second(HEAP(0x400), fake_go_address(HEAP(0x400)), GO_FIELD_BUCKET_NSTK, 1025, "is none");
    check_broken_second(HEAP(0x400), fake_go_address(HEAP(0x400)), GO_FIELD_BUCKET_NSTK, UINT64_MAX / 8, "is none");
    /* Its stack reaches beyond what is mapped. */
    check_broken_second(FAKE_GO_BYTES - 0x200, fake_go_address(FAKE_GO_BYTES - 0x200), GO_FIELD_BUCKET_NSTK, 1024,
                        "stack is not readable");
}
END_TEST

START_TEST(a_record_that_is_not_readable_is_counted)
{
    struct fake_go *fake = create_on(24, fake_go_address(HEAP(0)));
    fake_go_bucket(fake, HEAP(0), fake_go_address(HEAP(0x400)), 48, 3, counts_a);
    /* The header and the stack are the last that is mapped. */
    size_t depth = 8, header = 48 + depth * 8;
    size_t last = FAKE_GO_BYTES - header;
    fake_go_field(fake, fake_go_address(HEAP(0)), GO_FIELD_BUCKET_ALLNEXT, fake_go_address(last));
    fake_go_field(fake, fake_go_address(last), GO_FIELD_BUCKET_TYP, 1);
    fake_go_field(fake, fake_go_address(last), GO_FIELD_BUCKET_NSTK, depth);
    struct fixture fixture = open_profile(fake);
    struct snapshot *snapshot = sample(&fixture);
    ck_assert_uint_eq(snapshot->num_sites, 2);
    ck_assert_uint_eq(snapshot->sites[0].published.allocs, 100);
    ck_assert_uint_eq(snapshot->sites[1].published.allocs, 0);
    ck_assert_uint_eq(snapshot->num_problems, 1);
    ck_assert_str_eq(snapshot->problems[0].text, "heap profile: 1 of 2 buckets are not readable");
    snapshot_unref(snapshot);
    close_profile(&fixture);
}
END_TEST

START_TEST(a_flush_that_never_ends_repeats_the_last_good_counts)
{
    static const struct fake_counts in_flush[4] = {{150, 40}, {0, 0}, {5, 0}, {0, 0}};
    struct fake_go *fake = create_on(24, fake_go_address(HEAP(0)));
    fake_go_bucket(fake, HEAP(0), 0, 48, 3, counts_a);
    struct fixture fixture = open_profile(fake);
    struct snapshot *first = sample(&fixture);
    fake_go_bucket(fake, HEAP(0), 0, 48, 3, in_flush);
    struct snapshot *second = sample(&fixture);
    ck_assert(!first->profile_torn);
    ck_assert(second->profile_torn);
    ck_assert_uint_eq(second->num_sites, 1);
    ck_assert_uint_eq(second->sites[0].published.allocs, 100);
    ck_assert_uint_eq(second->sites[0].stack, first->sites[0].stack);
    ck_assert_uint_eq(second->num_problems, 1);
    ck_assert_uint_ge(heap_profile_retries(fixture.profile), HEAP_PROFILE_MAX_READINGS);
    snapshot_unref(first);
    snapshot_unref(second);
    close_profile(&fixture);
}
END_TEST

START_TEST(more_frees_than_allocations_are_not_believed)
{
    static const struct fake_counts impossible[4] = {{10, 11}, {0, 0}, {0, 0}, {0, 0}};
    struct fake_go *fake = create_on(24, fake_go_address(HEAP(0)));
    fake_go_bucket(fake, HEAP(0), 0, 48, 3, impossible);
    struct fixture fixture = open_profile(fake);
    struct snapshot *snapshot = sample(&fixture);
    ck_assert(snapshot->profile_torn);
    ck_assert_uint_eq(snapshot->num_sites, 0);
    snapshot_unref(snapshot);
    close_profile(&fixture);
}
END_TEST

/* A flush that works through the buckets while they are read, two of them, a bucket a batch from the 6th batch on. */
static const struct fake_counts before_flush[4] = {{100, 40}, {0, 0}, {5, 2}, {0, 0}};
static const struct fake_counts after_flush[4] = {{105, 42}, {0, 0}, {0, 0}, {0, 0}};
static unsigned flush_from;

static void flush_slowly(struct fake_go *fake, unsigned batch)
{
    bool first = batch >= flush_from, second = batch > flush_from;
    fake_go_bucket(fake, HEAP(0x4000), fake_go_address(HEAP(0)), 48, 3, first ? after_flush : before_flush);
    fake_go_bucket(fake, HEAP(0), 0, 96, 2, second ? after_flush : before_flush);
    fake_go_cycle(fake, 7, batch + 1 >= flush_from);
}

START_TEST(a_flush_at_any_moment_is_either_seen_whole_or_not_at_all)
{
    for (flush_from = 0; flush_from < 30; flush_from++) {
        struct fake_go *fake = create_on(24, fake_go_address(HEAP(0x4000)));
        struct changing_memory changing = {.memory.ops = &changing_ops, .fake = fake, .change = flush_slowly};
        fake->process.context.memory = &changing.memory;
        struct fixture fixture = open_profile(fake);
        for (int i = 0; i < 3; i++) {
            struct snapshot *snapshot = sample(&fixture);
            ck_assert(!snapshot->profile_torn);
            ck_assert_uint_eq(snapshot->num_sites, 2);
            for (size_t site = 0; site < 2; site++) {
                /* Cycle 7 counts as published before its flush as well. */
                ck_assert_uint_eq(snapshot->sites[site].published.allocs, 105);
                ck_assert_uint_eq(snapshot->sites[site].published.frees, 42);
                ck_assert_uint_eq(snapshot->sites[site].provisional.allocs, 105);
            }
            snapshot_unref(snapshot);
        }
        close_profile(&fixture);
    }
}
END_TEST

/* runtime.GC publishes cycle 8, slowly, while cycle 7 goes on: the first bucket from one batch on, the second ten
 * batches later. */
static void publish_after_sweep(struct fake_go *fake, unsigned batch)
{
    static const struct fake_counts before[4] = {{100, 40}, {0, 0}, {0, 0}, {5, 2}},
                                    after[4] = {{105, 42}, {0, 0}, {0, 0}, {0, 0}};
    bool first = batch >= flush_from, second = batch >= flush_from + 10;
    fake_go_bucket(fake, HEAP(0x4000), fake_go_address(HEAP(0)), 48, 3, first ? after : before);
    fake_go_bucket(fake, HEAP(0), 0, 96, 2, second ? after : before);
}

START_TEST(what_is_published_after_a_sweep_is_seen_whole_or_not_at_all)
{
    for (flush_from = 12; flush_from < 30; flush_from++) {
        struct fake_go *fake = create_on(24, fake_go_address(HEAP(0x4000)));
        struct changing_memory changing = {.memory.ops = &changing_ops, .fake = fake, .change = publish_after_sweep};
        fake->process.context.memory = &changing.memory;
        struct fixture fixture = open_profile(fake);
        for (int i = 0; i < 12; i++) {
            struct snapshot *snapshot = sample(&fixture);
            ck_assert_uint_eq(snapshot->num_sites, 2);
            ck_assert_uint_eq(snapshot->sites[0].published.allocs, snapshot->sites[1].published.allocs);
            ck_assert_uint_eq(snapshot->sites[0].published.frees, snapshot->sites[1].published.frees);
            ck_assert_uint_eq(snapshot->sites[0].provisional.allocs, 105);
            /* In the end all is published. */
            ck_assert(i < 11 || (!snapshot->profile_torn && snapshot->sites[0].published.allocs == 105));
            snapshot_unref(snapshot);
        }
        close_profile(&fixture);
    }
}
END_TEST

/* The cycle moves on with every batch: no two readings are of one. */
static void never_rest(struct fake_go *fake, unsigned batch)
{
    struct fake_counts counts[4] = {{100 + batch, 40}, {0, 0}, {0, 0}, {0, 0}};
    fake_go_bucket(fake, HEAP(0), 0, 48, 3, counts);
    fake_go_cycle(fake, batch, true);
}

/* `active` changes within a cycle, and cycle C + 1 never empties: not what the runtime does, and not waited for for
 * ever. */
START_TEST(a_sweep_that_never_ends_is_not_waited_for)
{
    static const struct fake_counts later[4] = {{120, 50}, {5, 0}, {0, 0}, {3, 9}};
    struct fake_go *fake = create_on(24, fake_go_address(HEAP(0)));
    fake_go_bucket(fake, HEAP(0), 0, 48, 3, counts_a);
    struct fixture fixture = open_profile(fake);
    snapshot_unref(sample(&fixture));
    fake_go_bucket(fake, HEAP(0), 0, 48, 3, later);
    bool torn = true;
    for (int i = 0; i < 10 && torn; i++) {
        struct snapshot *snapshot = sample(&fixture);
        torn = snapshot->profile_torn;
        ck_assert_uint_eq(snapshot->sites[0].published.allocs, torn ? 100 : 120);
        snapshot_unref(snapshot);
    }
    ck_assert(!torn);
    close_profile(&fixture);
}
END_TEST

START_TEST(a_cycle_that_never_rests_is_given_up)
{
    struct fake_go *fake = create_on(24, fake_go_address(HEAP(0)));
    struct changing_memory changing = {.memory.ops = &changing_ops, .fake = fake, .change = never_rest};
    fake->process.context.memory = &changing.memory;
    struct fixture fixture = open_profile(fake);
    struct snapshot *snapshot = sample(&fixture);
    ck_assert(snapshot->profile_torn);
    ck_assert_uint_lt(changing.batches, 64);
    snapshot_unref(snapshot);
    close_profile(&fixture);
}
END_TEST

/* The first two batches read the variables and walk; then two cycles end, and what was allocated at a new place
 * meanwhile is published. */
static void publish_a_new_bucket(struct fake_go *fake, unsigned batch)
{
    static const struct fake_counts counts[4] = {{50, 1}, {0, 0}, {0, 0}, {0, 0}};
    fake_go_bucket(fake, HEAP(0), 0, 48, 3, counts);
    fake_go_bucket(fake, HEAP(0x4000), fake_go_address(HEAP(0)), 96, 2, counts);
    fake_go_set(fake, GO_VARIABLE_MBUCKETS, fake_go_address(HEAP(batch < 2 ? 0 : 0x4000)), 8);
    fake_go_cycle(fake, batch < 2 ? 7 : 9, true);
}

START_TEST(a_bucket_published_since_the_walk_is_not_missed)
{
    struct fake_go *fake = create_on(24, 0);
    struct changing_memory changing = {.memory.ops = &changing_ops, .fake = fake, .change = publish_a_new_bucket};
    fake->process.context.memory = &changing.memory;
    struct fixture fixture = open_profile(fake);
    struct snapshot *snapshot = sample(&fixture);
    ck_assert(!snapshot->profile_torn);
    ck_assert_uint_eq(snapshot->num_sites, 2);
    ck_assert_uint_eq(snapshot->sites[1].published.allocs, 50);
    snapshot_unref(snapshot);
    close_profile(&fixture);
}
END_TEST

START_TEST(profiling_that_is_off_says_why)
{
    struct fake_go *fake = create_on(24, 0);
    fake_go_set(fake, GO_VARIABLE_MEM_PROFILE_RATE, 0, 8);
    fake_go_set(fake, GO_VARIABLE_DISABLE_MEMORY_PROFILING, 1, 1);
    struct fixture fixture = open_profile(fake);
    struct snapshot *snapshot = sample(&fixture);
    ck_assert_int_eq(snapshot->profile_state, PROFILE_OFF);
    ck_assert_ptr_nonnull(strstr(snapshot->profile_reason, "linker"));
    ck_assert_uint_eq(snapshot->num_sites, 0);
    snapshot_unref(snapshot);
    fake_go_set(fake, GO_VARIABLE_DISABLE_MEMORY_PROFILING, 0, 1);
    snapshot = sample(&fixture);
    ck_assert_ptr_nonnull(strstr(snapshot->profile_reason, "memprofilerate"));
    snapshot_unref(snapshot);
    /* Switched off while it ran. */
    fake_go_bucket(fake, HEAP(0), 0, 48, 3, counts_a);
    fake_go_set(fake, GO_VARIABLE_MBUCKETS, fake_go_address(HEAP(0)), 8);
    snapshot = sample(&fixture);
    ck_assert_int_eq(snapshot->profile_state, PROFILE_OFF);
    ck_assert_uint_eq(snapshot->num_sites, 1);
    snapshot_unref(snapshot);
    close_profile(&fixture);
}
END_TEST

START_TEST(a_profile_that_was_not_located_says_so)
{
    struct fake_go *fake = create_on(24, 0);
    fake_go_place(fake, GO_VARIABLE_MBUCKETS, 0);
    struct fixture fixture = open_profile(fake);
    struct snapshot *snapshot = sample(&fixture);
    ck_assert_int_eq(snapshot->profile_state, PROFILE_NONE);
    ck_assert_ptr_nonnull(snapshot->profile_reason);
    snapshot_unref(snapshot);
    close_profile(&fixture);

    fake = create_on(24, 0);
    fake->process.layout.offset[GO_FIELD_MEM_RECORD_CYCLE_SIZE] = 1 << 20;
    fixture = open_profile(fake);
    snapshot = sample(&fixture);
    ck_assert_int_eq(snapshot->profile_state, PROFILE_NONE);
    ck_assert_ptr_nonnull(strstr(snapshot->profile_reason, "plausible"));
    snapshot_unref(snapshot);
    close_profile(&fixture);
}
END_TEST

/* A list without end: a bucket every 256 bytes, wherever one looks. */
static struct error *endless_read(struct memory *memory, struct memory_request *requests, size_t count)
{
    (void)memory;
    for (size_t i = 0; i < count; i++) {
        uint8_t *bytes = requests[i].buffer;
        memset(bytes, 0, requests[i].size);
        requests[i].failed = requests[i].address < 0x10000000;
        for (size_t at = 0; !requests[i].failed && at + 24 <= requests[i].size; at += 8) {
            remote_address address = requests[i].address + at;
            uint64_t next = address + 256, type = 1;
            if (address % 256 == 0) {
                memcpy(bytes + at + 8, &next, 8);
                memcpy(bytes + at + 16, &type, 8);
            }
        }
        if (requests[i].address == 0x4000) {
            uint64_t head = 0x10000000;
            memcpy(bytes, &head, sizeof(head));
            requests[i].failed = false;
        }
    }
    return NULL;
}

START_TEST(a_list_without_end_meets_its_bound)
{
    static const struct memory_ops endless_ops = {.read_batch = endless_read};
    struct memory endless = {.ops = &endless_ops};
    struct fake_go *fake = fake_go_create(24);
    memset(fake->process.variables, 0, sizeof(fake->process.variables));
    fake_go_place(fake, GO_VARIABLE_MBUCKETS, 0x4000);
    fake->process.context.memory = &endless;
    struct fixture fixture = open_profile(fake);
    struct snapshot *snapshot;
    fake_go_check(snapshot_create(fake->catalog, &snapshot));
    fake_go_check(heap_profile_sample(fixture.profile, snapshot));
    ck_assert_uint_eq(heap_profile_bucket_count(fixture.profile), HEAP_PROFILE_MAX_BUCKETS);
    ck_assert(snapshot->sites_truncated);
    ck_assert_uint_ge(snapshot->num_problems, 1);
    snapshot_unref(snapshot);
    close_profile(&fixture);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("go_heap_profile");
    TCase *tests = tcase_create("heap_profile");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, counts_of_32_byte_cycles_are_read);
    tcase_add_test(tests, counts_of_16_byte_cycles_are_read);
    tcase_add_test(tests, a_cycle_not_yet_flushed_counts_as_published);
    tcase_add_test(tests, before_the_first_cycle_is_published_everything_counts);
    tcase_add_test(tests, new_buckets_are_found_and_the_known_keep_their_index);
    tcase_add_test(tests, a_list_that_leads_back_into_itself_ends);
    tcase_add_test(tests, a_broken_list_is_shown_as_far_as_it_goes);
    tcase_add_test(tests, a_record_that_is_not_readable_is_counted);
    tcase_add_test(tests, a_flush_that_never_ends_repeats_the_last_good_counts);
    tcase_add_test(tests, more_frees_than_allocations_are_not_believed);
    tcase_add_test(tests, a_flush_at_any_moment_is_either_seen_whole_or_not_at_all);
    tcase_add_test(tests, what_is_published_after_a_sweep_is_seen_whole_or_not_at_all);
    tcase_add_test(tests, a_sweep_that_never_ends_is_not_waited_for);
    tcase_add_test(tests, a_cycle_that_never_rests_is_given_up);
    tcase_add_test(tests, a_bucket_published_since_the_walk_is_not_missed);
    tcase_add_test(tests, profiling_that_is_off_says_why);
    tcase_add_test(tests, a_profile_that_was_not_located_says_so);
    tcase_add_test(tests, a_list_without_end_meets_its_bound);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
