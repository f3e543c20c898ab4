"""Usage and bills as servers report them: estimated where the figures cannot be right, else booked as stated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator_bridge.model.interface import Response
from orchestrator_bridge.team.team import Bounds
from tests.support.clock import ManualClock
from tests.support.fake_models.players import team_behaviour
from tests.support.fake_models.replies import ModelCall, ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import BOTH_WAYS, create_model_client, create_request
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


@BOTH_WAYS
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
    response = await answered(ScriptedReply(text="x" * 40, early_usage=FIGURES, raw_usage=ZEROS), "xai/grok-4.3")
    assert (response.usage.input, response.usage.output, response.usage.estimated) == (1000, 100, True)
    assert response.cost is None


async def test_the_last_of_several_counts_in_a_stream_is_the_usage() -> None:
    early = {"prompt_tokens": 1000, "completion_tokens": 1}
    response = await answered(ScriptedReply(text="x" * 40, early_usage=early, raw_usage=FIGURES), "xai/grok-4.3")
    assert (response.usage.input, response.usage.output, response.usage.estimated) == (1000, 100, False)


async def test_negative_details_are_not_counted() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": -5}, "completion_tokens_details": {"reasoning_tokens": -5}}
    response = await answered(ScriptedReply(text="x", raw_usage={**FIGURES, **details}), "mine")
    assert (response.usage.cached, response.usage.reasoning) == (0, 0)
    assert response.cost == Decimal("0.0026")


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
