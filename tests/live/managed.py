"""What the tests of other runtimes' heaps share."""

import json
import subprocess
from pathlib import Path

import oracle

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs" / "heaptop.schema.json").read_text())
PATIENCE_S = 120


def report(pid, *more):
    return json.loads(subprocess.run([oracle.HEAPTOP, "report", "--json", "--for", "1s", *more, str(pid)], check=True,
                                     capture_output=True, text=True).stdout)


def doctor(pid):
    return subprocess.run([oracle.HEAPTOP, "doctor", str(pid)], check=True, capture_output=True, text=True).stdout


class Program:
    """One that answers each line with a line, until the with statement ends."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        self.first = self.process.stdout.readline()

    def ask(self, line):
        print(line, file=self.process.stdin, flush=True)
        return self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.process.stderr.close()


def differences(found, expected):
    wrong = []
    for name, (value, tolerance) in expected.items():
        is_equal = found[name] is None if value is None else found[name] is not None and abs(found[name] - value) <= tolerance
        if not is_equal:
            wrong.append(f"{name} is {found[name]}, not {value}")
    return wrong
