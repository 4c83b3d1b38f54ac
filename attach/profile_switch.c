#include "attach/profile_switch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "attach/guardian.h"
#include "attach/permission.h"
#include "attach/switch_note.h"
#include "heaptop/attach.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"

/* A guardian that is killed again and again is not ours to insist on. */
#define MAX_GUARDIANS 8

struct profile_switch {
    struct target *target;      /* Borrowed. */
    struct changed_word word;
    struct switch_file file;
    struct guardian guardian;
    unsigned guardians;         /* Started so far. */
    uint64_t since_unix_ns;
};

bool profile_switch_rate_is_valid(uint64_t rate)
{
    return rate >= ATTACH_LEAST_PROFILE_RATE && rate <= ATTACH_MOST_PROFILE_RATE && (rate & (rate - 1)) == 0;
}

/* Whether the address space that was opened is that of the program that the address belongs to. */
static struct error *check_program(struct target *target)
{
    struct target_stat stat;
    struct program_identity now;
    struct error *error = target_read_thread_stat(target, &stat);
    if (error)
        return error;
    target_read_program(target, &stat.stat, &now);
    if (!target_is_alive(target))
        return error_create(ERROR_GONE, "process %d ended", (int)target->pid);
    if (stat.stat.start_ticks != target->start_ticks || !program_is_same(&now, &target->program))
        return error_create(ERROR_GONE, "process %d runs another program by now", (int)target->pid);
    return NULL;
}

static struct error *open_memory(struct target *target, int *ret_memory)
{
    _cleanup_close_ int memory = openat(target->folder, "mem", O_RDWR | O_CLOEXEC);
    if (memory < 0 && (errno == EACCES || errno == EPERM))
        return permission_explain(target->pid, "opening /proc/PID/mem", errno);
    if (memory < 0)
        return error_from_errno(errno, "cannot open '/proc/%d/mem'", (int)target->pid);
    struct error *error = check_program(target);
    if (!error)
        *ret_memory = take_descriptor(memory);
    return error;
}

/* A variable lies in memory that the program itself may write. Through /proc/PID/mem the kernel would write elsewhere
 * too. */
static struct error *check_place(struct target *target, remote_address address)
{
    struct maps maps;
    bool is_writable = false;
    struct error *error = maps_read(target->folder, &maps);
    if (error)
        return error;
    for (size_t i = 0; i < maps.lines.count; i++) {
        const struct map_line *line = &maps.lines.items[i];
        if (address >= line->start && address < line->end)
            is_writable = line->end - address >= 8 && line->permissions[0] == 'r' && line->permissions[1] == 'w';
    }
    maps_deinit(&maps);
    if (address % 8 == 0 && is_writable)
        return NULL;
    return error_create_at(ERROR_BAD_DATA, address, "no variable of the program can lie at 0x%" PRIx64, address);
}

static struct error *check_off(const struct changed_word *word, pid_t pid)
{
    uint64_t value;
    if (!changed_word_read(word, &value))
        return error_create(ERROR_GONE, "process %d ended", (int)pid);
    if (value == 0)
        return NULL;
    return error_create(ERROR_USAGE, "it is on already, one sample in %" PRIu64 " bytes: nothing was written", value);
}

static struct error *make_note(struct profile_switch *profile_switch)
{
    struct switch_note note;
    struct error *error = switch_note_begin(profile_switch->target, &note);
    if (error)
        return error;
    note.address = profile_switch->word.address;
    note.rate = profile_switch->word.value;
    note.since_unix_ns = profile_switch->since_unix_ns;
    return switch_file_create(&note, &profile_switch->file);
}

static struct error *start_guardian(struct profile_switch *profile_switch)
{
    profile_switch->guardians++;
    return guardian_start(&profile_switch->word, profile_switch->target->pid_descriptor, &profile_switch->file,
                          &profile_switch->guardian);
}

void profile_switch_off(struct profile_switch *profile_switch)
{
    if (!profile_switch)
        return;
    changed_word_put_back(&profile_switch->word);
    guardian_end(&profile_switch->guardian);
    switch_file_remove(&profile_switch->file);
    close_p(&profile_switch->word.memory);
    free(profile_switch);
}
DEFINE_CLEANUP(struct profile_switch *, profile_switch_off)

struct error *profile_switch_on(struct target *target, remote_address address, uint64_t rate,
                                struct profile_switch **ret_switch)
{
    if (!profile_switch_rate_is_valid(rate))
        return error_create(ERROR_USAGE, "a rate of %" PRIu64 " bytes is not written", rate);
    _cleanup_(profile_switch_offp) struct profile_switch *made = calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory();
    *made = (struct profile_switch){.target = target,
                                    .word = {.memory = -1, .address = address, .value = rate},
                                    .file = SWITCH_FILE_NONE,
                                    .guardian = {.line = -1},
                                    .since_unix_ns = clock_ns(CLOCK_REALTIME)};
    struct error *error = check_place(target, address);
    if (!error)
        error = open_memory(target, &made->word.memory);
    if (!error)
        error = check_off(&made->word, target->pid);
    if (!error)
        error = make_note(made);
    if (!error)
        error = start_guardian(made);
    /* Right before the write once more: the program may have switched it on itself meanwhile. */
    if (!error)
        error = check_off(&made->word, target->pid);
    errno = 0;
    if (!error && !changed_word_write(&made->word, rate))
        error = errno ? error_from_errno(errno, "cannot write to the memory of process %d", (int)target->pid)
                      : error_create(ERROR_GONE, "process %d ended", (int)target->pid);
    if (error) {
        /* What is there is not ours to put back. */
        made->word.value = UINT64_MAX;
        return error;
    }
    *ret_switch = take_pointer(made);
    return NULL;
}

uint64_t profile_switch_rate(const struct profile_switch *profile_switch)
{
    return profile_switch->word.value;
}

uint64_t profile_switch_since(const struct profile_switch *profile_switch)
{
    return profile_switch->since_unix_ns;
}

struct error *profile_switch_keep_guarded(struct profile_switch *profile_switch)
{
    uint64_t value;
    if (guardian_is_there(&profile_switch->guardian) || !changed_word_read(&profile_switch->word, &value))
        return NULL;
    if (profile_switch->guardians < MAX_GUARDIANS)
        return start_guardian(profile_switch);
    return error_create(ERROR_SYSTEM, "the guardian process was killed %u times", profile_switch->guardians);
}

uint64_t profile_switch_find(const struct target *target)
{
    struct switch_note note;
    return switch_note_find(target, &note) ? note.since_unix_ns : 0;
}

/* ---- what an earlier heaptop has left ---- */

struct left {
    unsigned put_back;
    struct error *failure;
};

static bool is_same_boot(const struct target *target, const struct switch_note *note)
{
    struct switch_note now;
    _cleanup_error_ struct error *error = switch_note_begin(target, &now);
    return !error && strcmp(now.boot_id, note->boot_id) == 0;
}

DEFINE_CLEANUP(struct target *, target_close)

/* Puts one back. ERROR_GONE: there is nothing to be put back any more. */
static struct error *put_back(const struct switch_note *note, unsigned *put_back_count)
{
    _cleanup_(target_closep) struct target *target = NULL;
    struct error *error = target_open(note->pid, &target);
    if (error)
        return error;
    if (!is_same_boot(target, note) || target->start_ticks != note->start_ticks ||
        !program_is_same(&target->program, &note->program))
        return error_create(ERROR_GONE, "process %d is another by now", (int)note->pid);
    struct changed_word word = {.memory = -1, .address = note->address, .value = note->rate};
    error = check_place(target, note->address);
    if (!error)
        error = open_memory(target, &word.memory);
    if (error)
        return error;
    *put_back_count += changed_word_put_back(&word);
    close_p(&word.memory);
    return NULL;
}

static void visit_left(void *context, const struct switch_note *note, struct switch_file *file)
{
    struct left *left = context;
    struct error *error = put_back(note, &left->put_back);
    if (error && error->kind != ERROR_GONE && error->kind != ERROR_UNSUPPORTED && error->kind != ERROR_BAD_DATA) {
        /* For one with more rights, or more memory. */
        switch_file_close(file);
        error_destroy(left->failure);
        left->failure = error_prefix(error, "memory profiling that an earlier heaptop switched on in process %d",
                                     (int)note->pid);
        return;
    }
    error_destroy(error);
    switch_file_remove(file);
}

struct error *profiling_put_back_left(unsigned *ret_count)
{
    struct left left = {0};
    switch_notes_visit_left(visit_left, &left);
    *ret_count = left.put_back;
    return left.failure;
}
