#!/usr/bin/env python3
"""CPython at a glance: what heaptop reads of it equals gc.get_stats() and others of the program itself.

The interpreter of this test, the system's, and those in $HEAPTOP_PYTHONS (paths with a colon between them)."""

import json
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import json_schema  # noqa: E402
import managed  # noqa: E402

SOURCE = """
import gc, json, sys, threading
class Node: pass
ring = [Node() for _ in range(3000)]
for node in ring:
    node.me = node
kept = [[str(i)] for i in range(20000)]
wait = threading.Event()
threads = [threading.Thread(target=wait.wait, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
print("ready", flush=True)
for line in sys.stdin:
    if line == "drop\\n":
        ring.clear()
        del node
        gc.collect()
    # Nothing is allocated for the collector between its answer and the next line.
    stats, count = gc.get_stats(), gc.get_count()
    print(json.dumps([stats, count[1:], len(threads) + 1]), flush=True)
"""


def pythons():
    """Interpreters themselves, not what stands for them."""
    named = os.environ.get("HEAPTOP_PYTHONS", "").split(":") + [sys.executable, "/usr/bin/python3"]
    return sorted({os.path.realpath(path) for path in named if path and os.access(path, os.X_OK)})


def check_python(interpreter):
    with managed.Program(interpreter, "-S", "-c", SOURCE) as python:
        assert python.first == "ready\n", python.process.stderr.read()
        before = managed.report(python.pid)["python"]
        stats, count, threads = json.loads(python.ask("drop"))
        document = managed.report(python.pid)
        found = document["python"]
        expected = {f"py_gen{i}_gcs": (stats[i]["collections"], 0) for i in range(3)}
        expected |= {"py_gen1_count": (count[0], 0), "py_gen2_count": (count[1], 0), "py_threads": (threads, 0),
                     "py_interpreters": (1, 0), "py_collected": (sum(s["collected"] for s in stats), 0),
                     "py_uncollectable": (sum(s["uncollectable"] for s in stats), 0)}
        wrong = managed.differences(found, expected)
        assert not wrong, (interpreter, wrong)
        assert found["py_collected"] >= before["py_collected"] + 3000, (before, found)
        assert found["py_long_lived"] >= 20000, found
        # 20,000 lists and strings of theirs take some two megabytes.
        assert found["py_arena_bytes"] is None or 2**20 < found["py_arena_bytes"] < 2**26, found
        errors = json_schema.validate(document, managed.SCHEMA)
        assert not errors, errors
        assert document["jvm"] is None and document["target"]["runtime"] == "cpython", document["target"]
        version = document["target"]["runtime_version"]
        assert re.match(r"CPython 3\.\d+", version) and document["verdict"]["text"].startswith("Python: "), document["verdict"]
        said = managed.doctor(python.pid)
        assert re.search(rf"^(yes|partly) +python interpreter +{version}: 1 interpreter, {threads} threads", said, re.M), said
        # Its own C code and that of its libraries have lines, whatever else it is.
        assert re.search(r"^(yes|partly|no) +source lines +\S", said, re.M), said
        arenas = "no arenas" if found["py_arenas"] is None else f"{found['py_arenas']} arenas"
        print(f"{version}: {len(expected)} figures as its own, {arenas}; {document['verdict']['text']}")


def main():
    for interpreter in pythons():
        check_python(interpreter)


if __name__ == "__main__":
    main()
