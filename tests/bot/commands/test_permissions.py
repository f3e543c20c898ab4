"""Permissions by channel: `channel:…` in the team file allows a command in that channel, and in no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator_bridge.chat.inbound import Author, CommandReceived, Place
from tests.bot.commands.test_models import ELSEWHERE, TEAMS, Bot, start_bot
from tests.support.fake_models.replies import ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA

PLACE = Place(platform="list", channel="C1")
BO = Author(platform="list", id="bo", name="Bo")
HERE = TEAMS.replace('pick = ["anyone"]', f'pick = ["channel:{PLACE.channel}"]\ncancel = ["channel:{PLACE.channel}"]')


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    async with ModelServer(lambda _: ScriptedReply(gate=asyncio.Event())) as server, start_bot(tmp_path, server, HERE) as bot:
        yield bot


async def test_anyone_in_an_allowed_channel_can_select_a_model_there_and_not_elsewhere(bot: Bot) -> None:
    assert "uses grok-4.7" in (await bot.execute(BO, PLACE, "model", "grok-4.7")).text
    assert (await bot.execute(BO, ELSEWHERE, "model", "grok-4.7")).tone == "warning"


async def test_anyone_in_an_allowed_channel_can_cancel_a_run_there_and_not_elsewhere(bot: Bot) -> None:
    task = CommandReceived(place=PLACE, interaction="r", author=ANA, name="ask", text="plan the move", at=1.0)
    await bot.platform.deliver(task)
    await bot.platform.until(lambda: bool(bot.app.engine.under_way(PLACE)))
    refused = await bot.execute(BO, ELSEWHERE, "cancel", "1")
    assert refused.text == "There is no run 1."  # this platform does not tell who can see another channel
    await bot.platform.deliver(CommandReceived(place=PLACE, interaction="c", author=BO, name="cancel", text="1", at=2.0))
    await bot.platform.until(lambda: not bot.app.engine.under_way(PLACE) or bot.platform.private_replies[-1][1] is not refused)
    state = await bot.app.engine.run(1)
    assert state is not None
    assert state.end is not None
    assert state.end.status == "cancelled"
