"""Final texts while they are written, for platforms that show them: past the outbox, at best effort, and nothing of it is kept.

The `FinalAnswer` that comes at the end takes the place of what was shown. A text that comes to nothing, because its call failed,
because guidance arrived that it has missed, or because the run ended otherwise, is taken away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from orchestrator_bridge.chat.adapter import Adapter, SupportsStreaming
from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.chat.outbound import StreamingAnswer
from orchestrator_bridge.common.clock import Alarm, Clock
from orchestrator_bridge.model.interface import OnDelta
from orchestrator_bridge.run.state import RunState

UPDATE_INTERVAL = 1.0
"""Seconds between two looks at a text that grows: what platforms bear and people can follow."""

PlaceOf = Callable[[RunState], Awaitable[Place | None]]


@dataclass(slots=True)
class _Stream:
    """One text that is being written: what it has so far, and how far it has been shown."""

    action: str
    adapter: SupportsStreaming
    answer: StreamingAnswer
    chunks: list[str] = field(default_factory=list)
    over: bool = False
    busy: bool = False
    changed: bool = False
    next_at: float = 0.0
    alarm: Alarm | None = None


class AnswerStreams:
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
        self._streams: dict[int, _Stream] = {}

    def open(self, state: RunState, action: str) -> OnDelta | None:
        """A final text is about to be written; whoever is to be told of its pieces, None where nobody sees them."""
        adapter = self._adapters.get(state.place.platform)
        if not (state.team.stream and isinstance(adapter, SupportsStreaming)):
            return None
        by = state.calls[action].agent
        draft = StreamingAnswer(run=state.run, place=state.place, text=None, by=by, to=state.by)
        writing = self._streams[state.run] = _Stream(action, adapter, draft)
        loop = asyncio.get_running_loop()
        return lambda piece: _ignore(loop.call_soon_threadsafe(self._add, writing, state, piece))

    def call_finished(self, action: str, state: RunState, *, arrived: bool) -> None:
        """The call has ended: no more of its text is shown. What did not arrive is taken away."""
        writing = self._streams.get(state.run)
        if writing is not None and writing.action == action:
            _end(writing)
            if not arrived:
                self._retract(state.run)

    def run_committed(self, state: RunState) -> None:
        """A run has got further: a text that has not become its end, and is not being written any more, is taken away."""
        writing = self._streams.get(state.run)
        if writing is None or (state.end is None and (not writing.over or writing.action in state.calls)):
            return
        if state.end is not None and state.end.status == "finished":
            _end(self._streams.pop(state.run))
        else:
            self._retract(state.run)

    # Showing --------------------------------------------------------------------------------------------------------------

    def _add(self, stream: _Stream, state: RunState, piece: str) -> None:
        stream.chunks.append(piece)
        stream.changed = True
        if stream.alarm is None and not (stream.busy or stream.over):
            self._show_soon(stream, state)

    def _show_soon(self, stream: _Stream, state: RunState) -> None:
        def show() -> None:
            stream.alarm = None
            if not stream.over:
                stream.busy = True
                self._spawn(self._show(stream, state))

        stream.alarm = self._clock.call_at(max(self._clock.now(), stream.next_at), show)

    async def _show(self, stream: _Stream, state: RunState) -> None:
        stream.changed = False
        place = await self._place_of(state)
        if place is not None and not stream.over:
            await stream.adapter.stream_answer(replace(stream.answer, place=place, text="".join(stream.chunks)))
        stream.busy, stream.next_at = False, self._clock.now() + UPDATE_INTERVAL
        if stream.changed and not stream.over:
            self._show_soon(stream, state)

    def _retract(self, run: int) -> None:
        writing = self._streams.pop(run)
        _end(writing)
        self._spawn(writing.adapter.stream_answer(writing.answer))


def _end(stream: _Stream) -> None:
    stream.over = True
    if stream.alarm is not None:
        stream.alarm.cancel()


def _ignore(_: object) -> None:
    """A handle that nobody needs."""
