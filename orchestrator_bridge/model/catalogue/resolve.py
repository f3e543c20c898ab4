"""Which route a name leads to: by its spelling, by what is set, and by the day."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator_bridge.common.errors import TownhallError
from orchestrator_bridge.model.catalogue.pricing import Price, Tier
from orchestrator_bridge.model.catalogue.providers import OWN, PROVIDERS, SCRIPTED, Provider
from orchestrator_bridge.model.catalogue.route import Lifecycle, Route, lifecycle_stage
from orchestrator_bridge.model.catalogue.sources import (
    NO_MAP_KEY,
    SOURCE,
    HostEntry,
    ModelEntry,
    bundled_facts,
    find_host,
    friendly_name,
    known_spellings,
    model_entries,
)
from orchestrator_bridge.model.catalogue.spec import ModelFacts

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue.spec import ModelSpec


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


EXAMPLES = ("gpt-5", "openrouter/x-ai/grok-4.3", "scripted/demo")
"""Names to suggest beside those that are listed."""


class UnknownModelName(TownhallError, ValueError):
    """A model string that names no provider. The message says what was found, what is expected, and what is near."""

    def __init__(self, found: str, near: tuple[str, ...]) -> None:
        hint = f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
        super().__init__(
            f"model {found!r} is not known; expected a name that `townhall models` lists, 'provider/model' with a provider of"
            f" {', '.join(sorted(PROVIDERS))}, or an entry [models.<name>] of the team file.{hint}"
        )
        self.found = found
        self.near = near


@dataclass(frozen=True, slots=True)
class _ResolveContext:
    """What a name is judged by."""

    own: Mapping[str, ModelSpec]
    base_urls: Mapping[str, str]
    have: Collection[str]
    today: date | None


def resolve(
    name: str,
    own: Mapping[str, ModelSpec] | None = None,
    base_urls: Mapping[str, str] | None = None,
    *,
    have: Collection[str] = (),
    today: date | None = None,
) -> Route:
    """The route of a model string.

    `base_urls` holds addresses that replace a provider's own, by the provider's name; `have` the names of the settings that are
    set, `today` the day in UTC: by these a model that several hosts serve goes to one that can be called and still has it.
    Without `today` nothing counts as retired.

    Raises:
        UnknownModelName: nobody answers to this name.
    """
    given = _ResolveContext(own or {}, base_urls or {}, have, today)
    return _resolve_own(name, given) if name in given.own else _resolve_known(name, given)


def _resolve_own(name: str, given: _ResolveContext) -> Route:
    spec = given.own[name]
    if spec.base_url is not None:
        needs = (spec.key_env,) if spec.key_env else ()
        url = spec.base_url.rstrip("/")
        route = Route(name=name, provider=OWN, id=spec.id or name, base_url=url, key_env=spec.key_env, needs=needs)
        return replace(with_facts(route, spec, "townhall.toml"), why="[models] of the team file")
    known = _resolve_known(spec.id or name, given)
    route = replace(
        known,
        name=name,
        key_env=spec.key_env or known.key_env,
        needs=tuple(spec.key_env if spec.key_env and one == known.key_env else one for one in known.needs),
        why=f"[models] of the team file; {known.why}",
    )
    corrected = with_facts(route, spec, "townhall.toml")
    return effective_on(corrected, given.today) if spec.retires_on else corrected


def _resolve_known(name: str, given: _ResolveContext) -> Route:
    before, slash, rest = name.partition("/")
    if slash and before in PROVIDERS and rest.strip():
        return replace(_at_provider(PROVIDERS[before], rest, given), name=name, why=f"{before} is named")
    listed = friendly_name(name)
    if listed is not None:
        return replace(_best_host(listed, name, given), name=name)
    provider = None if slash or " " in name else _by_prefix(name)
    if provider is None:
        raise UnknownModelName(name, _suggestions(name, given.own))
    return replace(
        _at_provider(provider, name, given), name=name, why=f"not listed; {provider.name} by the beginning of its name"
    )


def _at_provider(provider: Provider, model: str, given: _ResolveContext) -> Route:
    return route_at(provider, model, today=given.today, base_urls=given.base_urls)


def _by_prefix(name: str) -> Provider | None:
    return next((one for one in PROVIDERS.values() if any(name.startswith(prefix) for prefix in one.prefixes)), None)


def _best_host(listed: str, spelling: str, given: _ResolveContext) -> Route:
    """The first host that still serves the model and can be called, else the first that can be called, else the vendor's own."""
    routes = routes_of(model_entries()[listed], given.base_urls, given.today)
    usable = [route for route in routes if is_configured(route, given.have)]
    live = [route for route in usable if not _is_retired(route, given.today)]
    best = next(iter(live or usable or routes))
    return replace(best, why=_reason(best, routes, usable, given.today))


def routes_of(entry: ModelEntry, base_urls: Mapping[str, str] | None = None, today: date | None = None) -> list[Route]:
    """A listed model at each of its hosts, the vendor's own first."""
    return [route_of(host, today=today, base_urls=base_urls or {}) for host in entry.hosts]


def is_configured(route: Route, have: Collection[str]) -> bool:
    """Whether everything that the route needs is set."""
    return all(name in have for name in route.needs)


def _is_retired(route: Route, today: date | None) -> bool:
    return today is not None and lifecycle_stage(route.lifecycle, today) == "retired"


def _reason(best: Route, routes: list[Route], usable: list[Route], today: date | None) -> str:
    first = routes[0]
    if len(routes) == 1:
        return "its only host here"
    if not usable:
        return "the vendor's own; no host's settings are set"
    if best is not first:
        lost = f"{first.provider} retired it" if _is_retired(first, today) else f"{_missing_text(first)} is not set"
        return f"{lost}, {best.provider} has it"
    return "the only host whose settings are set" if len(usable) == 1 else "the vendor's own"


def _missing_text(route: Route) -> str:
    return route.needs[0] if route.needs else route.provider


def _suggestions(name: str, own: Mapping[str, ModelSpec]) -> tuple[str, ...]:
    _, slash, rest = name.partition("/")
    with_provider = [f"{provider}/{rest}" for provider in PROVIDERS] if slash and rest else []
    known = [*own, *with_provider, *EXAMPLES, *known_spellings(), SCRIPTED]
    return tuple(difflib.get_close_matches(name, known, n=2, cutoff=0.6))
