"""What a terminal is made of below its words: somewhere to show text, and entries that come in. `prompt` and `pipe` are two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TextIO

from adapters.terminal.paint import Page

ToolbarLines = Callable[[int], list[str]]
"""The lines under the input, for a width in columns."""
_DUMB = frozenset({"dumb", "unknown"})


class Frontend(Protocol):
    """One way to show text and to take entries. `keyboard`: a person types there, so the end of input means that she leaves."""

    keyboard: bool

    def page(self) -> Page:
        """What the screen can show just now."""
        ...

    async def open(self) -> None:
        """Begin to take entries."""
        ...

    async def show(self, text: str) -> None:
        """Write whole lines.

        Raises:
            OSError: they could not be written.
        """
        ...

    async def next_entry(self) -> str | None:
        """The next entry, or None when there will be no more."""
        ...

    async def return_entry(self, entry: str) -> None:
        """Return an entry that was not taken, for the person to mend."""
        ...

    def refresh(self) -> None:
        """What stands under the input has changed."""
        ...

    async def close(self) -> None:
        """Take no more entries and leave the screen as it was found."""
        ...


def supports_keys(stdin: TextIO | None, screen: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether an input line with history, pasting and a toolbar is possible here."""
    return stdin is not None and stdin.isatty() and screen.isatty() and not _is_dumb(environ)


def supports_styles(screen: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the screen understands bold, dim and the like."""
    return screen.isatty() and not _is_dumb(environ)


def supports_colours(screen: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether colours are possible and wanted (https://no-color.org)."""
    return supports_styles(screen, environ) and not environ.get("NO_COLOR")


def _is_dumb(environ: Mapping[str, str]) -> bool:
    return environ.get("TERM", "").lower() in _DUMB
