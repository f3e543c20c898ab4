"""Every provider that does not speak OpenAI's chat completions, through LiteLLM: Anthropic, Gemini, Vertex AI, Bedrock, Azure, …

LiteLLM takes 3 to 5 s and 100 MB to import, more at the first call of each provider, and some providers stand still while they
look for credentials. So all of it lives aside, on an event loop in a thread of its own, from the first call that needs it; the
bot's own loop only waits. Answers are asked for whole: LiteLLM's streams lose parts of what some providers send beside the text.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator_bridge.model.background_loop import BackgroundLoop, import_quietly
from orchestrator_bridge.model.credentials import check_extra
from orchestrator_bridge.model.errors import BadRequest, TimedOut
from orchestrator_bridge.model.interface import OnDelta, Request, Response
from orchestrator_bridge.model.openai.wire import response_of
from orchestrator_bridge.model.provider_errors import TIMEOUT_ADVICE, clean_message, provider_label

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route
    from orchestrator_bridge.model.openai.wire import Completion


ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        # Each of these would be fetched at import or at the first call otherwise; all of them come with the package.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
        "LITELLM_LOCAL_BLOG_POSTS": "True",
        # Else it loads .env into the environment of this process, and so into that of every process that it starts.
        "LITELLM_MODE": "PRODUCTION",
    }
)

LiteLLMCall = Callable[["Request", "Route", Mapping[str, str], Callable[[], float], "OnDelta | None"], Awaitable["Completion"]]

NO_CREDENTIALS: Mapping[str, str] = MappingProxyType({})


class LiteLLMClient:
    """The client of all routes that go through LiteLLM. `clock` tells seconds since the epoch, for a date in `retry-after`."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._background = BackgroundLoop("litellm")
        self._loading = asyncio.Lock()
        self._call: LiteLLMCall | None = None

    async def respond(
        self, request: Request, route: Route, credentials: Mapping[str, str] = NO_CREDENTIALS, on_delta: OnDelta | None = None
    ) -> Response:
        """Make one call; the cost is left open. `credentials` are what the route needs, by the names of LiteLLM's parameters.

        With `on_delta` the answer is streamed and every piece of it told, from another thread.

        Raises:
            ModelError: the call brought no usable response.
        """
        check_extra(route)
        try:
            async with asyncio.timeout(request.timeout):
                completion = await self._background.run(lambda: self._respond_in_loop(request, route, credentials, on_delta))
        except TimeoutError:
            raise TimedOut(f"{provider_label(route)} did not answer within {request.timeout:g} s", TIMEOUT_ADVICE) from None
        return response_of(completion, request, route)

    async def close(self) -> None:
        """Close the connections and end the thread; a later call starts both again."""
        await self._background.close()
        self._loading = asyncio.Lock()

    async def _respond_in_loop(
        self, request: Request, route: Route, credentials: Mapping[str, str], on_delta: OnDelta | None
    ) -> Completion:
        """Runs aside."""
        async with self._loading:
            self._call = self._call or await _load(route)
        return await self._call(request, route, credentials, self._clock, on_delta)


async def _load(route: Route) -> LiteLLMCall:
    """LiteLLM, ready to be called.

    Raises:
        BadRequest: it cannot be imported.
    """
    try:
        os.environ.update(ENVIRONMENT)
        with import_quietly():
            from orchestrator_bridge.model.litellm.transport import complete, warm_up

            await warm_up()
    except Exception as error:
        # Many packages are imported with it, and each fails in its own way.
        failure = BadRequest(
            f"LiteLLM, through which {provider_label(route)} is reached, cannot be loaded: {clean_message(str(error))}", _FIX
        )
    else:
        return complete
    raise failure


_FIX = "Stop the bot and start it again with `make run`, which installs what is missing."
