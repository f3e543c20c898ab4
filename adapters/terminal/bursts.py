"""Keys that come faster than anybody types are a paste, also where the terminal does not say so (no bracketed paste).

Several lines in one burst are one entry: without this each line would be sent by itself, as a task or as an answer. They wait in
the line for Enter, as a paste does that the terminal marks. Many characters are taken as the chunks in which they were read: key
by key, 60,000 keep the line busy for half a minute, since each is inserted into a longer text.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TextIO

from prompt_toolkit.input import Input
from prompt_toolkit.input.defaults import create_input
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

MIN_BURST = 100
"""Characters in one read that are more than a person types or a held key repeats."""
MAX_KEYS = 65_536
"""Keys that are taken together at most, so that an endless stream is shown as it comes."""

_BREAKS = frozenset({Keys.ControlM, Keys.ControlJ})
_TEXT = {Keys.ControlM: "\n", Keys.ControlJ: "\n", Keys.ControlI: "\t"}
"""Keys that are text where they stand in a paste: Enter, and Tab."""


def merge_bursts(keys: Sequence[KeyPress]) -> Iterator[KeyPress]:
    """The same keys, with every burst of text made one paste."""
    for textual, run in groupby(keys, key=_is_text):
        burst = list(run)
        if textual and (_lines(burst) > 1 or len(burst) >= MIN_BURST):
            yield from _as_paste(burst)
        else:
            yield from burst


def _is_text(press: KeyPress) -> bool:
    return not isinstance(press.key, Keys) or press.key in _TEXT


def _lines(burst: Sequence[KeyPress]) -> int:
    """How many lines have text in them."""
    return sum(1 for ends, _ in groupby(burst, key=lambda press: press.key in _BREAKS) if not ends)


def _as_paste(burst: Sequence[KeyPress]) -> Iterator[KeyPress]:
    """One paste, and the Enter behind a single line: several lines wait for an Enter of their own."""
    text = "".join(_TEXT[press.key] if isinstance(press.key, Keys) else press.data for press in burst)
    yield KeyPress(Keys.BracketedPaste, text.rstrip("\n"))
    if burst[-1].key in _BREAKS and _lines(burst) == 1:
        yield burst[-1]


def open_keyboard(stdin: TextIO) -> Input:
    """The keys of a terminal, bursts bundled where the platform's terminals need it."""
    return create_input(stdin) if sys.platform == "win32" else _Keyboard(stdin)


if sys.platform != "win32":
    from prompt_toolkit.input.vt100 import Vt100Input

    class _Keyboard(Vt100Input):
        def read_keys(self) -> list[KeyPress]:
            keys = super().read_keys()
            while not self.closed and len(keys) < MAX_KEYS and self._more():
                keys += super().read_keys()
            return list(merge_bursts(keys))

        def _more(self) -> bool:
            """Whether there is more to read at once: a paste comes in several pieces."""
            return bool(select.select([self.fileno()], [], [], 0)[0])
