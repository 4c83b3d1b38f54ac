/* The strings, frames and stacks that the snapshots of one session share. Entries are only ever added and never move,
 * so threads (the sampler, a replay source over what it took) may add while others read every id that reached them in a
 * snapshot: the hand-over of the snapshot orders the memory. Ids count from 1; 0 means "none". */
#ifndef HEAPTOP_SNAPSHOT_CATALOG_H
#define HEAPTOP_SNAPSHOT_CATALOG_H

#include <stddef.h>
#include <stdint.h>

#include "heaptop/base/error.h"
#include "heaptop/base/text.h"

typedef uint32_t string_id;
typedef uint32_t frame_id;
typedef uint32_t stack_id;

/* Whose code a frame is. A person looks for FRAME_APPLICATION first. */
enum frame_origin {
    FRAME_UNKNOWN,      /* No name was found for the address. */
    FRAME_RUNTIME,      /* The language's runtime: runtime., internal/runtime/, reflect call stubs. */
    FRAME_STANDARD,     /* Its standard library. */
    FRAME_DEPENDENCY,   /* A module other than the program's own. */
    FRAME_APPLICATION,  /* The program's own module or main package. */
    FRAME_NATIVE,       /* C code in a Go program. */
};

struct frame {
    /* Link-time code address looked up (a return address minus 1); of inlined calls the innermost one's. 0 when
     * unknown. */
    uint64_t address;
    string_id function;     /* Full name, escaped: "github.com/prometheus/prometheus/tsdb.(*Head).getOrCreate". */
    /* Full path as compiled in, escaped; of native code of which no source is known the program or library it is of; 0
     * when unknown. */
    string_id file;
    uint32_t line;          /* 0 when unknown. */
    uint32_t start_line;    /* First line of the function; 0 when unknown (Go < 1.20). */
    uint8_t origin;         /* enum frame_origin */
};

struct stack {
    uint32_t depth;
    const frame_id *frames; /* Innermost first; owned by the catalog. */
};

struct catalog;

/* One reference for the caller. ERROR_NO_MEMORY. */
struct error *catalog_create(struct catalog **ret_catalog);
struct catalog *catalog_ref(struct catalog *catalog);
/* Accepts NULL. The last reference destroys it. */
void catalog_unref(struct catalog *catalog);

/* Writers; equal content gives the same id. 0 when memory is out or the catalog is full (2^24 entries of a kind, 256
 * MiB of strings). */
string_id catalog_add_string(struct catalog *catalog, const char *bytes, size_t length);
/* Escapes first (text_append_escaped). For anything that comes from a target. */
string_id catalog_add_untrusted(struct catalog *catalog, const char *bytes, size_t length);
frame_id catalog_add_frame(struct catalog *catalog, const struct frame *frame);
stack_id catalog_add_stack(struct catalog *catalog, const frame_id *frames, size_t depth);

/* Readers; id 0 gives "", an all-zero frame, an empty stack. An id that was never given out does as well. */
const char *catalog_string(const struct catalog *catalog, string_id id);
const struct frame *catalog_frame(const struct catalog *catalog, frame_id id);
struct stack catalog_stack(const struct catalog *catalog, stack_id id);
const char *catalog_function(const struct catalog *catalog, frame_id id);
const char *catalog_file(const struct catalog *catalog, frame_id id);

/* The frame a person should see for this stack: the first application frame, else the first dependency frame, else the
 * first that is not the runtime's, else the innermost. Its index, or 0 for an empty stack. */
uint32_t catalog_stack_subject(const struct catalog *catalog, stack_id id);

/* How people are shown names. The function without its import path: "tsdb.(*Head).getOrCreate"; a major version keeps
 * the element before it: "pgx/v5.(*Conn).Query". The file without its folders: "head.go". Both point into the string
 * given. */
const char *function_short_name(const char *function);
const char *file_short_name(const char *file);
/* The most of it that takes at most so many terminal columns: "tsdb.(*Head).getOrCreate", "(*Head).getOrCreate",
 * "getOrCreate"; the last of these where none does. Points into the string given. */
const char *function_name_fitting(const char *function, size_t columns);

/* "tsdb.(*Head).getOrCreate  head.go:1622"; the address where there is no name, "unknown" where there is neither. */
void catalog_write_frame(const struct catalog *catalog, frame_id id, struct text *text);

/* Bytes held, for the cost line. */
size_t catalog_memory(const struct catalog *catalog);

#endif
