"""Sampling parameters: which can be set for a model, and which are sent."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_bridge.model.catalogue import Route, resolve
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.parameters import accepted_parameters, unsupported_value, wire_parameters
from tests.support.fake_models.replies import ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.litellm_vendors import CLAUDE, FLASH, Vendor, call_vendor
from tests.support.model_calls import create_model_client, create_request

SET = {"effort": "low", "temperature": 0.5, "top_p": 0.9, "presence_penalty": 1.0, "stop": ("END",), "seed": 7}


def route(**known: Any) -> Route:
    return Route(**{"name": "m", "provider": "xai", "id": "m", **known})


def test_only_accepted_parameters_are_sent() -> None:
    taken = route(accepts=frozenset({"temperature", "stop"}))
    assert wire_parameters(taken, SET) == {"temperature": 0.5, "stop": ["END"]}


def test_an_own_endpoint_gets_every_parameter() -> None:
    assert set(wire_parameters(route(), SET)) == {"reasoning_effort", "temperature", "top_p", "presence_penalty", "stop", "seed"}


def test_a_refused_parameter_lists_the_accepted_ones() -> None:
    taken = route(accepts=frozenset({"temperature", "seed"}), max_output=1000)
    assert accepted_parameters(taken) == ("temperature", "seed", "max_output")
    assert unsupported_value(taken, "stop", ("END",)) == "only parameters that it takes: temperature, seed, max_output"
    assert unsupported_value(taken, "seed", 7) == ""


def test_an_effort_must_be_one_of_the_routes_efforts() -> None:
    taken = route(accepts=frozenset({"reasoning_effort"}), efforts=("none", "low", "high"))
    assert unsupported_value(taken, "effort", "medium") == "one of: none, low, high"
    assert wire_parameters(taken, {"effort": "medium"}) == {}
    assert wire_parameters(taken, {"effort": "high"}) == {"reasoning_effort": "high"}


def test_the_output_limit_is_bounded_by_the_route() -> None:
    assert unsupported_value(route(max_output=1000), "max_output", 1001) == "at most 1000"
    assert unsupported_value(route(max_output=1000), "max_output", 1000) == ""
    assert unsupported_value(route(), "max_output", 10**9) == ""


async def test_set_parameters_are_sent_with_a_call() -> None:
    async with ModelServer([ScriptedReply(text="x")]) as server:
        models = create_model_client(server)
        await models.respond(create_request(model="mine", parameters={"temperature": 0.5, "effort": "high"}, max_output=99))
        await models.close()
    body = server.requests[0].body
    assert (body["temperature"], body["reasoning_effort"], body["max_tokens"]) == (0.5, "high", 99)


async def test_deepseek_receives_the_effort() -> None:
    async with ModelServer([ScriptedReply(text="x")]) as server:
        models = ModelClient(keys={"DEEPSEEK_API_KEY": "ds-key"}, base_urls={"deepseek": server.url})
        await models.respond(create_request(model="deepseek-v4-flash", parameters={"effort": "low", "seed": 7}))
        await models.close()
    assert server.requests[0].body["reasoning_effort"] == "low"
    assert "seed" not in server.requests[0].body
    assert unsupported_value(resolve("deepseek-v4-flash"), "effort", "medium") == "one of: low, high, max"


@pytest.mark.parametrize(("vendor", "thinks"), [(CLAUDE, "thinking"), (FLASH, "thinkingConfig")], ids=["anthropic", "gemini"])
async def test_an_effort_becomes_the_vendors_thinking_parameter(vendor: Vendor, thinks: str) -> None:
    request = create_request(model=vendor.model, parameters={"effort": "high"}, max_output=9000)
    _, asked = await call_vendor(vendor, ScriptedReply(text="x"), request)
    assert thinks in str(asked.body)
    assert "9000" in str(asked.body)
