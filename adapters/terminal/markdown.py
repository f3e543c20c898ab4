"""What agents write is Markdown: rendered where the screen knows styles, left as it was written in a pipe."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import RenderableType
from rich.markdown import Markdown
from rich.text import Text

from adapters.terminal.paint import Page


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
