"""All models behind one door: a name finds its route, the prompt is counted, the route's client is asked, the answer booked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator_bridge.model.catalogue import (
    OWN,
    SCRIPTED,
    Route,
    UnknownModelName,
    lifecycle_notice,
    price_of,
    replacement_route,
    resolve,
    served_model_notice,
)
from orchestrator_bridge.model.catalogue.pricing import cost
from orchestrator_bridge.model.credentials import check_extra, credentials
from orchestrator_bridge.model.errors import ContextTooLong, UnknownModel
from orchestrator_bridge.model.estimator import DEFAULT_OUTPUT, Estimator, Key, Ratio
from orchestrator_bridge.model.interface import CallEstimate, OnDelta, Request, Response, Usage
from orchestrator_bridge.model.litellm.client import LiteLLMClient
from orchestrator_bridge.model.openai.client import STALL_AFTER, OpenAIClient, validate_key
from orchestrator_bridge.model.scripted.client import ScriptedClient
from orchestrator_bridge.model.scripted.script import ScriptError
from orchestrator_bridge.model.tokens import TokenCounter, TokenizerCache, tokenizer_of

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue.spec import ModelSpec


# The clients of all providers: each call goes to the one of its route.
#
# Nothing is opened before it is needed: a process whose agents are all scripted never imports `openai`, and one whose models
# all
# speak OpenAI's format never imports `litellm`.


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


PROVIDER_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "xai": "xAI",
        "openai": "OpenAI",
        "openrouter": "OpenRouter",
        "deepseek": "DeepSeek",
        "ollama": "Ollama",
        "vllm": "vLLM",
        "anthropic": "Anthropic",
        "gemini": "Gemini",
        "mistral": "Mistral",
        "azure_ai": "Azure AI",
        "azure": "Azure",
        "vertex_ai": "Vertex AI",
        "bedrock": "Bedrock",
    }
)
"""What people call the hosts of models."""


def call_estimate(route: Route, tokens: int) -> CallEstimate:
    """What a call of so many tokens asks of its route."""
    return CallEstimate(
        route=f"{route.provider}/{route.id} {route.base_url}",
        provider=route.name if route.provider == OWN else PROVIDER_TITLES.get(route.provider, route.provider),
        tokens=tokens,
        requests_per_minute=route.requests_per_minute,
        tokens_per_minute=route.tokens_per_minute,
    )


class RouteTable:
    """The routes of a process. `keys` and `base_urls` as in `ModelClient`; `clock` tells seconds since the epoch."""

    def __init__(
        self, keys: Mapping[str, str], base_urls: Mapping[str, str], own: Mapping[str, ModelSpec], clock: Callable[[], float]
    ) -> None:
        self._keys = keys
        self._base_urls = base_urls
        self._own = own
        self._clock = clock
        self._found: dict[tuple[str, date], Route] = {}

    @property
    def today(self) -> date:
        """The day in UTC, by which lifecycles are judged."""
        return datetime.fromtimestamp(self._clock(), UTC).date()

    def resolve(self, model: str) -> Route:
        """The route of a name.

        Raises:
            UnknownModelName: nobody answers to it.
        """
        today = self.today
        if (model, today) not in self._found:
            self._found[model, today] = resolve(model, self._own, self._base_urls, have=self._keys, today=today)
        return self._found[model, today]

    def find(self, model: str) -> Route | None:
        """The route of a name; None if nobody answers to it."""
        try:
            return self.resolve(model)
        except UnknownModelName:
            return None

    def cost(self, response: Response, route: Route) -> Decimal | None:
        """What a response costs, in US dollars, at the price of the model that it names; None if its usage or that is unknown."""
        price = None if response.usage.estimated else price_of(route, response.served, self._own)
        return cost(response.usage, price) if price else None


_NONE: Mapping[str, str] = MappingProxyType({})


class ModelClient:
    """Every model that a name leads to; a `port.Model`.

    `keys` holds what is set of the settings that providers need, secrets among them, by the names of their variables;
    `base_urls` addresses that replace a provider's own, by the provider's name; `own` the team file's `[models.<name>]`;
    `scripts` the folders in which to look for `<name>.toml`. `sleep` is how scripted models take their time; `clock` tells
    seconds since the epoch; `stall_after` is in seconds.
    """

    def __init__(
        self,
        *,
        keys: Mapping[str, str] = _NONE,
        base_urls: Mapping[str, str] = _NONE,
        own: Mapping[str, ModelSpec] | None = None,
        scripts: tuple[Path, ...] = (),
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
        stall_after: float = STALL_AFTER,
    ) -> None:
        self._routes = RouteTable(keys, base_urls, own or {}, clock)
        self._clients = ProviderClients(keys, ScriptedClient(scripts, sleep), clock, stall_after)
        self._replacements: dict[Route, Route] = {}
        self._tokenizers = TokenizerCache()
        self._estimator = Estimator(TokenCounter(self._tokenizers))

    def load_calibrations(self, learned: Mapping[Key, Ratio]) -> None:
        """Take over what earlier processes learned of our counts."""
        self._estimator.load_calibrations(learned)

    def preload_tokenizers(self, models: Iterable[str]) -> None:
        """Begin to load the tokenizers that these models are counted with: the last step of that holds up every thread, for up to
        half a second, and had better be over before people are waiting."""
        for route in map(self._routes.find, models):
            name = tokenizer_of(route) if route else None
            if name:
                self._tokenizers.get(name)

    def check(self, model: str) -> Route:
        """The route of a model that could be called now, told without calling it.

        Raises:
            UnknownModelName: nobody answers to this name.
            ScriptError: its script is missing or wrong.
            InvalidApiKey: its key, or what else it needs, is not set, or is no key.
            BadRequest: it needs optional packages that are not installed.
        """
        route = self._routes.resolve(model)
        self._clients.check(route)
        return route

    # Calls ----------------------------------------------------------------------------------------------------------------

    async def respond(self, request: Request, on_delta: OnDelta | None = None) -> Response:
        """Make one call. With `on_delta` the answer is streamed, and every piece of its text told, from any thread.

        Raises:
            ModelError: the call brought no usable response.
        """
        try:
            route = self._routes.resolve(request.model)
            if route.client == "scripted":
                return await self._clients.respond(request, route, on_delta)
        except (UnknownModelName, ScriptError) as error:
            raise UnknownModel(str(error), "Choose another model.") from None
        return await self._call_or_replacement(request, route, on_delta)

    async def _call_or_replacement(self, request: Request, route: Route, on_delta: OnDelta | None) -> Response:
        """The answer of the model, or of what its provider names in its place where it no longer takes the id."""
        instead = self._replacements.get(route)
        if instead is None:
            try:
                return self._with_cost(await self._call_counted(request, route, on_delta), route)
            except UnknownModel:
                instead = replacement_route(route)
                if instead is None:
                    raise
                self._replacements[route] = instead
        return self._with_cost(await self._call_counted(request, instead, on_delta), instead, refused=route.id)

    def _with_cost(self, response: Response, route: Route, refused: str = "") -> Response:
        said = served_model_notice(route, response.served, refused=refused)
        return replace(response, cost=self._routes.cost(response, route), notice=said)

    async def _call_counted(self, request: Request, route: Route, on_delta: OnDelta | None) -> Response:
        """One call whose prompt is counted before it; what the provider makes of it corrects the next count."""
        self._estimator.check(request, route)
        counted = self._estimator.count_prompt(request, route)
        try:
            response = await self._clients.respond(request, route, on_delta)
        except ContextTooLong as error:
            if self._estimator.record_too_long(counted, route):
                # The next try is cut to what this one taught.
                error.retry_after = 0.0
            raise
        self._estimator.learn(counted, response.usage)
        return replace(response, counted=counted)

    # What is known before a call ------------------------------------------------------------------------------------------

    def max_cost(self, request: Request) -> Decimal | None:
        """The most that this call is expected to cost, in US dollars; None if the price is unknown. An estimate."""
        route = self._routes.find(request.model)
        if route is not None and route.provider == SCRIPTED:
            return Decimal(0)
        if route is None or route.price is None:
            return None
        usage = Usage(input=self._estimator.estimate_prompt(request, route), output=request.max_output or DEFAULT_OUTPUT)
        return cost(usage, route.price)

    def lifecycle_notice(self, model: str) -> str:
        """What whoever is about to pay for this model has to know of its lifecycle, as a sentence; empty if nothing."""
        route = self._routes.find(model)
        return lifecycle_notice(route, self._routes.today) if route else ""

    def supports_images(self, model: str) -> bool:
        """Whether a model is known to take pictures."""
        route = self._routes.find(model)
        return route is not None and route.vision is True

    def estimate_call(self, request: Request) -> CallEstimate:
        """What this call asks of its route. An estimate."""
        answer = request.max_output or DEFAULT_OUTPUT
        route = self._routes.find(request.model)
        if route is None:
            return CallEstimate(route=request.model, provider=request.model, tokens=answer)
        return call_estimate(route, self._estimator.estimate_prompt(request, route) + answer)

    def excess_tokens(self, request: Request) -> int:
        """By how many tokens a prompt is longer than its model takes; 0 if it fits, or nobody knows. An estimate."""
        route = self._routes.find(request.model)
        return self._estimator.excess_tokens(request, route) if route else 0

    async def close(self) -> None:
        """Close all connections."""
        await self._clients.close()
