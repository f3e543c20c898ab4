"""Where Discord is: unset, as discord.py knows it; set, a proxy or a test server for every request and every connection.

discord.py takes a gateway's address from three places: its own constant, READY (for RESUME) and `/gateway/bot` (for shards). The
one function through which it opens connections is wrapped, so that none of the three is followed past the setting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

_OFFICIAL = Route.BASE
_GATEWAYS: WeakKeyDictionary[discord.Client, yarl.URL] = WeakKeyDictionary()
_original_from_client = DiscordWebSocket.from_client.__func__  # type: ignore[attr-defined]  # a class method, of which mypy sees the bound form


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscordEndpoints:
    """`api` with its version, such as `https://discord.com/api/v10`; `gateway` as in `wss://gateway.discord.gg/`."""

    api: str | None = None
    gateway: str | None = None

    def apply_to(self, client: discord.Client) -> None:
        """Point the client here. The REST address holds for the whole process, as discord.py keeps it."""
        Route.BASE = (self.api or _OFFICIAL).rstrip("/")
        if self.gateway is not None:
            _GATEWAYS[client] = yarl.URL(self.gateway)


async def _from_client(cls: Any, client: discord.Client, **given: Any) -> Any:
    gateway = _GATEWAYS.get(client)
    if gateway is not None:
        given["gateway"] = gateway
    return await _original_from_client(cls, client, **given)


def _wrap_from_client(opens: Callable[..., Any]) -> None:
    DiscordWebSocket.from_client = classmethod(opens)  # type: ignore[assignment]  # the same, with another address


_wrap_from_client(_from_client)
