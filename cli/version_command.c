/* What was built in: for a bug report, and for someone who wonders what this binary can do. */
#include <capstone/capstone.h>
#include <elfutils/libdwfl.h>
#include <jansson.h>
#include <lzma.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "cli/commands.h"
#include "heaptop/attach.h"
#include "heaptop/record.h"

#ifdef HEAPTOP_STATIC
#define LINKED "linked statically"
#else
#define LINKED "linked dynamically"
#endif

static const char *elfutils_version(void)
{
    return dwfl_version(NULL);
}

/* It does not tell its third number. */
static const char *capstone_version(void)
{
    static char text[24];
    int major, minor;
    cs_version(&major, &minor);
    snprintf(text, sizeof(text), "%d.%d", major, minor);
    return text;
}

/* As they are where it runs; they may be newer than those it was built with. */
static const struct {
    const char *name, *built_with;
    const char *(*running)(void);
} libraries[] = {
    {"elfutils", HEAPTOP_ELFUTILS_VERSION, elfutils_version},
    {"Capstone", NULL, capstone_version},
    {"jansson", JANSSON_VERSION, jansson_version_str},
    {"zlib", ZLIB_VERSION, zlibVersion},
    {"liblzma", LZMA_VERSION_STRING, lzma_version_string},
    {"SQLite", SQLITE_VERSION, sqlite3_libversion},
    {"ncurses", NULL, tui_terminal_library},
};

static void write_words(struct text *text, const char *title, const char *(*word)(unsigned index))
{
    text_append(text, title);
    for (unsigned i = 0; word(i); i++)
        text_printf(text, "%s%s", i ? ", " : " ", word(i));
    text_append(text, "\n");
}

enum exit_status version_command(const struct options *options)
{
    (void)options;
    _cleanup_(text_deinit) struct text text = {0};
    text_append(&text, "heaptop " HEAPTOP_VERSION "\n");
    text_append(&text, "compiler:  " HEAPTOP_COMPILER ", " LINKED "\nlibraries: ");
    for (size_t i = 0; i < ARRAY_SIZE(libraries); i++) {
        const char *running = libraries[i].running(), *built = libraries[i].built_with;
        text_printf(&text, "%s%s %s", i ? ", " : "", libraries[i].name, running);
        if (built && strcmp(built, running) != 0)
            text_printf(&text, " (built with %s)", built);
    }
    if (attach_bpf_library())
        text_printf(&text, ", libbpf %s", attach_bpf_library());
    else
        text_append(&text, "; built without libbpf, clang or bpftool: no --probe allocs");
    text_append(&text, "\nruntimes:  ");
    attach_write_runtimes(&text);
    text_printf(&text, "\nrecording: format %d\nJSON:      heaptop/1\n", RECORD_FORMAT_VERSION);
    write_words(&text, "exports:  ", option_value(&option_infos[OPTION_FORMAT])->word);
    write_words(&text, "themes:   ", option_value(&option_infos[OPTION_THEME])->word);
    struct error *error = text.failed ? error_no_memory() : export_write_file("-", text.data, text.length);
    return error ? error_print(error) : STATUS_DONE;
}
