#!/usr/bin/env python3
"""Targets that are not where heaptop is: in a pid namespace, behind a mount that only they see, in a changed root, run
from a file since deleted or replaced, under a memory limit that kills them, in a /proc that hides them. Needs root;
exit status 77 without. A part that this machine forbids is skipped out loud.

    tests/live/container_test.py"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

HEAPTOP = Path(os.environ.get("HEAPTOP", oracle.ROOT / "build-dev" / "heaptop"))
complaints = []


def check(what, is_true, detail=""):
    print(f"{'ok  ' if is_true else 'FAIL'}  {what} {detail if not is_true else ''}".rstrip())
    if not is_true:
        complaints.append(what)


def heaptop(*arguments, **options):
    return subprocess.run([HEAPTOP, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=120, **options)


def report(pid):
    done = heaptop("report", "--json", "--for", "1s", pid)
    try:
        return json.loads(done.stdout)
    except ValueError:
        return {"error": f"status {done.returncode}: {done.stderr[-300:]}"}


def child_of(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else pid


def looks_right(what, pid, version):
    got = report(pid)
    target, go, sites = got.get("target", {}), got.get("go") or {}, got.get("sites", [])
    functions = [frame["function"] for site in sites for frame in site["stack"]]
    version_read = target.get("runtime_version") or ""
    check(f"{what}: the runtime is recognised", version_read.startswith(version), str(got)[:300])
    check(f"{what}: goroutines are counted", (go.get("goroutines") or 0) > 0, str(go)[:300])
    check(f"{what}: call sites are named", any(f.startswith("main.") for f in functions), f"{len(sites)} sites")


def test_files(path, version, folder):
    """Deleted while it runs; replaced by another program."""
    program = Path(shutil.copy(path, folder / "deleted"))
    with oracle.Target(program) as target:
        program.unlink()
        looks_right("deleted executable", target.pid, version)
        shutil.copy("/bin/true", program)
        looks_right("replaced executable", target.pid, version)


def test_namespaces(path, version, folder):
    """A pid namespace of its own, and a file system that only the target sees."""
    if subprocess.run(["unshare", "--pid", "--fork", "--mount", "true"], capture_output=True).returncode != 0:
        print("skipped: namespaces cannot be made here")
        return
    hidden = folder / "hidden"
    hidden.mkdir()
    script = f"mount -t tmpfs none {hidden} && cp {path} {hidden}/oracle && exec {hidden}/oracle"
    with oracle.Target("unshare", "--pid", "--fork", "--mount", "--kill-child", "sh", "-c", script) as target:
        pid = child_of(target.pid)
        check("the target's file is hidden from here", not (hidden / "oracle").exists())
        looks_right("pid and mount namespace", pid, version)
        said = heaptop("doctor", pid).stdout
        check("the inner pid is shown", "pid 1 in its container" in said, said[:300])


def test_changed_root(path, version, folder):
    root = folder / "root"
    root.mkdir()
    shutil.copy(path, root / "oracle")
    # The targets are built without cgo, so that they need nothing else there.
    with oracle.Target("chroot", root, "/oracle") as target:
        looks_right("changed root", target.pid, version)


def memory_cgroup():
    """A new cgroup with a memory controller: (folder, version), or None."""
    for base, version in ((Path("/sys/fs/cgroup/memory"), 1), (Path("/sys/fs/cgroup"), 2)):
        folder = base / f"heaptop-test-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        if (folder / ("memory.limit_in_bytes" if version == 1 else "memory.max")).exists():
            return folder, version
        folder.rmdir()
    return None


def remove_cgroup(cgroup):
    for _ in range(100):
        try:
            cgroup.rmdir()
            break
        except OSError:     # The kernel lets go of an empty cgroup a little later.
            time.sleep(0.05)


def doctor_beside(cgroup, pid):
    """What doctor says as from another container: another cgroup's folder lies in place of all of them. None where no
    mount can be made."""
    other = cgroup.with_name(cgroup.name + "-beside")
    other.mkdir()
    try:
        done = subprocess.run(["unshare", "--mount", "sh", "-c", 'mount --bind "$1" "$2" && exec "$3" doctor "$4"', "sh",
                               other, cgroup.parent, HEAPTOP, str(pid)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    finally:
        remove_cgroup(other)
    if "mount: " in done.stderr:
        print(f"skipped: {done.stderr.strip()}")
        return None
    return done.stdout


def test_limit_beside(cgroup, pid, limit):
    """The limit is found where only the process sees its cgroup, and what it has put there itself is not believed."""
    said = doctor_beside(cgroup, pid)
    if said is None:
        return
    check("the limit is found where only the process sees its cgroup", f"{limit >> 20}.0 MB, of which" in said,
          said[-300:])
    script = """mount -t tmpfs none "$1" && mkdir "$2" && cd "$2" || exit
                for name in memory.limit_in_bytes memory.usage_in_bytes memory.max memory.current; do echo 4096 >$name; done
                echo 0 >notify_on_release; echo memory >cgroup.controllers; echo ready; exec cat"""
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", script, "sh", cgroup.parent, cgroup], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as liar:
        check("a process can put files in place of its cgroup", liar.stdout.readline() == b"ready\n")
        (cgroup / "cgroup.procs").write_text(str(liar.pid))
        said = doctor_beside(cgroup, liar.pid)
        liar.stdin.close()
    check("files that are no cgroup's are not believed", "no memory cgroup that can be seen" in said, said[-300:])


def test_limit(folder):
    """A limit is shown; and when the kernel kills for it, the last snapshot says so."""
    made = memory_cgroup()
    if not made:
        print("skipped: no memory cgroup can be made here")
        return
    cgroup, version = made
    limit = 64 << 20
    probe = oracle.ROOT / "build-dev" / "tests" / "attach_probe"
    code = ("import sys\nprint('ready', flush=True)\nsys.stdin.readline()\n"
            "kept = [bytearray(b'x' * (1 << 20)) for _ in range(1000)]")
    target = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        target.stdout.readline()
        (cgroup / ("memory.limit_in_bytes" if version == 1 else "memory.max")).write_text(str(limit))
        (cgroup / "cgroup.procs").write_text(str(target.pid))
        memory = report(target.pid).get("memory", {})
        check(f"the limit is shown (cgroup version {version})", memory.get("limit_bytes") == limit, str(memory))
        check("and what is charged", 0 <= memory.get("cgroup_usage_bytes", -1) <= limit, str(memory))
        test_limit_beside(cgroup, target.pid, limit)
        watching = subprocess.Popen([probe, str(target.pid), "1000", "50ms"], stdout=subprocess.PIPE, text=True)
        watching.stdout.readline()
        target.stdin.write(b"go\n")
        target.stdin.flush()
        target.wait()
        last = json.loads(watching.communicate(timeout=60)[0].splitlines()[-1])
        check("it was killed", target.returncode == -signal.SIGKILL, str(target.returncode))
        reason = last.get("exit_reason", "")
        check("the last snapshot tells why", "killed by signal 9" in reason and "lack of memory" in reason, str(last))
    finally:
        target.kill()
        target.wait()
        remove_cgroup(cgroup)


def test_hidden(folder):
    """A /proc that shows each user only their own processes."""
    if not shutil.which("setpriv"):
        return
    program = shutil.copy(HEAPTOP, folder / "heaptop")
    os.chmod(folder, 0o755)
    as_nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups"
    script = f"mount -t proc -o hidepid=2 proc /proc && exec {as_nobody} {program} report $1"
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as target:
        done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", str(target.pid)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        target.stdin.close()
    if done.returncode != 3 and "mount: " in done.stderr:
        print(f"skipped: {done.stderr.strip()}")
        return
    check("a hidden process: status 3", done.returncode == 3, f"status {done.returncode}")
    check("a hidden process: says hidepid", "hidepid" in done.stderr and "what would help" in done.stderr, done.stderr)


def test_user_namespace():
    """Root in a user namespace that the target is not in, as in a rootless container that shares the host's pids."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as target:
        done = subprocess.run(["unshare", "--user", "--map-root-user", HEAPTOP, "report", str(target.pid)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        target.stdin.close()
    if "unshare: " in done.stderr:
        print(f"skipped: {done.stderr.strip()}")
        return
    check("another user namespace: status 3", done.returncode == 3, f"status {done.returncode}")
    check("another user namespace: is named", "heaptop is in a user namespace" in done.stderr, done.stderr)


def main():
    if os.geteuid() != 0 or not HEAPTOP.exists():
        print("needs root and a built heaptop")
        return 77
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        test_limit(folder)
        test_hidden(folder)
        test_user_namespace()
        built = [t for t in oracle.targets("oracle") if t[1] == "stripped"]
        if not built:
            print("skipped: no Go target is built (tests/targets/build-matrix)")
        for version, _, path in built[-1:]:
            print(f"oracle, Go {version}, stripped")
            for test in (test_files, test_namespaces, test_changed_root):
                test(path, f"go{version}", folder)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
