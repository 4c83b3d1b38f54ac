#!/usr/bin/env python3
"""Stacks of waiting threads, read without a stop, against those that eu-stack and gdb find by stopping: frame by frame, for
programs in C, C++, Rust and an interpreter. And the names that the report gives them.

    tests/live/native_stacks_test.py [PROGRAM]

Exit status 77 where eu-stack or a C++ compiler is missing."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

PROBE = oracle.HEAPTOP.parent / "tests" / "stacks_probe"
PROGRAMS = oracle.CACHE / "programs"
LEAST_COMPLETE = 0.95
# Which are compared with gdb too, where there is one; the others are the first once more.
BESIDE_GDB = ("parked", "python3", "redis-server", "ripgrep")

PYTHON = """
import socket, sys, threading, time
lock = threading.Lock()
lock.acquire()
pair = socket.socketpair()
waits = ((lock.acquire, ()), (time.sleep, (1000,)), (pair[0].recv, (1,)),
         (lambda: sorted([1, 2], key=lambda _: time.sleep(1000)), ()))
for target, arguments in waits:
    threading.Thread(target=target, args=arguments, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""


def wait_until_parked(pid, threads):
    """Until there are so many threads and all of them sleep."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        states = []
        for task in Path(f"/proc/{pid}/task").iterdir():
            states.append((task / "stat").read_text().rsplit(")", 1)[1].split()[0])
        if len(states) >= threads and set(states) <= {"S", "D"}:
            return
    raise AssertionError(f"{pid} does not come to rest: {states}")


def by_probe(pid, rounds):
    """{tid: (complete, [address])}, and the totals."""
    output = subprocess.run([PROBE, str(pid), str(rounds)], check=True, capture_output=True, text=True).stdout
    *lines, totals = output.splitlines()
    stacks = {}
    for line in lines:
        tid, state, _, *addresses = line.split()
        stacks[int(tid)] = (state == "complete", [int(a, 16) for a in addresses])
    words = totals.split()
    return stacks, dict(zip(words[::2], map(int, words[1::2])))


def by_eu_stack(pid):
    """{tid: [address]}"""
    output = subprocess.run(["eu-stack", "-n", "0", "-p", str(pid)], capture_output=True, text=True).stdout
    stacks, tid = {}, None
    for line in output.splitlines():
        if match := re.match(r"TID (\d+):", line):
            tid = int(match[1])
            stacks[tid] = []
        elif match := re.match(r"#\d+\s+(0x[0-9a-f]+)", line):
            stacks[tid].append(int(match[1], 16))
    return stacks


# Without those that gdb deduces from debug information and that have no place on the stack: of functions compiled into
# their callers, and of those that have jumped to what they called last.
GDB = """
import gdb
for thread in gdb.selected_inferior().threads():
    thread.switch()
    frame, found = gdb.newest_frame(), []
    while frame:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            found.append(hex(frame.pc()))
        frame = frame.older()
    print("STACK", thread.ptid[1], *found)
"""


def by_gdb(pid):
    """{tid: [address]}, what `thread apply all bt` shows; None where there is no gdb, or one without Python."""
    if not shutil.which("gdb"):
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(GDB)
        script.flush()
        command = ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", "set backtrace past-main on", "-p",
                   str(pid), "-x", script.name]
        lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    found = [line.split()[1:] for line in lines if line.startswith("STACK ")]
    return {int(tid): [int(a, 16) for a in stack] for tid, *stack in found} or None


def differing_from_gdb(pid, ours):
    """What gdb says of complete stacks, where it goes as far: it stops early where it takes a stack for damaged."""
    wrong = {}
    for _ in range(5):
        theirs = by_gdb(pid)
        if theirs is None:
            return None
        wrong = {tid: theirs.get(tid) for tid, (is_complete, stack) in ours.items()
                 if is_complete and not is_equal(stack[:len(theirs.get(tid, []))], theirs.get(tid, [0]))}
        if not wrong:
            break
        ours, _ = by_probe(pid, 1)
    return wrong


def is_equal(ours, theirs):
    """Of where a signal has come in the probe prints the byte behind, as it cannot tell it from a call."""
    return len(ours) == len(theirs) and all(a == b or a == b + 1 for a, b in zip(ours, theirs))


def build_parked(program, *options):
    source = oracle.ROOT / "tests/targets/native/parked.cc"
    subprocess.run(["g++", "-g", "-O1", *options, "-pthread", "-o", program, source], check=True)


def compare(name, pid, threads):
    wait_until_parked(pid, threads)
    failures = []
    ours, _ = by_probe(pid, 20)
    # A daemon's timers may strike in between: what differs is looked at once more.
    for _ in range(5):
        theirs = by_eu_stack(pid)
        again, _ = by_probe(pid, 1)
        differing = [tid for tid in ours if ours[tid][0] and not is_equal(ours[tid][1], theirs.get(tid, []))]
        if not differing:
            break
        ours = again
    complete = sum(1 for state, _ in ours.values() if state)
    equal = sum(1 for tid, (state, stack) in ours.items() if state and is_equal(stack, theirs.get(tid, [])))
    if set(ours) != set(theirs):
        failures.append(f"threads {sorted(ours)}, eu-stack has {sorted(theirs)}")
    if complete < LEAST_COMPLETE * len(ours):
        failures.append(f"only {complete} of {len(ours)} threads have a complete stack")
    for tid in differing:
        failures.append(f"thread {tid}: {[hex(a) for a in ours[tid][1]]}, eu-stack {[hex(a) for a in theirs.get(tid, [])]}")
    # One that was cut must be right as far as it goes.
    for tid, (state, stack) in ours.items():
        if not state and not is_equal(stack, theirs.get(tid, [])[:len(stack)]):
            failures.append(f"thread {tid} is cut, and wrong: {[hex(a) for a in stack]}")
    of_gdb = differing_from_gdb(pid, ours) if name in BESIDE_GDB else None
    for tid, stack in (of_gdb or {}).items():
        failures.append(f"thread {tid}: {[hex(a) for a in ours[tid][1]]}, gdb {[hex(a) for a in stack or []]}")
    frames = max(len(stack) for _, stack in ours.values())
    beside = f"{complete - len(of_gdb)} to gdb's" if of_gdb is not None else \
        "gdb is not here" if name in BESIDE_GDB else "gdb not asked"
    print(f"{name}: {len(ours)} threads, {complete} complete, {equal} equal to eu-stack's, {beside}, up to {frames} frames")
    return failures


def check_names(pid, name, expected):
    """That these functions are on the stack of some thread, in this order from the inside."""
    output = subprocess.run([oracle.HEAPTOP, "report", "--json", "--for", "2s", str(pid)], check=True, capture_output=True,
                            text=True).stdout
    document = json.loads(output)
    failures = []
    stacks = [[frame["function"] for frame in thread["stack"] or []] for thread in document["threads"]]
    for functions in expected:
        def holds(stack):
            rest = iter(stack)
            return all(any(function in (at or "") for at in rest) for function in functions)
        if not any(holds(stack) for stack in stacks):
            failures.append(f"{name}: no stack has {' < '.join(functions)}")
    if document["cost"]["stops"] or document["cost"]["writes"]:
        failures.append(f"{name}: {document['cost']['stops']} stops, {document['cost']['writes']} writes")
    return failures


LIBRARY = """
#include <unistd.h>
__attribute__((noinline)) int wait_in_library(int count) { char room[32]; room[0] = (char)pause(); return room[0] + count; }
"""
CALLER = "int wait_in_library(int); int main(void) { return wait_in_library(1) + 1; }"


def check_deleted(folder):
    """A library that is no longer there, for a heaptop that has no capability: it is read from the process's memory."""
    for name, text in (("library.c", LIBRARY), ("caller.c", CALLER)):
        (folder / name).write_text(text)
    library = folder / "libwaits.so"
    subprocess.run(["gcc", "-O1", "-fomit-frame-pointer", "-shared", "-fPIC", "-o", library, folder / "library.c"], check=True)
    subprocess.run(["gcc", "-O1", "-o", folder / "caller", folder / "caller.c", f"-L{folder}", "-lwaits",
                    f"-Wl,-rpath,{folder}"], check=True)
    heaptop = shutil.copy(oracle.HEAPTOP, folder / "heaptop")
    folder.chmod(0o755)
    owner = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    with subprocess.Popen([folder / "caller"], **owner) as process:
        deadline = time.monotonic() + 60
        while not Path(f"/proc/{process.pid}/syscall").read_text().startswith("34 "):      # pause(2)
            assert time.monotonic() < deadline, "it never waits"
            time.sleep(0.01)
        library.unlink()
        output = subprocess.run([heaptop, "report", "--json", "--for", "1s", str(process.pid)], check=True, capture_output=True,
                                text=True, env={**os.environ, "HOME": str(folder)}, **owner).stdout
        process.kill()
    thread = json.loads(output)["threads"][0]
    functions = [frame["function"] for frame in thread["stack"] or []]
    if thread["stack_quality"] != "whole" or functions[1:3] != ["wait_in_library", "main"]:
        return [f"a deleted library: {thread['stack_quality']}, {functions}"]
    print("deleted library: its frame is left and named")
    return []


SPINNER = """
volatile long turns;
__attribute__((noinline)) void spin_inside(void) { for (;;) turns++; }
__attribute__((noinline)) void spin_outside(long more) { spin_inside(); turns += more; }
int main(void) { spin_outside(1); return 0; }
"""


def check_running(folder):
    """A thread that runs has a stack only when it may be stopped for that, and goes on afterwards."""
    (folder / "spinner.c").write_text(SPINNER)
    subprocess.run(["gcc", "-O1", "-fomit-frame-pointer", "-o", folder / "spinner", folder / "spinner.c"], check=True)
    failures = []
    with Started([folder / "spinner"]) as program:
        pid = program.process.pid
        for options, expected in (([], []), (["--stop-running"], ["spin_inside", "spin_outside", "main"])):
            output = subprocess.run([oracle.HEAPTOP, "report", "--json", "--for", "1s", *options, str(pid)], check=True,
                                    capture_output=True, text=True).stdout
            document = json.loads(output)
            functions = [frame["function"] for frame in document["threads"][0]["stack"] or []]
            if functions[:3] != expected or (document["cost"]["stops"] > 0) != bool(expected):
                failures.append(f"a running thread, {options}: {functions}, {document['cost']['stops']} stops, "
                                f"{document['problems']}")
        status = Path(f"/proc/{pid}/status").read_text()
        if not re.search(r"^State:\s+R", status, re.M) or not re.search(r"^TracerPid:\s+0$", status, re.M):
            failures.append(f"it does not go on: {status[:300]}")
    print("running thread: stopped for a moment, its stack is whole" if not failures else "running thread: not as it should be")
    return failures


class Started:
    """A program that runs until the test is through with it; whether it is ready its threads' states tell."""

    def __init__(self, arguments, environment=None, folder=None):
        self.process = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, cwd=folder,
                                        env={**os.environ, **(environment or {})})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()


def main():
    if not shutil.which("eu-stack") or not shutil.which("g++"):
        oracle.skip("eu-stack (elfutils) and a C++ compiler are needed")
    wanted = sys.argv[1:] or ["parked", "parked-stripped", "parked-frame-pointers", "parked-debug-frames", "deleted-library", "running", "python3", "redis-server", "ripgrep"]
    failures, skipped = [], []
    with tempfile.TemporaryDirectory(prefix="heaptop-stacks-") as name:
        folder = Path(name)
        source = oracle.ROOT / "tests/targets/native/parked.cc"
        build_parked(folder / "parked")
        subprocess.run(["strip", "-o", folder / "parked-stripped", folder / "parked"], check=True)
        names = [
            ["pthread_cond_wait", "parked::Worker<long>::wait_for_work()", "parked::Worker<long>::recurse(long)",
             "parked::run(int)"],
            ["poll", "parked::compare(void const*, void const*)", "qsort", "parked::run(int)"],
            ["parked::on_signal(int)", "raise", "parked::run(int)"],
            ["sleep", "parked::run(int)"],
        ]
        if "parked" in wanted:
            with Started([folder / "parked"]) as program:
                failures += compare("parked", program.process.pid, 51)
                failures += check_names(program.process.pid, "parked", names)
        if "parked-stripped" in wanted:
            with Started([folder / "parked-stripped"]) as program:
                failures += compare("parked-stripped", program.process.pid, 51)
                failures += check_names(program.process.pid, "parked-stripped", [["pthread_cond_wait"], ["sleep"]])
        if "parked-frame-pointers" in wanted:
            # The C library's calls of the kernel keep no frame pointer: where it was is found by searching.
            subprocess.run(["g++", "-O1", "-fno-omit-frame-pointer", "-pthread", "-o", folder / "with-pointers", source],
                           check=True)
            with Started([folder / "with-pointers"]) as program:
                failures += compare("parked-frame-pointers", program.process.pid, 51)
        if "parked-debug-frames" in wanted:
            # Nothing is there for exceptions, only for debuggers, compressed, in a file of its own.
            run = ["g++", "-g", "-gz=zlib", "-O1", "-fomit-frame-pointer", "-fno-exceptions", "-fno-asynchronous-unwind-tables",
                   "-fno-unwind-tables", "-pthread", "-o", folder / "debug-frames", source]
            subprocess.run(run, check=True)
            subprocess.run(["objcopy", "--only-keep-debug", "debug-frames", "debug-frames.debug"], check=True, cwd=folder)
            subprocess.run(["objcopy", "--strip-all", "--add-gnu-debuglink=debug-frames.debug", "debug-frames"], check=True,
                           cwd=folder)
            with Started([folder / "debug-frames"]) as program:
                failures += compare("parked-debug-frames", program.process.pid, 51)
        if "running" in wanted:
            failures += check_running(folder)
        if "deleted-library" in wanted:
            failures += check_deleted(folder)
        if "python3" in wanted:
            python = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
            with Started([python, "-c", PYTHON]) as program:
                failures += compare("python3", program.process.pid, 5)
        redis = PROGRAMS / "redis-server-bookworm"
        if "redis-server" in wanted and (redis / "usr/bin/redis-server").exists():
            libraries = {"LD_LIBRARY_PATH": str(redis / "usr/lib/x86_64-linux-gnu")}
            # hz 1: the timer strikes once a second, not ten times.
            with Started([redis / "usr/bin/redis-server", "--port", "0", "--unixsocket", folder / "socket", "--save", "",
                          "--hz", "1"], libraries, folder) as program:
                failures += compare("redis-server", program.process.pid, 4)
        elif "redis-server" in wanted:
            skipped.append("redis-server")
        rust = PROGRAMS / "ripgrep-bookworm" / "usr/bin/rg"
        if "ripgrep" in wanted and rust.exists():
            pipes = [folder / f"pipe{i}" for i in range(4)]
            for pipe in pipes:
                os.mkfifo(pipe)
            with Started([rust, "--no-config", "--threads", "4", "x", *pipes]) as program:
                failures += compare("ripgrep", program.process.pid, 2)
        elif "ripgrep" in wanted:
            skipped.append("ripgrep")
    for failure in failures:
        print(failure)
    if skipped:
        print(f"not there, and so not compared (tools/fetch-programs): {', '.join(skipped)}")
    sys.exit(1 if failures else 77 if skipped and len(skipped) == len(wanted) else 0)


if __name__ == "__main__":
    main()
