#include "attach/native/debuginfod.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/child.h"
#include "attach/native/debuginfod_library.h"
#include "heaptop/base/cleanup.h"
#include "heaptop/base/clock.h"
#include "heaptop/base/vector.h"

/* The library gives up by itself when a server is silent for 90 s, or as DEBUGINFOD_TIMEOUT says; this is for one
 * that never ends. */
#define LONGEST_NS (600 * CLOCK_SECOND_NS)
#define MAX_BUILD_ID 64

struct wanted {
    char build_id[MAX_BUILD_ID + 1];
};

struct debuginfod {
    char cache[PATH_MAX];       /* "": none. */
    VECTOR(struct wanted) files;
    size_t next;                /* The one that is being fetched, or will be. */
    pid_t process;              /* 0: none is. */
    uint64_t began_ns;
};

/* ---- the folder ---- */

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* As elfutils 0.188 debuginfod/debuginfod-client.c (debuginfod_query_server) finds it. */
static void find_cache(char cache[PATH_MAX])
{
    const char *own = getenv("DEBUGINFOD_CACHE_PATH"), *home = getenv("HOME"), *general = getenv("XDG_CACHE_HOME");
    if (own && own[0]) {
        snprintf(cache, PATH_MAX, "%s", own);
        return;
    }
    snprintf(cache, PATH_MAX, "%s/.debuginfod_client_cache", home ? home : "");
    if (is_folder(cache))
        return;
    if (general && general[0])
        snprintf(cache, PATH_MAX, "%s/debuginfod_client", general);
    else
        snprintf(cache, PATH_MAX, "%s/.cache/debuginfod_client", home ? home : "");
}

const char *debuginfod_cache(const struct debuginfod *fetcher)
{
    return fetcher->cache[0] == '/' ? fetcher->cache : NULL;
}

/* ---- fetching ---- */

static _Noreturn void fetch(const char *build_id, pid_t parent)
{
    child_begin("heaptop-fetch", parent, -1);
    _exit(debuginfod_library_fetch(build_id) ? 0 : 1);
}

struct error *debuginfod_create(struct debuginfod **ret_fetcher)
{
    struct debuginfod *fetcher = calloc(1, sizeof(*fetcher));
    if (!fetcher)
        return error_no_memory();
    find_cache(fetcher->cache);
    *ret_fetcher = fetcher;
    return NULL;
}

static void end_process(struct debuginfod *fetcher)
{
    if (fetcher->process == 0)
        return;
    kill(fetcher->process, SIGKILL);
    while (waitpid(fetcher->process, NULL, 0) < 0 && errno == EINTR) {
    }
    fetcher->process = 0;
}

void debuginfod_destroy(struct debuginfod *fetcher)
{
    if (!fetcher)
        return;
    end_process(fetcher);
    vector_deinit(&fetcher->files);
    free(fetcher);
}

struct error *debuginfod_want(struct debuginfod *fetcher, const char *build_id)
{
    struct wanted wanted;
    size_t length = strlen(build_id);
    if (!debuginfod_library_is_configured() || length < 4 || length > MAX_BUILD_ID ||
        fetcher->files.count >= DEBUGINFOD_MAX_FILES)
        return NULL;
    for (size_t i = 0; i < fetcher->files.count; i++) {
        if (strcmp(fetcher->files.items[i].build_id, build_id) == 0)
            return NULL;
    }
    snprintf(wanted.build_id, sizeof(wanted.build_id), "%s", build_id);
    return vector_append(&fetcher->files, wanted) ? NULL : error_no_memory();
}

/* True when it has ended. */
static bool look_at_process(struct debuginfod *fetcher)
{
    if (waitpid(fetcher->process, NULL, WNOHANG) != 0)
        fetcher->process = 0;
    else if (clock_ns(CLOCK_MONOTONIC) - fetcher->began_ns > LONGEST_NS)
        end_process(fetcher);
    return fetcher->process == 0;
}

bool debuginfod_poll(struct debuginfod *fetcher)
{
    bool has_ended = fetcher->process != 0 && look_at_process(fetcher);
    fetcher->next += has_ended;
    if (fetcher->process == 0 && fetcher->next < fetcher->files.count) {
        pid_t parent = getpid(), process = fork();
        if (process == 0)
            fetch(fetcher->files.items[fetcher->next].build_id, parent);
        fetcher->process = process > 0 ? process : 0;
        fetcher->next += process < 0;
        fetcher->began_ns = clock_ns(CLOCK_MONOTONIC);
    }
    return has_ended;
}

size_t debuginfod_waiting(const struct debuginfod *fetcher)
{
    return fetcher->files.count - fetcher->next;
}
