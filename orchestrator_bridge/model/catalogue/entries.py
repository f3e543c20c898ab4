"""Our own list of models: friendly names, other spellings, hosts, and dated corrections to LiteLLM's map. `data/<vendor>.toml`.

Each vendor's file says when it was last looked through (`as_of`) and holds one table a model. A model lists its hosts, the
vendor's own first; what a host's table leaves out is taken from LiteLLM's map.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from orchestrator_bridge.model.catalogue.providers import PROVIDERS
from orchestrator_bridge.model.facts import ModelFacts
from orchestrator_bridge.value import Value

NO_MAP_KEY = "none"
_FOLDER = Path(__file__).parent / "data"


class HostEntry(ModelFacts):
    """A model at one host. `also` are other ids of it there; `source` says where the facts that stand here are from."""

    provider: str
    id: str
    also: tuple[str, ...] = ()
    map_key: str = ""
    """Where LiteLLM's map has it, if not under the provider and the id; `none` where the map is not to be believed."""
    effort: str = ""
    """The reasoning effort that makes the model of that name out of the host's, where nobody asks for another."""
    source: str = ""
    as_of: date | None = None
    released: date | None = None
    answered_effort: str = ""
    note: str = ""


class ModelEntry(Value):
    """One model: what it is for in a few words, how else people write its name, and its hosts, best first."""

    about: str = ""
    also: tuple[str, ...] = ()
    old: bool = False
    """Listed so that its name is understood; nobody should start with it."""
    hosts: Annotated[tuple[HostEntry, ...], Field(min_length=1)]


@cache
def model_entries() -> Mapping[str, ModelEntry]:
    """All models by their friendly names, in the order in which they should be shown."""
    found: dict[str, ModelEntry] = {}
    for vendor in ("xai", "openai", "anthropic", "google", "mistral", "deepseek", "local"):
        text = (_FOLDER / f"{vendor}.toml").read_text(encoding="utf-8")
        document = tomllib.loads(text, parse_float=Decimal)
        as_of: date = document["as_of"]
        found |= {name: _dated(ModelEntry.model_validate(table), as_of) for name, table in document["models"].items()}
    return MappingProxyType(found)


def _dated(entry: ModelEntry, as_of: date) -> ModelEntry:
    hosts = tuple(host if host.as_of else host.model_copy(update={"as_of": as_of}) for host in entry.hosts)
    return entry.model_copy(update={"hosts": hosts})


@cache
def _names() -> Mapping[str, str]:
    """Every spelling of a model without a provider in front, and the friendly name that it stands for."""
    found: dict[str, str] = {}
    for name, entry in model_entries().items():
        for spelling in (name, *entry.also):
            found.setdefault(spelling, name)
    for name, entry in model_entries().items():
        for host in entry.hosts:
            for spelling in (host.id, *host.also):
                found.setdefault(spelling, name)
    return MappingProxyType(found)


def friendly_name(spelling: str) -> str | None:
    """The friendly name of the model that people or hosts spell like this; None if it is not listed.

    Phones begin with a capital and people write blanks for dashes: `Grok 4.1 fast` is understood.
    """
    return _names().get(spelling) or _names().get("-".join(spelling.casefold().split()))


def find_host(provider: str, model: str) -> HostEntry | None:
    """A model at one host, by the host's id or by any of its names; None if it is not listed there."""
    of_provider = [(name, host) for name, entry in model_entries().items() for host in entry.hosts if host.provider == provider]
    by_id = (host for _, host in of_provider if model in (host.id, *host.also))
    wanted = friendly_name(model)
    by_name = (host for name, host in of_provider if name == wanted)
    return next(by_id, None) or next(by_name, None)


def known_spellings() -> tuple[str, ...]:
    """Names to suggest where somebody misspelt one: friendly ones, and ids with their providers."""
    with_provider = (f"{host.provider}/{host.id}" for entry in model_entries().values() for host in entry.hosts)
    return (*model_entries(), *with_provider, *(f"{name}/…" for name, one in PROVIDERS.items() if one.any_model))
