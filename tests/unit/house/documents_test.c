/* Holds the documents against the program: the command lines that they show are understood, the keys and options that they
 * name are there, and so are the files that they point to. */
#include <ctype.h>
#include <dirent.h>
#include <jansson.h>

#include "cli/options.h"
#include "tui/action.h"
#include "unit/house/sources.h"

#define MAX_WORDS 32
/* No fewer have ever been found; a search that finds none would prove nothing. */
#define LEAST_COMMANDS 60
#define LEAST_KEYS 20
#define LEAST_OPTIONS 40
#define LEAST_LINKS 30

static const char *const documents[] = {
    "README.md",      "CHANGELOG.md",      "docs/guide.md",   "docs/troubleshooting.md",
    "docs/json.md",   "docs/recording.md", "docs/testing.md", "docs/architecture.md",
    "docs/decisions.md",
};
/* Those in which a word of one character that stands as code is a key. */
#define NUM_WITH_KEYS 4

/* Options of other programs that they name. */
static const char *const foreign[] = {
    "cap-add", "target", "perf-basic-prof", "interpreted-frames-native-stack", "samples", "only", "pid", "build-id",
    "image",   "rm",     "user",            "userns",                         "security-opt", "custom",
};

static bool is_among(const char *word, size_t length, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(words[i]) == length && strncmp(word, words[i], length) == 0)
            return true;
    return false;
}

/* ---- command lines ---- */

/* Where the words begin behind "heaptop " at the start of a line of a shell, behind sudo and variables; or NULL. */
static const char *find_arguments(const char *line)
{
    static const char program[] = "heaptop ";
    for (;;) {
        size_t word = strcspn(line, " ");
        if (strncmp(line, program, strlen(program)) == 0)
            return line + strlen(program);
        bool is_before = strncmp(line, "sudo ", 5) == 0 || (word > 0 && memchr(line, '=', word) != NULL);
        if (!is_before || line[word] != ' ')
            return NULL;
        line += word + 1;
    }
}

/* Splits in place, as a shell would as far as that is needed here, up to a pipe or a remark. */
static int split(char *line, char **words)
{
    int count = 0;
    for (char *at = line; *at;) {
        at += strspn(at, " ");
        if (*at == '\0' || *at == '|' || *at == '#')
            break;
        char *end = at;
        ck_assert_int_lt(count, MAX_WORDS - 2);
        words[count++] = end;
        for (char quote = 0; *at && (quote || *at != ' '); at++) {
            if (quote ? *at == quote : *at == '\'' || *at == '"')
                quote = quote ? 0 : *at;
            else
                *end++ = *at;
        }
        if (*at)
            at++;
        *end = '\0';
    }
    words[count] = NULL;
    return count;
}

/* Of a command that is only mentioned not all that it takes has to be there. */
static unsigned check_command(const char *document, const char *line, size_t length, bool is_mentioned)
{
    char copy[MAX_PATH], shown[MAX_PATH], *words[MAX_WORDS + 2] = {(char *)"heaptop", (char *)"--help"};
    snprintf(shown, sizeof shown, "%.*s", (int)length, line);
    const char *arguments = find_arguments(shown);
    if (!arguments)
        return 0;
    snprintf(copy, sizeof copy, "%s", arguments);
    int first = is_mentioned ? 2 : 1;
    int count = first + split(copy, words + first);
    struct options options;
    struct error *error = options_parse(count, words, &options);
    if (error)
        complain("%s: '%s': %s\n", document, shown, error->message);
    error_destroy(error);
    return 1;
}

/* ---- code in the text ---- */

/* The next span of code at or after *position, on one line; false: there is none. */
static bool next_span(const char **position, const char **ret_span, size_t *ret_length)
{
    for (const char *at = *position; (at = strchr(at, '`')) != NULL;) {
        size_t length = strcspn(at + 1, "`\n");
        if (length > 0 && at[1 + length] == '`') {
            *ret_span = at + 1;
            *ret_length = length;
            *position = at + length + 2;
            return true;
        }
        at++;
    }
    return false;
}

START_TEST(command_lines_are_understood)
{
    unsigned found = 0;
    for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
        char *text = read_source(documents[i]);
        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line != '\0')
            if (strncmp(line, "    ", 4) == 0)
                found += check_command(documents[i], line + 4, strcspn(line + 4, "\n"), false);
        const char *position = text, *span;
        for (size_t length; next_span(&position, &span, &length);)
            found += check_command(documents[i], span, length, true);
        free(text);
    }
    check_no_complaints();
    ck_assert_uint_ge(found, LEAST_COMMANDS);
}
END_TEST

START_TEST(keys_are_bound)
{
    unsigned found = 0;
    for (size_t i = 0; i < NUM_WITH_KEYS; i++) {
        char *text = read_source(documents[i]), name[KEY_NAME_BUFFER];
        const char *position = text, *span;
        for (size_t length; next_span(&position, &span, &length);) {
            if (length >= sizeof name)
                continue;
            snprintf(name, sizeof name, "%.*s", (int)length, span);
            uint32_t key = key_of_name(name);
            if (key == 0)
                continue;
            found++;
            /* Numbers are the screens, of which there are eight. */
            if (!(key >= '1' && key <= '8') && action_of_key(key) == ACTION_NONE)
                complain("%s names the key `%s`, which does nothing\n", documents[i], name);
        }
        free(text);
    }
    check_no_complaints();
    ck_assert_uint_ge(found, LEAST_KEYS);
}
END_TEST

/* ---- options ---- */

static unsigned check_option(const char *document, const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz-");
    while (length > 0 && name[length - 1] == '-')
        length--;
    if (length == 0 || is_among(name, length, foreign, ARRAY_SIZE(foreign)))
        return 0;
    for (int id = 0; id < OPTION_COUNT; id++)
        if (is_among(name, length, &option_infos[id].name, 1))
            return 1;
    complain("%s names the option --%.*s, which is not there\n", document, (int)length, name);
    return 0;
}

/* "\-\-json" and "--json" in roff are one. */
static void unescape_hyphens(char *text)
{
    char *end = text;
    for (const char *at = text; *at; at++)
        if (!(at[0] == '\\' && at[1] == '-'))
            *end++ = *at;
    *end = '\0';
}

static unsigned check_page(const char *page)
{
    unsigned found = 0;
    char *text = read_source(page);
    unescape_hyphens(text);
    for (const char *at = text; (at = strstr(at, "--")) != NULL; at += 2)
        found += check_option(page, at + 2);
    for (const char *at = text; (at = strstr(at, "\n.B heaptop ")) != NULL; at++)
        (void)check_command(page, at + 4, strcspn(at + 4, "\n"), true);
    free(text);
    return found;
}

START_TEST(options_are_there)
{
    unsigned found = 0;
    for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
        char *text = read_source(documents[i]);
        const char *position = text, *span;
        for (size_t length; next_span(&position, &span, &length);)
            if (strncmp(span, "--", 2) == 0)
                found += check_option(documents[i], span + 2);
        free(text);
    }
    DIR *folder = opendir(SOURCE_DIR "/docs/man");
    ck_assert_ptr_nonnull(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char page[MAX_PATH];
        if (!strstr(entry->d_name, ".roff"))
            continue;
        snprintf(page, sizeof page, "docs/man/%.200s", entry->d_name);
        found += check_page(page);
    }
    closedir(folder);
    check_no_complaints();
    ck_assert_uint_ge(found, LEAST_OPTIONS);
}
END_TEST

/* ---- JSON ---- */

START_TEST(members_of_the_json_are_told)
{
    static const char *const schemas[] = {"docs/heaptop.schema.json", "docs/heaptop-diff.schema.json"};
    char *told = read_source("docs/json.md");
    for (size_t i = 0; i < ARRAY_SIZE(schemas); i++) {
        char *text = read_source(schemas[i]);
        json_t *schema = json_loads(text, 0, NULL), *properties = json_object_get(schema, "properties"), *property;
        const char *name;
        ck_assert_uint_gt(json_object_size(properties), 10);
        json_object_foreach (properties, name, property) {
            char span[MAX_PATH], quoted[MAX_PATH];
            snprintf(span, sizeof span, "`%s`", name);
            snprintf(quoted, sizeof quoted, "`\"%s\": ", name);
            if (!strstr(told, span) && !strstr(told, quoted))
                complain("docs/json.md says nothing of %s in %s\n", name, schemas[i]);
        }
        json_decref(schema);
        free(text);
    }
    free(told);
    check_no_complaints();
}
END_TEST

/* ---- files ---- */

/* Whether a heading of the document has this anchor: small letters and digits, with a hyphen for each blank. */
static bool has_anchor(const char *document, const char *anchor, size_t length)
{
    char *text = read_source(document);
    bool found = false;
    for (const char *line = text; *line && !found; line += strcspn(line, "\n"), line += *line != '\0') {
        if (line[0] != '#')
            continue;
        size_t matched = 0;
        const char *at = line + strspn(line, "#") + 1;
        for (found = true; *at && *at != '\n' && found; at++) {
            char c = *at == ' ' ? '-' : (char)tolower((unsigned char)*at);
            if (isalnum((unsigned char)c) || c == '-' || c == '_')
                found = matched < length && anchor[matched++] == c;
        }
        found &= matched == length;
    }
    free(text);
    return found;
}

/* "[words](path#anchor)", seen from the document's folder. */
static unsigned check_links(const char *document, const char *text)
{
    const char *slash = strrchr(document, '/');
    unsigned found = 0;
    for (const char *at = text; (at = strstr(at, "](")) != NULL;) {
        char path[2 * MAX_PATH];
        at += 2;
        size_t length = strcspn(at, "#)\n");
        if (length >= MAX_PATH || strncmp(at, "http", 4) == 0)
            continue;
        snprintf(path, sizeof path, "%.*s%.*s", slash && length ? (int)(slash + 1 - document) : 0, document,
                 (int)length, at);
        const char *target = length ? path : document, *anchor = at + length + 1;
        found++;
        if (!source_exists(target))
            complain("%s links to %s, which is not there\n", document, target);
        else if (at[length] == '#' && !has_anchor(target, anchor, strcspn(anchor, ")\n")))
            complain("%s links to %.*s in %s, which has no such heading\n", document, (int)strcspn(anchor, ")\n"),
                     anchor, target);
    }
    return found;
}

/* A test's name is that of its program. */
static bool exists_with(const char *path, const char *end)
{
    char whole[2 * MAX_PATH];
    snprintf(whole, sizeof whole, "%s%s", path, end);
    return source_exists(whole);
}

/* docs/guide.md and the like as they stand in the text; what has capitals or a star in it stands for several. */
static unsigned check_paths(const char *document, const char *text)
{
    static const char *const folders[] = {"docs/", "tests/", "tools/", "screenshots/", "include/"};
    unsigned found = 0;
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        for (const char *at = text; (at = strstr(at, folders[i])) != NULL; at++) {
            char path[MAX_PATH];
            size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_./-");
            if (at > text && (isalnum((unsigned char)at[-1]) || strchr("/.-_", at[-1])))
                continue;
            if (isupper((unsigned char)at[length]) || strchr("*{<", at[length]) || length >= sizeof path)
                continue;
            while (length > 0 && at[length - 1] == '.')
                length--;
            snprintf(path, sizeof path, "%.*s", (int)length, at);
            found++;
            if (!source_exists(path) && !exists_with(path, ".c") && !exists_with(path, ".py"))
                complain("%s names %s, which is not there\n", document, path);
        }
    }
    return found;
}

START_TEST(files_are_there)
{
    unsigned found = 0;
    for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
        char *text = read_source(documents[i]);
        found += check_links(documents[i], text) + check_paths(documents[i], text);
        free(text);
    }
    check_no_complaints();
    ck_assert_uint_ge(found, LEAST_LINKS);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("documents");
    TCase *tests = tcase_create("house");
    tcase_add_test(tests, command_lines_are_understood);
    tcase_add_test(tests, keys_are_bound);
    tcase_add_test(tests, options_are_there);
    tcase_add_test(tests, members_of_the_json_are_told);
    tcase_add_test(tests, files_are_there);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
