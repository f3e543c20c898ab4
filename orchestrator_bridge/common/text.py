"""Text from people, models and tools, made safe to show and to store, and cut where it is too long.

What is taken out changes nothing that a person sees, or changes what she sees against the writer's words: terminal escapes,
control characters, bidirectional overrides, invisible characters that smuggle words past the reader. What scripts and emoji need
stays: joiners, direction marks, variation selectors. Composition is NFC; NFKC would rewrite what was said (`²` to `2`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

ELLIPSIS = "…"
_FENCE = "\n```"
"""The end of a block of code."""
_JOINERS = "\u200d\ufe0e\ufe0f"

_ESCAPES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # strings: titles, links, device control
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # control sequences: colours, cursor, screen
    r"|\x1b[ -/]*[0-~]?"  # all others
)
"""Escape sequences as in ECMA-48, also ones that are cut short; each alternative reads on at most to the end of the line."""

_BREAKS = re.compile(r"\r\n?|[\u2028\u2029]")
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\ufeff\u202a-\u202e\u2066-\u2069]")
_TAGS = re.compile(r"(\U0001f3f4[\U000e0030-\U000e007a]{2,6}\U000e007f)|[\U000e0000-\U000e007f]")
"""Invisible copies of ASCII; they have a use only in flags such as Scotland's, which stay."""
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_PLAIN = re.compile(r"[\t\n -~]*")
"""What most texts are: nothing to take out, nothing to compose."""


def clean(text: str, limit: int | None = None) -> str:
    """`text` without what hides or disguises, lines ended by `\\n`, composed as NFC; at most `limit` characters if given."""
    if not _PLAIN.fullmatch(text):
        text = _without_disguise(text)
    return text if limit is None else shorten(text, limit)


def _without_disguise(text: str) -> str:
    text = _ESCAPES.sub("", text)
    text = _BREAKS.sub("\n", text)
    text = _HIDDEN.sub("", text)
    text = _TAGS.sub(r"\1", text)
    text = _SURROGATES.sub("\ufffd", text)
    return unicodedata.normalize("NFC", text)


def sentence(text: str) -> str:
    """`text` with a full stop at its end, unless it has an end."""
    return text if text.endswith((".", "!", "?", "…", "”")) else f"{text}."


def one_line(text: str, limit: int) -> str:
    """`text` cleaned, without line breaks, in at most `limit` characters."""
    return shorten(" ".join(clean(text).split()), limit)


def shorten(text: str, limit: int) -> str:
    """`text`, or as much of it as fits into `limit` characters with an ellipsis at its end, cut between words where that is near.

    Raises:
        ValueError: `limit` is negative.
    """
    if limit < 0:
        raise ValueError(f"cannot shorten to {limit} characters; expected 0 or more")
    if len(text) <= limit:
        return text
    return (_head(text, limit - 1).rstrip() + ELLIPSIS)[:limit]


def shorten_markdown(text: str, limit: int) -> str:
    """`shorten` for Markdown: what the cut left open is ended, a block of code or bold words.

    Raises:
        ValueError: `limit` is less than what that takes.
    """
    if len(text) <= limit:
        return text
    cut = shorten(text, limit - len(_FENCE))
    if cut.count("```") % 2:
        return cut + _FENCE
    return f"{cut}**" if cut.rpartition("\n\n")[2].count("**") % 2 else cut


def _head(text: str, size: int) -> str:
    """The first `size` characters or somewhat fewer: up to a word's end unless that is far back, and never through an emoji."""
    cut = max(size, 0)
    border = max(text.rfind(mark, 0, cut + 1) for mark in " \n\t")
    if border > cut // 3:
        return text[:border]
    while cut > 0 and (text[cut] in _JOINERS or text[cut - 1] == "\u200d" or unicodedata.combining(text[cut])):
        cut -= 1
    return text[:cut]


def listed(items: Sequence[str], last: str = "and") -> str:
    """Several things in one phrase: `Ana`, `Ana and Ben`, `Ana, Ben and Cy`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"
