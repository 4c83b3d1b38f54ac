#!/usr/bin/env python3
"""As somebody would who has never seen it: `heaptop`, nothing else, and what the screen says to press. From its start to the
leaking line of the demo's service in five keys at most.

    tests/live/first_use_test.py

Exit status 77 where there is no tmux, or the demo's service is not built."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

HEAPTOP = os.environ.get("HEAPTOP", str(oracle.ROOT / "build-dev" / "heaptop"))
SERVER = f"heaptop-first-use-{os.getpid()}"
PATIENCE = 120      # Seconds.
MOST_KEYS = 5
LEAK = "store.go:39"
LEAKING_LINE = "Entry{"
keys = []


def tmux(*arguments):
    return subprocess.run(["tmux", "-L", SERVER, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def press(key):
    keys.append(key)
    tmux("send-keys", key)


def wait_for(*texts):
    deadline = time.monotonic() + PATIENCE
    while True:
        rows = tmux("capture-pane", "-p").splitlines()
        if all(any(all(part in row for part in text.split("&")) for row in rows) for text in texts):
            return rows
        if time.monotonic() > deadline:
            raise AssertionError(f"after {keys} the screen has not {texts}:\n" + "\n".join(rows))
        time.sleep(0.1)


def main():
    paths = [path for _, kind, path in oracle.targets("leakd") if kind == "default"]
    if not paths:
        oracle.skip("the target `leakd` is not built")
    if not shutil.which("tmux"):
        oracle.skip("there is no tmux")
    with tempfile.TemporaryDirectory() as folder:
        # A name of its own, since any number of services may run here.
        service = Path(folder) / f"qz{os.getpid()}"
        shutil.copy(paths[-1], service)
        with oracle.Target(service, "-for", f"{2 * PATIENCE}s"):
            try:
                tmux("-f", "/dev/null", "new-session", "-d", "-x", "110", "-y", "34", "env", "LC_ALL=C.UTF-8", "TERM=xterm-256color", HEAPTOP)
                wait_for("Which process?", "type to filter", "Enter look into it")
                press("q")
                press("z")
                wait_for(f"▸&{service.name}")
                press("Enter")
                # Who grows is named on top, and selected below; the keys say how it is opened.
                wait_for(f"Growing&of it&{LEAK}", f"▸&{LEAK}&MB/s", "Enter open")
                press("Enter")
                wait_for(f"▶&{LEAK}", f"39 ▶&{LEAKING_LINE}", "frees")
                assert len(keys) <= MOST_KEYS, keys
                print(f"{len(keys)} keys: {' '.join(keys)}")
            finally:
                subprocess.run(["tmux", "-L", SERVER, "kill-server"], stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
