/* Runs in the kernel at each call of a probed process's allocator: decides by bytes which allocations are sampled
 * (Poisson), copies the stacks of those, and remembers their addresses, so that of all the calls that free something
 * the others cost no more than a look-up. Links restrict it to the one process; it only ever reads that process's
 * memory, and all it does is bounded. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "attach/probe/allocation_shared.h"

char terms[] SEC("license") = "GPL";

/* What is read of the kernel's own, relocated to where it lies in the one that runs. */
struct mm_struct {
    unsigned long brk;
} __attribute__((preserve_access_index));
struct task_struct {
    struct mm_struct *mm;
} __attribute__((preserve_access_index));

#define MAP_SHARED_OR_PRIVATE 0x03u
#define MAP_ANONYMOUS 0x20u
#define PROT_WRITE 0x2u
/* System calls return errors as the last page of addresses. */
#define IS_FAILURE(address) ((address) == 0 || (address) > (__u64)-4096)

/* Set before it is loaded. */
/* Bytes from one sample to the next, each as likely as any other. */
const volatile __u64 distances[ALLOCATION_DISTANCES];
const volatile __u64 allocator_start, allocator_end, libc_start, libc_end;  /* Run-time addresses of code. */

/* Until heaptop sets it calls are only counted. */
bool is_sampling;
/* Sampled mappings that may still be there: while there are none, nobody need know what is unmapped. */
__u64 mappings;

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct allocation_counts);
} counts SEC(".maps");

/* Sampled blocks that are allocated: address -> serial. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, ALLOCATION_MAX_LIVE);
    __type(key, __u64);
    __type(value, __u64);
} live SEC(".maps");

/* A call that has to be looked at again when it returns. */
struct pending {
    __u64 size;             /* 0: not sampled. */
    /* The block that it takes the place of, if that is sampled; of posix_memalign the result's address. */
    __u64 old, old_serial;
    __u64 sp;
    __u32 call;
    bool frees;             /* realloc(block, 0) */
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16384);
    __type(key, __u32);
    __type(value, struct pending);
} pendings SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 16 << 20);
} ring SEC(".maps");

static __always_inline bool is_internal(const struct pt_regs *ctx, __u64 cookie)
{
    __u64 caller = 0;
    if (!(cookie & (ALLOCATION_NOT_FROM_ALLOCATOR | ALLOCATION_NOT_FROM_LIBC)))
        return false;
    bpf_probe_read_user(&caller, sizeof(caller), (const void *)ctx->rsp);
    return (caller >= allocator_start && caller < allocator_end) ||
           (cookie & ALLOCATION_NOT_FROM_LIBC && caller >= libc_start && caller < libc_end);
}

static __always_inline __u64 program_break(void)
{
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    return BPF_CORE_READ(task, mm, brk);
}

static __always_inline void tell_range(struct allocation_counts *count, __u64 start, __u64 end)
{
    struct allocation_range range = {.record = ALLOCATION_RECORD_RANGE, .start = start, .end = end};
    if (mappings != 0 && bpf_ringbuf_output(&ring, &range, sizeof(range), 0) != 0)
        count->lost++;
}

/* How many bytes a call asks for; 0: none that count. *old: the block that it takes the place of, or that it frees. */
static __always_inline __u64 read_arguments(const struct pt_regs *ctx, __u32 call, __u64 *old)
{
    switch (call) {
    case ALLOCATION_CALL_MALLOC:
        return ctx->rdi;
    case ALLOCATION_CALL_CALLOC:
        return ctx->rdi * ctx->rsi;
    case ALLOCATION_CALL_REALLOC:
        *old = ctx->rdi;
        return ctx->rsi;
    case ALLOCATION_CALL_ALIGNED:
        return ctx->rsi;
    case ALLOCATION_CALL_POSIX_MEMALIGN:
        return ctx->rdx;
    case ALLOCATION_CALL_FREE:
    case ALLOCATION_CALL_MUNMAP:
        *old = ctx->rdi;
        return 0;
    case ALLOCATION_CALL_MMAP:
        /* Address space that nobody can write to, and files, are not what grows. */
        return ctx->rcx & MAP_ANONYMOUS && ctx->rdx & PROT_WRITE ? ctx->rsi : 0;
    case ALLOCATION_CALL_MREMAP:
        *old = ctx->rdi;
        return ctx->rdx;
    case ALLOCATION_CALL_BRK:
        return ctx->rdi > program_break() ? ctx->rdi - program_break() : 0;
    case ALLOCATION_CALL_SBRK:
        return (__s64)ctx->rdi > 0 ? ctx->rdi : 0;
    }
    return 0;
}

static __always_inline __u64 draw(void)
{
    return distances[bpf_get_prandom_u32() & (ALLOCATION_DISTANCES - 1)];
}

static __always_inline bool is_chosen(struct allocation_counts *count, __u64 size)
{
    if (!count->is_started) {
        count->is_started = 1;
        count->countdown = draw();
    }
    if (size < count->countdown) {
        count->countdown -= size;
        return false;
    }
    count->countdown = draw();
    return true;
}

/* What gives memory back to the kernel, and is over with this. */
static __always_inline void give_back(const struct pt_regs *ctx, __u32 call, struct allocation_counts *count)
{
    if (call == ALLOCATION_CALL_FREE)
        return;
    __u64 end = program_break();
    if (call == ALLOCATION_CALL_MUNMAP)
        tell_range(count, ctx->rdi, ctx->rdi + ctx->rsi);
    else if (call == ALLOCATION_CALL_BRK && ctx->rdi != 0 && ctx->rdi < end)
        tell_range(count, ctx->rdi, end);
    else if (call == ALLOCATION_CALL_SBRK && (__s64)ctx->rdi < 0)
        tell_range(count, end + ctx->rdi, end);
}

/* Whether the call's return is to be seen. */
static __always_inline bool enter(const struct pt_regs *ctx, __u64 cookie)
{
    __u32 zero = 0, call = cookie & ALLOCATION_CALL_MASK, tid = (__u32)bpf_get_current_pid_tgid();
    struct pending pending = {.sp = ctx->rsp, .call = call};
    struct allocation_counts *count = bpf_map_lookup_elem(&counts, &zero);
    if (!count)
        return false;
    count->calls[cookie & ALLOCATION_STEPPED ? 1 : 0]++;
    if (!is_sampling || is_internal(ctx, cookie))
        return false;
    __u64 size = read_arguments(ctx, call, &pending.old);
    if (call == ALLOCATION_CALL_REALLOC && !pending.old && cookie & ALLOCATION_NOTHING_IS_MALLOC)
        return false;
    __u64 *serial = pending.old ? bpf_map_lookup_elem(&live, &pending.old) : 0;
    if (serial && (call == ALLOCATION_CALL_FREE || call == ALLOCATION_CALL_MUNMAP)) {
        bpf_map_delete_elem(&live, &pending.old);
        return false;
    }
    if (size == 0 && !serial) {
        give_back(ctx, call, count);
        return false;
    }
    pending.old_serial = serial ? *serial : 0;
    pending.frees = size == 0;
    if (size != 0 && is_chosen(count, size))
        pending.size = size;
    if (pending.size == 0 && !serial)
        return false;
    if (call == ALLOCATION_CALL_POSIX_MEMALIGN)
        pending.old = ctx->rdi;
    else if (call == ALLOCATION_CALL_BRK)
        pending.old = program_break();
    if (bpf_map_update_elem(&pendings, &tid, &pending, BPF_ANY) == 0)
        return true;
    count->lost++;
    return false;
}

/* The address that was had; 0: none. */
static __always_inline __u64 result_of(const struct pt_regs *ctx, const struct pending *pending)
{
    __u64 address = ctx->rax;
    if (pending->call == ALLOCATION_CALL_POSIX_MEMALIGN) {
        address = 0;
        if ((__u32)ctx->rax != 0 || bpf_probe_read_user(&address, sizeof(address), (const void *)pending->old) != 0)
            return 0;
    } else if (pending->call == ALLOCATION_CALL_BRK) {
        address = (__u32)ctx->rax == 0 ? pending->old : 0;
    }
    return IS_FAILURE(address) ? 0 : address;
}

static __always_inline void copy_stack(struct allocation_sample *sample, __u64 sp)
{
    __u32 have = 0;
    /* Page by page: one that is not there ends it. */
    for (unsigned i = 0; i <= ALLOCATION_STACK_BYTES / ALLOCATION_PAGE; i++) {
        __u32 piece = ALLOCATION_PAGE - (__u32)((sp + have) & (ALLOCATION_PAGE - 1));
        if (have > ALLOCATION_STACK_BYTES - ALLOCATION_PAGE || piece > ALLOCATION_PAGE)
            break;
        if (bpf_probe_read_user(&sample->stack[have], piece, (const void *)(sp + have)) != 0)
            break;
        have += piece;
    }
    sample->stack_bytes = have;
}

static __always_inline void take_sample(const struct pt_regs *ctx, const struct pending *pending, __u64 address)
{
    __u32 zero = 0;
    struct allocation_counts *count = bpf_map_lookup_elem(&counts, &zero);
    if (!count)
        return;
    __u64 serial = (__u64)(bpf_get_smp_processor_id() + 1) << 40 | ++count->serial;
    struct allocation_sample *sample = bpf_ringbuf_reserve(&ring, sizeof(*sample), 0);
    if (!sample) {
        count->lost++;
        return;
    }
    if (bpf_map_update_elem(&live, &address, &serial, BPF_ANY) != 0) {
        count->lost++;
        bpf_ringbuf_discard(sample, 0);
        return;
    }
    count->samples++;
    if (pending->call >= ALLOCATION_CALL_MMAP)
        __sync_fetch_and_add(&mappings, 1);
    sample->record = ALLOCATION_RECORD_SAMPLE;
    sample->call = pending->call;
    sample->serial = serial;
    sample->address = address;
    sample->size = pending->size;
    sample->rbx = ctx->rbx;
    sample->rbp = ctx->rbp;
    sample->rsp = ctx->rsp;
    sample->r12 = ctx->r12;
    sample->r13 = ctx->r13;
    sample->r14 = ctx->r14;
    sample->r15 = ctx->r15;
    sample->rip = ctx->rip;
    copy_stack(sample, ctx->rsp);
    bpf_ringbuf_submit(sample, 0);
}

static __always_inline void leave(const struct pt_regs *ctx)
{
    __u32 tid = (__u32)bpf_get_current_pid_tgid();
    struct pending *found = bpf_map_lookup_elem(&pendings, &tid);
    /* Of a call that is called by the one that was noted, the other one is still to return. */
    if (!found || ctx->rsp != found->sp + sizeof(__u64))
        return;
    struct pending pending = *found;
    bpf_map_delete_elem(&pendings, &tid);
    __u64 address = result_of(ctx, &pending);
    if (pending.old_serial && (address || pending.frees)) {
        const __u64 *serial = bpf_map_lookup_elem(&live, &pending.old);
        /* Another thread may have been given its address meanwhile. */
        if (serial && *serial == pending.old_serial)
            bpf_map_delete_elem(&live, &pending.old);
    }
    if (pending.size && address)
        take_sample(ctx, &pending, address);
}

/* ---- for links that see a call and, if it says so, its return (Linux 6.13) ---- */

extern bool bpf_session_is_return(void) __ksym __weak;

SEC("uprobe")
int on_session(struct pt_regs *ctx)
{
    if (bpf_session_is_return()) {
        leave(ctx);
        return 0;
    }
    return enter(ctx, bpf_get_attach_cookie(ctx)) ? 0 : 1;
}

/* ---- for a link at the call and one at the return ---- */

SEC("uprobe")
int on_call(struct pt_regs *ctx)
{
    enter(ctx, bpf_get_attach_cookie(ctx));
    return 0;
}

SEC("uretprobe")
int on_return(struct pt_regs *ctx)
{
    leave(ctx);
    return 0;
}
