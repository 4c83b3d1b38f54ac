"""A terminal of tmux's in which a program runs: what a person would see of it, and press."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

PATIENCE = 120      # Seconds that a busy machine may take.
numbers = itertools.count()


def plain(text):
    """On one line, every space one."""
    return re.sub(r"\s+", " ", text)


class Window:
    """Of a server of its own, so that none is waited for that is being ended. Nothing of the caller's settings is seen."""

    def __init__(self, command, columns=110, rows=34, type_name="xterm-256color", folder=None):
        self.server = f"heaptop-{Path(sys.argv[0]).stem}-{os.getpid()}-{next(numbers)}"
        self.keys = []
        place = ["-c", str(folder)] if folder else []
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", rows, *place, "env", "-i", f"PATH={os.environ['PATH']}", "LC_ALL=C.UTF-8",
                  "XDG_CONFIG_HOME=/nonexistent", f"TERM={type_name}", *command)

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-L", self.server, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True).stdout

    def rows(self):
        return self.tmux("capture-pane", "-p").splitlines()

    def press(self, *keys):
        self.keys += keys
        for key in keys:
            self.tmux("send-keys", key)

    def type(self, text):
        self.keys.append(text)
        self.tmux("send-keys", "-l", text)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", columns, "-y", rows)

    def wait(self, is_right, what):
        """The first screen that is right; what is seen while it is being drawn need not be."""
        deadline = time.monotonic() + PATIENCE
        while True:
            rows = self.rows()
            if is_right(rows):
                return rows
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}; after {self.keys}:\n" + "\n".join(rows))
            time.sleep(0.1)

    def wait_for(self, *texts):
        """Each in a row, or on the screen read as one line; of one with `&`s all parts in one row."""
        def is_there(rows, text):
            return any(all(part in row for part in text.split("&")) for row in rows) or text in plain(" ".join(rows))
        return self.wait(lambda rows: all(is_there(rows, text) for text in texts), f"the screen has not {texts}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "-L", self.server, "kill-server"], stderr=subprocess.DEVNULL)


def skip_without_tmux():
    if not shutil.which("tmux"):
        oracle.skip("there is no tmux")
