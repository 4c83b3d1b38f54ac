#include "attach/cgroup.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attach/procfs.h"
#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

#define ID "3f2a9c1d7b60aabbccddeeff00112233445566778899aabbccddeeff00112233"

START_TEST(test_place)
{
    static struct cgroup_place place;
    const char *hybrid = "9:name=systemd:/x\n4:cpu,memory,pids:/mem/a:b\n0::/unified\n";
    cgroup_parse(hybrid, strlen(hybrid), &place);
    ck_assert(place.found);
    ck_assert_uint_eq(place.version, 1);
    ck_assert_str_eq(place.path, "/mem/a:b");

    const char *second = "1:name=systemd:/x\n0::/system.slice/x.service\n";
    cgroup_parse(second, strlen(second), &place);
    ck_assert_uint_eq(place.version, 2);
    ck_assert_str_eq(place.path, "/system.slice/x.service");

    static const char *const none[] = {"",    "\n\n", "4:memory", "4:memory:", "4:memory:relative\n", "3:memoryx:/a\n",
                                       "::::"};
    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        cgroup_parse(none[i], strlen(none[i]), &place);
        ck_assert_msg(!place.found, "%s", none[i]);
    }
}
END_TEST

START_TEST(test_container)
{
    static const struct {
        const char *path, *expected;
    } rows[] = {
        {"/docker/" ID, "docker:3f2a9c1d7b60"},
        {"/system.slice/docker-" ID ".scope", "docker:3f2a9c1d7b60"},
        {"/system.slice/docker-" ID ".scope/init.scope", "docker:3f2a9c1d7b60"},
        {"/kubepods/besteffort/pod6c1f/" ID, "kubepods:3f2a9c1d7b60"},
        {"/kubepods.slice/kubepods-pod6c.slice/cri-containerd-" ID ".scope", "containerd:3f2a9c1d7b60"},
        {"/kubepods.slice/kubepods-pod6c.slice/crio-" ID ".scope", "crio:3f2a9c1d7b60"},
        {"/user.slice/user-1000.slice/libpod-" ID ".scope/container", "podman:3f2a9c1d7b60"},
        {"/lxc/web", "lxc:web"},
        {"/lxc.payload.web/system.slice", "lxc:web"},
        {"/machine.slice/machine-web.scope", "machine:web.scope"},
        {"/workers/" ID, "container:3f2a9c1d7b60"},
        {"/workers/c2626c9b4f95ac35d81d34f46c2a33ef", NULL},
        {"/user.slice/user-1000.slice/session-3.scope", NULL},
        {"/system.slice/docker.service", NULL},
        {"/docker/" ID "0", NULL},
        {"/", NULL},
        {"/lxc/", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[512], got[CGROUP_CONTAINER_SIZE] = "";
        snprintf(text, sizeof(text), "12:pids:/\n4:memory:%s\n", rows[i].path);
        bool found = cgroup_find_container(text, strlen(text), got);
        ck_assert_msg(found == (rows[i].expected != NULL), "%s gave '%s'", rows[i].path, got);
        if (found)
            ck_assert_str_eq(got, rows[i].expected);
    }
}
END_TEST

START_TEST(test_mounts)
{
    const char *text =
        "24 1 0:1 / / rw - ext4 /dev/vda rw\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
        "35 31 0:32 /docker/ab /sys/fs/c\\040g/memory rw,relatime shared:7 master:2 - cgroup cgroup rw,memory\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n"
        "50 24 0:32 / /host/memory rw,relatime - cgroup cgroup rw,memory\n";
    static struct cgroup_mount mount;
    struct scanner mounts = scanner_over(text, strlen(text));
    ck_assert(cgroup_next_mount(&mounts, 1, &mount));
    ck_assert_str_eq(mount.root, "/docker/ab");
    ck_assert_str_eq(mount.point, "/sys/fs/c g/memory");

    static struct cgroup_place place = {.found = true, .version = 1, .path = "/docker/ab/x"};
    char folder[CGROUP_PATH_SIZE];
    ck_assert(cgroup_join(&mount, &place, folder, sizeof(folder)));
    ck_assert_str_eq(folder, "/sys/fs/c g/memory/x");
    strcpy(place.path, "/docker/ab");
    ck_assert(cgroup_join(&mount, &place, folder, sizeof(folder)));
    ck_assert_str_eq(folder, "/sys/fs/c g/memory");
    strcpy(place.path, "/docker/abc");
    ck_assert(!cgroup_join(&mount, &place, folder, sizeof(folder)));
    strcpy(place.path, "/docker/ab/../../x");
    ck_assert(!cgroup_join(&mount, &place, folder, sizeof(folder)));
    /* Beside our own cgroup namespace: by our own mount it is not to be reached, by the process's own it is. */
    strcpy(place.path, "/../ab/x");
    ck_assert(!cgroup_join(&mount, &place, folder, sizeof(folder)));
    strcpy(mount.root, "/");
    ck_assert(!cgroup_join(&mount, &place, folder, sizeof(folder)));
    ck_assert(cgroup_next_mount(&mounts, 1, &mount));
    ck_assert_str_eq(mount.point, "/host/memory");
    strcpy(mount.point, "/sys/fs/c g/memory");
    strcpy(mount.root, "/../ab");
    ck_assert(cgroup_join(&mount, &place, folder, sizeof(folder)));
    ck_assert_str_eq(folder, "/sys/fs/c g/memory/x");

    mounts = scanner_over(text, strlen(text));
    ck_assert(cgroup_next_mount(&mounts, 2, &mount));
    strcpy(place.path, "/");
    ck_assert(cgroup_join(&mount, &place, folder, sizeof(folder)));
    ck_assert_str_eq(folder, "/sys/fs/cgroup/unified");
    ck_assert(!cgroup_next_mount(&mounts, 2, &mount));
    mounts = scanner_over("1 2 3\n", 6);
    ck_assert(!cgroup_next_mount(&mounts, 2, &mount));
}
END_TEST

START_TEST(test_own_cgroup)
{
    _cleanup_close_ int folder = -1;
    struct cgroup_reader *reader;
    struct cgroup_memory memory;
    ck_assert_ptr_null(procfs_open_process(getpid(), &folder));
    ck_assert_ptr_null(cgroup_reader_create(folder, &reader));
    cgroup_reader_read(reader, &memory);
    /* What is known depends on the machine; either a figure or a reason is there. */
    ck_assert(memory.limit_known == (memory.limit_reason == NULL));
    ck_assert(memory.usage_known == (memory.usage_reason == NULL));
    if (memory.limit_known && memory.usage_known)
        ck_assert_uint_gt(memory.limit_bytes, 0);
    cgroup_reader_destroy(reader);
    cgroup_reader_destroy(NULL);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("cgroup");
    TCase *tests = tcase_create("cgroup");
    tcase_add_test(tests, test_place);
    tcase_add_test(tests, test_container);
    tcase_add_test(tests, test_mounts);
    tcase_add_test(tests, test_own_cgroup);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
