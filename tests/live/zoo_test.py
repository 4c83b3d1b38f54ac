#!/usr/bin/env python3
"""The zoo of leaks: what heaptop suspects of each program after a minute. The first suspect of each that leaks is of the
right kind and names the right line (which a comment in its source marks); of its healthy twin nothing is suspected, then
or at any moment before. The parts of RSS sum to RSS for all of them.

    tests/live/zoo_test.py [VERSION...] [KIND...]       stripped, with Go 1.24 unless versions are named

All run at once, beside each other. Exit status 77 where no zoo is built."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import memory_parts_test  # noqa: E402
import oracle  # noqa: E402

SECONDS = 60
USUAL_VERSION = "1.24"
PROBE = Path(os.environ.get("HEAPTOP_SUSPECTS_PROBE", oracle.ROOT / "build-dev" / "tests" / "suspects_probe"))
# The cache of this twin takes 16 seconds to fill, longer on a machine with much else to do; until then it grows.
FILLS, FULL_SECONDS = "cache", 45
SOURCES = oracle.ROOT / "tests" / "targets" / "go"
# Who blocks where a response's body stays open: nothing on its stack is the program's own. The advice has to make up for it.
BODY_FUNCTION, BODY_ADVICE = "net/http.(*persistConn).readLoop", "Body is not closed"

# By kind of suspect. Those that are not in this table are call sites that grow.
GOROUTINES = {"send", "receive", "select", "waitgroup", "mutex", "context", "heartbeat", "body"}
TIMERS = {"ticker", "timer"}
FINALIZERS = {"finalizer"}
OUTSIDE = {"mmap", "cgomalloc"}


def expected_kind(kind):
    return ("goroutines_grow" if kind in GOROUTINES else "timers_grow" if kind in TIMERS else
            "finalizers" if kind in FINALIZERS else "outside_go_grows" if kind in OUTSIDE else "site_grows")


def collects_tickers(version):
    """From Go 1.27 on the collector stops tickers that nobody holds, whatever go.mod says (Go 1.23 to 1.26: runtime
    setting asynctimerchan, which follows go.mod)."""
    return tuple(map(int, version.split("."))) >= (1, 27)


def marked_line(kind, mark):
    """(file name, line) that a comment marks; None without one."""
    path = SOURCES / "zoo" / f"{kind}.go"
    lines = path.read_text().splitlines() if path.exists() else []
    found = [number for number, line in enumerate(lines, 1) if line.endswith(f"// {mark}")]
    if len(found) > 1:
        raise ValueError(f"{path} marks {len(found)} lines {mark}")
    return (path.name, found[0]) if found else None


def place(frame):
    return (os.path.basename(frame["file"] or "?"), frame["line"]) if frame else None


def shown(frame):
    if not frame:
        return "-"
    function = re.sub(r"^.*/", "", frame["function"] or "?")
    return f"{function}  {os.path.basename(frame['file'] or '?')}:{frame['line']}"


def judge_leak(kind, suspects):
    """What is wrong with the suspects of a program that leaks."""
    if not suspects:
        return ["nothing is suspected"]
    first, wanted = suspects[0], expected_kind(kind)
    faults = []
    if first["kind"] != wanted:
        faults.append(f"the first suspect is {first['kind']}, not {wanted}")
    if kind == "body":
        if not first["subject"] or first["subject"]["function"] != BODY_FUNCTION or BODY_ADVICE not in first["next"]:
            faults.append(f"it names {shown(first['subject'])}, and says: {first['next']}")
    elif place(first["subject"]) != marked_line(kind, "LEAK"):
        faults.append(f"it names {shown(first['subject'])}, not {marked_line(kind, 'LEAK')}")
    started = marked_line(kind, "STARTED")
    if started and place(first["created_by"]) != started:
        faults.append(f"they are started at {shown(first['created_by'])}, not {started}")
    if first["confidence"] == "possible":
        faults.append("it is only called possible")
    return faults


def judge_calm(suspects):
    return [f"a false alarm: {suspect['kind']} {shown(suspect['subject'])}: {suspect['summary']}" for suspect in suspects]


class Animal:
    """One program, its report and what is wrong with that."""

    def __init__(self, version, path, kind, mode):
        self.version, self.kind, self.mode = version, kind, mode
        self.target = oracle.Target(path, kind, mode)
        self.faults, self.suspects, self.verdict = [], [], ""

    def examine_moments(self, recording):
        """What is suspected of a twin while it is watched."""
        output = subprocess.run([PROBE, recording], check=True, stdout=subprocess.PIPE, timeout=120).stdout
        for moment in map(json.loads, output.splitlines()):
            if moment["suspects"] and not (self.kind == FILLS and moment["seconds"] < FULL_SECONDS):
                self.faults.append(f"a false alarm after {moment['seconds']:.0f} s: {moment['suspects']}")
                return

    def examine(self):
        if self.mode == "leak":
            self.examine_end()
            return
        with tempfile.TemporaryDirectory() as folder:
            recording = Path(folder) / "recording"
            command = [oracle.HEAPTOP, "record", "-o", recording, "-d", f"{SECONDS}s", str(self.target.pid)]
            recorder = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.examine_end()
            try:
                recorder.wait(60)
                self.examine_moments(recording)
            except subprocess.SubprocessError as error:
                recorder.kill()
                recorder.wait()
                self.faults.append(f"no recording: {error}")

    def examine_end(self):
        try:
            document = memory_parts_test.report(self.target.pid, SECONDS)
        except subprocess.SubprocessError as error:
            self.faults = [f"no report: {error}"]
            return
        self.suspects, self.verdict = document["suspects"], document["verdict"]["text"]
        self.faults = memory_parts_test.parts_faults(document)
        if self.mode == "leak" and not (self.kind == "ticker" and collects_tickers(self.version)):
            self.faults += judge_leak(self.kind, self.suspects)
        else:
            self.faults += judge_calm(self.suspects)

    def print(self):
        first = self.suspects[0] if self.suspects else None
        said = f"{first['kind']:<17}{first['confidence']:<9}{shown(first['subject'])}" if first else "-"
        more = f"  and {len(self.suspects) - 1} more" if len(self.suspects) > 1 else ""
        print(f"{self.version:<6}{self.kind:<16}{self.mode:<9}{'FAIL' if self.faults else 'ok':<6}{said}{more}")
        for fault in self.faults:
            print(f"        {fault}")
        if self.faults:
            print(f"        verdict: {self.verdict}")
            for suspect in self.suspects:
                print(f"        suspect: {suspect['kind']} {shown(suspect['subject'])}: {suspect['summary']}")


def programs(versions, kinds):
    """(version, path, kind) of all that are built and wanted."""
    wanted = []
    for program, link in (("zoo", "stripped"), ("zoocgo", "packaged")):
        for version, built_as, path in oracle.targets(program):
            if built_as != link or version not in versions:
                continue
            names = ["cgomalloc"] if program == "zoocgo" else \
                subprocess.run([path], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
            wanted += [(version, path, name) for name in names if not kinds or name in kinds]
    return wanted


def examine_version(found):
    animals = []
    try:
        for version, path, kind in found:
            for mode in ("leak", "healthy"):
                animals.append(Animal(version, path, kind, mode))
        with ThreadPoolExecutor(len(animals)) as together:
            list(together.map(Animal.examine, animals))
    finally:
        for animal in animals:
            animal.target.close()
    for animal in animals:
        animal.print()
    return animals


def main():
    versions = [word for word in sys.argv[1:] if word[0].isdigit()] or [USUAL_VERSION]
    kinds = [word for word in sys.argv[1:] if not word[0].isdigit()]
    faulty = count = 0
    print(f"{'Go':<6}{'kind':<16}{'':<15}{'first suspect'}")
    for version in versions:
        found = programs([version], kinds)
        if not found:
            print(f"no zoo is built with Go {version}")
            continue
        started = time.monotonic()
        animals = examine_version(found)
        count += len(animals)
        faulty += sum(bool(animal.faults) for animal in animals)
        print(f"Go {version}: {time.monotonic() - started:.0f} s", flush=True)
    if not count:
        print(f"no zoo is built with Go {' '.join(versions)}: tests/targets/build-matrix")
        return 77
    print(f"{count} programs, {faulty} judged wrongly")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
