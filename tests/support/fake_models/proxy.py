"""HTTP proxy that leads every host to one port of the loopback interface, and records what it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

REFUSAL = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class FakeProxy:
    """The proxy. `requests` holds the heads of requests; `token` is the value that `Proxy-Authorization` must have, if any."""

    def __init__(self, port: int, token: str = "") -> None:
        self.requests: list[str] = []
        self._port = port
        self._token = token

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(head)
            if self._token and self._token not in head:
                writer.write(REFUSAL)
                await writer.drain()
            else:
                await self._connect(head, reader, writer)
        writer.close()

    async def _connect(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        method, target, _ = head.split(" ", 2)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = target.split("/", 3)[3]
            far_writer.write(head.replace(target, f"/{path}", 1).encode())
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def fake_proxy(port: int, token: str = "") -> AsyncIterator[tuple[FakeProxy, str]]:
    """Run the proxy; yields it and its address, as `host:port`."""
    proxy = FakeProxy(port, token)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    host, own_port = server.sockets[0].getsockname()
    try:
        yield proxy, f"{host}:{own_port}"
    finally:
        server.close()
