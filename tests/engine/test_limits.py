"""Rate limits and circuit breakers through the engine: shared by all runs, with the real client and a manual clock."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

from orchestrator_bridge.chat.outbound import RunCard
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.team.team import AgentSpec, Bounds, Policy, Team
from tests.support.clock import ManualClock
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine


def answers(asked: ModelCall) -> ScriptedReply:
    return ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments={"content": "done"})])


def limited(server: ModelServer, requests_per_minute: int | None = None) -> dict[str, ModelSpec]:
    return {"local": ModelSpec(base_url=server.url, id="local", requests_per_minute=requests_per_minute)}


def states(platform: ListPlatform) -> list[str]:
    """Every state that a card has shown for an agent."""
    cards = [outbound.post for outbound in platform.sent if isinstance(outbound.post, RunCard)]
    return [agent.state for card in cards for agent in card.agents]


async def begin(engine: Engine, *names: str, backup: str | None = None, tries: int = 6) -> int:
    agents = tuple(AgentSpec(name=name, model="local", backup=backup) for name in names)
    run_team = Team(agents=agents, policy=Policy(settle_delay=0), bounds=Bounds(tries=tries))
    return await engine.start_run(task="A task.", team=run_team, place=PLACE, by=ANA)


async def test_calls_of_all_runs_share_a_routes_limit_and_take_turns(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    async with (
        ModelServer(answers) as server,
        start_engine(tmp_path / "t.db", server, platform, clock=clock, models=limited(server, requests_per_minute=1)) as engine,
    ):
        runs = [await begin(engine, "one") for _ in range(3)]
        await engine.wait_ended(runs[0])
        assert len(server.requests) == 1
        await platform.until(lambda: states(platform).count("waiting for local's rate limit, 2 min") == 1)
        assert "waiting for local's rate limit, 1 min" in states(platform)
        for number in (1, 2):
            clock.advance(59)
            assert len(server.requests) == number
            clock.advance(1)
            await engine.wait_ended(runs[number])
        await engine.wait_finished()
    assert len(platform.final_answers) == 3


async def test_a_small_run_is_served_between_the_agents_of_a_large_one(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    async with (
        ModelServer(answers) as server,
        start_engine(tmp_path / "t.db", server, platform, clock=clock, models=limited(server, requests_per_minute=2)) as engine,
    ):
        await begin(engine, *(f"agent-{number}" for number in range(16)))
        await server.request_arrives(2)
        small = await begin(engine, "small")
        await platform.until(lambda: any(card.run == small for card in cards(platform)))
        clock.advance(60)
        await engine.wait_ended(small)
        assert len(server.requests) <= 4


def cards(platform: ListPlatform) -> list[RunCard]:
    return [outbound.post for outbound in platform.sent if isinstance(outbound.post, RunCard)]


async def test_a_call_that_waits_at_a_crash_is_made_after_it_and_nothing_is_booked_for_it(tmp_path: Path) -> None:
    clock = ManualClock()
    async with ModelServer(answers) as server:
        models = {"local": ModelSpec(base_url=server.url, id="local", requests_per_minute=1, input=Decimal(1), output=Decimal(1))}
        platform = ListPlatform(clock)
        async with start_engine(tmp_path / "t.db", server, platform, clock=clock, models=models) as engine:
            await engine.wait_ended(await begin(engine, "one"))
            second = await begin(engine, "two")
            await platform.until(lambda: any("rate limit" in state for state in states(platform)))
        clock.advance(60)
        async with start_engine(tmp_path / "t.db", server, ListPlatform(clock), clock=clock, models=models) as engine:
            await engine.wait_ended(second)
            state = await engine.run(second)
    assert state is not None
    assert (state.spent.unknown, state.spent.calls) == (Decimal(0), 1)


async def test_a_start_counts_the_calls_of_the_minute_before(tmp_path: Path) -> None:
    clock = ManualClock()
    async with ModelServer(answers) as server:
        models = limited(server, requests_per_minute=2)
        async with start_engine(tmp_path / "t.db", server, ListPlatform(clock), clock=clock, models=models) as engine:
            for pause in (20, 10):
                await engine.wait_ended(await begin(engine, "one"))
                clock.advance(pause)
        platform = ListPlatform(clock)
        async with start_engine(tmp_path / "t.db", server, platform, clock=clock, models=models) as engine:
            third, fourth = [await begin(engine, "one") for _ in range(2)]
            await platform.until(lambda: states(platform).count("waiting for local's rate limit, 30 s") == 1)
            await platform.until(lambda: states(platform).count("waiting for local's rate limit, 50 s") == 1)
            clock.advance(29)
            assert len(server.requests) == 2
            clock.advance(1)
            await engine.wait_ended(third)
            clock.advance(19)
            assert len(server.requests) == 3
            clock.advance(1)
            await engine.wait_ended(fourth)


async def test_a_call_lost_in_a_crash_counts_for_its_minute_with_the_tokens_expected_of_it(tmp_path: Path) -> None:
    clock = ManualClock()
    lost = ScriptedReply(gate=asyncio.Event())

    def player(asked: ModelCall) -> ScriptedReply:
        return lost if asked.number == 1 else answers(asked)

    async with ModelServer(player) as server:
        models = {"local": ModelSpec(base_url=server.url, id="local", tokens_per_minute=5000)}
        async with start_engine(tmp_path / "t.db", server, ListPlatform(clock), clock=clock, models=models) as engine:
            run = await begin(engine, "one")
            await server.request_arrives(1)
        platform = ListPlatform(clock)
        clock.advance(15)
        async with start_engine(tmp_path / "t.db", server, platform, clock=clock, models=models) as engine:
            await platform.until(lambda: "waiting for local's rate limit, 45 s" in states(platform))
            clock.advance(45)
            await engine.wait_ended(run)
    assert len(server.requests) == 2


async def test_a_429_delays_the_other_calls_of_its_route_for_the_time_that_it_names(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)

    def player(asked: ModelCall) -> ScriptedReply:
        return ScriptedReply(status=429, headers={"retry-after": "30"}) if asked.number == 1 else answers(asked)

    async with ModelServer(player) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        first = await begin(engine, "one")
        await platform.until(lambda: "tries again soon" in states(platform))
        second = await begin(engine, "two")
        await platform.until(lambda: "waiting for local's rate limit, 30 s" in states(platform))
        clock.advance(29)
        assert len(server.requests) == 1
        clock.advance(1)
        await engine.wait_ended(first)
        await engine.wait_ended(second)
    assert len(server.requests) == 3


async def test_a_provider_that_is_down_is_probed_when_its_delay_is_over(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    down = True

    def player(asked: ModelCall) -> ScriptedReply:
        return ScriptedReply(status=503) if down else answers(asked)

    async with ModelServer(player) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        first = await begin(engine, "one", tries=10)
        for number, pause in enumerate((1, 2, 4, 8, 16), 1):
            await server.request_arrives(number)
            await clock.armed_until(clock.now() + pause)
            clock.advance(pause if number < 5 else 0)
        late = await begin(engine, "late")
        await platform.until(lambda: any("local is down: local" in note for note in platform.notes))
        down = False
        clock.advance(29)
        assert len(server.requests) == 5
        clock.advance(1)
        await engine.wait_ended(first)
        await engine.wait_ended(late)
    assert len(server.requests) == 7


async def test_the_backup_takes_over_for_an_agent_whose_provider_is_down(tmp_path: Path) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)

    def player(asked: ModelCall) -> ScriptedReply:
        return ScriptedReply(status=503) if asked.model == "local" else answers(asked)

    async with ModelServer(player) as server:
        models = {**limited(server), "spare": ModelSpec(base_url=server.url, id="spare")}
        async with start_engine(tmp_path / "t.db", server, platform, clock=clock, models=models) as engine:
            others = [await begin(engine, "other") for _ in range(5)]
            await server.request_arrives(5)
            await platform.until(lambda: states(platform).count("tries again soon") >= 5)
            run = await begin(engine, "skeptic", backup="spare")
            await engine.wait_ended(run)
            for other in others:
                engine.cancel_run(other, ANA, "")
            await engine.wait_finished()
    assert any(note.startswith("skeptic continues with spare: local is down: ") for note in platform.notes)
    assert [asked.model for asked in server.requests[5:]] == ["spare"]
    assert next(card for card in reversed(cards(platform)) if card.run == run).agents[0].model == "spare"
