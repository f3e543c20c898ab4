"""Text that is not ours, made harmless for Slack: it can mention nobody, hide no address, and bring no blocks of its own.

Slack acts on what stands between `<` and `>`: `<@U1>`, `<!channel>`, `<https://a|b>`. With those two and `&` escaped, nothing is
left to act on (the names of `parse=none` are not linked). In blocks of type `markdown` a link can hide where it leads, so its
two halves are pulled apart there: `[label](address)` becomes `[label] (address)`, which every Markdown parser shows as it stands.
Code is left as it was written; what counts as code is only what stands between fences that we write ourselves.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator_bridge.text import clean, one_line

_FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})([^\n`]*)$")
_LANGUAGE = re.compile(r"[\w+#.-]{1,20}")
_ENTITY = re.compile(r"&(?:#\d{1,8}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_STYLE = re.compile(r"([*~`]|(?<!\w)_|_(?!\w))")
_JOINER = "\u2060"
"""The word joiner: takes no room, and keeps a character from being the end of a mark of style."""


def plain_text(text: str) -> str:
    """Text for a `plain_text` object, where only what hides is taken out."""
    return clean(text)


def escape_mrkdwn(text: str) -> str:
    """Text for `mrkdwn`, with the writer's own `*bold*` and `_italics_` left to work."""
    return _escape_control_characters(clean(text))


def escape_line(text: str, limit: int | None = None) -> str:
    """A name, a label, a number: one line of `mrkdwn` in which nothing is styled; at most `limit` characters of the text."""
    line = one_line(text, limit if limit is not None else len(text) + 1)
    return _STYLE.sub(rf"{_JOINER}\1{_JOINER}", _escape_control_characters(line))


def _escape_control_characters(text: str) -> str:
    """Slack's three control characters. Entities that the writer typed are resolved first: what they show is what was meant."""
    shown = clean(_ENTITY.sub(lambda found: html.unescape(found[0]), text))
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# Markdown -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MarkdownPiece:
    """A stretch of Markdown: prose, or the lines between two fences with the language that they name."""

    text: str
    code: bool = False
    language: str = ""


def safe_markdown(text: str) -> list[MarkdownPiece]:
    """A model's Markdown as pieces that are safe in a block of type `markdown`; `fenced` writes code out again."""
    return [_safe_piece(piece) for piece in _parse_pieces(clean(text)) if piece.text.strip() or piece.code]


def _safe_piece(piece: MarkdownPiece) -> MarkdownPiece:
    text = _escape_control_characters(piece.text).replace("```", f"`{_JOINER}``")
    return MarkdownPiece(text, True, piece.language) if piece.code else MarkdownPiece(_restore_quotes(_expand_links(text)))


def _expand_links(text: str) -> str:
    """Prose in which no link has a label: not inline, not by reference, and no picture either."""
    return text.replace("](", "] (").replace("]:", "] :").replace("][", "] [")


def _restore_quotes(text: str) -> str:
    """Quotations, whose `>` at a line's beginning is no control character, as the writer meant them."""
    return re.sub(r"^(?: {0,3}&gt; ?)+", lambda found: found[0].replace("&gt;", ">"), text, flags=re.MULTILINE)


def render_piece(piece: MarkdownPiece, lines: str | None = None) -> str:
    """A piece as it goes into a block, or some of a piece of code's lines."""
    body = piece.text if lines is None else lines
    return f"```{piece.language}\n{body}\n```" if piece.code else body


def _parse_pieces(text: str) -> Iterator[MarkdownPiece]:
    """Prose and fenced code in turn. A fence that nobody closes ends with the text, as in CommonMark.

    A fence may stand in a list, at any indentation; its code loses that indentation, since we write it out at the margin.
    """
    lines: list[str] = []
    indent, fence, language = "", "", ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if not fence and found:
            yield MarkdownPiece("\n".join(lines))
            lines, indent, fence, language = [], found[1], found[2], _language(found[3])
        elif fence and found and found[2].startswith(fence) and not found[3].strip():
            yield MarkdownPiece("\n".join(lines), True, language)
            lines, fence = [], ""
        else:
            lines.append(line.removeprefix(indent) if fence else line)
    yield MarkdownPiece("\n".join(lines), bool(fence), language if fence else "")


def _language(info: str) -> str:
    found = _LANGUAGE.match(info.strip())
    return found[0] if found else ""
