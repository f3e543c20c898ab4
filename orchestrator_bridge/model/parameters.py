"""The parameters that a team file can set for an agent, and which of them a route takes.

Only what a route is known to take is ever sent: some providers answer 400 to a parameter that others ignore. Where nothing is
known, at an endpoint of one's own, what a person has set is sent as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


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
"""What the team file calls a parameter, and what the chat completions format calls it."""

MAX_OUTPUT = "max_output"
"""Every route takes a limit of the output, and has a name of its own for it."""

PARAMETERS = (*WIRE, MAX_OUTPUT)


def accepted_parameters(route: Route) -> tuple[str, ...]:
    """The parameters, by the names of the team file, that can be set for a route."""
    return (*(key for key, wire in WIRE.items() if _accepts(route, wire)), MAX_OUTPUT)


def unsupported_value(route: Route, key: str, value: Any) -> str:
    """What a route takes instead of this value of a parameter; empty if it takes it."""
    if key == MAX_OUTPUT:
        return f"at most {route.max_output}" if route.max_output is not None and value > route.max_output else ""
    if not _accepts(route, WIRE[key]):
        return f"only parameters that it takes: {', '.join(accepted_parameters(route))}"
    if key == "effort" and route.efforts and value not in route.efforts:
        return f"one of {', '.join(route.efforts)}"
    return ""


def wire_parameters(route: Route, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What of these goes to a route, by the names of the format. `parameters`: by the names of the team file.

    The effort that makes a model of that name out of what the host serves goes along where nobody asks for another.
    """
    by_default = {WIRE["effort"]: route.effort} if route.effort else {}
    return by_default | {
        WIRE[key]: _plain(value) for key, value in parameters.items() if key in WIRE and not unsupported_value(route, key, value)
    }


def _accepts(route: Route, wire: str) -> bool:
    """A script takes everything, since it heeds nothing: it stands in where a real model is meant."""
    return route.accepts is None or wire in route.accepts or route.client == "scripted"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
