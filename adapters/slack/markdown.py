"""Text that is not ours, made harmless for Slack: it can mention nobody, hide no address, and bring no blocks of its own.

Slack acts on what stands between `<` and `>`: `<@U1>`, `<!channel>`, `<https://a|b>`. With those two and `&` escaped, nothing is
left to act on (the names of `parse=none` are not linked). In blocks of type `markdown` a link can hide where it leads, so its
two halves are pulled apart there: `[label](address)` becomes `[label] (address)`, which every Markdown parser shows as it stands.
Code is left as it was written; what counts as code is only what stands between fences that we write ourselves.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from adapters.slack.workspace import PLATFORM
from orchestrator_bridge.chat.inbound import Author, Group
from orchestrator_bridge.common.text import clean, one_line

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


_PERSON = re.compile(r"[UW][A-Z0-9]{1,20}")
_GROUP = re.compile(r"S[A-Z0-9]{1,20}")


def mentions(people: Iterable[Author], groups: Iterable[Group] = ()) -> str:
    """Those to notify, as Slack notifies them; ids of another platform or form are left out."""
    named = [f"<@{one.id}>" for one in people if one.platform == PLATFORM and _PERSON.fullmatch(one.id)]
    named += [f"<!subteam^{one.id}>" for one in groups if one.platform == PLATFORM and _GROUP.fullmatch(one.id)]
    return " ".join(dict.fromkeys(named))


# A long text in messages that Slack takes: at paragraphs, at lines, at words, and never through a fence.
#
# The source of the limits: Slack's reference of the block `markdown` (12,000 characters in all such blocks of a message). A
# little
# is left for what else stands in the message.


MAX_BLOCK = 11_500
"""Characters of Markdown in one message."""

_BOUNDARIES = ("\n\n", "\n", ". ", " ")
"""Where to cut, best first."""


def split_messages(pieces: Sequence[MarkdownPiece], limit: int = MAX_BLOCK) -> list[str]:
    """Pieces of Markdown as the texts of messages, each of at most `limit` characters.

    Raises:
        ValueError: the limit is too small to hold a fence.
    """
    if limit < 100:
        raise ValueError(f"messages of {limit} characters; expected at least 100")
    made: list[str] = []
    for part in (part for piece in pieces for part in _split_piece(piece, limit)):
        if made and len(made[-1]) + 2 + len(part) <= limit:
            made[-1] = f"{made[-1]}\n\n{part}"
        else:
            made.append(part)
    return made


def _split_piece(piece: MarkdownPiece, limit: int) -> Iterator[str]:
    frame = len(render_piece(piece, ""))
    for text in split_text(piece.text if piece.code else piece.text.strip("\n"), limit - frame, keep_blanks=piece.code):
        yield render_piece(piece, text)


def split_text(text: str, limit: int, *, keep_blanks: bool = False) -> Iterator[str]:
    """A text in stretches of at most `limit` characters. With `keep_blanks` only a line's end is lost at a border."""
    while len(text) > limit:
        end = _find_boundary(text, limit, ("\n",) if keep_blanks else _BOUNDARIES)
        yield text[:end].rstrip("\n") if keep_blanks else text[:end].rstrip()
        text = text[end:].removeprefix("\n") if keep_blanks else text[end:].lstrip("\n ")
    yield text


def _find_boundary(text: str, limit: int, borders: Sequence[str]) -> int:
    """Where to end a stretch: at the best border that is not too far back, else where it is full, but through no entity."""
    for border in borders:
        found = text.rfind(border, 0, limit)
        if found > limit // 3:
            return found + len(border.rstrip())
    entity = text.rfind("&", limit - 8, limit)
    return entity if entity > 0 and ";" in text[entity : entity + 8] and ";" not in text[entity:limit] else limit


_SLASH = re.compile(r"(?<![\w/:.])/(?=(?:ask|models?|team|runs|questions|cancel|cost|help)\b)")


def localise_commands(text: str) -> str:
    """The bridge's words with commands as they are typed here: `/runs` is `/townhall runs`."""
    return _SLASH.sub("/townhall ", text)
