/* heaps MODE: builds a heap of glibc's malloc whose state it knows, prints `ready {JSON}` with what mallinfo2 says of
 * it, and answers each line on standard input with the same once more; ends with its standard input. It allocates
 * nothing meanwhile, so that what heaptop reads in between must be equal to the byte.
 *
 *   plain     one thread, chunks of all sizes, every third freed, some large ones in mappings of their own
 *   tcache    the lists of a thread's cache full, and fastbins
 *   arenas    eight threads with arenas of their own, over several pieces each, that stay
 *   large MB  so many MiB of chunks of 64 bytes
 *   unused    nothing at all */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS 8
#define PLAIN 20000

static pthread_barrier_t barrier;
static void *kept[PLAIN];
static void *volatile last;     /* So that no compiler does without an allocation. */

static void report(const char *word)
{
    static char line[1024];
    struct mallinfo2 info = mallinfo2();
    int length =
        snprintf(line, sizeof(line),
                 "%s{\"arena\":%zu,\"smblks\":%zu,\"hblks\":%zu,\"hblkhd\":%zu,\"fsmblks\":%zu,\"uordblks\":%zu,"
                 "\"fordblks\":%zu,\"keepcost\":%zu}\n",
                 word, info.arena, info.smblks, info.hblks, info.hblkhd, info.fsmblks, info.uordblks, info.fordblks,
                 info.keepcost);
    if (write(1, line, (size_t)length) != length)
        _exit(1);
}

static size_t size_of(unsigned i)
{
    return (size_t)(i * 2654435761u >> 7) % (i % 16 == 0 ? 5000 : 600) + 1;
}

static void fill(void **chunks, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        memset(chunks[i] = malloc(size_of(i)), 1, size_of(i));
    for (unsigned i = 0; i < count; i += 3)
        free(chunks[i]);
}

static void *fill_arena(void *argument)
{
    static __thread void *chunks[4000];
    (void)argument;
    fill(chunks, 4000);
    /* Into a second piece, 64 MB on. */
    for (unsigned i = 0; i < 700; i++)
        memset(malloc(100000), 1, 100);
    pthread_barrier_wait(&barrier);
    pause();
    return NULL;
}

static void build(const char *mode, const char *argument)
{
    if (strcmp(mode, "plain") == 0) {
        fill(kept, PLAIN);
        for (int i = 0; i < 5; i++)
            memset(malloc(300000 + 4096 * (size_t)i), 1, 100);
    } else if (strcmp(mode, "tcache") == 0) {
        for (unsigned size = 24; size <= 1032; size += 16) {
            for (unsigned i = 0; i < 20; i++)
                kept[i] = malloc(size);
            for (unsigned i = 0; i < 20; i++)
                free(kept[i]);
        }
    } else if (strcmp(mode, "arenas") == 0) {
        pthread_barrier_init(&barrier, NULL, THREADS + 1);
        for (int i = 0; i < THREADS; i++) {
            pthread_t thread;
            if (pthread_create(&thread, NULL, fill_arena, NULL) != 0)
                _exit(1);
        }
        pthread_barrier_wait(&barrier);
    } else if (strcmp(mode, "large") == 0) {
        for (size_t bytes = (size_t)atoi(argument) << 20; bytes > 64; bytes -= 64)
            last = malloc(56);
    }
}

int main(int argc, char **argv)
{
    char byte;
    if (argc < 2)
        return 2;
    build(argv[1], argc > 2 ? argv[2] : "");
    report("ready ");
    while (read(0, &byte, 1) == 1) {
        if (byte == '\n')
            report("");
    }
    _exit(0);
}
