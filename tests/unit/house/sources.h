/* What tests of the sources and of the documents share: reading a file of the tree, and collecting what is wrong. */
#ifndef UNIT_HOUSE_SOURCES_H
#define UNIT_HOUSE_SOURCES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "unit/check_main.h"

#define MAX_PATH 512
#define MAX_FILE_SIZE (1 << 20)
#define COMPLAINTS_SIZE 16384

static char complaints[COMPLAINTS_SIZE];

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
    size_t used = strlen(complaints);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(complaints + used, sizeof complaints - used, format, arguments);
    va_end(arguments);
}

static void check_no_complaints(void)
{
    ck_assert_msg(complaints[0] == '\0', "\n%s", complaints);
}

static char *read_source(const char *relative)
{
    char path[2 * MAX_PATH];
    snprintf(path, sizeof path, "%s/%s", SOURCE_DIR, relative);
    FILE *file = fopen(path, "re");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    char *text = calloc(1, MAX_FILE_SIZE + 1);
    ck_assert_ptr_nonnull(text);
    size_t size = fread(text, 1, MAX_FILE_SIZE, file);
    ck_assert_msg(size < MAX_FILE_SIZE, "%s is too long", relative);
    fclose(file);
    return text;
}

static bool source_exists(const char *relative)
{
    char path[2 * MAX_PATH];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", SOURCE_DIR, relative);
    return stat(path, &status) == 0;
}

#endif
