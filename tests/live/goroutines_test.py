#!/usr/bin/env python3
"""Goroutines' stacks against the process's own: every oracle and crowd that is built is read from outside, and asked for
/debug/pprof/goroutine?debug=2. Each goroutine that does not run must have the same wait reason, the same stack, names,
files and lines, and the same creator. Each of a crowd, of which no two are alike, must also have the id, the parent, the
labels, the kind of wait, and the channels and locks that it has noted of itself.

    tests/live/goroutines_test.py [VERSION] [KIND] [PROGRAM]

Exit status 77 where nothing is built (tests/targets/build-matrix builds)."""

import collections
import re
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402

HEADER = re.compile(r"goroutine (\d+) \[([^\],]+)[^\]]*\](?: \{.*\})?:$")
PLACE = re.compile(r"\t(.*):(\d+)(?: \+0x[0-9a-f]+)?$")
ELIDED = re.compile(r"\.\.\.(?:\d+|additional) frames elided\.\.\.$")
# runtime/traceback.go: from Go 1.21 on 50 frames are printed at each end, before that the first 100, of which some
# are hidden, without a word that there are more.
ENDS = 50
# What a crowd must have at least.
DIFFERENT_STACKS = 200
# enum wait_object_kind.
CHANNEL, NIL_CHANNEL = 1, 2
# From here on g.waiting leads to locks as well (runtime/sema.go).
MINOR_WITH_LOCKS = 26
MOST_HIDDEN = 10


def short_name(name):
    """As Go's tracebacks print names: type arguments left out, panics as they are called in programs."""
    opened = name.find("[")
    if opened >= 0:
        name = name[:opened] + "[...]" + name[name.rfind("]") + 1:]
    return "panic" if name == "runtime.gopanic" else name


def parse_dump(text, minor):
    """(state, stack, creator) of every goroutine; the stack's frames are (function, file, line), None stands for those
    left out."""
    for record in text.strip().split("\n\n"):
        header, *lines = record.split("\n")
        match = HEADER.match(header)
        if not match:
            raise ValueError(f"no goroutine: {header}")
        stack, creator, at = [], None, 0
        while at < len(lines):
            if ELIDED.match(lines[at]):
                stack.append(None)
                at += 1
                continue
            file, line = PLACE.match(lines[at + 1]).groups()
            if lines[at].startswith("created by "):
                creator = (lines[at][len("created by "):].split(" in goroutine ")[0], file, int(line))
            else:
                stack.append((short_name(lines[at][:lines[at].rfind("(")]), file, int(line)))
            at += 2
        if minor < 21 and len(stack) > 2 * ENDS - MOST_HIDDEN:
            stack.append(None)
        yield match[2], tuple(stack), creator


def is_own(stack, creator):
    """What answers requests changes from one look to the next."""
    functions = [frame[0] for frame in stack if frame] + ([creator[0]] if creator else [])
    return any(f.startswith("net/http.(*conn)") or f.startswith("net/http.(*connReader)") for f in functions)


def elide(stack, like):
    """The stack with those frames left out that the other has left out."""
    if None not in like:
        return stack
    if like[-1] is None:
        return stack[:len(like) - 1] + (None,)
    return stack[:ENDS] + (None,) + stack[-ENDS:]


def read_ours(probe):
    goroutines, running = [], 0
    sample = probe.answer("sample -")
    for group in sample["groups"]:
        if group["system"]:
            continue
        if group["state"] == "running":
            running += group["count"]
            continue
        stack = tuple((short_name(f), file, line) for f, file, line in group["stack"])
        creator = (short_name(group["created_by"]), group["created_file"], group["created_line"])
        if not is_own(stack, creator):
            goroutines += [(group["wait_reason"] or group["state"], stack, creator)] * group["count"]
    return goroutines, sample["problems"], sample


def compare(ours, theirs):
    """(equal, differences). Creators are compared where the process names one (the runtime itself is hidden), by their
    place: of a go statement in an inlined function Go prints the name of the function around it."""
    left = collections.defaultdict(list)
    for state, stack, creator in ours:
        left[state].append((stack, creator))
    equal, differences = 0, []
    for state, stack, creator in theirs:
        for candidate in left[state]:
            if elide(candidate[0], stack) == stack and (creator is None or candidate[1][1:] == creator[1:]):
                left[state].remove(candidate)
                equal += 1
                break
        else:
            differences.append(f"only the process: {state} {stack[:12]} by {creator}")
    differences += [f"only heaptop: {state} {rest[0][:12]} by {rest[1]}" for state in left for rest in left[state]]
    return equal, differences


def compare_stacks(target, probe, version):
    """(goroutines of the process, differences, sample)."""
    address = f"http://127.0.0.1:{target.state['port']}/debug/pprof/goroutine?debug=2"
    # A goroutine of the runtime's poller or timers may be on its way between two looks: then once more.
    for _ in range(4):
        ours, problems, sample = read_ours(probe)
        with urllib.request.urlopen(address, timeout=20) as answer:
            dump = list(parse_dump(answer.read().decode(), int(version.split(".")[1])))
        theirs = [g for g in dump if g[0] != "running" and not is_own(g[1], g[2])]
        _, differences = compare(ours, theirs)
        if not differences and not problems:
            break
    return theirs, differences + [f"problem: {text}" for text in problems], sample


def compare_objects(member, goroutine, waiters, minor):
    """What it waits on, against what it has noted."""
    wanted, found = member["objects"] or [], goroutine["waits"]
    if member["name"].endswith("_nil"):
        return [] if [o["kind"] for o in found] == [NIL_CHANNEL] else [f"waits on {found}, not on a nil channel"]
    channels = {o["address"]: o for o in wanted if not o["size"]}
    differences = []
    if channels:
        ours = {o["address"]: o for o in found if o["kind"] == CHANNEL}
        if set(ours) != set(channels):
            return [f"waits on {sorted(map(hex, ours))}, not on {sorted(map(hex, channels))}"]
        for address, channel in channels.items():
            our = ours[address]
            facts = [our[k] for k in ("length", "capacity", "closed", "read", "bounded")]
            if facts != [channel["length"], channel["capacity"], channel["closed"], True, False]:
                differences.append(f"{our} is not {channel}")
            if our["senders"] + our["receivers"] != waiters[address] or our["goroutines"] != waiters[address]:
                differences.append(f"{our}: {waiters[address]} wait there")
    for lock in (o for o in wanted if o["size"]):
        inside = [o for o in found if lock["address"] <= o["address"] < lock["address"] + lock["size"]]
        if found and not inside:
            differences.append(f"waits on {hex(found[0]['address'])}, the lock is at {hex(lock['address'])}")
        elif not found and minor >= MINOR_WITH_LOCKS:
            differences.append("the lock it waits on was not found")
    return differences


def compare_members(members, sample, minor):
    """Each goroutine of a crowd against what it has noted of itself."""
    groups, listed = sample["groups"], {g["goid"]: g for g in sample["goroutines"]}
    waiters = collections.Counter(o["address"] for m in members for o in m["objects"] or [] if not o["size"])
    for member in members:
        goroutine = listed.get(member["goid"])
        if not goroutine:
            yield f"{member['name']}: goroutine {member['goid']} is not listed"
            continue
        group = groups[goroutine["group"]]
        differences = compare_objects(member, goroutine, waiters, minor)
        # runtime/runtime2.go: parentGoid came with 1.21.
        if goroutine["parent"] != (member["parent"] if minor >= 21 else 0):
            differences.append(f"its parent is {goroutine['parent']}, not {member['parent']}")
        if group["kind"] != member["kind"]:
            differences.append(f"it is of kind {group['kind']}, not {member['kind']}")
        if group["labels"] != member["labels"]:
            differences.append(f"its labels are {group['labels']}, not {member['labels']}")
        if group["state"] == "waiting" and goroutine["since"] == 0:
            differences.append("it is not known since when it waits")
        if minor >= 21 and member["name"] == "orphan" and not group["parent_ended"]:
            differences.append("its parent has ended")
        if minor >= 21 and member["name"].startswith("chain/") and group["parent_start"] not in ("main.descend", "runtime.main"):
            differences.append(f"its parent is {group['parent_start']}")
        for text in differences:
            yield f"{member['name']}: {text}"


def examine(version, kind, path):
    minor = int(version.split(".")[1])
    with oracle.Target(path) as target, oracle.Probe(target.pid) as probe:
        theirs, differences, sample = compare_stacks(target, probe, version)
        parked = sum(group["count"] for group in target.state.get("parked", []))
        members = target.state.get("members", [])
        differences += compare_members(members, sample, minor)
        if len(theirs) < parked + len(members):
            differences.append(f"{len(theirs)} goroutines compared, {parked + len(members)} parked")
        stacks = len({g[1] for g in theirs})
        if members and stacks < DIFFERENT_STACKS:
            differences.append(f"only {stacks} stacks differ")
        print(f"{version:5} {kind:9} {path.name:7} goroutines {len(theirs):4}  stacks {stacks:3}  members {len(members):3}"
              f"{'' if not differences else f'  {len(differences)} DIFFERENCES'}", flush=True)
        for text in differences[:4]:
            print(f"      {text[:900]}", flush=True)
        return not differences


def main():
    built = oracle.targets("oracle") + oracle.targets("crowd")
    wanted = [t for t in built if all(a in (t[0], t[1], t[2].name) for a in sys.argv[1:])]
    if not wanted:
        oracle.skip(f"no oracle in {oracle.CACHE}/targets: run tests/targets/build-matrix")
    passed = 0
    for version, kind, path in wanted:
        try:
            passed += examine(version, kind, path)
        except (EOFError, ValueError, OSError) as error:
            print(f"{version:5} {kind:12} {error}", flush=True)
    print(f"{passed} of {len(wanted)} are equal in every goroutine")
    sys.exit(passed != len(wanted))


if __name__ == "__main__":
    main()
