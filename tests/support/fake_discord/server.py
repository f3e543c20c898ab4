"""The fake Discord on the loopback interface: REST, gateway and their faults. In a test's process:

    async with DiscordServer() as server:
        ana = server.world.add_person("Ana")
        server.world.write(ana.id, server.world.general.id, "hello")   # people
        server.faults.put("lose")                                      # the next write takes effect, but its response is lost
        await server.until(lambda: server.world.commands)              # what the bot did

`api` and `gateway` are the addresses. `strays` are requests to the addresses that READY and `/gateway/bot` name; there must be
none.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import web

from tests.support.fake_discord.buckets import Buckets
from tests.support.fake_discord.gateway import Gateway
from tests.support.fake_discord.rest import answer, body_of
from tests.support.fake_discord.state import DiscordWorld, Refused

Trouble = Literal["refuse", "limit", "error", "reject", "lose", "silence", "effect-error"]
"""`refuse`: 429 from a proxy; `limit`: 429 with a delay; `error`: a status, without an effect; `reject`: 403. After the others
have taken effect, the connection is cut (`lose`), no response is sent (`silence`), or a status is sent (`effect-error`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One fault; `seconds` is the delay of `limit`, `status` that of the errors, `code` that of `reject`."""

    trouble: Trouble
    seconds: float = 0.0
    status: int = 500
    code: int = 50013


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedRequest:
    """One request."""

    method: str
    path: str
    body: Any

    @property
    def writes(self) -> bool:
        """True if it changes what people see; the first response to an interaction and the thread of a card do not count."""
        if self.method == "POST" and "/messages/" in self.path:
            return False
        return self.method in ("POST", "PATCH", "PUT") and not self.path.endswith(
            ("/callback", "/commands", "/users/@me/channels")
        )


class Faults:
    """The faults to come, for writes unless `when` selects other requests; then those that `plan` returns."""

    def __init__(self) -> None:
        self.plan: Callable[[ReceivedRequest], Fault | None] | None = None
        self._next: deque[tuple[Fault, Callable[[ReceivedRequest], bool]]] = deque()

    def put(self, trouble: Trouble, when: Callable[[ReceivedRequest], bool] = lambda asked: asked.writes, **more: Any) -> None:
        self._next.append((Fault(trouble=trouble, **more), when))

    def take(self, asked: ReceivedRequest) -> Fault | None:
        if self._next and self._next[0][1](asked):
            return self._next.popleft()[0]
        return self.plan(asked) if self.plan is not None else None


class DiscordServer:
    """The server. `requests` are all received requests; `watch` is called with each after it has taken effect."""

    def __init__(self, *, clock: Callable[[], float] = time.time, port: int = 0) -> None:
        self._bell = asyncio.Event()
        self.gateway = Gateway(self.ring)
        self.world = DiscordWorld(self.gateway.emit, self.ring, clock)
        self.faults = Faults()
        self.buckets = Buckets(clock)
        self.requests: list[ReceivedRequest] = []
        self.strays: list[str] = []
        self.token = "a-token-for-tests"
        self.slow_window = 0.0
        """Seconds until the window of every route's limit ends, in which there is enough left; 0 for no such limits."""
        self.watch: Callable[[ReceivedRequest], None] = lambda asked: None
        self._port = port
        self._files: dict[str, bytes] = {}
        self._runner = web.ServerRunner(web.Server(self._serve, handler_cancellation=True, access_log=None), shutdown_timeout=0)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self.address = f"127.0.0.1:{self._runner.addresses[0][1]}"
        self.api, self.gateway_url = f"http://{self.address}/api/v10", f"ws://{self.address}/gateway"
        self.gateway.elsewhere = f"ws://{self.address}/elsewhere"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._runner.cleanup()

    def put_file(self, name: str, content: bytes) -> dict[str, Any]:
        """Store a file as an attachment of a message or command."""
        number = str(self.world.new_id())
        self._files[f"/files/{number}/{name}"] = content
        url = f"http://{self.address}/files/{number}/{name}"
        more = {"url": url, "proxy_url": url, "content_type": "text/plain; charset=utf-8", "text": content.decode()}
        return {"id": number, "filename": name, "size": len(content), **more}

    def ring(self) -> None:
        """Report a change to those who wait in `until`."""
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    async def until(self, true: Callable[[], Any]) -> None:
        """Wait until a condition holds; it is checked after every change of the server."""
        while not true():
            await self._bell.wait()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/gateway"):
            return await self.gateway.serve(request, self.world)  # type: ignore[arg-type]  # all that it uses is there
        if request.path in self._files:
            return web.Response(body=self._files[request.path])
        if not request.path.startswith("/api/v10/"):
            self.strays.append(request.path)
            return web.Response(status=404)
        asked = ReceivedRequest(method=request.method, path=request.path.removeprefix("/api/v10"), body=await _body(request))
        self.requests.append(asked)
        self.ring()
        return await self._answer(request, asked)

    async def _answer(self, request: web.BaseRequest, asked: ReceivedRequest) -> web.Response:
        fault = self.faults.take(asked)
        if fault is not None and fault.trouble in _WITHOUT_EFFECT:
            return _refused(fault)
        if request.headers.get("Authorization", f"Bot {self.token}") != f"Bot {self.token}":
            return _json({"message": "401: Unauthorized", "code": 0}, 401)
        if asked.path == "/gateway/bot":
            limits = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
            return _json({"url": self.gateway.elsewhere, "shards": self.gateway.shards, "session_start_limit": limits})
        headers, retry_after = self.buckets.take(asked.method, asked.path)
        if self.slow_window and not headers:
            headers = {"X-RateLimit-Bucket": "slow", "X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "99"}
            headers |= {"X-RateLimit-Reset-After": f"{self.slow_window:g}", "X-RateLimit-Reset": "9999999999"}
        if retry_after:
            body = {"message": "You are being rate limited.", "retry_after": retry_after, "global": False}
            return _json(body, 429, **headers)
        try:
            made = answer(self.world, asked.method, asked.path, dict(request.query), asked.body)
        except Refused as refusal:
            return _json({"message": refusal.text, "code": refusal.code}, refusal.status, **headers)
        self.watch(asked)
        self.ring()
        if fault is not None:
            return await _suffer(request, fault)
        return web.Response(status=204, headers=headers) if made is None else _json(made, **headers)


_WITHOUT_EFFECT = ("refuse", "limit", "error", "reject")


def _json(value: Any, status: int = 200, /, **headers: str) -> web.Response:
    """A response with exactly the content type that discord.py expects."""
    return web.Response(body=json.dumps(value).encode(), status=status, content_type="application/json", headers=headers)


def _refused(fault: Fault) -> web.Response:
    if fault.trouble == "reject":
        return _json({"message": "Missing Permissions", "code": fault.code}, 403 if fault.code == 50013 else 400)
    if fault.trouble == "error":
        return _json({"message": "trouble", "code": 0}, fault.status)
    body = {"message": "You are being rate limited.", "retry_after": fault.seconds, "global": False}
    if fault.trouble == "refuse":
        return _json(body, 429)
    return _json(body, 429, Via="1.1 google", **{"Retry-After": f"{fault.seconds:g}", "X-RateLimit-Remaining": "0"})


async def _suffer(request: web.BaseRequest, fault: Fault) -> web.Response:
    """The fault that replaces the response after the effect."""
    if fault.trouble == "effect-error":
        return _json({"message": "trouble", "code": 0}, fault.status)
    if fault.trouble == "lose":
        with suppress(ConnectionError):
            if request.transport is not None:
                request.transport.close()
    await asyncio.Event().wait()
    raise AssertionError("nobody waits for this any more")


async def _body(request: web.BaseRequest) -> Any:
    parts: dict[str, tuple[str, bytes]] = {}
    if request.content_type.startswith("multipart/"):
        form = await request.multipart()
        async for part in form:
            parts[str(getattr(part, "name", ""))] = (str(getattr(part, "filename", "") or ""), await part.read())  # type: ignore[union-attr]
        return body_of(request.content_type, b"", parts)
    return body_of(request.content_type, await request.read(), parts)


async def _main() -> None:
    async with DiscordServer() as server:
        print(server.api, server.gateway_url, flush=True)  # noqa: T201 - the addresses are this command's output
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
