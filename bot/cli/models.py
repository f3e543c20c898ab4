"""`townhall models`: every model with its host, context, prices, lifecycle and missing settings, as a table or as JSON."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from bot.cli.lookups import load_token_calibrations
from bot.commands.model_view import ModelView
from bot.config.settings import Settings
from bot.doctor.models import users_of_models
from bot.formatting import calibration_objects, calibration_text, print_json
from orchestrator_bridge.model.catalogue import PROVIDERS
from orchestrator_bridge.model.catalogue.pricing import Price, Rates, format_rate, format_rates, format_size, format_tier_bound
from orchestrator_bridge.model.provider_errors import safe_base_url
from orchestrator_bridge.model.reasoning import state_owner
from orchestrator_bridge.store.interface import StoreError, TokenCalibration

if TYPE_CHECKING:
    from bot.app import LoadedConfig


Calibrations = Mapping[str, Sequence[TokenCalibration]]

_WIDTH = 80
_PLAIN = ("", "its only host here", "the vendor's own", "the vendor's own; no host's settings are set")
"""Reasons for a route that add nothing to the host's name and the missing settings."""
_HEADS = ("MODEL", "HOST", "CONTEXT", "IN", "CACHED", "OUT", "USABLE")
_WIDTHS = (28, 10, 7, 7, 7, 7, 6)
"""Seven columns with a space between them: 78 characters of 80."""


def print_models(start: LoadedConfig, search: str, as_json: bool) -> None:
    """Print the models whose names contain `search`, those of the team file first."""
    users = users_of_models(start)
    views = start.model_browser().search(users, search)
    counts = _load_calibrations(start.settings)
    if as_json:
        print_json({"models": [_model_object(view, users, counts) for view in views]})
    elif views:
        click.echo("\n".join(_lines(views, users, counts)))
    else:
        click.echo(f"No model name contains {search!r}.", err=True)


def _load_calibrations(settings: Settings) -> Calibrations:
    """Learned ratios of reported to counted tokens, by model and provider. An unreadable store gives a warning and no ratios."""
    try:
        calibrations = asyncio.run(load_token_calibrations(settings))
    except StoreError as error:
        click.echo(f"townhall: warning: the accuracy of token counts is unknown: {error}", err=True)
        return {}
    by_model: dict[str, list[TokenCalibration]] = {}
    for calibration in calibrations:
        by_model.setdefault(calibration.model, []).append(calibration)
    return by_model


def _lines(views: Sequence[ModelView], users: Mapping[str, list[str]], counts: Calibrations) -> Iterator[str]:
    yield "US dollars per million tokens; context in tokens."
    yield _columns(_HEADS)
    for view in views:
        yield _columns(_model_row(view))
        # Remarks get lines of their own: eight columns would not fit into a window of 80.
        remarks = "; ".join([*_remarks(view, users), *map(calibration_text, counts.get(state_owner(view.route), ()))])
        yield from textwrap.wrap(remarks, _WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


def _columns(cells: Sequence[str]) -> str:
    """One line of the table. A name that is too long for its column moves the others to the right."""
    first = f"{cells[0]:<{_WIDTHS[0]}} {cells[1]:<{_WIDTHS[1]}}"
    return " ".join([first, *(f"{cell:>{width}}" for cell, width in zip(cells[2:], _WIDTHS[2:], strict=True))]).rstrip()


def _model_row(view: ModelView) -> tuple[str, ...]:
    route, price = view.route, view.route.price
    rates = (price.input, price.cached, price.output) if price else (None, None, None)
    shown = ["" if rate is None else format_rate(rate).removeprefix("$") for rate in rates]
    context = format_size(route.context) if route.context else "?"
    return (route.name, route.provider, context, *shown, "yes" if view.usable else "no")


def _remarks(view: ModelView, users: Mapping[str, list[str]]) -> Iterator[str]:
    route, provider = view.route, PROVIDERS.get(view.route.provider)
    if used := users.get(route.name):
        yield f"used by {', '.join(used)}"
    if route.base_url and route.base_url != (provider.base_url if provider else ""):
        yield f"at {safe_base_url(route)}"
    if view.lacks:
        yield f"needs {', '.join(view.lacks)}"
    if view.unusable or route.tools is False:
        yield (
            "made no tool calls, so agents cannot use it" if view.unusable else "has no tools of its own, so it is asked for JSON"
        )
    if view.notice or view.badge:
        yield view.notice.rstrip(".") or view.badge
    if route.price and not view.notice:
        yield from (f"{format_tier_bound(tier)} of prompt {format_rates(tier)}" for tier in route.price.tiers)
    if route.why not in _PLAIN:
        yield route.why


def _model_object(view: ModelView, users: Mapping[str, list[str]], counts: Calibrations) -> dict[str, object]:
    """The model as a JSON object. Money is US dollars as text, so that no cent is rounded; null is unknown."""
    route, life = view.route, view.route.lifecycle
    return {
        "model": route.name,
        "provider": route.provider,
        "id": route.id,
        "why": route.why,
        "base_url": safe_base_url(route) or None,
        "client": route.client,
        "usable": view.usable,
        "lacks": view.lacks,
        "needs": route.needs,
        "used_by": users.get(route.name, []),
        "counting": calibration_objects(counts.get(state_owner(route), ())),
        "context": route.context,
        "max_output": route.max_output,
        "tools": route.tools,
        "vision": route.vision,
        "efforts": route.efforts,
        "accepts": sorted(route.accepts) if route.accepts is not None else None,
        "usd_per_million_tokens": _prices(route.price),
        "requests_per_minute": route.requests_per_minute,
        "tokens_per_minute": route.tokens_per_minute,
        "lifecycle": {
            "released": life.released,
            "retires_on": life.retires_on,
            "retired": view.retired,
            "sure": life.sure,
            "answered_by": life.answered_by or None,
            "note": life.note,
            "notice": view.notice,
        }
        if life
        else None,
    }


def _prices(price: Price | None) -> dict[str, object] | None:
    if price is None:
        return None
    tiers = [{"above": tier.above, **_rates(tier)} for tier in price.tiers]
    return {**_rates(price), "tiers": tiers, "source": price.source, "as_of": price.as_of}


def _rates(rates: Rates) -> dict[str, object]:
    return {"input": rates.input, "cached_input": rates.cached, "cache_write": rates.cache_write, "output": rates.output}
