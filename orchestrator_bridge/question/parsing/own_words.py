"""A reply in the form in which it is parsed: without quoted lines and marks of style, and with emoji codes as emoji.

Some platforms send an emoji as its code (`:white_check_mark:`, `:+1::skin-tone-3:`), others the character. A quoted line
repeats what somebody else wrote, mostly the question, and is no answer; neither is text that its author has struck through. The
reply itself is stored as it was written.
"""

from __future__ import annotations

import re

from orchestrator_bridge.common.emoji import EMOJI

_CODE = re.compile(rf"(?<![\w:]):({'|'.join(map(re.escape, EMOJI))}):(?::skin-tone-[2-6]:)?(?!\w)")
_ANY_CODE = re.compile(r":[\w+'-]+:")
_STRUCK = re.compile(r"(?<![\w~])~{1,2}(?=\S)[^~\n]+(?<=\S)~{1,2}(?![\w~])")
_STYLE = re.compile(r"(?<!\w)[*_|]+(?=\w)|(?<=[\w.,;:!?])[*_|]+(?!\w)")
"""Marks of bold and italic text and of spoilers, at the edge of a word."""
_QUOTE = re.compile(r"\s*>(?!=)")


def own_words(text: str) -> str:
    """Return what the author of a reply wrote: without quoted lines, with known emoji codes as emoji; empty if all is quoted."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith(">>>"):
            break  # three signs quote everything that follows
        if _QUOTE.match(line) is None:
            lines.append(line)
    said = _CODE.sub(lambda found: EMOJI[found[1]], "\n".join(lines))
    return _STYLE.sub("", _STRUCK.sub("", said)).strip()


def has_words(text: str) -> bool:
    """True if a text contains a letter or a digit outside emoji codes."""
    return re.search(r"[^\W_]", _ANY_CODE.sub(" ", text)) is not None
