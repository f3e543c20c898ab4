"""Calls of one OpenAI-compatible endpoint over aiohttp.

aiohttp is loaded for the chat platforms anyway, so the first call of a process takes as long as any other; of the clients that
were measured it also costs the least for each call (docs/decisions/model-libraries.md).
"""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import aiohttp
from yarl import URL

from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.errors import ModelError, ProviderUnavailable
from orchestrator_bridge.model.interface import OnDelta, OnProgress, Request
from orchestrator_bridge.model.openai.completion import Completion, ErrorBody
from orchestrator_bridge.model.openai.failures import CALL_ERRORS, as_model_error
from orchestrator_bridge.model.openai.formats import Accumulator, format_of
from orchestrator_bridge.model.openai.network import tls_context, usable_proxy
from orchestrator_bridge.model.openai.silence import Body, SilenceTimer
from orchestrator_bridge.model.openai.sse import EventDecoder, looks_like_events
from orchestrator_bridge.model.provider_errors import error_for_status, parse_error_body, provider_label, retry_after
from orchestrator_bridge.model.reasoning_marks import ReasoningFilter

CONNECT_TIMEOUT = 10.0
"""Seconds to connect to a server."""

KEEP_IDLE = 4.0
"""Seconds for which an idle connection is kept. llama.cpp and uvicorn, and so vLLM, close theirs after 5."""

_UNSENT = "Can not write request body"
"""Message of aiohttp for a connection that was lost before the whole request was written."""

CHARACTERS_PER_TOKEN = 4
"""Characters that count as a token while an answer is written; its usage follows at the end."""

LARGE = 2**20
"""Bytes from which aiohttp takes a body as a file, so that copying it to the socket does not block the loop."""

_ACCOUNT_HEADERS: Mapping[str, str] = MappingProxyType(
    {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}
)


class OpenAIConnection:
    """Connection pool of one address. `stall_after` is in seconds. The clock interprets a `retry-after` header that is a date."""

    def __init__(self, base_url: str, stall_after: float, clock: Clock) -> None:
        self._base_url = base_url
        self._stall_after = stall_after
        self._clock = clock
        # How many calls run at once is decided by our limits. A cookie would only tie calls to one server.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_IDLE),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
            headers={"User-Agent": "Townhall"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def complete(
        self,
        request: Request,
        route: Route,
        key: str,
        on_delta: OnDelta | None = None,
        on_progress: OnProgress | None = None,
    ) -> Completion:
        """Request a streamed answer; its pieces go to `on_delta`. A server may send it whole nevertheless.

        Raises:
            ModelError: the call brought no usable response.
        """
        api = format_of(route)
        body = api.body(request, route)
        silence = SilenceTimer(request.timeout, self._stall_after)
        answer = _StreamedAnswer(api.accumulator(), silence, on_delta, on_progress)
        try:
            async with silence.timeout, await self._post(api.path, body, api.headers(request, route), key) as response:
                return await self._read(response, silence, route, key, answer)
        except ModelError as error:
            failure = error
        except CALL_ERRORS as error:
            failure = silence.failure(route) if silence.timeout.expired() else as_model_error(error, route, key)
        # Raised here, outside of the handler, it has no context that might quote the key.
        raise failure

    async def _post(self, path: str, body: dict[str, Any], headers: dict[str, str], key: str) -> aiohttp.ClientResponse:
        url = _address(self._base_url + path)
        if key:
            # An address with a user of its own would be a second authorization.
            url = url.with_user(None)
        content = json.dumps(body).encode()
        # The key is passed with each call, since models at one address may have different keys.
        every = {"Content-Type": "application/json", **headers, **_authorization(url, key)}
        ssl = await asyncio.to_thread(tls_context) if url.scheme == "https" else True

        async def send() -> aiohttp.ClientResponse:
            data = content if len(content) < LARGE else io.BytesIO(content)
            return await self._session.post(url, data=data, headers=every, proxy=usable_proxy(url), ssl=ssl)

        try:
            return await send()
        except aiohttp.ClientOSError as error:
            if _UNSENT not in str(error):
                raise
        # The server had closed the idle connection, so the request did not reach it as a whole and is sent once more.
        return await send()

    async def _read(
        self, response: aiohttp.ClientResponse, silence: SilenceTimer, route: Route, key: str, answer: _StreamedAnswer
    ) -> Completion:
        body = Body(response, silence)
        if not response.ok:
            said = parse_error_body((await body.read()).decode(errors="replace"), key)
            raise error_for_status(response.status, said, route, retry_after(response.headers, self._clock.now()))
        if "event-stream" in response.headers.get("content-type", "") or looks_like_events(await body.peek()):
            return await _assemble(body, answer, route)
        # The server did not stream: it was not asked to, or it ignored that.
        return format_of(route).read(await body.read())


def _address(text: str) -> URL:
    url = URL(text)
    if url.scheme not in ("http", "https") or not url.host:
        raise aiohttp.InvalidURL(text)
    return url


def _authorization(url: URL, key: str) -> dict[str, str]:
    """Headers that name the account; OPENAI_ORG_ID and OPENAI_PROJECT_ID are sent to OpenAI and to no other vendor."""
    named = _ACCOUNT_HEADERS if (url.host or "").endswith(".openai.com") else {}
    account = {header: os.environ[name] for name, header in named.items() if os.environ.get(name)}
    return {**account, **({"Authorization": f"Bearer {key}"} if key else {})}


async def _assemble(body: Body, answer: _StreamedAnswer, route: Route) -> Completion:
    """Read a streamed answer to its end."""
    async for piece in body:
        answer.add(piece)
        if answer.ended:
            await body.drain()
            break
    return answer.close(route)


class _StreamedAnswer:
    """Answer that grows by the pieces of its stream."""

    def __init__(
        self, answer: Accumulator, silence: SilenceTimer, on_delta: OnDelta | None, on_progress: OnProgress | None
    ) -> None:
        self._decoder = EventDecoder()
        self._answer = answer
        self._reasoning = ReasoningFilter()
        self._silence = silence
        self._on_delta = on_delta
        self._on_progress = on_progress
        self._reported = 0
        self._begun = False

    @property
    def ended(self) -> bool:
        """True after the last event."""
        return self._decoder.ended or self._answer.ended

    def add(self, piece: bytes) -> None:
        """Read the events that a piece completes."""
        for event in self._decoder.feed(piece):
            self._add_event(event)

    def _add_event(self, event: object) -> None:
        if isinstance(event, dict) and event.get("error"):
            raise ErrorBody(event["error"], answer_begun=self._begun)
        self._begun = True
        self._answer.add(event)
        self._report_progress()
        if self._answer.has_content:
            self._silence.answer_begun()
            if self._on_delta is not None:
                self._on_delta(self._reasoning.visible(self._answer.pop_text()))

    def _report_progress(self) -> None:
        tokens = self._answer.received // CHARACTERS_PER_TOKEN - self._reported
        if tokens and self._on_progress is not None:
            self._reported += tokens
            self._on_progress(tokens)

    def close(self, route: Route) -> Completion:
        """Return the whole answer.

        Raises:
            ProviderUnavailable: the stream ended before the answer did.
        """
        for event in self._decoder.close():
            self._add_event(event)
        # Without a finish reason an answer that merely stopped would pass for a whole one.
        if self._answer.finish is None:
            raise ProviderUnavailable(
                f"the stream from {provider_label(route)} ended before the answer was complete", "Wait; it may be back soon."
            )
        return self._answer.completion()
