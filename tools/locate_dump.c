/* locate_dump [--only SOURCE] [--minor N] PID: what attach/go/locate.c finds in a process, as JSON. A developer's tool,
 * and what tests/live/locate_test compares with nm. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "attach/go/locate.h"
#include "heaptop/base/cleanup.h"

DEFINE_CLEANUP(struct image *, image_close)
DEFINE_CLEANUP(struct memory *, memory_destroy)
DEFINE_CLEANUP(struct go_process *, go_process_destroy)

static const char *const field_ids[GO_FIELD_COUNT] = {
#define X(id, type, field) [GO_FIELD_##id] = #id,
    GO_FIELDS(X)
#undef X
};
static const char *const source_names[] = {"missing", "symtab", "dynsym", "dwarf", "operands", "moduledata"};
static const char *const layout_names[] = {"table", "types", "dwarf"};

/* Where the executable's first mapping lies against where its first segment wants to lie. */
static bool find_load_bias(pid_t pid, const struct image *image, uint64_t *ret_bias)
{
    char path[64], line[4608], exe[4096];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    ssize_t length = readlink(path, exe, sizeof exe - 1);
    if (length < 0 || image_segment_count(image) == 0)
        return false;
    exe[length] = '\0';
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *maps = fopen(path, "re");
    if (!maps)
        return false;
    bool found = false;
    const struct image_segment *first = image_segment_at(image, 0);
    while (!found && fgets(line, sizeof line, maps)) {
        uint64_t start, offset;
        int name_at = 0;
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%" SCNx64 "-%*x %*s %" SCNx64 " %*s %*s %n", &start, &offset, &name_at) == 2 && name_at &&
            strcmp(line + name_at, exe) == 0) {
            *ret_bias = start - (first->address & ~4095ull) - (offset - (first->file_offset & ~4095ull));
            found = true;
        }
    }
    fclose(maps);
    return found;
}

static void print_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == '"' || *text == '\\')
            printf("\\u%04x", (unsigned char)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static void print_process(const struct go_process *process)
{
    printf("{\"version\": ");
    print_string(process->version);
    printf(", \"minor\": %u, \"minor_guessed\": %s, \"newer_than_table\": %s, \"main_module\": ", process->minor,
           process->minor_guessed ? "true" : "false", process->newer_than_table ? "true" : "false");
    print_string(process->main_module);
    printf(", \"layout\": \"%s\", \"symbols_us\": %" PRIu64 ", \"load_bias\": %" PRIu64 ",\n \"variables\": {",
           layout_names[process->layout_source], process->symbols_ns / 1000, process->context.load_bias);
    for (unsigned i = 0; i < GO_VARIABLE_COUNT; i++) {
        const struct go_location *location = &process->variables[i];
        printf("%s\n  \"%s\": {\"address\": %" PRIu64 ", \"source\": \"%s\", \"reason\": ", i ? "," : "",
               go_variable_names[i], location->address, source_names[location->source]);
        if (location->reason)
            print_string(location->reason);
        else
            printf("null");
        putchar('}');
    }
    printf("},\n \"fields\": {");
    for (unsigned i = 0; i < GO_FIELD_COUNT; i++)
        printf("%s\n  \"%s\": [%" PRId32 ", %u]", i ? "," : "", field_ids[i], process->layout.offset[i],
               process->layout.size[i]);
    printf("}}\n");
}

static struct error *locate_and_print(pid_t pid, const struct locate_options *locate)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return error_from_errno(errno, "cannot open '%s'", path);
    _cleanup_(image_closep) struct image *image = NULL;
    _cleanup_(memory_destroyp) struct memory *memory = NULL;
    struct error *error = image_open(descriptor, path, &image);
    if (!error)
        error = memory_create_live(pid, &memory);
    if (error)
        return error;
    struct reader_context context = {.memory = memory, .image = image};
    if (!find_load_bias(pid, image, &context.load_bias))
        return error_create(ERROR_BAD_DATA, "cannot tell where '%s' is loaded", path);
    _cleanup_(go_process_destroyp) struct go_process *process = NULL;
    error = go_process_locate_by(&context, locate, &process);
    if (!error && !process)
        return error_create(ERROR_UNSUPPORTED, "not a Go program");
    if (!error)
        print_process(process);
    return error;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        unsigned sources;
    } modes[] = {
        {"symtab", LOCATE_SYMBOLS | LOCATE_BUILD_INFO},
        {"dwarf", LOCATE_DWARF | LOCATE_BUILD_INFO},
        {"operands", LOCATE_OPERANDS | LOCATE_TYPES | LOCATE_BUILD_INFO},
        {"table", LOCATE_OPERANDS | LOCATE_BUILD_INFO},
        {"guess", LOCATE_OPERANDS | LOCATE_TYPES},
    };
    static const struct option options[] = {
        {"only", required_argument, NULL, 'o'}, {"minor", required_argument, NULL, 'm'}, {0}};
    struct locate_options locate = {.sources = LOCATE_ALL};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        size_t i = 0;
        while (option == 'o' && i < ARRAY_SIZE(modes) && strcmp(modes[i].name, optarg) != 0)
            i++;
        if ((option != 'o' && option != 'm') || i == ARRAY_SIZE(modes)) {
            fprintf(stderr, "usage: %s [--only symtab|dwarf|operands|table|guess] [--minor N] PID\n", argv[0]);
            return 2;
        }
        if (option == 'm')
            locate.minor = (unsigned)atoi(optarg);
        else
            locate.sources = modes[i].sources;
    }
    if (optind != argc - 1)
        return 2;
    _cleanup_error_ struct error *error = locate_and_print((pid_t)atoi(argv[optind]), &locate);
    if (error)
        fprintf(stderr, "%s\n", error->message);
    return error ? 1 : 0;
}
