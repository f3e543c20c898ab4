"""A real process is killed with -9 at many moments, while people write and the platform and the model have their troubles.

`make kill-test N=1000` kills as often as it is told to. A failure prints its seed: KILL_SEED=… makes the same choices again,
though not the same timing.
"""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.resilience.harness import timeline
from tests.resilience.harness.checks import judge
from tests.resilience.harness.crowd import Crowd
from tests.resilience.harness.evidence import Evidence, Seen, Shown, Wrote, gather
from tests.resilience.harness.kill_points import chat_moments, model_moments
from tests.resilience.harness.kill_run import Ordeal
from tests.resilience.harness.model_script import Cast, team_file
from tests.resilience.harness.process import Victim
from tests.support.fake_chat.faults import Asked, Fault, Plan
from tests.support.fake_chat.server import ChatServer
from tests.support.fake_chat.state import BOT, Message, World
from tests.support.fake_models.server import ModelServer

KILLS = int(os.environ.get("KILLS", "50"))
SEED = int(os.environ.get("KILL_SEED") or secrets.randbelow(1_000_000))
AHEAD = 90.0
"""Seconds by which the platform's clock is ahead of ours."""


@dataclass(frozen=True, kw_only=True)
class Town:
    """Everything that takes part."""

    server: ChatServer
    model: ModelServer
    cast: Cast
    crowd: Crowd
    ordeal: Ordeal
    file: Path


@pytest.mark.timeout(120 + 4 * KILLS)
async def test_nothing_is_lost_or_doubled_however_often_the_process_is_killed(tmp_path: Path) -> None:
    async with a_town(tmp_path, random.Random(SEED)) as town:
        wrong = []
        try:
            await town.ordeal.kill(KILLS)
            settle_down(town)
            await town.ordeal.settle(lambda: town.server.until(lambda: town.crowd.satisfied))
        except (TimeoutError, AssertionError) as error:
            wrong.append(f"it came to no rest: {error!r}")
        await town.ordeal.victim.gone()
        evidence = await gather(town.file, town.model.requests, seen(town))
        wrong += judge(evidence)
        if wrong:
            lines = "\n".join(wrong)
            pytest.fail(f"seed {SEED}: {len(wrong)} things are wrong\n{lines}\n{story(town, evidence)}")
        assert len(evidence.runs) >= KILLS / 50


@asynccontextmanager
async def a_town(folder: Path, chance: random.Random) -> AsyncIterator[Town]:
    """The two servers, the people and the victim, with faults on."""
    cast = Cast(chance)
    (folder / "townhall.toml").touch()
    async with ChatServer(clock=lambda: time.time() + AHEAD) as server, ModelServer(cast) as model:
        server.faults.plan = trouble(chance)
        server.world.double = lambda: chance.random() < 0.1
        (folder / "townhall.toml").write_text(team_file(model.url), encoding="utf-8")
        file, environ = folder / "townhall.db", {"TOWNHALL_TEAM_FILE": str(folder / "townhall.toml")}
        async with Victim("tests.resilience.harness.bot_process", [server.url, str(file)], folder, environ) as victim:
            crowd = Crowd(server, chance, lambda: not victim.alive)
            moments = [*chat_moments(server, chance), *model_moments(model, chance)]
            ordeal = Ordeal(victim, moments, chance, on_down=crowd.look)
            crowd.look()
            yield Town(server=server, model=model, cast=cast, crowd=crowd, ordeal=ordeal, file=file)


def trouble(chance: random.Random) -> Plan:
    """The platform refuses, is busy, loses answers or is slow, now and then."""

    def plan(asked: Asked) -> Fault | None:
        roll = chance.random()
        if roll < 0.03:
            return Fault(trouble="refuse")
        if roll < 0.05:
            return Fault(trouble="limit", seconds=0.1)
        if roll < 0.10:
            return Fault(trouble="lose")
        return Fault(trouble="slow", seconds=chance.uniform(0, 0.1)) if roll < 0.2 else None

    return plan


def settle_down(town: Town) -> None:
    """No more troubles, and no new tasks."""
    town.crowd.busy = False
    town.cast.healthy = True
    town.server.faults.plan = None
    town.server.world.double = lambda: False


def seen(town: Town) -> Seen:
    """The platform's part of the evidence."""
    world = town.server.world
    bots = [one for one in world.messages.values() if one.author == BOT and one.key]
    return Seen(
        shown=[Shown(message=one.id, key=one.key, at=one.at, closings=closings(world, one)) for one in bots],
        wrote=[
            Wrote(
                message=one.message,
                question=one.question,
                word=one.word,
                at=world.messages[one.message].at,
                newest_at=one.at,
                asked=one.asked,
                delivered=one.delivered,
                signs=frozenset(str(bot.meta["sign"]) for bot in bots if bot.meta.get("of") == one.message),
            )
            for one in town.crowd.typed.values()
            if not one.deleted
        ],
        tasks=list(town.crowd.tasks),
    )


def closings(world: World, card: Message) -> tuple[str, ...]:
    """The ends that a question's card has named, in order."""
    ends = [str(one.meta["closed"]) for one in world.effects if one.message == card.id and one.meta.get("closed")]
    return tuple(dict.fromkeys(ends))


def story(town: Town, evidence: Evidence) -> str:
    """Everything that happened."""
    deaths = [timeline.Line(one.at, "DEATH", one.how) for one in town.ordeal.victim.deaths]
    logs = [line for run, log in evidence.logs.items() for line in timeline.of_log(run, log)]
    whole = timeline.told(logs, timeline.of_world(town.server.world, AHEAD), deaths)
    path = town.file.with_name("story.txt")
    path.write_text(whole, encoding="utf-8")
    return f"The whole story is in {path}, and what the bot logged beside it. Its end:\n" + "\n".join(whole.splitlines()[-200:])
