/* The memory cgroup of a process: its limit, what is charged to it, and the container that its path tells of.
 * Versions 1 and 2 (Linux: Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst). */
#ifndef HEAPTOP_ATTACH_CGROUP_H
#define HEAPTOP_ATTACH_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attach/procfs.h"
#include "heaptop/base/error.h"

#define CGROUP_PATH_SIZE 4096

/* Where the memory controller's files of one process are. */
struct cgroup_place {
    bool found;
    unsigned version;               /* 1 or 2 */
    char path[CGROUP_PATH_SIZE];    /* As /proc/PID/cgroup has it, from the root of heaptop's cgroup namespace. */
};

/* From /proc/PID/cgroup: the line of version 1's memory controller, else the one of version 2. */
void cgroup_parse(const char *text, size_t length, struct cgroup_place *ret_place);

/* "docker:3f2a9c1d7b60", "containerd:...", "crio:...", "podman:...", "kubepods:...", "lxc:NAME" from the paths in
 * /proc/PID/cgroup; false when none is known. The buffer holds at least CGROUP_CONTAINER_SIZE bytes; what is written
 * is not escaped. */
#define CGROUP_CONTAINER_SIZE 80
bool cgroup_find_container(const char *text, size_t length, char *buffer);

/* Where a cgroup file system is mounted, from /proc/PID/mountinfo. */
struct cgroup_mount {
    char root[CGROUP_PATH_SIZE];    /* The cgroup that is seen at the mount point. */
    char point[CGROUP_PATH_SIZE];
};
/* The next of them; false after the last. version 1: mounts with the memory controller. */
bool cgroup_next_mount(struct scanner *mounts, unsigned version, struct cgroup_mount *ret_mount);

/* The path of a cgroup's folder: the mount's root taken off, the mount point put before. False when it lies outside
 * what is mounted. */
bool cgroup_join(const struct cgroup_mount *mount, const struct cgroup_place *place, char *buffer, size_t size);

/* The limit nearest to being met, among a cgroup and its ancestors, and what is charged there. */
struct cgroup_memory {
    bool limit_known, usage_known;
    uint64_t limit_bytes, usage_bytes;
    const char *limit_reason;       /* Static: why there is no limit. NULL when there is one. */
    const char *usage_reason;
};

struct cgroup_reader;

/* folder: of procfs_open_process; borrowed. Finding no cgroup is no error. */
struct error *cgroup_reader_create(int folder, struct cgroup_reader **ret_reader);
void cgroup_reader_destroy(struct cgroup_reader *reader);       /* Accepts NULL. */
/* Finds the place anew (a process can be moved, a limit can come to any ancestor); the caller says how often. Where
 * heaptop does not see the cgroup, as from another container, it is looked for where the process sees it. */
void cgroup_reader_refresh(struct cgroup_reader *reader);
/* Reads limit and usage of the place last found: two small files. */
void cgroup_reader_read(struct cgroup_reader *reader, struct cgroup_memory *ret_memory);
/* How often the kernel killed for lack of memory in the process's own cgroup; 0 where that is not told. */
uint64_t cgroup_reader_oom_kills(struct cgroup_reader *reader);
/* Escaped; "" outside containers. */
const char *cgroup_reader_container(const struct cgroup_reader *reader);

#endif
