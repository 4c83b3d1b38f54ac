/* What goroutines wait on: from the sudogs that they wait with to channels and semaphores, and who else waits there. */
#ifndef HEAPTOP_ATTACH_GO_WAITS_H
#define HEAPTOP_ATTACH_GO_WAITS_H

#include "attach/go/process.h"
#include "attach/go/record_set.h"
#include "heaptop/base/table.h"
#include "heaptop/snapshot.h"

/* One goroutine that waits. */
struct wait_question {
    remote_address goroutine, sudog;    /* Its g, and g.waiting. */
    uint32_t listed;                    /* Index in snapshot->goroutines. */
    uint8_t kind;                       /* enum wait_kind, for what it waits. */
    bool is_nil_channel;                /* There is no sudog then. */
    bool is_condition;                  /* A sync.Cond. */
};

/* One object that one goroutine waits on. */
struct wait_link {
    uint32_t question, object;
};

/* One side of a channel, while those who wait there are counted. */
struct wait_queue {
    uint32_t object;
    bool is_send;
    remote_address next;
};

struct waits {
    const struct go_process *process;   /* Borrowed. */
    const char *unusable;               /* Why nothing can be read; NULL when it can. Static. */
    VECTOR(struct wait_question) questions;
    struct record_set sudogs, channels;
    VECTOR(uint32_t) asking, asking_next;       /* Questions of the sudogs; those whose select goes on. */
    VECTOR(remote_address) following;           /* Where that is. */
    VECTOR(struct wait_link) links;
    VECTOR(struct wait_object) objects;
    VECTOR(uint32_t) channel_objects;           /* The object of each record in `channels`. */
    struct table by_address;                    /* Address -> object. */
    VECTOR(struct wait_queue) queues;
    VECTOR(uint8_t) queue_bytes;
    VECTOR(struct memory_request) requests;
    bool no_memory;
};

struct error *waits_init(struct waits *waits, const struct go_process *process);
void waits_deinit(struct waits *waits);     /* Accepts one that is all zeros. */

/* Answers waits->questions, which stand in the order of `listed`: fills the snapshot's wait_objects and waits, and
 * what its listed goroutines and groups say of them. ERROR_NO_MEMORY, or when nothing more can ever be read. */
struct error *waits_read(struct waits *waits, struct snapshot *snapshot);

#endif
