"""Emoji that can answer a question: as characters, and by the short names that some platforms use instead."""

from __future__ import annotations

import re
from collections.abc import Sequence

EMOJI = {
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
    "ok_woman": "🙆",
    "ok_person": "🙆",
    "woman-gesturing-ok": "🙆",
    "man-gesturing-ok": "🙆",
    "x": "❌",
    "negative_squared_cross_mark": "❎",
    "no_good": "🙅",
    "person_gesturing_no": "🙅",
    "woman_gesturing_no": "🙅",
    "man_gesturing_no": "🙅",
    "woman-gesturing-no": "🙅",
    "man-gesturing-no": "🙅",
    "ng_woman": "🙅",
    "ng_man": "🙅",
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

SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
GENDER = re.compile("\u200d[♀♂]")
"""The end of an emoji of a person that says who makes the gesture, without its variation selector."""
_MODIFIERS = re.compile(f"\u200d[♀♂]|[\ufe0e\ufe0f\u20e3{SKIN_TONES}]")
"""Characters that change how an emoji looks: variation selectors, the keycap, skin tones, and who makes a gesture."""
_SIDES = {**dict.fromkeys("👍✅✔☑🙆", ("yes", "approve")), **dict.fromkeys("👎❌❎✖🚫⛔🙅", ("no", "deny"))}
"""Ids of the options that an emoji chooses, where one of them is offered."""
_NUMBERS = {"🔟": 10, **{str(number): number for number in range(1, 11)}}


def emoji_character(name: str) -> str:
    """The character of an emoji by its short name, with or without a skin tone: `+1::skin-tone-2`; empty if it has no meaning."""
    return EMOJI.get(name.partition("::")[0], "")


def is_answer_emoji(emoji: str) -> bool:
    """True if an emoji can choose an option of some question."""
    sign = _MODIFIERS.sub("", emoji)
    return sign in _SIDES or sign in _NUMBERS


def chosen_option(emoji: str, options: Sequence[str]) -> str | None:
    """The id of the option that an emoji alone chooses; None if it can mean anything else.

    A keycap chooses by number; a thumb, a check mark or a cross chooses where the options are a yes and a no. `options` are
    the ids in the order of their numbers.
    """
    sign = _MODIFIERS.sub("", emoji)
    number = _NUMBERS.get(sign, 0)
    if number:
        return options[number - 1] if number <= len(options) else None
    return next((option for option in _SIDES.get(sign, ()) if option in options), None)
