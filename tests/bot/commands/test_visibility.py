"""Visibility of runs and questions in `/runs`, `/questions` and `/cancel`: channels can be private."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_bridge.chat.inbound import Author, CommandReceived
from orchestrator_bridge.chat.outbound import PrivateReply, QuestionCard
from tests.bot.commands.test_models import ELSEWHERE, Bot, start_bot
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE

BO = Author(platform="list", id="bo", name="Bo")
CY = Author(platform="list", id="cy", name="Cy")
TEAMS = """
[[team.docs.agents]]
name = "writer"
model = "grok-4.3"
[people.bo]
discord = "1"
"""


def asks_the_requester(_: ModelCall) -> ScriptedReply:
    question = {"question": "How much may it cost?", "kind": "text", "assumption": "Nothing.", "to": ["humans"], "context": "c"}
    return ScriptedReply(tool_calls=[ToolUse(name="ask_others", arguments=question)])


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    """A bot with a run of Ana's in one channel that asks her something."""
    async with ModelServer(asks_the_requester) as server, start_bot(tmp_path, server, TEAMS) as bot:
        task = CommandReceived(place=ELSEWHERE, interaction="r", author=ANA, name="ask", text="the secret plan", at=1.0)
        await bot.platform.deliver(task)
        await bot.platform.until(lambda: any(isinstance(sent.post, QuestionCard) for sent in bot.platform.sent))
        yield bot


def cells(reply: PrivateReply) -> str:
    return f"{reply.text} {[table.rows for table in reply.tables]}"


async def test_people_see_nothing_of_a_channel_they_are_not_in(bot: Bot) -> None:
    assert "the secret plan" not in cells(await bot.execute(BO, PLACE, "runs"))
    assert "How much" not in cells(await bot.execute(BO, PLACE, "questions"))
    assert (await bot.execute(BO, PLACE, "questions", "1")).text == "There is no question 1."
    assert (await bot.execute(BO, PLACE, "cancel")).text == "No run is running."


async def test_people_in_the_channel_see_its_runs_and_questions(bot: Bot) -> None:
    thread = replace(ELSEWHERE, thread="t")
    assert "the secret plan" in cells(await bot.execute(CY, thread, "runs"))
    assert "How much" in cells(await bot.execute(CY, thread, "questions"))
    assert "How much" in cells(await bot.execute(CY, thread, "questions", "1"))


async def test_the_people_asked_and_the_requester_see_a_run_everywhere(bot: Bot) -> None:
    assert "the secret plan" in cells(await bot.execute(ANA, PLACE, "runs"))
    assert "you (" in cells(await bot.execute(ANA, PLACE, "questions"))


async def test_a_list_of_questions_says_how_many_it_leaves_out(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.commands.questions.MAX_LISTED", 1)
    task = CommandReceived(place=ELSEWHERE, interaction="r2", author=ANA, name="ask", text="another plan", at=2.0)
    await bot.platform.deliver(task)
    await bot.platform.until(lambda: sum(isinstance(sent.post, QuestionCard) for sent in bot.platform.sent) == 2)
    (table,) = (await bot.execute(ANA, ELSEWHERE, "questions")).tables
    assert table.title == "Open questions, newest first (1 of 2)"
    assert len(table.rows) == 1
