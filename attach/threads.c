#include "attach/threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attach/process_stat.h"
#include "attach/procfs.h"
#include "attach/syscall_names.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

/* What a sample may spend on threads. Reading a thread in full takes five small files' worth of time (measured: 10 us
 * against 2 with warm caches, 25 against 5 once a second), so that 40 threads that all run, or 200 that sleep, are all
 * seen in every sample. */
#define BUDGET 200
#define COST_LOOKED_AT 1
#define COST_READ 5
/* The list of threads costs more than a microsecond each. Of up to so many it is read anew whenever their number has
 * changed; and always after some samples, the more the longer it is. */
#define MANY_THREADS 256
#define SAMPLES_A_LIST 8
#define THREADS_A_SAMPLE_MORE 128
#define COMM_LIMIT 64

struct entry {
    struct thread thread;
    uint64_t runs; /* How often it had been given a processor when it was read; 0 when the kernel does not count. */
    bool is_read, is_gone;
    char comm[COMM_LIMIT];  /* As the kernel has it, to spare the catalog. */
    size_t comm_length;
};

struct thread_reader {
    DIR *folder;            /* /proc/PID/task */
    struct name_cache *names;
    VECTOR(struct entry) entries;       /* In the order of /proc, which is that of creation. */
    struct table by_tid;    /* tid -> index in entries. */
    size_t next;            /* Where the next sample goes on. */
    size_t samples_since_list;
    bool is_truncated, must_list;
};

struct error *thread_reader_create(int folder, struct name_cache *names, struct thread_reader **ret_reader)
{
    int descriptor = openat(folder, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return error_from_errno(errno, "cannot open /proc/PID/task");
    struct thread_reader *reader = calloc(1, sizeof(*reader));
    DIR *list = reader ? fdopendir(descriptor) : NULL;
    if (!list) {
        close(descriptor);
        free(reader);
        return error_no_memory();
    }
    reader->folder = list;
    reader->names = names;
    reader->must_list = true;
    table_init(&reader->by_tid);
    *ret_reader = reader;
    return NULL;
}

void thread_reader_destroy(struct thread_reader *reader)
{
    if (!reader)
        return;
    closedir(reader->folder);
    vector_deinit(&reader->entries);
    table_deinit(&reader->by_tid);
    free(reader);
}

static bool parse_tid(const char *name, pid_t *ret_tid)
{
    struct scanner scanner = scanner_over(name, strlen(name));
    uint64_t tid;
    if (!scanner_number(&scanner, 10, &tid) || scanner.next != scanner.end || tid == 0 || tid > INT32_MAX)
        return false;
    *ret_tid = (pid_t)tid;
    return true;
}

/* Reads the list of threads, and keeps what is known of those that are still there. */
static struct error *list_threads(struct thread_reader *reader)
{
    VECTOR(struct entry) listed = {0};
    struct dirent *file;
    bool out_of_memory = false;
    reader->is_truncated = false;
    rewinddir(reader->folder);
    while (!out_of_memory && (file = readdir(reader->folder))) {
        pid_t tid;
        if (!parse_tid(file->d_name, &tid))
            continue;
        if (listed.count >= THREADS_MAX) {
            reader->is_truncated = true;
            break;
        }
        const uint64_t *known = table_find(&reader->by_tid, (uint64_t)tid);
        bool is_kept = known && !reader->entries.items[*known].is_gone;
        struct entry entry = is_kept ? reader->entries.items[*known]
                                     : (struct entry){.thread = {.tid = tid, .proc = -1, .machine = -1}};
        out_of_memory = !vector_append(&listed, entry);
    }
    table_clear(&reader->by_tid);
    for (size_t i = 0; i < listed.count && !out_of_memory; i++) {
        uint64_t *place = table_insert(&reader->by_tid, (uint64_t)listed.items[i].thread.tid, NULL);
        out_of_memory = !place;
        if (place)
            *place = i;
    }
    if (out_of_memory) {
        vector_deinit(&listed);
        table_clear(&reader->by_tid);
        reader->entries.count = 0;
        return error_no_memory();
    }
    vector_deinit(&reader->entries);
    reader->entries.items = listed.items;
    reader->entries.count = listed.count;
    reader->entries.capacity = listed.capacity;
    reader->samples_since_list = 0;
    reader->must_list = false;
    return NULL;
}

/* False when the file cannot be read: for stat, that means the thread is gone. */
static bool read_file(struct thread_reader *reader, pid_t tid, const char *name, char *buffer, size_t size,
                      size_t *ret_length)
{
    char path[64];
    snprintf(path, sizeof(path), "%d/%s", (int)tid, name);
    _cleanup_error_ struct error *error = procfs_read(dirfd(reader->folder), path, buffer, size, ret_length);
    return !error;
}

/* schedstat: nanoseconds on a processor, nanoseconds waiting for one, times given one (Linux:
 * Documentation/scheduler/sched-stats.rst). */
static bool read_schedstat(struct thread_reader *reader, pid_t tid, uint64_t *ret_cpu_ns, uint64_t *ret_runs)
{
    char text[128];
    size_t length;
    uint64_t waited;
    if (!read_file(reader, tid, "schedstat", text, sizeof(text), &length))
        return false;
    struct scanner scanner = scanner_over(text, length);
    return scanner_number_word(&scanner, ret_cpu_ns) && scanner_number_word(&scanner, &waited) &&
           scanner_number_word(&scanner, ret_runs) && *ret_runs > 0;
}

bool thread_parse_syscall(const char *text, size_t length, uint64_t *ret_number)
{
    struct scanner scanner = scanner_over(text, length);
    return scanner_number_word(&scanner, ret_number);
}

static void read_where_it_waits(struct thread_reader *reader, struct thread *thread)
{
    char text[256];
    size_t length;
    uint64_t number;
    thread->system_call = 0;
    thread->wait_channel = 0;
    if (thread->state != 'S' && thread->state != 'D')
        return;
    if (read_file(reader, thread->tid, "syscall", text, sizeof(text), &length) &&
        thread_parse_syscall(text, length, &number)) {
        const char *name = syscall_name(number);
        char unnamed[32];
        snprintf(unnamed, sizeof(unnamed), "syscall %llu", (unsigned long long)number);
        name = name ? name : unnamed;
        thread->system_call = name_cache_add(reader->names, name, strlen(name));
    }
    /* "0" where the kernel does not tell. */
    if (read_file(reader, thread->tid, "wchan", text, sizeof(text), &length) && length > 0 && strcmp(text, "0") != 0)
        thread->wait_channel = name_cache_add(reader->names, text, length);
}

static void store_name(struct thread_reader *reader, struct entry *entry, const struct process_stat *stat)
{
    size_t length = stat->comm_length < COMM_LIMIT ? stat->comm_length : COMM_LIMIT;
    if (entry->is_read && entry->comm_length == length && memcmp(entry->comm, stat->comm, length) == 0)
        return;
    memcpy(entry->comm, stat->comm, length);
    entry->comm_length = length;
    entry->thread.name = name_cache_add(reader->names, stat->comm, length);
}

/* What it cost, or 0 when the thread is gone. */
static unsigned read_thread(struct thread_reader *reader, struct entry *entry, uint64_t now)
{
    char text[PROCESS_STAT_SIZE];
    size_t length;
    struct process_stat stat;
    uint64_t cpu_ns = 0, runs = 0;
    struct thread *thread = &entry->thread;
    bool is_counted = read_schedstat(reader, thread->tid, &cpu_ns, &runs);
    /* Asleep when it was read and not run since: then nothing of it has changed. */
    if (is_counted && entry->is_read && entry->runs == runs && (thread->state == 'S' || thread->state == 'D')) {
        thread->read_monotonic_ns = now;
        return COST_LOOKED_AT;
    }
    if (!read_file(reader, thread->tid, "stat", text, sizeof(text), &length) ||
        !process_stat_parse(text, length, &stat))
        return 0;
    store_name(reader, entry, &stat);
    thread->state = stat.state;
    thread->processor = stat.processor;
    thread->cpu_ns = is_counted ? cpu_ns : process_ticks_to_ns(stat.user_ticks + stat.system_ticks);
    thread->read_monotonic_ns = now;
    entry->runs = is_counted ? runs : 0;
    entry->is_read = true;
    read_where_it_waits(reader, thread);
    return COST_READ;
}

static void read_threads(struct thread_reader *reader, uint64_t now)
{
    size_t count = reader->entries.count;
    unsigned spent = 0;
    for (size_t done = 0; done < count && spent < BUDGET; done++) {
        if (reader->next >= count)
            reader->next = 0;
        struct entry *entry = &reader->entries.items[reader->next++];
        if (entry->is_gone)
            continue;
        unsigned cost = read_thread(reader, entry, now);
        spent += cost ? cost : COST_LOOKED_AT;
        if (cost == 0) {
            entry->is_gone = true;
            reader->must_list = true;
        }
    }
}

static struct error *fill_snapshot(struct thread_reader *reader, uint64_t expected, struct snapshot *snapshot)
{
    size_t count = reader->entries.count, unread = 0;
    struct thread *threads = arena_alloc_array(&snapshot->arena, count, sizeof(*threads));
    if (!threads)
        return error_no_memory();
    snapshot->threads = threads;
    snapshot->num_threads = 0;
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &reader->entries.items[i];
        if (entry->is_read && !entry->is_gone)
            threads[snapshot->num_threads++] = entry->thread;
        else if (!entry->is_gone)
            unread++;
    }
    if (unread > 0)
        snapshot_add_problem(snapshot, "%zu of %zu threads not read yet: some are read with each sample, in turn",
                             unread, count);
    if (expected > count && !reader->is_truncated)
        snapshot_add_problem(snapshot, "%llu threads are newer than the list, which is not read with each sample",
                             (unsigned long long)(expected - count));
    if (reader->is_truncated)
        snapshot_add_problem(snapshot, "only the first %d threads are listed", THREADS_MAX);
    return NULL;
}

struct error *thread_reader_sample(struct thread_reader *reader, uint64_t expected, struct snapshot *snapshot)
{
    size_t count = reader->entries.count;
    bool differs = reader->must_list || (expected != count && !reader->is_truncated);
    if ((differs && count <= MANY_THREADS) ||
        ++reader->samples_since_list >= SAMPLES_A_LIST + count / THREADS_A_SAMPLE_MORE) {
        struct error *error = list_threads(reader);
        if (error)
            return error;
    }
    read_threads(reader, snapshot->monotonic_ns);
    return fill_snapshot(reader, expected, snapshot);
}
