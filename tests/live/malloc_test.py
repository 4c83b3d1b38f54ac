#!/usr/bin/env python3
"""The heap of glibc's malloc as heaptop reads it from outside, against mallinfo2 of the process itself: equal to the byte; also with a newer glibc than this machine's, where it was fetched.

    tests/live/malloc_test.py [MODE]

Exit status 77 without a C compiler, or where the C library is not glibc."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

LARGE_MB = 1024
# Of CPU time for 1 GB in 16 million chunks: half of it for a release build on an idle machine, all for one with few
# optimisations beside other tests.
MOST_NS = 500_000_000


def report(pid):
    output = subprocess.run([oracle.HEAPTOP, "report", "--json", "--for", "1s", str(pid)], check=True, capture_output=True,
                            text=True).stdout
    return json.loads(output)


def differences_of(heap, info):
    pairs = [("system_bytes", "arena"), ("used_bytes", "uordblks"), ("fast_bytes", "fsmblks"), ("fast_chunks", "smblks"),
             ("mapped_chunks", "hblks"), ("mapped_bytes", "hblkhd")]
    found = [f"{ours} is {heap[ours]}, {theirs} {info[theirs]}" for ours, theirs in pairs if heap[ours] != info[theirs]]
    free = heap["free_bytes"] + heap["fast_bytes"] + heap["top_bytes"]
    if free != info["fordblks"]:
        found.append(f"free, fast and top are {free}, fordblks {info['fordblks']}")
    main = next(arena for arena in heap["arenas"] if arena["is_main"])
    if main["top_bytes"] != info["keepcost"]:
        found.append(f"top is {main['top_bytes']}, keepcost {info['keepcost']}")
    if heap["torn_arenas"]:
        found.append(f"{heap['torn_arenas']} arenas changed at rest")
    classes = heap["size_classes"]
    if sum(c["free_bytes"] for c in classes) != heap["free_bytes"]:
        found.append("the classes' free bytes are not those of the heap")
    if sum(c["cached_bytes"] for c in classes) != heap["fast_bytes"] + heap["thread_cache_bytes"]:
        found.append("the classes' cached bytes are not those of the heap")
    if sum(c["used_chunks"] for c in classes) != heap["used_chunks"] - heap["thread_cache_chunks"]:
        found.append("the classes' used chunks are not those of the heap")
    return found


def chunks_of_size(heap, size):
    return sum(c["used_chunks"] for c in heap["size_classes"] if c["largest_bytes"] == size)


def expected_of(mode, heap):
    """What the mode is known to hold besides."""
    if mode == "tcache" and (heap["thread_caches"] != 1 or heap["thread_cache_chunks"] != 64 * 7):
        return [f"{heap['thread_cache_chunks']} chunks in {heap['thread_caches']} caches, not 448 in 1"]
    if mode == "arenas" and heap["num_arenas"] != 9:
        return [f"{heap['num_arenas']} arenas, not 9"]
    if mode == "arenas" and max(arena["heaps"] for arena in heap["arenas"]) < 2:
        return ["no arena has more than one piece"]
    if mode.startswith("large") and chunks_of_size(heap, 64) < LARGE_MB * 16384 - 10:
        return [f"{chunks_of_size(heap, 64)} chunks of 64 bytes, not {LARGE_MB * 16384}"]
    return []


def newer_libc():
    """How to run a program with the C library of a newer Debian; None where that was not fetched."""
    folder = oracle.CACHE / "programs" / "libc6-trixie" / "usr" / "lib" / "x86_64-linux-gnu"
    loader = folder / "ld-linux-x86-64.so.2"
    return [loader, "--library-path", folder] if loader.exists() else None


def check(name, command, mode, environment=None):
    with oracle.Conversation([*command, *mode.split()], environment) as target:
        before = json.loads(target.greeting.removeprefix("ready "))
        document = report(target.process.pid)
        heap = document["malloc"]
        after = json.loads(target.ask(""))
        if heap is None:
            return [f"{name}: {document['unavailable']['malloc']}"]
        # A target that is not at rest would be this test's mistake.
        assert before == after, (before, after)
        found = differences_of(heap, before) + expected_of(mode, heap)
        took = heap["cpu_ns"]
        if mode.startswith("large"):
            took = min([took] + [report(target.process.pid)["malloc"]["cpu_ns"] for _ in range(4)])
            if took > MOST_NS:
                found.append(f"took {took / 1e6:.0f} ms")
        print(f"{name}: {heap['system_bytes'] / 2**20:.1f} MiB in {heap['num_arenas']} arenas, "
              f"{heap['used_chunks']} chunks used, {took / 1e6:.1f} ms")
        return [f"{name}: {difference}" for difference in found]


def main():
    if not shutil.which("gcc"):
        oracle.skip("a C compiler is needed")
    source = oracle.ROOT / "tests/targets/native/heaps.c"
    with tempfile.TemporaryDirectory(prefix="heaptop-malloc-") as folder:
        programs = {}
        for name, options in {"shared": [], "stripped": ["-s"], "static": ["-static", "-s"],
                              "static-pie": ["-static-pie", "-s"], "no-pie": ["-no-pie", "-s"]}.items():
            built = subprocess.run(["gcc", "-O1", "-pthread", *options, "-o", f"{folder}/{name}", source],
                                   capture_output=True, text=True)
            if built.returncode and "mallinfo2" in built.stderr:
                oracle.skip("the C library has no mallinfo2: not glibc, or older than 2.33")
            assert built.returncode == 0, built.stderr
            programs[name] = f"{folder}/{name}"
        modes = sys.argv[1:] or ["unused", "plain", "tcache", "arenas"]
        failures = []
        for name, program in programs.items():
            for mode in modes:
                failures += check(f"{name} {mode}", [program], mode)
        newer = newer_libc()
        for mode in modes if newer else []:
            failures += check(f"glibc of trixie {mode}", [*newer, programs["shared"]], mode)
        if not newer:
            print("a newer glibc is not there, and so not compared (tools/fetch-programs)")
        if not sys.argv[1:]:
            failures += check("large", [programs["stripped"]], f"large {LARGE_MB}")
    for failure in failures:
        print(failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
