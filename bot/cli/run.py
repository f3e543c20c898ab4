"""`townhall run`: the bot on its chat platforms until a signal stops it, or on the terminal until the user leaves."""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, cast

import click

from bot.app import App, LoadedConfig, create_adapters, create_autocomplete, open_app, open_log_file, tune_gc
from bot.commands.autocomplete import BotAutocomplete
from bot.config.errors import ConfigError, Problem
from bot.doctor.models import used_models
from bot.mcp_server.listener import ListenerError, open_listener
from bot.storage import location_name, open_store
from orchestrator_bridge.chat.adapter import Adapter, SupportsExit
from orchestrator_bridge.common.clock import SystemClock
from orchestrator_bridge.common.text import listed
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.model.catalogue import SCRIPTED
from orchestrator_bridge.model.route_memory import RouteMemory
from orchestrator_bridge.model.tool_mode import UNUSABLE_ADVICE, unusable_text
from orchestrator_bridge.store.interface import InUse

if TYPE_CHECKING:
    from orchestrator_bridge.store.interface import Store
    from orchestrator_bridge.team.team import Team


_LOG = logging.getLogger(__name__)


def startup_summary(start: LoadedConfig) -> str:
    """The lines that `townhall run` prints at its start."""
    team = start.team_file.team()
    agents = listed([agent.name for agent in team.agents])
    titles = listed([platform.title for platform in start.platforms])
    local = all(platform.local for platform in start.platforms)
    where = f"on {titles}. " + ("Type a task, or /help." if local else "Ctrl-C stops it.")
    return "\n".join([f"Townhall: team {team.name} ({agents}) {where}", *_remarks(start, team)])


def _remarks(start: LoadedConfig, team: Team) -> Iterator[str]:
    if any(agent.model.startswith(f"{SCRIPTED}/") for agent in team.agents):
        hint = "put a key such as XAI_API_KEY into .env and name models in townhall.toml."
        if keys := [name for name in start.settings.set_secrets() if name.endswith("_API_KEY")]:
            hint = f"name them in townhall.toml; {listed(keys)} {'is' if len(keys) == 1 else 'are'} set."
        yield f"These agents follow a script; no model is called. For real models, {hint}"
    for model in used_models(start):
        if model.default_team and model.key == "missing":
            yield f"{model.route.key_env} is not set, so {model.route.name} cannot be called. Put it into .env."
        if model.default_team and RouteMemory(start.settings.data, SystemClock()).get(model.route).unusable:
            yield f"{unusable_text(model.route)}, so its team starts no run. {UNUSABLE_ADVICE}"


async def run_bot(start: LoadedConfig) -> int:
    """Run the bot on every configured platform, else on the local ones; returns the exit code.

    With a PostgreSQL store, any number of processes can be started: one is active, and each other one waits as a standby until
    the active one ends. A process that another has replaced, because its connection to the database was lost, becomes a standby.

    Raises:
        ConfigError: the data folder cannot be written, or a platform's settings are incomplete.
        StoreError: the store cannot be opened, or another process uses it.
        SendRejected: a platform rejects its token.
    """
    open_log_file(start)
    while True:
        menu = create_autocomplete(start)
        adapters = create_adapters(start, menu)
        user = next((adapter for adapter in adapters if isinstance(adapter, SupportsExit)), None)
        ended = await (_run_for_user(start, adapters, menu, user) if user else _run_on_chat(start, adapters, menu))
        if ended is not None:
            return ended


async def _run_on_chat(start: LoadedConfig, adapters: Sequence[Adapter], menu: BotAutocomplete) -> int | None:
    """Serve until a signal stops the bot; None if another process has taken the store over."""
    with _stop_signals() as stop:
        store = await _open_in_turn(start, stop)
        if store is None:
            return 0
        async with open_app(start, adapters, start.settings.location, menu=menu, store=store) as app:
            await app.engine.start()
            async with _mcp_listener(start, app):
                # Printed when everything is up: a service manager or script may wait for this line.
                click.echo(_wrapped(startup_summary(start)))
                tune_gc()
                await _first_completed(stop.wait(), store.wait_lost())
        if stop.is_set():
            return 0
        _LOG.error("%s", _taken_over(start))
        return None


async def _run_for_user(start: LoadedConfig, adapters: Sequence[Adapter], menu: BotAutocomplete, user: SupportsExit) -> int:
    """Serve until the local user leaves, until the input has ended and all runs are done, or until a signal stops the bot.

    Returns 1 if the input has ended, as that of a pipe does, and one of its lines was rejected or one of its runs has no answer;
    else 0.

    Raises:
        ConfigError: the input has ended without a line.
        InUse: another process has taken the store over.
    """
    with _stop_signals() as stop:
        store = await _open_in_turn(start, stop)
        if store is None:
            return 0
        async with open_app(start, adapters, start.settings.location, menu=menu, store=store) as app:
            # Printed first: the start opens the prompt, which must come last.
            click.echo(_wrapped(startup_summary(start)))
            await app.engine.start()
            async with _mcp_listener(start, app):
                tune_gc()
                match await _first_completed(user.wait_exit(), stop.wait(), store.wait_lost()):
                    case "input_ended":
                        await _first_completed(app.engine.wait_finished(), stop.wait())
                    case None:
                        raise _taken_over(start)
                    case _:
                        return 0
            if not user.any_entry:
                raise ConfigError("standard input has ended without a task", [_NO_INPUT])
            return 1 if user.any_rejected or await _has_failed_run(app.engine) else 0


async def _open_in_turn(start: LoadedConfig, stop: asyncio.Event) -> Store | None:
    """Open the store; where it is a database that another process uses, wait for its end. None if a signal comes first."""

    def on_wait(holder: str) -> None:
        _LOG.warning("standby: %s is active; this process takes over when it ends", holder)

    opened = await _first_completed(open_store(start.settings.location, SystemClock().now, on_wait), stop.wait())
    return None if opened is True else cast("Store", opened)


def _taken_over(start: LoadedConfig) -> InUse:
    return InUse(
        f"another process has taken {location_name(start.settings.location)} over while this one was not connected to it",
        "one active bot for each database",
        "This process takes no part any more; on Discord and Slack it is a standby now",
    )


_NO_INPUT = Problem(
    where="standard input",
    found="no line",
    expected="a terminal, or one task a line",
    fix="townhall ask 'a task'; to run without a terminal, set DISCORD_TOKEN or SLACK_BOT_TOKEN in .env",
)


@asynccontextmanager
async def _mcp_listener(start: LoadedConfig, app: App) -> AsyncIterator[None]:
    """The MCP listener for external agents. Without it the bot still works, and gives a warning."""
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(open_listener(start, app))
        except ListenerError as error:
            _LOG.error("the MCP server for external agents is not available: %s", error)
            click.echo(f"townhall: warning: the MCP server for external agents is not available: {error}", err=True)
        yield


async def _has_failed_run(engine: Engine) -> bool:
    """True if a run that this process started has failed or was cancelled."""
    runs = [await engine.run(run) for run in engine.started_here]
    return any(run is not None and run.end is not None and run.end.status != "finished" for run in runs)


def _wrapped(text: str) -> str:
    """The text wrapped at the width of the window; unchanged in a pipe, which has none."""
    if not sys.stdout.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False) for line in text.splitlines())


async def _first_completed(*waits: Coroutine[Any, Any, object]) -> object:
    """Result of the first to complete; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()


@contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    """An event that is set by a stop signal: SIGTERM of a service manager, or SIGHUP of a closed window."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = [signal.SIGTERM, signal.SIGHUP] if hasattr(signal, "SIGHUP") else []
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
