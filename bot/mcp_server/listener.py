"""MCP server of a running bot: a socket on this machine, and the file by which local commands find it.

The libraries that speak HTTP and MCP take most of a second and 30 MB to import, and most bots have no external agents. So the
socket only listens at first; when the first client connects, it waits while a thread imports the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from bot.app import App, LoadedConfig
from bot.mcp_server.service import ToolService
from bot.mcp_server.tokens import TokenRegistry
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.errors import TownhallError

if TYPE_CHECKING:
    import uvicorn

ENDPOINT_FILE = "door.json"
"""Named so since release 0.1.0: a `townhall mcp` of that release may still run in an editor, and looks for this name."""
_HOST = "127.0.0.1"


class ListenerError(TownhallError):
    """The MCP server cannot listen. The text says why, and how to fix it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointFile:
    """Address of a bot's MCP server. `secret` authorises what only the owner of the data folder may do: manage tokens."""

    pid: int
    port: int
    secret: str

    @property
    def url(self) -> str:
        """Address for external agents, who speak MCP over streamable HTTP."""
        return f"http://{_HOST}:{self.port}/mcp"


def write_endpoint(data: Path, endpoint: EndpointFile) -> None:
    """Write the endpoint file into the data folder, readable by its owner alone.

    Raises:
        OSError: it cannot be written.
    """
    new = data / f"{ENDPOINT_FILE}.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        json.dump(asdict(endpoint), file)
    new.replace(data / ENDPOINT_FILE)


def read_endpoint(data: Path) -> EndpointFile | None:
    """Endpoint of the bot that runs on this data folder; None if no bot runs, or its MCP server is not listening.

    A bot that was killed leaves its file behind, so the file counts only while its process holds the store.
    """
    try:
        endpoint = EndpointFile(**json.loads((data / ENDPOINT_FILE).read_text(encoding="ascii")))
    except (OSError, ValueError, TypeError):
        return None
    return endpoint if endpoint.pid == running_process(data) else None


READINESS_TIMEOUT = 20.0
"""Seconds to wait for a running bot's report of its readiness; it may have to import its HTTP server first."""


def read_readiness(endpoint: EndpointFile) -> Mapping[str, str] | None:
    """Ask a running bot why it cannot store events now: `found` and `fix`; None if it can. Blocks the caller's thread."""
    connection = http.client.HTTPConnection(_HOST, endpoint.port, timeout=READINESS_TIMEOUT)
    try:
        connection.request("GET", "/readyz", headers={"Authorization": f"Bearer {endpoint.secret}"})
        response = connection.getresponse()
        problem: Mapping[str, str] | None = json.loads(response.read())["problem"] if response.status in (200, 503) else None
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        return {"found": f"process {endpoint.pid} does not respond: {error}", "fix": "see townhall.log, or restart the bot"}
    finally:
        connection.close()
    return problem


def running_process(data: Path) -> int | None:
    """Process id in the store's lock file, if that process is alive; the lock itself is not touched."""
    try:
        pid = int((data / "townhall.db.lock").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:  # alive, and of another user
        return pid
    return pid


class McpListener:
    """A listening MCP server: `file` is its address, `tokens` are the access tokens it accepts."""

    def __init__(self, data: Path, listener: socket.socket, service: ToolService, tokens: TokenRegistry) -> None:
        self.file = EndpointFile(pid=os.getpid(), port=listener.getsockname()[1], secret=secrets.token_urlsafe(32))
        self.tokens = tokens
        self._data = data
        self._listener = listener
        self._service = service
        self._server: uvicorn.Server | None = None
        self._connected = False
        self._serving = BackgroundTasks("the MCP server failed; external agents cannot connect until the next start")

    def start(self) -> None:
        """Listen, and write the endpoint file.

        Raises:
            OSError: the data folder cannot be written.
        """
        write_endpoint(self._data, self.file)
        asyncio.get_running_loop().add_reader(self._listener, self._on_first_client)

    def _on_first_client(self) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)
        self._connected = True
        self._serving.start(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.to_thread(import_module, "bot.mcp_server.http")
        app = server.McpHttpApp(self._service, self.tokens, self.file.port, self.file.secret)
        async with app.running():
            self._server = server.create_http_server(app)
            await self._server.serve(sockets=[self._listener])

    async def close(self) -> None:
        """Stop listening and disconnect the clients; their questions stay open."""
        with contextlib.suppress(OSError):
            (self._data / ENDPOINT_FILE).unlink()
        if not self._connected:
            asyncio.get_running_loop().remove_reader(self._listener)
        elif self._server is None:
            await self._serving.stop()
        else:
            self._server.should_exit = True
            await self._serving.join()
        self._listener.close()
        await self._service.stop()


@asynccontextmanager
async def open_listener(config: LoadedConfig, app: App) -> AsyncIterator[McpListener]:
    """Run the MCP server of a bot whose engine has started, until the block ends.

    Raises:
        ListenerError: its port is taken, or the data folder cannot be written.
        StoreError: the tokens cannot be read.
    """
    tokens = TokenRegistry(app.store, app.clock.now)
    await tokens.load()
    service = ToolService(
        engine=app.engine,
        commands=app.commands,
        store=app.store,
        directory=app.directory,
        clock=app.clock,
        budgets=config.team_file.budgets,
        platforms=app.platforms,
    )
    listener = _bind(config.settings.mcp_port)
    server = McpListener(config.settings.data, listener, service, tokens)
    try:
        server.start()
    except OSError as error:
        listener.close()
        raise ListenerError(f"the data folder {config.settings.data} cannot be written: {error.strerror}") from error
    try:
        yield server
    finally:
        await server.close()


def _bind(port: int | None) -> socket.socket:
    """Socket on this machine alone; None binds any free port."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port or 0))
        listener.listen(64)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ListenerError(
            f"TOWNHALL_MCP_PORT is {port}, which cannot be used: {error.strerror}. Set another port, or leave it empty for any "
            "free port."
        ) from error
    return listener
