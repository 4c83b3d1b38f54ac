#include "attach/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "heaptop/base/cleanup.h"

#define READ_STEP ((size_t)16384)

struct error *procfs_open_process(pid_t pid, int *ret_folder)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 && (errno == ENOENT || errno == ESRCH))
        return error_create(ERROR_GONE, "no process has the pid %d", (int)pid);
    if (folder < 0)
        return error_from_errno(errno, "cannot open '%s'", path);
    *ret_folder = folder;
    return NULL;
}

struct error *procfs_read_again(int descriptor, const char *name, char *buffer, size_t size, size_t *ret_length)
{
    /* One call: the kernel gives such a file whole where the buffer is large enough, and would make the text again
     * to say that no more comes. */
    ssize_t length;
    do {
        length = pread(descriptor, buffer, size - 1, 0);
    } while (length < 0 && errno == EINTR);
    if (length < 0)
        return error_from_errno(errno, "cannot read '%s'", name);
    buffer[length] = '\0';
    *ret_length = (size_t)length;
    return NULL;
}

struct error *procfs_read(int folder, const char *name, char *buffer, size_t size, size_t *ret_length)
{
    _cleanup_close_ int descriptor = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0)
        return error_from_errno(errno, "cannot open '%s'", name);
    return procfs_read_again(descriptor, name, buffer, size, ret_length);
}

struct error *procfs_read_all(int folder, const char *name, size_t limit, struct text *text, bool *ret_cut)
{
    _cleanup_close_ int descriptor = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0)
        return error_from_errno(errno, "cannot open '%s'", name);
    _cleanup_free_ char *step = malloc(READ_STEP);
    if (!step)
        return error_no_memory();
    size_t length = 0;
    for (;;) {
        ssize_t got = read(descriptor, step, READ_STEP);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_from_errno(errno, "cannot read '%s'", name);
        size_t taken = (size_t)got < limit - length ? (size_t)got : limit - length;
        text_append_bytes(text, step, taken);
        length += taken;
        if (text->failed)
            return error_no_memory();
        if (got == 0 || taken < (size_t)got) {
            *ret_cut = got != 0;
            return NULL;
        }
    }
}

struct error *procfs_read_link(int folder, const char *name, char *buffer, size_t size)
{
    ssize_t length = readlinkat(folder, name, buffer, size);
    if (length < 0)
        return error_from_errno(errno, "cannot read the link '%s'", name);
    if ((size_t)length >= size)
        return error_create(ERROR_BAD_DATA, "the link '%s' is longer than %zu bytes", name, size - 1);
    buffer[length] = '\0';
    return NULL;
}

bool scanner_line(struct scanner *scanner, struct scanner *ret_line)
{
    if (scanner->next == scanner->end)
        return false;
    const char *newline = memchr(scanner->next, '\n', scanner_left(scanner));
    const char *end = newline ? newline : scanner->end;
    *ret_line = (struct scanner){.next = scanner->next, .end = end};
    scanner->next = newline ? newline + 1 : end;
    return true;
}

static bool is_blank(char character)
{
    return character == ' ' || character == '\t';
}

void scanner_skip_blanks(struct scanner *scanner)
{
    while (scanner->next < scanner->end && is_blank(*scanner->next))
        scanner->next++;
}

bool scanner_word(struct scanner *scanner, struct scanner *ret_word)
{
    scanner_skip_blanks(scanner);
    const char *start = scanner->next;
    while (scanner->next < scanner->end && !is_blank(*scanner->next) && *scanner->next != '\n')
        scanner->next++;
    *ret_word = (struct scanner){.next = start, .end = scanner->next};
    return scanner->next > start;
}

static unsigned digit_value(char character)
{
    if (character >= '0' && character <= '9')
        return (unsigned)(character - '0');
    if (character >= 'a' && character <= 'f')
        return (unsigned)(character - 'a') + 10;
    return UINT32_MAX;
}

bool scanner_number(struct scanner *scanner, unsigned base, uint64_t *ret_value)
{
    const char *next = scanner->next;
    uint64_t value = 0;
    for (; next < scanner->end && digit_value(*next) < base; next++) {
        if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit_value(*next), &value))
            return false;
    }
    if (next == scanner->next)
        return false;
    scanner->next = next;
    *ret_value = value;
    return true;
}

bool scanner_accept(struct scanner *scanner, char character)
{
    if (scanner->next == scanner->end || *scanner->next != character)
        return false;
    scanner->next++;
    return true;
}

bool scanner_accept_text(struct scanner *scanner, const char *prefix)
{
    size_t length = strlen(prefix);
    if (scanner_left(scanner) < length || memcmp(scanner->next, prefix, length) != 0)
        return false;
    scanner->next += length;
    return true;
}

bool scanner_number_word(struct scanner *scanner, uint64_t *ret_value)
{
    struct scanner word;
    uint64_t value;
    if (!scanner_word(scanner, &word) || !scanner_number(&word, 10, &value) || word.next != word.end)
        return false;
    *ret_value = value;
    return true;
}

bool scanner_equals(const struct scanner *scanner, const char *text)
{
    return scanner_left(scanner) == strlen(text) && memcmp(scanner->next, text, scanner_left(scanner)) == 0;
}
