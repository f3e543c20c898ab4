"""Runs whose logs cannot be read: they are quarantined, which is logged once, and everything else continues."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from orchestrator_bridge.chat.adapter import Capabilities
from orchestrator_bridge.chat.inbound import CommandReceived
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.support.clock import ManualClock
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.replies import ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, pong, start_engine, team
from tests.support.store_files import run_sql

DAMAGE = {
    "no event": "UPDATE log SET body = '{\"oops' WHERE run = 1 AND seq = 2",
    "an unknown event": """UPDATE log SET body = '{"event": "sang", "at": 1.0}' WHERE run = 1 AND seq = 2""",
    "no UTF-8": "UPDATE log SET body = CAST(x'7bff7d' AS TEXT) WHERE run = 1 AND seq = 2",
    "a newer release's": "UPDATE log SET version = 99 WHERE run = 1 AND seq = 2",
    "no beginning": "DELETE FROM log WHERE run = 1 AND seq = 1",
    "a gap": "DELETE FROM log WHERE run = 1 AND event = 'question_asked'",
}


async def two_questions_and_a_damage(file: Path, server: ModelServer, clock: ManualClock, damage: str) -> None:
    """Two runs wait for people, and the log of the first one is damaged while the bot is down."""
    platform = ListPlatform(clock)
    async with start_engine(file, server, platform, clock=clock) as engine:
        for _ in range(2):
            await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await platform.until(lambda: len(platform.questions) == 2)
        await engine.wait_finished()
    run_sql(file, damage)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
async def test_a_run_with_a_damaged_log_is_quarantined_and_the_others_continue(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    clock = ManualClock()
    async with ModelServer(asking_behaviour) as server:
        await two_questions_and_a_damage(tmp_path / "t.db", server, clock, damage)
        platform = ListPlatform(clock)
        async with start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
            for _ in range(2):
                await platform.person_says("1", question=1)
                await platform.person_clicks(1, "option", "postgres")
                await engine.wait_finished()
            await platform.person_says("1", question=2)
            await platform.until(lambda: bool(platform.final_answers))
            await engine.wait_finished()
    assert [final.run for final in platform.final_answers] == [2]
    assert [record.levelname for record in caplog.records if record.levelno >= logging.WARNING] == ["ERROR"]
    assert "run 1 is quarantined" in caplog.text
    assert len(platform.private_replies) == 4
    assert all("Run 1 is on hold" in word.text for _, word in platform.private_replies)


async def test_nobody_waits_for_a_damaged_run_that_was_busy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    async with ModelServer([ScriptedReply(cut="before")]) as server:
        async with start_engine(tmp_path / "t.db", server, ListPlatform(clock), clock=clock) as engine:
            await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
            await server.request_arrives(1)
        run_sql(tmp_path / "t.db", DAMAGE["no event"])
        async with start_engine(tmp_path / "t.db", server, ListPlatform(clock), clock=clock) as engine:
            await engine.wait_finished()
    assert [record.levelname for record in caplog.records if "quarantined" in record.message] == ["ERROR"]


async def test_questions_of_sound_runs_are_shown_again_beside_those_of_a_damaged_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    async with ModelServer(asking_behaviour) as server:
        await two_questions_and_a_damage(tmp_path / "t.db", server, clock, DAMAGE["no event"])
        platform = ListPlatform(clock, capabilities=Capabilities(loses_history_on_restart=True))
        async with start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
            await engine.wait_finished()
    assert [card.question for card in platform.questions] == [2]
    assert [record.levelname for record in caplog.records if record.levelno >= logging.WARNING] == ["ERROR"]


async def test_a_damaged_message_keeps_neither_the_bot_from_starting_nor_the_others_from_being_heard(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "t.db"
    store = await SqliteStore.open(file)
    for number in (1, 2):
        ping = CommandReceived(place=PLACE, interaction=f"i{number}", author=ANA, name="ping", text=str(number), at=1.0)
        await store.receive(ping, 1.0)
    await store.close()
    run_sql(file, "UPDATE inbox SET body = '{' WHERE turn = 1")
    platform = ListPlatform(ManualClock())
    async with ModelServer(asking_behaviour) as server, start_engine(file, server, platform, handle_command=pong) as engine:
        await platform.until(lambda: len(platform.private_replies) == 1)
        event, _ = platform.private_replies[0]
        assert isinstance(event, CommandReceived)
        assert event.text == "2"
        await engine.wait_finished()
    assert "row 1 of the inbox" in caplog.text
