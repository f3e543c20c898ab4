"""Text of people and models as Discord shows it: nothing in it notifies anybody or disguises a link, and every part fits.

Three safeguards stand behind one another. `allowed_mentions` of each message names those whom it may notify, which alone keeps
everybody else from being notified. Text that looks like a mention is broken up here as well, so that nobody is misled by one.
And `clean` removes characters that hide or disguise.
"""

from __future__ import annotations

import re

import discord

from orchestrator_bridge.common import markdown
from orchestrator_bridge.common.markdown import MessageLimits
from orchestrator_bridge.common.text import clean, shorten

MAX_CHARACTERS = 1900
"""Characters of one part; Discord allows 2,000 in a message, and the rest is for what surrounds the part."""

MAX_LINES = 80
"""Lines of one part: about four screens of a phone."""

_ZERO_WIDTH_SPACE = "\u200b"
"""Placed after an @ or a <, it leaves the text readable and makes it no mention."""

_EVERYBODY = re.compile(r"@(?=everyone|here)", re.IGNORECASE)
_MARKUP = re.compile(r"<(?=(?:@[!&]?|#|id:|sound:|t:-?)\w|/[^<>:\n]{1,100}:\d|a?:\w{1,40}:\d)", re.IGNORECASE)
"""The beginning of mentions of people, roles, channels and commands, and of custom emoji, sounds and timestamps."""

_UNSEEN = r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u206f\u3164\ufe00-\ufe0f\uffa0]*"
_SPLIT_MENTION = re.compile(rf"([@<]){_UNSEEN}(?=[@!&#/:\w])")
"""An @ or < separated by invisible characters from the text that would make it a mention once they are removed."""

_CODE_BLOCK = re.compile(r"^ {0,3}```.*?(?:^ {0,3}```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_ADDRESS = r"(?:https?|discord)://"
_LINK = re.compile(rf"!?\[([^\[\]\n]{{1,300}})\]\(\s*<?({_ADDRESS}[^\s<>)]+)>?(?:\s+[\"'][^\"'\n]*[\"'])?\s*\)", re.IGNORECASE)
_LINK_START = re.compile(rf"\](?=\(\s*<?{_ADDRESS})", re.IGNORECASE)


def escape_markdown(text: str) -> str:
    """`text` with its Markdown, but without mentions; links show their address."""
    # Links that the pattern does not match, such as nested ones, lose their form instead: a space ends the link syntax.
    return _LINK_START.sub("] ", _reveal_links(neutralise_mentions(text)))


def neutralise_mentions(text: str) -> str:
    """`text`, cleaned, without anything that Discord reads as a mention."""
    # Invisible characters go first: a client that drops them would put the mention together again.
    text = _SPLIT_MENTION.sub(r"\1", clean(text))
    return _MARKUP.sub(f"<{_ZERO_WIDTH_SPACE}", _EVERYBODY.sub(f"@{_ZERO_WIDTH_SPACE}", text))


def escape_line(text: str, limit: int) -> str:
    """`text` on one line of at most `limit` characters, without Markdown."""
    open_ = _LINK_START.sub("] ", _reveal_links(neutralise_mentions(text), everywhere=True))
    line = shorten(" ".join(open_.split()), limit)
    return discord.utils.escape_markdown(line)


def plain_line(text: str, limit: int) -> str:
    """`text` on one line for places without Markdown, such as buttons and thread names; never empty."""
    return shorten(" ".join(neutralise_mentions(text).split()), limit) or "…"


def _reveal_links(text: str, *, everywhere: bool = False) -> str:
    """`[label](address)` as `label (<address>)`, outside of code unless `everywhere`."""
    if everywhere:
        return _LINK.sub(r"\1 (\2)", text)
    # The angle brackets keep Discord from adding a preview of the address.
    pieces, at = [], 0
    for fence in _CODE_BLOCK.finditer(text):
        pieces += [_LINK.sub(r"\1 (<\2>)", text[at : fence.start()]), fence.group()]
        at = fence.end()
    return "".join([*pieces, _LINK.sub(r"\1 (<\2>)", text[at:])])


def discord_length(text: str) -> int:
    """Upper bound of the characters that Discord counts: those outside the basic plane may count as two."""
    return len(text) + sum(char > "\uffff" for char in text)


def split_markdown(text: str, characters: int = MAX_CHARACTERS, lines: int = MAX_LINES) -> list[str]:
    """`text` in parts of at most `characters` and `lines`. At least one, which may be empty."""
    limits = MessageLimits(characters=characters, lines=lines, length=discord_length)
    return markdown.split_markdown(markdown.parse_markdown(text.strip("\n")), limits)
