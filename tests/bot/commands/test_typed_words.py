"""Words that people address to the bot: a clear task starts a run, small talk is answered, and the rest needs a yes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator_bridge.chat.inbound import Attachment, CommandReceived
from orchestrator_bridge.chat.outbound import PrivateReply, RunCard
from tests.bot.commands.test_models import TEAMS, Bot, answers, start_bot
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    async with ModelServer(answers) as server, start_bot(tmp_path, server, TEAMS) as bot:
        yield bot


def tasks(bot: Bot) -> list[str]:
    return list(dict.fromkeys(sent.post.task for sent in bot.platform.sent if isinstance(sent.post, RunCard)))


async def say(bot: Bot, name: str, text: str, **options: str) -> None:
    command = CommandReceived(
        place=PLACE, interaction=f"i{text}", author=ANA, name=name, text=text, at=1.0, options=tuple(options.items())
    )
    await bot.platform.deliver(command)


async def replied(bot: Bot) -> PrivateReply:
    await bot.platform.until(lambda: bool(bot.platform.private_replies))
    return bot.platform.private_replies[-1][1]


async def test_a_clear_task_that_is_addressed_to_the_bot_starts_a_run(bot: Bot) -> None:
    await say(bot, "task", "find out why the build is red")
    await bot.platform.until(lambda: bool(tasks(bot)))
    assert tasks(bot) == ["find out why the build is red"]


@pytest.mark.parametrize("name", ["task", "remark"])
@pytest.mark.parametrize("text", ["thanks!", "Hello", "how are you doing today?"])
async def test_small_talk_is_answered_and_starts_nothing(bot: Bot, name: str, text: str) -> None:
    await say(bot, name, text)
    reply = await replied(bot)
    assert (reply.confirm, "I did not start anything" in reply.text) == (None, True)
    assert tasks(bot) == []


@pytest.mark.parametrize(
    ("name", "text"), [("task", "thoughts?"), ("task", "plan B it is then"), ("remark", "Ben told the bot that it is broken")]
)
async def test_doubtful_words_are_offered_as_a_task(bot: Bot, name: str, text: str) -> None:
    await say(bot, name, text)
    reply = await replied(bot)
    assert reply.confirm is not None
    assert (reply.confirm.name, reply.confirm.text) == ("ask", text)
    assert tasks(bot) == []


@pytest.mark.parametrize(("text", "task"), [("here you go", "here you go"), ("", "What about this?")])
async def test_a_file_with_doubtful_words_or_none_is_offered_with_its_name(bot: Bot, text: str, task: str) -> None:
    file = Attachment(name="plan.txt", media_type="text/plain", size=8, ref="f1")
    said = CommandReceived(place=PLACE, interaction="i", author=ANA, name="task", text=text, at=1.0, attachments=(file,))
    await bot.platform.deliver(said)
    reply = await replied(bot)
    assert reply.confirm is not None
    assert (reply.confirm.text, reply.confirm.attachments) == (task, (file,))
    assert f"{task} (plan.txt)" in reply.text
    assert tasks(bot) == []


async def test_a_few_words_about_a_message_are_a_task_with_that_message(bot: Bot) -> None:
    await say(bot, "task", "why?", about="Ben wrote:\n> The build is red")
    await bot.platform.until(lambda: bool(tasks(bot)))
    assert tasks(bot) == ["why?\n\nBen wrote:\n> The build is red"]


async def test_thanks_in_reply_to_a_message_start_nothing(bot: Bot) -> None:
    await say(bot, "task", "thanks!", about="Ben wrote:\n> The build is red again since noon")
    assert (await replied(bot)).confirm is None
    assert tasks(bot) == []


async def test_a_statement_about_a_message_is_offered(bot: Bot) -> None:
    await say(bot, "task", "plan B it is then", about="Ben wrote:\n> The build is red again since noon")
    reply = await replied(bot)
    assert reply.confirm is not None
    assert reply.confirm.name == "ask"
    assert tasks(bot) == []


@pytest.mark.parametrize("text", ["I want to stop this", "stop, that is the wrong run"])
async def test_words_that_may_ask_to_stop_are_asked_about(bot: Bot, text: str) -> None:
    await say(bot, "task", text)
    reply = await replied(bot)
    assert reply.confirm is not None
    assert (reply.confirm.label, reply.confirm.name) == ("Cancel the run", "cancel")


@pytest.mark.parametrize("text", ["— plan the release", ": plan the release", "“plan the release”", "... plan the release"])
async def test_punctuation_before_a_task_is_no_part_of_it(bot: Bot, text: str) -> None:
    await say(bot, "ask", text)
    await bot.platform.until(lambda: bool(tasks(bot)))
    assert tasks(bot) == ["plan the release"]


async def test_typed_words_are_judged_by_the_same_permissions_as_the_command(tmp_path: Path) -> None:
    teams = TEAMS.replace("[permissions]", '[permissions]\nstart = ["@bo"]')
    async with ModelServer(answers) as server, start_bot(tmp_path, server, teams) as bot:
        await say(bot, "task", "find out why the build is red")
        reply = await replied(bot)
        assert reply.tone == "warning"
        assert tasks(bot) == []
