#include "heaptop/symbols/demangle.h"

#include <demangle.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A longer symbol is shown as it is: what comes from a file shall not take the time and the stack it likes. */
#define MAX_SYMBOL 4000
/* Of what it means: substitutions let a name grow without bound. */
#define MAX_NAME 16000

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

char *demangle(const char *symbol)
{
    char *name = NULL;
    size_t length = strlen(symbol);
    if (length <= MAX_SYMBOL) {
        /* Rust first: its legacy names are C++ names too, with a hash that only its own rules know. */
        if (starts_with(symbol, "_R") || starts_with(symbol, "_ZN"))
            name = rust_demangle(symbol, DMGL_NO_OPTS);
        if (!name && starts_with(symbol, "_Z"))
            name = cplus_demangle_v3(symbol, DMGL_PARAMS | DMGL_ANSI);
    }
    if (name && strlen(name) > MAX_NAME)
        name[MAX_NAME] = '\0';
    if (name)
        return name;
    const char *version = strchr(symbol, '@');
    return strndup(symbol, version && version > symbol ? (size_t)(version - symbol) : length);
}
