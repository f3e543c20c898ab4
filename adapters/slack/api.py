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
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from orchestrator_bridge.chat.adapter import DeliveryError, NotSent, SendRejected, SendUncertain

# What a failure of Slack's Web API means for a sending: it did not arrive, nobody knows, or it never will; and how to mend it.
#
# A request that was refused in so many words had no effect. Whatever else happens after it has left leaves that open: a cut
# connection, silence, a gateway's 5xx, Slack's own `internal_error` ("some aspect of the operation may have succeeded").


UNAUTHORISED_RETRY_AFTER = 60.0
"""Seconds between two attempts while somebody has to mend something outside: a revoked token, a suspended workspace."""


class Unauthorised(NotSent):
    """Slack does not take the token. What was to be sent waits until somebody has seen to that."""


class SlackRejected(SendRejected):
    """Slack refuses a request for good. `name` is Slack's name for the reason, such as `not_in_channel`."""

    def __init__(self, what: str, name: str, mend: str) -> None:
        super().__init__(f"Slack refuses {what} ({name}): {mend}")
        self.name = name


_RATE_LIMIT_ERRORS = frozenset({"ratelimited", "rate_limited"})
_UNCERTAIN_ERRORS = frozenset({"internal_error", "fatal_error", "service_unavailable", "team_added_to_org"})
_NOT_SENT_ERRORS = frozenset({"request_timeout", "invalid_post_type", "deprecated_endpoint"})
_REINSTALL = "reinstall the app to the workspace and put its bot token into SLACK_BOT_TOKEN, then start again"

UNAUTHORISED = {
    "invalid_auth": f"Slack does not know the token: {_REINSTALL}",
    "not_authed": f"no token was sent: {_REINSTALL}",
    "token_revoked": f"the token was revoked: {_REINSTALL}",
    "token_expired": f"the token has expired: {_REINSTALL}",
    "account_inactive": f"the app was removed or the workspace closed: {_REINSTALL}",
    "not_allowed_token_type": "this is a token of another kind: SLACK_BOT_TOKEN begins with xoxb-, SLACK_APP_TOKEN with xapp-",
    "two_factor_setup_required": "whoever installed the app has to set up two-factor authentication in Slack",
    "org_login_required": "the workspace is being moved into an organisation; wait until that is done",
    "ekm_access_denied": "an administrator has suspended the workspace's encryption keys; ask them",
    "accesslimited": "Slack limits the access of this app; look at its page at api.slack.com/apps",
}
"""Errors that somebody mends outside: what was to be posted waits for that."""

ADVICE = {
    "channel_not_found": "the channel is gone, or it is private and the bot is no member: type /invite @Townhall there",
    "not_in_channel": "the bot is no member of the channel: type /invite @Townhall there",
    "is_archived": "the channel is archived: unarchive it, or go on in another one",
    "message_not_found": "the message was deleted",
    "thread_not_found": "the thread was deleted",
    "cant_update_message": "the message is not one of this bot's",
    "edit_window_closed": "this workspace lets no message be edited after so long",
    "restricted_action": "the workspace's rules keep apps from posting here; ask an administrator",
    "restricted_action_read_only_channel": "only some people may post in this channel; let the app be one of them",
    "restricted_action_thread_only_channel": "only replies are let into this channel; go on in another one",
    "missing_scope": "the app lacks a permission: compare it with `townhall setup slack`, then reinstall it",
    "no_permission": "the app may not do this here; ask an administrator",
    "user_not_found": "there is nobody with this id in the workspace: look at [people] in townhall.toml",
    "user_disabled": "this person's account is deactivated",
    "cannot_dm_bot": "this is a bot, which cannot be written to: look at [people] in townhall.toml",
    "user_not_in_channel": "this person is no member of the channel",
    "messages_tab_disabled": "direct messages to the app are switched off: App Home, Messages Tab, at api.slack.com/apps",
    "invalid_blocks": "Slack does not take the layout of this message; this is a fault of Townhall, please report it",
    "msg_too_long": "the message is longer than Slack takes; this is a fault of Townhall, please report it",
    "msg_blocks_too_long": "the message is longer than Slack takes; this is a fault of Townhall, please report it",
    "file_not_found": "the file was deleted",
    "file_deleted": "the file was deleted",
}
"""Errors that stay as they are, and what to do."""

SlackFailure = DeliveryError


def delivery_error(error: Exception, what: str) -> SlackFailure:
    """What an error of the SDK or of the network means for `what`, such as `chat.postMessage`."""
    match error:
        case SlackApiError(response=AsyncSlackResponse() as response):
            return _response_error(response, what)
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return NotSent(f"{what}: Slack cannot be reached: {error}")
        case _:
            return SendUncertain(f"{what} was sent, and then: {type(error).__name__}: {error}")


def _response_error(response: AsyncSlackResponse, what: str) -> SlackFailure:
    name, status = _error_name(response), response.status_code
    if status == 429 or name in _RATE_LIMIT_ERRORS:
        return NotSent(f"{what}: Slack asks for a pause", _retry_after(response))
    if name in UNAUTHORISED:
        return Unauthorised(f"{what}: {name}: {UNAUTHORISED[name]}", UNAUTHORISED_RETRY_AFTER)
    if status >= 500 or name in _UNCERTAIN_ERRORS:
        return SendUncertain(f"{what} was answered with {name or 'nothing'} (status {status})")
    if not name or name in _NOT_SENT_ERRORS:
        return NotSent(f"{what} was not understood: {name or 'no answer of Slack'} (status {status}); look at SLACK_API_URL")
    return SlackRejected(what, name, _advice(response))


def _advice(response: AsyncSlackResponse) -> str:
    """What to do about an error that stays."""
    name = _error_name(response)
    needed = response.get("needed") if name == "missing_scope" else None
    known = ADVICE.get(name, "see this name at docs.slack.dev, and report it if it is no setting of yours")
    return f"{known} (needed: {needed})" if needed else known


def _error_name(response: AsyncSlackResponse) -> str:
    return str(response.get("error") or "") if isinstance(response.data, dict) else ""


def _retry_after(response: AsyncSlackResponse) -> float:
    """Seconds that Slack asks us to wait; it says so in whole ones."""
    try:
        return float(response.headers.get("Retry-After", 1))
    except ValueError:
        return 1.0


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
