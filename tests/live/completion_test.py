#!/usr/bin/env python3
"""The shells' own answers to Tab after heaptop's command line, from the scripts that heaptop prints. bash must be here; zsh and
fish are tried where they are, and their absence is said."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEAPTOP = os.environ["HEAPTOP"]
PATIENCE = 20
folder = tempfile.TemporaryDirectory()
os.symlink(HEAPTOP, f"{folder.name}/heaptop")
Path(folder.name, "night.heaptop").touch()
os.environ["PATH"] = folder.name + ":" + os.environ["PATH"]

# A process with a name like no other, and one whose name a shell must not see.
sleeper = shutil.copy(shutil.which("sleep"), f"{folder.name}/zq-sleeper")
elsewhere = tempfile.TemporaryDirectory()
hostile = shutil.copy(shutil.which("sleep"), f"{elsewhere.name}/zq$(touch x)")
children = [subprocess.Popen([path, "300"]) for path in (sleeper, hostile)]

# What is typed, and what is offered: all of a set, some of it, or none of it.
SOME, NONE = "some", "none"
cases = [
    ("heaptop rep", SOME, {"report", "replay"}),
    ("heaptop report --f", SOME, {"--for"}),
    ("heaptop report --", SOME, {"--json", "--gctrace", "--for", "--interval", "--help"}),
    ("heaptop report --", NONE, {"--format", "--keep"}),
    ("heaptop export --format o", SOME, {"openmetrics"}),
    ("heaptop export --format ", SOME, {"pprof", "folded", "svg", "json", "csv", "openmetrics"}),
    ("heaptop export --profile ", SOME, {"heap", "allocs", "goroutine", "threads"}),
    ("heaptop attach --color ", SOME, {"auto", "never", "always"}),
    ("heaptop replay ni", SOME, {"night.heaptop"}),
    ("heaptop report zq", SOME, {"zq-sleeper"}),
    ("heaptop zq-", SOME, {"zq-sleeper"}),
    ("heaptop report -i 1s zq", SOME, {"zq-sleeper"}),
    (f"heaptop doctor {str(children[0].pid)[:-1]}", SOME, {str(children[0].pid)}),
    ("heaptop completion ", SOME, {"bash", "zsh", "fish"}),
    ("heaptop help dif", SOME, {"diff"}),
    ("heaptop run -- zq-", SOME, {"zq-sleeper"}),
]


def script(shell):
    out = subprocess.run([HEAPTOP, "completion", shell], capture_output=True, check=True, text=True).stdout
    path = Path(folder.name, f"completion.{shell}")
    path.write_text(out)
    return path


def check(shell, offers):
    for line, how, words in cases:
        offered = offers(line)
        good = words <= offered if how == SOME else not words & offered
        if not good:
            sys.exit(f"{shell}: '{line}' offers {sorted(offered)}; {how} of {sorted(words)} should be there")
        if any("$(" in word for word in offered):
            sys.exit(f"{shell}: '{line}' offers a name that the shell would run: {sorted(offered)}")
    print(f"{shell}: {len(cases)} lines completed")


def bash_offers(line):
    """As readline breaks the line into words."""
    words = [word for word in re.split(r"\s+|(=)", line) if word]
    if line.endswith(" "):
        words.append("")
    driver = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _heaptop; printf "%s\\n" "${COMPREPLY[@]}"'
    run = subprocess.run(["bash", "--norc", "-c", driver, "bash", folder.name + "/completion.bash", *words], capture_output=True,
                         text=True, cwd=folder.name)
    assert not run.stderr, run.stderr
    return set(run.stdout.split("\n")) - {""}


def bash_more():
    """What only bash breaks apart."""
    assert "openmetrics" in bash_offers("heaptop export --format=op")
    assert bash_offers("heaptop export --format=") >= {"pprof", "svg"}
    assert bash_offers("heaptop --enable-profiling=") == set()
    assert "night.heaptop" in bash_offers("heaptop record -o ni")
    assert "zq-sleeper" in bash_offers("heaptop run --log x ./zq") or "./zq-sleeper" in bash_offers("heaptop run --log x ./zq")
    assert bash_offers("heaptop run -- zq-sleeper ni") == {"night.heaptop"}


def fish_offers(line):
    run = subprocess.run(["fish", "--no-config", "-c", f'source {folder.name}/completion.fish; complete -C "{line}"'],
                         capture_output=True, text=True, cwd=folder.name)
    assert not run.stderr, run.stderr
    return {row.split("\t")[0] for row in run.stdout.splitlines()}


class Zsh:
    """zsh has no way to ask but to type: each match is written to a file by a compadd of ours, at the end of a completion."""

    def __init__(self):
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.chdir(folder.name)
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb", "PS1": "ready> "})
        self.matches = Path(folder.name, "matches")
        self.seen = ""
        setup = (
            "unsetopt zle_bracketed_paste beep; setopt no_list_beep; autoload -Uz compinit; compinit -u -D",
            "source ./completion.zsh",
            # All that is added goes by compadd, whose -O fills an array in place of adding.
            'compadd() { local -a found; builtin compadd -O found "$@"; print -rl -- $found >>matches; builtin compadd "$@" }',
            'ask() { : >matches; zle complete-word; print done >>matches; zle kill-buffer }; zle -N ask; bindkey "^X" ask',
            "print set''up",
        )
        for line in setup:
            os.write(self.terminal, line.encode() + b"\r")
        self.read_until(lambda: "setup\r\n" in self.seen)

    def read_until(self, is_there):
        deadline = time.monotonic() + PATIENCE
        while not is_there():
            if time.monotonic() > deadline:
                sys.exit(f"zsh did not answer; it wrote:\n{self.seen}")
            if select.select([self.terminal], [], [], 0.05)[0]:
                self.seen += os.read(self.terminal, 65536).decode(errors="replace")

    def offers(self, line):
        self.matches.unlink(missing_ok=True)
        os.write(self.terminal, line.encode() + b"\x18")
        self.read_until(lambda: self.matches.exists() and self.matches.read_text().endswith("done\n"))
        return set(self.matches.read_text().splitlines()) - {"done", ""}

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.child, 0)


def main():
    subprocess.run(["bash", "-n", script("bash")], check=True)
    check("bash", bash_offers)
    bash_more()
    if shutil.which("fish"):
        subprocess.run(["fish", "--no-execute", script("fish")], check=True)
        check("fish", fish_offers)
    else:
        print("fish is not here: its script was not tried")
    if shutil.which("zsh"):
        subprocess.run(["zsh", "-n", script("zsh")], check=True)
        zsh = Zsh()
        check("zsh", zsh.offers)
        zsh.close()
    else:
        print("zsh is not here: its script was not tried")


try:
    main()
finally:
    for child in children:
        child.kill()
        child.wait()
