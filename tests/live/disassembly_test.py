#!/usr/bin/env python3
"""Code as instructions is what objdump makes of the same file: where each begins, and whose code it calls. On the oldest
and the newest toolchains, position-independent ones too; of stripped programs the same, though they name nothing; and of
a C program by its symbols.

    tests/live/disassembly_test.py [VERSION...]

Exit status 77 where nothing is built, or there is no objdump."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

PROBE = oracle.PROBE.with_name("disassembly_probe")
FUNCTIONS = ("runtime.mallocgc", "runtime.growslice", "runtime.mapassign", "fmt.Fprintf", "main.main", "runtime.gcStart")


def symbols(path):
    """Name -> (address, size) of functions."""
    found = {}
    output = subprocess.run(["nm", "-S", path], check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in output.splitlines():
        parts = line.split()
        if len(parts) == 4 and parts[2] in "tT":
            found[parts[3]] = (int(parts[0], 16), int(parts[1], 16))
    return found


def objdump(path, start, size):
    """The addresses of instructions, and what is called at which."""
    output = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "-M", "intel", f"--start-address={start}", f"--stop-address={start + size}", path],
                            check=True, stdout=subprocess.PIPE, text=True).stdout
    addresses, calls = [], {}
    for line in output.splitlines():
        match = re.match(r"^\s*([0-9a-f]+):\t(.*)$", line)
        if not match:
            continue
        address = int(match[1], 16)
        addresses.append(address)
        called = re.match(r"call\s+[0-9a-f]+ <([^+>]+)>", match[2])
        if called:
            calls[address] = called[1]
    return addresses, calls


def probe(pid, address):
    result = subprocess.run([PROBE, str(pid), f"{address:x}"], stdout=subprocess.PIPE, text=True, timeout=60)
    lines = [line.split(" ", 2) for line in result.stdout.splitlines()]
    if result.returncode != 0:
        return None, result.stdout.strip()
    return [(int(a, 16), int(size), text) for a, size, text in lines], ""


def examine(name, path):
    faults, count, calls_seen = [], 0, 0
    known = symbols(path)
    with oracle.Target(path) as target:
        for function in FUNCTIONS:
            if function not in known:
                continue
            start, size = known[function]
            addresses, calls = objdump(path, start, size)
            # In the middle of an instruction, as return addresses less one are.
            got, reason = probe(target.pid, addresses[len(addresses) // 2] + 1)
            if got is None:
                faults.append(f"{function}: {reason}")
                continue
            # Go pads functions, and its own table counts that in or not.
            ours = [a for a, _, _ in got if a <= addresses[-1]]
            if ours != addresses:
                faults.append(f"{function}: {len(ours)} instructions, objdump has {len(addresses)}")
            texts = {a: text for a, _, text in got}
            for address, called in calls.items():
                calls_seen += 1
                # Assembly wrappers: nm names one of two symbols of one address.
                if f"<{called.removesuffix('.abi0')}>" not in texts.get(address, "") and known.get(called):
                    faults.append(f"{function} at {address:x}: {texts.get(address)}, objdump says {called}")
            count += len(ours)
        got, reason = probe(target.pid, 0x10)
        if got is not None:
            faults.append("there is code where none is")
    if count < 300 or calls_seen < 10:
        faults.append(f"only {count} instructions and {calls_seen} calls were compared")
    return oracle.tell(name, faults[:12], f"{count} instructions, {calls_seen} calls")


def examine_native():
    """A C program, by its symbols: heaptop itself, which watches a program that sleeps."""
    path, faults, count = oracle.HEAPTOP, [], 0
    known = symbols(path)
    names = [name for name in ("main", "text_append_escaped", "table_insert", "catalog_add_frame") if name in known]
    with subprocess.Popen(["/bin/sleep", "120"]) as watched, \
            subprocess.Popen([path, "report", "--for", "120s", str(watched.pid)], stdout=subprocess.DEVNULL) as native:
        try:
            for name in names:
                start, size = known[name]
                addresses, _ = objdump(path, start, size)
                got, reason = probe(native.pid, addresses[len(addresses) // 2] + 1)
                if got is None or [a for a, _, _ in got] != addresses:
                    faults.append(f"{name}: {reason or 'not the instructions that objdump has'}")
                count += len(addresses)
            got, reason = probe(native.pid, 0x10)
            if got is not None:
                faults.append("there is code where none is")
        finally:
            native.kill()
            watched.kill()
    if count < 100:
        faults.append(f"only {count} instructions were compared")
    return oracle.tell("native", faults, f"{count} instructions of {len(names)} functions")


def examine_stripped(name, path, twin):
    """The same instructions as the twin that was not stripped, as far as their addresses agree."""
    start, _ = symbols(twin)["runtime.mallocgc"]
    with oracle.Target(path) as target, oracle.Target(twin) as other:
        ours, reason = probe(target.pid, start + 4)
        theirs, _ = probe(other.pid, start + 4)
    good = ours is not None and len(ours) > 50 and all("runtime." in t for _, _, t in ours if t.startswith("call 0x"))
    print(f"{name}: {'ok' if good else 'FAIL'} {reason}, {len(ours or [])} instructions, twin {len(theirs or [])}", flush=True)
    return good


def main():
    if not shutil.which("objdump"):
        oracle.skip("there is no objdump")
    found = {}
    for version, config, path in oracle.targets("oracle"):
        if not sys.argv[1:] or version in sys.argv[1:]:
            found[version, config] = path
    versions = sorted({version for version, _ in found}, key=lambda v: [int(p) for p in v.split(".")])
    if not versions:
        oracle.skip("the target `oracle` is not built")
    good = True
    for version in {versions[0], versions[-1], *(v for v in versions if v in sys.argv[1:])}:
        for config in ("default", "pie", "cgo"):
            if (version, config) in found:
                good &= examine(f"{version} {config}", found[version, config])
        if (version, "stripped") in found and (version, "default") in found:
            good &= examine_stripped(f"{version} stripped", found[version, "stripped"], found[version, "default"])
    good &= examine_native()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
