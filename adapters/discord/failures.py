"""What Discord's refusals and silences mean for a sending: it did not arrive, nobody knows, or it never will."""

from __future__ import annotations

import aiohttp
import discord

from orchestrator_bridge.chat import NotSent, SendRejected, SendUncertain

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

DiscordFailure = NotSent | SendUncertain | SendRejected


def delivery_error(error: BaseException, *, left: bool) -> DiscordFailure:
    """An exception in the bridge's terms. `left`: the request had left, so that it may have had its effect."""
    if isinstance(error, NotSent | SendUncertain | SendRejected):
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
