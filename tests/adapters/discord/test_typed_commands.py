"""Words that people type to the bot, on the whole bot: commands by mention and in direct messages, tasks, small talk, edits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.fake_discord.running_bot import ME, start_discord_bot
from tests.support.fake_models.players import team_behaviour


@pytest.mark.parametrize("where", ["mention", "direct"])
@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("cost", "Nothing has been spent yet."),
        ("cost 2", "There is no run 2."),
        ("stop", "No run is running."),
        ("cancel 2", "There is no run 2."),
        ("status", "No runs here yet."),
        ("model grok-4.3", "grok-4.3"),
        ("help", "Give a task"),
        ("thanks!", "I did not start anything"),
        ("good morning", "I did not start anything"),
        ("how much did run 2 cost?", "There is no run 2."),
        ("cost of run 2", "There is no run 2."),
        ("which model are you using?", "Models of this channel"),
        ("any open questions?", "No question is open here"),
        ("who is in the team?", "architect"),
        ("what is the status", "No runs here yet."),
        ("can you cancel this?", "No run is running."),
        ("ok thanks", "I did not start anything"),
        ("that worked, great", "I did not start anything"),
        ("plan B it is then", "Should the agents work on this?"),
        ("fix is already in, thanks", "Should the agents work on this?"),
    ],
)
async def test_a_typed_command_or_small_talk_is_answered_and_costs_nothing(
    tmp_path: Path, where: str, typed: str, answer: str
) -> None:
    async with start_discord_bot(tmp_path) as bot:
        bot.say(f"{ME} {typed}") if where == "mention" else bot.say(typed, bot.direct)
        await bot.wait_for(answer, bot.direct)
        assert bot.posts(bot.general) == []
        assert bot.calls == 0


async def test_a_clear_task_in_direct_messages_starts_a_run_and_words_answer_its_question(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        bot.say("Choose a database for the shop", bot.direct)
        await bot.wait_card("Question", bot.direct)
        bot.say("1", bot.direct)
        await bot.wait_for("Answered by Ana", bot.direct)
        await bot.wait_for("Final answer of run 1", bot.direct)


@pytest.mark.parametrize("typed", ["Which database should we use?", "— plan the release", "Compare SQLite and PostgreSQL"])
async def test_a_clear_task_starts_by_mention_and_in_direct_messages(tmp_path: Path, typed: str) -> None:
    async with start_discord_bot(tmp_path) as bot:
        bot.say(f"{ME} {typed}")
        bot.say(typed, bot.direct)
        for channel in (bot.general, bot.direct):
            card = await bot.wait_card("Run", channel)
            assert typed.removeprefix("— ") in card.text
            assert typed in ("— plan the release", card.text) or "—" not in card.text.partition("\n")[0]


@pytest.mark.parametrize("typed", ["stop please", "please stop this run now", "can you cancel this?"])
async def test_words_in_the_thread_of_a_run_that_only_ask_to_stop_cancel_it(tmp_path: Path, typed: str) -> None:
    async with start_discord_bot(tmp_path) as bot:
        bot.say(f"{ME} choose a database for the shop")
        run = await bot.wait_card("Run")
        await bot.wait_card("Question")
        bot.say(typed, run.id)
        await bot.wait_for("Run 1 was cancelled by Ana")


async def test_words_in_the_thread_of_a_run_that_may_ask_to_stop_are_guidance_and_asked_about(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        bot.say(f"{ME} choose a database for the shop")
        run = await bot.wait_card("Run")
        await bot.wait_card("Question")
        said = bot.say("stop, that is the wrong direction", run.id)
        offer = await bot.wait_for("Do you want to cancel the run?", bot.direct)
        await bot.until(lambda: said.reactions == ["✅"])
        (button,) = offer.controls
        bot.driver.click(str(button["custom_id"]), message=offer)
        await bot.wait_for("Run 1 was cancelled by Ana")


async def test_other_words_in_direct_messages_are_offered_as_a_task(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        bot.say("that was a good discussion with them", bot.direct)
        await bot.wait_for("Should the agents work on this?", bot.direct)
        assert bot.calls == 0


async def test_words_in_direct_messages_guide_the_run_there_and_cancel_ends_it(tmp_path: Path) -> None:
    answering = asyncio.Event()
    async with start_discord_bot(tmp_path, lambda asked: replace(team_behaviour(asked), gate=answering)) as bot:
        bot.say("ask Choose a database for the shop", bot.direct)
        await bot.wait_card("Run", bot.direct)
        await bot.until(lambda: bot.calls == 2)
        guidance = bot.say("It has to be cheap to run", bot.direct)
        await bot.until(lambda: guidance.reactions == ["✅"])
        bot.say("status", bot.direct)
        await bot.wait_for("Runs, newest first", bot.direct)
        bot.say("cancel", bot.direct)
        await bot.wait_for("cancelled", bot.direct)
        assert bot.calls == 2


async def test_a_doubtful_mention_is_offered_once_and_the_run_starts_where_it_was_said(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        said = bot.say(f"{ME} thoughts?")
        offer = await bot.wait_for("Should the agents work on this?", bot.direct)
        bot.world.emit("MESSAGE_CREATE", bot.world.payload(said))
        (button,) = offer.controls
        bot.driver.click(str(button["custom_id"]), message=offer)
        card = await bot.wait_card("Run")
        assert card.channel == bot.general
        again = bot.driver.click(str(button["custom_id"]), message=offer)
        await bot.until(lambda: "expired" in (answer.text if (answer := bot.driver.answer_to(again)) else ""))
        assert sum("Should the agents" in post.text for post in bot.posts(bot.direct)) == 1


async def test_a_mention_in_passing_starts_nothing(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        bot.say(f"I asked {ME} about it yesterday and it took long")
        await bot.wait_for("Should the agents work on this?", bot.direct)
        assert bot.calls == 0


async def test_a_command_in_the_threads_of_a_run_is_obeyed_and_other_words_are_guidance(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        bot.say(f"{ME} choose a database for the shop")
        run = await bot.wait_card("Run")
        await bot.wait_card("Question")
        guidance = bot.say("it has to be cheap", run.id)
        await bot.until(lambda: guidance.reactions == ["✅"])
        bot.say(f"{ME} cancel", run.id)
        await bot.wait_for("cancelled")


async def test_an_edited_task_is_answered(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        said = bot.say(f"{ME} choose a database for the shop")
        await bot.wait_card("Question")
        calls = bot.calls
        bot.world.change(said, f"{ME} choose a queue for the shop")
        await bot.wait_for("I did not read your edit", bot.direct)
        assert bot.calls == calls


async def test_a_person_without_direct_messages_is_told_in_the_channel(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        bot.ana.takes_direct = False
        said = bot.say(f"{ME} cost")
        hint = await bot.wait_for("I cannot send you direct messages", bot.general)
        assert hint.replies_to == said.id


async def test_words_beside_several_open_questions_are_asked_about(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        for number, task in enumerate(("Choose a database for the shop", "Choose a database for the blog"), 1):
            bot.say(f"/ask {task}", bot.direct)
            await bot.wait_for(f"Question {number} ", bot.direct)
        bot.say("1", bot.direct)
        await bot.wait_for("Questions 1 and 2 wait for you here.", bot.direct)
        assert not any("Answered" in post.text for post in bot.posts(bot.direct))
