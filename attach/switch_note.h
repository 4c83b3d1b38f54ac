/* Notes of what heaptop has switched on in other processes, kept in files so that the next heaptop can undo it when
 * this one and its guardian were killed: one file a process, locked for as long as one of the two looks after it. */
#ifndef HEAPTOP_ATTACH_SWITCH_NOTE_H
#define HEAPTOP_ATTACH_SWITCH_NOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "attach/memory.h"
#include "attach/target.h"

#define SWITCH_BOOT_ID_SIZE 40
#define SWITCH_NOTE_NAME 64

struct switch_note {
    char boot_id[SWITCH_BOOT_ID_SIZE];  /* Of the boot that the pid and start_ticks belong to. */
    pid_t pid;
    uint64_t start_ticks;
    struct program_identity program;
    remote_address address;             /* Of runtime.MemProfileRate. */
    uint64_t rate;                      /* What was written there; it was 0. */
    uint64_t since_unix_ns;
};

/* A note's file, open and locked. The lock belongs to the open file and so also to a process forked meanwhile: it is
 * let go when the last of them is gone. */
struct switch_file {
    int folder, file;
    char name[SWITCH_NOTE_NAME];
};
#define SWITCH_FILE_NONE ((struct switch_file){.folder = -1, .file = -1})

/* Fills in what tells this process from all others, now and later. */
struct error *switch_note_begin(const struct target *target, struct switch_note *ret_note);

/* Writes the note. In the first of these folders that is there or can be made, and is its user's alone: /run/heaptop of
 * root, $XDG_RUNTIME_DIR/heaptop, /run/user/UID/heaptop, /dev/shm/heaptop-UID, /tmp/heaptop-UID. ERROR_USAGE when
 * another heaptop holds one for this process; ERROR_SYSTEM where there is no such folder. */
struct error *switch_file_create(const struct switch_note *note, struct switch_file *ret_file);
/* Removes the note. Only system calls, for use after a fork. Accepts SWITCH_FILE_NONE. */
void switch_file_remove(struct switch_file *file);
/* Leaves it for the next heaptop. */
void switch_file_close(struct switch_file *file);

/* The note that some heaptop holds for this process. */
bool switch_note_find(const struct target *target, struct switch_note *ret_note);

/* Goes over the notes that nobody looks after any more, each open and locked. The visitor owns the file; what it does
 * not remove it closes. */
typedef void switch_note_visitor(void *context, const struct switch_note *note, struct switch_file *file);
void switch_notes_visit_left(switch_note_visitor *visit, void *context);

#endif
