#!/usr/bin/env python3
"""The number of timers and of queued finalizers is the one that the program itself knows, on every toolchain, also with
Go 1.23's channel timers; and a finalizer that does not come back is named. All run at once.

    tests/live/timers_test.py [VERSION...]

Exit status 77 where nothing is built."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

# The scavenger sleeps, and a stopped timer that is taken out of its heap is counted apart a moment later.
SLACK = 2


def counters(pid):
    output = subprocess.run([oracle.HEAPTOP, "export", "--format", "json", str(pid)], check=True, stdout=subprocess.PIPE,
                            timeout=60).stdout
    return json.loads(output)["go"]


def examine(name, path):
    faults = []

    def expect(what, got, expected, slack):
        if got is None or abs(got - expected) > slack:
            faults.append(f"{what}: {got}, expected {expected}")

    with oracle.Target(path) as target:
        before = counters(target.pid)["timers"]
        if before is None:
            print(f"{name}: timers are not read")
            return False
        total = before
        for command, change in (("start 1000", 1000), ("wait 300", 300), ("stop 400", -400), ("stop 600", -600),
                                ("start 5", 5)):
            target.ask(command)
            total += change
            expect(command, counters(target.pid)["timers"], total, SLACK)
        expect("no finalizers", counters(target.pid)["finalizers_queued"], 0, 0)
        target.ask("block")
        for count, sum_ in ((250, 250), (1, 251), (3000, 3251)):
            target.ask(f"drop {count}")
            expect(f"drop {count}", counters(target.pid)["finalizers_queued"], sum_, 0)
        report = subprocess.run([oracle.HEAPTOP, "report", "--json", "--for", "22s", str(target.pid)], check=True,
                                stdout=subprocess.PIPE, timeout=60).stdout
        suspects = json.loads(report)["suspects"]
        if not suspects or suspects[0]["kind"] != "finalizers" or "main.main.func" not in suspects[0]["subject"]["function"]:
            faults.append(f"the finalizer that does not come back is not named: {suspects}")
    return oracle.tell(name, faults, f"{before} timers of its own")


def main():
    found = [t for t in oracle.targets("timers") if not sys.argv[1:] or t[0] in sys.argv[1:]]
    if not found:
        oracle.skip("the target `timers` is not built")
    with ThreadPoolExecutor(len(found)) as pool:
        good = list(pool.map(lambda t: examine(f"timers {t[0]} {t[1]}", t[2]), found))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
