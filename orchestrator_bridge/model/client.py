"""ModelClient: the `Model` of all providers.

A call resolves its model name to a route, counts the prompt, goes to the client of the route's provider, and has its cost
computed. No provider library is loaded before a route needs it: a process whose agents are all scripted never imports `openai`,
and one whose providers all speak OpenAI's format never imports `litellm`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, assert_never

from orchestrator_bridge.common.clock import Clock, SystemClock
from orchestrator_bridge.model.catalogue import (
    PROVIDERS,
    SCRIPTED,
    Route,
    UnknownModelName,
    lifecycle_notice,
    price_of,
    replacement_route,
    resolve_all,
    served_model_notice,
)
from orchestrator_bridge.model.catalogue.pricing import cost
from orchestrator_bridge.model.credentials import check_extra, credentials
from orchestrator_bridge.model.errors import BadRequest, ContextTooLong, FormatRefused, RolesRefused, ToolsRefused, UnknownModel
from orchestrator_bridge.model.estimator import DEFAULT_OUTPUT, Estimator, Key, Ratio
from orchestrator_bridge.model.interface import (
    STATED,
    CallEstimate,
    OnDelta,
    OnProgress,
    Request,
    Response,
    ServerTool,
    ToolMode,
    Usage,
)
from orchestrator_bridge.model.litellm.client import LiteLLMClient
from orchestrator_bridge.model.openai.client import STALL_AFTER, OpenAIClient, validate_key
from orchestrator_bridge.model.parameters import limited
from orchestrator_bridge.model.preview import Preview, ReasoningHabits
from orchestrator_bridge.model.probe import makes_calls, probe_request, probed_modes
from orchestrator_bridge.model.route_memory import RouteMemory
from orchestrator_bridge.model.scripted.client import ScriptedClient
from orchestrator_bridge.model.scripted.script import ScriptError
from orchestrator_bridge.model.server_tools import MISSING_ADVICE, fees, missing_server_tools, missing_text, most_fees
from orchestrator_bridge.model.tokens import O200K, TokenCounter, TokenizerCache, tokenizer_of
from orchestrator_bridge.model.tool_mode import UNUSABLE_ADVICE, ToolModes, unusable_text

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue.spec import ModelSpec


class ProviderClients:
    """Clients by provider; each call goes to the one of its route. `keys` and `stall_after` as in `ModelClient`."""

    def __init__(self, keys: Mapping[str, str], scripted: ScriptedClient, clock: Clock, stall_after: float) -> None:
        self._keys = keys
        self._scripted = scripted
        self._clock = clock
        self._stall_after = stall_after
        self._openai: dict[str, OpenAIClient] = {}
        self._litellm = LiteLLMClient(clock=clock, stall_after=stall_after)

    def check(self, route: Route) -> None:
        """Check without a call that a route is ready to be called.

        Raises:
            ScriptError: its script is missing or invalid.
            InvalidApiKey: its key or another required setting is missing or malformed.
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
            case _:
                assert_never(route.client)

    async def respond(
        self, request: Request, route: Route, on_delta: OnDelta | None = None, on_progress: OnProgress | None = None
    ) -> Response:
        """Make one call; its cost is the bill that the provider states, if any. With `on_delta` the answer is streamed.

        Raises:
            ScriptError: its script is missing or invalid.
            ModelError: the call brought no usable response.
        """
        match route.client:
            case "scripted":
                return await self._scripted.respond(request, route, on_delta)
            case "litellm":
                return await self._litellm.respond(request, route, credentials(route, self._keys), on_delta, on_progress)
            case "openai":
                if route.base_url not in self._openai:
                    self._openai[route.base_url] = OpenAIClient(route.base_url, stall_after=self._stall_after, clock=self._clock)
                client = self._openai[route.base_url]
                return await client.respond(request, route, self._key(route), on_delta, on_progress)
            case _:
                assert_never(route.client)

    async def close(self) -> None:
        """Close all connections."""
        clients, self._openai = self._openai, {}
        for client in clients.values():
            await client.close()
        await self._litellm.close()

    def _key(self, route: Route) -> str:
        return self._keys.get(route.key_env or "", "")


REFUSED_FOR = 6 * 3600.0
"""Seconds for which a route that its provider no longer serves is passed over. After a restart one refused call, which costs
nothing, finds it again."""


class RouteTable:
    """Routes by model name, cached for a day: a retirement date changes them. Arguments as in `ModelClient`."""

    def __init__(self, keys: Mapping[str, str], base_urls: Mapping[str, str], own: Mapping[str, ModelSpec], clock: Clock) -> None:
        self._keys = keys
        self._base_urls = base_urls
        self._own = own
        self._clock = clock
        self._routes: dict[tuple[str, date], tuple[Route, ...]] = {}
        self._refused: dict[tuple[str, str], float] = {}

    @property
    def today(self) -> date:
        """Current day in UTC, on which lifecycles depend."""
        return datetime.fromtimestamp(self._clock.now(), UTC).date()

    def resolve(self, model: str) -> Route:
        """Route of a model name: the best one that its provider has not refused lately, else the best one.

        Raises:
            UnknownModelName: the name is not known.
        """
        routes = self._candidates(model)
        return next((route for route in routes if not self.is_refused(route)), routes[0])

    def _candidates(self, model: str) -> tuple[Route, ...]:
        """Routes of a model, best first, each followed by that of its successor at the same host."""
        today = self.today
        if (model, today) not in self._routes:
            routes = resolve_all(model, self._own, self._base_urls, have=self._keys, today=today)
            with_successors = ((route, replacement_route(route, today)) for route in routes)
            self._routes[model, today] = tuple(route for pair in with_successors for route in pair if route is not None)
        return self._routes[model, today]

    def refuse(self, route: Route) -> None:
        """Pass over a route for `REFUSED_FOR`: its provider no longer serves the model."""
        self._refused[_place(route)] = self._clock.now() + REFUSED_FOR

    def is_refused(self, route: Route) -> bool:
        """True if its provider has refused the model lately."""
        return self._refused.get(_place(route), 0.0) > self._clock.now()

    def passed_over(self, model: str, route: Route) -> Route | None:
        """The better route in whose place this one is called; None if there is none."""
        better = takewhile(lambda other: other != route, self._candidates(model))
        return next(filter(self.is_refused, better), None)

    def find(self, model: str) -> Route | None:
        """Route of a model name; None if the name is not known."""
        try:
            return self.resolve(model)
        except UnknownModelName:
            return None

    def with_cost(self, response: Response, route: Route) -> Response:
        """The response with its cost, at the price of the model that it names, and the source of that price.

        The bill that a response states beats any price list: it has the discounts, the tools and the tier that applied. Without
        usage or a price, the cost is unknown.
        """
        if response.cost is not None:
            return replace(response, cost_source=STATED)
        price = None if response.usage.estimated else price_of(route, response.served, self._own, today=self.today)
        if price is None:
            return response
        billed = fees(response.server_uses, route)
        source = f"{price.source}, with the provider's fees for its tools" if billed else price.source
        return replace(response, cost=cost(response.usage, price) + billed, cost_source=source)


def _place(route: Route) -> tuple[str, str]:
    return route.base_url or route.provider, route.id


_NONE: Mapping[str, str] = MappingProxyType({})


class ModelClient:
    """The `Model` of every model name.

    `keys` holds the settings that providers need, API keys among them, by environment variable. `base_urls` replaces providers'
    addresses, by provider. `own` holds the team file's `[models.<name>]`. `scripts` are the folders that hold scripts.
    `sleep` (seconds) delays scripted models. `stall_after` is the longest silence in a stream, in seconds.
    `data` is the folder in which it is remembered what servers take; None keeps that for this process.
    """

    def __init__(
        self,
        *,
        keys: Mapping[str, str] = _NONE,
        base_urls: Mapping[str, str] = _NONE,
        own: Mapping[str, ModelSpec] | None = None,
        scripts: tuple[Path, ...] = (),
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Clock | None = None,
        stall_after: float = STALL_AFTER,
        data: Path | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._memory = RouteMemory(data, clock)
        self._routes = RouteTable(keys, base_urls, own or {}, clock)
        self._clients = ProviderClients(keys, ScriptedClient(scripts, sleep), clock, stall_after)
        self._modes = ToolModes(self._memory)
        self._habits = ReasoningHabits()
        self._tokenizers = TokenizerCache()
        self._estimator = Estimator(TokenCounter(self._tokenizers))

    def load_calibrations(self, learned: Mapping[Key, Ratio]) -> None:
        """Load the correction ratios that earlier processes learned."""
        self._estimator.load_calibrations(learned)

    def preload_tokenizers(self, models: Iterable[str]) -> None:
        """Start loading the tokenizers of these models: their own, or o200k for models whose own no package contains.

        The last step of it blocks every thread for up to half a second, so it belongs into the start of the process.
        """
        for route in map(self._routes.find, models):
            if route is not None and route.client != "scripted":
                self._tokenizers.get(tokenizer_of(route) or O200K)

    def check(self, model: str, server_tools: Sequence[ServerTool] = ()) -> Route:
        """Check without a call that a model is ready to be called, and return its route.

        Raises:
            UnknownModelName: the name is not known.
            ScriptError: its script is missing or invalid.
            InvalidApiKey: its key or another required setting is missing or malformed.
            BadRequest: it needs optional packages that are not installed, makes no tool calls in any form, or lacks one of
                the server-side tools.
        """
        route = self._routes.resolve(model)
        self._clients.check(route)
        if self._memory.get(route).unusable:
            raise BadRequest(unusable_text(route), UNUSABLE_ADVICE)
        if missing := missing_server_tools(route, server_tools):
            raise BadRequest(missing_text(route, missing), MISSING_ADVICE)
        return route

    async def respond(self, request: Request, on_delta: OnDelta | None = None, on_progress: OnProgress | None = None) -> Response:
        """Make one call. With `on_delta` the answer is streamed; it is called from any thread.

        Raises:
            ModelError: the call brought no usable response.
        """
        try:
            route = self._routes.resolve(request.model)
            # A script has no tokens to count and no cost to compute, and its errors name the script.
            if route.client == "scripted":
                return await self._clients.respond(request, route, on_delta)
        except (UnknownModelName, ScriptError) as error:
            raise UnknownModel(str(error), "Choose another model.") from None
        while True:
            tried = self._modes.apply_to(request, route)
            try:
                return await self._call(tried, route, on_delta, on_progress)
            except (ToolsRefused, FormatRefused, RolesRefused) as error:
                # Refused before anything was read or billed, the same call can be made in another form at once.
                if not self._modes.take_next(route, tried, error):
                    raise
            except UnknownModel:
                self._routes.refuse(route)
                following = self._routes.resolve(request.model)
                # The best route again: no other is left.
                if self._routes.is_refused(following):
                    raise
                route = following

    async def probe(self, model: str) -> ToolMode | None:
        """Find by at most six tiny calls the mode in which a model makes tool calls, and remember it.

        None if it made none in any mode; that is remembered too, unless an answer was cut off.

        Raises:
            UnknownModelName: the name is not known.
            ModelError: a call failed for another reason than its mode.
        """
        route = self._routes.resolve(model)
        cut = False
        for mode in probed_modes(route):
            response = await self._probe_in(mode, probe_request(model), route)
            if response is not None and makes_calls(response):
                self._memory.set(route, mode=mode, unusable=False)
                return mode
            cut = cut or (response is not None and response.cut)
        if not cut:
            self._memory.set(route, mode=None, unusable=True)
        return None

    async def _probe_in(self, mode: ToolMode, request: Request, route: Route) -> Response | None:
        """The answer to a probe in a mode; None if the server refuses the mode."""
        while True:
            tried = replace(self._modes.apply_to(request, route), tool_mode=mode)
            try:
                return await self._call(tried, route)
            except (ToolsRefused, FormatRefused):
                return None
            except RolesRefused as error:
                if tried.roles == "without_system" or not self._modes.take_next(route, tried, error):
                    return None

    async def _call(
        self, request: Request, route: Route, on_delta: OnDelta | None = None, on_progress: OnProgress | None = None
    ) -> Response:
        """Count the prompt, call, and correct later counts by the result."""
        if missing := missing_server_tools(route, request.server_tools):
            raise BadRequest(missing_text(route, missing), MISSING_ADVICE)
        request = limited(request, route)
        self._estimator.check(request, route)
        counted = self._estimator.count_prompt(request, route)
        preview = Preview(on_delta, in_reasoning=self._habits.begins_in_reasoning(route)) if on_delta else None
        try:
            response = await self._clients.respond(request, route, preview.add if preview else None, on_progress)
        except ContextTooLong as error:
            if self._estimator.record_too_long(counted, route, error.window):
                # A retry at once makes sense: its prompt will be cut by the count that was just corrected.
                error.retry_after = 0.0
            raise
        self._estimator.learn(counted, response.usage)
        self._modes.learn(route, request, response)
        self._habits.learn(route, request, response)
        refused = self._routes.passed_over(request.model, route)
        notice = served_model_notice(route, response.served, refused=refused, today=self._routes.today)
        return replace(self._routes.with_cost(response, route), counted=counted, notice=notice)

    def max_cost(self, request: Request) -> Decimal | None:
        """Estimate the highest cost of this call in US dollars; None if the price is unknown."""
        route = self._routes.find(request.model)
        if route is not None and route.provider == SCRIPTED:
            return Decimal(0)
        if route is None or route.price is None:
            return None
        request = limited(request, route)
        prompt = self._estimator.estimate_prompt(request, route)
        # The dearest case is a prompt that is written to the provider's cache, which some charge a quarter more for.
        usage = Usage(input=prompt, cache_written=prompt, output=request.max_output or DEFAULT_OUTPUT)
        return cost(usage, route.price) + most_fees(request, route)

    def lifecycle_notice(self, model: str) -> str:
        """Sentence about a retired or retiring model, for a person about to pay for it; empty if there is nothing to say."""
        route = self._routes.find(model)
        return lifecycle_notice(route, self._routes.today) if route else ""

    def supports_images(self, model: str) -> bool:
        """True if the model is known to accept images."""
        route = self._routes.find(model)
        return route is not None and route.vision is True

    def estimate_call(self, request: Request) -> CallEstimate:
        """Estimate the demand of this call on its route."""
        route = self._routes.find(request.model)
        if route is None:
            tokens = request.max_output or DEFAULT_OUTPUT
            return CallEstimate(route=request.model, provider=request.model, tokens=tokens)
        request = limited(request, route)
        answer = request.max_output or DEFAULT_OUTPUT
        provider = PROVIDERS.get(route.provider)
        return CallEstimate(
            route=f"{route.provider}/{route.id} {route.base_url}",
            provider=provider.title if provider else route.name,
            tokens=self._estimator.estimate_prompt(request, route) + answer,
            requests_per_minute=route.requests_per_minute,
            tokens_per_minute=route.tokens_per_minute,
        )

    def excess_tokens(self, request: Request) -> int:
        """Estimate by how many tokens the prompt exceeds the model's window; 0 if it fits or the window is unknown."""
        route = self._routes.find(request.model)
        return self._estimator.excess_tokens(limited(request, route), route) if route else 0

    async def close(self) -> None:
        """Close all connections."""
        await self._clients.close()
