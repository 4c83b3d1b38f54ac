"""Programs in C that tests attach to."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAPTOP = os.environ.get("HEAPTOP", str(ROOT / "build-dev" / "heaptop"))
BUILT = Path(os.environ.get("HEAPTOP_CACHE", ROOT / ".cache")) / "native"


def skip_unless_compiler():
    if not shutil.which("cc"):
        print("no C compiler: cc is not in PATH")
        sys.exit(77)


def build(source, *options):
    """The program of tests/targets/native, as a distribution would build it: no frame pointers."""
    path = ROOT / "tests" / "targets" / "native" / source
    program = BUILT / path.stem
    if not program.exists() or program.stat().st_mtime < path.stat().st_mtime:
        BUILT.mkdir(parents=True, exist_ok=True)
        made = program.with_suffix(f".{os.getpid()}")
        subprocess.run(["cc", "-O2", "-g0", "-fomit-frame-pointer", "-pthread", "-o", str(made), str(path), *options], check=True)
        made.rename(program)
    return program


class Leaky:
    """tests/targets/native/leaky.c, until the with statement ends."""

    def __init__(self, threads, requests, record, user=None, program=None):
        owner = {"user": user, "group": "nogroup", "extra_groups": []} if user else {}
        self.process = subprocess.Popen([str(program or build("leaky.c")), str(threads), str(requests), str(record)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, **owner)
        self.pid = int(self.process.stdout.readline().split()[1])

    def rss(self):
        """Bytes."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)
