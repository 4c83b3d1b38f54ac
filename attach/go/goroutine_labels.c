#include "attach/go/goroutine_labels.h"

#include <stdlib.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "heaptop/base/text.h"

/* runtime/pprof/label.go: up to Go 1.23 g.labels points at a map[string]string, from 1.24 on at a slice of key and
 * value, sorted by key. */
#define MINOR_WITH_SLICE 24
#define PAIR_BYTES 32u

/* runtime/map.go (Go 1.19-1.23): hmap{count int; flags, B uint8; noverflow uint16; hash0 uint32; buckets, oldbuckets}.
 * A bucket of a map[string]string: 8 top hashes, 8 keys, 8 values, the bucket it overflows to. */
#define HMAP_BYTES 32u
#define HMAP_B 9u
#define HMAP_BUCKETS 16u
#define HMAP_OLD_BUCKETS 24u
#define BUCKET_SLOTS 8u
#define BUCKET_BYTES (BUCKET_SLOTS + BUCKET_SLOTS * PAIR_BYTES + 8u)
#define MIN_TOP_HASH 5u         /* Less: the slot is empty, or its entry has moved to the new buckets. */
#define MAX_B 4u
#define MAX_OVERFLOWS 4u

struct pair {
    uint64_t data[2], length[2];        /* Key and value. */
    char *text[2];                      /* Escaped, owned. */
};

struct pairs {
    struct pair items[LABELS_MAX_PAIRS];
    size_t count;
    bool more;
};

static void pairs_deinit(struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].text[0]);
        free(pairs->items[i].text[1]);
    }
}

void goroutine_labels_deinit(struct goroutine_labels *labels)
{
    table_deinit(&labels->by_address);
    table_deinit(&labels->texts);
}

static struct error *read_bytes(const struct goroutine_labels *labels, remote_address address, void *bytes, size_t size,
                                bool *ret_ok)
{
    struct memory_request request = {.address = address, .buffer = bytes, .size = size};
    *ret_ok = false;
    if (address == 0)
        return NULL;
    struct error *error = memory_read_batch(labels->process->context.memory, &request, 1);
    *ret_ok = !error && !request.failed;
    return error;
}

static void add_pair(struct pairs *pairs, struct pair pair)
{
    if (pairs->count < LABELS_MAX_PAIRS)
        pairs->items[pairs->count++] = pair;
    else
        pairs->more = true;
}

static struct error *read_slice(const struct goroutine_labels *labels, remote_address address, struct pairs *pairs,
                                bool *ret_ok)
{
    uint8_t header[16], bytes[LABELS_MAX_PAIRS * PAIR_BYTES];
    struct error *error = read_bytes(labels, address, header, sizeof(header), ret_ok);
    uint64_t data = 0, count = 0;
    if (error || !*ret_ok || !bytes_u64_at(header, 16, 0, &data) || !bytes_u64_at(header, 16, 8, &count) || count == 0)
        return error;
    pairs->more = count > LABELS_MAX_PAIRS;
    count = pairs->more ? LABELS_MAX_PAIRS : count;
    error = read_bytes(labels, data, bytes, (size_t)count * PAIR_BYTES, ret_ok);
    struct cursor cursor = cursor_over(bytes, (size_t)count * PAIR_BYTES);
    for (uint64_t i = 0; !error && *ret_ok && i < count; i++) {
        struct pair pair = {0};
        for (int part = 0; part < 2; part++) {
            pair.data[part] = cursor_u64(&cursor);
            pair.length[part] = cursor_u64(&cursor);
        }
        add_pair(pairs, pair);
    }
    return error;
}

/* One bucket and those it overflows to. */
static struct error *read_bucket(const struct goroutine_labels *labels, remote_address address, struct pairs *pairs,
                                 bool *ret_ok)
{
    *ret_ok = true;
    for (unsigned overflows = 0; address != 0 && overflows <= MAX_OVERFLOWS; overflows++) {
        uint8_t bytes[BUCKET_BYTES];
        struct error *error = read_bytes(labels, address, bytes, sizeof(bytes), ret_ok);
        if (error || !*ret_ok)
            return error;
        for (unsigned slot = 0; slot < BUCKET_SLOTS; slot++) {
            struct pair pair = {0};
            if (bytes[slot] < MIN_TOP_HASH)
                continue;
            for (unsigned part = 0; part < 2; part++) {
                size_t at = BUCKET_SLOTS + part * BUCKET_SLOTS * 16u + slot * 16u;
                bytes_u64_at(bytes, sizeof(bytes), at, &pair.data[part]);
                bytes_u64_at(bytes, sizeof(bytes), at + 8, &pair.length[part]);
            }
            add_pair(pairs, pair);
        }
        bytes_u64_at(bytes, sizeof(bytes), BUCKET_BYTES - 8, &address);
    }
    pairs->more |= address != 0;
    return NULL;
}

static struct error *read_map(const struct goroutine_labels *labels, remote_address address, struct pairs *pairs,
                              bool *ret_ok)
{
    uint8_t word[8], header[HMAP_BYTES];
    uint64_t map = 0, tables[2] = {0};
    struct error *error = read_bytes(labels, address, word, sizeof(word), ret_ok);
    if (error || !*ret_ok || !bytes_u64_at(word, 8, 0, &map) || map == 0)
        return error;
    error = read_bytes(labels, map, header, sizeof(header), ret_ok);
    if (error || !*ret_ok)
        return error;
    bytes_u64_at(header, sizeof(header), HMAP_BUCKETS, &tables[0]);
    bytes_u64_at(header, sizeof(header), HMAP_OLD_BUCKETS, &tables[1]);
    unsigned bits = header[HMAP_B];
    pairs->more = bits > MAX_B;
    for (unsigned table = 0; table < 2 && tables[table] != 0 && !pairs->more; table++) {
        /* While it grows, part of it is still in the old table, which has half as many buckets, or as many. */
        uint64_t buckets = UINT64_C(1) << (table == 1 && bits > 0 ? bits - 1 : bits);
        for (uint64_t i = 0; !error && *ret_ok && i < buckets; i++)
            error = read_bucket(labels, tables[table] + i * BUCKET_BYTES, pairs, ret_ok);
        if (error || !*ret_ok)
            return error;
    }
    return NULL;
}

/* Reads the strings themselves, cut at LABELS_MAX_TEXT. */
static struct error *read_texts(const struct goroutine_labels *labels, struct pairs *pairs, bool *ret_ok)
{
    _cleanup_free_ uint8_t *bytes = malloc(2 * LABELS_MAX_PAIRS * LABELS_MAX_TEXT);
    struct memory_request requests[2 * LABELS_MAX_PAIRS];
    if (!bytes)
        return error_no_memory();
    size_t count = 2 * pairs->count;
    for (size_t i = 0; i < count; i++) {
        const struct pair *pair = &pairs->items[i / 2];
        uint64_t length = pair->length[i % 2];
        requests[i] = (struct memory_request){.address = pair->data[i % 2],
                                              .buffer = bytes + i * LABELS_MAX_TEXT,
                                              .size = length < LABELS_MAX_TEXT ? (size_t)length : LABELS_MAX_TEXT};
    }
    struct error *error = memory_read_batch(labels->process->context.memory, requests, count);
    if (error)
        return error;
    for (size_t i = 0; i < count; i++) {
        struct text text = {0};
        if (requests[i].failed && requests[i].size > 0) {
            *ret_ok = false;
            return NULL;
        }
        text_append_escaped(&text, requests[i].buffer, requests[i].size);
        if (requests[i].size < pairs->items[i / 2].length[i % 2])
            text_append(&text, "\xe2\x80\xa6");
        pairs->items[i / 2].text[i % 2] = text_take(&text);
        if (!pairs->items[i / 2].text[i % 2])
            return error_no_memory();
    }
    return NULL;
}

static int compare_keys(const void *left, const void *right)
{
    return strcmp(((const struct pair *)left)->text[0], ((const struct pair *)right)->text[0]);
}

static void append_quoted(struct text *text, const char *string)
{
    text_append(text, "\"");
    for (; *string; string++) {
        if (*string == '"' || *string == '\\')
            text_append(text, "\\");
        text_append_bytes(text, string, 1);
    }
    text_append(text, "\"");
}

/* {"key":"value","other":"value"}, by the order of keys. */
static struct error *write_pairs(struct pairs *pairs, struct text *text)
{
    if (pairs->count > 1)
        qsort(pairs->items, pairs->count, sizeof(pairs->items[0]), compare_keys);
    for (size_t i = 0; i < pairs->count; i++) {
        text_append(text, i ? "," : "{");
        append_quoted(text, pairs->items[i].text[0]);
        text_append(text, ":");
        append_quoted(text, pairs->items[i].text[1]);
    }
    if (pairs->count > 0)
        text_append(text, pairs->more ? ",\"\xe2\x80\xa6\":\"more\"}" : "}");
    return text->failed ? error_no_memory() : NULL;
}

/* The text of the labels at this address; 0 when there are none, or they are not readable. */
static struct error *read_set(struct goroutine_labels *labels, remote_address address, string_id *ret_text)
{
    static const char others[] = "{\"\xe2\x80\xa6\":\"other labels\"}";
    bool ok;
    struct pairs pairs = {.count = 0};
    _cleanup_(text_deinit) struct text text = {0};
    struct error *error = labels->process->minor >= MINOR_WITH_SLICE ? read_slice(labels, address, &pairs, &ok)
                                                                     : read_map(labels, address, &pairs, &ok);
    if (!error && ok)
        error = read_texts(labels, &pairs, &ok);
    if (!error && ok)
        error = write_pairs(&pairs, &text);
    pairs_deinit(&pairs);
    *ret_text = 0;
    if (error)
        return error;
    labels->unreadable += !ok;
    if (!ok || text.length == 0)
        return NULL;
    struct catalog *catalog = labels->process->context.catalog;
    uint64_t key = table_hash_bytes(text.data, text.length, 0);
    if (!table_find(&labels->texts, key)) {
        if (labels->texts.count >= LABELS_MAX_SETS) {
            labels->too_many = true;
            *ret_text = catalog_add_string(catalog, others, sizeof(others) - 1);
            return NULL;
        }
        if (!table_insert(&labels->texts, key, NULL))
            return error_no_memory();
    }
    *ret_text = catalog_add_string(catalog, text.data, text.length);
    return NULL;
}

struct error *goroutine_labels_read(struct goroutine_labels *labels, struct goroutine *goroutines, size_t count)
{
    table_clear(&labels->by_address);
    labels->read = labels->postponed = labels->unreadable = 0;
    for (size_t i = 0; i < count; i++) {
        struct goroutine *goroutine = &goroutines[i];
        if (goroutine->labels_read || goroutine->labels == 0 || goroutine->status == GOROUTINE_DEAD)
            continue;
        uint64_t *known = table_find(&labels->by_address, goroutine->labels);
        if (!known) {
            string_id text;
            if (labels->read == LABELS_MAX_READ) {
                labels->postponed++;
                continue;
            }
            labels->read++;
            struct error *error = read_set(labels, goroutine->labels, &text);
            if (error)
                return error;
            known = table_insert(&labels->by_address, goroutine->labels, NULL);
            if (!known)
                return error_no_memory();
            *known = text;
        }
        goroutine->label_text = (string_id)*known;
        goroutine->labels_read = true;
    }
    return NULL;
}
