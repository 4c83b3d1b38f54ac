#!/usr/bin/env python3
"""heaptop record against real processes: how it ends, marks, what replay and report make of the file, kill -9 at any moment, a full disk, and the
SQL of docs/recording.md in the sqlite3 shell.

    tests/live/recording_test.py [NAME...]      only the tests named
    HEAPTOP_TEST_KILLS=200                      so many kills instead of 12 (the unit test of the same has more)"""

import contextlib
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import json_schema  # noqa: E402
import oracle  # noqa: E402

HEAPTOP = os.environ.get("HEAPTOP", str(oracle.ROOT / "build-dev" / "heaptop"))
SCHEMA = json.loads((oracle.ROOT / "docs" / "heaptop.schema.json").read_text())
KILLS = int(os.environ.get("HEAPTOP_TEST_KILLS", "12"))


class Leak:
    """leakd, the leaking service of the demo."""

    def __enter__(self):
        paths = {kind: path for _, kind, path in oracle.targets("leakd")}
        path = paths.get("packaged") or next(iter(paths.values()))
        self.process = subprocess.Popen([path, "-for", "5m"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout.readline().startswith(b"ready")
        return self.process

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def record(file, pid, *arguments, **options):
    return subprocess.Popen([HEAPTOP, "record", "-o", str(file), *arguments, str(pid)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **options)


def finish(process, status=0, may_lose=False):
    """may_lose: a machine that is busy may cost samples, which the status tells of."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == status or (may_lose and process.returncode == 1 and b" lost" in err), f"status {process.returncode}: {err.decode()}"
    return err.decode()


def query(file, sql):
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return database.execute(sql).fetchall()


def wait_for_ticks(file, count, process, table="ticks"):
    """The recording is read while it is being written; or for so many rows of another table."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read().decode()
        try:
            if query(file, f"SELECT count(*) FROM {table}")[0][0] >= count:
                return
        except sqlite3.OperationalError:
            pass
        time.sleep(0.01)
    raise AssertionError(f"no {count} {table} in 60 s")


def report(file):
    result = subprocess.run([HEAPTOP, "report", "--json", str(file)], capture_output=True, timeout=60)
    assert result.returncode == 0, result.stderr.decode()
    document = json.loads(result.stdout)
    complaints = json_schema.validate(document, SCHEMA)
    assert not complaints, "\n".join(complaints[:20])
    return document


def test_ends_cleanly(folder):
    with Leak() as leak:
        for name, end in (("int", signal.SIGINT), ("term", signal.SIGTERM), ("hup", signal.SIGHUP)):
            file = folder / name
            process = record(file, leak.pid, "-i", "20ms")
            wait_for_ticks(file, 3, process)
            process.send_signal(signal.SIGUSR1)
            keyframes = query(file, "SELECT count(*) FROM keyframes")[0][0]
            process.send_signal(signal.SIGUSR2)  # a full sample
            ticks = query(file, "SELECT count(*) FROM ticks")[0][0]
            wait_for_ticks(file, ticks + 2, process)
            process.send_signal(end)
            finish(process, may_lose=True)
            assert query(file, "SELECT count(*) FROM keyframes")[0][0] > keyframes
            assert len(query(file, "SELECT * FROM marks")) == 1
            assert query(file, "SELECT count(*) FROM recording WHERE name = 'closed_unix_ns'") == [(1,)]
            assert query(file, "PRAGMA journal_mode") == [("delete",)]
            assert sorted(path.name for path in folder.glob(name + "*")) == [name], "a log is left behind"
            assert report(file)["target"]["pid"] == leak.pid


def test_duration_and_the_targets_end(folder):
    with Leak() as leak:
        finish(record(folder / "a", leak.pid, "-i", "100ms", "-d", "1s"), may_lose=True)
        assert query(folder / "a", "SELECT count(*) FROM ticks")[0][0] <= 12
        assert query(folder / "a", "SELECT max(sequence) FROM v_ticks")[0][0] >= 5
        again = record(folder / "a", leak.pid)
        assert "exists already" in finish(again, 2)
        process = record(folder / "b", leak.pid, "-i", "50ms")
        wait_for_ticks(folder / "b", 3, process)
        leak.kill()
        assert "has ended" in finish(process)
        assert query(folder / "b", "SELECT exited FROM ticks ORDER BY tick DESC LIMIT 1") == [(1,)]


def test_a_recording_without_a_name_gets_one(folder):
    with Leak() as leak:
        process = subprocess.run([HEAPTOP, "record", "--for", "200ms", "-i", "50ms", str(leak.pid)], cwd=folder, capture_output=True, text=True)
        named = re.search(r"; heaptop replay (heaptop-[a-z]+-\d{8}-\d{6}\.heaptop) shows them\n$", process.stderr)
        assert named and report(folder / named[1])["target"]["pid"] == leak.pid, process.stderr


def test_export_of_a_recording_is_that_of_the_moment(folder):
    with Leak() as leak:
        file = folder / "a"
        finish(record(file, leak.pid, "-i", "100ms", "-d", "2s"))
        for arguments in (["--format", "json", f"{file}@-1s"], ["--format", "json", f"{file}@+0s"], ["--format", "json", str(file)]):
            result = subprocess.run([HEAPTOP, "export", *arguments], capture_output=True, timeout=60)
            assert result.returncode == 0, result.stderr.decode()
            assert json.loads(result.stdout)["target"]["pid"] == leak.pid
        result = subprocess.run([HEAPTOP, "export", "--format", "pprof", "-o", str(folder / "p"), str(file)], capture_output=True, timeout=60)
        assert result.returncode == 0, result.stderr.decode()
        assert (folder / "p").read_bytes()[:2] == b"\x1f\x8b"


def test_killed_at_any_moment(folder):
    dice = random.Random(1)
    with Leak() as leak:
        for n in range(KILLS):
            file = folder / str(n)
            process = record(file, leak.pid, "-i", "10ms")
            wait_for_ticks(file, 1, process)
            time.sleep(dice.uniform(0, 0.2))    # the moment is what is tried
            process.kill()
            process.wait()
            sequences = [row[0] for row in query(file, "SELECT sequence FROM v_ticks ORDER BY tick")]
            # A machine that is busy may cost samples, and then there is a gap for them.
            gaps = query(file, "SELECT coalesce(sum(ticks), 0) FROM gaps")[0][0]
            assert sequences[-1] - sequences[0] + 1 == len(sequences) + gaps, (sequences, gaps)
            assert query(file, "PRAGMA integrity_check") == [("ok",)]
            assert report(file)["target"]["pid"] == leak.pid


def test_follows_a_name(folder):
    """Before there is one, while it runs, over its end, and with the next."""
    file, name = folder / "a", f"htfollow{os.getpid()}"
    paths = {kind: path for _, kind, path in oracle.targets("leakd")}
    shutil.copy(paths.get("packaged") or next(iter(paths.values())), folder / name)

    def start():
        process = subprocess.Popen([folder / name, "-for", "5m"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout.readline().startswith(b"ready")
        return process

    recorder = subprocess.Popen([HEAPTOP, "record", "-o", str(file), "-i", "50ms", "--follow-name", name], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    pids = []
    for _ in range(3):
        ticks = query(file, "SELECT count(*) FROM ticks")[0][0] if pids else 0
        with start() as process:
            pids.append(process.pid)
            wait_for_ticks(file, ticks + 20, recorder)
            process.kill()
            process.wait()
    deadline = time.monotonic() + 30
    while query(file, "SELECT count(*) FROM ticks WHERE exited")[0][0] < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    recorder.send_signal(signal.SIGINT)
    finish(recorder, may_lose=True)
    assert [row[0] for row in query(file, "SELECT pid FROM targets GROUP BY pid ORDER BY min(target)")] == pids
    reasons = [row[0] for row in query(file, "SELECT reason FROM gaps WHERE ticks = 0")]
    assert len(reasons) == 2 and all("killed by signal 9" in reason for reason in reasons), reasons
    # Names, frames and stacks of one program are there once, however often it was started.
    for table, content in (("strings", "text"), ("frames", "function || ' ' || file || ' ' || line || ' ' || address || ' ' || origin")):
        assert query(file, f"SELECT count(*) = count(DISTINCT {content}) FROM {table}") == [(1,)], table
    document = report(file)
    assert [process["exited"] for process in document["recording"]["processes"]] == [True] * 3
    assert document["target"]["pid"] == pids[-1]
    assert document["session"]["first_unix_ns"] >= document["recording"]["processes"][2]["first_unix_ns"]


def test_redacts(folder):
    secret = "s3cr3t-t0k3n-of-the-test"
    paths = {kind: path for _, kind, path in oracle.targets("leakd")}
    with subprocess.Popen([next(iter(paths.values())), "-for", "5m", secret], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        assert process.stdout.readline().startswith(b"ready")
        for name, options, expected in (("open", [], True), ("redacted", ["--redact"], False)):
            finish(record(folder / name, process.pid, "-i", "50ms", "-d", "1s", *options), may_lose=True)
            assert (secret.encode() in (folder / name).read_bytes()) == expected, name
        assert report(folder / "redacted")["target"]["pid"] == process.pid
        process.kill()


def test_report_tells_when_growth_began(folder):
    file = folder / "a"
    with Leak() as leak:
        process = record(file, leak.pid, "-i", "50ms")
        wait_for_ticks(file, 40, process)
        process.send_signal(signal.SIGUSR1)
        wait_for_ticks(file, 200, process)
        process.send_signal(signal.SIGINT)
        finish(process, may_lose=True)
    recording = report(file)["recording"]
    assert recording["samples"] >= 200 and len(recording["marks"]) == 1
    growth = recording["growth"]
    assert growth["goes_on"] and growth["bytes_per_s"] > 0, growth
    assert growth["call_sites"][0]["function"].endswith("cache.(*Store).Put"), growth["call_sites"][:3]
    assert any(phase["kind"] == "growing" for phase in recording["phases"])
    text = subprocess.run([HEAPTOP, "report", str(file)], capture_output=True, text=True, timeout=60).stdout
    for words in ("Growing since", "Chronology", "mark: SIGUSR1", "What grew from", "cache.(*Store).Put"):
        assert words in text, f"{words!r} is not in\n{text}"


def export_json(what):
    result = subprocess.run([HEAPTOP, "export", "--format", "json", str(what)], capture_output=True, timeout=60)
    assert result.returncode == 0, result.stderr.decode()
    return json.loads(result.stdout)


def test_has_goroutines_one_by_one(folder):
    """As they were when somebody set a mark, and in the last sample of a process that ends."""
    file = folder / "a"
    with Leak() as leak:
        process = record(file, leak.pid, "-i", "50ms")
        wait_for_ticks(file, 3, process)
        before = export_json(leak.pid)
        process.send_signal(signal.SIGUSR1)
        while len(query(file, "SELECT * FROM goroutine_lists")) < 2:
            wait_for_ticks(file, query(file, "SELECT count(*) FROM ticks")[0][0] + 1, process)
        after = export_json(leak.pid)
        leak.kill()
        leak.wait()
        finish(process, may_lose=True)
    at = query(file, "SELECT t.unix_ns FROM goroutine_lists l JOIN ticks t ON t.tick = l.at >> 24 ORDER BY t.tick")
    marked, last = export_json(f"{file}@@{at[1][0] / 1e9 + 1e-6:.6f}"), export_json(file)
    assert marked["goroutines_age_ns"] == 0 and not marked["session"]["exited"], marked["goroutines_age_ns"]
    assert last["session"]["exited"] and 0 < last["goroutines_age_ns"] < 60e9, last["goroutines_age_ns"]

    def known(document):
        groups = document["goroutine_groups"]
        return {one["goid"]: (one["parent_goid"], groups[one["group"]]["created_by"], groups[one["group"]]["start"]) for one in document["goroutines"]}
    # Those that lived before and after lived then.
    there = {goid: facts for goid, facts in known(before).items() if goid in known(after)}
    assert len(there) > 5, before["goroutines"]
    for document in (marked, last):
        missing = {goid: facts for goid, facts in there.items() if known(document).get(goid) != facts}
        assert not missing, f"{missing} are not as they were: {known(document)}"
    assert {row[0] for row in query(file, "SELECT goid FROM v_goroutines")} == set(known(last))


def test_reports_and_compares_spans(folder):
    """Of a part of a recording alone; and where memory was at two of its moments."""
    file = folder / "a"
    with Leak() as leak:
        process = record(file, leak.pid, "-i", "50ms")
        for wanted in (60, 120, 180):
            wait_for_ticks(file, wanted, process)
            process.send_signal(signal.SIGUSR1)
        wait_for_ticks(file, 200, process)
        # Pages are looked at no more often than every ten seconds, whoever asks.
        while query(file, "SELECT count(*) FROM memory_maps")[0][0] < 2:
            process.send_signal(signal.SIGUSR2)
            wait_for_ticks(file, query(file, "SELECT count(*) FROM ticks")[0][0] + 10, process)
        # What grows is known as of each GC cycle: of some after that look.
        wait_for_ticks(file, query(file, "SELECT count(*) FROM gc_cycles")[0][0] + 5, process, "gc_cycles")
        process.send_signal(signal.SIGINT)
        finish(process, may_lose=True)
    document = report(file)
    whole = document["recording"]
    # Where memory is, as of when that was last looked at, whichever samples a report chooses.
    last = query(file, "SELECT t.unix_ns FROM memory_maps m JOIN ticks t ON t.tick = m.at >> 24 ORDER BY m.at DESC LIMIT 1")[0][0]
    assert document["memory_parts"]["unix_ns"] == last, (document["memory_parts"], last)
    parts = whole["growth"]["memory_parts"]
    assert parts and sum(part["new_bytes"] for part in parts) > sum(part["old_bytes"] for part in parts) > 0, whole["growth"]
    marks = [mark["unix_ns"] for mark in whole["marks"]]
    assert len(marks) == 3, whole["marks"]
    span = f"{file}@@{(marks[1] - 1000) / 1e9:.6f}..@{marks[2] / 1e9 + 0.2:.6f}"
    part = report(span)
    assert part["recording"]["samples"] < whole["samples"] / 2 and len(part["recording"]["marks"]) == 2, part["recording"]
    assert part["recording"]["first_unix_ns"] >= marks[1] - 1e6 and part["recording"]["last_unix_ns"] <= marks[2] + 3e8, part["recording"]
    # What had not changed since before the span is known in it all the same.
    assert part["recording"]["peak_rss_bytes"] > 0 and part["recording"]["judged_by"] == whole["judged_by"]
    assert report(f"{file}@..@{marks[0] / 1e9:.6f}")["recording"]["last_unix_ns"] <= marks[0]
    result = subprocess.run([HEAPTOP, "report", f"{file}@@1..@2"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and "no samples" in result.stderr, result
    result = subprocess.run([HEAPTOP, "diff", "--json", f"{file}@+1s", str(file)], capture_output=True, timeout=60)
    assert result.returncode == 0, result.stderr.decode()
    diff = json.loads(result.stdout)
    complaints = json_schema.validate(diff, json.loads((oracle.ROOT / "docs" / "heaptop-diff.schema.json").read_text()))
    assert not complaints, "\n".join(complaints[:20])
    for side, key in (("old", "old_bytes"), ("new", "new_bytes")):
        at = diff[side]["memory_parts_unix_ns"]
        rss = query(file, f"SELECT m.rss_bytes FROM memory_maps m JOIN ticks t ON t.tick = m.at >> 24 WHERE t.unix_ns = {at}")[0][0]
        parts = sum(part[key] for part in diff["memory_parts"])
        assert abs(parts - rss) <= rss / 20, (side, parts, rss)
        assert at <= diff[side]["unix_ns"], diff[side]
    text = subprocess.run([HEAPTOP, "diff", f"{file}@+1s", str(file)], capture_output=True, text=True, timeout=60).stdout
    assert "WHERE RSS IS" in text and "as its pages were looked at" in text, text


def test_full_disk(folder):
    file = folder / "a"

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (400 << 10, 400 << 10))

    with Leak() as leak:
        process = record(file, leak.pid, "-i", "10ms", "-d", "6s", preexec_fn=limit)
        message = finish(process, 1)
        assert "samples are not in the recording" in message, message
        document = report(file)
        assert document["target"]["pid"] == leak.pid
        # The samples themselves went on: neither slower nor fewer.
        taken = int(re.search(r"(\d+) samples recorded", message)[1]) + int(re.search(r"(\d+) lost", message)[1])
        assert taken > 300, message


def test_the_sql_of_the_documentation(folder):
    if not shutil.which("sqlite3"):
        print("SKIPPED: there is no sqlite3 shell")
        return
    file = folder / "a"
    with Leak() as leak:
        process = record(file, leak.pid, "-i", "50ms", "-d", "3s")
        finish(process)
    # malloc's heap is that of a program in C.
    native = folder / "native"
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as python:
        process = record(native, python.pid, "-i", "50ms")
        # Malloc's heap is read now and then, never with the first sample.
        wait_for_ticks(native, 1, process, "v_malloc_classes")
        python.stdin.close()
        finish(process)
    examples = re.findall(r"```sql\n(.*?)```", (oracle.ROOT / "docs" / "recording.md").read_text(), re.S)
    assert len(examples) > 10
    for sql in examples:
        result = subprocess.run(["sqlite3", "-bail", str(native if "v_malloc" in sql else file)], input=sql, capture_output=True, text=True,
                                timeout=60)
        assert result.returncode == 0 and not result.stderr, f"{sql}\n{result.stderr}"
        # An interpreter in C has no C++ objects of its own.
        may_be_none = ("v_marks", "v_gaps", "v_suspects", "s.provenance", "v_malloc_types")
        assert result.stdout or any(words in sql for words in may_be_none), f"no row:\n{sql}"
    top = subprocess.run(["sqlite3", str(file)], input=examples[0], capture_output=True, text=True, timeout=60).stdout
    assert "cache.(*Store).Put" in top.splitlines()[0], top
    views = query(file, "SELECT name FROM sqlite_master WHERE type = 'view'")
    for (view,) in views:
        result = subprocess.run(["sqlite3", "-bail", str(file), f"SELECT * FROM {view} LIMIT 5"], capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, f"{view}: {result.stderr}"


def main():
    if not oracle.targets("leakd"):
        print("no leakd is built")
        return 77
    tests = {name: test for name, test in globals().items() if name.startswith("test_")}
    for name, test in tests.items():
        if len(sys.argv) > 1 and name not in sys.argv and name[5:] not in sys.argv:
            continue
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            test(Path(folder))
            print(f"PASS {name} {time.monotonic() - started:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
