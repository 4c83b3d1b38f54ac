#!/usr/bin/env python3
"""--enable-profiling on programs that have memory profiling off, on every toolchain: call sites appear with the right
names, what was there before is one row, the target goes on as before, and its rate is 0 again after a clean end of
heaptop, after kill -9 of heaptop, and, once the next heaptop has run, after kill -9 of heaptop and its guardian. The rate is
asked of the program itself all the while.

    tests/live/enable_profiling_test.py [VERSION...]
"""

import json
import math
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import json_schema  # noqa: E402
import oracle  # noqa: E402

HEAPTOP = oracle.HEAPTOP
SCHEMA = json.loads((oracle.ROOT / "docs" / "heaptop.schema.json").read_text())
RATE = 512 * 1024
KINDS = ("default", "stripped", "pie", "extpie", "packaged", "dynsym", "nosections")
GONE = 4        # heaptop's status when the process has ended
LONGEST = 90    # seconds that anything may take
PAUSE = 0.002   # between two looks at it: looking all the while takes the processor from what is waited for
complaints = []
measured = {"restored by the guardian, ms": [], "seen from heaptop's start, ms": []}


def check(condition, message):
    if not condition:
        complaints.append(message)
        print(f"FAIL {message}")
    return condition


class Noprof:
    """A program without a heap profile: the linker has left it off."""

    program, site, arguments, environment = "noprof", "main.hold", (), {}
    not_with = ()

    def __init__(self, target):
        self.target = target

    def rate(self):
        return self.target.answer("rate")["mem_profile_rate"]

    def allocate(self):
        """So many bytes at the site, in small objects."""
        for _ in range(40):
            self.target.ask("alloc")
        return 40 << 20


class Oracle:
    """A program that would profile itself, were it not for its environment. It serves HTTP."""

    program, site, arguments, environment = "oracle", "main.allocOnCommand", (), {"GODEBUG": "memprofilerate=0"}
    not_with = ("1.19",)    # There the variable's initializer, which runs later, undoes it (runtime/mprof.go).

    def __init__(self, target):
        self.target = target

    def rate(self):
        """From the header of its own heap profile: "@ heap/", then twice the rate (runtime/pprof/pprof.go writeHeap)."""
        url = f"http://127.0.0.1:{self.target.state['port']}/debug/pprof/heap?debug=1"
        with urllib.request.urlopen(url, timeout=LONGEST) as answer:
            return int(answer.readline().decode().split("@ heap/")[1]) // 2

    def allocate(self):
        for _ in range(4):
            self.target.ask(f"alloc {8 << 20}")
        return 32 << 20


def wait_for(what, condition):
    """Until it holds; the seconds that took."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > LONGEST:
            check(False, f"{what}: not within {LONGEST} s")
            return LONGEST
        time.sleep(PAUSE)
    return time.monotonic() - started


def start_heaptop(pid, *arguments):
    return subprocess.Popen([HEAPTOP, "report", "--json", "-i", "20ms", "--for", "60s", *arguments, str(pid)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def sampler_waits(pid):
    """How often heaptop's sampler has gone to sleep, which it does after each sample."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = (task / "status").read_text()
        if status.startswith("Name:\tsampler\n"):
            return int(status.split("voluntary_ctxt_switches:")[1].split()[0])
    return 0


def finish(heaptop):
    """Ends the watching as Ctrl-C does, once a few more samples were taken; its document, and what it said."""
    before = sampler_waits(heaptop.pid)
    wait_for(f"heaptop {heaptop.pid} takes samples", lambda: sampler_waits(heaptop.pid) > before + 5)
    heaptop.send_signal(signal.SIGINT)
    out, errors = heaptop.communicate(timeout=LONGEST)
    return json.loads(out) if out else {}, errors.decode()


def look_once(pid):
    done = subprocess.run([HEAPTOP, "report", "--json", "--for", "0", str(pid)], capture_output=True, timeout=LONGEST)
    return json.loads(done.stdout), done.stderr.decode()


def children(pid):
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    threads = [t for t in Path(f"/proc/{pid}/task").iterdir() if t.name != str(pid)]
    return [int(p) for p in text + [p for t in threads for p in (t / "children").read_text().split()]]


def notes():
    folders = [Path("/run/heaptop"), Path(f"/run/user/{os.geteuid()}/heaptop"), Path(f"/dev/shm/heaptop-{os.geteuid()}"),
               Path(f"/tmp/heaptop-{os.geteuid()}")]
    if os.environ.get("XDG_RUNTIME_DIR"):
        folders.append(Path(os.environ["XDG_RUNTIME_DIR"]) / "heaptop")
    return [n for f in folders if f.is_dir() and os.access(f, os.R_OK) for n in f.iterdir()]


def has_note(pid):
    return any(n.name.startswith(f"profiling-{pid}-") for n in notes())


def is_there(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def switch_on(name, kind, *arguments):
    """A heaptop that has switched it on."""
    started = time.monotonic()
    heaptop = start_heaptop(kind.target.pid, "--enable-profiling", *arguments)
    wait_for(f"{name}: switched on", lambda: kind.rate() == RATE or heaptop.poll() is not None)
    measured["seen from heaptop's start, ms"].append((time.monotonic() - started) * 1000)
    if heaptop.poll() is not None:
        check(False, f"{name}: heaptop ended: {heaptop.communicate()}")
    return heaptop


def check_sites(name, kind):
    """Switched on; sites appear; a clean end puts it back."""
    pid = kind.target.pid
    heaptop = switch_on(name, kind)
    guardians = children(heaptop.pid)
    check(len(guardians) == 1, f"{name}: guardians {guardians}")
    check(has_note(pid), f"{name}: no note")
    allocated = kind.allocate()
    kind.target.ask("gc")
    kind.target.ask("gc")
    # Another that comes now sees that it is on, and does not touch it when it goes.
    second, _ = look_once(pid)
    check(second["heap_profile"]["switched_on"] and second["heap_profile"]["switched_on_unix_ns"],
          f"{name}: a second heaptop does not know: {second['heap_profile']}")
    check(second["cost"]["writes"] == 0, f"{name}: a second heaptop wrote")
    late = subprocess.run([HEAPTOP, "report", "--json", "--enable-profiling", "--for", "0", str(pid)], capture_output=True,
                          timeout=LONGEST)
    late = json.loads(late.stdout)
    check(late["cost"]["writes"] == 0 and any("on already" in p for p in late["problems"]),
          f"{name}: a second one that wants it too: {late['cost']['writes']} writes, {late['problems']}")
    check(kind.rate() == RATE, f"{name}: a second heaptop has put it back")

    document, errors = finish(heaptop)
    check(heaptop.returncode == 0 and not errors, f"{name}: status {heaptop.returncode}, {errors}")
    broken = json_schema.validate(document, SCHEMA)
    check(not broken, f"{name}: not as the schema says: {broken[:3]}")
    check(document["cost"]["writes"] == 1 and document["cost"]["stops"] == 0, f"{name}: cost {document['cost']}")
    check(not document["problems"], f"{name}: problems {document['problems']}")
    profile = document["heap_profile"]
    sites = {s["function"]: s["inuse_bytes"] for s in document["call_sites"] or []}
    held = sites.get(kind.site, 0)
    check(0.5 * allocated < held < 1.6 * allocated, f"{name}: {kind.site} holds {held} of {allocated}: {sites}")
    line = [f for s in document["sites"] for f in s["stack"] if f["function"] == kind.site]
    check(line and line[0]["file"].endswith(".go") and line[0]["line"], f"{name}: no line of {kind.site}: {line[:1]}")
    before = profile["unattributed"]
    check(profile["switched_on"] and before and before["inuse_bytes"] > 0, f"{name}: nothing from before: {profile}")
    live, known = document["go"]["heap_marked_bytes"], profile["inuse_bytes"]
    check(not before or before["inuse_bytes"] == max(live - known, 0), f"{name}: {before} is not {live} less {known}")
    if kind.program == "noprof" and before:
        # What is known of the rest is an estimate of one sample in 512 KiB: within five times its error.
        error = 5 * math.sqrt(allocated * (512 << 10))
        check(abs(before["inuse_bytes"] - (32 << 20)) < error + (4 << 20),
              f"{name}: {before['inuse_bytes']} before, of 32 MiB")
    check(kind.rate() == 0, f"{name}: the rate is {kind.rate()} after a clean end")
    check(not any(is_there(g) for g in guardians), f"{name}: the guardian is still there")
    check(not has_note(pid), f"{name}: a note is left")
    return allocated, held


def check_killed(name, kind):
    heaptop = switch_on(name, kind)
    guardians = children(heaptop.pid)
    heaptop.kill()
    took = wait_for(f"{name}: put back after kill -9", lambda: kind.rate() == 0)
    measured["restored by the guardian, ms"].append(took * 1000)
    heaptop.communicate()
    wait_for(f"{name}: the guardian ends", lambda: not any(is_there(g) for g in guardians))
    check(not has_note(kind.target.pid), f"{name}: a note is left after kill -9")


def kill_both(name, kind):
    heaptop = switch_on(name, kind)
    # Stopped, so that it does not start another guardian.
    heaptop.send_signal(signal.SIGSTOP)
    for guardian in children(heaptop.pid):
        os.kill(guardian, signal.SIGKILL)
    heaptop.kill()
    heaptop.communicate()
    return kind.rate() == RATE and has_note(kind.target.pid)


def check_both_killed(name, kind):
    # Any heaptop that starts on this machine meanwhile is the next one, and then ours has nothing to say.
    for _ in range(5):
        left = kill_both(name, kind)
        said = "switched memory profiling off again in 1 process" in look_once(os.getpid())[1] and left
        wait_for(f"{name}: the rate is put back by the next heaptop", lambda: kind.rate() == 0)
        wait_for(f"{name}: no note is left after the next heaptop", lambda: not has_note(kind.target.pid))
        if said:
            break
    check(said, f"{name}: the next heaptop did not say that it switched profiling off")


def check_stopped(name, kind):
    """Suspended, as by Ctrl-Z, and then killed."""
    heaptop = switch_on(name, kind)
    heaptop.send_signal(signal.SIGSTOP)
    check(kind.rate() == RATE, f"{name}: put back while heaptop is stopped")
    heaptop.kill()
    wait_for(f"{name}: put back after it was stopped and killed", lambda: kind.rate() == 0)
    heaptop.communicate()


def check_crashed(name, kind):
    heaptop = switch_on(name, kind)
    heaptop.send_signal(signal.SIGSEGV)
    wait_for(f"{name}: put back after a crash", lambda: kind.rate() == 0)
    heaptop.communicate()


def check_target_ends(name, kind):
    heaptop = switch_on(name, kind)
    guardians = children(heaptop.pid)
    kind.target.process.stdin.write(b"quit\n")
    kind.target.process.stdin.flush()
    out, _ = heaptop.communicate(timeout=LONGEST)
    check(kind.target.process.wait(LONGEST) == 0, f"{name}: the target ended with {kind.target.process.returncode}")
    # On a busy machine it may have switched profiling on and not yet have taken its first sample.
    check("exited with status 0" in json.loads(out)["verdict"]["text"] if out else heaptop.returncode == GONE,
          f"{name}: heaptop ended with {heaptop.returncode}: {out[:2000]}")
    wait_for(f"{name}: the guardian ends with the target", lambda: not any(is_there(g) for g in guardians))
    check(not has_note(kind.target.pid), f"{name}: a note is left after the target's end")


def try_one(version, build, path, make, further):
    name = f"{make.program} go{version} {build}"
    with oracle.Target(path, *make.arguments, environment=make.environment) as target:
        kind = make(target)
        if not check(kind.rate() == 0, f"{name}: it profiles itself"):
            return
        allocated, held = check_sites(name, kind)
        check_killed(name, kind)
        check_both_killed(name, kind)
        for step in further:
            step(name, kind)
        if check_target_ends not in further:
            # It is as it was: answers, and ends as it should.
            check(target.ask("gc").startswith("ok"), f"{name}: it does not answer")
            target.process.stdin.write(b"quit\n")
            target.process.stdin.flush()
            check(target.process.wait(LONGEST) == 0, f"{name}: it ended with {target.process.returncode}")
    print(f"{name}: {held / 2**20:.1f} MiB shown at {make.site}, {allocated >> 20} MiB allocated")


def check_own_profile(version, path):
    """A program that profiles itself is never written to: see also no_touch_test."""
    with oracle.Target(path) as target:
        kind, before = Oracle(target), None
        before = kind.rate()
        done = subprocess.run([HEAPTOP, "report", "--json", "--enable-profiling=64K", "--for", "0", str(target.pid)],
                              capture_output=True, timeout=LONGEST)
        document = json.loads(done.stdout)
        check(document["cost"]["writes"] == 0 and kind.rate() == before == RATE, f"oracle go{version} was written to")
        check(any(f"on already, one sample in {RATE}" in p for p in document["problems"]),
              f"oracle go{version}: {document['problems']}")
        check(not document["heap_profile"]["switched_on"], f"oracle go{version} is said to have been switched on")


def main():
    wanted, tried = sys.argv[1:], 0
    for make, further in ((Noprof, [check_stopped, check_crashed, check_target_ends]), (Oracle, [])):
        for version, build, path in oracle.targets(make.program):
            if wanted and version not in wanted or build not in KINDS:
                continue
            if version not in make.not_with:
                try_one(version, build, path, make, further)
                tried += 1
            if make is Oracle and build == "default":
                check_own_profile(version, path)
    if not tried:
        oracle.skip("no Go target is built (tests/targets/build-matrix builds them)")
    for what, values in measured.items():
        print(f"{what}: median {sorted(values)[len(values) // 2]:.0f}, most {max(values):.0f}, of {len(values)}")
    print(f"{tried} programs, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
