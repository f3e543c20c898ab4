"""What one person does to one question, and what became of it: by typing in its thread, by a control, or by `/questions`.

All three ways end here, so that they mean the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator_bridge.common.duration import format_duration, parse_duration
from orchestrator_bridge.common.text import clean, sentence
from orchestrator_bridge.question import messages, settlement, transitions
from orchestrator_bridge.question.model import Question, expiry, to_platform_time
from orchestrator_bridge.question.parsing.intent import parse_time, requested_seconds, unknown_name
from orchestrator_bridge.question.parsing.reply import MAX_REPLY
from orchestrator_bridge.question.voices import unparsed_reply
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.questions.availability import QuietPerson, earliest_start
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.team.directory import Mentioned, Responder

NOBODY_CALLED = (
    "I know nobody called {name} here, so nobody else is asked. Pick them with your app's mention, or write your answer."
)
DEFAULT_EXTENSION = 3600.0
"""Seconds that "more time" grants when nobody says how much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionResult:
    """What became of a deed, and what to say of it; nothing where that goes without saying."""

    status: Literal["taken", "late", "refused", "passed"]
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyMessage:
    """Words that somebody typed, with those whom they name, and who of them is asleep.

    `key`: the platform's id of the message; `at`: seconds, its clock.
    """

    key: str
    text: str
    at: float
    edit: str = ""
    mentions: tuple[Mentioned, ...] = ()
    quiet_people: tuple[QuietPerson, ...] = ()


def reply(transaction: Transaction, question: Question, by: Responder, message: ReplyMessage) -> ActionResult:
    """Somebody typed something: an answer, "not me", a mention that hands over, or a wish for more time.

    What somebody types who may not answer is kept without effect: the question may yet be handed to them.
    """
    seconds = requested_seconds(question.ask, message.text, DEFAULT_EXTENSION) if transitions.may_answer(question, by) else None
    if seconds is not None:
        return extend(transaction, question, by, seconds, message.key, message.at)
    if transitions.may_answer(question, by) and (name := unknown_name(question.ask, message.text, message.mentions)):
        return ActionResult(status="refused", text=NOBODY_CALLED.format(name=name))
    event = _replied(transaction, question, by, message)
    if refused := _defer_handover(transaction, question, _after(question, event), message.quiet_people):
        return refused
    transaction.add(event)
    after = transaction.state.questions[question.id]
    if not transitions.may_answer(after, by):
        return not_asked(question)
    return _handover_result(question, after, by, message.quiet_people) or _reply_result(after, by, message)


def select_option(transaction: Transaction, question: Question, by: Responder, choice: str, key: str, at: float) -> ActionResult:
    """Somebody picked an option, by its id."""
    label = messages.label_of(question, choice)
    if label is None:
        return ActionResult(status="refused", text=f"Question {question.id} has no option {choice!r}.")
    event = e.Replied(at=transaction.now, question=question.id, author=by, message=key, text=label, sent_at=at, choice=choice)
    transaction.add(event)
    return ActionResult(status="taken", text=f"You answered question {question.id}: {label}")


def decline_or_delegate(
    transaction: Transaction,
    question: Question,
    by: Responder,
    at: float,
    to: Mentioned | None = None,
    quiet_people: Sequence[QuietPerson] = (),
) -> ActionResult:
    """Somebody said "not me", or named who is to be asked in their place."""
    if refused := _defer_handover(transaction, question, transitions.passed(question, by, at, to), quiet_people):
        return refused
    transaction.add(e.Passed(at=transaction.now, question=question.id, responder=by, sent_at=at, to=to))
    after = transaction.state.questions[question.id]
    return _handover_result(question, after, by, quiet_people) or ActionResult(
        status="passed", text=f"Question {question.id} does not wait for you."
    )


def _after(question: Question, event: e.Replied) -> Question:
    """The question as it will be once this is heard."""
    return transitions.reply_received(
        question,
        author=event.author,
        message=event.message,
        text=event.text,
        at=event.sent_at,
        edit=event.edit,
        mentions=event.mentions,
    )


def _defer_handover(
    transaction: Transaction, question: Question, after: Question, quiet_people: Sequence[QuietPerson]
) -> ActionResult | None:
    """A question that is about to be handed to somebody asleep waits for them, or is not handed over, as the policy says."""
    new = {one.to.who.id for one in after.handed if one not in question.handed}
    asleep = {one.id: one.until for one in quiet_people if one.id in new}
    if not asleep:
        return None
    if question.policy.asleep != "wait":
        one = next(one for one in quiet_people if one.id in asleep)
        text = f"{messages.name_of(one.name)} is not disturbed before {one.clock}. Name somebody else, or answer yourself."
        return ActionResult(status="refused", text=text)
    starts_at = earliest_start(after, {**question.asleep, **asleep})
    transaction.add(e.Rested(at=transaction.now, question=question.id, asleep=asleep, starts_at=starts_at))
    return None


def extend(transaction: Transaction, question: Question, by: Responder, seconds: float, key: str, at: float) -> ActionResult:
    """Somebody wants more time."""
    if question.stage is not None:
        text = f"Time is up, but question {question.id} is still open: answer now and it counts."
        return ActionResult(status="refused", text=text)
    if question.delivery is not None and at > expiry(question):
        return ActionResult(status="refused", text=f"The time for question {question.id} is up.")
    transaction.add(e.Extended(at=transaction.now, question=question.id, by=by, seconds=seconds, key=key, sent_at=at))
    granted = transaction.state.questions[question.id].extended - question.extended
    if granted <= 0:
        return ActionResult(
            status="refused", text=f"Question {question.id} cannot wait longer: it has had all the time that it may get."
        )
    return ActionResult(status="taken", text=f"Question {question.id} waits {format_duration(granted)} longer.")


def seconds_of(text: str) -> float:
    """The seconds of `90`, `1h`, `2 h 30 min`, `half an hour`, `until tomorrow`, or the usual time where nothing is said.

    Raises:
        ValueError: it is no duration; the text says what is expected.
    """
    if text.isdecimal():
        return parse_duration(float(text))
    return (parse_time(text) or parse_duration(text)) if text else DEFAULT_EXTENSION


def cancel(transaction: Transaction, question: Question, by: Responder) -> ActionResult:
    """Somebody closes a question: the agent goes by its assumption."""
    now = to_platform_time(question, transaction.now)
    outcome = settlement.cancelled_outcome(question, now, f"{messages.name_of(by.name)} closed the question")
    transaction.add(e.QuestionSettled(at=transaction.now, question=question.id, outcome=outcome))
    return ActionResult(status="taken", text=f"Question {question.id} is closed; {question.agent} goes by its assumption.")


def late(transaction: Transaction, question: Question, by: Responder, message: ReplyMessage) -> ActionResult:
    """Somebody typed something after the question's end: the agent gets it while the run lives."""
    ended = transaction.state.end is not None
    if not ended or question.agent == transaction.state.external_agent:
        transaction.add(_replied(transaction, question, by, message))
    course = f"{question.agent} gets it as a late reply."
    if question.agent == transaction.state.external_agent:
        course = f"{question.agent} gets it when it looks at the question again."
    elif ended or question.agent not in transaction.state.agents:
        course = "The run has ended, so it reaches nobody." if ended else "It changes nothing any more."
    return ActionResult(status="late", text=f"{sentence(messages.closing_line(question))} {course}")


def already_closed(question: Question) -> ActionResult:
    """Somebody wants to do to a question what only an open one bears."""
    ended = messages.closing_line(question) or "the run has ended."
    return ActionResult(status="late", text=f"Too late: {ended}")


def not_asked(question: Question) -> ActionResult:
    """Somebody may not answer."""
    return ActionResult(status="refused", text=f"Question {question.id} is for {messages.audience_line(question)}.")


def _replied(transaction: Transaction, question: Question, by: Responder, message: ReplyMessage) -> e.Replied:
    return e.Replied(
        at=transaction.now,
        question=question.id,
        author=by,
        message=message.key,
        text=clean(message.text, MAX_REPLY).strip(),
        sent_at=message.at,
        edit=message.edit,
        mentions=message.mentions,
    )


def _handover_result(
    before: Question, after: Question, by: Responder, quiet_people: Sequence[QuietPerson]
) -> ActionResult | None:
    """What to say where somebody has left the question with this."""
    new: Sequence[Mentioned] = [one.to for one in after.handed if one not in before.handed and one.by == by.id]
    back = "Write in the thread again if you do want to answer."
    if new:
        who = new[-1].who
        sleeps = next((f", but not before {one.clock}" for one in quiet_people if one.id == who.id), "")
        return ActionResult(status="passed", text=f"{messages.name_of(who.name)} is asked in your place{sleeps}. {back}")
    if by.id in after.passed and by.id not in before.passed:
        return ActionResult(status="passed", text=f"You are not asked any more in question {after.id}. {back}")
    return None


def _reply_result(question: Question, by: Responder, message: ReplyMessage) -> ActionResult:
    """What became of somebody's newest words: they count, came in the grace after the deadline, or are no answer yet."""
    cut = f"Only its first {MAX_REPLY:,} characters are kept." if len(message.text) > MAX_REPLY else ""
    wrong = unparsed_reply(question, by.id)
    if wrong is not None:
        return ActionResult(status="refused", text=f"{wrong.hint} {cut}".strip())
    if any(one.late for one in question.replies if one.author.id == by.id):
        return ActionResult(status="late", text=f"It came after the deadline, so it goes along without deciding. {cut}".strip())
    hint = ""
    if message.mentions:
        hint = "Taken as your answer. To hand the question over, write only the mention."
    return ActionResult(status="taken", text=f"{hint} {cut}".strip())
