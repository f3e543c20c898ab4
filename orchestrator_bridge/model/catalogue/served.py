"""The model that really answered: its price, and what to say where it is not the one that was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator_bridge.model.catalogue.pricing import format_price
from orchestrator_bridge.model.catalogue.providers import OWN, PROVIDERS
from orchestrator_bridge.model.catalogue.resolve import price_at, price_in
from orchestrator_bridge.model.catalogue.sources import friendly_name

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue.pricing import Price
    from orchestrator_bridge.model.catalogue.route import Route
    from orchestrator_bridge.model.catalogue.spec import ModelSpec


_RELEASE = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)$")
"""How vendors end the name of one release of a model: `gpt-4o-2024-08-06`, `grok-4-0709`."""


def price_of(route: Route, served: str, own: Mapping[str, ModelSpec] | None = None) -> Price | None:
    """The price of the model that the response names; None if it is unknown.

    A vendor that answers with another model than the one asked for bills that other model, at its own price there. At an
    endpoint of one's own the price stands for whatever answers.
    """
    for name, spec in (own or {}).items():
        if served in (name, spec.id) and spec.base_url in (None, route.base_url) and price_in(spec) is not None:
            return price_in(spec)
    if route.provider not in PROVIDERS or is_same_model(served, route.id):
        return route.price
    life = route.lifecycle
    if life is not None and life.answered_by and is_same_model(served, life.answered_by):
        return life.price
    return price_at(PROVIDERS[route.provider], _without_provider(served, route))


def _without_provider(served: str, route: Route) -> str:
    return served.removeprefix(f"{route.provider}/")


def is_same_model(one: str, other: str) -> bool:
    """Whether two ids are the same model: without the vendor in front, the mark of a release, and dots for dashes."""
    return _base_name(one) == _base_name(other)


def _base_name(model: str) -> str:
    return _RELEASE.sub("", model.rpartition("/")[2]).replace(".", "-")


def served_model_notice(route: Route, served: str, *, refused: str = "") -> str:
    """What to tell people of an answer by another model than they were told to expect; empty if it is the expected one.

    `refused` is the id that the provider no longer takes, where a replacement was asked in its place. Only listed models are
    judged: what a server of one's own calls its models is its own affair.
    """
    price = price_of(route, served)
    cost = f"at {format_price(price)}" if price else "at a price that is not known"
    if refused:
        return f"{route.provider} does not take {refused!r} any more. {served} answers in its place, {cost}."
    expected = (route.id, route.lifecycle.answered_by if route.lifecycle else "")
    if route.provider == OWN or friendly_name(route.id) is None or any(name and is_same_model(served, name) for name in expected):
        return ""
    return f"{route.provider} answered {route.id!r} with {served}. What answered is booked, {cost}."
