#!/usr/bin/env python3
"""heaptop looks and does not touch: every system call it makes while it attaches, samples, shows, reports, exports
and examines is traced, and none may stop, signal, change or write to the target, nor write anything anywhere but its
own output and, of the live view, a private file of what it has shown. Meanwhile the target is watched from outside.
With --enable-profiling there are exactly two writes to it, of 8 bytes to one place: the rate, and 0 again; and none
where the program profiles itself.

    tests/live/no_touch_test.py

Exit status 77 where strace is missing. Without a built Go target only native ones are looked at, and it says so."""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

HEAPTOP = Path(os.environ.get("HEAPTOP", oracle.ROOT / "build-dev" / "heaptop"))
PROBE = oracle.ROOT / "build-dev" / "tests" / "attach_probe"

# Calls that reach into another process, or change how it runs. None may be made at all.
NEVER = {
    "ptrace", "process_vm_writev", "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
    "pidfd_send_signal", "pidfd_getfd", "process_madvise", "process_mrelease", "migrate_pages", "move_pages",
    "mbind", "perf_event_open", "bpf", "setns", "unshare", "kcmp", "sched_setaffinity", "sched_setparam",
    "sched_setscheduler", "sched_setattr", "setpriority", "ioprio_set", "init_module", "finit_module",
    "delete_module", "kexec_load", "reboot", "mount", "umount2", "pivot_root", "chroot", "keyctl", "add_key",
    # What changes files.
    "creat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "link",
    "linkat", "symlink", "symlinkat", "mknod", "mknodat", "chmod", "fchmod", "fchmodat", "chown", "fchown",
    "lchown", "fchownat", "truncate", "ftruncate", "fallocate", "utime", "utimes", "utimensat", "setxattr",
    "fsetxattr", "lsetxattr", "removexattr", "sendfile", "splice", "copy_file_range", "fanotify_init",
    # heaptop speaks to nobody, and starts nothing.
    "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg", "execveat", "vfork",
}
# What of /proc/PID/status stays as it is in a target that only waits.
UNMOVED = ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches", "RssAnon", "VmSize", "SigCgt", "Threads")
WRITES = {"write", "pwrite64", "writev", "pwritev", "pwritev2"}
OPENS = {"open", "openat", "openat2"}
WRITABLE = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE")
# The live view keeps its past in a folder of its own, to step back in (cli/keeper.c), and removes it.
KEEPER = re.compile(r'(\d+<|(AT_FDCWD<[^>]*>, )?")(/[^">]*)?/heaptop-[A-Za-z0-9]{6}[/">]')
LINE = re.compile(r"^(?:\[pid\s+)?(?:\d+\]?\s+)?(?:<\.\.\. )?(\w+)(?:\(| resumed)(.*)$")


# The process that reads debug information for heaptop (attach/native/line_reader.c): a child that is sent descriptors
# and questions over a socket of its own, offers itself where memory is short, and is ended by heaptop.
READER = re.compile(r'^(?:\[pid\s+)?(\d+)\]?\s+prctl\(PR_SET_NAME, "heaptop-lines"')
OWN_SOCKET = r"\d+<(UNIX[^>]*|socket:[^>]*)>, "
READER_CALLS = {"openat": r'[^,]*, "/proc/self/oom_score_adj", O_WRONLY',
                "write": r'\d+</proc/\d+/oom_score_adj>, "1000", 4', "sendto": OWN_SOCKET}


def is_about_reader(line, name, rest, readers):
    """Of the reader itself, or of heaptop about it, which may send to nobody else and end nobody else."""
    caller = re.match(r"(?:\[pid\s+)?(\d+)", line)
    if caller and caller[1] in readers:
        return name in READER_CALLS and re.match(READER_CALLS[name], rest)
    if name == "kill":
        return (match := re.match(r"(\d+), SIGKILL", rest)) and match[1] in readers
    return name == "sendmsg" and readers and re.match(OWN_SOCKET, rest)


def is_harmless(line, name, rest):
    """A file in heaptop's own memory; and whether the kernel would let page faults be sampled, tried on heaptop itself."""
    caller = re.match(r"(?:\[pid\s+)?(\d+)", line)
    if name == "perf_event_open":
        return caller and re.search(rf"\}}, {caller[1]}, ", rest)
    return name in WRITES and re.match(r"\d+</memfd:heaptop ", rest)


def judge(lines, target):
    """What of the trace is a touch, as lines; how many calls, and readings of the target's memory, there were."""
    touches, calls, readings, execs = [], 0, 0, 0
    readers, children = {match[1] for match in map(READER.match, lines) if match}, []
    for line in lines:
        match = LINE.match(line)
        if not match or "resumed>" in line[:80]:
            continue
        name, rest = match.groups()
        calls += 1
        if KEEPER.match(rest) and "/proc/" not in rest:
            continue
        if is_about_reader(line, name, rest, readers) or is_harmless(line, name, rest):
            continue
        if name in NEVER:
            touches.append(line)
        elif name == "execve":
            execs += 1
            if execs > 1:
                touches.append(line)
        elif name in OPENS and WRITABLE.search(rest) and "/dev/null" not in rest and "/dev/tty" not in rest:
            touches.append(line)
        elif name in WRITES and not re.match(r"[12]<|\d+<(anon_inode:\[eventfd\]|pipe:|/dev/pts/|/dev/tty)", rest):
            touches.append(line)
        elif name == "process_vm_readv":
            readings += 1
            if not re.match(rf"{target}(<[^>]*>)?,", rest):
                touches.append(line)
        elif name in ("prlimit64", "sched_getaffinity") and rest.startswith(str(target)):
            touches.append(line)
        elif name == "clone" and "CLONE_THREAD" not in rest or name == "clone3" and "CLONE_THREAD" not in rest:
            children.append(line)
    return touches + children[len(readers):], calls, readings


def status_of(pid):
    fields = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        key, _, value = line.partition(":")
        fields[key] = value.strip()
    return fields


class Watch(threading.Thread):
    """Looks all the while whether the target is traced or stopped."""

    def __init__(self, pid):
        super().__init__()
        self.pid, self.done, self.seen, self.looks = pid, threading.Event(), set(), 0

    def run(self):
        while not self.done.is_set():
            status = status_of(self.pid)
            self.looks += 1
            if status["TracerPid"] != "0":
                self.seen.add(f"traced by {status['TracerPid']}")
            if status["State"][0] in "tT":
                self.seen.add(f"state {status['State']}")
            self.done.wait(0.001)


def run_in_terminal(command, keys):
    """Runs a command in a terminal of its own and presses keys, each once the screen has come to rest."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 160, 0, 0))
    shown = b""
    environment = {**os.environ, "TERM": "xterm-256color"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment,
                          start_new_session=True) as child:
        os.close(theirs)
        keys, rests = list(keys), 0
        while rests < 200:
            if not select.select([ours], [], [], 0.3)[0]:
                rests += 1
                if keys and b"heaptop" in shown:
                    os.write(ours, keys.pop(0))
                continue
            try:
                data = os.read(ours, 65536)
            except OSError:     # The terminal's other end is closed.
                break
            shown += data
        if rests >= 200:
            child.kill()
        child.wait()
    os.close(ours)
    return subprocess.CompletedProcess(command, child.returncode, b"", shown[-400:])


def look(command, target, quiet, expected=(0,), keys=None):
    """Runs a command under strace and returns complaints."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace"
        before, watch = status_of(target), Watch(target)
        watch.start()
        traced = ["strace", "-f", "-y", "-s", "256", "-o", trace, *map(str, command)]
        if keys is None:
            done = subprocess.run(traced, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        else:
            done = run_in_terminal(traced, keys)
        watch.done.set()
        watch.join()
        after = status_of(target)
        lines = trace.read_text(errors="replace").splitlines()
    touches, calls, readings = judge(lines, target)
    complaints = [f"touches: {t}" for t in touches[:20]] + [f"the target was seen {s}" for s in watch.seen]
    if done.returncode not in expected:
        complaints.append(f"status {done.returncode}: {done.stderr.decode(errors='replace')[-400:]}")
    if calls < 50:
        complaints.append(f"only {calls} system calls in the trace: was it traced?")
    if readings == 0:
        complaints.append("the target's memory was never read")
    if before["SigPnd"] != after["SigPnd"] or before["ShdPnd"] != after["ShdPnd"]:
        complaints.append("a signal came to be pending")
    # A target that only waits is never given a processor, so that any wake-up would be ours.
    for key in UNMOVED if quiet else ():
        if before[key] != after[key]:
            complaints.append(f"{key} was {before[key]}, then {after[key]}")
    name = " ".join([Path(command[0]).name, *map(str, command[1:3])])
    print(f"{name} ...: {calls} system calls, {readings} readings, {watch.looks} looks: "
          f"{'touched' if complaints else 'not touched'}")
    return complaints


# What --enable-profiling does besides: the target's memory opened for writing, a note beneath a folder of heaptop's own, and a
# guardian with a line to it.
SWITCH_CALLS = (
    r'openat\(\d+<[^>]*>, "mem", O_RDWR\|O_CLOEXEC',
    r'mkdir\("[^"]*/heaptop(-\d+)?", 0700',
    r'openat\(\d+<[^>]*/heaptop(-\d+)?>, "profiling-\d+-\d+", O_RDWR',
    r'pwrite64\(\d+<[^>]*/heaptop(-\d+)?/profiling-\d+-\d+>, "heaptop switched memory profiling on',
    r'ftruncate\(\d+<[^>]*/heaptop(-\d+)?/profiling-',
    r'unlinkat\(\d+<[^>]*/heaptop(-\d+)?>, "profiling-\d+-\d+"',
    r'clone3?\(',
    r'write\(\d+<(UNIX[^>]*|socket:[^>]*)>, "w", 1',
    r'sendto\(\d+<(UNIX[^>]*|socket:[^>]*)>, "d", 1, MSG_NOSIGNAL',
)
MEMORY_WRITE = re.compile(r'pwrite64\(\d+</proc/(\d+)/mem>, "([^"]*)", (\d+), (\d+|0x[0-9a-f]+)\)? = (\d+)')
RATE_BYTES, ZERO_BYTES = r"\0\0\10\0\0\0\0\0", r"\0\0\0\0\0\0\0\0"


def judge_switch(lines, target):
    """Complaints about a trace with --enable-profiling of a program that has it off."""
    touches, _, _ = judge(lines, target)
    writes, others, guardians = [], [], 0
    for line in touches:
        call = re.sub(r"^(?:\[pid\s+)?\d*\]?\s*", "", line)
        if match := MEMORY_WRITE.match(call):
            writes.append(match.groups())
        elif not any(re.match(known, call) for known in SWITCH_CALLS):
            others.append(f"touches: {line}")
        elif call.startswith("clone"):
            guardians += 1
    wanted = [(str(target), data, "8") for data in (RATE_BYTES, ZERO_BYTES)]
    if [w[:3] for w in writes] != wanted or len({w[3] for w in writes}) != 1 or any(w[4] != "8" for w in writes):
        others.append(f"writes to the target: {writes}")
    elif int(writes[0][3], 0) % 8 != 0:
        others.append(f"the write is not aligned: {writes[0]}")
    if guardians != 1:
        others.append(f"{guardians} guardians")
    return others


def look_at_switch(pid):
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace"
        command = ["strace", "-f", "-y", "-s", "256", "-o", trace, HEAPTOP, "report", "--for", "1s", "--enable-profiling",
                   str(pid)]
        watch = Watch(pid)
        watch.start()
        done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        watch.done.set()
        watch.join()
        lines = trace.read_text(errors="replace").splitlines()
    complaints = judge_switch(lines, pid) + [f"the target was seen {s}" for s in watch.seen]
    if done.returncode != 0:
        complaints.append(f"status {done.returncode}: {done.stderr.decode(errors='replace')[-400:]}")
    print(f"report --enable-profiling: {len(lines)} lines of trace, {watch.looks} looks: "
          f"{'touched otherwise' if complaints else 'touched as it says'}")
    return complaints


def commands(pid, is_go):
    yield [PROBE, pid, "20", "20ms"], (0,)
    if not HEAPTOP.exists():
        print(f"{HEAPTOP} is not built: only the probe was traced")
        return
    yield [HEAPTOP, "report", "--for", "2s", pid], (0, 1)
    yield [HEAPTOP, "report", "--json", "--for", "1s", pid], (0, 1)
    yield [HEAPTOP, "doctor", pid], (0, 1)
    yield [HEAPTOP, pid], (0,)
    if is_go:
        yield [HEAPTOP, "export", "--format", "pprof", "--profile", "heap", pid], (0,)


def keys_for(command):
    """The live view is walked through, and left; the other commands take no keys."""
    return [key.encode() for key in "2345671\r?"] + [b"\x1b", b"q", b"q", b"q"] if len(command) == 2 else None


def self_test():
    """The judge knows a touch when it sees one."""
    bad = ['12 openat(AT_FDCWD</x>, "/tmp/heaptop", O_RDWR|O_CREAT, 0600) = 3',
           '12 rename("/tmp/heaptop-abc", "/tmp/x") = 0', '12 pwrite64(3</tmp/x>, "/heaptop-KKyJz6/", 8, 0) = 8',
           '12 ptrace(PTRACE_SEIZE, 7) = 0', '12 process_vm_writev(7, [], 1, [], 1, 0) = 8',
           '12 tgkill(7, 7, SIGSTOP) = 0',
           '12 openat(AT_FDCWD</x>, "/proc/7/mem", O_RDWR|O_CLOEXEC) = 3', '12 write(3</tmp/x>, "a", 1) = 1',
           '12 process_vm_readv(8, [], 1, [], 1, 0) = 8', '12 clone(child_stack=NULL, flags=SIGCHLD) = 9',
           '[pid 12] kill(7, SIGTERM) = 0',
           '12 openat(3</proc/7>, "oom_score_adj", O_WRONLY <unfinished ...>']
    good = ['12 process_vm_readv(7, [], 1, [], 1, 0) = 8', '12 write(1<pipe:[3]>, "a", 1) = 1',
            '12 openat(3</proc/7>, "stat", O_RDONLY|O_CLOEXEC) = 4', '12 mkdir("/tmp/heaptop-KKyJz6", 0700) = 0',
            '12 pwrite64(15</tmp/heaptop-KKyJz6/past-journal>, "a</x", 512, 0) = 512',
            '12 openat(AT_FDCWD</x>, "/tmp/heaptop-KKyJz6/past", O_RDWR|O_CREAT, 0600) = 15',
            '12 unlinkat(AT_FDCWD</x>, "/tmp/heaptop-KKyJz6", AT_REMOVEDIR) = 0',
            '12 unlink("/tmp/heaptop-KKyJz6/past-journal") = 0',
            '12 write(6<anon_inode:[eventfd]>, "x", 8) = 8', '12 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 9']
    reader = ['12 clone(child_stack=NULL, flags=SIGCHLD) = 13', '13 prctl(PR_SET_NAME, "heaptop-lines") = 0',
              '13 openat(AT_FDCWD</>, "/proc/self/oom_score_adj", O_WRONLY|O_CLOEXEC) = 3',
              '13 write(3</proc/13/oom_score_adj>, "1000", 4) = 4', '12 sendmsg(5<socket:[9]>, {msg_name=NULL}, 0) = 1040',
              '13 sendto(4<socket:[8]>, "x", 1, MSG_NOSIGNAL, NULL, 0) = 1', '12 kill(13, SIGKILL) = 0']
    beside = ['12 kill(7, SIGKILL) = 0', '12 clone(child_stack=NULL, flags=SIGCHLD) = 14',
              '13 openat(AT_FDCWD</>, "/tmp/x", O_RDWR) = 3', '13 write(3</proc/7/mem>, "1000", 4) = 4', '13 kill(7, SIGTERM) = 0',
              '12 perf_event_open({type=PERF_TYPE_SOFTWARE}, 7, -1, -1, 0) = 5']
    on = f'12 pwrite64(9</proc/7/mem>, "{RATE_BYTES}", 8, 94370296) = 8'
    off = f'13 pwrite64(9</proc/7/mem>, "{ZERO_BYTES}", 8, 94370296) = 8'
    guard = '12 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 13'
    wrong = [f"the judge blamed the switch: {c}" for c in judge_switch([guard, on, off], 7)]
    wrong += [f"the judge passed as a switch: {trace}" for trace in (
        [guard, on], [guard, on, on, off], [guard, off], [on, off], [guard, on, off.replace("296", "304")],
        [guard, on.replace("94370296", "94370292"), off.replace("94370296", "94370292")],
        [guard, on, off, bad[0]], [guard, on, off.replace("/7/", "/8/")]) if not judge_switch(trace, 7)]
    wrong += [f"the judge blamed the reader: {line}" for line in judge(reader, 7)[0]]
    wrong += [f"the judge passed beside the reader: {line}" for line in beside if not judge(reader + [line], 7)[0]]
    return wrong + [f"the judge passed: {line}" for line in bad if not judge([line], 7)[0]] + \
           [f"the judge blamed: {line}" for line in good if judge([line], 7)[0]]


def main():
    if not shutil.which("strace"):
        print("strace is not installed")
        return 77
    complaints = self_test()
    # A native program that waits for ever.
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as native:
        native.stdin.write(b"x")
        native.stdin.flush()
        native.stdout.read(1)
        while not Path(f"/proc/{native.pid}/syscall").read_text().startswith("0 "):
            pass    # Until it is back in read(2).
        for command, expected in commands(native.pid, False):
            complaints += look(command, native.pid, True, expected, keys_for(command))
        native.stdin.close()
    built = oracle.targets("oracle")
    if not built:
        print("no Go target is built (tests/targets/build-matrix builds them): only a native program was looked at")
    for version, kind, path in built[-1:]:
        print(f"oracle, Go {version}, {kind}")
        with oracle.Target(path) as target:
            for command, expected in commands(target.pid, True):
                complaints += look(command, target.pid, False, expected, keys_for(command))
            # It profiles itself: asking for it changes nothing.
            if HEAPTOP.exists():
                command = [HEAPTOP, "report", "--enable-profiling", target.pid, "--for", "1s"]
                lines_before = len(complaints)
                complaints += [c for c in look(command, target.pid, False, (0,)) if not re.search(
                    r'openat\(\d+<[^>]*>, "mem", O_RDWR\|O_CLOEXEC', c)]
                print(f"a program that profiles itself: {'touched' if len(complaints) > lines_before else 'not written to'}")
    for version, kind, path in oracle.targets("noprof") if HEAPTOP.exists() else []:
        with oracle.Target(path) as target:
            print(f"noprof, Go {version}, {kind}")
            complaints += look_at_switch(target.pid)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
