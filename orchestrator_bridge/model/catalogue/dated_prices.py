"""Prices from genai-prices: dated, with tiers, for the vendors' own interfaces and for OpenRouter.

The package is imported when the first price is asked for: it takes about a second and 30 MB. Clouds are left to LiteLLM's map,
since genai-prices falls back to the vendor's price where a cloud has another one.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypedDict

from orchestrator_bridge.model.catalogue.pricing import Price, Tier

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

_LOG = logging.getLogger(__name__)

_PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "xai": "x-ai",
        "openai": "openai",
        "anthropic": "anthropic",
        "gemini": "google",
        "mistral": "mistral",
        "deepseek": "deepseek",
        "openrouter": "openrouter",
    }
)
"""Names of our providers in genai-prices."""

_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8})$")
_HOURS = range(24)


def dated_price(provider: str, model: str, today: date | None = None) -> Price | None:
    """Price of a model at a provider on a day in UTC; None if it is not listed. Without `today`, the last announced price.

    Where the price depends on the hour (DeepSeek), the highest one of the day applies.
    """
    if provider not in _PROVIDERS:
        return None
    info = _find(_PROVIDERS[provider], model)
    if info is None:
        return None
    day = today or date.max
    prices = (info.get_prices(datetime.combine(day, time(hour), UTC)) for hour in _HOURS)
    return max(filter(None, map(_price, prices)), key=lambda price: price.input + price.output, default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceFile:
    """Downloaded prices: the day, the version of genai-prices that can read them, and the providers as it has them."""

    as_of: str
    package: str
    providers: list[Any]

    @property
    def models(self) -> int:
        """Number of models."""
        return sum(len(provider["models"]) for provider in self.providers)

    def dump(self) -> str:
        """As JSON."""
        return json.dumps({"as_of": self.as_of, "package": self.package, "providers": self.providers})


def read_price_file(providers: object, as_of: str) -> PriceFile:
    """Verify downloaded prices.

    Raises:
        ValueError: they are not a list of providers, or a provider that Townhall uses is missing or has no prices.
    """
    if not isinstance(providers, list):
        raise ValueError(f"{type(providers).__name__} in place of a list of providers")
    found = {provider.id: provider for provider in _parse(providers).providers}
    if missing := [name for name in _PROVIDERS.values() if name not in found or not found[name].models]:
        raise ValueError(f"no models of {', '.join(missing)}")
    return PriceFile(as_of=as_of, package=_package(), providers=providers)


def _parse(providers: list[Any]) -> DataSnapshot:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import _providers_from_raw  # its own updater reads a download with it, and with nothing public

    return DataSnapshot(providers=_providers_from_raw(providers), from_auto_update=True)


def prices_path(folder: Path) -> Path:
    """File of the downloaded prices in the data folder."""
    return folder / "prices.json"


class _Downloaded:
    """Place of the downloaded prices; None until the settings are read, and in tests."""

    folder: Path | None = None


def use_downloaded(folder: Path | None) -> None:
    """Prefer the prices in this data folder, if there are any. Call it before the first price is needed."""
    _Downloaded.folder = folder
    _loaded.cache_clear()


@cache
def _loaded() -> tuple[DataSnapshot, str]:
    """The prices in use and their source. A download is used until a newer package is installed, whose prices are newer."""
    from genai_prices.data_snapshot import get_snapshot

    if _Downloaded.folder is not None:
        try:
            stored = json.loads(prices_path(_Downloaded.folder).read_text(encoding="utf-8"))
            if stored["package"] == _package():
                return _parse(stored["providers"]), f"genai-prices of {stored['as_of']}"
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError):
            _LOG.warning("%s cannot be read; the prices of the package are used", prices_path(_Downloaded.folder))
    return get_snapshot(), f"genai-prices {_package()}"


def _find(provider: str, model: str) -> ModelInfo | None:
    """Model with exactly this id, or with this id before the date of a release.

    genai-prices also matches by the beginning of a name. So `mistral-large-latest` would be an older model, at its price.
    """
    try:
        _, info = _loaded()[0].find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return info if info.id.lower() in (model.lower(), _DATED.sub("", model.lower())) else None


def _price(listed: ModelPrice) -> Price | None:
    if listed.input_mtok is None or listed.output_mtok is None:
        return None
    rates = (listed.input_mtok, listed.cache_read_mtok, listed.cache_write_mtok, listed.output_mtok)
    bounds = sorted({tier.start for rate in rates for tier in getattr(rate, "tiers", ())})
    tiers = tuple(Tier(above=bound, **_rates_at(listed, bound + 1)) for bound in bounds)
    return Price(**_rates_at(listed, 0), tiers=tiers, source=_loaded()[1])


class _RatesAt(TypedDict):
    input: Decimal
    output: Decimal
    cached: Decimal | None
    cache_write: Decimal | None


def _rates_at(listed: ModelPrice, prompt: int) -> _RatesAt:
    """Rates of a prompt of this many tokens."""
    return {
        "input": _rate(listed.input_mtok, prompt) or Decimal(0),
        "output": _rate(listed.output_mtok, prompt) or Decimal(0),
        "cached": _rate(listed.cache_read_mtok, prompt),
        "cache_write": _rate(listed.cache_write_mtok, prompt),
    }


def _rate(rate: Decimal | TieredPrices | None, prompt: int) -> Decimal | None:
    if rate is None or isinstance(rate, Decimal):
        return rate
    return next((tier.price for tier in reversed(rate.tiers) if prompt > tier.start), rate.base)


@cache
def _package() -> str:
    return version("genai-prices")
