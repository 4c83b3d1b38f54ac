/* Type descriptors as a Go program has them (internal/abi/type.go), written into a block at a made-up address. */
#ifndef TESTS_UNIT_ATTACH_GO_TYPES_BUILDER_H
#define TESTS_UNIT_ATTACH_GO_TYPES_BUILDER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "unit/check_main.h"

#define TYPES_AT 0x500000u
#define TYPES_SIZE 8192u

#define TYPE_KIND_UINT64 11
#define TYPE_KIND_ARRAY 17
#define TYPE_KIND_POINTER 22
#define TYPE_KIND_STRUCT 25

struct types_builder {
    uint8_t bytes[TYPES_SIZE];
    size_t used;
};

struct type_field {
    const char *name;
    uint64_t type, offset;
};

/* nameOff 0 is no name. */
static inline void types_init(struct types_builder *types)
{
    *types = (struct types_builder){.used = 8};
}

static inline uint64_t types_reserve(struct types_builder *types, size_t size)
{
    size_t at = (types->used + 7) & ~(size_t)7;
    ck_assert_uint_le(at + size, TYPES_SIZE);
    types->used = at + size;
    return TYPES_AT + at;
}

static inline void types_put(struct types_builder *types, uint64_t address, uint64_t value, size_t size)
{
    memcpy(types->bytes + (address - TYPES_AT), &value, size);
}

static inline uint64_t types_name(struct types_builder *types, const char *name)
{
    size_t length = strlen(name);
    uint64_t address = types_reserve(types, length + 2);
    ck_assert_uint_lt(length, 128);
    types_put(types, address + 1, length, 1);
    memcpy(types->bytes + (address - TYPES_AT) + 2, name, length);
    return address;
}

/* With `extra_star` the name is written as Go does where it shares the pointer type's: "*runtime.g". */
static inline uint64_t types_type(struct types_builder *types, uint8_t kind, uint64_t size, const char *name,
                                  bool extra_star)
{
    uint64_t name_at = types_name(types, name), address = types_reserve(types, 80);
    types_put(types, address, size, 8);
    types_put(types, address + 20, extra_star ? 2 : 0, 1);
    types_put(types, address + 23, kind, 1);
    types_put(types, address + 40, name_at - TYPES_AT, 4);
    return address;
}

static inline uint64_t types_pointer(struct types_builder *types, uint8_t kind, uint64_t to)
{
    uint64_t address = types_type(types, kind, 8, "*", false);
    types_put(types, address + 48, to, 8);
    return address;
}

static inline void types_set_fields(struct types_builder *types, uint64_t type, const struct type_field *fields,
                                    size_t count)
{
    uint64_t at = types_reserve(types, count * 24);
    types_put(types, type + 56, at, 8);
    types_put(types, type + 64, count, 8);
    types_put(types, type + 72, count, 8);
    for (size_t i = 0; i < count; i++) {
        types_put(types, at + i * 24, types_name(types, fields[i].name), 8);
        types_put(types, at + i * 24 + 8, fields[i].type, 8);
        types_put(types, at + i * 24 + 16, fields[i].offset, 8);
    }
}

/* A g with a stack, an m, and a field that only a patched runtime has; an m with an array of pointers to it. Returns
 * *g's address. */
static inline uint64_t types_build_runtime(struct types_builder *types)
{
    types_init(types);
    uint64_t word = types_type(types, TYPE_KIND_UINT64, 8, "uint64", false);
    uint64_t stack = types_type(types, TYPE_KIND_STRUCT, 16, "runtime.stack", false);
    types_set_fields(types, stack, (const struct type_field[]){{"lo", word, 0}, {"hi", word, 8}}, 2);
    uint64_t g = types_type(types, TYPE_KIND_STRUCT, 480, "*runtime.g", true);
    uint64_t m = types_type(types, TYPE_KIND_STRUCT, 160, "*runtime.m", true);
    uint64_t ps = types_type(types, TYPE_KIND_STRUCT, 96, "*runtime.p", true);
    uint64_t to_m = types_pointer(types, TYPE_KIND_POINTER, m);
    uint64_t to_ps = types_pointer(types, TYPE_KIND_ARRAY, types_pointer(types, TYPE_KIND_POINTER, ps));
    uint64_t list = types_type(types, TYPE_KIND_STRUCT, 16, "runtime.gList", false);
    types_set_fields(types, list, (const struct type_field[]){{"head", word, 0}, {"size", word, 8}}, 2);
    types_set_fields(
        types, g,
        (const struct type_field[]){{"patched", word, 0}, {"stack", stack, 8}, {"m", to_m, 64}, {"goid", word, 168}},
        4);
    types_set_fields(types, m,
                     (const struct type_field[]){{"procid", word, 80}, {"ps", to_ps, 88}, {"curg", to_m, 104}}, 3);
    types_set_fields(types, ps, (const struct type_field[]){{"id", word, 0}, {"gFree", list, 40}}, 2);
    return types_pointer(types, TYPE_KIND_POINTER, g);
}

#endif
