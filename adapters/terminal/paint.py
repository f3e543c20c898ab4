"""From renderables to the text that is written: wrapped to the width, each line under its thread's label, and clean.

Everything the terminal shows goes through `paint`. Texts are cleaned when they come in; here every piece is cleaned once more,
because Markdown can name a character (`&#8238;`) that was not there before.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import dropwhile
from typing import Any, TypeVar

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.markdown import Markdown
from rich.segment import Segment, Segments
from rich.text import Text

from orchestrator_bridge.common.text import clean

NARROW_WIDTH = 60
"""Columns below which labels are short: a phone's terminal has 30 to 40."""
_MIN_WIDTH = 12
"""Columns that a text gets even where the label leaves fewer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What the screen can show: columns, whether it knows styles and colours, and its encoding."""

    width: int
    styled: bool = False
    coloured: bool = False
    encoding: str = "utf-8"

    @property
    def narrow(self) -> bool:
        """Labels have to be short."""
        return self.width < NARROW_WIDTH


def paint(parts: Iterable[RenderableType], page: Page, thread: str | None = None) -> str:
    """The lines of `parts` as one text, ready to be written; `thread` is the thread that they stand in."""
    label = _label(thread, page)
    file = io.StringIO()
    console = _console(page, max(_MIN_WIDTH, page.width - cell_len(label)), file)
    for part in parts:
        console.print(Segments(dropwhile(_is_break, _clean(console.render(part)))))
    lines = file.getvalue().removesuffix("\n").split("\n")
    if page.styled and label:
        label = f"\x1b[2m{label}\x1b[0m"
    text = "".join(f"{label}{line.rstrip(' ')}".rstrip(" ") + "\n" for line in lines)
    return text.encode(page.encoding, "replace").decode(page.encoding)


def _label(thread: str | None, page: Page) -> str:
    if thread is None:
        return ""
    kind, _, number = thread.rpartition("-")
    bar = "│" if page.encoding.lower().startswith("utf") else "|"
    if page.narrow:
        return f"{'#' if kind == 'question' else 'r'}{number}{bar} "
    return f"{kind} {number} {bar} "


def _console(page: Page, width: int, file: io.StringIO) -> Console:
    return Console(
        file=file,
        width=width,
        height=100,
        force_terminal=page.styled,
        color_system="standard" if page.styled else None,
        no_color=not page.coloured,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )


def _is_break(segment: Segment) -> bool:
    """Some Markdown begins with an empty line, which nobody needs below another line."""
    return segment.text == "\n"


def _clean(segments: Iterable[Segment]) -> Iterator[Segment]:
    for text, style, control in segments:
        if not control:
            yield Segment(clean(text), style)


def render_markdown(text: str, page: Page, speaker: str = "") -> list[RenderableType]:
    """The text, after the speaker's name if there is one: in its first line where that is prose, else in a line of its own."""
    if not page.styled:
        return [Text(f"{speaker}: {text}".strip("\n") if speaker else text.strip("\n"))]
    tokens = _parsed(text)
    if not speaker:
        return [_with_visible_links(tokens)]
    if tokens and tokens[0].type == "paragraph_open" and tokens[1].children is not None:
        tokens[1].children = [*_bold(f"{speaker}: "), *tokens[1].children]
        return [_with_visible_links(tokens)]
    return [Text(f"{speaker}:", style="bold"), _with_visible_links(tokens)]


def _parsed(text: str) -> list[Token]:
    """What looks like HTML is text: models write `List<int>`."""
    return MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).parse(text)


def _with_visible_links(tokens: list[Token]) -> Markdown:
    """With addresses in sight instead of behind labels."""
    made = Markdown("", hyperlinks=False, code_theme="ansi_dark")
    made.parsed = tokens
    return made


def _bold(text: str) -> list[Token]:
    return [Token("strong_open", "strong", 1), Token("text", "", 0, content=text), Token("strong_close", "strong", -1)]


_Value = TypeVar("_Value")


def strip_control_characters(value: _Value) -> _Value:
    """`value` with every text in it cleaned; dataclasses and tuples are gone through."""
    made: Any = value
    if isinstance(value, str):
        made = clean(value)
    elif isinstance(value, tuple):
        made = tuple(strip_control_characters(item) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        made = replace(value, **{field.name: strip_control_characters(getattr(value, field.name)) for field in fields(value)})
    return made  # type: ignore[no-any-return]  # each branch keeps the type; mypy cannot follow that
