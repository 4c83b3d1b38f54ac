/* Flame trees made by a thread of their own: no key and no frame waits for one. One at a time; of orders that have not
 * been begun the last one counts. */
#ifndef TUI_FLAME_WORKER_H
#define TUI_FLAME_WORKER_H

#include "heaptop/analysis/flame_tree.h"

struct flame_worker;

struct flame_result {
    uint64_t ticket;            /* That of its order. */
    struct flame_tree tree;     /* The taker's; empty with an error. */
    struct error *error;        /* The taker's; why there is no tree. */
};

/* ERROR_NO_MEMORY, or what keeps a thread from being started. */
struct error *flame_worker_create(struct flame_worker **ret_worker);
/* Waits for what is being made. Accepts NULL. */
void flame_worker_destroy(struct flame_worker *worker);

/* Orders a tree. Keeps references to the snapshots until it is made. The ticket is not 0. */
void flame_worker_ask(struct flame_worker *worker, const struct sample_request *request, uint64_t ticket);
/* Takes a tree that is done; false when none is. */
bool flame_worker_take(struct flame_worker *worker, struct flame_result *ret_result);
/* Waits for a tree to be done, at most so long. */
void flame_worker_wait(struct flame_worker *worker, uint64_t timeout_ns);
/* Readable when a tree is done; -1 while none is under way. */
int flame_worker_descriptor(struct flame_worker *worker);

#endif
