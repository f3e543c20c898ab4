"""The gateway connection: opened within a deadline, and opened again when it ends for good.

discord.py reconnects and resumes by itself. Three cases remain: a first connection that fails (discord.py raises or retries for
ever, depending on where it fails), a session that Discord closes for good, and a token that is no longer valid.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import aiohttp
import discord

from adapters.discord.application import application_problems
from adapters.discord.client import IDENTIFY_PAUSE, DiscordClient, DiscordEndpoints, GatewayEvents, intents
from adapters.discord.errors import INVALID_TOKEN, error_text
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.common.backoff import Backoff
from orchestrator_bridge.common.clock import Clock, sleep_until

_LOG = logging.getLogger(__name__)

CONNECT_TIMEOUT = 45.0
"""Seconds after which an attempt to connect is given up."""

RECONNECT = Backoff(first=5.0, longest=300.0)
"""Delays before the attempts to replace a connection that has ended for good."""


class DiscordConnection(Protocol):
    """The connection as the adapter uses it; tests provide one that is open already."""

    @property
    def client(self) -> DiscordClient | None:
        """The client, while connected."""
        ...

    async def open(self, events: GatewayEvents, prepare: Callable[[DiscordClient], None]) -> None:
        """Connect. `prepare` is called with each client before it connects.

        Raises:
            NotSent: Discord cannot be reached now.
            SendRejected: Discord rejects the token.
        """
        ...

    async def close(self) -> None:
        """Disconnect. Calling it again has no effect."""
        ...


@dataclass(frozen=True, slots=True)
class _RunningClient:
    """A client, and the task in which discord.py runs it."""

    client: DiscordClient
    running: asyncio.Task[None]


class GatewayConnection:
    """Connection with this token.

    `deadline` is in seconds, as `CONNECT_TIMEOUT`; `identify_pause` is passed to `DiscordClient`.
    """

    def __init__(
        self,
        token: str,
        endpoints: DiscordEndpoints,
        clock: Clock,
        *,
        deadline: float = CONNECT_TIMEOUT,
        identify_pause: float = IDENTIFY_PAUSE,
    ) -> None:
        self._identify_pause = identify_pause
        self._token = token
        self._endpoints = endpoints
        self._clock = clock
        self._deadline = deadline
        self._running: _RunningClient | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def client(self) -> DiscordClient | None:
        """The client, while connected."""
        return self._running.client if self._running is not None else None

    async def open(self, events: GatewayEvents, prepare: Callable[[DiscordClient], None]) -> None:
        """Connect, as `DiscordConnection.open` specifies."""
        await self.close()
        await self._connect(events, prepare)
        self._keeper = asyncio.create_task(self._keep_connected(events, prepare), name="discord")

    async def close(self) -> None:
        """Disconnect. Calling it again has no effect."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        live, self._running = self._running, None
        if live is not None:
            await _stop_client(live)

    async def _connect(self, events: GatewayEvents, prepare: Callable[[DiscordClient], None]) -> None:
        """Create the client and wait until it is ready. It is set before, since its first events may need it."""
        try:
            async with asyncio.timeout(self._deadline):
                # Discord closes a session that asks for an intent the portal has not allowed, so the portal's flags come first.
                client = DiscordClient(intents(await self._read_application()), events, identify_pause=self._identify_pause)
                self._endpoints.apply_to(client)
                prepare(client)
                self._running = live = _RunningClient(client, asyncio.create_task(client.start(self._token), name="discord.py"))
                try:
                    await _ready(live)
                except BaseException:
                    self._running = None
                    await _stop_client(live)
                    raise
        except Exception as error:
            if isinstance(error, discord.LoginFailure):
                raise SendRejected(_connection_error_text(error)) from error
            raise NotSent(_connection_error_text(error)) from error

    async def _read_application(self) -> discord.ApplicationFlags:
        """The application's flags, which tell the intents that the developer portal allows. Wrong settings are logged."""
        probe = discord.Client(intents=discord.Intents(guilds=True))
        self._endpoints.apply_to(probe)
        try:
            await probe.login(self._token)
            for problem in application_problems(probe):
                _LOG.error("%s; fix: %s", problem.found, problem.fix)
            return probe.application_flags
        finally:
            await probe.close()

    async def _keep_connected(self, events: GatewayEvents, prepare: Callable[[DiscordClient], None]) -> None:
        """Replace the connection whenever it ends, until this task is cancelled."""
        while self._running is not None:
            ended = self._running
            await asyncio.wait([ended.running])
            _LOG.error(
                "the connection to Discord ended, reconnecting: %s",
                _connection_error_text(_client_error(ended.running)),
            )
            self._running = None
            await _stop_client(ended)
            await self._reconnect(events, prepare)

    async def _reconnect(self, events: GatewayEvents, prepare: Callable[[DiscordClient], None]) -> None:
        for failures in count():
            await sleep_until(self._clock, self._clock.now() + RECONNECT.delay(failures))
            try:
                await self._connect(events, prepare)
            except (NotSent, SendRejected) as error:
                _LOG.error("Discord cannot be reached, retrying: %s", error)
            else:
                return


async def _ready(live: _RunningClient) -> None:
    """Wait until the client is ready; if it ends before, raise its error."""
    waiting = asyncio.ensure_future(_wait_ready(live.client))
    # A login that fails ends the client's task and never sets the event, so both are awaited.
    try:
        await asyncio.wait([waiting, live.running], return_when=asyncio.FIRST_COMPLETED)
        if live.running.done():
            live.running.result()
            raise ConnectionError("the connection was closed before it was ready")
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def _wait_ready(client: DiscordClient) -> None:
    await client.logged_in.wait()
    await client.wait_until_ready()


async def _stop_client(live: _RunningClient) -> None:
    # Event handlers end first: they may still use the client.
    await live.client.cancel_tracked()
    with suppress(discord.DiscordException, aiohttp.ClientError, OSError):
        await live.client.close()
    live.running.cancel()
    await asyncio.gather(live.running, return_exceptions=True)


def _client_error(running: asyncio.Task[None]) -> BaseException:
    if running.cancelled():
        return asyncio.CancelledError()
    return running.exception() or ConnectionError("it was closed")


def _connection_error_text(error: BaseException) -> str:
    """The error and its fix, in words. The text never contains the token."""
    match error:
        case discord.LoginFailure():
            return INVALID_TOKEN
        case discord.PrivilegedIntentsRequired():
            return (
                "a privileged intent is switched off; fix: switch it on in the developer portal (Bot, Privileged Gateway Intents)"
            )
        case discord.ConnectionClosed():
            return f"Discord closed the connection with code {error.code}"
        case TimeoutError():
            return "no connection within the deadline; fix: check discordstatus.com and the firewall"
        case _:
            return error_text(error)
