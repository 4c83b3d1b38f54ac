#!/usr/bin/env python3
"""The live view where people sit: in tmux, in screen, over ssh, on terminals of few colours or none, with names of double
width. In each the frames of the graphs end in one column, all columns of the list stand
where they do in a row of plain letters, and all goes on after the window has changed its size.

    tests/live/terminals_test.py [NAME...]      only these: a terminal's type, gnu-screen, ssh

What is not here (screen, sshd) is left out, and said to be. Exit status 77 where there is no tmux, or no target."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402
import window  # noqa: E402

HEAPTOP = os.environ.get("HEAPTOP", str(oracle.ROOT / "build-dev" / "heaptop"))
TYPES = ("linux", "vt100", "xterm-256color", "screen", "tmux-256color", "foot")
WIDTH, HEIGHT = 110, 34
# Of one of the target's names: letters that are two columns wide, and some of two bytes.
WIDE, ACCENTED = "広げる", "größe"


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def graphs_are_framed(columns):
    """In as many columns as the window has."""
    def is_right(rows):
        frames = [row for row in rows if row[:1] in ("╭", "│", "╰")]
        return len(frames) >= 9 and all(width(row) == columns and row[-1] in "╮│╯" for row in frames)
    return is_right


def names_are_aligned(rows):
    """The line of code stands behind the name, in the same column in all rows; the selected one has the name."""
    found = [row for row in rows if "sites.go:" in row]
    places = {width(row[:row.index("sites.go:")]) for row in found}
    selected = "".join(row for row in found if row.startswith("▸"))
    return len(found) > 10 and len(places) == 1 and WIDE in selected and ACCENTED in selected


def look(name, command, type_name="xterm-256color"):
    with window.Window(command, WIDTH, HEIGHT, type_name) as seen:
        seen.wait(graphs_are_framed(WIDTH), f"{name}: the graphs are not framed")
        # A key of more than one byte, and letters that are typed.
        seen.press("2")
        seen.press("/")
        seen.type(WIDE)
        seen.press("Enter")
        seen.wait(names_are_aligned, f"{name}: {WIDE} is not found, or not aligned with the others")
        seen.press("Escape")
        seen.press("1")
        # Whatever this terminal sends for it, it is no number of a screen.
        seen.press("Home")
        seen.press("End")
        seen.wait(lambda rows: any(row.startswith("╭─ RSS") for row in rows), f"{name}: Home and End lead elsewhere")
        seen.resize(120, 40)
        seen.wait(graphs_are_framed(120), f"{name}: after the window has grown")
        seen.resize(104, 30)
        seen.wait(graphs_are_framed(104), f"{name}: after it has shrunk")
        seen.press("q")
    print(f"ok    {name}", flush=True)


def look_in_screen(pid, folder):
    session = f"heaptop-{os.getpid()}"
    sockets = folder / "screen"
    sockets.mkdir(mode=0o700)
    try:
        look("gnu-screen", [f"SCREENDIR={sockets}", "screen", "-U", "-c", "/dev/null", "-S", session, HEAPTOP, str(pid)])
    finally:
        subprocess.run(["screen", "-S", session, "-X", "quit"], env={**os.environ, "SCREENDIR": str(sockets)}, stdout=subprocess.DEVNULL)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def look_over_ssh(pid, folder):
    """To this machine, by a server of the test's own, with keys of its own."""
    port = free_port()
    for key in ("host", "own"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    shutil.copy(folder / "own.pub", folder / "authorized")
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin yes\nAcceptEnv LC_ALL\nPidFile none\n")
    Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen([shutil.which("sshd", path="/usr/sbin:/sbin"), "-D", "-e", "-f", folder / "config"], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + window.PATIENCE
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            assert server.poll() is None and time.monotonic() < deadline, "sshd does not listen"
            time.sleep(0.05)
        look("ssh", ["ssh", "-tt", "-q", "-F", "none", "-p", str(port), "-i", str(folder / "own"), "-o", "StrictHostKeyChecking=no", "-o",
                     "UserKnownHostsFile=/dev/null", "-o", "SendEnv=LC_ALL", "127.0.0.1", HEAPTOP, str(pid)])
    finally:
        server.terminate()
        server.wait()


def main():
    paths = [path for _, kind, path in oracle.targets("oracle") if kind == "default"]
    if not paths:
        oracle.skip("the target `oracle` is not built")
    window.skip_without_tmux()
    wanted = sys.argv[1:] or [*TYPES, "gnu-screen", "ssh"]
    # All that is allocated is sampled, so that no name is missing.
    with oracle.Target(paths[-1], environment={"GODEBUG": "memprofilerate=1"}) as target, tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            if name == "gnu-screen" and not shutil.which("screen"):
                print("there is no screen: not tried in it")
            elif name == "gnu-screen":
                look_in_screen(target.pid, Path(folder))
            elif name == "ssh" and (os.geteuid() != 0 or not shutil.which("sshd", path="/usr/sbin:/sbin")):
                print("there is no sshd that could be started here: not tried over ssh")
            elif name == "ssh":
                look_over_ssh(target.pid, Path(folder))
            else:
                look(name, [HEAPTOP, str(target.pid)], name)


if __name__ == "__main__":
    main()
