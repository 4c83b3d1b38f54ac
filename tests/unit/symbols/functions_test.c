/* From addresses to functions' names: symbol tables, those in separate files, MiniDebugInfo, demangling. */
#include <sys/stat.h>

#include "tests/unit/symbols/fixture.h"

static uint64_t address_of(const char *name)
{
    _cleanup_(image_closep) struct image *image = open_fixture(FIXTURE("functions.elf"));
    struct image_symbol symbol = {.name = name};
    ck_no_error(image_find_symbols(image, &symbol, 1));
    ck_assert_int_ne(symbol.source, SYMBOL_MISSING);
    return symbol.address;
}

/* Addresses within functions of functions.elf, in rising order there, and what they are of. */
struct expected {
    uint64_t address;
    const char *name;
};

static int compare_expected(const void *left, const void *right)
{
    const struct expected *a = left, *b = right;
    return a->address < b->address ? -1 : a->address > b->address;
}

static void check_functions(struct image *image, bool has_static)
{
    struct expected expected[] = {
        {1, NULL},
        {address_of("inner"), "inner"},
        {address_of("inner") + 1, "inner"},
        {address_of("outer") + 5, "outer"},     /* Not its weak alias. */
        {address_of("main"), "main"},
        {address_of("unsized") + 2, "unsized"}, /* No size: up to the next one. */
        {UINT64_MAX, NULL},
    };
    qsort(expected, ARRAY_SIZE(expected), sizeof(expected[0]), compare_expected);
    struct image_function functions[ARRAY_SIZE(expected)] = {0};
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        functions[i].address = expected[i].address;
    ck_no_error(image_find_functions(image, functions, ARRAY_SIZE(functions)));
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        const char *name = has_static ? expected[i].name : NULL;
        ck_assert_msg(name ? functions[i].name && strcmp(functions[i].name, name) == 0 : !functions[i].name,
                      "%#lx is %s, not %s", expected[i].address, functions[i].name ? functions[i].name : "nothing",
                      name ? name : "nothing");
        ck_assert(!name || functions[i].start <= expected[i].address);
        free(functions[i].name);
    }
}

START_TEST(functions_are_found)
{
    _cleanup_(image_closep) struct image *image = open_fixture(FIXTURE("functions.elf"));
    check_functions(image, true);
    _cleanup_(image_closep) struct image *stripped = open_fixture(FIXTURE("functions-stripped.elf"));
    check_functions(stripped, false);
}
END_TEST

START_TEST(mini_debug_info_is_unpacked)
{
    _cleanup_(image_closep) struct image *image = open_fixture(FIXTURE("functions-mini.elf"));
    struct image *mini = NULL;
    check_functions(image, false);
    ck_no_error(debug_file_open_mini(image, &mini));
    check_functions(mini, true);
    image_close(mini);
    _cleanup_(image_closep) struct image *without = open_fixture(FIXTURE("functions.elf"));
    ck_error(debug_file_open_mini(without, &mini), ERROR_NOT_FOUND);
}
END_TEST

/* Any byte of what is packed may be wrong, and it may end anywhere. */
START_TEST(damaged_mini_debug_info_is_refused)
{
    _cleanup_bytes_ struct bytes bytes = bytes_of(FIXTURE("functions-mini.elf"));
    struct image *whole = open_fixture(FIXTURE("functions-mini.elf"));
    const struct image_section section = *image_find_section(whole, ".gnu_debugdata");
    image_close(whole);
    size_t refused = 0;
    for (uint64_t i = 0; i < section.size; i++) {
        bytes.data[section.offset + i] ^= 0x55;
        _cleanup_(image_closep) struct image *image = open_bytes(bytes.data, bytes.size);
        struct image *mini = NULL;
        struct error *error = debug_file_open_mini(image, &mini);
        refused += error != NULL;
        error_destroy(error);
        image_close(mini);
        bytes.data[section.offset + i] ^= 0x55;
    }
    /* xz keeps a checksum of everything. */
    ck_assert_uint_eq(refused, section.size);
}
END_TEST

/* ---- separate files ---- */

static char root[] = "/tmp/heaptop-debug-XXXXXX";

static void make_folder(const char *path)
{
    char whole[4096];
    snprintf(whole, sizeof(whole), "%s%s", root, path);
    for (char *slash = whole + strlen(root); (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        mkdir(whole, 0700);
        *slash = '/';
    }
}

static void put_file(const char *path, const char *fixture)
{
    char whole[4096];
    _cleanup_bytes_ struct bytes bytes = bytes_of(fixture);
    make_folder(path);
    snprintf(whole, sizeof(whole), "%s%s", root, path);
    FILE *file = fopen(whole, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    fclose(file);
}

static void remove_file(const char *path)
{
    char whole[4096];
    snprintf(whole, sizeof(whole), "%s%s", root, path);
    ck_assert_int_eq(unlink(whole), 0);
    /* And the folders that it alone was in. */
    for (char *slash; (slash = strrchr(whole, '/')) && slash > whole + strlen(root);) {
        *slash = '\0';
        rmdir(whole);
    }
}

/* Whether the debug file is found once it lies there. */
static bool is_found_at(const char *path, const char *image_fixture, const char *debug_fixture, const char *image_path)
{
    const char *const roots[] = {"/nonexistent", root};
    char cache[4096];
    snprintf(cache, sizeof(cache), "%s/cache", root);
    const struct debug_places places = {.roots = roots, .num_roots = ARRAY_SIZE(roots), .cache = cache};
    _cleanup_(image_closep) struct image *image = open_fixture(image_fixture);
    _cleanup_(image_closep) struct image *debug = NULL;
    ck_error(debug_file_open(image, image_path, &places, &debug), ERROR_NOT_FOUND);
    put_file(path, debug_fixture);
    struct error *error = debug_file_open(image, image_path, &places, &debug);
    remove_file(path);
    if (error) {
        ck_error(error, ERROR_NOT_FOUND);
        return false;
    }
    /* Without a build id everything lies elsewhere. */
    if (image_build_id(debug)[0])
        check_functions(debug, true);
    return true;
}

START_TEST(separate_files_are_found)
{
    ck_assert_ptr_nonnull(mkdtemp(root));
    char by_id[256], cached[256];
    struct image *image = open_fixture(FIXTURE("functions-stripped.elf"));
    const char *id = image_build_id(image);
    snprintf(by_id, sizeof(by_id), "/usr/lib/debug/.build-id/%.2s/%s.debug", id, id + 2);
    snprintf(cached, sizeof(cached), "/cache/%s/debuginfo", id);
    image_close(image);
    const char *stripped = FIXTURE("functions-stripped.elf"), *debug = FIXTURE("functions.debug");
    const char *unnamed = FIXTURE("functions-unnamed-stripped.elf"),
               *unnamed_debug = FIXTURE("functions-unnamed.debug");
    ck_assert(is_found_at(by_id, stripped, debug, NULL));
    ck_assert(is_found_at("/usr/bin/functions.debug", stripped, debug, "/usr/bin/tool"));
    ck_assert(is_found_at("/usr/bin/.debug/functions.debug", stripped, debug, "/usr/bin/tool"));
    ck_assert(is_found_at("/usr/lib/debug/usr/bin/functions.debug", stripped, debug, "/usr/bin/tool"));
    ck_assert(!is_found_at("/usr/lib/debug/usr/sbin/functions.debug", stripped, debug, "/usr/bin/tool"));
    ck_assert(!is_found_at("/usr/bin/functions.debug", stripped, debug, NULL));
    /* Another build's: by its id, by the checksum where there is none. */
    ck_assert(!is_found_at(by_id, stripped, unnamed_debug, NULL));
    ck_assert(is_found_at(cached, stripped, debug, NULL));
    ck_assert(!is_found_at(cached, stripped, unnamed_debug, NULL));
    ck_assert(is_found_at("/bin/functions-unnamed.debug", unnamed, unnamed_debug, "/bin/tool"));
    ck_assert(!is_found_at("/bin/functions-unnamed.debug", unnamed, debug, "/bin/tool"));
    /* What has no symbols is of no use. */
    ck_assert(!is_found_at("/usr/bin/functions.debug", stripped, stripped, "/usr/bin/tool"));
    ck_assert_int_eq(rmdir(root), 0);
}
END_TEST

/* ---- names ---- */

START_TEST(names_are_demangled)
{
    static const struct {
        const char *symbol, *name;
    } rows[] = {
        {"main", "main"},
        {"pthread_cond_wait@@GLIBC_2.3.2", "pthread_cond_wait"},
        {"read@GLIBC_2.2.5", "read"},
        {"@", "@"},
        {"", ""},
        {"_ZN6parked6WorkerIlE7recurseEl", "parked::Worker<long>::recurse(long)"},
        {"_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int, std::allocator<int> >::push_back(int const&)"},
        {"_ZZN3foo3barEvENKUlvE_clEv", "foo::bar()::{lambda()#1}::operator()() const"},
        {"_Z", "_Z"},
        {"_ZN", "_ZN"},
        {"_R", "_R"},
        /* Rust, legacy and v0 (the examples of RFC 2603). */
        {"_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "core::fmt::Write::write_fmt"},
        {"_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar17h930b740aa94f1d3aE",
         "<Test + 'static as foo::Bar<Test>>::bar"},
        {"_RNvCs4fqI2P2rA04_13const_generic3foo", "const_generic::foo"},
        {"_RNvMsr_NtCs3ssYzQotkvD_3std4pathNtB5_7PathBuf3newCs15kBYyAo9fc_7mycrate", "<std::path::PathBuf>::new"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_free_ char *name = demangle(rows[i].symbol);
        ck_assert_str_eq(name, rows[i].name);
    }
    /* Too long to be looked into: as it is. */
    _cleanup_free_ char *symbol = malloc(10001);
    memset(symbol, 'x', 10000);
    memcpy(symbol, "_Z9990", 6);
    symbol[10000] = '\0';
    _cleanup_free_ char *name = demangle(symbol);
    ck_assert_str_eq(name, symbol);
}
END_TEST

/* Each level means the one before twice: 2^40 names of it. */
START_TEST(a_name_without_end_is_cut)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char cpp[4000] = "_Z1f1pIiiES_IS0_S0_E", rust[4000] = "_RIC1aTllE";
    size_t before = strlen("IC1a");
    for (size_t level = 1; level < 40; level++) {
        char number[] = {letters[level % 36 / 10 ? 36 + level % 36 - 10 : level % 36], '\0'};
        const char *more = level < 36 ? "" : "1";
        sprintf(cpp + strlen(cpp), "S_IS%s%s_S%s%s_E", more, number, more, number);
        /* Positions from behind "_R" on, in base 62 and one less. */
        size_t here = strlen(rust) - 2;
        char place[] = {letters[(before - 1) / 62], letters[(before - 1) % 62], '_', '\0'};
        const char *digits = before > 62 ? place : place + 1;
        sprintf(rust + strlen(rust), "TB%sB%sE", digits, digits);
        before = here;
    }
    strcat(rust, "E");
    _cleanup_free_ char *name = demangle(cpp);
    ck_assert_uint_eq(strlen(name), 16000);
    ck_assert_int_eq(strncmp(name, "f(p<int, int>, p<p<int, int>, p<int, int> >, p<p<p<int, int>", 60), 0);
    _cleanup_free_ char *other = demangle(rust);
    ck_assert_uint_eq(strlen(other), 16000);
    ck_assert_int_eq(strncmp(other, "a::<(i32, i32), ((i32, i32), (i32, i32)), (((i32, i32)", 54), 0);
}
END_TEST

int main(void)
{
    return RUN_TESTS("functions", functions_are_found, mini_debug_info_is_unpacked,
                     damaged_mini_debug_info_is_refused, separate_files_are_found, names_are_demangled,
                     a_name_without_end_is_cut);
}
