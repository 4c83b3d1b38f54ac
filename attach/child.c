#include "attach/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "heaptop/base/cleanup.h"

static void close_others(int kept)
{
    /* An empty container has no such file. */
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere < 0)
        nowhere = memfd_create("nowhere", MFD_CLOEXEC);
    for (int i = 0; i < 3; i++) {
        if (i != kept)
            dup2(nowhere, i);
    }
    if (kept > 3)
        close_range(3, (unsigned)kept - 1, 0);
    close_range(kept < 3 ? 3 : (unsigned)kept + 1, ~0u, 0);
}

void child_begin(const char *name, pid_t parent, int kept)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    struct rlimit none = {0, 0};
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
        signal(fatal[i], SIG_DFL);
    prctl(PR_SET_NAME, name);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* It may have ended before that was said. */
    if (getppid() != parent || chdir("/") != 0)
        _exit(1);
    setrlimit(RLIMIT_CORE, &none);
    close_others(kept);
}
