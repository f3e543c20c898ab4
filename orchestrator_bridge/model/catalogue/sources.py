"""Sources of the catalogue: LiteLLM's bundled price map, and our own list with dated corrections (`data/<vendor>.toml`).

LiteLLM's map has prices, sizes and abilities of four thousand models in one JSON file of 3 MB; importing the package would take
seconds and 180 MB. So the file is located without running the package, read when the first real model is needed, and only the
requested entries are parsed. Its limits per minute are ignored: some are those of a free account and would throttle everybody.

Our own list has friendly names, other spellings, hosts, and corrections. Each vendor's file states the day of its last review
(`as_of`) and has one table per model. A model lists its hosts, the vendor's own first; facts that a host's table omits come from
LiteLLM's map.
"""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from orchestrator_bridge.model.catalogue.providers import PROVIDERS, Provider
from orchestrator_bridge.model.catalogue.spec import HostEntry, ModelEntry, ModelFacts, TierFacts

SOURCE = "LiteLLM's map"
_FILE = "model_prices_and_context_window_backup.json"
_TIER = re.compile(r"input_cost_per_token_above_(\d+)k_tokens$")
_MILLION = 6
_INDENTS = ("    ", "")
"""Possible indents of a model's key in the file; keys inside a model's object have a larger one."""
_BASIC_EFFORTS = ("low", "medium", "high")


def bundled_facts(key: str, provider: Provider) -> ModelFacts | None:
    """Facts of the map under a key such as `xai/grok-4.3`; None if it has no such chat model."""
    entry = bundled_entry(key)
    if entry is None or entry.get("mode") not in ("chat", "responses"):
        return None
    return ModelFacts(
        input=_rate(entry, "input_cost_per_token"),
        cached_input=_rate(entry, "cache_read_input_token_cost"),
        cache_write=_rate(entry, "cache_creation_input_token_cost") or None,
        output=_rate(entry, "output_cost_per_token"),
        tiers=tuple(_tiers(entry, provider)) or None,
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
    """Object of the map under this key, with exact decimals; None if there is none."""
    # Only this entry is parsed, not the whole file: its key is found as text, by its indent.
    text = _map_text()
    place = next((place for indent in _INDENTS if (place := text.find(f"\n{indent}{json.dumps(key)}: {{")) >= 0), None)
    if place is None:
        return None
    entry: dict[str, Any] = json.JSONDecoder(parse_float=Decimal).raw_decode(text, text.index("{", place))[0]
    return entry


@cache
def _map_text() -> str:
    spec = importlib.util.find_spec("litellm")  # locates the package without importing it
    folders = list(spec.submodule_search_locations or ()) if spec else []
    file = Path(folders[0], _FILE) if folders else None
    return file.read_text(encoding="utf-8") if file and file.is_file() else ""


def _rate(entry: Mapping[str, Any], name: str) -> Decimal | None:
    """US dollars per million tokens; the map has US dollars per token."""
    value = entry.get(name)
    # `normalize` drops trailing zeros; adding 0 turns `-0` into `0`.
    return None if value is None else Decimal(value).scaleb(_MILLION).normalize() + 0


def _size(entry: Mapping[str, Any], name: str) -> int | None:
    value = entry.get(name)
    return int(value) if isinstance(value, int | Decimal) and value > 0 else None


def _tiers(entry: Mapping[str, Any], provider: Provider) -> Iterator[TierFacts]:
    """Rates of long prompts, lowest bound first; a tier without a rate of input is incomplete and ignored."""
    for thousands in sorted(int(found[1]) for name in entry if (found := _TIER.fullmatch(name))):
        suffix, bound = f"_above_{thousands}k_tokens", thousands * 1000
        input_rate = _rate(entry, f"input_cost_per_token{suffix}")
        if input_rate is None:
            continue
        output_rate = _rate(entry, f"output_cost_per_token{suffix}") or _rate(entry, "output_cost_per_token")
        yield TierFacts(
            above=bound - 1 if provider.tiers_reach else bound,
            input=input_rate,
            cached_input=_rate(entry, f"cache_read_input_token_cost{suffix}") or _rate(entry, "cache_read_input_token_cost"),
            cache_write=_rate(entry, f"cache_creation_input_token_cost{suffix}") or None,
            output=output_rate or Decimal(0),
        )


def _efforts(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Reasoning efforts: as listed, else the usual three and those that have a flag of their own in the map."""
    listed = entry.get("reasoning_effort_levels")
    if listed is not None:
        return tuple(listed)
    if not entry.get("supports_reasoning"):
        return ()
    return (*_named_efforts(entry, "none", "minimal"), *_BASIC_EFFORTS, *_named_efforts(entry, "xhigh", "max"))


def _named_efforts(entry: Mapping[str, Any], *efforts: str) -> tuple[str, ...]:
    return tuple(effort for effort in efforts if entry.get(f"supports_{effort}_reasoning_effort"))


def _accepts(entry: Mapping[str, Any], provider: Provider) -> tuple[str, ...]:
    """Parameters of the provider's models in general, without those that this model does not support."""
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


NO_MAP_KEY = "none"
"""`map_key` of a host whose entry in LiteLLM's map is wrong and must be ignored."""
_FOLDER = Path(__file__).parent / "data"


@cache
def model_entries() -> Mapping[str, ModelEntry]:
    """All models by friendly name, in display order."""
    found: dict[str, ModelEntry] = {}
    for vendor in ("xai", "openai", "anthropic", "google", "mistral", "deepseek", "local"):
        text = (_FOLDER / f"{vendor}.toml").read_text(encoding="utf-8")
        document = tomllib.loads(text, parse_float=Decimal)
        as_of: date = document["as_of"]
        for name, table in document["models"].items():
            entry = ModelEntry.model_validate(table)
            hosts = tuple(host if host.as_of else host.model_copy(update={"as_of": as_of}) for host in entry.hosts)
            found[name] = entry.model_copy(update={"hosts": hosts})
    return MappingProxyType(found)


@cache
def _names() -> Mapping[str, str]:
    """Friendly names by every spelling of a model without a provider's prefix."""
    found: dict[str, str] = {}
    for name, entry in model_entries().items():
        for spelling in (name, *entry.also):
            found.setdefault(spelling, name)
    # Names and spellings of our list take precedence over the hosts' ids.
    for name, entry in model_entries().items():
        for host in entry.hosts:
            for spelling in (host.id, *host.also):
                found.setdefault(spelling, name)
    return MappingProxyType(found)


def friendly_name(spelling: str) -> str | None:
    """Friendly name of a model by one of its spellings; None if it is not listed.

    Phones capitalise the first letter and people type spaces for dashes: `Grok 4.1 fast` is understood.
    """
    return _names().get(spelling) or _names().get("-".join(spelling.casefold().split()))


def find_host(provider: str, model: str) -> HostEntry | None:
    """Find a model at one host by the host's id or by any of its names; None if it is not listed there."""
    of_provider = [(name, host) for name, entry in model_entries().items() for host in entry.hosts if host.provider == provider]
    by_id = (host for _, host in of_provider if model in (host.id, *host.also))
    wanted = friendly_name(model)
    by_name = (host for name, host in of_provider if name == wanted)
    return next(by_id, None) or next(by_name, None)


def known_spellings() -> tuple[str, ...]:
    """Names to suggest for a misspelled one: friendly names, and ids with their providers."""
    with_provider = (f"{host.provider}/{host.id}" for entry in model_entries().values() for host in entry.hosts)
    return (*model_entries(), *with_provider, *(f"{name}/…" for name, provider in PROVIDERS.items() if provider.any_model))
