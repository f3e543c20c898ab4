"""The connection to Discord: made within a deadline, kept alive, made anew when it ends for good.

discord.py reconnects and resumes by itself. Three ends are left to us: a first connection that fails (which it either dies of or
tries for ever, depending on where it fails), a session that Discord closes for good, and a token that is no longer valid.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Protocol

import aiohttp
import discord

from adapters.discord.addresses import Addresses
from adapters.discord.client import IDENTIFY_PAUSE, Client, Ears, intents
from orchestrator_bridge.chat import NotSent, SendRejected
from orchestrator_bridge.clock import Clock, sleep_until

_LOG = logging.getLogger(__name__)

DEADLINE = 45.0
"""Seconds in which a connection is there or is given up."""
AGAIN = (5.0, 15.0, 60.0, 300.0)
"""Seconds before a connection that ended for good is made anew, the first time, the second, and so on."""


class Connection(Protocol):
    """What the adapter needs of a connection; tests bring one that is made already."""

    @property
    def client(self) -> Client | None:
        """The client, while there is one."""
        ...

    async def open(self, ears: Ears, prepare: Callable[[Client], None]) -> None:
        """Connect. `prepare` is called with each client before it connects.

        Raises:
            NotSent: there is no connection just now.
            SendRejected: Discord does not take the token.
        """
        ...

    async def close(self) -> None:
        """Disconnect; again is harmless."""
        ...


@dataclass(frozen=True, slots=True)
class _Live:
    """A client, and the task in which discord.py runs it."""

    client: Client
    running: asyncio.Task[None]


class RealConnection:
    """A connection with this token. `deadline`, in seconds, as `DEADLINE`; `identify_pause` as `Client` has it."""

    def __init__(
        self,
        token: str,
        addresses: Addresses,
        clock: Clock,
        *,
        deadline: float = DEADLINE,
        identify_pause: float = IDENTIFY_PAUSE,
    ) -> None:
        self._identify_pause = identify_pause
        self._token = token
        self._addresses = addresses
        self._clock = clock
        self._deadline = deadline
        self._live: _Live | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def client(self) -> Client | None:
        """The client, while there is one."""
        return self._live.client if self._live is not None else None

    async def open(self, ears: Ears, prepare: Callable[[Client], None]) -> None:
        """Connect, as `Connection.open` says."""
        await self.close()
        await self._connect(ears, prepare)
        self._keeper = asyncio.create_task(self._keep(ears, prepare), name="discord")

    async def close(self) -> None:
        """Disconnect; again is harmless."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        live, self._live = self._live, None
        if live is not None:
            await _end(live)

    async def _connect(self, ears: Ears, prepare: Callable[[Client], None]) -> None:
        """Make the client and wait until it is ready. It is used before: what it hears at once must not be lost."""
        try:
            async with asyncio.timeout(self._deadline):
                client = Client(intents(await self._flags()), ears, identify_pause=self._identify_pause)
                self._addresses.use(client)
                prepare(client)
                self._live = live = _Live(client, asyncio.create_task(client.start(self._token), name="discord.py"))
                try:
                    await _ready(live)
                except BaseException:
                    self._live = None
                    await _end(live)
                    raise
        except Exception as error:
            if isinstance(error, discord.LoginFailure):
                raise SendRejected(_explained(error)) from error
            raise NotSent(_explained(error)) from error

    async def _flags(self) -> discord.ApplicationFlags:
        """What the developer portal allows this application."""
        probe = discord.Client(intents=discord.Intents(guilds=True), max_ratelimit_timeout=30.0)
        self._addresses.use(probe)
        try:
            await probe.login(self._token)
            return probe.application_flags
        finally:
            await probe.close()

    async def _keep(self, ears: Ears, prepare: Callable[[Client], None]) -> None:
        """See to it that there is a connection, until this is cancelled."""
        while self._live is not None:
            ended = self._live
            await asyncio.wait([ended.running])
            _LOG.error("the connection to Discord has ended, which is made anew: %s", _explained(_error_of(ended.running)))
            self._live = None
            await _end(ended)
            await self._again(ears, prepare)

    async def _again(self, ears: Ears, prepare: Callable[[Client], None]) -> None:
        for pause in chain(AGAIN, repeat(AGAIN[-1])):
            await sleep_until(self._clock, self._clock.now() + pause)
            try:
                await self._connect(ears, prepare)
            except (NotSent, SendRejected) as error:
                _LOG.error("Discord cannot be reached, which is tried again: %s", error)
            else:
                return


async def _ready(live: _Live) -> None:
    """Wait until the client is ready; if it ends before, raise what it ended of."""
    waiting = asyncio.ensure_future(_wait_ready(live.client))
    try:
        await asyncio.wait([waiting, live.running], return_when=asyncio.FIRST_COMPLETED)
        if live.running.done():
            live.running.result()
            raise ConnectionError("the connection was closed before it was ready")
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def _wait_ready(client: Client) -> None:
    await client.logged_in.wait()
    await client.wait_until_ready()


async def _end(live: _Live) -> None:
    await live.client.drop()
    with suppress(discord.DiscordException, aiohttp.ClientError, OSError):
        await live.client.close()
    live.running.cancel()
    await asyncio.gather(live.running, return_exceptions=True)


def _error_of(running: asyncio.Task[None]) -> BaseException:
    if running.cancelled():
        return asyncio.CancelledError()
    return running.exception() or ConnectionError("it was closed")


def _explained(error: BaseException) -> str:
    """What went wrong and how to mend it; the token never stands in it."""
    match error:
        case discord.LoginFailure():
            return "Discord refuses DISCORD_TOKEN: take the present one from the developer portal (Bot, Reset Token)"
        case discord.PrivilegedIntentsRequired():
            return "an intent was switched off in the developer portal (Bot, Privileged Gateway Intents); switch it on again"
        case discord.ConnectionClosed():
            return f"Discord closed the connection with code {error.code}"
        case TimeoutError():
            return "no connection within the deadline: is Discord down, or a firewall in between?"
        case _:
            return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
