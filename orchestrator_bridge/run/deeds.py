"""What one person does to one question, and what became of it: by typing in its thread, by a control, or by `/questions`.

All three ways end here, so that they mean the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator_bridge.duration import parse_duration, say_duration
from orchestrator_bridge.question import hear, lines, settle, tell
from orchestrator_bridge.question.intent import more_time
from orchestrator_bridge.question.read import LIMIT
from orchestrator_bridge.question.times import deadline, on_platform
from orchestrator_bridge.question.values import Mentioned, Question, Responder
from orchestrator_bridge.question.voice import misread
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.batch import Batch
from orchestrator_bridge.text import clean, sentence

MORE_TIME = 3600.0
"""Seconds that "more time" grants when nobody says how much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What became of a deed, and what to say of it; nothing where that goes without saying."""

    sign: Literal["taken", "late", "refused", "passed"]
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """Words that somebody typed, with those whom they name. `key`: the platform's id of the message; `at`: seconds, its clock."""

    key: str
    text: str
    at: float
    edit: str = ""
    mentions: tuple[Mentioned, ...] = ()


def reply(batch: Batch, question: Question, by: Responder, message: Message) -> Done:
    """Somebody typed something: an answer, "not me", a mention that hands over, or a wish for more time.

    What somebody types who may not answer is kept without effect: the question may yet be handed to them.
    """
    seconds = more_time(question.ask, message.text, MORE_TIME) if hear.may_answer(question, by) else None
    if seconds is not None:
        return more(batch, question, by, seconds, message.key, message.at)
    batch.add(_replied(batch, question, by, message))
    after = batch.state.questions[question.id]
    if not hear.may_answer(after, by):
        return not_asked(question)
    return _left(question, after, by) or _heard(after, by, message)


def choose(batch: Batch, question: Question, by: Responder, choice: str, key: str, at: float) -> Done:
    """Somebody picked an option, by its id."""
    label = tell.label_of(question, choice)
    if label is None:
        return Done(sign="refused", text=f"Question {question.id} has no option {choice!r}.")
    event = e.Replied(at=batch.now, question=question.id, author=by, message=key, text=label, sent_at=at, choice=choice)
    batch.add(event)
    return Done(sign="taken", text=f"You answered question {question.id}: {label}")


def pass_on(batch: Batch, question: Question, by: Responder, at: float, to: Mentioned | None = None) -> Done:
    """Somebody said "not me", or named who is to be asked in their place."""
    batch.add(e.Passed(at=batch.now, question=question.id, responder=by, sent_at=at, to=to))
    after = batch.state.questions[question.id]
    return _left(question, after, by) or Done(sign="passed", text=f"You are not asked any more in question {question.id}.")


def more(batch: Batch, question: Question, by: Responder, seconds: float, key: str, at: float) -> Done:
    """Somebody wants more time."""
    before = deadline(question)
    batch.add(e.Extended(at=batch.now, question=question.id, by=by, seconds=seconds, key=key, sent_at=at))
    granted = deadline(batch.state.questions[question.id]) - before
    if granted <= 0:
        return Done(sign="refused", text=f"Question {question.id} cannot wait longer than it does.")
    return Done(sign="taken", text=f"Question {question.id} waits {say_duration(granted)} longer.")


def seconds_of(text: str) -> float:
    """The seconds of `90`, `1h`, `2 h 30 min`, or the usual time where nothing is said.

    Raises:
        ValueError: it is no duration; the text says what is expected.
    """
    return parse_duration(float(text) if text.isdecimal() else text or MORE_TIME)


def cancel(batch: Batch, question: Question, by: Responder) -> Done:
    """Somebody closes a question: the agent goes by its assumption."""
    now = on_platform(question, batch.now)
    outcome = settle.cancelled(question, now, f"{lines.name_of(by.name)} closed the question")
    batch.add(e.QuestionSettled(at=batch.now, question=question.id, outcome=outcome))
    return Done(sign="taken", text=f"Question {question.id} is closed; {question.agent} goes by its assumption.")


def late(batch: Batch, question: Question, by: Responder, message: Message) -> Done:
    """Somebody typed something after the question's end: the agent gets it while the run lives."""
    ended = batch.state.end is not None
    if not ended:
        batch.add(_replied(batch, question, by, message))
    course = f"{question.agent} gets it as a late reply."
    if ended or question.agent not in batch.state.agents:
        course = "The run has ended, so it reaches nobody." if ended else "It changes nothing any more."
    return Done(sign="late", text=f"{sentence(tell.closing_line(question))} {course}")


def not_asked(question: Question) -> Done:
    """Somebody may not answer."""
    return Done(sign="refused", text=f"Question {question.id} is for {lines.asked_line(question)}.")


def _replied(batch: Batch, question: Question, by: Responder, message: Message) -> e.Replied:
    return e.Replied(
        at=batch.now,
        question=question.id,
        author=by,
        message=message.key,
        text=clean(message.text, LIMIT).strip(),
        sent_at=message.at,
        edit=message.edit,
        mentions=message.mentions,
    )


def _left(before: Question, after: Question, by: Responder) -> Done | None:
    """What to say where somebody has left the question with this."""
    new: Sequence[Mentioned] = [one.to for one in after.handed if one not in before.handed and one.by == by.id]
    back = "Write in the thread again if you do want to answer."
    if new:
        return Done(sign="passed", text=f"{lines.name_of(new[-1].who.name)} is asked in your place. {back}")
    if by.id in after.passed and by.id not in before.passed:
        return Done(sign="passed", text=f"You are not asked any more in question {after.id}. {back}")
    return None


def _heard(question: Question, by: Responder, message: Message) -> Done:
    """What became of somebody's newest words: they count, came in the grace after the deadline, or are no answer yet."""
    cut = f"Only its first {LIMIT:,} characters are kept." if len(message.text) > LIMIT else ""
    wrong = misread(question, by.id)
    if wrong is not None:
        return Done(sign="refused", text=f"{wrong.hint} {cut}".strip())
    if any(one.late for one in question.replies if one.author.id == by.id):
        return Done(sign="late", text=f"It came after the deadline, so it goes along without deciding. {cut}".strip())
    hint = ""
    if message.mentions:
        hint = "Taken as your answer. To hand the question over, write only the mention."
    return Done(sign="taken", text=f"{hint} {cut}".strip())
