"""`townhall run`: the bot on its platforms until a signal comes, or on the terminal until whoever sits there leaves."""

from __future__ import annotations

import asyncio
import gc
import logging
import shutil
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import click

from adapters.terminal.adapter import TerminalAdapter
from adapters.terminal.screen import TerminalDevice
from bot.app import App, LoadedConfig, create_adapters, create_autocomplete, open_app, open_log_file, platform_names
from bot.cli.models import used_models
from bot.commands.autocomplete import BotAutocomplete
from bot.commands.dispatch import HELP
from bot.mcp_server.listener import ListenerError, open_listener
from orchestrator_bridge.chat.adapter import Adapter
from orchestrator_bridge.common.text import listed
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.model.catalogue import SCRIPTED

if TYPE_CHECKING:
    from orchestrator_bridge.team.team import Team


def startup_summary(start: LoadedConfig) -> str:
    """A few lines for the person at the terminal."""
    team = start.team_file.team()
    who = listed([agent.name for agent in team.agents])
    platforms = platform_names(start)
    where = f"on {listed(platforms)}. Ctrl-C stops it." if platforms else "on this terminal. Type a task, or /help."
    return "\n".join([f"Townhall: team {team.name} ({who}) {where}", *_remarks(start, team)])


def _remarks(start: LoadedConfig, team: Team) -> Iterator[str]:
    if any(agent.model.startswith(f"{SCRIPTED}/") for agent in team.agents):
        yield "These agents are played from a script; no model is called. " + _real_models_hint(start)
    for model in used_models(start):
        if model.default_team and model.key == "missing":
            yield f"{model.route.key_env} is not set, so {model.route.name} cannot be called: put it into .env."


def _real_models_hint(start: LoadedConfig) -> str:
    if keys := [name for name in start.settings.set_secrets() if name.endswith("_API_KEY")]:
        return f"For real ones name models in townhall.toml; {listed(keys)} is set."
    return "For real ones put a key such as XAI_API_KEY into .env (see .env.example) and name models in townhall.toml."


YOUNG, MIDDLE, OLD = 20_000, 10, 10
"""When to look: see `gc.set_threshold`; by default 700, 10 and 10."""


def tune_gc() -> None:
    """Once everything is imported: leave what is there alone, and look at the rest seldom.

    Our values are frozen and hold no cycles, so there is little to find. By default Python looks through all that lives whenever
    that has grown by a quarter: a burst of a thousand replies stood still for 130 ms so, and took a fifth longer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)


_LOG = logging.getLogger(__name__)


async def run_bot(start: LoadedConfig) -> int:
    """Run the bot on every platform whose token is set, or else on the terminal; returns the exit code.

    Raises:
        Trouble: the data folder cannot be written, or a platform's settings do not go together.
        StoreError: the store cannot be opened, or another process has it.
        SendRejected: a platform does not take its token.
    """
    open_log_file(start)
    menu = create_autocomplete(start)
    adapters = create_adapters(start, menu, tuple(HELP))
    return await (_run_on_chat(start, adapters, menu) if adapters else _run_on_terminal(start))


async def _run_on_chat(start: LoadedConfig, adapters: Sequence[Adapter], menu: BotAutocomplete) -> int:
    """Serve until a signal comes."""
    with _stop_signals() as told_to_stop:
        async with open_app(start, adapters, start.settings.store, menu=menu) as app:
            await app.engine.start()
            async with _mcp_listener(start, app):
                click.echo(_wrapped(startup_summary(start)))
                tune_gc()
                await told_to_stop.wait()
            return 0


async def _run_on_terminal(start: LoadedConfig) -> int:
    """Serve until whoever sits there leaves, until the input has ended and all is done, or until a signal comes.

    1 where the input has ended, as that of a pipe does, and a line of it was not taken or a run of it has no answer; else 0.
    """
    terminal = TerminalAdapter(TerminalDevice(stdin=sys.stdin, screen=sys.stdout), commands=tuple(HELP))
    with _stop_signals() as told_to_stop:
        async with open_app(start, [terminal], start.settings.store) as app:
            click.echo(_wrapped(startup_summary(start)))
            await app.engine.start()
            async with _mcp_listener(start, app):
                tune_gc()
                if await _first_completed(terminal.wait_exit(), told_to_stop.wait()) != "input_ended":
                    return 0
                await _first_completed(app.engine.wait_finished(), told_to_stop.wait())
            return 1 if terminal.any_rejected or await _has_failed_run(app.engine) else 0


@asynccontextmanager
async def _mcp_listener(start: LoadedConfig, app: App) -> AsyncIterator[None]:
    """The door for agents outside. A bot whose door cannot be opened works all the same, and says so."""
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(open_listener(start, app))
        except ListenerError as error:
            _LOG.error("the door for agents outside stays shut: %s", error)
            click.echo(f"townhall: warning: the door for agents outside stays shut: {error}", err=True)
        yield


async def _has_failed_run(engine: Engine) -> bool:
    """Whether a run that began here has failed or was cancelled."""
    runs = [await engine.run(run) for run in engine.started_here]
    return any(run is not None and run.end is not None and run.end.status != "finished" for run in runs)


def _wrapped(text: str) -> str:
    """Lines as long as the window is wide; a pipe has no width."""
    if not sys.stdout.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False) for line in text.splitlines())


async def _first_completed(*waits: Coroutine[Any, Any, object]) -> object:
    """The result of whichever ends first; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()


@contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    """An event that is set when the system asks us to stop: a service manager's SIGTERM, or a closed window's SIGHUP."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    names = [signal.SIGTERM, signal.SIGHUP] if hasattr(signal, "SIGHUP") else []
    for name in names:
        loop.add_signal_handler(name, told.set)
    try:
        yield told
    finally:
        for name in names:
            loop.remove_signal_handler(name)
