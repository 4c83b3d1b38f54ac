#!/usr/bin/env python3
"""Goroutines counted while others come and go as fast as they can. Each sample's number lies between what the process
itself counted just before and just after; a stack that is not said to be cut leads down to the function that its
goroutine was started with; stacks that ran while they were read are counted among the problems; and with the threads of
running goroutines stopped, their stacks are there as well, the process goes on, and nothing traces it afterwards.

    tests/live/goroutine_churn_test.py [VERSION]

Exit status 77 where nothing is built (tests/targets/build-matrix builds)."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

# A stripped program is found another way, and then read the same way.
SAMPLES = {"default": 20, "stripped": 10}
# With threads stopped.
REPORTS = 5
# Those on their way: started but not counted yet, or counted and on their way out; the runtime's own may wake.
ON_THEIR_WAY = 24
MOVED = re.compile(r"goroutines: (\d+) (?:ran while their stacks were read|stacks are shown in part)")


def count(target, command="count"):
    return target.answer(command)["goroutines"]


def outermost_is_start(group):
    # The runtime's own functions are not shown.
    return group["start"].startswith("runtime.") or group["stack"][-1][0] == group["start"]


def examine_counts(target, probe, samples):
    """(differences, samples, stacks looked at, cut, told to have moved)."""
    differences, looked, cut, moved = [], 0, 0, 0
    for _ in range(samples):
        before = count(target)
        sample = probe.answer("sample -")
        after = count(target)
        ours = sum(g["count"] for g in sample["groups"] if not g["system"])
        if not before - ON_THEIR_WAY <= ours <= after + ON_THEIR_WAY:
            differences.append(f"{ours} goroutines; the process counted {before} before and {after} after")
        for group in sample["groups"]:
            if group["system"] or not group["stack"]:
                continue
            looked += group["count"]
            if group["stack_cut"]:
                cut += group["count"]
            elif not outermost_is_start(group):
                frames = ", ".join(frame[0] for frame in group["stack"])
                differences.append(f"a stack of {group['start']} ({group['state']}, {group['wait_reason']}) ends early: "
                                   + frames)
        moved += sum(int(m[1]) for m in map(MOVED.match, sample["problems"]) if m)
    if cut > 0 and moved == 0:
        differences.append(f"{cut} stacks are cut, and no problem says so")
    return differences, looked, cut, moved


def tracer(pid):
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in status if line.startswith("TracerPid"))


def examine_running(target):
    """With their threads stopped: (differences, stops, running goroutines, those with a stack)."""
    differences, stops, running, with_stack = [], 0, 0, 0
    for _ in range(REPORTS):
        report = subprocess.run([oracle.HEAPTOP, "report", "--json", "--for", "0", "--stop-running", str(target.pid)],
                                capture_output=True, timeout=60, env={**os.environ, "NO_COLOR": "1"})
        document = json.loads(report.stdout)
        stops += document["cost"]["stops"]
        if document["cost"]["stops"] and not document["cost"]["stop_ns"]:
            differences.append("stops took no time")
        for group in document["goroutine_groups"]:
            if group["start"] and group["start"]["function"] == "main.spin" and group["kind"] == "running":
                running += group["count"]
                with_stack += group["count"] if group["stack"] else 0
                functions = [frame["function"] for frame in group["stack"] or []]
                if functions and functions[-1:] != ["main.spin"]:
                    differences.append(f"main.spin runs in {functions}")
        if tracer(target.pid) != "0":
            differences.append("it is still traced")
        # It answers: it goes on.
        count(target)
    if stops == 0 or with_stack == 0:
        differences.append(f"{stops} stops, {with_stack} of {running} times the one that runs on had a stack")
    return differences, stops, running, with_stack


def examine(version, kind, path):
    with oracle.Target(path) as target:
        count(target, "churn")
        with oracle.Probe(target.pid) as probe:
            differences, looked, cut, moved = examine_counts(target, probe, SAMPLES.get(kind, 10))
        more, stops, running, with_stack = examine_running(target)
        differences += more
        count(target, "still")
        print(f"{version:5} {kind:9} stacks {looked}, cut {cut}, moved on {moved}; stops {stops}, running {running}, "
              f"with a stack {with_stack}{'' if not differences else f'  {len(differences)} DIFFERENCES'}", flush=True)
        for text in differences[:4]:
            print(f"      {text[:600]}", flush=True)
        return not differences


def main():
    wanted = [t for t in oracle.targets("crowd") if t[1] != "packaged" and all(a in (t[0], t[1]) for a in sys.argv[1:])]
    if not wanted:
        oracle.skip(f"no crowd in {oracle.CACHE}/targets: run tests/targets/build-matrix")
    passed = sum(examine(*target) for target in wanted)
    print(f"{passed} of {len(wanted)} hold")
    sys.exit(passed != len(wanted))


if __name__ == "__main__":
    main()
