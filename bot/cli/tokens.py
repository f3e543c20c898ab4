"""`townhall token`: through the running bot, or in the store if no bot runs."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Mapping
from typing import Any

import click

from bot.app import LoadedConfig
from bot.config.errors import ConfigError
from bot.formatting import format_time, print_json, print_table
from bot.mcp_server import listener
from bot.mcp_server.listener import EndpointFile
from bot.mcp_server.scopes import parse_token_scope
from bot.mcp_server.tokens import TokenRegistry, TokenScope, administer_tokens
from bot.storage import open_store
from orchestrator_bridge.store.interface import InUse

TIMEOUT = 30.0
"""Seconds to wait for a response of the running bot."""


async def make_token(start: LoadedConfig, name: str, given: Mapping[str, Any], as_json: bool) -> None:
    """Create a token and print it, this once.

    Raises:
        ConfigError: the scope does not fit the team file, or the name is in use.
        StoreError: the store cannot be written.
    """
    scope = parse_token_scope(start, given)
    terms = scope.model_dump(mode="json")
    secret = (await _execute(start, {"do": "make", "name": name, "terms": terms}))["secret"]
    if as_json:
        print_json({"name": name, "token": secret, "terms": terms})
        return
    click.echo(secret)
    person = f" on behalf of @{scope.person}" if scope.person else ""
    click.echo(f"Token {name} for {', '.join(scope.channels)}{person}. Store it now: it is not shown again.", err=True)


async def withdraw_token(start: LoadedConfig, name: str) -> None:
    """Revoke a token immediately.

    Raises:
        ConfigError: there is no such token.
        StoreError: the store cannot be written.
    """
    await _execute(start, {"do": "withdraw", "name": name})
    click.echo(f"Token {name} is revoked. Its questions stay open: people can still answer or cancel them.")


async def list_tokens(start: LoadedConfig, as_json: bool) -> None:
    """Print all tokens, revoked ones too.

    Raises:
        StoreError: the store cannot be read.
    """
    tokens = (await _execute(start, {"do": "list"}))["tokens"]
    if as_json:
        print_json({"tokens": tokens})
    elif tokens:
        print_table(["TOKEN", "STATE", "CREATED", "FOR", "PER DAY", "CHANNELS"], [_row(token) for token in tokens])
    else:
        click.echo("There are no tokens yet. Create one: townhall token make laptop", err=True)


def _row(token: Mapping[str, Any]) -> list[str]:
    scope = TokenScope.model_validate(token["terms"])
    state = "valid" if token["withdrawn_at"] is None else f"revoked {format_time(token['withdrawn_at'])}"
    money = "" if scope.money_a_day is None else f", ${scope.money_a_day}"
    per_day = f"{scope.questions_a_day} questions, {scope.runs_a_day} runs{money}"
    person = f"@{scope.person}" if scope.person else "terminal user"
    return [token["name"], state, format_time(token["made_at"]), person, per_day, ", ".join(scope.channels)]


async def _execute(start: LoadedConfig, request: Mapping[str, Any]) -> dict[str, Any]:
    """Send the request to the running bot, or carry it out in the store if no bot runs."""
    # A running bot holds the store's lock, and keeps its tokens in memory: a revoked one must fail at its next call.
    endpoint = listener.read_endpoint(start.settings.data)
    if endpoint:
        result = await asyncio.to_thread(_ask_running_bot, endpoint, request)
    else:
        result = await _execute_in_store(start, request)
    if "trouble" in result:
        raise ConfigError(result["trouble"])
    return result


def _ask_running_bot(endpoint: EndpointFile, request: Mapping[str, Any]) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=TIMEOUT)
    try:
        headers = {"Authorization": f"Bearer {endpoint.secret}", "Content-Type": "application/json"}
        connection.request("POST", "/tokens", json.dumps(request), headers)
        response = connection.getresponse()
        body: dict[str, Any] = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ConfigError(
            f"the bot runs (process {endpoint.pid}), but its MCP server does not respond: {error}. See townhall.log"
        ) from error
    finally:
        connection.close()
    return body if response.status == 200 else {"trouble": str(body.get("error", response.status))}


async def _execute_in_store(start: LoadedConfig, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        store = await open_store(start.settings.location)
    except InUse as error:
        raise ConfigError(f"a bot runs, but its MCP server does not; see its output and townhall.log. {error}") from error
    try:
        registry = TokenRegistry(store, time.time)
        await registry.load()
        return await administer_tokens(registry, request)
    finally:
        await store.close()
