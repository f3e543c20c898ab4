"""A bot as a real process that can be killed, and started again in an instant.

    python -m tests.resilience.harness.bot_process [--mcp] PLATFORM STORE_FILE ADDRESS...

Importing a bot takes a second or two, which fifty kills cannot afford. So one process imports everything once and forks a child
for every line `start` on its standard input. The child is the bot: a process with memory, sockets, threads and a file of its own,
which dies by signal 9 as any other does. At most one is alive. With TOWNHALL_DATABASE set, that is its store, and the bot is
ready when no other process has it. Standard output carries `started PID`, `ready PID` (its engine has
started) and `ended PID STATUS`. SIGTERM lets a bot finish its work and exit with 0. TOWNHALL_TEAM_FILE names the team file.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from bot.app import LoadedConfig, load_config, open_app
from bot.storage import StoreLocation, open_store
from orchestrator_bridge.chat.adapter import Adapter

_LOG = logging.getLogger(__name__)

PlatformName = Literal["chat", "discord", "slack"]

RESPONSE_TIMEOUT = 1.0
"""Seconds after which the bot takes a response of the platform as lost: longer than any that is merely slow here."""

EDIT_INTERVAL = 0.1
"""Seconds between two edits of a card: lives are too short for the platforms' own intervals."""

REPLACED = 3
"""Exit status of a bot that another process has replaced."""

_DIES_WITH_PARENT = 1
"""`PR_SET_PDEATHSIG` of prctl(2): a harness that is killed leaves no process behind."""


@dataclass(frozen=True, kw_only=True)
class BotSpec:
    """The bot to fork: its configuration, its platform and its store. `mcp`: with the MCP server beside the engine."""

    config: LoadedConfig
    make_adapter: Callable[[], Adapter]
    location: StoreLocation
    mcp: bool


def main() -> None:
    """Serve until standard input ends."""
    arguments = _parse(sys.argv[1:])
    _die_with_parent()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    make_adapter = _adapter_factory(arguments.platform, arguments.file, arguments.addresses)
    config = load_config()
    location = arguments.file if config.settings.database is None else config.settings.location
    spec = BotSpec(config=config, make_adapter=make_adapter, location=location, mcp=arguments.mcp)
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            _die_with_parent()
            os._exit(_run_bot(spec))
        _report(f"started {child}")
        _, status = os.waitpid(child, 0)
        _report(f"ended {child} {os.waitstatus_to_exitcode(status)}")


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mcp", action="store_true")
    parser.add_argument("platform", choices=get_args(PlatformName))
    parser.add_argument("file", type=Path)
    parser.add_argument("addresses", nargs="+")
    return parser.parse_args(arguments)


def _adapter_factory(platform: PlatformName, file: Path, addresses: list[str]) -> Callable[[], Adapter]:
    """A function that makes the platform's adapter; its libraries are imported here, before the first fork."""
    match platform:
        case "chat":
            return _chat_adapter(*addresses)
        case "discord":
            return _discord_adapter(file, *addresses)
        case "slack":
            return _slack_adapter(*addresses)


def _chat_adapter(url: str) -> Callable[[], Adapter]:
    from tests.support.fake_chat.adapter import LoopbackAdapter

    return lambda: LoopbackAdapter(url, silence=RESPONSE_TIMEOUT, pause=0.02)


def _discord_adapter(file: Path, api: str, gateway: str, token: str) -> Callable[[], Adapter]:
    from adapters.discord.adapter import DiscordAdapter
    from adapters.discord.client import DiscordEndpoints
    from adapters.discord.connection import GatewayConnection
    from orchestrator_bridge.common.clock import SystemClock
    from tests.support.fake_discord.autocomplete import FixedAutocomplete

    class QuickDiscordAdapter(DiscordAdapter):
        capabilities = replace(DiscordAdapter.capabilities, edit_interval=EDIT_INTERVAL)

    def make() -> Adapter:
        clock = SystemClock()
        connection = GatewayConnection(token, DiscordEndpoints(api=api, gateway=gateway), clock)
        commands_file = file.with_name("discord-commands")
        return QuickDiscordAdapter(
            connection, FixedAutocomplete(), clock, commands_file=commands_file, response_timeout=RESPONSE_TIMEOUT
        )

    return make


def _slack_adapter(url: str) -> Callable[[], Adapter]:
    from adapters.slack.adapter import SlackAdapter
    from adapters.slack.session import SlackConfig
    from bot.commands.dispatch import HELP
    from tests.support.fake_slack.autocomplete import FixedAutocomplete
    from tests.support.fake_slack.server import APP_TOKEN, BOT_TOKEN

    class QuickSlackAdapter(SlackAdapter):
        capabilities = replace(SlackAdapter.capabilities, edit_interval=EDIT_INTERVAL)

    config = SlackConfig(bot_token=BOT_TOKEN, app_token=APP_TOKEN, url=url, response_timeout=RESPONSE_TIMEOUT, ping_interval=0.5)
    return lambda: QuickSlackAdapter(config, FixedAutocomplete(), names=tuple(HELP))


class ReplacedError(Exception):
    """Another process has taken the store over."""


def _run_bot(spec: BotSpec) -> int:
    try:
        asyncio.run(_serve(spec))
    except ReplacedError:
        return REPLACED
    except Exception:
        _LOG.exception("the bot failed")
        return 1
    return 0


async def _serve(spec: BotSpec) -> None:
    from bot.mcp_server.listener import open_listener

    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    opening = asyncio.ensure_future(open_store(spec.location, on_wait=lambda holder: None))
    stopping = asyncio.ensure_future(terminated.wait())
    await asyncio.wait([opening, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not opening.done():  # a standby whose turn has not come
        opening.cancel()
        return
    async with open_app(spec.config, [spec.make_adapter()], spec.location, store=await opening) as app:
        await app.engine.start()
        async with open_listener(spec.config, app) if spec.mcp else nullcontext():
            _report(f"ready {os.getpid()}")
            lost = asyncio.ensure_future(app.store.wait_lost())
            await asyncio.wait([lost, stopping], return_when=asyncio.FIRST_COMPLETED)
            if lost.done():
                raise ReplacedError
            lost.cancel()
            await app.engine.wait_finished()


def _report(line: str) -> None:
    """Write a line at once, so that lines of parent and child stay whole."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)


if __name__ == "__main__":
    main()
