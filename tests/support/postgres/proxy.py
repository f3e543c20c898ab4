"""A proxy in front of a server's socket: it cuts connections, holds bytes back, and stops at a given statement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from orchestrator_bridge.store.postgres.address import DatabaseAddress
from tests.support.postgres.server import USER, PostgresServer


@dataclass
class DatabaseProxy:
    """A proxy on the loopback interface. `lose_answer_to`: the connection is cut once the server was sent this text and has
    answered, before the answer arrives. `refusing`: new connections are cut."""

    server: PostgresServer
    port: int = 0
    lose_answer_to: bytes = b""
    refusing: bool = False
    connections: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def address(self, url: str) -> DatabaseAddress:
        """The address of a database through the proxy."""
        database = url.split("/")[3].partition("?")[0]
        return DatabaseAddress(f"postgresql://{USER}@127.0.0.1:{self.port}/{database}?sslmode=disable&gssencmode=disable")

    def cut(self) -> None:
        """Cut every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass the bytes of one connection on."""
        if self.refusing:
            writer.transport.abort()
            return
        self.connections += 1
        behind, ahead = await asyncio.open_connection("127.0.0.1", self.server.port)
        self._writers |= {writer, ahead}
        lost = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(reader, ahead, lost))
                group.create_task(self._answers(behind, writer, lost))
        except* OSError:
            pass
        finally:
            self._writers -= {writer, ahead}
            writer.transport.abort()
            ahead.transport.abort()

    async def _requests(self, reader: asyncio.StreamReader, ahead: asyncio.StreamWriter, lost: asyncio.Event) -> None:
        while sent := await reader.read(65536):
            if self.lose_answer_to and self.lose_answer_to in sent:
                self.lose_answer_to = b""
                lost.set()
            ahead.write(sent)
            await ahead.drain()
        raise ConnectionResetError

    async def _answers(self, behind: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event) -> None:
        while received := await behind.read(65536):
            if lost.is_set():
                break
            writer.write(received)
            await writer.drain()
        raise ConnectionResetError


@asynccontextmanager
async def start_proxy(server: PostgresServer) -> AsyncIterator[DatabaseProxy]:
    """A proxy in front of a server."""
    proxy = DatabaseProxy(server)
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        proxy.cut()
        await listener.wait_closed()
