#!/usr/bin/env python3
"""--probe faults: the code that grows a C program built without frame pointers is found from page-fault samples, in about the amounts
that RSS grows by; in a report, in a recording and its pprof; and, without the permission, what it would take is said.
"""

import gzip
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

HEAPTOP = native.HEAPTOP
SCHEMA = json.loads((native.ROOT / "docs" / "heaptop.schema.json").read_text())
PARANOID = Path("/proc/sys/kernel/perf_event_paranoid")
LEAK = "remember_session"
complaints = []


def check(condition, message):
    if not condition:
        complaints.append(message)
        print(f"FAIL {message}")
    return condition


def report(pid, *arguments):
    output = subprocess.run([HEAPTOP, "report", "--json", "--for", "7s", "--probe", "faults", *arguments, str(pid)],
                            capture_output=True, text=True, timeout=60)
    if not check(output.returncode in (0, 1), f"report ended with {output.returncode}: {output.stderr}"):
        return None
    document = json.loads(output.stdout)
    for complaint in json_schema.validate(document, SCHEMA)[:5]:
        check(False, f"schema: {complaint}")
    return document


def test_growth(what, threads, requests, record):
    with native.Leaky(threads, requests, record) as program:
        before = program.rss(), time.monotonic()
        document = report(program.pid)
        rss = (program.rss() - before[0]) / (time.monotonic() - before[1])
        if not document or not check(document["heap_profile"]["state"] == "on",
                                     f"{what}: no profile: {document['problems']}"):
            return
        top = document["call_sites"][0]
        expected = threads * requests * record
        grows = top["alloc_bytes_per_s"]
        print(f"{what}: {top['function']} touches {(grows or 0) / 1e6:.2f} MB/s, planted {expected / 1e6:.2f}, RSS gains "
              f"{rss / 1e6:.2f}; {document['verdict']['text']} {document['probe']}")
        check(top["function"] == LEAK, f"{what}: {top['function']} stands first")
        check(top["share"] > 0.8, f"{what}: only {top['share']} of new memory is {LEAK}'s")
        # The busy machine keeps the program from its pace, so that what it has reached counts.
        check(grows and 0.6 * rss < grows < 1.6 * rss, f"{what}: {grows} touched a second, RSS gains {rss}")
        check(document["probe"]["lost"] == 0, f"{what}: samples were lost")
        stacks = [stack for stack in document["sites"] if any(frame["function"] == LEAK for frame in stack["stack"])]
        names = [frame["function"] for frame in stacks[0]["stack"]] if stacks else []
        check("serve_request" in names and "run" in names, f"{what}: the stack is {names}")
        check(document["cost"]["stops"] == 0 and document["cost"]["writes"] == 0, f"{what}: it was touched")


def test_recording(folder):
    recording = folder / "faults.heaptop"
    with native.Leaky(1, 2000, 500) as program:
        subprocess.run([HEAPTOP, "record", "-o", str(recording), "-d", "6s", "--probe", "faults", str(program.pid)],
                       check=True, timeout=60, capture_output=True)
    profile = folder / "faults.pprof"
    subprocess.run([HEAPTOP, "export", "--format", "pprof", "-o", str(profile), str(recording)], check=True, timeout=60)
    check(LEAK.encode() in gzip.decompress(profile.read_bytes()), "the pprof does not name the leak")
    text = subprocess.run([HEAPTOP, "report", str(recording)], capture_output=True, text=True, timeout=60).stdout
    check(LEAK in text, "the report on the recording does not name the leak")


def test_unprivileged(folder):
    """As nobody, on nobody's own program: as far as perf_event_paranoid allows, and it is said what is missing."""
    if os.geteuid() != 0:
        print("not tried: who is no root cannot become nobody")
        return
    folder.chmod(0o755)
    program = folder / "heaptop"
    shutil.copy(HEAPTOP, program)
    leaky = folder / "leaky"
    shutil.copy(native.build("leaky.c"), leaky)
    level = int(PARANOID.read_text())
    with native.Leaky(1, 2000, 1000, user="nobody", program=leaky) as target:
        output = subprocess.run([str(program), "report", "--json", "--for", "4s", "--probe", "faults", str(target.pid)],
                                capture_output=True, text=True, timeout=60, user="nobody", group="nogroup",
                                extra_groups=[], cwd="/")
        if not check(output.returncode in (0, 1), f"nobody: {output.returncode} {output.stderr}"):
            return
        document = json.loads(output.stdout)
        problems = " ".join(document["problems"])
        print(f"as nobody, at perf_event_paranoid {level}: profile {document['heap_profile']['state']}; {problems}")
        if level >= 2:
            check("CAP_PERFMON" in problems, f"what it would take is not said: {problems}")
        if level <= 2:
            check(document["call_sites"] and document["call_sites"][0]["function"] == LEAK, "nobody's leak is not found")
        else:
            check(document["heap_profile"]["state"] == "none", "there is a profile though samples are refused")


def test_no_growth():
    """A program that touches memory and gives it back is not suspected."""
    with native.Leaky(2, 2000, 0) as program:
        document = report(program.pid)
        kinds = [suspect["kind"] for suspect in document["suspects"]] if document else []
        check(not kinds, f"a program that keeps nothing is suspected: {kinds}")


def main():
    native.skip_unless_compiler()
    level = PARANOID.read_text().strip() if PARANOID.exists() else "absent"
    if level == "absent" or (os.geteuid() != 0 and int(level) > 2):
        print(f"no page-fault samples here: kernel.perf_event_paranoid is {level}")
        return 77
    test_growth("one thread", 1, 2000, 1000)
    test_growth("eight threads", 8, 500, 1000)
    with tempfile.TemporaryDirectory() as folder:
        test_recording(Path(folder))
        test_unprivileged(Path(folder))
    test_no_growth()
    print(f"{len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
