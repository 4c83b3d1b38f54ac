#include "preload/sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Linux 4.14, include/uapi/asm-generic/mman-common.h; musl has no name for it. */
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

#define PAGE 4096u
#define NEVER (UINT64_MAX / 2)
#define FILTER_FULL UINT8_MAX
/* The kernel keeps at least so much below the top of the main thread's stack free of other mappings
 * (arch/x86/mm/mmap.c, SIZE_128M). */
#define MAIN_STACK_MAX ((uintptr_t)128 << 20)

enum { UNKNOWN, ATTACHING, ON, OFF };

struct sampler {
    _Atomic int state;
    struct preload_header *header;
    struct preload_slot *slots;
    uint8_t *ring;                  /* Mapped twice, one behind the other, so that no sample is split. */
    uint32_t slot_mask;
    unsigned slot_bits;
    uint32_t ring_bytes, stack_bytes;
    double rate;
    uintptr_t main_stack_top;
    const volatile uint32_t *is_process;    /* The kernel makes it 0 in a child process. */
};

static struct sampler sampler;
__thread struct sampler_thread sampler_thread;
_Atomic uint8_t sampler_filter[1u << SAMPLER_FILTER_BITS];

/* ---- attaching ---- */

/* "DESCRIPTOR:TOKEN" */
static bool read_variable(int *ret_descriptor, uint64_t *ret_token)
{
    const char *text = getenv(PRELOAD_VARIABLE);
    char *end;
    if (!text)
        return false;
    long descriptor = strtol(text, &end, 10);
    if (descriptor < 0 || descriptor > INT32_MAX || *end != ':')
        return false;
    *ret_descriptor = (int)descriptor;
    *ret_token = strtoull(end + 1, NULL, 16);
    return true;
}

/* Whether it is heaptop's file and for this process: programs may have closed it, and opened another in its place. */
static bool is_ours(int descriptor, uint64_t token, struct preload_header *ret_header)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < (off_t)PRELOAD_HEADER_BYTES ||
        pread(descriptor, ret_header, sizeof(*ret_header), 0) != (ssize_t)sizeof(*ret_header))
        return false;
    uint64_t slot_bytes = ret_header->slot_count * sizeof(struct preload_slot);
    return ret_header->magic == PRELOAD_MAGIC && ret_header->version == PRELOAD_VERSION && ret_header->token == token &&
           ret_header->process == (int32_t)getpid() &&
           (uint64_t)status.st_size >= PRELOAD_HEADER_BYTES + slot_bytes + ret_header->ring_bytes;
}

static bool map_ring(int descriptor, uint32_t bytes, off_t offset)
{
    uint8_t *space = mmap(NULL, 2 * (size_t)bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space == MAP_FAILED)
        return false;
    for (unsigned i = 0; i < 2; i++) {
        if (mmap(space + i * (size_t)bytes, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, descriptor,
                 offset) == MAP_FAILED)
            return false;
    }
    sampler.ring = space;
    return true;
}

/* A word that is 1 here and 0 in every child process, but for one that has this process's memory. */
static bool make_process_word(void)
{
    uint32_t *word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (word == MAP_FAILED || madvise(word, PAGE, MADV_WIPEONFORK) != 0)
        return false;
    *word = 1;
    sampler.is_process = word;
    return true;
}

static bool map_file(int descriptor, const struct preload_header *header)
{
    size_t slot_bytes = header->slot_count * sizeof(struct preload_slot);
    uint8_t *start = mmap(NULL, PRELOAD_HEADER_BYTES + slot_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (start == MAP_FAILED)
        return false;
    sampler.header = (struct preload_header *)start;
    sampler.slots = (struct preload_slot *)(start + PRELOAD_HEADER_BYTES);
    if (!make_process_word() ||
        !map_ring(descriptor, header->ring_bytes, (off_t)(PRELOAD_HEADER_BYTES + slot_bytes)))
        return false;
    /* Blocks of the program that this process was before. */
    return madvise(sampler.slots, slot_bytes, MADV_REMOVE) == 0;
}

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

static void begin(const struct preload_header *header)
{
    sampler.slot_mask = header->slot_count - 1;
    sampler.slot_bits = (unsigned)__builtin_ctz(header->slot_count);
    sampler.ring_bytes = header->ring_bytes;
    sampler.stack_bytes = header->stack_bytes < PRELOAD_STACK_MAX ? header->stack_bytes : PRELOAD_STACK_MAX;
    sampler.rate = (double)header->rate;
    /* The bytes of AT_RANDOM lie behind the first frame of the main thread. */
    sampler.main_stack_top = getauxval(AT_RANDOM);
    atomic_store(&sampler.header->code_start, (uintptr_t)__ehdr_start);
    atomic_store(&sampler.header->code_end, (uintptr_t)etext);
    atomic_store(&sampler.header->program_start, atomic_load(&sampler.header->head));
    atomic_store(&sampler.header->state, PRELOAD_AT_WORK);
    atomic_fetch_add(&sampler.header->program, 1);
}

static int attach(void)
{
    struct preload_header header;
    int descriptor;
    uint64_t token;
    if (!read_variable(&descriptor, &token) || !is_ours(descriptor, token, &header))
        return OFF;
    if (map_file(descriptor, &header)) {
        begin(&header);
        return ON;
    }
    if (sampler.header) {
        atomic_store(&sampler.header->failure, errno);
        atomic_store(&sampler.header->state, PRELOAD_FAILED);
    }
    return OFF;
}

/* As soon as the C library knows the environment. */
static int find_state(void)
{
    int state = atomic_load_explicit(&sampler.state, memory_order_acquire);
    if (likely(state != UNKNOWN))
        return state;
    if (!environ || !atomic_compare_exchange_strong(&sampler.state, &state, ATTACHING))
        return UNKNOWN;
    state = attach();
    atomic_store_explicit(&sampler.state, state, memory_order_release);
    return state;
}

/* A program that allocates nothing shall be known to be sampled as well. */
__attribute__((constructor)) static void attach_early(void)
{
    int before = errno;
    find_state();
    errno = before;
}

/* ---- how far to the next sample ---- */

/* splitmix64, by Sebastiano Vigna (public domain). */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* -ln(value / 2^64), to nine digits, without the mathematical library. */
static double minus_log(uint64_t value)
{
    value |= 1;
    int shift = __builtin_clzll(value);
    double mantissa = (double)(value << shift) * 0x1p-63;       /* 1 to 2 */
    double s = (mantissa - 1) / (mantissa + 1), square = s * s, sum = 0;
    for (int i = 15; i >= 1; i -= 2)
        sum = sum * square + 2.0 / i;
    return (shift + 1) * 0.69314718055994531 - sum * s;
}

/* Exponentially distributed: then each byte is as likely as any other to bring a sample (Poisson). */
static uint64_t draw_countdown(struct sampler_thread *thread)
{
    return (uint64_t)(minus_log(draw(&thread->random)) * sampler.rate) + 1;
}

static void start_thread(struct sampler_thread *thread)
{
    static _Atomic uint64_t threads;
    uint64_t seed[2] = {0};
    const void *random = (const void *)getauxval(AT_RANDOM);
    if (random)
        memcpy(seed, random, sizeof(seed));
    thread->random = seed[0] ^ (seed[1] + atomic_fetch_add(&threads, 1) * UINT64_C(0xd1342543de82ef95));
    thread->countdown = draw_countdown(thread);
    thread->is_started = true;
}

/* ---- slots of sampled blocks ---- */

static void filter_add(uint64_t address)
{
    _Atomic uint8_t *count = &sampler_filter[preload_hash(address, SAMPLER_FILTER_BITS)];
    uint8_t before = atomic_load(count);
    while (before != FILTER_FULL && !atomic_compare_exchange_weak(count, &before, (uint8_t)(before + 1))) {
    }
}

/* A count that was full is not known any more, and stays. */
static void filter_remove(uint64_t address)
{
    _Atomic uint8_t *count = &sampler_filter[preload_hash(address, SAMPLER_FILTER_BITS)];
    uint8_t before = atomic_load(count);
    while (before != FILTER_FULL && before != 0 &&
           !atomic_compare_exchange_weak(count, &before, (uint8_t)(before - 1))) {
    }
}

/* The first slot that holds one value, now the other; NULL when none does. */
static struct preload_slot *exchange(uint64_t address, uint64_t from, uint64_t to)
{
    uint32_t home = preload_hash(address, sampler.slot_bits);
    for (uint32_t i = 0; i < PRELOAD_WINDOW; i++) {
        struct preload_slot *slot = &sampler.slots[(home + i) & sampler.slot_mask];
        uint64_t expected = from;
        if (atomic_load_explicit(&slot->address, memory_order_relaxed) == from &&
            atomic_compare_exchange_strong(&slot->address, &expected, to))
            return slot;
    }
    return NULL;
}

static bool is_sampling(void)
{
    return atomic_load_explicit(&sampler.state, memory_order_acquire) == ON && *sampler.is_process;
}

/* NULL is no block, and what a free slot holds. */
static struct preload_slot *take_out(uint64_t address, uint64_t to)
{
    return address != 0 && is_sampling() ? exchange(address, address, to) : NULL;
}

void sampler_forget(const void *block)
{
    uint64_t address = (uintptr_t)block;
    if (take_out(address, 0))
        filter_remove(address);
}

struct preload_slot *sampler_move(const void *block)
{
    uint64_t address = (uintptr_t)block;
    /* It must be gone from the table before its memory can be another's, but can still be had back. */
    return take_out(address, address | 1);
}

void sampler_moved(struct preload_slot *slot, const void *block, bool freed)
{
    uint64_t address = (uintptr_t)block;
    if (!slot)
        return;
    atomic_store(&slot->address, freed ? 0 : address);
    if (freed)
        filter_remove(address);
}

void sampler_mark(const void *block)
{
    filter_add((uintptr_t)block);
}

/* ---- samples ---- */

/* Where what is a thread's own begins: the first word there points to itself (ELF Handling for Thread-Local Storage,
 * 3.4.6). */
static uintptr_t thread_pointer(void)
{
    uintptr_t pointer;
    __asm__("movq %%fs:0, %0" : "=r"(pointer));
    return pointer;
}

/* How many bytes of the stack there are from sp on, at most as many as are to be copied. *ret_is_own: all of them stay,
 * being this thread's; else they are to be copied with care. */
static uint32_t measure_stack(uintptr_t sp, bool *ret_is_own)
{
    uintptr_t top = sampler.main_stack_top, end = sp + sampler.stack_bytes;
    *ret_is_own = sp < top && top - sp < MAIN_STACK_MAX;
    /* Threads keep what is theirs at the upper end of their stacks. */
    if (!*ret_is_own)
        top = thread_pointer();
    return (uint32_t)((sp < top && top < end ? top : end) - sp);
}

/* Of a coroutine's stack nothing tells where it ends, and what lies behind it may be unmapped by others at any moment:
 * the kernel copies up to there. Where it is not allowed to, only the page that is in use is certain. */
static uint32_t copy_with_care(void *copy, uintptr_t sp, uint32_t bytes)
{
    struct iovec pages[PRELOAD_STACK_MAX / PAGE + 1], whole = {copy, bytes};
    unsigned count = 0;
    for (uintptr_t start = sp, end = sp + bytes; start < end && count < sizeof(pages) / sizeof(pages[0]); count++) {
        uintptr_t next = (start | (PAGE - 1)) + 1;
        next = next < end ? next : end;
        pages[count] = (struct iovec){(void *)start, next - start};
        start = next;
    }
    ssize_t copied = process_vm_readv(getpid(), &whole, 1, pages, count, 0);
    if (copied > 0)
        return (uint32_t)copied;
    memcpy(copy, pages[0].iov_base, pages[0].iov_len);
    return (uint32_t)pages[0].iov_len;
}

static void drop(size_t size)
{
    atomic_fetch_add(&sampler.header->dropped, 1);
    atomic_fetch_add(&sampler.header->dropped_bytes, (double)size > sampler.rate ? size : (uint64_t)sampler.rate);
}

/* Room in the ring; NULL when heaptop has not read enough of it, or is no more. */
static struct preload_sample *reserve(uint32_t length, uint64_t *ret_position)
{
    struct preload_header *header = sampler.header;
    uint64_t head = atomic_load(&header->head);
    do {
        if (head + length - atomic_load(&header->tail) > sampler.ring_bytes)
            return NULL;
    } while (!atomic_compare_exchange_weak(&header->head, &head, head + length));
    *ret_position = head;
    return (struct preload_sample *)(sampler.ring + (head & (sampler.ring_bytes - 1)));
}

/* The stack is copied from here on: its first frames are this library's own, which heaptop leaves out. */
__attribute__((noinline)) static void take_sample(uint64_t address, size_t size)
{
    uint64_t registers[PRELOAD_REGISTERS] = {0}, position;
    __asm__ volatile("movq %%rbx, 24(%0)\n\t"
                     "movq %%rbp, 48(%0)\n\t"
                     "movq %%rsp, 56(%0)\n\t"
                     "movq %%r12, 96(%0)\n\t"
                     "movq %%r13, 104(%0)\n\t"
                     "movq %%r14, 112(%0)\n\t"
                     "movq %%r15, 120(%0)\n\t"
                     "leaq 0(%%rip), %%rax\n\t"
                     "movq %%rax, 128(%0)"
                     :
                     : "r"(registers)
                     : "rax", "memory");
    bool is_own;
    uintptr_t sp = registers[7];
    uint32_t stack_bytes = measure_stack(sp, &is_own);
    uint32_t length = (uint32_t)sizeof(struct preload_sample) + stack_bytes + PRELOAD_ALIGNMENT - 1;
    length -= length % PRELOAD_ALIGNMENT;
    struct preload_slot *slot = exchange(address, 0, address);
    struct preload_sample *sample = slot ? reserve(length, &position) : NULL;
    if (!sample) {
        if (slot)
            atomic_store(&slot->address, 0);
        drop(size);
        return;
    }
    uint64_t serial = atomic_fetch_add(&sampler.header->serial, 1) + 1;
    atomic_store(&slot->serial, serial);
    filter_add(address);
    sample->length = length;
    sample->serial = serial;
    sample->address = address;
    sample->size = size;
    sample->slot = (uint64_t)(slot - sampler.slots);
    memcpy(sample->registers, registers, sizeof(registers));
    if (is_own)
        memcpy(sample + 1, (const void *)sp, stack_bytes);
    else
        stack_bytes = copy_with_care(sample + 1, sp, stack_bytes);
    sample->stack_bytes = stack_bytes;
    atomic_store_explicit(&sample->whole, position + 1, memory_order_release);
}

static void heed(struct sampler_thread *thread, uint64_t address, size_t size)
{
    int state = find_state();
    if (state == OFF || (state == ON && !*sampler.is_process))
        thread->countdown = NEVER;
    if (state != ON || !*sampler.is_process)
        return;
    if (!thread->is_started)
        start_thread(thread);
    if (size < thread->countdown) {
        thread->countdown -= size;
        return;
    }
    thread->countdown = draw_countdown(thread);
    take_sample(address, size);
}

void sampler_allocated(const void *block, size_t size)
{
    struct sampler_thread *thread = &sampler_thread;
    /* A signal's handler that allocates while a sample is taken is not sampled. */
    if (!block || thread->is_busy)
        return;
    int before = errno;
    thread->is_busy = true;
    heed(thread, (uintptr_t)block, size);
    thread->is_busy = false;
    errno = before;
}
