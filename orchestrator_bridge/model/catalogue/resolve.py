"""Resolution of a model name into a route, by its spelling, the settings that are present, and the day."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orchestrator_bridge.common.errors import TownhallError
from orchestrator_bridge.model.catalogue.dated_prices import dated_price
from orchestrator_bridge.model.catalogue.pricing import Price, Tier
from orchestrator_bridge.model.catalogue.providers import OWN, PROVIDERS, SCRIPTED, Provider
from orchestrator_bridge.model.catalogue.route import Lifecycle, Route, lifecycle_stage
from orchestrator_bridge.model.catalogue.sources import (
    NO_MAP_KEY,
    SOURCE,
    bundled_facts,
    find_host,
    friendly_name,
    known_spellings,
    model_entries,
)
from orchestrator_bridge.model.catalogue.spec import HostEntry, ModelEntry, ModelFacts

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue.spec import ModelSpec


EXAMPLES = ("gpt-5", "openrouter/x-ai/grok-4.3", "scripted/demo")
"""Names to suggest beside the listed ones."""

_MINIMAL_PARAMETERS = frozenset(("temperature", "tool_choice"))
"""Parameters to send to a model of which only the provider is known."""

_NO_URLS: Mapping[str, str] = MappingProxyType({})


class UnknownModelName(TownhallError, ValueError):
    """A model name that is not known. The message says what was found, what is expected, and similar names."""

    def __init__(self, found: str, near: tuple[str, ...]) -> None:
        hint = f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
        super().__init__(
            f"model {found!r} is not known; expected a name that `townhall models` lists, 'provider/model' with a provider of"
            f" {', '.join(sorted(PROVIDERS))}, or an entry [models.<name>] of the team file, with base_url for any other"
            f" OpenAI-compatible endpoint.{hint}"
        )
        self.found = found
        self.near = near


@dataclass(frozen=True, slots=True)
class _Context:
    """Circumstances of a resolution, as in `resolve`."""

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
    """Resolve a model name.

    `own` holds the team file's `[models.<name>]`. `base_urls` replaces providers' addresses, by provider. `have` names the
    settings that are present and `today` is the day in UTC: a model with several hosts goes to one that can be called and has
    not retired it. Without `today` no model counts as retired.

    Raises:
        UnknownModelName: the name is not known.
    """
    return resolve_all(name, own, base_urls, have=have, today=today)[0]


def resolve_all(
    name: str,
    own: Mapping[str, ModelSpec] | None = None,
    base_urls: Mapping[str, str] | None = None,
    *,
    have: Collection[str] = (),
    today: date | None = None,
) -> tuple[Route, ...]:
    """All routes on which a model can be called, best first: the next one is for when a host no longer serves it.

    Arguments as in `resolve`. A name with a host in front has that host alone.

    Raises:
        UnknownModelName: the name is not known.
    """
    context = _Context(own or {}, base_urls or {}, have, today)
    return _resolve_own(name, context) if name in context.own else _resolve_known(name, context)


def _resolve_own(name: str, context: _Context) -> tuple[Route, ...]:
    """Routes of a model of the team file: an endpoint of its own, or an alias of a known model with corrected facts."""
    spec = context.own[name]
    if spec.base_url is not None and (vendor := _vendor_at(spec.base_url)) is not None:
        # The vendor's own address: all that is known about it holds, such as the format in which its models take tools.
        known = replace(route_at(vendor, spec.id or name, today=context.today), base_url=spec.base_url.rstrip("/"))
        return (_corrected(name, replace(known, why=f"its address is {vendor.title}'s"), context),)
    if spec.base_url is not None:
        needs = (spec.key_env,) if spec.key_env else ()
        url = spec.base_url.rstrip("/")
        route = Route(name=name, provider=OWN, id=spec.id or name, base_url=url, key_env=spec.key_env, needs=needs)
        return (replace(with_facts(route, spec, "townhall.toml"), why="[models] of the team file"),)
    return tuple(_corrected(name, known, context) for known in _resolve_known(spec.id or name, context))


def _vendor_at(base_url: str) -> Provider | None:
    """The vendor whose API has this address; None for every other server."""
    vendors = (provider for provider in PROVIDERS.values() if provider.client == "openai" and not provider.any_model)
    host = urlsplit(base_url).hostname
    return next((vendor for vendor in vendors if urlsplit(vendor.base_url).hostname == host), None)


def _corrected(name: str, known: Route, context: _Context) -> Route:
    """Route of a known model with the facts of the team file's table."""
    spec = context.own[name]
    route = replace(
        known,
        name=name,
        key_env=spec.key_env or known.key_env,
        needs=tuple(spec.key_env if spec.key_env and need == known.key_env else need for need in known.needs),
        why=f"[models] of the team file; {known.why}",
    )
    corrected = with_facts(route, spec, "townhall.toml")
    # Its own day of retirement may differ from the known one, by which `known` has its price and context.
    return effective_on(corrected, context.today) if spec.retires_on else corrected


def _resolve_known(name: str, context: _Context) -> tuple[Route, ...]:
    """Routes of a name that is not the team file's: `provider/model`, a listed spelling, or a vendor's prefix."""
    before, slash, rest = name.partition("/")
    if slash and before in PROVIDERS and rest.strip():
        route = route_at(PROVIDERS[before], rest, today=context.today, base_urls=context.base_urls)
        return (replace(route, name=name, why=f"{before} is named"),)
    listed = friendly_name(name)
    if listed is not None:
        return tuple(replace(route, name=name) for route in _hosts(listed, context))
    for provider in () if slash or " " in name else PROVIDERS.values():
        if name.startswith(provider.prefixes):
            route = route_at(provider, name, today=context.today, base_urls=context.base_urls)
            return (replace(route, name=name, why=f"not listed; {provider.name} by the beginning of its name"),)
    raise UnknownModelName(name, _similar_names(name, context.own))


def similar_names(route: Route, own: Mapping[str, ModelSpec]) -> tuple[str, ...]:
    """Known names like that of a model of which nothing but its provider is known; none for every other model.

    Such a model may be misspelt, or newer than the catalogue.
    """
    has_facts = route.accepts != _MINIMAL_PARAMETERS or route.price is not None or route.context is not None
    if has_facts or route.provider == SCRIPTED or route.name in own:
        return ()
    return _similar_names(route.name, own)


def _similar_names(name: str, own: Mapping[str, ModelSpec]) -> tuple[str, ...]:
    """At most two known names like this one. Those at a provider count only if the name's own provider is spelt like it."""
    before, slash, rest = name.partition("/")
    like = difflib.get_close_matches(before, PROVIDERS, n=3, cutoff=0.6) if slash else list(PROVIDERS)
    with_provider = [f"{provider}/{rest}" for provider in like] if slash and rest else []
    known = [*own, *with_provider, *EXAMPLES, *known_spellings(), SCRIPTED]
    possible = [other for other in known if other != name and (other.partition("/")[0] in like or "/" not in name)]
    return tuple(difflib.get_close_matches(name, possible, n=2, cutoff=0.6))


def _hosts(listed: str, context: _Context) -> tuple[Route, ...]:
    """The hosts that can be called, those that still serve the model first; the vendor's own if none can be called."""
    routes = routes_of(model_entries()[listed], context.base_urls, context.today)
    usable = [route for route in routes if is_configured(route, context.have)]
    ordered = sorted(usable, key=lambda route: _preference(route, context.today)) or routes[:1]
    return tuple(replace(route, why=_reason(route, routes, usable, context.today)) for route in ordered)


def _preference(route: Route, today: date | None) -> int:
    """0 for a host that serves the model, 1 for one where another model answers to its id, 2 for one that refuses the id."""
    if not _is_retired(route, today):
        return 0
    return 1 if route.lifecycle and route.lifecycle.answered_by else 2


def routes_of(entry: ModelEntry, base_urls: Mapping[str, str] | None = None, today: date | None = None) -> list[Route]:
    """Routes of a listed model at each of its hosts, the vendor's own first."""
    return [route_of(host, today=today, base_urls=base_urls or {}) for host in entry.hosts]


def is_configured(route: Route, have: Collection[str]) -> bool:
    """True if all settings that the route needs are present."""
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
        missing = first.needs[0] if first.needs else first.provider
        lost = f"{first.provider} retired it" if _is_retired(first, today) else f"{missing} is not set"
        return f"{lost}, {best.provider} has it"
    return "the only host whose settings are set" if len(usable) == 1 else "the vendor's own"


def route_at(provider: Provider, model: str, *, today: date | None = None, base_urls: Mapping[str, str] = _NO_URLS) -> Route:
    """Route of a model, by any of its names, at this provider. Facts of an unlisted model come from LiteLLM's price map.

    If the model is retired by `today` and has a successor, price and context are the successor's.
    """
    return _configured(_catalogued_route(provider, model, today), today, base_urls)


def route_of(host: HostEntry, *, today: date | None = None, base_urls: Mapping[str, str] = _NO_URLS) -> Route:
    """Route of a listed model at one of its hosts; price and context as in `route_at`."""
    return _configured(_listed_route(host, today), today, base_urls)


def price_at(provider: Provider, model: str, today: date | None = None) -> Price | None:
    """Price of a model at this provider; None if it is unknown."""
    return _catalogued_route(provider, model, today).price


def replacement_route(route: Route, today: date | None = None) -> Route | None:
    """Route of a model's successor at the same provider, under the same name; None if it has none."""
    life, provider = route.lifecycle, PROVIDERS.get(route.provider)
    if life is None or provider is None or not life.answered_by:
        return None
    return replace(
        _catalogued_route(provider, life.answered_by, today),
        name=route.name,
        base_url=route.base_url,
        key_env=route.key_env,
        needs=route.needs,
        effort=life.answered_effort,
        why=f"{provider.name} no longer takes {route.id}",
    )


def effective_on(route: Route, today: date | None) -> Route:
    """The route with the price and context of the model that answers on that day."""
    life = route.lifecycle
    provider = PROVIDERS.get(route.provider)
    if life is None or provider is None or not life.answered_by or not _is_retired(route, today):
        return route
    answering = _catalogued_route(provider, life.answered_by, today)
    # The smaller window: a prompt must fit whichever model answers.
    sizes = [size for size in (route.context, answering.context) if size]
    return replace(route, price=life.price or answering.price, context=min(sizes, default=None))


def _configured(route: Route, today: date | None, base_urls: Mapping[str, str]) -> Route:
    url = base_urls.get(route.provider, route.base_url).rstrip("/")
    return effective_on(replace(route, base_url=url), today)


def _catalogued_route(provider: Provider, model: str, today: date | None) -> Route:
    """Route with the facts of the catalogue alone: our own list if the provider has the model there, the libraries' otherwise."""
    host = None if provider.name == SCRIPTED else find_host(provider.name, model)
    if host is not None:
        return _listed_route(host, today)
    return _library_route(provider, model, provider.map_key(model), today)


def _library_route(provider: Provider, model: str, map_key: str, today: date | None) -> Route:
    """Route with the facts of LiteLLM's map and the price of genai-prices, which knows the day."""
    mapped = _with_map_facts(_minimal_route(provider, model), provider, map_key)
    return replace(mapped, price=dated_price(provider.name, model, today) or mapped.price)


@lru_cache(maxsize=1024)
def _listed_route(host: HostEntry, today: date | None) -> Route:
    provider = PROVIDERS[host.provider]
    mapped = _library_route(provider, host.id, host.map_key or provider.map_key(host.id), today)
    route = with_facts(mapped, host, host.source, host.as_of)
    # A correction of the list can take away the efforts that the map states.
    if not route.efforts:
        route = replace(route, accepts=route.accepts and route.accepts - {"reasoning_effort"})
    return replace(route, effort=host.effort, lifecycle=_host_lifecycle(route.lifecycle, host, provider, today))


def _host_lifecycle(known: Lifecycle | None, host: HostEntry, provider: Provider, today: date | None) -> Lifecycle | None:
    life = replace(known or Lifecycle(), released=host.released, note=host.note, answered_effort=host.answered_effort)
    # An entry may name itself as its successor: only its effort changes. Looking up its price would never end.
    if life.answered_by and life.answered_by != host.id:
        life = replace(life, price=price_at(provider, life.answered_by, today))
    return None if life == Lifecycle() else life


def _minimal_route(provider: Provider, model: str) -> Route:
    """Route with the facts of the provider alone."""
    return Route(
        name=model,
        provider=provider.name,
        id=model,
        base_url=provider.base_url,
        key_env=provider.key_env,
        needs=provider.needs,
        client=provider.client,
        api=provider.api(model),
        litellm_model=provider.litellm_name(model) if provider.client == "litellm" else "",
        extra=provider.extra,
        limit_name=provider.limit_name,
        accepts=None if provider.any_model else _MINIMAL_PARAMETERS,
    )


def _with_map_facts(route: Route, provider: Provider, key: str) -> Route:
    """Add the facts of LiteLLM's map, which knows neither local servers nor scripts, whatever their models are called."""
    if provider.any_model or provider.client == "scripted" or key == NO_MAP_KEY:
        return route
    facts = bundled_facts(key, provider)
    return with_facts(route, facts, SOURCE, sure=False) if facts else route


def with_facts(route: Route, facts: ModelFacts, source: str = "", as_of: date | None = None, *, sure: bool = True) -> Route:
    """Override the facts of a route with those that are given. `sure` says if a day of retirement comes from the host itself."""
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


def price_in(facts: ModelFacts, source: str = "", as_of: date | None = None) -> Price | None:
    """Price that the facts state; None unless they state both input and output."""
    if facts.input is None or facts.output is None:
        return None
    tiers = (
        Tier(above=tier.above, input=tier.input, cached=tier.cached_input, cache_write=tier.cache_write, output=tier.output)
        for tier in facts.tiers or ()
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
