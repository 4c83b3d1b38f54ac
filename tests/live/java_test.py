#!/usr/bin/env python3
"""The heaps of JVMs at a glance: what heaptop reads of them, with each collector that the JVM has, equals jstat -gc.

Exit status 77 without a JDK (java, javac, jstat)."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import json_schema  # noqa: E402
import managed  # noqa: E402
import oracle  # noqa: E402

COLLECTORS = ("G1", "Serial", "Parallel", "Z", "Shenandoah")


def jstat(pid):
    """Columns by name; None where this collector has none."""
    names, values = (line.split() for line in subprocess.run(["jstat", "-gc", str(pid)], check=True, capture_output=True,
                                                             text=True, env=os.environ | {"LC_ALL": "C"}).stdout.splitlines())
    return {name: None if value == "-" else float(value) for name, value in zip(names, values)}


def kilobytes(columns, *names):
    known = [columns[name] for name in names if columns[name] is not None]
    return sum(known) * 1024 if known else None


def java_expected(columns):
    """Of jstat, by our names: value, and what its digits leave open. Bytes have a tenth of a kilobyte, times milliseconds."""
    counts = {"java_young_gcs": "YGC", "java_full_gcs": "FGC", "java_concurrent_gcs": "CGC"}
    times = {"java_young_gc_ns": "YGCT", "java_full_gc_ns": "FGCT", "java_concurrent_gc_ns": "CGCT"}
    # A collector that has no young generation has no survivors either.
    young = kilobytes(columns, "S0U", "S1U", "EU") if columns["EU"] is not None else None
    expected = {"java_young_used_bytes": (young, 200), "java_old_used_bytes": (kilobytes(columns, "OU"), 60),
                "java_old_committed_bytes": (kilobytes(columns, "OC"), 60),
                "java_metaspace_used_bytes": (kilobytes(columns, "MU"), 60),
                "java_metaspace_committed_bytes": (kilobytes(columns, "MC"), 60),
                "java_heap_used_bytes": (kilobytes(columns, "S0U", "S1U", "EU", "OU"), 250)}
    expected |= {ours: (columns[theirs], 0) for ours, theirs in counts.items()}
    return expected | {ours: (None if columns[theirs] is None else columns[theirs] * 1e9, 500_001)
                       for ours, theirs in times.items()}


def settled(pid):
    """jstat's figures with ours from between two looks of its that agree: compilers and their safepoints take some time to rest."""
    give_up = time.monotonic() + managed.PATIENCE_S
    while True:
        before = jstat(pid)
        document = managed.report(pid)
        if jstat(pid) == before:
            return before, document
        assert time.monotonic() < give_up, "the Java heap does not come to rest"


def check_java(classes, collector):
    with managed.Program("java", "-Xmx160m", f"-XX:+Use{collector}GC", "-XX:+UnlockExperimentalVMOptions", "-cp", str(classes),
                 "Churn") as java:
        if java.first != "ready\n":
            print(f"java, {collector}: this JVM has no such collector")
            return
        java.ask("churn 4000")
        java.ask("gc")
        java.ask("churn 50")
        columns, document = settled(java.pid)
        wrong = managed.differences(document["jvm"], java_expected(columns))
        assert not wrong, f"{collector}: {wrong}"
        errors = json_schema.validate(document, managed.SCHEMA)
        assert not errors, errors
        assert document["python"] is None and "python" in document["unavailable"], document["python"]
        assert document["target"]["runtime"] == "jvm", document["target"]
        assert re.match(r"JVM [\d.]+", document["target"]["runtime_version"]), document["target"]
        assert document["jvm"]["java_heap_max_bytes"] // 2**20 == 160, document["jvm"]
        assert re.match(r"Java heap [\d.]+ MB of 160\.0 MB", document["verdict"]["text"]), document["verdict"]
        # What is resident of it is no heap of C code's.
        parts = document["memory_parts"]["bytes"]
        assert parts["managed_heap"] >= document["jvm"]["java_heap_used_bytes"] * 0.9, (collector, parts)
        assert parts["c_heap"] < 40 * 2**20, (collector, parts)
        print(f"java, {collector}: {len(java_expected(columns))} figures as jstat's; {document['verdict']['text']}")


def check_java_recorded(classes):
    """The figures come along in a recording; and of a JVM started by heaptop itself, whose library was not mapped at its first moment."""
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "java.heaptop"
        recorder = subprocess.Popen([oracle.HEAPTOP, "run", "--no-preload", "--record", str(recording), "-i", "100ms", "--",
                                     "java", "-XX:+UseSerialGC", "-Xmx64m", "-cp", str(classes), "Churn"], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        give_up = time.monotonic() + managed.PATIENCE_S
        while True:
            # Held against what another look at the same process finds in the file so far.
            found = subprocess.run([oracle.HEAPTOP, "report", "--json", str(recording)], capture_output=True, text=True)
            document = json.loads(found.stdout) if found.returncode in (0, 1) and found.stdout else None
            if document and document["jvm"] and document["jvm"]["java_heap_max_bytes"]:
                break
            assert time.monotonic() < give_up and recorder.poll() is None, f"no Java figures in the recording: {found.stderr}"
        assert document["jvm"]["java_heap_max_bytes"] // 2**20 in (61, 62, 63, 64), document["jvm"]
        recorder.stdin.close()
        recorder.terminate()
        recorder.wait(managed.PATIENCE_S)
        recorder.stdout.close()
        print("java, from its start into a recording: its heap's size is there")


def check_java_without_counters(classes):
    with managed.Program("java", "-XX:-UsePerfData", "-cp", str(classes), "Churn") as java:
        document = managed.report(java.pid)
        assert "keeps no counters" in document["unavailable"]["jvm.java_heap_used_bytes"], document["unavailable"]
        said = managed.doctor(java.pid)
        assert re.search(r"^no +java counters +this JVM keeps no counters.*\n +what would help: start it without -XX:-UsePerfData",
                         said, re.M), said
        print("java without counters: says so")


def main():
    missing = [program for program in ("java", "javac", "jstat") if not shutil.which(program)]
    if missing:
        print(f"no JDK: {', '.join(missing)} not in PATH")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as classes:
        subprocess.run(["javac", "-d", classes, str(managed.ROOT / "tests" / "targets" / "java" / "Churn.java")], check=True)
        for collector in COLLECTORS:
            check_java(classes, collector)
        check_java_without_counters(classes)
        check_java_recorded(classes)


if __name__ == "__main__":
    main()
