/* What a number in g.waitreason means: its name, as the target itself has it, and the sort of wait it is. */
#ifndef HEAPTOP_ATTACH_GO_WAIT_REASONS_H
#define HEAPTOP_ATTACH_GO_WAIT_REASONS_H

#include "attach/go/goroutine.h"
#include "attach/go/process.h"
#include "heaptop/snapshot.h"

/* g.waitreason is one byte. */
#define WAIT_REASONS 256u

struct wait_reason {
    bool known;
    string_id text;
    uint8_t kind;           /* enum wait_kind */
    bool is_runtime_idle;   /* What the finalizer and cleanup goroutines wait in when they have nothing to do. */
    bool is_nil_channel, is_condition;
};

struct wait_reasons {
    const struct go_process *process;   /* Borrowed. */
    struct wait_reason reasons[WAIT_REASONS];
};

/* Looked up once in a session. Errors: when nothing more can ever be read. */
struct error *wait_reasons_find(struct wait_reasons *reasons, uint8_t number, const struct wait_reason **ret_reason);

/* The sort of a wait by its reason's name: "chan receive (nil chan)" is WAIT_CHAN_RECEIVE. */
enum wait_kind wait_kind_of_reason(const char *name, size_t length);

/* What goroutines of this status do. A semaphore is a lock's where the stack says so: up to Go 1.19 both wait for the
 * same reason. */
enum wait_kind wait_kind_of_group(const struct catalog *catalog, uint8_t status, const struct wait_reason *reason,
                                  stack_id stack);

#endif
