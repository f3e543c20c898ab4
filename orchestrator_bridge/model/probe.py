"""Probe of a model: tiny calls that find the mode in which it makes tool calls. Pure functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orchestrator_bridge.model.catalogue.providers import is_local
from orchestrator_bridge.model.interface import Message, Request, Response, ToolMode, ToolSpec

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


PROBE_OUTPUT = 1000
"""Output tokens that a probe may use: a model that reasons needs several hundred before its first word."""

_REPORT = ToolSpec(
    name="report",
    description="Report that you are ready.",
    parameters={
        "type": "object",
        "properties": {"status": {"type": "string", "enum": ["ready", "not ready"]}},
        "required": ["status"],
        "additionalProperties": False,
    },
)


def probe_request(model: str) -> Request:
    """The call of a probe, in the native mode."""
    messages = (
        Message(role="system", text="You act by calling tools. Words without a tool reach nobody."),
        Message(role="user", text='Call the tool `report` with the status "ready".'),
    )
    return Request(agent="probe", model=model, messages=messages, tools=(_REPORT,), max_output=PROBE_OUTPUT)


def probed_modes(route: Route) -> tuple[ToolMode, ...]:
    """Modes to try on a route, the best first."""
    return ("schema", "prompted") if route.tools is False else ("native", "schema", "prompted")


def costs_nothing(route: Route) -> bool:
    """True if a call on a route is known to be free: its price is zero, or it is a server of the user's own without a key."""
    if route.price is not None:
        return not (route.price.input or route.price.output)
    return is_local(route) and not route.needs


def makes_calls(response: Response) -> bool:
    """True if an answer to a probe is the call that it asks for."""
    return any(call.name == _REPORT.name and _is_right(call.arguments) for call in response.tool_calls)


def _is_right(arguments: str) -> bool:
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and isinstance(value.get("status"), str)
