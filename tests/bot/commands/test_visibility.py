"""What `/runs`, `/questions` and `/cancel` show to whom: channels can be private, so others see nothing of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_bridge.chat.inbound import Author, CommandReceived
from orchestrator_bridge.chat.outbound import PrivateReply, QuestionCard
from tests.bot.commands.test_models import ELSEWHERE, Bot, a_bot
from tests.support.engine_fixture import ANA, PLACE
from tests.support.fake_models.replies import Asked, Play, ToolUse
from tests.support.fake_models.server import ModelServer

BO = Author(platform="list", id="bo", name="Bo")
CY = Author(platform="list", id="cy", name="Cy")
TEAMS = """
[[team.docs.agents]]
name = "writer"
model = "grok-4.3"
[people.bo]
discord = "1"
"""


def asks_whoever_began(_: Asked) -> Play:
    question = {"question": "How much may it cost?", "kind": "text", "assumption": "Nothing.", "to": ["humans"], "context": "c"}
    return Play(tool_calls=[ToolUse(name="ask_others", arguments=question)])


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    """A bot with a run of Ana's in one channel that asks her something."""
    async with ModelServer(asks_whoever_began) as server, a_bot(tmp_path, server, TEAMS) as bot:
        task = CommandReceived(place=ELSEWHERE, interaction="r", author=ANA, name="ask", text="the secret plan", at=1.0)
        await bot.platform.receives(task)
        await bot.platform.until(lambda: any(isinstance(one.post, QuestionCard) for one in bot.platform.sent))
        yield bot


def cells(reply: PrivateReply) -> str:
    return f"{reply.text} {[table.rows for table in reply.tables]}"


async def test_others_see_nothing_of_another_channel(bot: Bot) -> None:
    assert "the secret plan" not in cells(await bot.gives(BO, PLACE, "runs"))
    assert "How much" not in cells(await bot.gives(BO, PLACE, "questions"))
    assert (await bot.gives(BO, PLACE, "questions", "1")).text == "There is no question 1."
    assert (await bot.gives(BO, PLACE, "cancel")).text == "No run is running."


async def test_whoever_is_in_the_channel_sees_it(bot: Bot) -> None:
    thread = replace(ELSEWHERE, thread="t")
    assert "the secret plan" in cells(await bot.gives(CY, thread, "runs"))
    assert "How much" in cells(await bot.gives(CY, thread, "questions"))
    assert "How much" in cells(await bot.gives(CY, thread, "questions", "1"))


async def test_whoever_is_asked_and_whoever_began_it_see_it_everywhere(bot: Bot) -> None:
    assert "the secret plan" in cells(await bot.gives(ANA, PLACE, "runs"))
    assert "you; " in cells(await bot.gives(ANA, PLACE, "questions"))
