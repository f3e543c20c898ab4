"""Tools that a provider runs itself within a call: which ones a route offers, their form in a request, and their fees.

They exist in the Responses format alone. A team switches them on (`server_tools`), since each use costs a fee beside the tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orchestrator_bridge.model.interface import Request, ServerTool, ServerUse

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """Server-side tool of a provider: its object in a request, and the fee of one use in US dollars."""

    wire: Mapping[str, Any] = field(default_factory=dict)
    fee: Decimal


_OFFERS: Mapping[str, Mapping[ServerTool, Offer]] = MappingProxyType(
    {
        # developers.openai.com/api/docs/pricing, November 2026: $10 for 1,000 searches; $0.03 for a container of 1 GB.
        "openai": {
            "web_search": Offer(wire={"type": "web_search"}, fee=Decimal("0.01")),
            "code": Offer(wire={"type": "code_interpreter", "container": {"type": "auto"}}, fee=Decimal("0.03")),
        },
        # docs.x.ai/developers/pricing, November 2026: $5 for 1,000 calls of each. The bill that xAI states contains them.
        "xai": {
            "web_search": Offer(wire={"type": "web_search"}, fee=Decimal("0.005")),
            "x_search": Offer(wire={"type": "x_search"}, fee=Decimal("0.005")),
            "code": Offer(wire={"type": "code_interpreter"}, fee=Decimal("0.005")),
        },
    }
)

MOST_USES = 10
"""Uses in one call. OpenAI gets this limit with the call; elsewhere it only bounds the estimate of a call's cost."""


def offers(route: Route) -> Mapping[ServerTool, Offer]:
    """Server-side tools of a route; empty if it has none."""
    return _OFFERS.get(route.provider, {}) if route.api == "responses" else {}


def missing_server_tools(route: Route, tools: Sequence[ServerTool]) -> list[ServerTool]:
    """Those of the tools that a route does not offer."""
    return [tool for tool in tools if tool not in offers(route)]


MISSING_ADVICE = "Choose another model, or remove them from server_tools in the team file."


def missing_text(route: Route, tools: Sequence[ServerTool]) -> str:
    """Sentence that names server-side tools which a route does not offer, and those that it does."""
    names, has = " and ".join(map(repr, tools)), " and ".join(map(repr, offers(route)))
    return f"{route.name!r} at {route.provider} has no server-side {names}; it has {has or 'none'}"


def server_tools_body(request: Request, route: Route) -> list[Mapping[str, Any]]:
    """The entries of a request's `tools` for the server-side tools that it may use."""
    offered = offers(route)
    return [offered[tool].wire for tool in request.server_tools if tool in offered]


def fees(uses: Sequence[ServerUse], route: Route) -> Decimal:
    """Fees in US dollars for what a response states that the provider ran. Each unit is billed once."""
    offered = offers(route)
    units = {(use.tool, use.unit) for use in uses if use.unit and use.tool in offered}
    return sum((offered[tool].fee for tool, _ in units), Decimal(0))


def most_fees(request: Request, route: Route) -> Decimal:
    """The highest fees of one call in US dollars."""
    offered = offers(route)
    return MOST_USES * max((offered[tool].fee for tool in request.server_tools if tool in offered), default=Decimal(0))
