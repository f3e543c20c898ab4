"""Actions of a person on a question: reply, select an option, decline, delegate, extend, cancel.

Messages in the thread, controls of the card and the command `/questions` all end here, so that they mean the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator_bridge.common.duration import format_duration, parse_duration
from orchestrator_bridge.common.emoji import chosen_option
from orchestrator_bridge.common.text import clean, sentence
from orchestrator_bridge.question import messages, settlement, transitions
from orchestrator_bridge.question.model import Outcome, Question, expiry, to_platform_time
from orchestrator_bridge.question.parsing.intent import parse_time, requested_seconds, unknown_name
from orchestrator_bridge.question.parsing.reply import MAX_REPLY
from orchestrator_bridge.question.screening import newest_similar
from orchestrator_bridge.question.voices import clickable_options, unparsed_reply
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.questions.availability import QuietPerson, earliest_start
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.team.directory import Mentioned, Responder

DEFAULT_EXTENSION = 3600.0
"""Seconds that "more time" grants if nobody says how much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionResult:
    """The result of an action and the sentence that reports it; empty where the action speaks for itself."""

    status: Literal["taken", "late", "refused", "passed"]
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyMessage:
    """A text from a person, with the people whom it mentions and those of them who have quiet hours now.

    `key`: the platform's id of the message; `at`: seconds since the epoch by the platform's clock.
    """

    key: str
    text: str
    at: float
    edit: str = ""
    mentions: tuple[Mentioned, ...] = ()
    quiet_people: tuple[QuietPerson, ...] = ()


def reply(transaction: Transaction, question: Question, by: Responder, message: ReplyMessage) -> ActionResult:
    """Apply a text: an answer, "not me", a mention that hands the question over, or a request for more time.

    A text of somebody who may not answer is stored without effect, since the question may still be handed over to them.
    """
    seconds = requested_seconds(question.ask, message.text, DEFAULT_EXTENSION) if transitions.may_answer(question, by) else None
    if seconds is not None:
        return extend(transaction, question, by, seconds, message.key, message.at)
    if transitions.may_answer(question, by) and (name := unknown_name(question.ask, message.text, message.mentions)):
        text = f"Nobody here is called {name}: the question stays with you. Mention a person with your app, or write your answer."
        return ActionResult(status="refused", text=text)
    event = _replied(transaction, question, by, message)
    # A mention may hand the question over. Its effect is tried on the value first: with quiet hours the text may be refused, or
    # the quiet hours must be in the log before the handover.
    heard = transitions.reply_received(
        question,
        author=event.author,
        message=event.message,
        text=event.text,
        at=event.sent_at,
        edit=event.edit,
        mentions=event.mentions,
    )
    if refused := _defer_handover(transaction, question, heard, message.quiet_people):
        return refused
    transaction.add(event)
    after = transaction.state.questions[question.id]
    if not transitions.may_answer(after, by):
        return not_asked(question)
    return _handover_result(question, after, by, message.quiet_people) or _reply_result(after, by, message)


def select_option(transaction: Transaction, question: Question, by: Responder, choice: str, key: str, at: float) -> ActionResult:
    """Answer with an option, by its id."""
    label = messages.label_of(question, choice)
    if label is None:
        return ActionResult(status="refused", text=f"Question {question.id} has no option {choice!r}.")
    event = e.Replied(at=transaction.now, question=question.id, author=by, message=key, text=label, sent_at=at, choice=choice)
    transaction.add(event)
    return ActionResult(status="taken", text=f"You answered question {question.id}: {label}")


REACTION = "click:reaction/"
"""Beginning of the keys of answers that were given by a reaction: adapters begin its interaction with `reaction/`."""


def withdraw_reaction(transaction: Transaction, question: Question, by: Responder, emoji: str) -> ActionResult | None:
    """Withdraw the answers that a person gave by a reaction, which they have removed; None if it gave none."""
    choice = chosen_option(emoji, [option.id for option in clickable_options(question.ask)])
    given = [
        heard.message
        for heard in question.heard
        if (heard.author.id, heard.choice) == (by.id, choice) and heard.message.startswith(REACTION)
    ]
    counted = [message for message in given if message not in question.withdrawn]
    if choice is None or not counted:
        return None
    label = messages.label_of(question, choice)
    if not question.open or transaction.state.end is not None:
        text = f"Question {question.id} has ended: removing your reaction changes nothing. Your answer was: {label}"
        return ActionResult(status="late", text=text)
    for message in counted:
        transaction.add(e.Unreplied(at=transaction.now, question=question.id, message=message))
    return ActionResult(
        status="taken", text=f"You withdrew your answer to question {question.id}: {label}. The question stays open."
    )


def decline_or_delegate(
    transaction: Transaction,
    question: Question,
    by: Responder,
    at: float,
    to: Mentioned | None = None,
    quiet_people: Sequence[QuietPerson] = (),
) -> ActionResult:
    """Take a person off a question; `to` is asked in their place."""
    if refused := _defer_handover(transaction, question, transitions.passed(question, by, at, to), quiet_people):
        return refused
    transaction.add(e.Passed(at=transaction.now, question=question.id, responder=by, sent_at=at, to=to))
    after = transaction.state.questions[question.id]
    return _handover_result(question, after, by, quiet_people) or ActionResult(
        status="passed", text=f"Question {question.id} no longer waits for you."
    )


def _defer_handover(
    transaction: Transaction, question: Question, after: Question, quiet_people: Sequence[QuietPerson]
) -> ActionResult | None:
    """Handle a handover to somebody with quiet hours by the policy: the question waits for them, or the handover is refused."""
    new = {handover.to.who.id for handover in after.handed if handover not in question.handed}
    quiet = [person for person in quiet_people if person.id in new]
    if not quiet:
        return None
    if question.policy.asleep != "wait":
        name, clock = messages.name_of(quiet[0].name), quiet[0].clock
        text = f"{name} has quiet hours until {clock}. Name somebody else, or answer yourself."
        return ActionResult(status="refused", text=text)
    asleep = {person.id: person.until for person in quiet}
    starts_at = earliest_start(after, {**question.asleep, **asleep})
    transaction.add(e.Rested(at=transaction.now, question=question.id, asleep=asleep, starts_at=starts_at))
    return None


def extend(transaction: Transaction, question: Question, by: Responder, seconds: float, key: str, at: float) -> ActionResult:
    """Extend the time of a question, as far as its policy allows."""
    if question.stage is not None:
        text = f"The time is up, but question {question.id} is still open: if you answer now, it counts."
        return ActionResult(status="refused", text=text)
    if question.delivery is not None and at > expiry(question):
        return ActionResult(status="refused", text=f"The time for question {question.id} is up.")
    transaction.add(e.Extended(at=transaction.now, question=question.id, by=by, seconds=seconds, key=key, sent_at=at))
    # The policy limits the total, so less than what was asked for may be granted, or nothing.
    granted = transaction.state.questions[question.id].extended - question.extended
    if granted <= 0:
        return ActionResult(status="refused", text=f"Question {question.id} cannot wait longer: its maximum time is used up.")
    return ActionResult(status="taken", text=f"Question {question.id} waits {format_duration(granted)} longer.")


def seconds_of(text: str) -> float:
    """The seconds of `90`, `1h`, `2 h 30 min`, `half an hour` or `until tomorrow`; `DEFAULT_EXTENSION` of an empty text.

    Raises:
        ValueError: the text is not a duration; the message says what is expected.
    """
    if text.isdecimal():
        return parse_duration(float(text))
    return (parse_time(text) or parse_duration(text)) if text else DEFAULT_EXTENSION


def settle(transaction: Transaction, question: Question, outcome: Outcome) -> None:
    """End a question, and name the similar ones whose outcomes its agent is shown too."""
    similar = newest_similar(question, transaction.state.questions.values())
    transaction.add(e.QuestionSettled(at=transaction.now, question=question.id, outcome=outcome, similar=similar))


def cancel(transaction: Transaction, question: Question, by: Responder) -> ActionResult:
    """Close a question: the agent goes by its assumption."""
    now = to_platform_time(question, transaction.now)
    outcome = settlement.cancelled_outcome(question, now, f"{messages.name_of(by.name)} closed the question")
    settle(transaction, question, outcome)
    return ActionResult(status="taken", text=f"Question {question.id} is closed; {question.agent} goes by its assumption.")


def late(transaction: Transaction, question: Question, by: Responder, message: ReplyMessage) -> ActionResult:
    """Apply a text that came after the question's end: the agent gets it as long as the run goes on."""
    ended = transaction.state.end is not None
    if not ended or question.agent == transaction.state.external_agent:
        transaction.add(_replied(transaction, question, by, message))
    if question.agent == transaction.state.external_agent:
        course = f"{question.agent} gets it when it checks the question again."
    elif ended:
        course = "The run has ended, so nobody reads your reply."
    elif question.agent in transaction.state.agents:
        course = f"{question.agent} gets it as a late reply."
    else:
        course = "Your reply changes nothing any more."
    return ActionResult(status="late", text=f"{sentence(messages.closing_line(question))} {course}")


def already_closed(question: Question) -> ActionResult:
    """The refusal of an action that needs an open question."""
    ended = messages.closing_line(question) or "the run has ended."
    return ActionResult(status="late", text=f"Too late: {ended}")


def not_asked(question: Question) -> ActionResult:
    """The refusal of an action by somebody who may not answer."""
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
    """The result for a person who has just handed the question over or declined it; None for all others."""
    new = [handover.to for handover in after.handed if handover not in before.handed and handover.by == by.id]
    back = "Write in the thread again if you do want to answer."
    if new:
        successor = new[-1].who
        delay = next((f", but not before {person.clock}" for person in quiet_people if person.id == successor.id), "")
        return ActionResult(status="passed", text=f"{messages.name_of(successor.name)} is asked in your place{delay}. {back}")
    if by.id in after.passed and by.id not in before.passed:
        return ActionResult(status="passed", text=f"You are no longer asked in question {after.id}. {back}")
    return None


def _reply_result(question: Question, by: Responder, message: ReplyMessage) -> ActionResult:
    """The result of a person's newest text: it counts, came after the deadline, or is not an answer yet."""
    cut = f"Only its first {MAX_REPLY:,} characters are kept." if len(message.text) > MAX_REPLY else ""
    unparsed = unparsed_reply(question, by.id)
    if unparsed is not None:
        return ActionResult(status="refused", text=f"{unparsed.hint} {cut}".strip())
    if any(reply.late for reply in question.replies if reply.author.id == by.id):
        text = f"It came after the deadline: the agent reads it, but it does not decide. {cut}"
        return ActionResult(status="late", text=text.strip())
    hint = "This counts as your answer. To hand the question over, write only the mention." if message.mentions else ""
    return ActionResult(status="taken", text=f"{hint} {cut}".strip())
