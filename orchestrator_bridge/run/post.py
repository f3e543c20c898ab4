"""What a run posts, as rows of the outbox: keys, priorities, and the threads in which things stand.

Keys are derived from what is shown, so that the same event never posts twice. Lower priorities go first.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator_bridge.chat import Acknowledgement, Note, Place, Post
from orchestrator_bridge.question.values import Question
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.rows import OutboxEntry

FIRST, CLOSING, ACKNOWLEDGEMENT, NOTE, CARD = 0, 1, 2, 5, 9
"""Priorities: questions and final answers, closing what is open, receipts, what agents do, the card's progress."""


REPOSTED = 3
"""How often the card of a question is posted again: whoever deletes it once more does not want it there."""


def run_key(run: int) -> str:
    """The post that opens a run's thread."""
    return f"run:{run}:card"


def question_key(question: int) -> str:
    """The post that opens a question's thread."""
    return f"question:{question}:card"


def again_key(question: int, number: int) -> str:
    """The card that is posted in place of one that somebody deleted, the first time, the second, and so on."""
    return f"{question_key(question)}:again{number}"


def newest_key(question: Question) -> str:
    """The newest of a question's cards in the channel."""
    number = min(len(question.lost), REPOSTED)
    return again_key(question.id, number) if number else question_key(question.id)


def copy_key(question: int, person: str) -> str:
    """The copy of a question's card that goes to one person (their id) directly."""
    return f"{question_key(question)}:{person}"


def closing_key(card_key: str) -> str:
    """The edit that closes a question's card."""
    return f"{card_key}:closed"


def thread_post(state: RunState, post: Post, name: str, priority: int = NOTE, question: int | None = None) -> OutboxEntry:
    """Something in the run's thread, or in a question's."""
    known = state.questions.get(question) if question is not None else None
    anchor = newest_key(known) if known else run_key(state.run) if question is None else question_key(question)
    key = f"run:{state.run}:{state.seq}:{name}"
    return OutboxEntry(
        key=key, run=state.run, place=state.place, post=post, at=state.at, question=question, anchor=anchor, priority=priority
    )


def progress_line(state: RunState, text: str, name: str, speaker: str, *, first: bool) -> OutboxEntry:
    """A line in the run's thread that is posted once and then edited, which disturbs nobody; later content replaces earlier."""
    key = f"run:{state.run}:{name}"
    note = Note(text=text, speaker=speaker)
    post = thread_post(state, note, name)
    if first:
        return replace(post, key=key)
    return replace(post, key=f"{key}:now", replaces=key, priority=CARD, version=state.seq)


def acknowledgement_post(
    state: RunState, name: str, given: Acknowledgement, question: int | None, place: Place | None = None
) -> OutboxEntry:
    """What a person is told about a message of hers, where it was said: in the thread, or (`place`) in direct messages."""
    post = thread_post(state, given, f"receipt:{name}", priority=ACKNOWLEDGEMENT, question=question)
    return replace(post, place=place, anchor=None) if place else post
