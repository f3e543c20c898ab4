"""The fake Slack as a server on the loopback interface, used by the real slack-bolt. In a test's process:

    async with SlackServer() as slack:
        slack.people.say(ANA, GENERAL, "hello")            # people
        slack.faults.put("lose")                           # the next write takes effect, but its response is lost
        await slack.until(lambda: slack.world.effects)     # what the bot did

The Web API is at `url`, by GET and by POST. Events go over the newest connection of Socket Mode; with `posts_to` (an address and
a signing secret) they are posted there instead. An envelope that is not acknowledged when its connection is lost is sent again
over the next one.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.support.fake_slack.api import ApiError, Methods
from tests.support.fake_slack.faults import Fault, Faults, ReceivedRequest
from tests.support.fake_slack.people import People
from tests.support.fake_slack.socket import Sockets
from tests.support.fake_slack.state import World

BOT_TOKEN, APP_TOKEN = "xoxb-1-home", "xapp-1-A1TOWN-home"

Watch = Callable[[str, ReceivedRequest], None]


class SlackServer:
    """The server. `requests` are all received requests; `watch` is called at the stages of each: arrived, done, answered."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self.world = World(clock, self.ring)
        self.people = People(self.world)
        self.faults = Faults()
        self.methods = Methods(self.world)
        self.watch: Watch = lambda stage, asked: None
        self.requests: list[ReceivedRequest] = []
        self.tokens = {BOT_TOKEN: "", APP_TOKEN: ""}
        """Invalid tokens, with the error that each gets."""
        self._bell = asyncio.Event()
        self.sockets = Sockets(self.world, self.until, self.ring)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._runner = web.ServerRunner(web.Server(self._serve, handler_cancellation=True, access_log=None), shutdown_timeout=0)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.world.url = self.methods.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The address of the Web API, as in SLACK_API_URL."""
        return f"{self.methods.url}/api/"

    def ring(self) -> None:
        """Report a change to those who wait in `until`."""
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    async def until(self, true: Callable[[], Any]) -> None:
        """Wait until a condition holds; it is checked after every change of the server."""
        while not true():
            await self._bell.wait()

    def count(self, method: str) -> int:
        """The number of requests to a method."""
        return sum(request.path == method for request in self.requests)

    async def wait_disconnected(self) -> None:
        """Wait until all clients have disconnected."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    # The Web API ----------------------------------------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self._tasks.add(request.task)
        request.task.add_done_callback(self._tasks.discard)
        if request.path == "/socket":
            return await self.sockets.listen(request)
        if request.path.startswith(("/upload/", "/file/")):
            return await self._content(request)
        if request.path.startswith("/response/"):
            return await self._respond(request)
        if not request.path.startswith("/api/"):
            return web.Response(status=404, text="<html>no such page</html>", content_type="text/html")
        method = request.path.removeprefix("/api/")
        arguments = await _arguments(request)
        asked = ReceivedRequest(number=len(self.requests) + 1, path=method, about=_about(arguments), verb=request.method)
        self.requests.append(asked)
        self.watch("arrived", asked)
        response = await self._answer(request, asked, arguments)
        with suppress(ConnectionError):
            await response.prepare(request)
            await response.write_eof()
        self.watch("answered", asked)
        self.ring()
        return response

    async def _answer(self, request: web.BaseRequest, asked: ReceivedRequest, arguments: Mapping[str, Any]) -> web.Response:
        fault = self.faults.take(asked)
        if fault is not None and (refusal := self._refusal(request, fault)) is not None:
            return refusal
        try:
            answer = {"ok": True, **self._obey(request, asked.path, arguments)}
        except ApiError as wrong:
            answer = {"ok": False, "error": str(wrong)}
        self.watch("done", asked)
        if fault is not None:
            await _suffer(request, fault)
        return self._json(answer)

    def _obey(self, request: web.BaseRequest, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if error := self.tokens.get(token, "invalid_auth"):
            raise ApiError(error)
        if method == "apps.connections.open":
            return {"url": f"{self.methods.url.replace('http', 'ws')}/socket?ticket={self.sockets.ticket()}"}
        if method not in self.methods.all:
            raise ApiError("unknown_method")
        return self.methods.all[method](arguments)

    def _refusal(self, request: web.BaseRequest, fault: Fault) -> web.Response | None:
        match fault.trouble:
            case "limit":
                return self._json({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": f"{fault.seconds:.0f}"})
            case "error":
                return self._json({"ok": False, "error": fault.name, **(fault.also or {})})
            case "down":
                return web.Response(status=503, text="<html>out of order</html>", content_type="text/html")
            case "cut":
                _hang_up(request)
                return web.Response()
            case _:
                return None

    def _json(self, answer: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
        scopes = ",".join(sorted(self.world.scopes))
        date = email.utils.formatdate(self.world.clock(), usegmt=True)
        return web.json_response(answer, status=status, headers={"x-oauth-scopes": scopes, "Date": date, **(headers or {})})

    async def _respond(self, request: web.BaseRequest) -> web.Response:
        """A `response_url`, which needs no token: here an ephemeral message can only be removed."""
        timestamp = request.path.rpartition("/")[2]
        if await request.json() != {"delete_original": True}:
            return web.json_response({"ok": False, "error": "invalid_payload"}, status=400)
        self.world.ephemeral = [message for message in self.world.ephemeral if message["ts"] != timestamp]
        self.world.record_effect("remove", "", timestamp, {})
        return web.json_response({"ok": True})

    async def _content(self, request: web.BaseRequest) -> web.Response:
        """The file server: uploads and attachments, for requests with the bot's token."""
        name = request.path.rpartition("/")[2]
        if request.method == "POST":
            self.world.contents[name] = await request.read()
            return web.Response(text=f"OK - {len(self.world.contents[name])}")
        if request.headers.get("authorization") != f"Bearer {BOT_TOKEN}":
            return web.Response(text="<html>log in</html>", content_type="text/html")
        return web.Response(body=self.world.contents[name], content_type="image/png")


async def _arguments(request: web.BaseRequest) -> Mapping[str, Any]:
    """Arguments as the SDK sends them: in the query, as a form, or as JSON."""
    found: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        found |= await request.json()
    elif request.method == "POST":
        found |= dict(await request.post())
    if isinstance(found.get("files"), str):
        found["files"] = json.loads(found["files"])
    return found


def _about(arguments: Mapping[str, Any]) -> str:
    payload = (arguments.get("metadata") or {}).get("event_payload") if isinstance(arguments.get("metadata"), dict) else {}
    return str((payload or {}).get("key") or arguments.get("ts") or arguments.get("timestamp") or arguments.get("text") or "")


async def _suffer(request: web.BaseRequest, fault: Fault) -> None:
    """The fault between an effect and its response."""
    match fault.trouble:
        case "lose":
            _hang_up(request)
        case "silence":
            await asyncio.Event().wait()
        case "slow":
            await asyncio.sleep(fault.seconds)


def _hang_up(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()
