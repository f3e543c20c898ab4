"""Usage and bills as servers report them: estimated where the figures cannot be right, else booked as stated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.interface import Response, Usage
from orchestrator_bridge.model.openai.usage import believable
from orchestrator_bridge.model.tokens import CL100K, O200K, Encode, TokenizerCache
from orchestrator_bridge.team.team import Bounds
from tests.support.clock import ManualClock
from tests.support.fake_models.players import team_behaviour
from tests.support.fake_models.replies import ModelCall, ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import BOTH_WAYS, CHAT_BOTH_WAYS, KEY, STREAMED, create_model_client, create_request
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team

ZEROS = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
FIGURES = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}

UNUSABLE = pytest.mark.parametrize(
    "usage",
    [
        {},
        ZEROS,
        {"prompt_tokens": -1, "completion_tokens": -1, "total_tokens": -2},
        {"prompt_tokens": 12.5, "completion_tokens": 3.25},
        {"prompt_tokens": 10**30, "completion_tokens": 10},
        {"prompt_tokens": "many", "completion_tokens": None, "prompt_tokens_details": 7},
        {"input_tokens": 1000, "output_tokens": 100},
    ],
    ids=["empty", "zeros", "negative", "fractional", "huge", "no numbers", "foreign names"],
)


async def answered(play: ScriptedReply, model: str) -> Response:
    async with ModelServer([play]) as server:
        models = create_model_client(server)
        response = await models.respond(create_request(model=model))
        await models.close()
        return response


@CHAT_BOTH_WAYS
@UNUSABLE
async def test_unusable_usage_is_estimated_and_has_no_cost(usage: Mapping[str, Any], model: str) -> None:
    response = await answered(ScriptedReply(text="x" * 40, raw_usage=usage), model)
    assert response.usage.estimated
    assert response.usage.input > 0
    assert response.usage.output == 10
    assert response.cost is None


@BOTH_WAYS
async def test_output_of_zero_for_a_text_is_estimated_beside_the_reported_input(model: str) -> None:
    response = await answered(ScriptedReply(text="x" * 40, raw_usage={"prompt_tokens": 1000, "completion_tokens": 0}), model)
    assert (response.usage.input, response.usage.output, response.usage.estimated) == (1000, 10, True)
    assert response.cost is None


@BOTH_WAYS
async def test_an_empty_answer_may_have_no_output_tokens(model: str) -> None:
    response = await answered(ScriptedReply(text=None, raw_usage={"prompt_tokens": 50, "completion_tokens": 0}), model)
    assert (response.usage.input, response.usage.output, response.usage.estimated) == (50, 0, False)


@BOTH_WAYS
async def test_unreported_reasoning_counts_in_the_estimate(model: str) -> None:
    response = await answered(ScriptedReply(text="x" * 40, reasoning="y" * 400, raw_usage={}), model)
    assert response.usage.output == 110


async def test_zeros_at_the_end_of_a_stream_leave_the_earlier_figures_as_an_estimate() -> None:
    response = await answered(ScriptedReply(text="x" * 40, early_usage=FIGURES, raw_usage=ZEROS), STREAMED)
    assert (response.usage.input, response.usage.output, response.usage.estimated) == (1000, 100, True)
    assert response.cost is None


async def test_the_last_of_several_counts_in_a_stream_is_the_usage() -> None:
    early = {"prompt_tokens": 1000, "completion_tokens": 1}
    response = await answered(ScriptedReply(text="x" * 40, early_usage=early, raw_usage=FIGURES), STREAMED)
    assert (response.usage.input, response.usage.output, response.usage.estimated) == (1000, 100, False)


async def test_usage_in_the_last_choice_of_a_stream_is_read() -> None:
    response = await answered(ScriptedReply(text="x" * 40, raw_usage=FIGURES, usage_in_choice=True), STREAMED)
    assert (response.usage.input, response.usage.output, response.usage.estimated) == (1000, 100, False)


async def test_negative_details_are_not_counted() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": -5}, "completion_tokens_details": {"reasoning_tokens": -5}}
    response = await answered(ScriptedReply(text="x", raw_usage={**FIGURES, **details}), "mine")
    assert (response.usage.cached, response.usage.reasoning) == (0, 0)
    assert response.cost == Decimal("0.0026")


SAID = "The planner says that the second database is cheaper to run and simpler to move. " * 58
"""About 4,700 characters."""

IMPOSSIBLE = {
    "one token for 4,700 characters": {"prompt_tokens": 1, "completion_tokens": 10},
    "a hundred tokens for each character": {"prompt_tokens": 4_700_000, "completion_tokens": 10},
    "more cached than sent": {"prompt_tokens": 1000, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 1001}},
    "more reasoning than output": {
        "prompt_tokens": 1000,
        "completion_tokens": 10,
        "completion_tokens_details": {"reasoning_tokens": 11},
    },
    "one token for a long answer": {"prompt_tokens": 1000, "completion_tokens": 1},
    "an answer far beyond its limit": {"prompt_tokens": 1000, "completion_tokens": 50_000},
    "strings": {"prompt_tokens": "1000", "completion_tokens": "10"},
}


@CHAT_BOTH_WAYS
@pytest.mark.parametrize("usage", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
async def test_usage_that_cannot_be_true_is_estimated_and_has_no_cost(usage: Mapping[str, Any], model: str) -> None:
    async with ModelServer([ScriptedReply(text="x y " * 100, raw_usage=usage)]) as server:
        models = create_model_client(server)
        response = await models.respond(create_request(SAID, model=model, max_output=500))
        await models.close()
    assert response.usage.estimated
    assert response.cost is None
    assert 1000 <= response.usage.input <= 1300
    assert 10 <= response.usage.output <= 500
    assert response.usage.cached <= response.usage.input


ROUTE = Route(name="mine", provider="own", id="mine")
RUNS = st.builds(lambda character, length: character * length, st.sampled_from(" =-_*#\n.0a"), st.integers(1, 5000))


@pytest.fixture(scope="module")
def encoders() -> Sequence[Encode]:
    tokenizers = TokenizerCache()
    for name in (O200K, CL100K):
        tokenizers.get(name)
    tokenizers.wait_loaded()
    found = (tokenizers.loaded(O200K), tokenizers.loaded(CL100K), lambda text: len(text.encode("utf-8", "replace")))
    return [encode for encode in found if encode is not None]


@given(
    said=st.text(min_size=1, max_size=2000)
    | RUNS
    | st.sampled_from([SAID, "数据库很便宜。" * 500, "def f(x):\n        return x\n" * 90]),
    answer=st.text(max_size=1000) | RUNS,
    cached=st.floats(0, 1),
    more=st.integers(0, 500),
)
@settings(deadline=None)
def test_what_a_tokenizer_counts_is_always_believed(
    encoders: Sequence[Encode], said: str, answer: str, cached: float, more: int
) -> None:
    request = create_request(said)
    assert len(encoders) == 3
    for encode in encoders:
        prompt, output = encode("You are planner.") + encode(said) + more, encode(answer) + more
        usage = Usage(input=prompt, output=output, cached=int(cached * prompt), reasoning=int(cached * output))
        assert believable(usage, request, ROUTE, [answer]) == usage


@given(
    counts=st.tuples(*[st.integers(0, 10**9)] * 5),
    said=st.text(max_size=500),
    answer=st.text(max_size=500),
)
def test_no_believed_part_is_larger_than_its_whole_and_no_count_is_made_up(
    counts: tuple[int, int, int, int, int], said: str, answer: str
) -> None:
    usage = Usage(input=counts[0], output=counts[1], cached=counts[2], reasoning=counts[3], cache_written=counts[4])
    believed = believable(usage, create_request(said), ROUTE, [answer])
    assert believed.cached + believed.cache_written <= believed.input
    assert believed.reasoning <= believed.output
    assert (believed.input, believed.cached, believed.cache_written) in ((0, 0, 0), (counts[0], counts[2], counts[4]))
    assert (believed.output, believed.reasoning) in ((0, 0), (counts[1], counts[3]))


XAI, OWN = "xai/grok-4.3", "mine"
ROUTER = "openrouter/deepseek/deepseek-v4-flash"

# docs.x.ai/developers/cost-tracking and BerriAI/litellm#39441; openrouter.ai/docs, "Usage accounting".
BILLS = [
    (XAI, {"cost_in_usd_ticks": 42_000_000}, "0.0042"),
    (XAI, {"cost_in_usd_ticks": 1}, "0.0000000001"),
    (OWN, {"cost_in_usd_ticks": 42_000_000}, "0.0042"),
    (ROUTER, {"cost": 0.0042}, "0.0042"),
    (ROUTER, {"cost": 4e-08}, "0.00000004"),
    (ROUTER, {"cost": 0}, "0"),
    (ROUTER, {"cost": 0.0042, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.004}}, "0.0042"),
    (ROUTER, {"cost": 0.0002, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.004}}, "0.0042"),
]


async def billed(model: str, usage: Mapping[str, Any], **more: Any) -> Response:
    async with ModelServer([ScriptedReply(text="x" * 40, raw_usage=usage, **more)]) as server:
        addresses = {"xai": server.url, "openrouter": server.url}
        keys = {"XAI_API_KEY": KEY, "OPENROUTER_API_KEY": KEY, "OWN_KEY": KEY}
        models = create_model_client(server, base_urls=addresses, keys=keys)
        response = await models.respond(create_request(model=model))
        await models.close()
        return response


@pytest.mark.parametrize(("model", "bill", "dollars"), BILLS)
async def test_a_stated_bill_is_booked_as_stated(model: str, bill: Mapping[str, Any], dollars: str) -> None:
    response = await billed(model, {**FIGURES, **bill})
    assert response.cost == Decimal(dollars)
    assert not response.usage.estimated


@pytest.mark.parametrize("model", [XAI, ROUTER])
async def test_a_stated_bill_is_booked_where_the_tokens_are_estimated(model: str) -> None:
    response = await billed(model, {**ZEROS, "cost_in_usd_ticks": 42_000_000, "cost": 0.0042}, early_usage=FIGURES)
    assert (response.usage.estimated, response.cost) == (True, Decimal("0.0042"))


@pytest.mark.parametrize("bill", [-1, "0.1", float("nan"), float("inf"), 1e300, True, None, {"total_cost": 1}])
async def test_a_bill_that_is_no_amount_is_not_booked(bill: object) -> None:
    response = await billed(ROUTER, {**FIGURES, "cost": bill})
    priced = await billed(ROUTER, FIGURES)
    assert response.cost == priced.cost


async def test_zeros_without_a_bill_are_not_free() -> None:
    assert (await billed(ROUTER, {**ZEROS, "cost": 0})).cost is None
    assert (await billed(XAI, {**FIGURES, "cost_in_usd_ticks": 0})).cost == (await billed(XAI, FIGURES)).cost
    assert (await billed(ROUTER, {**FIGURES, "cost": 0, "is_byok": True})).cost == (await billed(ROUTER, FIGURES)).cost


async def test_the_field_cost_of_another_provider_has_no_known_unit() -> None:
    assert (await billed(OWN, {**FIGURES, "cost": 5})).cost == Decimal("0.0026")


@UNUSABLE
async def test_a_token_bound_holds_for_unusable_usage(tmp_path: Path, usage: Mapping[str, Any]) -> None:
    platform = ListPlatform(ManualClock())

    def behaviour(asked: ModelCall) -> ScriptedReply:
        return replace(team_behaviour(asked), raw_usage=usage)

    async with ModelServer(behaviour) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await engine.start_run(task="a task", team=team("one", "two", bounds=Bounds(tokens=100)), place=PLACE, by=ANA)
        await engine.wait_finished()
    assert len(server.requests) == 2
    assert "its bound on tokens" in str(platform.sent)
