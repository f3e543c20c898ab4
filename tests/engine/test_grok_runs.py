"""Whole runs of a team on the Grok route: a question, a vote, another model that serves, and a provider in trouble."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from orchestrator_bridge.chat.outbound import Note
from orchestrator_bridge.common.clock import SystemClock
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.run import events as e
from orchestrator_bridge.store.sqlite.store import SqliteStore
from orchestrator_bridge.team.team import AgentSpec, Bounds, Policy, Team
from tests.support.fake_models.players import ask_if, team_behaviour
from tests.support.fake_models.replies import ModelCall, ReplyQueue, ScriptedReply, Tokens, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, prompt_text, start_engine

USAGE = Tokens(input=1000, output=200, cached=400, reasoning=150)
AGENTS = (
    AgentSpec(name="author", model="grok-4.1-fast", persona="You ask.", temperature=0.2),
    AgentSpec(name="skeptic", model="grok-4.1-fast"),
)
TEAM = Team(agents=AGENTS, policy=Policy(settle_delay=0))


def at_xai(server: ModelServer) -> ModelClient:
    return ModelClient(keys={"XAI_API_KEY": "xai-key"}, base_urls={"xai": server.url})


def grok(asked: ModelCall) -> ScriptedReply:
    """The agent `author` asks people first; grok-4.3 serves what was asked of grok-4.1-fast."""
    return replace(ask_if("You ask.")(asked), served="grok-4.3", usage=USAGE, reasoning="Let me think.")


async def test_a_team_asks_votes_and_finishes_and_what_served_is_booked(tmp_path: Path) -> None:
    clock = SystemClock()
    platform = ListPlatform(clock)
    store = await SqliteStore.open(tmp_path / "t.db", clock=clock.now)
    async with (
        ModelServer(grok) as server,
        start_engine(tmp_path / "t.db", server, platform, store=store, models=at_xai(server)) as engine,
    ):
        run = await engine.start_run(task="Choose a database.", team=TEAM, place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await platform.until(lambda: any(note.startswith("Answer:") for note in platform.notes))
        await platform.person_clicks(platform.questions[0].question, "option", "sqlite")
        await engine.wait_ended(run)
        await engine.wait_finished()
        log = await store.log(run)
        (summary,) = await store.runs()
    assert len(server.requests) == 5  # the question, an answer, two votes, the final text
    assert all(asked.model == "grok-4-1-fast-reasoning" for asked in server.requests)
    assert any("SQLite" in prompt_text(asked) and "human" in prompt_text(asked) for asked in server.requests)
    assert {event.served for event in log if isinstance(event, e.Responded)} == {"grok-4.3"}
    # 600 at $1.25, 400 cached at $0.20 and 200 at $2.50 a million, five times.
    assert summary.cost == 5 * Decimal("0.00133")
    assert len(platform.final_answers) == 1
    assert "Let me think." not in repr(platform.sent)


async def test_an_unknown_served_model_is_booked_as_unknown_and_not_guessed(tmp_path: Path) -> None:
    platform = ListPlatform(SystemClock())
    store = await SqliteStore.open(tmp_path / "t.db")
    play = ScriptedReply(
        tool_calls=[ToolUse(name="new_answer", arguments={"content": "Begin small."})], served="grok-9-surprise", usage=USAGE
    )
    async with (
        ModelServer([play]) as server,
        start_engine(tmp_path / "t.db", server, platform, store=store, models=at_xai(server)) as engine,
    ):
        run = await engine.start_run(task="Choose.", team=ALONE, place=PLACE, by=ANA)
        await engine.wait_ended(run)
        await engine.wait_finished()
        state = await engine.run(run)
        (summary,), (line,), (spent,) = await store.runs(), await store.costs(run), await store.spending("model", run)
    assert state is not None
    assert (summary.cost, line.cost, state.spent.cost, state.spent.priced) == (None, None, Decimal(0), False)
    assert (spent.name, spent.cost, spent.complete, spent.input, spent.output) == (
        "grok-9-surprise",
        Decimal(0),
        False,
        1000,
        200,
    )
    # What was reserved stays in the budgets: it is all that is known of the bill.
    assert line.unknown == spent.unknown == state.spent.unknown > 0
    told = "xai answered with grok-9-surprise instead of 'grok-4-1-fast-reasoning'. It is billed at an unknown price."
    assert platform.notes.count(told) == 1


async def test_a_release_of_what_answers_for_a_retired_model_is_booked_at_its_price(tmp_path: Path) -> None:
    platform = ListPlatform(SystemClock())
    play = ScriptedReply(
        tool_calls=[ToolUse(name="new_answer", arguments={"content": "Begin."})], served="grok-4.3-0506", usage=USAGE
    )
    async with (
        ModelServer([play]) as server,
        start_engine(tmp_path / "t.db", server, platform, models=at_xai(server)) as engine,
    ):
        run = await engine.start_run(task="Choose.", team=ALONE, place=PLACE, by=ANA)
        await engine.wait_ended(run)
        state = await engine.run(run)
    assert state is not None
    assert (state.spent.cost, state.spent.priced) == (Decimal("0.00133"), True)
    assert not any("It is billed at" in note for note in platform.notes)


async def test_a_provider_that_was_never_reached_cannot_have_billed_anything(tmp_path: Path) -> None:
    platform = ListPlatform(SystemClock())
    team = ALONE.model_copy(update={"bounds": Bounds(tries=1)})
    async with ModelServer(team_behaviour) as server:
        address = server.url
    models = ModelClient(keys={"XAI_API_KEY": "xai-key"}, base_urls={"xai": address})
    async with ModelServer(team_behaviour) as server, start_engine(tmp_path / "t.db", server, platform, models=models) as engine:
        run = await engine.start_run(task="Choose.", team=team, place=PLACE, by=ANA)
        await engine.wait_ended(run)
        await engine.wait_finished()
        state = await engine.run(run)
    assert state is not None
    assert (state.spent.cost, state.spent.unknown) == (Decimal(0), Decimal(0))
    assert any(f"no connection to {address}: connection refused." in note for note in platform.notes)


async def test_only_parameters_that_the_route_accepts_are_sent(tmp_path: Path) -> None:
    platform = ListPlatform(SystemClock())
    async with (
        ModelServer(team_behaviour) as server,
        start_engine(tmp_path / "t.db", server, platform, models=at_xai(server)) as engine,
    ):
        await engine.wait_ended(await engine.start_run(task="Choose.", team=TEAM, place=PLACE, by=ANA))
    fields = {name for asked in server.requests for name in asked.body}
    assert fields == {"model", "input", "tools", "stream", "store", "include", "prompt_cache_key", "temperature", "tool_choice"}


ALONE = Team(agents=AGENTS[1:], policy=Policy(settle_delay=0))


async def notes_of(file: Path, plays: Sequence[ScriptedReply]) -> tuple[list[str], str]:
    """Notes and end of a run of one agent whose provider plays this."""
    platform = ListPlatform(SystemClock())
    async with (
        ModelServer(ReplyQueue(plays, then=team_behaviour)) as server,
        start_engine(file, server, platform, models=at_xai(server)) as engine,
    ):
        run = await engine.start_run(task="Choose.", team=ALONE, place=PLACE, by=ANA)
        await engine.wait_ended(run)
        await engine.wait_finished()
        state = await engine.run(run)
    assert state is not None
    assert state.end is not None
    return [outbound.post.text for outbound in platform.sent if isinstance(outbound.post, Note)], state.end.status


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "Check XAI_API_KEY: the key is wrong, revoked, or has no access to 'grok-4-1-fast-reasoning'."),
        (402, "Add credit to the account of XAI_API_KEY or raise its limit, or choose another model."),
        (422, "Choose another model: 'grok-4-1-fast-reasoning' does not accept this request."),
        (451, "Reword the task, or choose another model: this model's provider does not allow it."),
    ],
)
async def test_a_refusal_ends_the_run_with_the_reason_and_what_to_do(tmp_path: Path, status: int, advice: str) -> None:
    body = json.dumps({"error": {"message": "the provider's own words"}})
    notes, end = await notes_of(tmp_path / "t.db", [ScriptedReply(status=status, body=body)])
    assert end == "failed"
    told = "\n".join(notes)
    assert ": the provider's own words." in told
    assert advice in told


@pytest.mark.parametrize("status", [404, 410])
async def test_an_id_that_is_refused_goes_to_what_answers_for_it_and_ends_the_run_where_nothing_does(
    tmp_path: Path, status: int
) -> None:
    notes, end = await notes_of(tmp_path / "t.db", [ScriptedReply(status=status, body="{}")] * 2)
    assert end == "failed"
    assert "xai does not serve" in "\n".join(notes)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_transient_error_is_shown_and_waited_for_as_the_provider_asks(tmp_path: Path, status: int) -> None:
    notes, end = await notes_of(tmp_path / "t.db", [ScriptedReply(status=status, body="{}", headers={"retry-after": "0"})])
    assert end == "finished"
    found = "the rate limit at xai is reached" if status == 429 else "xai is overloaded or failing"
    assert any(found in note for note in notes)


async def test_a_rate_limit_is_shown_with_the_time_to_wait(tmp_path: Path) -> None:
    """A short delay is waited for; one that is too long is named."""
    notes, end = await notes_of(tmp_path / "short.db", [ScriptedReply(status=429, body="{}", headers={"retry-after": "1"})])
    assert (notes[1], end) == (
        "the rate limit at xai is reached. I try again in 1 s. Wait, or choose a model or an account with higher limits.",
        "finished",
    )
    notes, end = await notes_of(tmp_path / "long.db", [ScriptedReply(status=429, body="{}", headers={"retry-after": "900"})])
    assert (
        "the rate limit at xai is reached. It asks to wait 15 min. Wait, or choose a model or an account with higher limits."
        in notes[1]
    )
    assert end == "failed"


async def test_a_prompt_too_long_to_be_cut_is_reported_once_and_ends_the_run(
    tmp_path: Path,
) -> None:
    body = json.dumps({"error": {"message": "This model's maximum prompt length is 1", "code": "context_length_exceeded"}})
    notes, end = await notes_of(tmp_path / "t.db", [ScriptedReply(status=413, body=body)])
    assert end == "failed"
    assert "larger context window" in "\n".join(notes)
