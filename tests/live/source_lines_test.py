#!/usr/bin/env python3
"""Lines and inlined functions that symbols/ reads out of DWARF, against eu-addr2line's and addr2line's, at addresses
spread over the code of optimised programs: C++ and C, DWARF 4 and 5, with the debug information in a file of its own and
deduplicated by dwz, and Rust.

    tests/live/source_lines_test.py [CASE]

Exit status 77 where eu-addr2line or a C++ compiler is missing."""

import ctypes.util
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

DUMP = oracle.HEAPTOP.parent / "tests" / "symbols_dump"
SOURCES = oracle.ROOT / "tests/targets/native"
ADDRESSES = 4000
# eu-addr2line goes over all of a compile unit for each address: of those with large ones it is asked for some only.
FEW_ADDRESSES = 80
# Where compilers let ranges of inlined calls overlap, it takes another one than addr2line and LLVM do.
MOST_OVERLAPPING = 0.04


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options)


def choose_addresses(program, count):
    for line in run("readelf", "-SW", program).stdout.splitlines():
        if match := re.search(r"\s\.text\s+PROGBITS\s+(\w+)\s+\w+\s+(\w+)", line):
            start, size = (int(word, 16) for word in match.groups())
            return list(range(start, start + size, max(1, size // count)))
    raise AssertionError(f"{program} has no .text")


def read_place(file, line):
    return os.path.normpath(file.replace("??", "?")), int(line) if line.isdigit() else 0


def by_dump(program, addresses):
    """[[(function, (file, line))]], and what it took."""
    done = run(DUMP, "lines", program, input="".join(f"{a:x}\n" for a in addresses))
    answers = [[]]
    for line in done.stdout.splitlines():
        if line:
            function, file, number, _ = line.split("\t")
            answers[-1].append((function, read_place(file, number)))
        else:
            answers.append([])
    return answers[:-1], done.stderr.strip()


def by_tool(command, addresses):
    """The same of a tool whose answers are an address, then of each frame a line for its function and one for its place."""
    answers = []
    # eu-addr2line's exit status tells that nothing is known of some address.
    output = subprocess.run([*command, "-a", "-i", "-f"], input="".join(f"{a:#x}\n" for a in addresses), text=True,
                            stdout=subprocess.PIPE).stdout
    lines = iter(output.splitlines())
    for line in lines:
        if re.fullmatch(r"0x[0-9a-f]+", line):
            answers.append([])
            continue
        place = re.match(r"(.*?):(\d+|\?)", next(lines)).groups()
        answers[-1].append((line.split(" inlined at ")[0], read_place(*place)))
    return answers


def places(stack):
    return [place for _, place in stack]


def is_silent(stack):
    """Nothing is known of the address: tools then name the function before it, of the symbol table, or the last line."""
    return len(stack) <= 1 and (not stack or stack[0][0] == "?" or stack[0][1][1] == 0)


def agrees(ours, theirs):
    """addr2line's word: it takes the innermost function's name from the symbol table where linkers do not name it, and
    for line 0 the file's name from there."""
    if is_silent(ours):
        return len(theirs) <= 1
    return [line for _, line in places(ours)] == [line for _, line in places(theirs)] and all(
        a == b or a[1] == 0 for a, b in zip(places(ours), places(theirs)))


def is_same(ours, theirs):
    """eu-addr2line's word, names too."""
    return ours == [(function.replace("??", "?"), place) for function, place in theirs] or is_silent(ours)


def by_eu(program, addresses):
    return by_tool(["eu-addr2line", "-A", "-e", program], addresses) if addresses else []


def compare(name, program, few, by_gnu=True):
    """few: addresses for eu-addr2line; 0: it does not follow this program's debug information, and addr2line is held to
    have the names as well."""
    failures = []
    addresses = choose_addresses(program, ADDRESSES)
    ours, cost = by_dump(program, addresses)
    mine = dict(zip(addresses, ours))
    inlined = sum(len(stack) > 1 for stack in ours)
    doubtful = {}
    if by_gnu:
        for address, theirs in zip(addresses, by_tool(["addr2line", "-e", program], addresses)):
            names_differ = not few and not is_silent(mine[address]) and [f for f, _ in mine[address]] != [f for f, _ in theirs]
            if not agrees(mine[address], theirs) or names_differ:
                doubtful[address] = theirs
    # For some lines it has another file than all others: then eu-addr2line's word decides.
    settled = by_eu(program, list(doubtful)[:FEW_ADDRESSES] if few else [])
    for address, theirs in zip(list(doubtful), settled + [None] * len(doubtful)):
        if theirs is None or not is_same(mine[address], theirs):
            failures.append(f"{name}: {address:#x}: {mine[address]}, addr2line has {doubtful[address]}")
    chosen = addresses[::max(1, len(addresses) // few)] if few else []
    differing = 0
    for address, theirs in zip(chosen, by_eu(program, chosen)):
        if is_same(mine[address], theirs):
            continue
        differing += 1
        if not by_gnu:
            failures.append(f"{name}: {address:#x}: {mine[address]}, eu-addr2line has {theirs}")
    if differing > MOST_OVERLAPPING * len(chosen) or len(ours) != len(addresses) or inlined < len(addresses) / 10:
        failures.append(f"{name}: {differing} of {len(chosen)} differ from eu-addr2line, {inlined} of {len(ours)} have "
                        f"inlined calls, of {len(addresses)} addresses")
    print(f"{name}: {len(addresses)} addresses{f', {len(addresses) - len(doubtful)} equal to addr2line' if by_gnu else ''}; "
          f"{len(chosen) - differing} of {len(chosen)} equal to eu-addr2line; {inlined} with inlined calls; {cost}")
    return failures


def split(program):
    """The same program without debug information, which is in a file beside it."""
    debug, stripped = program.with_suffix(".debug"), program.with_name(program.name + "-stripped")
    run("objcopy", "--only-keep-debug", program, debug)
    run("objcopy", "--strip-all", f"--add-gnu-debuglink={debug}", program, stripped)
    return stripped


def build_c(folder):
    """A library of heaptop's own sources."""
    library = folder / "base.so"
    sources = sorted((oracle.ROOT / "base").glob("*.c"))
    run("gcc", "-O2", "-g", "-gdwarf-5", "-D_GNU_SOURCE", "-fPIC", "-shared", f"-I{oracle.ROOT}/include", f"-I{oracle.ROOT}",
        "-o", library, *sources, "-lm")
    return library


def line_of(source, text):
    return next(i + 1 for i, line in enumerate((SOURCES / source).read_text().splitlines()) if text in line)


def check_sites(folder):
    """Allocations of a C++ program that heaptop runs: the calls that were inlined between the program's own line and operator
    new are there, and it is the former that is called the site."""
    program, recording = folder / "containers", folder / "containers.heaptop"
    run("g++", "-O2", "-g", "-o", program, SOURCES / "containers.cc")
    with subprocess.Popen([oracle.HEAPTOP, "run", "--record", recording, "--", program], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line == "end\n":
                break
        # Until it is recorded what was allocated: a report is on the last sample.
        deadline = time.monotonic() + 120
        while not (found := look_at_sites(recording)) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.stdin.close()
    if not found:
        return ["no call site of the program's own line by way of make_unique"]
    print(found)
    return []


def look_at_sites(recording):
    """What is to be said once the recording has the site that is looked for."""
    done = subprocess.run([oracle.HEAPTOP, "report", "--json", recording], capture_output=True, text=True)
    document = json.loads(done.stdout) if done.returncode == 0 else {"sites": [], "call_sites": []}
    where = line_of("containers.cc", "items.push_back(")
    stacks = [[(frame["function"], os.path.basename(frame["file"] or ""), frame["line"]) for frame in site["stack"]]
              for site in document["sites"] or []]
    for stack in stacks:
        own = [i for i, frame in enumerate(stack) if frame[1:] == ("containers.cc", where)]
        if own and any("std::make_unique" in frame[0] and frame[1] == "unique_ptr.h" for frame in stack[:own[0]]):
            break
    else:
        return None
    if not any("store::Cache<store::Record>::add" in (site["function"] or "") and
               (site["file"] or "").endswith("/containers.cc") for site in document["call_sites"]):
        return None
    return (f"heaptop run: {len(stacks)} sites, {sum(frame[2] is not None for stack in stacks for frame in stack)} of "
            f"{sum(map(len, stacks))} frames have a line")


class DebugServer(http.server.ThreadingHTTPServer):
    """What debuginfod(8) serves, of one file and on loopback."""

    def __init__(self, build_id, debug):
        self.known, self.debug, self.asked = f"/buildid/{build_id}/debuginfo", debug.read_bytes(), []
        super().__init__(("127.0.0.1", 0), self.Handler)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            is_known = self.path == self.server.known
            self.send_response(200 if is_known else 404)
            self.send_header("Content-Length", str(len(self.server.debug) if is_known else 0))
            self.end_headers()
            if is_known:
                self.wfile.write(self.server.debug)

        def log_message(self, *_):
            pass


def lines_of_threads(pid, source, environment):
    """Lines of that source on the stacks of a process's threads, and what is said not to be there yet."""
    output = run(oracle.HEAPTOP, "report", "--json", "--for", "1s", str(pid), env={**os.environ, **environment}).stdout
    document = json.loads(output)
    frames = [frame for thread in document["threads"] for frame in thread["stack"] or []]
    return {(f["function"], f["line"]) for f in frames if (f["file"] or "").endswith(source)}, document["problems"]


def check_fetching(folder):
    """A stripped program's debug file comes from a server, where one is configured, and only there."""
    program = folder / "parked"
    run("g++", "-O1", "-g", "-pthread", "-Wl,--build-id=sha1", "-o", program, SOURCES / "parked.cc")
    stripped = split(program)
    # No name leads to it.
    run("objcopy", "--remove-section=.gnu_debuglink", stripped)
    build_id = re.search(r"build_id\t(\w+)", run(DUMP, "info", stripped).stdout)[1]
    failures = []
    with DebugServer(build_id, program.with_suffix(".debug")) as server, \
            subprocess.Popen([stripped], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {"DEBUGINFOD_CACHE_PATH": str(folder / "cache"), "DEBUGINFOD_URLS": " "}
        lines, _ = lines_of_threads(process.pid, "parked.cc", environment)
        if lines or server.asked:
            failures.append(f"without a server there are lines {lines}, or it was asked for {server.asked}")
        environment["DEBUGINFOD_URLS"] = f"http://127.0.0.1:{server.server_port}"
        deadline = time.monotonic() + 120
        told = False
        while not lines and time.monotonic() < deadline:
            lines, problems = lines_of_threads(process.pid, "parked.cc", environment)
            told |= any("DEBUGINFOD_URLS" in problem for problem in problems)
        server.shutdown()
        process.kill()
    if server.asked.count(server.known) != 1 or not any("wait_for_work" in function for function, _ in lines):
        failures.append(f"fetched, of {server.asked}: {lines}")
    print(f"debuginfod: {len(lines)} lines after {len(server.asked)} requests{', said to be under way' if told else ''}")
    return failures


def main():
    for tool in ("eu-addr2line", "g++", "addr2line", "objcopy"):
        if not shutil.which(tool):
            oracle.skip(f"{tool} is needed")
    cases = sys.argv[1:] or ["c++4", "c++5", "c", "dwz", "rust", "run", "debuginfod"]
    failures, skipped = [], []
    with tempfile.TemporaryDirectory(prefix="heaptop-lines-") as name:
        folder = Path(name)
        for version in ("4", "5"):
            program = folder / f"inlined{version}"
            if {f"c++{version}", "dwz"} & set(cases):
                run("g++", "-O2", "-g", f"-gdwarf-{version}", "-o", program, SOURCES / "inlined.cc")
            if f"c++{version}" in cases:
                failures += compare(f"C++, DWARF {version}", program, FEW_ADDRESSES)
        if "c" in cases:
            failures += compare("C, separate debug file", split(build_c(folder)), ADDRESSES)
        if "dwz" in cases and shutil.which("dwz"):
            twins = [folder / "inlined4", folder / "twin"]
            run("g++", "-O1", "-g", "-gdwarf-4", "-o", twins[1], SOURCES / "inlined.cc")
            run("dwz", "-m", folder / "common.dwz", "-M", folder / "common.dwz", *twins)
            # addr2line does not follow from a separate debug file to what dwz has taken out of it.
            failures += compare("C++, dwz and separate debug file", split(twins[0]), FEW_ADDRESSES, by_gnu=False)
        elif "dwz" in cases:
            skipped.append("dwz")
        if "run" in cases:
            failures += check_sites(folder)
        if "debuginfod" in cases and ctypes.util.find_library("debuginfod"):
            failures += check_fetching(folder)
        elif "debuginfod" in cases:
            skipped.append("libdebuginfod")
        if "rust" in cases and shutil.which("rustc"):
            run("rustc", "-O", "-g", "-o", folder / "rust", SOURCES / "inlined.rs")
            failures += compare("Rust", folder / "rust", 0)
        elif "rust" in cases:
            skipped.append("rustc")
    for failure in failures[:20]:
        print(failure)
    if skipped:
        print(f"not there, and so not compared: {', '.join(skipped)}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
