"""A host that no longer serves a model: the run continues at the model's next usable host, and the thread says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.errors import UnknownModel
from orchestrator_bridge.run import events as e
from orchestrator_bridge.store.sqlite.store import SqliteStore
from orchestrator_bridge.team.team import AgentSpec, Team
from tests.engine.test_retired_models import agree
from tests.support.clock import ManualClock
from tests.support.fake_models.replies import ModelCall, ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import create_request
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine

KEYS = {"XAI_API_KEY": "xai-key", "OPENROUTER_API_KEY": "or-key"}
REFUSALS = {
    # koala73/worldmonitor#4947, OpenHands/OpenHands#11874
    "no endpoints": ScriptedReply(
        status=404, body='{"error": {"message": "No endpoints found for x-ai/grok-4.7.", "code": 404}}'
    ),
    "unknown": ScriptedReply(status=404, body='{"error": "The model grok-4.7 does not exist or your team has no access to it."}'),
    "gone": ScriptedReply(status=410, body='{"error": "The model grok-4.7 is gone."}'),
}


def clients(first: ModelServer, second: ModelServer, clock: Clock) -> ModelClient:
    """All models, with xAI at the first server and OpenRouter at the second."""
    return ModelClient(keys=KEYS, base_urls={"xai": first.url, "openrouter": second.url}, clock=clock)


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_run_continues_at_the_next_host_and_says_so(tmp_path: Path, refusal: ScriptedReply) -> None:
    platform = ListPlatform(ManualClock())
    file = tmp_path / "t.db"
    store = await SqliteStore.open(file, clock=platform.clock.now)
    team = Team(agents=tuple(AgentSpec(name=name, model="grok-4.7") for name in ("one", "two")))
    async with (
        ModelServer(lambda _: refusal) as first,
        ModelServer(lambda asked: agree(asked, asked.model)) as second,
        start_engine(
            file, first, platform, clock=platform.clock, store=store, models=clients(first, second, platform.clock)
        ) as engine,
    ):
        run = await engine.start_run(task="a task", team=team, place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.final_answers))
        log = await store.log(run)
    assert {asked.model for asked in second.requests} == {"x-ai/grok-4.7"}
    assert len(first.requests) <= 2, "the dead route is remembered"
    (note,) = [note for note in platform.notes if "no longer serves" in note]
    assert note.startswith("xai no longer serves 'grok-4.7'. openrouter answers instead with x-ai/grok-4.7, at $2.00 in")
    assert not any(isinstance(event, e.CallFailed) for event in log)


async def test_the_cost_is_reserved_at_the_price_of_the_host_that_answers() -> None:
    clock = ManualClock()
    async with (
        ModelServer(lambda _: REFUSALS["gone"]) as first,
        ModelServer(lambda asked: ScriptedReply(text="ok", served=asked.model)) as second,
    ):
        models = clients(first, second, clock)
        request = create_request(model="grok-4.7")
        assert models.estimate_call(request).provider == "xAI"
        await models.respond(request)
        assert models.estimate_call(request).provider == "OpenRouter"
        await models.close()


async def test_a_dead_route_is_tried_again_after_a_while() -> None:
    clock, refused = ManualClock(), True

    def at_xai(asked: ModelCall) -> ScriptedReply:
        return REFUSALS["gone"] if refused else ScriptedReply(text="back", served=asked.model)

    async with (
        ModelServer(at_xai) as first,
        ModelServer(lambda asked: ScriptedReply(text="instead", served=asked.model)) as second,
    ):
        models = clients(first, second, clock)
        request = create_request(model="grok-4.7")
        assert [(await models.respond(request)).text for _ in range(2)] == ["instead", "instead"]
        refused = False
        clock.advance(24 * 3600)
        answer = await models.respond(request)
        assert (answer.text, answer.notice) == ("back", "")
        assert len(first.requests) == 2
        await models.close()


async def test_a_model_that_every_host_refuses_is_an_error_each_time() -> None:
    async with ModelServer(lambda _: REFUSALS["unknown"]) as first, ModelServer(lambda _: REFUSALS["no endpoints"]) as second:
        models = clients(first, second, ManualClock())
        for _ in range(2):
            with pytest.raises(UnknownModel):
                await models.respond(create_request(model="grok-4.7"))
        await models.close()


async def test_a_named_host_stays_the_host() -> None:
    async with ModelServer(lambda _: REFUSALS["unknown"]) as first, ModelServer([]) as second:
        models = clients(first, second, ManualClock())
        with pytest.raises(UnknownModel):
            await models.respond(create_request(model="xai/grok-4.7"))
        await models.close()
    assert second.requests == []


async def test_a_wrong_address_is_no_reason_to_change_the_host() -> None:
    async with (
        ModelServer(lambda _: ScriptedReply(status=404, body='{"detail": "Not Found"}')) as first,
        ModelServer([]) as second,
    ):
        models = clients(first, second, ManualClock())
        with pytest.raises(Exception, match="has no chat completions at"):
            await models.respond(create_request(model="grok-4.7"))
        await models.close()
    assert second.requests == []


async def test_with_keys_of_both_grok_4_1_fast_goes_to_xais_redirect() -> None:
    """OpenRouter has had no endpoint for it since July 2026; xAI's page of November 2026 says that retired ids redirect."""
    async with (
        ModelServer(lambda _: ScriptedReply(text="ok", served="grok-4.3")) as first,
        ModelServer([]) as second,
    ):
        models = clients(first, second, ManualClock())
        request = create_request(model="grok-4.1-fast")
        assert models.lifecycle_notice("grok-4.1-fast").endswith(
            "grok-4.3 answers instead with reasoning effort low, at $1.25 in, $0.20 cached, $2.50 out per million tokens; "
            "from 200k of prompt $2.50 / $0.40 / $5.00."
        )
        assert (await models.respond(request)).served == "grok-4.3"
        await models.close()
    assert second.requests == []


@pytest.mark.parametrize(
    ("usage", "source"),
    [
        ({"prompt_tokens": 100, "completion_tokens": 10, "cost_in_usd_ticks": 42_000_000}, "stated by the provider"),
        ({"prompt_tokens": 100, "completion_tokens": 10}, "genai-prices"),
        ({}, ""),
    ],
)
async def test_the_source_of_a_cost_is_stored_with_it(tmp_path: Path, usage: dict[str, int], source: str) -> None:
    platform = ListPlatform(ManualClock())
    file = tmp_path / "t.db"
    store = await SqliteStore.open(file, clock=platform.clock.now)
    team = Team(agents=(AgentSpec(name="one", model="xai/grok-4.7"),))
    async with (
        ModelServer(lambda _: ScriptedReply(text="Done.", raw_usage=usage)) as server,
        start_engine(
            file, server, platform, clock=platform.clock, store=store, models=clients(server, server, platform.clock)
        ) as engine,
    ):
        run = await engine.start_run(task="a task", team=team, place=PLACE, by=ANA)
        await engine.wait_ended(run)
        (line,) = await store.costs(run)
        spending = await store.spending("model", run)
    assert [found.startswith(source) for found in line.sources] == [True] * bool(source)
    assert spending[0].sources == line.sources
