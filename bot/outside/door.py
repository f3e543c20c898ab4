"""The door of a running bot: a socket on this machine from the start, and what serves it from when the first client comes.

What speaks HTTP and MCP takes most of a second and 30 MB to import, and most bots have no agents outside. So the socket only
listens at first; the first client waits while a thread imports the rest.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from bot.outside import door_file
from bot.outside.book import TokenRegistry
from bot.outside.door_file import EndpointFile
from bot.outside.porter import ToolService
from bot.outside.token_deeds import token_admin

if TYPE_CHECKING:
    import uvicorn

    from bot.app import App
    from bot.start import LoadedConfig

_LOG = logging.getLogger(__name__)

_HOST = "127.0.0.1"


class ListenerError(Exception):
    """The door cannot be opened. The text says why, and how to mend it."""


class McpListener:
    """A door that is open: `file` says where, `tokens` has the tokens that it takes."""

    def __init__(self, data: Path, listener: socket.socket, service: ToolService, tokens: TokenRegistry) -> None:
        self.file = EndpointFile(pid=os.getpid(), port=listener.getsockname()[1], secret=secrets.token_urlsafe(32))
        self._data = data
        self._listener = listener
        self._service = service
        self.tokens = tokens
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen from now on.

        Raises:
            OSError: the data folder cannot be written.
        """
        door_file.write_endpoint(self._data, self.file)
        asyncio.get_running_loop().add_reader(self._listener, self._on_first_client)

    def _on_first_client(self) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)
        self._serving = asyncio.create_task(self._serve(), name="door")
        self._serving.add_done_callback(_log_ended)

    async def _serve(self) -> None:
        http = await asyncio.to_thread(import_module, "bot.outside.http")
        house = http.McpHttpApp(
            self._service, self.tokens, self.file.port, self.file.secret, lambda wish: token_admin(self.tokens, wish)
        )
        async with house.running():
            self._server = http.create_http_server(house)
            await self._server.serve(sockets=[self._listener])

    async def close(self) -> None:
        """Shut it. Whoever waits behind it is sent away; what was asked lives on."""
        door_file.remove_endpoint(self._data)
        if self._serving is None:
            asyncio.get_running_loop().remove_reader(self._listener)
        else:
            if self._server is not None:
                self._server.should_exit = True
            else:
                self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
        self._listener.close()
        await self._service.stop()


@asynccontextmanager
async def open_listener(start: LoadedConfig, app: App) -> AsyncIterator[McpListener]:
    """The door of a bot whose engine has started, until the end of this.

    Raises:
        Shut: its port is taken, or the data folder cannot be written.
        StoreError: the tokens cannot be read.
    """
    book = TokenRegistry(app.store, app.clock.now)
    await book.load()
    porter = ToolService(
        engine=app.engine,
        commands=app.commands,
        store=app.store,
        directory=app.directory,
        clock=app.clock,
        budgets=start.team_file.budgets,
        platforms=app.platforms,
    )
    listener = _bind(start.settings.mcp_port)
    door = McpListener(start.settings.data, listener, porter, book)
    try:
        door.start()
    except OSError as error:
        listener.close()
        raise ListenerError(f"the data folder {start.settings.data} cannot be written: {error.strerror}") from error
    try:
        yield door
    finally:
        await door.close()


def _bind(port: int | None) -> socket.socket:
    """A socket on this machine, on a port that is free where none is wanted."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port or 0))
        listener.listen(64)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ListenerError(
            f"TOWNHALL_MCP_PORT is {port}, which cannot be had: {error.strerror}. Set another, or none for any that is free."
        ) from error
    return listener


def _log_ended(serving: asyncio.Task[None]) -> None:
    if not serving.cancelled() and serving.exception() is not None:
        _LOG.error("the door broke: agents outside cannot come in until the next start", exc_info=serving.exception())
