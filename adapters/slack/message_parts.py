"""A post as the messages that it takes, each with a marker by which it is found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.slack.blocks import section
from adapters.slack.render import (
    SlackMessage,
    render_answer_beginning,
    render_final_answer,
    render_note,
    render_question_card,
    render_run_card,
)
from orchestrator_bridge.chat.outbound import FinalAnswer, Note, OutboundPost, Post, QuestionCard, RunCard, TextFile

METADATA_TYPE = "townhall_post"
"""The type of our metadata. All that it holds is the key of the outbox, for everybody in the workspace can read it."""

MAX_ANSWER_MESSAGES = 4
"""Messages of one final answer; what is longer goes along as a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MessagePart:
    """One message. `file` and `content` are set where it is a file; `pointer` stands where the post was asked for."""

    key: str
    message: SlackMessage
    thread: str | None
    file: str = ""
    content: bytes = b""
    pointer: bool = False


def marker_metadata(key: str) -> Mapping[str, Any]:
    """The marker of a message."""
    return {"event_type": METADATA_TYPE, "event_payload": {"key": key}}


def marker_key(message: Mapping[str, Any]) -> str:
    """The key in a message's marker; empty if it has none of ours."""
    found = message.get("metadata") or {}
    payload = found.get("event_payload") or {}
    return str(payload.get("key") or "") if found.get("event_type") == METADATA_TYPE else ""


def message_parts(outbound: OutboundPost, *, as_speaker: bool) -> list[MessagePart]:
    """The messages of a sending, in order. Cards open threads of their own and so stand in the channel itself."""
    match outbound.post:
        case RunCard() as card:
            return [_part(outbound, render_run_card(card), None), *_pointer(outbound, card)]
        case QuestionCard() as card:
            return [_part(outbound, render_question_card(card), None)]
        case Note() as said:
            return [*_numbered_parts(outbound, render_note(said, as_speaker=as_speaker)), *_file(outbound)]
        case FinalAnswer() as answer:
            return _answer(outbound, answer)
        case _:
            return []


def _part(outbound: OutboundPost, message: SlackMessage, thread: str | None) -> MessagePart:
    return MessagePart(key=outbound.key, message=message, thread=thread)


def _numbered_parts(outbound: OutboundPost, messages: Sequence[SlackMessage], first: int = 1) -> list[MessagePart]:
    keys = [outbound.key if number == 1 else f"{outbound.key}#{number}" for number in range(first, first + len(messages))]
    return [MessagePart(key=key, message=one, thread=outbound.place.thread) for key, one in zip(keys, messages, strict=True)]


def _pointer(outbound: OutboundPost, card: RunCard) -> list[MessagePart]:
    """A run that was asked for inside a thread has a thread of its own, to which a line there leads."""
    if outbound.place.thread is None:
        return []
    text = f"Run {card.run} has begun, in a thread of its own in this channel:"
    message = {"text": text, "blocks": [section(text)]}
    return [MessagePart(key=f"{outbound.key}#2", message=message, thread=outbound.place.thread, pointer=True)]


def _answer(outbound: OutboundPost, answer: FinalAnswer) -> list[MessagePart]:
    whole = render_final_answer(answer)
    if len(whole) <= MAX_ANSWER_MESSAGES:
        return _numbered_parts(outbound, whole)
    return [*_file(outbound), *_numbered_parts(outbound, [render_answer_beginning(answer, whole, file_name(answer))])]


def file_name(post: Post) -> str:
    """What the file is called that goes along with a post, if one does; no other file of the channel is called so."""
    match post:
        case FinalAnswer():
            return f"run-{post.run}-answer.md"
        case Note(file=TextFile(name=name)):
            return name
        case _:
            return ""


def _file(outbound: OutboundPost) -> list[MessagePart]:
    match outbound.post:
        case FinalAnswer(text=text) | Note(file=TextFile(text=text)):
            content = text.encode("utf-8", "replace")
        case _:
            return []
    name = file_name(outbound.post)
    return [MessagePart(key=f"{outbound.key}#file", message={}, thread=outbound.place.thread, file=name, content=content)]
