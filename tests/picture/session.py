#!/usr/bin/env python3
"""Renders a real terminal session of the demo as an SVG: the picture in the README.

    tests/picture/session.py target/release/menagerie host/cli/demo.svg

Runs `menagerie demo` in a terminal of its own (Python's pty), with a store of its own that is thrown
away, keeps what it writes as a terminal would, and draws the screen that is left. Nothing is written by
hand but the prompt and the colours; of a report longer than the picture the middle is left out, and the picture says how many
lines. Needs nothing but Python's standard library, and the plugins built before (else the build's
progress would be drawn over, as on any terminal).
"""

import fcntl
import html
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import unicodedata

COLUMNS, ROWS = 128, 400
HEAD, TAIL = 24, 6
ROW_HEIGHT, CHARACTER, MARGIN, BAR = 18, 7.83, 16, 30


def record(program, store):
    """Everything that the demo writes to a terminal of a fixed size."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("MENAGERIE_")
    }
    environment.update(TERM="xterm-256color", MENAGERIE_DATA=store)
    process = subprocess.Popen(
        [program, "demo"], stdin=follower, stdout=follower, stderr=follower, env=environment
    )
    os.close(follower)
    written = bytearray()
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # The other side is closed.
            break
        if not part:
            break
        written += part
    if process.wait() != 0:
        sys.exit(f"the demo ended with {process.returncode}:\n{written.decode(errors='replace')}")
    return written.decode()


class Screen:
    """As much of a terminal as the host uses: text, returns, and moving and clearing by lines."""

    TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(\r|\n)|([^\x1b\r\n]+)")

    def __init__(self):
        self.lines, self.row, self.column = [[]], 0, 0

    def feed(self, text):
        at = 0
        for token in self.TOKEN.finditer(text):
            if token.start() != at:
                sys.exit(f"a terminal's sequence that is not known here: {text[at:at + 20]!r}")
            at = token.end()
            parameters, command, control, plain = token.groups()
            if plain:
                self.write(plain)
            elif control == "\r":
                self.column = 0
            elif control == "\n":
                self.down()
            else:
                self.obey(parameters, command)

    def down(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append([])

    def write(self, text):
        for character in text:
            if self.column == COLUMNS:
                self.down()
                self.column = 0
            line = self.lines[self.row]
            line.extend(" " * (self.column + 1 - len(line)))
            line[self.column] = character
            self.column += 2 if unicodedata.east_asian_width(character) in "WF" else 1

    def obey(self, parameters, command):
        count = int(parameters) if parameters.isdigit() else 1
        if command == "A":
            self.row = max(0, self.row - count)
        elif command == "B":
            self.row = min(len(self.lines) - 1, self.row + count)
        elif command == "K":
            whole = parameters == "2"
            del self.lines[self.row][0 if whole else self.column:]
        elif command == "J":
            del self.lines[self.row][self.column:]
            del self.lines[self.row + 1:]
        elif command not in "mhl":  # Colours, and whether the cursor is shown.
            sys.exit(f"a terminal's sequence that is not known here: {parameters}{command}")

    def text(self):
        lines = ["".join(line).rstrip() for line in self.lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines


def shortened(lines):
    """The beginning and the end, with what lies between counted."""
    left_out = len(lines) - HEAD - TAIL
    if left_out < 2:
        return lines
    return lines[:HEAD] + [f"⋮ {left_out} more lines of the report"] + lines[-TAIL:]


def kind(line):
    """The class by which a line is coloured."""
    if line.startswith("$ "):
        return "prompt"
    if line.startswith(("#", "**")):
        return "head"
    if "✓" in line:
        return "good"
    if line.startswith(("⋮", "look closer", "      ", "run ")):
        return "dim"
    return "plain"


STYLE = """
  svg { --back: #ffffff; --frame: #d0d7de; --plain: #1f2328; --dim: #59636e; --good: #1a7f37; --head: #0550ae }
  @media (prefers-color-scheme: dark) {
    svg { --back: #0d1117; --frame: #3d444d; --plain: #f0f6fc; --dim: #9198a1; --good: #3fb950; --head: #79c0ff }
  }
  rect { fill: var(--back); stroke: var(--frame) }
  circle { fill: var(--frame) }
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }
  .plain { fill: var(--plain) } .prompt, .head { fill: var(--head); font-weight: 600 }
  .dim { fill: var(--dim) } .good { fill: var(--good) }
"""


def svg(lines):
    width = round(2 * MARGIN + COLUMNS * CHARACTER)
    height = BAR + 2 * MARGIN + ROW_HEIGHT * len(lines)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        "<title>A terminal session: menagerie demo</title>",
        f"<style>{STYLE}</style>",
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
    ]
    drawn += [f'<circle cx="{MARGIN + 6 + 20 * dot}" cy="{BAR / 2 + 4:g}" r="5.5"/>' for dot in range(3)]
    for number, line in enumerate(lines):
        y = BAR + MARGIN + ROW_HEIGHT * number + 12
        if line:
            # The length keeps columns where they are, whichever font there is.
            cells = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
            drawn.append(
                f'<text x="{MARGIN}" y="{y}" class="{kind(line)}" textLength="{cells * CHARACTER:.1f}"'
                f' xml:space="preserve">{html.escape(line)}</text>'
            )
    return "\n".join(drawn + ["</svg>", ""])


def main():
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} PROGRAM PICTURE.svg")
    program, picture = sys.argv[1:]
    with tempfile.TemporaryDirectory() as store:
        written = record(program, store)
    screen = Screen()
    screen.feed(written)
    with open(picture, "w", encoding="utf-8") as file:
        file.write(svg(["$ menagerie demo", *shortened(screen.text())]))


if __name__ == "__main__":
    main()
