"""Delivery errors of Discord requests, and a watch over one attempt: whether a request has left, and how long it has no response.

discord.py waits for a response without limit and repeats some failed requests by itself. A request with a nonce may be repeated,
since Discord then creates one message only. A request without one (a forum post) is stopped before its second try: history must
be read first, which discord.py cannot do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord

from orchestrator_bridge.chat.adapter import DeliveryError, NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.request_guard import guard_requests

UNKNOWN_CHANNEL, UNKNOWN_MESSAGE = 10003, 10008
ARCHIVED, LOCKED = 50083, 160005
HAS_THREAD = 160004
OLD_EDITS = 30046
DIRECT_MESSAGES_CLOSED = 50007
INVALID_FORM, TOO_LARGE = 50035, 40005
NO_ACCESS, NO_PERMISSION = 50001, 50013
"""Discord's error codes with a handling of their own."""

_RETRY_AFTER = {OLD_EDITS: 30.0, 30033: 60.0, 130000: 5.0, 40062: 5.0}
"""Seconds before the next attempt, by error code: limits of Discord, and an overloaded resource."""

INVALID_TOKEN = "Discord rejects DISCORD_TOKEN; fix: copy the current token from the developer portal (Bot, Reset Token)"

_REASONS = {
    UNKNOWN_CHANNEL: "the channel or thread was deleted, or I was removed from the server",
    UNKNOWN_MESSAGE: "the message was deleted",
    10004: "I was removed from the server",
    NO_ACCESS: "I cannot see the channel; ask an administrator of the server to allow me View Channel there",
    NO_PERMISSION: "I lack a permission there; ask an administrator of the server to compare mine with those of my invite",
    DIRECT_MESSAGES_CLOSED: "this person accepts no direct messages from me",
    ARCHIVED: "the thread is archived and I may not reopen it; ask a moderator to reopen it, or to allow me Manage Threads",
    LOCKED: "the thread is locked; ask a moderator to unlock it, or to allow me Manage Threads",
    TOO_LARGE: "the message is too large for this server, and so is its plain text",
    INVALID_FORM: "Discord accepts neither the message nor its plain text",
}
"""Reasons by error code, for people: what a person on the server can do about it."""

_OTHER_REASON = "Discord does not accept it; the operator of this bot can look up why"

_FIXES = {
    NO_ACCESS: "; fix: `townhall doctor` lists what is missing",
    NO_PERMISSION: "; fix: `townhall doctor` names it, `townhall setup discord` prints an invite with all of them",
}
"""Fixes by error code, for the operator."""

RESPONSE_TIMEOUT = 15.0
"""Seconds after which a response counts as lost."""

ATTEMPT_TIMEOUT = 90.0
"""Seconds for the repeated requests of an attempt that meets errors of the server.

A rate limit has no timeout: discord.py waits for as long as Discord says, which may be minutes, and only for the limited route.
"""

_CURRENT: ContextVar[_Attempt | None] = ContextVar("the attempt that requests of this task belong to", default=None)


def delivery_error(error: BaseException, *, left: bool) -> DeliveryError:
    """An exception as a delivery error. `left`: the request had been sent, so that it may have had an effect."""
    if isinstance(error, DeliveryError):
        return error
    if isinstance(error, discord.LoginFailure):
        return SendRejected(INVALID_TOKEN, _OTHER_REASON)
    if isinstance(error, discord.HTTPException):
        return _rejection(error)
    # Without a connection nothing was sent, even if aiohttp had begun the request.
    if isinstance(error, aiohttp.ClientConnectorError) or not left:
        return NotSent(f"Discord cannot be reached: {error_text(error)}")
    return SendUncertain(f"the request was sent, but its result is unknown: {error_text(error)}")


def has_code(failure: BaseException, code: int) -> bool:
    """True if Discord gave this error code as the cause of a failure."""
    return isinstance(failure.__cause__, discord.HTTPException) and failure.__cause__.code == code


def _rejection(error: discord.HTTPException) -> DeliveryError:
    if error.status >= 500:
        return SendUncertain(f"Discord failed to process the request (HTTP {error.status})")
    if error.status == 429:
        return NotSent("Discord limits the rate of requests", _retry_after(error))
    if error.status == 401:
        return NotSent("Discord rejects DISCORD_TOKEN; fix: put the current token into .env and restart", 300.0)
    if error.code in _RETRY_AFTER:
        return NotSent(f"Discord does not accept this now ({error.code}: {error.text})", _RETRY_AFTER[error.code])
    found = f"Discord rejected the request (code {error.code}, {error.text})"
    reason = _REASONS.get(error.code)
    if reason is None:
        return SendRejected(f"{found}; `townhall doctor` lists my permissions", _OTHER_REASON)
    return SendRejected(f"{found}: {reason}{_FIXES.get(error.code, '')}", reason)


def _retry_after(error: discord.HTTPException) -> float | None:
    headers = getattr(error.response, "headers", {})
    try:
        return float(headers.get("Retry-After", ""))
    except ValueError:
        return None


def error_text(error: BaseException) -> str:
    """The exception's type and message."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


@dataclass(slots=True)
class _Attempt:
    response_timeout: float
    repeatable: bool
    limit: asyncio.Timeout
    sent: bool = False
    status: int = 0


@asynccontextmanager
async def bounded_attempt(response_timeout: float = RESPONSE_TIMEOUT, *, repeatable: bool = True) -> AsyncIterator[None]:
    """Treat the requests in this block as one attempt. `response_timeout` is the timeout of a response, in seconds.

    Without `repeatable`, discord.py may not repeat a request that may have had an effect.

    Raises:
        NotSent: the attempt had no effect.
        SendUncertain: it may have had an effect.
        SendRejected: it never will.
    """
    limit = asyncio.timeout(None)
    attempt = _Attempt(response_timeout, repeatable, limit)
    token = _CURRENT.set(attempt)
    try:
        async with limit:
            yield
    except (discord.DiscordException, aiohttp.ClientError, OSError, RuntimeError) as error:
        raise delivery_error(error, left=attempt.sent) from error
    finally:
        _CURRENT.reset(token)


def request_trace() -> aiohttp.TraceConfig:
    """Trace configuration that checks requests and reports them to the current attempt; for the constructor of a client."""
    config = guard_requests(aiohttp.TraceConfig())
    config.on_request_start.append(_on_request_sent)
    config.on_request_end.append(_on_response)
    return config


async def _on_request_sent(*_: Any) -> None:
    attempt = _CURRENT.get()
    if attempt is None:
        return
    # A 429 response says that the request had no effect, so discord.py may repeat it. After a 5xx response nobody knows.
    if attempt.sent and not attempt.repeatable:
        raise SendUncertain(f"Discord responded with HTTP {attempt.status}; history is read before the request is repeated")
    attempt.sent = True
    _limit_to(attempt.limit, attempt.response_timeout)


async def _on_response(_: object, __: object, params: aiohttp.TraceRequestEndParams) -> None:
    attempt = _CURRENT.get()
    if attempt is None:
        return
    attempt.status = params.response.status
    # discord.py may wait for a rate limit now, after a success as well, which no timeout of ours must interrupt.
    if attempt.status >= 500:
        _limit_to(attempt.limit, ATTEMPT_TIMEOUT)
    else:
        attempt.limit.reschedule(None)
    if attempt.status == 429:
        attempt.sent = False


def _limit_to(limit: asyncio.Timeout, seconds: float) -> None:
    limit.reschedule(asyncio.get_running_loop().time() + seconds)
