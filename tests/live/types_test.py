#!/usr/bin/env python3
"""Live C++ objects by class as heaptop counts them from outside, against a program that knows how many it holds: equal,
whatever kind of file it is in, with symbols and without.

    tests/live/types_test.py [KIND...]

Exit status 77 without a C++ compiler, or where the C library is not glibc."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import malloc_test  # noqa: E402
import oracle  # noqa: E402

SOURCES = oracle.ROOT / "tests" / "targets" / "native"
KINDS = {
    "with symbols": ["-pie"],
    "stripped": ["-s", "-pie"],
    "no-pie": ["-s", "-no-pie"],
    "static": ["-s", "-static"],
    "static-pie": ["-s", "-static-pie"],
}
MORE = 100


def compile_program(folder, name, options):
    """The program, with its shared library where it is not static."""
    program = folder / name.replace(" ", "-")
    library = folder / "libtypes.so"
    command = ["g++", "-O2", "-fno-semantic-interposition"]
    if "static" in " ".join(options):
        subprocess.run([*command, *options, "-o", program, SOURCES / "types.cc", SOURCES / "types_library.cc"], check=True)
        return program
    if not library.exists():
        subprocess.run([*command, "-s", "-shared", "-fPIC", "-o", library, SOURCES / "types_library.cc"], check=True)
    subprocess.run([*command, *options, "-DWITH_LIBRARY", "-o", program, SOURCES / "types.cc", library,
                    f"-Wl,-rpath,{folder}"], check=True)
    return program


def counts_of(heap):
    return {row["name"]: row["objects"] for row in heap["types"]}


def own(counts):
    """The program's own: the C++ library makes a few objects itself."""
    return {name: count for name, count in counts.items() if not name.startswith("std::")}


def check(name, program):
    with oracle.Conversation([program]) as target:
        expected = json.loads(target.greeting.removeprefix("ready "))
        heap = malloc_test.report(target.process.pid)["malloc"]
        if own(counts_of(heap)) != expected:
            return [f"{name}: counted {own(counts_of(heap))}, it holds {expected}"]
        more = json.loads(target.ask("more"))
        again = malloc_test.report(target.process.pid)["malloc"]
        if own(counts_of(again)) != more or more["shop::Session"] != expected["shop::Session"] + MORE:
            return [f"{name}: counted {own(counts_of(again))} after that, it holds {more}"]
        session = next(row for row in again["types"] if row["name"] == "shop::Session")
        # 8 for the table, 8 for the side, 32 for the string, 100 and what aligns them, and malloc's 8.
        if session["bytes"] != more["shop::Session"] * 160:
            return [f"{name}: sessions take {session['bytes']} bytes"]
        return []


def main():
    if not shutil.which("g++"):
        oracle.skip("a C++ compiler is needed")
    failures = []
    with tempfile.TemporaryDirectory(prefix="heaptop-types-") as folder:
        for name in sys.argv[1:] or KINDS:
            found = check(name, compile_program(Path(folder), name, KINDS[name]))
            print(f"{name}: {'FAIL' if found else 'ok'}", flush=True)
            failures += found
    for failure in failures:
        print(failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
