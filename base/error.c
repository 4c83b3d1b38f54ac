#include "heaptop/base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Shared by every caller that runs out of memory, so that reporting it needs none. Never written. */
static char no_memory_message[] = "out of memory";
static struct error no_memory_error = {.kind = ERROR_NO_MEMORY, .message = no_memory_message};

struct error *error_no_memory(void)
{
    return &no_memory_error;
}

/* The formatted text, malloc'd, or NULL. Not vasprintf: this way the only allocator in the room is malloc. */
static char *format_message(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

static char *format_message(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        return NULL;
    char *message = malloc((size_t)length + 1);
    if (message)
        vsnprintf(message, (size_t)length + 1, format, arguments);
    return message;
}

/* "first: second" in new memory, or NULL. */
static char *join_messages(const char *first, const char *second)
{
    size_t first_length = strlen(first), second_length = strlen(second);
    char *joined = malloc(first_length + 2 + second_length + 1);
    if (!joined)
        return NULL;
    memcpy(joined, first, first_length);
    memcpy(joined + first_length, ": ", 2);
    memcpy(joined + first_length + 2, second, second_length + 1);
    return joined;
}

/* Takes ownership of message, which may be NULL when memory was out for it. */
static struct error *error_with_message(enum error_kind kind, uint64_t address, char *message)
{
    struct error *error = message ? malloc(sizeof(*error)) : NULL;
    if (!error) {
        free(message);
        return error_no_memory();
    }
    *error = (struct error){.kind = kind, .address = address, .message = message};
    return error;
}

struct error *error_create(enum error_kind kind, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *message = format_message(format, arguments);
    va_end(arguments);
    return error_with_message(kind, 0, message);
}

struct error *error_create_at(enum error_kind kind, uint64_t address, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *message = format_message(format, arguments);
    va_end(arguments);
    return error_with_message(kind, address, message);
}

static enum error_kind kind_of_errno(int errno_value)
{
    switch (errno_value) {
    case EPERM:
    case EACCES:
        return ERROR_PERMISSION;
    case ESRCH:
        return ERROR_GONE;
    case ENOENT:
        return ERROR_NOT_FOUND;
    case EFAULT:
        return ERROR_FAULT;
    case ENOMEM:
        return ERROR_NO_MEMORY;
    default:
        return ERROR_SYSTEM;
    }
}

struct error *error_from_errno(int errno_value, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *message = format_message(format, arguments);
    va_end(arguments);
    if (!message)
        return error_no_memory();

    char system_buffer[128];
    const char *system_text = strerror_r(errno_value, system_buffer, sizeof(system_buffer));
    char *joined = join_messages(message, system_text);
    free(message);
    return error_with_message(kind_of_errno(errno_value), 0, joined);
}

struct error *error_prefix(struct error *error, const char *format, ...)
{
    if (!error)
        return NULL;
    va_list arguments;
    va_start(arguments, format);
    char *context = format_message(format, arguments);
    va_end(arguments);
    char *joined = context ? join_messages(context, error->message) : NULL;
    free(context);
    if (!joined) {
        error_destroy(error);
        return error_no_memory();
    }

    /* The static error is shared: a context goes onto a new one. */
    if (error == &no_memory_error)
        return error_with_message(ERROR_NO_MEMORY, 0, joined);
    free(error->message);
    error->message = joined;
    return error;
}

void error_destroy(struct error *error)
{
    if (!error || error == &no_memory_error)
        return;
    free(error->message);
    free(error);
}
