#!/usr/bin/env python3
"""Walks the way of a plugin's author in every language, by the README alone and by the clock.

    tests/languages/trial.py target/release/menagerie [LANGUAGE …]

Takes the sources of the first plugin out of the README, word by word, and for each language writes a project
(`menagerie new`), puts the source and a case in, builds, tests and runs it in a pipeline. The tools of the
languages are fetched anew into a folder that is thrown away, and so is what pip, npm and go keep; cargo keeps what it
has, as it does after the README's first command. So the seconds are those of somebody who has just run that one. Prints a line for each step, and
ends with code 1 when a step fails or answers something else. What it leaves out is thinking and typing.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What the README calls a source's language, and the file that it is.
SOURCES = {
    "rust": ("rust", "src/lib.rs"),
    "python": ("python", "plugin.py"),
    "ts": ("ts", "index.ts"),
    # The README's TypeScript names no type, so that it is JavaScript, too.
    "js": ("ts", "index.js"),
    "c": ("c", "plugin.c"),
    "go": ("go", "plugin.go"),
}

CASES = """\
[[case]]
name = "shouts"
input = { text = "hello" }
output = { shouted = "HELLO" }

[[case]]
name = "has nothing to shout"
input = { text = "" }
fault = "invalid-input"
"""


def block(readme, language, holds):
    """The one fenced block of a language that holds a text."""
    found = [text for text in re.findall(rf"^```{language}\n(.*?)^```$", readme, re.S | re.M) if holds in text]
    if len(found) != 1:
        sys.exit(f"README.md has {len(found)} blocks in {language} that hold {holds!r}, expected one")
    return found[0]


class Author:
    """Somebody with an empty home and the program."""

    def __init__(self, program, home):
        self.program, self.home = program, home
        kept = {name: str(home / "cache" / name.lower()) for name in ("XDG_CACHE_HOME", "PIP_CACHE_DIR", "GOCACHE", "GOMODCACHE")}
        self.environment = {
            **os.environ,
            **kept,
            "npm_config_cache": str(home / "cache" / "npm"),
            "MENAGERIE_DATA": str(home / "data"),
        }

    def does(self, *arguments):
        began = time.monotonic()
        ended = subprocess.run(
            [self.program, *arguments], cwd=self.home, env=self.environment, capture_output=True, text=True
        )
        took = time.monotonic() - began
        if ended.returncode != 0:
            sys.exit(f"menagerie {' '.join(arguments)} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
        return took, ended.stdout


def trial(program, readme, language):
    fence, file = SOURCES[language]
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        author = Author(program, home)
        (home / "flow.toml").write_text(block(readme, "toml", 'name = "shouting"'))
        times = {"new": author.does("new", "agent", "shout", "--lang", language)[0]}
        (home / "shout" / file).write_text(block(readme, fence, "nothing to shout"))
        (home / "shout" / "tests" / "cases.toml").write_text(CASES)
        times["build"] = author.does("build", "shout", "--output", "plugins")[0]
        times["test"] = author.does("test", "shout")[0]
        times["run"], output = author.does("run", "flow.toml", "--json", "--input", '{"text": "hello"}')
        if json.loads(output)["result"]["shouted"] != "HELLO":
            sys.exit(f"{language}: the run answered {output}")
        times["build again"] = author.does("build", "shout", "--output", "plugins")[0]
        first = sum(seconds for step, seconds in times.items() if step != "build again")
        steps = "  ".join(f"{step} {seconds:5.1f} s" for step, seconds in times.items())
        print(f"{language:7} {steps}   from nothing to a run {first:5.1f} s", flush=True)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program = str(Path(sys.argv[1]).resolve())
    readme = (ROOT / "README.md").read_text()
    for language in sys.argv[2:] or SOURCES:
        if language not in SOURCES:
            sys.exit(f"there is no trial in {language!r}; there are: {', '.join(SOURCES)}")
        trial(program, readme, language)


main()
