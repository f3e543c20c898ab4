"""The door of a running bot: a socket on this machine from the start, and what serves it from when the first client comes.

What speaks HTTP and MCP takes most of a second and 30 MB to import, and most bots have no agents outside. So the socket only
listens at first; the first client waits while a thread imports the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from bot.mcp_server.http import token_admin
from bot.mcp_server.service import ToolService
from bot.mcp_server.tokens import TokenRegistry
from orchestrator_bridge.common.errors import TownhallError

if TYPE_CHECKING:
    import uvicorn

    from bot.app import App, LoadedConfig


# The file by which the commands of this machine find the running bot's door: its port, and a secret of that process.
#
# Only the owner of the data folder can read it. A bot that was killed leaves it behind, so it holds only
# while its process is the one that has the store.


ENDPOINT_FILE = "door.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointFile:
    """Where the door of a process is. `secret` opens what only the owner may do."""

    pid: int
    port: int
    secret: str

    @property
    def url(self) -> str:
        """Where agents outside speak MCP (streamable HTTP)."""
        return f"http://127.0.0.1:{self.port}/mcp"


def write_endpoint(data: Path, door: EndpointFile) -> None:
    """Leave word of a door in the data folder, for its owner alone.

    Raises:
        OSError: it cannot be written.
    """
    new = data / f"{ENDPOINT_FILE}.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        json.dump(asdict(door), file)
    new.replace(data / ENDPOINT_FILE)


def remove_endpoint(data: Path) -> None:
    """The door is shut."""
    with contextlib.suppress(OSError):
        (data / ENDPOINT_FILE).unlink()


def read_endpoint(data: Path) -> EndpointFile | None:
    """The door of the bot that runs on this data folder; None where none runs, or its door is shut."""
    try:
        door = EndpointFile(**json.loads((data / ENDPOINT_FILE).read_text(encoding="ascii")))
    except (OSError, ValueError, TypeError):
        return None
    return door if door.pid == running_process(data) else None


def running_process(data: Path) -> int | None:
    """The process that has the store of a data folder, as it signed the lock; None where none lives. No lock is touched."""
    try:
        pid = int((data / "townhall.db.lock").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return pid if _is_alive(pid) else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


_LOG = logging.getLogger(__name__)

_HOST = "127.0.0.1"


class ListenerError(TownhallError):
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
        write_endpoint(self._data, self.file)
        asyncio.get_running_loop().add_reader(self._listener, self._on_first_client)

    def _on_first_client(self) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)
        self._serving = asyncio.create_task(self._serve(), name="door")
        self._serving.add_done_callback(_log_ended)

    async def _serve(self) -> None:
        http = await asyncio.to_thread(import_module, "bot.mcp_server.http")
        house = http.McpHttpApp(
            self._service, self.tokens, self.file.port, self.file.secret, lambda wish: token_admin(self.tokens, wish)
        )
        async with house.running():
            self._server = http.create_http_server(house)
            await self._server.serve(sockets=[self._listener])

    async def close(self) -> None:
        """Shut it. Whoever waits behind it is sent away; what was asked lives on."""
        remove_endpoint(self._data)
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
