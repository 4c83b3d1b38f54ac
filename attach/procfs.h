/* Reading the files of /proc/PID, and taking their text apart. */
#ifndef HEAPTOP_ATTACH_PROCFS_H
#define HEAPTOP_ATTACH_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "heaptop/base/error.h"
#include "heaptop/base/text.h"

/* /proc/PID as a descriptor. What is opened through it is that process's or fails, also after the pid was given to
 * another. ERROR_GONE when there is no such process, or it is hidden. */
struct error *procfs_open_process(pid_t pid, int *ret_folder);

/* The beginning of a small file below a folder (AT_FDCWD: an absolute path), NUL-terminated, so at most size - 1
 * bytes. ERROR_NOT_FOUND, ERROR_PERMISSION, ERROR_GONE. */
struct error *procfs_read(int folder, const char *name, char *buffer, size_t size, size_t *ret_length);

/* The same from a descriptor kept open: the kernel makes the text anew at each reading from its beginning. */
struct error *procfs_read_again(int descriptor, const char *name, char *buffer, size_t size, size_t *ret_length);

/* All of a file, at most `limit` bytes; *ret_cut tells that there was more. Appends to *text. */
struct error *procfs_read_all(int folder, const char *name, size_t limit, struct text *text, bool *ret_cut);

/* The target of a link below a folder, escaped by the caller. ERROR_BAD_DATA when it is longer than the buffer. */
struct error *procfs_read_link(int folder, const char *name, char *buffer, size_t size);

/* Text taken apart from its front, never beyond `end`. */
struct scanner {
    const char *next, *end;
};

static inline struct scanner scanner_over(const char *text, size_t length)
{
    return (struct scanner){.next = text, .end = text + length};
}

/* The next line without its newline; false at the end. */
bool scanner_line(struct scanner *scanner, struct scanner *ret_line);
/* The next word between blanks and tabs; false when there is none. */
bool scanner_word(struct scanner *scanner, struct scanner *ret_word);
/* A number of the base at the front, moved over. False, and nothing moved, when there is no digit or the number does
 * not fit. */
bool scanner_number(struct scanner *scanner, unsigned base, uint64_t *ret_value);
/* Moves over one character if it is this one. */
bool scanner_accept(struct scanner *scanner, char character);
/* Moves over a prefix if it is there. */
bool scanner_accept_text(struct scanner *scanner, const char *prefix);
void scanner_skip_blanks(struct scanner *scanner);
/* The next word, if it is all digits. */
bool scanner_number_word(struct scanner *scanner, uint64_t *ret_value);

static inline size_t scanner_left(const struct scanner *scanner)
{
    return (size_t)(scanner->end - scanner->next);
}

bool scanner_equals(const struct scanner *scanner, const char *text);

#endif
