"""Values to put into a store: short ways to write rows and events in tests."""

from __future__ import annotations

from decimal import Decimal

from orchestrator_bridge.chat.inbound import Author, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Note, Post, PostedMessage
from orchestrator_bridge.model.interface import Usage
from orchestrator_bridge.run.events import Event, Guided, Responded
from orchestrator_bridge.run.records import (
    CallUsageRecorded,
    OutboxEntry,
    QuestionMessageLinked,
    QuestionOpened,
    RunMessageLinked,
    RunOpened,
)

CHANNEL = Place(platform="fake", channel="general")
ALICE = Author(platform="fake", id="u1", name="Alice", roles=("backend",))


def thread(name: str) -> Place:
    return Place(platform="fake", channel="general", thread=name)


def guided(text: str, at: float = 1.0) -> Event:
    return Guided(at=at, message=f"m-{text}", author=ALICE, text=text)


def responded(action: str, text: str = "done") -> Event:
    usage = Usage(input=10, output=5)
    return Responded(
        at=2.0, action=action, agent="ada", text=text, tool_calls=(), consumed=(), usage=usage, served="m", cost=Decimal("0.1")
    )


def run_opened(run: int, at: float = 1.0) -> RunOpened:
    return RunOpened(run=run, task=f"task {run}", team="demo", place=CHANNEL, by="Alice", at=at)


def question_opened(question: int, run: int, fires_at: float = 60.0) -> QuestionOpened:
    return QuestionOpened(
        question=question, run=run, agent="ada", text=f"question {question}?", asked="Alice", fires_at=fires_at, at=1.0
    )


def question_placed(question: int, message: str, name: str | None, noted_at: float = 3.0) -> QuestionMessageLinked:
    return QuestionMessageLinked(
        question=question, place=CHANNEL, message=message, thread=name, posted_at=noted_at - 1.0, noted_at=noted_at
    )


def run_placed(run: int, message: str, name: str | None) -> RunMessageLinked:
    return RunMessageLinked(run=run, place=CHANNEL, message=message, thread=name)


def outgoing(
    key: str,
    text: str = "hello",
    *,
    post: Post | None = None,
    at: float = 1.0,
    anchor: str | None = None,
    replaces: str | None = None,
    version: int = 1,
) -> OutboxEntry:
    return OutboxEntry(
        key=key,
        run=1,
        place=CHANNEL,
        post=post or Note(text=text),
        at=at,
        anchor=anchor,
        replaces=replaces,
        version=version,
    )


def posted(message: str, name: str | None = None) -> PostedMessage:
    return PostedMessage(message=message, thread=name, at=5.0)


def said(message: str, text: str = "yes", edit: str = "") -> MessageReceived:
    return MessageReceived(place=thread("t1"), message=message, author=ALICE, text=text, at=4.0, edit=edit)


def booked(run: int, action: str, cost: str | None, *, agent: str = "ada", usage: Usage | None = None) -> CallUsageRecorded:
    return CallUsageRecorded(
        run=run,
        action=action,
        attempt=1,
        agent=agent,
        model="grok",
        state="booked",
        cost=None if cost is None else Decimal(cost),
        usage=usage,
        at=2.0,
    )
