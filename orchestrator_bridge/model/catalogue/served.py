"""The price of the model that really answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator_bridge.model.catalogue.own import own_price
from orchestrator_bridge.model.catalogue.providers import OWN

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue.route import Route
    from orchestrator_bridge.model.price import Price
    from orchestrator_bridge.team import ModelSpec

_RELEASE = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)$")
"""How vendors end the name of one release of a model: `gpt-4o-2024-08-06`, `grok-4-0709`."""


def price_of(route: Route, served: str, own: Mapping[str, ModelSpec] | None = None) -> Price | None:
    """The price of the model that the response names; None if it is unknown.

    A vendor that answers with another model than the one asked for bills that other model, so the route's price says nothing
    about it. At an endpoint of one's own the price stands for whatever answers there.
    """
    for name, spec in (own or {}).items():
        if served in (name, spec.id) and spec.base_url in (None, route.base_url) and own_price(spec) is not None:
            return own_price(spec)
    return route.price if route.provider == OWN or plain(served) == plain(route.id) else None


def plain(model: str) -> str:
    """A model's id without its vendor in front and without the mark of one release at its end."""
    return _RELEASE.sub("", model.rpartition("/")[2])
