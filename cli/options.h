/* The command line: one table of commands and one of options, from which parsing, the help text and the man page's test
 * are made. */
#ifndef HEAPTOP_CLI_OPTIONS_H
#define HEAPTOP_CLI_OPTIONS_H

#include "heaptop/base.h"
#include "heaptop/export.h"
#include "heaptop/record.h"
#include "heaptop/attach.h"
#include "heaptop/tui.h"

/* What heaptop ends with; other programs rely on it. */
enum exit_status {
    STATUS_DONE = 0,
    STATUS_FAILED = 1,          /* Or: it found what it was asked to look for. */
    STATUS_USAGE = 2,
    STATUS_PERMISSION = 3,
    STATUS_GONE = 4,            /* No such process, or it has ended. */
    STATUS_UNSUPPORTED = 5,
};

enum command_id {
    COMMAND_ATTACH,
    COMMAND_RUN,
    COMMAND_RECORD,
    COMMAND_REPLAY,
    COMMAND_REPORT,
    COMMAND_DIFF,
    COMMAND_EXPORT,
    COMMAND_DOCTOR,
    COMMAND_COMPLETION,
    COMMAND_HELP,
    COMMAND_VERSION,
    COMMAND_COUNT
};

struct options;

/* What can stand where an option or a command takes something, for those who type it: bits. */
#define VALUE_PROCESS 1u        /* A pid, or a process's name. */
#define VALUE_FILE 2u
#define VALUE_PROGRAM 4u        /* A program, and then what it takes. */
#define VALUE_WORD 8u           /* One of a few words. */

struct command_info {
    const char *name;
    const char *synopsis;       /* What follows the program's name. */
    const char *help;           /* One line. */
    unsigned operands;          /* VALUE_...: what follows its options; 0: nothing. */
    const char *(*word)(unsigned index);    /* Of VALUE_WORD: the words one by one, then NULL. */
};

/* What options take: the name by which help and man pages call it, and what that can be. */
struct value_info {
    const char *name;
    unsigned values;            /* VALUE_...; 0: something that cannot be listed, as a time. */
    const char *(*word)(unsigned index);
};

enum option_id {
    OPTION_JSON,
    OPTION_GCTRACE,
    OPTION_FOR,
    OPTION_INTERVAL,
    OPTION_RECORD,
    OPTION_LOG,
    OPTION_NO_PRELOAD,
    OPTION_PRELOAD_RATE,
    OPTION_KEEP,
    OPTION_MAX_SIZE,
    OPTION_ROTATE,
    OPTION_FOLLOW_NAME,
    OPTION_REDACT,
    OPTION_ENABLE_PROFILING,
    OPTION_STOP_RUNNING,
    OPTION_PROBE,
    OPTION_PROBE_BUDGET,
    OPTION_FORMAT,
    OPTION_PROFILE,
    OPTION_VALUE,
    OPTION_BASE,
    OPTION_ICICLE,
    OPTION_OUTPUT,
    OPTION_COLOR,
    OPTION_THEME,
    OPTION_ASCII,
    OPTION_NO_MOUSE,
    OPTION_PRINT_CONFIG,
    OPTION_SOURCE_MAP,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_COUNT,
};

struct option_info {
    const char *name;           /* Without the dashes. */
    char letter;                /* 0: none. */
    const char *argument;       /* What it takes, as the help shows it, "[=...]" where it may be left out; or NULL. */
    unsigned commands;          /* Bit mask of the commands that know it. */
    const char *help;           /* One line. */
    struct error *(*set)(struct options *options, const char *argument);
};

extern const struct command_info command_infos[COMMAND_COUNT];
extern const struct option_info option_infos[OPTION_COUNT];

/* What the option takes; NULL: nothing. */
const struct value_info *option_value(const struct option_info *option);
/* Whether what it takes may be left out: "--name", or "--name=VALUE" in one word. */
bool option_value_is_optional(const struct option_info *option);

enum output_format {
    FORMAT_NONE,
    FORMAT_PPROF,
    FORMAT_FOLDED,
    FORMAT_SVG,
    FORMAT_JSON,
    FORMAT_CSV,
    FORMAT_OPENMETRICS,
    FORMAT_COUNT
};

/* What was asked for. Strings are those of argv. */
struct options {
    enum command_id command;
    bool is_named;              /* The command was typed; else it is attach. */
    const char *target;         /* A pid, a name, or a recording's; NULL when none was given. */
    const char *second;         /* Of diff: what the target, which is the old moment, is compared with. */
    bool json;
    bool gctrace;
    uint64_t for_ns;            /* How long report watches, 0: one sample; record, 0: until the process ends. */
    uint64_t interval_ns;
    struct recorder_options recorder;   /* Of record, and of run's --record. */
    bool follow_name;
    uint64_t profile_rate;      /* To switch memory profiling on with; 0: it is left as it is. */
    enum output_format format;
    enum sample_profile profile;
    bool profile_given;
    enum sample_value value;
    const char *base;           /* What to subtract; NULL: nothing. */
    bool icicle;
    char **arguments;           /* Of run: the command and what it is given, up to a NULL. */
    const char *record;         /* Of run: the file to record to; or NULL. */
    bool no_preload;            /* Of run: its allocations are not sampled from within. */
    uint64_t preload_rate;      /* Of run: one in so many bytes is. */
    struct preload *preload;    /* Made by run; or NULL, and why: */
    const char *preload_refusal;
    const char *log;            /* Of run: where the command's output goes under a screen; NULL: nowhere. */
    const char *output;         /* "-": standard output. */
    bool stop_running;
    enum attach_probe probe;
    double probe_budget;        /* A share of a processor; 0: the default. */
    struct tui_options tui;
    bool print_config;
    bool help, version;
    /* What the command line says of each option, "yes" of those that take nothing; or NULL. */
    const char *given[OPTION_COUNT];
};

/* ERROR_USAGE for what makes no sense: then only the command is set, and whether it was named. */
struct error *options_parse(int argc, char **argv, struct options *ret_options);

/* "  -i, --interval TIME   ..." for each option of a command. */
void options_write_help(enum command_id command, struct text *text);

#endif
