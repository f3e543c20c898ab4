"""Requests to the fake chat platform, and what their failures mean for a sending.

Only a failure before a request has left, or a refusal in so many words, is `NotSent`. Whatever happens after the request has left
(the connection is cut, nothing is said for too long, an answer that nobody understands) leaves it open whether it had its effect.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp

from orchestrator_bridge.chat.adapter import NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.request_guard import guard_requests

REFUSED = frozenset({429, 503})
"""Statuses by which this platform says that it did nothing and may do it later. On others a 503 can mean anything."""


class ChatClient:
    """One bot's connections. `silence` is in seconds: how long an answer may take before it is taken to be lost."""

    def __init__(self, url: str, silence: float) -> None:
        self._url = url
        self._silence = silence
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(trace_configs=[guard_requests(aiohttp.TraceConfig())])
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(self, path: str, body: Mapping[str, Any], *, silence: float | None = None) -> Mapping[str, Any]:
        """Make one request.

        Raises:
            NotSent: it had no effect.
            SendUncertain: nobody knows.
            SendRejected: it never will.
        """
        if self._session is None or self._session.closed:
            raise NotSent("the adapter is not started, or was stopped")
        limit = aiohttp.ClientTimeout(total=silence or self._silence)
        try:
            async with self._session.post(self._url + path, json=body, timeout=limit) as response:
                return _read(path, response, await response.read())
        except aiohttp.ClientConnectorError as error:
            raise NotSent(f"the chat server cannot be reached: {error}") from error
        except (TimeoutError, aiohttp.ClientError) as error:
            raise SendUncertain(f"{path} was sent, and then: {error!r}") from error
        except RuntimeError as error:  # aiohttp's word for a session that was closed while the request waited
            raise SendUncertain(f"{path} was cut short: {error}") from error


def _read(path: str, response: aiohttp.ClientResponse, raw: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(raw)
    except ValueError:
        raise SendUncertain(f"{path} was answered with something that is no JSON (status {response.status})") from None
    if response.status in REFUSED:
        wait = response.headers.get("retry-after")
        raise NotSent(f"{path} was refused: {answer['error']}", float(wait) if wait else None)
    if response.status >= 500:
        raise SendUncertain(f"{path} was answered with status {response.status}")
    if response.status >= 400:
        raise SendRejected(f"The chat server rejects {path}: {answer['error']}. Look whether the bot may still write there.")
    found: Mapping[str, Any] = answer
    return found
