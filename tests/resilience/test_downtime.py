"""What people do while the bot is down, judged by the platform's clock, whatever ours says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.resilience.harness.in_process_bot import House, a_house
from tests.resilience.harness.scripted_model import said

MINUTES = (-300.0, 0.0, 300.0)
"""How far, in seconds, the platform's clock is ahead of ours."""


async def asked(house: House) -> None:
    """A first life, in which the question comes to stand in the channel."""
    async with house.life():
        house.begin()
        await house.until(house.asked)
        await house.rests()


@pytest.mark.parametrize("ahead", MINUTES)
async def test_a_reply_in_time_counts_even_if_the_bot_comes_back_after_the_deadline(tmp_path: Path, ahead: float) -> None:
    async with a_house(tmp_path, offset=ahead) as house:
        await asked(house)
        house.clock.advance(599)
        house.reply("2, the small one")
        house.clock.advance(7200)
        async with house.life():
            await house.ended()
        assert house.closed() == "Answered by Ana: SQLite (“2, the small one”)"
        assert house.signs() == ["taken"]
        assert "the small one" in said(house.puppet.requests[-1])


@pytest.mark.parametrize("ahead", MINUTES)
async def test_a_reply_after_the_deadline_falls_back_and_is_called_late(tmp_path: Path, ahead: float) -> None:
    async with a_house(tmp_path, offset=ahead) as house:
        await asked(house)
        house.clock.advance(605)
        house.reply("2, the small one")
        async with house.life():
            await house.ended()
        assert "fallback: the recommended option" in house.closed()
        assert house.signs() == ["late"]


@pytest.mark.parametrize("ahead", MINUTES)
async def test_a_question_keeps_its_first_deadline_over_any_number_of_restarts(tmp_path: Path, ahead: float) -> None:
    async with a_house(tmp_path, offset=ahead) as house:
        await asked(house)
        for pause in (200, 300, 99):
            house.clock.advance(pause)
            async with house.life():
                await house.rests()
                assert not house.closed()
        house.clock.advance(5)
        async with house.life():
            await house.ended()
        assert house.closed().startswith("Nobody answered in 10 min")


async def test_of_a_message_that_was_edited_in_the_night_the_last_version_counts(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await asked(house)
        reply = house.reply("1")
        house.clock.advance(60)
        house.world.change(reply.id, "no, 2")
        async with house.life():
            await house.ended()
        assert house.closed() == "Answered by Ana: SQLite (“no, 2”)"


@pytest.mark.parametrize("delivered", [True, False], ids=["told of", "found out"])
async def test_what_was_taken_back_in_the_night_does_not_count(tmp_path: Path, delivered: bool) -> None:
    async with a_house(tmp_path, settle_delay=5) as house:
        await asked(house)
        reply = house.reply("2")
        async with house.life():
            await house.until(house.signs)
            await house.rests()
        house.world.delete(reply.id, delivered=delivered)
        house.clock.advance(599)
        async with house.life():
            await house.rests()
            house.clock.advance(5)
            await house.ended()
        assert house.closed().startswith("Nobody answered in 10 min")


async def test_an_edit_of_the_night_that_the_platform_forgot_to_tell_of_counts(tmp_path: Path) -> None:
    async with a_house(tmp_path, settle_delay=5) as house:
        await asked(house)
        reply = house.reply("1")
        async with house.life():
            await house.until(house.signs)
            await house.rests()
        house.world.change(reply.id, "no, 2", delivered=False)
        house.clock.advance(60)
        async with house.life():
            await house.ended()
        assert house.closed() == "Answered by Ana: SQLite (“no, 2”)"


async def test_what_is_delivered_again_and_again_is_heard_once(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await asked(house)
        again = iter([True] * 5)
        house.world.double = lambda: next(again, False)
        house.reply("2")
        async with house.life():
            await house.ended()
            await house.until(lambda: not house.world.unacknowledged)
            await house.rests()
        async with house.life():
            for event in list(house.world.events):
                house.world.deliver_again(event)
            await house.until(lambda: not house.world.unacknowledged)
            await house.rests()
        assert house.signs() == ["taken"]
        assert len(house.of_kind("run_card")) == 1
        assert len(house.of_kind("final_answer")) == 1


async def test_a_command_of_the_night_starts_one_run_in_the_morning(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.begin()
        house.world.deliver_again(house.world.events[0])
        async with house.life():
            await house.until(house.asked)
            await house.rests()
        assert len(house.of_kind("run_card")) == 1
