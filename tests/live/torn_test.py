#!/usr/bin/env python3
"""Samples of a program that allocates as hard as it can on every P, with GC after GC: none may be torn without the
reader's noticing. The probe holds each sample against what must be true of a whole profile, however it was read: see
answer_torn in sample_probe.c.

    tests/live/torn_test.py [VERSION...]

Exit status 77 where no churn is built."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

SAMPLES = 10000         # Of the newest version,
SAMPLES_OF_OTHERS = 1000    # and of each other.


def examine(version, path, samples):
    """Whether nothing was torn unnoticed."""
    with oracle.Target(path, "-for", "10m") as target, oracle.Probe(target.pid) as probe:
        started = time.monotonic()
        answer = probe.answer(f"torn {samples}")
        took = time.monotonic() - started
        rounds = target.answer("rounds")
        unnoticed = sum(answer["violations"].values())
        print(f"{version:5} {answer['samples']} samples in {took:.1f} s over {answer['cycles']} profile cycles, "
              f"{answer['sites']} sites, {rounds['num_gc']} GCs: {answer['retried']} read again, "
              f"{answer['torn']} noticed as torn, {unnoticed} torn unnoticed", flush=True)
        if unnoticed:
            print(f"      {answer['violations']}", flush=True)
        # A test in which nothing happened has shown nothing.
        return unnoticed == 0 and answer["cycles"] > 5 and answer["torn"] * 20 < answer["samples"]


def main():
    found = [t for t in oracle.targets("churn") if t[1] == "default" and (len(sys.argv) < 2 or t[0] in sys.argv[1:])]
    if not found:
        oracle.skip(f"no churn in {oracle.CACHE}/targets: run tests/targets/build-matrix")
    passed = 0
    for version, _, path in found:
        passed += examine(version, path, SAMPLES if (version, _, path) == found[-1] else SAMPLES_OF_OTHERS)
    print(f"{passed} of {len(found)} versions: nothing torn unnoticed")
    sys.exit(passed != len(found))


if __name__ == "__main__":
    main()
