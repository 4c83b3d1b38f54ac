#include "record/thread_rows.h"

#include <string.h>

#include "record/schema.h"
#include "record/tick_span.h"

/* Of thread.proc. */
#define NO_PROC (-1)

/* ---- threads, written ---- */

static bool thread_matches(const void *threads, size_t index, const uint32_t *words)
{
    const struct written_thread *written = &((const struct written_thread *)threads)[index];
    return (uint32_t)written->tid == words[0] && written->name == words[1];
}

static struct written_thread *find_written(struct tick_writer *writer, const struct thread *thread)
{
    const uint32_t words[] = {(uint32_t)thread->tid, thread->name};
    uint64_t *place = tick_writer_find_identity(&writer->threads_by_identity, words, ARRAY_SIZE(words), thread_matches,
                                                writer->threads.items);
    if (place && *place != 0)
        return &writer->threads.items[*place - 1];
    if (!place || !vector_append(&writer->threads, (struct written_thread){.tid = thread->tid, .name = thread->name})) {
        tick_writer_out_of_memory(writer);
        return NULL;
    }
    *place = writer->threads.count;
    return &writer->threads.items[writer->threads.count - 1];
}

/* ---- what many have in common ---- */

static bool state_matches(const void *states, size_t index, const uint32_t *words)
{
    return memcmp(((const struct written_thread_state *)states)[index].words, words,
                  sizeof(((struct written_thread_state *)0)->words)) == 0;
}

static void write_state(struct tick_writer *writer, const struct thread *thread, int64_t id)
{
    const int64_t columns[] = {tick_writer_string(writer, thread->system_call),
                               tick_writer_string(writer, thread->wait_channel), thread->role, thread->machine,
                               (int64_t)thread->locked_goid, dictionary_stack(&writer->dictionary, thread->stack),
                               thread->stack_quality};
    struct row row = tick_writer_begin(writer, INSERT_THREAD_STATE);
    row_integer(&row, id);
    row_text(&row, &thread->state, thread->state ? 1 : 0);
    row_integers(&row, columns, ARRAY_SIZE(columns));
    row_done(&row);
}

/* The row of what this thread is at, which is written once however many are, and however often. */
static int64_t find_state(struct tick_writer *writer, const struct thread *thread)
{
    struct written_thread_state state = {
        .words = {(unsigned char)thread->state, thread->system_call, thread->wait_channel, thread->role,
                  (uint32_t)thread->machine, (uint32_t)((uint64_t)thread->machine >> 32),
                  (uint32_t)thread->locked_goid, (uint32_t)(thread->locked_goid >> 32), thread->stack,
                  thread->stack_quality}};
    uint64_t *place = tick_writer_find_identity(&writer->thread_states_by_words, state.words, ARRAY_SIZE(state.words),
                                                state_matches, writer->thread_states.items);
    if (place && *place != 0)
        return writer->thread_states.items[*place - 1].id;
    state.id = ++writer->last_thread_state;
    if (!place || !vector_append(&writer->thread_states, state)) {
        tick_writer_out_of_memory(writer);
        return 0;
    }
    *place = writer->thread_states.count;
    write_state(writer, thread, state.id);
    return state.id;
}

/* ---- threads, from tick to tick ---- */

static void write_read(struct tick_writer *writer, struct written_thread *written, const struct snapshot *snapshot,
                       const struct thread *thread, bool is_new)
{
    int64_t read_ns = thread->read_monotonic_ns == snapshot->monotonic_ns ? -1 : (int64_t)thread->read_monotonic_ns;
    /* Most are read when the tick is, for which there is no row. */
    int64_t before = writer->keyframe || is_new ? -1 : written->read_monotonic_ns;
    written->read_monotonic_ns = read_ns;
    if (read_ns == before)
        return;
    struct row row = tick_writer_begin(writer, INSERT_THREAD_READ);
    row_integer(&row, tick_writer_key(writer, written->id));
    if (read_ns == -1)
        row_null(&row);
    else
        row_integer(&row, read_ns);
    row_done(&row);
}

static void write_thread(struct tick_writer *writer, const struct snapshot *snapshot, const struct thread *thread)
{
    struct written_thread *written = find_written(writer, thread);
    if (!written || (written->present && written->seen_in == writer->tick))
        return;
    bool is_new = written->id == 0;
    if (is_new && writer->last_thread == RECORD_MAX_IDENTITY)
        return;
    if (is_new) {
        const int64_t identity[] = {++writer->last_thread, thread->tid, tick_writer_string(writer, thread->name)};
        written->id = identity[0];
        struct row row = tick_writer_begin(writer, INSERT_THREAD);
        row_integers(&row, identity, ARRAY_SIZE(identity));
        row_done(&row);
    }
    const int64_t values[] = {find_state(writer, thread), (int64_t)(thread->cpu_ns / 1000), thread->processor,
                              (int64_t)thread->goid, thread->proc};
    if (writer->keyframe || is_new || !written->present || memcmp(values, written->values, sizeof(values)) != 0) {
        struct row row = tick_writer_begin(writer, INSERT_THREAD_VALUES);
        row_integer(&row, tick_writer_key(writer, written->id));
        row_integers(&row, values, ARRAY_SIZE(values) - 1);
        if (thread->proc == NO_PROC)
            row_null(&row);
        else
            row_integer(&row, thread->proc);
        row_done(&row);
    }
    write_read(writer, written, snapshot, thread, is_new);
    memcpy(written->values, values, sizeof(values));
    written->present = true;
    written->seen_in = writer->tick;
}

void thread_rows_write(struct tick_writer *writer, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->num_threads; i++)
        write_thread(writer, snapshot, &snapshot->threads[i]);
    for (size_t i = 0; i < writer->threads.count; i++) {
        struct written_thread *thread = &writer->threads.items[i];
        if (!thread->present || thread->seen_in == writer->tick)
            continue;
        thread->present = false;
        if (writer->keyframe)
            continue;
        struct row row = tick_writer_begin(writer, INSERT_THREAD_VALUES);
        row_integer(&row, tick_writer_key(writer, thread->id));
        row_nulls(&row, ARRAY_SIZE(thread->values));
        row_done(&row);
    }
}

/* ---- threads, read ---- */

static struct read_thread *find_read(struct tick_reader *reader, int64_t id)
{
    struct row row;
    if (id > RECORD_MAX_IDENTITY) {
        reader->damaged++;
        return NULL;
    }
    if (!TICK_READER_GROW(reader, &reader->threads, (size_t)id + 1))
        return NULL;
    struct read_thread *thread = &reader->threads.items[id];
    if (thread->id == id && id != 0)
        return thread;
    if (!tick_reader_find_row(reader, SELECT_THREAD, id, &row)) {
        reader->damaged++;
        return NULL;
    }
    int64_t tid = sqlite3_column_int64(row.statement, 0), name = sqlite3_column_int64(row.statement, 1);
    row_reset(&row);
    *thread = (struct read_thread){.id = id, .thread = {.tid = (pid_t)tid, .name = names_string(&reader->names, name)}};
    return thread;
}

/* One printable character. */
static char read_state(const struct span *span)
{
    const unsigned char *text = sqlite3_column_text(span->row.statement, 1);
    if (!text || !text[0])
        return '\0';
    return text[0] > ' ' && text[0] < 0x7f ? (char)text[0] : '?';
}

static void read_values(struct tick_reader *reader, int64_t first, int64_t last)
{
    struct span span = span_keys(reader, SELECT_THREAD_VALUES, first, last);
    while (span_next(&span)) {
        struct read_thread *place = find_read(reader, span_key(&span));
        if (!place)
            continue;
        struct thread *thread = &place->thread;
        int64_t system_call = span_integer(&span, 4), wait_channel = span_integer(&span, 5);
        int64_t stack = span_integer(&span, 11), quality = span_integer(&span, 12);
        place->present = !span_is_null(&span, 1);
        thread->state = read_state(&span);
        thread->cpu_ns = (uint64_t)span_integer(&span, 2);
        thread->processor = (int)span_integer(&span, 3);
        thread->goid = (uint64_t)span_integer(&span, 6);
        int64_t role = span_integer(&span, 7), proc = span_integer(&span, 8);
        thread->role = role >= 0 && role < THREAD_ROLES ? (uint8_t)role : THREAD_ROLE_UNKNOWN;
        thread->proc = proc >= NO_PROC && proc <= RECORD_MAX_IDENTITY ? (int32_t)proc : NO_PROC;
        thread->machine = span_integer(&span, 9);
        thread->locked_goid = (uint64_t)span_integer(&span, 10);
        thread->stack_quality = quality >= STACK_WHOLE && quality <= STACK_CUT ? (uint8_t)quality : STACK_CUT;
        thread->system_call = names_string(&reader->names, system_call);
        thread->wait_channel = names_string(&reader->names, wait_channel);
        thread->stack = names_stack(&reader->names, stack);
    }
}

void thread_rows_read(struct tick_reader *reader, int64_t first, int64_t last)
{
    read_values(reader, first, last);
    struct span span = span_keys(reader, SELECT_THREAD_READS, first, last);
    while (span_next(&span)) {
        struct read_thread *place = find_read(reader, span_key(&span));
        if (!place)
            continue;
        place->has_read_time = !span_is_null(&span, 1);
        place->thread.read_monotonic_ns = (uint64_t)span_integer(&span, 1);
    }
}

void thread_rows_forget(struct tick_reader *reader)
{
    for (size_t i = 0; i < reader->threads.count; i++)
        reader->threads.items[i].present = reader->threads.items[i].has_read_time = false;
}

/* ---- Ps, written ---- */

static bool same_proc(const struct proc *a, const struct proc *b)
{
    return a->state == b->state && a->queue == b->queue && a->machine == b->machine && a->tid == b->tid &&
           a->goid == b->goid;
}

static bool same_ticks(const struct proc *a, const struct proc *b)
{
    return a->schedule_ticks == b->schedule_ticks && a->system_call_ticks == b->system_call_ticks;
}

static void write_proc(struct tick_writer *writer, size_t i, const struct proc *proc, const struct proc *before)
{
    int64_t key = tick_writer_key(writer, (int64_t)i);
    if (!before || !same_proc(proc, before)) {
        struct row row = tick_writer_begin(writer, INSERT_PROC);
        row_integers(
            &row, (const int64_t[]){key, proc->state, proc->queue, proc->machine, proc->tid, (int64_t)proc->goid}, 6);
        row_done(&row);
    }
    if (!before || !same_ticks(proc, before)) {
        struct row row = tick_writer_begin(writer, INSERT_PROC_TICKS);
        row_integers(&row, (const int64_t[]){key, proc->schedule_ticks, proc->system_call_ticks}, 3);
        row_done(&row);
    }
}

/* Those that changed; a state of NULL where there is no such P any more. */
void proc_rows_write(struct tick_writer *writer, const struct snapshot *snapshot)
{
    size_t count = snapshot->num_procs, known = writer->procs.count;
    if (!vector_reserve(&writer->procs, count)) {
        tick_writer_out_of_memory(writer);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        write_proc(writer, i, &snapshot->procs[i],
                   !writer->keyframe && i < known ? &writer->procs.items[i] : NULL);
        writer->procs.items[i] = snapshot->procs[i];
    }
    for (size_t i = count; i < known && !writer->keyframe; i++) {
        struct row row = tick_writer_begin(writer, INSERT_PROC);
        row_integer(&row, tick_writer_key(writer, (int64_t)i));
        row_nulls(&row, 5);
        row_done(&row);
    }
    writer->procs.count = count;
}

/* ---- Ps, read ---- */

static void read_procs(struct tick_reader *reader, int64_t first, int64_t last)
{
    struct span span = span_keys(reader, SELECT_PROCS, first, last);
    while (span_next(&span)) {
        int64_t id = span_key(&span), state = span_integer(&span, 1), queue = span_integer(&span, 2),
                tid = span_integer(&span, 4);
        if (id >= RECORD_MAX_PROCS || state < 0 || state >= PROC_STATES || queue < 0 || queue > UINT32_MAX || tid < 0 ||
            tid > INT32_MAX) {
            reader->damaged++;
            continue;
        }
        if (!TICK_READER_GROW(reader, &reader->procs, (size_t)id + 1))
            return;
        struct read_proc *place = &reader->procs.items[id];
        place->present = !span_is_null(&span, 1);
        place->proc.id = (uint32_t)id;
        place->proc.state = (uint8_t)state;
        place->proc.queue = (uint32_t)queue;
        place->proc.machine = span_integer(&span, 3);
        place->proc.tid = (pid_t)tid;
        place->proc.goid = (uint64_t)span_integer(&span, 5);
    }
}

void proc_rows_read(struct tick_reader *reader, int64_t first, int64_t last)
{
    read_procs(reader, first, last);
    struct span span = span_keys(reader, SELECT_PROC_TICKS, first, last);
    while (span_next(&span)) {
        int64_t id = span_key(&span);
        if (id >= (int64_t)reader->procs.count) {
            reader->damaged++;
            continue;
        }
        reader->procs.items[id].proc.schedule_ticks = (uint32_t)span_integer(&span, 1);
        reader->procs.items[id].proc.system_call_ticks = (uint32_t)span_integer(&span, 2);
    }
}
