/* Reads a profile.proto back, written without a look at the code that writes it: field numbers are those of
 * github.com/google/pprof/proto/profile.proto. Anything malformed aborts the test. */
#ifndef TESTS_UNIT_EXPORT_PPROF_DECODER_H
#define TESTS_UNIT_EXPORT_PPROF_DECODER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "tests/unit/check_main.h"

#define PPROF_MAX 4096
#define PPROF_MAX_LINES 8
#define PPROF_MAX_DEPTH 64

struct pprof_value_type {
    uint64_t type, unit;
};

struct pprof_function {
    uint64_t id, name, system_name, file, start_line;
};

struct pprof_location {
    uint64_t id, mapping, address;
    struct {
        uint64_t function, line;
    } lines[PPROF_MAX_LINES];
    size_t num_lines;
};

struct pprof_mapping {
    uint64_t id, start, limit, offset, file, build_id, has_functions;
};

struct pprof_sample {
    uint64_t locations[PPROF_MAX_DEPTH];
    int64_t values[8];
    size_t num_locations, num_values, num_labels;
    uint64_t label_key, label_number;
};

struct pprof {
    char *strings[PPROF_MAX];
    size_t num_strings;
    struct pprof_value_type sample_types[8], period_type;
    size_t num_sample_types;
    struct pprof_function functions[PPROF_MAX];
    size_t num_functions;
    struct pprof_location locations[PPROF_MAX];
    size_t num_locations;
    struct pprof_mapping mappings[64];
    size_t num_mappings;
    struct pprof_sample samples[PPROF_MAX];
    size_t num_samples;
    uint64_t time_ns, period, default_sample_type;
};

struct pprof_bytes {
    const uint8_t *at, *end;
};

__attribute__((unused)) static uint64_t pprof_varint(struct pprof_bytes *bytes)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        ck_assert_msg(bytes->at < bytes->end && shift < 70, "a varint ends too late");
        uint8_t byte = *bytes->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
}

/* The next field; false at the end. A length-delimited one comes in *ret_inner, any other in *ret_value. */
__attribute__((unused)) static int pprof_field(struct pprof_bytes *bytes, unsigned *ret_number, uint64_t *ret_value,
                                               struct pprof_bytes *ret_inner)
{
    if (bytes->at == bytes->end)
        return 0;
    uint64_t tag = pprof_varint(bytes);
    *ret_number = (unsigned)(tag >> 3);
    *ret_inner = (struct pprof_bytes){0};
    *ret_value = pprof_varint(bytes);
    ck_assert_msg((tag & 7) == 0 || (tag & 7) == 2, "wire type %u", (unsigned)(tag & 7));
    if ((tag & 7) == 2) {
        ck_assert_msg(*ret_value <= (uint64_t)(bytes->end - bytes->at), "a field is longer than its message");
        *ret_inner = (struct pprof_bytes){bytes->at, bytes->at + *ret_value};
        bytes->at += *ret_value;
    }
    return 1;
}

/* A message whose fields 1 to count are all integers. */
__attribute__((unused)) static void pprof_integers(struct pprof_bytes bytes, uint64_t *fields, unsigned count)
{
    unsigned number;
    uint64_t value;
    struct pprof_bytes inner;
    while (pprof_field(&bytes, &number, &value, &inner)) {
        ck_assert_msg(number >= 1 && number <= count && !inner.at, "field %u", number);
        fields[number - 1] = value;
    }
}

__attribute__((unused)) static void pprof_read_sample(struct pprof_bytes bytes, struct pprof_sample *sample)
{
    unsigned number;
    uint64_t value;
    struct pprof_bytes inner;
    while (pprof_field(&bytes, &number, &value, &inner)) {
        if (number == 1) {
            while (inner.at < inner.end) {
                ck_assert_uint_lt(sample->num_locations, PPROF_MAX_DEPTH);
                sample->locations[sample->num_locations++] = pprof_varint(&inner);
            }
        } else if (number == 2) {
            while (inner.at < inner.end) {
                ck_assert_uint_lt(sample->num_values, 8);
                sample->values[sample->num_values++] = (int64_t)pprof_varint(&inner);
            }
        } else {
            uint64_t label[4] = {0};
            ck_assert_uint_eq(number, 3);
            pprof_integers(inner, label, 4);
            sample->num_labels++;
            sample->label_key = label[0];
            sample->label_number = label[2];
        }
    }
}

__attribute__((unused)) static void pprof_read_location(struct pprof_bytes bytes, struct pprof_location *location)
{
    unsigned number;
    uint64_t value;
    struct pprof_bytes inner;
    while (pprof_field(&bytes, &number, &value, &inner)) {
        if (number == 4) {
            uint64_t line[2] = {0};
            pprof_integers(inner, line, 2);
            ck_assert_uint_lt(location->num_lines, PPROF_MAX_LINES);
            location->lines[location->num_lines].function = line[0];
            location->lines[location->num_lines++].line = line[1];
        } else {
            ck_assert(number >= 1 && number <= 3);
            *(number == 1 ? &location->id : number == 2 ? &location->mapping : &location->address) = value;
        }
    }
}

__attribute__((unused)) static void pprof_read_field(struct pprof *profile, unsigned number, uint64_t value,
                                                     struct pprof_bytes inner)
{
    switch (number) {
    case 1:
        pprof_integers(inner, &profile->sample_types[profile->num_sample_types++].type, 2);
        break;
    case 2:
        pprof_read_sample(inner, &profile->samples[profile->num_samples++]);
        break;
    case 3:
        pprof_integers(inner, &profile->mappings[profile->num_mappings++].id, 7);
        break;
    case 4:
        pprof_read_location(inner, &profile->locations[profile->num_locations++]);
        break;
    case 5:
        pprof_integers(inner, &profile->functions[profile->num_functions++].id, 5);
        break;
    case 6:
        profile->strings[profile->num_strings++] = strndup((const char *)inner.at, value);
        break;
    case 9:
        profile->time_ns = value;
        break;
    case 11:
        pprof_integers(inner, &profile->period_type.type, 2);
        break;
    case 12:
        profile->period = value;
        break;
    case 14:
        profile->default_sample_type = value;
        break;
    default:
        ck_abort_msg("field %u of Profile", number);
    }
    ck_assert(profile->num_strings < PPROF_MAX && profile->num_functions < PPROF_MAX &&
              profile->num_locations < PPROF_MAX && profile->num_samples < PPROF_MAX && profile->num_mappings < 64 &&
              profile->num_sample_types < 8);
}

__attribute__((unused)) static struct pprof *pprof_decode(const void *compressed, size_t size)
{
    enum { MAX_SIZE = 16 << 20 };
    uint8_t *plain = malloc(MAX_SIZE);
    z_stream stream = {
        .next_in = (Bytef *)compressed, .avail_in = (uInt)size, .next_out = plain, .avail_out = MAX_SIZE};
    ck_assert_int_eq(inflateInit2(&stream, 15 + 16), Z_OK);
    ck_assert_int_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
    struct pprof_bytes bytes = {plain, plain + stream.total_out}, inner;
    inflateEnd(&stream);
    struct pprof *profile = calloc(1, sizeof(*profile));
    unsigned number;
    uint64_t value;
    while (pprof_field(&bytes, &number, &value, &inner))
        pprof_read_field(profile, number, value, inner);
    free(plain);
    ck_assert_uint_gt(profile->num_strings, 0);
    ck_assert_str_eq(profile->strings[0], "");
    return profile;
}

__attribute__((unused)) static void pprof_destroy(struct pprof *profile)
{
    for (size_t i = 0; i < profile->num_strings; i++)
        free(profile->strings[i]);
    free(profile);
}

__attribute__((unused)) static const char *pprof_string(const struct pprof *profile, uint64_t index)
{
    ck_assert_uint_lt(index, profile->num_strings);
    return profile->strings[index];
}

__attribute__((unused)) static const struct pprof_location *pprof_location(const struct pprof *profile, uint64_t id)
{
    for (size_t i = 0; i < profile->num_locations; i++)
        if (profile->locations[i].id == id)
            return &profile->locations[i];
    ck_abort_msg("there is no location %llu", (unsigned long long)id);
    return NULL;
}

__attribute__((unused)) static const struct pprof_function *pprof_function(const struct pprof *profile, uint64_t id)
{
    for (size_t i = 0; i < profile->num_functions; i++)
        if (profile->functions[i].id == id)
            return &profile->functions[i];
    ck_abort_msg("there is no function %llu", (unsigned long long)id);
    return NULL;
}

#endif
