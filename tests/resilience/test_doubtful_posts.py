"""Posts of which nobody knows whether they arrived: they are looked for, and stand once."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_bridge.run.events import RunCancelled
from tests.resilience.harness.in_process_bot import InProcessBot, in_process_bot
from tests.support.fake_chat.faults import Fault, Plan, ReceivedRequest, Trouble

CARD = "question:1:card"


def once(path: str, about: str, trouble: Trouble, bot: InProcessBot) -> Plan:
    """The first request of this kind has this trouble."""
    left = [trouble]

    def plan(asked: ReceivedRequest) -> Fault | None:
        wanted = asked.path == path and (asked.about == about or asked.about in [card.id for card in bot.cards()])
        return Fault(trouble=left.pop()) if wanted and left else None

    return plan


@pytest.mark.parametrize("path", ["/post", "/thread"])
async def test_a_card_whose_answer_was_lost_is_found_and_not_posted_again(tmp_path: Path, path: str) -> None:
    async with in_process_bot(tmp_path) as bot:
        bot.server.faults.plan = once(path, CARD, "lose", bot)
        async with bot.life():
            bot.begin()
            await bot.until(bot.cards)
            await bot.clock.armed_until(bot.clock.now() + 1)
            bot.clock.advance(1)
            await bot.until(bot.asked)
            bot.reply("2")
            await bot.ended()
        assert not bot.doubles()
        assert bot.closed() == "Answered by Ana: SQLite"


@pytest.mark.parametrize("path", ["/post", "/thread"])
async def test_a_card_that_was_lost_with_the_process_is_found_by_the_next_one(tmp_path: Path, path: str) -> None:
    async with in_process_bot(tmp_path) as bot:
        bot.server.faults.plan = once(path, CARD, "silence", bot)
        async with bot.life():
            bot.begin()
            await bot.until(bot.cards)
        async with bot.life():
            await bot.until(bot.asked)
            bot.reply("2")
            await bot.ended()
        assert not bot.doubles()


async def test_a_reply_to_a_card_that_only_the_next_process_finds_is_not_lost(tmp_path: Path) -> None:
    async with in_process_bot(tmp_path) as bot:
        bot.server.faults.plan = once("/thread", CARD, "silence", bot)
        async with bot.life():
            bot.begin()
            await bot.until(bot.asked)
            bot.reply("2, said before anybody knew where")
            await bot.until(lambda: not bot.world.unacknowledged)
        bot.clock.advance(7200)
        async with bot.life():
            await bot.ended()
        assert "said before anybody knew where" in bot.closed()
        assert bot.signs() == ["taken"]


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_question_that_is_cancelled_while_its_card_is_doubtful_does_not_stay_open(tmp_path: Path, restarts: bool) -> None:
    async with in_process_bot(tmp_path) as bot:
        bot.server.faults.plan = once("/thread", CARD, "lose", bot)
        async with bot.life():
            bot.begin()
            await bot.until(bot.asked)
            bot.world.command("ana", "general", "cancel", "")
            await bot.stored(RunCancelled)
            if not restarts:
                await bot.clock.armed_until(bot.clock.now() + 1)
                bot.clock.advance(1)
                await bot.until(bot.closed)
        if restarts:
            async with bot.life():
                await bot.until(bot.closed)
        assert bot.closed() == "Cancelled: Ana cancelled the run"
        assert not bot.doubles()


async def test_a_question_that_is_cancelled_before_its_card_arrived_is_never_shown(tmp_path: Path) -> None:
    async with in_process_bot(tmp_path) as bot:
        bot.server.faults.plan = once("/post", CARD, "refuse", bot)
        async with bot.life():
            bot.begin()
            await bot.until(lambda: any(request.about == CARD for request in bot.server.requests))
            bot.world.command("ana", "general", "cancel", "")
            await bot.stored(RunCancelled)
            await bot.clock.armed_until(bot.clock.now() + 1)
            bot.clock.advance(1)
            await bot.rests()
            assert not await bot.store.pending_posts()
        assert not bot.cards()


async def test_a_card_that_the_platform_rejects_falls_back_at_once(tmp_path: Path) -> None:
    async with in_process_bot(tmp_path) as bot:
        bot.server.faults.plan = once("/post", CARD, "reject", bot)
        async with bot.life():
            bot.begin()
            await bot.ended()
            state = await bot.state()
        outcome = state.questions[1].outcome
        assert outcome is not None
        assert outcome.status == "fallen_back"
        assert "the bot may not write here" in outcome.why
        assert not bot.cards()


async def test_a_card_whose_closing_got_no_answer_is_closed_again(tmp_path: Path) -> None:
    async with in_process_bot(tmp_path) as bot:
        async with bot.life():
            bot.begin()
            await bot.until(bot.asked)
            await bot.rests()
            bot.server.faults.plan = once("/edit", CARD, "lose", bot)
            bot.reply("2")
            await bot.until(bot.closed)
        async with bot.life():
            await bot.ended()
            assert not await bot.store.pending_posts()
        assert bot.closed() == "Answered by Ana: SQLite"
        assert not bot.doubles()


async def test_a_busy_platform_is_left_alone_for_as_long_as_it_says(tmp_path: Path) -> None:
    async with in_process_bot(tmp_path) as bot:
        bot.server.faults.put("limit", "/post", seconds=20)
        async with bot.life():
            bot.begin()
            await bot.clock.armed_at(bot.clock.now() + 20)
            bot.clock.advance(19)
            assert not bot.of_kind("run_card")
            bot.clock.advance(2)
            await bot.until(lambda: bot.asked() and bool(bot.of_kind("run_card")))
        assert len(bot.of_kind("run_card")) == 1
