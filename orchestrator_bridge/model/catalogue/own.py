"""What `[models.<name>]` of the team file says about a route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.model.price import Price

if TYPE_CHECKING:
    from orchestrator_bridge.team import ModelSpec


def own_price(spec: ModelSpec) -> Price | None:
    """The price that the table gives; None without both of its halves."""
    if spec.input is None or spec.output is None:
        return None
    return Price(input=spec.input, cached=spec.cached_input, output=spec.output)
