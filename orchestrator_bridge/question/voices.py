"""Derivation of replies from utterances: one reply per responder.

The result does not depend on the order of arrival. The newest version of each message counts; typed messages are joined in
order of time; a click replaces what was typed before it; "Not me" and a delegation revoke what was said before them. Words typed
after a click change the choice if they name an option, otherwise they are a remark on it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator_bridge.question.model import Ask, Option, Question, Reply, Utterance, deadline
from orchestrator_bridge.question.parsing.intent import declines, delegates_to
from orchestrator_bridge.question.parsing.reply import YES_NO, ParsedReply, UnparsedReply, is_complete, parse_messages
from orchestrator_bridge.team.directory import Mentioned


@dataclass(frozen=True, kw_only=True, slots=True)
class Withdrawal:
    """A responder declined ("Not me") or delegated (`to`). `back`: they have replied again since."""

    utterance: Utterance
    to: Mentioned | None
    back: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _EffectiveMessages:
    """Messages of one responder that are in effect: typed ones in order of time, the last click, and withdrawals."""

    typed: tuple[Utterance, ...] = ()
    click: Utterance | None = None
    withdrawals: tuple[Withdrawal, ...] = ()


def clickable_options(ask: Ask) -> tuple[Option, ...]:
    """Options that can be clicked: those of the ask, or yes and no for a confirm."""
    return YES_NO if ask.kind == "confirm" else ask.options


def label_of(ask: Ask, choice: str | None) -> str:
    """Label of an option; the id itself if there is no such option."""
    return next((option.label for option in clickable_options(ask) if option.id == choice), choice or "")


def current_replies(question: Question) -> tuple[Reply, ...]:
    """Current replies, one per responder, oldest first. Permissions are not checked."""
    replies = [reply for heard in _by_author(question) if (reply := _current_reply(question, heard))]
    return tuple(sorted(replies, key=lambda reply: (reply.at, reply.author.id)))


def withdrawals(question: Question) -> tuple[Withdrawal, ...]:
    """All withdrawals before the deadline, oldest first."""
    found = [
        withdrawal
        for heard in _by_author(question)
        for withdrawal in _effective_messages(question.ask, _in_time(question, heard)).withdrawals
    ]
    return tuple(sorted(found, key=lambda left: (left.utterance.at, left.utterance.message, left.utterance.author.id)))


def unparsed_reply(question: Question, responder: str) -> UnparsedReply | None:
    """Parse error of the current reply of a responder; None if the reply is valid or there is none."""
    reply = next((reply for reply in question.replies if reply.author.id == responder and not reply.taken), None)
    reading = parse_messages(question.ask, [text for _, text, _ in reply.parts]) if reply else None
    return reading if isinstance(reading, UnparsedReply) else None


def _by_author(question: Question) -> Iterable[list[Utterance]]:
    authors: dict[str, list[Utterance]] = {}
    for utterance in question.heard:
        if utterance.message not in question.withdrawn:
            authors.setdefault(utterance.author.id, []).append(utterance)
    return authors.values()


def _in_time(question: Question, heard: Sequence[Utterance]) -> list[Utterance]:
    """Utterances that are in time: before the deadline, or of an agent. All are while a fallback is in progress."""
    if question.delivery is None or question.stage is not None:
        return list(heard)
    end = deadline(question)
    return [utterance for utterance in heard if utterance.author.kind == "agent" or utterance.at <= end]


def _current_reply(question: Question, heard: Sequence[Utterance]) -> Reply | None:
    counted = _in_time(question, heard)
    reply = _build_reply(question.ask, _effective_messages(question.ask, counted))
    # Words after the deadline must not change a reply that was in time; alone, they are reported as late.
    if reply is None and len(counted) < len(heard):
        reply = _build_reply(question.ask, _effective_messages(question.ask, heard))
        return reply.model_copy(update={"late": True}) if reply else None
    return reply


def _effective_messages(ask: Ask, heard: Sequence[Utterance]) -> _EffectiveMessages:
    versions: dict[str, list[Utterance]] = {}
    for utterance in heard:
        versions.setdefault(utterance.message, []).append(utterance)
    newest = [max(same, key=version_key) for same in versions.values()]
    # An edited message keeps its place among the others: it is ordered by its first version.
    first_at = {message: min(version.at for version in same) for message, same in versions.items()}
    left = [(message, to) for message in newest for leaves, to in [_withdraws(ask, message)] if leaves]
    # A withdrawal revokes what was said before it; what is said later, or at the same time, counts again.
    left_at = max((message.at for message, _ in left), default=-math.inf)
    leaving = {message.message for message, _ in left}
    valid = [message for message in newest if message.message not in leaving and message.at >= left_at]
    clicks = [message for message in valid if message.choice is not None]
    click = max(clicks, key=lambda message: (message.at, message.message), default=None)
    typed = [message for message in valid if message.choice is None and message.text and (click is None or message.at > click.at)]
    typed.sort(key=lambda message: (first_at[message.message], message.message))
    back = bool(typed or click)
    withdrawals = tuple(Withdrawal(utterance=message, to=to, back=back) for message, to in left)
    return _EffectiveMessages(typed=tuple(typed), click=click, withdrawals=withdrawals)


def _withdraws(ask: Ask, heard: Utterance) -> tuple[bool, Mentioned | None]:
    """True if an utterance declines or delegates, and the delegate if there is one."""
    if heard.passed:
        return True, heard.mentions[0] if heard.mentions else None
    if heard.choice is not None or heard.author.kind == "agent":
        return False, None
    others = [person for person in heard.mentions if person.who.id != heard.author.id]
    to = delegates_to(ask, heard.text, others)
    return to is not None or declines(ask, heard.text), to


def version_key(heard: Utterance) -> tuple[tuple[int, ...], float, str, str]:
    """Sort key of the versions of one message, independent of the order of arrival."""
    return tuple(int(digits) for digits in re.findall(r"\d+", heard.edit)), heard.at, heard.edit, heard.text


def _build_reply(ask: Ask, messages: _EffectiveMessages) -> Reply | None:
    said = (*messages.typed, *((messages.click,) if messages.click else ()))
    if not said:
        return None
    newest = max(said, key=lambda message: (message.at, message.message))
    # All typed messages are parsed together, because one thought often comes in several; a click without words needs no parsing.
    reading = parse_messages(ask, [message.text for message in messages.typed]) if messages.typed else None
    chosen = reading.choice if isinstance(reading, ParsedReply) else None
    clicked = messages.click is not None and chosen is None
    return Reply(
        key=newest.message,
        author=newest.author,
        text=reading.text if reading else label_of(ask, newest.choice),
        choice=messages.click.choice if messages.click and clicked else chosen,
        number=reading.number if isinstance(reading, ParsedReply) else None,
        clicked=clicked,
        complete=clicked or is_complete(ask, messages.typed[-1].text),
        taken=clicked or not isinstance(reading, UnparsedReply),
        at=newest.at,
        parts=tuple((message.message, message.text, message.at) for message in messages.typed),
    )
