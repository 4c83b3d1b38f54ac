#!/usr/bin/env python3
"""Suspects that are not about growth alone, of real programs: a heap that stays idle after a peak, a limit
(GOMEMLIMIT, a cgroup's) that comes near, goroutines that are stuck. What takes ten minutes to be sure of is recorded
for less than one, and judged as if the recording had taken so many times as long.

    tests/live/standing_suspects_test.py [VERSION...]       Go 1.24 unless versions are named

Exit status 77 where nothing is built."""

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import container_test  # noqa: E402
import memory_parts_test  # noqa: E402
import oracle  # noqa: E402
import zoo_test  # noqa: E402

SOURCE = oracle.ROOT / "tests" / "targets" / "go" / "scheduler" / "main.go"
SECONDS, STRETCH = 45, 20
LIMIT = 600 << 20
# A GC notes who waits, with the time that the one before it began (runtime/mgcmark.go, work.tstart).
NOTE_WAITS = "gc 2"


def marked_line(mark):
    """FILE:LINE of the line that ends in this comment."""
    found = [n for n, line in enumerate(SOURCE.read_text().splitlines(), 1) if line.endswith(f"// {mark}")]
    if len(found) != 1:
        raise ValueError(f"{SOURCE} marks {len(found)} lines {mark}")
    return f"{SOURCE.name}:{found[0]}"


def suspects_after(target):
    """Those of the last moment of a recording that is stretched: of each its kind, line and words."""
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "recording"
        command = [oracle.HEAPTOP, "record", "-o", recording, "-d", f"{SECONDS}s", str(target.pid)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=SECONDS + 60)
        output = subprocess.run([zoo_test.PROBE, recording, str(STRETCH)], check=True, stdout=subprocess.PIPE,
                                timeout=120).stdout
    last = json.loads(output.splitlines()[-1])
    if last["seconds"] < (SECONDS - 5) * STRETCH:
        raise ValueError(f"the recording ends after {last['seconds']} s")
    return last["suspects"]


def expect(suspects, *expected):
    """What differs from (kind, end of its line, words in it); any order but for the first."""
    faults = []
    if len(suspects) != len(expected):
        faults.append(f"{len(suspects)} suspects, expected {len(expected)}")
    for kind, line, words in expected:
        if not any(s["kind"] == kind and s["subject"].endswith(line) and words in s["words"] for s in suspects):
            faults.append(f"no suspect {kind} at {line or 'no line'} says '{words}'")
    return [f"{fault}: {suspects}" for fault in faults]


def idle_heap(path):
    """No limit is near and no cycle comes, so the runtime keeps what the peak has left."""
    environment = {"GOGC": "off", "GOMEMLIMIT": "4GiB"}
    with oracle.Target(path, environment=environment) as target:
        target.ask("hold 400")
        target.ask("release")
        return expect(suspects_after(target), ("heap_idle", "-", "idle heap that Go keeps"))


def full_heap(path):
    with oracle.Target(path, environment={"GOGC": "off", "GOMEMLIMIT": "4GiB"}) as target:
        target.ask("hold 400")
        return expect(suspects_after(target))


def stuck(path):
    with oracle.Target(path) as target:
        for command in ("mutex 5", "send 6", "nil 12", "pool 60", NOTE_WAITS):
            target.ask(command)
        return expect(suspects_after(target), ("goroutines_stuck", marked_line("mutex"), "5 goroutines are stuck"),
                      ("goroutines_stuck", marked_line("send"), "6 goroutines are stuck"),
                      ("goroutines_stuck", marked_line("nil"), "Nothing can end this wait"))


def idle_pool(path):
    with oracle.Target(path) as target:
        target.ask("pool 60")
        target.ask(NOTE_WAITS)
        return expect(suspects_after(target))


def near_limit(path, environment, name, cgroup=None):
    """The linker has left the profile out of this program, so that nothing else tells what grows."""
    with oracle.Target(path, environment=environment) as target:
        if cgroup:
            (cgroup / "cgroup.procs").write_text(str(target.pid))
        target.ask("hold 330")
        target.ask("grow 2")
        suspects = memory_parts_test.report(target.pid, SECONDS)["suspects"]
    if [suspect["kind"] for suspect in suspects] != ["limit_near"]:
        return [f"the only suspect is not limit_near: {suspects}"]
    words = f"{name}, 600.0 MB, is met in"
    return [] if words in suspects[0]["summary"] else [f"it does not say '{words}': {suspects}"]


def soft_limit(path):
    return near_limit(path, {"GOMEMLIMIT": str(LIMIT)}, "GOMEMLIMIT")


def hard_limit(path):
    made = container_test.memory_cgroup()
    if not made:
        return None
    cgroup, version = made
    try:
        (cgroup / ("memory.limit_in_bytes" if version == 1 else "memory.max")).write_text(str(LIMIT))
        return near_limit(path, {}, "The memory limit", cgroup)
    finally:
        container_test.remove_cgroup(cgroup)


def soft_limit_of_a_site(path):
    """Where it is known what grows, that is the suspect, and the limit is evidence."""
    with oracle.Target(path.parent / "zoo", "globalmap", "leak", environment={"GOMEMLIMIT": "256MiB"}) as target:
        suspects = memory_parts_test.report(target.pid, 60)["suspects"]
    if not suspects or suspects[0]["kind"] != "site_grows":
        return [f"the first suspect is not site_grows: {suspects}"]
    words = "GOMEMLIMIT, 256.0 MB, is met in"
    said = any(words in evidence for evidence in suspects[0]["evidence"])
    return [] if said else [f"it does not say '{words}': {suspects[0]}"]


CASES = (idle_heap, full_heap, stuck, idle_pool, soft_limit, soft_limit_of_a_site, hard_limit)


def main():
    versions = sys.argv[1:] or [zoo_test.USUAL_VERSION]
    paths = [(v, p) for v, kind, p in oracle.targets("scheduler") if v in versions and kind == "stripped"]
    if not paths:
        print("no scheduler target is built: run tests/targets/build-matrix")
        return 77
    good = True
    for version, path in paths:
        with ThreadPoolExecutor(len(CASES)) as pool:
            results = list(pool.map(lambda case: case(path), CASES))
        for case, faults in zip(CASES, results):
            word = "not possible here" if faults is None else "FAIL" if faults else "ok"
            print(f"{version:<6}{case.__name__.replace('_', ' '):<24}{word}", flush=True)
            for fault in faults or []:
                print(f"        {fault}")
            good = good and not faults
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
