#!/usr/bin/env python3
"""As somebody would who has never seen it: `heaptop`, nothing else, and what the screen says to press. From its start to the
leaking line of the demo's service in five keys at most.

    tests/live/first_use_test.py

Exit status 77 where there is no tmux, or the demo's service is not built."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402
import window  # noqa: E402

HEAPTOP = os.environ.get("HEAPTOP", str(oracle.ROOT / "build-dev" / "heaptop"))
MOST_KEYS = 5
LEAK = "store.go:39"
LEAKING_LINE = "Entry{"


def main():
    paths = [path for _, kind, path in oracle.targets("leakd") if kind == "default"]
    if not paths:
        oracle.skip("the target `leakd` is not built")
    window.skip_without_tmux()
    with tempfile.TemporaryDirectory() as folder:
        # A name of its own, since any number of services may run here.
        service = Path(folder) / f"qz{os.getpid()}"
        shutil.copy(paths[-1], service)
        with oracle.Target(service, "-for", f"{2 * window.PATIENCE}s"), window.Window([HEAPTOP]) as seen:
            seen.wait_for("Which process?", "type to filter", "Enter look into it")
            seen.press("q", "z")
            seen.wait_for(f"▸&{service.name}")
            seen.press("Enter")
            # Who grows is named on top, and selected below; the keys say how it is opened.
            seen.wait_for(f"Growing&of it&{LEAK}", f"▸&{LEAK}&MB/s", "Enter open")
            seen.press("Enter")
            seen.wait_for(f"▶&{LEAK}", f"39 ▶&{LEAKING_LINE}", "frees")
            assert len(seen.keys) <= MOST_KEYS, seen.keys
            print(f"{len(seen.keys)} keys: {' '.join(seen.keys)}")


if __name__ == "__main__":
    main()
