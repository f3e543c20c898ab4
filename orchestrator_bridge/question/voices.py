"""One voice each: what every responder says, made of all that was heard from them.

It follows from what was heard and not from when it arrived: the newest version of a message counts; what was typed is joined in
order of its time; a click replaces what was typed before it, and "not me" or handing over what was said before that. Words typed
after a click change the choice if they name one, else they are a remark beside it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator_bridge.question.model import Ask, Option, Question, Reply, Utterance, deadline
from orchestrator_bridge.question.parsing.intent import declines, delegates_to
from orchestrator_bridge.question.parsing.reply import YES_NO, ParsedReply, UnparsedReply, parse_messages
from orchestrator_bridge.team.directory import Mentioned


@dataclass(frozen=True, kw_only=True, slots=True)
class Withdrawal:
    """Somebody said "not me", or handed over (`to`), at a time; `back`: they have spoken again since."""

    utterance: Utterance
    to: Mentioned | None
    back: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _EffectiveMessages:
    """What stands of one responder's messages: the typed ones in order, the click that counts, and how often they left."""

    typed: tuple[Utterance, ...] = ()
    click: Utterance | None = None
    withdrawals: tuple[Withdrawal, ...] = ()


def clickable_options(ask: Ask) -> tuple[Option, ...]:
    """What can be clicked."""
    return YES_NO if ask.kind == "confirm" else ask.options


def label_of(ask: Ask, choice: str | None) -> str:
    """What people see of an option; the id itself if there is no such option."""
    return next((option.label for option in clickable_options(ask) if option.id == choice), choice or "")


def current_replies(question: Question) -> tuple[Reply, ...]:
    """The replies as they now stand, one a responder, in order of time; whether their authors may answer is not looked at."""
    replies = [reply for heard in _by_author(question) if (reply := _current_reply(question, heard))]
    return tuple(sorted(replies, key=lambda reply: (reply.at, reply.author.id)))


def withdrawals(question: Question) -> tuple[Withdrawal, ...]:
    """Whenever somebody left the question in time, in order of time."""
    all_of_them = [
        one for heard in _by_author(question) for one in _effective_messages(question.ask, _in_time(question, heard)).withdrawals
    ]
    return tuple(sorted(all_of_them, key=lambda one: (one.utterance.at, one.utterance.message, one.utterance.author.id)))


def unparsed_reply(question: Question, responder: str) -> UnparsedReply | None:
    """Why what this responder has said so far is no answer, or None: it is one, or nothing was said."""
    reply = next((one for one in question.replies if one.author.id == responder and not one.taken), None)
    reading = parse_messages(question.ask, [text for _, text, _ in reply.parts]) if reply else None
    return reading if isinstance(reading, UnparsedReply) else None


def _by_author(question: Question) -> Iterable[list[Utterance]]:
    authors: dict[str, list[Utterance]] = {}
    for one in question.heard:
        if one.message not in question.withdrawn:
            authors.setdefault(one.author.id, []).append(one)
    return authors.values()


def _in_time(question: Question, heard: Sequence[Utterance]) -> list[Utterance]:
    """What was said before the deadline. What agents say before the end counts, and so does all while a fallback is at work."""
    if question.delivery is None or question.stage is not None:
        return list(heard)
    end = deadline(question)
    return [one for one in heard if one.author.kind == "agent" or one.at <= end]


def _current_reply(question: Question, heard: Sequence[Utterance]) -> Reply | None:
    counted = _in_time(question, heard)
    reply = _build_reply(question.ask, _effective_messages(question.ask, counted))
    if reply is None and len(counted) < len(heard):
        reply = _build_reply(question.ask, _effective_messages(question.ask, heard))
        return reply.model_copy(update={"late": True}) if reply else None
    return reply


def _effective_messages(ask: Ask, heard: Sequence[Utterance]) -> _EffectiveMessages:
    versions: dict[str, list[Utterance]] = {}
    for one in heard:
        versions.setdefault(one.message, []).append(one)
    newest = [max(same, key=version_key) for same in versions.values()]
    first = {message: min(one.at for one in same) for message, same in versions.items()}
    left = [(one, to) for one in newest for leaves, to in [_withdraws(ask, one)] if leaves]
    left_at = max((one.at for one, _ in left), default=-math.inf)
    gone = {one.message for one, _ in left}
    standing = [one for one in newest if one.message not in gone and one.at >= left_at]
    click = max((one for one in standing if one.choice is not None), key=lambda one: (one.at, one.message), default=None)
    typed = [one for one in standing if one.choice is None and one.text and (click is None or one.at > click.at)]
    typed.sort(key=lambda one: (first[one.message], one.message))
    back = bool(typed or click)
    return _EffectiveMessages(
        typed=tuple(typed), click=click, withdrawals=tuple(Withdrawal(utterance=one, to=to, back=back) for one, to in left)
    )


def _withdraws(ask: Ask, heard: Utterance) -> tuple[bool, Mentioned | None]:
    """Whether somebody leaves the question with this, and to whom."""
    if heard.passed:
        return True, heard.mentions[0] if heard.mentions else None
    if heard.choice is not None or heard.author.kind == "agent":
        return False, None
    others = [one for one in heard.mentions if one.who.id != heard.author.id]
    to = delegates_to(ask, heard.text, others)
    return to is not None or declines(ask, heard.text), to


def version_key(heard: Utterance) -> tuple[tuple[int, ...], float, str, str]:
    """What puts the versions of one message in order, whichever arrived first."""
    return tuple(int(digits) for digits in re.findall(r"\d+", heard.edit)), heard.at, heard.edit, heard.text


def _build_reply(ask: Ask, standing: _EffectiveMessages) -> Reply | None:
    said = (*standing.typed, *((standing.click,) if standing.click else ()))
    if not said:
        return None
    newest = max(said, key=lambda one: (one.at, one.message))
    reading = parse_messages(ask, [one.text for one in standing.typed]) if standing.typed else None
    chosen = reading.choice if isinstance(reading, ParsedReply) else None
    clicked = standing.click is not None and chosen is None
    return Reply(
        key=newest.message,
        author=newest.author,
        text=reading.text if reading else label_of(ask, newest.choice),
        choice=standing.click.choice if standing.click and clicked else chosen,
        number=reading.number if isinstance(reading, ParsedReply) else None,
        clicked=clicked,
        taken=clicked or not isinstance(reading, UnparsedReply),
        at=newest.at,
        parts=tuple((one.message, one.text, one.at) for one in standing.typed),
    )
