"""Markers by which the bot recognises its own messages: a nonce for some minutes, a reference code on each card for ever.

With `enforce_nonce` (discord.py sets it), Discord creates one message for all requests with the same nonce, so that a request may
be repeated after a lost response. Discord forgets a nonce after some minutes and shows none in the history. Therefore the footer
of a card ends with a reference code, derived from the key of its outbox entry; plain texts are recognised by their content.
"""

from __future__ import annotations

import re
from hashlib import blake2s

SMALL_PRINT = "-# "
"""Discord's Markdown for a line in small letters: the last line of a card that is a container."""

_TURN = re.compile(r"Run \d{1,15} · continues run \d{1,15} · ")
_FOOTER = re.compile(r"(Run|Question) (\d{1,15}) ·.* ([0-9a-f]{8})")


def nonce(key: str, part: int = 0) -> str:
    """The nonce of one message of a post, 24 characters; Discord allows 25."""
    return blake2s(f"{key}\n{part}".encode(), digest_size=12).hexdigest()


def reference_code(key: str) -> str:
    """The code that ends a card's footer."""
    return blake2s(key.encode(), digest_size=4).hexdigest()


def run_footer(run: int, about: str, key: str) -> str:
    """The footer of a run card; `about` is one line of text."""
    return f"Run {run} · {about} · {reference_code(key)}"


def turn_footer(run: int, continues: int, about: str, key: str) -> str:
    """The footer of the card of a run that continues another one; `about` is one line of text."""
    return f"Run {run} · continues run {continues} · {about} · {reference_code(key)}"


def is_turn_footer(footer: str | None) -> bool:
    """True for the footer of a card that stands in the thread of an earlier run."""
    return parse_reference_code(footer) is not None and _TURN.match(footer or "") is not None


def question_footer(question: int, run: int, about: str, key: str) -> str:
    """The footer of a question card; `about` is one line of text."""
    return f"Question {question} · run {run} · {about} · {reference_code(key)}"


def parse_reference_code(footer: str | None) -> str | None:
    """The code in a card's footer; None for other texts."""
    found = _FOOTER.fullmatch(footer or "")
    return found[3] if found else None


def parse_card(footer: str | None) -> str | None:
    """`Run 3` or `Question 12`, from the footer of a card; None for other texts."""
    found = _FOOTER.fullmatch(footer or "")
    return f"{found[1]} {found[2]}" if found else None


def parse_question_number(footer: str | None) -> int | None:
    """The question's number in the footer of its card; None for other texts."""
    found = _FOOTER.fullmatch(footer or "")
    return int(found[2]) if found and found[1] == "Question" else None
