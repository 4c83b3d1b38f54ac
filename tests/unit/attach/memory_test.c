#include "attach/memory.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

#define PAGE ((size_t)4096)

/* A child that holds a copy of our memory and waits on a pipe: our own addresses are then addresses of the target. */
struct child {
    pid_t pid;
    int release;        /* Closing it ends the child. */
};

static struct child child_start(void)
{
    int pipes[2];
    ck_assert_int_eq(pipe(pipes), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char byte;
        close(pipes[1]);
        while (read(pipes[0], &byte, 1) > 0) {
        }
        _exit(0);
    }
    close(pipes[0]);
    return (struct child){.pid = pid, .release = pipes[1]};
}

static void child_end(struct child *child)
{
    close(child->release);
    ck_assert_int_eq(waitpid(child->pid, NULL, 0), child->pid);
}

/* `pages` pages of memory, each filled with a value of its own. */
static uint8_t *map_pages(size_t pages)
{
    uint8_t *base = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(base, MAP_FAILED);
    for (size_t i = 0; i < pages; i++)
        memset(base + i * PAGE, (int)(i % 251 + 1), PAGE);
    return base;
}

static void assert_filled(const uint8_t *bytes, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++)
        ck_assert_uint_eq(bytes[i], value);
}

START_TEST(test_live_batch_across_faults)
{
    enum { pages = 3000 };
    uint8_t *base = map_pages(pages);
    uint8_t *buffers = malloc(pages * 64);
    struct memory_request *requests = calloc(pages, sizeof(*requests));
    ck_assert_ptr_nonnull(buffers);
    ck_assert_ptr_nonnull(requests);
    /* Holes: the first, the last, a row of 300, single ones, one at the border of a call. */
    for (size_t i = 0; i < pages; i++) {
        bool hole = i == 0 || i == pages - 1 || (i >= 500 && i < 800) || i == 1023 || i == 1024 || i % 701 == 5;
        if (hole)
            ck_assert_int_eq(munmap(base + i * PAGE, PAGE), 0);
        requests[i] = (struct memory_request){
            .address = (uintptr_t)(base + i * PAGE + 100), .buffer = buffers + i * 64, .size = 64, .failed = !hole};
    }
    struct child child = child_start();
    struct memory *memory;
    ck_assert_ptr_null(memory_create_live(child.pid, &memory));
    memset(buffers, 0xee, pages * 64);
    ck_assert_ptr_null(memory_read_batch(memory, requests, pages));

    size_t holes = 0;
    for (size_t i = 0; i < pages; i++) {
        bool hole = i == 0 || i == pages - 1 || (i >= 500 && i < 800) || i == 1023 || i == 1024 || i % 701 == 5;
        holes += hole;
        ck_assert_msg(requests[i].failed == hole, "page %zu", i);
        assert_filled(buffers + i * 64, 64, hole ? 0 : (uint8_t)(i % 251 + 1));
    }
    ck_assert_uint_eq(memory->bytes_read, (pages - holes) * 64);
    /* One call for each fault, and a few for the rest. */
    ck_assert_uint_le(memory->read_calls, holes + 40);
    memory_destroy(memory);
    child_end(&child);
    free(requests);
    free(buffers);
}
END_TEST

START_TEST(test_live_range_reaching_into_hole)
{
    uint8_t *base = map_pages(4);
    ck_assert_int_eq(munmap(base + 2 * PAGE, PAGE), 0);
    struct child child = child_start();
    struct memory *memory;
    ck_assert_ptr_null(memory_create_live(child.pid, &memory));

    uint8_t whole[4 * PAGE], first[2 * PAGE], last[PAGE];
    memset(whole, 0xee, sizeof(whole));
    struct memory_request requests[] = {
        {.address = (uintptr_t)base, .buffer = first, .size = sizeof(first)},
        {.address = (uintptr_t)base, .buffer = whole, .size = sizeof(whole)},
        {.address = (uintptr_t)base + 3 * PAGE, .buffer = last, .size = sizeof(last)},
        {.address = 0, .buffer = NULL, .size = 0},
        {.address = UINT64_MAX - 3, .buffer = (uint8_t[8]){0}, .size = 8},
        {.address = 0xffff800000000000, .buffer = (uint8_t[8]){0}, .size = 8},
        {.address = (uintptr_t)base + 3 * PAGE, .buffer = (uint8_t[1]){0}, .size = 1},
    };
    ck_assert_ptr_null(memory_read_batch(memory, requests, ARRAY_SIZE(requests)));
    ck_assert(!requests[0].failed && requests[1].failed && !requests[2].failed && !requests[3].failed);
    ck_assert(requests[4].failed && requests[5].failed && !requests[6].failed);
    assert_filled(whole, sizeof(whole), 0);
    assert_filled(first + PAGE, PAGE, 2);
    assert_filled(last, PAGE, 4);

    /* A single read says where it failed. */
    _cleanup_error_ struct error *error = memory_read(memory, (uintptr_t)base + 2 * PAGE, last, 8);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_FAULT);
    ck_assert_uint_eq(error->address, (uintptr_t)base + 2 * PAGE);
    memory_destroy(memory);
    child_end(&child);
}
END_TEST

/* One request larger than a call may carry, followed by others. */
START_TEST(test_live_large_request)
{
    size_t size = ((size_t)300 << 20) + 123;
    /* Never written, so that the target's side costs no memory: it reads as zeros from the shared zero page. */
    uint8_t *base = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_ptr_ne(base, MAP_FAILED);
    base[0] = 1;
    base[((size_t)256 << 20) - 1] = 2;
    base[(size_t)256 << 20] = 3;
    base[size - 1] = 4;
    struct child child = child_start();
    struct memory *memory;
    ck_assert_ptr_null(memory_create_live(child.pid, &memory));
    uint8_t *buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(buffer, MAP_FAILED);
    uint8_t byte = 0;
    struct memory_request requests[] = {
        {.address = (uintptr_t)base, .buffer = &byte, .size = 1},
        {.address = (uintptr_t)base, .buffer = buffer, .size = size},
        {.address = (uintptr_t)base + size - 1, .buffer = &byte, .size = 1},
    };
    ck_assert_ptr_null(memory_read_batch(memory, requests, ARRAY_SIZE(requests)));
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
        ck_assert(!requests[i].failed);
    ck_assert_uint_eq(buffer[0], 1);
    ck_assert_uint_eq(buffer[((size_t)256 << 20) - 1], 2);
    ck_assert_uint_eq(buffer[(size_t)256 << 20], 3);
    ck_assert_uint_eq(buffer[size - 1], 4);
    ck_assert_uint_eq(byte, 4);
    ck_assert_uint_eq(memory->bytes_read, size + 2);
    memory_destroy(memory);
    munmap(buffer, size);
    child_end(&child);
}
END_TEST

START_TEST(test_live_gone)
{
    struct child child = child_start();
    struct memory *memory;
    ck_assert_ptr_null(memory_create_live(child.pid, &memory));
    uint64_t value = 7;
    ck_assert_ptr_null(memory_read_u64(memory, (uintptr_t)&value, &value));
    pid_t pid = child.pid;
    child_end(&child);
    _cleanup_error_ struct error *error = memory_read_u64(memory, (uintptr_t)&value, &value);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_GONE);
    char expected[64];
    snprintf(expected, sizeof(expected), "process %d", (int)pid);
    ck_assert_ptr_nonnull(strstr(error->message, expected));
    memory_destroy(memory);
}
END_TEST

START_TEST(test_integers)
{
    static const uint8_t bytes[] = {0xff, 0x80, 1, 2, 3, 4, 5, 6, 0x87};
    struct memory *memory;
    ck_assert_ptr_null(memory_create_fake(&memory));
    ck_assert_ptr_null(memory_fake_add(memory, 0x1000, bytes, sizeof(bytes)));
    uint8_t small;
    uint32_t medium;
    uint64_t large = 11;
    ck_assert_ptr_null(memory_read_u8(memory, 0x1001, &small));
    ck_assert_uint_eq(small, 0x80);
    ck_assert_ptr_null(memory_read_u32(memory, 0x1001, &medium));
    ck_assert_uint_eq(medium, 0x03020180);
    ck_assert_ptr_null(memory_read_u64(memory, 0x1001, &large));
    ck_assert_uint_eq(large, 0x8706050403020180);
    _cleanup_error_ struct error *error = memory_read_u64(memory, 0x1002, &large);
    ck_assert_int_eq(error->kind, ERROR_FAULT);
    ck_assert_uint_eq(large, 0x8706050403020180);
    memory_destroy(memory);
}
END_TEST

START_TEST(test_fake_segments)
{
    struct memory *memory;
    ck_assert_ptr_null(memory_create_fake(&memory));
    ck_assert_ptr_null(memory_fake_add(memory, 0x2000, "CCDD", 4));
    ck_assert_ptr_null(memory_fake_add(memory, 0x1ffe, "BB", 2));
    ck_assert_ptr_null(memory_fake_add(memory, 0x3000, "x", 1));
    char got[16] = "";
    ck_assert_ptr_null(memory_read(memory, 0x1ffe, got, 6));
    ck_assert_str_eq(got, "BBCCDD");

    struct memory_request requests[] = {
        {.address = 0x1ffd, .buffer = got, .size = 3},
        {.address = 0x2003, .buffer = got + 4, .size = 2},
        {.address = 0x2003, .buffer = got + 8, .size = 1},
        {.address = UINT64_MAX, .buffer = got + 9, .size = 1},
    };
    memset(got, 'z', sizeof(got));
    ck_assert_ptr_null(memory_read_batch(memory, requests, ARRAY_SIZE(requests)));
    ck_assert(requests[0].failed && requests[1].failed && !requests[2].failed && requests[3].failed);
    ck_assert_mem_eq(got, "\0\0\0z\0\0zzD\0zzzzzz", 16);

    /* Adding over what is there overwrites, and fills what lies between. */
    ck_assert_ptr_null(memory_fake_add(memory, 0x1ffc, "0123456789", 10));
    ck_assert_ptr_null(memory_read(memory, 0x1ffc, got, 10));
    ck_assert_mem_eq(got, "0123456789", 10);
    ck_assert_ptr_null(memory_fake_add(memory, 0x2002, "ab", 2));
    ck_assert_ptr_null(memory_read(memory, 0x1ffc, got, 10));
    ck_assert_mem_eq(got, "012345ab89", 10);
    memory_destroy(memory);
    memory_destroy(NULL);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory");
    tcase_add_test(tests, test_live_batch_across_faults);
    tcase_add_test(tests, test_live_range_reaching_into_hole);
    tcase_add_test(tests, test_live_large_request);
    tcase_add_test(tests, test_live_gone);
    tcase_add_test(tests, test_integers);
    tcase_add_test(tests, test_fake_segments);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
