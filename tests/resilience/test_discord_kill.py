"""A real process is killed with -9 while it speaks Discord: nothing is lost, and nothing stands there twice.

It is the fake platform's kill test with Discord in its place; a failure prints its seed, and KILL_SEED=… makes the same choices.
Discord gives back a card's reference and a text's words, no keys: a card is known by its number, an answer by that of its run.
"""

from __future__ import annotations

import os
import random
import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.discord.sender import ACKNOWLEDGEMENT_EMOJI, snowflake_time
from tests.resilience.harness import timeline
from tests.resilience.harness.checks import judge
from tests.resilience.harness.discord_crowd import Crowd, Typed
from tests.resilience.harness.evidence import Evidence, Seen, Shown, Wrote, gather
from tests.resilience.harness.kill_points import LATEST, model_moments
from tests.resilience.harness.kill_run import Kill, Moment, Ordeal
from tests.resilience.harness.model_script import Cast, team_file
from tests.resilience.harness.process import Victim
from tests.support.fake_discord.server import Asked, DiscordServer, Fault
from tests.support.fake_discord.state import DiscordWorld
from tests.support.fake_discord.wire import BOT, DM, Message
from tests.support.fake_models.server import ModelServer

KILLS = max(4, int(os.environ.get("KILLS", "50")) // 4)
SEED = int(os.environ.get("KILL_SEED") or secrets.randbelow(1_000_000))
AHEAD = 90.0
"""Seconds by which Discord's clock is ahead of ours."""

_NAMES = {sign: name for name, sign in ACKNOWLEDGEMENT_EMOJI.items()}


@dataclass(frozen=True, kw_only=True)
class Town:
    """Everything that takes part."""

    server: DiscordServer
    model: ModelServer
    cast: Cast
    crowd: Crowd
    ordeal: Ordeal
    file: Path


@pytest.mark.timeout(120 + 8 * KILLS)
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
        assert evidence.runs
        assert town.server.strays == []


@asynccontextmanager
async def a_town(folder: Path, chance: random.Random) -> AsyncIterator[Town]:
    """The two servers, the people and the victim, with faults on."""
    cast = Cast(chance)
    async with DiscordServer(clock=lambda: time.time() + AHEAD) as server, ModelServer(cast) as model:
        server.faults.plan = lambda asked: trouble(chance, asked)
        (folder / "townhall.toml").write_text(team_file(model.url), encoding="utf-8")
        file, environ = folder / "townhall.db", {"TOWNHALL_TEAM_FILE": str(folder / "townhall.toml")}
        arguments = [server.api, server.gateway_url, server.token, str(file)]
        async with Victim("tests.resilience.harness.discord_process", arguments, folder, environ) as victim:
            crowd = Crowd(server, chance, lambda: not victim.alive)
            moments = [_moment(server, chance), *model_moments(model, chance)]
            ordeal = Ordeal(victim, moments, chance, on_down=crowd.look)
            yield Town(server=server, model=model, cast=cast, crowd=crowd, ordeal=ordeal, file=file)


def _moment(server: DiscordServer, chance: random.Random) -> Moment:
    """A write has had its effect, and is not answered yet."""

    def arm(kill: Kill) -> None:
        left = chance.randint(1, LATEST)

        def watch(asked: Asked) -> None:
            nonlocal left
            left -= asked.writes
            if left == 0:
                kill(f"{asked.method} {asked.path} done")

        server.watch = watch

    def disarm() -> None:
        server.watch = lambda asked: None

    return Moment("a write done", arm, disarm)


def trouble(chance: random.Random, asked: Asked) -> Fault | None:
    """Discord is busy, loses answers or has errors of its own, now and then."""
    roll = chance.random() if asked.writes else 1.0
    if roll < 0.03:
        return Fault(trouble="limit", seconds=0.01)
    if roll < 0.05:
        return Fault(trouble="effect-error", status=503)
    return Fault(trouble="lose") if roll < 0.1 else None


def settle_down(town: Town) -> None:
    """No more troubles, and no new tasks."""
    town.crowd.busy = False
    town.cast.healthy = True
    town.server.faults.plan = None


# Evidence -----------------------------------------------------------------------------------------------------------------


def seen(town: Town) -> Seen:
    """Discord's part of the evidence."""
    world = town.server.world
    ours = [one for one in world.messages.values() if one.author == BOT and not one.private_to]
    public = [one for one in ours if world.channels[one.channel].kind != DM]
    return Seen(
        shown=[
            Shown(message=str(one.id), key=key_of(one), at=snowflake_time(str(one.id)), closings=closings(one)) for one in public
        ],
        wrote=[_wrote(world, one) for one in town.crowd.typed.values()],
        tasks=town.crowd.tasks,
    )


def key_of(message: Message) -> str:
    """What tells a card and a final answer from every other; agents may well say the same thing twice."""
    foot = message.embeds[0]["footer"]["text"] if message.embeds else ""
    if found := re.match(r"(Run|Question) (\d+) ", foot):
        return f"{found[1].lower()}:{found[2]}:card"
    answer = re.match(r"\*\*Final answer of run \d+\*\*", message.content)
    return answer.group() if answer else str(message.id)


def closings(message: Message) -> tuple[str, ...]:
    """The ends that a question's card has named, in order."""
    heads = [version.split("\n") for version in message.versions]
    return tuple(dict.fromkeys(lines[1] for lines in heads if len(lines) > 1 and "** asked: " in lines[0]))


def _wrote(world: DiscordWorld, typed: Typed) -> Wrote:
    message = world.messages[typed.message]
    return Wrote(
        message=str(typed.message),
        question=typed.question,
        word=typed.word,
        at=message.at,
        newest_at=message.edited or message.at,
        asked=True,
        delivered=False,
        signs=frozenset(_NAMES[sign] for sign in message.reactions),
    )


def story(town: Town, evidence: Evidence) -> str:
    """Everything that happened."""
    world = town.server.world
    deaths = [timeline.Line(one.at, "DEATH", one.how) for one in town.ordeal.victim.deaths]
    logs = [line for run, log in evidence.logs.items() for line in timeline.of_log(run, log)]
    posts = [
        timeline.Line(one.at - AHEAD, world.people[one.author].name, f"{one.id} in {one.channel}: {one.content[:120]!r}")
        for one in world.messages.values()
    ]
    whole = timeline.told(logs, posts, deaths)
    path = town.file.with_name("story.txt")
    path.write_text(whole, encoding="utf-8")
    return f"The whole story is in {path}, and what the bot logged beside it. Its end:\n" + "\n".join(whole.splitlines()[-120:])
