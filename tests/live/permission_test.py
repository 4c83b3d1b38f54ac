#!/usr/bin/env python3
"""What heaptop says when it may not look: another user's process, one that is not dumpable, none at all, a kernel
thread. Each failure has its exit status, names what was tried, and says what would help. Needs root, to become
somebody else; exit status 77 without.

    tests/live/permission_test.py"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HEAPTOP = Path(os.environ.get("HEAPTOP", ROOT / "build-dev" / "heaptop"))
NOBODY = 65534
USER = 61234
SHELL = "/bin/sh"

complaints = []


class Waiting:
    """A shell that prints `ready` and waits for the end of its input; as a user."""

    def __init__(self, shell=SHELL, user=0):
        self.process = subprocess.Popen([shell, "-c", "echo ready; read line"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, user=user, group=user, extra_groups=[], cwd="/")
        assert self.process.stdout.readline() == b"ready\n"
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def run(what, program, arguments, status, parts, user=NOBODY, on_output=False):
    done = subprocess.run([program, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, user=user, group=user, extra_groups=[], cwd="/")
    said = done.stdout if on_output else done.stderr
    print(f"-- {what}: status {done.returncode}\n{said.rstrip()}")
    if done.returncode != status:
        complaints.append(f"{what}: status {done.returncode}, not {status}")
    complaints.extend(f"{what}: does not say '{part}'" for part in parts if part not in said)
    if not on_output and len(said.strip().splitlines()) > 4:
        complaints.append(f"{what}: says more than a person reads")


def free_pid():
    """A pid that was in use and no longer is."""
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def kernel_thread():
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        if int(text[text.rindex(")"):].split()[7]) & 0x200000:
            return int(path.parent.name)
    return None


def main():
    if os.geteuid() != 0:
        print("only root can become another user")
        return 77
    if not HEAPTOP.exists():
        print(f"{HEAPTOP} is not built")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        program = shutil.copy(HEAPTOP, folder)
        with Waiting() as target:
            run("another user's process", program, ["report", target.pid], 3,
                ["process_vm_readv was refused (Operation not permitted)", "it runs as root (uid 0)",
                 "heaptop as nobody", "sudo heaptop"])
            run("the doctor on it", program, ["doctor", target.pid], 3,
                ["permission", "it runs as root (uid 0)", "sudo heaptop"], on_output=True)
            run("its export", program, ["export", "--format", "pprof", "--profile", "heap", target.pid], 3,
                ["what would help"])
        # What may be run but not read is not dumpable.
        unreadable = shutil.copy(SHELL, Path(folder) / "unreadable")
        os.chmod(unreadable, 0o711)
        with Waiting(unreadable, USER) as target:
            run("one's own process that is not dumpable", program, ["report", target.pid], 3,
                ["not dumpable", "sudo heaptop"], user=USER)
        with Waiting(user=USER) as target:
            run("one's own process", program, ["report", "--for", "1s", target.pid], 0, [], user=USER)
        run("a pid that is free", program, ["report", free_pid()], 4, ["no process has the pid"])
        run("a name nobody has", program, ["report", "no-such-program-anywhere"], 4, ["no-such-program-anywhere"])
        thread = kernel_thread()
        if thread:
            run("a kernel thread", program, ["report", thread], 5, ["thread of the kernel"], user=0)
        # Root without the capability, as in a container.
        if shutil.which("setpriv"):
            with Waiting(user=USER) as target:
                run("root without CAP_SYS_PTRACE", "setpriv",
                    ["--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", program, "report", target.pid], 3,
                    ["CAP_SYS_PTRACE", f"it runs as uid {USER}"], user=0)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
