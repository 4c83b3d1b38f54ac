#include "attach/cgroup.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "attach/procfs.h"
#include "attach/target_file.h"
#include "heaptop/base/cleanup.h"

#define CGROUP_FILE_SIZE 32768
#define MOUNTINFO_LIMIT ((size_t)4 << 20)
/* Version 1 writes a limit that is none as the largest multiple of a page (PAGE_COUNTER_MAX * PAGE_SIZE). */
#define NO_LIMIT_FROM (UINT64_MAX / 2 - 0x10000)
#define MAX_ANCESTORS 64

static const char no_limit[] = "no memory limit is set";
static const char no_cgroup[] = "the process is in no memory cgroup that can be seen from here";
static const char no_usage[] = "the root cgroup has no usage figure";

static bool copy_text(const struct scanner *from, char *buffer, size_t size)
{
    if (scanner_left(from) >= size)
        return false;
    memcpy(buffer, from->next, scanner_left(from));
    buffer[scanner_left(from)] = '\0';
    return true;
}

/* Whether a list such as "cpu,cpuacct" or "rw,memory" has this element. */
static bool list_has(struct scanner list, const char *element)
{
    while (scanner_left(&list) > 0) {
        const char *comma = memchr(list.next, ',', scanner_left(&list));
        struct scanner one = {.next = list.next, .end = comma ? comma : list.end};
        if (scanner_equals(&one, element))
            return true;
        list.next = comma ? comma + 1 : list.end;
    }
    return false;
}

/* "4:memory:/docker/3f2a..." or "0::/system.slice/x.service": the path is all after the second colon. */
static bool split_line(struct scanner line, struct scanner *ret_controllers, struct scanner *ret_path)
{
    const char *first = memchr(line.next, ':', scanner_left(&line));
    if (!first)
        return false;
    line.next = first + 1;
    const char *second = memchr(line.next, ':', scanner_left(&line));
    if (!second || second + 1 == line.end || second[1] != '/')
        return false;
    *ret_controllers = (struct scanner){.next = line.next, .end = second};
    *ret_path = (struct scanner){.next = second + 1, .end = line.end};
    return true;
}

void cgroup_parse(const char *text, size_t length, struct cgroup_place *ret_place)
{
    struct scanner scanner = scanner_over(text, length), line, controllers, path;
    ret_place->found = false;
    while (scanner_line(&scanner, &line)) {
        if (!split_line(line, &controllers, &path))
            continue;
        bool is_second = scanner_left(&controllers) == 0;
        bool is_memory = list_has(controllers, "memory");
        if (!is_memory && (!is_second || ret_place->found))
            continue;
        if (!copy_text(&path, ret_place->path, sizeof(ret_place->path)))
            continue;
        ret_place->found = true;
        ret_place->version = is_second ? 2 : 1;
        if (is_memory)
            return;
    }
}

/* 64 hexadecimal digits at the front, as container engines name what they run. */
static bool starts_with_id(const struct scanner *name)
{
    if (scanner_left(name) < 64)
        return false;
    for (size_t i = 0; i < 64; i++) {
        if (!isxdigit((unsigned char)name->next[i]))
            return false;
    }
    return scanner_left(name) == 64 || !isalnum((unsigned char)name->next[64]);
}

/* A container's name is shown up to this length. */
static int name_length(const struct scanner *name)
{
    return scanner_left(name) < 64 ? (int)scanner_left(name) : 64;
}

/* One folder of a path: "docker-ID.scope", or "ID" below a folder that tells the engine. */
static bool container_of_component(struct scanner component, const struct scanner *parent, bool in_kubepods,
                                   char *buffer)
{
    static const struct {
        const char *prefix, *engine;
    } scopes[] = {
        {"docker-", "docker"}, {"cri-containerd-", "containerd"}, {"nerdctl-", "containerd"}, {"crio-", "crio"},
        {"libpod-", "podman"},
    };
    static const struct {
        const char *prefix, *engine;
    } named[] = {{"lxc.payload.", "lxc"}, {"machine-", "machine"}};

    for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
        struct scanner rest = component;
        if (scanner_accept_text(&rest, scopes[i].prefix) && starts_with_id(&rest)) {
            snprintf(buffer, CGROUP_CONTAINER_SIZE, "%s:%.12s", scopes[i].engine, rest.next);
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
        struct scanner rest = component;
        if (scanner_accept_text(&rest, named[i].prefix) && scanner_left(&rest) > 0) {
            snprintf(buffer, CGROUP_CONTAINER_SIZE, "%s:%.*s", named[i].engine, name_length(&rest), rest.next);
            return true;
        }
    }
    if (scanner_equals(parent, "lxc") && scanner_left(&component) > 0) {
        snprintf(buffer, CGROUP_CONTAINER_SIZE, "lxc:%.*s", name_length(&component), component.next);
        return true;
    }
    if (!starts_with_id(&component))
        return false;
    const char *engine = in_kubepods ? "kubepods" : scanner_equals(parent, "docker") ? "docker" : "container";
    snprintf(buffer, CGROUP_CONTAINER_SIZE, "%s:%.12s", engine, component.next);
    return true;
}

static bool container_of_path(struct scanner path, char *buffer)
{
    struct scanner parent = {.next = path.next, .end = path.next};
    bool in_kubepods = false;
    while (scanner_left(&path) > 0) {
        const char *slash = memchr(path.next, '/', scanner_left(&path));
        struct scanner component = {.next = path.next, .end = slash ? slash : path.end};
        struct scanner start = component;
        in_kubepods |= scanner_accept_text(&start, "kubepods");
        if (container_of_component(component, &parent, in_kubepods, buffer))
            return true;
        parent = component;
        path.next = slash ? slash + 1 : path.end;
    }
    return false;
}

bool cgroup_find_container(const char *text, size_t length, char *buffer)
{
    struct scanner scanner = scanner_over(text, length), line, controllers, path;
    while (scanner_line(&scanner, &line)) {
        if (split_line(line, &controllers, &path) && container_of_path(path, buffer))
            return true;
    }
    return false;
}

/* Fields of mountinfo write blanks, newlines and backslashes as \ooo. */
static bool copy_unescaped(struct scanner from, char *buffer, size_t size)
{
    size_t length = 0;
    while (scanner_left(&from) > 0) {
        char character = *from.next++;
        struct scanner digits = {.next = from.next, .end = from.end - from.next >= 3 ? from.next + 3 : from.next};
        uint64_t value;
        if (character == '\\' && scanner_number(&digits, 8, &value) && digits.next == digits.end && value <= 0xff) {
            character = (char)value;
            from.next = digits.end;
        }
        if (length + 1 >= size || !character)
            return false;
        buffer[length++] = character;
    }
    buffer[length] = '\0';
    return true;
}

/* "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory" */
static bool parse_mount(struct scanner line, unsigned version, struct cgroup_mount *mount)
{
    struct scanner word, root, point, type, options;
    for (size_t i = 0; i < 3; i++) {
        if (!scanner_word(&line, &word))
            return false;
    }
    if (!scanner_word(&line, &root) || !scanner_word(&line, &point))
        return false;
    do {
        if (!scanner_word(&line, &word))
            return false;
    } while (!scanner_equals(&word, "-"));
    if (!scanner_word(&line, &type) || !scanner_word(&line, &word) || !scanner_word(&line, &options))
        return false;
    bool wanted = version == 2 ? scanner_equals(&type, "cgroup2")
                               : scanner_equals(&type, "cgroup") && list_has(options, "memory");
    return wanted && copy_unescaped(root, mount->root, sizeof(mount->root)) &&
           copy_unescaped(point, mount->point, sizeof(mount->point));
}

bool cgroup_next_mount(struct scanner *mounts, unsigned version, struct cgroup_mount *ret_mount)
{
    struct scanner line;
    while (scanner_line(mounts, &line)) {
        if (parse_mount(line, version, ret_mount))
            return true;
    }
    return false;
}

bool cgroup_join(const struct cgroup_mount *mount, const struct cgroup_place *place, char *buffer, size_t size)
{
    size_t root_length = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
    if (strncmp(place->path, mount->root, root_length) != 0 ||
        (place->path[root_length] != '/' && place->path[root_length] != '\0'))
        return false;
    const char *rest = place->path + root_length;
    /* What lies outside our own cgroup namespace begins with "/..": a mount's root may, what lies below it may not. */
    if (strstr(rest, "/.."))
        return false;
    if (strcmp(rest, "/") == 0)
        rest = "";
    int length = snprintf(buffer, size, "%s%s", mount->point, rest);
    return length >= 0 && (size_t)length < size;
}

struct cgroup_reader {
    int folder;                     /* Borrowed. */
    unsigned version;
    bool found;
    bool in_target;                 /* The folders below are as the process sees them, within its root. */
    char own[CGROUP_PATH_SIZE];     /* Folder of the process's cgroup. */
    char tightest[CGROUP_PATH_SIZE];    /* Folder of the one whose limit counts; "" when none has one. */
    char container[4 * CGROUP_CONTAINER_SIZE];
};

struct error *cgroup_reader_create(int folder, struct cgroup_reader **ret_reader)
{
    struct cgroup_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return error_no_memory();
    reader->folder = folder;
    cgroup_reader_refresh(reader);
    *ret_reader = reader;
    return NULL;
}

void cgroup_reader_destroy(struct cgroup_reader *reader)
{
    free(reader);
}

/* The text of a file in one of the reader's folders. What the process has put in place of a cgroup is not believed. */
static struct error *read_file(const struct cgroup_reader *reader, const char *folder, const char *name,
                               char *buffer, size_t size, size_t *ret_length)
{
    char path[CGROUP_PATH_SIZE + 64];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (!reader->in_target)
        return procfs_read(AT_FDCWD, path, buffer, size, ret_length);
    _cleanup_close_ int descriptor = -1;
    struct error *error = target_file_open(reader->folder, path, &descriptor);
    if (error)
        return error;
    struct statfs system;
    if (fstatfs(descriptor, &system) != 0 ||
        (system.f_type != CGROUP_SUPER_MAGIC && system.f_type != CGROUP2_SUPER_MAGIC))
        return error_create(ERROR_NOT_FOUND, "'%s' of the process is no file of a cgroup", path);
    return procfs_read_again(descriptor, path, buffer, size, ret_length);
}

/* A file that holds one number; false where it holds none ("max"), or cannot be read. */
static bool read_number(const struct cgroup_reader *reader, const char *folder, const char *name, uint64_t *ret_value)
{
    char text[64];
    size_t length;
    _cleanup_error_ struct error *error = read_file(reader, folder, name, text, sizeof(text), &length);
    struct scanner scanner = scanner_over(text, error ? 0 : length);
    return !error && scanner_number_word(&scanner, ret_value);
}

static bool read_limit(const struct cgroup_reader *reader, const char *folder, uint64_t *ret_limit)
{
    uint64_t limit;
    if (!read_number(reader, folder, reader->version == 2 ? "memory.max" : "memory.limit_in_bytes", &limit) ||
        limit >= NO_LIMIT_FROM)
        return false;
    *ret_limit = limit;
    return true;
}

static bool read_usage(const struct cgroup_reader *reader, const char *folder, uint64_t *ret_usage)
{
    return read_number(reader, folder, reader->version == 2 ? "memory.current" : "memory.usage_in_bytes", ret_usage);
}

/* Among the cgroup and its ancestors, the one with the least room left under its limit. */
static void find_tightest(struct cgroup_reader *reader, const char *mount_point)
{
    char folder[CGROUP_PATH_SIZE];
    uint64_t least_room = UINT64_MAX;
    reader->tightest[0] = '\0';
    strcpy(folder, reader->own);
    for (size_t i = 0; i < MAX_ANCESTORS; i++) {
        uint64_t limit, usage;
        if (read_limit(reader, folder, &limit)) {
            uint64_t room = read_usage(reader, folder, &usage) && usage < limit ? limit - usage : 0;
            if (room < least_room) {
                least_room = room;
                strcpy(reader->tightest, folder);
            }
        }
        char *slash = strrchr(folder, '/');
        if (!slash || strlen(folder) <= strlen(mount_point))
            break;
        *slash = '\0';
    }
}

static void find_container(struct cgroup_reader *reader, const char *text, size_t length)
{
    char raw[CGROUP_CONTAINER_SIZE];
    reader->container[0] = '\0';
    if (!cgroup_find_container(text, length, raw))
        return;
    struct text escaped = {0};
    text_append_escaped(&escaped, raw, strlen(raw));
    if (!escaped.failed && escaped.data)
        snprintf(reader->container, sizeof(reader->container), "%s", escaped.data);
    text_deinit(&escaped);
}

/* Whether what has been found is there: another mount may lie over it. */
static bool is_there(const struct cgroup_reader *reader)
{
    char text[512];
    size_t length;
    const char *name = reader->version == 2 ? "cgroup.controllers" : "notify_on_release";
    _cleanup_error_ struct error *error = read_file(reader, reader->own, name, text, sizeof(text), &length);
    return !error;
}

/* Finds the folder of this place by a table of mounts: ours, or the process's own. */
static bool find_folder(struct cgroup_reader *reader, const struct cgroup_place *place, bool in_target)
{
    _cleanup_(text_deinit) struct text mounts = {0};
    struct cgroup_mount mount;
    bool is_cut;
    _cleanup_error_ struct error *error =
        procfs_read_all(in_target ? reader->folder : AT_FDCWD, in_target ? "mountinfo" : "/proc/self/mountinfo",
                        MOUNTINFO_LIMIT, &mounts, &is_cut);
    struct scanner scanner = scanner_over(mounts.data, error ? 0 : mounts.length);
    reader->in_target = in_target;
    reader->version = place->version;
    while (cgroup_next_mount(&scanner, place->version, &mount)) {
        if (cgroup_join(&mount, place, reader->own, sizeof(reader->own)) && is_there(reader)) {
            find_tightest(reader, mount.point);
            return true;
        }
    }
    return false;
}

void cgroup_reader_refresh(struct cgroup_reader *reader)
{
    struct cgroup_place place;
    char text[CGROUP_FILE_SIZE];
    size_t length;
    reader->found = false;
    _cleanup_error_ struct error *error = procfs_read(reader->folder, "cgroup", text, sizeof(text), &length);
    if (error)
        return;
    find_container(reader, text, length);
    cgroup_parse(text, length, &place);
    /* From a container beside the process's own its cgroup is not to be seen, but where the process itself sees it. */
    reader->found = place.found && (find_folder(reader, &place, false) || find_folder(reader, &place, true));
}

uint64_t cgroup_reader_oom_kills(struct cgroup_reader *reader)
{
    if (!reader->found)
        return 0;
    char text[512];
    size_t length;
    const char *name = reader->version == 2 ? "memory.events" : "memory.oom_control";
    _cleanup_error_ struct error *error = read_file(reader, reader->own, name, text, sizeof(text), &length);
    struct scanner scanner = scanner_over(text, error ? 0 : length), line;
    uint64_t kills;
    while (scanner_line(&scanner, &line)) {
        if (scanner_accept_text(&line, "oom_kill ") && scanner_number_word(&line, &kills))
            return kills;
    }
    return 0;
}

void cgroup_reader_read(struct cgroup_reader *reader, struct cgroup_memory *ret_memory)
{
    struct cgroup_memory memory = {.limit_reason = no_cgroup, .usage_reason = no_cgroup};
    if (reader->found) {
        const char *folder = reader->tightest[0] ? reader->tightest : reader->own;
        memory.limit_known = reader->tightest[0] && read_limit(reader, folder, &memory.limit_bytes);
        memory.limit_reason = memory.limit_known ? NULL : no_limit;
        memory.usage_known = read_usage(reader, folder, &memory.usage_bytes);
        memory.usage_reason = memory.usage_known ? NULL : no_usage;
    }
    *ret_memory = memory;
}

const char *cgroup_reader_container(const struct cgroup_reader *reader)
{
    return reader->container;
}
