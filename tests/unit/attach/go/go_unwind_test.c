#include "attach/go/unwind.h"

#include "attach/go/goroutine_stacks.h"
#include "tests/unit/check_main.h"
#include "tests/unit/fake_go_process.h"

/* A made-up program: functions of 0x100 bytes, told apart by the code address. */
#define LEAF 0x1000u        /* 8 bytes of frame. */
#define MIDDLE 0x1100u      /* 24 bytes. */
#define OUTERMOST 0x1200u
#define WRITES_SP 0x1300u
#define SELF 0x1400u        /* No frame. */

static unsigned lookups;

static struct error *look_up(void *context, uint64_t pc, struct unwind_step *ret_step)
{
    (void)context;
    lookups++;
    switch (pc & ~UINT64_C(0xff)) {
    case LEAF:
        *ret_step = (struct unwind_step){UNWIND_FRAME, 8};
        break;
    case MIDDLE:
        *ret_step = (struct unwind_step){UNWIND_FRAME, 24};
        break;
    case OUTERMOST:
        *ret_step = (struct unwind_step){UNWIND_OUTERMOST, 0};
        break;
    case WRITES_SP:
        *ret_step = (struct unwind_step){UNWIND_WRITES_SP, 8};
        break;
    case SELF:
        *ret_step = (struct unwind_step){UNWIND_FRAME, 0};
        break;
    default:
        *ret_step = (struct unwind_step){.kind = UNWIND_UNKNOWN};
    }
    return NULL;
}

struct unwound {
    uint64_t pcs[UNWIND_MAX_FRAMES];
    size_t count;
    enum unwind_end end;
};

/* Unwinds words of a stack from pc on; `copied` of them were copied, the stack has `count`. */
static void unwind(uint64_t pc, bool in_syscall, const uint64_t *words, size_t copied, size_t count,
                   struct unwound *ret_unwound)
{
    struct unwinder unwinder;
    unwinder_init_with(&unwinder, look_up, NULL);
    struct stack_copy copy = {.pc = pc,
                              .sp = 0xc000,
                              .high = 0xc000 + count * 8,
                              .bytes = (const uint8_t *)words,
                              .size = copied * 8,
                              .in_syscall = in_syscall};
    ck_assert_ptr_null(unwind_stack(&unwinder, &copy, ret_unwound->pcs, &ret_unwound->count, &ret_unwound->end));
    unwinder_deinit(&unwinder);
}

static const uint64_t whole[] = {0, MIDDLE + 4, 0, 0, 0, LEAF + 8, 0, OUTERMOST + 1, 7, 7};

START_TEST(return_addresses_lie_above_their_frames)
{
    struct unwound unwound;
    unwind(LEAF + 3, false, whole, 10, 10, &unwound);
    ck_assert_int_eq(unwound.end, UNWIND_WHOLE);
    ck_assert_uint_eq(unwound.count, 4);
    ck_assert_uint_eq(unwound.pcs[0], LEAF + 3);
    ck_assert_uint_eq(unwound.pcs[1], MIDDLE + 4);
    ck_assert_uint_eq(unwound.pcs[2], LEAF + 8);
    ck_assert_uint_eq(unwound.pcs[3], OUTERMOST + 1);
}
END_TEST

START_TEST(a_short_copy_is_no_broken_stack)
{
    struct unwound unwound;
    unwind(LEAF + 3, false, whole, 5, 10, &unwound);
    ck_assert_int_eq(unwound.end, UNWIND_SHORT_COPY);
    ck_assert_uint_eq(unwound.count, 2);
    /* Here the stack itself ends. */
    unwind(LEAF + 3, false, whole, 5, 5, &unwound);
    ck_assert_int_eq(unwound.end, UNWIND_BROKEN);
    ck_assert_uint_eq(unwound.count, 2);
}
END_TEST

START_TEST(what_writes_the_stack_pointer_ends_it_but_for_system_calls)
{
    static const uint64_t words[] = {0, OUTERMOST};
    struct unwound unwound;
    unwind(WRITES_SP, false, words, 2, 2, &unwound);
    ck_assert_uint_eq(unwound.count, 1);
    ck_assert_int_eq(unwound.end, UNWIND_BROKEN);
    unwind(WRITES_SP, true, words, 2, 2, &unwound);
    ck_assert_uint_eq(unwound.count, 2);
    ck_assert_int_eq(unwound.end, UNWIND_WHOLE);
    static const uint64_t outer[] = {0, WRITES_SP, 0, OUTERMOST};
    unwind(LEAF, true, outer, 4, 4, &unwound);
    ck_assert_uint_eq(unwound.count, 2);
    ck_assert_int_eq(unwound.end, UNWIND_BROKEN);
}
END_TEST

START_TEST(garbage_and_endless_stacks_are_bounded)
{
    static const uint64_t garbage[] = {0, 0xdeadbeef, UINT64_MAX};
    struct unwound unwound;
    unwind(LEAF, false, garbage, 3, 3, &unwound);
    ck_assert_int_eq(unwound.end, UNWIND_BROKEN);
    ck_assert_uint_eq(unwound.count, 1);
    unwind(0, false, garbage, 3, 3, &unwound);
    ck_assert_int_eq(unwound.end, UNWIND_BROKEN);
    ck_assert_uint_eq(unwound.count, 0);
    static uint64_t recursion[UNWIND_MAX_FRAMES + 100];
    for (size_t i = 0; i < sizeof(recursion) / sizeof(recursion[0]); i++)
        recursion[i] = SELF + 5;
    lookups = 0;
    unwind(SELF + 5, false, recursion, UNWIND_MAX_FRAMES + 100, UNWIND_MAX_FRAMES + 100, &unwound);
    ck_assert_int_eq(unwound.end, UNWIND_TOO_DEEP);
    ck_assert_uint_eq(unwound.count, UNWIND_MAX_FRAMES);
    ck_assert_uint_eq(lookups, 1);
}
END_TEST

#define STACK FAKE_GO_HEAP
#define RECORDS (FAKE_GO_HEAP + 0x4000u)

struct scene {
    struct fake_go *fake;
    struct go_frames *frames;
    struct goroutine_stacks stacks;
    struct record_set records;
    size_t start;
    struct goroutine goroutines[2];
};

/* Two goroutines that wait with the same stack, at different addresses. */
static void scene_open(struct scene *scene)
{
    *scene = (struct scene){.fake = fake_go_create(24)};
    struct fake_go *fake = scene->fake;
    size_t size;
    ck_assert(goroutine_range(&fake->process.layout, &scene->start, &size));
    fake_go_check(go_frames_create(&fake->process, &scene->frames));
    goroutine_stacks_init(&scene->stacks, &fake->process, scene->frames);
    scene->stacks.unwinder.look_up = look_up;
    fake_go_check(record_set_init(&scene->records, fake->memory, size));
    for (size_t i = 0; i < 2; i++) {
        remote_address stack = fake_go_address(STACK + i * 0x1000);
        for (size_t j = 0; j < sizeof(whole) / sizeof(whole[0]); j++)
            fake_go_put(fake, stack + j * 8, whole[j], 8);
        remote_address g = fake_go_goroutine(fake, RECORDS + i * 0x200, GOROUTINE_WAITING, 3, 0, 0);
        fake_go_field(fake, g, GO_FIELD_G_SCHED_PC, LEAF + 3);
        fake_go_field(fake, g, GO_FIELD_G_SCHED_SP, stack);
        fake_go_field(fake, g, GO_FIELD_G_STACK_HI, stack + 0x1000);
        fake_go_field(fake, g, GO_FIELD_G_GOID, i + 1);
        fake_go_check(record_set_add(&scene->records, g + scene->start));
    }
    fake_go_show(fake);
}

static void scene_close(struct scene *scene)
{
    goroutine_stacks_deinit(&scene->stacks);
    record_set_deinit(&scene->records);
    go_frames_destroy(scene->frames);
    fake_go_destroy(scene->fake);
}

/* What the gs say, taken over as goroutines.c does. */
static void look_again(struct scene *scene)
{
    fake_go_show(scene->fake);
    for (size_t i = 0; i < 2; i++) {
        remote_address record = scene->records.addresses.items[i];
        struct copied_struct copied = {.layout = &scene->fake->process.layout,
                                       .bytes = scene->fake->image + (record - FAKE_GO_BASE),
                                       .size = scene->records.record_size,
                                       .start = scene->start};
        struct goroutine now = goroutine_decode(&copied);
        if (goroutine_same_place(&scene->goroutines[i], &now)) {
            now.stack_read = scene->goroutines[i].stack_read;
            now.stack = scene->goroutines[i].stack;
        }
        scene->goroutines[i] = now;
    }
}

static uint64_t read_stacks(struct scene *scene)
{
    uint64_t before = scene->fake->memory->bytes_read;
    look_again(scene);
    fake_go_check(goroutine_stacks_read(&scene->stacks, scene->goroutines, 2, &scene->records, scene->start));
    return scene->fake->memory->bytes_read - before;
}

START_TEST(goroutines_of_one_stack_share_it)
{
    struct scene scene;
    scene_open(&scene);
    read_stacks(&scene);
    ck_assert_uint_ne(scene.goroutines[0].stack, 0);
    ck_assert_uint_eq(scene.goroutines[0].stack, scene.goroutines[1].stack);
    ck_assert(!scene.goroutines[0].stack_cut);
    ck_assert_uint_eq(scene.stacks.moved, 0);
    scene_close(&scene);
}
END_TEST

START_TEST(only_a_wait_that_a_gc_has_noted_is_believed_to_go_on)
{
    struct scene scene;
    scene_open(&scene);
    read_stacks(&scene);
    stack_id first = scene.goroutines[0].stack;
    /* It ran and waits elsewhere, at the same depth: nothing in its g tells. */
    fake_go_put(scene.fake, fake_go_address(STACK + 8), LEAF + 0x20, 8);
    ck_assert_uint_gt(read_stacks(&scene), 0);
    ck_assert_uint_ne(scene.goroutines[0].stack, first);
    /* Now a GC has seen both. */
    for (size_t i = 0; i < 2; i++)
        fake_go_field(scene.fake, fake_go_address(RECORDS + i * 0x200), GO_FIELD_G_WAITSINCE, 77);
    ck_assert_uint_gt(read_stacks(&scene), 0);
    stack_id noted = scene.goroutines[1].stack;
    ck_assert_uint_eq(read_stacks(&scene), 0);
    ck_assert_uint_eq(scene.goroutines[1].stack, noted);
    /* Another wait. */
    fake_go_field(scene.fake, fake_go_address(RECORDS), GO_FIELD_G_WAITSINCE, 78);
    ck_assert_uint_gt(read_stacks(&scene), 0);
    scene_close(&scene);
}
END_TEST

START_TEST(one_that_moves_on_meanwhile_has_no_stack)
{
    struct scene scene;
    scene_open(&scene);
    look_again(&scene);
    /* It has been seen elsewhere than its g says now. */
    scene.goroutines[0].sp += 16;
    fake_go_check(goroutine_stacks_read(&scene.stacks, scene.goroutines, 2, &scene.records, scene.start));
    /* Read again, it stood still. */
    ck_assert_uint_eq(scene.goroutines[0].stack, scene.goroutines[1].stack);
    ck_assert_uint_ne(scene.goroutines[0].stack, 0);
    look_again(&scene);
    scene.goroutines[0].status = GOROUTINE_RUNNABLE;
    fake_go_field(scene.fake, fake_go_address(RECORDS), GO_FIELD_G_ATOMICSTATUS, GOROUTINE_RUNNING);
    fake_go_show(scene.fake);
    fake_go_check(goroutine_stacks_read(&scene.stacks, scene.goroutines, 2, &scene.records, scene.start));
    ck_assert_uint_eq(scene.goroutines[0].status, GOROUTINE_RUNNING);
    ck_assert_uint_eq(scene.goroutines[0].stack, 0);
    scene_close(&scene);
}
END_TEST

/* The stack was copied while it was in use; by the time its first address is looked up, it stands still again. */
static struct error *mend_and_look_up(void *context, uint64_t pc, struct unwind_step *ret_step)
{
    struct scene *scene = context;
    fake_go_put(scene->fake, fake_go_address(STACK + 8), MIDDLE + 4, 8);
    fake_go_show(scene->fake);
    return look_up(NULL, pc, ret_step);
}

START_TEST(a_stack_that_makes_no_sense_is_read_again)
{
    struct scene scene;
    scene_open(&scene);
    fake_go_put(scene.fake, fake_go_address(STACK + 8), WRITES_SP, 8);
    scene.stacks.unwinder.look_up = mend_and_look_up;
    scene.stacks.unwinder.context = &scene;
    read_stacks(&scene);
    ck_assert(scene.goroutines[0].stack_read && !scene.goroutines[0].stack_cut);
    ck_assert_uint_eq(scene.goroutines[0].stack, scene.goroutines[1].stack);
    ck_assert_uint_eq(scene.stacks.cut, 0);
    /* One that stays so is shown as far as it goes. */
    scene.stacks.unwinder.look_up = look_up;
    fake_go_put(scene.fake, fake_go_address(STACK + 8), WRITES_SP, 8);
    read_stacks(&scene);
    ck_assert(scene.goroutines[0].stack_cut);
    ck_assert_uint_ne(scene.goroutines[0].stack, 0);
    ck_assert_uint_eq(scene.stacks.cut, 1);
    scene_close(&scene);
}
END_TEST

START_TEST(absurd_stack_bounds_are_not_followed)
{
    struct scene scene;
    scene_open(&scene);
    remote_address g = fake_go_address(RECORDS);
    fake_go_field(scene.fake, g, GO_FIELD_G_STACK_HI, 8);
    fake_go_field(scene.fake, g + 0x200, GO_FIELD_G_SCHED_SP, UINT64_MAX - 0x1007);
    fake_go_field(scene.fake, g + 0x200, GO_FIELD_G_STACK_HI, UINT64_MAX);
    read_stacks(&scene);
    ck_assert_uint_eq(scene.goroutines[0].stack, 0);
    ck_assert_uint_eq(scene.goroutines[1].stack, 0);
    ck_assert(scene.goroutines[1].stack_cut);
    ck_assert_uint_eq(scene.stacks.cut, 1);
    scene_close(&scene);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("go_unwind");
    TCase *tests = tcase_create("unwind");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, return_addresses_lie_above_their_frames);
    tcase_add_test(tests, a_short_copy_is_no_broken_stack);
    tcase_add_test(tests, what_writes_the_stack_pointer_ends_it_but_for_system_calls);
    tcase_add_test(tests, garbage_and_endless_stacks_are_bounded);
    tcase_add_test(tests, goroutines_of_one_stack_share_it);
    tcase_add_test(tests, only_a_wait_that_a_gc_has_noted_is_believed_to_go_on);
    tcase_add_test(tests, one_that_moves_on_meanwhile_has_no_stack);
    tcase_add_test(tests, a_stack_that_makes_no_sense_is_read_again);
    tcase_add_test(tests, absurd_stack_bounds_are_not_followed);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
