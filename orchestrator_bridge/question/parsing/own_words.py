"""A reply in the form in which it is parsed: without quoted lines, and with emoji codes as emoji.

Some platforms send an emoji as its code (`:white_check_mark:`, `:+1::skin-tone-3:`), others the character. A quoted line
repeats what somebody else wrote, mostly the question, and is no answer. The reply itself is stored as it was written.
"""

from __future__ import annotations

import re

_EMOJI = {
    "+1": "👍",
    "thumbsup": "👍",
    "-1": "👎",
    "thumbsdown": "👎",
    "white_check_mark": "✅",
    "heavy_check_mark": "✔",
    "ballot_box_with_check": "☑",
    "ok": "🆗",
    "ok_hand": "👌",
    "raised_hands": "🙌",
    "rocket": "🚀",
    "x": "❌",
    "heavy_multiplication_x": "✖",
    "no_entry": "⛔",
    "no_entry_sign": "🚫",
    "octagonal_sign": "🛑",
    "zero": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "keycap_ten": "10",
}
"""Emoji with a meaning in a reply, by its usual short name. The keycaps become their digits."""

_CODE = re.compile(rf"(?<![\w:]):({'|'.join(map(re.escape, _EMOJI))}):(?::skin-tone-[2-6]:)?(?!\w)")
_ANY_CODE = re.compile(r":[\w+'-]+:")
_QUOTE = re.compile(r"\s*>(?!=)")


def own_words(text: str) -> str:
    """Return what the author of a reply wrote: without quoted lines, with known emoji codes as emoji; empty if all is quoted."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith(">>>"):
            break  # three signs quote everything that follows
        if _QUOTE.match(line) is None:
            lines.append(line)
    return _CODE.sub(lambda found: _EMOJI[found[1]], "\n".join(lines)).strip()


def has_words(text: str) -> bool:
    """True if a text contains a letter or a digit outside emoji codes."""
    return re.search(r"[^\W_]", _ANY_CODE.sub(" ", text)) is not None
