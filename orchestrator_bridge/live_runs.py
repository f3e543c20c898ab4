"""Which runs have not ended, in memory: for pickers, which wait for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator_bridge.chat import Place
    from orchestrator_bridge.run.state import RunState
    from orchestrator_bridge.store.port import RunSummary


class RunIndex:
    """The runs that have not ended, by their numbers."""

    def __init__(self) -> None:
        self._runs: dict[int, tuple[str, str, str]] = {}

    def recover(self, runs: Iterable[RunSummary]) -> None:
        """Take in those that an earlier process began."""
        self._runs |= {run.run: (run.place.platform, run.place.channel, run.task) for run in runs}

    def update(self, state: RunState) -> None:
        """A run has moved on, or has ended."""
        if state.end is None:
            self._runs[state.run] = (state.place.platform, state.place.channel, state.task)
        else:
            self._runs.pop(state.run, None)

    def in_channel(self, place: Place) -> Sequence[tuple[int, str]]:
        """Those of a place's channel, newest first: number and task."""
        here = (place.platform, place.channel)
        return [(run, task) for run, (*where, task) in sorted(self._runs.items(), reverse=True) if tuple(where) == here]
