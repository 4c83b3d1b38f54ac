#include "record/thread_rows.h"

#include <string.h>

#include "record/schema.h"
#include "record/tick_span.h"

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

/* Values of a thread that may change, as written. */
#define THREAD_VALUES ARRAY_SIZE(((struct written_thread *)0)->values)

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
    /* Most are read when the tick is: that is 0, which does not change. */
    const int64_t values[] = {thread->state,
                              (int64_t)thread->cpu_ns,
                              thread->processor,
                              tick_writer_string(writer, thread->system_call),
                              tick_writer_string(writer, thread->wait_channel),
                              (int64_t)thread->goid,
                              thread->role,
                              thread->proc,
                              thread->machine,
                              (int64_t)thread->locked_goid,
                              thread->read_monotonic_ns == snapshot->monotonic_ns ? -1
                                                                                  : (int64_t)thread->read_monotonic_ns};
    if (writer->keyframe || is_new || !written->present || memcmp(values, written->values, sizeof(values)) != 0) {
        struct row row = tick_writer_begin(writer, INSERT_THREAD_VALUES);
        row_integer(&row, tick_writer_key(writer, written->id));
        row_text(&row, &thread->state, thread->state ? 1 : 0);
        row_integers(&row, values + 1, THREAD_VALUES - 2);
        if (values[THREAD_VALUES - 1] == -1)
            row_null(&row);
        else
            row_integer(&row, values[THREAD_VALUES - 1]);
        row_done(&row);
    }
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
        row_nulls(&row, THREAD_VALUES);
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

void thread_rows_read(struct tick_reader *reader, int64_t first, int64_t last)
{
    struct span span = span_keys(reader, SELECT_THREAD_VALUES, first, last);
    while (span_next(&span)) {
        struct read_thread *place = find_read(reader, span_key(&span));
        if (!place)
            continue;
        struct thread *thread = &place->thread;
        int64_t system_call = span_integer(&span, 4), wait_channel = span_integer(&span, 5);
        place->present = !span_is_null(&span, 1);
        place->has_read_time = !span_is_null(&span, 11);
        thread->state = read_state(&span);
        thread->cpu_ns = (uint64_t)span_integer(&span, 2);
        thread->processor = (int)span_integer(&span, 3);
        thread->goid = (uint64_t)span_integer(&span, 6);
        int64_t role = span_integer(&span, 7), proc = span_integer(&span, 8);
        thread->role = role >= 0 && role < THREAD_ROLES ? (uint8_t)role : THREAD_ROLE_UNKNOWN;
        thread->proc = proc >= -1 && proc <= RECORD_MAX_IDENTITY ? (int32_t)proc : -1;
        thread->machine = span_integer(&span, 9);
        thread->locked_goid = (uint64_t)span_integer(&span, 10);
        thread->read_monotonic_ns = (uint64_t)span_integer(&span, 11);
        thread->system_call = names_string(&reader->names, system_call);
        thread->wait_channel = names_string(&reader->names, wait_channel);
    }
}

/* ---- Ps, written ---- */

static bool same_proc(const struct proc *a, const struct proc *b)
{
    return a->state == b->state && a->queue == b->queue && a->machine == b->machine && a->tid == b->tid &&
           a->goid == b->goid && a->schedule_ticks == b->schedule_ticks && a->system_call_ticks == b->system_call_ticks;
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
        const struct proc *proc = &snapshot->procs[i];
        if (!writer->keyframe && i < known && same_proc(proc, &writer->procs.items[i]))
            continue;
        writer->procs.items[i] = *proc;
        struct row row = tick_writer_begin(writer, INSERT_PROC);
        row_integers(&row,
                 (const int64_t[]){tick_writer_key(writer, (int64_t)i), proc->state, proc->queue, proc->machine, proc->tid,
                                   (int64_t)proc->goid, proc->schedule_ticks, proc->system_call_ticks},
                 8);
        row_done(&row);
    }
    for (size_t i = count; i < known && !writer->keyframe; i++) {
        struct row row = tick_writer_begin(writer, INSERT_PROC);
        row_integer(&row, tick_writer_key(writer, (int64_t)i));
        row_nulls(&row, 7);
        row_done(&row);
    }
    writer->procs.count = count;
}

/* ---- Ps, read ---- */

void proc_rows_read(struct tick_reader *reader, int64_t first, int64_t last)
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
        reader->procs.items[id] = (struct read_proc){
            .present = !span_is_null(&span, 1),
            .proc = {.id = (uint32_t)id,
                     .state = (uint8_t)state,
                     .queue = (uint32_t)queue,
                     .machine = span_integer(&span, 3),
                     .tid = (pid_t)tid,
                     .goid = (uint64_t)span_integer(&span, 5),
                     .schedule_ticks = (uint32_t)span_integer(&span, 6),
                     .system_call_ticks = (uint32_t)span_integer(&span, 7)},
        };
    }
}
