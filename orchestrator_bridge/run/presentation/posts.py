"""Outbox entries of a run: their keys, priorities and threads.

A key is derived from what is shown, so that the same event never posts twice, even if it is projected again after a crash.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.chat.outbound import Acknowledgement, FinalAnswer, Note, OutboundPost, Post, QuestionCard, RunCard
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.run.state import RunState

FIRST, CLOSING, ACKNOWLEDGEMENT, NOTE, CARD = 0, 1, 2, 5, 9
"""Priorities, the lowest first: questions and final answers; closed cards; acknowledgements; notes of agents; the run card."""

REPOSTED = 3
"""Times that a deleted question card is posted again: a person who deletes it more often does not want it there."""


def run_key(run: int) -> str:
    """The key of the run card, which opens the run's thread."""
    return f"run:{run}:card"


def end_key(state: RunState) -> str:
    """The key of the post in a run's thread that says how the run has ended."""
    assert state.end is not None
    return f"run:{state.run}:{state.seq}:{'final' if state.end.status == 'finished' else state.end.status}"


def question_key(question: int) -> str:
    """The key of a question card, which opens the question's thread."""
    return f"question:{question}:card"


def again_key(question: int, number: int) -> str:
    """The key of the card that replaces a deleted one; `number` counts from 1."""
    return f"{question_key(question)}:again{number}"


def newest_key(question: Question) -> str:
    """The key of a question's newest card in the channel."""
    number = min(len(question.lost), REPOSTED)
    return again_key(question.id, number) if number else question_key(question.id)


def copy_key(question: int, person: str) -> str:
    """The key of the copy of a question's card for one person (an id)."""
    return f"{question_key(question)}:{person}"


def closing_key(card_key: str) -> str:
    """The key of the edit that closes a question's card."""
    return f"{card_key}:closed"


def agent_number(state: RunState, name: str) -> int | None:
    """The position of an agent in its team; None for another name."""
    return next((number for number, agent in enumerate(state.agents) if agent == name), None)


def thread_post(state: RunState, post: Post, name: str, priority: int = NOTE, question: int | None = None) -> OutboxEntry:
    """A post in the run's thread, or in a question's."""
    if question is None:
        anchor = run_key(state.run)
    else:
        known = state.questions.get(question)
        anchor = newest_key(known) if known else question_key(question)
    if isinstance(post, Note) and post.speaker is not None:
        post = replace(post, speaker_number=agent_number(state, post.speaker))
    # The position of the event makes the key unique, and the same again when the event is projected again.
    return OutboxEntry(
        key=f"run:{state.run}:{state.seq}:{name}",
        run=state.run,
        place=state.place,
        post=post,
        at=state.at,
        question=question,
        anchor=anchor,
        priority=priority,
    )


def progress_line(state: RunState, text: str, name: str, speaker: str, *, first: bool) -> OutboxEntry:
    """A line in the run's thread that is posted once and edited afterwards, which notifies nobody."""
    key = f"run:{state.run}:{name}"
    post = thread_post(state, Note(text=text, speaker=speaker), name)
    if first:
        return replace(post, key=key)
    # All later states share one key, so that a state which a newer one overtakes in the outbox is never sent.
    return replace(post, key=f"{key}:now", replaces=key, priority=CARD, version=state.seq)


def acknowledgement_post(
    state: RunState, name: str, acknowledgement: Acknowledgement, question: int | None, place: Place | None = None
) -> OutboxEntry:
    """An acknowledgement of a person's message, where it was written: in the thread, or in `place` (a direct message)."""
    post = thread_post(state, acknowledgement, f"receipt:{name}", priority=ACKNOWLEDGEMENT, question=question)
    return replace(post, place=place, anchor=None) if place else post


def direct_message_fallback(state: RunState, refused: OutboxEntry, why: str, now: float) -> tuple[OutboxEntry, ...]:
    """A direct message to the requester in place of a post that its channel refused, with the platform's reason (`why`).

    Nothing replaces progress, which is not worth a message, and a direct message, which has nowhere else to go.
    """
    post = _direct_post(refused, why)
    if post is None or refused.place.channel.startswith("@") or state.by.platform != refused.place.platform:
        return ()
    place = Place(platform=refused.place.platform, channel=f"@{state.by.id}")
    return (OutboxEntry(key=f"{refused.key}:direct", run=refused.run, place=place, post=post, at=now, priority=FIRST),)


def _direct_post(refused: OutboxEntry, why: str) -> Post | None:
    reason = f"since it could not be posted in its channel: {why}."
    match refused.post:
        case RunCard() if refused.replaces is None:
            return Note(text=f"Run {refused.run} works, but its card cannot be posted in its channel: {why}.", tone="warning")
        case FinalAnswer() as answer:
            return replace(answer, how=f"{answer.how} You get it as a direct message, {reason}")
        case Note() as note if refused.priority == FIRST and refused.question is None:
            return replace(note, text=f"{note.text}\nYou get this as a direct message, {reason}")
        case RunCard() | Note() | QuestionCard() | Acknowledgement():
            return None
        case _:
            assert_never(refused.post)


def is_worth_telling(outgoing: OutboxEntry) -> bool:
    """True for a post that somebody waits for and that has nowhere else to go: no progress, no edit, no direct message."""
    return outgoing.priority == FIRST and outgoing.replaces is None and not outgoing.place.channel.startswith("@")


def stuck_notice(state: RunState, outgoing: OutboxEntry, now: float) -> OutboundPost | None:
    """A direct message to the requester about a post that its platform does not take now; None if they are on another one."""
    if state.by.platform != outgoing.place.platform:
        return None
    text = (
        f"Run {state.run}: {_post_name(outgoing)} cannot be posted in its channel at the moment. "
        "I keep trying; you need not start the run again."
    )
    place = Place(platform=state.by.platform, channel=f"@{state.by.id}")
    return OutboundPost(key=f"{outgoing.key}:stuck", place=place, post=Note(text=text, tone="warning"), since=now)


def _post_name(outgoing: OutboxEntry) -> str:
    match outgoing.post:
        case RunCard():
            return "its card"
        case QuestionCard() as card:
            return f"question {card.question}"
        case FinalAnswer():
            return "its final answer"
        case Note() | Acknowledgement():
            return "a message"
        case _:
            assert_never(outgoing.post)
