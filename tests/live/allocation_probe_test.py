#!/usr/bin/env python3
"""--probe allocs on running programs in C without frame pointers: what they allocate and keep is found by call site, within the error that heaptop
claims; a planted leak stands first; and the program is as it was when heaptop has ended, however it did.

    tests/live/allocation_probe_test.py [TEST...]

Exit status 77 where a C compiler is missing, heaptop was built without libbpf, or the kernel refuses BPF programs."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import json_schema  # noqa: E402
import native  # noqa: E402
from preload_test import SURE, by_function, check, deviations  # noqa: E402

SCHEMA = json.loads((native.ROOT / "docs" / "heaptop.schema.json").read_text())
LEAK = "remember_session"
PATIENCE = 120              # Seconds, for a machine that is busy with other tests.
REFUSALS = ("built without libbpf", "the kernel refuses to", "this kernel does not let")
NO_BOUND = ("--probe-budget", "10000%")


def read_json(*arguments):
    output = subprocess.run([native.HEAPTOP, "report", "--json", *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE)
    return json.loads(output.stdout) if output.returncode in (0, 1) and output.stdout else None


def wait_for(what, condition):
    until = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < until, f"waited in vain: {what}")
        time.sleep(0.05)    # Between two looks, not for anything.


class Recording:
    """heaptop record --probe allocs on a process."""

    def __init__(self, folder, pid, *options):
        self.path = folder / f"{len(list(folder.glob('*.heaptop')))}.heaptop"
        self.process = subprocess.Popen([native.HEAPTOP, "record", "-o", self.path, "-i", "100ms", "--probe", "allocs", *NO_BOUND, *options,
                                         str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def wait_until_on(self):
        def is_on():
            check(self.process.poll() is None, "heaptop has ended")
            document = read_json(self.path)
            return document and document["heap_profile"]["state"] == "on"
        wait_for("the profile is on", is_on)

    def samples(self):
        document = read_json(self.path)
        return document["cost"]["samples_taken"] if document else 0

    def end(self):
        """The report on the recording, whose last sample is later than now."""
        before = self.samples()
        wait_for("another sample", lambda: self.samples() > before + 1)
        self.process.send_signal(2)
        self.process.stderr.read()
        self.process.wait(PATIENCE)
        document = read_json(self.path)
        complaints = json_schema.validate(document, SCHEMA)
        check(not complaints, f"schema: {complaints[:5]}")
        return document


class Target:
    """tests/targets/native/allocations.c, which begins when told to."""

    def __init__(self, mode, program=None, environment=None):
        self.process = subprocess.Popen([program or native.build("allocations.c", "-D_GNU_SOURCE"), "later", mode], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
        self.pid = self.process.pid
        self.read()

    def read(self):
        expected = {}
        for line in self.process.stdout:
            if line == "end\n":
                return expected
            if line != "ready\n":
                name, count = line.split()
                expected[name] = int(count)
        raise AssertionError("the target ended")

    def begin(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        check(self.process.wait(PATIENCE) == 3, "the target has ended as it should not")


def is_probed(pid):
    """Whether a breakpoint stands in any code of the process's C library that is a copy of its own."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        fields = line.split()
        if len(fields) < 6 or "x" not in fields[1] or "libc.so" not in fields[5]:
            continue
        start, end = (int(address, 16) for address in fields[0].split("-"))
        with open(f"/proc/{pid}/mem", "rb") as memory, open(fields[5], "rb") as file:
            memory.seek(start)
            file.seek(int(fields[2], 16))
            if memory.read(end - start) != file.read(end - start):
                return True
    return False


def check_estimates(document, expected):
    check(document["probe"]["lost"] == 0, f"samples were lost: {document['probe']}")
    for name, deviation in deviations(document, expected).items():
        check(abs(deviation) < SURE, f"{name} is {deviation:.1f} standard errors from {expected[name]}")


# ---- tests ----

def test_leak(folder):
    """A busy program that frees most of what it allocates: the function that keeps some stands first, with its whole stack."""
    with native.Leaky(2, 2000, 1000) as program:
        before = program.rss(), time.monotonic()
        document = read_json("--for", "6s", "--probe", "allocs", program.pid)
        rss = (program.rss() - before[0]) / (time.monotonic() - before[1])
        check(document and document["heap_profile"]["state"] == "on", f"no profile: {document and document['problems']}")
        top = document["call_sites"][0]
        print(f"{top['function']} keeps {(top['growth_bytes_per_s'] or 0) / 1e6:.2f} MB/s, RSS gains {rss / 1e6:.2f}; "
              f"{document['verdict']['text']} {document['probe']}")
        check(top["function"] == LEAK and top["share"] > 0.8, f"{top['function']} stands first with {top['share']}")
        growth = top["growth_bytes_per_s"]
        check(growth and 0.3 * rss < growth < 2 * rss, f"{growth} kept a second, RSS gains {rss}")
        names = [frame["function"] for frame in document["sites"][0]["stack"]]
        check(names[0] == LEAK and names[1:3] == ["serve_request", "run"], f"the stack is {names}")
        check(document["probe"]["calls"] > 1000 and 0 < document["probe"]["processor_share"] < 1, f"{document['probe']}")


def test_known(folder):
    """Every function that allocates, memory of threads and of the kernel's own: what is in use is what the program says."""
    for mode in ("functions", "mappings", "threads", "coroutine"):
        with Target(mode) as target:
            recording = Recording(folder, target.pid)
            recording.wait_until_on()
            expected = target.begin()
            document = recording.end()
            check_estimates(document, expected)
            print(f"{mode}: {document['probe']}")


def test_killed(folder):
    """heaptop is killed: the program's code is as it was, and it goes on."""
    with Target("known") as target:
        recording = Recording(folder, target.pid)
        recording.wait_until_on()
        check(is_probed(target.pid), "there is no breakpoint while it is probed")
        recording.process.kill()
        recording.process.wait()
        recording.process.stderr.close()
        wait_for("the breakpoints are gone", lambda: not is_probed(target.pid))
        check(target.begin(), "the program does not go on")


def find_refusal():
    """Why allocations cannot be probed here; None: they can."""
    with native.Leaky(1, 10, 0) as program:
        document = read_json("--for", "1s", "--probe", "allocs", program.pid)
    return next((problem for problem in document["problems"] if any(refusal in problem for refusal in REFUSALS)), None)


def main():
    native.skip_unless_compiler()
    refusal = find_refusal()
    if refusal:
        print(f"allocations cannot be probed here: {refusal}")
        return 77
    failed = 0
    tests = [function for name, function in globals().items() if name.startswith("test_")]
    for test in tests:
        if len(sys.argv) > 1 and test.__name__.removeprefix("test_") not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(Path(folder))
            except AssertionError as complaint:
                failed += 1
                print(f"FAIL {test.__name__}: {complaint}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
