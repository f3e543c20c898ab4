"""Posts about questions: their cards in the channel and as direct messages, and notes in their threads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from orchestrator_bridge.chat.inbound import Author, Place
from orchestrator_bridge.chat.outbound import Link, Note, QuestionCard
from orchestrator_bridge.common.text import shorten
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
    agent_number,
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
    """The card of a question. It notifies the people asked who have no quiet hours now."""
    out = question.asleep.keys() | question.passed | question.gone
    awake = (person.id for person in question.humans if person.id not in out)
    card = messages.build_question_card(question, task=state.task, mentions=_authors(question, awake))
    card = replace(card, agent_number=agent_number(state, question.agent))
    return replace(card, agent=state.outside.title) if state.outside and question.agent == state.external_agent else card


def _authors(question: Question, people: Iterable[str]) -> tuple[Author, ...]:
    """The accounts of these people, by id, each once."""
    found = (author for person in people if (author := question.author(person)))
    return tuple({(author.platform, author.id): author for author in found}.values())


def advice(question: Question) -> tuple[Note, ...]:
    """The replies of peers so far, as the question's thread shows them."""
    peers = (reply for reply in question.replies if reply.author.kind == "agent")
    return tuple(Note(text=reply.text.strip(), speaker=reply.author.name) for reply in peers)


def card_post(state: RunState, question: Question, key: str, place: Place) -> OutboxEntry:
    """The outbox entry that posts a question's card."""
    card = question_card(state, question)
    return OutboxEntry(key=key, run=state.run, place=place, post=card, at=state.at, question=question.id, priority=FIRST)


def render_question_asked(event: e.QuestionAsked | e.MoreAsked | e.AskedAgain, after: RunState) -> RenderedPosts:
    """The card of a new question."""
    return (card_post(after, event.question, question_key(event.question.id), after.place),)


def render_decision_used(event: e.DecisionUsed, after: RunState) -> RenderedPosts:
    """A note on a question that was not asked, with a link to the decision and a button that asks it all the same."""
    question, decision = event.question, event.decision
    text = f"Question {question.id} was not asked: {shorten(question.ask.question, messages.MAX_LINE)}\n"
    text += messages.closing_line(question)
    link = (
        Link(text=f"Decision {decision.decision}", place=decision.place, message=decision.message) if decision.message else None
    )
    note = Note(text=text, speaker=question.agent, link=link, again=question.id)
    return (thread_post(after, note, "settled", priority=FIRST),)


def render_asked_again(event: e.AskedAgain, after: RunState) -> RenderedPosts:
    """The card of a repeated question, and a pointer to it in the old question's thread."""
    text = f"{event.by.name} had this asked again: see question {event.question.id}."
    return (*render_question_asked(event, after), thread_post(after, Note(text=text), "again", question=event.of))


def render_question_joined(event: e.QuestionJoined, after: RunState) -> RenderedPosts:
    """A note in the thread of the question that an agent joined."""
    question = after.questions[event.question]
    agent = event.action.split(":")[1]
    if agent == question.agent == after.external_agent:  # an MCP client asked again because it did not wait any longer
        return ()
    course = "waits for the same answer" if question.open else "got the same answer. Say “ask again” here to have it asked anew"
    return (thread_post(after, Note(text=f"{agent} asked this too and {course}."), "joined", question=question.id),)


def render_copies(before: RunState | None, number: int, after: RunState) -> RenderedPosts:
    """Copies of a posted question's card for those who have newly come to be asked and are not in its channel."""
    question = after.questions[number]
    known = before.questions[number].copy_recipients if before else ()
    new = (author for author in question.copy_recipients if question.open and author not in known)
    return tuple(card_post(after, question, copy_key(number, author.id), _direct_place(author)) for author in new)


def _direct_place(author: Author) -> Place:
    return Place(platform=author.platform, channel=f"@{author.id}")


def render_card_lost(before: RunState | None, event: e.CardLost, after: RunState) -> RenderedPosts:
    """The card again; after `REPOSTED` times a note in the run's thread says how to answer."""
    question = after.questions[event.question]
    if before is None or question.lost == before.questions[event.question].lost:
        return ()
    if len(question.lost) <= REPOSTED:
        return (card_post(after, question, newest_key(question), after.place),)
    text = f"The card of question {question.id} was deleted again. It stays open: `/questions {question.id}` answers it."
    return (thread_post(after, Note(text=text, tone="warning"), "lost", priority=FIRST),)


def render_question_changed(
    before: RunState | None, event: e.Extended | e.Replied | e.Unreplied | e.Passed | e.Escalated, after: RunState
) -> RenderedPosts:
    """Edits of all cards if they would look different, and a notice to each person to whom the question was handed over."""
    earlier, question = before.questions[event.question] if before else None, after.questions[event.question]
    if earlier is None or not question.open or question.delivery is None:
        return ()
    # Most replies change nothing that the card shows. Platforms limit edits, so a card that would look the same is not edited.
    changed = messages.build_question_card(earlier, "", ()) != messages.build_question_card(question, "", ())
    edits = tuple(
        replace(card_post(after, question, f"{key}:now", place), replaces=key, priority=CLOSING, version=after.seq)
        for key, place in (_cards(after, question) if changed else ())
    )
    return (*edits, *_handover_notices(after, earlier, question), *render_copies(before, question.id, after))


def render_passed(before: RunState | None, event: e.Passed, after: RunState) -> RenderedPosts:
    """Edits of the cards, and a note about a person who is gone: the requester sees that somebody else may have to answer."""
    question, changes = after.questions[event.question], render_question_changed(before, event, after)
    if not event.why or question.delivery is None:
        return changes
    text = messages.absence_line(question, event.responder.name, event.why)
    gone = thread_post(after, Note(text=text, tone="warning"), f"gone:{event.responder.id}", priority=FIRST, question=question.id)
    return (*changes, gone)


def _cards(state: RunState, question: Question) -> Iterator[tuple[str, Place]]:
    """The key and place of every posted card of a question."""
    yield question_key(question.id), state.place
    for number in range(1, min(len(question.lost), REPOSTED) + 1):
        yield again_key(question.id, number), state.place
    for author in question.copy_recipients:
        yield copy_key(question.id, author.id), _direct_place(author)


def _handover_notices(state: RunState, earlier: Question, question: Question) -> RenderedPosts:
    names = {person.id: person.name for person in question.all_asked}
    new = (handover for handover in question.handed if handover not in earlier.handed)
    awake = (handover for handover in new if handover.to.who.id not in question.asleep)
    return tuple(
        thread_post(
            state,
            Note(text=messages.delegation_line(question, names.get(handover.by, "")), mentions=(handover.to.author,)),
            f"handed:{number}",
            priority=FIRST,
            question=question.id,
        )
        for number, handover in enumerate(awake)
    )


def render_reminded(event: e.Reminded, after: RunState) -> RenderedPosts:
    """A reminder that mentions those who have not replied and have no quiet hours now."""
    question = after.questions[event.question]
    asleep = {*question.asleep, *event.asleep}
    waiting = (person.id for person in people_to_remind(question) if person.id not in asleep)
    text = f"{messages.reminder_line(question)}\n{remaining_summary(question, to_platform_time(question, event.at))}"
    # It is not known who of a role has replied, so a role is only reminded while nobody has.
    note = Note(text=text, mentions=_authors(question, waiting), groups=question.groups if not question.replies else ())
    return (thread_post(after, note, "reminder", priority=FIRST, question=question.id),)


def render_escalated(before: RunState | None, event: e.Escalated, after: RunState) -> RenderedPosts:
    """Edits of the cards and a new message, since an edited mention notifies nobody; those who have replied are left alone."""
    question = after.questions[event.question]
    if not question.open:
        return ()
    waiting = {person.id for person in pending_deciders(question)} - set(question.asleep)
    people = [person.who for person in event.people if person.who.id in waiting]
    names = [*(messages.name_of(person.name) for person in people), *(f"the role {group.name}" for group in event.groups)]
    if not names:
        return ()
    mentions = _authors(question, (person.id for person in people))
    note = Note(text=messages.escalation_line(question, names), mentions=mentions, groups=event.groups)
    posted = thread_post(after, note, "escalated", priority=FIRST, question=question.id)
    return (*render_question_changed(before, event, after), posted)


def render_woken(before: RunState | None, event: e.Woken, after: RunState) -> RenderedPosts:
    """A notice to people whose quiet hours are over and who still have to reply."""
    question = after.questions[event.question]
    waiting = {person.id for person in pending_deciders(question)}
    people = _authors(question, (person for person in event.people if person in waiting))
    if not people or not question.open:
        return ()
    note = Note(text=messages.quiet_hours_ended_line(question), mentions=people)
    notice = thread_post(after, note, "woken", priority=FIRST, question=question.id)
    return (*render_copies(before, question.id, after), notice)


def render_fallback_began(event: e.FallbackBegan, after: RunState) -> RenderedPosts:
    """A note that a fallback is deciding."""
    question = after.questions[event.question]
    note = Note(text=messages.fallback_line(question), tone="warning")
    return (thread_post(after, note, "fallback", priority=FIRST, question=question.id),)


def render_question_settled(before: RunState | None, event: e.QuestionSettled, after: RunState) -> RenderedPosts:
    """The closed state of every card; a question that was never posted is reported in the run's thread."""
    question = after.questions[event.question]
    if before is None or not before.questions[event.question].open:
        return ()
    closed = tuple(
        replace(card_post(after, question, closing_key(key), place), replaces=key, priority=CLOSING)
        for key, place in _cards(after, question)
    )
    if question.delivery is not None:
        return closed
    text = f"Question {question.id} by {question.agent}: {question.ask.question}\n{messages.closing_line(question)}"
    return (*closed, thread_post(after, Note(text=text, ended_question=question.id), "settled"))
