"""Which provider answers to the name of a model."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator_bridge.model.catalogue.own import own_price
from orchestrator_bridge.model.catalogue.providers import OWN, PROVIDERS, Provider
from orchestrator_bridge.model.catalogue.route import Route

if TYPE_CHECKING:
    from orchestrator_bridge.team import ModelSpec

IDS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("xai", "grok-4.1-fast"): "grok-4-1-fast-reasoning",
        ("xai", "grok-4.1-fast-reasoning"): "grok-4-1-fast-reasoning",
        ("xai", "grok-4.1-fast-non-reasoning"): "grok-4-1-fast-non-reasoning",
    }
)
"""Names that people write, where the provider's own id differs (xAI's list of models, 2026-11)."""

EXAMPLES = ("grok-4.1-fast", "grok-4.3", "gpt-5", "openrouter/x-ai/grok-4.3", "scripted/demo")
"""Names to suggest where nothing that was written is near."""


class UnknownModelName(ValueError):
    """A model string that names no provider. The message says what was found, what is expected, and what is near."""

    def __init__(self, found: str, near: tuple[str, ...]) -> None:
        hint = f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
        super().__init__(
            f"model {found!r} is not known; expected 'provider/model' with a provider of {', '.join(sorted(PROVIDERS))},"
            f" a name that begins with grok, gpt or o1/o3/o4, or an entry [models.<name>] of the team file.{hint}"
        )
        self.found = found
        self.near = near


def resolve(name: str, own: Mapping[str, ModelSpec] | None = None, base_urls: Mapping[str, str] | None = None) -> Route:
    """The route of a model string. `base_urls` holds addresses that replace a provider's own, by the provider's name.

    Raises:
        UnknownModelName: nobody answers to this name.
    """
    entries = own or {}
    if name in entries:
        return _own(name, entries, base_urls or {})
    return _known(name, entries, base_urls or {})


def _own(name: str, own: Mapping[str, ModelSpec], base_urls: Mapping[str, str]) -> Route:
    spec = own[name]
    model = spec.id or name
    needs = (spec.key_env,) if spec.key_env else ()
    if spec.base_url is not None:
        url = spec.base_url.rstrip("/")
        return Route(
            name=name,
            provider=OWN,
            id=model,
            base_url=url,
            key_env=spec.key_env,
            needs=needs,
            price=own_price(spec),
            vision=spec.vision,
            requests_per_minute=spec.requests_per_minute,
            tokens_per_minute=spec.tokens_per_minute,
        )
    known = _known(model, own, base_urls)
    return replace(
        known,
        name=name,
        key_env=spec.key_env or known.key_env,
        needs=tuple(spec.key_env if spec.key_env and one == known.key_env else one for one in known.needs),
        price=own_price(spec) or known.price,
        vision=known.vision if spec.vision is None else spec.vision,
        requests_per_minute=spec.requests_per_minute or known.requests_per_minute,
        tokens_per_minute=spec.tokens_per_minute or known.tokens_per_minute,
    )


def _known(name: str, own: Mapping[str, ModelSpec], base_urls: Mapping[str, str]) -> Route:
    provider, model = _split(name)
    if provider is None or not model.strip():
        raise UnknownModelName(name, _near(name, own))
    prefix = provider.litellm_prefix or provider.name
    return Route(
        name=name,
        provider=provider.name,
        id=IDS.get((provider.name, model), model),
        base_url=base_urls.get(provider.name, provider.base_url).rstrip("/"),
        key_env=provider.key_env,
        needs=provider.needs,
        client=provider.client,
        litellm_model=f"{prefix}/{model}" if provider.client == "litellm" else "",
        extra=provider.extra,
        streams=provider.streams,
        limit_name=provider.limit_name,
    )


def _split(name: str) -> tuple[Provider | None, str]:
    before, slash, rest = name.partition("/")
    if slash:
        return PROVIDERS.get(before), rest
    by_prefix = (p for p in PROVIDERS.values() if any(name.startswith(prefix) for prefix in p.prefixes))
    return next(by_prefix, None), name


def _near(name: str, own: Mapping[str, ModelSpec]) -> tuple[str, ...]:
    _, slash, rest = name.partition("/")
    with_provider = [f"{provider}/{rest}" for provider in PROVIDERS] if slash and rest else []
    known = [*own, *with_provider, *EXAMPLES]
    return tuple(difflib.get_close_matches(name, known, n=2, cutoff=0.6))
