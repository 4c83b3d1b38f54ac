/* zoo KIND leak|healthy ACTIONS_A_SECOND: a service of sorts that leaks in one way, or does the same work at the same pace
 * and does not. To be built with -O2 -g0 -fomit-frame-pointer, with zoo_library.c as a shared library. Prints "ready PID"
 * and serves until its standard input ends, two minutes at most.
 *
 *   list         nodes in a list from which nothing is ever taken (remember_node)
 *   objects      objects of class Session, never deleted (open_session)
 *   vector       a std::vector that is only appended to (append_record)
 *   map          a std::map from which nothing is erased (count_visitor)
 *   fragments    of many small blocks one in sixteen is kept: what is free between them goes back to nobody
 *   thread       a thread for each request, which waits for an answer that never comes (wait_for_answer)
 *   mmap         mappings that are never unmapped (map_buffer)
 *   library      blocks that a shared library gives out and the program forgets to hand back (library_make) */
#include <sys/mman.h>

#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

extern "C" {
void *library_make(unsigned number);
void library_drop(void *block);
}

#define NOINLINE __attribute__((noinline))
#define LONGEST_SECONDS 120
/* What a healthy twin holds. */
#define BOUND 100u

static bool leaks;

/* ---- list ---- */

struct Node {
    Node *next;
    char bytes[5000];
};
static Node *newest;
static std::deque<Node *> nodes;

NOINLINE static Node *remember_node(unsigned number)
{
    Node *node = static_cast<Node *>(malloc(sizeof(Node)));
    if (!node)
        abort();
    memset(node->bytes, (int)number, sizeof(node->bytes));
    node->next = newest;
    newest = node;
    return node;
}

static void serve_list(unsigned number)
{
    Node *node = remember_node(number);
    if (leaks)
        return;
    nodes.push_back(node);
    if (nodes.size() > BOUND) {
        free(nodes.front());
        nodes.pop_front();
    }
}

/* ---- objects ---- */

namespace shop {
class Session {
public:
    explicit Session(unsigned number) { memset(state, (int)number, sizeof(state)); }
    virtual ~Session() = default;
    virtual char first() const { return state[0]; }

private:
    char state[4000];
};
}
static std::deque<shop::Session *> sessions;

NOINLINE static shop::Session *open_session(unsigned number)
{
    return new shop::Session(number);
}

static void serve_objects(unsigned number)
{
    sessions.push_back(open_session(number));
    if (!leaks && sessions.size() > BOUND) {
        delete sessions.front();
        sessions.pop_front();
    }
}

/* ---- vector ---- */

struct Record {
    char bytes[6000];
};
static std::vector<Record> records;

NOINLINE static void append_record(unsigned number)
{
    Record record;
    memset(record.bytes, (int)number, sizeof(record.bytes));
    records.push_back(record);
}

static void serve_vector(unsigned number)
{
    append_record(number);
    if (!leaks && records.size() >= BOUND)
        records.clear();
}

/* ---- map ---- */

struct Visits {
    char bytes[3000];
};
static std::map<unsigned, Visits> visitors;

NOINLINE static void count_visitor(unsigned number)
{
    memset(visitors[number].bytes, (int)number, sizeof(Visits));
}

static void serve_map(unsigned number)
{
    count_visitor(number);
    if (!leaks && visitors.size() > BOUND)
        visitors.erase(visitors.begin());
}

/* ---- fragments ---- */

#define PIECES 130000u
static char *pieces[PIECES];

static void serve_fragments(unsigned number)
{
    if (number > 0)
        return;
    for (unsigned i = 0; i < PIECES; i++) {
        pieces[i] = static_cast<char *>(malloc(1000));
        memset(pieces[i], 1, 1000);
    }
    for (unsigned i = 0; i < PIECES; i++) {
        if (!leaks || i % 16)
            free(pieces[i]);
    }
    if (!leaks)
        malloc_trim(0);
}

/* ---- thread ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;

NOINLINE static void wait_for_answer(volatile bool *is_answered)
{
    pthread_mutex_lock(&lock);
    while (!*is_answered)
        pthread_cond_wait(&answered, &lock);
    pthread_mutex_unlock(&lock);
}

static void *answer_request(void *argument)
{
    volatile bool is_answered = argument == nullptr;
    wait_for_answer(&is_answered);
    return nullptr;
}

static void serve_thread(unsigned number)
{
    pthread_t thread;
    static char unanswered;
    if (pthread_create(&thread, nullptr, answer_request, leaks && number % 2 ? &unanswered : nullptr) != 0)
        abort();
    if (!leaks || number % 2 == 0)
        pthread_join(thread, nullptr);
    else
        pthread_detach(thread);
}

/* ---- mmap ---- */

#define BUFFER_BYTES (16 << 10)
static std::deque<void *> buffers;

NOINLINE static void *map_buffer(void)
{
    void *buffer = mmap(nullptr, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer == MAP_FAILED)
        abort();
    memset(buffer, 1, BUFFER_BYTES);
    return buffer;
}

static void serve_mmap(unsigned)
{
    void *buffer = map_buffer();
    if (leaks)
        return;
    buffers.push_back(buffer);
    if (buffers.size() > BOUND) {
        munmap(buffers.front(), BUFFER_BYTES);
        buffers.pop_front();
    }
}

/* ---- library ---- */

static std::deque<void *> blocks;

static void serve_library(unsigned number)
{
    void *block = library_make(number);
    if (leaks)
        return;
    blocks.push_back(block);
    if (blocks.size() > BOUND) {
        library_drop(blocks.front());
        blocks.pop_front();
    }
}

/* ---- all ---- */

/* What every service does beside: memory that comes and goes, of all sizes. */
NOINLINE static void work(unsigned number)
{
    std::string text = "request " + std::to_string(number) + " of a client whose name is long";
    std::vector<char> answer(64 + number * 2654435761u % 3000, text[0]);
    void *large = malloc(answer.size() * 20);
    memset(large, answer[0], answer.size());
    free(large);
}

static const struct {
    const char *name;
    void (*serve)(unsigned number);
} kinds[] = {
    {"list", serve_list},           {"objects", serve_objects}, {"vector", serve_vector}, {"map", serve_map},
    {"fragments", serve_fragments}, {"thread", serve_thread},   {"mmap", serve_mmap},     {"library", serve_library},
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    void (*serve)(unsigned) = nullptr;
    for (const auto &kind : kinds) {
        if (argc == 4 && strcmp(kind.name, argv[1]) == 0)
            serve = kind.serve;
    }
    if (!serve)
        return 2;
    leaks = strcmp(argv[2], "leak") == 0;
    double pace = atof(argv[3]), start = now();
    printf("ready %d\n", (int)getpid());
    fflush(stdout);
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    unsigned number = 0;
    while (poll(&input, 1, 20) == 0 && now() - start < LONGEST_SECONDS) {
        for (; number < (now() - start) * pace; number++) {
            work(number);
            serve(number);
        }
    }
    /* Threads that wait are not waited for. */
    _exit(0);
}
