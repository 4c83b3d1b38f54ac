#!/usr/bin/env python3
"""GC cycles are told as the program's own GODEBUG=gctrace=1 prints them, word for word, with their cause: asked for, at
the heap goal, at GOMEMLIMIT, or after two minutes without one. Cycles that come more often than samples are seen as
well, and thrashing is called so. On every toolchain, stripped.

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

# Cycles between samples that are to be seen in full, and reports in which that must happen.
ENOUGH_BETWEEN, MOST_REPORTS = 10, 6
# Two minutes, sysmon's sleep of one, and a busy machine.
LONGEST_PERIOD_S = 300
TRACE_S = 60


def traces(path):
    """The lines that the program printed, by cycle."""
    lines = {}
    for line in Path(path).read_text(errors="replace").split("\n"):
        words = line.split()
        if len(words) > 3 and words[0] == "gc" and words[1].isdigit():
            lines[int(words[1])] = line
    return lines


def wait_until(condition, seconds):
    """That it does not come is for the caller to find out."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)


class Report:
    """heaptop watching; leaving the block waits for its end."""

    def __init__(self, pid, seconds):
        self.process = subprocess.Popen([oracle.HEAPTOP, "report", "--json", "--for", f"{seconds}s", str(pid)],
                                        stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.document = json.loads(self.process.communicate(timeout=90)[0])


def is_full(cycle):
    return "-" not in cycle["gctrace"].replace("->", " ")


def compare(cycles, lines, version, faults):
    """How many cycles were seen in full; each of these must have the program's own line."""
    full = 0
    for cycle in filter(is_full, cycles):
        expected = lines.get(cycle["number"])
        if not expected:
            faults.append(f"cycle {cycle['number']} is told, and the program printed none")
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


def examine_steps(path, version, faults):
    """A cycle, then a sample, and so on: no cycle is under way while heaptop looks, so it must know each in full. Then
    cycles with a look after each, and one sample that tells of all."""
    forced, heap = ["gc 1"] * 4, ["cycle 1"] * 6
    with tempfile.NamedTemporaryFile() as errors:
        with oracle.Target(path, environment={"GODEBUG": "gctrace=1"}, errors=errors) as target:
            target.ask("hold 40")
            # The goal is then that of 40 MiB, so that a cycle comes when it is asked for only.
            target.ask("gc 2")
            with oracle.Probe(target.pid) as probe:
                last = probe.answer("sample -")["gc_cycles"][-1]["number"]
                told, number = [], last
                for command in forced + heap + heap + forced:
                    target.ask(command)
                    number += 1
                    # The runtime prints when the world has long gone on: what it prints would be of the next cycle.
                    wait_until(lambda: number in traces(errors.name), TRACE_S)
                    if len(told) < len(forced + heap):
                        told.append(probe.answer("sample -")["gc_cycles"])
                    else:
                        probe.answer("look")
                looked = probe.answer("sample -")["gc_cycles"]
        lines = traces(errors.name)
    cycles = [cycle for sample in told for cycle in sample] + looked
    numbers, count = [cycle["number"] for cycle in cycles], 2 * len(forced + heap)
    if numbers != list(range(last + 1, last + 1 + count)) or any(len(sample) != 1 for sample in told):
        faults.append(f"{count} cycles, one at a time, are told as {numbers} after {last}")
    expected = ["forced"] * len(forced) + ["heap goal"] * 2 * len(heap) + ["forced"] * len(forced)
    if [cycle["cause"] for cycle in cycles] != expected:
        faults.append(f"causes: {[cycle['cause'] for cycle in cycles]}, expected {expected}")
    full = compare(cycles, lines, version, faults)
    if full != count:
        faults.append(f"of {count} cycles with a sample or a look after each {full} are known in full")
    return full


def compare_pauses(cycles):
    """A pause lies within its two parts. These begin when the world is asked to stop, and the pause, from Go 1.22 on, when that
    begins (runtime/mgc.go gcStart): a thread that loses its processor between the two makes them differ, which few do."""
    faults, late = [], []
    told = [(cycle, [cycle["sweep_termination_ns"], cycle["mark_termination_ns"]]) for cycle in cycles]
    told = [(cycle, sum(parts)) for cycle, parts in told if None not in parts]
    for cycle, parts in told:
        allowed = 200000 + cycle["pause_ns"] / 4
        if cycle["pause_ns"] > parts + allowed:
            faults.append(f"cycle {cycle['number']} paused {cycle['pause_ns']} ns, its parts are {parts}")
        elif parts > cycle["pause_ns"] + allowed:
            late.append(f"cycle {cycle['number']} paused {cycle['pause_ns']} ns, its parts are {parts}")
    return faults + (late if len(late) > len(told) / 4 else [])


def examine_frequent(path, version, faults):
    """Some six cycles a second, so that most pass between two samples: heaptop must look in between. How often it comes
    to that is the machine's, so it may take its time; what it then says is right."""
    between = samples = seen = 0
    with tempfile.NamedTemporaryFile() as errors:
        with oracle.Target(path, environment={"GODEBUG": "gctrace=1"}, errors=errors) as target:
            target.ask("hold 8")
            target.ask("pace 60")
            reports = []
            while between < ENOUGH_BETWEEN and len(reports) < MOST_REPORTS:
                with Report(target.pid, 8) as report:
                    pass
                reports.append(report.document)
                samples = report.document["cost"]["samples_taken"]
                # A sample can know one cycle in full, the last before it.
                between += max(sum(map(is_full, report.document["gc_cycles"])) - samples, 0)
        lines = traces(errors.name)
    for document in reports:
        cycles = document["gc_cycles"]
        seen += compare(cycles, lines, version, faults)
        causes = {cycle["cause"] for cycle in cycles}
        # Of cycles that passed unseen the cause is told too, as none was forced and there is no limit.
        if causes != {"heap goal"}:
            faults.append(f"causes: {causes}")
        if document["gc"]["thrashing"]:
            faults.append(f"cycles that free half of the heap are called thrashing: {document['gc']}")
        faults += compare_pauses(cycles)
    if between < ENOUGH_BETWEEN:
        faults.append(f"in {len(reports)} reports {between} cycles between samples were seen in full")
    return seen


def examine_limit(path, faults):
    """At GOMEMLIMIT with GOGC off every cycle comes from there, and it thrashes."""
    environment = {"GOMEMLIMIT": "64MiB", "GOGC": "off"}
    with oracle.Target(path, environment=environment) as target:
        target.ask("hold 52")
        target.ask("pace 100")
        for _ in range(MOST_REPORTS):
            with Report(target.pid, 8) as report:
                pass
            gc = report.document["gc"]
            # More than one a second for 15 seconds, which is for the program to do.
            if gc["causes"]["memory limit"] > 15:
                break
        if not gc["thrashing"] or not gc["pinned_to_memory_limit"]:
            faults.append(f"pinned to GOMEMLIMIT, and called {gc}")
        if gc["causes"]["memory limit"] <= 15 or gc["causes"]["heap goal"]:
            faults.append(f"causes at GOMEMLIMIT: {gc['causes']}")


class Periodic:
    """A program that does nothing: two minutes after the last cycle the runtime makes one (runtime/proc.go sysmon,
    which looks every minute where all is idle), and prints so."""

    def __init__(self, version, path):
        self.version, self.errors = version, tempfile.NamedTemporaryFile()
        self.target = oracle.Target(path, environment={"GODEBUG": "gctrace=1"}, errors=self.errors)
        self.target.ask("hold 8")
        self.target.ask("gc 1")
        self.began = time.monotonic()

    def finish(self):
        """The faults of it, once the cycle has come."""
        faults = []
        wait_until(lambda: "GC forced\n" in Path(self.errors.name).read_text(), LONGEST_PERIOD_S)
        with oracle.Probe(self.target.pid) as probe:
            cycles = probe.answer("sample -")["gc_cycles"]
        wait_until(lambda: cycles[-1]["number"] in traces(self.errors.name), TRACE_S)
        lines = traces(self.errors.name)
        self.target.close()
        compare(cycles, lines, self.version, faults)
        if cycles[-1]["cause"] != "periodic" or not is_full(cycles[-1]):
            faults.append(f"a periodic cycle is told as {cycles[-1]}")
        if any(cycle["cause"] == "periodic" for cycle in cycles[:-1]):
            faults.append(f"cycles told as periodic: {cycles}")
        return oracle.tell(self.version, faults, "a periodic cycle "
                           f"{time.monotonic() - self.began:.0f} s after one that was asked for")


def examine(version, path):
    faults = []
    full = examine_steps(path, version, faults)
    frequent = examine_frequent(path, version, faults)
    examine_limit(path, faults)
    return oracle.tell(version, faults, f"{full} cycles word for word as printed, and {frequent} that came often")


def main():
    paths = {version: path for version, _, path in oracle.targets_asked_for("scheduler", ("stripped",))}
    if not paths:
        oracle.skip("no scheduler target is built: run tests/targets/build-matrix")
    # These take their two minutes while the others are looked at.
    waiting = [Periodic(version, path) for version, path in paths.items()]
    good = [examine(version, path) for version, path in paths.items()]
    good += [periodic.finish() for periodic in waiting]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
