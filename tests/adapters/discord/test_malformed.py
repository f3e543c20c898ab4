"""Payloads that are not as Discord documents them: the bot goes on, logs one line without a traceback, and starts no run."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.discord.components import DiscordControl
from tests.support.fake_discord.running_bot import ME, DiscordBot, start_discord_bot
from tests.support.fake_discord.wire import Json

ODD: tuple[Any, ...] = (None, "", "x", "-1", 0, -1, 2**70, [], {}, [None], {"id": None}, True, "𝟙", 1.5)
"""Values that a field never has."""

SQLITE = DiscordControl(kind="option", number=1, value="sqlite").id
MUTATIONS = 1000
"""Payloads that are sent: fields of real ones removed or replaced, by a seeded generator."""


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all fields in a payload."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from paths(inner, (*path, key))


def mutated(payload: Json, chance: random.Random) -> Json:
    """A copy with one or two fields removed or replaced."""
    broken = copy.deepcopy(payload)
    for _ in range(chance.choice((1, 1, 2))):
        *way, last = chance.choice(list(paths(broken)))
        place: Any = broken
        for key in way:
            place = place[key]
        if isinstance(place, dict) and chance.random() < 0.4:
            del place[last]
        else:
            place[last] = copy.deepcopy(chance.choice(ODD))
    return broken


async def real_payloads(bot: DiscordBot) -> list[tuple[str, Json]]:
    """Payloads of messages, edits and interactions about a question, with the ids of a task that must not run."""
    card = await bot.wait_card("Question")
    await bot.until(lambda: card.id in bot.world.channels)
    sent: list[tuple[str, Json]] = []
    bot.world.emit, emit = (lambda event, data: sent.append((event, data))), bot.world.emit
    said = bot.say("let me think", card.id)
    bot.world.change(said, "hm, wait")
    bot.world.delete(said.id)
    bot.say(f"{ME} cost 2")
    bot.driver.send_command("runs")
    bot.driver.send_command("cost", run="1")
    bot.driver.click(DiscordControl(kind="more_time", number=1).id)
    bot.driver.click(DiscordControl(kind="write", number=1).id)
    bot.driver.submit({"custom_id": "th:f:1", "interaction": {"channel": bot.general}}, "hmm")
    bot.world.emit = emit
    return sent


async def test_malformed_payloads_reach_no_log_as_tracebacks_and_leave_nothing_unhandled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(20261130)
    async with start_discord_bot(tmp_path) as bot:
        bot.say(f"{ME} choose a database for the shop")
        payloads = await real_payloads(bot)
        for _ in range(MUTATIONS):
            event, payload = chance.choice(payloads)
            bot.world.emit(event, mutated(payload, chance))
        bot.say(f"{ME} help")
        await bot.wait_for("Give a task", bot.direct)
        if bot.driver.message_with(SQLITE):
            bot.driver.click(SQLITE)
        await bot.wait_for("Final answer of run 1")
        await bot.app.engine.wait_finished()
        assert sum("Run 2" in post.text for post in bot.posts()) == 0
        assert bot.server.gateway.identified[1:] == []
        assert await bot.app.store.unhandled_events() == []
    tracebacks = [f"{record.message}\n{record.exc_text}" for record in caplog.records if record.exc_info and record.levelno > 10]
    assert tracebacks == []
