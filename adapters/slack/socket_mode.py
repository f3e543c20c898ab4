"""Socket Mode: Slack's events over a connection that we open, so that nothing of ours has to be reachable.

The SDK's client sends pings, counts a silent socket as dead after four intervals, and reconnects. Two things are added. An
address is valid for one connection only, but the client retries the same one for ever: here it gets a new address. And the client
leaves tasks behind when it is closed: here they are awaited.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from adapters.slack.api import SlackApi, Unauthorised
from adapters.slack.backfill import SlackBackfill
from adapters.slack.connection_watch import REPORT_AFTER, ConnectionWatch
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.network import proxy_for

_LOG = logging.getLogger(__name__)

PING_INTERVAL = 5.0
"""Seconds between two pings; a socket without a response to four of them is given up."""

CONNECT = 15.0
"""Seconds after which an attempt to connect is repeated with a new address."""


class _SocketClient(SocketModeClient):
    """The SDK's client; `connected` is called after each connection."""

    connected: Callable[[], None] = staticmethod(lambda: None)

    async def connect(self) -> None:
        """Connect, with as many attempts as needed."""
        while not self.closed:
            try:
                async with asyncio.timeout(CONNECT):
                    await super().connect()  # type: ignore[no-untyped-call]  # the SDK does not say that it returns nothing
            except TimeoutError:
                self.wss_uri = None  # makes the SDK ask for a new address
            else:
                self.connected()
                return


class SocketModeTransport:
    """One connection of Socket Mode. `ping_interval` and `report_after` (as `REPORT_AFTER`) are in seconds.

    After each reconnection the backfill reads missed messages. `folder` is the data folder.
    """

    def __init__(
        self,
        app: AsyncApp,
        api: SlackApi,
        token: str,
        *,
        ping_interval: float = PING_INTERVAL,
        report_after: float = REPORT_AFTER,
        folder: Path | None = None,
        backfill: SlackBackfill,
    ) -> None:
        self._app = app
        self._api = api
        self._token = token
        self._ping_interval = ping_interval
        self._backfill = backfill
        self._watch = ConnectionWatch(self._is_connected, folder, report_after=report_after)
        self._watching: asyncio.Task[None] | None = None
        self._client: _SocketClient | None = None
        self._handling: set[asyncio.Task[object]] = set()
        """Tasks of the SDK that handle an envelope; `stop` waits for them."""
        self._calls = BackgroundTasks("the messages of a lost connection could not be read")

    async def start(self) -> None:
        """Connect; returns when connected.

        Raises:
            NotSent: Slack cannot be reached now.
            SendRejected: Slack rejects the app token; the text gives advice.
        """
        address = await self._address()
        client = self._client = _SocketClient(self._token, _LOG, self._api.client(), ping_interval=self._ping_interval)
        client.wss_uri = address
        client.proxy = proxy_for(address)
        client.socket_mode_request_listeners.append(self._handle_envelope)
        try:
            async with asyncio.timeout(CONNECT):
                await client.connect()
        except TimeoutError as error:
            await self.stop()
            raise NotSent(f"Socket Mode: no connection within {CONNECT:g} seconds") from error
        client.connected = self._reconnected
        self._watching = asyncio.create_task(self._watch.run(), name="slack connection watch")

    async def stop(self) -> None:
        """Close the connection, and finish what arrived over it."""
        client, self._client = self._client, None
        if client is None:
            return
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        tasks = [client.message_processor, client.current_session_monitor, client.message_receiver]
        await client.close()  # type: ignore[no-untyped-call]  # as above
        await asyncio.gather(*(task for task in tasks if task is not None), *self._handling, return_exceptions=True)
        await self._calls.join()

    async def _address(self) -> str:
        try:
            response = await self._api.read(
                "apps.connections.open", lambda client: client.apps_connections_open(app_token=self._token)
            )
        except Unauthorised as error:
            raise SendRejected(f"SLACK_APP_TOKEN: {error}") from error
        return str(response["url"])

    async def _handle_envelope(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        """Handle one envelope. It is acknowledged if and only if the app responds with status 200."""
        task = asyncio.current_task()
        assert task is not None
        self._handling.add(task)
        task.add_done_callback(self._handling.discard)
        began = time.time()
        response = await run_async_bolt_app(self._app, request)
        await send_async_response(client, request, response, began)

    def _is_connected(self) -> bool:
        session = self._client.current_session if self._client is not None else None
        return session is not None and not session.closed and not (self._client is not None and self._client.stale)

    def _reconnected(self) -> None:
        self._calls.start(self._backfill.catch_up())
