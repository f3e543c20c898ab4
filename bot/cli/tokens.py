"""`townhall token`: through the door of the running bot, or in the store when none runs."""

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
from bot.mcp_server.http import token_admin
from bot.mcp_server.listener import EndpointFile
from bot.mcp_server.scopes import parse_token_scope
from bot.mcp_server.tokens import TokenRegistry, TokenScope
from orchestrator_bridge.store.interface import InUse
from orchestrator_bridge.store.sqlite.store import SqliteStore

TIMEOUT = 30.0
"""Seconds that the running bot gets for an answer."""


async def make_token(start: LoadedConfig, name: str, given: Mapping[str, Any], as_json: bool) -> None:
    """Make a token and show it, this once.

    Raises:
        Trouble: the terms do not fit the team file, or the name is taken.
        StoreError: the store cannot be written.
    """
    terms = parse_token_scope(start, given)
    secret = (await _execute(start, {"do": "make", "name": name, "terms": terms.model_dump(mode="json")}))["secret"]
    if as_json:
        print_json({"name": name, "token": secret, "terms": terms.model_dump(mode="json")})
        return
    click.echo(secret)
    whom = f" on behalf of @{terms.person}" if terms.person else ""
    click.echo(f"This is the token {name}, for {', '.join(terms.channels)}{whom}. It is not shown again.", err=True)


async def withdraw_token(start: LoadedConfig, name: str) -> None:
    """Make a token good for nothing, at once.

    Raises:
        Trouble: there is no such token.
        StoreError: the store cannot be written.
    """
    await _execute(start, {"do": "withdraw", "name": name})
    click.echo(f"The token {name} is withdrawn. What was asked with it stays open for people to answer or to close.")


async def list_tokens(start: LoadedConfig, as_json: bool) -> None:
    """Every token, withdrawn ones too.

    Raises:
        StoreError: the store cannot be read.
    """
    tokens = (await _execute(start, {"do": "list"}))["tokens"]
    if as_json:
        print_json({"tokens": tokens})
    elif tokens:
        print_table(["TOKEN", "STATE", "MADE", "FOR", "A DAY", "CHANNELS"], [_row(token) for token in tokens])
    else:
        click.echo("No token yet. Make one: townhall token make laptop", err=True)


def _row(token: Mapping[str, Any]) -> list[str]:
    terms = TokenScope.model_validate(token["terms"])
    state = "holds" if token["withdrawn_at"] is None else f"withdrawn {format_time(token['withdrawn_at'])}"
    money = "" if terms.money_a_day is None else f", ${terms.money_a_day}"
    a_day = f"{terms.questions_a_day} questions, {terms.runs_a_day} runs{money}"
    whom = f"@{terms.person}" if terms.person else "whoever sits there"
    return [token["name"], state, format_time(token["made_at"]), whom, a_day, ", ".join(terms.channels)]


async def _execute(start: LoadedConfig, wish: Mapping[str, Any]) -> dict[str, Any]:
    """Through the door of the bot that runs, else in the store."""
    door = listener.read_endpoint(start.settings.data)
    done = await asyncio.to_thread(_ask_running_bot, door, wish) if door else await _execute_in_store(start, wish)
    if "trouble" in done:
        raise ConfigError(done["trouble"])
    return done


def _ask_running_bot(door: EndpointFile, wish: Mapping[str, Any]) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=TIMEOUT)
    try:
        headers = {"Authorization": f"Bearer {door.secret}", "Content-Type": "application/json"}
        connection.request("POST", "/tokens", json.dumps(wish), headers)
        answer = connection.getresponse()
        told: dict[str, Any] = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ConfigError(
            f"the bot runs (process {door.pid}); its door gives no answer: {error}. townhall.log may say why"
        ) from error
    finally:
        connection.close()
    return told if answer.status == 200 else {"trouble": str(told.get("error", answer.status))}


async def _execute_in_store(start: LoadedConfig, wish: Mapping[str, Any]) -> dict[str, Any]:
    try:
        store = await SqliteStore.open(start.settings.store)
    except InUse as error:
        raise ConfigError(f"a bot runs whose door is shut; its output and townhall.log say why. {error}") from error
    try:
        book = TokenRegistry(store, time.time)
        await book.load()
        return await token_admin(book, wish)
    finally:
        await store.close()
