"""Sampling parameters that a team file can set for an agent, and the ones that each route accepts.

A parameter is sent only if the route is known to accept it: some providers answer 400 to a parameter that others ignore. Nothing
is known about an endpoint of the team file's own, so it gets every parameter that is set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orchestrator_bridge.model.catalogue.providers import is_local

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route
    from orchestrator_bridge.model.interface import Request


WIRE: Mapping[str, str] = MappingProxyType(
    {
        "effort": "reasoning_effort",
        "temperature": "temperature",
        "top_p": "top_p",
        "presence_penalty": "presence_penalty",
        "frequency_penalty": "frequency_penalty",
        "stop": "stop",
        "seed": "seed",
    }
)
"""Parameter names: in the team file, and in the chat completions format."""

MAX_OUTPUT = "max_output"
"""The limit of the output. Every route accepts one, under its own name (`Route.limit_name`)."""

PARAMETERS = (*WIRE, MAX_OUTPUT)

_IN_RESPONSES = frozenset({"reasoning_effort", "temperature", "top_p"})
"""Those that the Responses format has (platform.openai.com/docs/api-reference/responses/create)."""


def accepted_parameters(route: Route) -> tuple[str, ...]:
    """Parameters that can be set for a route, by their names in the team file."""
    return (*(key for key, wire in WIRE.items() if _accepts(route, wire)), MAX_OUTPUT)


def unsupported_value(route: Route, key: str, value: Any) -> str:
    """Describe what a route accepts instead of this value of a parameter; empty if it accepts the value."""
    if key == MAX_OUTPUT:
        return f"at most {route.max_output}" if route.max_output is not None and value > route.max_output else ""
    if not _accepts(route, WIRE[key]):
        return f"only parameters that it takes: {', '.join(accepted_parameters(route))}"
    if key == "effort" and route.efforts and value not in route.efforts:
        return f"one of: {', '.join(route.efforts)}"
    return ""


def wire_parameters(route: Route, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Translate `parameters` (names of the team file) for a route, without the values that it does not support.

    Some catalogue names stand for a host's model at a certain reasoning effort; that one is sent unless another is set.
    """
    wire: dict[str, Any] = {WIRE["effort"]: route.effort} if route.effort else {}
    for key, value in parameters.items():
        if key in WIRE and not unsupported_value(route, key, value):
            wire[WIRE[key]] = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
    return wire


LOCAL_OUTPUT = 4096
"""Output tokens of a call of a local model for which no limit is set: without one, a small model may repeat itself for hours."""


def limited(request: Request, route: Route) -> Request:
    """The request with the most output tokens of its call; without a limit of its own it may be left to the provider.

    Where the agent sets none, a local model has one, which doubles with each answer in a row that reached it. A provider's
    default may be below what its model can write: once it was reached, all of that is allowed.
    """
    if request.max_output is not None:
        return request
    if not is_local(route):
        return replace(request, max_output=route.max_output) if request.room else request
    half_window = route.context // 2 if route.context else None
    sizes = (LOCAL_OUTPUT << min(request.room, 10), route.max_output, half_window)
    return replace(request, max_output=min(size for size in sizes if size is not None))


def _accepts(route: Route, wire: str) -> bool:
    """Decide by the route's list. A script accepts everything, since it stands in for a real model and ignores parameters."""
    if route.api == "responses" and wire not in _IN_RESPONSES:
        return False
    return route.accepts is None or wire in route.accepts or route.client == "scripted"
