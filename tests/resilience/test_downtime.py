"""Actions of people while the bot is down, timed by the platform's clock and not by ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.resilience.harness.function_model import said
from tests.resilience.harness.in_process_bot import InProcessBot, in_process_bot

MINUTES = (-300.0, 0.0, 300.0)
"""Seconds by which the platform's clock is ahead of ours."""


async def asked(bot: InProcessBot) -> None:
    """A first life, in which the question comes to stand in the channel."""
    async with bot.life():
        bot.begin()
        await bot.until(bot.asked)
        await bot.rests()


@pytest.mark.parametrize("ahead", MINUTES)
async def test_a_reply_in_time_counts_even_if_the_bot_comes_back_after_the_deadline(tmp_path: Path, ahead: float) -> None:
    async with in_process_bot(tmp_path, offset=ahead) as bot:
        await asked(bot)
        bot.clock.advance(599)
        bot.reply("2, the small one")
        bot.clock.advance(7200)
        async with bot.life():
            await bot.ended()
        assert bot.closed() == "Answered by Ana: SQLite (“2, the small one”)"
        assert bot.signs() == ["taken"]
        assert "the small one" in said(bot.model.requests[-1])


@pytest.mark.parametrize("ahead", MINUTES)
async def test_a_reply_after_the_deadline_falls_back_and_is_called_late(tmp_path: Path, ahead: float) -> None:
    async with in_process_bot(tmp_path, offset=ahead) as bot:
        await asked(bot)
        bot.clock.advance(605)
        bot.reply("2, the small one")
        async with bot.life():
            await bot.ended()
        assert "fallback: the recommended option" in bot.closed()
        assert bot.signs() == ["late"]


@pytest.mark.parametrize("ahead", MINUTES)
async def test_a_question_keeps_its_first_deadline_over_any_number_of_restarts(tmp_path: Path, ahead: float) -> None:
    async with in_process_bot(tmp_path, offset=ahead) as bot:
        await asked(bot)
        for pause in (200, 300, 99):
            bot.clock.advance(pause)
            async with bot.life():
                await bot.rests()
                assert not bot.closed()
        bot.clock.advance(5)
        async with bot.life():
            await bot.ended()
        assert bot.closed().startswith("Nobody answered in 10 min")


async def test_the_last_version_of_a_message_edited_during_downtime_counts(tmp_path: Path) -> None:
    async with in_process_bot(tmp_path) as bot:
        await asked(bot)
        reply = bot.reply("1")
        bot.clock.advance(60)
        bot.world.change(reply.id, "no, 2")
        async with bot.life():
            await bot.ended()
        assert bot.closed() == "Answered by Ana: SQLite (“no, 2”)"


@pytest.mark.parametrize("delivered", [True, False], ids=["told of", "found out"])
async def test_a_message_deleted_during_downtime_does_not_count(tmp_path: Path, delivered: bool) -> None:
    async with in_process_bot(tmp_path, settle_delay=5) as bot:
        await asked(bot)
        reply = bot.reply("the second")
        async with bot.life():
            await bot.until(bot.signs)
            await bot.rests()
        bot.world.delete(reply.id, delivered=delivered)
        bot.clock.advance(599)
        async with bot.life():
            await bot.rests()
            bot.clock.advance(5)
            await bot.ended()
        assert bot.closed().startswith("Nobody answered in 10 min")


async def test_an_edit_during_downtime_that_the_platform_did_not_deliver_counts(tmp_path: Path) -> None:
    async with in_process_bot(tmp_path, settle_delay=5) as bot:
        await asked(bot)
        reply = bot.reply("the first")
        async with bot.life():
            await bot.until(bot.signs)
            await bot.rests()
        bot.world.change(reply.id, "no, 2", delivered=False)
        bot.clock.advance(60)
        async with bot.life():
            await bot.ended()
        assert bot.closed() == "Answered by Ana: SQLite (“no, 2”)"


async def test_an_event_delivered_several_times_is_handled_once(tmp_path: Path) -> None:
    async with in_process_bot(tmp_path) as bot:
        await asked(bot)
        again = iter([True] * 5)
        bot.world.double = lambda: next(again, False)
        bot.reply("2")
        async with bot.life():
            await bot.ended()
            await bot.until(lambda: not bot.world.unacknowledged)
            await bot.rests()
        async with bot.life():
            for event in list(bot.world.events):
                bot.world.deliver_again(event)
            await bot.until(lambda: not bot.world.unacknowledged)
            await bot.rests()
        assert bot.signs() == ["taken"]
        assert len(bot.of_kind("run_card")) == 1
        assert len(bot.of_kind("final_answer")) == 1


async def test_a_command_given_during_downtime_starts_one_run_at_the_next_start(tmp_path: Path) -> None:
    async with in_process_bot(tmp_path) as bot:
        bot.begin()
        bot.world.deliver_again(bot.world.events[0])
        async with bot.life():
            await bot.until(bot.asked)
            await bot.rests()
        assert len(bot.of_kind("run_card")) == 1
