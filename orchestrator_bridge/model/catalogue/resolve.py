"""Which route a name leads to: by its spelling, by what is set, and by the day."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from orchestrator_bridge.model.catalogue.build import effective_on, route_at, route_of
from orchestrator_bridge.model.catalogue.entries import ModelEntry, friendly_name, known_spellings, model_entries
from orchestrator_bridge.model.catalogue.facts import with_facts
from orchestrator_bridge.model.catalogue.lifecycle import lifecycle_stage
from orchestrator_bridge.model.catalogue.providers import OWN, PROVIDERS, SCRIPTED, Provider
from orchestrator_bridge.model.catalogue.route import Route

if TYPE_CHECKING:
    from orchestrator_bridge.team import ModelSpec

EXAMPLES = ("gpt-5", "openrouter/x-ai/grok-4.3", "scripted/demo")
"""Names to suggest beside those that are listed."""


class UnknownModelName(ValueError):
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
