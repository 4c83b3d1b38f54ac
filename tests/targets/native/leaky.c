/* A server of sorts, to be built with -O2 -fomit-frame-pointer: each request allocates what is freed at its end, and
 * one kind of record that never is. Several threads serve. Prints "ready PID" and serves until its standard input ends,
 * at most a minute.
 *
 *     leaky THREADS REQUESTS_A_SECOND RECORD_BYTES         (0: it keeps no records)
 * */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_SECONDS 60

struct record {
    struct record *next;
    char bytes[];
};

static struct record *kept[64];
static volatile bool is_over;
static unsigned requests_per_second;
static size_t record_bytes;
static volatile unsigned sink;

/* The planted leak. */
__attribute__((noinline)) static struct record *remember_session(struct record *before, size_t bytes, unsigned number)
{
    struct record *record = malloc(sizeof(*record) + bytes);
    if (!record)
        abort();
    memset(record->bytes, (int)number, bytes);
    record->next = before;
    return record;
}

__attribute__((noinline)) static void parse_request(unsigned number)
{
    char *parts[8];
    for (unsigned i = 0; i < 8; i++) {
        parts[i] = malloc(32 + 64 * i);
        if (!parts[i])
            abort();
        memset(parts[i], (int)(number + i), 32 + 64 * i);
    }
    for (unsigned i = 0; i < 8; i++) {
        sink += (unsigned)parts[i][number % 32];
        free(parts[i]);
    }
}

__attribute__((noinline)) static void serve_request(unsigned thread, unsigned number)
{
    parse_request(number);
    if (record_bytes == 0)
        return;
    kept[thread] = remember_session(kept[thread], record_bytes, number);
    sink += (unsigned)kept[thread]->bytes[0];
}

static void *run(void *argument)
{
    unsigned thread = (unsigned)(uintptr_t)argument;
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    for (unsigned number = 0; !is_over; nanosleep(&pause, NULL))
        for (unsigned i = 0; i < requests_per_second / 100 && !is_over; i++)
            serve_request(thread, number++);
    return NULL;
}

int main(int count, char **arguments)
{
    pthread_t threads[64];
    if (count != 4)
        return 2;
    unsigned num_threads = (unsigned)atoi(arguments[1]) % 64;
    requests_per_second = (unsigned)atoi(arguments[2]);
    record_bytes = (size_t)atol(arguments[3]);
    alarm(LONGEST_SECONDS);
    for (unsigned i = 0; i < num_threads; i++)
        if (pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)i) != 0)
            return 1;
    printf("ready %d\n", (int)getpid());
    fflush(stdout);
    char line[16];
    while (fgets(line, sizeof(line), stdin)) {
    }
    is_over = true;
    for (unsigned i = 0; i < num_threads; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
