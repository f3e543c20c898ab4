"""`townhall models --refresh`: newer prices, and the endpoints' own lists of models, stored in the data folder.

Nothing is downloaded unless this command is given. What it stores is used from then on, without a connection, until a newer
genai-prices is installed.
"""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import click
from yarl import URL

from bot.app import LoadedConfig
from bot.config.errors import ConfigError, Problem
from orchestrator_bridge.common.network import proxy_for
from orchestrator_bridge.common.private_files import create_private_folder
from orchestrator_bridge.common.text import counted
from orchestrator_bridge.model.catalogue import PROVIDERS, Route, resolve
from orchestrator_bridge.model.catalogue.dated_prices import PriceFile, prices_path, read_price_file
from orchestrator_bridge.model.errors import ModelError
from orchestrator_bridge.model.listing import has_list, list_models, lists_path
from orchestrator_bridge.model.openai.network import tls_context
from orchestrator_bridge.model.provider_errors import safe_base_url

PRICES = "https://raw.githubusercontent.com/pydantic/genai-prices/refs/heads/main/prices/new_data/v2/data.json"
"""Prices in the format of genai-prices 0.2, as `genai_prices.update_prices` downloads them."""

_TIMEOUT = 60.0
_MAX_BYTES = 50_000_000


async def refresh(start: LoadedConfig, prices: str = PRICES) -> int:
    """Download, verify and store prices and lists; returns the exit code: 1 if something could not be updated.

    Raises:
        ConfigError: the prices cannot be downloaded or stored, or are not what is expected. The stored ones stay.
    """
    folder = start.settings.data
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    file = await _download_prices(prices, today)
    try:
        create_private_folder(folder)
        _write(prices_path(folder), file.dump())
    except OSError as error:
        raise _failed(str(folder), str(error), "a folder that can be written") from error
    click.echo(f"Prices of {today}: {len(file.providers)} providers, {file.models} models.")
    lists, faults = await _endpoint_lists(start)
    _write(lists_path(folder), json.dumps({"as_of": today, "endpoints": lists}, indent=1))
    for address, ids in lists.items():
        click.echo(f"{address}: {counted(len(ids), 'model')}." if ids else f"{address}: no list of ids to check.")
    for fault in faults:
        click.echo(f"townhall: warning: {fault}", err=True)
    return 1 if faults else 0


async def _download_prices(address: str, today: str) -> PriceFile:
    url = URL(address)
    try:
        ssl = await asyncio.to_thread(tls_context) if url.scheme == "https" else True
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT)) as session,
            session.get(url, proxy=proxy_for(address), ssl=ssl) as response,
        ):
            response.raise_for_status()
            body = await response.content.read(_MAX_BYTES)
    except (aiohttp.ClientError, ModelError, OSError) as error:
        raise _failed(address, str(error) or type(error).__name__, "an answer with prices") from error
    try:
        return read_price_file(json.loads(body), today)
    except ValueError as error:
        raise _failed(address, str(error), "a list of providers with their models and prices") from error


def _failed(where: str, found: str, expected: str) -> ConfigError:
    problem = Problem(where=where, found=found, expected=expected, fix="try again later; the stored prices stay in use")
    return ConfigError("the prices cannot be updated", [problem])


async def _endpoint_lists(start: LoadedConfig) -> tuple[dict[str, list[str]], list[str]]:
    """Ids by address, of every provider with a key and of the team file's own endpoints; and what could not be reached.

    A server without a list, or one that takes any id, has no ids.
    """
    lists: dict[str, list[str]] = {}
    faults: list[str] = []
    for route in _routes(start):
        try:
            listed = await list_models(route, start.provider_settings.get(route.key_env or "", "").strip())
        except ModelError as error:
            faults.append(f"{safe_base_url(route) or route.provider}: {error.found} {error.advice}".strip())
        else:
            lists[listed.address] = [] if listed.takes_any_id else sorted(listed.ids)
    return lists, faults


def _routes(start: LoadedConfig) -> list[Route]:
    """One route for each endpoint that can be asked."""
    settings = start.provider_settings
    vendors = [
        resolve(f"{provider.name}/any", base_urls=start.settings.base_urls)
        for provider in PROVIDERS.values()
        if provider.key_env and all(settings.get(name) for name in provider.needs)
    ]
    own = [start.route(name) for name in start.team_file.models]
    by_address = {route.base_url or route.provider: route for route in (*own, *vendors) if has_list(route)}
    return list(by_address.values())


def _write(path: Path, text: str) -> None:
    """Replace a file whole, so that a reader finds the old or the new one."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
