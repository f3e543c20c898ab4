"""What LiteLLM's bundled map says about a model: prices, sizes, abilities. Read as data; the package is never imported here.

Importing LiteLLM takes seconds and 180 MB, its map is one JSON file of 3 MB with four thousand models. So the file is found
without running the package, read when the first real model is asked for, and of it only the objects that are wanted are parsed.
Its limits per minute are left out: some are those of a free account, which would throttle everybody else.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from orchestrator_bridge.model.catalogue.providers import Provider
from orchestrator_bridge.model.facts import ModelFacts, TierFacts

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
