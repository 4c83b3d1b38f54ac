#include "tui/flame_worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct flame_worker {
    pthread_t thread;
    int done;                       /* An eventfd: a result is there. */
    pthread_mutex_t mutex;          /* Guards all below. */
    pthread_cond_t ordered;         /* There is an order, or an end. */
    struct sample_request order;    /* snapshot NULL: none. Its snapshots are references. */
    uint64_t ticket;                /* Of the order. */
    bool is_working, is_ending, has_result;
    struct flame_result result;
};

/* Only their count of references changes. */
static void refer(const struct sample_request *request)
{
    snapshot_ref((struct snapshot *)request->snapshot);
    if (request->base)
        snapshot_ref((struct snapshot *)request->base);
}

static void release(struct sample_request *request)
{
    snapshot_unref((struct snapshot *)request->snapshot);
    snapshot_unref((struct snapshot *)request->base);
    *request = (struct sample_request){0};
}

static void drop_result(struct flame_worker *worker)
{
    if (worker->has_result) {
        flame_tree_deinit(&worker->result.tree);
        error_destroy(worker->result.error);
    }
    worker->has_result = false;
}

static void *work(void *argument)
{
    struct flame_worker *worker = argument;
    pthread_mutex_lock(&worker->mutex);
    for (;;) {
        while (!worker->order.snapshot && !worker->is_ending)
            pthread_cond_wait(&worker->ordered, &worker->mutex);
        if (worker->is_ending)
            break;
        struct sample_request request = worker->order;
        struct flame_result result = {.ticket = worker->ticket};
        worker->order = (struct sample_request){0};
        worker->is_working = true;
        pthread_mutex_unlock(&worker->mutex);
        result.error = flame_tree_build(&request, &result.tree);
        release(&request);
        pthread_mutex_lock(&worker->mutex);
        worker->is_working = false;
        drop_result(worker);
        worker->result = result;
        worker->has_result = true;
        eventfd_write(worker->done, 1);
    }
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

struct error *flame_worker_create(struct flame_worker **ret_worker)
{
    struct flame_worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return error_no_memory();
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->ordered, NULL);
    worker->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int failure = worker->done < 0 ? errno : pthread_create(&worker->thread, NULL, work, worker);
    if (failure == 0) {
        *ret_worker = worker;
        return NULL;
    }
    if (worker->done >= 0)
        close(worker->done);
    pthread_cond_destroy(&worker->ordered);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
    return error_from_errno(failure, "cannot start the thread that makes flame graphs");
}

void flame_worker_destroy(struct flame_worker *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&worker->mutex);
    worker->is_ending = true;
    pthread_cond_signal(&worker->ordered);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
    release(&worker->order);
    drop_result(worker);
    close(worker->done);
    pthread_cond_destroy(&worker->ordered);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
}

void flame_worker_ask(struct flame_worker *worker, const struct sample_request *request, uint64_t ticket)
{
    refer(request);
    pthread_mutex_lock(&worker->mutex);
    struct sample_request before = worker->order;
    worker->order = *request;
    worker->ticket = ticket;
    pthread_cond_signal(&worker->ordered);
    pthread_mutex_unlock(&worker->mutex);
    release(&before);
}

bool flame_worker_take(struct flame_worker *worker, struct flame_result *ret_result)
{
    eventfd_t count;
    pthread_mutex_lock(&worker->mutex);
    bool is_there = worker->has_result;
    if (is_there) {
        *ret_result = worker->result;
        worker->has_result = false;
        eventfd_read(worker->done, &count);
    }
    pthread_mutex_unlock(&worker->mutex);
    return is_there;
}

int flame_worker_descriptor(struct flame_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    int descriptor = worker->order.snapshot || worker->is_working || worker->has_result ? worker->done : -1;
    pthread_mutex_unlock(&worker->mutex);
    return descriptor;
}

void flame_worker_wait(struct flame_worker *worker, uint64_t timeout_ns)
{
    struct pollfd polled = {.fd = flame_worker_descriptor(worker), .events = POLLIN};
    if (polled.fd >= 0)
        poll(&polled, 1, (int)(timeout_ns / 1000000));
}
