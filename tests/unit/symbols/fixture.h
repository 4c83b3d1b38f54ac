/* Opening the files in tests/unit/symbols/fixtures, whole or changed (tools/make-symbols-fixtures makes them). */
#ifndef TESTS_UNIT_SYMBOLS_FIXTURE_H
#define TESTS_UNIT_SYMBOLS_FIXTURE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/symbols.h"
#include "unit/check_main.h"

#define FIXTURE(name) SOURCE_DIR "/tests/unit/symbols/fixtures/" name

DEFINE_CLEANUP(struct image *, image_close)
DEFINE_CLEANUP(struct pclntab *, pclntab_close)

struct bytes {
    uint8_t *data;
    size_t size;
};

static inline void bytes_deinit(struct bytes *bytes)
{
    free(bytes->data);
}

#define _cleanup_bytes_ _cleanup_(bytes_deinit)

static inline struct bytes bytes_of(const char *path)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    struct bytes bytes = {.data = malloc(1 << 20)};
    ck_assert_ptr_nonnull(bytes.data);
    bytes.size = fread(bytes.data, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

/* A descriptor of a file that holds these bytes and exists in memory only. */
static inline int file_of(const void *data, size_t size)
{
    int descriptor = memfd_create("fixture", MFD_CLOEXEC);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(write(descriptor, data, size), (ssize_t)size);
    return descriptor;
}

static inline void ck_no_error(struct error *error)
{
    ck_assert_msg(error == NULL, "%s", error ? error->message : "");
}

/* Holds an error against the kind expected, and destroys it. */
static inline void ck_error(struct error *error, enum error_kind kind)
{
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(error->kind == kind, "kind %d, not %d: %s", error->kind, kind, error->message);
    error_destroy(error);
}

static inline struct image *open_bytes(const void *data, size_t size)
{
    struct image *image = NULL;
    ck_no_error(image_open(file_of(data, size), "fixture", &image));
    return image;
}

static inline struct image *open_fixture(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_msg(descriptor >= 0, "cannot open %s", path);
    struct image *image = NULL;
    ck_no_error(image_open(descriptor, path, &image));
    return image;
}

static inline void put_u32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

static inline void put_u64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof(value));
}

static inline uint64_t get_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

#endif
