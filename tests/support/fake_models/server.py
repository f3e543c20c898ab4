"""Fake model server on the loopback interface, for tests and benchmarks. It answers by plan and records its requests.

It speaks OpenAI's two formats, or that of another vendor (`wire`). It refuses what no server in that format takes, and what a
vendor refuses (`refuses`).

In process it is an async context manager:

    async with ModelServer([Play(text="hello"), Play(status=429)]) as server:
        ...                              # clients talk to server.url
        await server.request_arrives(2)  # the second request, once it is there

As a process of its own it prints its address: `python -m tests.support.fake_models.server --port 0 --player team --delay-ms 200`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.support.fake_models.players import team_behaviour
from tests.support.fake_models.refusals import Rule, first_refusal
from tests.support.fake_models.replies import Behaviour, ModelCall, ReplyQueue, ScriptedReply
from tests.support.fake_models.responses_wire import RESPONSES
from tests.support.fake_models.wire import DONE, OPENAI, Wire

WHOLE = frozenset({"big-1"})
"""Models whose answers come whole although a stream was asked for, as some servers send them."""

Listener = Callable[[ModelCall], None]


class ModelServer:
    """The server. `requests` are in order of arrival.

    `answered` holds the numbers of requests whose whole answer was written to the connection, `left` of those whose client
    disconnected before that. `on_arrival` and `on_answer` are called for each request that arrives or is answered in full.
    """

    def __init__(
        self,
        behaviour: Behaviour | Sequence[ScriptedReply] = team_behaviour,
        *,
        port: int = 0,
        listener: Listener | None = None,
        wire: Wire | None = None,
        refuses: Sequence[Rule] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.behaviour: Behaviour = behaviour if callable(behaviour) else ReplyQueue(behaviour)
        self.requests: list[ModelCall] = []
        self.answered: set[int] = set()
        self.on_answer: Listener = _nobody
        self.left: set[int] = set()
        self.url = self.root = ""
        self._wires = (OPENAI, RESPONSES) if wire is None else (wire,)
        self._refuses = refuses
        self._tls = tls
        self._port = port
        self.on_arrival: Listener = listener or _nobody
        self._transports: set[asyncio.Transport | None] = set()
        self._changed = asyncio.Condition()
        # A server without routes: it has two doors and is used to measure what others cost.
        self._runner = web.ServerRunner(web.Server(self._serve, handler_cancellation=True, access_log=None), shutdown_timeout=0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen on the loopback; `url` is the base address from then on, `/v1` included, and `root` is it without that."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]
        self.root = f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"
        self.url = f"{self.root}/v1"

    async def stop(self) -> None:
        """Close the port and every connection."""
        await self._runner.cleanup()

    @property
    def connections(self) -> int:
        """Number of connections over which requests came."""
        return len(self._transports)

    async def request_arrives(self, number: int) -> ModelCall:
        """Wait for the request with this number, counted from 1, and return it."""
        await self._until(lambda: len(self.requests) >= number)
        return self.requests[number - 1]

    async def client_leaves(self, number: int) -> None:
        """Wait until the client of this request has disconnected before the end of its answer."""
        await self._until(lambda: number in self.left)

    def repeated_requests(self) -> list[ModelCall]:
        """The requests whose like had been answered in full before they arrived."""
        return [later for later in self.requests if any(self._is_repeat(later, earlier) for earlier in self.requests)]

    def _is_repeat(self, later: ModelCall, earlier: ModelCall) -> bool:
        return earlier.number < later.number and earlier.fingerprint == later.fingerprint and earlier.number in self.answered

    async def _until(self, true: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(true)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/v1/models":
            return web.json_response({"object": "list", "data": [{"id": "test-model", "object": "model"}]})
        wire = next((wire for wire in self._wires if wire.serves(request.path)), None)
        if request.method != "POST" or wire is None:
            return web.json_response({"error": {"message": f"no such path: {request.path}"}}, status=404)
        self._transports.add(request.transport)
        asked = await self._record(request, wire)
        play = first_refusal((*wire.rules, *self._refuses), asked.body) or self.behaviour(asked)
        try:
            response = await self._play(request, asked, play, wire)
            if not response.prepared:
                await response.prepare(request)
                await response.write_eof()
        except (asyncio.CancelledError, ConnectionError):
            self.left.add(asked.number)
            await asyncio.shield(asyncio.ensure_future(self._notify()))
            raise
        if play.cut is None:
            self.answered.add(asked.number)
            self.on_answer(asked)
        await self._notify()
        return response

    async def _record(self, request: web.BaseRequest, wire: Wire) -> ModelCall:
        raw = await request.content.read()
        body = json.loads(raw)
        asked = ModelCall(
            number=len(self.requests) + 1,
            at=time.monotonic(),
            path=request.path,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            fingerprint=hashlib.sha256(raw).hexdigest(),
            tools=wire.tools(body),
            messages=wire.messages(body),
        )
        self.requests.append(asked)
        self.on_arrival(asked)
        await self._notify()
        return asked

    async def _play(self, request: web.BaseRequest, asked: ModelCall, play: ScriptedReply, wire: Wire) -> web.StreamResponse:
        if play.delay_ms:
            await asyncio.sleep(play.delay_ms / 1000)
        if play.cut == "before":
            return _hang_up(request, web.Response())
        streamed = asked.body.get("stream") and asked.model not in WHOLE
        if wire.stream and streamed and play.body is None and play.status == 200:
            return await self._stream(request, list(wire.stream(asked, play)), play)
        if play.gate is not None:
            await play.gate.wait()
        body = play.body.encode() if isinstance(play.body, str) else play.body
        whole = wire.completion(asked, play) if body is None else body
        if play.cut is not None:
            return await _half(request, whole)
        headers = {"content-type": play.content_type, **play.headers}
        return web.Response(body=whole, status=play.status, headers=headers)

    async def _stream(self, request: web.BaseRequest, pieces: Sequence[bytes], play: ScriptedReply) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream", **play.headers})
        await response.prepare(request)
        middle = len(pieces) // 2
        for place, piece in enumerate(pieces):
            if place == middle and play.gate is not None:
                await play.gate.wait()
            if place == middle and play.cut == "midway":
                return _hang_up(request, response)
            if place == middle and play.cut == "unfinished":
                await response.write(DONE)
                break
            await response.write(piece)
        if play.linger is not None:
            await play.linger.wait()
        await response.write_eof()
        return response


def _nobody(_: ModelCall) -> None:
    """Ignore the call: the default listener."""


async def _half(request: web.BaseRequest, whole: bytes) -> web.StreamResponse:
    """Promise the whole body, send half of it and hang up."""
    response = web.StreamResponse(headers={"content-type": "application/json"})
    response.content_length = len(whole)
    await response.prepare(request)
    await response.write(whole[: len(whole) // 2])
    return _hang_up(request, response)


def _hang_up(request: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return response


if __name__ == "__main__":
    from tests.support.fake_models.command import main

    main()
