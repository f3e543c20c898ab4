"""Paints renderables as text: wrapped to the width, each line with its thread's label, without control characters.

Everything the terminal shows passes through `paint`. Posts are cleaned when they arrive; the rendered text is cleaned once more,
because a Markdown entity (`&#8238;`) can produce a control character that the source did not contain.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
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
"""Columns below which labels are shortened: a terminal on a phone has 30 to 40."""
_MIN_WIDTH = 12
"""Columns that a text gets even if the label leaves fewer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Abilities of the screen: width in columns, styles, colours, encoding."""

    width: int
    styled: bool = False
    coloured: bool = False
    encoding: str = "utf-8"

    @property
    def narrow(self) -> bool:
        """True if labels are shortened."""
        return self.width < NARROW_WIDTH


def paint(parts: Iterable[RenderableType], page: Page, thread: str | None = None) -> str:
    """Paint `parts` as lines of text, labelled with `thread`."""
    label = _label(thread, page)
    file = io.StringIO()
    console = _console(page, max(_MIN_WIDTH, page.width - cell_len(label)), file)
    for part in parts:
        segments = (Segment(clean(text), style) for text, style, control in console.render(part) if not control)
        # Markdown may begin with an empty line, which is left out.
        console.print(Segments(dropwhile(lambda segment: segment.text == "\n", segments)))
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


def render_markdown(text: str, page: Page, speaker: str = "") -> list[RenderableType]:
    """Render Markdown after the speaker's name: on the first line if that is a paragraph, else on a line of its own."""
    if not page.styled:
        return [Text(f"{speaker}: {text}".strip("\n") if speaker else text.strip("\n"))]
    # HTML is off, because models write `List<int>` and mean text.
    tokens = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).parse(text)
    if not speaker:
        return [_with_visible_links(tokens)]
    if tokens and tokens[0].type == "paragraph_open" and tokens[1].children is not None:
        name = Token("text", "", 0, content=f"{speaker}: ")
        bold = [Token("strong_open", "strong", 1), name, Token("strong_close", "strong", -1)]
        tokens[1].children = [*bold, *tokens[1].children]
        return [_with_visible_links(tokens)]
    return [Text(f"{speaker}:", style="bold"), _with_visible_links(tokens)]


def _with_visible_links(tokens: list[Token]) -> Markdown:
    """Markdown that prints the address of each link after its label."""
    markdown = Markdown("", hyperlinks=False, code_theme="ansi_dark")
    markdown.parsed = tokens
    return markdown


_Value = TypeVar("_Value")


def strip_control_characters(value: _Value) -> _Value:
    """Clean every text in `value`, also within dataclasses and tuples."""
    cleaned: Any = value
    if isinstance(value, str):
        cleaned = clean(value)
    elif isinstance(value, tuple):
        cleaned = tuple(strip_control_characters(item) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        cleaned = replace(value, **{field.name: strip_control_characters(getattr(value, field.name)) for field in fields(value)})
    return cleaned  # type: ignore[no-any-return]  # each branch keeps the type; mypy cannot follow that
