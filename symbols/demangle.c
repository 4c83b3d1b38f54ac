#include "heaptop/symbols/demangle.h"

#include <demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A longer symbol is shown as it is: what comes from a file shall not take the time and the stack it likes. */
#define MAX_SYMBOL 4000
/* Of what it means: each substitution can double a name, so that some hundred bytes of a symbol mean more than there is
 * memory or time for. */
#define MAX_NAME 16000

struct name {
    size_t length;
    char bytes[MAX_NAME + 1];
    jmp_buf full;
};

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Demanglers go on whatever becomes of what they print: the way out when there is enough of it is past them. With a
 * callback they keep all on the stack (libiberty cp-demangle.c), but for the few bytes of a Rust identifier in
 * Punycode. */
static void take_piece(const char *bytes, size_t length, void *context)
{
    struct name *name = context;
    size_t room = MAX_NAME - name->length, count = length < room ? length : room;
    memcpy(name->bytes + name->length, bytes, count);
    name->length += count;
    if (count < length)
        longjmp(name->full, true);
}

typedef int demangler(const char *symbol, int options, demangle_callbackref callback, void *context);

static bool take_name(struct name *name, demangler *run, const char *symbol, int options)
{
    name->length = 0;
    return setjmp(name->full) || run(symbol, options, take_piece, name);
}

char *demangle(const char *symbol)
{
    size_t length = strlen(symbol);
    struct name name;
    if (length <= MAX_SYMBOL) {
        /* Rust first: its legacy names are C++ names too, with a hash that only its own rules know. */
        if ((starts_with(symbol, "_R") || starts_with(symbol, "_ZN")) &&
            take_name(&name, rust_demangle_callback, symbol, DMGL_NO_OPTS))
            return strndup(name.bytes, name.length);
        if (starts_with(symbol, "_Z") && take_name(&name, cplus_demangle_v3_callback, symbol, DMGL_PARAMS | DMGL_ANSI))
            return strndup(name.bytes, name.length);
    }
    const char *version = strchr(symbol, '@');
    return strndup(symbol, version && version > symbol ? (size_t)(version - symbol) : length);
}
