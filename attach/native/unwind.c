#include "attach/native/unwind.h"

#include <stdlib.h>
#include <string.h>

#include "attach/native/call_site.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/table.h"
#include "heaptop/base/vector.h"

#define PAGE 4096u
/* Nearly all stacks of servers fit in the first reading; more is read in steps. */
#define COPY_STEP ((size_t)16 << 10)
#define COPY_MAX ((size_t)512 << 10)
#define PAGES_A_STEP (COPY_STEP / PAGE + 1)
/* Rows remembered by address; then all are forgotten. 8,192 take 4 MB. */
#define MAX_ROWS 8192u

/* How far up a lost frame pointer is searched for; and calls through pointers of which each might be the one. */
#define SEARCH_BYTES ((uint64_t)32 << 10)
#define MAX_TRIES 8u

/* How one place in the code is left. */
struct known_row {
    struct call_frames *frames;         /* NULL: nothing is known. */
    uint64_t function;                  /* Run-time address at which the function begins. */
    struct call_frame_row row;
};

struct unwinder {
    struct modules *modules;
    struct memory *memory;
    struct table by_address;            /* Run-time address -> index in rows. */
    VECTOR(struct known_row) rows;
    bool met_unknown;

    /* The stack of the thread that is unwound. */
    uint64_t copy_start;
    size_t copy_size;
    bool copy_ended;                    /* Nothing can be read behind it. */
    bool copy_only;                     /* It was given, and the target may have moved on since. */
    struct error *error;                /* Ends all reading. */
    uint8_t copy[COPY_MAX];
};

struct error *unwinder_create(struct modules *modules, struct memory *memory, struct unwinder **ret_unwinder)
{
    struct unwinder *unwinder = malloc(sizeof(*unwinder));
    if (!unwinder)
        return error_no_memory();
    /* Not the copy: pages of it that are never needed shall cost nothing. */
    memset(unwinder, 0, offsetof(struct unwinder, copy));
    unwinder->modules = modules;
    unwinder->memory = memory;
    table_init(&unwinder->by_address);
    *ret_unwinder = unwinder;
    return NULL;
}

void unwinder_destroy(struct unwinder *unwinder)
{
    if (!unwinder)
        return;
    table_deinit(&unwinder->by_address);
    vector_deinit(&unwinder->rows);
    free(unwinder);
}

bool unwinder_met_unknown(struct unwinder *unwinder)
{
    bool met = unwinder->met_unknown;
    unwinder->met_unknown = false;
    return met;
}

void unwinder_forget(struct unwinder *unwinder)
{
    table_clear(&unwinder->by_address);
    unwinder->rows.count = 0;
}

/* ---- the copy ---- */

/* Appends what follows the copy, page by page, so that what lies before the end of the stack is had. */
static void extend_copy(struct unwinder *unwinder)
{
    struct memory_request requests[PAGES_A_STEP];
    size_t count = 0, size = unwinder->copy_size, step_end = size + COPY_STEP;
    while (size < step_end && size < COPY_MAX && count < PAGES_A_STEP) {
        uint64_t address = unwinder->copy_start + size;
        size_t length = PAGE - address % PAGE;
        length = length < COPY_MAX - size ? length : COPY_MAX - size;
        requests[count++] =
            (struct memory_request){.address = address, .buffer = unwinder->copy + size, .size = length};
        size += length;
    }
    unwinder->error = count > 0 ? memory_read_batch(unwinder->memory, requests, count) : NULL;
    unwinder->copy_ended = count == 0 || unwinder->error;
    for (size_t i = 0; i < count && !unwinder->copy_ended; i++) {
        unwinder->copy_ended = requests[i].failed;
        unwinder->copy_size += requests[i].failed ? 0 : requests[i].size;
    }
}

static bool read_word(void *context, uint64_t address, uint64_t *ret_value)
{
    struct unwinder *unwinder = context;
    uint64_t within = address - unwinder->copy_start;
    while (within < COPY_MAX && within + 8 > unwinder->copy_size && !unwinder->copy_ended)
        extend_copy(unwinder);
    if (within < COPY_MAX && within + 8 <= unwinder->copy_size) {
        memcpy(ret_value, unwinder->copy + within, 8);
        return true;
    }
    if (unwinder->error || unwinder->copy_only)
        return false;
    /* Elsewhere: the stack before a signal's own, or memory that hand-written code keeps a pointer in. */
    struct error *error = memory_read_u64(unwinder->memory, address, ret_value);
    if (!error)
        return true;
    if (error->kind == ERROR_FAULT)
        error_destroy(error);
    else
        unwinder->error = error;
    return false;
}

/* ---- rows ---- */

/* By `frames`, if they are there and say something of the address: else *ret_row stays as it is. */
static struct error *look_up_in(struct call_frames *frames, uint64_t link_address, struct known_row *ret_row)
{
    struct error *error = frames ? call_frames_find(frames, link_address, &ret_row->row) : NULL;
    if (error && error->kind == ERROR_NO_MEMORY)
        return error;
    ret_row->frames = error ? NULL : frames;
    error_destroy(error);
    return NULL;
}

static struct error *look_up_row(struct unwinder *unwinder, uint64_t address, struct known_row *ret_row)
{
    struct module *module;
    uint32_t index;
    uint64_t link_address;
    *ret_row = (struct known_row){0};
    struct error *error = modules_find(unwinder->modules, address, &module, &index, &link_address);
    if (error)
        return error;
    unwinder->met_unknown |= !module;
    if (!module)
        return NULL;
    error = look_up_in(module->frames, link_address, ret_row);
    if (!error && !ret_row->frames) {
        error = modules_open_debug_frames(unwinder->modules, module);
        if (!error)
            error = look_up_in(module->debug_frames, link_address, ret_row);
    }
    ret_row->function = ret_row->row.function + (address - link_address);
    return error;
}

/* The pointer holds until the next call. */
static struct error *find_row(struct unwinder *unwinder, uint64_t address, const struct known_row **ret_row)
{
    const uint64_t *found = table_find(&unwinder->by_address, address);
    if (found) {
        *ret_row = &unwinder->rows.items[*found];
        return NULL;
    }
    if (unwinder->rows.count >= MAX_ROWS)
        unwinder_forget(unwinder);
    struct known_row row;
    struct error *error = look_up_row(unwinder, address, &row);
    if (error)
        return error;
    uint64_t *place = vector_append(&unwinder->rows, row) ? table_insert(&unwinder->by_address, address, NULL) : NULL;
    if (!place)
        return error_no_memory();
    *place = unwinder->rows.count - 1;
    *ret_row = &unwinder->rows.items[*place];
    return NULL;
}

/* ---- frames ---- */

/* Code of which nothing is said, as just-in-time compilers make it, mostly keeps a frame pointer. */
static enum unwind_end step_by_frame_pointer(struct unwinder *unwinder, struct call_frame_state *state)
{
    uint64_t pointer = state->registers[CALL_FRAME_RBP], sp = state->registers[CALL_FRAME_RSP], before, address;
    if (!(state->known >> CALL_FRAME_RBP & 1) || pointer < sp || pointer - sp > COPY_MAX || pointer % 8 != 0)
        return UNWIND_NO_FRAMES;
    if (!read_word(unwinder, pointer, &before) || !read_word(unwinder, pointer + 8, &address))
        return UNWIND_NOT_READ;
    state->registers[CALL_FRAME_RBP] = before;
    state->registers[CALL_FRAME_RSP] = pointer + 16;
    state->registers[CALL_FRAME_RIP] = address;
    state->known = 1u << CALL_FRAME_RBP | 1u << CALL_FRAME_RSP | 1u << CALL_FRAME_RIP;
    return UNWIND_COMPLETE;
}

/* Whether the way to the frame outside is told by a register that is not known. */
static bool needs_lost_register(const struct call_frame_row *row, const struct call_frame_state *state)
{
    return row->cfa.kind == RULE_REGISTER && !(state->known >> row->cfa.reg & 1);
}

/* Leaves one frame. UNWIND_COMPLETE: there is one outside, or, with no address known, none. */
static enum unwind_end step(struct unwinder *unwinder, const struct known_row *row, struct call_frame_state *state)
{
    struct call_frame_state caller;
    uint64_t sp = state->registers[CALL_FRAME_RSP];
    if (!row->frames)
        return step_by_frame_pointer(unwinder, state);
    if (!call_frames_step(row->frames, &row->row, state, &caller))
        return needs_lost_register(&row->row, state) ? UNWIND_LOST_REGISTER : UNWIND_NOT_READ;
    bool is_outermost = !(caller.known >> CALL_FRAME_RIP & 1);
    /* Outwards is upwards, but for a signal that was taken on a stack of its own. */
    if (!is_outermost && caller.registers[CALL_FRAME_RSP] <= sp && !row->row.is_signal_frame)
        return UNWIND_NONSENSE;
    *state = caller;
    return UNWIND_COMPLETE;
}

struct walk {
    struct call_frame_state state;
    uint64_t *pcs;              /* UNWIND_MAX_FRAMES. */
    size_t count;
    enum unwind_end end;
    bool is_exact;              /* The address is where the thread was, not where a call returns to. */
};

/* Walks outwards as far as it goes; when a register is lost, *ret_row is how the frame that it stands at is left. */
static struct error *walk_out(struct unwinder *unwinder, struct walk *walk, struct known_row *ret_row)
{
    walk->end = UNWIND_COMPLETE;
    while (walk->end == UNWIND_COMPLETE) {
        uint64_t address = walk->state.registers[CALL_FRAME_RIP];
        /* A stack can also end with a 0 that whoever made it has put there. */
        if (!(walk->state.known >> CALL_FRAME_RIP & 1) || address == 0)
            break;
        if (walk->count == UNWIND_MAX_FRAMES) {
            walk->end = UNWIND_TOO_DEEP;
            break;
        }
        const struct known_row *row;
        struct error *error = find_row(unwinder, address - !walk->is_exact, &row);
        if (error)
            return error;
        bool is_signal_frame = row->frames && row->row.is_signal_frame;
        /* Nobody has called a signal's return: the kernel has put its first instruction there. */
        walk->pcs[walk->count] = is_signal_frame ? address : address - !walk->is_exact;
        *ret_row = *row;
        walk->end = step(unwinder, row, &walk->state);
        if (unwinder->error)
            return take_pointer(unwinder->error);
        if (walk->end == UNWIND_LOST_REGISTER)
            break;
        walk->count++;
        walk->is_exact = is_signal_frame;
    }
    return NULL;
}

/* ---- a lost frame pointer ---- */

/* Where the frame of a function would be that keeps a frame pointer, if its return address lay in this word. */
static struct walk with_frame_pointer(const struct walk *walk, const struct known_row *row, uint64_t cfa, uint64_t *pcs)
{
    struct walk other = *walk;
    other.state.registers[CALL_FRAME_RBP] = cfa - (uint64_t)row->row.cfa.offset;
    other.state.known |= 1u << CALL_FRAME_RBP;
    other.pcs = pcs;
    return other;
}

struct search {
    const struct walk *walk;
    const struct known_row *row;        /* Of the frame to be left. */
    uint64_t chosen;                    /* Its CFA; 0: none was found yet. */
    bool is_ambiguous;
    unsigned tries;
    uint64_t pcs[UNWIND_MAX_FRAMES];    /* The whole way out from there. */
    size_t count;
};

static bool is_on_way(const struct search *search, uint64_t address)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->pcs[i] == address - 1)
            return true;
    }
    return false;
}

/* Holds a place that the return address may have against the first that was found. */
static struct error *try_place(struct unwinder *unwinder, struct search *search, uint64_t cfa, uint64_t address)
{
    uint64_t pcs[UNWIND_MAX_FRAMES];
    struct known_row ignored;
    struct walk walk = with_frame_pointer(search->walk, search->row, cfa, search->chosen ? pcs : search->pcs);
    struct error *error = walk_out(unwinder, &walk, &ignored);
    if (error || walk.end != UNWIND_COMPLETE)
        return error;
    if (search->chosen) {
        search->is_ambiguous |= !is_on_way(search, address);
        return NULL;
    }
    search->chosen = cfa;
    search->count = walk.count;
    return NULL;
}

/* Of a frame whose pointer only a stop would tell: goes up the stack to the return address that it must have. The first
 * behind a call of this very function is it. One behind a call through a pointer is it if the way out from there is
 * whole, and leads over all others of which that is true. (What earlier calls have left behind could deceive: hence it
 * is said.) */
static struct error *search_frame_pointer(struct unwinder *unwinder, struct walk *walk, const struct known_row *row,
                                          bool *ret_found)
{
    struct search search = {.walk = walk, .row = row};
    uint64_t sp = walk->state.registers[CALL_FRAME_RSP], address;
    *ret_found = false;
    if (row->row.cfa.kind != RULE_REGISTER || row->row.cfa.reg != CALL_FRAME_RBP)
        return NULL;
    /* The ABI has stacks aligned to 16 bytes where functions are called. */
    for (uint64_t cfa = (sp + 23) & ~UINT64_C(15); cfa - sp < SEARCH_BYTES && read_word(unwinder, cfa - 8, &address);
         cfa += 16) {
        enum call_site site;
        if (!modules_hold(unwinder->modules, address - 1))
            continue;
        struct error *error = call_site_look(unwinder->memory, address, row->function, &site);
        if (!error && site == CALL_SITE_OF_FUNCTION) {
            search.is_ambiguous |= search.chosen && !is_on_way(&search, address);
            search.chosen = search.chosen ? search.chosen : cfa;
            break;
        }
        if (!error && site == CALL_SITE_ANY && search.tries++ < MAX_TRIES)
            error = try_place(unwinder, &search, cfa, address);
        if (error)
            return error;
    }
    if (unwinder->error)
        return take_pointer(unwinder->error);
    if (!search.chosen || search.is_ambiguous)
        return NULL;
    *walk = with_frame_pointer(walk, row, search.chosen, walk->pcs);
    *ret_found = true;
    return NULL;
}

/* From a copy that has been begun. */
static struct error *unwind_begun(struct unwinder *unwinder, const uint64_t *registers, uint32_t known,
                                  uint64_t pcs[UNWIND_MAX_FRAMES], size_t *ret_count, enum unwind_end *ret_end)
{
    struct walk walk = {
        .state = {.known = known, .read = read_word, .context = unwinder}, .pcs = pcs, .is_exact = true};
    memcpy(walk.state.registers, registers, sizeof(walk.state.registers));
    unwinder->copy_start = walk.state.registers[CALL_FRAME_RSP];
    unwinder->error = NULL;
    bool found = true, deduced = false;
    struct known_row row;
    struct error *error = walk_out(unwinder, &walk, &row);
    while (!error && walk.end == UNWIND_LOST_REGISTER && found) {
        error = search_frame_pointer(unwinder, &walk, &row, &found);
        deduced |= found;
        if (!error && found)
            error = walk_out(unwinder, &walk, &row);
    }
    if (error)
        return error;
    /* The frame that could not be left is known itself. */
    *ret_count = walk.count + (walk.end == UNWIND_LOST_REGISTER);
    *ret_end = walk.end == UNWIND_COMPLETE && deduced ? UNWIND_DEDUCED : walk.end;
    return NULL;
}

struct error *unwind(struct unwinder *unwinder, const uint64_t *registers, uint32_t known,
                     uint64_t pcs[UNWIND_MAX_FRAMES], size_t *ret_count, enum unwind_end *ret_end)
{
    unwinder->copy_size = 0;
    unwinder->copy_ended = unwinder->copy_only = false;
    return unwind_begun(unwinder, registers, known, pcs, ret_count, ret_end);
}

struct error *unwind_copy(struct unwinder *unwinder, const struct stack_copy *copy, uint64_t pcs[UNWIND_MAX_FRAMES],
                          size_t *ret_count, enum unwind_end *ret_end)
{
    unwinder->copy_size = copy->size < COPY_MAX ? copy->size : COPY_MAX;
    unwinder->copy_ended = unwinder->copy_only = true;
    memcpy(unwinder->copy, copy->bytes, unwinder->copy_size);
    return unwind_begun(unwinder, copy->registers, copy->known, pcs, ret_count, ret_end);
}
