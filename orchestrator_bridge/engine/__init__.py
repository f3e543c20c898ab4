"""Runtime of the bridge: everything with an event loop, a clock or a socket."""

from __future__ import annotations

from orchestrator_bridge.engine.engine import (
    Engine,
)
from orchestrator_bridge.engine.external_agents import (
    QuestionRequest,
    SubmissionResult,
)

__all__ = [
    "Engine",
    "QuestionRequest",
    "SubmissionResult",
]
