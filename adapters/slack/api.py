"""Slack's Web API over one session, by three clients that differ in what they may send twice.

The SDK repeats a request after a cut connection unless it is told otherwise: `chat.postMessage` would then post twice. So what
goes through the outbox is tried once, and the outbox decides. A private word waits out a rate limit, for nobody tries it again.
Reads may be repeated as often as is useful.
"""

from __future__ import annotations

import email.utils
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from adapters.slack.errors import Unauthorised, delivery_error
from orchestrator_bridge.chat import NotSent, SendUncertain

_LOG = logging.getLogger(__name__)

SLACK = "https://slack.com/api/"
RESPONSE_TIMEOUT = 20.0
"""Seconds after which an answer is taken to be lost."""

READ_TRIES = 6
"""How often a read waits for a rate limit: threads of many questions are read at a start."""

HALF_SECOND = 0.5
"""Seconds: an answer's date is cut to whole ones."""

Call = Callable[[AsyncWebClient], Awaitable[AsyncSlackResponse]]


class SlackApi:
    """The Web API with one bot token. `timeout` in seconds; `clock` is ours, in seconds since the epoch."""

    def __init__(
        self, token: str, url: str = SLACK, *, timeout: float = RESPONSE_TIMEOUT, clock: Callable[[], float] = time.time
    ) -> None:
        self.url = url
        self._token = token
        self._timeout = timeout
        self._clock = clock
        self._clock_offset = 0.0
        self._token_rejected = False
        self._session: aiohttp.ClientSession | None = None
        self._writer = self._reader = self._waiting_client = AsyncWebClient()

    async def open(self) -> None:
        """Make the session and its clients."""
        timeout = aiohttp.ClientTimeout(total=self._timeout, sock_connect=min(10.0, self._timeout))
        self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(keepalive_timeout=15))
        busy = AsyncRateLimitErrorRetryHandler
        self._writer = self._client([])
        self._waiting_client = self._client([busy(max_retry_count=2)])
        self._reader = self._client(
            [AsyncConnectionErrorRetryHandler(), AsyncServerErrorRetryHandler(), busy(max_retry_count=READ_TRIES)]
        )

    async def close(self) -> None:
        """Close every connection; what is under way ends as doubtful."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def client(self, token: str | None = None) -> AsyncWebClient:
        """A client like that which reads, for slack-bolt and for Socket Mode."""
        return AsyncWebClient(token=token, base_url=self.url, session=self._session, retry_handlers=self._reader.retry_handlers)

    def _client(self, handlers: list[Any]) -> AsyncWebClient:
        return AsyncWebClient(token=self._token, base_url=self.url, session=self._session, retry_handlers=handlers)

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session, for what is no method of the Web API.

        Raises:
            NotSent: the adapter is stopped.
        """
        if self._session is None or self._session.closed:
            raise NotSent("the adapter is not started, or was stopped")
        return self._session

    def download(self, address: str) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Ask Slack's file server for something. It is shown our token: see to it that the address is Slack's.

        Raises:
            NotSent: the adapter is stopped.
        """
        known = {"Authorization": f"Bearer {self._token}"}
        return self.session.get(address, headers=known, allow_redirects=False, proxy=self._reader.proxy)

    def now(self) -> float:
        """Slack's clock, as its newest answer tells: seconds since the epoch, exact to about a second."""
        return self._clock() + self._clock_offset

    async def write(self, what: str, call: Call) -> AsyncSlackResponse:
        """A request that has an effect, tried once.

        Raises:
            NotSent: it had no effect.
            SendUncertain: nobody knows.
            SendRejected: it never will.
        """
        return await self._ask(what, call, self._writer)

    async def write_with_wait(self, what: str, call: Call) -> AsyncSlackResponse:
        """A request with an effect that nobody tries again: it waits out a rate limit. Raises as `write` does."""
        return await self._ask(what, call, self._waiting_client)

    async def read(self, what: str, call: Call) -> AsyncSlackResponse:
        """A request without an effect.

        Raises:
            NotSent: Slack cannot be asked just now.
            SendRejected: what is asked for is gone, or not for us.
        """
        try:
            return await self._ask(what, call, self._reader)
        except SendUncertain as error:
            raise NotSent(str(error)) from error

    async def _ask(self, what: str, call: Call, client: AsyncWebClient) -> AsyncSlackResponse:
        asked = self.session
        try:
            response = await call(client)
        except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            failure = delivery_error(error, what)
            self._log_token_state(failure)
            raise failure from error
        except AttributeError as error:  # the SDK's word for an answer that is no JSON but says that it is text
            raise delivery_error(error, what) from error
        except RuntimeError as error:  # aiohttp's word for a session that was closed while the request waited
            if not asked.closed:
                raise
            raise SendUncertain(f"{what} was cut short: {error}") from error
        self._update_clock(response)
        self._log_token_state(None)
        return response

    def _log_token_state(self, failure: Exception | None) -> None:
        """Say once, to whoever reads the log, that the token is taken no more; and that it is taken again."""
        refused = isinstance(failure, Unauthorised)
        if refused and not self._token_rejected:
            _LOG.error("everything waits until somebody has mended this: %s", failure)
        self._token_rejected = refused or (self._token_rejected and failure is not None)

    def _update_clock(self, response: AsyncSlackResponse) -> None:
        told = email.utils.parsedate_tz(str(response.headers.get("Date", "")))
        if told is not None:
            self._clock_offset = email.utils.mktime_tz(told) + HALF_SECOND - self._clock()
