"""The messages that a post takes, each with a marker by which it is found again.

The marker is the key of the outbox entry in Slack's message metadata. A long post has several messages; each has a key of its
own, so that an interrupted post is continued instead of repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

from adapters.slack.blocks import section
from adapters.slack.render import (
    SlackMessage,
    render_answer_beginning,
    render_final_answer,
    render_note,
    render_question_card,
    render_run_card,
    render_streamed_notice,
    render_turn_card,
)
from orchestrator_bridge.chat.outbound import (
    Acknowledgement,
    FinalAnswer,
    Note,
    OutboundPost,
    Post,
    QuestionCard,
    RunCard,
    TextFile,
)

METADATA_TYPE = "townhall_post"
"""Type of our metadata. It holds only the outbox key, since everybody in the workspace can read it."""

_CARD = re.compile(r"(?:run|question):\d+:card")
"""Keys of cards, of their copies, and of the links to them."""

MAX_ANSWER_MESSAGES = 5
"""Messages of a final answer; a longer one is posted as a file and its beginning."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MessagePart:
    """One message. `file` and `content` are set for a file; `pointer`: it is posted where the task was given and links to the run
    card."""

    key: str
    message: SlackMessage
    thread: str | None
    file: str = ""
    content: bytes = b""
    pointer: bool = False
    link: tuple[str, str] | None = None
    """Channel and timestamp of the message to link to, if it is not the first message of this post."""
    link_text: str = "Go to the run"


def marker_metadata(key: str) -> Mapping[str, Any]:
    """The marker of a message."""
    return {"event_type": METADATA_TYPE, "event_payload": {"key": key}}


def marker_key(message: Mapping[str, Any]) -> str:
    """The key in a message's marker; empty without one of ours."""
    metadata = message.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    return str(payload.get("key") or "") if metadata.get("event_type") == METADATA_TYPE else ""


def is_card(message: Mapping[str, Any]) -> bool:
    """True if a message of ours is a card of a run or question, or the link to one."""
    return bool(_CARD.match(marker_key(message)))


def message_parts(outbound: OutboundPost, *, as_speaker: bool) -> list[MessagePart]:
    """The messages of a post, in order. Cards are posted in the channel itself, where each opens a thread."""
    match outbound.post:
        case RunCard() as card if is_turn(outbound):
            return [_part(outbound, render_turn_card(card), outbound.place.thread)]
        case RunCard() as card:
            return [_part(outbound, render_run_card(card), None), *_pointer(outbound, card)]
        case QuestionCard() as card:
            return [_part(outbound, render_question_card(card), None)]
        case Note() as note:
            return [*_linked(outbound, _numbered_parts(outbound, render_note(note, as_speaker=as_speaker))), *_file(outbound)]
        case FinalAnswer() as answer:
            return _answer(outbound, answer)
        case Acknowledgement():
            return []
        case _:
            assert_never(outbound.post)


def is_turn(outbound: OutboundPost) -> bool:
    """True for the card of a next turn, which is a message in the thread of its conversation."""
    return isinstance(outbound.post, RunCard) and outbound.post.continues is not None and outbound.place.thread is not None


def _part(outbound: OutboundPost, message: SlackMessage, thread: str | None) -> MessagePart:
    return MessagePart(key=outbound.key, message=message, thread=thread)


def _numbered_parts(outbound: OutboundPost, messages: Sequence[SlackMessage]) -> list[MessagePart]:
    keys = [outbound.key, *(f"{outbound.key}#{number}" for number in range(2, len(messages) + 1))]
    return [
        MessagePart(key=key, message=message, thread=outbound.place.thread) for key, message in zip(keys, messages, strict=True)
    ]


def _linked(outbound: OutboundPost, parts: Sequence[MessagePart]) -> Sequence[MessagePart]:
    """The parts of a note, the first with the link to the message that the note is about."""
    link = outbound.link
    if link is None or link.place.channel.startswith("@"):  # a message in direct messages is found by its reader
        return parts
    pointed = replace(parts[0], pointer=True, link=(link.place.channel, link.message), link_text=link.text)
    return [pointed, *parts[1:]]


def _pointer(outbound: OutboundPost, card: RunCard) -> list[MessagePart]:
    """The link to a run card in the channel, for a task that was given inside a thread."""
    if outbound.place.thread is None:
        return []
    text = f"Run {card.run} has started in its own thread in this channel:"
    message = {"text": text, "blocks": [section(text)]}
    return [MessagePart(key=f"{outbound.key}#2", message=message, thread=outbound.place.thread, pointer=True)]


def _answer(outbound: OutboundPost, answer: FinalAnswer) -> list[MessagePart]:
    messages = render_final_answer(answer)
    if len(messages) <= MAX_ANSWER_MESSAGES:
        notice = [render_streamed_notice(answer)] if answer.drafted and answer.mentions else []
        return _numbered_parts(outbound, [*messages, *notice])
    # The file comes first, since the message refers to it; an interrupted post continues with the message.
    beginning = render_answer_beginning(answer, messages, file_name(answer))
    return [*_file(outbound), *_numbered_parts(outbound, [beginning])]


def file_name(post: Post) -> str:
    """The name of a post's file, unique in the channel; empty without a file."""
    match post:
        case FinalAnswer():
            return f"run-{post.run}-answer.md"
        case Note():
            return post.file.name if post.file is not None else ""
        case RunCard() | QuestionCard() | Acknowledgement():
            return ""
        case _:
            assert_never(post)


def _file(outbound: OutboundPost) -> list[MessagePart]:
    match outbound.post:
        case FinalAnswer(text=text) | Note(file=TextFile(text=text)):
            content = text.encode("utf-8", "replace")
        case RunCard() | QuestionCard() | Acknowledgement() | Note():
            return []
        case _:
            assert_never(outbound.post)
    name = file_name(outbound.post)
    return [MessagePart(key=f"{outbound.key}#file", message={}, thread=outbound.place.thread, file=name, content=content)]
