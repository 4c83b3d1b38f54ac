#!/usr/bin/env python3
"""C memory behind cgo: a program whose C library leaks is said to grow outside Go, what grows is its C heap, and the Go heap is
not blamed; its twin that frees is calm. On glibc, whose arenas are what a C heap is made of.

    tests/live/cgo_memory_test.py
"""

import json
import platform
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

START_UP, WATCHED = 10, 20      # seconds
# A leak that is not told of by then, as where timers come late on a busy machine, is watched again, and longer.
LONGEST = 240
KEPT = 25 * 65540   # bytes a second that the C side keeps: see tests/targets/go/zoocgo
MIB = 1 << 20


def report(pid, seconds):
    done = subprocess.run([oracle.HEAPTOP, "report", "--json", "-i", "200ms", "--for", f"{seconds}s", str(pid)],
                          capture_output=True, timeout=120 + 2 * seconds)
    return json.loads(done.stdout)


def c_heap(document):
    return document["memory_parts"]["bytes"]["c_heap"]


def is_told(first, last):
    return last["verdict"]["level"] == "growing" and c_heap(last) - c_heap(first) > 0.4 * WATCHED * KEPT


def look(version, path, mode):
    complaints = []

    def check(condition, message):
        if not condition:
            complaints.append(f"go{version} {mode}: {message}")

    with oracle.Target(path, "-for", "20m", "cgomalloc", mode) as target:
        started = time.monotonic()
        # A program that has just begun touches memory of its own for a while.
        first = report(target.pid, START_UP)
        seconds, last = WATCHED, report(target.pid, WATCHED)
        while mode == "leak" and not is_told(first, last) and time.monotonic() - started < LONGEST:
            seconds += WATCHED
            last = report(target.pid, seconds)
        lived = time.monotonic() - started
    grown, verdict = c_heap(last) - c_heap(first), last["verdict"]
    rss = last["memory"]["rss_bytes"] - first["memory"]["rss_bytes"]
    check(last["growth"]["heap_marked"]["verdict"] != "growing", "the Go heap is said to grow")
    parts = last["memory_parts"]
    check(sum(parts["bytes"].values()) == parts["rss_bytes"] + parts["excess_bytes"], "the parts do not sum to RSS")
    if mode == "leak":
        check(verdict["level"] == "growing" and "outside Go" in verdict["text"], f"verdict: {verdict}")
        check("C heaps hold" in verdict["text"], f"the verdict does not say where: {verdict}")
        check(grown > 0.4 * WATCHED * KEPT, f"its C heap grew by {grown / MIB:.1f} MiB only")
        # The first look may be from the beginning of its watching.
        check(grown < 1.2 * (lived + 2) * KEPT, f"its C heap grew by {grown / MIB:.1f} MiB")
        # What the C side keeps is found in its heap, and nowhere else.
        check(parts["bytes"]["anonymous"] < 4 * MIB, f"other mappings hold {parts['bytes']['anonymous'] / MIB:.1f} MiB")
    else:
        check(verdict["level"] != "growing", f"verdict: {verdict}")
        check(grown < 8 * MIB, f"its C heap grew by {grown / MIB:.1f} MiB")
    print(f"go{version} {mode}: C heap {grown / MIB:+.1f} MiB, RSS {rss / MIB:+.1f} MiB: {verdict['text']}")
    return complaints


def main():
    if platform.libc_ver()[0] != "glibc":
        oracle.skip("the C library is not glibc")
    built = [(version, path) for version, kind, path in oracle.targets("zoocgo") if kind == "packaged"]
    if not built:
        oracle.skip("zoocgo is not built (tests/targets/build-matrix -p zoocgo)")
    # The oldest, the newest and one between: it is the C library that matters.
    chosen = sorted({0, len(built) // 2, len(built) - 1})
    with ThreadPoolExecutor() as pool:
        looks = [pool.submit(look, *built[i], mode) for i in chosen for mode in ("leak", "healthy")]
        complaints = [c for one in looks for c in one.result()]
    for complaint in complaints:
        print(f"FAIL {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
