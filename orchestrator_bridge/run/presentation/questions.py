"""What people see of questions: their cards, in the channel and as direct messages, and what happens to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from orchestrator_bridge.chat.inbound import Author, Place
from orchestrator_bridge.chat.outbound import Note, QuestionCard
from orchestrator_bridge.question import messages
from orchestrator_bridge.question.messages import remaining_summary
from orchestrator_bridge.question.model import Question, to_platform_time
from orchestrator_bridge.question.quorum import pending_deciders, people_to_remind
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.presentation.posts import (
    CLOSING,
    FIRST,
    REPOSTED,
    again_key,
    closing_key,
    copy_key,
    newest_key,
    question_key,
    thread_post,
)
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.run.state import RunState

RenderedPosts = tuple[OutboxEntry, ...]


def question_card(state: RunState, question: Question) -> QuestionCard:
    """A question as people see it; it notifies those who are asked and not asleep."""
    awake = (one.id for one in question.humans if one.id not in question.asleep and one.id not in question.passed)
    card = messages.build_question_card(question, task=state.task, mentions=_authors(question, awake))
    return replace(card, agent=state.outside.title) if state.outside and question.agent == state.external_agent else card


def _authors(question: Question, people: Iterable[str]) -> tuple[Author, ...]:
    """The authors of these people, each once."""
    found = (author for one in people if (author := question.author(one)))
    return tuple({(author.platform, author.id): author for author in found}.values())


def advice(question: Question) -> tuple[Note, ...]:
    """What peers have said to a question so far, as its thread shows it."""
    peers = [reply for reply in question.replies if reply.author.kind == "agent"]
    return tuple(Note(text=reply.text.strip(), speaker=reply.author.name) for reply in peers)


# Asking -------------------------------------------------------------------------------------------------------------------


def _render_question_asked(
    _: RunState | None, event: e.QuestionAsked | e.MoreAsked | e.AskedAgain, after: RunState
) -> RenderedPosts:
    return (card_of(after, event.question, question_key(event.question.id), after.place),)


def card_of(state: RunState, question: Question, key: str, place: Place) -> OutboxEntry:
    """The row that posts a question's card."""
    post = question_card(state, question)
    return OutboxEntry(key=key, run=state.run, place=place, post=post, at=state.at, question=question.id, priority=FIRST)


def _render_asked_again(before: RunState | None, event: e.AskedAgain, after: RunState) -> RenderedPosts:
    text = f"Asked again, as {event.by.name} wants it: see question {event.question.id}."
    return (*_render_question_asked(before, event, after), thread_post(after, Note(text=text), "again", question=event.of))


def _render_question_joined(_: RunState | None, event: e.QuestionJoined, after: RunState) -> RenderedPosts:
    """Said in the question's own thread, which is as good as a link to it."""
    question = after.questions[event.question]
    agent = event.action.split(":")[1]
    if agent == question.agent == after.external_agent:  # its client asks again because it has lost patience
        return ()
    course = "waits for the same answer" if question.open else "got the same answer. Say “ask again” here to have it asked anew"
    return (thread_post(after, Note(text=f"{agent} asked this too and {course}."), "joined", question=question.id),)


def _render_question_posted(before: RunState | None, event: e.QuestionPosted, after: RunState) -> RenderedPosts:
    """Once the first card stands, those who are to have one get a copy of their own."""
    question = after.questions[event.question]
    return _new_copies(before, question, after)


def _new_copies(before: RunState | None, question: Question, after: RunState) -> RenderedPosts:
    """Copies for those who have come to be asked."""
    known = before.questions[question.id].copy_recipients if before else ()
    return tuple(_copy(after, question, author) for author in question.copy_recipients if question.open and author not in known)


def _copy(state: RunState, question: Question, author: Author) -> OutboxEntry:
    place = Place(platform=author.platform, channel=f"@{author.id}")
    return card_of(state, question, copy_key(question.id, author.id), place)


def _render_card_lost(before: RunState | None, event: e.CardLost, after: RunState) -> RenderedPosts:
    """The card is posted again; after a few times only the run's thread says how the question can be answered."""
    question = after.questions[event.question]
    if before is None or question.lost == before.questions[event.question].lost:
        return ()
    if len(question.lost) <= REPOSTED:
        return (card_of(after, question, newest_key(question), after.place),)
    text = f"The card of question {question.id} was deleted again. It stays open: `/questions {question.id}` answers it."
    return (thread_post(after, Note(text=text, tone="warning"), "lost", priority=FIRST),)


# While it is open ---------------------------------------------------------------------------------------------------------


def _render_question_changed(before: RunState | None, event: Any, after: RunState) -> RenderedPosts:
    """The cards say until when the question waits, and for whom; whoever it was handed to is told."""
    earlier, question = before.questions[event.question] if before else None, after.questions[event.question]
    if earlier is None or not question.open or question.delivery is None:
        return ()
    changed = messages.build_question_card(earlier, "", ()) != messages.build_question_card(question, "", ())
    cards = tuple(_now(after, question, key, place) for key, place in _cards(after, question)) if changed else ()
    return (*cards, *_handed(after, earlier, question), *_new_copies(before, question, after))


def _now(state: RunState, question: Question, key: str, place: Place) -> OutboxEntry:
    card = card_of(state, question, f"{key}:now", place)
    return replace(card, replaces=key, priority=CLOSING, version=state.seq)


def _cards(state: RunState, question: Question) -> Iterator[tuple[str, Place]]:
    """The keys of every posted copy, and where it stands."""
    yield question_key(question.id), state.place
    for number in range(1, min(len(question.lost), REPOSTED) + 1):
        yield again_key(question.id, number), state.place
    for author in question.copy_recipients:
        yield copy_key(question.id, author.id), Place(platform=author.platform, channel=f"@{author.id}")


def _handed(state: RunState, earlier: Question, question: Question) -> RenderedPosts:
    new = [one for one in question.handed if one not in earlier.handed and one.to.who.id not in question.asleep]
    names = {one.id: one.name for one in question.all_asked}
    return tuple(
        thread_post(
            state,
            Note(text=messages.delegation_line(question, names.get(one.by, "")), mentions=(one.to.author,)),
            f"handed:{number}",
            priority=FIRST,
            question=question.id,
        )
        for number, one in enumerate(new)
    )


def _render_reminded(_: RunState | None, event: e.Reminded, after: RunState) -> RenderedPosts:
    question = after.questions[event.question]
    waiting = (one.id for one in people_to_remind(question) if one.id not in question.asleep and one.id not in event.asleep)
    groups = question.groups if not question.replies else ()
    text = f"{messages.reminder_line(question)}\n{remaining_summary(question, to_platform_time(question, event.at))}"
    note = Note(text=text, mentions=_authors(question, waiting), groups=groups)
    return (thread_post(after, note, "reminder", priority=FIRST, question=question.id),)


def _render_escalated(before: RunState | None, event: e.Escalated, after: RunState) -> RenderedPosts:
    """A new message, since an edited mention notifies nobody. Nobody who has replied or passed is disturbed again."""
    question = after.questions[event.question]
    if not question.open:
        return ()
    waiting = {one.id for one in pending_deciders(question)}
    people = [one for one in event.people if one.who.id in waiting and one.who.id not in question.asleep]
    names = [*(messages.name_of(one.who.name) for one in people), *(f"the role {group.name}" for group in event.groups)]
    if not names:
        return ()
    note = Note(
        text=messages.escalation_line(question, names),
        mentions=_authors(question, (one.who.id for one in people)),
        groups=event.groups,
    )
    posted = thread_post(after, note, "escalated", priority=FIRST, question=question.id)
    return (*_render_question_changed(before, event, after), posted)


def _render_woken(before: RunState | None, event: e.Woken, after: RunState) -> RenderedPosts:
    question = after.questions[event.question]
    waiting = {one.id for one in pending_deciders(question)}
    people = _authors(question, (one for one in event.people if one in waiting))
    if not people or not question.open:
        return ()
    note = Note(text=messages.quiet_hours_ended_line(question), mentions=people)
    return (*_new_copies(before, question, after), thread_post(after, note, "woken", priority=FIRST, question=question.id))


def _render_fallback_began(_: RunState | None, event: e.FallbackBegan, after: RunState) -> RenderedPosts:
    question = after.questions[event.question]
    note = Note(text=messages.fallback_line(question), tone="warning")
    return (thread_post(after, note, "fallback", priority=FIRST, question=question.id),)


# The end ------------------------------------------------------------------------------------------------------------------


def _render_question_settled(before: RunState | None, event: e.QuestionSettled, after: RunState) -> RenderedPosts:
    question = after.questions[event.question]
    if before is None or not before.questions[event.question].open:
        return ()
    closing = tuple(_closing(after, question, key, place) for key, place in _cards(after, question))
    if question.delivery is not None:
        return closing
    text = f"Question {question.id} by {question.agent}: {question.ask.question}\n{messages.closing_line(question)}"
    return (*closing, thread_post(after, Note(text=text, ended_question=question.id), "settled"))


def _closing(state: RunState, question: Question, key: str, place: Place) -> OutboxEntry:
    return replace(card_of(state, question, closing_key(key), place), replaces=key, priority=CLOSING)


RENDERERS: dict[type, Callable[[RunState | None, Any, RunState], RenderedPosts]] = {
    e.QuestionAsked: _render_question_asked,
    e.MoreAsked: _render_question_asked,
    e.AskedAgain: _render_asked_again,
    e.QuestionJoined: _render_question_joined,
    e.QuestionPosted: _render_question_posted,
    e.CardLost: _render_card_lost,
    e.Extended: _render_question_changed,
    e.Replied: _render_question_changed,
    e.Unreplied: _render_question_changed,
    e.Passed: _render_question_changed,
    e.Reminded: _render_reminded,
    e.Escalated: _render_escalated,
    e.Woken: _render_woken,
    e.FallbackBegan: _render_fallback_began,
    e.QuestionSettled: _render_question_settled,
}
