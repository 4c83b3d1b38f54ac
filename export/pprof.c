/* Profiles as github.com/google/pprof/proto/profile.proto, laid out as Go's runtime/pprof lays them out (proto.go,
 * protomem.go and printCountProfile of pprof.go, Go 1.19 to 1.27), so that two exports, or an export and an endpoint's
 * profile, can be subtracted. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "export/protobuf.h"
#include "heaptop/export.h"

/* Field numbers of profile.proto. */
enum {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING_TABLE = 6,
    PROFILE_TIME_NANOS = 9,
    PROFILE_DURATION_NANOS = 10,
    PROFILE_PERIOD_TYPE = 11,
    PROFILE_PERIOD = 12,
    PROFILE_DEFAULT_SAMPLE_TYPE = 14,
    VALUE_TYPE_TYPE = 1,
    VALUE_TYPE_UNIT = 2,
    SAMPLE_LOCATION = 1,
    SAMPLE_VALUE = 2,
    SAMPLE_LABEL = 3,
    LABEL_KEY = 1,
    LABEL_STRING = 2,
    LABEL_NUMBER = 3,
    MAPPING_ID = 1,
    MAPPING_START = 2,
    MAPPING_LIMIT = 3,
    MAPPING_OFFSET = 4,
    MAPPING_FILE = 5,
    MAPPING_BUILD_ID = 6,
    MAPPING_HAS_FUNCTIONS = 7,
    LOCATION_ID = 1,
    LOCATION_MAPPING = 2,
    LOCATION_ADDRESS = 3,
    LOCATION_LINE = 4,
    LINE_FUNCTION = 1,
    LINE_LINE = 2,
    FUNCTION_ID = 1,
    FUNCTION_NAME = 2,
    FUNCTION_SYSTEM_NAME = 3,
    FUNCTION_FILE = 4,
    FUNCTION_START_LINE = 5,
};

/* The mappings of one process, and what was found of the names of their locations, as bits below. */
struct mapping_list {
    const struct snapshot *snapshot;    /* NULL: there is none. */
    uint64_t first_id;
    uint8_t *found;
};

struct writer {
    const struct sample_set *set;
    struct text profile, message, nested, packed;
    struct table strings;       /* Id in the set's catalog, or LITERAL | hash -> index in the string table. */
    struct table functions;     /* hash of name, file and start line -> function id */
    struct table locations;     /* hash of the frames at one address -> location id */
    uint64_t num_strings, num_functions, num_locations;
    struct mapping_list mappings[2];    /* By enum diff_side; a base of the same build needs none of its own. */
    bool failed;
};

enum { MAPPING_USED = 1, MAPPING_UNNAMED = 2 };

/* Sets string keys of our own words apart from catalog ids. */
#define LITERAL (UINT64_C(1) << 63)

static void writer_deinit(struct writer *writer)
{
    text_deinit(&writer->profile);
    text_deinit(&writer->message);
    text_deinit(&writer->nested);
    text_deinit(&writer->packed);
    table_deinit(&writer->strings);
    table_deinit(&writer->functions);
    table_deinit(&writer->locations);
    free(writer->mappings[DIFF_OLD].found);
    free(writer->mappings[DIFF_NEW].found);
}

static uint64_t add_string(struct writer *writer, uint64_t key, const char *string)
{
    if (!string[0])
        return 0;
    bool is_new = false;
    uint64_t *index = table_insert(&writer->strings, key, &is_new);
    if (!index) {
        writer->failed = true;
        return 0;
    }
    if (is_new) {
        *index = writer->num_strings++;
        protobuf_bytes(&writer->profile, PROFILE_STRING_TABLE, string, strlen(string));
    }
    return *index;
}

static uint64_t add_literal(struct writer *writer, const char *string)
{
    return add_string(writer, LITERAL | table_hash_bytes(string, strlen(string), 0), string);
}

static uint64_t add_catalog_string(struct writer *writer, string_id id)
{
    return add_string(writer, id, catalog_string(writer->set->catalog, id));
}

static void add_value_type(struct writer *writer, unsigned field, const char *type, const char *unit)
{
    uint64_t type_index = add_literal(writer, type), unit_index = add_literal(writer, unit);
    protobuf_uint(&writer->message, VALUE_TYPE_TYPE, type_index);
    protobuf_uint(&writer->message, VALUE_TYPE_UNIT, unit_index);
    protobuf_message(&writer->profile, field, &writer->message);
}

static uint64_t add_function(struct writer *writer, const struct frame *frame)
{
    const uint32_t identity[] = {frame->function, frame->file, frame->start_line};
    bool is_new = false;
    uint64_t *id = table_insert(&writer->functions, table_hash_bytes(identity, sizeof(identity), 0), &is_new);
    if (!id) {
        writer->failed = true;
        return 0;
    }
    if (!is_new)
        return *id;
    uint64_t new_id = *id = ++writer->num_functions;
    uint64_t name = add_catalog_string(writer, frame->function), file = add_catalog_string(writer, frame->file);
    struct text function = {0};
    protobuf_uint(&function, FUNCTION_ID, new_id);
    protobuf_uint(&function, FUNCTION_NAME, name);
    protobuf_uint(&function, FUNCTION_SYSTEM_NAME, name);
    protobuf_uint(&function, FUNCTION_FILE, file);
    protobuf_uint(&function, FUNCTION_START_LINE, frame->start_line);
    protobuf_message(&writer->profile, PROFILE_FUNCTION, &function);
    text_deinit(&function);
    return new_id;
}

/* Its id, and where to note what was found of it; 0 when no mapping holds the address. */
static uint64_t find_mapping(const struct mapping_list *list, uint64_t address, uint8_t **ret_found)
{
    for (size_t i = 0; list->snapshot && i < list->snapshot->num_mappings; i++) {
        if (address >= list->snapshot->mappings[i].start && address < list->snapshot->mappings[i].limit) {
            *ret_found = &list->found[i];
            return list->first_id + i;
        }
    }
    return 0;
}

/* One location for `count` frames at one address: the innermost inlined one first, as profile.proto wants its lines. */
static uint64_t add_location(struct writer *writer, const frame_id *frames, size_t count, enum diff_side side)
{
    bool is_new = false;
    const struct catalog *catalog = writer->set->catalog;
    uint64_t *id =
        table_insert(&writer->locations, table_hash_bytes(frames, count * sizeof(*frames), (uint64_t)side), &is_new);
    if (!id) {
        writer->failed = true;
        return 0;
    }
    if (!is_new)
        return *id;
    uint64_t new_id = *id = ++writer->num_locations;
    uint64_t address = catalog_frame(catalog, frames[0])->address;
    uint8_t *found = NULL;
    uint64_t mapping = find_mapping(&writer->mappings[side], address, &found);
    struct text location = {0};
    protobuf_uint(&location, LOCATION_ID, new_id);
    protobuf_uint(&location, LOCATION_MAPPING, mapping);
    protobuf_uint(&location, LOCATION_ADDRESS, address);
    for (size_t i = 0; i < count; i++) {
        const struct frame *frame = catalog_frame(catalog, frames[i]);
        protobuf_uint(&writer->nested, LINE_FUNCTION, add_function(writer, frame));
        protobuf_uint(&writer->nested, LINE_LINE, frame->line);
        protobuf_message(&location, LOCATION_LINE, &writer->nested);
        if (found)
            *found |= (uint8_t)(MAPPING_USED | (frame->function && frame->line ? 0 : MAPPING_UNNAMED));
    }
    protobuf_message(&writer->profile, PROFILE_LOCATION, &location);
    text_deinit(&location);
    return new_id;
}

static void add_locations(struct writer *writer, struct stack stack, enum diff_side side)
{
    const struct catalog *catalog = writer->set->catalog;
    for (uint32_t first = 0; first < stack.depth;) {
        uint64_t address = catalog_frame(catalog, stack.frames[first])->address;
        uint32_t count = 1;
        /* A call of a function by itself has the same address each time: where the first frame comes again, another
         * location begins. */
        while (address && first + count < stack.depth && stack.frames[first + count] != stack.frames[first] &&
               catalog_frame(catalog, stack.frames[first + count])->address == address)
            count++;
        protobuf_packed(&writer->packed, add_location(writer, stack.frames + first, count, side));
        first += count;
    }
    protobuf_message(&writer->message, SAMPLE_LOCATION, &writer->packed);
}

/* Labels of a goroutine: the text of a JSON object, out of a recording perhaps. What is no such text is no label. */
static void add_labels(struct writer *writer, string_id id)
{
    const char *key, *text = catalog_string(writer->set->catalog, id);
    json_t *labels = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *value;
    json_object_foreach(labels, key, value) {
        uint64_t key_index = add_literal(writer, key);
        uint64_t string_index = add_literal(writer, json_string_value(value) ?: "");
        protobuf_uint(&writer->nested, LABEL_KEY, key_index);
        protobuf_uint(&writer->nested, LABEL_STRING, string_index);
        protobuf_message(&writer->message, SAMPLE_LABEL, &writer->nested);
    }
    json_decref(labels);
}

static void add_sample(struct writer *writer, const struct sample *sample, uint64_t bytes_key)
{
    const struct sample_set *set = writer->set;
    uint64_t values[SAMPLE_MAX_VALUES];
    bool differs = false;
    for (unsigned i = 0; i < set->num_values; i++) {
        values[i] = (uint64_t)sample->values[DIFF_NEW][i] - (uint64_t)sample->values[DIFF_OLD][i];
        differs |= values[i] != 0;
    }
    /* `pprof -base` leaves out what did not change. */
    if (set->base && !differs)
        return;
    bool is_elsewhere = sample->in_base_only && !set->is_same_build;
    add_locations(writer, catalog_stack(set->catalog, sample->stack), is_elsewhere ? DIFF_OLD : DIFF_NEW);
    for (unsigned i = 0; i < set->num_values; i++)
        protobuf_packed(&writer->packed, values[i]);
    protobuf_message(&writer->message, SAMPLE_VALUE, &writer->packed);
    if (sample->object_bytes) {
        protobuf_uint(&writer->nested, LABEL_KEY, bytes_key);
        protobuf_uint(&writer->nested, LABEL_NUMBER, sample->object_bytes);
        protobuf_message(&writer->message, SAMPLE_LABEL, &writer->nested);
    }
    if (sample->labels)
        add_labels(writer, sample->labels);
    protobuf_message(&writer->profile, PROFILE_SAMPLE, &writer->message);
}

static void add_mappings(struct writer *writer, const struct mapping_list *list)
{
    for (size_t i = 0; list->snapshot && i < list->snapshot->num_mappings; i++) {
        const struct mapping *mapping = &list->snapshot->mappings[i];
        const char *file_name = catalog_string(list->snapshot->catalog, mapping->file);
        const char *build_id_name = catalog_string(list->snapshot->catalog, mapping->build_id);
        uint64_t file = add_literal(writer, file_name), build_id = add_literal(writer, build_id_name);
        protobuf_uint(&writer->message, MAPPING_ID, list->first_id + i);
        protobuf_uint(&writer->message, MAPPING_START, mapping->start);
        protobuf_uint(&writer->message, MAPPING_LIMIT, mapping->limit);
        protobuf_uint(&writer->message, MAPPING_OFFSET, mapping->offset);
        protobuf_uint(&writer->message, MAPPING_FILE, file);
        protobuf_uint(&writer->message, MAPPING_BUILD_ID, build_id);
        /* As runtime/pprof: set where every name was found, so that pprof does not go and look for the binary. */
        protobuf_uint(&writer->message, MAPPING_HAS_FUNCTIONS, list->found[i] == MAPPING_USED);
        protobuf_message(&writer->profile, PROFILE_MAPPING, &writer->message);
    }
}

static struct error *list_mappings(struct mapping_list *list, const struct snapshot *snapshot, uint64_t first_id)
{
    *list = (struct mapping_list){
        .snapshot = snapshot, .first_id = first_id, .found = calloc(snapshot->num_mappings + 1, 1)};
    return list->found ? NULL : error_no_memory();
}

static struct error *compress_gzip(const struct text *plain, struct text *ret_bytes)
{
    z_stream stream = {.next_in = (Bytef *)plain->data, .avail_in = (uInt)plain->length};
    if (plain->length > UINT32_MAX)
        return error_create(ERROR_UNSUPPORTED, "the profile is larger than 4 GiB");
    /* 15 window bits, + 16 for a gzip header. */
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return error_no_memory();
    size_t bound = deflateBound(&stream, (uLong)plain->length);
    char *data = malloc(bound);
    if (!data) {
        deflateEnd(&stream);
        return error_no_memory();
    }
    stream.next_out = (Bytef *)data;
    stream.avail_out = (uInt)bound;
    int status = deflate(&stream, Z_FINISH);
    deflateEnd(&stream);
    if (status != Z_STREAM_END) {
        free(data);
        return error_create(ERROR_SYSTEM, "cannot compress the profile: zlib status %d", status);
    }
    *ret_bytes = (struct text){.data = data, .length = stream.total_out, .capacity = bound};
    return NULL;
}

static void add_types(struct writer *writer)
{
    const char *name = sample_profile_name(writer->set->profile);
    if (writer->set->num_values == 1) {
        add_value_type(writer, PROFILE_PERIOD_TYPE, name, "count");
        protobuf_int(&writer->profile, PROFILE_PERIOD, 1);
        add_value_type(writer, PROFILE_SAMPLE_TYPE, name, "count");
        return;
    }
    add_value_type(writer, PROFILE_SAMPLE_TYPE, "alloc_objects", "count");
    add_value_type(writer, PROFILE_SAMPLE_TYPE, "alloc_space", "bytes");
    add_value_type(writer, PROFILE_SAMPLE_TYPE, "inuse_objects", "count");
    add_value_type(writer, PROFILE_SAMPLE_TYPE, "inuse_space", "bytes");
    add_value_type(writer, PROFILE_PERIOD_TYPE, "space", "bytes");
    protobuf_int(&writer->profile, PROFILE_PERIOD,
                 writer->set->snapshot->counters[COUNTER_MEM_PROFILE_RATE].value.integer);
    if (writer->set->profile == SAMPLE_ALLOCS)
        protobuf_uint(&writer->profile, PROFILE_DEFAULT_SAMPLE_TYPE, add_literal(writer, "alloc_space"));
}

static struct error *write_profile(const struct sample_set *set, struct text *ret_bytes)
{
    _cleanup_(writer_deinit) struct writer writer = {.set = set, .num_strings = 1};
    struct error *error = list_mappings(&writer.mappings[DIFF_NEW], set->snapshot, 1);
    if (!error && !set->is_same_build)
        error = list_mappings(&writer.mappings[DIFF_OLD], set->base, set->snapshot->num_mappings + 1);
    if (error)
        return error;
    protobuf_bytes(&writer.profile, PROFILE_STRING_TABLE, "", 0);   /* index 0 is "" by definition */
    add_types(&writer);
    protobuf_uint(&writer.profile, PROFILE_TIME_NANOS, set->snapshot->unix_ns);
    if (set->base && set->snapshot->unix_ns > set->base->unix_ns)
        protobuf_uint(&writer.profile, PROFILE_DURATION_NANOS, set->snapshot->unix_ns - set->base->unix_ns);
    uint64_t bytes_key = set->num_values > 1 ? add_literal(&writer, "bytes") : 0;
    for (size_t i = 0; i < set->samples.count; i++)
        add_sample(&writer, &set->samples.items[i], bytes_key);
    add_mappings(&writer, &writer.mappings[DIFF_NEW]);
    add_mappings(&writer, &writer.mappings[DIFF_OLD]);
    if (writer.failed || writer.profile.failed || writer.message.failed || writer.nested.failed || writer.packed.failed)
        return error_no_memory();
    return compress_gzip(&writer.profile, ret_bytes);
}

struct error *export_pprof(const struct export_request *request, struct text *ret_bytes)
{
    struct sample_set set;
    const struct sample_request wanted = export_samples(request);
    struct error *error = sample_set_collect(&wanted, &set);
    if (error)
        return error;
    error = write_profile(&set, ret_bytes);
    sample_set_deinit(&set);
    return error;
}
