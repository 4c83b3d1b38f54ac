#include "attach/threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attach/native/stopped_thread.h"
#include "attach/process_stat.h"
#include "attach/procfs.h"
#include "attach/syscall_names.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

/* What a sample may spend on threads. Reading a thread in full takes five small files' worth of time (measured: 10 us
 * against 2 with warm caches, 25 against 5 once a second), so that 40 threads that all run, or 200 that sleep, are all
 * seen in every sample. */
#define BUDGET 320
#define COST_LOOKED_AT 1
#define COST_READ 5
#define COST_STACK 3
/* The list of threads costs more than a microsecond each. Of up to so many it is read anew whenever their number has
 * changed; and always after some samples, the more the longer it is. */
#define MANY_THREADS 256
#define SAMPLES_A_LIST 8
#define THREADS_A_SAMPLE_MORE 128
#define COMM_LIMIT 64
/* More threads are not stopped for one sample. */
#define MAX_STOPPED 64

struct entry {
    struct thread thread;
    uint64_t runs; /* How often it had been given a processor when it was read; 0 when the kernel does not count. */
    bool is_read, is_gone;
    bool has_new_stack;     /* `raw` is to be named at the end of the sample. */
    uint32_t raw;
    uint64_t raw_begun;     /* It stands for the stack while native_stacks_age says so. */
    char comm[COMM_LIMIT];  /* As the kernel has it, to spare the catalog. */
    size_t comm_length;
};

struct thread_reader {
    DIR *folder;            /* /proc/PID/task */
    struct name_cache *names;
    struct native_stacks *stacks;       /* NULL: they are not read. */
    struct memory *memory;              /* Of which. */
    uint64_t stacks_renamed;            /* As of the last sample. */
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

void thread_reader_set_stacks(struct thread_reader *reader, struct native_stacks *stacks, struct memory *memory)
{
    reader->stacks = stacks;
    reader->memory = memory;
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

static bool scan_address(struct scanner *scanner, uint64_t *ret_address)
{
    scanner_skip_blanks(scanner);
    return scanner_accept_text(scanner, "0x") && scanner_number(scanner, 16, ret_address);
}

bool thread_parse_syscall(const char *text, size_t length, struct thread_wait *ret_wait)
{
    struct scanner scanner = scanner_over(text, length);
    struct thread_wait wait = {.is_call = !scanner_accept_text(&scanner, "-1 ")};
    uint64_t argument;
    bool good = !wait.is_call || scanner_number_word(&scanner, &wait.number);
    for (unsigned i = 0; i < 6 && wait.is_call; i++)
        good = good && scan_address(&scanner, &argument);
    if (!good || !scan_address(&scanner, &wait.sp) || !scan_address(&scanner, &wait.pc))
        return false;
    *ret_wait = wait;
    return true;
}

static bool read_wait(struct thread_reader *reader, pid_t tid, struct thread_wait *ret_wait)
{
    char text[256];
    size_t length;
    return read_file(reader, tid, "syscall", text, sizeof(text), &length) &&
           thread_parse_syscall(text, length, ret_wait);
}

/* Whether a thread has not run since it was found waiting. */
static bool still_waits(struct thread_reader *reader, const struct entry *entry, const struct thread_wait *before)
{
    uint64_t cpu_ns, runs;
    struct thread_wait now;
    if (entry->runs > 0)
        return read_schedstat(reader, entry->thread.tid, &cpu_ns, &runs) && runs == entry->runs;
    /* Where the kernel does not count, by where it waits: it may have come back to the very place. */
    return read_wait(reader, entry->thread.tid, &now) && now.sp == before->sp && now.pc == before->pc &&
           now.number == before->number;
}

/* Asleep throughout, so that all of the copy is of one moment; else it gets its turn when it has run again, which it
 * has. */
static struct error *read_stack(struct thread_reader *reader, struct entry *entry, const struct thread_wait *wait)
{
    struct error *error = native_stacks_read(reader->stacks, wait->sp, wait->pc, &entry->raw);
    entry->has_new_stack = !error && entry->raw != NATIVE_STACKS_NONE && still_waits(reader, entry, wait);
    /* What cannot be read now leaves it without a stack; that the process is gone is for others to find. */
    if (error && error->kind == ERROR_NO_MEMORY)
        return error;
    error_destroy(error);
    return NULL;
}

static struct error *read_where_it_waits(struct thread_reader *reader, struct entry *entry, unsigned *cost)
{
    struct thread *thread = &entry->thread;
    char text[256];
    size_t length;
    struct thread_wait wait;
    struct error *error = NULL;
    thread->system_call = 0;
    thread->wait_channel = 0;
    thread->stack = 0;
    thread->stack_quality = STACK_WHOLE;
    if (thread->state != 'S' && thread->state != 'D')
        return NULL;
    if (read_wait(reader, thread->tid, &wait)) {
        const char *name = wait.is_call ? syscall_name(wait.number) : "";
        char unnamed[32];
        snprintf(unnamed, sizeof(unnamed), "syscall %llu", (unsigned long long)wait.number);
        name = name ? name : unnamed;
        thread->system_call = name_cache_add(reader->names, name, strlen(name));
        if (reader->stacks) {
            error = read_stack(reader, entry, &wait);
            *cost += COST_STACK;
        }
    }
    /* "0" where the kernel does not tell. */
    if (read_file(reader, thread->tid, "wchan", text, sizeof(text), &length) && length > 0 && strcmp(text, "0") != 0)
        thread->wait_channel = name_cache_add(reader->names, text, length);
    return error;
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

/* *ret_cost: 0 when the thread is gone. */
static struct error *read_thread(struct thread_reader *reader, struct entry *entry, uint64_t now, unsigned *ret_cost)
{
    char text[PROCESS_STAT_SIZE];
    size_t length;
    struct process_stat stat;
    uint64_t cpu_ns = 0, runs = 0;
    struct thread *thread = &entry->thread;
    bool is_counted = read_schedstat(reader, thread->tid, &cpu_ns, &runs);
    *ret_cost = COST_LOOKED_AT;
    /* Asleep when it was read and not run since: then nothing of it has changed, but what its stack is called may
     * have, where other code was loaded. */
    bool is_current = !thread->stack || entry->raw_begun == native_stacks_age(reader->stacks).begun;
    if (is_counted && entry->is_read && entry->runs == runs && is_current &&
        (thread->state == 'S' || thread->state == 'D')) {
        thread->read_monotonic_ns = now;
        return NULL;
    }
    if (!read_file(reader, thread->tid, "stat", text, sizeof(text), &length) ||
        !process_stat_parse(text, length, &stat)) {
        *ret_cost = 0;
        return NULL;
    }
    store_name(reader, entry, &stat);
    thread->state = stat.state;
    thread->processor = stat.processor;
    /* To the microsecond: nothing less is shown or recorded. */
    thread->cpu_ns = is_counted ? cpu_ns / 1000 * 1000 : process_ticks_to_ns(stat.user_ticks + stat.system_ticks);
    thread->read_monotonic_ns = now;
    entry->runs = is_counted ? runs : 0;
    entry->is_read = true;
    *ret_cost = COST_READ;
    return read_where_it_waits(reader, entry, ret_cost);
}

static struct error *read_threads(struct thread_reader *reader, uint64_t now)
{
    size_t count = reader->entries.count;
    unsigned spent = 0;
    for (size_t done = 0; done < count && spent < BUDGET; done++) {
        if (reader->next >= count)
            reader->next = 0;
        struct entry *entry = &reader->entries.items[reader->next++];
        unsigned cost;
        if (entry->is_gone)
            continue;
        struct error *error = read_thread(reader, entry, now, &cost);
        if (error)
            return error;
        spent += cost ? cost : COST_LOOKED_AT;
        if (cost == 0) {
            entry->is_gone = true;
            reader->must_list = true;
        }
    }
    return NULL;
}

/* All at once: looking up one name costs as much as looking up many. */
static struct error *name_stacks(struct thread_reader *reader)
{
    if (!reader->stacks)
        return NULL;
    struct error *error = native_stacks_name(reader->stacks);
    struct native_stacks_age age = native_stacks_age(reader->stacks);
    for (size_t i = 0; i < reader->entries.count && !error; i++) {
        struct entry *entry = &reader->entries.items[i];
        bool is_renamed = age.renamed != reader->stacks_renamed && entry->thread.stack && entry->raw_begun == age.begun;
        if (entry->has_new_stack || is_renamed)
            entry->thread.stack = native_stacks_stack(reader->stacks, entry->raw, &entry->thread.stack_quality);
        entry->raw_begun = entry->has_new_stack ? age.begun : entry->raw_begun;
        entry->has_new_stack = false;
    }
    reader->stacks_renamed = age.renamed;
    return error;
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

/* What was on its stack at the moment at which it stood still. */
static struct error *read_running(struct thread_reader *reader, struct entry *entry, struct stopped_thread *stopped,
                                  struct snapshot *snapshot)
{
    struct thread_stop_result result;
    struct error *error = stopped_thread_copy(reader->memory, entry->thread.tid, stopped, &result);
    snapshot->cost.stops += result.stopped;
    snapshot->cost.stop_ns += result.stop_ns;
    if (error)
        return error;
    const struct stack_copy copy = {.registers = stopped->registers,
                                    .known = (1u << CALL_FRAME_REGISTERS) - 1,
                                    .bytes = stopped->stack,
                                    .size = stopped->size};
    error = native_stacks_read_copy(reader->stacks, &copy, 0, 0, &entry->raw);
    entry->has_new_stack = !error;
    return error;
}

static struct error *read_all_running(struct thread_reader *reader, struct snapshot *snapshot)
{
    _cleanup_free_ struct stopped_thread *stopped = malloc(sizeof(*stopped));
    _cleanup_error_ struct error *last = NULL;
    unsigned asked = 0, missed = 0;
    if (!stopped)
        return error_no_memory();
    for (size_t i = 0; i < reader->entries.count && asked < MAX_STOPPED; i++) {
        struct entry *entry = &reader->entries.items[i];
        if (!entry->is_read || entry->is_gone || entry->thread.state != 'R')
            continue;
        asked++;
        struct error *error = read_running(reader, entry, stopped, snapshot);
        if (error && error->kind == ERROR_NO_MEMORY)
            return error;
        missed += error != NULL;
        if (error) {
            error_destroy(last);
            last = error;
        }
    }
    if (missed > 0)
        snapshot_add_problem(snapshot, "%u of %u running threads have no stack: %s", missed, asked, last->message);
    return NULL;
}

struct error *thread_reader_sample(struct thread_reader *reader, uint64_t expected, bool stops_running,
                                   struct snapshot *snapshot)
{
    size_t count = reader->entries.count;
    bool differs = reader->must_list || (expected != count && !reader->is_truncated);
    if ((differs && count <= MANY_THREADS) ||
        ++reader->samples_since_list >= SAMPLES_A_LIST + count / THREADS_A_SAMPLE_MORE) {
        struct error *listed = list_threads(reader);
        if (listed)
            return listed;
    }
    if (reader->stacks)
        native_stacks_begin(reader->stacks);
    struct error *error = read_threads(reader, snapshot->monotonic_ns);
    if (!error && stops_running && reader->stacks)
        error = read_all_running(reader, snapshot);
    if (!error)
        error = name_stacks(reader);
    return error ? error : fill_snapshot(reader, expected, snapshot);
}
