/* Runtimes and allocators told by what stands in executables and is mapped. */
#include "attach/program_kind.h"

#include <elf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "heaptop/attach.h"
#include "heaptop/base/clock.h"
#include "symbols/file_cache.h"
#include "unit/attach/fixture.h"
#include "unit/symbols/fixture.h"

#define MAX_FILE ((size_t)16 << 20)

/* An ELF file of two sections, .dynstr and .rodata (either NULL: there is none), and their names. */
static struct image *make_image(const char *names, const void *constants, size_t size)
{
    static const char section_names[] = "\0.dynstr\0.rodata\0.shstrtab";
    uint8_t *file = calloc(1, MAX_FILE);
    ck_assert_ptr_nonnull(file);
    Elf64_Shdr sections[4] = {0};
    size_t at = sizeof(Elf64_Ehdr), count = 1;
    if (names) {
        sections[count++] =
            (Elf64_Shdr){.sh_name = 1, .sh_type = SHT_STRTAB, .sh_offset = at, .sh_size = strlen(names) + 1};
        memcpy(file + at, names, strlen(names));
        at += strlen(names) + 1;
    }
    if (constants) {
        sections[count++] = (Elf64_Shdr){.sh_name = 9, .sh_type = SHT_PROGBITS, .sh_offset = at, .sh_size = size};
        memcpy(file + at, constants, size);
        at += size;
    }
    sections[count++] =
        (Elf64_Shdr){.sh_name = 17, .sh_type = SHT_STRTAB, .sh_offset = at, .sh_size = sizeof(section_names)};
    memcpy(file + at, section_names, sizeof(section_names));
    at += sizeof(section_names);
    Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                         .e_type = ET_DYN, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_ehsize = sizeof(header),
                         .e_shoff = at, .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = (uint16_t)count,
                         .e_shstrndx = (uint16_t)(count - 1)};
    memcpy(file, &header, sizeof(header));
    memcpy(file + at, sections, count * sizeof(*sections));
    at += count * sizeof(*sections);
    struct image *image;
    ck_no_error(image_open(file_of(file, at), "made", &image));
    free(file);
    return image;
}

static struct program_kind kind_of(const char *names, const char *constants, const char *file_name)
{
    struct image *image = make_image(names, constants, constants ? strlen(constants) : 0);
    struct program_kind kind = program_kind_of_image(image, file_name);
    image_close(image);
    return kind;
}

START_TEST(executables_tell_languages_and_what_is_linked_in)
{
    static const struct {
        const char *names, *constants, *file;
        enum program_runtime runtime;
        const char *name, *allocator;
    } rows[] = {
        {"malloc", "hello", "server", RUNTIME_C, "C", ""},
        {"malloc.GLIBCXX_3.4", "hello", "server", RUNTIME_CPP, "C++", ""},
        {"malloc.libc++.so.1", NULL, "server", RUNTIME_CPP, "C++", ""},
        {"malloc", "at /rustc/90b35a623/library/core/src/str.rs", "rg", RUNTIME_RUST, "Rust", ""},
        {"malloc", "at /usr/src/rustc-1.63.0/library/core/src/str.rs", "rg", RUNTIME_RUST, "Rust", ""},
        {NULL, "/rustc/90b No error information", "tool", RUNTIME_RUST, "Rust", "musl"},
        {NULL, NULL, "tool", RUNTIME_UNKNOWN, "native", ""},
        {NULL, "malloc(): corrupted top size", "tool", RUNTIME_UNKNOWN, "native", "glibc"},
        {"malloc", "<jemalloc>: Error", "redis", RUNTIME_C, "C", "jemalloc"},
        {"malloc", "tcmalloc: large alloc %lld", "mongod", RUNTIME_C, "C", "tcmalloc"},
        {"malloc", "mimalloc: warning", "lean", RUNTIME_C, "C", "mimalloc"},
        {"Py_BytesMain", NULL, "python3.12", RUNTIME_CPYTHON, "CPython 3.12", ""},
        {"Py_BytesMain", NULL, "python3", RUNTIME_CPYTHON, "CPython", ""},
        {"_Py_UnixMain", NULL, "python3.7", RUNTIME_CPYTHON, "CPython 3.7", ""},
        {"Py_Main", NULL, "python2.7", RUNTIME_CPYTHON, "CPython 2.7", ""},
        {"Py_BytesMain", NULL, "uwsgi", RUNTIME_CPYTHON, "CPython", ""},
        {"Py_BytesMain", NULL, "python1.2.3.4.5.6.7.8.9", RUNTIME_CPYTHON, "CPython", ""},
        /* That only embeds it is what it is. */
        {"Py_Initialize.GLIBCXX_3.4", NULL, "gdb", RUNTIME_CPP, "C++", ""},
        {"node_module_register.GLIBCXX_3.4", NULL, "node", RUNTIME_NODE, "node", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct program_kind kind = kind_of(rows[i].names, rows[i].constants, rows[i].file);
        ck_assert_msg(kind.runtime == rows[i].runtime && strcmp(kind.name, rows[i].name) == 0 &&
                          strcmp(kind.allocator, rows[i].allocator) == 0,
                      "row %zu: %s, %s", i, kind.name, kind.allocator);
    }
}
END_TEST

START_TEST(words_are_found_wherever_they_stand)
{
    static const char word[] = "<jemalloc>: ";
    const size_t size = (size_t)12 << 20, limit = (size_t)8 << 20;
    const struct {
        size_t at;
        bool is_found;
    } rows[] = {{0, true}, {FILE_STREAM_WINDOW - 5, true}, {2 * FILE_STREAM_WINDOW - strlen(word), true},
                {2 * FILE_STREAM_WINDOW, true}, {limit - strlen(word), true},
                {limit - strlen(word) + 1, false}, {size - strlen(word), false}};
    char *constants = calloc(1, size);
    ck_assert_ptr_nonnull(constants);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        memset(constants, 'j', size);
        memcpy(constants + rows[i].at, word, strlen(word));
        struct image *image = make_image("malloc", constants, size);
        const char *const texts[] = {"nowhere", word};
        bool found[2];
        ck_no_error(image_find_texts(image, ".rodata", limit, texts, 2, found));
        ck_assert(!found[0]);
        ck_assert_msg(found[1] == rows[i].is_found, "at %zu", rows[i].at);
        ck_no_error(image_find_texts(image, ".data", limit, texts, 2, found));
        ck_assert(!found[1]);
        image_close(image);
    }
    free(constants);
}
END_TEST

#define CODE(file) "7f10000000-7f10100000 r-xp 00028000 fe:01 11 " file "\n"

static struct program_kind with_maps(struct program_kind kind, int folder, const char *lines)
{
    struct text text = {0};
    struct maps maps;
    text_append(&text, lines);
    ck_no_error(maps_parse(&text, &maps));
    program_kind_add_maps(&kind, folder, &maps);
    maps_deinit(&maps);
    return kind;
}

START_TEST(mappings_tell_the_rest)
{
    static const struct {
        struct program_kind before;
        const char *maps, *name, *allocator;
    } rows[] = {
        {{RUNTIME_C, "C", ""}, CODE("/usr/lib/libc.so.6"), "C", "glibc"},
        {{RUNTIME_C, "C", "jemalloc"}, CODE("/usr/lib/libc.so.6"), "C", "jemalloc"},
        {{RUNTIME_C, "C", "jemalloc"}, CODE("/usr/lib/libtcmalloc.so.4") CODE("/usr/lib/libc.so.6"), "C", "tcmalloc"},
        {{RUNTIME_RUST, "Rust", "musl"}, CODE("/usr/bin/tool"), "Rust", "musl"},
        {{RUNTIME_GO, "go1.24.4", "Go"}, CODE("/usr/bin/etcd"), "go1.24.4", "Go"},
        {{RUNTIME_GO, "go1.24.4", "Go"}, CODE("/usr/lib/libc.so.6"), "go1.24.4", "Go+glibc"},
        {{RUNTIME_CPYTHON, "CPython", ""}, CODE("/usr/lib/libpython3.13.so.1.0"), "CPython 3.13", ""},
        {{RUNTIME_CPYTHON, "CPython 3.12", ""}, CODE("/usr/lib/libc.so.6"), "CPython 3.12", "glibc"},
        {{RUNTIME_CPP, "C++", ""}, CODE("/usr/lib/libpython3.13.so.1.0"), "C++", ""},
        {{RUNTIME_C, "C", ""}, CODE("/nowhere/lib/server/libjvm.so"), "JVM", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct program_kind kind = with_maps(rows[i].before, -1, rows[i].maps);
        ck_assert_msg(strcmp(kind.name, rows[i].name) == 0 && strcmp(kind.allocator, rows[i].allocator) == 0,
                      "row %zu: %s, %s", i, kind.name, kind.allocator);
    }
}
END_TEST

/* In a folder that stands for /proc/PID, whose root is `root`. */
START_TEST(a_jvm_is_versioned_by_its_release_file)
{
    char folder[] = "/tmp/heaptop-kind-XXXXXX", path[128], release[256];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    const char *const folders[] = {"root", "root/jdk", "root/jdk/lib", "root/jdk/lib/server"};
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, folders[i]);
        ck_assert_int_eq(mkdir(path, 0700), 0);
    }
    snprintf(release, sizeof(release), "%s/root/jdk/release", folder);
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    static const struct {
        const char *text, *name;
    } rows[] = {{"IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"17.0.15\"\n", "JVM 17.0.15"},
                {"JAVA_VERSION=\"1.8.0_392\"", "JVM 1.8.0_392"},
                {"JAVA_VERSION=\"17\033[31m\"", "JVM 17\\x1b[31m"},
                {"JAVA_VERSION=\"1234567890123456789012345678901234567890\"", "JVM 123456789012345678901234"},
                {"JAVA_VERSION=\"\"", "JVM"},
                {"", "JVM"}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        FILE *file = fopen(release, "w");
        ck_assert_ptr_nonnull(file);
        fputs(rows[i].text, file);
        fclose(file);
        struct program_kind kind =
            with_maps((struct program_kind){RUNTIME_C, "C", ""}, descriptor, CODE("/jdk/lib/server/libjvm.so"));
        ck_assert_str_eq(kind.name, rows[i].name);
        ck_assert_int_eq(kind.runtime, RUNTIME_JVM);
    }
    /* A pipe is not waited for, and a link leads nowhere but within the root. */
    unlink(release);
    ck_assert_int_eq(mkfifo(release, 0600), 0);
    ck_assert_str_eq(
        with_maps((struct program_kind){RUNTIME_C, "C", ""}, descriptor, CODE("/jdk/lib/server/libjvm.so")).name,
        "JVM");
    unlink(release);
    snprintf(path, sizeof(path), "%s/outside", folder);
    FILE *file = fopen(path, "w");
    fputs("JAVA_VERSION=\"6\"\n", file);
    fclose(file);
    ck_assert_int_eq(symlink(path, release), 0);
    ck_assert_str_eq(
        with_maps((struct program_kind){RUNTIME_C, "C", ""}, descriptor, CODE("/jdk/lib/server/libjvm.so")).name,
        "JVM");
    unlink(release);
    unlink(path);
    for (size_t i = ARRAY_SIZE(folders); i-- > 0;) {
        snprintf(path, sizeof(path), "%s/%s", folder, folders[i]);
        rmdir(path);
    }
    rmdir(folder);
    close(descriptor);
}
END_TEST

START_TEST(what_is_known_is_not_looked_at_again_and_time_is_kept)
{
    struct program_kinds *kinds;
    struct program_kind kind;
    int folder = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_no_error(program_kinds_create(&kinds));
    /* No time: nothing is opened. Began at boot: old. */
    ck_assert_int_eq(program_kinds_find(kinds, folder, getpid(), 0, 0, &kind), KIND_POSTPONED);
    ck_assert_int_eq(program_kinds_find(kinds, folder, getpid(), 0, UINT64_MAX, &kind), KIND_FOUND);
    /* This program has the words of the tests above among its constants. */
    ck_assert_str_eq(kind.name, "Rust");
    memset(&kind, 0, sizeof(kind));
    ck_assert_int_eq(program_kinds_find(kinds, folder, getpid(), 0, 0, &kind), KIND_FOUND);
    ck_assert_str_eq(kind.name, "Rust");
    /* Another process, and one that has only begun, of which nothing is kept. */
    ck_assert_int_eq(program_kinds_find(kinds, folder, getpid() + 1, 0, 0, &kind), KIND_POSTPONED);
    uint64_t now = clock_ns(CLOCK_BOOTTIME) / (CLOCK_SECOND_NS / (uint64_t)sysconf(_SC_CLK_TCK));
    ck_assert_int_eq(program_kinds_find(kinds, folder, getpid(), now, UINT64_MAX, &kind), KIND_FOUND);
    ck_assert_int_eq(program_kinds_find(kinds, folder, getpid(), now, 0, &kind), KIND_POSTPONED);
    program_kinds_destroy(kinds);
    close(folder);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("program_kind");
    TCase *tests = tcase_create("program_kind");
    tcase_add_test(tests, executables_tell_languages_and_what_is_linked_in);
    tcase_add_test(tests, words_are_found_wherever_they_stand);
    tcase_add_test(tests, mappings_tell_the_rest);
    tcase_add_test(tests, a_jvm_is_versioned_by_its_release_file);
    tcase_add_test(tests, what_is_known_is_not_looked_at_again_and_time_is_kept);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
