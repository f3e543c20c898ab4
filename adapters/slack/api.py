"""Slack's Web API: one session, three clients that differ in what they may repeat, and errors as delivery errors.

The SDK repeats a request after a broken connection unless told otherwise: `chat.postMessage` would then post twice. So requests
of the outbox are sent once, and the outbox decides on a retry after it has looked for the first attempt. A private reply waits
out a rate limit, since nobody tries it again. Reads may be repeated freely.

A request that Slack refuses by name had no effect. After any other failure the effect is unknown: a broken connection, a timeout,
a 5xx response of a gateway, Slack's own `internal_error` ("some aspect of the operation may have succeeded").
"""

from __future__ import annotations

import asyncio
import email.utils
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from orchestrator_bridge.chat.adapter import DeliveryError, NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.request_guard import guard_requests
from orchestrator_bridge.common.clock import process_time
from orchestrator_bridge.common.network import proxy_for

_LOG = logging.getLogger(__name__)


UNAUTHORISED_RETRY_AFTER = 60.0
"""Seconds between two attempts while the operator has to fix something, such as a revoked token or a suspended workspace."""

_RATE_LIMIT_ERRORS = frozenset({"ratelimited", "rate_limited"})
_UNCERTAIN_ERRORS = frozenset({"internal_error", "fatal_error", "service_unavailable", "team_added_to_org"})
_NOT_SENT_ERRORS = frozenset({"request_timeout", "invalid_post_type", "deprecated_endpoint"})
_REINSTALL = "fix: reinstall the app to the workspace, put its bot token into SLACK_BOT_TOKEN and restart"

UNAUTHORISED = {
    "invalid_auth": f"Slack does not know the token; {_REINSTALL}",
    "not_authed": f"no token was sent; {_REINSTALL}",
    "token_revoked": f"the token was revoked; {_REINSTALL}",
    "token_expired": f"the token has expired; {_REINSTALL}",
    "account_inactive": f"the app was removed or the workspace closed; {_REINSTALL}",
    "not_allowed_token_type": "the token has the wrong type: SLACK_BOT_TOKEN begins with xoxb-, SLACK_APP_TOKEN with xapp-",
    "two_factor_setup_required": "the person who installed the app must set up two-factor authentication in Slack",
    "org_login_required": "the workspace is being moved into an organisation; wait until that is done",
    "ekm_access_denied": "an administrator has suspended the workspace's encryption keys; ask an administrator",
    "accesslimited": "Slack limits the access of this app; see the app's page at api.slack.com/apps",
}
"""Errors that the operator fixes outside of Townhall; posts wait for that."""

ADVICE = {
    "channel_not_found": "the channel was deleted, or the bot is not a member of it; fix: type /invite @Townhall there",
    "not_in_channel": "the bot is not a member of the channel; fix: type /invite @Townhall there",
    "is_archived": "the channel is archived; fix: unarchive it, or use another channel",
    "message_not_found": "the message was deleted",
    "thread_not_found": "the thread was deleted",
    "cant_update_message": "the message is not one of this bot's",
    "edit_window_closed": "this workspace does not allow edits of messages of this age",
    "restricted_action": "the workspace does not allow apps to post here; ask an administrator",
    "restricted_action_read_only_channel": "only some people may post in this channel; fix: add the app to them",
    "restricted_action_thread_only_channel": "this channel takes replies only; use another channel",
    "missing_scope": "the app lacks a scope; fix: compare it with `townhall setup slack`, then reinstall the app",
    "no_permission": "the app may not do this here; ask an administrator",
    "user_not_found": "nobody in the workspace has this id; fix: correct [people] in townhall.toml",
    "user_disabled": "this person's account is deactivated",
    "cannot_dm_bot": "bots take no direct messages; fix: correct [people] in townhall.toml",
    "user_not_in_channel": "this person is not a member of the channel",
    "messages_tab_disabled": "direct messages to the app are off; fix: App Home, Messages Tab, at api.slack.com/apps",
    "invalid_blocks": "Slack does not accept the layout of the message, nor its plain text",
    "msg_too_long": "the message is too long for Slack, and so is its plain text",
    "msg_blocks_too_long": "the message is too long for Slack, and so is its plain text",
    "file_not_found": "the file was deleted",
    "file_deleted": "the file was deleted",
}
"""Permanent errors, with advice."""

_OTHER_REASON = "Slack does not accept it; the operator of this bot can look up why"

_REASONS = {
    "missing_scope": "the app lacks a permission; ask the operator of this bot to reinstall it",
    "user_not_found": "nobody in the workspace has the id of that person; ask the operator of this bot to correct it",
    "cannot_dm_bot": "bots take no direct messages",
    "messages_tab_disabled": "direct messages to the app are off; ask the operator of this bot to allow them",
}
"""Reasons for people, where the advice is for the operator."""

SLACK = "https://slack.com/api/"

RESPONSE_TIMEOUT = 20.0
"""Seconds after which a response counts as lost."""

READ_TRIES = 6
"""Retries of a read after a rate limit; a start reads the threads of many questions."""

SINGLE_FILE = 60.0
"""Seconds after a rate limit for which a channel gets one post at a time."""

HALF_SECOND = 0.5
"""Seconds. The `Date` header is cut to whole seconds, so half a second more is the best estimate."""

Call = Callable[[AsyncWebClient], Awaitable[AsyncSlackResponse]]


class Unauthorised(NotSent):
    """Slack rejects the token; the post waits until the operator has fixed that."""


class SlackRejected(SendRejected):
    """Slack rejects a request for good. `name` is Slack's name of the error, such as `not_in_channel`."""

    def __init__(self, method: str, name: str, advice: str) -> None:
        super().__init__(f"Slack rejected {method} ({name}): {advice}", _REASONS.get(name) or ADVICE.get(name, _OTHER_REASON))
        self.name = name


def delivery_error(error: Exception, method: str) -> DeliveryError:
    """The delivery error for an error of the SDK or the network. `method` is such as `chat.postMessage`."""
    match error:
        case SlackApiError(response=AsyncSlackResponse() as response):
            return _response_error(response, method)
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return NotSent(f"{method}: Slack cannot be reached: {error}")
        case _:
            return SendUncertain(f"{method} was sent, but its result is unknown: {type(error).__name__}: {error}")


def _response_error(response: AsyncSlackResponse, method: str) -> DeliveryError:
    name, status = _error_name(response), response.status_code
    if status == 429 or name in _RATE_LIMIT_ERRORS:
        return NotSent(f"{method}: Slack limits the rate of requests", _retry_after(response))
    if name in UNAUTHORISED:
        return Unauthorised(f"{method}: {name}: {UNAUTHORISED[name]}", UNAUTHORISED_RETRY_AFTER)
    if status >= 500 or name in _UNCERTAIN_ERRORS:
        return SendUncertain(f"{method} failed at Slack with {name or 'no error name'} (status {status})")
    if not name or name in _NOT_SENT_ERRORS:
        return NotSent(f"{method} had no valid response: {name or 'not from Slack'} (status {status}); check SLACK_API_URL")
    return SlackRejected(method, name, _advice(response))


def _advice(response: AsyncSlackResponse) -> str:
    """Advice for a permanent error."""
    name = _error_name(response)
    needed = response.get("needed") if name == "missing_scope" else None
    advice = ADVICE.get(name, "look up this error at docs.slack.dev; report it unless a setting of your workspace causes it")
    return f"{advice} (needed: {needed})" if needed else advice


def _error_name(response: AsyncSlackResponse) -> str:
    return str(response.get("error") or "") if isinstance(response.data, dict) else ""


def _retry_after(response: AsyncSlackResponse) -> float:
    """Seconds that Slack asks us to wait, a whole number."""
    try:
        return float(response.headers.get("Retry-After", 1))
    except ValueError:
        return 1.0


class SlackApi:
    """The Web API with one bot token. `timeout` is in seconds; `clock` returns our time in seconds since the epoch."""

    def __init__(
        self, token: str, url: str = SLACK, *, timeout: float = RESPONSE_TIMEOUT, clock: Callable[[], float] = process_time
    ) -> None:
        self.url = url
        self._token = token
        self._timeout = timeout
        self._clock = clock
        self._clock_offset = 0.0
        self._token_rejected = False
        self._posting: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._paused_until: dict[str, float] = {}
        self._session: aiohttp.ClientSession | None = None
        self._writer = self._reader = self._waiting_client = AsyncWebClient()

    async def open(self) -> None:
        """Open the session and create the clients."""
        timeout = aiohttp.ClientTimeout(total=self._timeout, sock_connect=min(10.0, self._timeout))
        self._session = aiohttp.ClientSession(
            timeout=timeout,
            connector=aiohttp.TCPConnector(keepalive_timeout=15),
            trace_configs=[guard_requests(aiohttp.TraceConfig())],
        )
        rate_limit = AsyncRateLimitErrorRetryHandler
        self._writer = self._client([])
        self._waiting_client = self._client([rate_limit(max_retry_count=2)])
        self._reader = self._client(
            [AsyncConnectionErrorRetryHandler(), AsyncServerErrorRetryHandler(), rate_limit(max_retry_count=READ_TRIES)]
        )

    async def close(self) -> None:
        """Close all connections; requests in progress end as `SendUncertain`."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def client(self, token: str | None = None) -> AsyncWebClient:
        """A client for slack-bolt and Socket Mode, with the retries of reads."""
        return self._create_client(token, self._reader.retry_handlers)

    def _client(self, handlers: list[Any]) -> AsyncWebClient:
        return self._create_client(self._token, handlers)

    def _create_client(self, token: str | None, handlers: list[Any]) -> AsyncWebClient:
        client = AsyncWebClient(token=token, base_url=self.url, session=self._session, retry_handlers=handlers)
        client.proxy = proxy_for(
            self.url
        )  # set afterwards: without a proxy the SDK takes one from the environment, despite NO_PROXY
        return client

    @property
    def session(self) -> aiohttp.ClientSession:
        """The HTTP session, for requests outside of the Web API.

        Raises:
            NotSent: the adapter is stopped.
        """
        if self._session is None or self._session.closed:
            raise NotSent("the Slack adapter is not started")
        return self._session

    def download(self, address: str) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Request a file from Slack's file server. The request carries our token: check first that the address is Slack's.

        Raises:
            NotSent: the adapter is stopped.
        """
        # A redirect is not followed: it could lead the token to another host.
        headers = {"Authorization": f"Bearer {self._token}"}
        return self.session.get(address, headers=headers, allow_redirects=False, proxy=proxy_for(address))

    def now(self) -> float:
        """Slack's clock by the `Date` of its newest response: seconds since the epoch, exact to about a second."""
        return self._clock() + self._clock_offset

    async def write(self, method: str, call: Call) -> AsyncSlackResponse:
        """Send a request that has an effect, once.

        Raises:
            NotSent: it had no effect.
            SendUncertain: it may have had an effect.
            SendRejected: it never will.
        """
        return await self._ask(method, call, self._writer)

    async def post(self, channel: str, call: Call) -> AsyncSlackResponse:
        """Send `chat.postMessage` to a channel. Raises as `write` does.

        Slack counts the posts of a channel together, about one a second (its page "Rate limits"). While it asks for a pause, no
        request is made, and for some time after it one at a time, so that the posts of many threads do not all meet the limit.
        """
        if self._clock() > self._paused_until.get(channel, 0.0) + SINGLE_FILE:
            return await self._post(channel, call)
        async with self._posting[channel]:
            left = self._paused_until.get(channel, 0.0) - self._clock()
            if left > 0:
                raise NotSent("chat.postMessage: Slack limits the rate of requests", left)
            return await self._post(channel, call)

    async def _post(self, channel: str, call: Call) -> AsyncSlackResponse:
        try:
            return await self.write("chat.postMessage", call)
        except NotSent as error:
            if error.retry_after is not None and not isinstance(error, Unauthorised):
                self._paused_until[channel] = self._clock() + error.retry_after
            raise

    async def write_with_wait(self, method: str, call: Call) -> AsyncSlackResponse:
        """Send a request with an effect that nobody tries again, waiting out a rate limit. Raises as `write` does."""
        return await self._ask(method, call, self._waiting_client)

    async def read(self, method: str, call: Call) -> AsyncSlackResponse:
        """Send a request without an effect.

        Raises:
            NotSent: Slack cannot be reached now.
            SendRejected: the target was deleted, or the bot may not read it.
        """
        try:
            return await self._ask(method, call, self._reader)
        except SendUncertain as error:
            raise NotSent(str(error)) from error

    async def _ask(self, method: str, call: Call, client: AsyncWebClient) -> AsyncSlackResponse:
        session = self.session
        try:
            response = await call(client)
        except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            failure = delivery_error(error, method)
            self._log_token_state(failure)
            raise failure from error
        except AttributeError as error:  # raised by the SDK for a response that is text instead of JSON
            raise delivery_error(error, method) from error
        except RuntimeError as error:  # raised by aiohttp when the session is closed while the request waits
            if not session.closed:
                raise
            raise SendUncertain(f"{method} was interrupted: {error}") from error
        self._update_clock(response)
        self._log_token_state(None)
        return response

    def _log_token_state(self, failure: Exception | None) -> None:
        """Log once that the token is rejected; a later success resets this."""
        # Another failure says nothing about the token, so it neither sets nor resets the state.
        refused = isinstance(failure, Unauthorised)
        if refused and not self._token_rejected:
            _LOG.error("posts to Slack wait until this is fixed: %s", failure)
        self._token_rejected = refused or (self._token_rejected and failure is not None)

    def _update_clock(self, response: AsyncSlackResponse) -> None:
        # Message timestamps are Slack's: comparing them with our clock would be wrong by the difference of the two.
        date = email.utils.parsedate_tz(str(response.headers.get("Date", "")))
        if date is not None:
            self._clock_offset = email.utils.mktime_tz(date) + HALF_SECOND - self._clock()
