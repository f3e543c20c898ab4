"""One try at Discord, watched: whether a request has left, and how long it is silent.

discord.py waits without end for an answer, and repeats some failed requests by itself. What is told apart by a nonce may be
repeated. What is not (a forum's post) is stopped at its second request: only we know that history must be looked at first.
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

UNKNOWN_CHANNEL, UNKNOWN_MESSAGE = 10003, 10008
ARCHIVED, LOCKED = 50083, 160005
HAS_THREAD = 160004
OLD_EDITS = 30046
DIRECT_MESSAGES_CLOSED = 50007
"""Codes of Discord's errors that have a course of their own."""

_RETRY_AFTER = {OLD_EDITS: 30.0, 30033: 60.0, 130000: 5.0, 40062: 5.0}
"""Seconds after which to try again what Discord does not take just now, by its code: limits, and an overloaded resource."""

_ADVICE = {
    UNKNOWN_CHANNEL: "the channel or thread was deleted, or I was removed from the server",
    UNKNOWN_MESSAGE: "the message was deleted",
    10004: "I was removed from the server",
    50001: "I cannot see the channel: let me view it (`townhall doctor` names what is missing)",
    50013: "a permission is missing: `townhall doctor` names it, `townhall setup discord` prints an invite with all of them",
    DIRECT_MESSAGES_CLOSED: "this person takes no direct messages from me",
    ARCHIVED: "the thread is archived and I may not open it: give me Manage Threads",
    LOCKED: "the thread is locked: give me Manage Threads, or unlock it",
    40005: "it is too large for this server",
    50035: "Discord finds something wrong with what I sent; please report this",
}

DiscordFailure = DeliveryError


def delivery_error(error: BaseException, *, left: bool) -> DiscordFailure:
    """An exception in the bridge's terms. `left`: the request had left, so that it may have had its effect."""
    if isinstance(error, DeliveryError):
        return error
    if isinstance(error, discord.RateLimited):
        return NotSent("Discord asks for fewer requests", error.retry_after)
    if isinstance(error, discord.LoginFailure):
        return SendRejected("Discord refuses DISCORD_TOKEN: take the present one from the developer portal (Bot, Reset Token)")
    if isinstance(error, discord.HTTPException):
        return _rejection(error)
    if isinstance(error, aiohttp.ClientConnectorError) or not left:
        return NotSent(f"Discord cannot be reached: {_error_text(error)}")
    return SendUncertain(f"the request left, and then: {_error_text(error)}")


def has_code(failure: BaseException, code: int) -> bool:
    """Whether Discord gave this code as the reason for a failure."""
    return isinstance(failure.__cause__, discord.HTTPException) and failure.__cause__.code == code


def _rejection(error: discord.HTTPException) -> DiscordFailure:
    if error.status >= 500:
        return SendUncertain(f"Discord has trouble of its own (HTTP {error.status})")
    if error.status == 429:
        return NotSent("Discord asks for fewer requests", _retry_after(error))
    if error.status == 401:
        return NotSent("Discord refuses DISCORD_TOKEN: put the present one into .env and start again", 300.0)
    if error.code in _RETRY_AFTER:
        return NotSent(f"Discord does not take this just now ({error.code}: {error.text})", _RETRY_AFTER[error.code])
    return SendRejected(f"Discord refused it (HTTP {error.status}, {error.code} {error.text}): {_advice(error)}.")


def _advice(error: discord.HTTPException) -> str:
    return _ADVICE.get(error.code, "`townhall doctor` says what I may do where")


def _retry_after(error: discord.HTTPException) -> float | None:
    headers = getattr(error.response, "headers", {})
    try:
        return float(headers.get("Retry-After", ""))
    except ValueError:
        return None


def _error_text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


RESPONSE_TIMEOUT = 15.0
"""Seconds after which an answer is taken to be lost."""
ATTEMPT_TIMEOUT = 90.0
"""Seconds for all of a try: discord.py itself waits up to 30 where Discord asks for fewer requests."""


@dataclass(slots=True)
class _Attempt:
    silence: float
    repeatable: bool
    limit: asyncio.Timeout
    sent: bool = False
    status: int = 0


_CURRENT: ContextVar[_Attempt | None] = ContextVar("the try that requests of this task belong to", default=None)


@asynccontextmanager
async def bounded_attempt(silence: float = RESPONSE_TIMEOUT, *, repeatable: bool = True) -> AsyncIterator[None]:
    """What is asked of Discord in here is one try.

    Raises:
        NotSent: it had no effect.
        SendUncertain: nobody knows.
        SendRejected: it never will.
    """
    limit = asyncio.timeout(ATTEMPT_TIMEOUT)
    trial = _Attempt(silence, repeatable, limit)
    token = _CURRENT.set(trial)
    try:
        async with limit:
            yield
    except (discord.DiscordException, aiohttp.ClientError, OSError, RuntimeError) as error:
        raise delivery_error(error, left=trial.sent) from error
    finally:
        _CURRENT.reset(token)


def request_trace() -> aiohttp.TraceConfig:
    """What tells a try of its requests; for the client's constructor."""
    config = aiohttp.TraceConfig()
    config.on_request_start.append(_on_request_sent)
    config.on_request_end.append(_on_response)
    return config


async def _on_request_sent(*_: Any) -> None:
    trial = _CURRENT.get()
    if trial is None:
        return
    if trial.sent and not trial.repeatable and trial.status != 429:
        raise SendUncertain(f"Discord answered with HTTP {trial.status}, and this may not be sent twice unseen")
    trial.sent = True
    _limit_to(trial.limit, trial.silence)


async def _on_response(_: object, __: object, params: aiohttp.TraceRequestEndParams) -> None:
    trial = _CURRENT.get()
    if trial is not None:
        trial.status = params.response.status
        _limit_to(trial.limit, ATTEMPT_TIMEOUT)


def _limit_to(limit: asyncio.Timeout, seconds: float) -> None:
    limit.reschedule(asyncio.get_running_loop().time() + seconds)
