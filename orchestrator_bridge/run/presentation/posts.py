"""What a run posts, as rows of the outbox: keys, priorities, and the threads in which things stand.

Keys are derived from what is shown, so that the same event never posts twice. Lower priorities go first.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.chat.outbound import Acknowledgement, FinalAnswer, Note, Post, RunCard
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.run.state import RunState

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


def direct_message_fallback(state: RunState, refused: OutboxEntry, why: str, now: float) -> tuple[OutboxEntry, ...]:
    """The post in place of one that its channel does not take, if it is worth one; `why` the platform says so.

    Progress is not, and what was a direct message already has nowhere else to go.
    """
    post = _instead(refused, why)
    if post is None or refused.place.channel.startswith("@") or state.by.platform != refused.place.platform:
        return ()
    place = Place(platform=refused.place.platform, channel=f"@{state.by.id}")
    return (OutboxEntry(key=f"{refused.key}:direct", run=refused.run, place=place, post=post, at=now, priority=FIRST),)


def _instead(refused: OutboxEntry, why: str) -> Post | None:
    match refused.post:
        case RunCard() if refused.replaces is None:
            return Note(text=f"Run {refused.run} works, but it cannot be shown in its channel. {why}", tone="warning")
        case FinalAnswer() as answer:
            return replace(answer, how=f"{answer.how} You get it directly, since it could not be posted in its channel. {why}")
        case Note() as note if refused.priority == FIRST and refused.question is None:
            return replace(note, text=f"{note.text}\nYou are told directly, since it could not be posted in its channel. {why}")
        case _:
            return None
