"""Socket Mode of the fake Slack: envelopes go over the newest connection, and again over the next if it is lost before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from aiohttp import WSMsgType, web

from tests.support.fake_slack.state import Envelope, World


class Sockets:
    """The connections. `count` is their number so far; the next `refused` ones are refused.

    While `silent` is set, they are open but silent: nothing is sent, and no ping is answered.
    """

    def __init__(self, world: World, until: Callable[[Callable[[], Any]], Awaitable[None]], ring: Callable[[], None]) -> None:
        self.count = 0
        self.refused = 0
        self.silent = False
        self._world = world
        self._until = until
        self._ring = ring
        self._socket: web.WebSocketResponse | None = None
        self._request: web.BaseRequest | None = None
        self._sent: set[int] = set()
        self._tickets: set[str] = set()

    def ticket(self) -> str:
        """A ticket for one connection."""
        ticket = str(self._world.number())
        self._tickets.add(ticket)
        return ticket

    def cut(self) -> None:
        """Cut the connection, like a lost network."""
        if self._request is not None and self._request.transport is not None:
            self._request.transport.abort()

    async def disconnect(self) -> None:
        """Ask the app to reconnect, as Slack does before it closes a socket."""
        await self._until(lambda: self._socket is not None)
        assert self._socket is not None
        await self._socket.send_json({"type": "disconnect", "reason": "refresh_requested"})

    async def listen(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one connection."""
        if not self._admits(request):
            return web.Response(status=403)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        self.count += 1
        self._socket, self._request, self._sent = socket, request, set()
        await socket.send_json({"type": "hello", "num_connections": 1})
        self._ring()
        feeding = asyncio.create_task(self._feed(socket))
        try:
            await self._hear(socket)
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            if self._socket is socket:
                self._socket = self._request = None
        return socket

    def _admits(self, request: web.BaseRequest) -> bool:
        ticket = request.query.get("ticket", "")
        known, refused = ticket in self._tickets, self.refused > 0
        self._tickets.discard(ticket)
        self.refused -= refused
        return known and not refused

    async def _feed(self, socket: web.WebSocketResponse) -> None:
        while True:
            await self._until(lambda: self._waiting(socket))
            for envelope in self._waiting(socket):
                self._sent.add(envelope.number)
                with suppress(ConnectionError):
                    await socket.send_json(_wire(envelope))

    def _waiting(self, socket: web.WebSocketResponse) -> list[Envelope]:
        here = socket is self._socket and not self.silent
        return [envelope for envelope in self._world.unacknowledged.values() if here and envelope.number not in self._sent]

    async def _hear(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if self.silent:
                continue
            if message.type == WSMsgType.PING:
                await socket.pong(message.data)
            elif message.type == WSMsgType.TEXT:
                answer = json.loads(message.data)
                self._world.acknowledge(int(answer["envelope_id"]), answer.get("payload"))


def _wire(envelope: Envelope) -> dict[str, Any]:
    wired = {"type": envelope.kind, "envelope_id": str(envelope.number), "payload": envelope.payload}
    again = {"retry_attempt": envelope.attempt, "retry_reason": "timeout"} if envelope.attempt else {}
    return {**wired, **again, "accepts_response_payload": envelope.kind != "events_api"}
