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

from adapters.discord.failures import delivery_error
from orchestrator_bridge.chat import SendUncertain

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
