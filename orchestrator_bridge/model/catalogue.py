"""Which provider answers to the name of a model, at which address, with whose key and at which price.

A name is one of:

- an entry of the team file: `[models.<name>]`, an endpoint or a price of one's own;
- `provider/model`, where the rest is the provider's own id: `xai/grok-4.3`, `openrouter/x-ai/grok-4.3`, `scripted/demo`;
- a bare name whose beginning tells the provider: `grok-4.1-fast`, `gpt-5`, `o3`.

No price is written down here: what a call costs is known only where the team file says it, and unknown otherwise.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from orchestrator_bridge.model.price import Price

if TYPE_CHECKING:
    from orchestrator_bridge.team import ModelSpec

LimitName = Literal["max_tokens", "max_completion_tokens"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """How a model is reached. `name` is what people call it, `id` what its provider calls it."""

    name: str
    provider: str
    id: str
    base_url: str = ""
    key_env: str | None = None
    """The environment variable that holds the key; None where the endpoint takes no key."""
    price: Price | None = None
    streams: bool = False
    """Whether the endpoint is known to stream with usage at the end."""
    limit_name: LimitName = "max_tokens"
    """The parameter that caps the output."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Provider:
    """One vendor: its address, the variable of its key, and the beginnings of its models' names."""

    name: str
    base_url: str = ""
    key_env: str | None = None
    prefixes: tuple[str, ...] = ()
    streams: bool = True
    limit_name: LimitName = "max_completion_tokens"


SCRIPTED = "scripted"
OWN = "own"

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        provider.name: provider
        for provider in (
            Provider(name="xai", base_url="https://api.x.ai/v1", key_env="XAI_API_KEY", prefixes=("grok",)),
            Provider(
                name="openai",
                base_url="https://api.openai.com/v1",
                key_env="OPENAI_API_KEY",
                prefixes=("gpt", "chatgpt", "o1", "o3", "o4"),
            ),
            Provider(
                name="openrouter",
                base_url="https://openrouter.ai/api/v1",
                key_env="OPENROUTER_API_KEY",
                limit_name="max_tokens",
            ),
            Provider(name=SCRIPTED),
        )
    }
)

IDS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("xai", "grok-4.1-fast"): "grok-4-1-fast-reasoning",
        ("xai", "grok-4.1-fast-reasoning"): "grok-4-1-fast-reasoning",
        ("xai", "grok-4.1-fast-non-reasoning"): "grok-4-1-fast-non-reasoning",
    }
)
"""Names that people write, where the provider's own id differs (xAI's list of models, 2026-11)."""

_RELEASE = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)$")
"""How vendors end the name of one release of a model: `gpt-4o-2024-08-06`, `grok-4-0709`."""

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


def price_of(route: Route, served: str, own: Mapping[str, ModelSpec] | None = None) -> Price | None:
    """The price of the model that the response names; None if it is unknown.

    A vendor that answers with another model than the one asked for bills that other model, so the route's price says nothing
    about it. At an endpoint of one's own the price stands for whatever answers there.
    """
    for name, spec in (own or {}).items():
        if served in (name, spec.id) and spec.base_url in (None, route.base_url) and _price(spec) is not None:
            return _price(spec)
    return route.price if route.provider == OWN or _plain(served) == _plain(route.id) else None


def _plain(model: str) -> str:
    return _RELEASE.sub("", model.rpartition("/")[2])


def _own(name: str, own: Mapping[str, ModelSpec], base_urls: Mapping[str, str]) -> Route:
    spec = own[name]
    model = spec.id or name
    if spec.base_url is not None:
        url = spec.base_url.rstrip("/")
        return Route(name=name, provider=OWN, id=model, base_url=url, key_env=spec.key_env, price=_price(spec))
    known = _known(model, own, base_urls)
    return replace(known, name=name, key_env=spec.key_env or known.key_env, price=_price(spec) or known.price)


def _price(spec: ModelSpec) -> Price | None:
    if spec.input is None or spec.output is None:
        return None
    return Price(input=spec.input, cached=spec.cached_input, output=spec.output)


def _known(name: str, own: Mapping[str, ModelSpec], base_urls: Mapping[str, str]) -> Route:
    provider, model = _split(name)
    if provider is None or not model.strip():
        raise UnknownModelName(name, _near(name, own))
    return Route(
        name=name,
        provider=provider.name,
        id=IDS.get((provider.name, model), model),
        base_url=base_urls.get(provider.name, provider.base_url).rstrip("/"),
        key_env=provider.key_env,
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
