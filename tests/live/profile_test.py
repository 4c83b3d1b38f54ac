#!/usr/bin/env python3
"""The Go reader against the process itself: every oracle that is built is brought to a quiet moment, read by the
reader, and asked for its own profile, memory statistics and goroutines.

    tests/live/profile_test.py [VERSION] [KIND]

Exit status 77 where nothing is built (tests/targets/build-matrix builds)."""

import collections
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

# Counters as runtime.MemStats names them.
MEMSTATS = {
    "heap_alloc_bytes": "HeapAlloc", "heap_objects": "HeapObjects", "heap_inuse_bytes": "HeapInuse",
    "heap_idle_bytes": "HeapIdle",
    "heap_released_bytes": "HeapReleased", "heap_sys_bytes": "HeapSys", "total_alloc_bytes": "TotalAlloc",
    "mallocs": "Mallocs", "frees": "Frees", "stack_inuse_bytes": "StackInuse", "stack_sys_bytes": "StackSys",
    "mspan_inuse_bytes": "MSpanInuse", "mspan_sys_bytes": "MSpanSys", "mcache_inuse_bytes": "MCacheInuse",
    "mcache_sys_bytes": "MCacheSys", "buckhash_sys_bytes": "BuckHashSys", "gc_sys_bytes": "GCSys",
    "other_sys_bytes": "OtherSys", "sys_bytes": "Sys", "num_gc": "NumGC", "num_forced_gc": "NumForcedGC",
    "gc_cpu_fraction": "GCCPUFraction", "pause_total_ns": "PauseTotalNs", "last_gc_unix_ns": "LastGC",
    "gogc": "GCPercent", "memory_limit_bytes": "MemoryLimit",
}


def compare_profiles(ours, theirs):
    """(buckets, equal, differences). What the process allocates while it writes its profile makes buckets of which
    nothing is published yet."""
    left, right = collections.Counter(ours.samples), collections.Counter(theirs.samples)
    only_ours, only_theirs = left - right, right - left
    fresh = collections.Counter({s: n for s, n in only_theirs.items() if not any(s[1])})
    only_theirs -= fresh
    differences = [f"only heaptop: {s}" for s in only_ours] + [f"only the process: {s}" for s in only_theirs]
    if ours.locations - theirs.locations:
        differences.append(f"locations only heaptop has: {sorted(ours.locations - theirs.locations)[:3]}")
    if ours.mappings and ours.mappings != theirs.mappings:
        differences.append(f"mappings {ours.mappings}, not {theirs.mappings}")
    starts = {name for name, line in theirs.start_lines.items() if ours.start_lines.get(name, line) != line}
    differences += [f"start line of {name}: {ours.start_lines[name]}, not {theirs.start_lines[name]}"
                    for name in starts]
    if (ours.types, ours.period) != (theirs.types, theirs.period):
        differences.append(f"{ours.types} {ours.period}, not {theirs.types} {theirs.period}")
    return sum(right.values()) - sum(fresh.values()), sum((left & right).values()), differences


def compare_counters(counters, before, after):
    differences = []
    for name, theirs in MEMSTATS.items():
        value, low, high = counters[f"go.{name}"], before[theirs], after[theirs]
        if value is None or not min(low, high) <= value <= max(low, high):
            differences.append(f"{name} is {value}, {theirs} was {low}, then {high}")
    return differences


def compare_goal(target, probe):
    """The goal of a program with a GOGC only changes at a GC. Without one it is the memory limit's, which rises with
    what is allocated and falls with what is mapped: it need not lie between two others, but is then off by no more
    than one answer allocates."""
    differences = []
    for command, allowed in (("resume", 0), ("quiet", 128 << 10)):
        target.answer(command)
        before = target.answer("memstats")
        ours = probe.answer("sample -")["counters"]
        after = target.answer("memstats")
        goal = ours["go.heap_goal_bytes"]
        if before["NumGC"] != after["NumGC"]:
            continue
        low, high = sorted((before["NextGC"], after["NextGC"]))
        if goal is None or not low - allowed <= goal <= high + allowed:
            differences.append(f"heap_goal_bytes after {command} is {goal}, "
                               f"NextGC was {before['NextGC']}, then {after['NextGC']}")
    return differences


def compare_size_classes(classes, before, after):
    low = {row["Size"]: row for row in before["BySize"]}
    differences = []
    for row in after["BySize"]:
        mine = [c for c in classes if c[0] == row["Size"]]
        for index, name in ((1, "Mallocs"), (2, "Frees")):
            if row["Size"] and not (mine and low[row["Size"]][name] <= mine[0][index] <= row[name]):
                differences.append(f"size class {row['Size']}: {name} {mine}, "
                                   f"was {low[row['Size']][name]}, then {row[name]}")
    return differences


def compare_cycles(cycles, after):
    differences = []
    if len(cycles) != min(after["NumGC"], 256):
        differences.append(f"{len(cycles)} GC cycles, the process had {after['NumGC']}")
    for cycle in cycles:
        slot = (cycle["number"] + 255) % 256
        if (cycle["pause"], cycle["end"]) != (after["PauseNs"][slot], after["PauseEnd"][slot]):
            differences.append(f"GC cycle {cycle}: pause {after['PauseNs'][slot]}, end {after['PauseEnd'][slot]}")
    last = cycles[-1] if cycles else None
    if last and not (last["heap_known"] and 0 < last["after"] <= last["peak"] and last["goal"] > 0):
        differences.append(f"heap sizes of the last GC cycle: {last}")
    return differences


def compare_goroutines(sample, state):
    """Goroutines by what they wait in, as the runtime's own dump names it."""
    differences = []
    count = sample["counters"]["go.goroutines"]
    if count != state["goroutines"]:
        differences.append(f"{count} goroutines, the process counted {state['goroutines']}")
    user = sum(g["count"] for g in sample["groups"] if not g["system"])
    # A finalizer that blocks is the program's, but NumGoroutine does not count the goroutine it runs on.
    finalizers = sum(g["count"] for g in sample["groups"] if not g["system"] and g["start"] in
                     ("runtime.runfinq", "runtime.runFinalizers", "runtime.runCleanups"))
    if user - finalizers != state["goroutines"]:
        differences.append(f"groups hold {user} - {finalizers} user goroutines, "
                           f"the process counted {state['goroutines']}")
    waiting = collections.Counter()
    for group in sample["groups"]:
        waiting[group["wait_reason"] or group["state"]] += group["count"] if not group["system"] else 0
    wanted = collections.Counter()
    for group in state["parked"]:
        wanted[group["state"]] += group["count"]
        # The deep ones and finalizers are called by other functions; all others are what a go statement names, if
        # through a wrapper.
        found = sum(g["count"] for g in sample["groups"] if g["start"] == group["function"])
        if found != group["count"] and group["kind"] not in ("deep", "finalizer"):
            differences.append(f"{found} goroutines of {group['function']}, not {group['count']}")
    for reason, number in wanted.items():
        # The oracle's own goroutines wait too: one for connections, one for commands.
        if not number <= waiting[reason] <= number + 2:
            differences.append(f"{waiting[reason]} goroutines in '{reason}', {number} parked")
    return differences


def examine(version, kind, path, folder):
    # Most often with many more samples than by default, and so many more buckets.
    arguments = [] if kind in ("default", "packaged") else ["-rate", "2048"]
    with oracle.Target(path, *arguments) as target, oracle.Probe(target.pid) as probe:
        target.answer(f"profile {folder}/warm")     # Its own allocations have their buckets then.
        target.answer("quiet")
        sample = probe.answer(f"sample {folder}/ours")
        command = [oracle.HEAPTOP, "export", "--format", "pprof", "-o", f"{folder}/exported", str(target.pid)]
        export = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=60)
        target.answer(f"profile {folder}/theirs")
        differences = []
        if sample["profile"]["state"] != 2 or sample["profile"]["torn"]:
            differences.append(f"profile: {sample['profile']}")
            buckets, equal = 0, 0
        else:
            theirs = oracle.Profile(f"{folder}/theirs")
            buckets, equal, differences = compare_profiles(oracle.Profile(f"{folder}/ours"), theirs)
            if export.returncode:
                differences.append(f"heaptop export: status {export.returncode}, {export.stderr}")
            else:
                _, exported, more = compare_profiles(oracle.Profile(f"{folder}/exported"), theirs)
                equal = min(equal, exported)
                differences += [f"exported: {text}" for text in more]
        # Answering makes the process allocate, and some figures rise and fall on the way from one answer to the next:
        # then once more.
        for _ in range(4):
            before = target.answer("memstats")
            between = probe.answer("sample -")
            after = target.answer("memstats")
            outside = compare_counters(between["counters"], before, after)
            outside += compare_size_classes(between["size_classes"], before, after)
            if not outside:
                break
        differences += outside
        differences += compare_cycles(sample["gc_cycles"], after)
        differences += compare_goroutines(between, target.state)
        differences += compare_goal(target, probe)
        differences += [f"problem: {text}" for text in sample["problems"] + between["problems"]]
        if between["counters"]["go.gomaxprocs"] != target.state["gomaxprocs"]:
            differences.append(f"gomaxprocs {between['counters']['go.gomaxprocs']}")
        if not any(goid for _, goid in between["threads"]):
            differences.append("no thread's goroutine was found")
        checked = len(MEMSTATS)
        good = sum(between["counters"][f"go.{n}"] is not None for n in MEMSTATS)
        how = f"by {sample['located']}; {sample['laid_out']}"
        print(f"{version:5} {kind:12} buckets {buckets:5}  equal {equal:5}  counters {good}/{checked}  {how}"
              f"{'' if not differences else f'  {len(differences)} DIFFERENCES'}", flush=True)
        for text in differences[:4]:
            print(f"      {text[:600]}", flush=True)
        return not differences


def examine_off(version, path):
    """A program whose profiling the linker has turned off says so, and has all its counters."""
    with oracle.Target(path) as target, oracle.Probe(target.pid) as probe:
        sample = probe.answer("sample -")
    missing = [name for name, value in sample["counters"].items() if name.startswith("go.") and value is None]
    profile, problems = sample["profile"], sample["problems"]
    good = profile["state"] == 1 and "linker" in profile["reason"] and not missing and not problems
    print(f"{version:5} {'noprof':12} {'says so' if good else (profile, missing, problems)}", flush=True)
    return good


def main():
    wanted = [t for t in oracle.targets("oracle") if all(a in (t[0], t[1]) for a in sys.argv[1:])]
    if not wanted:
        oracle.skip(f"no oracle in {oracle.CACHE}/targets: run tests/targets/build-matrix")
    passed = 0
    off = [t for t in oracle.targets("noprof") if all(a in (t[0], t[1]) for a in sys.argv[1:])]
    passed_off = sum(examine_off(version, path) for version, _, path in off)
    with tempfile.TemporaryDirectory() as folder:
        for version, kind, path in wanted:
            try:
                passed += examine(version, kind, path, folder)
            except (EOFError, ValueError, OSError) as error:
                print(f"{version:5} {kind:12} {error}", flush=True)
    print(f"{passed_off} of {len(off)} without profiling say so; {passed} of {len(wanted)} are equal in everything")
    sys.exit(passed != len(wanted) or passed_off != len(off))


if __name__ == "__main__":
    main()
