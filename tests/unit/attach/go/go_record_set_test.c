#include "attach/go/record_set.h"

#include <string.h>

#include "tests/unit/check_main.h"

#define RECORD 24u
#define MAX_RECORDS 4000u

/* What a reading brought: how often each record came, and what it held. */
struct visits {
    unsigned times[MAX_RECORDS], unreadable[MAX_RECORDS];
    uint64_t values[MAX_RECORDS];
};

static void visit(void *context, size_t index, const uint8_t *bytes)
{
    struct visits *visits = context;
    visits->times[index]++;
    if (bytes)
        memcpy(&visits->values[index], bytes, 8);
    else
        visits->unreadable[index]++;
}

static void check(struct error *error)
{
    ck_assert_msg(!error, "%s", error ? error->message : "");
}

/* Records at addresses that come in no order, near and far from each other, some twice, some where there is no
 * memory; added in three goes. */
START_TEST(each_record_comes_once_whatever_its_place)
{
    static struct visits visits;
    static remote_address addresses[MAX_RECORDS];
    struct memory *memory;
    struct record_set set;
    uint64_t random = 12345;
    check(memory_create_fake(&memory));
    check(record_set_init(&set, memory, RECORD));
    for (size_t i = 0; i < MAX_RECORDS; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint64_t spread = i % 3 == 0 ? random >> 44 : i % 3 == 1 ? (random >> 50) * 512 : (random >> 40) * 4096;
        addresses[i] = i % 97 == 96 ? addresses[i - 1] : 0x10000 + spread / 8 * 8;
        if (i % 50 == 49)
            addresses[i] = UINT64_MAX - 8 * (i % 5);
        if (addresses[i] < UINT32_MAX * UINT64_C(4096))
            check(memory_fake_add(memory, addresses[i], (uint64_t[]){addresses[i] * 3, 1, 2}, RECORD));
    }
    for (size_t i = 0, last = 0; last < MAX_RECORDS; i++) {
        static const size_t goes[] = {1, 1500, MAX_RECORDS};
        for (; last < goes[i]; last++)
            check(record_set_add(&set, addresses[last]));
        for (int again = 0; again < 2; again++) {
            memset(&visits, 0, sizeof(visits));
            check(record_set_read(&set, visit, &visits));
            for (size_t j = 0; j < last; j++) {
                ck_assert_uint_eq(visits.times[j], 1);
                ck_assert_uint_eq(visits.unreadable[j], addresses[j] > UINT64_MAX / 2);
            }
        }
    }
    record_set_clear(&set);
    memset(&visits, 0, sizeof(visits));
    check(record_set_read(&set, visit, &visits));
    ck_assert_uint_eq(visits.times[0], 0);
    check(record_set_add(&set, addresses[7]));
    check(record_set_read(&set, visit, &visits));
    ck_assert_uint_eq(visits.times[0], 1);
    record_set_deinit(&set);
    memory_destroy(memory);
}
END_TEST

/* Records that do not overlap keep their values apart. */
START_TEST(each_record_has_its_own_bytes)
{
    static struct visits visits;
    struct memory *memory;
    struct record_set set;
    check(memory_create_fake(&memory));
    check(record_set_init(&set, memory, RECORD));
    for (size_t i = 0; i < 1000; i++) {
        /* Rising and falling by turns, with gaps both below and above what is read over; some regions have holes in
         * their gaps. */
        remote_address address = 0x100000 + (i % 2 ? i : 1000 - i) * (i % 7 == 0 ? 4000 : 48 * 1024 + 64) / 8 * 8;
        check(memory_fake_add(memory, address, (uint64_t[]){address + 5, 0, 0}, RECORD));
        check(record_set_add(&set, address));
    }
    check(record_set_read(&set, visit, &visits));
    for (size_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(visits.times[i], 1);
        ck_assert_uint_eq(visits.values[i], set.addresses.items[i] + 5);
    }
    record_set_deinit(&set);
    memory_destroy(memory);
}
END_TEST

START_TEST(records_that_are_too_large_are_refused)
{
    struct memory *memory;
    struct record_set set;
    check(memory_create_fake(&memory));
    struct error *error = record_set_init(&set, memory, RECORD_SET_MAX_RECORD_BYTES + 1);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_UNSUPPORTED);
    error_destroy(error);
    record_set_deinit(&set);
    memory_destroy(memory);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("go_record_set");
    TCase *tests = tcase_create("record_set");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, each_record_comes_once_whatever_its_place);
    tcase_add_test(tests, each_record_has_its_own_bytes);
    tcase_add_test(tests, records_that_are_too_large_are_refused);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
