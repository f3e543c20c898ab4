# ruff: noqa: INP001 - a script, not a module of a package
"""Makes docs/pictures/session.svg, the README's picture, from a real session: `make run` in a window of 100 columns.

    .venv/bin/python scripts/picture.py

A person types a task, waits until nothing but her reply is awaited, and types it. What the window shows is drawn as an SVG that
needs no font and no address. The same code gives the same picture: the demo's agents are scripted, the window's time zone is
chosen so that the session begins at 10:00, and the passages in `LEFT_OUT` are named by their words.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import groupby
from pathlib import Path

import pyte
from pyte.screens import Char
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "pictures" / "session.svg"

COLUMNS, LINES = 100, 50
PATIENCE = 120.0
"""Seconds until something that does not come is given up. The first start of all builds `.venv`."""

PERSON, TASK, REPLY = "ana", "Do we release 2.0 on Friday?", "2, and tell the customers today"
FIRST, LAST = f"> {TASK}", "Run 1 finished"
"""The lines with which the picture begins and ends."""

LEFT_OUT = (("run 1 │ Run 1 is working ·", "run 1 │ operator: Votes for"),)
"""What stands between two lines that begin so: it is said elsewhere in the picture, or tells nothing new."""

SETTINGS = ("DISCORD_TOKEN", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET")
KEYS = ("XAI_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "TOWNHALL_TEAM_FILE", "NO_COLOR")

SVG = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>A session of Townhall in a terminal</title>
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }}
.{unique_id}-title {{ font: bold 18px system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


# The window ---------------------------------------------------------------------------------------------------------------


class Emulator(pyte.HistoryScreen):
    """A terminal that answers what it is asked. It knows no faint text, so blinking, which nobody here uses, stands for it."""

    def __init__(self, master: int) -> None:
        super().__init__(COLUMNS, LINES, history=2000)
        self._master = master

    def write_process_input(self, data: str) -> None:
        """Answer a question such as where the cursor is."""
        os.write(self._master, data.encode())

    def select_graphic_rendition(self, *attrs: int, **rest: bool) -> None:
        """Take 2 (faint) for 5 (blinking), except among the numbers of a colour."""
        faint = attrs[:1] != (38,) and attrs[:1] != (48,)
        super().select_graphic_rendition(*(5 if attr == 2 and faint else attr for attr in attrs), **rest)

    def rows(self) -> list[list[Char]]:
        """Every row, from the first that was scrolled away to the last."""
        rows = [*self.history.top, *(self.buffer[number] for number in range(self.lines))]
        return [[row[column] for column in range(self.columns)] for row in rows]


class Window:
    """A pseudo-terminal with `make run` in it."""

    def __init__(self, data: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self._emulator = Emulator(self._master)
        self._stream = pyte.ByteStream(self._emulator)
        environ = {**os.environ, **dict.fromkeys((*SETTINGS, *KEYS), ""), "TERM": "xterm-256color", "TZ": zone_where_it_is(10)}
        environ |= {"TOWNHALL_DATA": data, "LOGNAME": PERSON}
        self._process = subprocess.Popen(
            ["make", "run"], cwd=ROOT, env=environ, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)

    def enter(self, line: str) -> None:
        """Type a line."""
        os.write(self._master, f"{line}\r".encode())

    def until(self, words: str) -> list[list[Char]]:
        """Wait for words and return all rows.

        Raises:
            TimeoutError: they never came; the text says what stands there instead.
        """
        end = time.monotonic() + PATIENCE
        while not any(words in shown(row) for row in self._emulator.rows()):
            readable, _, _ = select.select([self._master], [], [], max(0.0, end - time.monotonic()))
            if not readable:
                raise TimeoutError(f"never seen: {words!r}\n" + "\n".join(map(shown, self._emulator.rows())))
            self._stream.feed(os.read(self._master, 65536))
        return self._emulator.rows()

    def close(self) -> None:
        """Leave, and wait until the bot has gone."""
        self.enter("/quit")
        self._process.wait(PATIENCE)
        os.close(self._master)


def zone_where_it_is(hour: int) -> str:
    """A time zone (POSIX: `<name>offset`, counted westwards) in which a new hour, this one, begins now."""
    now = time.gmtime()
    west = (now.tm_hour - hour) * 3600 + now.tm_min * 60 + now.tm_sec
    sign, size = ("-" if west < 0 else ""), abs(west)
    return f"<here>{sign}{size // 3600}:{size // 60 % 60:02}:{size % 60:02}"


def shown(row: Sequence[Char]) -> str:
    """The text of a row."""
    return "".join(char.data for char in row).rstrip()


# The picture --------------------------------------------------------------------------------------------------------------


def play() -> list[list[Char]]:
    """The rows of the whole session."""
    with tempfile.TemporaryDirectory() as data:
        window = Window(data)
        try:
            window.until("Type a task · /help")
            window.enter(TASK)
            window.until("Run 1 is waiting for people")
            window.enter(REPLY)
            return window.until(LAST)
        finally:
            window.close()


def cropped(rows: Sequence[Sequence[Char]]) -> Iterator[Text]:
    """The lines that tell the story, with a mark where something was left out."""
    at = place(rows, FIRST)
    for before, after in LEFT_OUT:
        cut = place(rows, before, at) + 1
        yield from map(line, rows[at:cut])
        yield Text(f"{shown(rows[cut]).partition('│')[0]}│ …", style=Style(dim=True))
        at = place(rows, after, cut)
    yield from map(line, rows[at : place(rows, f"run 1 │ {LAST}", at) + 1])


def place(rows: Sequence[Sequence[Char]], beginning: str, first: int = 0) -> int:
    """Index of the next row that begins so, from row `first` on.

    Raises:
        ValueError: there is none: the demo says something else now, and `LEFT_OUT` has to follow.
    """
    found = next((number for number in range(first, len(rows)) if shown(rows[number]).startswith(beginning)), None)
    if found is None:
        raise ValueError(f"no line of the session begins with {beginning!r}")
    return found


def line(row: Sequence[Char]) -> Text:
    """A row with its styles."""
    text = Text()
    for look, chars in groupby(row[: len(shown(row))], key=style):
        text.append("".join(char.data for char in chars), look)
    return text


def style(char: Char) -> Style:
    """Style of a character."""
    colour = {"brown": "yellow"}.get(char.fg, char.fg).replace("bright", "bright_")
    return Style(color=colour, bold=char.bold, italic=char.italics, dim=char.blink)


def draw(lines: Sequence[Text]) -> str:
    """The lines as an SVG."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), legacy_windows=False, force_terminal=True)
    for line in lines:
        console.print(line, no_wrap=True, overflow="ignore", crop=False, highlight=False)
    return console.export_svg(title="make run", theme=SVG_EXPORT_THEME, code_format=SVG, unique_id="session")


if __name__ == "__main__":
    PICTURE.write_text(draw(list(cropped(play()))), encoding="utf-8")
    sys.stdout.write(f"{PICTURE.relative_to(ROOT)} is made\n")
