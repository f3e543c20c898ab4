"""What LiteLLM's bundled map says about a model: prices, sizes, abilities. Read as data; the package is never imported here.

Importing LiteLLM takes seconds and 180 MB, its map is one JSON file of 3 MB with four thousand models. So the file is found
without running the package, read when the first real model is asked for, and of it only the objects that are wanted are parsed.
Its limits per minute are left out: some are those of a free account, which would throttle everybody else.
"""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from orchestrator_bridge.common.frozen import Value
from orchestrator_bridge.model.catalogue.providers import PROVIDERS, Provider
from orchestrator_bridge.model.catalogue.spec import ModelFacts, TierFacts

SOURCE = "LiteLLM's map"
_FILE = "model_prices_and_context_window_backup.json"
_TIER = re.compile(r"input_cost_per_token_above_(\d+)k_tokens$")
_MILLION = 6
_INDENTS = ("    ", "")
"""What stands before a model's name in the file; what is nested in a model stands further in."""
_BASIC_EFFORTS = ("low", "medium", "high")


def bundled_facts(key: str, provider: Provider) -> ModelFacts | None:
    """What the map says under this key, such as `xai/grok-4.3`; None if it has no such chat model."""
    entry = bundled_entry(key)
    if entry is None or entry.get("mode") not in ("chat", "responses"):
        return None
    return ModelFacts(
        input=_rate(entry, "input_cost_per_token"),
        cached_input=_rate(entry, "cache_read_input_token_cost"),
        cache_write=_rate(entry, "cache_creation_input_token_cost") or None,
        output=_rate(entry, "output_cost_per_token"),
        tiers=_tiers(entry, provider),
        context=_size(entry, "max_input_tokens"),
        max_output=_size(entry, "max_output_tokens"),
        tools=bool(entry.get("supports_function_calling")),
        vision=bool(entry.get("supports_vision")),
        efforts=_efforts(entry),
        accepts=_accepts(entry, provider),
        retires_on=_date(entry.get("deprecation_date")),
    )


@cache
def bundled_entry(key: str) -> Mapping[str, Any] | None:
    """The object that stands under this key, numbers with a point as exact decimals; None if there is none."""
    text = _text()
    place = next((place for indent in _INDENTS if (place := text.find(f"\n{indent}{json.dumps(key)}: {{")) >= 0), None)
    if place is None:
        return None
    entry: dict[str, Any] = json.JSONDecoder(parse_float=Decimal).raw_decode(text, text.index("{", place))[0]
    return entry


@cache
def _text() -> str:
    spec = importlib.util.find_spec("litellm")  # finds the package's folder; nothing of it runs
    folders = list(spec.submodule_search_locations or ()) if spec else []
    file = Path(folders[0], _FILE) if folders else None
    return file.read_text(encoding="utf-8") if file and file.is_file() else ""


def _rate(entry: Mapping[str, Any], name: str) -> Decimal | None:
    """US dollars per million tokens, from US dollars per token."""
    value = entry.get(name)
    return None if value is None else Decimal(value).scaleb(_MILLION).normalize() + 0


def _size(entry: Mapping[str, Any], name: str) -> int | None:
    value = entry.get(name)
    return int(value) if isinstance(value, int | Decimal) and value > 0 else None


def _tiers(entry: Mapping[str, Any], provider: Provider) -> tuple[TierFacts, ...] | None:
    thousands = sorted(int(found[1]) for name in entry if (found := _TIER.fullmatch(name)))
    tiers = (_tier(entry, bound, provider) for bound in thousands)
    return tuple(tier for tier in tiers if tier is not None) or None


def _tier(entry: Mapping[str, Any], thousands: int, provider: Provider) -> TierFacts | None:
    end = f"_above_{thousands}k_tokens"
    given, taken = _rate(entry, f"input_cost_per_token{end}"), _rate(entry, f"output_cost_per_token{end}")
    if given is None:
        return None
    bound = thousands * 1000
    return TierFacts(
        above=bound - 1 if provider.tiers_reach else bound,
        input=given,
        cached_input=_rate(entry, f"cache_read_input_token_cost{end}") or _rate(entry, "cache_read_input_token_cost"),
        cache_write=_rate(entry, f"cache_creation_input_token_cost{end}") or None,
        output=taken or _rate(entry, "output_cost_per_token") or Decimal(0),
    )


def _efforts(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """The reasoning efforts: as listed, else the usual three with those that the map adds by name."""
    listed = entry.get("reasoning_effort_levels")
    if listed is not None:
        return tuple(listed)
    if not entry.get("supports_reasoning"):
        return ()
    return (*_named_efforts(entry, "none", "minimal"), *_BASIC_EFFORTS, *_named_efforts(entry, "xhigh", "max"))


def _named_efforts(entry: Mapping[str, Any], *efforts: str) -> tuple[str, ...]:
    return tuple(effort for effort in efforts if entry.get(f"supports_{effort}_reasoning_effort"))


def _accepts(entry: Mapping[str, Any], provider: Provider) -> tuple[str, ...]:
    """What the provider's models take in general, less what this one does not."""
    sampling = entry.get("supports_sampling_params", provider.samples_while_reasoning or not entry.get("supports_reasoning"))
    names = {*provider.accepts, *(provider.sampling if sampling else ())}
    if not _efforts(entry):
        names.discard("reasoning_effort")
    if not entry.get("supports_response_schema"):
        names.discard("response_format")
    return tuple(sorted(names))


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)) if value else None
    except ValueError:
        return None


# Our own list of models: friendly names, other spellings, hosts, and dated corrections to LiteLLM's map. `data/<vendor>.toml`.
#
# Each vendor's file says when it was last looked through (`as_of`) and holds one table a model. A model lists its hosts, the
# vendor's own first; what a host's table leaves out is taken from LiteLLM's map.


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
