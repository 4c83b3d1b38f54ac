/* The runtime's Ms and Ps, in fake memory. */
#include "attach/go/scheduler.h"

#include "attach/go/goroutine.h"
#include "heaptop/base/cleanup.h"
#include "tests/unit/check_main.h"
#include "tests/unit/fake_go_process.h"

#define HEAP(offset) (FAKE_GO_HEAP + (offset))

/* Ms in a list, each with a thread and the goroutine it runs. */
static void add_machine(struct fake_go *fake, remote_address machine, remote_address next, uint64_t thread,
                        remote_address goroutine)
{
    fake_go_field(fake, machine, GO_FIELD_M_ALLLINK, next);
    fake_go_field(fake, machine, GO_FIELD_M_PROCID, thread);
    fake_go_field(fake, machine, GO_FIELD_M_CURG, goroutine);
}

static remote_address add_goroutine(struct fake_go *fake, size_t offset, uint64_t goid, uint32_t status)
{
    remote_address goroutine = fake_go_goroutine(fake, offset, status, 0, 0, 0);
    fake_go_field(fake, goroutine, GO_FIELD_G_GOID, goid);
    return goroutine;
}

static void check_threads(struct machines *machines, struct fake_go *fake, uint64_t goid_of_7, uint64_t goid_of_9)
{
    struct thread threads[] = {{.tid = 9}, {.tid = 3}, {.tid = 7}};
    const struct procs procs = {0};
    struct snapshot *snapshot;
    fake_go_show(fake);
    fake_go_check(snapshot_create(fake->catalog, &snapshot));
    snapshot->threads = threads;
    snapshot->num_threads = 3;
    fake_go_check(machines_read(machines, &fake->process, 70));
    fake_go_check(machines_note_threads(machines, &procs, snapshot));
    ck_assert_uint_eq(threads[0].goid, goid_of_9);
    ck_assert_uint_eq(threads[1].goid, 0);
    ck_assert_int_eq(threads[1].role, machines->known ? THREAD_FOREIGN : THREAD_ROLE_UNKNOWN);
    ck_assert_uint_eq(threads[2].goid, goid_of_7);
    snapshot_unref(snapshot);
}

START_TEST(threads_know_their_goroutines)
{
    struct fake_go *fake = fake_go_create(24);
    struct machines machines = {0};
    remote_address first = fake_go_address(HEAP(0x2000)), second = fake_go_address(HEAP(0x3000));
    remote_address one = add_goroutine(fake, HEAP(0), 41, GOROUTINE_RUNNING),
                   two = add_goroutine(fake, HEAP(0x200), 42, GOROUTINE_RUNNING);
    fake_go_set(fake, GO_VARIABLE_ALLM, first, 8);
    add_machine(fake, first, second, 7, one);
    add_machine(fake, second, 0, 9, two);
    check_threads(&machines, fake, 41, 42);
    check_threads(&machines, fake, 41, 42);
    ck_assert(machines.known);
    add_machine(fake, second, 0, 9, 0);
    check_threads(&machines, fake, 41, 0);
    /* The list is another. */
    add_machine(fake, first, 0, 7, two);
    check_threads(&machines, fake, 42, 0);
    ck_assert(machines.known);
    /* It leads back into itself, and into nothing. */
    add_machine(fake, first, first, 7, one);
    check_threads(&machines, fake, 41, 0);
    ck_assert(!machines.known);
    add_machine(fake, first, 0xdead0000, 7, one);
    check_threads(&machines, fake, 41, 0);
    ck_assert(!machines.known);
    fake_go_set(fake, GO_VARIABLE_ALLM, 3, 8);
    check_threads(&machines, fake, 0, 0);
    machines_deinit(&machines);
    fake_go_destroy(fake);
}
END_TEST

/* What an M is at, and what a thread of it is then said to be at. */
struct role_case {
    uint32_t status;            /* Of its goroutine; IDLE: it has none. */
    bool in_c, spinning, has_proc, is_locked;
    enum thread_role role;
};

START_TEST(a_thread_is_at_what_its_machine_is_at)
{
    static const struct role_case cases[] = {
        {.status = GOROUTINE_RUNNING, .has_proc = true, .role = THREAD_RUNS_GO},
        {.status = GOROUTINE_SYSCALL, .role = THREAD_SYSTEM_CALL},
        {.status = GOROUTINE_SYSCALL, .in_c = true, .is_locked = true, .role = THREAD_IN_C},
        {.has_proc = true, .role = THREAD_SCHEDULES},
        {.has_proc = true, .spinning = true, .role = THREAD_SPINS},
        {.spinning = true, .role = THREAD_SPINS},
        {.is_locked = true, .role = THREAD_LOCKED_IDLE},
        {.role = THREAD_IDLE},
    };
    for (unsigned minor = 19; minor <= 27; minor += 4) {
        struct fake_go *fake = fake_go_create(minor);
        struct machines machines = {0};
        struct procs procs = {0};
        remote_address machine = fake_go_address(HEAP(0x1000)), proc = fake_go_address(HEAP(0x4000));
        remote_address locked = add_goroutine(fake, HEAP(0x200), 77, GOROUTINE_WAITING);
        ck_assert(vector_append(&procs.addresses, proc - 8) && vector_append(&procs.addresses, proc));
        fake_go_set(fake, GO_VARIABLE_ALLM, machine, 8);
        fake_go_field(fake, machine, GO_FIELD_M_ID, 5);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
            const struct role_case *test = &cases[i];
            remote_address goroutine = add_goroutine(fake, HEAP(0), 41, test->status | 0x1000);
            add_machine(fake, machine, 0, 7, test->status ? goroutine : 0);
            fake_go_field(fake, machine, GO_FIELD_M_INCGO, test->in_c);
            fake_go_field(fake, machine, GO_FIELD_M_SPINNING, test->spinning);
            fake_go_field(fake, machine, GO_FIELD_M_P, test->has_proc ? proc : 0);
            fake_go_field(fake, machine, GO_FIELD_M_LOCKEDG, test->is_locked ? locked : 0);
            fake_go_show(fake);
            struct thread thread = {.tid = 7, .proc = -1, .machine = -1};
            struct snapshot *snapshot;
            fake_go_check(snapshot_create(fake->catalog, &snapshot));
            snapshot->threads = &thread;
            snapshot->num_threads = 1;
            fake_go_check(machines_read(&machines, &fake->process, 8));
            fake_go_check(machines_note_threads(&machines, &procs, snapshot));
            ck_assert_int_eq(thread.role, test->role);
            ck_assert_int_eq(thread.machine, 5);
            ck_assert_int_eq(thread.proc, test->has_proc ? 1 : -1);
            ck_assert_uint_eq(thread.locked_goid, test->is_locked ? 77 : 0);
            ck_assert_int_eq(snapshot->counters[COUNTER_FOREIGN_THREADS].value.integer, 0);
            snapshot_unref(snapshot);
        }
        machines_deinit(&machines);
        vector_deinit(&procs.addresses);
        fake_go_destroy(fake);
    }
}
END_TEST

static void set_proc(struct fake_go *fake, remote_address proc, uint32_t id, uint32_t status, uint32_t head,
                     uint32_t tail, uint32_t ticks)
{
    fake_go_field(fake, proc, GO_FIELD_P_ID, id);
    fake_go_field(fake, proc, GO_FIELD_P_STATUS, status);
    fake_go_field(fake, proc, GO_FIELD_P_RUNQHEAD, head);
    fake_go_field(fake, proc, GO_FIELD_P_RUNQTAIL, tail);
    fake_go_field(fake, proc, GO_FIELD_P_SCHEDTICK, ticks);
    fake_go_field(fake, proc, GO_FIELD_P_SYSCALLTICK, ticks / 2);
}

static struct snapshot *sample(struct fake_go *fake, struct scheduler *scheduler, const struct procs *procs,
                               struct machines *machines)
{
    struct snapshot *snapshot;
    fake_go_show(fake);
    fake_go_check(snapshot_create(fake->catalog, &snapshot));
    fake_go_check(machines_read(machines, &fake->process, 8));
    fake_go_check(scheduler_sample(scheduler, &fake->process, procs, machines, snapshot));
    return snapshot;
}

static int64_t count_of(const struct snapshot *snapshot, enum counter_id id)
{
    ck_assert_int_eq(snapshot->counters[id].provenance, PROVENANCE_EXACT);
    return snapshot->counters[id].value.integer;
}

START_TEST(ps_and_their_queues_are_counted)
{
    struct fake_go *fake = fake_go_create(27);
    struct scheduler scheduler = {0};
    struct machines machines = {0};
    struct procs procs = {0};
    remote_address running = fake_go_address(HEAP(0)), idle = fake_go_address(HEAP(0x1800)),
                   calling = fake_go_address(HEAP(0x3000)), machine = fake_go_address(HEAP(0x5000));
    remote_address sched = go_variable(&fake->process, GO_VARIABLE_SCHED);
    ck_assert(vector_append(&procs.addresses, running) && vector_append(&procs.addresses, idle) &&
              vector_append(&procs.addresses, calling));
    set_proc(fake, running, 0, 1, UINT32_MAX - 1, 3, UINT32_MAX);
    fake_go_field(fake, running, GO_FIELD_P_RUNNEXT, 0x1000);
    set_proc(fake, idle, 1, 0, 9, 9, 10);
    /* Go 1.26 and newer leave a P running while its goroutine is in a system call. */
    set_proc(fake, calling, 2, 1, 0, 0, 4);
    fake_go_field(fake, calling, GO_FIELD_P_M, machine);
    add_machine(fake, machine, 0, 7, add_goroutine(fake, HEAP(0x5800), 41, GOROUTINE_SYSCALL));
    fake_go_set(fake, GO_VARIABLE_ALLM, machine, 8);
    fake_go_field(fake, sched, GO_FIELD_SCHED_RUNQSIZE, 12);
    fake_go_field(fake, sched, GO_FIELD_SCHED_NMIDLE, 3);
    fake_go_field(fake, sched, GO_FIELD_SCHED_NMIDLELOCKED, UINT32_MAX);
    fake_go_field(fake, sched, GO_FIELD_SCHED_MNEXT, 9);
    fake_go_field(fake, sched, GO_FIELD_SCHED_NMFREED, 2);
    struct snapshot *snapshot = sample(fake, &scheduler, &procs, &machines);
    ck_assert_uint_eq(snapshot->num_procs, 3);
    ck_assert_uint_eq(snapshot->procs[0].queue, 6);
    ck_assert_int_eq(snapshot->procs[2].state, PROC_SYSTEM_CALL);
    ck_assert_int_eq(snapshot->procs[2].tid, 7);
    ck_assert_uint_eq(snapshot->procs[2].goid, 41);
    ck_assert_int_eq(snapshot->procs[0].machine, -1);
    ck_assert_int_eq(count_of(snapshot, COUNTER_PROCS_RUNNING), 1);
    ck_assert_int_eq(count_of(snapshot, COUNTER_PROCS_IDLE), 1);
    ck_assert_int_eq(count_of(snapshot, COUNTER_PROCS_SYSCALL), 1);
    ck_assert_int_eq(count_of(snapshot, COUNTER_PROCS_STOPPED), 0);
    ck_assert_int_eq(count_of(snapshot, COUNTER_RUN_QUEUE), 6);
    ck_assert_int_eq(count_of(snapshot, COUNTER_GLOBAL_RUN_QUEUE), 12);
    ck_assert_int_eq(count_of(snapshot, COUNTER_MACHINES), 7);
    ck_assert_int_eq(count_of(snapshot, COUNTER_MACHINES_IDLE), 3);
    ck_assert_int_eq(count_of(snapshot, COUNTER_MACHINES_LOCKED_IDLE), 0);
    int64_t ticks = count_of(snapshot, COUNTER_SCHEDULE_TICKS);
    ck_assert_int_eq(ticks, (int64_t)UINT32_MAX + 14);
    snapshot_unref(snapshot);
    /* A P's count wraps; the sum does not. */
    set_proc(fake, running, 0, 2, 0, 0, 5);
    snapshot = sample(fake, &scheduler, &procs, &machines);
    ck_assert_int_eq(count_of(snapshot, COUNTER_SCHEDULE_TICKS), ticks + 6);
    ck_assert_int_eq(count_of(snapshot, COUNTER_PROCS_SYSCALL), 2);
    snapshot_unref(snapshot);
    /* What is not there is not 0. */
    ck_assert(vector_append(&procs.addresses, UINT64_C(0xdead0000)));
    snapshot = sample(fake, &scheduler, &procs, &machines);
    ck_assert_int_eq(snapshot->counters[COUNTER_RUN_QUEUE].provenance, PROVENANCE_UNAVAILABLE);
    ck_assert_uint_eq(snapshot->num_procs, 0);
    snapshot_unref(snapshot);
    vector_deinit(&procs.addresses);
    machines_deinit(&machines);
    scheduler_deinit(&scheduler);
    fake_go_destroy(fake);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("go_scheduler");
    TCase *tests = tcase_create("scheduler");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, threads_know_their_goroutines);
    tcase_add_test(tests, a_thread_is_at_what_its_machine_is_at);
    tcase_add_test(tests, ps_and_their_queues_are_counted);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
