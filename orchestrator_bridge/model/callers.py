"""The clients of all providers: each call goes to the one of its route.

Nothing is opened before it is needed: a process whose agents are all scripted never imports `openai`, and one whose models all
speak OpenAI's format never imports `litellm`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.credentials import credentials
from orchestrator_bridge.model.extras import check_extra
from orchestrator_bridge.model.litellm_client import LiteLLMClient
from orchestrator_bridge.model.openai_client import OpenAIClient, validate_key
from orchestrator_bridge.model.port import OnDelta, Request, Response
from orchestrator_bridge.model.scripted import ScriptedClient


class ProviderClients:
    """The clients. `keys` as in `ModelClient`; `stall_after` in seconds, `clock` in seconds since the epoch."""

    def __init__(self, keys: Mapping[str, str], scripted: ScriptedClient, clock: Callable[[], float], stall_after: float) -> None:
        self._keys = keys
        self._scripted = scripted
        self._clock = clock
        self._stall_after = stall_after
        self._endpoints: dict[str, OpenAIClient] = {}
        self._litellm = LiteLLMClient(clock=clock)

    def check(self, route: Route) -> None:
        """Look whether a route could be called now, without calling it.

        Raises:
            ScriptError: its script is missing or wrong.
            InvalidApiKey: its key, or what else it needs, is not set, or is no key.
            BadRequest: it needs optional packages that are not installed.
        """
        match route.client:
            case "scripted":
                self._scripted.load(route.id)
            case "litellm":
                check_extra(route)
                credentials(route, self._keys)
            case "openai":
                validate_key(self._key(route), route)

    async def respond(self, request: Request, route: Route, on_delta: OnDelta | None = None) -> Response:
        """Make one call; the cost is left open. With `on_delta` the answer is streamed, and every piece of it told.

        Raises:
            ScriptError: its script is missing or wrong.
            ModelError: the call brought no usable response.
        """
        match route.client:
            case "scripted":
                return await self._scripted.respond(request, route, on_delta)
            case "litellm":
                return await self._litellm.respond(request, route, credentials(route, self._keys), on_delta)
            case "openai":
                return await self._openai_client(route).respond(request, route, self._key(route), on_delta)

    async def close(self) -> None:
        """Close all connections."""
        endpoints, self._endpoints = self._endpoints, {}
        for endpoint in endpoints.values():
            await endpoint.close()
        await self._litellm.close()

    def _openai_client(self, route: Route) -> OpenAIClient:
        if route.base_url not in self._endpoints:
            self._endpoints[route.base_url] = OpenAIClient(route.base_url, stall_after=self._stall_after, clock=self._clock)
        return self._endpoints[route.base_url]

    def _key(self, route: Route) -> str:
        return self._keys.get(route.key_env or "", "")
