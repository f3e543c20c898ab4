"""Keys that come faster than anybody types are a paste, also where the terminal does not say so (no bracketed paste).

Taken key by key, 60,000 characters keep the line busy for half a minute, since each is inserted into a longer text. Taken as
the chunks in which they were read, they take no noticeable time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TextIO

from prompt_toolkit.input import Input
from prompt_toolkit.input.defaults import create_input
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

BURST = 100
"""Characters in one read that are more than a person types or a held key repeats."""


def bundled(keys: Sequence[KeyPress]) -> Iterator[KeyPress]:
    """The same keys, with every burst of plain characters made one paste."""
    for plain, run in groupby(keys, key=_is_plain):
        burst = list(run)
        if plain and len(burst) >= BURST:
            yield KeyPress(Keys.BracketedPaste, "".join(key.data for key in burst))
        else:
            yield from burst


def _is_plain(press: KeyPress) -> bool:
    return not isinstance(press.key, Keys)


def keyboard(stdin: TextIO) -> Input:
    """The keys of a terminal, bursts bundled where the platform's terminals need it."""
    return create_input(stdin) if sys.platform == "win32" else _Keyboard(stdin)


if sys.platform != "win32":
    from prompt_toolkit.input.vt100 import Vt100Input

    class _Keyboard(Vt100Input):
        def read_keys(self) -> list[KeyPress]:
            return list(bundled(super().read_keys()))
