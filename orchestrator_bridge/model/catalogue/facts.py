"""From facts as they are written to a route that has them; what is written later wins."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from orchestrator_bridge.model.catalogue.route import Lifecycle, Route
from orchestrator_bridge.model.facts import ModelFacts
from orchestrator_bridge.model.price import Price, Tier


def price_in(facts: ModelFacts, source: str = "", as_of: date | None = None) -> Price | None:
    """The price that the facts give; None without both of its halves."""
    if facts.input is None or facts.output is None:
        return None
    tiers = (
        Tier(above=one.above, input=one.input, cached=one.cached_input, cache_write=one.cache_write, output=one.output)
        for one in facts.tiers or ()
    )
    return Price(
        input=Decimal(facts.input),
        cached=facts.cached_input,
        cache_write=facts.cache_write,
        output=facts.output,
        tiers=tuple(sorted(tiers, key=lambda tier: tier.above)),
        source=source,
        as_of=as_of,
    )


def with_facts(route: Route, facts: ModelFacts, source: str = "", as_of: date | None = None, *, sure: bool = True) -> Route:
    """The route with what the facts say, where they say something. `sure`: whether a day of retirement is the host's word."""
    return replace(
        route,
        price=price_in(facts, source, as_of) or route.price,
        context=facts.context or route.context,
        max_output=facts.max_output or route.max_output,
        tools=route.tools if facts.tools is None else facts.tools,
        vision=route.vision if facts.vision is None else facts.vision,
        efforts=route.efforts if facts.efforts is None else facts.efforts,
        accepts=route.accepts if facts.accepts is None else frozenset(facts.accepts),
        requests_per_minute=facts.requests_per_minute or route.requests_per_minute,
        tokens_per_minute=facts.tokens_per_minute or route.tokens_per_minute,
        lifecycle=_with_lifecycle_facts(route.lifecycle, facts, sure),
    )


def _with_lifecycle_facts(known: Lifecycle | None, facts: ModelFacts, sure: bool) -> Lifecycle | None:
    if facts.retires_on is None and facts.answered_by is None:
        return known
    known = known or Lifecycle()
    return replace(
        known,
        retires_on=facts.retires_on or known.retires_on,
        sure=sure if facts.retires_on else known.sure,
        answered_by=known.answered_by if facts.answered_by is None else facts.answered_by,
    )
