#include "attach/go/wait_reasons.h"

#include <stdio.h>
#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"

/* The longest is "sync.WaitGroup.Wait (durable)", 29 bytes. */
#define MAX_WAIT_REASON_BYTES 64u
/* Frames of the runtime and of sync stand innermost. */
#define MAX_LOCK_FRAMES 6u

/* runtime/runtime2.go waitReasonStrings, Go 1.19-1.27. Numbers differ between versions, names do not; the first that
 * the name begins with counts. */
static const struct {
    const char *prefix;
    enum wait_kind kind;
} kinds[] = {
    {"chan send", WAIT_CHAN_SEND},
    {"chan receive", WAIT_CHAN_RECEIVE},
    {"select", WAIT_SELECT},
    {"sync.Mutex", WAIT_LOCK},
    {"sync.RWMutex", WAIT_LOCK},
    {"sync.WaitGroup", WAIT_SEMAPHORE},
    {"sync.Cond", WAIT_SEMAPHORE},
    {"semacquire", WAIT_SEMAPHORE},
    {"synctest", WAIT_SEMAPHORE},
    {"coroutine", WAIT_SEMAPHORE},
    {"IO wait", WAIT_NETWORK},
    {"sleep", WAIT_SLEEP},
    {"GC worker (idle)", WAIT_IDLE},
    {"GC sweep wait", WAIT_IDLE},
    {"GC scavenge wait", WAIT_IDLE},
    {"GC ", WAIT_GC},
    {"garbage collection", WAIT_GC},
    {"wait for GC cycle", WAIT_GC},
    {"force gc (idle)", WAIT_IDLE},
    {"finalizer wait", WAIT_IDLE},
    {"cleanup wait", WAIT_IDLE},
    {"timer goroutine (idle)", WAIT_IDLE},
    {"GOMAXPROCS updater (idle)", WAIT_IDLE},
    {"trace reader (blocked)", WAIT_IDLE},
    {"preempted", WAIT_RUNNABLE},
};

enum wait_kind wait_kind_of_reason(const char *name, size_t length)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        size_t prefix = strlen(kinds[i].prefix);
        if (length >= prefix && memcmp(name, kinds[i].prefix, prefix) == 0)
            return kinds[i].kind;
    }
    return WAIT_UNKNOWN;
}

static bool is_in_lock(const struct catalog *catalog, stack_id id)
{
    struct stack stack = catalog_stack(catalog, id);
    for (uint32_t i = 0; i < stack.depth && i < MAX_LOCK_FRAMES; i++) {
        const char *function = catalog_function(catalog, stack.frames[i]);
        if (strncmp(function, "sync.(*Mutex)", 13) == 0 || strncmp(function, "sync.(*RWMutex)", 15) == 0 ||
            strcmp(function, "sync.runtime_SemacquireMutex") == 0)
            return true;
    }
    return false;
}

enum wait_kind wait_kind_of_group(const struct catalog *catalog, uint8_t status, const struct wait_reason *reason,
                                  stack_id stack)
{
    switch (status) {
    case GOROUTINE_RUNNABLE:
    case GOROUTINE_PREEMPTED:
        return WAIT_RUNNABLE;
    case GOROUTINE_RUNNING:
    case GOROUTINE_COPYSTACK:
        return WAIT_RUNNING;
    case GOROUTINE_SYSCALL:
        return WAIT_SYSTEM_CALL;
    case GOROUTINE_WAITING:
    case GOROUTINE_LEAKED:
        return reason->kind == WAIT_SEMAPHORE && is_in_lock(catalog, stack) ? WAIT_LOCK : (enum wait_kind)reason->kind;
    default:
        return WAIT_UNKNOWN;
    }
}

static bool is_printable(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] < ' ' || bytes[i] > '~')
            return false;
    }
    return true;
}

/* The name that the target has: an entry of runtime.waitReasonStrings, an array of strings. *ret_length is 0 when it
 * is not readable. */
static struct error *read_name(const struct go_process *process, uint8_t number, uint8_t text[MAX_WAIT_REASON_BYTES],
                               size_t *ret_length)
{
    uint64_t data = 0, length = 0;
    uint8_t header[16];
    remote_address strings = go_variable(process, GO_VARIABLE_WAIT_REASON_STRINGS);
    *ret_length = 0;
    if (!strings)
        return NULL;
    struct memory_request request = {
        .address = strings + (uint64_t)number * 16, .buffer = header, .size = sizeof(header)};
    struct error *error = memory_read_batch(process->context.memory, &request, 1);
    if (error)
        return error;
    if (request.failed || !bytes_u64_at(header, 16, 0, &data) || !bytes_u64_at(header, 16, 8, &length) || length == 0 ||
        length > MAX_WAIT_REASON_BYTES)
        return NULL;
    request = (struct memory_request){.address = data, .buffer = text, .size = (size_t)length};
    error = memory_read_batch(process->context.memory, &request, 1);
    if (!error && !request.failed && is_printable(text, (size_t)length))
        *ret_length = (size_t)length;
    return error;
}

struct error *wait_reasons_find(struct wait_reasons *reasons, uint8_t number, const struct wait_reason **ret_reason)
{
    static const char nil_channel[] = "(nil chan)";
    struct wait_reason *reason = &reasons->reasons[number];
    *ret_reason = reason;
    if (reason->known || number == 0)
        return NULL;
    uint8_t text[MAX_WAIT_REASON_BYTES];
    size_t length;
    struct error *error = read_name(reasons->process, number, text, &length);
    if (error)
        return error;
    struct catalog *catalog = reasons->process->context.catalog;
    reason->known = true;
    if (length == 0) {
        char numbered[32];
        int written = snprintf(numbered, sizeof(numbered), "wait reason %u", number);
        reason->text = catalog_add_string(catalog, numbered, (size_t)written);
        return NULL;
    }
    const char *name = (const char *)text;
    reason->text = catalog_add_untrusted(catalog, name, length);
    reason->kind = (uint8_t)wait_kind_of_reason(name, length);
    reason->is_runtime_idle = (length == 14 && memcmp(name, "finalizer wait", 14) == 0) ||
                              (length == 12 && memcmp(name, "cleanup wait", 12) == 0);
    reason->is_condition = length >= 9 && memcmp(name, "sync.Cond", 9) == 0;
    reason->is_nil_channel = memmem(name, length, nil_channel, sizeof(nil_channel) - 1) != NULL;
    return NULL;
}
