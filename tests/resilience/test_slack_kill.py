"""A real process is killed with -9 while it speaks Slack: nothing is lost, and nothing stands there twice.

It is the fake platform's kill test with Slack in its place; a failure prints its seed, and KILL_SEED=… makes the same choices.
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
from tests.resilience.harness.evidence import Evidence, Seen, Shown, Wrote, gather
from tests.resilience.harness.kill_points import LATEST, model_moments
from tests.resilience.harness.kill_run import Kill, Moment, Ordeal
from tests.resilience.harness.model_script import Cast, team_file
from tests.resilience.harness.process import Victim
from tests.resilience.harness.slack_crowd import Crowd, Typed, key_of
from tests.support.fake_models.server import ModelServer
from tests.support.fake_slack.faults import WRITES, Asked, Fault, Plan
from tests.support.fake_slack.server import SlackServer
from tests.support.fake_slack.state import BOT_USER, GENERAL, Message, World

KILLS = max(4, int(os.environ.get("KILLS", "50")) // 4)
SEED = int(os.environ.get("KILL_SEED") or secrets.randbelow(1_000_000))
AHEAD = 90.0
"""Seconds by which Slack's clock is ahead of ours."""

SIGNS = {"white_check_mark": "taken", "hourglass": "late", "x": "refused", "wave": "passed"}


@dataclass(frozen=True, kw_only=True)
class Town:
    """Everything that takes part."""

    server: SlackServer
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


@asynccontextmanager
async def a_town(folder: Path, chance: random.Random) -> AsyncIterator[Town]:
    """The two servers, the people and the victim, with faults on."""
    cast = Cast(chance)
    async with SlackServer(clock=lambda: time.time() + AHEAD) as server, ModelServer(cast) as model:
        server.faults.plan = trouble(chance)
        server.world.double = lambda: chance.random() < 0.1
        (folder / "townhall.toml").write_text(team_file(model.url), encoding="utf-8")
        file, environ = folder / "townhall.db", {"TOWNHALL_TEAM_FILE": str(folder / "townhall.toml")}
        async with Victim("tests.resilience.harness.slack_process", [server.url, str(file)], folder, environ) as victim:
            crowd = Crowd(server, chance, lambda: not victim.alive)
            moments = [*slack_moments(server, chance), *model_moments(model, chance)]
            ordeal = Ordeal(victim, moments, chance, on_down=crowd.look)
            crowd.look()
            yield Town(server=server, model=model, cast=cast, crowd=crowd, ordeal=ordeal, file=file)


def slack_moments(server: SlackServer, chance: random.Random) -> list[Moment]:
    """One moment for each stage of a request that writes."""
    return [_moment(server, chance, stage) for stage in ("arrived", "done", "answered")]


def _moment(server: SlackServer, chance: random.Random, wanted: str) -> Moment:
    def arm(kill: Kill) -> None:
        left = chance.randint(1, LATEST)

        def watch(stage: str, asked: Asked) -> None:
            nonlocal left
            left -= stage == wanted and asked.path in WRITES
            if left == 0:
                kill(f"{asked.path} {asked.about} {stage}")

        server.watch = watch

    def disarm() -> None:
        server.watch = lambda stage, asked: None

    return Moment(f"a request {wanted}", arm, disarm)


def trouble(chance: random.Random) -> Plan:
    """Slack is busy, loses answers, has errors of its own or is slow, now and then."""

    def plan(asked: Asked) -> Fault | None:
        if asked.path not in WRITES:
            return None
        roll = chance.random()
        if roll < 0.03:
            return Fault(trouble="limit", seconds=0)
        if roll < 0.05:
            return Fault(trouble="error", name="internal_error")
        if roll < 0.10:
            return Fault(trouble="lose")
        if roll < 0.12:
            return Fault(trouble="cut")
        return Fault(trouble="slow", seconds=chance.uniform(0, 0.1)) if roll < 0.2 else None

    return plan


def settle_down(town: Town) -> None:
    """No more troubles, and no new tasks."""
    town.crowd.busy = False
    town.cast.healthy = True
    town.server.faults.plan = None
    town.server.world.double = lambda: False


# Evidence -----------------------------------------------------------------------------------------------------------------


def seen(town: Town) -> Seen:
    """Slack's part of the evidence."""
    world = town.server.world
    messages = world.channels[GENERAL].messages
    bots = [one for one in messages.values() if one["user"] == BOT_USER and key_of(one)]
    return Seen(
        shown=[
            Shown(message=one["ts"], key=key_of(one), at=float(one["ts"]), closings=closings(world, one["ts"])) for one in bots
        ],
        wrote=[_wrote(messages[one.message], one) for one in town.crowd.typed.values()],
        tasks=list(town.crowd.tasks),
    )


def _wrote(message: Message, typed: Typed) -> Wrote:
    return Wrote(
        message=typed.message,
        question=typed.question,
        word=typed.word,
        at=float(message["ts"]),
        newest_at=float((message.get("edited") or message)["ts"]),
        asked=typed.asked,
        delivered=typed.delivered,
        signs=frozenset(SIGNS[name] for name in message.get("reactions") or ()),
    )


def closings(world: World, card: str) -> tuple[str, ...]:
    """The ends that a question's card has named, in order."""
    edits = (one for one in world.effects if one.message == card and one.what == "update")
    return tuple(dict.fromkeys(str(one.body["text"]) for one in edits if "has ended" in str(one.body["text"])))


def story(town: Town, evidence: Evidence) -> str:
    """Everything that happened."""
    world = town.server.world
    deaths = [timeline.Line(one.at, "DEATH", one.how) for one in town.ordeal.victim.deaths]
    logs = [line for run, log in evidence.logs.items() for line in timeline.of_log(run, log)]
    bot = [timeline.Line(one.at - AHEAD, "bot", f"{one.what} {one.message} {key_of(one.body)}") for one in world.effects]
    people = [
        timeline.Line(float(one.message), "people", f"{one.word} to question {one.question}, delivered {one.delivered}")
        for one in town.crowd.typed.values()
    ]
    whole = timeline.told(logs, bot, [timeline.Line(one.at - AHEAD, one.who, one.what) for one in people], deaths)
    path = town.file.with_name("story.txt")
    path.write_text(whole, encoding="utf-8")
    return f"The whole story is in {path}, and what the bot logged beside it. Its end:\n" + "\n".join(whole.splitlines()[-120:])
