"""One address that speaks OpenAI's chat completions, through the `openai` client.

`openai` takes about a second to import, so `openai_connection`, the only module that needs it, is imported in a thread at the
first call; the connection pool is made there too, since it reads certificates.

Whole or streamed: endpoints that are known to report usage in streams are asked to stream. Most pieces nobody reads, but a
connection that is kept busy is not cut by proxies on the way, and an answer that stops in the middle is noticed after
`STALL_AFTER`, not at the end of the whole time. Measured on a server that answers at once, a short streamed call takes 2.0 ms
and a bare whole one of the client's own 1.9 ms; each further piece costs about 0.02 ms. Endpoints of one's own are asked for the
whole, which every server can give.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator_bridge.model.errors import ConnectionFailed, InvalidApiKey, TimedOut
from orchestrator_bridge.model.interface import OnDelta, Request, Response
from orchestrator_bridge.model.openai.wire import response_of
from orchestrator_bridge.model.provider_errors import TIMEOUT_ADVICE, clean_message, key_name, provider_label

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route
    from orchestrator_bridge.model.openai.transport import OpenAIConnection


STALL_AFTER = 60.0
"""Seconds of silence in the middle of a streamed answer after which it is given up. Before its first word a model may think."""


class OpenAIClient:
    """The client of one base address; all models there share its connections.

    `stall_after` is in seconds; `clock` tells seconds since the epoch, for a `retry-after` that is a date.
    """

    def __init__(self, base_url: str, *, stall_after: float = STALL_AFTER, clock: Callable[[], float] = time.time) -> None:
        self._base_url = base_url
        self._stall_after = stall_after
        self._clock = clock
        self._opening = asyncio.Lock()
        self._connection: OpenAIConnection | None = None

    async def respond(self, request: Request, route: Route, key: str = "", on_delta: OnDelta | None = None) -> Response:
        """Make one call; the cost is left open. With `on_delta` the answer is streamed and every piece of it told.

        Raises:
            ModelError: the call brought no usable response.
        """
        key = validate_key(key, route)
        connection = await self._connected()
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

    async def _connected(self) -> OpenAIConnection:
        async with self._opening:
            if self._connection is None:
                self._connection = await asyncio.to_thread(self._open)
            return self._connection

    def _open(self) -> OpenAIConnection:
        from orchestrator_bridge.model.openai.transport import OpenAIConnection

        try:
            return OpenAIConnection(self._base_url, self._stall_after, self._clock)
        except Exception as error:
            # It reads proxies and certificates from the environment, and fails in as many ways as those can be wrong.
            found = f"no client can be made for model calls: {clean_message(str(error))}"
            failure = ConnectionFailed(found, "Check HTTPS_PROXY and SSL_CERT_FILE.")
        raise failure


def validate_key(key: str, route: Route) -> str:
    """The key as it can be sent.

    Raises:
        InvalidApiKey: it is missing, or holds characters that no header can carry.
    """
    key = key.strip()
    if route.key_env and not key:
        raise InvalidApiKey(f"{route.key_env} is not set, and {route.name!r} needs it", f"Put {route.key_env}=… into .env.")
    if not (key.isascii() and key.isprintable()):
        raise InvalidApiKey(
            f"{key_name(route)} holds characters that no key has", "Copy the key again, without quotes or line ends."
        )
    return key
