#include "attach/go/type_descriptors.h"

#include <string.h>

#include "attach/go/peek.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

/* internal/abi/type.go Type, StructType, StructField, PtrType and ArrayType; runtime/type.go in Go 1.19. */
#define TYPE_SIZE 48
#define TYPE_STR_OFFSET 40
#define TYPE_TFLAG_OFFSET 20
#define TYPE_KIND_OFFSET 23
#define STRUCT_TYPE_SIZE 80
#define STRUCT_FIELDS_OFFSET 56
#define STRUCT_FIELD_SIZE 24
#define KIND_MASK 31
#define KIND_ARRAY 17
#define KIND_POINTER 22
#define KIND_STRUCT 25
#define TFLAG_EXTRA_STAR 2

/* A name begins with a byte of flags and a varint of its length; no name that is wanted is longer. */
#define NAME_MAX_BYTES 64
#define PAGE_SIZE 4096
#define STRUCT_MAX_BYTES (16u << 20)
/* Pointers and arrays between a field and the struct meant. */
#define INDIRECTIONS_MAX 4

struct type_name {
    char text[NAME_MAX_BYTES];      /* "" when it could not be read, or is longer. */
};

struct struct_field {
    struct type_name name;
    remote_address type;
    uint64_t offset;
};

struct struct_type {
    struct type_name name;
    uint64_t size;
    struct struct_field *fields;
    size_t num_fields;
};

struct walk {
    const struct type_space *space;
    struct peek peek;
    struct go_layout *layout;
    VECTOR(remote_address) queue;
    struct table visited;
    bool taken[GO_FIELD_COUNT];     /* By a struct's first row: it has been described; its first descriptor counts. */
    bool no_memory;
    unsigned structs;
};

static bool is_in_types(const struct walk *walk, remote_address address)
{
    return address >= walk->space->start && address < walk->space->end && walk->space->end - address >= TYPE_SIZE &&
           address % 8 == 0;
}

/* abi.Name: flags, length, bytes. */
static void parse_name(const uint8_t *bytes, size_t size, struct type_name *name)
{
    struct cursor cursor = cursor_over(bytes, size);
    name->text[0] = '\0';
    cursor_skip(&cursor, 1);
    uint64_t length = cursor_uvarint(&cursor);
    if (length >= sizeof name->text)
        return;
    const uint8_t *text = cursor_bytes(&cursor, (size_t)length);
    if (cursor.failed || memchr(text, 0, (size_t)length))
        return;
    memcpy(name->text, text, (size_t)length);
    name->text[length] = '\0';
}

static void peek_name(struct walk *walk, remote_address address, struct type_name *name)
{
    uint8_t bytes[NAME_MAX_BYTES];
    size_t size = sizeof bytes, left = PAGE_SIZE - address % PAGE_SIZE;
    if (!peek_bytes(&walk->peek, address, bytes, size)) {
        /* The last name before memory that is not there. */
        size = left < size ? left : 0;
        if (size)
            peek_bytes(&walk->peek, address, bytes, size);
    }
    parse_name(bytes, size, name);
}

/* The type's own name, as "runtime.g". */
static void peek_type_name(struct walk *walk, const uint8_t *header, struct type_name *name)
{
    uint32_t offset = 0;
    bytes_u32_at(header, TYPE_SIZE, TYPE_STR_OFFSET, &offset);
    name->text[0] = '\0';
    if (offset == 0 || offset >= walk->space->end - walk->space->start)
        return;
    peek_name(walk, walk->space->start + offset, name);
    if (header[TYPE_TFLAG_OFFSET] & TFLAG_EXTRA_STAR && name->text[0] == '*')
        memmove(name->text, name->text + 1, strlen(name->text));
}

/* All names in one batch; those that fail are tried again one by one. */
static bool read_field_names(struct walk *walk, struct struct_field *fields, const remote_address *names, size_t count)
{
    _cleanup_free_ uint8_t *bytes = calloc(count, NAME_MAX_BYTES);
    _cleanup_free_ struct memory_request *requests = calloc(count, sizeof *requests);
    if (!bytes || !requests) {
        walk->no_memory = true;
        return false;
    }
    for (size_t i = 0; i < count; i++)
        requests[i] = (struct memory_request){
            .address = names[i], .buffer = bytes + i * NAME_MAX_BYTES, .size = NAME_MAX_BYTES};
    walk->peek.error = memory_read_batch(walk->space->memory, requests, count);
    if (walk->peek.error)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (requests[i].failed)
            peek_name(walk, names[i], &fields[i].name);
        else
            parse_name(bytes + i * NAME_MAX_BYTES, NAME_MAX_BYTES, &fields[i].name);
    }
    return !walk->peek.error;
}

static bool parse_fields(const uint8_t *bytes, struct struct_type *type, remote_address *names)
{
    struct cursor cursor = cursor_over(bytes, type->num_fields * STRUCT_FIELD_SIZE);
    uint64_t last = 0;
    for (size_t i = 0; i < type->num_fields; i++) {
        names[i] = cursor_u64(&cursor);
        type->fields[i].type = cursor_u64(&cursor);
        type->fields[i].offset = cursor_u64(&cursor);
        if (type->fields[i].offset < last || type->fields[i].offset > type->size)
            return false;
        last = type->fields[i].offset;
    }
    return !cursor.failed;
}

/* False when what lies there is no struct's descriptor. The caller frees ret->fields. */
static bool read_struct(struct walk *walk, remote_address address, struct struct_type *ret)
{
    uint8_t header[STRUCT_TYPE_SIZE];
    if (!is_in_types(walk, address) || !peek_bytes(&walk->peek, address, header, sizeof header) ||
        (header[TYPE_KIND_OFFSET] & KIND_MASK) != KIND_STRUCT)
        return false;
    struct struct_type type = {0};
    uint64_t fields_at = 0, num_fields = 0;
    bytes_u64_at(header, sizeof header, 0, &type.size);
    bytes_u64_at(header, sizeof header, STRUCT_FIELDS_OFFSET, &fields_at);
    bytes_u64_at(header, sizeof header, STRUCT_FIELDS_OFFSET + 8, &num_fields);
    if (type.size > STRUCT_MAX_BYTES || num_fields == 0 || num_fields > TYPES_MAX_FIELDS)
        return false;
    type.num_fields = (size_t)num_fields;
    _cleanup_free_ uint8_t *raw = malloc(type.num_fields * STRUCT_FIELD_SIZE);
    _cleanup_free_ remote_address *names = calloc(type.num_fields, sizeof *names);
    _cleanup_free_ struct struct_field *fields = calloc(type.num_fields, sizeof *fields);
    if (!raw || !names || !fields) {
        walk->no_memory = true;
        return false;
    }
    type.fields = fields;
    if (!peek_bytes(&walk->peek, fields_at, raw, type.num_fields * STRUCT_FIELD_SIZE) ||
        !parse_fields(raw, &type, names) || !read_field_names(walk, fields, names, type.num_fields))
        return false;
    peek_type_name(walk, header, &type.name);
    take_pointer(fields);
    *ret = type;
    return true;
}

static const struct struct_field *find_field(const struct struct_type *type, const char *name, size_t length)
{
    for (size_t i = 0; i < type->num_fields; i++) {
        if (strncmp(type->fields[i].name.text, name, length) == 0 && type->fields[i].name.text[length] == '\0')
            return &type->fields[i];
    }
    return NULL;
}

/* Finds "stack.lo" in g: the part before the dot here, the rest in the struct that it is. */
static bool resolve_path(struct walk *walk, const struct struct_type *type, const char *path, uint64_t base,
                         uint64_t *ret_offset, uint64_t *ret_size)
{
    size_t length = strcspn(path, ".");
    const struct struct_field *field = find_field(type, path, length);
    if (!field)
        return false;
    if (path[length] == '\0') {
        *ret_offset = base + field->offset;
        *ret_size = is_in_types(walk, field->type) ? peek_u64(&walk->peek, field->type) : 0;
        return *ret_size > 0;
    }
    struct struct_type inner;
    if (!read_struct(walk, field->type, &inner))
        return false;
    bool found = resolve_path(walk, &inner, path + length + 1, base + field->offset, ret_offset, ret_size);
    free(inner.fields);
    return found;
}

static void take_field(struct walk *walk, const struct struct_type *type, enum go_field id, const char *path)
{
    uint64_t offset = type->size, size = type->size;
    if (*path && !resolve_path(walk, type, path, 0, &offset, &size))
        return;
    if (offset > STRUCT_MAX_BYTES)
        return;
    walk->layout->offset[id] = (int32_t)offset;
    walk->layout->size[id] = size > UINT16_MAX ? UINT16_MAX : (uint16_t)size;
}

static void take_struct(struct walk *walk, const struct struct_type *type)
{
    for (unsigned i = 0; i < GO_FIELD_COUNT; i++) {
        if (strcmp(go_field_names[i].type, type->name.text) != 0)
            continue;
        walk->layout->offset[i] = GO_OFFSET_MISSING;
        walk->layout->size[i] = 0;
        take_field(walk, type, (enum go_field)i, go_field_names[i].field);
    }
    for (unsigned i = 0; i < go_field_alias_count; i++) {
        enum go_field id = go_field_aliases[i].id;
        if (strcmp(go_field_names[id].type, type->name.text) == 0)
            take_field(walk, type, id, go_field_aliases[i].field);
    }
}

static void enqueue(struct walk *walk, remote_address type)
{
    bool is_new = false;
    if (!is_in_types(walk, type) || walk->queue.count >= TYPES_MAX_VISITED)
        return;
    if (!table_insert(&walk->visited, type, &is_new) || (is_new && !vector_append(&walk->queue, type)))
        walk->no_memory = true;
}

/* The struct at the end of pointers and arrays: *g for g.m, [136]*mspan for mcache.alloc; 0 when there is none. */
static remote_address strip_indirections(struct walk *walk, remote_address type)
{
    for (unsigned i = 0; i <= INDIRECTIONS_MAX && is_in_types(walk, type); i++) {
        unsigned kind = peek_u8(&walk->peek, type + TYPE_KIND_OFFSET) & KIND_MASK;
        if (kind == KIND_STRUCT)
            return type;
        if (kind != KIND_POINTER && kind != KIND_ARRAY)
            return 0;
        type = peek_u64(&walk->peek, type + TYPE_SIZE);
    }
    return 0;
}

/* The first row of this struct, unless it has been described already. */
static bool find_wanted(const struct walk *walk, const struct type_name *name, unsigned *ret_row)
{
    for (unsigned i = 0; i < GO_FIELD_COUNT; i++) {
        if (strcmp(go_field_names[i].type, name->text) == 0) {
            *ret_row = i;
            return !walk->taken[i];
        }
    }
    return false;
}

static void visit(struct walk *walk, remote_address address)
{
    uint8_t header[TYPE_SIZE];
    struct type_name name;
    remote_address type_address = strip_indirections(walk, address);
    if (type_address != address) {
        enqueue(walk, type_address);
        return;
    }
    if (!peek_bytes(&walk->peek, address, header, sizeof header))
        return;
    peek_type_name(walk, header, &name);
    struct struct_type type;
    unsigned row;
    if (!find_wanted(walk, &name, &row) || !read_struct(walk, address, &type))
        return;
    take_struct(walk, &type);
    walk->taken[row] = true;
    walk->structs++;
    for (size_t i = 0; i < type.num_fields; i++)
        enqueue(walk, type.fields[i].type);
    free(type.fields);
}

struct error *go_layout_read_types(const struct type_space *space, const remote_address *seeds, size_t num_seeds,
                                   struct go_layout *layout, unsigned *ret_structs)
{
    struct walk walk = {.space = space, .peek = {.memory = space->memory}, .layout = layout};
    table_init(&walk.visited);
    for (size_t i = 0; i < num_seeds; i++)
        enqueue(&walk, seeds[i]);
    for (size_t i = 0; i < walk.queue.count && !walk.peek.error && !walk.no_memory; i++)
        visit(&walk, walk.queue.items[i]);
    table_deinit(&walk.visited);
    vector_deinit(&walk.queue);
    if (walk.peek.error)
        return walk.peek.error;
    if (walk.no_memory)
        return error_no_memory();
    *ret_structs = walk.structs;
    return NULL;
}
