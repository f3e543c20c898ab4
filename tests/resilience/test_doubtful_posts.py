"""Posts of which nobody knows whether they arrived: they are looked for, and stand once."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_bridge.run.events import RunCancelled
from tests.resilience.harness.in_process_bot import House, a_house
from tests.support.fake_chat.faults import Asked, Fault, Plan, Trouble

CARD = "question:1:card"


def once(path: str, about: str, trouble: Trouble, house: House) -> Plan:
    """The first request of this kind has this trouble."""
    left = [trouble]

    def plan(asked: Asked) -> Fault | None:
        wanted = asked.path == path and (asked.about == about or asked.about in [card.id for card in house.cards()])
        return Fault(trouble=left.pop()) if wanted and left else None

    return plan


@pytest.mark.parametrize("path", ["/post", "/thread"])
async def test_a_card_whose_answer_was_lost_is_found_and_not_posted_again(tmp_path: Path, path: str) -> None:
    async with a_house(tmp_path) as house:
        house.server.faults.plan = once(path, CARD, "lose", house)
        async with house.life():
            house.begin()
            await house.until(house.cards)
            await house.clock.armed_until(house.clock.now() + 1)
            house.clock.advance(1)
            await house.until(house.asked)
            house.reply("2")
            await house.ended()
        assert not house.doubles()
        assert house.closed() == "Answered by Ana: SQLite"


@pytest.mark.parametrize("path", ["/post", "/thread"])
async def test_a_card_that_was_lost_with_the_process_is_found_by_the_next_one(tmp_path: Path, path: str) -> None:
    async with a_house(tmp_path) as house:
        house.server.faults.plan = once(path, CARD, "silence", house)
        async with house.life():
            house.begin()
            await house.until(house.cards)
        async with house.life():
            await house.until(house.asked)
            house.reply("2")
            await house.ended()
        assert not house.doubles()


async def test_a_reply_to_a_card_that_only_the_next_process_finds_is_not_lost(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.server.faults.plan = once("/thread", CARD, "silence", house)
        async with house.life():
            house.begin()
            await house.until(house.asked)
            house.reply("2, said before anybody knew where")
            await house.until(lambda: not house.world.unacknowledged)
        house.clock.advance(7200)
        async with house.life():
            await house.ended()
        assert "said before anybody knew where" in house.closed()
        assert house.signs() == ["taken"]


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_question_that_is_cancelled_while_its_card_is_doubtful_does_not_stay_open(tmp_path: Path, restarts: bool) -> None:
    async with a_house(tmp_path) as house:
        house.server.faults.plan = once("/thread", CARD, "lose", house)
        async with house.life():
            house.begin()
            await house.until(house.asked)
            house.world.command("ana", "general", "cancel", "")
            await house.stored(RunCancelled)
            if not restarts:
                await house.clock.armed_until(house.clock.now() + 1)
                house.clock.advance(1)
                await house.until(house.closed)
        if restarts:
            async with house.life():
                await house.until(house.closed)
        assert house.closed() == "Cancelled: Ana cancelled the run"
        assert not house.doubles()


async def test_a_question_that_is_cancelled_before_its_card_arrived_is_never_shown(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.server.faults.plan = once("/post", CARD, "refuse", house)
        async with house.life():
            house.begin()
            await house.until(lambda: any(one.about == CARD for one in house.server.requests))
            house.world.command("ana", "general", "cancel", "")
            await house.stored(RunCancelled)
            await house.clock.armed_until(house.clock.now() + 1)
            house.clock.advance(1)
            await house.rests()
            assert not await house.store.pending_posts()
        assert not house.cards()


async def test_a_card_that_the_platform_rejects_falls_back_at_once(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.server.faults.plan = once("/post", CARD, "reject", house)
        async with house.life():
            house.begin()
            await house.ended()
            state = await house.state()
        outcome = state.questions[1].outcome
        assert outcome is not None
        assert outcome.status == "fallen_back"
        assert "the bot may not write here" in outcome.why
        assert not house.cards()


async def test_a_card_whose_closing_got_no_answer_is_closed_again(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        async with house.life():
            house.begin()
            await house.until(house.asked)
            await house.rests()
            house.server.faults.plan = once("/edit", CARD, "lose", house)
            house.reply("2")
            await house.until(house.closed)
        async with house.life():
            await house.ended()
            assert not await house.store.pending_posts()
        assert house.closed() == "Answered by Ana: SQLite"
        assert not house.doubles()


async def test_a_busy_platform_is_left_alone_for_as_long_as_it_says(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.server.faults.put("limit", "/post", seconds=30)
        async with house.life():
            house.begin()
            await house.clock.armed_until(house.clock.now() + 30)
            house.clock.advance(29)
            assert not house.of_kind("run_card")
            house.clock.advance(2)
            await house.until(house.asked)
        assert len(house.of_kind("run_card")) == 1
