/* What malloc and free cost in threads that do nothing else.
 *
 *   malloc_pairs THREADS ROUNDS
 *
 * Prints CPU time, in nanoseconds, of a pair of malloc and free: in the best of so many rounds, of the thread for which
 * that was worst. "same": a block of 64 bytes, again and again; "mixed": 10,000 blocks of 16 to 1,000 bytes, replaced
 * in no order. 64 MB lie beside them, so that there are samples among the blocks in use. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAIRS 1000000
#define BLOCKS 10000
#define MAX_THREADS 64

static int rounds;
static pthread_barrier_t barrier;

struct result {
    double same, mixed;
    void *blocks[BLOCKS];
};

static uint64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static double run_same(void)
{
    uint64_t begin = cpu_ns();
    for (int i = 0; i < PAIRS; i++) {
        void *block = malloc(64);
        __asm__ volatile("" : : "r"(block) : "memory");
        free(block);
    }
    return (double)(cpu_ns() - begin) / PAIRS;
}

static double run_mixed(void **blocks, uint64_t *random)
{
    uint64_t begin = cpu_ns();
    for (int i = 0; i < PAIRS; i++) {
        *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
        void **block = &blocks[(*random >> 33) % BLOCKS];
        free(*block);
        *block = malloc(16 + (*random >> 20) % 985);
    }
    return (double)(cpu_ns() - begin) / PAIRS;
}

static double least(double left, double right)
{
    return left < right ? left : right;
}

static void *run(void *argument)
{
    struct result *result = argument;
    uint64_t random = 1;
    result->same = result->mixed = 1e9;
    run_mixed(result->blocks, &random);
    for (int i = 0; i < rounds; i++) {
        pthread_barrier_wait(&barrier);
        result->same = least(result->same, run_same());
        result->mixed = least(result->mixed, run_mixed(result->blocks, &random));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int count = argc == 3 ? atoi(argv[1]) : 0;
    static struct result results[MAX_THREADS];
    pthread_t threads[MAX_THREADS];
    rounds = argc == 3 ? atoi(argv[2]) : 0;
    if (count < 1 || count > MAX_THREADS || rounds < 1)
        return 2;
    for (int i = 0; i < 16384; i++)
        if (!malloc(4096))
            return 1;
    pthread_barrier_init(&barrier, NULL, (unsigned)count);
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, run, &results[i]) != 0)
            return 1;
    double same = 0, mixed = 0;
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        same = results[i].same > same ? results[i].same : same;
        mixed = results[i].mixed > mixed ? results[i].mixed : mixed;
    }
    printf("%.2f %.2f\n", same, mixed);
    return 0;
}
