#!/usr/bin/env python3
"""GC cycles are told as the program's own GODEBUG=gctrace=1 prints them, word for word, with their cause; cycles that come more
often than samples are seen as well; and thrashing at GOMEMLIMIT is called so. On every toolchain, stripped.

    tests/live/gc_test.py [VERSION...]

Exit status 77 where nothing is built."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402


def traces(path):
    """The lines that the program printed, by cycle."""
    lines = {}
    for line in Path(path).read_text(errors="replace").split("\n"):
        words = line.split()
        if len(words) > 3 and words[0] == "gc" and words[1].isdigit():
            lines[int(words[1])] = line
    return lines


class Report:
    """heaptop watching; leaving the block waits for its end."""

    def __init__(self, pid, seconds):
        self.process = subprocess.Popen([oracle.HEAPTOP, "report", "--json", "--for", f"{seconds}s", str(pid)], stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.document = json.loads(self.process.communicate(timeout=90)[0])


def compare(cycles, lines, version, faults):
    """How many cycles were seen in full; each of these must have the program's own line."""
    full = 0
    for cycle in cycles:
        expected = lines.get(cycle["number"])
        if not expected or "-" in cycle["gctrace"].replace("->", " "):
            continue
        full += 1
        got = cycle["gctrace"]
        if version == "1.19":
            got, expected = (line.split(" MB goal")[0] + line.split(" MB stacks")[1] for line in (got, expected))
        if got != expected:
            faults.append(f"cycle {cycle['number']}: {got}\n      the program says: {expected}")
        forced = expected.endswith("(forced)")
        if (cycle["cause"] == "forced") != forced:
            faults.append(f"cycle {cycle['number']}: its cause is {cycle['cause']}, the program says: {expected}")
    return full


def examine_causes(path, version, faults):
    """Cycles at the heap goal and forced ones, further apart than a sample, and a burst of them."""
    with tempfile.NamedTemporaryFile() as errors:
        environment = {"GODEBUG": "gctrace=1"}
        with oracle.Target(path, environment=environment, errors=errors) as target:
            target.ask("hold 40")
            with Report(target.pid, 6) as report:
                # Until heaptop looks, cycles pass unseen: it begins within half a second.
                time.sleep(1)
                for _ in range(3):
                    target.ask("gc 1")
                    time.sleep(1.1)
                target.ask("drop 100")
                time.sleep(0.3)
            lines = traces(errors.name)
        cycles = [cycle for cycle in report.document["gc_cycles"] if cycle["number"] in lines]
        full = compare(cycles, lines, version, faults)
        # On a busy machine heaptop starts late and wakes late: fewer are seen, and none is seen wrongly.
        if full < 2:
            faults.append(f"of {len(lines)} cycles only {full} were seen in full")
        causes = report.document["gc"]["causes"]
        if causes["forced"] < 3 or causes["heap goal"] < 1 or causes["memory limit"] or causes["periodic"]:
            faults.append(f"causes: {causes}")
        if report.document["gc"]["thrashing"]:
            faults.append("a few cycles are called thrashing")
        for cycle in cycles:
            parts = [cycle[name] for name in ("sweep_termination_ns", "mark_termination_ns")]
            if None not in parts and abs(sum(parts) - cycle["pause_ns"]) > 200000 + cycle["pause_ns"] / 4:
                faults.append(f"cycle {cycle['number']} paused {cycle['pause_ns']} ns, its parts are {parts}")
    return full


def examine_frequent(path, version, faults):
    """Some six cycles a second, so that most pass between two samples."""
    with tempfile.NamedTemporaryFile() as errors:
        environment = {"GODEBUG": "gctrace=1"}
        with oracle.Target(path, environment=environment, errors=errors) as target:
            target.ask("hold 8")
            target.ask("pace 60")
            with Report(target.pid, 8) as report:
                pass
            lines = traces(errors.name)
        # Those of the last six seconds: looks between samples begin when cycles are known to be frequent.
        last = max(cycle["end_unix_ns"] for cycle in report.document["gc_cycles"])
        cycles = [cycle for cycle in report.document["gc_cycles"] if last - cycle["end_unix_ns"] < 5e9]
        full = compare(cycles, lines, version, faults)
        if len(cycles) < 10 or full < 0.5 * len(cycles):
            faults.append(f"of {len(cycles)} cycles in five seconds {full} were seen in full")
        if any(cycle["cause"] != "heap goal" for cycle in cycles):
            faults.append(f"causes: {[cycle['cause'] for cycle in cycles]}")
    return full, len(cycles)


def examine_limit(path, faults):
    """At GOMEMLIMIT with GOGC off every cycle comes from there, and it thrashes."""
    environment = {"GOMEMLIMIT": "64MiB", "GOGC": "off"}
    with oracle.Target(path, environment=environment) as target:
        target.ask("hold 52")
        target.ask("pace 100")
        with Report(target.pid, 8) as report:
            pass
        gc = report.document["gc"]
        if not gc["thrashing"] or not gc["pinned_to_memory_limit"]:
            faults.append(f"pinned to GOMEMLIMIT, and called {gc}")
        if gc["causes"]["memory limit"] < 8 or gc["causes"]["heap goal"]:
            faults.append(f"causes at GOMEMLIMIT: {gc['causes']}")


def examine(version, path):
    faults = []
    full = examine_causes(path, version, faults)
    frequent, of = examine_frequent(path, version, faults)
    examine_limit(path, faults)
    print(f"{version}: {'FAIL' if faults else 'ok'}, {full} cycles word for word as printed, then {frequent} of {of}", flush=True)
    for fault in faults:
        print(f"    {fault}")
    return not faults


def main():
    versions = sys.argv[1:] or sorted((path.name for path in (oracle.CACHE / "targets").glob("1.*")),
                                      key=lambda name: int(name.split(".")[1]))
    good, there = True, 0
    for version in versions:
        path = oracle.CACHE / "targets" / version / "stripped" / "scheduler"
        if path.exists():
            there += 1
            good = examine(version, path) and good
    if not there:
        print("no scheduler target is built: run tests/targets/build-matrix")
        return 77
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
