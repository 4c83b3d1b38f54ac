#!/usr/bin/env python3
"""docs/guide.md over its recordings: what it says that heaptop says, after the keys that it says to press."""

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import window  # noqa: E402

HEAPTOP = os.environ["HEAPTOP"]
ROOT = Path(__file__).resolve().parent.parent.parent
GUIDE = re.sub(r"\s+", " ", (ROOT / "docs" / "guide.md").read_text())

# The recording, the keys, and what is on the screen then: said so by the guide (True), or only meant by it.
STEPS = (
    ("goroutines", (), "main.(*lease).giveBack context.go:21 do not end: 10/s more for 1 min 20 s.", True),
    ("goroutines", ("8",), '808 of them, all in "chan receive"', True),
    ("goroutines", ("8",), "Each waits on a channel of its own.", True),
    ("goroutines", ("8",), "Started by main.(*lease).take context.go:17", False),
    ("goroutines", ("3", "Enter"), "One by one", False),
    ("goroutines", ("3", "Enter"), "<-ctx.Done()", True),
    ("cache", (), "Growing 1.13 MB/s for 1 min 20 s. Nearly all of it: main.(*pageCache).get cache.go:44.", True),
    ("cache", ("Enter",), "frees 0 B/s", True),
    ("cache", ("Enter",), "88.3 MB 44 ▶ page := make([]byte, 2*text", False),
    ("cache", ("2", "t"), "pageCache", False),
    ("cache", ("7",), "main.runCache.func1", False),
    ("idle", (), "RSS 406.0 MB", False),
    ("idle", (), "heap 125.8 KB", False),
    ("idle", ("6",), "400.1 MB are heap kept for reuse: not a leak; Go gives it back bit by bit.", True),
    ("idle", ("6",), "free spans kept", True),
    ("idle", ("8",), "None.", False),
)
# As the guide replays each.
COMMANDS = {name: command for command, name in re.findall(r"(heaptop replay (?:--source-map \S+ )?docs/incidents/(\w+)\.heaptop)", GUIDE)}


def main():
    window.skip_without_tmux()
    for name in {step[0] for step in STEPS}:
        path = ROOT / "docs" / "incidents" / f"{name}.heaptop"
        if name not in COMMANDS:
            sys.exit(f"the guide does not replay {name}")
        if path.stat().st_size > 1 << 20:
            sys.exit(f"{path} is too large to be kept here")
        # Of this machine, or of that on which they were recorded, nothing is told.
        if re.search(rb"/(home|root|work)/", path.read_bytes()):
            sys.exit(f"{path} tells where its programs lay")
    for name, keys, shown, is_quoted in STEPS:
        if is_quoted and shown not in GUIDE:
            sys.exit(f"the guide does not say '{shown}'")
        command = f"'{HEAPTOP}'{COMMANDS[name].removeprefix('heaptop')}"
        with window.Window(["sh", "-c", command], 160, 50, folder=ROOT) as seen:
            # All of it has been read when there is a verdict.
            seen.wait_for("RSS")
            seen.press(*keys)
            seen.wait_for(shown)
    print(f"{len(STEPS)} steps are as the guide says")


if __name__ == "__main__":
    main()
