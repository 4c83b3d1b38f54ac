/* Errors as values: a fallible function returns `struct error *`, NULL for success; its outputs come last, are named
 * `ret...`, and are untouched when it fails. An error is owned by whoever receives it and ends in error_destroy. */
#ifndef HEAPTOP_BASE_ERROR_H
#define HEAPTOP_BASE_ERROR_H

#include <stdarg.h>
#include <stdint.h>

enum error_kind {
    ERROR_FAULT,        /* An address of the target cannot be read. */
    ERROR_GONE,         /* No such process, or it ended, or its pid is now another's. */
    ERROR_PERMISSION,   /* The kernel refuses: other user, ptrace_scope, missing capability. */
    ERROR_BAD_DATA,     /* Bytes of a file or a target that cannot be what they should be. */
    ERROR_UNSUPPORTED,  /* Well-formed, but not something this build can read. */
    ERROR_NO_MEMORY,
    ERROR_SYSTEM,       /* Any other failing system call; the message ends with strerror's text. */
    ERROR_NOT_FOUND,    /* A file, name or symbol that was asked for is not there. */
    ERROR_USAGE,        /* The person asked for something that makes no sense; exit status 2. */
};

struct error {
    enum error_kind kind;
    uint64_t address;   /* The remote address concerned, or 0. */
    char *message;      /* One line, no full stop, no newline; quoted names are already escaped. Owned by the error. */
};

/* Returns a new error; never NULL: when memory is out it is the static out-of-memory error, which error_destroy
 * accepts. */
struct error *error_create(enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));
struct error *error_create_at(enum error_kind kind, uint64_t address, const char *format, ...)
    __attribute__((format(printf, 3, 4), returns_nonnull));

/* From an errno value: EPERM and EACCES become ERROR_PERMISSION, ESRCH ERROR_GONE, ENOENT ERROR_NOT_FOUND, EFAULT
 * ERROR_FAULT, ENOMEM ERROR_NO_MEMORY, all others ERROR_SYSTEM; ": " and the system's text are appended. */
struct error *error_from_errno(int errno_value, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));

/* The static error for a failed allocation. */
struct error *error_no_memory(void) __attribute__((returns_nonnull));

/* Prefixes the message with "CONTEXT: ". Takes ownership of error and returns it (or error_no_memory's). NULL stays
 * NULL. */
struct error *error_prefix(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Accepts NULL and the static error. */
void error_destroy(struct error *error);

#endif
