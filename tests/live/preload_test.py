#!/usr/bin/env python3
"""`heaptop run` on programs in C whose allocations are known: what the preloaded library samples is held against what they
say themselves, within the error that heaptop claims; and they go on unharmed whatever becomes of heaptop.

    tests/live/preload_test.py [TEST...]

Exit status 77 where a C or C++ compiler is missing."""

import gzip
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

SOURCES = oracle.ROOT / "tests" / "targets" / "native"
ENDED = 3                   # The target's own exit status.
SURE = 4.5                  # Standard errors; some two hundred figures are looked at.
KNOWN_RUNS = 10


class Run:
    """A target under heaptop that waits for its next line."""

    def __init__(self, folder, *arguments, program="allocations", options=(), environment=None, heaptop=oracle.HEAPTOP):
        self.recording = folder / f"{len(list(folder.glob('*.heaptop')))}.heaptop"
        self.process = subprocess.Popen(
            [heaptop, "run", "--record", self.recording, *options, "--", folder / program, *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(environment or {})})
        self.expected = self.read()

    def read(self):
        """{function: bytes in use}, once the target is ready."""
        expected = {}
        for line in self.process.stdout:
            if line == "end\n":
                return expected
            if line != "ready\n":
                name, count = line.split()
                expected[name] = int(count)
        raise AssertionError(f"the target ended: {self.process.stderr.read()}")

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.read()

    def wait_until_seen(self):
        """Until the recording has a sample: a command that ends within milliseconds may never be seen."""
        until = time.monotonic() + 30
        while subprocess.run([oracle.HEAPTOP, "report", self.recording], capture_output=True).returncode != 0:
            check(time.monotonic() < until, "no sample comes")

    def end(self, status=ENDED):
        """The report on the recording, whose last sample is of the end of the target."""
        self.wait_until_seen()
        self.process.stdin.close()
        self.errors = self.process.stderr.read()
        ended = self.process.wait(60)
        self.process.stdout.close()
        self.process.stderr.close()
        if ended != status:
            raise AssertionError(f"exit status {ended}, not {status}: {self.errors}")
        return report(self.recording)


def report(recording):
    output = subprocess.run([oracle.HEAPTOP, "report", "--json", recording], check=True, capture_output=True).stdout
    return json.loads(output)


def by_function(document):
    """{innermost function: (bytes in use, their standard error, bytes allocated)}"""
    sums = {}
    for site in document["sites"] or []:
        name = site["stack"][0]["function"] if site["stack"] else None
        inuse, variance, allocated = sums.get(name, (0, 0, 0))
        sums[name] = (inuse + site["inuse_bytes"], variance + (site["relative_error"] * site["inuse_bytes"]) ** 2,
                      allocated + site["alloc_bytes"])
    return {name: (inuse, math.sqrt(variance), allocated) for name, (inuse, variance, allocated) in sums.items()}


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def deviations(document, expected):
    """How many of the claimed standard errors each estimate is off."""
    check(document["heap_profile"]["state"] == "on", f"no profile: {document['heap_profile']['reason']}")
    found = by_function(document)
    result = {}
    for name, wanted in expected.items():
        inuse, error, _ = found.get(name, (0, 0, 0))
        if wanted == 0:
            check(inuse == 0, f"{name} holds nothing, not {inuse}")
            continue
        check(error > 0, f"{name}: {inuse} bytes in use, of {wanted}; no error is claimed")
        result[name] = (inuse - wanted) / error
    return result


def check_estimates(document, expected):
    check(not dropped(document), f"samples were dropped: {document['problems']}")
    for name, deviation in deviations(document, expected).items():
        check(abs(deviation) < SURE, f"{name} is {deviation:.1f} standard errors from {expected[name]}")


def dropped(document):
    return any("were dropped" in problem for problem in document["problems"])


# ---- tests ----

def test_known(folder):
    """Sizes from 16 bytes to 1 MB, at the usual rate, ten times: the claimed errors are the true ones."""
    every = []
    for _ in range(KNOWN_RUNS):
        run = Run(folder, "known")
        document = run.end()
        check_estimates(document, {**run.expected, "churn": 0})
        allocated = by_function(document)["churn"][2]
        check(0.6e8 < allocated < 1.5e8, f"churn has allocated 100 MB, not {allocated}")
        every += deviations(document, run.expected).values()
    within = sum(abs(d) < 2 for d in every)
    mean = sum(every) / len(every)
    print(f"known: {within} of {len(every)} within two standard errors, mean {mean:+.2f}")
    # With true errors fewer come once in ten thousand times.
    check(within >= 0.84 * len(every), "the claimed errors are too small")
    check(abs(mean) < 0.6, "the estimates lean to one side")


def test_stack(folder):
    """Stacks begin with who called malloc and end where the program began, however deep, and as lines of all formats."""
    run = Run(folder, "deep", options=["--preload-rate", "16K"])
    document = run.end()
    check_estimates(document, run.expected)
    site = max(document["sites"], key=lambda s: s["inuse_bytes"])
    names = [frame["function"] for frame in site["stack"]]
    check(names[:101] == ["deep"] * 101 and names[101] == "main" and names[-1] == "_start", f"the stack is {names}")
    output = subprocess.run([oracle.HEAPTOP, "export", "--format", "folded", run.recording], check=True, capture_output=True,
                            text=True).stdout
    check(re.match(r"_start;.*;main;(deep;)*deep \d+\n", output), f"folded: {output[:200]}")
    subprocess.run([oracle.HEAPTOP, "export", "--format", "pprof", "-o", folder / "profile", run.recording], check=True)
    check(gzip.decompress((folder / "profile").read_bytes()).count(b"deep") > 0, "pprof: without the function")


def test_threads(folder):
    run = Run(folder, "threads")
    check_estimates(run.end(), run.expected)


def test_functions(folder):
    """Each function that allocates; and what realloc freed, moved, or could not enlarge."""
    run = Run(folder, "functions", options=["--preload-rate", "16K"])
    check_estimates(run.end(), run.expected)


def test_fork(folder):
    """What a child process allocates is not its parent's, and what it frees stays the parent's."""
    run = Run(folder, "fork", options=["--preload-rate", "64K"])
    document = run.end()
    check_estimates(document, run.expected)
    check("child_keeps" not in by_function(document), "a child's allocations are counted")


def test_exec(folder):
    """A program that becomes another: the memory of the first is gone."""
    run = Run(folder, "exec")
    check_estimates(run.end(), run.expected)


def test_shell(folder):
    """Through a shell, which starts it as a child, and through one that becomes it."""
    script = folder / "script"
    script.write_text(f"#!/bin/sh\nexec {folder}/allocations known\n")
    script.chmod(0o755)
    run = Run(folder, program="script")
    check_estimates(run.end(), run.expected)


def test_library(folder):
    """A library that is loaded when the program has long been running."""
    run = Run(folder, "library", folder / "late.so", options=["--preload-rate", "64K"])
    document = run.end()
    check_estimates(document, run.expected)
    site = next(s for s in document["sites"] if s["stack"] and s["stack"][0]["function"] == "library_keeps")
    check([f["function"] for f in site["stack"]][1:3] == ["run_library", "main"] or
          "main" in [f["function"] for f in site["stack"]], f"the stack is {site['stack']}")


def test_preloaded_already(folder):
    """A library that was to be preloaded anyway still is, also one whose dlsym allocates before any function is known."""
    run = Run(folder, "known", environment={"LD_PRELOAD": folder / "other.so"})
    document = run.end()
    check_estimates(document, run.expected)
    calls = re.search(r"other_preload: (\d+) calls", run.errors)
    check(calls and int(calls[1]) > 2_000_000, f"the other library was not called: {run.errors}")


def test_cplusplus(folder):
    """The call site is the program's own function, with its name as in the source, not what the C++ library has between."""
    run = Run(folder, program="containers", options=["--preload-rate", "16K"])
    document = run.end()
    inuse = {site["function"]: site["inuse_bytes"] for site in document["call_sites"]}
    for name, wanted in run.expected.items():
        function = name.replace("~", " ")
        check(abs(inuse.get(function, 0) - wanted) < 0.3 * wanted, f"{function} holds {wanted}, not {inuse}")
    check(document["heap_profile"]["provenance"] == "sampled" and document["heap_profile"]["sample_rate_bytes"] == 16384,
          f"{document['heap_profile']}")


def test_signals(folder):
    run = Run(folder, "signals", options=["--preload-rate", "64K"])
    check_estimates(run.end(), run.expected)


def test_coroutine(folder):
    """On a stack of its own that ends where nothing can be read."""
    run = Run(folder, "coroutine", options=["--preload-rate", "16K"])
    check_estimates(run.end(), run.expected)


def test_neighbour(folder):
    """What is mapped behind a coroutine's stack goes while it is copied: the program is none the worse."""
    run = Run(folder, "neighbour", options=["--preload-rate", "4K"])
    check("coroutine_keeps" in by_function(run.end()), "no sample has the coroutine")


def test_null(folder):
    """NULL is no block: freeing it makes none forgotten."""
    run = Run(folder, "null", options=["--preload-rate", "4K"])
    check_estimates(run.end(), run.expected)


def test_own_allocator(folder):
    """Blocks of a program's own allocator are never taken for the C library's."""
    Run(folder, program="own_allocator").end()


def test_installed(folder):
    """The library is found where it is installed, or where the environment says, and missed where it is not."""
    library = oracle.HEAPTOP.parent / "libheaptop-preload.so"
    for path in ("bin", "lib/heaptop"):
        (folder / path).mkdir(parents=True)
    heaptop = folder / "bin" / "heaptop"
    shutil.copy(oracle.HEAPTOP, heaptop)
    shutil.copy(library, folder / "lib" / "heaptop")
    run = Run(folder, "known", heaptop=heaptop)
    check_estimates(run.end(), run.expected)
    shutil.rmtree(folder / "lib")
    said = Run(folder, "wait", heaptop=heaptop).end()["heap_profile"]["reason"]
    check("libheaptop-preload.so is not where heaptop was installed" in said, f"'{said}'")
    run = Run(folder, "known", heaptop=heaptop, environment={"HEAPTOP_PRELOAD_LIBRARY": library})
    check_estimates(run.end(), run.expected)


def test_killed(folder):
    """heaptop is killed: the program goes on."""
    run = Run(folder, "known", options=["--preload-rate", "4K"])
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()
    for _ in range(2):
        check(run.ask() == run.expected, "the program goes on")
    run.process.stdin.close()
    check(run.process.stdout.read() == "", "the program ends")
    run.process.stdout.close()
    run.process.stderr.close()


def test_full(folder):
    """heaptop does not come to fetch samples: the program does not wait for it, and what is lost is said."""
    run = Run(folder, "wait", options=["--preload-rate", "4K"])
    run.process.send_signal(signal.SIGSTOP)
    run.ask()
    run.process.send_signal(signal.SIGCONT)
    document = run.end()
    check(dropped(document), f"nothing was dropped: {document['problems']}")
    inuse = document["heap_profile"]["inuse_bytes"]
    check(inuse < 1 << 20, f"of what was freed {inuse} bytes are in use")


def test_refused(folder):
    """Programs into which nothing can be loaded are left alone, and it is said why."""
    cases = [("static", [], "static program"), ("allocations", ["--no-preload"], "as was asked"),
             ("sanitized", [], "sanitizer")]
    if os.geteuid() == 0:
        shutil.copy(folder / "allocations", folder / "privileged")
        os.chown(folder / "privileged", 65534, 65534)
        (folder / "privileged").chmod(0o4755)
        os.chmod(folder, 0o755)
        cases.append(("privileged", [], "may do more than who starts it"))
    else:
        print("refused: a program of another user takes root to make")
    for program, options, reason in cases:
        run = Run(folder, "wait", program=program, options=options)
        document = run.end()
        said = document["heap_profile"]["reason"] or ""
        check(document["heap_profile"]["state"] == "none" and reason in said, f"{program}: '{said}'")
    # What a shell starts is only known when it is there.
    script = folder / "script-static"
    script.write_text(f"#!/bin/sh\nexec {folder}/static wait\n")
    script.chmod(0o755)
    run = Run(folder, program="script-static", options=["-i", "10ms"])
    said, until = None, time.monotonic() + 30
    while "not in this program" not in (said or "") and time.monotonic() < until:
        run.ask()
        said = report(run.recording)["heap_profile"]["reason"]
    check("not in this program" in (said or ""), f"'{said}'")
    run.end()


def test_go(folder):
    """A Go program keeps a profile of its own: nothing is loaded into it, C code or not."""
    targets = [path for _, kind, path in oracle.targets("oracle") if kind in ("default", "cgo")]
    if not targets:
        print("go: the oracle target is not built")
    for target in targets[-2:]:
        recording = folder / f"go-{len(list(folder.iterdir()))}.heaptop"
        with subprocess.Popen([oracle.HEAPTOP, "run", "--record", recording, "--", target], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            process.stdout.readline()
            child = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
            check("libheaptop-preload" not in Path(f"/proc/{child}/maps").read_text(), f"{target} has the library")
            process.stdin.close()
            process.stdout.read()


def build(folder):
    compiler = ["cc", "-g", "-O2", "-D_GNU_SOURCE", "-I", oracle.ROOT, "-I", oracle.ROOT / "include"]
    allocations = SOURCES / "allocations.c"
    for arguments in (["-o", "allocations", allocations, "-pthread"], ["-o", "static", "-static", allocations, "-pthread"],
                      ["-o", "sanitized", "-fsanitize=address", allocations, "-pthread"],
                      ["-o", "own_allocator", "-fno-builtin", SOURCES / "own_allocator.c"],
                      ["-o", "late.so", "-shared", "-fPIC", SOURCES / "late_library.c"],
                      ["-o", "other.so", "-shared", "-fPIC", "-fno-builtin", SOURCES / "other_preload.c"]):
        subprocess.run([*compiler, *arguments], check=True, cwd=folder, stderr=subprocess.DEVNULL)
    subprocess.run(["c++", "-g", "-O2", "-o", "containers", SOURCES / "containers.cc"], check=True, cwd=folder)


def main():
    if not shutil.which("cc") or not shutil.which("c++"):
        oracle.skip("a C and a C++ compiler are needed")
    tests = {name[5:]: body for name, body in globals().items() if name.startswith("test_")}
    failures = 0
    with tempfile.TemporaryDirectory(prefix="heaptop-preload-") as name:
        folder = Path(name)
        build(folder)
        for wanted in sys.argv[1:] or tests:
            try:
                tests[wanted](folder)
                print(f"ok   {wanted}", flush=True)
            except AssertionError as error:
                failures += 1
                print(f"FAIL {wanted}: {error}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
