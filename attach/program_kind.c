#include "attach/program_kind.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach/malloc/allocator.h"
#include "attach/process_stat.h"
#include "attach/procfs.h"
#include "attach/target_file.h"
#include "heaptop/attach.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

/* How far words are looked for: names of symbols come to a megabyte in the largest of programs; constants are bounded
 * for the time that a look may take, and hold what is looked for near their front or not far behind. */
#define NAMES_LIMIT (UINT64_C(4) << 20)
#define CONSTANTS_LIMIT (UINT64_C(8) << 20)
#define LONGEST_CONSTANT 32
/* A dynamic linker is done by then. */
#define YOUNG_NS (2 * CLOCK_SECOND_NS)
/* Processes and files remembered; beyond, all is forgotten and found anew. */
#define KINDS_MAX 65536u
/* The release file of a JDK lies at most so many folders above libjvm.so (8: jre/lib/amd64/server). */
#define JDK_DEPTH 5
#define RELEASE_SIZE 4096

/* ---- the executable ---- */

/* Words in .dynstr: what a program imports or exports. */
enum name_text {
    /* Called by the interpreter's own main (Programs/python.c), not by who embeds it: in 3.8 and newer, 3.7, older. */
    NAME_PYTHON_MAIN,
    NAME_PYTHON_MAIN_3_7,
    NAME_PYTHON_MAIN_OLD,
    NAME_NODE,              /* Exported by node for its addons (src/node.h). */
    NAME_GLIBCXX,           /* Versions of libstdc++'s symbols. */
    NAME_LIBCXX,
    NAME_COUNT
};

static const char *const name_texts[NAME_COUNT] = {
    [NAME_PYTHON_MAIN] = "Py_BytesMain",
    [NAME_PYTHON_MAIN_3_7] = "_Py_UnixMain",
    [NAME_PYTHON_MAIN_OLD] = "Py_Main",
    [NAME_NODE] = "node_module_register",
    [NAME_GLIBCXX] = "GLIBCXX_3.4",
    [NAME_LIBCXX] = "libc++.so.1",
};

/* Words in .rodata, which no stripping takes away: messages of allocators that are linked in, names of Rust's library
 * in panics. */
enum constant_text {
    CONSTANT_RUSTC,         /* Where rustup's and the distribution's standard library was compiled. */
    CONSTANT_RUSTC_PACKAGED,
    CONSTANT_JEMALLOC,      /* src/malloc_io.c, src/jemalloc.c, 3.0 to 5.3. */
    CONSTANT_MIMALLOC,      /* src/options.c, 1.0 to 2.1. */
    CONSTANT_TCMALLOC,      /* gperftools src/tcmalloc.cc, Google's tcmalloc/tcmalloc.cc. */
    CONSTANT_MUSL,          /* src/errno/__strerror.h: no other library words it so. */
    CONSTANT_GLIBC,         /* malloc/malloc.c, 2.27 and newer. */
    CONSTANT_COUNT
};

/* The first letter by itself: or heaptop, which has these words among its own constants, would be taken for all of
 * that. */
static const struct {
    char first;
    const char *rest;
} constant_texts[CONSTANT_COUNT] = {
    [CONSTANT_RUSTC] = {'/', "rustc/"},
    [CONSTANT_RUSTC_PACKAGED] = {'/', "rustc-1."},
    [CONSTANT_JEMALLOC] = {'<', "jemalloc>: "},
    [CONSTANT_MIMALLOC] = {'m', "imalloc: "},
    [CONSTANT_TCMALLOC] = {'t', "cmalloc: large alloc"},
    [CONSTANT_MUSL] = {'N', "o error information"},
    [CONSTANT_GLIBC] = {'m', "alloc(): corrupted top size"},
};

static void find_constants(struct image *image, bool *ret_found)
{
    char words[CONSTANT_COUNT][LONGEST_CONSTANT];
    const char *texts[CONSTANT_COUNT];
    for (size_t i = 0; i < CONSTANT_COUNT; i++) {
        snprintf(words[i], sizeof(words[i]), "%c%s", constant_texts[i].first, constant_texts[i].rest);
        texts[i] = words[i];
    }
    error_destroy(image_find_texts(image, ".rodata", CONSTANTS_LIMIT, texts, CONSTANT_COUNT, ret_found));
}

static void set_kind(struct program_kind *kind, enum program_runtime runtime, const char *name)
{
    kind->runtime = runtime;
    snprintf(kind->name, sizeof(kind->name), "%s", name);
}

/* Where there are sections, those of Go tell; only without them is it worth a search. */
static bool is_go(struct image *image, struct program_kind *kind)
{
    bool has_table = image_find_section(image, ".gopclntab");
    if (image_has_sections(image) && !has_table && !image_find_section(image, ".go.buildinfo"))
        return false;
    struct go_build_info info = {0};
    struct text version = {0};
    struct error *error = image_read_go_build_info(image, &info);
    bool is_known = !error;
    error_destroy(error);
    /* Only the version: experiments may follow it. */
    if (is_known && info.version)
        text_append_escaped(&version, info.version, strcspn(info.version, " "));
    if (is_known || has_table)
        set_kind(kind, RUNTIME_GO, version.length > 0 && !version.failed ? version.data : "go");
    text_deinit(&version);
    go_build_info_deinit(&info);
    return is_known || has_table;
}

/* "3.11" of "python3.11" and "libpython3.11.so.1.0"; "" where none follows. */
static void set_python(struct program_kind *kind, const char *name, size_t length)
{
    static const char prefix[] = "python";
    const char *found = memmem(name, length, prefix, strlen(prefix)), *start = found ? found + strlen(prefix) : NULL;
    size_t digits = 0, left = start ? length - (size_t)(start - name) : 0;
    while (digits < left &&
           ((start[digits] >= '0' && start[digits] <= '9') ||
            (start[digits] == '.' && digits + 1 < left && start[digits + 1] >= '0' && start[digits + 1] <= '9')))
        digits++;
    kind->runtime = RUNTIME_CPYTHON;
    if (digits > 1 && digits < 8)
        snprintf(kind->name, sizeof(kind->name), "CPython %.*s", (int)digits, start);
    else if (kind->name[0] == '\0')
        set_kind(kind, RUNTIME_CPYTHON, "CPython");
}

struct program_kind program_kind_of_image(struct image *image, const char *name)
{
    struct program_kind kind = {.allocator = ""};
    bool names[NAME_COUNT], constants[CONSTANT_COUNT];
    if (is_go(image, &kind)) {
        kind.allocator = "Go";
        return kind;
    }
    error_destroy(image_find_texts(image, ".dynstr", NAMES_LIMIT, name_texts, NAME_COUNT, names));
    find_constants(image, constants);
    bool is_dynamic = image_find_section(image, ".dynstr");
    if (constants[CONSTANT_JEMALLOC])
        kind.allocator = "jemalloc";
    else if (constants[CONSTANT_TCMALLOC])
        kind.allocator = "tcmalloc";
    else if (constants[CONSTANT_MIMALLOC])
        kind.allocator = "mimalloc";
    else if (constants[CONSTANT_GLIBC])
        kind.allocator = "glibc";
    else if (constants[CONSTANT_MUSL])
        kind.allocator = "musl";

    if (names[NAME_PYTHON_MAIN] || names[NAME_PYTHON_MAIN_3_7] || names[NAME_PYTHON_MAIN_OLD])
        set_python(&kind, name, strlen(name));
    else if (names[NAME_NODE])
        set_kind(&kind, RUNTIME_NODE, "node");
    else if (constants[CONSTANT_RUSTC] || constants[CONSTANT_RUSTC_PACKAGED])
        set_kind(&kind, RUNTIME_RUST, "Rust");
    else if (names[NAME_GLIBCXX] || names[NAME_LIBCXX])
        set_kind(&kind, RUNTIME_CPP, "C++");
    else if (is_dynamic)
        set_kind(&kind, RUNTIME_C, "C");
    else
        set_kind(&kind, RUNTIME_UNKNOWN, "native");
    return kind;
}

/* ---- what is mapped ---- */

/* The value of JAVA_VERSION="..." in the release file above libjvm.so (JEP 223; since JDK 7), escaped. */
static bool read_java_version(int folder, const char *library, size_t length, struct text *version)
{
    static const char key[] = "JAVA_VERSION=\"";
    char path[PATH_MAX], text[RELEASE_SIZE + 1];
    if (length + sizeof("/release") > sizeof(path))
        return false;
    memcpy(path, library, length);
    for (int depth = 0; depth <= JDK_DEPTH; depth++) {
        const char *slash = memrchr(path, '/', length);
        if (!slash)
            return false;
        length = (size_t)(slash - path);
        memcpy(path + length, "/release", sizeof("/release"));
        _cleanup_close_ int descriptor = -1;
        struct error *error = target_file_open(folder, path, &descriptor);
        error_destroy(error);
        ssize_t count = error ? -1 : pread(descriptor, text, RELEASE_SIZE, 0);
        text[count > 0 ? count : 0] = '\0';
        const char *found = strstr(text, key);
        if (found) {
            found += strlen(key);
            text_append_escaped(version, found, strcspn(found, "\"\n"));
            return version->length > 0;
        }
    }
    return false;
}

static void set_java(struct program_kind *kind, int folder, const char *library, size_t length)
{
    struct text version = {0};
    set_kind(kind, RUNTIME_JVM, "JVM");
    if (read_java_version(folder, library, length, &version) && !version.failed)
        snprintf(kind->name, sizeof(kind->name), "JVM %.24s", version.data);
    text_deinit(&version);
}

void program_kind_add_maps(struct program_kind *kind, int folder, const struct maps *maps)
{
    static const char *const names[] = {
        [ALLOCATOR_UNKNOWN] = "",          [ALLOCATOR_GLIBC] = "glibc",       [ALLOCATOR_MUSL] = "musl",
        [ALLOCATOR_JEMALLOC] = "jemalloc", [ALLOCATOR_TCMALLOC] = "tcmalloc", [ALLOCATOR_MIMALLOC] = "mimalloc"};
    static const char *const beside_go[] = {[ALLOCATOR_UNKNOWN] = "Go",           [ALLOCATOR_GLIBC] = "Go+glibc",
                                            [ALLOCATOR_MUSL] = "Go+musl",         [ALLOCATOR_JEMALLOC] = "Go+jemalloc",
                                            [ALLOCATOR_TCMALLOC] = "Go+tcmalloc", [ALLOCATOR_MIMALLOC] = "Go+mimalloc"};
    struct allocator allocator = allocator_of(maps);
    if (kind->runtime == RUNTIME_GO) {
        kind->allocator = beside_go[allocator.kind];
        return;
    }
    /* One that is linked in goes before the C library's. */
    bool is_own = allocator.kind != ALLOCATOR_GLIBC && allocator.kind != ALLOCATOR_MUSL;
    if (allocator.kind != ALLOCATOR_UNKNOWN && (is_own || kind->allocator[0] == '\0'))
        kind->allocator = names[allocator.kind];
    const struct map_line *java = maps_find_file(maps, "libjvm.so");
    const struct map_line *python = kind->runtime == RUNTIME_CPYTHON ? maps_find_file(maps, "libpython") : NULL;
    if (java)
        set_java(kind, folder, map_line_name(maps, java), java->name_length);
    else if (python)
        set_python(kind, map_line_name(maps, python), python->name_length);
}

/* ---- remembered ---- */

struct program_kinds {
    struct table files, processes;              /* Hashes of what identifies them -> index + 1; 0: not found out. */
    VECTOR(struct program_kind) items;
};

struct error *program_kinds_create(struct program_kinds **ret_kinds)
{
    struct program_kinds *kinds = calloc(1, sizeof(*kinds));
    if (!kinds)
        return error_no_memory();
    table_init(&kinds->files);
    table_init(&kinds->processes);
    *ret_kinds = kinds;
    return NULL;
}

void program_kinds_destroy(struct program_kinds *kinds)
{
    if (!kinds)
        return;
    table_deinit(&kinds->files);
    table_deinit(&kinds->processes);
    vector_deinit(&kinds->items);
    free(kinds);
}

static const struct program_kind *recall(const struct program_kinds *kinds, const struct table *table, uint64_t key)
{
    const uint64_t *index = table_find(table, key);
    return index && *index > 0 ? &kinds->items.items[*index - 1] : NULL;
}

static void remember(struct program_kinds *kinds, struct table *table, uint64_t key, const struct program_kind *kind)
{
    if (kinds->items.count >= KINDS_MAX) {
        table_clear(&kinds->files);
        table_clear(&kinds->processes);
        kinds->items.count = 0;
    }
    uint64_t *index = table_insert(table, key, NULL);
    if (index)
        *index = vector_append(&kinds->items, *kind) ? kinds->items.count : 0;
}

/* False when the executable may not be opened. */
static bool look_at_file(struct program_kinds *kinds, int folder, uint64_t key, struct program_kind *ret_kind)
{
    const struct program_kind *known = recall(kinds, &kinds->files, key);
    if (known) {
        *ret_kind = *known;
        return true;
    }
    _cleanup_close_ int descriptor = openat(folder, "exe", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    char link[PATH_MAX] = "";
    error_destroy(procfs_read_link(folder, "exe", link, sizeof(link)));
    const char *slash = strrchr(link, '/');
    struct image *image;
    struct program_kind kind = {.allocator = ""};
    struct error *error = image_open(take_descriptor(descriptor), "exe", &image);
    set_kind(&kind, RUNTIME_UNKNOWN, "native");
    if (!error) {
        kind = program_kind_of_image(image, slash ? slash + 1 : link);
        image_close(image);
    }
    error_destroy(error);
    remember(kinds, &kinds->files, key, &kind);
    *ret_kind = kind;
    return true;
}

enum program_kind_found program_kinds_find(struct program_kinds *kinds, int folder, pid_t pid, uint64_t start_ticks,
                                           uint64_t deadline_ns, struct program_kind *ret_kind)
{
    struct stat status;
    if (fstatat(folder, "exe", &status, 0) != 0)
        return KIND_HIDDEN;
    const uint64_t identity[] = {status.st_dev, status.st_ino, (uint64_t)pid, start_ticks};
    uint64_t file = table_hash_bytes(identity, 2 * sizeof(*identity), 0),
             process = table_hash_bytes(identity, sizeof(identity), 0);
    const struct program_kind *known = recall(kinds, &kinds->processes, process);
    if (known) {
        *ret_kind = *known;
        return KIND_FOUND;
    }
    if (clock_ns(CLOCK_MONOTONIC) >= deadline_ns)
        return KIND_POSTPONED;
    struct program_kind kind;
    struct maps maps;
    if (!look_at_file(kinds, folder, file, &kind))
        return KIND_HIDDEN;
    struct error *error = maps_read(folder, &maps);
    if (!error) {
        program_kind_add_maps(&kind, folder, &maps);
        maps_deinit(&maps);
    }
    error_destroy(error);
    if (clock_ns(CLOCK_BOOTTIME) - process_ticks_to_ns(start_ticks) >= YOUNG_NS)
        remember(kinds, &kinds->processes, process, &kind);
    *ret_kind = kind;
    return KIND_FOUND;
}
