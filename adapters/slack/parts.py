"""A post as the messages that it takes, each with a marker by which it is found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.slack.blocks import section
from adapters.slack.cards import Message, question_card, run_card
from adapters.slack.notes import final_answer, note, shortened_answer
from orchestrator_bridge.chat import FinalAnswer, Note, OutboundPost, Post, QuestionCard, RunCard, TextFile

MARK = "townhall_post"
"""The type of our metadata. All that it holds is the key of the outbox, for everybody in the workspace can read it."""

LONGEST = 4
"""Messages of one final answer; what is longer goes along as a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One message. `file` and `content` are set where it is a file; `pointer` stands where the post was asked for."""

    key: str
    message: Message
    thread: str | None
    file: str = ""
    content: bytes = b""
    pointer: bool = False


def metadata(key: str) -> Mapping[str, Any]:
    """The marker of a message."""
    return {"event_type": MARK, "event_payload": {"key": key}}


def marked(message: Mapping[str, Any]) -> str:
    """The key in a message's marker; empty if it has none of ours."""
    found = message.get("metadata") or {}
    payload = found.get("event_payload") or {}
    return str(payload.get("key") or "") if found.get("event_type") == MARK else ""


def parts(outbound: OutboundPost, *, as_speaker: bool) -> list[Part]:
    """The messages of a sending, in order. Cards open threads of their own and so stand in the channel itself."""
    match outbound.post:
        case RunCard() as card:
            return [_part(outbound, run_card(card), None), *_pointer(outbound, card)]
        case QuestionCard() as card:
            return [_part(outbound, question_card(card), None)]
        case Note() as said:
            return [*_numbered(outbound, note(said, as_speaker=as_speaker)), *_file(outbound)]
        case FinalAnswer() as answer:
            return _answer(outbound, answer)
        case _:
            return []


def _part(outbound: OutboundPost, message: Message, thread: str | None) -> Part:
    return Part(key=outbound.key, message=message, thread=thread)


def _numbered(outbound: OutboundPost, messages: Sequence[Message], first: int = 1) -> list[Part]:
    keys = [outbound.key if number == 1 else f"{outbound.key}#{number}" for number in range(first, first + len(messages))]
    return [Part(key=key, message=one, thread=outbound.place.thread) for key, one in zip(keys, messages, strict=True)]


def _pointer(outbound: OutboundPost, card: RunCard) -> list[Part]:
    """A run that was asked for inside a thread has a thread of its own, to which a line there leads."""
    if outbound.place.thread is None:
        return []
    text = f"Run {card.run} has begun, in a thread of its own in this channel:"
    message = {"text": text, "blocks": [section(text)]}
    return [Part(key=f"{outbound.key}#2", message=message, thread=outbound.place.thread, pointer=True)]


def _answer(outbound: OutboundPost, answer: FinalAnswer) -> list[Part]:
    whole = final_answer(answer)
    if len(whole) <= LONGEST:
        return _numbered(outbound, whole)
    return [*_file(outbound), *_numbered(outbound, [shortened_answer(answer, whole, file_name(answer))])]


def file_name(post: Post) -> str:
    """What the file is called that goes along with a post, if one does; no other file of the channel is called so."""
    match post:
        case FinalAnswer():
            return f"run-{post.run}-answer.md"
        case Note(file=TextFile(name=name)):
            return name
        case _:
            return ""


def _file(outbound: OutboundPost) -> list[Part]:
    match outbound.post:
        case FinalAnswer(text=text) | Note(file=TextFile(text=text)):
            content = text.encode("utf-8", "replace")
        case _:
            return []
    name = file_name(outbound.post)
    return [Part(key=f"{outbound.key}#file", message={}, thread=outbound.place.thread, file=name, content=content)]
