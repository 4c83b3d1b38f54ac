#!/usr/bin/env python3
"""RSS reconciled: the parts that heaptop names sum to RSS, and what it cannot explain of it is small; for targets of
every Go version and for packaged servers. The kernel's own account (smaps) is the judge where the target rests.

    tests/live/memory_parts_test.py [NAME...]

Exit status 77 where nothing is built."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402
import prometheus  # noqa: E402

MOST_UNEXPLAINED = 0.02     # Of RSS, either way.
# The kernel's RSS is a sum of counters that each processor keeps up to 32 pages of to itself, for anonymous, file and shared pages apart
# (lib/percpu_counter.c, mm_struct.rss_stat): of a program of a few megabytes that is more than two percent.
RSS_SLACK = 3 * 32 * 4096 * os.cpu_count()
SETTLE_SECONDS = 20


def report(pid, seconds):
    output = subprocess.run([oracle.HEAPTOP, "report", str(pid), "--for", f"{seconds}s", "--json"], check=True,
                            stdout=subprocess.PIPE, timeout=60 + 2 * seconds).stdout
    return json.loads(output)


def smaps_rss(pid):
    """Resident bytes as smaps has them."""
    total = 0
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total


def parts_faults(document):
    """What is wrong with the parts of a report, whether or not the target rests."""
    parts = document["memory_parts"]
    if not parts:
        return [f"no parts: {document['unavailable'].get('memory_parts')}; {document['problems']}"]
    rss, sizes = parts["rss_bytes"], parts["bytes"]
    faults = []
    if sum(sizes.values()) != rss + parts["excess_bytes"]:
        faults.append("the parts do not sum to RSS")
    most = max(MOST_UNEXPLAINED * rss, RSS_SLACK)
    if sizes["unexplained"] > most:
        faults.append(f"{sizes['unexplained']} bytes are not explained")
    if parts["excess_bytes"] > most:
        faults.append(f"{parts['excess_bytes']} bytes too many")
    if parts["not_looked_at_bytes"]:
        faults.append("not all was looked at")
    if sizes["heap_undivided"] > MOST_UNEXPLAINED * rss:
        faults.append("the Go heap is not divided")
    return faults


def examine(name, pid, is_at_rest, seconds=0):
    document = report(pid, seconds)
    faults = parts_faults(document)
    parts = document["memory_parts"]
    if not parts:
        print(f"{name}: {faults[0]}")
        return False
    rss, sizes = parts["rss_bytes"], parts["bytes"]
    if is_at_rest:
        judge = smaps_rss(pid)
        seen = sum(sizes.values()) - sizes["unexplained"]
        if abs(judge - seen) > MOST_UNEXPLAINED * judge:
            faults.append(f"smaps has {judge}, the parts {seen}")
    classes = document["span_classes"]
    if not classes:
        faults.append("no span classes")
    else:
        for row in classes:
            if row["object_bytes"] + row["free_slot_bytes"] + row["tail_bytes"] != row["span_bytes"] \
                    or row["objects"] > row["slots"] or row["resident_bytes"] > row["span_bytes"]:
                faults.append(f"a span class does not add up: {row}")
        objects = sum(row["object_bytes"] for row in classes)
        counted = document["go"]["heap_alloc_bytes"]
        # A span counts what an mcache has handed out of it later than the runtime's own figures do.
        if is_at_rest and abs(objects - counted) > 0.05 * counted + (1 << 20):
            faults.append(f"objects of spans {objects}, HeapAlloc {counted}")
    shown = "  ".join(f"{part} {size / 2**20:.1f}" for part, size in sizes.items() if size >= 2**16)
    print(f"{name}: RSS {rss / 2**20:.1f} MB in {parts['took_ns'] / 1e6:.1f} ms: {shown}", flush=True)
    for fault in faults:
        print(f"    {fault}")
    return not faults


def examine_targets(wanted):
    good, count = True, 0
    kinds = ("default", "cgo", "packaged", "pie")
    for program, arguments, is_at_rest in (("oracle", (), True), ("leakd", (), False)):
        for version, kind, path in oracle.targets(program):
            name = f"{program} {version} {kind}"
            if kind not in kinds or (program == "leakd" and kind != "default") \
                    or (wanted and not any(w in name for w in wanted)):
                continue
            with oracle.Target(path, *arguments) as target:
                good &= examine(name, target.pid, is_at_rest, 0 if is_at_rest else 2)
            count += 1
    return good, count


def wait_until_served(port):
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
                return response.read()
        except OSError:
            if time.monotonic() > deadline:
                raise


def examine_node_exporters():
    good, count = True, 0
    for path in sorted(oracle.CACHE.glob("programs/prometheus-node-exporter-*/usr/bin/prometheus-node-exporter")):
        port = prometheus.free_port()
        process = subprocess.Popen([path, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until_served(port)
            good &= examine(path.parts[-4], process.pid, False)
            count += 1
        finally:
            process.kill()
            process.wait()
    return good, count


def examine_prometheus():
    good, count = True, 0
    generators = [path for _, kind, path in oracle.targets("metricsgen") if kind == "default"]
    for path in prometheus.packaged() if generators else []:
        with prometheus.Prometheus(path, generators[-1]) as server:
            wait_until_served(server.port)
            good &= examine(path.parts[-4], server.pid, False, 3)
            count += 1
    return good, count


def main():
    wanted = sys.argv[1:]
    results = [examine_targets(wanted)]
    if not wanted or "packaged" in wanted:
        results += [examine_node_exporters(), examine_prometheus()]
    if not sum(count for _, count in results):
        print("no targets are built")
        return 77
    return 0 if all(good for good, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
