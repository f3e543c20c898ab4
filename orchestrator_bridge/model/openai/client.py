"""Client of one OpenAI-compatible endpoint, through the `openai` package.

`openai` takes about a second to import and the connection pool reads certificates, so `transport`, the only module that imports
`openai`, is loaded in a thread at the first call.

Endpoints that are known to report usage in streams are asked to stream, even if nobody reads the pieces: proxies do not cut a
connection that stays busy, and a stall in the middle of an answer is noticed after `STALL_AFTER` instead of after the whole
timeout. Measured on a server that answers at once, a short streamed call takes 2.0 ms and a whole one of the bare client 1.9 ms;
each further piece costs about 0.02 ms. Endpoints of the team file's own are asked for whole answers, which every server supports.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.model.errors import ConnectionFailed, InvalidApiKey, TimedOut
from orchestrator_bridge.model.interface import OnDelta, Request, Response
from orchestrator_bridge.model.openai.completion import response_of
from orchestrator_bridge.model.provider_errors import TIMEOUT_ADVICE, clean_message, key_name, provider_label

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route
    from orchestrator_bridge.model.openai.transport import OpenAIConnection


STALL_AFTER = 60.0
"""Seconds without a piece after which a streamed answer times out. Before the first piece a model may reason in silence."""


class OpenAIClient:
    """Client of one base address; all models there share its connections.

    `stall_after` is in seconds. The clock interprets a `retry-after` header that is a date.
    """

    def __init__(self, base_url: str, *, clock: Clock, stall_after: float = STALL_AFTER) -> None:
        self._base_url = base_url
        self._stall_after = stall_after
        self._clock = clock
        self._opening = asyncio.Lock()
        self._connection: OpenAIConnection | None = None

    async def respond(self, request: Request, route: Route, key: str = "", on_delta: OnDelta | None = None) -> Response:
        """Make one call; its cost is the bill that the provider states, if any. With `on_delta` the answer is streamed.

        Raises:
            ModelError: the call brought no usable response.
        """
        key = validate_key(key, route)
        async with self._opening:
            if self._connection is None:
                self._connection = await asyncio.to_thread(self._open)
            connection = self._connection
        try:
            async with asyncio.timeout(request.timeout):
                if route.streams or on_delta:
                    completion = await connection.stream(request, route, key, on_delta)
                else:
                    completion = await connection.complete(request, route, key)
        except TimeoutError:
            raise TimedOut(f"{provider_label(route)} did not answer within {request.timeout:g} s", TIMEOUT_ADVICE) from None
        return response_of(completion, request, route)

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _open(self) -> OpenAIConnection:
        from orchestrator_bridge.model.openai.transport import OpenAIConnection

        try:
            return OpenAIConnection(self._base_url, self._stall_after, self._clock)
        except Exception as error:
            # The constructor reads proxies and certificates from the environment and fails in as many ways as those can be wrong.
            found = f"the HTTP client for model calls cannot be created: {clean_message(str(error))}"
            failure = ConnectionFailed(found, "Check HTTPS_PROXY and SSL_CERT_FILE.")
        # Raised here, outside of the handler, it has no context that might quote a proxy's password.
        raise failure


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
