"""HTTP mode: Slack's requests on a port of ours, behind a proxy that forwards its public address.

Anybody can reach a public address, so a request is trusted step by step: its headers must be plausible before its body is read,
and its signature valid before the body is parsed. A sender that is slow at any step is cut off.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

from orchestrator_bridge.chat.adapter import SendRejected

_LOG = logging.getLogger(__name__)

PATH = "/slack/events"
"""Path of all requests: events, commands, interactivity, options of selects."""

MAX_REQUEST = 1_000_000
"""Bytes of a request."""

MAX_AGE = 300.0
"""Seconds of the difference between our clock and a request's timestamp; Slack's guide "Verifying requests" says five minutes."""

READ_TIMEOUT = 3.0
"""Seconds for the headers of a request, and again for its body: Slack itself gives up after three."""

LINGER = 1.0
"""Seconds for which the rest of a refused body is still taken, so that its sender can read the refusal."""


class HttpTransport:
    """Web server with one path. Port 0 selects a free port; `read_timeout` is in seconds, as `READ_TIMEOUT`."""

    def __init__(self, app: AsyncApp, secret: str, host: str, port: int, *, read_timeout: float = READ_TIMEOUT) -> None:
        self._app = app
        self._verifier = SignatureVerifier(secret)
        self._host = host
        self._port = port
        self._read_timeout = read_timeout
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port on which it listens."""
        assert self._runner is not None
        return int(self._runner.addresses[0][1])

    async def start(self) -> None:
        """Listen.

        Raises:
            SendRejected: the address is not one of this machine, or the port is in use or may not be used.
        """
        application = web.Application(client_max_size=MAX_REQUEST)
        application.router.add_post(PATH, self._handle)
        # The time that a connection may be idle is also that in which the headers of its first request must arrive.
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=3, keepalive_timeout=self._read_timeout, lingering_time=LINGER
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self.stop()
            raise SendRejected(
                f"TOWNHALL_HTTP_HOST={self._host}, TOWNHALL_HTTP_PORT={self._port}: {error.strerror or error}; "
                "expected: an address of this machine and a free port; fix: choose others"
            ) from error

    async def stop(self) -> None:
        """Close the port after the requests in progress are answered."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        if not _is_plausible(request.headers):
            return web.Response(status=401)
        try:
            async with asyncio.timeout(self._read_timeout):
                body = (await request.read()).decode()
        except TimeoutError:
            return web.Response(status=408)
        except UnicodeDecodeError:
            return web.Response(status=400)
        if not self._verifier.is_valid_request(body, request.headers):
            return web.Response(status=401)
        try:
            parsed = AsyncBoltRequest(body=body, query=request.query_string, headers=dict(request.headers))
        except (ValueError, RecursionError):
            _LOG.warning("refused a request of Slack that cannot be parsed")
            return web.Response(status=400)
        return await to_aiohttp_response(await self._app.async_dispatch(parsed))


def _is_plausible(headers: Mapping[str, str]) -> bool:
    """True if the headers could be Slack's: a recent timestamp, and a signature that can be compared."""
    stamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 16):
        return False
    return abs(time.time() - int(stamp)) <= MAX_AGE and signature.isascii() and signature.startswith("v0=")
