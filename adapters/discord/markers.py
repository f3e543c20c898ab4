"""What makes our own posts known again: a nonce for the next minutes, a code on every card for ever.

Discord keeps a nonce for some minutes and gives it back in no history. So a card carries a short code of its sending's key in
its last line, like a reference number on a letter; what is plain text is known by its words.
"""

from __future__ import annotations

import re
from hashlib import blake2s

_FOOTER = re.compile(r"(Run|Question) (\d{1,15}) ·.* ([0-9a-f]{8})")


def nonce(key: str, part: int = 0) -> str:
    """24 characters for one message of a sending; Discord takes at most 25."""
    return blake2s(f"{key}\n{part}".encode(), digest_size=12).hexdigest()


def reference_code(key: str) -> str:
    """The reference that a card's last line ends with."""
    return blake2s(key.encode(), digest_size=4).hexdigest()


def run_footer(run: int, about: str, key: str) -> str:
    """A run card's last line; `about` is one line of text."""
    return f"Run {run} · {about} · {reference_code(key)}"


def question_footer(question: int, run: int, about: str, key: str) -> str:
    """A question card's last line; `about` is one line of text."""
    return f"Question {question} · run {run} · {about} · {reference_code(key)}"


def parse_reference_code(foot: str | None) -> str | None:
    """The reference in a card's last line; None if it is no card's."""
    found = _FOOTER.fullmatch(foot or "")
    return found[3] if found else None


def parse_question_number(foot: str | None) -> int | None:
    """The number of the question whose card ends with this line; None if it is no question's."""
    found = _FOOTER.fullmatch(foot or "")
    return int(found[2]) if found and found[1] == "Question" else None
