"""The limit for new threads, with the whole bot: a pause of minutes for one run's thread holds nothing of another run."""

from __future__ import annotations

import time
from pathlib import Path

from adapters.discord.card_threads import THREAD_PATIENCE
from adapters.discord.components import DiscordControl
from tests.support.clock import ManualClock
from tests.support.fake_discord.buckets import THREADS
from tests.support.fake_discord.running_bot import ME, start_discord_bot


def sqlite(question: int) -> str:
    """The control that answers a question with SQLite."""
    return DiscordControl(kind="option", number=question, value="sqlite").id


async def test_a_thread_that_may_not_be_opened_for_minutes_holds_nothing_of_another_run(tmp_path: Path) -> None:
    clock = ManualClock(time=time.time())
    async with start_discord_bot(tmp_path, clock=clock) as bot:
        bot.say(f"{ME} choose a database for the shop")
        first = await bot.wait_card("Question")
        run = bot.card("Run")
        await bot.until(lambda: {first.id, run.id} <= bot.world.channels.keys())
        bot.server.buckets.use_up(THREADS, bot.general, left=100.0)
        bot.say(f"{ME} choose a queue for the orders")
        await bot.until(lambda: bot.server.buckets.refused)
        bot.driver.click(sqlite(1))
        answer = await bot.wait_for("Final answer of run 1")
        assert answer.channel == run.id
        await bot.wait_for("Answered by Ana: SQLite", bot.general)
        await bot.until(lambda: bot.driver.message_with(sqlite(2)))
        # Cards wait a moment for their threads; then run 2 goes on without them, and asks Discord no more inside the pause.
        while not any("Final answer of run 2" in post.text for post in bot.posts()):
            clock.advance(THREAD_PATIENCE)
            if bot.driver.message_with(sqlite(2)):
                bot.driver.click(sqlite(2))
            await bot.wait_for("Final answer of run 2", bot.general)
        assert len(bot.server.buckets.refused) <= 2  # one request a card
