"""The route of a model at one host: what its provider has in common, LiteLLM's map, our own list, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from types import MappingProxyType

from orchestrator_bridge.model.catalogue.bundled import SOURCE, bundled_facts
from orchestrator_bridge.model.catalogue.entries import NO_MAP_KEY, HostEntry, find_host
from orchestrator_bridge.model.catalogue.facts import with_facts
from orchestrator_bridge.model.catalogue.lifecycle import lifecycle_stage
from orchestrator_bridge.model.catalogue.providers import PROVIDERS, SCRIPTED, Provider
from orchestrator_bridge.model.catalogue.route import Lifecycle, Route
from orchestrator_bridge.model.price import Price

_MINIMAL_PARAMETERS = frozenset(("temperature", "tool_choice"))
"""What is sent to a model of which nothing is known but its provider."""

_NO_URLS: Mapping[str, str] = MappingProxyType({})


def route_at(provider: Provider, model: str, *, today: date | None = None, base_urls: Mapping[str, str] = _NO_URLS) -> Route:
    """The route of a model, by any of its names, at this provider. Not listed models have what LiteLLM's map knows of them.

    Where the model is retired by `today` and another one answers to its id, price and context are that one's.
    """
    return _configured(_catalogued_route(provider, model), today, base_urls)


def route_of(host: HostEntry, *, today: date | None = None, base_urls: Mapping[str, str] = _NO_URLS) -> Route:
    """The route of a listed model at one of its hosts; price and context as in `route_at`."""
    return _configured(_listed_route(host), today, base_urls)


def price_at(provider: Provider, model: str) -> Price | None:
    """What a model costs at this provider; None if it is unknown."""
    return _catalogued_route(provider, model).price


def effective_on(route: Route, today: date | None) -> Route:
    """The route with the price and context of what answers to it on that day."""
    life = route.lifecycle
    provider = PROVIDERS.get(route.provider)
    if today is None or life is None or provider is None or lifecycle_stage(life, today) != "retired" or not life.answered_by:
        return route
    answering = _catalogued_route(provider, life.answered_by)
    sizes = [size for size in (route.context, answering.context) if size]
    return replace(route, price=life.price or answering.price, context=min(sizes, default=None))


def replacement_route(route: Route) -> Route | None:
    """The route of what its provider names in place of a model, asked for by the same name; None if it names nothing."""
    life, provider = route.lifecycle, PROVIDERS.get(route.provider)
    if life is None or provider is None or not life.answered_by:
        return None
    return replace(
        _catalogued_route(provider, life.answered_by),
        name=route.name,
        base_url=route.base_url,
        key_env=route.key_env,
        needs=route.needs,
        effort=life.answered_effort,
        why=f"{provider.name} no longer takes {route.id}",
    )


def _configured(route: Route, today: date | None, base_urls: Mapping[str, str]) -> Route:
    url = base_urls.get(route.provider, route.base_url).rstrip("/")
    return effective_on(replace(route, base_url=url), today)


def _catalogued_route(provider: Provider, model: str) -> Route:
    host = None if provider.name == SCRIPTED else find_host(provider.name, model)
    return _listed_route(host) if host else _unlisted_route(provider, model)


@cache
def _listed_route(host: HostEntry) -> Route:
    provider = PROVIDERS[host.provider]
    mapped = _with_litellm_facts(_minimal_route(provider, host.id), provider, host.map_key or provider.map_key(host.id))
    route = with_facts(mapped, host, host.source, host.as_of)
    if not route.efforts:
        route = replace(route, accepts=route.accepts and route.accepts - {"reasoning_effort"})
    return replace(route, effort=host.effort, lifecycle=_host_lifecycle(route.lifecycle, host, provider))


def _unlisted_route(provider: Provider, model: str) -> Route:
    return _with_litellm_facts(_minimal_route(provider, model), provider, provider.map_key(model))


def _with_litellm_facts(route: Route, provider: Provider, key: str) -> Route:
    """The route with what LiteLLM's map says. Servers of one's own and scripts are not in it, by whatever name."""
    if provider.any_model or provider.client == "scripted" or key == NO_MAP_KEY:
        return route
    facts = bundled_facts(key, provider)
    return with_facts(route, facts, SOURCE, sure=False) if facts else route


def _minimal_route(provider: Provider, model: str) -> Route:
    return Route(
        name=model,
        provider=provider.name,
        id=model,
        base_url=provider.base_url,
        key_env=provider.key_env,
        needs=provider.needs,
        client=provider.client,
        litellm_model=provider.litellm_name(model) if provider.client == "litellm" else "",
        extra=provider.extra,
        streams=provider.streams,
        limit_name=provider.limit_name,
        accepts=None if provider.any_model else _MINIMAL_PARAMETERS,
    )


def _host_lifecycle(known: Lifecycle | None, host: HostEntry, provider: Provider) -> Lifecycle | None:
    life = replace(known or Lifecycle(), released=host.released, note=host.note, answered_effort=host.answered_effort)
    if life.answered_by and life.answered_by != host.id:
        life = replace(life, price=price_at(provider, life.answered_by))
    return None if life == Lifecycle() else life
