#include "attach/switch_note.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach/procfs.h"
#include "heaptop/base/cleanup.h"

#define FIRST_LINE "heaptop switched memory profiling on 1"
#define NAME_PREFIX "profiling-"
#define MAX_FOLDERS 5
#define NOTE_SIZE 1024
/* A file that another removes between our opening and locking it is opened anew, so often. */
#define MAX_TRIES 8
/* Notes looked at in one folder. */
#define MAX_NOTES 1024

/* ---- the folder ---- */

struct folder_list {
    char paths[MAX_FOLDERS][PATH_MAX];
    size_t count;
};

static void add_folder(struct folder_list *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_folder(struct folder_list *list, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(list->paths[list->count], PATH_MAX, format, arguments);
    va_end(arguments);
    if (length > 0 && length < PATH_MAX)
        list->count++;
}

/* Where notes may lie, the best place first: all of these are empty after a boot but the last. */
static void list_folders(struct folder_list *list)
{
    unsigned uid = geteuid();
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    list->count = 0;
    if (uid == 0)
        add_folder(list, "/run/heaptop");
    if (runtime && runtime[0] == '/')
        add_folder(list, "%s/heaptop", runtime);
    add_folder(list, "/run/user/%u/heaptop", uid);
    add_folder(list, "/dev/shm/heaptop-%u", uid);
    add_folder(list, "/tmp/heaptop-%u", uid);
}

/* A folder of ours that nobody else may enter; -1 otherwise. Whoever may write where it lies can have put a link or a
 * folder of their own there: neither is taken. */
static int open_folder(const char *path, bool make)
{
    struct stat status;
    if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
        return -1;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return -1;
    if (fstat(folder, &status) == 0 && status.st_uid == geteuid() && !(status.st_mode & 077))
        return folder;
    close(folder);
    return -1;
}

/* ---- the file ---- */

static void note_name(const struct switch_note *note, char *name)
{
    snprintf(name, SWITCH_NOTE_NAME, NAME_PREFIX "%d-%" PRIu64, (int)note->pid, note->start_ticks);
}

enum lock_result { LOCK_OURS, LOCK_HELD, LOCK_FAILED };

/* Opens a note's file (for reading is enough) and locks it, and makes sure that it is still the one of that name. */
static enum lock_result lock_file(int folder, const char *name, int flags, int *ret_file)
{
    for (unsigned i = 0; i < MAX_TRIES; i++) {
        struct stat opened, named;
        _cleanup_close_ int file = openat(folder, name, O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | flags, 0600);
        if (file < 0 || fstat(file, &opened) != 0 || !S_ISREG(opened.st_mode) || opened.st_uid != geteuid())
            return LOCK_FAILED;
        if (flock(file, LOCK_EX | LOCK_NB) != 0)
            return errno == EWOULDBLOCK ? LOCK_HELD : LOCK_FAILED;
        if (fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_ino == opened.st_ino &&
            named.st_dev == opened.st_dev) {
            *ret_file = take_descriptor(file);
            return LOCK_OURS;
        }
        if (!(flags & O_CREAT))
            return LOCK_FAILED;
    }
    return LOCK_FAILED;
}

static bool write_note(int file, const struct switch_note *note)
{
    char text[NOTE_SIZE];
    int length = snprintf(text, sizeof(text),
                          FIRST_LINE "\nboot_id %s\npid %d\nstart_ticks %" PRIu64 "\ndevice %" PRIu64 "\ninode %" PRIu64
                                     "\nstack_start %" PRIu64 "\naddress %" PRIu64 "\nrate %" PRIu64
                                     "\nsince_unix_ns %" PRIu64 "\n",
                          note->boot_id, (int)note->pid, note->start_ticks, note->program.device, note->program.inode,
                          note->program.stack_start, note->address, note->rate, note->since_unix_ns);
    return length > 0 && length < (int)sizeof(text) && ftruncate(file, 0) == 0 &&
           pwrite(file, text, (size_t)length, 0) == length;
}

static bool read_member(struct scanner *scanner, const char *name, uint64_t *ret_value)
{
    struct scanner line, word;
    return scanner_line(scanner, &line) && scanner_word(&line, &word) && scanner_equals(&word, name) &&
           scanner_number_word(&line, ret_value);
}

static bool parse_note(const char *text, size_t length, struct switch_note *ret_note)
{
    struct switch_note note = {.pid = 0};
    struct scanner scanner = scanner_over(text, length), line, word;
    if (!scanner_line(&scanner, &line) || !scanner_equals(&line, FIRST_LINE))
        return false;
    if (!scanner_line(&scanner, &line) || !scanner_accept_text(&line, "boot_id ") || !scanner_word(&line, &word) ||
        scanner_left(&word) >= sizeof(note.boot_id))
        return false;
    memcpy(note.boot_id, word.next, scanner_left(&word));
    uint64_t pid;
    if (!read_member(&scanner, "pid", &pid) || pid == 0 || pid > INT32_MAX ||
        !read_member(&scanner, "start_ticks", &note.start_ticks) ||
        !read_member(&scanner, "device", &note.program.device) ||
        !read_member(&scanner, "inode", &note.program.inode) ||
        !read_member(&scanner, "stack_start", &note.program.stack_start) ||
        !read_member(&scanner, "address", &note.address) || !read_member(&scanner, "rate", &note.rate) ||
        !read_member(&scanner, "since_unix_ns", &note.since_unix_ns))
        return false;
    note.pid = (pid_t)pid;
    *ret_note = note;
    return note.address % 8 == 0 && note.rate > 0;
}

static bool read_note(int file, struct switch_note *ret_note)
{
    char text[NOTE_SIZE];
    ssize_t length = pread(file, text, sizeof(text), 0);
    return length > 0 && parse_note(text, (size_t)length, ret_note);
}

/* ---- what others call ---- */

struct error *switch_note_begin(const struct target *target, struct switch_note *ret_note)
{
    struct switch_note note = {
        .pid = target->pid, .start_ticks = target->start_ticks, .program = target->program};
    size_t length;
    struct error *error =
        procfs_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", note.boot_id, sizeof(note.boot_id), &length);
    if (error)
        return error;
    note.boot_id[strcspn(note.boot_id, " \n")] = '\0';
    *ret_note = note;
    return NULL;
}

struct error *switch_file_create(const struct switch_note *note, struct switch_file *ret_file)
{
    struct folder_list folders;
    list_folders(&folders);
    for (size_t i = 0; i < folders.count; i++) {
        struct switch_file file = SWITCH_FILE_NONE;
        file.folder = open_folder(folders.paths[i], true);
        if (file.folder < 0)
            continue;
        note_name(note, file.name);
        enum lock_result result = lock_file(file.folder, file.name, O_RDWR | O_CREAT, &file.file);
        if (result == LOCK_OURS && write_note(file.file, note)) {
            *ret_file = file;
            return NULL;
        }
        if (result == LOCK_OURS)
            switch_file_remove(&file);
        else
            close(file.folder);
        if (result == LOCK_HELD)
            return error_create(ERROR_USAGE, "another heaptop is switching it on or off at this moment");
    }
    return error_create(ERROR_SYSTEM, "there is no safe place for the note from which the next heaptop would undo it "
                                      "(tried /run, $XDG_RUNTIME_DIR, /dev/shm and /tmp)");
}

void switch_file_remove(struct switch_file *file)
{
    if (file->folder >= 0)
        unlinkat(file->folder, file->name, 0);
    switch_file_close(file);
}

void switch_file_close(struct switch_file *file)
{
    close_p(&file->folder);
    close_p(&file->file);
    file->folder = file->file = -1;
}

bool switch_note_find(const struct target *target, struct switch_note *ret_note)
{
    struct folder_list folders;
    struct switch_note wanted, found;
    char name[SWITCH_NOTE_NAME];
    _cleanup_error_ struct error *error = switch_note_begin(target, &wanted);
    if (error)
        return false;
    note_name(&wanted, name);
    list_folders(&folders);
    for (size_t i = 0; i < folders.count; i++) {
        _cleanup_close_ int folder = open_folder(folders.paths[i], false);
        const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
        _cleanup_close_ int file = folder < 0 ? -1 : openat(folder, name, flags);
        if (file >= 0 && read_note(file, &found) && strcmp(found.boot_id, wanted.boot_id) == 0 &&
            program_is_same(&found.program, &wanted.program)) {
            *ret_note = found;
            return true;
        }
    }
    return false;
}

static void visit_folder(int folder, switch_note_visitor *visit, void *context)
{
    int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = again < 0 ? NULL : fdopendir(again);
    if (!entries) {
        close_p(&again);
        return;
    }
    const struct dirent *entry;
    for (unsigned i = 0; i < MAX_NOTES && (entry = readdir(entries)); i++) {
        struct switch_file file = SWITCH_FILE_NONE;
        struct switch_note note;
        if (strncmp(entry->d_name, NAME_PREFIX, strlen(NAME_PREFIX)) != 0 ||
            snprintf(file.name, sizeof(file.name), "%s", entry->d_name) >= (int)sizeof(file.name) ||
            lock_file(folder, file.name, O_RDONLY, &file.file) != LOCK_OURS)
            continue;
        file.folder = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        /* One that was not written to its end came before any write to the process. */
        if (file.folder >= 0 && read_note(file.file, &note))
            visit(context, &note, &file);
        else
            switch_file_remove(&file);
    }
    closedir(entries);
}

void switch_notes_visit_left(switch_note_visitor *visit, void *context)
{
    struct folder_list folders;
    list_folders(&folders);
    for (size_t i = 0; i < folders.count; i++) {
        _cleanup_close_ int folder = open_folder(folders.paths[i], false);
        if (folder >= 0)
            visit_folder(folder, visit, context);
    }
}
