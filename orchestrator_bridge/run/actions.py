"""What can be outstanding in a run. Actions have stable ids: who carries them out starts only what is new."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_bridge.question.values import Ask
from orchestrator_bridge.run.events import Event, Purpose


@dataclass(frozen=True, kw_only=True, slots=True)
class CallModel:
    """Make this call; `is_under_way` says that it has been started. Attempts count from 1."""

    action: str
    agent: str
    purpose: Purpose
    attempt: int
    question: int | None = None
    is_under_way: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class AskQuestion:
    """Make a question of this, or refuse it."""

    action: str
    agent: str
    ask: Ask


@dataclass(frozen=True, kw_only=True, slots=True)
class UseTool:
    """Call the tool of this use."""

    action: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AskApproval:
    """Ask people whether this use of a tool may be."""

    action: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AppendEvent:
    """Append this event: it follows from the state."""

    event: Event


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitUntil:
    """Append this event (its `at` aside) when our clock reaches `until`, in seconds, if this is still outstanding then."""

    until: float
    event: Event


Action = CallModel | AskQuestion | UseTool | AskApproval | AppendEvent | WaitUntil
