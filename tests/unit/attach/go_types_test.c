#include "attach/go/type_descriptors.h"

#include "heaptop/base/cleanup.h"
#include "tests/unit/attach/go_types_builder.h"

DEFINE_CLEANUP(struct memory *, memory_destroy)

/* Reads what was built, from the given descriptor on, over the row of Go 1.24. */
static unsigned read_types(const struct types_builder *types, uint64_t seed, struct go_layout *layout)
{
    _cleanup_(memory_destroyp) struct memory *memory = NULL;
    bool is_newer;
    unsigned structs = 0;
    ck_assert_ptr_null(memory_create_fake(&memory));
    ck_assert_ptr_null(memory_fake_add(memory, TYPES_AT, types->bytes, sizeof types->bytes));
    *layout = go_layout_find(24, &is_newer)->layout;
    const struct type_space space = {.memory = memory, .start = TYPES_AT, .end = TYPES_AT + TYPES_SIZE};
    ck_assert_ptr_null(go_layout_read_types(&space, &seed, 1, layout, &structs));
    return structs;
}

START_TEST(fields_come_from_the_descriptors)
{
    struct types_builder types;
    struct go_layout layout;
    ck_assert_uint_eq(read_types(&types, types_build_runtime(&types), &layout), 3);
    ck_assert_int_eq(layout.offset[GO_FIELD_G_SIZE], 480);
    ck_assert_uint_eq(layout.size[GO_FIELD_G_SIZE], 480);
    ck_assert_int_eq(layout.offset[GO_FIELD_G_STACK_LO], 8);
    ck_assert_int_eq(layout.offset[GO_FIELD_G_STACK_HI], 16);
    ck_assert_int_eq(layout.offset[GO_FIELD_G_GOID], 168);
    ck_assert_uint_eq(layout.size[GO_FIELD_G_GOID], 8);
    /* Through the pointer in g, and through an array of pointers in m. */
    ck_assert_int_eq(layout.offset[GO_FIELD_M_PROCID], 80);
    ck_assert_int_eq(layout.offset[GO_FIELD_P_ID], 0);
    /* By its other name, and within another struct. */
    ck_assert_int_eq(layout.offset[GO_FIELD_P_GFREE_N], 48);
    /* What the struct has not is not taken from the table. */
    ck_assert_int_eq(layout.offset[GO_FIELD_G_WAITREASON], GO_OFFSET_MISSING);
    /* Structs that are not described keep the table's. */
    ck_assert_int_eq(layout.offset[GO_FIELD_BUCKET_NSTK], 40);
}
END_TEST

START_TEST(what_is_no_descriptor_changes_nothing)
{
    struct types_builder types;
    struct go_layout layout;
    bool is_newer;
    types_build_runtime(&types);
    const uint64_t seeds[] = {
        0, TYPES_AT, TYPES_AT + 1, TYPES_AT + TYPES_SIZE - 8, TYPES_AT + TYPES_SIZE, UINT64_MAX - 7};
    for (size_t i = 0; i < ARRAY_SIZE(seeds); i++) {
        ck_assert_uint_eq(read_types(&types, seeds[i], &layout), 0);
        ck_assert_mem_eq(&layout, &go_layout_find(24, &is_newer)->layout, sizeof layout);
    }
}
END_TEST

START_TEST(circles_of_pointers_end)
{
    struct types_builder types;
    struct go_layout layout;
    types_init(&types);
    uint64_t a = types_pointer(&types, TYPE_KIND_POINTER, 0), b = types_pointer(&types, TYPE_KIND_ARRAY, a);
    types_put(&types, a + 48, b, 8);
    ck_assert_uint_eq(read_types(&types, a, &layout), 0);
}
END_TEST

START_TEST(a_struct_within_itself_ends)
{
    struct types_builder types;
    struct go_layout layout;
    types_init(&types);
    uint64_t g = types_type(&types, TYPE_KIND_STRUCT, 480, "*runtime.g", true);
    types_set_fields(&types, g, (const struct type_field[]){{"stack", g, 0}, {"lo", g, 8}, {"sched", g, 16}}, 3);
    ck_assert_uint_eq(read_types(&types, g, &layout), 1);
    ck_assert_int_eq(layout.offset[GO_FIELD_G_STACK_LO], 8);
    ck_assert_int_eq(layout.offset[GO_FIELD_G_SCHED_SP], GO_OFFSET_MISSING);
}
END_TEST

START_TEST(absurd_structs_are_refused)
{
    struct types_builder types;
    struct go_layout layout;
    uint64_t pointer = types_build_runtime(&types), g;
    memcpy(&g, types.bytes + (pointer + 48 - TYPES_AT), 8);
    struct types_builder broken = types;
    types_put(&broken, g + 64, UINT64_MAX, 8);      /* The count of its fields. */
    ck_assert_uint_eq(read_types(&broken, pointer, &layout), 0);
    broken = types;
    types_put(&broken, g, UINT64_MAX, 8);           /* Its size. */
    ck_assert_uint_eq(read_types(&broken, pointer, &layout), 0);
    broken = types;
    types_put(&broken, g + 56, 0x10, 8);            /* Where its fields are. */
    ck_assert_uint_eq(read_types(&broken, pointer, &layout), 0);
    broken = types;
    types_put(&broken, g + 40, 0xffffffff, 4);      /* Where its name is. */
    ck_assert_uint_eq(read_types(&broken, pointer, &layout), 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("go_types");
    TCase *tests = tcase_create("types");
    tcase_add_test(tests, fields_come_from_the_descriptors);
    tcase_add_test(tests, what_is_no_descriptor_changes_nothing);
    tcase_add_test(tests, circles_of_pointers_end);
    tcase_add_test(tests, a_struct_within_itself_ends);
    tcase_add_test(tests, absurd_structs_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
