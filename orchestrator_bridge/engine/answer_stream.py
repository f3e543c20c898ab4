"""Final answers while they are written, for platforms that show them. Best effort: not stored and not part of the outbox.

The `FinalAnswer` at the end replaces the text that was shown. A text without an end is removed: its call failed, it missed
guidance that arrived meanwhile, or the run ended in another way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from orchestrator_bridge.chat.adapter import Adapter, SupportsStreaming
from orchestrator_bridge.chat.outbound import StreamingAnswer
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.clock import Alarm, Clock
from orchestrator_bridge.engine.outbox import Outbox
from orchestrator_bridge.model.interface import OnDelta
from orchestrator_bridge.run.state import RunState

UPDATE_INTERVAL = 1.0
"""Seconds between two updates of a growing text: what platforms accept and people can follow."""


@dataclass(slots=True)
class _Stream:
    """One text that is being written. `chunks` are what has arrived; `changed` since the last update; `over`: no more updates."""

    action: str
    adapter: SupportsStreaming
    answer: StreamingAnswer
    chunks: list[str] = field(default_factory=list)
    over: bool = False
    busy: bool = False
    changed: bool = False
    next_at: float = 0.0
    alarm: Alarm | None = None

    def end(self) -> None:
        """Show no more of this text."""
        self.over = True
        if self.alarm is not None:
            self.alarm.cancel()


class AnswerStreams:
    """The growing texts of all runs, one a run. The outbox knows the thread that a text is shown in."""

    def __init__(self, adapters: Mapping[str, Adapter], clock: Clock, outbox: Outbox, tasks: BackgroundTasks) -> None:
        self._adapters = adapters
        self._clock = clock
        self._outbox = outbox
        self._tasks = tasks
        self._streams: dict[int, _Stream] = {}

    def open(self, state: RunState, action: str) -> OnDelta | None:
        """Begin the text of a call. Returns the receiver of its pieces, callable from any thread; None if nobody would see
        them."""
        adapter = self._adapters.get(state.place.platform)
        if not (state.team.stream and isinstance(adapter, SupportsStreaming)):
            return None
        by = state.calls[action].agent
        answer = StreamingAnswer(run=state.run, place=state.place, text=None, by=by, to=state.by)
        stream = self._streams[state.run] = _Stream(action, adapter, answer)
        # A text that the output limit broke off is continued behind what people have read.
        stream.chunks += [state.draft] if state.draft else []
        loop = asyncio.get_running_loop()

        def on_delta(piece: str) -> None:
            loop.call_soon_threadsafe(self._add, stream, state, piece)

        return on_delta

    def call_finished(self, action: str, state: RunState, *, arrived: bool) -> None:
        """Show no more of a call that has ended. The text of one that failed (not `arrived`) is removed."""
        stream = self._streams.get(state.run)
        if stream is not None and stream.action == action:
            stream.end()
            if not arrived:
                self._retract(state.run)

    def run_committed(self, state: RunState) -> None:
        """Remove a text that is written to its end and has not become the final answer of its run."""
        stream = self._streams.get(state.run)
        if stream is None or (state.end is None and (not stream.over or stream.action in state.calls)):
            return
        if state.end is not None and state.end.status == "finished":
            self._streams.pop(state.run).end()
        else:
            self._retract(state.run)

    def _add(self, stream: _Stream, state: RunState, piece: str) -> None:
        stream.chunks.append(piece)
        stream.changed = True
        if stream.alarm is None and not (stream.busy or stream.over):
            self._schedule_update(stream, state)

    def _schedule_update(self, stream: _Stream, state: RunState) -> None:
        def update() -> None:
            stream.alarm = None
            if not stream.over:
                stream.busy = True
                self._tasks.start(self._update(stream, state))

        stream.alarm = self._clock.call_at(max(self._clock.now(), stream.next_at), update)

    async def _update(self, stream: _Stream, state: RunState) -> None:
        stream.changed = False
        place = await self._outbox.run_thread(state)
        if place is not None and not stream.over:
            await stream.adapter.stream_answer(replace(stream.answer, place=place, text="".join(stream.chunks)))
        stream.busy, stream.next_at = False, self._clock.now() + UPDATE_INTERVAL
        if stream.changed and not stream.over:
            self._schedule_update(stream, state)

    def _retract(self, run: int) -> None:
        stream = self._streams.pop(run)
        stream.end()
        self._tasks.start(stream.adapter.stream_answer(stream.answer))
