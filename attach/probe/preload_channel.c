#include "attach/probe/preload_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"

/* Two hundred stacks of 16 KB, or thousands of usual ones; and more where more samples are wanted. What is touched of
 * it counts as the command's shared memory. */
#define USUAL_RING_BYTES (UINT32_C(4) << 20)
#define MOST_RING_BYTES (UINT32_C(64) << 20)
/* At the usual rate as many as 32 GB in use have; and more for lower rates. */
#define USUAL_SLOTS (UINT32_C(1) << 16)
#define MOST_SLOTS (UINT32_C(1) << 20)
/* Out of the way of a program that counts on the lowest descriptors being free. */
#define LOWEST_DESCRIPTOR 200
/* A sample is written in microseconds. One that is not whole after so long never will be: its thread has left the
 * function. */
#define GIVE_UP_NS (5 * CLOCK_SECOND_NS)

struct preload {
    char *library;
    int descriptor;                 /* Above LOWEST_DESCRIPTOR, and inherited by the command. */
    struct preload_header *header;
    struct preload_slot *slots;
    const uint8_t *ring;            /* Mapped twice, one behind the other. */
    size_t mapped;                  /* From the header on. */
    uint32_t slot_count, ring_bytes;
    uint64_t rate, token;
    /* heaptop's own copies of what stands in the header: the command could write there. */
    uint64_t tail;
    uint32_t program;
    uint64_t waited_for, waiting_since_ns;      /* The position of a sample that is not whole yet. */
    struct preload_sample sample;
    uint8_t stack[PRELOAD_STACK_MAX];
};

DEFINE_CLEANUP(struct preload *, preload_destroy)

/* Twice as much for half the rate, within limits. */
static uint32_t scale_to_rate(uint32_t usual, uint32_t most, uint64_t rate)
{
    for (uint64_t r = rate; r < ATTACH_DEFAULT_PROFILE_RATE && usual < most; r *= 2)
        usual *= 2;
    return usual;
}

/* A file that nobody can cut short under those who have it mapped. */
static struct error *make_file(struct preload *preload, size_t size)
{
    _cleanup_close_ int descriptor = memfd_create("heaptop samples", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    if (descriptor < 0 || ftruncate(descriptor, (off_t)size) != 0 ||
        fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return error_from_errno(errno, "cannot share memory with the command");
    preload->descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, LOWEST_DESCRIPTOR);
    if (preload->descriptor < 0)
        preload->descriptor = take_descriptor(descriptor);
    return NULL;
}

static struct error *map_file(struct preload *preload, size_t ring_offset)
{
    size_t size = ring_offset + 2 * (size_t)preload->ring_bytes;
    uint8_t *start = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        return error_from_errno(errno, "cannot map memory shared with the command");
    preload->header = (struct preload_header *)start;
    preload->mapped = size;
    const struct {
        size_t place, size;
        off_t offset;
        int protection;
    } parts[] = {
        {0, ring_offset, 0, PROT_READ | PROT_WRITE},
        {ring_offset, preload->ring_bytes, (off_t)ring_offset, PROT_READ},
        {ring_offset + preload->ring_bytes, preload->ring_bytes, (off_t)ring_offset, PROT_READ},
    };
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if (mmap(start + parts[i].place, parts[i].size, parts[i].protection, MAP_SHARED | MAP_FIXED,
                 preload->descriptor, parts[i].offset) == MAP_FAILED)
            return error_from_errno(errno, "cannot map memory shared with the command");
    }
    preload->slots = (struct preload_slot *)(start + PRELOAD_HEADER_BYTES);
    preload->ring = start + ring_offset;
    return NULL;
}

struct error *preload_create(const char *library, uint64_t rate, struct preload **ret_preload)
{
    _cleanup_(preload_destroyp) struct preload *preload = calloc(1, sizeof(*preload));
    if (!preload)
        return error_no_memory();
    preload->descriptor = -1;
    preload->library = strdup(library);
    if (!preload->library)
        return error_no_memory();
    preload->rate = rate;
    preload->slot_count = scale_to_rate(USUAL_SLOTS, MOST_SLOTS, rate);
    preload->ring_bytes = scale_to_rate(USUAL_RING_BYTES, MOST_RING_BYTES, rate);
    size_t ring_offset = PRELOAD_HEADER_BYTES + preload->slot_count * sizeof(struct preload_slot);
    struct error *error = make_file(preload, ring_offset + preload->ring_bytes);
    if (!error)
        error = map_file(preload, ring_offset);
    if (error)
        return error;
    if (getrandom(&preload->token, sizeof(preload->token), 0) != (ssize_t)sizeof(preload->token))
        return error_from_errno(errno, "cannot draw a random number");
    preload->header->magic = PRELOAD_MAGIC;
    preload->header->version = PRELOAD_VERSION;
    preload->header->slot_count = preload->slot_count;
    preload->header->ring_bytes = preload->ring_bytes;
    preload->header->stack_bytes = PRELOAD_STACK_MAX;
    preload->header->rate = rate;
    preload->header->token = preload->token;
    *ret_preload = take_pointer(preload);
    return NULL;
}

void preload_destroy(struct preload *preload)
{
    if (!preload)
        return;
    if (preload->header)
        munmap(preload->header, preload->mapped);
    close_p(&preload->descriptor);
    free(preload->library);
    free(preload);
}

bool preload_enter(struct preload *preload)
{
    char word[64];
    const char *others = getenv("LD_PRELOAD");
    _cleanup_free_ char *libraries = NULL;
    snprintf(word, sizeof(word), "%d:%llx", preload->descriptor, (unsigned long long)preload->token);
    if (asprintf(&libraries, "%s%s%s", preload->library, others && *others ? ":" : "", others ? others : "") < 0)
        return false;
    preload->header->process = (int32_t)getpid();
    return setenv("LD_PRELOAD", libraries, 1) == 0 && setenv(PRELOAD_VARIABLE, word, 1) == 0 &&
           fcntl(preload->descriptor, F_SETFD, 0) == 0;
}

uint64_t preload_rate(const struct preload *preload)
{
    return preload->rate;
}

void preload_read_state(const struct preload *preload, struct preload_channel_state *ret_state)
{
    struct preload_header *header = preload->header;
    *ret_state = (struct preload_channel_state){
        .program = atomic_load(&header->program),
        .state = (enum preload_state)atomic_load(&header->state),
        .failure = atomic_load(&header->failure),
        .code_start = atomic_load(&header->code_start),
        .code_end = atomic_load(&header->code_end),
        .dropped = atomic_load(&header->dropped),
        .dropped_bytes = atomic_load(&header->dropped_bytes),
    };
}

static void pass_over(struct preload *preload, uint64_t position)
{
    preload->tail = position;
    atomic_store(&preload->header->tail, position);
}

/* Where a sample is that is not whole, and has not been for long, those who write have got stuck: goes on behind all
 * that was begun by now. */
static void wait_for(struct preload *preload, uint64_t head)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (preload->waited_for != preload->tail || preload->waiting_since_ns == 0) {
        preload->waited_for = preload->tail;
        preload->waiting_since_ns = now;
    } else if (now - preload->waiting_since_ns >= GIVE_UP_NS) {
        pass_over(preload, head);
        preload->waiting_since_ns = 0;
    }
}

/* A copy of the sample at the tail; false when what is there can be none. */
static bool copy_sample(struct preload *preload, uint64_t available)
{
    const uint8_t *place = preload->ring + (preload->tail & (preload->ring_bytes - 1));
    struct preload_sample *sample = &preload->sample;
    memcpy(sample, place, sizeof(*sample));
    if (sample->length < sizeof(*sample) || sample->length > available || sample->length % PRELOAD_ALIGNMENT != 0 ||
        sample->stack_bytes > sample->length - sizeof(*sample) || sample->stack_bytes > PRELOAD_STACK_MAX ||
        sample->slot >= preload->slot_count)
        return false;
    memcpy(preload->stack, place + sizeof(*sample), sample->stack_bytes);
    return true;
}

bool preload_next(struct preload *preload, struct preload_event *ret_event)
{
    struct preload_header *header = preload->header;
    uint32_t program = atomic_load(&header->program);
    uint64_t start = atomic_load(&header->program_start), head = atomic_load(&header->head);
    if (program != preload->program && start - preload->tail <= head - preload->tail)
        pass_over(preload, start);
    preload->program = program;
    uint64_t available = head - preload->tail;
    if (available == 0)
        return false;
    const struct preload_sample *place = (const void *)(preload->ring + (preload->tail & (preload->ring_bytes - 1)));
    bool is_possible = available <= preload->ring_bytes && available >= sizeof(*place);
    if (is_possible && atomic_load_explicit(&place->whole, memory_order_acquire) != preload->tail + 1) {
        wait_for(preload, head);
        return false;
    }
    /* What no library of ours can have written is left alone for good. */
    if (!is_possible || !copy_sample(preload, available)) {
        pass_over(preload, head);
        return false;
    }
    const struct preload_sample *sample = &preload->sample;
    *ret_event = (struct preload_event){
        .serial = sample->serial,
        .address = sample->address,
        .size = sample->size,
        .slot = (uint32_t)sample->slot,
        .stack = preload->stack,
        .stack_bytes = sample->stack_bytes,
    };
    memcpy(ret_event->registers, sample->registers, sizeof(ret_event->registers));
    pass_over(preload, preload->tail + sample->length);
    return true;
}

bool preload_is_live(const struct preload *preload, uint32_t slot, uint64_t serial, uint64_t address)
{
    const struct preload_slot *place = &preload->slots[slot];
    return (atomic_load(&place->address) & ~UINT64_C(1)) == address && atomic_load(&place->serial) == serial;
}
