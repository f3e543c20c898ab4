"""`/recall` through a running bot: what is found, and who sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from orchestrator_bridge.chat.inbound import Author, CommandReceived, Place
from orchestrator_bridge.chat.outbound import Link, PrivateReply
from orchestrator_bridge.question.decisions import date_text
from tests.bot.commands.test_models import ELSEWHERE, Bot, start_bot
from tests.bot.commands.test_visibility import cells
from tests.support.authority.knowing_platform import KnowingPlatform
from tests.support.fake_models.players import has_called, may_vote
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, prompt_text

BO = Author(platform="list", id="bo", name="Bo")
DIRECT = Place(platform="list", channel="@ana")
QUESTION = "Which database does the billing service use?"


def teams(memory: str) -> str:
    return f"""
default_team = "docs"
[team.docs]
memory = "{memory}"
[team.docs.policy]
settle_delay = 0
[[team.docs.agents]]
name = "writer"
model = "grok-4.3"
"""


def asks_its_task(asked: ModelCall) -> ScriptedReply:
    """Ask what the task says, then answer with what was decided."""
    task = prompt_text(asked).partition("The task:\n\n")[2].partition("\n")[0].removesuffix("</task>")
    if not asked.tools:
        return ScriptedReply(text="Done.")
    if may_vote(asked):
        return ScriptedReply(tool_calls=[ToolUse(name="vote", arguments={"agent_id": "A", "reason": "Good."})])
    if not has_called(asked, "ask_others"):
        arguments = {"question": task, "assumption": "I take none.", "to": ["humans"]}
        return ScriptedReply(tool_calls=[ToolUse(name="ask_others", arguments=arguments)])
    return ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments={"content": "Done."})])


@asynccontextmanager
async def a_bot(folder: Path, memory: str) -> AsyncIterator[Bot]:
    async with ModelServer(asks_its_task) as server, start_bot(folder, server, teams(memory), platform=KnowingPlatform) as bot:
        knowing(bot).seen = {ELSEWHERE.channel: {"ana"}, PLACE.channel: {"ana", "bo"}}
        yield bot


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    async with a_bot(tmp_path, "channel") as bot:
        yield bot


@pytest.fixture
async def sharing(tmp_path: Path) -> AsyncIterator[Bot]:
    async with a_bot(tmp_path, "workspace") as bot:
        yield bot


def knowing(bot: Bot) -> KnowingPlatform:
    assert isinstance(bot.platform, KnowingPlatform)
    return bot.platform


async def decide(bot: Bot, question: str, answer: str, place: Place = PLACE) -> int:
    """Let Ana decide a question in a place; its number."""
    before, finals = len(bot.platform.questions), len(bot.platform.final_answers)
    task = CommandReceived(place=place, interaction=f"ask{before}", author=ANA, name="ask", text=question, at=bot.platform.now)
    await bot.platform.deliver(task)
    await bot.platform.until(lambda: len(bot.platform.questions) > before)
    number = bot.platform.questions[before].question
    await bot.execute(ANA, place, "questions", f"{number} {answer}")
    await bot.platform.until(lambda: len(bot.platform.final_answers) > finals)
    return number


def numbers(reply: PrivateReply) -> list[str]:
    """The numbers of the decisions in a reply."""
    return [cell.text if isinstance(cell, Link) else cell for table in reply.tables for cell, *_ in table.rows]


async def test_a_decision_is_found_with_its_date_its_people_and_a_link(bot: Bot) -> None:
    await decide(bot, QUESTION, "PostgreSQL")
    reply = await bot("recall", "database postgres")
    (row,) = reply.tables[0].rows
    assert row[1:] == (date_text(bot.platform.now, bot.platform.now), QUESTION, "PostgreSQL", "Ana (first answer)")
    assert isinstance(row[0], Link)
    assert (row[0].text, row[0].place.channel) == ("1", PLACE.channel)
    stored = await bot.app.store.decision(1)
    assert stored is not None
    assert stored.link == f"https://chat.example/{PLACE.channel}/{row[0].message}"


async def test_the_newest_decision_comes_first_and_other_words_find_nothing(bot: Bot) -> None:
    await decide(bot, QUESTION, "PostgreSQL")
    await decide(bot, "Which queue does the billing service use?", "RabbitMQ")
    assert numbers(await bot("recall")) == ["2", "1"]
    assert numbers(await bot("recall", "billing")) == ["2", "1"]
    assert (await bot("recall", "kafka")).text == "No decision here has the words “kafka”."


async def test_without_decisions_the_reply_says_so(bot: Bot) -> None:
    assert (await bot("recall")).text == "No decisions here yet."


async def test_a_long_list_says_that_there_is_more(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.commands.decisions.MAX_ROWS", 1)
    await decide(bot, QUESTION, "PostgreSQL")
    await decide(bot, "Which queue does the billing service use?", "RabbitMQ")
    reply = await bot("recall", "billing")
    assert (numbers(reply), reply.text) == (["2"], "There are more: add a word to find them.")


async def test_a_decision_stays_in_its_channel_by_default(bot: Bot) -> None:
    knowing(bot).public = {ELSEWHERE.channel, PLACE.channel}
    await decide(bot, QUESTION, "PostgreSQL", ELSEWHERE)
    assert numbers(await bot("recall", "database")) == []
    assert numbers(await bot.execute(ANA, ELSEWHERE, "recall", "database")) == ["1"]


async def test_a_shared_decision_of_a_public_channel_is_seen_in_others(sharing: Bot) -> None:
    knowing(sharing).public = {ELSEWHERE.channel}
    await decide(sharing, QUESTION, "PostgreSQL", ELSEWHERE)
    assert numbers(await sharing("recall", "database")) == ["1"]


async def test_nothing_leaves_a_private_channel_or_a_direct_message(sharing: Bot) -> None:
    await decide(sharing, QUESTION, "PostgreSQL", ELSEWHERE)
    await decide(sharing, QUESTION, "MySQL", DIRECT)
    # That a channel becomes public later opens nothing that was said before.
    knowing(sharing).public = {ELSEWHERE.channel, PLACE.channel}
    assert numbers(await sharing("recall", "database")) == []
    assert "SQL" not in cells(await sharing("recall"))
    assert numbers(await sharing.execute(ANA, DIRECT, "recall")) == ["2"]


async def test_a_channel_that_has_become_private_shows_its_decisions_to_nobody_elsewhere(sharing: Bot) -> None:
    knowing(sharing).public = {ELSEWHERE.channel}
    await decide(sharing, QUESTION, "PostgreSQL", ELSEWHERE)
    knowing(sharing).public = set()
    assert numbers(await sharing("recall", "database")) == []


async def test_people_who_cannot_see_the_channel_see_none_of_its_decisions(sharing: Bot) -> None:
    knowing(sharing).public = {ELSEWHERE.channel}
    await decide(sharing, QUESTION, "PostgreSQL", ELSEWHERE)
    assert numbers(await sharing.execute(BO, PLACE, "recall", "database")) == []
    knowing(sharing).seen[ELSEWHERE.channel].add("bo")
    assert numbers(await sharing.execute(BO, PLACE, "recall", "database")) == ["1"]
    knowing(sharing).memberships["bo"] = "external"
    assert "Only members" in (await sharing.execute(BO, PLACE, "recall", "database")).text


async def test_what_a_platform_does_not_say_is_private(sharing: Bot) -> None:
    knowing(sharing).public = {ELSEWHERE.channel}
    await decide(sharing, QUESTION, "PostgreSQL", ELSEWHERE)
    knowing(sharing).trouble = OSError("no network")
    assert "Try again in a minute" in (await sharing("recall", "database")).text


async def test_a_team_without_memory_leaves_no_decisions(tmp_path: Path) -> None:
    async with a_bot(tmp_path, "off") as bot:
        await decide(bot, QUESTION, "PostgreSQL")
        assert numbers(await bot("recall")) == []
        assert await bot.app.store.decisions() == []
