"""Every provider that does not speak OpenAI's chat completions, through LiteLLM: Anthropic, Gemini, Vertex AI, Bedrock, Azure, …

LiteLLM takes 3 to 5 s and 100 MB to import, more at the first call of each provider, and some providers stand still while they
look for credentials. So all of it lives aside, on an event loop in a thread of its own, from the first call that needs it; the
bot's own loop only waits. Answers are asked for whole: LiteLLM's streams lose parts of what some providers send beside the text.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator_bridge.model.aside import Aside
from orchestrator_bridge.model.error_text import clean
from orchestrator_bridge.model.errors import BadRequest, TimedOut
from orchestrator_bridge.model.extras import check_extra
from orchestrator_bridge.model.openai_wire import response_of
from orchestrator_bridge.model.port import Heard, Request, Response
from orchestrator_bridge.model.quiet import quietly
from orchestrator_bridge.model.refusals import SLOW, place

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route
    from orchestrator_bridge.model.openai_wire import Completion

Call = Callable[["Request", "Route", Mapping[str, str], Callable[[], float], "OnDelta | None"], Awaitable["Completion"]]

NOTHING: Mapping[str, str] = MappingProxyType({})


class LiteLLM:
    """The client of all routes that go through LiteLLM. `clock` tells seconds since the epoch, for a date in `retry-after`."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._aside = Aside("litellm")
        self._loading = asyncio.Lock()
        self._call: Call | None = None

    async def respond(
        self, request: Request, route: Route, credentials: Mapping[str, str] = NOTHING, heard: Heard | None = None
    ) -> Response:
        """Make one call; the cost is left open. `credentials` are what the route needs, by the names of LiteLLM's parameters.

        With `heard` the answer is streamed and every piece of it told, from another thread.

        Raises:
            ModelError: the call brought no usable response.
        """
        check_extra(route)
        try:
            async with asyncio.timeout(request.timeout):
                completion = await self._aside.run(lambda: self._ask(request, route, credentials, heard))
        except TimeoutError:
            raise TimedOut(f"{place(route)} did not answer within {request.timeout:g} s", SLOW) from None
        return response_of(completion, request, route)

    async def close(self) -> None:
        """Close the connections and end the thread; a later call starts both again."""
        await self._aside.close()
        self._loading = asyncio.Lock()

    async def _ask(self, request: Request, route: Route, credentials: Mapping[str, str], heard: Heard | None) -> Completion:
        """Runs aside."""
        async with self._loading:
            self._call = self._call or await _loaded(route)
        return await self._call(request, route, credentials, self._clock, heard)


async def _loaded(route: Route) -> Call:
    """LiteLLM, ready to be called.

    Raises:
        BadRequest: it cannot be imported.
    """
    try:
        with quietly():
            from orchestrator_bridge.model.litellm_call import ask, rehearse

            await rehearse()
    except Exception as error:
        # Many packages are imported with it, and each fails in its own way.
        failure = BadRequest(f"LiteLLM, through which {place(route)} is reached, cannot be loaded: {clean(str(error))}", _MEND)
    else:
        return ask
    raise failure


_MEND = "Stop the bot and start it again with `make run`, which installs what is missing."
