"""Text of people and models, made safe for Slack: it mentions nobody, disguises no link and creates no blocks.

Slack interprets what stands between `<` and `>`: `<@U1>`, `<!channel>`, `<https://a|b>`. With these two and `&` escaped, nothing
is left to interpret (with `parse=none`, names are not linked either). In blocks of type `markdown` a link could hide its address,
so it is broken up: `[label](address)` becomes `[label] (address)`, which every Markdown parser shows literally. Code stays as it
is; only lines between fences that we write ourselves count as code.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from adapters.slack.workspace import PLATFORM
from orchestrator_bridge.chat.inbound import Author, Group
from orchestrator_bridge.common.markdown import MarkdownPiece, MessageLimits, parse_markdown, split_markdown
from orchestrator_bridge.common.text import clean, one_line

_ENTITY = re.compile(r"&(?:#\d{1,8}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_STYLE = re.compile(r"([*~`]|(?<!\w)_|_(?!\w))")
_QUOTATION = re.compile(r"^(?: {0,3}&gt; ?)+", re.MULTILINE)
_JOINER = "\u2060"
"""The word joiner, an invisible character: next to a style mark it keeps the mark from taking effect."""

_PERSON = re.compile(r"[UW][A-Z0-9]{1,20}")
_GROUP = re.compile(r"S[A-Z0-9]{1,20}")

MAX_BLOCK = 9_000
"""Characters of Markdown in one message. Slack allows 12,000 in all blocks of type `markdown` of a message (its block reference),
and about 13,200 in all blocks after it has expanded them (slackapi/bolt-js issue 2509)."""

MAX_ELEMENTS = 35
"""Elements of Markdown in one message. Slack makes at least a block of each, and allows 50 in a message."""

_SLASH = re.compile(r"(?<=`)/(?=(?:ask|models?|team|runs|questions|cancel|finish|cost|help)\b)")
"""The slash of a command in backticks. Elsewhere it may be in somebody's own words, which stay as they are."""


def plain_text(text: str) -> str:
    """Text for a `plain_text` object: only hiding characters are removed."""
    return clean(text)


def escape_mrkdwn(text: str) -> str:
    """Text for `mrkdwn`, in which the writer's `*bold*` and `_italics_` still work."""
    return _escape_control_characters(clean(text))


def escape_line(text: str, limit: int | None = None) -> str:
    """A name, label or number: one line of `mrkdwn` without styles; at most `limit` characters of the text."""
    line = one_line(text, limit if limit is not None else len(text) + 1)
    return _STYLE.sub(rf"{_JOINER}\1{_JOINER}", _escape_control_characters(line))


def _escape_control_characters(text: str) -> str:
    """Escape Slack's three control characters. Entities in the text are resolved first: the writer meant what they show."""
    shown = clean(_ENTITY.sub(lambda found: html.unescape(found[0]), text))
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def safe_markdown(text: str) -> list[MarkdownPiece]:
    """A model's Markdown as pieces that are safe in a block of type `markdown`."""
    return [_safe_piece(piece) for piece in parse_markdown(clean(text)) if piece.text.strip() or piece.code]


def _safe_piece(piece: MarkdownPiece) -> MarkdownPiece:
    # Three backticks inside a piece would end its block of code, or begin one in prose, and shift what counts as code.
    text = _escape_control_characters(piece.text).replace("```", f"`{_JOINER}``")
    if piece.code:
        return MarkdownPiece(text, True, piece.language)
    # A label can hide the target of a link, inline or by reference; images are links too.
    text = text.replace("](", "] (").replace("]:", "] :").replace("][", "] [")
    # A `>` at the beginning of a line is a quotation, no control character.
    return MarkdownPiece(_QUOTATION.sub(lambda found: found[0].replace("&gt;", ">"), text))


def mentions(people: Iterable[Author], groups: Iterable[Group] = ()) -> str:
    """Mentions that notify these people and groups; ids of another platform or form are left out."""
    found = [f"<@{person.id}>" for person in people if person.platform == PLATFORM and _PERSON.fullmatch(person.id)]
    found += [f"<!subteam^{group.id}>" for group in groups if group.platform == PLATFORM and _GROUP.fullmatch(group.id)]
    return " ".join(dict.fromkeys(found))


def split_messages(pieces: Iterable[MarkdownPiece], limit: int = MAX_BLOCK) -> list[str]:
    """The texts of the messages that pieces of Markdown take, each of at most `limit` characters; none for no text."""
    return list(filter(None, split_markdown(pieces, MessageLimits(characters=limit, elements=MAX_ELEMENTS))))


def localise_commands(text: str) -> str:
    """Text of the bridge with commands as they are typed on Slack: `/runs` becomes `/townhall runs`, except in quoted lines."""
    lines = text.split("\n")
    return "\n".join(line if line.startswith(">") else _SLASH.sub("/townhall ", line) for line in lines)
