"""Final texts while they are written, for platforms that show them: past the outbox, at best effort, and nothing of it is kept.

The `FinalAnswer` that comes at the end takes the place of what was shown. A text that comes to nothing, because its call failed,
because guidance arrived that it has missed, or because the run ended otherwise, is taken away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from orchestrator_bridge.chat import Adapter, Place, StreamingAnswer, SupportsStreaming
from orchestrator_bridge.clock import Alarm, Clock
from orchestrator_bridge.model.port import Heard
from orchestrator_bridge.run.state import RunState

EVERY = 1.0
"""Seconds between two looks at a text that grows: what platforms bear and people can follow."""

PlaceOf = Callable[[RunState], Awaitable[Place | None]]


@dataclass(slots=True)
class _Writing:
    """One text that is being written: what it has so far, and how far it has been shown."""

    action: str
    to: SupportsStreaming
    draft: StreamingAnswer
    pieces: list[str] = field(default_factory=list)
    over: bool = False
    busy: bool = False
    grown: bool = False
    next_at: float = 0.0
    alarm: Alarm | None = None


class Drafts:
    """The texts of all runs. `place_of` is where a run's thread is, None while it has none; `spawn` keeps a task alive."""

    def __init__(
        self,
        adapters: Mapping[str, Adapter],
        clock: Clock,
        place_of: PlaceOf,
        spawn: Callable[[Awaitable[None]], object],
    ) -> None:
        self._adapters = adapters
        self._clock = clock
        self._place_of = place_of
        self._spawn = spawn
        self._writings: dict[int, _Writing] = {}

    def begin(self, state: RunState, action: str) -> Heard | None:
        """A final text is about to be written; whoever is to be told of its pieces, None where nobody sees them."""
        adapter = self._adapters.get(state.place.platform)
        if not (state.team.stream and isinstance(adapter, SupportsStreaming)):
            return None
        by = state.calls[action].agent
        draft = StreamingAnswer(run=state.run, place=state.place, text=None, by=by, to=state.by)
        writing = self._writings[state.run] = _Writing(action, adapter, draft)
        loop = asyncio.get_running_loop()
        return lambda piece: _ignore(loop.call_soon_threadsafe(self._add, writing, state, piece))

    def landed(self, action: str, state: RunState, *, arrived: bool) -> None:
        """The call has ended: no more of its text is shown. What did not arrive is taken away."""
        writing = self._writings.get(state.run)
        if writing is not None and writing.action == action:
            _end(writing)
            if not arrived:
                self._take_away(state.run)

    def stored(self, state: RunState) -> None:
        """A run has got further: a text that has not become its end, and is not being written any more, is taken away."""
        writing = self._writings.get(state.run)
        if writing is None or (state.end is None and (not writing.over or writing.action in state.calls)):
            return
        if state.end is not None and state.end.status == "finished":
            _end(self._writings.pop(state.run))
        else:
            self._take_away(state.run)

    # Showing --------------------------------------------------------------------------------------------------------------

    def _add(self, writing: _Writing, state: RunState, piece: str) -> None:
        writing.pieces.append(piece)
        writing.grown = True
        if writing.alarm is None and not (writing.busy or writing.over):
            self._show_soon(writing, state)

    def _show_soon(self, writing: _Writing, state: RunState) -> None:
        def show() -> None:
            writing.alarm = None
            if not writing.over:
                writing.busy = True
                self._spawn(self._show(writing, state))

        writing.alarm = self._clock.call_at(max(self._clock.now(), writing.next_at), show)

    async def _show(self, writing: _Writing, state: RunState) -> None:
        writing.grown = False
        place = await self._place_of(state)
        if place is not None and not writing.over:
            await writing.to.stream_answer(replace(writing.draft, place=place, text="".join(writing.pieces)))
        writing.busy, writing.next_at = False, self._clock.now() + EVERY
        if writing.grown and not writing.over:
            self._show_soon(writing, state)

    def _take_away(self, run: int) -> None:
        writing = self._writings.pop(run)
        _end(writing)
        self._spawn(writing.to.stream_answer(writing.draft))


def _end(writing: _Writing) -> None:
    writing.over = True
    if writing.alarm is not None:
        writing.alarm.cancel()


def _ignore(_: object) -> None:
    """A handle that nobody needs."""
