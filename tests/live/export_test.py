#!/usr/bin/env python3
"""heaptop export and diff against the process's own endpoints, and against the programs that read what is written.

Every oracle that is built, at a quiet moment: `go tool pprof -top` on an export prints what it prints on the profile of
/debug/pprof/heap, allocs and goroutine; after more allocations, with -base and -diff_base of both, with heaptop's own
--base, and over a span of a recording. Then one of them: OpenMetrics text by promtool, the graphs' script in node.

    tests/live/export_test.py [VERSION] [KIND]

Exit status 77 where nothing is built (tests/targets/build-matrix builds)."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import json_schema  # noqa: E402
import openmetrics  # noqa: E402
import oracle  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
# What answers requests changes from one look to the next, and what runs has no stack from outside.
MOVING = r"net/http\.\(\*conn|runtime/pprof|\(running\)"
# A goroutine's deep stack is cut by the runtime (at 32 frames, from Go 1.23 on at 128), not by heaptop.
DEEP = r"main\.parkDeep"


def heaptop(*arguments, status=0):
    result = subprocess.run([oracle.HEAPTOP, *map(str, arguments)], capture_output=True, timeout=120)
    assert result.returncode == status, f"{arguments}: status {result.returncode}, {result.stderr.decode()}"
    return result.stdout


def export(target, folder, name, *arguments):
    heaptop("export", "--format", "pprof", "-o", f"{folder}/{name}", *arguments, target)
    return f"{folder}/{name}"


def fetch(target, folder, profile):
    path = f"{folder}/theirs-{profile}-{len(os.listdir(folder))}"
    with urllib.request.urlopen(f"http://127.0.0.1:{target.state['port']}/debug/pprof/{profile}", timeout=30) as answer:
        Path(path).write_bytes(answer.read())
    return path


def top(tool, folder, *arguments, with_shares=True):
    """What pprof -top prints of a profile, as (flat, flat%, cum, cum%, name) lines in an order of their own, and the heading that sums them up.
    The times above it are when each was made. Shares are of all, also of what is ignored."""
    out = subprocess.run([tool, "-top", "-nodefraction=0", "-nodecount=100000", *arguments], capture_output=True, text=True,
                         check=True, timeout=120, env={**os.environ, "HOME": folder}).stdout.splitlines()
    start = next(i for i, line in enumerate(out) if line.split()[:2] == ["flat", "flat%"])
    kept = [line for line in out[:start] if line.startswith(("Type:", "Showing"))]
    # The running sum depends on how lines of one value are ordered.
    wanted = (0, 1, 3, 4, 5) if with_shares else (0, 3, 5)
    rows = sorted(tuple(line.split(None, 5)[i] for i in wanted) for line in out[start + 1:])
    # A line of zeros is of what was never sampled: the process's own answer adds such.
    rows = [row for row in rows if any(field not in ("0", "0%") for field in row[:-1])]
    return kept[:1] + [line.split(" of ")[-1] for line in kept[1:] if with_shares], rows


def compare(name, ours, theirs, differences):
    if ours != theirs:
        only = [r for r in ours[1] if r not in theirs[1]][:2], [r for r in theirs[1] if r not in ours[1]][:2]
        differences.append(f"{name}: {ours[0]} and {theirs[0]}; only heaptop {only[0]}, only the process {only[1]}")
    return len(theirs[1])


def examine(version, kind, path, tool, folder):
    arguments = [] if kind in ("default", "packaged") else ["-rate", "2048"]
    differences, rows = [], 0
    with oracle.Target(path, *arguments) as target:
        for profile in ("heap", "allocs", "goroutine"):     # Answering has buckets and goroutines of its own.
            fetch(target, folder, profile)
        target.answer("quiet")
        before = {p: export(target.pid, folder, f"before-{p}", "--profile", p) for p in ("heap", "allocs")}
        recording = f"{folder}/before.heaptop"
        heaptop("record", "-o", recording, "-d", "100ms", target.pid)
        their_before = {p: fetch(target, folder, p) for p in before}
        for profile in before:
            rows += compare(profile, top(tool, folder, before[profile]), top(tool, folder, their_before[profile]), differences)
        for index in ("inuse_objects", "alloc_objects"):
            rows += compare(index, top(tool, folder, f"-sample_index={index}", before["heap"]),
                            top(tool, folder, f"-sample_index={index}", their_before["heap"]), differences)
        # A goroutine may be on its way between two looks: then once more.
        for _ in range(4):
            found = []
            ours = export(target.pid, folder, "goroutine", "--profile", "goroutine")
            theirs = fetch(target, folder, "goroutine")
            ignore = f"-ignore={MOVING}|{DEEP}"
            count = compare("goroutine", top(tool, folder, ignore, ours, with_shares=False),
                            top(tool, folder, ignore, theirs, with_shares=False), found)
            if not found:
                break
        differences += found
        rows += count
        for _ in range(20):
            target.answer("alloc 3000000")
        target.answer("quiet")
        after = export(target.pid, folder, "after")
        based = export(target.pid, folder, "based", "--base", recording)
        their_after = fetch(target, folder, "heap")
        for option in ("-base", "-diff_base"):
            rows += compare(option, top(tool, folder, option, before["heap"], after),
                            top(tool, folder, option, their_before["heap"], their_after), differences)
        rows += compare("--base", top(tool, folder, based),
                        top(tool, folder, "-base", their_before["heap"], their_after), differences)
        rows += compare("--base of allocs", top(tool, folder, "-sample_index=alloc_space", based),
                        top(tool, folder, "-sample_index=alloc_space", "-base", their_before["heap"], their_after), differences)
        compare_documents(target, folder, recording, differences)
    print(f"{version:5} {kind:12} lines of -top {rows:5}{'' if not differences else f'  {len(differences)} DIFFERENCES'}", flush=True)
    for text in differences[:6]:
        print(f"      {text[:700]}", flush=True)
    return not differences


# ---- the other formats ----


def check(good, text, differences):
    if not good:
        differences.append(text)


def compare_documents(target, folder, recording, differences):
    """Folded stacks, graph, table and comparison of one difference tell the same sums."""
    after = f"{folder}/after.heaptop"
    heaptop("record", "-o", after, "-d", "100ms", target.pid)
    diff = json.loads(heaptop("diff", "--json", recording, after))
    schema = json.loads((oracle.ROOT / "docs" / "heaptop-diff.schema.json").read_text())
    differences += [f"diff: {c}" for c in json_schema.validate(diff, schema)[:3]]
    sums = tuple(diff[side]["heap_profile"]["inuse_bytes"] for side in ("old", "new"))
    folded = heaptop("export", "--format", "folded", "--base", recording, after).decode().splitlines()
    folded_sums = tuple(sum(int(line.rsplit(" ", 2)[i]) for line in folded) for i in (1, 2))
    check(folded_sums == sums, f"folded stacks sum to {folded_sums}, the profiles to {sums}", differences)
    graph = ElementTree.fromstring(heaptop("export", "--format", "svg", "--base", recording, after))
    root = graph.find(f".//{SVG}g[@id='frames']/{SVG}g")
    check((int(root.get("data-old")), int(root.get("data-new"))) == sums, f"the graph is of {root.attrib}", differences)
    table = list(csv.DictReader(io.StringIO(heaptop("export", "--format", "csv", "--base", recording, after).decode())))
    table_sums = tuple(sum(int(row[f"{side}_inuse_bytes"]) for row in table) for side in ("old", "new"))
    check(table_sums == sums, f"the table sums to {table_sums}, the profiles to {sums}", differences)
    sites = tuple(sum(s[side]["inuse_bytes"] for s in diff["call_sites"]) for side in ("old", "new"))
    check(sites == sums, f"call sites sum to {sites}, the profiles to {sums}", differences)
    check(diff["same_process"] and diff["same_build"], "it is one process", differences)
    text = heaptop("diff", recording, after).decode()
    check(text.startswith(("NEW holds", "NEW and OLD")), f"the verdict is {text[:80]!r}", differences)


def frames_of(graph):
    """(name, new value, x, width, depth) of each frame of a graph that is no difference."""
    found = []
    for group in graph.find(f".//{SVG}g[@id='frames']"):
        rect = group.find(f"{SVG}rect")
        found.append((group.find(f"{SVG}title").text.split("\n")[0], int(group.get("data-new")), float(rect.get("x")),
                      float(rect.get("width")), round(float(rect.get("y")))))
    return found


def examine_formats(path, folder):
    differences = []
    with oracle.Target(path) as target:
        target.answer("quiet")
        for profile, value in (("heap", "inuse_bytes"), ("heap", "inuse_objects"), ("allocs", "alloc_bytes"),
                               ("allocs", "alloc_objects"), ("goroutine", "count"), ("threads", "count")):
            options = ("--profile", profile, "--value", value, target.pid)
            folded = heaptop("export", "--format", "folded", *options).decode().splitlines()
            total = sum(int(line.rsplit(" ", 1)[1]) for line in folded)
            svg = heaptop("export", "--format", "svg", *options)
            frames = frames_of(ElementTree.fromstring(svg))
            # Threads come and go; all else stands still.
            near = max(2, total // 10) if profile in ("threads", "goroutine") else 0
            check(abs(frames[0][1] - total) <= near, f"{profile} {value}: a graph of {frames[0][1]}, folded {total}", differences)
            scale = frames[0][3] / frames[0][1]
            wrong = [f for f in frames if abs(f[3] - f[1] * scale) > 0.02]
            check(not wrong, f"{profile} {value}: not as wide as their value: {wrong[:2]}", differences)
        Path(f"{folder}/graph.svg").write_bytes(heaptop("export", "--format", "svg", target.pid))
        Path(f"{folder}/icicle.svg").write_bytes(heaptop("export", "--format", "svg", "--icicle", target.pid))
        text = heaptop("export", "--format", "openmetrics", target.pid).decode()
        document = json.loads(heaptop("export", "--format", "json", target.pid))
        tables = {p: heaptop("export", "--format", "csv", "--profile", p, target.pid).decode()
                  for p in ("heap", "goroutine", "threads")}
        recording = f"{folder}/counters.heaptop"
        heaptop("record", "-o", recording, "-i", "50ms", "-d", "1s", target.pid)
        compare_recorded(recording, differences)
    differences += openmetrics.validate(text)
    promtool = sorted(oracle.CACHE.glob("programs/prometheus-*/usr/bin/promtool"))
    if promtool:
        result = subprocess.run([promtool[0], "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        check(result.returncode == 0 and not result.stderr, f"promtool: {result.stderr[:300]}", differences)
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    gogc = next(float(v) for k, v in figures.items() if k.startswith("heaptop_go_gogc{"))
    check(gogc == document["go"]["gogc"], f"gogc {gogc}, not {document['go']['gogc']}", differences)
    for profile, table in tables.items():
        rows = list(csv.DictReader(io.StringIO(table)))
        check(rows and all(None not in r and None not in r.values() for r in rows), f"csv of {profile} is uneven", differences)
    if shutil.which("node"):
        script = oracle.ROOT / "tests" / "live" / "flame_script_check.js"
        for name in ("graph", "icicle"):
            result = subprocess.run(["node", script, f"{folder}/{name}.svg"], capture_output=True, text=True, timeout=60)
            check(result.returncode == 0, f"{name}: {result.stdout[-300:]}{result.stderr[-500:]}", differences)
    else:
        print("the graphs' script was not run: there is no node")
    print(f"formats: {'as they should be' if not differences else f'{len(differences)} DIFFERENCES'}", flush=True)
    for text in differences[:8]:
        print(f"      {text[:700]}", flush=True)
    return not differences


def compare_recorded(recording, differences):
    """Counters over time, over a span of it, and moments and spans in the other formats."""
    rows = list(csv.DictReader(io.StringIO(heaptop("export", "--format", "csv", recording).decode())))
    times = [int(row["unix_ns"]) for row in rows]
    check(len(rows) > 5 and times == sorted(times), f"{len(rows)} rows of counters", differences)
    middle = f"@{times[len(times) // 2] / 1e9:.9f}"
    part = list(csv.DictReader(io.StringIO(heaptop("export", "--format", "csv", f"{recording}@{middle}..").decode())))
    check(0 < len(part) < len(rows) and part == rows[len(rows) - len(part):], f"{len(part)} of {len(rows)} rows", differences)
    for format_name in ("pprof", "folded", "svg", "json"):
        heaptop("export", "--format", format_name, "-o", "/dev/null", f"{recording}@{middle}")
        heaptop("export", "--format", format_name, "-o", "/dev/null", f"{recording}@+0s..{middle}")
        heaptop("export", "--format", format_name, "-o", "/dev/null", f"{recording}@..")
    heaptop("export", "--format", "openmetrics", "-o", "/dev/null", recording)
    heaptop("export", "--format", "openmetrics", f"{recording}@..", status=2)
    heaptop("export", "--format", "svg", "--base", recording, f"{recording}@..", status=2)
    heaptop("export", "--format", "svg", f"{recording}@-0s..+0s", status=2)
    heaptop("export", "--format", "svg", "--profile", "heap", "--value", "count", recording, status=2)
    heaptop("diff", recording, f"{recording}.none", status=4)
    heaptop("diff", recording, f"{recording}@..", status=2)


def record_one(path, folder, name, allocate):
    with oracle.Target(path) as target:
        for _ in range(allocate):
            target.answer("alloc 1000000")
        target.answer("quiet")
        heaptop("record", "-o", f"{folder}/{name}", "-d", "100ms", target.pid)
    return f"{folder}/{name}"


def examine_comparisons(wanted, folder):
    """Two runs of one build, and of two builds by different toolchains: goroutines that both park alike are matched."""
    differences = []
    paths = [path for _, kind, path in wanted if kind == "default"]
    first, second = paths[-1], paths[0]
    parked = {}
    for name, path, allocate in (("old", first, 0), ("same", first, 60), ("other", second, 60)):
        parked[name] = record_one(path, folder, name + ".heaptop", allocate)
    for name in ("same", "other") if first != second else ("same",):
        diff = json.loads(heaptop("diff", "--json", parked["old"], parked[name]))
        check(diff["same_build"] == (name == "same") and not diff["same_process"], f"{name}: {diff['same_build']}", differences)
        top = next(s for s in diff["call_sites"] if s["function"] and "allocOnCommand" in s["function"])
        check(top["kind"] in ("appeared", "grew") and 40e6 < top["change"] < 90e6, f"{name}: 60 MB are {top['change']}", differences)
        kinds = {g["start"]["function"]: g["kind"] for g in diff["goroutines"] if g["start"] and "main.park" in g["start"]["function"]}
        check(len(kinds) > 10 and set(kinds.values()) == {"same"}, f"{name}: {kinds}", differences)
        lines = [s for s in diff["call_sites"] if s["old_line"] and s["line"] != s["old_line"] and s["kind"] == "same"]
        check(name != "same" or not lines, f"lines differ in one build: {lines[:1]}", differences)
        verdict = diff["verdict"]
        check("more than OLD" in verdict and "allocOnCommand" in verdict, f"{name}: {verdict}", differences)
    print(f"comparisons of builds: {'as they should be' if not differences else f'{len(differences)} DIFFERENCES'}", flush=True)
    for text in differences[:8]:
        print(f"      {text[:700]}", flush=True)
    return not differences


def main():
    wanted = [t for t in oracle.targets("oracle") if all(a in (t[0], t[1]) for a in sys.argv[1:])]
    # One kind a version is enough, and every kind of one.
    wanted = [t for t in wanted if t[1] == "default" or t[0] == "1.24" or t[1] in sys.argv[1:]]
    tools = {p.parts[-5]: p for p in oracle.CACHE.glob("go/1.*/pkg/tool/linux_amd64/pprof")}
    if not wanted or not tools:
        oracle.skip(f"no oracle or no pprof tool in {oracle.CACHE}: run tools/fetch-toolchains, tests/targets/build-matrix")
    newest = tools[max(tools, key=lambda v: tuple(map(int, v.split("."))))]
    passed = 0
    for version, kind, path in wanted:
        with tempfile.TemporaryDirectory() as folder:
            try:
                passed += examine(version, kind, path, tools.get(version, newest), folder)
            except (EOFError, ValueError, OSError, AssertionError, subprocess.SubprocessError) as error:
                print(f"{version:5} {kind:12} {getattr(error, 'stderr', '') or error}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        formats = examine_formats(wanted[-1][2], folder)
        formats = examine_comparisons(wanted, folder) and formats
    print(f"{passed} of {len(wanted)} are equal in every line; the other formats {'hold' if formats else 'do not hold'}")
    sys.exit(passed != len(wanted) or not formats)


if __name__ == "__main__":
    main()
