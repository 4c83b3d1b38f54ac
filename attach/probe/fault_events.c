#include "attach/probe/fault_events.h"

#include <asm/perf_regs.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach/procfs.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

/* 516 KiB a processor are everybody's (kernel.perf_event_mlock_kb): one page for the state, the rest a power of two. */
#define BUFFER_BYTES ((size_t)512 << 10)
#define MAX_PROCESSORS 4096
/* Descriptors that are left for all else. */
#define SPARE_DESCRIPTORS 256
/* Threads that start while events are opened are found by listing again. */
#define MAX_LISTINGS 8

/* Where the registers that matter stand among those of a sample, by their DWARF numbers. */
static const uint8_t perf_registers[CALL_FRAME_REGISTERS] = {
    PERF_REG_X86_AX,  PERF_REG_X86_DX,  PERF_REG_X86_CX,  PERF_REG_X86_BX,  PERF_REG_X86_SI,  PERF_REG_X86_DI,
    PERF_REG_X86_BP,  PERF_REG_X86_SP,  PERF_REG_X86_R8,  PERF_REG_X86_R9,  PERF_REG_X86_R10, PERF_REG_X86_R11,
    PERF_REG_X86_R12, PERF_REG_X86_R13, PERF_REG_X86_R14, PERF_REG_X86_R15, PERF_REG_X86_IP,
};

/* One thread on one processor. */
struct event {
    int descriptor;
    pid_t tid;
    uint64_t id; /* As samples have it; those of threads that it has started since have the same. */
};

struct buffer {
    struct perf_event_mmap_page *page; /* NULL: this processor has none. */
    int leader;                        /* The event that others write through. */
};

struct fault_events {
    pid_t pid;
    bool misses_kernel;
    size_t page_size, missed_threads, max_events;
    struct fault_events_totals totals;
    struct buffer *buffers; /* By processor. */
    int num_processors;
    VECTOR(struct event) events;
    struct table threads;           /* tid -> 1: has been opened. */
    struct table late;              /* tid -> 1: found after others had events, so that it may have inherited theirs. */
    uint8_t record[UINT16_MAX + 1]; /* One that wraps around the end of a buffer. */
};

static uint64_t register_mask(void)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < ARRAY_SIZE(perf_registers); i++)
        mask |= UINT64_C(1) << perf_registers[i];
    return mask;
}

static struct perf_event_attr describe(uint64_t period)
{
    return (struct perf_event_attr){
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof(struct perf_event_attr),
        .config = PERF_COUNT_SW_PAGE_FAULTS,
        .sample_period = period,
        /* Not PERF_SAMPLE_PERIOD: with it every single fault is a sample (kernel/events/core.c perf_swevent_event). */
        .sample_type =
            PERF_SAMPLE_TID | PERF_SAMPLE_ADDR | PERF_SAMPLE_ID | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
        .sample_regs_user = register_mask(),
        .sample_stack_user = FAULT_EVENTS_STACK_BYTES,
        .inherit = 1,
        .exclude_hv = 1,
        .watermark = 1,
        .wakeup_watermark = BUFFER_BYTES,
    };
}

static struct error *explain(int errno_value)
{
    char level[32] = "";
    size_t length;
    if (errno_value == EACCES || errno_value == EPERM) {
        error_destroy(procfs_read(AT_FDCWD, "/proc/sys/kernel/perf_event_paranoid", level, sizeof(level), &length));
        level[strcspn(level, "\n")] = '\0';
        return error_create(
            ERROR_PERMISSION,
            "the kernel refuses page-fault samples: they need CAP_PERFMON, or kernel.perf_event_paranoid at 2 or "
            "less (it is %s)",
            level[0] ? level : "not readable");
    }
    if (errno_value == ENOENT || errno_value == ENOSYS || errno_value == EOPNOTSUPP)
        return error_create(ERROR_UNSUPPORTED, "this kernel has no page-fault samples with stacks");
    return error_from_errno(errno_value, "cannot sample page faults");
}

/* ---- opening ---- */

static int open_event(struct fault_events *events, struct perf_event_attr *attributes, pid_t tid, int processor)
{
    attributes->exclude_kernel = events->misses_kernel;
    int descriptor = (int)syscall(SYS_perf_event_open, attributes, tid, processor, -1, PERF_FLAG_FD_CLOEXEC);
    if (descriptor < 0 && (errno == EACCES || errno == EPERM) && !events->misses_kernel) {
        events->misses_kernel = true;
        return open_event(events, attributes, tid, processor);
    }
    return descriptor;
}

/* The first event of a processor gets the buffer, the others write through it. */
static struct error *join_buffer(struct fault_events *events, int processor, int descriptor)
{
    struct buffer *buffer = &events->buffers[processor];
    if (buffer->page)
        return ioctl(descriptor, PERF_EVENT_IOC_SET_OUTPUT, buffer->leader) == 0 ? NULL : explain(errno);
    void *page = mmap(NULL, events->page_size + BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (page == MAP_FAILED)
        return errno == EPERM ? error_create(ERROR_PERMISSION,
                                             "the kernel refuses memory for page-fault samples: "
                                             "kernel.perf_event_mlock_kb or the limit of locked memory is too low")
                              : explain(errno);
    *buffer = (struct buffer){.page = page, .leader = descriptor};
    return NULL;
}

static struct error *add_event(struct fault_events *events, pid_t tid, int processor, int descriptor, bool is_late)
{
    struct event event = {.descriptor = descriptor, .tid = tid};
    struct error *error = join_buffer(events, processor, descriptor);
    if (!error && ioctl(descriptor, PERF_EVENT_IOC_ID, &event.id) != 0)
        error = explain(errno);
    uint64_t *place = !error && is_late ? table_insert(&events->late, (uint64_t)tid, NULL) : NULL;
    if (!error && ((is_late && !place) || !vector_append(&events->events, event)))
        error = error_no_memory();
    if (place)
        *place = true;
    return error;
}

/* On all processors, or not at all: else what it touches would depend on where it runs. */
static struct error *open_thread(struct fault_events *events, struct perf_event_attr *attributes, pid_t tid,
                                 bool is_late)
{
    if (events->events.count + (size_t)events->num_processors > events->max_events) {
        events->missed_threads++;
        return NULL;
    }
    for (int processor = 0; processor < events->num_processors; processor++) {
        int descriptor = open_event(events, attributes, tid, processor);
        /* A processor that is off; a thread that has ended. */
        if (descriptor < 0 && (errno == ENODEV || errno == EINVAL) && processor > 0)
            continue;
        if (descriptor < 0 && errno == ESRCH)
            return NULL;
        if (descriptor < 0)
            return explain(errno);
        struct error *error = add_event(events, tid, processor, descriptor, is_late);
        if (error) {
            close(descriptor);
            return error;
        }
    }
    return NULL;
}

/* Opens events on threads that have none yet; *ret_found: how many. */
static struct error *open_new_threads(struct fault_events *events, struct perf_event_attr *attributes, bool is_late,
                                      size_t *ret_found)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)events->pid);
    DIR *folder = opendir(path);
    if (!folder)
        return error_from_errno(errno == ENOENT ? ESRCH : errno, "cannot list the threads of process %d",
                                (int)events->pid);
    struct error *error = NULL;
    *ret_found = 0;
    for (struct dirent *entry = readdir(folder); entry && !error; entry = readdir(folder)) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
        bool is_new;
        if (tid <= 0)
            continue;
        if (!table_insert(&events->threads, (uint64_t)tid, &is_new)) {
            error = error_no_memory();
        } else if (is_new) {
            ++*ret_found;
            error = open_thread(events, attributes, tid, is_late);
        }
    }
    closedir(folder);
    return error;
}

static size_t most_events(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024 - SPARE_DESCRIPTORS;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? (size_t)limit.rlim_cur - SPARE_DESCRIPTORS : SPARE_DESCRIPTORS;
}

DEFINE_CLEANUP(struct fault_events *, fault_events_close)

struct error *fault_events_open(pid_t pid, uint64_t period, struct fault_events **ret_events)
{
    _cleanup_(fault_events_closep) struct fault_events *events = calloc(1, sizeof(*events));
    if (!events)
        return error_no_memory();
    long processors = sysconf(_SC_NPROCESSORS_CONF);
    events->pid = pid;
    events->page_size = (size_t)sysconf(_SC_PAGESIZE);
    events->num_processors = processors < 1 ? 1 : processors > MAX_PROCESSORS ? MAX_PROCESSORS : (int)processors;
    events->max_events = most_events();
    table_init(&events->threads);
    table_init(&events->late);
    events->buffers = calloc((size_t)events->num_processors, sizeof(*events->buffers));
    if (!events->buffers)
        return error_no_memory();
    struct perf_event_attr attributes = describe(period);
    size_t found = 1;
    for (unsigned listing = 0; listing < MAX_LISTINGS && found > 0; listing++) {
        struct error *error = open_new_threads(events, &attributes, listing > 0, &found);
        if (error)
            return error;
    }
    if (events->events.count == 0)
        return events->missed_threads > 0
                   ? error_create(ERROR_SYSTEM,
                                  "too few descriptors for page-fault samples on %d processors (ulimit -n)",
                                  events->num_processors)
                   : error_create(ERROR_GONE, "process %d has no thread any more", (int)pid);
    *ret_events = take_pointer(events);
    return NULL;
}

void fault_events_close(struct fault_events *events)
{
    if (!events)
        return;
    for (int i = 0; events->buffers && i < events->num_processors; i++)
        if (events->buffers[i].page)
            munmap(events->buffers[i].page, events->page_size + BUFFER_BYTES);
    for (size_t i = 0; i < events->events.count; i++)
        close_p(&events->events.items[i].descriptor);
    vector_deinit(&events->events);
    table_deinit(&events->threads);
    table_deinit(&events->late);
    free(events->buffers);
    free(events);
}

bool fault_events_miss_kernel(const struct fault_events *events)
{
    return events->misses_kernel;
}

size_t fault_events_missed_threads(const struct fault_events *events)
{
    return events->missed_threads;
}

struct fault_events_totals fault_events_totals(const struct fault_events *events)
{
    return events->totals;
}

/* ---- reading ---- */

bool fault_sample_parse(const void *bytes, size_t size, pid_t *ret_pid, uint64_t *ret_event,
                        struct fault_sample *ret_sample)
{
    struct cursor cursor = cursor_over(bytes, size);
    struct fault_sample sample = {0};
    uint64_t values[64];
    size_t num_registers = (size_t)__builtin_popcountll(register_mask());
    pid_t pid = (pid_t)cursor_u32(&cursor);
    sample.tid = (pid_t)cursor_u32(&cursor);
    sample.address = cursor_u64(&cursor);
    uint64_t event = cursor_u64(&cursor);
    if (cursor_u64(&cursor) != PERF_SAMPLE_REGS_ABI_64)
        return false;
    for (size_t i = 0; i < num_registers; i++)
        values[i] = cursor_u64(&cursor);
    for (size_t i = 0; i < CALL_FRAME_REGISTERS; i++) {
        uint64_t below = register_mask() & ((UINT64_C(1) << perf_registers[i]) - 1);
        sample.registers[i] = values[__builtin_popcountll(below)];
    }
    uint64_t stack_size = cursor_u64(&cursor);
    if (cursor.failed || stack_size > cursor_left(&cursor))
        return false;
    sample.stack = cursor_bytes(&cursor, (size_t)stack_size);
    /* So much of it is filled; not there at all when nothing is. */
    sample.stack_size = stack_size > 0 ? (size_t)cursor_u64(&cursor) : 0;
    if (cursor.failed || sample.stack_size > stack_size)
        return false;
    *ret_pid = pid;
    *ret_event = event;
    *ret_sample = sample;
    return true;
}

/* A thread that started while events were opened may have inherited those of the one that started it, as a sample with
 * their id tells: its own would count everything twice. */
static void heed_inherited(struct fault_events *events, pid_t tid, uint64_t id)
{
    uint64_t *is_late = table_find(&events->late, (uint64_t)tid);
    if (!is_late || !*is_late)
        return;
    for (size_t i = 0; i < events->events.count; i++)
        if (events->events.items[i].tid == tid && events->events.items[i].id == id)
            return;
    *is_late = false;
    for (size_t i = 0; i < events->events.count; i++)
        if (events->events.items[i].tid == tid)
            ioctl(events->events.items[i].descriptor, PERF_EVENT_IOC_DISABLE, 0);
}

static struct error *read_record(struct fault_events *events, const uint8_t *bytes, size_t size, fault_visitor *visit,
                                 void *context)
{
    struct perf_event_header header;
    struct fault_sample sample;
    uint64_t event;
    pid_t pid;
    memcpy(&header, bytes, sizeof(header));
    bytes += sizeof(header);
    size -= sizeof(header);
    if (header.type == PERF_RECORD_LOST) {
        struct cursor cursor = cursor_over(bytes, size);
        cursor_u64(&cursor);
        events->totals.lost += cursor_u64(&cursor);
    }
    /* Processes that it has forked have inherited the events. */
    if (header.type != PERF_RECORD_SAMPLE || !fault_sample_parse(bytes, size, &pid, &event, &sample) ||
        pid != events->pid)
        return NULL;
    heed_inherited(events, sample.tid, event);
    events->totals.samples++;
    return visit(context, &sample);
}

static struct error *read_buffer(struct fault_events *events, struct perf_event_mmap_page *page, fault_visitor *visit,
                                 void *context)
{
    const uint8_t *data = (const uint8_t *)page + events->page_size;
    uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE), tail = page->data_tail;
    struct error *error = NULL;
    while (head - tail >= sizeof(struct perf_event_header) && !error) {
        struct perf_event_header header;
        size_t start = tail % BUFFER_BYTES, first = BUFFER_BYTES - start;
        /* Records are multiples of 8 bytes, so that no header is cut in two. */
        memcpy(&header, data + start, sizeof(header));
        if (header.size < sizeof(header) || header.size > head - tail)
            break;
        const uint8_t *record = data + start;
        if (header.size > first) {
            memcpy(events->record, record, first);
            memcpy(events->record + first, data, header.size - first);
            record = events->record;
        }
        error = read_record(events, record, header.size, visit, context);
        tail += header.size;
    }
    __atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
    return error;
}

struct error *fault_events_read(struct fault_events *events, fault_visitor *visit, void *context)
{
    struct error *error = NULL;
    for (int i = 0; i < events->num_processors && !error; i++)
        if (events->buffers[i].page)
            error = read_buffer(events, events->buffers[i].page, visit, context);
    return error;
}
