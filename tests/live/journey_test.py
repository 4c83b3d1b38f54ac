#!/usr/bin/env python3
"""From a shell through the live view and back, as somebody would in an incident: attach, drill down to the line, flame graph, filter, record, another
size, suspend and go on, the end of the process; and then the recording, to the same line.

    tests/live/journey_test.py

Exit status 77 where there is no tmux, or the demo's service is not built."""

import os
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402
import window  # noqa: E402

HEAPTOP = os.environ.get("HEAPTOP", str(oracle.ROOT / "build-dev" / "heaptop"))
LEAK = "store.go:39"
TABS = "1 Overview", "2 Sites"


def go_to_the_line(seen):
    seen.wait_for(f"Growing&{LEAK}", f"▸&{LEAK}")
    seen.press("Enter")
    seen.wait_for(f"Overview › &{LEAK}", f"▶&{LEAK}", "in use over time")
    seen.press("Escape")
    seen.wait_for(*TABS)


def look_around(seen):
    seen.press("7")
    seen.wait_for("▏all", "(*Store).Put", "in use, as of GC")
    seen.press("/")
    seen.type("Store")
    seen.press("Enter")
    seen.wait_for("Store: ", "% of all")
    seen.press("Escape", "2")
    seen.wait_for("Call sites ──", "sampled every")
    seen.press("\\")
    seen.type("store.go")
    seen.press("Enter")
    seen.wait(lambda rows: all("store.go:" in row for row in rows if ".go:" in row and "Growing" not in row and "▲" not in row[:3]
                               and "deliver" not in row), "not filtered")
    seen.press("Escape", "1")
    seen.wait_for(*TABS, f"▸&{LEAK}")


def change_size(seen):
    for columns, rows, has in ((80, 24, "Growing call sites"), (60, 15, "Growing call sites"), (140, 40, "╭─ allocation"), (110, 34, "╭─ allocation")):
        seen.resize(columns, rows)
        seen.wait(lambda screen: len(screen) == rows and any(has in row for row in screen) and "quit" in screen[-1], f"not drawn anew at {columns}x{rows}")


def suspend(seen):
    seen.press("C-z")
    seen.wait_for("Stopped")
    seen.type("fg")
    seen.press("Enter")
    seen.wait_for(*TABS, f"▸&{LEAK}", "LIVE")


def main():
    paths = [path for _, kind, path in oracle.targets("leakd") if kind == "default"]
    if not paths:
        oracle.skip("the target `leakd` is not built")
    window.skip_without_tmux()
    with tempfile.TemporaryDirectory() as folder, oracle.Target(paths[-1], "-for", f"{4 * window.PATIENCE}s") as service, \
            window.Window(["bash", "--norc", "-i"], folder=folder) as seen:
        seen.type(f"{HEAPTOP} {service.pid}")
        seen.press("Enter")
        seen.wait_for("LIVE", *TABS)
        seen.press("R")
        seen.wait_for("REC")
        go_to_the_line(seen)
        look_around(seen)
        change_size(seen)
        suspend(seen)
        service.process.kill()
        seen.wait_for("EXITED", "The process has ended: was killed by signal 9")
        seen.press("q")
        rows = seen.wait_for("heaptop: recorded ")
        name = re.search(r"heaptop-leakd-\d{8}-\d{6}\.heaptop", "".join(rows))
        assert name and Path(folder, name[0]).exists(), rows
        seen.type(f"clear; {HEAPTOP} replay {name[0]}")
        seen.press("Enter")
        seen.wait_for("REPLAY", "EXITED")
        # Before its end.
        seen.press(",")
        go_to_the_line(seen)
        seen.press("q")
        seen.wait(lambda rows: rows and not any("REPLAY" in row for row in rows), "the shell is not back")
        print(f"{len(seen.keys)} keys, to the line twice")


if __name__ == "__main__":
    main()
