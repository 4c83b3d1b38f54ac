"""Starting the oracle target and asking it, asking heaptop's Go reader about it, and reading profiles of both."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = Path(os.environ.get("HEAPTOP_CACHE", ROOT / ".cache"))
HEAPTOP = Path(os.environ.get("HEAPTOP", ROOT / "build-dev" / "heaptop"))
PROBE = Path(os.environ.get("HEAPTOP_PROBE", ROOT / "build-dev" / "tests" / "sample_probe"))


def wait_or_kill(process, seconds=20):
    """For a program that has been told to end."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Conversation:
    """A program that answers each line of its standard input with one line; it ends when its input does."""

    def __init__(self, arguments, environment=None, errors=None):
        self.process = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                        env={**os.environ, **(environment or {})})
        self.greeting = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise EOFError(f"{self.process.args[0]} ended with status {self.process.wait()}")
        return line.decode().rstrip("\n")

    def ask(self, question):
        self.process.stdin.write(question.encode() + b"\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        wait_or_kill(self.process)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Target(Conversation):
    """A target of tests/targets/go; `state` is what its ready line says."""

    def __init__(self, path, *arguments, environment=None, errors=None):
        super().__init__([path, *arguments], environment, errors)
        word, _, state = self.greeting.partition(" ")
        if word != "ready":
            raise ValueError(f"{path} is not ready: {self.greeting}")
        self.state = json.loads(state)
        self.pid = self.process.pid

    def answer(self, question):
        """The answer's JSON, or its text."""
        word, _, rest = self.ask(question).partition(" ")
        if word == "error":
            raise ValueError(f"{question}: {rest}")
        return json.loads(rest) if rest.startswith("{") else rest


class Probe(Conversation):
    def __init__(self, pid):
        super().__init__([PROBE, pid])

    def answer(self, question):
        reply = json.loads(self.ask(question))
        if isinstance(reply, dict) and "error" in reply:
            raise ValueError(f"{question}: {reply['error']}")
        return reply


def targets(program):
    """(version, kind, path) of every built target of this name, by version."""
    found = CACHE.glob(f"targets/1.*/*/{program}")
    return sorted(((p.parts[-3], p.parts[-2], p) for p in found if os.access(p, os.X_OK)),
                  key=lambda t: (tuple(map(int, t[0].split("."))), t[1]))


def targets_asked_for(program, kinds):
    """The same of the versions named on the command line, of all where none is, and of these kinds."""
    return [found for found in targets(program) if found[1] in kinds and (not sys.argv[1:] or found[0] in sys.argv[1:])]


def tell(name, faults, seen=""):
    """Says what became of a test, with its faults; whether it has none."""
    print(f"{name}: {'FAIL' if faults else 'ok'}{', ' if seen else ''}{seen}", flush=True)
    for fault in faults:
        print(f"    {fault}", flush=True)
    return not faults


def wire(data):
    """The fields of a protocol buffers message: (number, integer or bytes)."""
    at, end = 0, len(data)

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < end:
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        elif key & 7 == 2:
            length = varint()
            yield key >> 3, data[at:at + length]
            at += length
        else:
            raise ValueError(f"wire type {key & 7}")


def packed(values):
    for value in values:
        if isinstance(value, int):
            yield value
        else:
            yield from (v for _, v in wire_varints(value))


def wire_varints(data):
    at = 0
    while at < len(data):
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        yield 0, value


def signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


class Profile:
    """A profile.proto file. `samples`: (stack, values, label) where a stack is a tuple of (function, file, line)."""

    def __init__(self, path):
        strings, functions, locations, addresses, samples = [], {}, {}, {}, []
        self.mappings, self.types, self.period, self.time_ns = [], [], 0, 0
        types = []
        for number, value in wire(gzip.open(path).read()):
            if number == 1:
                types.append(dict(wire(value)))
            elif number == 2:
                samples.append(list(wire(value)))
            elif number == 3:
                self.mappings.append(dict(wire(value)))
            elif number == 4:
                fields = list(wire(value))
                lines = [dict(wire(v)) for n, v in fields if n == 4]
                locations[dict(fields)[1]] = [(line.get(1, 0), line.get(2, 0)) for line in lines]
                addresses[dict(fields)[1]] = dict(fields).get(3, 0)
            elif number == 5:
                function = dict(wire(value))
                functions[function[1]] = function
            elif number == 6:
                strings.append(value.decode())
            elif number == 9:
                self.time_ns = value
            elif number == 12:
                self.period = value
        self.types = [strings[t.get(1, 0)] for t in types]
        self.mappings = sorted((m.get(2, 0), m.get(3, 0), m.get(4, 0), strings[m.get(5, 0)], strings[m.get(6, 0)])
                               for m in self.mappings)
        self.start_lines = {}
        for function in functions.values():
            self.start_lines[strings[function.get(2, 0)]] = function.get(5, 0)

        def frame(function, line):
            """A package's init is put together from several files, and runtime/pprof, whose table of functions goes by
            names alone (proto.go emitLocation), says for all of it the file it met first: of such a one the folder."""
            row = functions.get(function, {})
            name, file = strings[row.get(2, 0)], strings[row.get(4, 0)]
            return name, os.path.dirname(file) if name.endswith(".init") else file, line

        # Each location as its address and the functions and lines there.
        self.locations = {(addresses[i], tuple(frame(*line) for line in lines)) for i, lines in locations.items()}
        self.samples = []
        for fields in samples:
            ids = packed(v for n, v in fields if n == 1)
            stack = tuple(frame(*line) for location in ids for line in locations[location])
            values = tuple(signed(v) for v in packed(v for n, v in fields if n == 2))
            label = sum(dict(wire(v)).get(3, 0) for n, v in fields if n == 3)
            self.samples.append((stack, values, label))


def skip(reason):
    print(reason)
    sys.exit(77)
