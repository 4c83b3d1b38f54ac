#include <inttypes.h>

#include "heaptop/export.h"
#include "unit/check_main.h"
#include "unit/export/pprof_decoder.h"
#include "unit/snapshot_builder.h"

static struct pprof *export_and_decode(const struct snapshot *snapshot, enum sample_profile kind)
{
    struct text bytes = {0};
    struct error *error = export_pprof(&(struct export_request){.snapshot = snapshot, .profile = kind}, &bytes);
    ck_assert_msg(!error, "%s", error ? error->message : "");
    struct pprof *profile = pprof_decode(bytes.data, bytes.length);
    text_deinit(&bytes);
    return profile;
}

static void check_sample_stack(const struct pprof *profile, const struct pprof_sample *sample,
                               const struct catalog *catalog, stack_id id)
{
    struct stack stack = catalog_stack(catalog, id);
    size_t frame = 0;
    for (size_t i = 0; i < sample->num_locations; i++) {
        const struct pprof_location *location = pprof_location(profile, sample->locations[i]);
        for (size_t line = 0; line < location->num_lines; line++, frame++) {
            ck_assert_uint_lt(frame, stack.depth);
            const struct frame *expected = catalog_frame(catalog, stack.frames[frame]);
            const struct pprof_function *function = pprof_function(profile, location->lines[line].function);
            ck_assert_str_eq(pprof_string(profile, function->name), catalog_string(catalog, expected->function));
            ck_assert_str_eq(pprof_string(profile, function->system_name), catalog_string(catalog, expected->function));
            ck_assert_str_eq(pprof_string(profile, function->file), catalog_string(catalog, expected->file));
            ck_assert_uint_eq(function->start_line, expected->start_line);
            ck_assert_uint_eq(location->lines[line].line, expected->line);
        }
    }
    ck_assert_uint_eq(frame, stack.depth);
}

START_TEST(every_value_survives)
{
    struct snapshot *snapshots[20];
    builder_demo(snapshots, 20);
    const struct snapshot *snapshot = snapshots[19];
    struct pprof *profile = export_and_decode(snapshot, SAMPLE_HEAP);

    ck_assert_uint_eq(profile->num_samples, snapshot->num_sites);
    for (size_t i = 0; i < snapshot->num_sites; i++) {
        const struct pprof_sample *sample = &profile->samples[i];
        const struct site *site = &snapshot->sites[i];
        struct site_values values = site_scale(&site->published, 512 * 1024);
        ck_assert_uint_eq(sample->num_values, 4);
        ck_assert_int_eq(sample->values[0], values.alloc_objects);
        ck_assert_int_eq(sample->values[1], values.alloc_bytes);
        ck_assert_int_eq(sample->values[2], values.inuse_objects);
        ck_assert_int_eq(sample->values[3], values.inuse_bytes);
        ck_assert_uint_eq(sample->num_labels, 1);
        ck_assert_str_eq(pprof_string(profile, sample->label_key), "bytes");
        ck_assert_uint_eq(sample->label_number, site->object_size);
        check_sample_stack(profile, sample, snapshot->catalog, site->stack);
    }
    ck_assert_uint_eq(profile->time_ns, snapshot->unix_ns);
    pprof_destroy(profile);
    builder_release(snapshots, 20);
}
END_TEST

START_TEST(types_are_those_of_runtime_pprof)
{
    static const char *const types[][2] = {
        {"alloc_objects", "count"}, {"alloc_space", "bytes"}, {"inuse_objects", "count"}, {"inuse_space", "bytes"}};
    struct snapshot *snapshot;
    builder_demo(&snapshot, 1);
    for (int kind = SAMPLE_HEAP; kind <= SAMPLE_ALLOCS; kind++) {
        struct pprof *profile = export_and_decode(snapshot, (enum sample_profile)kind);
        ck_assert_uint_eq(profile->num_sample_types, 4);
        for (size_t i = 0; i < 4; i++) {
            ck_assert_str_eq(pprof_string(profile, profile->sample_types[i].type), types[i][0]);
            ck_assert_str_eq(pprof_string(profile, profile->sample_types[i].unit), types[i][1]);
        }
        ck_assert_str_eq(pprof_string(profile, profile->period_type.type), "space");
        ck_assert_str_eq(pprof_string(profile, profile->period_type.unit), "bytes");
        ck_assert_uint_eq(profile->period, 512 * 1024);
        ck_assert_str_eq(pprof_string(profile, profile->default_sample_type),
                         kind == SAMPLE_ALLOCS ? "alloc_space" : "");
        pprof_destroy(profile);
    }
    snapshot_unref(snapshot);
}
END_TEST

START_TEST(what_is_not_published_yet_is_there_with_zeros)
{
    struct builder *b = builder_create();
    size_t site = builder_site(b, 64, "main.grow main.go:7");
    builder_allocate(b, site, 5);
    struct snapshot *snapshot = builder_take(b);
    struct pprof *profile = export_and_decode(snapshot, SAMPLE_HEAP);
    ck_assert_uint_eq(profile->num_samples, 1);
    ck_assert_uint_eq(profile->samples[0].num_values, 4);
    ck_assert_int_eq(profile->samples[0].values[1], 0);
    ck_assert_uint_eq(profile->samples[0].num_labels, 0);
    pprof_destroy(profile);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

/* A call that was inlined has no address of its own: one location, two lines, the innermost first. */
START_TEST(frames_of_one_address_are_one_location)
{
    struct builder *b = builder_create();
    struct frame inner = {.address = 0x401000,
                          .function = builder_string(b, "main.inner"),
                          .file = builder_string(b, "/src/a.go"),
                          .line = 3};
    struct frame outer = {.address = 0x401000,
                          .function = builder_string(b, "main.outer"),
                          .file = builder_string(b, "/src/a.go"),
                          .line = 9};
    struct frame caller = {.address = 0x402000,
                           .function = builder_string(b, "main.main"),
                           .file = builder_string(b, "/src/a.go"),
                           .line = 20};
    frame_id frames[] = {catalog_add_frame(b->catalog, &inner), catalog_add_frame(b->catalog, &outer),
                         catalog_add_frame(b->catalog, &caller)};
    size_t site = builder_site(b, 64, "main.unused a.go:1");
    b->sites.items[site].stack = catalog_add_stack(b->catalog, frames, 3);
    builder_allocate(b, site, 5);
    builder_gc(b);
    struct snapshot *snapshot = builder_take(b);
    struct pprof *profile = export_and_decode(snapshot, SAMPLE_HEAP);
    ck_assert_uint_eq(profile->num_locations, 2);
    ck_assert_uint_eq(profile->samples[0].num_locations, 2);
    ck_assert_uint_eq(pprof_location(profile, profile->samples[0].locations[0])->num_lines, 2);
    check_sample_stack(profile, &profile->samples[0], b->catalog, b->sites.items[site].stack);
    pprof_destroy(profile);
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

START_TEST(addresses_are_those_of_the_running_process)
{
    struct builder *b = builder_create();
    struct frame named = {.address = 0x1000,
                          .function = builder_string(b, "main.main"),
                          .file = builder_string(b, "/a.go"),
                          .line = 3,
                          .start_line = 2};
    struct frame nameless = {.address = 0x12345678};
    frame_id ids[] = {catalog_add_frame(b->catalog, &named), catalog_add_frame(b->catalog, &nameless)};
    for (size_t i = 0; i < 2; i++) {
        size_t site = builder_site(b, 64, "main.unused a.go:1");
        b->sites.items[site].stack = catalog_add_stack(b->catalog, &ids[i], 1);
    }
    b->target.load_bias = 0x555500000000;
    struct snapshot *snapshot = builder_take(b);
    struct mapping mappings[] = {
        {.start = 0x555500000000, .limit = 0x555500002000, .offset = 4096, .file = builder_string(b, "/usr/bin/app"),
         .build_id = builder_string(b, "c0ffee")},
        {.start = 0x555512345000, .limit = 0x555512346000, .file = builder_string(b, "/usr/lib/libx.so")},
        {.start = 0x7fff00000000, .limit = 0x7fff00001000, .file = builder_string(b, "[vdso]")},
    };
    snapshot->mappings = mappings;
    snapshot->num_mappings = 3;
    struct pprof *profile = export_and_decode(snapshot, SAMPLE_HEAP);
    ck_assert_uint_eq(profile->num_mappings, 3);
    ck_assert_uint_eq(profile->mappings[0].start, mappings[0].start);
    ck_assert_uint_eq(profile->mappings[0].limit, mappings[0].limit);
    ck_assert_uint_eq(profile->mappings[0].offset, 4096);
    ck_assert_str_eq(pprof_string(profile, profile->mappings[0].file), "/usr/bin/app");
    ck_assert_str_eq(pprof_string(profile, profile->mappings[0].build_id), "c0ffee");
    /* Set where every location's name is known, not where one is missing, and not where there is none. */
    ck_assert_uint_eq(profile->mappings[0].has_functions, 1);
    ck_assert_uint_eq(profile->mappings[1].has_functions, 0);
    ck_assert_uint_eq(profile->mappings[2].has_functions, 0);
    const struct pprof_location *location = pprof_location(profile, profile->samples[0].locations[0]);
    ck_assert_uint_eq(location->address, 0x555500001000);
    ck_assert_uint_eq(location->mapping, profile->mappings[0].id);
    ck_assert_uint_eq(pprof_function(profile, location->lines[0].function)->start_line, 2);
    ck_assert_uint_eq(pprof_location(profile, profile->samples[1].locations[0])->mapping, profile->mappings[1].id);
    pprof_destroy(profile);
    snapshot->mappings = NULL;
    snapshot->num_mappings = 0;
    snapshot_unref(snapshot);
    builder_destroy(b);
}
END_TEST

START_TEST(no_profile_is_an_error_that_says_why)
{
    struct builder *b = builder_create();
    struct text bytes = {0};
    b->profile_state = PROFILE_OFF;
    b->profile_reason = "MemProfileRate is 0";
    struct snapshot *off = builder_take(b);
    struct error *error = export_pprof(&(struct export_request){.snapshot = off}, &bytes);
    ck_assert_ptr_nonnull(error);
    ck_assert_int_eq(error->kind, ERROR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error->message, "MemProfileRate is 0"));
    error_destroy(error);

    b->profile_state = PROFILE_ON;
    builder_set_unavailable(b, COUNTER_MEM_PROFILE_RATE, "a page was not readable");
    struct snapshot *unscaled = builder_take(b);
    error = export_pprof(&(struct export_request){.snapshot = unscaled}, &bytes);
    ck_assert_ptr_nonnull(error);
    ck_assert_ptr_nonnull(strstr(error->message, "a page was not readable"));
    error_destroy(error);
    ck_assert_ptr_null(bytes.data);
    snapshot_unref(off);
    snapshot_unref(unscaled);
    builder_destroy(b);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("pprof");
    TCase *tests = tcase_create("pprof");
    tcase_add_test(tests, every_value_survives);
    tcase_add_test(tests, types_are_those_of_runtime_pprof);
    tcase_add_test(tests, what_is_not_published_yet_is_there_with_zeros);
    tcase_add_test(tests, frames_of_one_address_are_one_location);
    tcase_add_test(tests, addresses_are_those_of_the_running_process);
    tcase_add_test(tests, no_profile_is_an_error_that_says_why);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
