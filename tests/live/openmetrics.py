"""OpenMetrics text by its specification (version 1.0.0), as far as a text without exemplars and time stamps goes."""

import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*$")
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{(.*)\} (\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
KINDS = {"gauge", "counter", "unknown", "info", "stateset", "summary", "histogram", "gaugehistogram"}


def validate(text):
    """What does not hold, as a list of lines."""
    complaints, families, seen, current, described = [], set(), set(), None, {}
    lines = text.split("\n")
    if lines[-2:] != ["# EOF", ""]:
        complaints.append("it does not end with # EOF")
    for line in lines[:-2]:
        if line.startswith("# "):
            _, keyword, name, *rest = line.split(" ", 3)
            if keyword not in ("HELP", "TYPE", "UNIT") or not NAME.match(name) or not rest:
                complaints.append(f"no comment of OpenMetrics: {line}")
            if name != current:
                if name in families:
                    complaints.append(f"{name} comes twice")
                families.add(name)
                current, described = name, {}
            if keyword in described:
                complaints.append(f"{keyword} of {name} comes twice")
            described[keyword] = rest[0] if rest else ""
            if keyword == "TYPE" and described[keyword] not in KINDS:
                complaints.append(f"no type: {line}")
            if keyword == "UNIT" and not name.endswith("_" + described[keyword]):
                complaints.append(f"{name} does not end with its unit {described[keyword]}")
            continue
        match = SAMPLE.match(line)
        if not match:
            complaints.append(f"no sample: {line}")
            continue
        name, labels, value = match.groups()
        suffix = "_total" if described.get("TYPE") == "counter" else ""
        if name != f"{current}{suffix}":
            complaints.append(f"{name} stands in the family {current}")
        pairs = LABEL.findall(labels)
        if ",".join(f'{k}="{v}"' for k, v in pairs) != labels:
            complaints.append(f"labels of {line}")
        if len({k for k, _ in pairs}) != len(pairs) or (name, tuple(sorted(pairs))) in seen:
            complaints.append(f"twice: {line}")
        seen.add((name, tuple(sorted(pairs))))
        float(value)
    return complaints
