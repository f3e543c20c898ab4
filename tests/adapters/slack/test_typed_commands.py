"""Words that people type to the bot on Slack, on the whole bot: questions for results, small talk, tasks, and "stop"."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.fake_slack.running_bot import ROOT, SlackBot, start_slack_bot
from tests.support.fake_slack.shown import words
from tests.support.fake_slack.state import ANA, BEN, BOT_USER, GENERAL

ME = f"<@{BOT_USER}>"
ASKED = "Was the migration tried on a copy of the data?"
TASK = "Decide whether the release may go out"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples" / "scripts", tmp_path / "scripts")
    return tmp_path


def cards(bot: SlackBot) -> list[str]:
    """The texts of all messages about runs, wherever they stand."""
    shown = (words(message) for channel in bot.world.channels for message in bot.messages(channel))
    return [text for text in shown if "Run 1" in text]


@pytest.mark.parametrize("where", ["mention", "direct"])
@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("how much did run 2 cost?", "There is no run 2."),
        ("what did run 2 cost", "There is no run 2."),
        ("which model are you using?", "Models of this channel"),
        ("any open questions?", "No question is open here"),
        ("who is in the team?", "checker"),
        ("what is the status", "No runs here yet."),
        ("can you cancel this?", "No run is running."),
        ("ok thanks", "I did not start anything"),
        ("plan B it is then", "Should the agents work on this?"),
        ("fix is already in, thanks", "Should the agents work on this?"),
    ],
)
async def test_words_that_are_no_task_are_answered_and_start_nothing(folder: Path, where: str, typed: str, answer: str) -> None:
    async with start_slack_bot(folder) as bot:
        channel = GENERAL if where == "mention" else bot.world.direct(ANA).id
        bot.people.say(ANA, channel, f"{ME} {typed}" if where == "mention" else typed, raw=True)
        await bot.wait_for_message(answer, channel)
        await bot.until(lambda: not bot.world.unacknowledged)
        assert cards(bot) == []


@pytest.mark.parametrize("typed", [TASK, f"— {TASK}", "Which release should go out?"])
async def test_a_clear_task_starts_by_mention_and_in_direct_messages(folder: Path, typed: str) -> None:
    async with start_slack_bot(folder) as bot:
        direct = bot.world.direct(ANA).id
        bot.people.say(ANA, GENERAL, f"{ME} {typed}", raw=True)
        bot.people.say(ANA, direct, typed)
        for channel in (GENERAL, direct):
            card = await bot.wait_for_message(typed.removeprefix("— "), channel)
            assert "—" not in words(card).partition("\n")[0]


async def test_the_slash_command_strips_punctuation_before_the_task(folder: Path) -> None:
    async with start_slack_bot(folder) as bot:
        bot.people.command(ANA, GENERAL, "ask — plan the release")
        assert "— plan" not in words(await bot.wait_for_message("plan the release"))


@pytest.mark.parametrize("typed", ["stop please", "please stop this run now", "can you cancel this?"])
async def test_words_in_the_thread_of_a_run_that_only_ask_to_stop_cancel_it(folder: Path, typed: str) -> None:
    async with start_slack_bot(folder) as bot:
        bot.people.command(ANA, GENERAL, f"ask {TASK}")
        run = await bot.wait_for_message(TASK)
        await bot.wait_for_message(ASKED)
        bot.people.say(ANA, GENERAL, typed, run["ts"])
        await bot.wait_for_message("Run 1 was cancelled by Ana")


async def test_words_in_the_thread_of_a_run_that_may_ask_to_stop_are_guidance_and_asked_about(folder: Path) -> None:
    async with start_slack_bot(folder) as bot:
        bot.people.command(ANA, GENERAL, f"ask {TASK}")
        run = await bot.wait_for_message(TASK)
        await bot.wait_for_message(ASKED)
        bot.people.say(ANA, GENERAL, "stop, that is the wrong release", run["ts"])
        offer = await bot.wait_for_message("Do you want to cancel the run?")
        bot.people.click(ANA, GENERAL, offer, "command")
        await bot.wait_for_message("Run 1 was cancelled by Ana")


async def test_only_those_who_may_cancel_a_run_stop_it_by_words(folder: Path) -> None:
    async with start_slack_bot(folder, _only_requester()) as bot:
        bot.people.command(ANA, GENERAL, f"ask {TASK}")
        run = await bot.wait_for_message(TASK)
        await bot.wait_for_message(ASKED)
        bot.people.say(BEN, GENERAL, "stop please", run["ts"])
        assert (await bot.wait_for_message("You are not allowed to cancel this run"))["to"] == BEN
        assert not any("cancelled" in text for text in cards(bot))


def _only_requester() -> str:
    return (ROOT / "examples" / "own-script.toml").read_text(encoding="utf-8") + "\n[permissions]\ncancel = []\n"


async def test_words_in_direct_messages_answer_the_only_open_question_there(folder: Path) -> None:
    async with start_slack_bot(folder) as bot:
        direct = bot.world.direct(ANA).id
        bot.people.say(ANA, direct, TASK)
        await bot.wait_for_message(ASKED, direct)
        bot.people.say(ANA, direct, "what is the status?")
        await bot.wait_for_message("Runs, newest first", direct)
        bot.people.say(ANA, direct, "yes, on Monday")
        await bot.wait_for_message("Answered by Ana: Yes", direct)


async def test_words_that_may_be_a_task_are_asked_about_while_a_question_is_open(folder: Path) -> None:
    async with start_slack_bot(folder) as bot:
        direct = bot.world.direct(ANA).id
        bot.people.say(ANA, direct, TASK)
        await bot.wait_for_message(ASKED, direct)
        bot.people.say(ANA, direct, "Compare SQLite and PostgreSQL")
        await bot.wait_for_message("Is this your answer to question 1", direct)
        assert not any("Run 2" in words(message) for message in bot.messages(direct))


async def test_words_beside_several_open_questions_are_asked_about(folder: Path) -> None:
    async with start_slack_bot(folder) as bot:
        direct = bot.world.direct(ANA).id
        for task in (TASK, "Decide whether the next release may go out"):
            bot.people.command(ANA, direct, f"ask {task}")
        await bot.until(lambda: sum(ASKED in words(message) for message in bot.messages(direct)) == 2)
        bot.people.say(ANA, direct, "yes")
        await bot.wait_for_message("Questions 1 and 2 wait for you here.", direct)
        assert not any("Answered" in words(message) for message in bot.messages(direct))
