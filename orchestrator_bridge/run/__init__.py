"""Pure core of a run: events, state, inputs, and the records of a transaction. No clock, no I/O, no event loop."""

from __future__ import annotations

from orchestrator_bridge.run.events import (
    Event,
)
from orchestrator_bridge.run.inputs import (
    RunInput,
)
from orchestrator_bridge.run.records import (
    Record,
)
from orchestrator_bridge.run.state import (
    RunState,
)

__all__ = [
    "Event",
    "Record",
    "RunInput",
    "RunState",
]
