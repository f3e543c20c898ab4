"""The fake chat platform as a server on the loopback. In a test's process:

    async with ChatServer() as server:
        server.world.say("ana", "general", None, "hello")   # people
        server.faults.put("lose")                           # the next posting works, but its answer is lost
        await server.until(lambda: server.world.effects)    # what bots did

Requests are POSTs of JSON: /post, /thread, /edit, /tell, /history, /events (answered when there are some) and /ack. As a
process of its own, without faults, it prints its address: `python -m tests.support.fake_chat.server`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.support.fake_chat.faults import Fault, Faults, ReceivedRequest, Watch
from tests.support.fake_chat.state import Missing, World, wire

HOLD = 20.0
"""Seconds after which a request for events is answered even if there are none."""


class ChatServer:
    """The server. `requests` are all that arrived but those for events; `watch` is called at each request's stages."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self.world = World(clock, self.ring)
        self.faults = Faults()
        self.watch: Watch = lambda stage, asked: None
        self.requests: list[ReceivedRequest] = []
        self.url = ""
        self._bell = asyncio.Event()
        self._polls: dict[int, web.BaseRequest] = {}
        self._connections: set[asyncio.Task[Any]] = set()
        self._runner = web.ServerRunner(web.Server(self._serve, handler_cancellation=True, access_log=None), shutdown_timeout=0)
        self._effects: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
            "/post": lambda body: wire(self.world.post(body)),
            "/thread": lambda body: wire(self.world.make_thread(body)),
            "/edit": lambda body: wire(self.world.edit(body)),
            "/tell": lambda body: wire(self.world.tell(body)),
            "/history": self._history,
            "/ack": self._acknowledge,
        }

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen on the loopback; `url` is the address from then on."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close the port and every connection."""
        await self._runner.cleanup()

    def ring(self) -> None:
        """Report a change to those who wait in `until`."""
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    async def until(self, true: Callable[[], Any]) -> None:
        """Wait until a condition holds; it is checked after every change of the server."""
        while not true():
            await self._bell.wait()

    def hang_up(self) -> None:
        """Cut every connection that waits for events."""
        for request in self._polls.values():
            _hang_up(request)

    async def wait_disconnected(self) -> None:
        """Wait until every client has disconnected."""
        if self._connections:
            await asyncio.wait(self._connections)

    # Requests -------------------------------------------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self._connections.add(request.task)
        request.task.add_done_callback(self._connections.discard)
        body = await request.json()
        if request.path == "/events":
            return await self._events(request)
        if request.path not in self._effects:
            return web.json_response({"error": f"no such path: {request.path}"}, status=404)
        asked = ReceivedRequest(number=len(self.requests) + 1, path=request.path, about=_about(body))
        self.requests.append(asked)
        self.ring()
        self.watch("arrived", asked)
        response = await self._answer(request, asked, body)
        await self._hand_over(request, response)
        self.watch("answered", asked)
        self.ring()
        return response

    async def _answer(self, request: web.BaseRequest, asked: ReceivedRequest, body: Mapping[str, Any]) -> web.Response:
        fault = self.faults.take(asked)
        if fault is not None and fault.trouble in _REFUSALS:
            return _refused(fault)
        try:
            answer = self._effects[asked.path](body)
        except Missing as missing:
            return web.json_response({"error": str(missing)}, status=404)
        self.watch("done", asked)
        if fault is not None:
            await _suffer(request, fault)
        return web.json_response(answer)

    async def _hand_over(self, request: web.BaseRequest, response: web.Response) -> None:
        """Write the whole answer now, so that what comes after it comes after it."""
        with suppress(ConnectionError):
            await response.prepare(request)
            await response.write_eof()

    def _history(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        found = self.world.history(body["channel"], body.get("thread"), body.get("after", 0.0), whole=body.get("whole", False))
        return {"messages": [wire(message) for message in found]}

    def _acknowledge(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self.world.acknowledge(body["number"])
        return {}

    async def _events(self, request: web.BaseRequest) -> web.Response:
        self._polls[id(request)] = request
        try:
            async with asyncio.timeout(HOLD):
                await self.until(lambda: self.world.unacknowledged)
        except TimeoutError:
            pass
        finally:
            del self._polls[id(request)]
        waiting = list(self.world.unacknowledged.values())
        return web.json_response(
            {"events": [{"number": event.number, "kind": event.kind, "data": event.data} for event in waiting]}
        )


_REFUSALS = {"refuse": 503, "limit": 429, "reject": 403}
_WORDS = {"refuse": "out of order", "limit": "too many requests", "reject": "the bot may not write here"}


def _refused(fault: Fault) -> web.Response:
    headers = {"retry-after": f"{fault.seconds:g}"} if fault.trouble == "limit" else {}
    return web.json_response({"error": _WORDS[fault.trouble]}, status=_REFUSALS[fault.trouble], headers=headers)


async def _suffer(request: web.BaseRequest, fault: Fault) -> None:
    """Carry out a fault between an effect and its response."""
    match fault.trouble:
        case "lose":
            _hang_up(request)
        case "silence":
            await asyncio.Event().wait()
        case "slow":
            await asyncio.sleep(fault.seconds)


def _hang_up(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.close()


def _about(body: Mapping[str, Any]) -> str:
    meta = body.get("meta") or {}
    return str(meta.get("key") or body.get("key") or body.get("message") or body.get("number") or "")


async def _main() -> None:
    async with ChatServer() as server:
        print(server.url, flush=True)  # noqa: T201 - the address is this command's output
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
