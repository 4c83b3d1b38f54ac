#include "attach/probe/preload_reader.h"

#include <string.h>

#include "attach/probe/preload_channel.h"
#include "attach/probe/sampled_blocks.h"
#include "heaptop/base/units.h"

/* Fetched at once at most, so that a command that allocates without end does not keep heaptop from all else. */
#define MAX_FETCHED 4096u

#define LOOK_NS UINT64_C(20000000)
/* Until the library has begun: a program that ends soon shall have been seen with its code. And so many times at most,
 * as some never load it. */
#define FIRST_LOOK_NS UINT64_C(2000000)
#define MAX_FIRST_LOOKS 1000u

struct preload_reader {
    struct preload *preload;
    struct sampled_blocks blocks;   /* Their tags are slots. */
    uint32_t program;
    unsigned first_looks;           /* While there was none. */
    uint64_t samples;
    bool has_profile;               /* The last sample's was this one. */
};

struct error *preload_reader_create(struct preload *preload, struct native_stacks *stacks,
                                    struct preload_reader **ret_reader)
{
    struct preload_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return error_no_memory();
    reader->preload = preload;
    struct error *error = sampled_blocks_init(&reader->blocks, stacks);
    if (error) {
        free(reader);
        return error;
    }
    *ret_reader = reader;
    return NULL;
}

void preload_reader_destroy(struct preload_reader *reader)
{
    if (!reader)
        return;
    sampled_blocks_deinit(&reader->blocks);
    free(reader);
}

/* The first samples of a program find all that it was started with mapped. */
static struct error *follow_program(struct preload_reader *reader, const struct preload_channel_state *state)
{
    if (state->program == reader->program)
        return NULL;
    reader->program = state->program;
    sampled_blocks_clear(&reader->blocks);
    struct error *error = native_stacks_prepare(reader->blocks.stacks);
    if (error && error->kind == ERROR_NO_MEMORY)
        return error;
    error_destroy(error);
    return NULL;
}

static struct error *unwind_event(struct preload_reader *reader, const struct preload_event *event,
                                  const struct preload_channel_state *state)
{
    const struct stack_copy copy = {.registers = event->registers,
                                    .known = PRELOAD_KNOWN_REGISTERS,
                                    .bytes = event->stack,
                                    .size = event->stack_bytes};
    const struct sampled_block block = {
        .serial = event->serial, .address = event->address, .size = event->size, .tag = event->slot};
    return sampled_blocks_fetch(&reader->blocks, &copy, state->code_start, state->code_end, &block);
}

uint64_t preload_reader_look_interval(const struct preload_reader *reader)
{
    return reader->program == 0 && reader->first_looks < MAX_FIRST_LOOKS ? FIRST_LOOK_NS : LOOK_NS;
}

struct error *preload_reader_look(struct preload_reader *reader)
{
    struct preload_channel_state state;
    struct preload_event event;
    preload_read_state(reader->preload, &state);
    struct error *error = follow_program(reader, &state);
    reader->first_looks += reader->program == 0;
    size_t fetched = 0;
    while (!error && fetched < MAX_FETCHED && preload_next(reader->preload, &event)) {
        error = unwind_event(reader, &event, &state);
        fetched++;
    }
    reader->samples += fetched;
    return error ? error : sampled_blocks_count(&reader->blocks);
}

static bool is_live(const void *context, const struct sampled_block *block)
{
    const struct preload_reader *reader = context;
    return preload_is_live(reader->preload, block->tag, block->serial, block->address);
}

static void tell_dropped(const struct preload_channel_state *state, struct snapshot *snapshot)
{
    char count[32], bytes[32];
    if (state->dropped == 0)
        return;
    snapshot_add_problem(
        snapshot, "%s samples of allocations were dropped, for about %s: heaptop came too late for them",
        units_format_exact(count, (int64_t)state->dropped), units_format_bytes(bytes, (double)state->dropped_bytes));
}

/* A program that the library is not in has no profile. */
static void tell_absence(const struct preload_channel_state *state, struct snapshot *snapshot)
{
    snapshot->profile_reason =
        state->state == PRELOAD_FAILED
            ? arena_printf(&snapshot->arena,
                           "its allocations are not sampled: the preloaded library could not begin: %s",
                           strerror(state->failure))
            : "its allocations are not sampled: the preloaded library is not in this program, which is static, for "
              "another "
              "kind of machine, may do more than who started it, or is still starting";
}

static struct error *fill(struct preload_reader *reader, const struct preload_channel_state *state,
                          struct snapshot *snapshot)
{
    sampled_blocks_sweep(&reader->blocks, is_live, reader);
    tell_dropped(state, snapshot);
    reader->has_profile = true;
    return allocation_sites_fill(reader->blocks.sites, preload_rate(reader->preload), snapshot);
}

struct error *preload_reader_sample(struct preload_reader *reader, struct snapshot *snapshot)
{
    struct preload_channel_state state;
    bool is_there = false;
    struct error *error = preload_reader_look(reader);
    preload_read_state(reader->preload, &state);
    reader->has_profile = false;
    /* Its state is that of the program before where this one has not loaded it. */
    if (!error && state.state == PRELOAD_AT_WORK && state.program == reader->program)
        error = native_stacks_hold(reader->blocks.stacks, state.code_end - 1, &is_there);
    if (error && error->kind == ERROR_NO_MEMORY)
        return error;
    error_destroy(error);
    if (is_there)
        return fill(reader, &state, snapshot);
    tell_absence(&state, snapshot);
    return NULL;
}

struct error *preload_reader_finish(struct preload_reader *reader, struct snapshot *snapshot)
{
    struct preload_channel_state state;
    struct error *error = NULL;
    bool had_profile = reader->has_profile || snapshot->num_sites == 0;
    for (size_t before = SIZE_MAX; !error && had_profile && reader->samples != before;) {
        before = reader->samples;
        error = preload_reader_look(reader);
    }
    preload_read_state(reader->preload, &state);
    return error || !had_profile || state.state != PRELOAD_AT_WORK ? error : fill(reader, &state, snapshot);
}
