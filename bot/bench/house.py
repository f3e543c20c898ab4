"""A bot for a benchmark: the engine over a store on a disk, one silent platform, and models that are given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.bench.platform import ANA, CHANNELS, BenchPlatform, ReceivedPost
from orchestrator_bridge.chat import CommandReceived, FinalAnswer, PrivateReply, QuestionCard
from orchestrator_bridge.clock import SystemClock
from orchestrator_bridge.engine import Engine
from orchestrator_bridge.model.clients import ModelClient
from orchestrator_bridge.model.port import Model
from orchestrator_bridge.people import Directory
from orchestrator_bridge.store.sqlite import SqliteStore
from orchestrator_bridge.team import AgentSpec, Limits, ModelSpec, Policy, Team

OPEN_LIMIT = 1_000_000
"""Open questions of one person: a benchmark asks more than anybody bears."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchBot:
    """A bot that is up."""

    engine: Engine
    platform: BenchPlatform
    store: SqliteStore

    async def start_run(self, team: Team, task: str, channel: int = 0) -> int:
        """Start a run in one of the channels; returns its number once it is stored."""
        return await self.engine.start_run(task=task, team=team, place=CHANNELS[channel % len(CHANNELS)], by=ANA)

    async def final_answer(self, run: int) -> str:
        """The final text of a run, as it reaches the platform: all that led to it is stored by then."""
        shown = await self.platform.wait_post(FinalAnswer, run)
        assert isinstance(shown.post, FinalAnswer)
        return shown.post.text

    async def question(self, run: int) -> tuple[QuestionCard, ReceivedPost]:
        """The question of a run, as it reaches the platform."""
        shown = await self.platform.wait_post(QuestionCard, run)
        assert isinstance(shown.post, QuestionCard)
        return shown.post, shown

    async def wait_idle(self) -> None:
        """Wait until everything is done and posted."""
        await self.engine.wait_finished()


@asynccontextmanager
async def bench_bot(file: Path, models: Model) -> AsyncIterator[BenchBot]:
    """A bot over this store, with whatever runs it holds."""
    clock = SystemClock()
    store = await SqliteStore.open(file, clock=clock.now)
    platform = BenchPlatform()
    engine = Engine(store=store, models=models, clock=clock, directory=Directory(), adapters=[platform], on_command=_no_commands)
    try:
        await engine.start()
        yield BenchBot(engine=engine, platform=platform, store=store)
    finally:
        await engine.stop()
        await store.close()


@asynccontextmanager
async def http_models(address: str) -> AsyncIterator[ModelClient]:
    """Our own clients of the models of a server."""
    names = ("quick", "slow", "asking")
    models = ModelClient(own={name: ModelSpec(base_url=address, id=name) for name in names})
    try:
        yield models
    finally:
        await models.close()


def team(size: int, model: str) -> Team:
    """So many agents of one model. What people type settles a question at once: their thinking is not what is measured."""
    persona = "You look for what is simple, and say plainly where you are not sure."
    agents = tuple(AgentSpec(name=f"agent-{number}", model=model, persona=persona) for number in range(size))
    policy = Policy(settle_delay=0.0, expire_after=86400.0, remind_after=43200.0)
    return Team(agents=agents, policy=policy, limits=Limits(open_per_person=OPEN_LIMIT, open_per_channel=OPEN_LIMIT))


async def _no_commands(_: CommandReceived) -> PrivateReply | None:
    return None
