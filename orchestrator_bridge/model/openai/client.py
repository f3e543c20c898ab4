"""Client of one OpenAI-compatible endpoint.

Every answer is asked for as a stream, even if nobody reads the pieces: proxies do not cut a connection that stays busy, silence
in the middle of an answer is noticed after `STALL_AFTER`, and a slow local model has no limit of time while it writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.model.errors import InvalidApiKey
from orchestrator_bridge.model.interface import OnDelta, OnProgress, Request, Response
from orchestrator_bridge.model.openai.completion import response_of
from orchestrator_bridge.model.openai.transport import OpenAIConnection
from orchestrator_bridge.model.provider_errors import key_name

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


STALL_AFTER = 60.0
"""Seconds without a byte after which a streamed answer times out. Before its first piece a model may reason in silence."""


class OpenAIClient:
    """Client of one base address; all models there share its connections.

    `stall_after` is in seconds. The clock interprets a `retry-after` header that is a date.
    """

    def __init__(self, base_url: str, *, clock: Clock, stall_after: float = STALL_AFTER) -> None:
        self._base_url = base_url
        self._stall_after = stall_after
        self._clock = clock
        self._connection: OpenAIConnection | None = None

    async def respond(
        self,
        request: Request,
        route: Route,
        key: str = "",
        on_delta: OnDelta | None = None,
        on_progress: OnProgress | None = None,
    ) -> Response:
        """Make one call; its cost is the bill that the provider states, if any. With `on_delta` the answer is streamed.

        Raises:
            ModelError: the call brought no usable response.
        """
        key = validate_key(key, route)
        # The connections belong to the running loop, so they are made at the first call.
        if self._connection is None:
            self._connection = OpenAIConnection(self._base_url, self._stall_after, self._clock)
        completion = await self._connection.complete(request, route, key, on_delta, on_progress)
        return response_of(completion, request, route)

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def validate_key(key: str, route: Route) -> str:
    """Return the key as it is sent, without surrounding blanks.

    Raises:
        InvalidApiKey: it is missing, or has characters that an HTTP header cannot carry.
    """
    key = key.strip()
    if route.key_env and not key:
        raise InvalidApiKey(f"{route.key_env} is not set, and {route.name!r} needs it", f"Put {route.key_env}=… into .env.")
    if not (key.isascii() and key.isprintable()):
        raise InvalidApiKey(
            f"{key_name(route)} has characters that no API key has", "Copy the key again, without quotes or line breaks."
        )
    return key
