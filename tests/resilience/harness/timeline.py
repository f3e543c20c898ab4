"""Timeline in lines that a person can read: a run's log and what the platform saw, in order of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from orchestrator_bridge.common.text import shorten
from orchestrator_bridge.run.events import Event
from tests.support.fake_chat.state import World

DULL = frozenset({"at", "event", "team", "question", "delivery", "outcome", "usage", "tool_calls", "place", "author", "by"})
"""Fields of events that are told in other words, or are too long for a line."""


@dataclass(frozen=True, order=True)
class Line:
    """Something that happened `at` a time, in seconds since the epoch by our clock."""

    at: float
    who: str
    what: str


def log_lines(run: int, log: Iterable[Event]) -> list[Line]:
    """A run's log."""
    return [Line(event.at, f"run {run}", f"{seq:3} {event.event} {_told(event)}") for seq, event in enumerate(log, 1)]


def chat_lines(world: World, offset: float = 0.0) -> list[Line]:
    """Actions of bots and people on the platform. `offset`: how far its clock is ahead of ours, in seconds."""
    bots = [
        Line(effect.at - offset, "bot", f"{effect.what} {effect.message} {dict(effect.meta)} {_short(effect.text)}")
        for effect in world.effects
    ]
    people = [
        Line(event.data["at"] - offset, "people", f"{event.kind} {_short(str(dict(event.data)), 200)}") for event in world.events
    ]
    return bots + people


def render_timeline(*parts: Iterable[Line]) -> str:
    """All lines by time."""
    lines = sorted((line for part in parts for line in part), key=lambda line: line.at)
    start = lines[0].at if lines else 0.0
    return "\n".join(f"{line.at - start:9.3f} {line.who:8} {line.what}" for line in lines)


def _told(event: Event) -> str:
    words = [f"{field.name}={_short(getattr(event, field.name))}" for field in fields(event) if field.name not in DULL]
    return " ".join([*words, *_more(event)])


def _more(event: Any) -> Sequence[str]:
    question = getattr(event, "question", None)
    number = getattr(question, "id", question)
    calls = [f"{call.name}({_short(call.arguments)})" for call in getattr(event, "tool_calls", ())]
    outcome = getattr(event, "outcome", None)
    settled = [f"{outcome.status} by {outcome.decided_by}: {_short(outcome.decision)} ({outcome.why})"] if outcome else []
    return [*([f"question={number}"] if number else []), *calls, *settled]


def _short(value: Any, limit: int = 80) -> str:
    return shorten(" ".join(str(value).split()), limit)
