"""Client of all providers without an OpenAI-compatible API, through LiteLLM: Anthropic, Gemini, Vertex AI, Bedrock, Azure, ...

LiteLLM takes 3 to 5 s and 100 MB to import, more at the first call of each provider, and some providers block while they look up
credentials. Therefore it runs on an event loop in a thread of its own and is imported there, at the first call that needs it;
the bot's own loop only awaits the result. Answers are requested whole unless somebody reads the stream: LiteLLM's streams lose
parts of what some providers send beside the text.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.model.background_loop import BackgroundLoop, import_quietly
from orchestrator_bridge.model.credentials import check_extra
from orchestrator_bridge.model.errors import BadRequest
from orchestrator_bridge.model.interface import OnDelta, OnProgress, Request, Response
from orchestrator_bridge.model.openai.completion import response_of
from orchestrator_bridge.model.openai.silence import SilenceTimer
from orchestrator_bridge.model.provider_errors import clean_message, provider_label
from orchestrator_bridge.model.tokens import estimate

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route
    from orchestrator_bridge.model.openai.completion import Completion


ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        # LiteLLM would download each of these at import or at the first call; the package contains all of them.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
        "LITELLM_LOCAL_BLOG_POSTS": "True",
        # Otherwise it loads .env into the environment of this process, and so of every process started from it.
        "LITELLM_MODE": "PRODUCTION",
    }
)

OnChunk = Callable[["str | None"], None]
"""Callback for each chunk of a stream: its visible text, empty for a tool call, None for a chunk before the answer."""

LiteLLMCall = Callable[["Request", "Route", Mapping[str, str], Clock, "OnChunk | None"], Awaitable["Completion"]]

NO_CREDENTIALS: Mapping[str, str] = MappingProxyType({})


class LiteLLMClient:
    """Client of all routes that use LiteLLM. The clock interprets a `retry-after` header that is a date.

    `stall_after` is the longest silence in a stream, in seconds.
    """

    def __init__(self, clock: Clock, stall_after: float) -> None:
        self._clock = clock
        self._stall_after = stall_after
        self._background = BackgroundLoop("litellm")
        self._loading = asyncio.Lock()
        self._call: LiteLLMCall | None = None

    async def respond(
        self,
        request: Request,
        route: Route,
        credentials: Mapping[str, str] = NO_CREDENTIALS,
        on_delta: OnDelta | None = None,
        on_progress: OnProgress | None = None,
    ) -> Response:
        """Make one call; its cost is the bill that the provider states, if any.

        `credentials` are LiteLLM's authentication parameters for the route.

        With `on_delta` the answer is streamed; both callbacks are called from another thread.

        Raises:
            ModelError: the call brought no usable response.
        """
        check_extra(route)
        # The timer runs on this loop: on the other one a library may block.
        loop, silence = asyncio.get_running_loop(), SilenceTimer(request.timeout, self._stall_after)

        def on_chunk(piece: str | None) -> None:
            loop.call_soon_threadsafe(silence.restart if piece is None else silence.answer_begun)
            if piece is not None and on_delta is not None:
                on_delta(piece)
            if piece and on_progress is not None:
                on_progress(estimate(piece))

        read = on_chunk if on_delta else None
        try:
            async with silence.timeout:
                completion = await self._background.run(lambda: self._complete(request, route, credentials, read))
        except TimeoutError:
            raise silence.failure(route) from None
        finally:
            silence.stop()
        return response_of(completion, request, route)

    async def close(self) -> None:
        """Close the connections and end the thread; a later call starts both again."""
        await self._background.close()
        self._loading = asyncio.Lock()

    async def _complete(
        self, request: Request, route: Route, credentials: Mapping[str, str], on_chunk: OnChunk | None
    ) -> Completion:
        """Load LiteLLM once and make the call; runs on the background loop."""
        async with self._loading:
            self._call = self._call or await _load_transport(route)
        return await self._call(request, route, credentials, self._clock, on_chunk)


async def _load_transport(route: Route) -> LiteLLMCall:
    """Import LiteLLM and warm it up.

    Raises:
        BadRequest: it cannot be imported.
    """
    try:
        os.environ.update(ENVIRONMENT)
        with import_quietly():
            from orchestrator_bridge.model.litellm.transport import complete, warm_up

            await warm_up()
    except Exception as error:
        # It imports many packages, each of which can fail in its own way.
        failure = BadRequest(
            f"LiteLLM, which connects to {provider_label(route)}, cannot be loaded: {clean_message(str(error))}",
            "Stop the bot, install Townhall again, and start it: `make run` does all three in a checkout.",
        )
    else:
        return complete
    raise failure
