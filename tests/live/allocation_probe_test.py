#!/usr/bin/env python3
"""--probe allocs on running programs in C without frame pointers: what they allocate and keep is found by call site, within the error that heaptop
claims; a planted leak stands first; and the program is as it was when heaptop has ended, however it did.

    tests/live/allocation_probe_test.py [TEST...]

Exit status 77 where a C compiler is missing, heaptop was built without libbpf, or the kernel refuses BPF programs."""

import json
import os
import shutil
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
OPTIONS = ("-D_GNU_SOURCE", f"-I{native.ROOT}", f"-I{native.ROOT}/include")
PAIRS = 300000
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


class Refused(Exception):
    """This kernel does not let heaptop probe, or it was built without."""


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
            for problem in document["problems"] if document else []:
                if any(refusal in problem for refusal in REFUSALS):
                    raise Refused(problem)
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
        self.process = subprocess.Popen([program or native.build("allocations.c", *OPTIONS), "later", mode], stdin=subprocess.PIPE,
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

    def begin(self, pairs=""):
        self.process.stdin.write(f"{pairs}\n")
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
    """A busy program that frees most of what it allocates: the function that keeps some stands first, with its whole stack, and is said to grow."""
    with native.Leaky(2, 2000, 1000) as program:
        recording = Recording(folder, program.pid)
        recording.wait_until_on()
        before = program.rss()

        def growing():
            document = read_json(recording.path)
            sites = document and document["call_sites"]
            return sites and sites[0]["verdict"] == "growing" and sites[0]["inuse_bytes"] > 4 << 20
        wait_for("a site grows", growing)
        document = recording.end()
        top, rss = document["call_sites"][0], program.rss() - before
        print(f"{top['function']} keeps {top['inuse_bytes'] / 1e6:.1f} MB, RSS has gained {rss / 1e6:.1f}; {document['verdict']['text']} "
              f"{document['probe']}")
        check(top["function"] == LEAK and top["share"] > 0.8, f"{top['function']} stands first with {top['share']}")
        check(0.5 * rss < top["inuse_bytes"] < 2 * rss, f"{top['inuse_bytes']} kept, RSS has gained {rss}")
        names = [frame["function"] for frame in document["sites"][0]["stack"]]
        check(names[0] == LEAK and names[1:3] == ["serve_request", "run"], f"the stack is {names}")
        check(document["probe"]["calls"] > 1000 and 0 < document["probe"]["processor_share"] < 1, f"{document['probe']}")


def test_known(folder):
    """Every function that allocates, memory of threads and of the kernel's own: what is in use is what the program says."""
    for mode in ("functions", "mappings", "threads"):
        with Target(mode) as target:
            recording = Recording(folder, target.pid)
            recording.wait_until_on()
            expected = target.begin()
            document = recording.end()
            check_estimates(document, expected)
            print(f"{mode}: {document['probe']}")


def test_before(folder):
    """What was allocated before is one row of its own."""
    with subprocess.Popen([native.build("allocations.c", *OPTIONS), "functions"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        for line in process.stdout:
            if line == "end\n":
                break
        document = read_json("--for", "3s", "--probe", "allocs", process.pid)
        held = document["malloc"]["used_bytes"]
        before = document["heap_profile"]["unattributed"]
        process.stdin.close()
        process.stdout.close()
    print(f"before: {before}, malloc {held}")
    check(before and abs(before["inuse_bytes"] / held - 1) < 0.1, f"{before} of {held}")


def test_killed(folder):
    """heaptop is killed: the program's code is as it was, and it goes on as fast as before."""
    def cost():
        """CPU time of what the target does for each line."""
        before = int(Path(f"/proc/{target.pid}/schedstat").read_text().split()[0])
        target.begin(PAIRS)
        return int(Path(f"/proc/{target.pid}/schedstat").read_text().split()[0]) - before

    with Target("wait") as target:
        target.begin()
        plain = min(cost(), cost())
        recording = Recording(folder, target.pid)
        recording.wait_until_on()
        check(is_probed(target.pid), "there is no breakpoint while it is probed")
        probed = cost()
        recording.process.kill()
        recording.process.wait()
        recording.process.stderr.close()
        wait_for("the breakpoints are gone", lambda: not is_probed(target.pid))
        after = min(cost(), cost())
        print(f"{PAIRS} pairs: {plain / 1e6:.0f} ms, probed {probed / 1e6:.0f}, after heaptop was killed {after / 1e6:.0f}")
        check(after - plain < (probed - plain) / 20, f"it costs {after} ns, {plain} before and {probed} while it was probed")


def test_returns(folder):
    """On kernels that see all returns or none the estimates are the same."""
    probe = native.ROOT / "build-dev" / "tests" / "allocation_trace_probe"
    for links in ("session", "pairs"):
        with Target("functions") as target:
            with subprocess.Popen([probe, links, str(target.pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
                line = process.stdout.readline()
                if line != "on\n":
                    print(f"returns: {links} is not tried: {line}")
                    process.wait(PATIENCE)
                    continue
                wanted = sum(target.begin().values())
                output = process.communicate("\n", timeout=PATIENCE)[0]
            found = json.loads(output)
            print(f"{links}: {wanted} bytes kept, {found}")
            # Some 230 samples, each a 15th of their root.
            check(abs(found["inuse_bytes"] / wanted - 1) < SURE / 230 ** 0.5, f"{links}: {found['inuse_bytes']} of {wanted}")
            check(found["lost"] == 0 and found["calls"] > 10 * 20000, f"{links}: {found}")
            check(not is_probed(target.pid), f"{links}: the breakpoints are still there")


def test_other_allocators(folder):
    """malloc of a static program, and one that a library brings with it."""
    source = native.ROOT / "tests" / "targets" / "native" / "allocations.c"
    static = folder / "static"
    subprocess.run(["cc", "-O2", "-fomit-frame-pointer", *OPTIONS, "-static", "-pthread", "-o", static, source], check=True,
                   stderr=subprocess.DEVNULL)
    cases = [("static", static, {})]
    libraries = [Path(f"/usr/lib/x86_64-linux-gnu/{name}") for name in ("libjemalloc.so.2", "libtcmalloc_minimal.so.4")]
    for library in libraries:
        if library.exists():
            cases.append((library.name, None, {"LD_PRELOAD": str(library)}))
        else:
            print(f"not tried: {library} is not installed")
    for name, program, environment in cases:
        with Target("functions", program, environment) as target:
            recording = Recording(folder, target.pid)
            recording.wait_until_on()
            expected = target.begin()
            document = recording.end()
            print(f"{name}: {document['probe']}")
            check_estimates(document, expected)


def test_budget(folder):
    """What costs too much is not begun, or ended, and it is said."""
    with native.Leaky(1, 2000, 100) as program:
        document = read_json("--for", "1s", "--probe", "allocs", "--probe-budget", "0.1%", program.pid)
        said = " ".join(document["problems"])
        check(document["heap_profile"]["state"] == "none" and "no sample was taken" in said and "0.1%" in said, f"'{said}'")
        wait_for("the breakpoints are gone", lambda: not is_probed(program.pid))
    with Target("known") as target:
        recording = Recording(folder, target.pid, "--probe-budget", "1%")
        recording.wait_until_on()
        target.begin()
        wait_for("the breakpoints are gone", lambda: not is_probed(target.pid))
        document = recording.end()
        said = " ".join(document["problems"])
        check(document["heap_profile"]["state"] == "none" and "the probes were taken away" in said, f"'{said}'")


def test_unprivileged(folder):
    """As nobody, on nobody's own program: it is said what it takes, and what needs less."""
    if os.geteuid() != 0:
        print("not tried: who is no root cannot become nobody")
        return
    folder.chmod(0o755)
    program, leaky = folder / "heaptop", folder / "leaky"
    shutil.copy(native.HEAPTOP, program)
    shutil.copy(native.build("leaky.c"), leaky)
    with native.Leaky(1, 100, 100, user="nobody", program=leaky) as target:
        output = subprocess.run([program, "report", "--json", "--for", "1s", "--probe", "allocs", str(target.pid)], capture_output=True,
                                text=True, timeout=PATIENCE, user="nobody", group="nogroup", extra_groups=[], cwd="/")
        document = json.loads(output.stdout)
        said = " ".join(document["problems"])
        check(document["heap_profile"]["state"] == "none" and "CAP_BPF" in said and "--probe faults" in said, f"'{said}'")


def main():
    native.skip_unless_compiler()
    failed = 0
    tests = [function for name, function in globals().items() if name.startswith("test_")]
    for test in tests:
        if len(sys.argv) > 1 and test.__name__.removeprefix("test_") not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(Path(folder))
            except Refused as refusal:
                print(f"allocations cannot be probed here: {refusal}")
                return 77
            except AssertionError as complaint:
                failed += 1
                print(f"FAIL {test.__name__}: {complaint}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
