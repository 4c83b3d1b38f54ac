/* As much of the protocol buffers wire format as profile.proto needs. */
#ifndef HEAPTOP_EXPORT_PROTOBUF_H
#define HEAPTOP_EXPORT_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

#include "heaptop/base.h"

/* Fields with the value 0 are left out, as proto3 does. */
void protobuf_uint(struct text *out, unsigned field, uint64_t value);
void protobuf_int(struct text *out, unsigned field, int64_t value);
void protobuf_bytes(struct text *out, unsigned field, const void *bytes, size_t length);
/* A nested message (possibly empty), which is emptied for its next use. `failed` of the message carries over. */
void protobuf_message(struct text *out, unsigned field, struct text *message);
/* A packed repeated field's element: append to a scratch text, then protobuf_message it. */
void protobuf_packed(struct text *out, uint64_t value);

#endif
