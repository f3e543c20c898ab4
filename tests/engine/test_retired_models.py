"""A run with a retired model: people learn it once, before it costs anything, and the run continues with the successor."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.interface import Usage
from orchestrator_bridge.run import events as e
from orchestrator_bridge.store.sqlite.store import SqliteStore
from orchestrator_bridge.team.team import AgentSpec, Team
from tests.support.clock import ManualClock
from tests.support.fake_models.players import may_vote
from tests.support.fake_models.replies import Behaviour, ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine

TEAM = Team(agents=tuple(AgentSpec(name=name, model="grok-4.1-fast") for name in ("one", "two")))
RETIRED = "xai retired grok-4.1-fast (grok-4-1-fast-reasoning) on 2026-05-15; grok-4.3 answers instead"


def agree(asked: ModelCall, served: str) -> ScriptedReply:
    """Answer, then vote for the first answer, then write the final text."""
    if may_vote(asked):
        return ScriptedReply(
            tool_calls=[ToolUse(name="vote", arguments={"agent_id": "A", "reason": "It is good."})], served=served
        )
    if "new_answer" in asked.tools:
        return ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments={"content": "Begin small."})], served=served)
    return ScriptedReply(text="Begin small, then grow.", served=served)


def at_xai(server: ModelServer, clock: Clock) -> ModelClient:
    """All models, with xAI at the server and no other host."""
    return ModelClient(keys={"XAI_API_KEY": "xai-key"}, base_urls={"xai": server.url}, clock=clock)


def redirects(asked: ModelCall) -> ScriptedReply:
    return agree(asked, "grok-4.3")


def refuses(asked: ModelCall) -> ScriptedReply:
    if asked.model == "grok-4-1-fast-reasoning":
        return ScriptedReply(status=410, body='{"error": "The model grok-4-1-fast-reasoning was retired."}')
    return agree(asked, asked.model)


@pytest.mark.parametrize(("behaviour", "told"), [(redirects, 0), (refuses, 1)], ids=["redirected", "refused"])
async def test_a_retired_model_is_announced_before_it_costs_anything(tmp_path: Path, behaviour: Behaviour, told: int) -> None:
    platform = ListPlatform(ManualClock())
    file = tmp_path / "t.db"
    store = await SqliteStore.open(file, clock=platform.clock.now)
    async with (
        ModelServer(behaviour) as server,
        start_engine(file, server, platform, clock=platform.clock, store=store, models=at_xai(server, platform.clock)) as engine,
    ):
        run = await engine.start_run(task="a task", team=TEAM, place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.final_answers))
        state = await engine.run(run)
        log = await store.log(run)
    assert platform.notes[0].startswith(RETIRED)
    assert sum(note.startswith("xai retired") for note in platform.notes) == 1, "once, for both agents"
    assert sum("no longer accepts 'grok-4-1-fast-reasoning'" in note for note in platform.notes) == told
    assert state is not None
    assert state.spent.priced
    assert {event.served for event in log if isinstance(event, e.Responded)} == {"grok-4.3"}
    calls = [event for event in log if isinstance(event, e.Responded)]
    assert calls[0].usage == Usage(input=100, output=10)
    assert str(calls[0].cost) == "0.00015000", "100 x 1.25 and 10 x 2.50, by the price of grok-4.3"
