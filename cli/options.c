#include "cli/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "heaptop/attach.h"

#define DEFAULT_INTERVAL_NS UINT64_C(1000000000)
#define DEFAULT_FOR_NS UINT64_C(10000000000)
#define SHORTEST_KEEP_NS UINT64_C(10000000000)
#define SHORTEST_ROTATION_NS UINT64_C(10000000000)

/* Commands that know an option. */
#define ATTACH (1u << COMMAND_ATTACH)
#define RUN (1u << COMMAND_RUN)
#define RECORD (1u << COMMAND_RECORD)
#define REPLAY (1u << COMMAND_REPLAY)
#define REPORT (1u << COMMAND_REPORT)
#define EXPORT (1u << COMMAND_EXPORT)
#define DIFF (1u << COMMAND_DIFF)
#define EVERY ((1u << COMMAND_COUNT) - 1)

/* ---- words that stand for something ---- */

static const char *format_word(unsigned index)
{
    static const char *const names[] = {"pprof", "folded", "svg", "json", "csv", "openmetrics"};
    return index < ARRAY_SIZE(names) ? names[index] : NULL;
}
_Static_assert(FORMAT_COUNT == 7, "a format has a word");

static const char *profile_word(unsigned index)
{
    return index <= SAMPLE_THREADS ? sample_profile_name((enum sample_profile)index) : NULL;
}

static const char *value_word(unsigned index)
{
    unsigned value = SAMPLE_INUSE_BYTES + index;
    return value <= SAMPLE_COUNT ? sample_value_name((enum sample_value)value) : NULL;
}

static const char *when_word(unsigned index)
{
    static const char *const names[] = {
        [TUI_COLOUR_AUTO] = "auto", [TUI_COLOUR_NEVER] = "never", [TUI_COLOUR_ALWAYS] = "always"};
    return index < ARRAY_SIZE(names) ? names[index] : NULL;
}

static const char *theme_word(unsigned index)
{
    return index < TUI_THEME_COUNT ? tui_theme_name((enum tui_theme)index) : NULL;
}

static const char *probe_word(unsigned index)
{
    static const char *const names[] = {[ATTACH_PROBE_FAULTS - 1] = "faults",
                                        [ATTACH_PROBE_ALLOCATIONS - 1] = "allocs"};
    return index < ARRAY_SIZE(names) ? names[index] : NULL;
}

static const char *yes_word(unsigned index)
{
    static const char *const names[] = {"yes", "no"};
    return index < ARRAY_SIZE(names) ? names[index] : NULL;
}

static const char *shell_word(unsigned index)
{
    static const char *const names[] = {"bash", "zsh", "fish"};
    return index < ARRAY_SIZE(names) ? names[index] : NULL;
}

static const char *command_word(unsigned index)
{
    return index < COMMAND_COUNT ? command_infos[index].name : NULL;
}

/* The index of the word among them; false when it is none. */
static bool find_word(const char *(*word)(unsigned index), const char *wanted, unsigned *ret_index)
{
    for (unsigned i = 0; word(i); i++) {
        if (strcmp(wanted, word(i)) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static const struct value_info value_infos[] = {
    {"TIME", 0, NULL},
    {"SIZE", 0, NULL},
    {"LIMIT", 0, NULL},
    {"RATE", 0, NULL},
    {"PERCENT", 0, NULL},
    {"FROM=TO", 0, NULL},
    {"FILE", VALUE_FILE, NULL},
    {"BASE", VALUE_FILE | VALUE_PROCESS, NULL},
    {"FORMAT", VALUE_WORD, format_word},
    {"PROFILE", VALUE_WORD, profile_word},
    {"VALUE", VALUE_WORD, value_word},
    {"WHEN", VALUE_WORD, when_word},
    {"THEME", VALUE_WORD, theme_word},
    {"PROBE", VALUE_WORD, probe_word},
    {"YES", VALUE_WORD, yes_word},
};

bool option_value_is_optional(const struct option_info *option)
{
    return option->argument && option->argument[0] == '[';
}

const struct value_info *option_value(const struct option_info *option)
{
    if (!option->argument)
        return NULL;
    /* "[=RATE]" */
    const char *name = option->argument + (option_value_is_optional(option) ? 2 : 0);
    size_t length = strcspn(name, "]");
    for (size_t i = 0; i < ARRAY_SIZE(value_infos); i++)
        if (strlen(value_infos[i].name) == length && strncmp(name, value_infos[i].name, length) == 0)
            return &value_infos[i];
    return NULL;
}

const struct command_info command_infos[COMMAND_COUNT] = {
    [COMMAND_ATTACH] = {"attach", "[attach] [PID|NAME]", "watch a process live; without a name, pick one",
                        VALUE_PROCESS, NULL},
    [COMMAND_RUN] = {"run", "run [--record FILE] -- COMMAND [ARGUMENTS]",
                     "start a command and watch it from its first moment on", VALUE_PROGRAM, NULL},
    [COMMAND_RECORD] = {"record", "record [-o FILE] [--for TIME] PID|NAME",
                        "record a process to a file, with no screen", VALUE_PROCESS, NULL},
    [COMMAND_REPLAY] = {"replay", "replay FILE[@TIME]", "show a recording as if it were live, with a time line",
                        VALUE_FILE, NULL},
    [COMMAND_REPORT] = {"report", "report [--json|--gctrace] [--for TIME] PID|NAME|FILE[@TIME|@FROM..TO]",
                        "watch for a while and print what a person would conclude", VALUE_PROCESS | VALUE_FILE, NULL},
    [COMMAND_DIFF] = {"diff", "diff [--json] OLD NEW", "compare two moments, each FILE, FILE@TIME, PID or NAME",
                      VALUE_PROCESS | VALUE_FILE, NULL},
    [COMMAND_EXPORT] = {"export", "export --format FORMAT [--profile PROFILE] [-o FILE] PID|NAME|FILE[@TIME|@FROM..TO]",
                        "write what is in memory for other programs", VALUE_PROCESS | VALUE_FILE, NULL},
    [COMMAND_DOCTOR] = {"doctor", "doctor PID|NAME",
                        "say what can be read of a process, and what would help", VALUE_PROCESS, NULL},
    [COMMAND_COMPLETION] = {"completion", "completion bash|zsh|fish",
                            "print a shell's script that completes heaptop's command line", VALUE_WORD, shell_word},
    [COMMAND_HELP] = {"help", "help [COMMAND]", "explain a command", VALUE_WORD, command_word},
    [COMMAND_VERSION] = {"version", "version", "print the version, and what it was built with", 0, NULL},
};

/* ---- what each option does ---- */

static struct error *set_json(struct options *options, const char *argument)
{
    (void)argument;
    options->json = true;
    return NULL;
}

static struct error *set_gctrace(struct options *options, const char *argument)
{
    (void)argument;
    options->gctrace = true;
    return NULL;
}

static struct error *set_for(struct options *options, const char *argument)
{
    return units_parse_duration(argument, &options->for_ns);
}

static struct error *set_interval(struct options *options, const char *argument)
{
    uint64_t interval = 0;
    struct error *error = units_parse_duration(argument, &interval);
    if (error)
        return error;
    if (interval < ATTACH_MIN_INTERVAL_NS)
        return error_create(ERROR_USAGE, "the shortest interval is %llu ms", ATTACH_MIN_INTERVAL_NS / 1000000);
    options->interval_ns = options->tui.interval_ns = interval;
    return NULL;
}

static struct error *set_enable_profiling(struct options *options, const char *argument)
{
    uint64_t rate = ATTACH_DEFAULT_PROFILE_RATE;
    struct error *error = argument ? units_parse_bytes(argument, &rate) : NULL;
    if (error)
        return error;
    if (rate < ATTACH_LEAST_PROFILE_RATE || rate > ATTACH_MOST_PROFILE_RATE || (rate & (rate - 1)) != 0)
        return error_create(ERROR_USAGE, "must be a power of two from 4K to 1G: one sample in so many bytes allocated");
    options->profile_rate = rate;
    return NULL;
}

static struct error *set_no_preload(struct options *options, const char *argument)
{
    (void)argument;
    options->no_preload = true;
    return NULL;
}

static struct error *set_preload_rate(struct options *options, const char *argument)
{
    uint64_t rate = 0;
    struct error *error = units_parse_bytes(argument, &rate);
    if (!error && (rate < ATTACH_LEAST_PROFILE_RATE || rate > ATTACH_MOST_PROFILE_RATE))
        error = error_create(ERROR_USAGE, "must be from 4K to 1G");
    if (!error)
        options->preload_rate = rate;
    return error;
}

static struct error *set_keep(struct options *options, const char *argument)
{
    uint64_t keep = 0;
    struct error *error = units_parse_duration(argument, &keep);
    if (!error && keep < SHORTEST_KEEP_NS)
        error = error_create(ERROR_USAGE, "must be at least 10s");
    if (!error)
        options->recorder.keep_ns = keep;
    return error;
}

static struct error *set_max_size(struct options *options, const char *argument)
{
    uint64_t bytes = 0;
    struct error *error = units_parse_bytes(argument, &bytes);
    if (!error && bytes < RECORD_MIN_BYTES)
        error = error_create(ERROR_USAGE, "must be at least %dM", RECORD_MIN_BYTES >> 20);
    if (!error)
        options->recorder.max_bytes = bytes;
    return error;
}

/* "1h" is a time, "100M" a size; both may be given, one after the other. */
static struct error *set_rotate(struct options *options, const char *argument)
{
    uint64_t value = 0;
    struct error *no_time = units_parse_duration(argument, &value);
    if (!no_time && value < SHORTEST_ROTATION_NS)
        return error_create(ERROR_USAGE, "must be at least 10s");
    if (!no_time) {
        options->recorder.rotate_ns = value;
        return NULL;
    }
    error_destroy(no_time);
    struct error *error = units_parse_bytes(argument, &value);
    if (error) {
        error_destroy(error);
        return error_create(ERROR_USAGE, "must be a time, as 1h, or a size, as 100M");
    }
    if (value < RECORD_MIN_BYTES)
        return error_create(ERROR_USAGE, "must be at least %dM", RECORD_MIN_BYTES >> 20);
    options->recorder.rotate_bytes = value;
    return NULL;
}

static struct error *set_follow_name(struct options *options, const char *argument)
{
    (void)argument;
    options->follow_name = true;
    return NULL;
}

static struct error *set_redact(struct options *options, const char *argument)
{
    (void)argument;
    options->recorder.redact = true;
    return NULL;
}

static struct error *set_probe(struct options *options, const char *argument)
{
    unsigned index;
    if (!find_word(probe_word, argument, &index))
        return error_create(ERROR_USAGE, "must be faults or allocs");
    options->probe = (enum attach_probe)(index + 1);
    return NULL;
}

static struct error *set_probe_budget(struct options *options, const char *argument)
{
    char *end;
    double percent = strtod(argument, &end);
    if (end == argument || (*end != '\0' && strcmp(end, "%") != 0) || !(percent > 0 && percent <= 100000))
        return error_create(ERROR_USAGE, "must be a share of one processor in percent, as 10%%");
    options->probe_budget = percent / 100;
    return NULL;
}

static struct error *set_stop_running(struct options *options, const char *argument)
{
    (void)argument;
    options->stop_running = true;
    return NULL;
}

static struct error *set_format(struct options *options, const char *argument)
{
    unsigned format;
    if (!find_word(format_word, argument, &format))
        return error_create(ERROR_USAGE,
                            "no such format; heaptop writes pprof, folded, svg, json, csv and openmetrics");
    options->format = (enum output_format)(FORMAT_NONE + 1 + format);
    return NULL;
}

static struct error *set_profile(struct options *options, const char *argument)
{
    unsigned profile;
    if (!find_word(profile_word, argument, &profile))
        return error_create(ERROR_USAGE, "no such profile; heaptop writes heap, allocs, goroutine and threads");
    options->profile = (enum sample_profile)profile;
    options->profile_given = true;
    return NULL;
}

static struct error *set_value(struct options *options, const char *argument)
{
    unsigned value;
    if (!find_word(value_word, argument, &value))
        return error_create(ERROR_USAGE, "must be inuse_bytes, inuse_objects, alloc_bytes, alloc_objects or count");
    options->value = (enum sample_value)(SAMPLE_INUSE_BYTES + value);
    return NULL;
}

static struct error *set_base(struct options *options, const char *argument)
{
    if (!*argument)
        return error_create(ERROR_USAGE, "the base's name is empty");
    options->base = argument;
    return NULL;
}

static struct error *set_icicle(struct options *options, const char *argument)
{
    (void)argument;
    options->icicle = true;
    return NULL;
}

static struct error *set_record(struct options *options, const char *argument)
{
    if (!*argument)
        return error_create(ERROR_USAGE, "the file's name is empty");
    options->record = argument;
    return NULL;
}

static struct error *set_log(struct options *options, const char *argument)
{
    if (!*argument)
        return error_create(ERROR_USAGE, "the file's name is empty");
    options->log = argument;
    return NULL;
}

static struct error *set_output(struct options *options, const char *argument)
{
    if (!*argument)
        return error_create(ERROR_USAGE, "the file's name is empty");
    options->output = argument;
    return NULL;
}

static struct error *set_color(struct options *options, const char *argument)
{
    unsigned when;
    if (!find_word(when_word, argument, &when))
        return error_create(ERROR_USAGE, "must be auto, never or always");
    options->tui.colour = (enum tui_colour)when;
    return NULL;
}

static struct error *set_theme(struct options *options, const char *argument)
{
    if (!tui_theme_find(argument, &options->tui.theme))
        return error_create(ERROR_USAGE, "must be auto, dark, light, contrast, mono or colour-blind");
    return NULL;
}

/* "no" is there to be said to what the settings say. */
static struct error *parse_yes(const char *argument, bool *ret_yes)
{
    unsigned word = 0;
    if (argument && !find_word(yes_word, argument, &word))
        return error_create(ERROR_USAGE, "must be yes or no");
    *ret_yes = word == 0;
    return NULL;
}

static struct error *set_ascii(struct options *options, const char *argument)
{
    bool yes;
    struct error *error = parse_yes(argument, &yes);
    if (!error)
        options->tui.glyphs = yes ? TUI_GLYPHS_ASCII : TUI_GLYPHS_AUTO;
    return error;
}

static struct error *set_no_mouse(struct options *options, const char *argument)
{
    bool yes;
    struct error *error = parse_yes(argument, &yes);
    if (!error)
        options->tui.mouse = !yes;
    return error;
}

static struct error *set_source_map(struct options *options, const char *argument)
{
    const char *equals = strchr(argument, '=');
    struct tui_source_maps *maps = &options->tui.source_maps;
    if (!equals || equals == argument || !equals[1])
        return error_create(ERROR_USAGE, "must be FROM=TO: a folder as it was compiled in, and where it is here");
    if (maps->count == TUI_MAX_SOURCE_MAPS)
        return error_create(ERROR_USAGE, "at most %d of them", TUI_MAX_SOURCE_MAPS);
    maps->maps[maps->count++] = argument;
    return NULL;
}

static struct error *set_print_config(struct options *options, const char *argument)
{
    (void)argument;
    options->print_config = true;
    return NULL;
}

static struct error *set_help(struct options *options, const char *argument)
{
    (void)argument;
    options->help = true;
    return NULL;
}

static struct error *set_version(struct options *options, const char *argument)
{
    (void)argument;
    options->version = true;
    return NULL;
}

/* The man page lists the same (tests/unit/cli/options_test.c holds them together). */
const struct option_info option_infos[OPTION_COUNT] = {
    [OPTION_JSON] = {"json", 0, NULL, REPORT | DIFF, "print JSON, \"schema\": \"heaptop/1\"", set_json},
    [OPTION_GCTRACE] = {"gctrace", 0, NULL, REPORT, "print GC cycles as GODEBUG=gctrace=1 would", set_gctrace},
    [OPTION_FOR] = {"for", 'd', "TIME", REPORT | RECORD, "how long; report: 10s, 0 takes one sample", set_for},
    [OPTION_INTERVAL] = {"interval", 'i', "TIME", ATTACH | RUN | RECORD | REPORT,
                         "time between samples (1s), at least 10ms", set_interval},
    [OPTION_RECORD] = {"record", 0, "FILE", RUN, "record to FILE; without a terminal, with no screen", set_record},
    [OPTION_LOG] = {"log", 0, "FILE", RUN, "append the command's output to it; else discard it", set_log},
    [OPTION_NO_PRELOAD] = {"no-preload", 0, NULL, RUN, "load nothing into the command: no call sites but Go's",
                           set_no_preload},
    [OPTION_PRELOAD_RATE] = {"preload-rate", 0, "SIZE", RUN, "sample one allocation in this many bytes (512K)",
                             set_preload_rate},
    [OPTION_KEEP] = {"keep", 0, "TIME", RECORD | RUN, "keep every sample this long; thin out older ones", set_keep},
    [OPTION_MAX_SIZE] = {"max-size", 0, "SIZE", RECORD | RUN, "stay below this size: thin out old samples",
                         set_max_size},
    [OPTION_ROTATE] = {"rotate", 0, "LIMIT", RECORD | RUN, "a new file after a time (1h) or a size (100M)", set_rotate},
    [OPTION_FOLLOW_NAME] = {"follow-name", 0, NULL, RECORD, "go on with the next process of this name",
                            set_follow_name},
    [OPTION_REDACT] = {"redact", 0, NULL, RECORD | RUN, "leave out command lines, NAME=VALUE, labels", set_redact},
    [OPTION_ENABLE_PROFILING] = {"enable-profiling", 0, "[=RATE]", ATTACH | RUN | RECORD | REPORT,
                                 "switch a Go program's heap profile on meanwhile", set_enable_profiling},
    [OPTION_STOP_RUNNING] = {"stop-running", 0, NULL, ATTACH | RUN | RECORD | REPORT,
                             "stop running threads briefly, for their stacks", set_stop_running},
    [OPTION_PROBE] = {"probe", 0, "PROBE", ATTACH | RECORD | REPORT, "who allocates in C, C++, Rust: faults or allocs",
                      set_probe},
    [OPTION_PROBE_BUDGET] = {"probe-budget", 0, "PERCENT", ATTACH | RECORD | REPORT,
                             "share of a processor that allocs may take (10%)", set_probe_budget},
    [OPTION_FORMAT] = {"format", 0, "FORMAT", EXPORT, "pprof, folded, svg, json, csv or openmetrics", set_format},
    [OPTION_PROFILE] = {"profile", 0, "PROFILE", EXPORT, "heap (in use), allocs, goroutine or threads", set_profile},
    [OPTION_VALUE] = {"value", 0, "VALUE", EXPORT | DIFF, "inuse_bytes, inuse_objects, alloc_..., or count", set_value},
    [OPTION_BASE] = {"base", 0, "BASE", EXPORT, "write the difference from FILE[@TIME], PID or NAME", set_base},
    [OPTION_ICICLE] = {"icicle", 0, NULL, EXPORT, "of svg: draw callers above what they call", set_icicle},
    [OPTION_OUTPUT] = {"output", 'o', "FILE", ATTACH | RUN | RECORD | EXPORT,
                       "write to FILE; else recordings name themselves", set_output},
    [OPTION_COLOR] = {"color", 0, "WHEN", ATTACH | RUN | REPLAY | DIFF, "auto, never or always; auto respects NO_COLOR",
                      set_color},
    [OPTION_THEME] = {"theme", 0, "THEME", ATTACH | RUN | REPLAY | DIFF, "dark, light, contrast, mono, colour-blind",
                      set_theme},
    [OPTION_ASCII] = {"ascii", 0, "[=YES]", ATTACH | RUN | REPLAY | DIFF, "draw with ASCII characters only", set_ascii},
    [OPTION_NO_MOUSE] = {"no-mouse", 0, "[=YES]", ATTACH | RUN | REPLAY | DIFF,
                         "leave the mouse to the terminal, to select text",
                         set_no_mouse},
    [OPTION_SOURCE_MAP] = {"source-map", 0, "FROM=TO", ATTACH | RUN | REPLAY, "sources compiled in FROM are in TO here",
                           set_source_map},
    [OPTION_PRINT_CONFIG] = {"print-config", 0, NULL, ATTACH | RUN | REPLAY | DIFF,
                             "print settings and keys, and where each comes from", set_print_config},
    [OPTION_HELP] = {"help", 'h', NULL, EVERY, "print help and exit", set_help},
    [OPTION_VERSION] = {"version", 'V', NULL, EVERY, "print the version and exit", set_version},
};

/* ---- parsing ---- */

/* getopt_long's value of an option: its index, above every letter. */
#define LONG_BASE 256

static void build_getopt(enum command_id command, struct option *long_options, char *letters)
{
    size_t count = 0;
    /* What follows the command that is run is the command's. */
    if (command == COMMAND_RUN)
        *letters++ = '+';
    /* ':' first: a missing argument is told apart from an unknown option. */
    *letters++ = ':';
    for (int id = 0; id < OPTION_COUNT; id++) {
        const struct option_info *info = &option_infos[id];
        if (!(info->commands & 1u << command))
            continue;
        int has_argument = !info->argument                  ? no_argument
                           : option_value_is_optional(info) ? optional_argument
                                                            : required_argument;
        long_options[count++] =
            (struct option){.name = info->name, .has_arg = has_argument, .val = LONG_BASE + id};
        if (info->letter) {
            *letters++ = info->letter;
            if (info->argument)
                *letters++ = ':';
        }
    }
    long_options[count] = (struct option){0};
    *letters = '\0';
}

static const struct option_info *find_option(int value)
{
    if (value >= LONG_BASE)
        return &option_infos[value - LONG_BASE];
    for (int id = 0; id < OPTION_COUNT; id++)
        if (option_infos[id].letter == value)
            return &option_infos[id];
    return NULL;
}

static struct error *set_option(struct options *options, int value, char **argv)
{
    const struct option_info *info = find_option(value);
    if (value == ':')
        return error_create(ERROR_USAGE, "the option '%s' wants an argument", argv[optind - 1]);
    if (!info) {
        const char *typed = argv[optind - 1];
        if (optopt && optopt < LONG_BASE)
            return error_create(ERROR_USAGE, "%s does not know the option '-%c'", command_infos[options->command].name,
                                optopt);
        return error_create(ERROR_USAGE, "%s does not know the option '%s'", command_infos[options->command].name,
                            typed);
    }
    struct error *error = info->set(options, optarg);
    options->given[info - option_infos] = optarg ? optarg : "yes";
    return info->argument && optarg ? error_prefix(error, "--%s %s", info->name, optarg) : error;
}

/* Whether the word behind this one, which begins with '-', is its argument, whatever command it is of: as getopt would
 * see it, which takes the beginning of a name too. */
static bool takes_next_word(const char *word)
{
    bool is_long = word[1] == '-';
    for (int id = 0; id < OPTION_COUNT; id++) {
        const struct option_info *info = &option_infos[id];
        if (!info->argument || option_value_is_optional(info))
            continue;
        if (is_long ? strncmp(info->name, word + 2, strlen(word + 2)) == 0
                    : info->letter && word[1] == info->letter && !word[2])
            return true;
    }
    return false;
}

/* The command is the first word that is no option, where that is one; else it is attach, and the word is its target.
 * The word is moved before the options. */
static enum command_id find_command(int argc, char **argv, int *ret_first)
{
    int first = 1;
    *ret_first = 0;
    while (first < argc && argv[first][0] == '-' && argv[first][1] && strcmp(argv[first], "--") != 0)
        first += takes_next_word(argv[first]) ? 2 : 1;
    for (int command = 0; first < argc && command < COMMAND_COUNT; command++) {
        char *word = argv[first];
        if (strcmp(word, command_infos[command].name) != 0)
            continue;
        memmove(&argv[2], &argv[1], (size_t)(first - 1) * sizeof(*argv));
        argv[1] = word;
        *ret_first = 1;
        return (enum command_id)command;
    }
    return COMMAND_ATTACH;
}

static struct error *check_operands(const struct options *options)
{
    const char *name = command_infos[options->command].name;
    if (options->help || options->version || options->print_config || options->command == COMMAND_HELP ||
        options->command == COMMAND_VERSION)
        return NULL;
    if (!options->target && options->command == COMMAND_REPLAY)
        return error_create(ERROR_USAGE, "replay wants the name of a recording");
    if (options->command == COMMAND_DIFF && !options->second)
        return error_create(ERROR_USAGE, "diff wants two moments: OLD NEW");
    if (options->command == COMMAND_DIFF && options->value == SAMPLE_COUNT)
        return error_create(ERROR_USAGE, "diff has no value 'count': goroutines are compared always");
    if (options->command == COMMAND_RUN)
        return options->arguments ? NULL : error_create(ERROR_USAGE, "run wants a command: heaptop run -- COMMAND");
    unsigned shell;
    if (options->command == COMMAND_COMPLETION) {
        bool is_known = options->target && (find_word(shell_word, options->target, &shell) ||
                                            strcmp(options->target, "processes") == 0);
        return is_known ? NULL : error_create(ERROR_USAGE, "completion wants the name of a shell: bash, zsh or fish");
    }
    if (!options->target && options->command != COMMAND_ATTACH)
        return error_create(ERROR_USAGE, "%s wants the PID or NAME of a process", name);
    if (options->target && !*options->target)
        return error_create(ERROR_USAGE, "the process's name is empty");
    if (options->command == COMMAND_EXPORT && options->format == FORMAT_NONE)
        return error_create(ERROR_USAGE, "export wants --format: pprof, folded, svg, json, csv or openmetrics");
    return NULL;
}

struct error *options_parse(int argc, char **argv, struct options *ret_options)
{
    struct option long_options[OPTION_COUNT + 1];
    char letters[2 * OPTION_COUNT + 3];
    int skipped = 0, value;
    struct options options = {
        .command = find_command(argc, argv, &skipped),
        .interval_ns = DEFAULT_INTERVAL_NS,
        .output = "-",
        .preload_rate = ATTACH_DEFAULT_PROFILE_RATE,
        .tui = {.mouse = true, .interval_ns = DEFAULT_INTERVAL_NS},
    };
    options.is_named = skipped > 0;
    ret_options->command = options.command;
    ret_options->is_named = options.is_named;
    argc -= skipped;
    argv += skipped;
    build_getopt(options.command, long_options, letters);
    optind = 0;     /* Start over, whatever was parsed before. */
    opterr = 0;
    while ((value = getopt_long(argc, argv, letters, long_options, NULL)) != -1) {
        struct error *error = set_option(&options, value, argv);
        if (error)
            return error;
    }
    if (options.command == COMMAND_RUN && optind < argc) {
        options.arguments = argv + optind;
        optind = argc;
    }
    if (optind < argc)
        options.target = argv[optind++];
    if (optind < argc && options.command == COMMAND_DIFF)
        options.second = argv[optind++];
    if (optind < argc && !options.is_named)
        return error_create(ERROR_USAGE, "there is no command '%s', and attach takes one process", options.target);
    if (optind < argc)
        return error_create(ERROR_USAGE, "what is '%s'? %s takes %s", argv[optind],
                            command_infos[options.command].name,
                            options.command == COMMAND_DIFF ? "two moments" : "one process");
    if (options.command == COMMAND_REPORT && !options.given[OPTION_FOR])
        options.for_ns = DEFAULT_FOR_NS;
    options.tui.profile_rate = options.profile_rate;
    struct error *error = check_operands(&options);
    if (!error)
        *ret_options = options;
    return error;
}

/* Of the help: what is longer has its explanation on the next line. */
#define LEFT_COLUMNS 25

void options_write_help(enum command_id command, struct text *text)
{
    for (int id = 0; id < OPTION_COUNT; id++) {
        const struct option_info *info = &option_infos[id];
        if (!(info->commands & 1u << command))
            continue;
        char left[64], letter[8] = "    ";
        if (info->letter)
            snprintf(letter, sizeof(letter), "-%c, ", info->letter);
        snprintf(left, sizeof(left), "%s--%s%s%s", letter, info->name,
                 info->argument && !option_value_is_optional(info) ? " " : "", info->argument ? info->argument : "");
        bool is_long = strlen(left) > LEFT_COLUMNS - 1;
        text_printf(text, "  %-*s%s%*s%s\n", LEFT_COLUMNS, left, is_long ? "\n" : "", is_long ? LEFT_COLUMNS + 2 : 0,
                    "", info->help);
    }
}
