#!/usr/bin/env python3
"""The zoo of native leaks: what heaptop suspects of small programs in C++ that leak, each in one way, and of their healthy
twins. Attached to as they run, the first suspect is what can be known without call sites: a class, a size of chunks, large
blocks, threads at one place, mappings, room held idle. Started by `heaptop run`, it is the call site. Nothing is suspected
of a twin at any moment.

What takes minutes to be sure of is watched for seconds, and judged as if it had taken twelve times as long.

    tests/live/native_zoo_test.py [KIND...]

All run at once. Exit status 77 without a C++ compiler."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402
import zoo_test  # noqa: E402

SOURCES = oracle.ROOT / "tests" / "targets" / "native"
STRETCH, SAMPLES = 12, 52
ACTIONS_A_SECOND = 200
# By kind: what is suspected of a program that runs already, and the function that is to blame of one that heaptop
# started; "" where call sites cannot tell.
KINDS = {
    "list": ("chunks_grow", "chunks of up to 5120 bytes", "remember_node"),
    "objects": ("type_grows", "shop::Session", "open_session"),
    "vector": ("chunks_grow", "large blocks", ""),
    "map": ("chunks_grow", "chunks of up to 3072 bytes", "count_visitor"),
    "fragments": ("heap_idle", "", ""),
    "thread": ("threads_grow", "wait_for_answer", "wait_for_answer"),
    "mmap": ("mappings_grow", "", ""),
    # The program's own function that asks the library for what it does not hand back.
    "library": ("chunks_grow", "chunks of up to 7168 bytes", "serve_library"),
}


# Allocators that may be there to take glibc's place.
OTHERS = {"jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4"}


def build(folder):
    options = ["-O2", "-g0", "-fomit-frame-pointer"]
    library = folder / "libzoo_library.so"
    subprocess.run(["gcc", *options, "-shared", "-fPIC", "-o", library, SOURCES / "zoo_library.c"], check=True)
    subprocess.run(["g++", *options, "-pthread", "-o", folder / "zoo", SOURCES / "zoo.cc", library,
                    f"-Wl,-rpath,{folder}"], check=True)


def moments(*arguments):
    """The suspects of each moment, as the probe prints them."""
    output = subprocess.run([zoo_test.PROBE, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True,
                            timeout=300).stdout
    return [json.loads(line)["suspects"] for line in output.splitlines()]


def judge(name, every, leaks, kind, subject):
    """What is wrong with the suspects at each moment."""
    if not leaks:
        found = [suspect for suspects in every for suspect in suspects]
        return [f"{name}: suspected of the healthy twin: {found[0]}"] if found else []
    last = every[-1]
    if not last:
        return [f"{name}: nothing is suspected"]
    first = last[0]
    told = first["name"] or first["subject"]
    if first["kind"] != kind or not told.startswith(subject):
        return [f"{name}: the first suspect is not {kind} {subject}: {first}"]
    return []


def watch(folder, kind, way, environment=None, samples=None):
    """Suspects of the program as it runs."""
    target = subprocess.Popen([folder / "zoo", kind, way, str(ACTIONS_A_SECOND)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
    try:
        pid = target.stdout.readline().split()[1]
        return moments(pid, STRETCH, samples or SAMPLES)
    finally:
        target.stdin.close()
        oracle.wait_or_kill(target)


def attach(folder, kind, way):
    suspect, subject, _ = KINDS[kind]
    every = watch(folder, kind, way)
    if way == "leak" and not every[-1]:
        # On a machine with more to do than it can, the program has got to less of its leak meanwhile: it is watched for longer.
        every = watch(folder, kind, way, samples=4 * SAMPLES)
    return judge(f"{kind} {way}, attached to", every, way == "leak", suspect, subject)


def other(folder, name, way):
    """With another allocator, whose heap is not read: its memory grows, and it is named."""
    every = watch(folder, "list", way, {"LD_PRELOAD": OTHERS[name]})
    return judge(f"list {way} of {name}", every, way == "leak", "mappings_grow", name)


def is_there(library):
    """Whether a program can be started with it."""
    return "cannot be preloaded" not in subprocess.run(["true"], env={**os.environ, "LD_PRELOAD": library}, text=True,
                                                       capture_output=True).stderr


def samples_in(recording):
    """How many a recording that is being written has so far."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{recording}?mode=ro", uri=True)) as database:
            return database.execute("SELECT count(*) FROM ticks").fetchone()[0]
    except sqlite3.Error:
        return 0


def run(folder, kind, way):
    """Started by heaptop."""
    recording = folder / f"{kind}-{way}.heaptop"
    process = subprocess.Popen([oracle.HEAPTOP, "run", "--record", recording, "-i", "250ms", "--preload-rate", "64K", "--",
                                folder / "zoo", kind, way, str(ACTIONS_A_SECOND)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        process.stdout.readline()
        until = time.monotonic() + 120
        while samples_in(recording) < SAMPLES and time.monotonic() < until:
            time.sleep(0.5)
    finally:
        process.stdin.close()
        oracle.wait_or_kill(process)
    # The last is of its end.
    every = moments(recording, STRETCH)[:-1]
    suspect, _, function = KINDS[kind]
    expected = suspect if kind == "thread" else "site_grows"
    return judge(f"{kind} {way}, run", every, way == "leak", expected, function)


def main():
    if not shutil.which("g++"):
        oracle.skip("a C++ compiler is needed")
    kinds = sys.argv[1:] or list(KINDS)
    with tempfile.TemporaryDirectory(prefix="heaptop-native-zoo-") as name:
        folder = Path(name)
        build(folder)
        cases = [(attach, kind, way) for kind in kinds for way in ("leak", "healthy")]
        cases += [(run, kind, way) for kind in kinds for way in ("leak", "healthy") if KINDS[kind][2]]
        for name, library in OTHERS.items():
            if not is_there(library):
                print(f"{name} is not there ({library}), and so not tried")
            elif kinds == list(KINDS):
                cases += [(other, name, way) for way in ("leak", "healthy")]
        with ThreadPoolExecutor(len(cases)) as pool:
            results = list(pool.map(lambda case: case[0](folder, *case[1:]), cases))
    for (how, kind, way), failures in zip(cases, results):
        print(f"{kind:<10} {way:<8} {how.__name__:<7} {'FAIL' if failures else 'ok'}")
    failures = [failure for result in results for failure in result]
    for failure in failures:
        print(failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
