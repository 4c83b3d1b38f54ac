#include "cli/settings.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A file that is longer is not what a person wrote. */
#define MAX_FILE (1 << 16)
#define KEY_PREFIX "key."

/* Options that can be settled, and what they are when nobody says anything. */
static const struct {
    enum option_id option;
    const char *built_in;
} settled[] = {
    {OPTION_THEME, "auto"}, {OPTION_INTERVAL, "1s"},  {OPTION_COLOR, "auto"},
    {OPTION_ASCII, "no"},   {OPTION_NO_MOUSE, "no"},
};

/* ---- where it lies ---- */

static void find_path(struct text *path)
{
    const char *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    /* A relative one is to be ignored (XDG Base Directory Specification 0.8). */
    if (folder && folder[0] == '/')
        text_printf(path, "%s/heaptop/settings", folder);
    else if (home && home[0] == '/')
        text_printf(path, "%s/.config/heaptop/settings", home);
}

/* The first problem goes to the screen as well, where there is less room. */
static void tell(struct settings *settings, const char *where, const char *briefly_where, const char *what)
{
    struct text said = {0};
    text_append_escaped(&said, what, strlen(what));
    if (settings->num_problems++ == 0)
        text_printf(&settings->notice, "%s: %s", briefly_where, said.data ? said.data : "");
    text_append(&settings->problems, "heaptop: ");
    text_append_escaped(&settings->problems, where, strlen(where));
    text_printf(&settings->problems, ": %s\n", said.data ? said.data : "");
    text_deinit(&said);
}

/* Of a line of the file; 0: of all of it. */
__attribute__((format(printf, 3, 4)))
static void complain(struct settings *settings, unsigned line, const char *format, ...)
{
    struct text where = {0};
    char what[200], number[16] = "", briefly[32];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    if (line)
        snprintf(number, sizeof(number), ":%u", line);
    snprintf(briefly, sizeof(briefly), "settings%s", number);
    text_printf(&where, "%s%s", settings->path.data, number);
    tell(settings, where.failed ? briefly : where.data, briefly, what);
    text_deinit(&where);
}

/* ---- reading ---- */

/* false: it sets nothing of `options`, and what is wrong with it is in *ret_error. */
static bool try_value(enum option_id option, const char *value, struct options *options, struct error **ret_error)
{
    *ret_error = option_infos[option].set(options, value);
    return !*ret_error;
}

static bool find_settled(const char *name, enum option_id *ret_option)
{
    for (size_t i = 0; i < ARRAY_SIZE(settled); i++) {
        if (strcmp(option_infos[settled[i].option].name, name) == 0) {
            *ret_option = settled[i].option;
            return true;
        }
    }
    return false;
}

static void read_source_map(struct settings *settings, unsigned line, const char *value, struct error **ret_error)
{
    struct options scratch = {0};
    if (settings->num_source_maps == TUI_MAX_SOURCE_MAPS) {
        *ret_error = error_create(ERROR_USAGE, "at most %d of them", TUI_MAX_SOURCE_MAPS);
    } else if (try_value(OPTION_SOURCE_MAP, value, &scratch, ret_error)) {
        settings->source_maps[settings->num_source_maps].map = value;
        settings->source_maps[settings->num_source_maps++].line = line;
    }
}

static void read_line(struct settings *settings, unsigned line, char *name, char *value)
{
    enum option_id option;
    struct options scratch = {0};
    struct error *error = NULL;
    if (strncmp(name, KEY_PREFIX, strlen(KEY_PREFIX)) == 0) {
        const char *robbed = NULL;
        error = tui_bind_keys(name + strlen(KEY_PREFIX), value, &robbed);
        settings->key_lines += !error;
        if (robbed)
            complain(settings, line, "%s = %s: it takes a key that another line gave to '%s'", name, value, robbed);
    } else if (strcmp(name, option_infos[OPTION_SOURCE_MAP].name) == 0) {
        read_source_map(settings, line, value, &error);
    } else if (!find_settled(name, &option)) {
        complain(settings, line, "there is no setting '%s'", name);
        return;
    } else if (try_value(option, value, &scratch, &error)) {
        settings->values[option].value = value;
        settings->values[option].line = line;
    }
    if (error)
        complain(settings, line, "%s = %s: %s", name, value, error->message);
    error_destroy(error);
}

/* Cuts blanks off both ends, in place. */
static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    for (size_t length = strlen(text); length > 0 && strchr(" \t\r", text[length - 1]); length--)
        text[length - 1] = '\0';
    return text;
}

static void read_lines(struct settings *settings)
{
    unsigned number = 0;
    for (char *line = settings->text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        number++;
        line = trim(line);
        if (line[0] == '\0' || line[0] == '#')
            continue;
        char *equals = strchr(line, '=');
        if (!equals || equals == line) {
            complain(settings, number, "'%.40s' is not NAME = VALUE", line);
            continue;
        }
        *equals = '\0';
        read_line(settings, number, trim(line), trim(equals + 1));
    }
}

/* The whole of it, or NULL; there may be none. */
static char *read_whole(struct settings *settings)
{
    FILE *file = settings->path.length ? fopen(settings->path.data, "re") : NULL;
    if (!file) {
        if (settings->path.length && errno != ENOENT && errno != ENOTDIR)
            complain(settings, 0, "cannot open it: %s", strerror(errno));
        return NULL;
    }
    char *text = calloc(1, MAX_FILE + 1);
    size_t size = text ? fread(text, 1, MAX_FILE + 1, file) : 0;
    if (text && (ferror(file) || size > MAX_FILE)) {
        complain(settings, 0, "%s", size > MAX_FILE ? "it is longer than 64 KiB" : "cannot read it");
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

/* HEAPTOP_NO_MOUSE for no-mouse. */
static const char *environment_name(enum option_id option, char *buffer, size_t size)
{
    snprintf(buffer, size, "HEAPTOP_%s", option_infos[option].name);
    for (char *c = buffer; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    return buffer;
}

static void read_variable(struct settings *settings, enum option_id option)
{
    char name[64];
    const char *value = getenv(environment_name(option, name, sizeof(name)));
    struct options scratch = {0};
    struct error *error;
    if (!value || !value[0])
        return;
    if (try_value(option, value, &scratch, &error)) {
        settings->values[option].value = value;
        settings->values[option].line = 0;
        return;
    }
    tell(settings, name, name, error->message);
    error_destroy(error);
}

static void read_environment(struct settings *settings)
{
    for (size_t i = 0; i < ARRAY_SIZE(settled); i++)
        read_variable(settings, settled[i].option);
    read_variable(settings, OPTION_SOURCE_MAP);
}

/* ---- writing ---- */

/* "theme = light\n" for the lines that set what has changed, all others as they are. */
static void rewrite(const char *before, const char *name, const char *value, struct text *after)
{
    bool is_written = false;
    for (const char *line = before, *next; line && *line; line = next) {
        size_t length = strcspn(line, "\n"), start = strspn(line, " \t");
        next = line[length] ? line + length + 1 : NULL;
        size_t name_length = strlen(name);
        bool is_it = strncmp(line + start, name, name_length) == 0 &&
                     line[start + name_length + strspn(line + start + name_length, " \t")] == '=';
        if (is_it && !is_written)
            text_printf(after, "%s = %s\n", name, value);
        else if (!is_it)
            text_printf(after, "%.*s\n", (int)length, line);
        is_written |= is_it;
    }
    if (!is_written)
        text_printf(after, "%s = %s\n", name, value);
}

/* The folder is made where it is not there; for its owner alone, as the specification says. */
static struct error *make_folder(const char *path)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof(folder), "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
            return error_from_errno(errno, "cannot make the folder '%s'", folder);
        *slash = '/';
    }
    return NULL;
}

static struct error *save(void *context, const struct tui_settings *now, struct text *ret_said)
{
    struct settings *settings = context;
    char interval[UNITS_BUFFER], *resolved = NULL;
    _cleanup_(text_deinit) struct text first = {0}, second = {0};
    if (settings->path.length == 0)
        return error_create(ERROR_NOT_FOUND, "neither XDG_CONFIG_HOME nor HOME says where settings are kept");
    struct error *error = make_folder(settings->path.data);
    if (error)
        return error;
    bool is_whole = now->interval_ns % 1000000000 == 0;
    snprintf(interval, sizeof(interval), "%llu%s",
             (unsigned long long)(now->interval_ns / (is_whole ? 1000000000 : 1000000)), is_whole ? "s" : "ms");
    /* As it is on the disk now: somebody may have edited it meanwhile. */
    struct settings fresh = {.path = settings->path};
    char *text = read_whole(&fresh);
    bool is_unreadable = fresh.num_problems > 0;
    text_deinit(&fresh.problems);
    text_deinit(&fresh.notice);
    if (is_unreadable) {
        free(text);
        return error_create(ERROR_SYSTEM, "cannot read %s, so it is left alone", settings->path.data);
    }
    rewrite(text, option_infos[OPTION_THEME].name, tui_theme_name(now->theme), &first);
    rewrite(first.data, option_infos[OPTION_INTERVAL].name, interval, &second);
    free(text);
    if (first.failed || second.failed)
        return error_no_memory();
    /* A link to the file stays one. */
    resolved = realpath(settings->path.data, NULL);
    error = export_write_file(resolved ? resolved : settings->path.data, second.data, second.length);
    free(resolved);
    if (!error)
        text_printf(ret_said, "saved to %s", settings->path.data);
    return error;
}

/* ---- in use ---- */

/* Behind those of the command line: of two for one folder the earlier counts. Those beyond the most are left out. */
static void add_source_maps(struct settings *settings, struct options *options)
{
    const char *first = settings->values[OPTION_SOURCE_MAP].value;
    struct error *error = NULL;
    settings->num_given_source_maps = options->tui.source_maps.count;
    bool good = !first || try_value(OPTION_SOURCE_MAP, first, options, &error);
    for (size_t i = 0; good && i < settings->num_source_maps; i++)
        good = try_value(OPTION_SOURCE_MAP, settings->source_maps[i].map, options, &error);
    error_destroy(error);
}

void settings_apply(struct settings *settings, struct options *options)
{
    *settings = (struct settings){0};
    find_path(&settings->path);
    settings->text = read_whole(settings);
    read_lines(settings);
    read_environment(settings);
    /* It is the environment's word on colour: the file must not overrule it. */
    const char *no_color = getenv("NO_COLOR");
    if (no_color && no_color[0] && settings->values[OPTION_COLOR].line)
        settings->values[OPTION_COLOR].value = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(settled); i++) {
        enum option_id option = settled[i].option;
        bool is_known = (option_infos[option].commands >> options->command & 1) != 0;
        struct error *error = NULL;
        if (is_known && settings->values[option].value && !options->given[option])
            try_value(option, settings->values[option].value, options, &error);
        error_destroy(error);
    }
    if (option_infos[OPTION_SOURCE_MAP].commands >> options->command & 1)
        add_source_maps(settings, options);
    settings->store = (struct tui_settings_store){save, settings};
    options->tui.settings = &settings->store;
    options->tui.notice = settings->notice.data;
}

void settings_deinit(struct settings *settings)
{
    text_deinit(&settings->path);
    text_deinit(&settings->problems);
    text_deinit(&settings->notice);
    free(settings->text);
    settings->text = NULL;
}

static void write_key(void *context, const char *action, const char *keys)
{
    text_printf(context, KEY_PREFIX "%s = %s\n", action, keys);
}

static void write_source_maps(const struct settings *settings, const struct options *options, struct text *text)
{
    const struct tui_source_maps *maps = &options->tui.source_maps;
    size_t from_file = settings->num_given_source_maps + (settings->values[OPTION_SOURCE_MAP].value != NULL);
    const char *name = option_infos[OPTION_SOURCE_MAP].name;
    char variable[64];
    if (maps->count == 0)
        text_printf(text, "\n# none\n# %s = FROM=TO\n", name);
    for (size_t i = 0; i < maps->count; i++) {
        if (i < settings->num_given_source_maps)
            text_printf(text, "\n# --%s\n", name);
        else if (i < from_file)
            text_printf(text, "\n# %s\n", environment_name(OPTION_SOURCE_MAP, variable, sizeof(variable)));
        else
            text_printf(text, "\n# line %u\n", settings->source_maps[i - from_file].line);
        text_printf(text, "%s = ", name);
        text_append_escaped(text, maps->maps[i], strlen(maps->maps[i]));
        text_append(text, "\n");
    }
}

void settings_write(const struct settings *settings, const struct options *options, struct text *text)
{
    text_append(text, "# The file is ");
    if (settings->path.length)
        text_append_escaped(text, settings->path.data, settings->path.length);
    text_printf(text, "%s.\n", !settings->path.length ? "nowhere: neither XDG_CONFIG_HOME nor HOME is set"
                               : settings->text      ? ""
                                                     : ", which is not there");
    for (size_t i = 0; i < ARRAY_SIZE(settled); i++) {
        enum option_id option = settled[i].option;
        const char *value = settings->values[option].value;
        char name[64];
        if (options->given[option])
            text_printf(text, "\n# --%s\n", option_infos[option].name);
        else if (value && settings->values[option].line)
            text_printf(text, "\n# line %u\n", settings->values[option].line);
        else
            text_printf(text, "\n# %s\n", value ? environment_name(option, name, sizeof(name)) : "built in");
        value = options->given[option] ? options->given[option] : value ? value : settled[i].built_in;
        text_printf(text, "%s = ", option_infos[option].name);
        text_append_escaped(text, value, strlen(value));
        text_append(text, "\n");
    }
    write_source_maps(settings, options, text);
    text_printf(text, "\n# %u of these lines %s in the file; the others are built in.\n", settings->key_lines,
                settings->key_lines == 1 ? "is" : "are");
    tui_each_key(write_key, text);
}
