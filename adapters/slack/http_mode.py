"""HTTP mode: Slack's requests on a port of ours, behind any proxy. slack-bolt verifies signatures and their age."""

from __future__ import annotations

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp

from orchestrator_bridge.chat.adapter import SendRejected

PATH = "/slack/events"
"""Path of all requests: events, commands, interactivity, options of selects."""

MAX_REQUEST = 1_000_000
"""Bytes of a request."""


class HttpTransport:
    """Web server with one path. Port 0 selects a free port."""

    def __init__(self, app: AsyncApp, port: int, host: str = "0.0.0.0") -> None:
        self._app = app
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port on which it listens."""
        assert self._runner is not None
        return int(self._runner.addresses[0][1])

    async def start(self) -> None:
        """Listen.

        Raises:
            SendRejected: the port is in use, or may not be used.
        """
        application = web.Application(client_max_size=MAX_REQUEST)
        application.router.add_post(PATH, self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=3)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self.stop()
            raise SendRejected(
                f"TOWNHALL_HTTP_PORT={self._port}: {error.strerror}; expected: a free port; fix: choose another one"
            ) from error

    async def stop(self) -> None:
        """Close the port after the requests in progress are answered."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        # slack-bolt parses the timestamp before it verifies anything, and fails on one that is no number.
        stamp = request.headers.get("x-slack-request-timestamp", "")
        signature = request.headers.get("x-slack-signature", "")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 16 and signature.isascii()):
            return web.Response(status=401)
        return await to_aiohttp_response(await self._app.async_dispatch(await to_bolt_request(request)))
