/* Allocates what is known in advance, from several places, and waits.
 *
 *   allocations [later] MODE
 *
 * Later: prints "ready" and "end" first, and waits for a line. Prints "ready" and then "FUNCTION BYTES" for each place:
 * bytes that it has in use. Goes on after each line of its standard input, with as many pairs of malloc and free as
 * stand in it, and ends with the last. */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "preload/sampler.h"

#define KEEP(size, count) \
    __attribute__((noinline)) static void keep_##size(void) \
    { \
        for (long i = 0; i < (count); i++) \
            keep(malloc(size), size); \
        told("keep_" #size, (size) * (long)(count)); \
    }

struct kept {
    struct kept *next;
};

static _Atomic(struct kept *) all_kept;
static pthread_mutex_t told_mutex = PTHREAD_MUTEX_INITIALIZER;
static char told_text[4096];

static void told(const char *name, long bytes)
{
    pthread_mutex_lock(&told_mutex);
    size_t used = strlen(told_text);
    snprintf(told_text + used, sizeof(told_text) - used, "%s %ld\n", name, bytes);
    pthread_mutex_unlock(&told_mutex);
}

static void keep(void *block, size_t size)
{
    struct kept *kept = block;
    if (!block || size < sizeof(*kept))
        abort();
    kept->next = all_kept;
    while (!__atomic_compare_exchange_n((struct kept **)&all_kept, &kept->next, kept, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
    }
}

KEEP(16, 2000000)
KEEP(200, 200000)
KEEP(4096, 10000)
KEEP(65536, 500)
KEEP(1048576, 40)

static void ready(void)
{
    printf("ready\n%send\n", told_text);
    fflush(stdout);
}

/* A number in the line that was read last; 0: none. */
static long asked;

/* Until the next line; false: there is none. */
static int wait_for_line(void)
{
    char line[16];
    if (!fgets(line, sizeof(line), stdin))
        return 0;
    asked = atol(line);
    return 1;
}

__attribute__((noinline)) static void churn(long count)
{
    for (long i = 0; i < count; i++) {
        void *block = malloc(1000);
        __asm__ volatile("" : : "r"(block) : "memory");
        free(block);
    }
}

static void run_known(void)
{
    keep_16();
    keep_200();
    keep_4096();
    keep_65536();
    keep_1048576();
    churn(100000);
}

/* ---- threads that come and go ---- */

__attribute__((noinline)) static void *thread_keeps(void *argument)
{
    (void)argument;
    for (int i = 0; i < 500; i++)
        keep(malloc(2000), 2000);
    return NULL;
}

/* What one thread allocated, another frees. */
__attribute__((noinline)) static void *thread_allocates(void *argument)
{
    void **blocks = argument;
    for (int i = 0; i < 1000; i++)
        blocks[i] = calloc(1, 3000);
    return NULL;
}

static void *thread_frees(void *argument)
{
    void **blocks = argument;
    for (int i = 0; i < 1000; i++)
        free(blocks[i]);
    return NULL;
}

static void run_thread(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, argument) != 0)
        abort();
    pthread_join(thread, NULL);
}

static void run_threads(void)
{
    static void *blocks[1000];
    for (int i = 0; i < 40; i++) {
        run_thread(thread_keeps, NULL);
        run_thread(thread_allocates, blocks);
        run_thread(thread_frees, blocks);
    }
    told("thread_keeps", 40L * 500 * 2000);
    told("thread_allocates", 0);
}

/* ---- every function that allocates ---- */

#define EACH 20000

__attribute__((noinline)) static void by_calloc(void)
{
    for (int i = 0; i < EACH; i++)
        keep(calloc(10, 100), 1000);
    told("by_calloc", EACH * 1000L);
}

__attribute__((noinline)) static void by_realloc(void)
{
    for (int i = 0; i < EACH; i++)
        keep(realloc(realloc(NULL, 300), 1000), 1000);
    told("by_realloc", EACH * 1000L);
}

__attribute__((noinline)) static void by_reallocarray(void)
{
    for (int i = 0; i < EACH; i++)
        keep(reallocarray(NULL, 10, 100), 1000);
    told("by_reallocarray", EACH * 1000L);
}

__attribute__((noinline)) static void by_posix_memalign(void)
{
    for (int i = 0; i < EACH; i++) {
        void *block = NULL;
        if (posix_memalign(&block, 64, 1000) != 0)
            abort();
        keep(block, 1000);
    }
    told("by_posix_memalign", EACH * 1000L);
}

__attribute__((noinline)) static void by_aligned_alloc(void)
{
    for (int i = 0; i < EACH; i++)
        keep(aligned_alloc(64, 1024), 1024);
    told("by_aligned_alloc", EACH * 1024L);
}

/* Freed by realloc, and a block that realloc could not enlarge is still there. */
__attribute__((noinline)) static void by_failed_realloc(void)
{
    for (int i = 0; i < EACH; i++) {
        void *block = malloc(1000);
        volatile size_t most = (size_t)-1 / 4;
        if (realloc(block, most))
            abort();
        keep(block, 1000);
        void *gone = malloc(1000);
        gone = realloc(gone, 0);
        free(gone);
    }
    told("by_failed_realloc", EACH * 1000L);
}

__attribute__((noinline)) static uintptr_t take_up(void)
{
    void *volatile block = malloc(16);
    return (uintptr_t)block;
}

/* A block that NULL, of which free and realloc are called as well, shares its place in the library's filter with: tries
 * at what addresses lie at the end of the heap. */
__attribute__((noinline)) static void *beside_null(void)
{
    for (;;) {
        uintptr_t next = take_up() + 32;
        if (preload_hash(next, SAMPLER_FILTER_BITS) != preload_hash(0, SAMPLER_FILTER_BITS))
            continue;
        void *block = malloc(65536);
        if ((uintptr_t)block == next)
            return block;
        free(block);
    }
}

static void run_null(void)
{
    void *volatile null = NULL;
    void *block = beside_null();
    free(null);
    void *other = realloc(null, 65536);
    free(block);
    free(other);
    told("beside_null", 0);
    told("run_null", 0);
}

static void run_functions(void)
{
    by_calloc();
    by_realloc();
    by_reallocarray();
    by_posix_memalign();
    by_aligned_alloc();
    by_failed_realloc();
}

/* ---- fork ---- */

__attribute__((noinline)) static void child_keeps(long count)
{
    for (long i = 0; i < count; i++)
        keep(malloc(1000), 1000);
}

/* What children allocate, and free of what they have inherited, is not this process's. */
static void run_fork(void)
{
    keep_4096();
    for (int i = 0; i < 4; i++) {
        pid_t child = fork();
        if (child == 0) {
            child_keeps(20000);
            for (struct kept *kept = all_kept, *next; kept; kept = next) {
                next = kept->next;
                free(kept);
            }
            _exit(0);
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
            abort();
    }
    told("child_keeps", 0);
    keep_65536();
}

/* ---- a library that comes later ---- */

static void run_library(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);
    void (*library_keeps)(void (*)(void *, size_t)) = NULL;
    if (library)
        *(void **)&library_keeps = dlsym(library, "library_keeps");
    if (!library_keeps) {
        fprintf(stderr, "%s\n", dlerror());
        abort();
    }
    library_keeps(keep);
    told("library_keeps", 20000 * 1000L);
}

/* ---- signals ---- */

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

/* A timer that interrupts whatever goes on, samples too. */
static void run_signals(void)
{
    timer_t timer;
    struct sigaction action = {.sa_handler = count_signal};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    const struct itimerspec often = {.it_interval = {.tv_nsec = 50000}, .it_value = {.tv_nsec = 50000}};
    const struct itimerspec never = {0};
    sigaction(SIGALRM, &action, NULL);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &often, NULL) != 0)
        abort();
    keep_200();
    churn(500000);
    timer_settime(timer, 0, &never, NULL);
    if (signals == 0)
        abort();
}

/* ---- stacks ---- */

#define NEIGHBOUR_BYTES 32768

static ucontext_t outside, inside;
static volatile sig_atomic_t is_over;

static void run_on(char *stack, size_t size, void (*body)(void))
{
    if (getcontext(&inside) != 0)
        abort();
    inside.uc_stack = (stack_t){.ss_sp = stack, .ss_size = size};
    inside.uc_link = &outside;
    makecontext(&inside, body, 0);
    if (swapcontext(&outside, &inside) != 0)
        abort();
}

__attribute__((noinline)) static void coroutine_keeps(void)
{
    for (int i = 0; i < 10000; i++)
        keep(malloc(1000), 1000);
    told("coroutine_keeps", 10000 * 1000L);
}

/* On a stack of its own, above which nothing can be read. */
static void run_coroutine(void)
{
    size_t size = 65536;
    char *stack = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, size, PROT_READ | PROT_WRITE) != 0)
        abort();
    run_on(stack, size, coroutine_keeps);
}

/* Memory that comes and goes right behind a coroutine's stack, as another's stack does. */
static void *come_and_go(void *place)
{
    while (!is_over) {
        if (mmap(place, NEIGHBOUR_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != place ||
            munmap(place, NEIGHBOUR_BYTES) != 0)
            abort();
    }
    return NULL;
}

static void run_neighbour(void)
{
    pthread_t neighbour;
    size_t size = 65536;
    char *stack = mmap(NULL, size + NEIGHBOUR_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED || pthread_create(&neighbour, NULL, come_and_go, stack + size) != 0)
        abort();
    run_on(stack, size, coroutine_keeps);
    is_over = 1;
    pthread_join(neighbour, NULL);
}

__attribute__((noipa)) static long deep(int depth)
{
    volatile char frame[64] = {(char)depth};
    if (depth == 0) {
        for (int i = 0; i < 10000; i++)
            keep(malloc(1000), 1000);
        return 0;
    }
    return deep(depth - 1) + frame[0];
}

/* ---- memory of the kernel's ---- */

__attribute__((noinline)) static void by_mmap(void)
{
    for (int i = 0; i < 100; i++) {
        void *kept = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        void *gone = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (kept == MAP_FAILED || gone == MAP_FAILED || munmap(gone, 1 << 20) != 0)
            abort();
    }
    told("by_mmap", 100L << 20);
}

/* Two at once, by the address of the lower. */
__attribute__((noinline)) static void by_wide_munmap(void)
{
    for (int i = 0; i < 100; i++) {
        char *space = mmap(NULL, 3 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (space == MAP_FAILED ||
            mmap(space + (1 << 20), 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
                MAP_FAILED ||
            munmap(space, 3 << 20) != 0)
            abort();
    }
    told("by_wide_munmap", 0);
}

__attribute__((noinline)) static void by_mremap(void)
{
    for (int i = 0; i < 50; i++) {
        void *block = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (block == MAP_FAILED || mremap(block, 1 << 20, 2 << 20, MREMAP_MAYMOVE) == MAP_FAILED)
            abort();
    }
    told("by_mremap", 100L << 20);
}

__attribute__((noinline)) static void by_sbrk(void)
{
    for (int i = 0; i < 100; i++)
        if (sbrk(1 << 20) == (void *)-1)
            abort();
    if (sbrk(-(40L << 20)) == (void *)-1)
        abort();
    told("by_sbrk", 60L << 20);
}

__attribute__((noinline)) static void by_brk(void)
{
    char *end = sbrk(0);
    for (long i = 1; i <= 60; i++)
        if (brk(end + (i << 20)) != 0)
            abort();
    if (brk(end + (40L << 20)) != 0)
        abort();
    told("by_brk", 40L << 20);
}

/* What malloc has of the kernel is malloc's, and counted once. */
static void run_mappings(void)
{
    keep_1048576();
    by_mmap();
    by_wide_munmap();
    by_mremap();
    by_sbrk();
    by_brk();
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "later") == 0) {
        ready();
        if (!wait_for_line())
            return 1;
        argc--;
        argv++;
    }
    const char *mode = argc > 1 ? argv[1] : "";
    if (strcmp(mode, "exec") == 0) {
        /* Its own memory is gone with it. */
        keep_65536();
        execv(argv[0], (char *[]){argv[0], "known", NULL});
        return 1;
    }
    if (strcmp(mode, "known") == 0)
        run_known();
    else if (strcmp(mode, "threads") == 0)
        run_threads();
    else if (strcmp(mode, "functions") == 0)
        run_functions();
    else if (strcmp(mode, "mappings") == 0)
        run_mappings();
    else if (strcmp(mode, "fork") == 0)
        run_fork();
    else if (strcmp(mode, "library") == 0 && argc > 2)
        run_library(argv[2]);
    else if (strcmp(mode, "coroutine") == 0)
        run_coroutine();
    else if (strcmp(mode, "neighbour") == 0)
        run_neighbour();
    else if (strcmp(mode, "null") == 0)
        run_null();
    else if (strcmp(mode, "signals") == 0)
        run_signals();
    else if (strcmp(mode, "deep") == 0) {
        deep(100);
        told("deep", 10000 * 1000L);
    } else if (strcmp(mode, "wait") != 0) {
        return 2;
    }
    ready();
    while (wait_for_line()) {
        churn(asked > 0 ? asked : 2000000);
        ready();
    }
    return 3;
}
