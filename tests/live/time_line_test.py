#!/usr/bin/env python3
"""The time line through the whole program, on a terminal of the test's own: a recording that goes on is followed, the live view goes back over its
past and records, and heaptop run watches a command from its start and passes its status on.

    tests/live/time_line_test.py [NAME...]      only the tests named"""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

HEAPTOP = os.environ.get("HEAPTOP", str(oracle.ROOT / "build-dev" / "heaptop"))
REDRAW = "\x0c"


def leakd():
    paths = {kind: path for _, kind, path in oracle.targets("leakd")}
    return str(paths.get("packaged") or next(iter(paths.values())))


class Screen:
    """heaptop on a terminal."""

    def __init__(self, *arguments, rows=30, columns=120, cwd=None):
        leader, follower = pty.openpty()
        fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen([HEAPTOP, *arguments], stdin=follower, stdout=follower, stderr=subprocess.PIPE, cwd=cwd,
                                        env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}, start_new_session=True)
        os.close(follower)
        self.leader = leader

    def read(self, seconds):
        """What it draws within this time, without escapes."""
        text, deadline = b"", time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.leader], [], [], left)[0]:
                break
            try:
                got = os.read(self.leader, 65536)
            except OSError:
                break
            if not got:
                break
            text += got
        return re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][0-9A-Z]|[=>])", " ", text.decode(errors="replace"))

    def press(self, keys):
        os.write(self.leader, keys.encode())

    def wait_for(self, pattern, seconds=60):
        """Draws all anew until it is there: what curses sends otherwise are differences."""
        deadline, text = time.monotonic() + seconds, ""
        while time.monotonic() < deadline:
            self.press(REDRAW)
            text = self.read(0.5)
            found = re.search(pattern, text)
            if found:
                return found
        raise AssertionError(f"{pattern!r} is not on the screen:\n{text[-6000:]}")

    def quit(self):
        self.press("q")
        deadline = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read(0.1)
        errors = self.process.stderr.read().decode()
        os.close(self.leader)
        return self.process.wait(10), errors

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Leak:
    def __enter__(self):
        self.process = subprocess.Popen([leakd(), "-for", "3m"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout.readline().startswith(b"ready")
        return self.process

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def test_a_recording_that_goes_on_is_followed(folder):
    file = folder / "night.heaptop"
    with Leak() as target:
        with subprocess.Popen([HEAPTOP, "record", "-o", file, "-i", "100ms", str(target.pid)], stderr=subprocess.DEVNULL) as recorder:
            while not file.exists() or not subprocess.run([HEAPTOP, "report", file], capture_output=True).stdout:
                assert recorder.poll() is None
            with Screen("replay", str(file)) as screen:
                first = screen.wait_for(r"REPLAY (\d\d:\d\d:\d\d) +1x")[1]
                # It goes on by itself.
                deadline = time.monotonic() + 60
                while screen.wait_for(r"REPLAY (\d\d:\d\d:\d\d) +1x")[1] <= first:
                    assert time.monotonic() < deadline
                recorder.send_signal(signal.SIGUSR1)
                screen.wait_for("SIGUSR1")
                screen.press(",,,")
                there = screen.wait_for(r"REPLAY (\d\d:\d\d:\d\d) ")[1]
                assert screen.wait_for(r"REPLAY (\d\d:\d\d:\d\d) ")[1] == there
                recorder.send_signal(signal.SIGINT)
                recorder.wait()
                screen.press("\x1b[F\x1bOF")
                assert screen.wait_for(r"REPLAY (\d\d:\d\d:\d\d) ")[1] > first
                assert screen.quit() == (0, "")


def test_the_live_view_goes_back_and_records(folder):
    with Leak() as target, Screen("-i", "100ms", "-o", str(folder / "kept.db"), str(target.pid), cwd=folder) as screen:
        screen.wait_for("LIVE")
        screen.wait_for("[Gg]row|Watching")
        screen.press("R")
        screen.wait_for("REC +[0-9]")
        screen.press("mhere\r")
        screen.press(",")
        screen.wait_for("PAST")
        screen.wait_for("here")
        screen.press("\x1b")
        screen.wait_for("LIVE")
        # A second recording begins only when the first has ended, and never over it.
        screen.press("R")
        screen.wait_for("LIVE")
        status, errors = screen.quit()
        assert status == 0 and re.search(r"recorded \d+ samples, .* in .*kept\.db", errors), (status, errors)
    report = subprocess.run([HEAPTOP, "report", folder / "kept.db"], capture_output=True, text=True, check=True).stdout
    assert "leakd" in report, report
    assert not [f for f in folder.iterdir() if f.name.endswith(("-wal", "-shm"))]


def test_run_records_a_command_from_its_start(folder):
    file = folder / "run.db"
    ran = subprocess.run([HEAPTOP, "run", "--record", file, "-i", "100ms", "--", leakd(), "-detached", "-for", "3s"], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0 and ran.stdout.startswith("ready"), ran
    report = subprocess.run([HEAPTOP, "report", file], capture_output=True, text=True, check=True).stdout
    assert "exited with status 0" in " ".join(report.split()), report


def test_run_passes_the_status_on(folder):
    for number, (command, status) in enumerate((("sleep 0.3; exit 7", 7), ("sleep 0.3; kill -9 $$", 137))):
        ran = subprocess.run([HEAPTOP, "run", "--record", folder / f"{number}.db", "-i", "50ms", "--", "sh", "-c", command], capture_output=True,
                             text=True, timeout=120)
        assert ran.returncode == status, ran
    ran = subprocess.run([HEAPTOP, "run", "--record", folder / "none.db", "--", "/nonexistent"], capture_output=True, text=True)
    assert ran.returncode == 127 and "cannot start" in ran.stderr, ran
    ran = subprocess.run([HEAPTOP, "run"], capture_output=True, text=True)
    assert ran.returncode == 2 and "wants a command" in ran.stderr, ran


def test_run_shows_a_command_and_ends_it(folder):
    log = folder / "out"
    with Screen("run", "-i", "100ms", "--log", str(log), "--", leakd(), "-detached", "-for", "3m") as screen:
        screen.wait_for("LIVE")
        pid = int(screen.wait_for(r"pid (\d+)")[1])
        status, errors = screen.quit()
    assert "ended with status" in errors and log.read_text().startswith("ready"), (status, errors)
    assert not Path(f"/proc/{pid}").exists()


def test_run_shows_and_records_at_once(folder):
    file = folder / "both.db"
    with Screen("run", "-i", "100ms", "--record", str(file), "--", leakd(), "-detached", "-for", "3m") as screen:
        screen.wait_for("REC +[0-9]")
        pid = int(screen.wait_for(r"pid (\d+)")[1])
        screen.press("mhere\r")
        status, errors = screen.quit()
    assert re.search(r"recorded \d+ samples, .*both\.db", errors) and "ended with status" in errors, (status, errors)
    assert not Path(f"/proc/{pid}").exists()
    report = subprocess.run([HEAPTOP, "report", "--json", file], capture_output=True, text=True, check=True).stdout
    document = json.loads(report)
    assert document["target"]["pid"] == pid and [m["text"] for m in document["recording"]["marks"]] == ["here"], document["recording"]


def main():
    if not oracle.targets("leakd"):
        print("there is no leakd to look at")
        sys.exit(77)
    tests = {name[5:]: test for name, test in globals().items() if name.startswith("test_")}
    for name, test in tests.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            test(Path(folder))
        print(f"{name}: good", flush=True)


main()
