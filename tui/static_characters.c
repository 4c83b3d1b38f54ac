/* Characters in the static program: the C library would read how UTF-8 goes from files that an empty container does not
 * have, and a static one has none of its own. So what curses asks it for is answered here, by the environment and by
 * base's tables. Of other programs this file has nothing. */
#ifdef HEAPTOP_STATIC
#include <langinfo.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "heaptop/base/text.h"
#include "tui/terminal_type.h"

static bool is_utf8;

/* The C library's own cannot be left out, as others are: the linker puts this one in its place (--wrap). */
char *__wrap_setlocale(int category, const char *name);
char *__wrap_setlocale(int category, const char *name)
{
    (void)category;
    if (name)
        is_utf8 = *name ? strcasestr(name, "utf-8") != NULL : terminal_wants_utf8();
    return (char *)(is_utf8 ? "C.UTF-8" : "C");
}

char *nl_langinfo(nl_item item)
{
    return (char *)(item == CODESET ? is_utf8 ? "UTF-8" : "ANSI_X3.4-1968" : "");
}

/* Whole characters only: what curses reads keys by waits until it has one. */
size_t mbrtowc(wchar_t *restrict wide, const char *restrict bytes, size_t length, mbstate_t *restrict state)
{
    (void)state;
    uint32_t rune;
    if (!bytes)
        return 0;
    size_t wanted = !is_utf8 || !(*bytes & 0x80) ? 1 : (*bytes & 0x20) == 0 ? 2 : (*bytes & 0x10) == 0 ? 3 : 4;
    if (length < wanted)
        return (size_t)-2;
    if (!is_utf8)
        rune = (unsigned char)*bytes;
    else if (utf8_decode(bytes, length, &rune) != wanted)
        return (size_t)-1;
    if (wide)
        *wide = (wchar_t)rune;
    return rune ? wanted : 0;
}

int mbtowc(wchar_t *restrict wide, const char *restrict bytes, size_t length)
{
    size_t used = mbrtowc(wide, bytes, length, NULL);
    return used > 4 ? -1 : (int)used;
}

int mblen(const char *bytes, size_t length)
{
    return mbtowc(NULL, bytes, length);
}

size_t wcrtomb(char *restrict bytes, wchar_t wide, mbstate_t *restrict state)
{
    (void)state;
    if (!bytes)
        return 1;
    if (!is_utf8 && wide > 0x7f)
        return (size_t)-1;
    return utf8_from_rune((uint32_t)wide, bytes);
}

int wcwidth(wchar_t wide)
{
    if (wide == 0)
        return 0;
    return wide < 0x20 || wide == 0x7f || (!is_utf8 && wide > 0x7e) ? -1 : rune_width((uint32_t)wide);
}

int iswprint(wint_t wide)
{
    return wcwidth((wchar_t)wide) >= 0;
}

int wctob(wint_t wide)
{
    return wide < 0x80 ? (int)wide : EOF;
}

wint_t btowc(int byte)
{
    return byte >= 0 && byte < 0x80 ? (wint_t)byte : WEOF;
}
#endif
