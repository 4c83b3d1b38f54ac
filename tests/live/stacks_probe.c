/* stacks_probe PID [ROUNDS]: the live tests' way to native stacks alone. Copies and unwinds the stack of every thread
 * that waits, ROUNDS times over (1), without names. Prints of the last round
 *
 *   TID complete|cut SP ADDRESS...      addresses as debuggers print them: where the thread is, then where calls return
 * to
 *
 * and at the end, over all rounds but the first, which reads tables that are remembered:
 *
 *   threads N  complete N  moved N  ns_a_thread N */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "attach/native/unwind.h"
#include "attach/procfs.h"
#include "attach/threads.h"
#include "heaptop/base/cleanup.h"

static void check(struct error *error)
{
    if (!error)
        return;
    fprintf(stderr, "%s\n", error->message);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static bool read_wait(int folder, const char *tid, struct thread_wait *ret_wait)
{
    char path[300], text[256];
    size_t length;
    snprintf(path, sizeof(path), "task/%s/syscall", tid);
    _cleanup_error_ struct error *error = procfs_read(folder, path, text, sizeof(text), &length);
    return !error && thread_parse_syscall(text, length, ret_wait);
}

struct totals {
    size_t threads, complete, moved;
    uint64_t ns;
};

static void read_thread(struct unwinder *unwinder, int folder, const char *tid, bool prints, struct totals *totals)
{
    struct thread_wait wait, again;
    uint64_t pcs[UNWIND_MAX_FRAMES], begin = now_ns();
    size_t count;
    enum unwind_end end;
    totals->threads++;
    if (!read_wait(folder, tid, &wait)) {
        totals->moved++;
        return;
    }
    uint64_t registers[CALL_FRAME_REGISTERS] = {[CALL_FRAME_RSP] = wait.sp, [CALL_FRAME_RIP] = wait.pc};
    check(unwind(unwinder, registers, 1u << CALL_FRAME_RSP | 1u << CALL_FRAME_RIP, pcs, &count, &end));
    bool is_same = read_wait(folder, tid, &again) && again.sp == wait.sp && again.pc == wait.pc;
    totals->ns += now_ns() - begin;
    totals->moved += !is_same;
    totals->complete += is_same && (end == UNWIND_COMPLETE || end == UNWIND_DEDUCED);
    if (!prints)
        return;
    printf("%s %s %d", tid, (end == UNWIND_COMPLETE || end == UNWIND_DEDUCED) && is_same ? "complete" : "cut",
           (int)end);
    for (size_t i = 0; i < count; i++)
        printf(" %#" PRIx64, pcs[i] + (i > 0));
    printf("\n");
}

int main(int argc, char **argv)
{
    struct target *target;
    struct memory *memory;
    struct catalog *catalog;
    struct name_cache names;
    struct modules *modules;
    struct unwinder *unwinder;
    struct totals totals = {0};
    char path[64];
    bool changed;
    if (argc < 2)
        return 2;
    int rounds = argc > 2 ? atoi(argv[2]) : 1;
    check(target_open(atoi(argv[1]), &target));
    check(memory_create_live(target->pid, &memory));
    check(catalog_create(&catalog));
    name_cache_init(&names, catalog);
    check(modules_create(target, memory, &names, &modules));
    check(modules_refresh(modules, &changed));
    check(unwinder_create(modules, memory, &unwinder));
    snprintf(path, sizeof(path), "/proc/%d/task", (int)target->pid);
    for (int round = 0; round < rounds; round++) {
        DIR *folder = opendir(path);
        struct dirent *entry;
        if (!folder)
            return 1;
        if (round == 1)
            totals = (struct totals){0};
        while ((entry = readdir(folder))) {
            if (entry->d_name[0] != '.')
                read_thread(unwinder, target->folder, entry->d_name, round == rounds - 1, &totals);
        }
        closedir(folder);
    }
    printf("threads %zu  complete %zu  moved %zu  ns_a_thread %" PRIu64 "\n", totals.threads, totals.complete,
           totals.moved, totals.ns / (totals.threads ? totals.threads : 1));
    unwinder_destroy(unwinder);
    modules_destroy(modules);
    name_cache_deinit(&names);
    catalog_unref(catalog);
    memory_destroy(memory);
    target_close(target);
    return 0;
}
