"""A run whose log cannot be read: it rests, is told in the log, and does not eat the machine."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.clock import ManualClock
from tests.engine.stage import ANA, PLACE, ListPlatform, engine_on, team
from tests.servers.model_players import asking_player
from tests.servers.model_server import ModelServer


async def test_a_run_with_a_damaged_log_is_tried_once_a_while_and_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "t.db"
    clock = ManualClock()
    async with ModelServer(asking_player) as server:
        platform = ListPlatform(clock)
        async with engine_on(file, server, platform, clock=clock) as engine:
            for _ in range(2):
                await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
            await platform.until(lambda: len(platform.questions) == 2)
            await engine.finished()
        with closing(sqlite3.connect(file, isolation_level=None)) as raw:
            raw.execute("UPDATE log SET body = '{\"oops' WHERE run = 1 AND seq = 2")
        platform = ListPlatform(clock)
        async with engine_on(file, server, platform, clock=clock):
            await platform.hears("1", question=1)
            await platform.hears("1", question=2)
            await platform.until(lambda: bool(platform.finals))
            await clock.armed_until(clock.now() + 30)
        assert platform.finals[0].run == 2
    assert caplog.text.count("run 1 broke") == 1
