"""Slack's HTTP mode: envelopes are posted to the app, signed, and repeated until the response is 200."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
from slack_sdk.signature import SignatureVerifier

from tests.support.fake_slack.server import SlackServer
from tests.support.fake_slack.state import Envelope

SECRET = "5ec3e7"
TRIES = 4
"""Slack posts an event up to four times; the delays in between are left out here."""


class Posting:
    """Posts to `address`, once it is set."""

    def __init__(self, server: SlackServer) -> None:
        self.address = ""
        self._server = server
        self._session = aiohttp.ClientSession()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._session.close()

    async def after_store_failure(self) -> None:
        """Use new connections from now on."""
        await self._session.close()
        self._session = aiohttp.ClientSession()

    async def post(
        self, body: str, *, kind: str = "application/json", secret: str = SECRET, at: float | None = None, **headers: str
    ) -> int:
        """Post a body, signed with a secret at a time; returns the status of the response."""
        stamp = str(int(time.time() if at is None else at))
        signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
        signed = {"X-Slack-Signature": signature or "", "X-Slack-Request-Timestamp": stamp, "Content-Type": kind, **headers}
        async with self._session.post(self.address, data=io.BytesIO(body.encode()), headers=signed) as answer:
            self.text = await answer.text()
            return answer.status

    async def _work(self) -> None:
        world = self._server.world
        while True:
            await self._server.until(lambda: world.unacknowledged and self.address)
            for envelope in list(world.unacknowledged.values()):
                if await self._deliver(envelope):
                    world.acknowledge(envelope.number, json.loads(self.text) if self.text.startswith("{") else None)
                else:
                    world.unacknowledged.pop(envelope.number, None)

    async def _deliver(self, envelope: Envelope) -> bool:
        kind, body = _encoded(envelope)
        for _ in range(TRIES if envelope.kind == "events_api" else 1):
            try:
                if await self.post(body, kind=kind) == 200:
                    return True
            except aiohttp.ClientError:
                await asyncio.sleep(0.01)
        return False


def _encoded(envelope: Envelope) -> tuple[str, str]:
    """Content type and body: JSON for events, a form for everything else."""
    payload: Mapping[str, Any] = envelope.payload
    if envelope.kind == "events_api":
        return "application/json", json.dumps(payload)
    fields = payload if envelope.kind == "slash_commands" else {"payload": json.dumps(payload)}
    return "application/x-www-form-urlencoded", urlencode(fields)
