"""A disk that takes nothing for a while: the run waits with what it has, and goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator_bridge.run.events import Event, Responded
from orchestrator_bridge.store.port import Unwritable
from orchestrator_bridge.store.rows import Row
from orchestrator_bridge.store.sqlite import SqliteStore
from tests.clock import ManualClock
from tests.engine.stage import ANA, PLACE, ListPlatform, engine_on, team
from tests.servers.model_server import ModelServer


class FullDisk(SqliteStore):
    """A real store whose disk is full while `full` is set, from the first response on."""

    full = False
    refused: asyncio.Event

    async def append(self, *, run: int = 0, after: int = 0, events: Sequence[Event] = (), rows: Sequence[Row] = ()) -> None:
        if self.full and any(isinstance(event, Responded) for event in events):
            self.refused.set()
            raise Unwritable("no space is left for townhall.db; free some")
        await super().append(run=run, after=after, events=events, rows=rows)


async def test_a_response_that_was_paid_for_outlives_a_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    store = await FullDisk.open(tmp_path / "townhall.db", clock=clock.now)
    store.refused = asyncio.Event()
    async with ModelServer() as server, engine_on(tmp_path, server, platform, clock=clock, store=store) as engine:
        store.full = True
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await store.refused.wait()
        store.full = False
        await clock.armed_until(clock.now() + 2)
        clock.advance(2)
        await engine.finished()
        assert len(server.requests) == 1
        assert platform.finals
    assert "no space is left" in caplog.text
