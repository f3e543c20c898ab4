"""Sanitising and shortening of text from people, models and tools.

Removed is what disguises a text or hides words in it: terminal escapes, control characters, bidirectional overrides, invisible
characters. Joiners, direction marks and variation selectors stay, because scripts and emoji need them. Unicode is normalised to
NFC; NFKC would change the words (`²` to `2`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

ELLIPSIS = "…"
_CODE_BLOCK_END = "\n```"
_JOINERS = "\u200d\ufe0e\ufe0f"

_ESCAPES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # strings: titles, links, device control
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # control sequences: colours, cursor, screen
    r"|\x1b[ -/]*[0-~]?"  # all others
)
"""Escape sequences of ECMA-48, incomplete ones too. Each alternative stops at the end of the line, so that matching is linear."""

_BREAKS = re.compile(r"\r\n?|[\u2028\u2029]")
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\ufeff\u202a-\u202e\u2066-\u2069]")
_TAGS = re.compile(r"(\U0001f3f4[\U000e0030-\U000e007a]{2,6}\U000e007f)|[\U000e0000-\U000e007f]")
"""Tag characters: invisible copies of ASCII. They are legitimate only in flag emoji such as Scotland's, which stay."""
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_PLAIN = re.compile(r"[\t\n -~]*")
"""Text that needs no sanitising, as most does: a fast path."""


def clean(text: str, limit: int | None = None) -> str:
    """Sanitise a text: hidden characters removed, lines ended by `\\n`, NFC; at most `limit` characters if given."""
    if not _PLAIN.fullmatch(text):
        text = _sanitised(text)
    return text if limit is None else shorten(text, limit)


def _sanitised(text: str) -> str:
    text = _ESCAPES.sub("", text)
    text = _BREAKS.sub("\n", text)
    text = _HIDDEN.sub("", text)
    text = _TAGS.sub(r"\1", text)
    text = _SURROGATES.sub("\ufffd", text)
    return unicodedata.normalize("NFC", text)


def sentence(text: str) -> str:
    """Add a full stop unless the text ends with punctuation."""
    return text if text.endswith((".", "!", "?", "…", "”")) else f"{text}."


def one_line(text: str, limit: int) -> str:
    """Sanitise a text and join its lines, in at most `limit` characters."""
    return shorten(" ".join(clean(text).split()), limit)


def shorten(text: str, limit: int) -> str:
    """Cut a text to `limit` characters, the ellipsis at its end included; between two words where one ends near the limit.

    Raises:
        ValueError: `limit` is negative.
    """
    if limit < 0:
        raise ValueError(f"cannot shorten to {limit} characters; expected 0 or more")
    if len(text) <= limit:
        return text
    return (_head(text, limit - 1).rstrip() + ELLIPSIS)[:limit]


def shorten_markdown(text: str, limit: int) -> str:
    """Cut Markdown to `limit` characters, and close a code block or bold text that the cut has left open.

    Raises:
        ValueError: `limit` is shorter than the end of a code block.
    """
    if len(text) <= limit:
        return text
    cut = shorten(text, limit - len(_CODE_BLOCK_END))
    if cut.count("```") % 2:
        return cut + _CODE_BLOCK_END
    return f"{cut}**" if cut.rpartition("\n\n")[2].count("**") % 2 else cut


def _head(text: str, size: int) -> str:
    """At most the first `size` characters: up to the end of a word unless that is far back, never through a combined emoji."""
    cut = max(size, 0)
    border = max(text.rfind(mark, 0, cut + 1) for mark in " \n\t")
    if border > cut // 3:
        return text[:border]
    while cut > 0 and (text[cut] in _JOINERS or text[cut - 1] == "\u200d" or unicodedata.combining(text[cut])):
        cut -= 1
    return text[:cut]


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless it is one: `2 runs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(items: Sequence[str], last: str = "and") -> str:
    """Join several things to one phrase: `Ana`, `Ana and Ben`, `Ana, Ben and Cy`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"
