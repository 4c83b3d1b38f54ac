#!/usr/bin/env python3
"""What heaptop says of Go's scheduler is what the program's own GODEBUG=schedtrace and runtime/metrics say: Ps, run
queues, threads by what they are at, goroutines by state; those that spin, that are locked to threads, that are in C,
and threads that are none of Go's. On every toolchain, stripped, with cgo and without.

    tests/live/scheduler_test.py [VERSION...]

Exit status 77 where nothing is built."""

import collections
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

SPINNING, LOCKED, IN_C, C_THREADS = 40, 5, 4, 3
PROCS = 3
# A machine with more to do than it can gives the program's threads, and this test, little time between two looks.
PATIENCE = 90
# Between two looks at a program that runs a thread may wake or park, and a P take goroutines from the global queue.
SLACK = 2


def look(pid):
    command = [oracle.HEAPTOP, "export", "--format", "json", str(pid)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=60).stdout)


def last_trace(path):
    """The newest complete line of schedtrace, as a dictionary."""
    lines = [line for line in path.read_text(errors="replace").split("\n")[:-1] if line.startswith("SCHED ")]
    if not lines:
        return None
    figures = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", lines[-1])}
    queues = re.search(r"\[ ?([\d ]*)\]", lines[-1])
    figures["queued"] = figures["runqueue"] + sum(int(word) for word in queues.group(1).split())
    figures["lines"] = len(lines)
    return figures


def compare(document, trace):
    """What differs between heaptop and the program's own account, by more than two looks may."""
    scheduler = document["scheduler"]
    pairs = {"Ps": (document["go"]["gomaxprocs"], trace["gomaxprocs"], 0),
             "idle Ps": (scheduler["procs_idle"], trace["idleprocs"], 1),
             "threads": (scheduler["machines"], trace["threads"], 1),
             "idle threads": (scheduler["machines_idle"], trace["idlethreads"], SLACK),
             # schedtrace leaves the goroutine out that a P runs next.
             "goroutines in queues": (scheduler["run_queue"] + scheduler["global_run_queue"], trace["queued"],
                                      PROCS + SLACK)}
    return [f"{what}: {got}, the program says {expected}" for what, (got, expected, slack) in pairs.items()
            if got is None or abs(got - expected) > slack]


def compare_metrics(document, metrics, has_c, slack):
    """The same against runtime/metrics, as far as this version has it: by state from Go 1.26 on. The goroutine that
    answers runs while it does, and is otherwise in a system call, to read the next question."""
    states = collections.Counter()
    for group in document["goroutine_groups"]:
        states[group["state"]] += group["count"]
    pairs = {"gomaxprocs:threads": (document["go"]["gomaxprocs"], 0),
             "goroutines:goroutines": (document["go"]["goroutines"], 0)}
    if "/sched/goroutines/waiting:goroutines" in metrics:
        # From here on the runtime's own count too, and the goroutine that is kept for a thread of C's to call Go.
        kept = 1 if has_c else 0
        pairs.update({"goroutines:goroutines": (sum(states.values()) + kept, 0),
                      "goroutines/running:goroutines": (states["running"] + 1, slack),
                      "goroutines/runnable:goroutines": (states["runnable"], slack),
                      "goroutines/not-in-go:goroutines": (states["syscall"] - 1, 0),
                      "goroutines/waiting:goroutines": (states["waiting"] + kept, slack),
                      "threads/total:threads": (document["scheduler"]["machines"], 1)})
    return [f"/sched/{name}: {expected} by heaptop, the program says {metrics['/sched/' + name]}"
            for name, (expected, most) in pairs.items() if abs(expected - metrics["/sched/" + name]) > most]


def settle(target, path, check, slack=0):
    """Looks until heaptop agrees with the program and with what was set up; the faults of the last look."""
    faults = ["no schedtrace line came"]
    deadline = time.monotonic() + PATIENCE
    while faults and time.monotonic() < deadline:
        before = last_trace(path)
        document = look(target.pid)
        trace = last_trace(path)
        # The program prints ten lines a second: one of before and one of after the look.
        while trace and before and trace["lines"] == before["lines"]:
            trace = last_trace(path)
        if not trace:
            continue
        faults = compare(document, trace) + check(document)
        faults += compare_metrics(document, target.answer("metrics"), target.state["c"], slack)
    return faults


def roles(document, *names):
    return sum(thread["role"] in names for thread in document["threads"])


def check_idle(document):
    faults = []
    if document["scheduler"]["procs_running"] or roles(document, "runs Go"):
        faults.append(f"something runs in a program that waits: {document['scheduler']['procs']}")
    if roles(document, "Go runtime") < 1:
        faults.append("sysmon's thread is not told")
    return faults


def joined(document):
    """Threads in C whose stack goes on with the goroutine that called: C's frames, the call, and who made it."""
    count = 0
    for thread in document["threads"]:
        names = [frame["function"] for frame in thread["stack"] or []]
        called = names.index("main._Cfunc_sleep_long") if "main._Cfunc_sleep_long" in names else 0
        count += thread["role"] == "in C" and called > 0 and names[called + 1] == "main.sleepInC"
    return count


def check_blocked(has_c):
    def check(document):
        scheduler = document["scheduler"]
        locked = {thread["locked_goid"] for thread in document["threads"]} - {None}
        expected = {"locked goroutines": (scheduler["machines_locked"], LOCKED),
                    "locked threads": (roles(document, "locked, idle"), LOCKED),
                    "goroutines locked to them": (len(locked), LOCKED)}
        if has_c:
            expected["threads in C"] = (roles(document, "in C"), IN_C)
            expected["stacks of C and Go in one"] = (joined(document), IN_C)
            expected["counted in C"] = (scheduler["machines_in_c"], IN_C)
            expected["C's threads"] = (roles(document, "C thread"), C_THREADS)
            expected["counted as C's"] = (scheduler["foreign_threads"], C_THREADS)
        # A cgo program's main thread was locked at the start, and the runtime keeps a template thread for such.
        return [f"{what}: {got}, expected {count}" for what, (got, count) in expected.items() if got != count]
    return check


def check_busy(document):
    scheduler, faults = document["scheduler"], []
    running = scheduler["goroutines_at"]["running"] + scheduler["goroutines_at"]["runnable"]
    if abs(running - SPINNING) > SLACK:
        faults.append(f"{running} goroutines run or want to, expected {SPINNING}")
    # The goroutine that has just answered goes back to its system call, and takes a P along until sysmon notices.
    answering = min(scheduler["procs_syscall"], 1)
    if (scheduler["procs_running"] + answering != PROCS
            or abs(roles(document, "runs Go", "schedules") - PROCS) > 1):
        faults.append(f"{scheduler['procs_running']} Ps run, expected {PROCS}: {scheduler['procs']}")
    busy = [proc for proc in scheduler["procs"] if proc["goid"]]
    threads = {thread["tid"]: thread for thread in document["threads"]}
    for proc in busy:
        thread = threads.get(proc["tid"])
        # The two were read one after the other.
        if not thread or (thread["proc"] not in (proc["id"], None) and thread["goid"] == proc["goid"]):
            faults.append(f"P{proc['id']} is said to be on thread {proc['tid']}, which says {thread}")
    if "CPU bound" not in (scheduler["note"] or ""):
        faults.append(f"it is CPU bound, and what heaptop says is: {scheduler['note']}")
    return faults


def examine(name, path):
    with tempfile.NamedTemporaryFile() as errors:
        environment = {"GODEBUG": "schedtrace=100", "GOMAXPROCS": str(PROCS)}
        with oracle.Target(path, environment=environment, errors=errors) as target:
            trace = Path(errors.name)
            faults = settle(target, trace, check_idle)
            target.ask(f"lock {LOCKED}")
            if target.state["c"]:
                target.ask(f"c {IN_C}")
                target.ask(f"thread {C_THREADS}")
            faults += settle(target, trace, check_blocked(target.state["c"]))
            target.ask(f"spin {SPINNING}")
            faults += settle(target, trace, check_busy, SLACK)
            target.ask("stop")
            faults += settle(target, trace, check_blocked(target.state["c"]))
    return oracle.tell(name, faults)


def main():
    found = oracle.targets_asked_for("scheduler", ("stripped", "packaged"))
    if not found:
        oracle.skip("no scheduler target is built: run tests/targets/build-matrix")
    # All of them, whatever the first says.
    return 0 if all([examine(f"{version} {kind}", path) for version, kind, path in found]) else 1


if __name__ == "__main__":
    sys.exit(main())
