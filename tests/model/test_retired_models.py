"""Calls to retired models, redirected or refused: the model that answered is billed. The clock is in 2027."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.errors import UnknownModel
from orchestrator_bridge.model.interface import Response
from tests.support.clock import ManualClock
from tests.support.fake_models.replies import ModelCall, ScriptedReply, Tokens
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import KEY, create_request

USAGE = Tokens(input=1_000_000, output=1)


async def answers(
    plays: Sequence[ScriptedReply], model: str = "grok-4.1-fast", calls: int = 1
) -> tuple[list[Response], list[ModelCall]]:
    """Results of so many calls, with xAI at a local server and its key alone."""
    async with ModelServer(list(plays)) as server:
        models = ModelClient(keys={"XAI_API_KEY": KEY}, base_urls={"xai": server.url}, clock=ManualClock())
        try:
            # A million tokens are believed of a long prompt only.
            got = [await models.respond(create_request("word " * 20_000, model=model)) for _ in range(calls)]
        finally:
            await models.close()
        return got, server.requests


def in_cents(response: Response) -> Decimal:
    """Cost in US dollars without the fraction of a cent that the one token of output costs."""
    assert response.cost is not None
    return round(response.cost, 2)


def refused(status: int) -> ScriptedReply:
    return ScriptedReply(status=status, body='{"error": "The model grok-4-1-fast-reasoning does not exist"}')


async def test_a_redirected_answer_is_billed_as_its_successor_without_a_notice() -> None:
    (response,), (asked,) = await answers([ScriptedReply(text="x", served="grok-4.3", usage=USAGE)])
    assert asked.model == "grok-4-1-fast-reasoning"
    assert (response.served, in_cents(response), response.notice) == ("grok-4.3", Decimal("2.50"), "")


async def test_a_redirected_answer_that_hides_its_model_is_billed_all_the_same() -> None:
    (response,), _ = await answers([ScriptedReply(text="x", served="grok-4-1-fast-reasoning", usage=USAGE)])
    assert in_cents(response) == Decimal("2.50")


async def test_an_answer_by_an_unannounced_model_gives_a_notice() -> None:
    (response,), _ = await answers([ScriptedReply(text="x", served="grok-4.7", usage=USAGE)])
    assert in_cents(response) == Decimal("4.00")
    assert response.notice.startswith("xai answered with grok-4.7 instead of 'grok-4-1-fast-reasoning'.")


@pytest.mark.parametrize("status", [404, 410])
async def test_after_a_refused_id_the_replacement_is_called_from_then_on(status: int) -> None:
    plays = [refused(status), ScriptedReply(text="one", usage=USAGE), ScriptedReply(text="two", usage=USAGE)]
    got, asked = await answers(plays, calls=2)
    assert [request.model for request in asked] == ["grok-4-1-fast-reasoning", "grok-4.3", "grok-4.3"]
    assert [(response.text, response.served, in_cents(response)) for response in got] == [
        ("one", "grok-4.3", Decimal("2.50")),
        ("two", "grok-4.3", Decimal("2.50")),
    ]
    assert got[0].notice.startswith("xai no longer accepts 'grok-4-1-fast-reasoning'. grok-4.3 answers in its place, at $1")
    assert got[0].notice == got[1].notice, "the run says it once, for it is the same"


async def test_a_refused_model_without_a_replacement_is_an_error() -> None:
    with pytest.raises(UnknownModel):
        await answers([refused(404)], model="xai/grok-4.7")


async def test_a_refused_replacement_is_reported() -> None:
    with pytest.raises(UnknownModel, match=r"grok-4\.3"):
        await answers([refused(404), ScriptedReply(status=404, body='{"error": "The model grok-4.3 does not exist"}')])


async def test_the_cost_is_reserved_at_the_successors_price() -> None:
    models = ModelClient(keys={"XAI_API_KEY": KEY}, clock=ManualClock())
    request = create_request(model="grok-4.1-fast")
    assert models.max_cost(request) == models.max_cost(create_request(model="grok-4.3"))
    assert models.lifecycle_notice("grok-4.1-fast").startswith(
        "xai retired grok-4.1-fast (grok-4-1-fast-reasoning) on 2026-05-15;"
    )
    assert models.lifecycle_notice("nobody") == ""
