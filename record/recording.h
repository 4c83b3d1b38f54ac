/* An opened recording, as the replay source knows it. */
#ifndef HEAPTOP_RECORD_RECORDING_H
#define HEAPTOP_RECORD_RECORDING_H

#include "heaptop/record.h"
#include "record/tick_reader.h"

struct recording {
    char *path;
    struct database database;
    struct tick_reader reader;
    bool has_reader;
    bool is_without_log;        /* The log beside the file could not be read. */
};

/* The same over bytes, which are copied: for fuzzing. */
struct error *recording_open_bytes(const void *bytes, size_t size, struct recording **ret_recording);

#endif
