#include "attach/go/frames.h"

#include <string.h>

#include "heaptop/base/cleanup.h"
#include "heaptop/base/cursor.h"
#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

/* From this minor version on pprof hides internal/runtime/ as well (runtime/pprof/protomem.go, Go 1.24). */
#define MINOR_HIDING_INTERNAL_RUNTIME 24
/* What Go's own tracebacks show of the runtime (runtime/traceback.go): exported methods of exported types, and the
 * functions that run finalizers and cleanups. */
#define MINOR_SHOWING_METHODS 23
#define MINOR_SHOWING_RUNNERS 25

/* What the compiler puts around the call of a go statement with arguments is short; more of a wrapper is not looked
 * at. */
#define MAX_WRAPPER_BYTES 512u

/* What is known of one return address. */
struct resolved_pc {
    frame_id frame;         /* 0 when the catalog is full. */
    uint64_t entry;         /* Of the physical function; 0 when no function holds the address. */
    bool is_inlined, is_goexit;
    /* Whether pprof hides it when it leads a stack. It asks FuncForPC for the return address itself, not for the
     * call before it (runtime/pprof/protomem.go writeHeapProto), which tells another function where an inlined call
     * begins just there. */
    bool is_hidden;
};

struct start_function {
    frame_id frame;
    const char *name;       /* Of the function that begins there; owned by the pclntab. */
    bool is_wrapper;
};

struct go_frames {
    struct go_process *process;     /* Borrowed. */
    struct catalog *catalog;        /* Borrowed. */
    char *application_root;         /* Owned. */
    struct table pcs;               /* Run-time return address -> index in resolved. */
    VECTOR(struct resolved_pc) resolved;
    struct table entries;           /* Run-time entry -> index in starts. */
    VECTOR(struct start_function) starts;
    VECTOR(frame_id) stack;         /* Used while a stack is put together. */
};

struct error *go_frames_create(struct go_process *process, struct go_frames **ret_frames)
{
    struct go_frames *frames = calloc(1, sizeof(*frames));
    if (!frames)
        return error_no_memory();
    frames->process = process;
    frames->catalog = process->context.catalog;
    frames->application_root = go_application_root(process->main_module);
    if (!frames->application_root) {
        free(frames);
        return error_no_memory();
    }
    *ret_frames = frames;
    return NULL;
}

void go_frames_destroy(struct go_frames *frames)
{
    if (!frames)
        return;
    free(frames->application_root);
    table_deinit(&frames->pcs);
    vector_deinit(&frames->resolved);
    table_deinit(&frames->entries);
    vector_deinit(&frames->starts);
    vector_deinit(&frames->stack);
    free(frames);
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether the symbol's package path, in which the linker escapes some characters as %xx (cmd/internal/objabi/path.go
 * PathToPrefix; dots only in the last element), lies in a module. */
static bool path_in_module(const char *path, size_t length, const char *module)
{
    size_t at = 0;
    for (; *module; module++, at++) {
        if (at >= length)
            return false;
        char byte = path[at];
        if (byte == '%' && length - at > 2) {
            char digits[3] = {path[at + 1], path[at + 2], 0}, *end;
            long value = strtol(digits, &end, 16);
            if (*end == 0) {
                byte = (char)value;
                at += 2;
            }
        }
        if (byte != *module)
            return false;
    }
    return at == length || path[at] == '/';
}

static bool is_runtime_package(const char *path, size_t length)
{
    static const char *const roots[] = {"internal/runtime/", "runtime/internal/"};
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        if (length > strlen(roots[i]) && starts_with(path, roots[i]))
            return true;
    }
    return length == strlen("runtime") && starts_with(path, "runtime");
}

/* The assembly through which reflect calls (reflect/asm_amd64.s). */
static bool is_reflect_stub(const char *name)
{
    static const char *const stubs[] = {"reflect.call", "reflect.makeFuncStub", "reflect.methodValueCall"};
    for (size_t i = 0; i < ARRAY_SIZE(stubs); i++) {
        if (strcmp(name, stubs[i]) == 0)
            return true;
    }
    return false;
}

char *go_application_root(const char *main_module)
{
    static const char *const hosts[] = {"github.com/", "gitlab.com/", "bitbucket.org/", "codeberg.org/", "gitee.com/"};
    size_t length = strlen(main_module);
    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
        if (!starts_with(main_module, hosts[i]))
            continue;
        /* HOST/OWNER/REPOSITORY */
        const char *owner = main_module + strlen(hosts[i]), *repository = strchr(owner, '/');
        const char *end = repository ? strchr(repository + 1, '/') : NULL;
        return strndup(main_module, end ? (size_t)(end - main_module) : length);
    }
    const char *commands = strstr(main_module, "/cmd");
    if (commands && (commands[4] == '/' || commands[4] == 0))
        length = (size_t)(commands - main_module);
    return strndup(main_module, length);
}

enum frame_origin go_function_origin(const char *name, const char *application_root)
{
    if (!*name)
        return FRAME_UNKNOWN;
    if (starts_with(name, "_cgo_") || starts_with(name, "x_cgo_"))
        return FRAME_NATIVE;
    /* Methods that the compiler makes for types: "type:.eq.main.key", before 1.20 "type..eq.main.key". */
    if (starts_with(name, "type:.") || starts_with(name, "type..") || is_reflect_stub(name))
        return FRAME_RUNTIME;
    /* The package path ends at the first dot after the last slash; type arguments, in brackets, have paths of their
     * own. */
    size_t length = strcspn(name, "["), element = 0;
    for (size_t i = 0; i < length; i++) {
        if (name[i] == '/')
            element = i + 1;
    }
    const char *dot = memchr(name + element, '.', length - element);
    if (!dot)
        return FRAME_RUNTIME;       /* Assembly without a package, as "callRet". */
    length = (size_t)(dot - name);
    if (length == strlen("main") && starts_with(name, "main"))
        return FRAME_APPLICATION;
    if (is_runtime_package(name, length))
        return FRAME_RUNTIME;
    if (*application_root && path_in_module(name, length, application_root))
        return FRAME_APPLICATION;
    /* Only the paths of modules begin with a domain name; the standard library's vendored packages begin with
     * vendor/. */
    size_t first = strcspn(name, "/");
    if (first > length)
        first = length;
    bool has_domain = memchr(name, '.', first) || (first == length && memmem(name, first, "%2e", 3));
    return has_domain ? FRAME_DEPENDENCY : FRAME_STANDARD;
}

static uint64_t link_time(const struct go_frames *frames, uint64_t address)
{
    return address - frames->process->context.load_bias;
}

/* A failure to look up an address is a frame without a name: only running out of memory ends a sample. */
static struct error *expect_lookup_error(struct error *error)
{
    if (error && error->kind == ERROR_NO_MEMORY)
        return error;
    error_destroy(error);
    return NULL;
}

/* The frames at an address, innermost first, at most `capacity`; none when no function holds it. */
static struct error *look_up(struct go_frames *frames, uint64_t address, struct go_frame *found, size_t capacity,
                             size_t *ret_count)
{
    size_t count = 0;
    if (!frames->process->pclntab) {
        /* Only in tests: a process that was located has one. */
        *ret_count = 0;
        return NULL;
    }
    struct error *error =
        pclntab_find_frames(frames->process->pclntab, link_time(frames, address), found, capacity, &count);
    if (error) {
        error = expect_lookup_error(error);
        count = 0;
    }
    *ret_count = count;
    return error;
}

static string_id add_name(struct go_frames *frames, const char *name)
{
    return name ? catalog_add_untrusted(frames->catalog, name, strlen(name)) : 0;
}

/* Notes a frame in the catalog; found is NULL when only the address is known. */
static frame_id add_frame(struct go_frames *frames, uint64_t address, const struct go_frame *found)
{
    struct frame frame = {.address = link_time(frames, address)};
    if (found) {
        frame.function = add_name(frames, found->function);
        frame.file = add_name(frames, found->file);
        frame.line = found->line;
        frame.start_line = found->start_line;
        frame.origin = (uint8_t)go_function_origin(found->function, frames->application_root);
    }
    return catalog_add_frame(frames->catalog, &frame);
}

static bool is_hidden(const struct go_process *process, const char *function)
{
    return starts_with(function, "runtime.") ||
           (process->minor >= MINOR_HIDING_INTERNAL_RUNTIME && starts_with(function, "internal/runtime/"));
}

/* Index of a return address in frames->resolved. */
static struct error *resolve_pc(struct go_frames *frames, uint64_t pc, size_t *ret_index)
{
    uint64_t *known = table_find(&frames->pcs, pc);
    if (known) {
        *ret_index = (size_t)*known;
        return NULL;
    }
    struct go_frame found, next;
    size_t count, next_count;
    struct error *error = look_up(frames, pc - 1, &found, 1, &count);
    if (!error)
        error = look_up(frames, pc, &next, 1, &next_count);
    if (error)
        return error;
    struct resolved_pc resolved = {
        .frame = add_frame(frames, pc - 1, count ? &found : NULL),
        .entry = count ? found.entry : 0,
        .is_inlined = count && found.is_inlined,
        .is_goexit = count && strcmp(found.function, "runtime.goexit") == 0,
        .is_hidden = next_count && is_hidden(frames->process, next.function),
    };
    size_t index = frames->resolved.count;
    uint64_t *place = vector_reserve(&frames->resolved, index + 1) ? table_insert(&frames->pcs, pc, NULL) : NULL;
    if (!place)
        return error_no_memory();
    *place = index;
    frames->resolved.items[frames->resolved.count++] = resolved;
    *ret_index = index;
    return NULL;
}

static int compare_addresses(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

struct error *go_frames_prepare(struct go_frames *frames, uint64_t *pcs, size_t count)
{
    if (count == 0)
        return NULL;
    qsort(pcs, count, sizeof(*pcs), compare_addresses);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && pcs[i] == pcs[i - 1])
            continue;
        size_t index;
        struct error *error = resolve_pc(frames, pcs[i], &index);
        if (error)
            return error;
    }
    return NULL;
}

/* Where the runtime cut a stack at its greatest depth, it may have cut within a row of inlined calls: their callers
 * are added, as runtime/symtab.go runtime_expandFinalInlineFrame does. */
static struct error *append_lost_callers(struct go_frames *frames, uint64_t pc, uint64_t address)
{
    struct go_frame found[PCLNTAB_MAX_INLINE_DEPTH];
    size_t count;
    struct error *error = look_up(frames, pc - 1, found, PCLNTAB_MAX_INLINE_DEPTH, &count);
    if (error)
        return error;
    for (size_t i = 1; i < count; i++) {
        /* The runtime keeps a wrapper only below its panic functions (elideWrapperCalling), which are never inlined. */
        if (found[i].is_wrapper)
            continue;
        frame_id frame = add_frame(frames, address, &found[i]);
        if (!vector_append(&frames->stack, frame))
            return error_no_memory();
    }
    return NULL;
}

/* Whether a frame is the caller into which the one before it was inlined, by the signs that runtime/pprof goes by
 * (proto.go pcDeck.tryAdd). */
static bool is_inlining(const struct go_frames *frames, const struct resolved_pc *callee,
                        const struct resolved_pc *caller)
{
    return callee->is_inlined && callee->entry == caller->entry &&
           catalog_frame(frames->catalog, callee->frame)->function !=
               catalog_frame(frames->catalog, caller->frame)->function;
}

/* The same frame at another run-time address. */
static frame_id move_frame(struct go_frames *frames, frame_id id, uint64_t address)
{
    struct frame frame = *catalog_frame(frames->catalog, id);
    frame.address = link_time(frames, address);
    return catalog_add_frame(frames->catalog, &frame);
}

/* Appends pcs[first] and all after it to frames->stack. The frames of a row of inlined calls all have the address of
 * the innermost, where the processor really was, as in a profile's location. */
static struct error *append_from(struct go_frames *frames, const uint64_t *pcs, size_t count, size_t first)
{
    frames->stack.count = 0;
    struct resolved_pc before = {0};
    uint64_t address = 0;
    for (size_t i = first; i < count; i++) {
        size_t index;
        struct error *error = resolve_pc(frames, pcs[i], &index);
        if (error)
            return error;
        const struct resolved_pc *resolved = &frames->resolved.items[index];
        if (resolved->is_goexit) {
            before = (struct resolved_pc){0};
            continue;
        }
        bool is_moved = is_inlining(frames, &before, resolved);
        address = is_moved ? address : pcs[i] - 1;
        before = *resolved;
        if (!vector_append(&frames->stack, is_moved ? move_frame(frames, resolved->frame, address) : resolved->frame))
            return error_no_memory();
        if (i == count - 1) {
            error = append_lost_callers(frames, pcs[i], address);
            if (error)
                return error;
        }
    }
    return NULL;
}

struct error *go_frames_stack(struct go_frames *frames, const uint64_t *pcs, size_t count, stack_id *ret_stack)
{
    size_t first = 0;
    for (; first < count; first++) {
        size_t index;
        struct error *error = resolve_pc(frames, pcs[first], &index);
        if (error)
            return error;
        if (!frames->resolved.items[index].is_hidden)
            break;
    }
    /* A stack of hidden functions only is shown whole. */
    if (first == count)
        first = 0;
    struct error *error = append_from(frames, pcs, count, first);
    if (!error && frames->stack.count == 0 && first > 0)
        error = append_from(frames, pcs, count, 0);
    if (error)
        return error;
    *ret_stack = catalog_add_stack(frames->catalog, frames->stack.items, frames->stack.count);
    return NULL;
}

/* runtime.X, and from Go 1.23 on runtime.T.X and runtime.(*T).X of an exported T (runtime/traceback.go
 * isExportedRuntime). */
static bool is_exported_runtime(const struct go_process *process, const char *name)
{
    name += strlen("runtime.");
    const char *last = strrchr(name, '.');
    if (process->minor < MINOR_SHOWING_METHODS || !last)
        return *name >= 'A' && *name <= 'Z';
    const char *receiver = name + (starts_with(name, "(*") && last[-1] == ')' ? 2 : 0);
    return last[1] >= 'A' && last[1] <= 'Z' && *receiver >= 'A' && *receiver <= 'Z';
}

/* Whether it is a wrapper made by the compiler that nobody is shown (runtime/traceback.go elideWrapperCalling). */
static bool is_elided(const struct go_frame *frame, const char *callee)
{
    static const char *const panics[] = {"runtime.gopanic", "runtime.sigpanic", "runtime.panicwrap"};
    bool from_panic = false;
    for (size_t i = 0; i < ARRAY_SIZE(panics); i++)
        from_panic = from_panic || (callee && strcmp(callee, panics[i]) == 0);
    return frame->is_wrapper && !from_panic;
}

/* runtime/traceback.go showfuncinfo. `callee` is the function called, NULL in the innermost frame. */
static bool is_shown(const struct go_process *process, const struct go_frame *frame, const char *callee, bool is_first)
{
    if (is_elided(frame, callee))
        return false;
    if (process->minor >= MINOR_SHOWING_RUNNERS && (strcmp(frame->function, "runtime.runFinalizers") == 0 ||
                                                    strcmp(frame->function, "runtime.runCleanups") == 0))
        return true;
    if (strcmp(frame->function, "runtime.gopanic") == 0 && !is_first)
        return true;
    return strchr(frame->function, '.') &&
           (!starts_with(frame->function, "runtime.") || is_exported_runtime(process, frame->function));
}

/* A call that a signal has put there: its caller was between two instructions, not behind a call. */
static bool is_injected(const char *function)
{
    static const char *const injected[] = {"runtime.sigpanic", "runtime.asyncPreempt", "runtime.debugCallV2"};
    for (size_t i = 0; i < ARRAY_SIZE(injected); i++) {
        if (strcmp(function, injected[i]) == 0)
            return true;
    }
    return false;
}

/* Which frames of a goroutine's stack are wanted. */
enum frame_choice {
    FRAMES_SHOWN,       /* By Go's tracebacks. */
    FRAMES_PROFILED,    /* By its goroutine profile (tracebackPCs; runtime/pprof's allFrames drops goexit). */
    FRAMES_ALL,
};

static bool is_chosen(const struct go_frames *frames, const struct go_frame *frame, const char *callee,
                      enum frame_choice choice)
{
    switch (choice) {
    case FRAMES_SHOWN:
        return is_shown(frames->process, frame, callee, frames->stack.count == 0);
    case FRAMES_PROFILED:
        return !is_elided(frame, callee) && strcmp(frame->function, "runtime.goexit") != 0;
    default:
        return true;
    }
}

/* Puts the frames of a goroutine's stack into frames->stack. */
static struct error *trace_back(struct go_frames *frames, const uint64_t *pcs, size_t count, enum frame_choice choice)
{
    const char *callee = NULL;
    frames->stack.count = 0;
    for (size_t i = 0; i < count; i++) {
        struct go_frame found[PCLNTAB_MAX_INLINE_DEPTH];
        size_t depth;
        /* Where an address is not behind a call it is a function's entry, of which the byte before is no part. */
        bool exact = callee && is_injected(callee);
        struct error *error = look_up(frames, pcs[i], found, 1, &depth);
        exact = exact || (!error && depth > 0 && found[0].entry == link_time(frames, pcs[i]));
        if (!error)
            error = look_up(frames, pcs[i] - !exact, found, PCLNTAB_MAX_INLINE_DEPTH, &depth);
        if (error)
            return error;
        if (depth == 0 && !vector_append(&frames->stack, add_frame(frames, pcs[i] - !exact, NULL)))
            return error_no_memory();
        for (size_t j = 0; j < depth; j++) {
            bool is_wanted = is_chosen(frames, &found[j], callee, choice);
            callee = found[j].function;
            if (is_wanted && !vector_append(&frames->stack, add_frame(frames, pcs[i] - !exact, &found[j])))
                return error_no_memory();
        }
    }
    return NULL;
}

struct error *go_frames_traceback(struct go_frames *frames, const uint64_t *pcs, size_t count, stack_id *ret_stack)
{
    struct error *error = trace_back(frames, pcs, count, FRAMES_SHOWN);
    if (!error && frames->stack.count == 0)
        error = trace_back(frames, pcs, count, FRAMES_ALL);
    if (error)
        return error;
    *ret_stack = catalog_add_stack(frames->catalog, frames->stack.items, frames->stack.count);
    return NULL;
}

struct error *go_frames_profile_stack(struct go_frames *frames, const uint64_t *pcs, size_t count, stack_id *ret_stack)
{
    struct error *error = trace_back(frames, pcs, count, FRAMES_PROFILED);
    if (!error)
        *ret_stack = catalog_add_stack(frames->catalog, frames->stack.items, frames->stack.count);
    return error;
}

struct error *go_frames_caller(struct go_frames *frames, uint64_t pc, frame_id *ret_frame)
{
    if (pc == 0) {
        *ret_frame = 0;
        return NULL;
    }
    size_t index;
    struct error *error = resolve_pc(frames, pc, &index);
    if (!error)
        *ret_frame = frames->resolved.items[index].frame;
    return error;
}

/* The physical function at an entry: the outermost frame there; a call inlined at its very beginning is not meant. */
static struct error *describe_start(struct go_frames *frames, uint64_t entry, struct start_function *ret_start)
{
    struct go_frame found[PCLNTAB_MAX_INLINE_DEPTH];
    size_t count = 0;
    struct error *error = entry ? look_up(frames, entry, found, PCLNTAB_MAX_INLINE_DEPTH, &count) : NULL;
    if (error)
        return error;
    struct go_frame *outermost = count ? &found[count - 1] : NULL;
    if (outermost && outermost->start_line)
        outermost->line = outermost->start_line;
    *ret_start = (struct start_function){
        .frame = entry ? add_frame(frames, entry, outermost) : 0,
        .name = outermost ? outermost->function : "",
        .is_wrapper = outermost && outermost->is_wrapper,
    };
    return NULL;
}

/* The function that a wrapper's only direct call is of. */
static struct error *find_called(struct go_frames *frames, const uint8_t *code, size_t size, uint64_t address,
                                 struct go_function *ret_called, bool *ret_found)
{
    *ret_found = false;
    for (size_t i = 0; i + 5 <= size && !*ret_found; i++) {
        uint32_t distance;
        if (code[i] != 0xe8 || !bytes_u32_at(code, size, i + 1, &distance))
            continue;
        /* CALL rel32; a byte that only looks like one does not lead to where a function begins. */
        uint64_t target = address + i + 5 + (uint64_t)(int64_t)(int32_t)distance;
        struct error *error = pclntab_find_function(frames->process->pclntab, target, ret_called);
        if (!error)
            *ret_found = ret_called->entry == target && !starts_with(ret_called->name, "runtime.");
        else
            error = expect_lookup_error(error);
        if (error)
            return error;
    }
    return NULL;
}

/* A go statement with arguments starts a wrapper that the compiler makes ("main.main.gowrap1"; up to Go 1.20 named
 * as a closure): the function meant is the one inlined into it, or the one it calls. Changes *start_frame if it is
 * found. */
static struct error *look_through_wrapper(struct go_frames *frames, uint64_t entry, frame_id *start_frame)
{
    struct go_function wrapper, called;
    struct go_frame found[PCLNTAB_MAX_INLINE_DEPTH];
    uint8_t code[MAX_WRAPPER_BYTES];
    struct error *error = pclntab_find_function(frames->process->pclntab, link_time(frames, entry), &wrapper);
    if (error)
        return expect_lookup_error(error);
    size_t size = wrapper.end - wrapper.entry < sizeof(code) ? (size_t)(wrapper.end - wrapper.entry) : sizeof(code);
    for (size_t i = 0; i < size; i++) {
        size_t count;
        error = look_up(frames, entry + i, found, PCLNTAB_MAX_INLINE_DEPTH, &count);
        if (error)
            return error;
        if (count < 2)
            continue;
        struct go_frame *inlined = &found[count - 2];
        inlined->line = inlined->start_line ? inlined->start_line : inlined->line;
        *start_frame = add_frame(frames, entry + i, inlined);
        return NULL;
    }
    bool is_called = false;
    error = image_read(frames->process->context.image, wrapper.entry, code, size);
    if (!error)
        error = find_called(frames, code, size, wrapper.entry, &called, &is_called);
    if (error || !is_called)
        return expect_lookup_error(error);
    struct start_function start;
    error = describe_start(frames, called.entry + frames->process->context.load_bias, &start);
    if (!error)
        *start_frame = start.frame;
    return error;
}

struct error *go_frames_start(struct go_frames *frames, uint64_t entry, frame_id *ret_frame, const char **ret_name)
{
    uint64_t *known = table_find(&frames->entries, entry);
    if (!known) {
        struct start_function start;
        struct error *error = describe_start(frames, entry, &start);
        if (!error && start.is_wrapper)
            error = look_through_wrapper(frames, entry, &start.frame);
        if (error)
            return error;
        size_t index = frames->starts.count;
        known = vector_reserve(&frames->starts, index + 1) ? table_insert(&frames->entries, entry, NULL) : NULL;
        if (!known)
            return error_no_memory();
        *known = index;
        frames->starts.items[frames->starts.count++] = start;
    }
    *ret_frame = frames->starts.items[*known].frame;
    *ret_name = frames->starts.items[*known].name;
    return NULL;
}
