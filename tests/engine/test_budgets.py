"""Budgets through the engine: shared by runs, kept across a restart, raised by the people responsible."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from orchestrator_bridge.chat.outbound import RunCard
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.team.budgets import Budgets
from orchestrator_bridge.team.team import AgentSpec, Bounds, Policy, Team
from tests.support.clock import ManualClock
from tests.support.fake_models.replies import ModelCall, ScriptedReply, Tokens, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine

PLACE_B = replace(PLACE, channel="random")
COST = Decimal("0.20")
"""US dollars of every call: 90,000 tokens in and 10,000 out, at $2 a million each."""


def answers(asked: ModelCall) -> ScriptedReply:
    use = ToolUse(name="new_answer", arguments={"content": "done"})
    return ScriptedReply(tool_calls=[use], usage=Tokens(input=90_000, output=10_000))


def priced(server: ModelServer) -> dict[str, ModelSpec]:
    return {"local": ModelSpec(base_url=server.url, id="local", input=Decimal(2), output=Decimal(2))}


def one(**keys: object) -> Team:
    """A team of one agent, whose run is one call."""
    agents = (AgentSpec(name="one", model="local"),)
    team = Team(agents=agents, policy=Policy(settle_delay=0, remind_after=0, expire_after=1800), bounds=Bounds())
    return team.model_copy(update=keys)


@asynccontextmanager
async def bot(file: Path, server: ModelServer, platform: ListPlatform, budgets: Budgets) -> AsyncIterator[Engine]:
    """An engine with a priced model and these budgets."""
    async with start_engine(file, server, platform, clock=platform.clock, models=priced(server), budgets=budgets) as engine:
        yield engine


async def begin(engine: Engine, team: Team | None = None) -> int:
    return await engine.start_run(task="A task.", team=team or one(), place=PLACE, by=ANA)


async def end_of(engine: Engine, run: int) -> RunState:
    await engine.wait_ended(run)
    state = await engine.run(run)
    assert state is not None
    return state


async def test_a_run_that_exceeds_the_budget_of_the_day_ends_and_names_it(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    budgets = Budgets(day=Decimal("0.45"))
    async with ModelServer(answers) as server, bot(tmp_path / "t.db", server, platform, budgets) as engine:
        for _ in range(3):
            assert (await end_of(engine, await begin(engine))).spent.cost == COST
        last = await end_of(engine, await begin(engine))
        await engine.wait_finished()
    assert last.end is not None
    assert last.end.text.startswith("Stopped by the budget of $0.45 a day for all runs before there was any answer.")
    assert len(server.requests) == 3
    assert sum("of the budget of $0.45 a day for all runs." in note for note in platform.notes) == 1


async def test_a_budget_is_shared_by_runs_of_one_channel_only(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    budgets = Budgets(channels={"list:general": Decimal("0.20")})
    async with ModelServer(answers) as server, bot(tmp_path / "t.db", server, platform, budgets) as engine:
        await end_of(engine, await begin(engine))
        refused = await end_of(engine, await begin(engine))
        elsewhere = await engine.start_run(task="A task.", team=one(), place=PLACE_B, by=ANA)
        went = await end_of(engine, elsewhere)
    assert refused.end is not None
    assert "this channel's budget of $0.20 a day" in refused.end.text
    assert went.end is not None
    assert went.end.status == "finished"


async def test_what_was_spent_and_granted_is_known_after_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    budgets = Budgets(day=Decimal("0.20"))
    async with ModelServer(answers) as server:
        platform = ListPlatform(clock)
        async with bot(tmp_path / "t.db", server, platform, budgets) as engine:
            await end_of(engine, await begin(engine))
            run = await begin(engine, one(on_budget="ask"))
            await platform.until(lambda: bool(platform.questions))
            await engine.wait_finished()
            assert engine.active == ()
        platform = ListPlatform(clock)
        async with bot(tmp_path / "t.db", server, platform, budgets) as engine:
            await platform.person_says("0.2", question=1)
            assert (await end_of(engine, run)).spent.cost == COST
            await engine.wait_finished()
        platform = ListPlatform(clock)
        async with bot(tmp_path / "t.db", server, platform, budgets) as engine:
            last = await end_of(engine, await begin(engine))
            assert last.end is not None
            assert "the budget of $0.40 a day for all runs" in last.end.text
            clock.advance(86_400)
            assert (await end_of(engine, await begin(engine))).spent.cost == COST


async def test_a_call_in_flight_at_a_crash_counts_once_as_unknown_and_once_for_what_it_costs_then(tmp_path: Path) -> None:
    clock = ManualClock()
    reserved = Decimal("0.02")
    async with ModelServer(answers) as server:
        budgets = Budgets(day=COST + 2 * reserved)
        gate_shut = ScriptedReply(text=None, gate=asyncio.Event())
        server.behaviour = lambda asked: gate_shut if asked.number == 1 else answers(asked)
        async with bot(tmp_path / "t.db", server, ListPlatform(clock), budgets) as engine:
            run = await begin(engine)
            await server.request_arrives(1)
        async with bot(tmp_path / "t.db", server, ListPlatform(clock), budgets) as engine:
            state = await end_of(engine, run)
            assert state.end is not None
            assert state.end.status == "finished"
            assert 0 < state.spent.unknown < reserved
            refused = await end_of(engine, await begin(engine))
    assert refused.end is not None
    assert (refused.end.status, refused.spent.calls) == ("finished", 1)


async def test_the_people_responsible_are_mentioned_and_without_an_answer_the_run_ends(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    async with ModelServer(answers) as server:
        budgets = Budgets(channel=Decimal("0.001"))
        async with bot(tmp_path / "t.db", server, platform, budgets) as engine:
            run = await begin(engine, one(on_budget="ask"))
            await platform.until(lambda: bool(platform.questions))
            await engine.wait_finished()
            (card,) = platform.questions
            assert (card.agent, card.mentions) == ("townhall", (ANA,))
            assert card.text.startswith("This channel has used up this channel's budget of $0.00")
            clock.advance(1810)
            state = await end_of(engine, run)
            await engine.wait_finished()
    assert state.end is not None
    assert state.end.status == "failed"
    assert not server.requests
    assert (platform.questions[-1].closed or "").startswith("Nobody answered in 30 min")


async def test_the_card_says_that_budgets_are_inactive_if_a_price_is_unknown(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    async with (
        ModelServer(answers) as server,
        start_engine(tmp_path / "t.db", server, platform, budgets=Budgets(day=Decimal("0.01"))) as engine,
    ):
        state = await end_of(engine, await begin(engine))
        await engine.wait_finished()
    assert state.end is not None
    assert state.end.status == "finished"
    cards = [post.post for post in platform.sent if isinstance(post.post, RunCard)]
    assert cards[-1].cost == "cost unknown, spending limits inactive"
