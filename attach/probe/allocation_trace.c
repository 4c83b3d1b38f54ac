#include "attach/probe/allocation_trace.h"

#include <allocations.skel.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "attach/maps.h"
#include "attach/permission.h"
#include "attach/procfs.h"
#include "heaptop/attach.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"

/* Linux 6.13 include/uapi/linux/bpf.h; libbpf 1.1 and headers of its time do not know them. */
#define TRACE_UPROBE_SESSION 57
struct link_create_uprobe_multi {
    uint32_t prog_fd, target_fd, attach_type, flags;
    uint64_t path, offsets, ref_ctr_offsets, cookies;
    uint32_t count, multi_flags, pid, unused;
};

/* So many calls take a millisecond; a tenth of them where they are stepped through. */
#define CALIBRATION_CALLS 500u
#define CALIBRATION_TURNS 3u
/* What deciding whether to sample, or whether a block was sampled, adds to a call that is only counted: measured on
 * the machine of docs/decisions.md. */
#define SAMPLING_NS 150.0

/* A program and its links: all that is to be closed. */
struct allocation_trace {
    struct allocations_bpf *bpf;
    bool sees_all_returns;
    struct allocation_trace_costs costs;
    int sessions[ALLOCATOR_FILES_MAX + 1];
    size_t num_sessions;
    struct bpf_link *links[2 * (ALLOCATOR_FILES_MAX + 1) * ALLOCATOR_PROBES_MAX];
    size_t num_links;
    struct ring_buffer *ring;
    int num_processors;
    struct allocation_counts *counts;   /* By processor. */
    uint64_t *keys, *values;            /* ALLOCATION_MAX_LIVE each. */

    /* While the ring is read. */
    allocation_visitor *visit;
    void *context;
    size_t left;
    struct error *error;
};

static int keep_quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
    (void)level;
    (void)format;
    (void)arguments;
    return 0;
}

/* ---- what the kernel refuses ---- */

static struct error *explain(int errno_value, const char *what)
{
    if (errno_value == EPERM || errno_value == EACCES)
        return error_create(
            ERROR_PERMISSION,
            "the kernel refuses to %s: probes on allocations need root, or CAP_BPF, CAP_PERFMON and the right to read "
            "the process's files; --probe faults needs less",
            what);
    if (errno_value == ENOMEM)
        return error_no_memory();
    return error_create(ERROR_UNSUPPORTED, "this kernel does not let heaptop %s: %s; --probe faults needs less", what,
                        strerror(errno_value));
}

static bool kernel_is_from(unsigned major, unsigned minor)
{
    struct utsname name;
    unsigned have_major = 0, have_minor = 0;
    if (uname(&name) != 0 || sscanf(name.release, "%u.%u", &have_major, &have_minor) != 2)
        return false;
    return have_major > major || (have_major == major && have_minor >= minor);
}

/* A returning function enters the kernel by a system call from 6.11 on, which filters killed the process for until 6.14
 * (cf6cb56ef244); and a shadow stack did not know of it before 6.11 (488af8ea7131). */
static struct error *check_returns_are_safe(struct target *target)
{
    char text[8192];
    size_t length;
    struct error *error = procfs_read(target->folder, "status", text, sizeof(text), &length);
    if (error)
        return error;
    const char *filter = strstr(text, "\nSeccomp:\t"), *features = strstr(text, "\nx86_Thread_features:\t");
    bool is_filtered = filter && filter[strlen("\nSeccomp:\t")] != '0';
    size_t line = features ? strcspn(features + 1, "\n") : 0;
    bool has_shadow_stack = features && memmem(features, line + 1, "shstk", 5) != NULL;
    if (is_filtered && kernel_is_from(6, 11) && !kernel_is_from(6, 14))
        return error_create(ERROR_UNSUPPORTED,
                            "the process's system calls are filtered (seccomp), and on kernels from 6.11 to 6.13 "
                            "probes on returning functions could kill it: none is placed");
    if (has_shadow_stack && !kernel_is_from(6, 11))
        return error_create(ERROR_UNSUPPORTED,
                            "the process has a shadow stack, and on kernels before 6.11 probes on returning functions "
                            "would kill it: none is placed");
    return NULL;
}

/* ---- opening ---- */

/* Quantiles of the exponential distribution: each byte is then as likely as any other to bring a sample (Poisson). */
static void set_distances(volatile uint64_t *distances, uint64_t rate)
{
    for (unsigned i = 0; i < ALLOCATION_DISTANCES; i++)
        distances[i] = (uint64_t)(-log((i + 0.5) / ALLOCATION_DISTANCES) * (double)rate) + 1;
}

static struct error *load(struct allocation_trace *trace, const struct allocator_functions *functions, uint64_t rate)
{
    libbpf_set_print(keep_quiet);
    trace->bpf = allocations_bpf__open();
    if (!trace->bpf)
        return explain(errno, "read its BPF programs");
    struct allocations_bpf *bpf = trace->bpf;
    set_distances((volatile uint64_t *)bpf->rodata->distances, rate);
    bpf->rodata->allocator_start = functions->allocator_start;
    bpf->rodata->allocator_end = functions->allocator_end;
    bpf->rodata->libc_start = functions->libc_start;
    bpf->rodata->libc_end = functions->libc_end;
    bpf_program__set_autoload(bpf->progs.on_session, !trace->sees_all_returns);
    bpf_program__set_autoload(bpf->progs.on_call, trace->sees_all_returns);
    bpf_program__set_autoload(bpf->progs.on_return, trace->sees_all_returns);
    if (!trace->sees_all_returns)
        bpf_program__set_expected_attach_type(bpf->progs.on_session, (enum bpf_attach_type)TRACE_UPROBE_SESSION);
    int result = allocations_bpf__load(bpf);
    return result == 0 ? NULL : explain(-result, "load BPF programs");
}

static struct error *link_session(struct allocation_trace *trace, pid_t pid, const struct allocator_file *file)
{
    uint64_t offsets[ALLOCATOR_PROBES_MAX], cookies[ALLOCATOR_PROBES_MAX];
    for (size_t i = 0; i < file->num_probes; i++) {
        offsets[i] = file->probes[i].offset;
        cookies[i] = file->probes[i].cookie;
    }
    struct link_create_uprobe_multi attributes = {.prog_fd = (uint32_t)bpf_program__fd(trace->bpf->progs.on_session),
                                                  .attach_type = TRACE_UPROBE_SESSION,
                                                  .path = (uintptr_t)file->path,
                                                  .offsets = (uintptr_t)offsets,
                                                  .cookies = (uintptr_t)cookies,
                                                  .count = (uint32_t)file->num_probes,
                                                  .pid = (uint32_t)pid};
    int descriptor = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes));
    if (descriptor < 0)
        return explain(errno, "probe functions");
    trace->sessions[trace->num_sessions++] = descriptor;
    return NULL;
}

static struct error *link_one(struct allocation_trace *trace, pid_t pid, const struct allocator_file *file,
                              const struct allocator_probe *probe, bool is_return)
{
    DECLARE_LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = probe->cookie, .retprobe = is_return);
    struct bpf_program *program = is_return ? trace->bpf->progs.on_return : trace->bpf->progs.on_call;
    struct bpf_link *link = bpf_program__attach_uprobe_opts(program, pid, file->path, probe->offset, &options);
    if (!link)
        return explain(errno, "probe functions");
    trace->links[trace->num_links++] = link;
    return NULL;
}

/* Of the latter nothing is to be known when they return. */
static bool returns_matter(uint64_t cookie)
{
    uint64_t call = cookie & ALLOCATION_CALL_MASK;
    return call != ALLOCATION_CALL_FREE && call != ALLOCATION_CALL_MUNMAP;
}

static struct error *link_file(struct allocation_trace *trace, pid_t pid, const struct allocator_file *file)
{
    struct error *error = trace->sees_all_returns ? NULL : link_session(trace, pid, file);
    for (size_t k = 0; k < file->num_probes && !error && trace->sees_all_returns; k++) {
        const struct allocator_probe *probe = &file->probes[k];
        if (returns_matter(probe->cookie))
            error = link_one(trace, pid, file, probe, true);
        if (!error)
            error = link_one(trace, pid, file, probe, false);
    }
    return error;
}

static struct error *link_all(struct allocation_trace *trace, pid_t pid, const struct allocator_functions *functions)
{
    struct error *error = NULL;
    for (size_t i = 0; i < functions->num_files && !error; i++)
        error = link_file(trace, pid, &functions->files[i]);
    return error;
}

/* ---- what a call costs ---- */

/* Functions of our own, one of which begins with an instruction that the kernel emulates, and the other with one
 * that it does not. */
void allocation_trace_call_emulated(void);
void allocation_trace_call_stepped(void);
__asm__(".text\n"
        ".hidden allocation_trace_call_emulated, allocation_trace_call_stepped\n"
        ".globl allocation_trace_call_emulated, allocation_trace_call_stepped\n"
        ".type allocation_trace_call_emulated, @function\n"
        ".type allocation_trace_call_stepped, @function\n"
        "allocation_trace_call_emulated:\n"
        "    push %rbp\n"
        "    pop %rbp\n"
        "    ret\n"
        "allocation_trace_call_stepped:\n"
        "    mov %rdi, %rax\n"
        "    ret\n");

static bool find_own_offset(const struct maps *maps, uint64_t address, uint64_t *ret_offset)
{
    for (size_t i = 0; i < maps->lines.count; i++) {
        const struct map_line *line = &maps->lines.items[i];
        if (address >= line->start && address < line->end) {
            *ret_offset = address - line->start + line->offset;
            return line->inode != 0;
        }
    }
    return false;
}

/* In turns, the least of which none has disturbed. */
static double measure_call(void (*call)(void), unsigned calls)
{
    double least = INFINITY;
    for (unsigned turn = 0; turn < CALIBRATION_TURNS; turn++) {
        uint64_t before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        for (unsigned i = 0; i < calls; i++)
            call();
        least = fmin(least, (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - before) / calls);
    }
    return least;
}

/* Heaptop's own calls are counted with the others: before these are looked at. Without returns, which are seen of
 * samples alone or cost as much again. */
static struct error *calibrate(struct allocation_trace *trace)
{
    _cleanup_free_ struct allocator_file *file = calloc(1, sizeof(*file));
    _cleanup_close_ int folder = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct maps maps = {.truncated = false};
    if (!file)
        return error_no_memory();
    struct error *error = folder < 0 ? error_from_errno(errno, "cannot open '/proc/self'") : maps_read(folder, &maps);
    if (error)
        return error;
    void (*const calls[])(void) = {allocation_trace_call_emulated, allocation_trace_call_stepped};
    snprintf(file->path, sizeof(file->path), "/proc/self/exe");
    for (size_t i = 0; i < ARRAY_SIZE(calls) && !error; i++) {
        struct allocator_probe *probe = &file->probes[file->num_probes++];
        probe->cookie = ALLOCATION_CALL_MALLOC | (i == 1 ? ALLOCATION_STEPPED : 0);
        if (!find_own_offset(&maps, (uintptr_t)calls[i], &probe->offset))
            error = error_create(ERROR_SYSTEM, "heaptop does not find its own code");
    }
    maps_deinit(&maps);
    if (!error)
        error = link_file(trace, getpid(), file);
    if (error)
        return error;
    trace->costs.call_ns = measure_call(calls[0], CALIBRATION_CALLS) + SAMPLING_NS;
    trace->costs.stepped_call_ns = measure_call(calls[1], CALIBRATION_CALLS / 10) + SAMPLING_NS;
    /* Nobody calls these functions again, and taking probes away is slow: it is done with the others. */
    return NULL;
}

/* ---- records ---- */

static int take_record(void *context, void *data, size_t size)
{
    struct allocation_trace *trace = context;
    const struct allocation_sample *sample = data;
    const struct allocation_range *range = data;
    if (size >= sizeof(*sample) && sample->record == ALLOCATION_RECORD_SAMPLE)
        trace->error = trace->visit(trace->context, sample, NULL);
    else if (size >= sizeof(*range) && range->record == ALLOCATION_RECORD_RANGE)
        trace->error = trace->visit(trace->context, NULL, range);
    /* Anything below 0 ends it after this one. */
    return trace->error || --trace->left == 0 ? -ECANCELED : 0;
}

static struct error *make_buffers(struct allocation_trace *trace)
{
    trace->num_processors = libbpf_num_possible_cpus();
    if (trace->num_processors <= 0)
        return error_create(ERROR_SYSTEM, "the number of processors is not known");
    trace->counts = calloc((size_t)trace->num_processors, sizeof(*trace->counts));
    trace->keys = calloc(ALLOCATION_MAX_LIVE, sizeof(*trace->keys));
    trace->values = calloc(ALLOCATION_MAX_LIVE, sizeof(*trace->values));
    if (!trace->counts || !trace->keys || !trace->values)
        return error_no_memory();
    trace->ring = ring_buffer__new(bpf_map__fd(trace->bpf->maps.ring), take_record, trace, NULL);
    return trace->ring ? NULL : explain(errno, "map a ring of samples");
}

DEFINE_CLEANUP(struct allocation_trace *, allocation_trace_close)

static struct error *open_with(pid_t pid, const struct allocator_functions *functions, uint64_t rate,
                               bool sees_all_returns, struct allocation_trace **ret_trace)
{
    _cleanup_(allocation_trace_closep) struct allocation_trace *trace = calloc(1, sizeof(*trace));
    if (!trace)
        return error_no_memory();
    trace->sees_all_returns = sees_all_returns;
    struct error *error = load(trace, functions, rate);
    if (!error)
        error = make_buffers(trace);
    if (!error)
        error = calibrate(trace);
    if (!error)
        error = link_all(trace, pid, functions);
    if (error)
        return error;
    *ret_trace = take_pointer(trace);
    return NULL;
}

static struct error *open_best(pid_t pid, const struct allocator_functions *functions, uint64_t rate,
                               struct allocation_trace **ret_trace)
{
    struct error *error = open_with(pid, functions, rate, false, ret_trace);
    if (!error || error->kind != ERROR_UNSUPPORTED)
        return error;
    error_destroy(error);
    return open_with(pid, functions, rate, true, ret_trace);
}

struct error *allocation_trace_open(struct target *target, const struct allocator_functions *functions, uint64_t rate,
                                    enum allocation_trace_links links, struct allocation_trace **ret_trace)
{
    struct error *error = allocation_trace_refusal();
    if (!error)
        error = check_returns_are_safe(target);
    if (error)
        return error;
    return links == ALLOCATION_TRACE_BEST
               ? open_best(target->pid, functions, rate, ret_trace)
               : open_with(target->pid, functions, rate, links == ALLOCATION_TRACE_PAIRS, ret_trace);
}

struct error *allocation_trace_refusal(void)
{
    struct permission_facts facts;
    permission_gather(getpid(), &facts);
    if (!permission_has_bpf(&facts))
        return explain(EPERM, "load BPF programs");
    if (access("/sys/bus/event_source/devices/uprobe/type", R_OK) != 0)
        return error_create(ERROR_UNSUPPORTED, "this kernel has no uprobes, or /sys is hidden from heaptop");
    return NULL;
}

void allocation_trace_close(struct allocation_trace *trace)
{
    if (!trace)
        return;
    for (size_t i = 0; i < trace->num_sessions; i++)
        close(trace->sessions[i]);
    for (size_t i = 0; i < trace->num_links; i++)
        bpf_link__destroy(trace->links[i]);
    ring_buffer__free(trace->ring);
    allocations_bpf__destroy(trace->bpf);
    free(trace->counts);
    free(trace->keys);
    free(trace->values);
    free(trace);
}

struct allocation_trace_costs allocation_trace_costs(const struct allocation_trace *trace)
{
    return trace->costs;
}

bool allocation_trace_sees_all_returns(const struct allocation_trace *trace)
{
    return trace->sees_all_returns;
}

void allocation_trace_sample(struct allocation_trace *trace)
{
    __atomic_store_n(&trace->bpf->bss->is_sampling, true, __ATOMIC_RELEASE);
}

/* ---- reading ---- */

struct error *allocation_trace_count(struct allocation_trace *trace, struct allocation_trace_totals *ret_totals)
{
    uint32_t zero = 0;
    struct allocation_trace_totals totals = {0};
    int result = bpf_map__lookup_elem(trace->bpf->maps.counts, &zero, sizeof(zero), trace->counts,
                                      (size_t)trace->num_processors * sizeof(*trace->counts), 0);
    if (result != 0)
        return error_from_errno(-result, "cannot read what the probes have counted");
    for (int i = 0; i < trace->num_processors; i++) {
        totals.calls += trace->counts[i].calls[0] + trace->counts[i].calls[1];
        totals.stepped_calls += trace->counts[i].calls[1];
        totals.samples += trace->counts[i].samples;
        totals.lost += trace->counts[i].lost;
    }
    *ret_totals = totals;
    return NULL;
}

struct error *allocation_trace_read(struct allocation_trace *trace, size_t most, allocation_visitor *visit,
                                    void *context)
{
    trace->visit = visit;
    trace->context = context;
    trace->left = most;
    int result = ring_buffer__consume(trace->ring);
    if (!trace->error && result < 0 && result != -ECANCELED)
        return error_from_errno(-result, "cannot read samples of allocations");
    return take_pointer(trace->error);
}

struct error *allocation_trace_list_live(struct allocation_trace *trace, struct table *serials)
{
    DECLARE_LIBBPF_OPTS(bpf_map_batch_opts, options);
    int map = bpf_map__fd(trace->bpf->maps.live), result = 0;
    uint32_t in = 0, out = 0, count;
    table_clear(serials);
    for (bool is_first = true; result == 0; is_first = false, in = out) {
        count = ALLOCATION_MAX_LIVE;
        result = bpf_map_lookup_batch(map, is_first ? NULL : &in, &out, trace->keys, trace->values, &count, &options);
        if (result != 0 && result != -ENOENT)
            return error_from_errno(-result, "cannot read which sampled blocks are allocated");
        for (uint32_t i = 0; i < count && i < ALLOCATION_MAX_LIVE; i++)
            if (!table_insert(serials, trace->values[i], NULL))
                return error_no_memory();
    }
    return NULL;
}

void allocation_trace_forget(struct allocation_trace *trace, uint64_t address, uint64_t serial)
{
    int map = bpf_map__fd(trace->bpf->maps.live);
    uint64_t known;
    if (bpf_map_lookup_elem(map, &address, &known) == 0 && known == serial)
        bpf_map_delete_elem(map, &address);
}

const char *attach_bpf_library(void)
{
    static char text[24];
    snprintf(text, sizeof(text), "%u.%u", libbpf_major_version(), libbpf_minor_version());
    return text;
}
