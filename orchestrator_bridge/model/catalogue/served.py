"""The model that really answered: its price, and a notice if another one was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator_bridge.model.catalogue.pricing import format_price
from orchestrator_bridge.model.catalogue.providers import OWN, PROVIDERS
from orchestrator_bridge.model.catalogue.resolve import price_at, price_in
from orchestrator_bridge.model.catalogue.sources import friendly_name

if TYPE_CHECKING:
    from datetime import date

    from orchestrator_bridge.model.catalogue.pricing import Price
    from orchestrator_bridge.model.catalogue.route import Route
    from orchestrator_bridge.model.catalogue.spec import ModelSpec


_RELEASE = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)$")
"""Suffix of a dated release of a model: `gpt-4o-2024-08-06`, `grok-4-0709`."""


def price_of(route: Route, served: str, own: Mapping[str, ModelSpec] | None = None, *, today: date | None = None) -> Price | None:
    """Price of the model that the response names, on a day in UTC; None if it is unknown.

    A vendor that answers with another model than the requested one bills that other model, at its price there. At an endpoint of
    the team file's own, the configured price applies to whatever answers.
    """
    for name, spec in (own or {}).items():
        if served in (name, spec.id) and spec.base_url in (None, route.base_url) and price_in(spec) is not None:
            return price_in(spec)
    if route.provider not in PROVIDERS or is_same_model(served, route.id):
        return route.price
    # The successor's price depends on the effort with which it answers, so it is stored with the lifecycle.
    life = route.lifecycle
    if life is not None and life.answered_by and is_same_model(served, life.answered_by):
        return life.price
    return price_at(PROVIDERS[route.provider], served.removeprefix(f"{route.provider}/"), today)


def is_same_model(first: str, other: str) -> bool:
    """Compare two ids without vendor prefix and release suffix; dots equal dashes."""
    return _base_name(first) == _base_name(other)


def _base_name(model: str) -> str:
    return _RELEASE.sub("", model.rpartition("/")[2]).replace(".", "-")


def served_model_notice(route: Route, served: str, *, refused: Route | None = None, today: date | None = None) -> str:
    """Sentence for people if another model than the expected one answered; empty if it was the expected one.

    `refused` is the route that its provider no longer serves, if this one was called in its place. Only listed models are
    compared: a server of the team file's own may name its models as it likes.
    """
    price = price_of(route, served, today=today)
    price_text = format_price(price) if price else "an unknown price"
    if refused is not None and refused.provider != route.provider:
        gone = f"{refused.provider} no longer serves {refused.id!r}."
        return f"{gone} {route.provider} answers instead with {served}, at {price_text}."
    if refused is not None:
        return f"{route.provider} no longer accepts {refused.id!r}. {served} answers in its place, at {price_text}."
    if route.provider == OWN or friendly_name(route.id) is None:
        return ""
    expected = (route.id, route.lifecycle.answered_by if route.lifecycle else "")
    if any(name and is_same_model(served, name) for name in expected):
        return ""
    return f"{route.provider} answered with {served} instead of {route.id!r}. It is billed at {price_text}."
