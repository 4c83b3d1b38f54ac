/* symbols_dump COMMAND FILE ...: what the symbols room reads in a program's file. A developer's tool, and what
 * tests/live/symbols_test holds against other readers. Answers are lines of tab-separated words. info FILE [NAME...]
 * properties, build information, the function table; then the symbols of these names lines FILE reads addresses from
 * stdin: function, file, line and first line of each frame there by DWARF, innermost first, then an empty line
 * functions FILE [TEXT] entry, end, start line and name of every function frames FILE TEXT GOFUNC MINOR reads
 * addresses from stdin: the frames of each, innermost first, then an empty line deltas FILE TEXT reads addresses from
 * stdin: the stack delta of each time FILE TEXT GOFUNC NAME... CPU time of opening, finding the names, and 8,000
 * lookups of frames TEXT and GOFUNC are moduledata's, in hex; 0 leaves the header's, or none. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/symbols.h"

#define TIMED_LOOKUPS 8000

DEFINE_CLEANUP(struct image *, image_close)
DEFINE_CLEANUP(struct pclntab *, pclntab_close)
DEFINE_CLEANUP(struct source_lines *, source_lines_close)

static int fail(struct error *error)
{
    fprintf(stderr, "symbols_dump: %s\n", error->message);
    error_destroy(error);
    return 1;
}

/* CPU time, which other load on the machine hardly changes. */
static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct error *open_image(const char *path, struct image **ret_image)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return error_from_errno(errno, "cannot open '%s'", path);
    return image_open(descriptor, path, ret_image);
}

static int print_info(struct image *image, char **names, size_t count)
{
    printf("pie\t%d\nsections\t%d\nsymtab\t%d\ndwarf\t%d\nbuild_id\t%s\n", image_is_position_independent(image),
           image_has_sections(image), image_has_symtab(image), image_has_dwarf(image), image_build_id(image));
    struct go_build_info info __attribute__((cleanup(go_build_info_deinit))) = {0};
    _cleanup_error_ struct error *info_error = image_read_go_build_info(image, &info);
    printf("go\t%s\npath\t%s\nmodule\t%s\n", info.version ? info.version : "-", info.main_path ? info.main_path : "-",
           info.main_module ? info.main_module : "-");
    _cleanup_(pclntab_closep) struct pclntab *table = NULL;
    _cleanup_error_ struct error *table_error = pclntab_open(image, &table);
    if (table)
        printf("pclntab\t%" PRIx64 "\t%x\t%u\t%" PRIx64 "\n", pclntab_address(table), pclntab_version(table),
               pclntab_function_count(table), pclntab_text_start(table));
    _cleanup_free_ struct image_symbol *symbols = calloc(count + 1, sizeof(*symbols));
    if (!symbols)
        return fail(error_no_memory());
    for (size_t i = 0; i < count; i++)
        symbols[i].name = names[i];
    struct error *error = image_find_symbols(image, symbols, count);
    if (error)
        return fail(error);
    for (size_t i = 0; i < count; i++)
        if (symbols[i].source != SYMBOL_MISSING)
            printf("symbol\t%s\t%" PRIx64 "\t%" PRIu64 "\t%s\n", symbols[i].name, symbols[i].address, symbols[i].size,
                   symbols[i].source == SYMBOL_SYMTAB ? "symtab" : "dynsym");
    return 0;
}

/* Walks from function to function: each one's end is the next one's entry. */
static int print_functions(struct pclntab *table)
{
    uint64_t address = pclntab_text_start(table);
    for (uint32_t i = 0; i < pclntab_function_count(table); i++) {
        struct go_function function;
        struct error *error = pclntab_find_function(table, address, &function);
        if (error)
            return fail(error);
        printf("%" PRIx64 "\t%" PRIx64 "\t%u\t%s\n", function.entry, function.end, function.start_line, function.name);
        address = function.end;
        if (function.index + 1 == pclntab_function_count(table))
            break;
    }
    return 0;
}

static int print_frames(struct pclntab *table)
{
    uint64_t address;
    while (scanf("%" SCNx64, &address) == 1) {
        struct go_frame frames[PCLNTAB_MAX_INLINE_DEPTH];
        size_t count = 0;
        _cleanup_error_ struct error *error = pclntab_find_frames(table, address, frames, ARRAY_SIZE(frames), &count);
        for (size_t i = 0; i < count; i++)
            printf("%s\t%s\t%u\t%u\t%" PRIx64 "\t%d\t%d\n", frames[i].function, frames[i].file ? frames[i].file : "?",
                   frames[i].line, frames[i].start_line, frames[i].entry, frames[i].is_inlined, frames[i].is_wrapper);
        putchar('\n');
    }
    return 0;
}

static int print_deltas(struct pclntab *table)
{
    uint64_t address;
    while (scanf("%" SCNx64, &address) == 1) {
        int32_t delta;
        _cleanup_error_ struct error *error = pclntab_find_stack_delta(table, address, &delta);
        if (error)
            puts("-");
        else
            printf("%d\n", delta);
    }
    return 0;
}

/* Of the file itself, or of its separate debug file. */
static int print_lines(struct image *image)
{
    static const char *const roots[] = {""};
    static const struct debug_places places = {.roots = roots, .num_roots = 1};
    _cleanup_(image_closep) struct image *debug = NULL, *supplement = NULL;
    _cleanup_(source_lines_closep) struct source_lines *lines = NULL;
    struct source_frame frames[SOURCE_LINES_MAX_INLINED];
    uint64_t address;
    size_t count;
    _cleanup_error_ struct error *missing =
        image_has_dwarf(image) ? NULL : debug_file_open(image, image_path(image), &places, &debug);
    struct image *file = debug ? debug : image;
    _cleanup_error_ struct error *whole = debug_file_open_supplement(file, &places, &supplement);
    double start = milliseconds();
    struct error *error =
        source_lines_open(image_descriptor(file), supplement ? image_descriptor(supplement) : -1, &lines);
    if (error)
        return fail(error);
    double open_time = milliseconds() - start, first_time = 0;
    unsigned long addresses = 0;
    while (scanf("%" SCNx64, &address) == 1) {
        error = source_lines_find(lines, address, frames, &count);
        if (error)
            return fail(error);
        for (size_t i = 0; i < count; i++) {
            const struct source_frame *frame = &frames[i];
            bool is_relative = frame->file && frame->file[0] != '/' && frame->folder;
            printf("%s\t%s%s%s\t%u\t%u\n", frame->function ? frame->function : "?", is_relative ? frame->folder : "",
                   is_relative ? "/" : "", frame->file ? frame->file : "?", frame->line, frame->start_line);
        }
        putchar('\n');
        if (addresses++ == 0)
            first_time = milliseconds() - start - open_time;
    }
    fprintf(stderr, "open_ms %.2f  first_ms %.2f  others_ms %.2f  addresses %lu\n", open_time, first_time,
            milliseconds() - start - open_time - first_time, addresses);
    return 0;
}

static void print_peak_memory(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    while (status && fgets(line, sizeof(line), status))
        if (strncmp(line, "VmHWM:", 6) == 0)
            printf("peak_rss%s", line + 6);
    if (status)
        fclose(status);
}

/* Addresses spread over the code as a heap profile's are: some thousands in some hundred neighbourhoods. */
static int print_times(struct pclntab *table, double open_time, char **names, size_t count)
{
    _cleanup_free_ struct go_function *functions = calloc(count + 1, sizeof(*functions));
    if (!functions)
        return fail(error_no_memory());
    double start = milliseconds();
    struct error *error = pclntab_find_names(table, (const char *const *)names, count, functions);
    if (error)
        return fail(error);
    double names_time = milliseconds() - start;
    size_t named = 0;
    for (size_t i = 0; i < count; i++)
        named += functions[i].name != NULL;

    uint64_t text = pclntab_text_start(table), seed = 1, frames_found = 0;
    struct go_function last = {0};
    uint64_t low = text, high = text + ((uint64_t)1 << 32);
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        _cleanup_error_ struct error *beyond = pclntab_find_function(table, middle, &last);
        if (beyond)
            high = middle;
        else
            low = middle;
    }
    start = milliseconds();
    for (size_t i = 0; i < TIMED_LOOKUPS; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        struct go_frame frames[PCLNTAB_MAX_INLINE_DEPTH];
        size_t found = 0;
        _cleanup_error_ struct error *missed =
            pclntab_find_frames(table, text + (seed >> 16) % (high - text), frames, ARRAY_SIZE(frames), &found);
        frames_found += found;
    }
    double lookup_time = milliseconds() - start;
    printf("open_ms\t%.2f\nnames_ms\t%.2f\t%zu of %zu\nlookups_ms\t%.2f\t%d random addresses, %" PRIu64 " frames\n",
           open_time, names_time, named, count, lookup_time, TIMED_LOOKUPS, frames_found);
    printf("table_memory\t%zu\n", pclntab_memory(table));
    print_peak_memory();
    return 0;
}

static int usage(void)
{
    fputs("usage: symbols_dump info|lines|functions|frames|deltas|time FILE [ARGUMENT...]\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return usage();
    const char *command = argv[1];
    double start = milliseconds();
    _cleanup_(image_closep) struct image *image = NULL;
    struct error *error = open_image(argv[2], &image);
    if (error)
        return fail(error);
    if (strcmp(command, "info") == 0)
        return print_info(image, argv + 3, (size_t)argc - 3);
    if (strcmp(command, "lines") == 0)
        return print_lines(image);
    _cleanup_(pclntab_closep) struct pclntab *table = NULL;
    error = pclntab_open(image, &table);
    if (error)
        return fail(error);
    double open_time = milliseconds() - start;
    uint64_t text = argc > 3 ? strtoull(argv[3], NULL, 16) : 0;
    uint64_t gofunc = argc > 4 ? strtoull(argv[4], NULL, 16) : 0;
    if (text)
        pclntab_set_text_start(table, text);
    if (gofunc)
        pclntab_set_gofunc(table, gofunc);
    if (strcmp(command, "functions") == 0)
        return print_functions(table);
    if (strcmp(command, "frames") == 0 && argc == 6) {
        pclntab_set_go_minor(table, (unsigned)strtoul(argv[5], NULL, 10));
        return print_frames(table);
    }
    if (strcmp(command, "deltas") == 0)
        return print_deltas(table);
    if (strcmp(command, "time") == 0 && argc >= 5)
        return print_times(table, open_time, argv + 5, (size_t)argc - 5);
    return usage();
}
