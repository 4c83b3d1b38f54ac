/* Stacks of threads that wait: of this program's own functions, and what is kept from sample to sample. */
#include "attach/native/stacks.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "attach/procfs.h"
#include "attach/threads.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "unit/attach/fixture.h"
#include "unit/check_main.h"
#include "unit/sanitized.h"

static struct target *target;
static struct memory *memory;
static struct catalog *catalog;
static struct name_cache names;
static struct native_stacks *stacks;
static struct thread_reader *reader;

static void attach(pid_t pid)
{
    ck_assert_ptr_null(target_open(pid, &target));
    ck_assert_ptr_null(memory_create_live(pid, &memory));
    ck_assert_ptr_null(catalog_create(&catalog));
    name_cache_init(&names, catalog);
    ck_assert_ptr_null(native_stacks_create(target, memory, &names, catalog, &stacks));
    native_stacks_set_patience(stacks, 60 * CLOCK_SECOND_NS);
    ck_assert_ptr_null(thread_reader_create(target->folder, &names, &reader));
    thread_reader_set_stacks(reader, stacks, memory);
}

static void detach(void)
{
    thread_reader_destroy(reader);
    native_stacks_destroy(stacks);
    name_cache_deinit(&names);
    catalog_unref(catalog);
    memory_destroy(memory);
    target_close(target);
}

static struct snapshot *sample(uint64_t threads)
{
    struct snapshot *snapshot;
    ck_assert_ptr_null(snapshot_create(catalog, &snapshot));
    ck_assert_ptr_null(thread_reader_sample(reader, threads, false, snapshot));
    return snapshot;
}

static const struct thread *find(const struct snapshot *snapshot, pid_t tid)
{
    for (size_t i = 0; i < snapshot->num_threads; i++) {
        if (snapshot->threads[i].tid == tid)
            return &snapshot->threads[i];
    }
    ck_abort_msg("no thread %d", (int)tid);
}

/* Where a function is on a stack, or -1. */
static int depth_of(stack_id id, const char *function)
{
    struct stack stack = catalog_stack(catalog, id);
    for (uint32_t i = 0; i < stack.depth; i++) {
        if (strcmp(catalog_function(catalog, stack.frames[i]), function) == 0)
            return (int)i;
    }
    return -1;
}

START_TEST(test_waiting_threads)
{
    struct fixture fixture = fixture_start(2);
    attach(fixture.pid);
    struct snapshot *snapshot = sample(3);
    const struct thread *thread = find(snapshot, fixture.other_tid), *other = NULL;
    for (size_t i = 0; i < snapshot->num_threads; i++) {
        if (snapshot->threads[i].tid != fixture.pid && snapshot->threads[i].tid != fixture.other_tid)
            other = &snapshot->threads[i];
    }
    ck_assert_ptr_nonnull(other);
    ck_assert_int_ne(thread->stack_quality, STACK_CUT);
    ck_assert_int_eq(depth_of(thread->stack, "fixture_sleep"), 1);
    const struct frame *frame = catalog_frame(catalog, catalog_stack(catalog, thread->stack).frames[1]);
    ck_assert_int_eq(frame->origin, FRAME_APPLICATION);
    /* By its debug information, which the tests are built with. */
    ck_assert_str_eq(file_short_name(catalog_string(catalog, frame->file)), "fixture.h");
    ck_assert_uint_gt(frame->line, frame->start_line);
    ck_assert_uint_gt(frame->start_line, 0);
    /* In pause(2), which is the C library's. */
    ck_assert_int_eq(catalog_frame(catalog, catalog_stack(catalog, thread->stack).frames[0])->origin, FRAME_STANDARD);
    /* At the same place, so that it is the same stack; the main thread is elsewhere. */
    ck_assert_uint_eq(thread->stack, other->stack);
    const struct thread *first = find(snapshot, fixture.pid);
    ck_assert_uint_ne(first->stack, thread->stack);
#if !IS_SANITIZED
    /* A sanitizer's read(2) finds its caller by a register that the system call does not tell. */
    ck_assert_int_ne(first->stack_quality, STACK_CUT);
    ck_assert_int_gt(depth_of(first->stack, "main"), depth_of(first->stack, "fixture_follow"));
#endif
    snapshot_unref(snapshot);
    detach();
    fixture_end(&fixture);
}
END_TEST

/* Without patience the first stacks have no lines; once they have come, threads that have not run have them too. */
START_TEST(test_late_lines)
{
    struct fixture fixture = fixture_start(1);
    attach(fixture.pid);
    native_stacks_set_patience(stacks, 0);
    struct snapshot *snapshot = sample(2);
    stack_id early = find(snapshot, fixture.other_tid)->stack, late = early;
    const struct frame *frame = catalog_frame(catalog, catalog_stack(catalog, early).frames[1]);
    ck_assert_uint_eq(frame->line, 0);
    ck_assert_str_eq(file_short_name(catalog_string(catalog, frame->file)), "native_stacks_test");
    while (late == early) {
        snapshot_unref(snapshot);
        snapshot = sample(2);
        late = find(snapshot, fixture.other_tid)->stack;
        sched_yield();
    }
    int depth = depth_of(late, "fixture_sleep");
    ck_assert_int_ge(depth, 1);
    frame = catalog_frame(catalog, catalog_stack(catalog, late).frames[depth]);
    ck_assert_uint_gt(frame->line, 0);
    snapshot_unref(snapshot);
    detach();
    fixture_end(&fixture);
}
END_TEST

#if defined(__x86_64__)
/* Waits, with a frame pointer that it has saved and call frame information says where. */
__asm__(".text\n"
        ".type wait_in_compiled, @function\n"
        "wait_in_compiled:\n"
        ".cfi_startproc\n"
        "push %rbp\n"
        ".cfi_def_cfa_offset 16\n"
        ".cfi_offset 6, -16\n"
        "mov $34, %eax\n"      /* pause(2) */
        "syscall\n"
        "pop %rbp\n"
        ".cfi_def_cfa_offset 8\n"
        ".cfi_restore 6\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size wait_in_compiled, . - wait_in_compiled\n");
void wait_in_compiled(void);

/* What a just-in-time compiler might make: push %rbp; mov %rsp, %rbp; call *%rdi; pop %rbp; ret. */
static const uint8_t compiled[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};

static _Noreturn void run_compiled(void)
{
    char path[64];
    uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(code, compiled, sizeof(compiled));
    mprotect(code, 4096, PROT_READ | PROT_EXEC);
    snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
    FILE *map = fopen(path, "we");
    fprintf(map, "%lx %zx JS:*made\033[31m /srv/made.js:7:1\n", (unsigned long)code, sizeof(compiled));
    fclose(map);
    for (;;)
        ((void (*)(void (*)(void)))(uintptr_t)code)(wait_in_compiled);
}

/* A runtime's map names the code that it has made, and its frames lead on outwards. */
START_TEST(test_compiled_code)
{
    char path[64];
    pid_t pid = fork();
    if (pid == 0)
        run_compiled();
    fixture_wait_for_pause(pid, pid);
    attach(pid);
    struct snapshot *snapshot = sample(1);
    stack_id stack = find(snapshot, pid)->stack;
    ck_assert_int_eq(depth_of(stack, "wait_in_compiled"), 0);
    ck_assert_int_eq(depth_of(stack, "JS:*made\\x1b[31m"), 1);
    ck_assert_int_eq(depth_of(stack, "run_compiled"), 2);
    const struct frame *frame = catalog_frame(catalog, catalog_stack(catalog, stack).frames[1]);
    ck_assert_str_eq(catalog_string(catalog, frame->file), "/srv/made.js");
    ck_assert_uint_eq(frame->line, 7);
    ck_assert_int_eq(frame->origin, FRAME_APPLICATION);
    snapshot_unref(snapshot);
    detach();
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)pid);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST
#endif

/* What has not run keeps its stack, and is not read again; what has run is. */
START_TEST(test_reading_again)
{
    struct fixture fixture = fixture_start(1);
    attach(fixture.pid);
    struct snapshot *before = sample(2), *after = sample(2);
    uint64_t read = memory->bytes_read;
    ck_assert_uint_ne(find(before, fixture.other_tid)->stack, 0);
    ck_assert_uint_eq(find(after, fixture.other_tid)->stack, find(before, fixture.other_tid)->stack);
    snapshot_unref(after);
    after = sample(2);
    ck_assert_uint_eq(memory->bytes_read, read);
    fixture_do(&fixture, 'b');
    /* Once it waits again. */
    do {
        snapshot_unref(after);
        after = sample(2);
    } while (find(after, fixture.pid)->stack == 0);
    ck_assert_uint_gt(memory->bytes_read, read);
    ck_assert_uint_eq(find(after, fixture.pid)->stack, find(before, fixture.pid)->stack);
    snapshot_unref(before);
    snapshot_unref(after);
    detach();
    fixture_end(&fixture);
}
END_TEST

/* Another program has other files at the same addresses. */
START_TEST(test_after_exec)
{
    struct fixture fixture = fixture_start(0);
    attach(fixture.pid);
    snapshot_unref(sample(1));
    fixture_order(&fixture, 'e');
    char program[4096] = "";
    while (!strstr(program, "cat") && !strstr(program, "busybox") && !strstr(program, "coreutils")) {
        error_destroy(procfs_read_link(target->folder, "exe", program, sizeof(program)));
        sched_yield();
    }
    native_stacks_forget(stacks);
    const struct thread *thread = NULL;
    struct snapshot *snapshot = NULL;
    /* Until it waits for its input. */
    do {
        snapshot_unref(snapshot);
        snapshot = sample(1);
        thread = find(snapshot, fixture.pid);
        sched_yield();
    } while (thread->stack == 0 || strcmp(catalog_string(catalog, thread->system_call), "read") != 0);
    ck_assert_int_eq(depth_of(thread->stack, "fixture_follow"), -1);
    ck_assert_uint_gt(catalog_stack(catalog, thread->stack).depth, 1);
    snapshot_unref(snapshot);
    detach();
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_gone)
{
    struct fixture fixture = fixture_start(1);
    attach(fixture.pid);
    fixture_end(&fixture);
    struct snapshot *snapshot = sample(2);
    ck_assert_uint_eq(snapshot->num_threads, 0);
    snapshot_unref(snapshot);
    detach();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("native stacks");
    TCase *tests = tcase_create("native stacks");
    tcase_add_test(tests, test_waiting_threads);
    tcase_add_test(tests, test_late_lines);
#if defined(__x86_64__)
    tcase_add_test(tests, test_compiled_code);
#endif
    tcase_add_test(tests, test_reading_again);
    tcase_add_test(tests, test_after_exec);
    tcase_add_test(tests, test_gone);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
