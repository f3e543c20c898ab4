"""Text that is not ours, made harmless for Slack: it can mention nobody, hide no address, and bring no blocks of its own.

Slack acts on what stands between `<` and `>`: `<@U1>`, `<!channel>`, `<https://a|b>`. With those two and `&` escaped, nothing is
left to act on (the names of `parse=none` are not linked). In blocks of type `markdown` a link can hide where it leads, so its
two halves are pulled apart there: `[label](address)` becomes `[label] (address)`, which every Markdown parser shows as it stands.
Code is left as it was written; what counts as code is only what stands between fences that we write ourselves.
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


def safe_markdown(text: str) -> list[MarkdownPiece]:
    """A model's Markdown as pieces that are safe in a block of type `markdown`; `fenced` writes code out again."""
    return [_safe_piece(piece) for piece in parse_markdown(clean(text)) if piece.text.strip() or piece.code]


def _safe_piece(piece: MarkdownPiece) -> MarkdownPiece:
    text = _escape_control_characters(piece.text).replace("```", f"`{_JOINER}``")
    return MarkdownPiece(text, True, piece.language) if piece.code else MarkdownPiece(_restore_quotes(_expand_links(text)))


def _expand_links(text: str) -> str:
    """Prose in which no link has a label: not inline, not by reference, and no picture either."""
    return text.replace("](", "] (").replace("]:", "] :").replace("][", "] [")


def _restore_quotes(text: str) -> str:
    """Quotations, whose `>` at a line's beginning is no control character, as the writer meant them."""
    return re.sub(r"^(?: {0,3}&gt; ?)+", lambda found: found[0].replace("&gt;", ">"), text, flags=re.MULTILINE)


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


def split_messages(pieces: Iterable[MarkdownPiece], limit: int = MAX_BLOCK) -> list[str]:
    """The texts of the messages that pieces of Markdown take, each of at most `limit` characters; none for no text."""
    return list(filter(None, split_markdown(pieces, MessageLimits(characters=limit))))


_SLASH = re.compile(r"(?<![\w/:.])/(?=(?:ask|models?|team|runs|questions|cancel|cost|help)\b)")


def localise_commands(text: str) -> str:
    """The bridge's words with commands as they are typed here: `/runs` is `/townhall runs`."""
    return _SLASH.sub("/townhall ", text)
