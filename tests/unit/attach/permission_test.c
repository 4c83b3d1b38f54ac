#include "attach/permission.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "heaptop/base/cleanup.h"
#include "unit/check_main.h"

#define SYS_PTRACE (UINT64_C(1) << 19)

/* A user and a process of theirs, on a machine that forbids nothing. */
static struct permission_facts common_facts(void)
{
    struct permission_facts facts = {
        .pid = 4242,
        .own_uid = 70001,
        .own_gid = 70001,
        .own_known = true,
        .target_known = true,
        .target_dumpable = true,
        .links_readable = true,
        .yama_scope = YAMA_ABSENT,
        .own.bounding_capabilities = SYS_PTRACE,
    };
    for (size_t i = 0; i < 4; i++)
        facts.target.uids[i] = facts.target.gids[i] = facts.own.uids[i] = facts.own.gids[i] = 70001;
    return facts;
}

static void assert_judged(const struct permission_facts *facts, const char *cause_part, const char *remedy_part)
{
    struct text cause = {0}, remedy = {0};
    permission_judge(facts, &cause, &remedy);
    ck_assert_ptr_nonnull(cause.data);
    ck_assert_ptr_nonnull(remedy.data);
    ck_assert_msg(strstr(cause.data, cause_part), "cause: %s", cause.data);
    ck_assert_msg(strstr(remedy.data, remedy_part), "remedy: %s", remedy.data);
    text_deinit(&cause);
    text_deinit(&remedy);
}

static void assert_not_suggested(const struct permission_facts *facts, const char *part)
{
    struct text cause = {0}, remedy = {0};
    permission_judge(facts, &cause, &remedy);
    ck_assert_ptr_nonnull(remedy.data);
    ck_assert_msg(!strstr(remedy.data, part), "remedy: %s", remedy.data);
    text_deinit(&cause);
    text_deinit(&remedy);
}

START_TEST(test_other_user)
{
    struct permission_facts facts = common_facts();
    facts.target.uids[0] = facts.target.uids[1] = facts.target.uids[2] = 70002;
    assert_judged(&facts, "it runs as uid 70002, heaptop as uid 70001", "sudo heaptop 4242");
    facts.target.uids[1] = 0;
    assert_judged(&facts, "it runs as root (uid 0), heaptop as uid 70001", "sudo heaptop 4242");
    /* Root, stripped of its capabilities, in a container. */
    facts.own_uid = facts.own_gid = 0;
    facts.in_container = true;
    facts.target.uids[1] = 70002;
    assert_judged(&facts, "heaptop as root (uid 0) without CAP_SYS_PTRACE", "--cap-add=SYS_PTRACE");
    assert_judged(&facts, "without CAP_SYS_PTRACE", "on the host");
    /* Where all ids are alike, to be that user is enough; but for Yama, and for a process that holds capabilities. */
    facts.target.uids[0] = facts.target.uids[2] = 70002;
    assert_judged(&facts, "without CAP_SYS_PTRACE", "on the host; --user 70002:70001, the process's own, would do as well");
    facts.target.permitted_capabilities = 1;
    assert_not_suggested(&facts, "--user");
    facts.target.permitted_capabilities = 0;
    facts.yama_scope = 1;
    assert_not_suggested(&facts, "--user");
    facts.yama_scope = YAMA_ABSENT;
    facts.in_container = false;
    assert_judged(&facts, "without CAP_SYS_PTRACE", "give heaptop CAP_SYS_PTRACE");
    assert_not_suggested(&facts, "--user");
    /* The user alone in a container, as --user without a group gives it. */
    facts = common_facts();
    facts.own_gid = 0;
    facts.own.bounding_capabilities = 0;
    facts.in_container = true;
    assert_judged(&facts, "but it has group 70001 and heaptop 0", "--user 70001:70001");
    /* A user in a container: root may look there, or not. */
    facts = common_facts();
    facts.target.uids[1] = 70002;
    facts.in_container = true;
    assert_judged(&facts, "it runs as uid 70002",
                  "sudo heaptop 4242 (or, where there is no sudo, heaptop's container as root: --user 0)");
    facts.own.bounding_capabilities = 0;
    assert_judged(&facts, "it runs as uid 70002", "--cap-add=SYS_PTRACE");
    /* The same effective user behind another real one. */
    facts = common_facts();
    facts.target.uids[0] = 0;
    assert_judged(&facts, "other real or saved ids", "sudo");
}
END_TEST

START_TEST(test_yama)
{
    struct permission_facts facts = common_facts();
    facts.yama_scope = 1;
    assert_judged(&facts, "kernel.yama.ptrace_scope is 1", "sudo heaptop 4242, or sysctl kernel.yama.ptrace_scope=0");
    facts.yama_scope = 2;
    assert_judged(&facts, "kernel.yama.ptrace_scope is 2: only root", "sudo heaptop 4242");
    facts.yama_scope = 3;
    facts.own.effective_capabilities = SYS_PTRACE;
    assert_judged(&facts, "kernel.yama.ptrace_scope is 3: nobody", "boot with");
}
END_TEST

START_TEST(test_other_causes)
{
    struct permission_facts facts = common_facts();
    facts.target_dumpable = false;
    assert_judged(&facts, "not dumpable", "sudo");

    facts = common_facts();
    facts.target.permitted_capabilities = 1 << 10;
    assert_judged(&facts, "holds capabilities that heaptop lacks", "sudo");
    facts.in_container = true;
    facts.own.bounding_capabilities = 0;
    assert_judged(&facts, "holds capabilities that heaptop lacks", "--cap-add=SYS_PTRACE");

    facts = common_facts();
    facts.own.seccomp = 2;
    assert_judged(&facts, "seccomp filter", "outside");
    facts.in_container = true;
    assert_judged(&facts, "seccomp filter", "--security-opt seccomp=unconfined");

    facts = common_facts();
    strcpy(facts.security_module, "docker-default (enforce)");
    assert_judged(&facts, "docker-default (enforce)", "unconfined");

    facts = common_facts();
    facts.own.effective_capabilities = SYS_PTRACE;
    facts.own.seccomp = 2;
    facts.in_container = facts.in_user_namespace = true;
    assert_judged(&facts, "seccomp filter", "seccomp=unconfined");
    /* A filter does not keep links from being read: that is the user namespace's doing. */
    facts.links_readable = false;
    assert_judged(&facts, "heaptop is in a user namespace", "as root on the host");
    facts.in_user_namespace = false;
    assert_judged(&facts, "does not tell why", "dmesg");

    facts = common_facts();
    assert_judged(&facts, "does not tell why", "dmesg");
    facts.target_known = false;
    assert_judged(&facts, "hidepid", "sudo");
}
END_TEST

START_TEST(test_explain)
{
    _cleanup_error_ struct error *error = permission_explain(getpid(), "process_vm_readv", EPERM);
    ck_assert_int_eq(error->kind, ERROR_PERMISSION);
    ck_assert_ptr_nonnull(strstr(error->message, "process_vm_readv was refused (Operation not permitted)"));
    ck_assert_ptr_nonnull(strstr(error->message, "what would help: "));
    ck_assert_ptr_null(strchr(error->message, '\n'));
}
END_TEST

START_TEST(test_gather_own)
{
    struct permission_facts facts;
    permission_gather(getpid(), &facts);
    ck_assert(facts.own_known);
    ck_assert(facts.target_known);
    ck_assert_int_eq(facts.target.group, getpid());
    ck_assert(facts.target_dumpable);
    ck_assert(facts.links_readable);
    ck_assert_int_ge(facts.yama_scope, YAMA_ABSENT);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("permission");
    TCase *tests = tcase_create("permission");
    tcase_add_test(tests, test_other_user);
    tcase_add_test(tests, test_yama);
    tcase_add_test(tests, test_other_causes);
    tcase_add_test(tests, test_explain);
    tcase_add_test(tests, test_gather_own);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
