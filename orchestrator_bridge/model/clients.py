"""All models behind one door: each request goes to the client of its model's provider.

Nothing is opened before it is needed: a process whose agents are all scripted never imports `openai`, and one whose models all
speak OpenAI's format never imports `litellm`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator_bridge.model.catalogue import SCRIPTED, Route, UnknownModelName, instead_of, notice, price_of, resolve, surprise
from orchestrator_bridge.model.count import Counter
from orchestrator_bridge.model.credentials import credentials
from orchestrator_bridge.model.demand import demand
from orchestrator_bridge.model.estimator import DEFAULT_OUTPUT, Estimator, Key
from orchestrator_bridge.model.extras import check_extra
from orchestrator_bridge.model.litellm_client import LiteLLM
from orchestrator_bridge.model.openai_client import STALL_AFTER, Endpoint, Heard, checked_key
from orchestrator_bridge.model.port import Demand, Request, Response, TooLong, UnknownModel, Usage
from orchestrator_bridge.model.price import cost
from orchestrator_bridge.model.ratio import Ratio
from orchestrator_bridge.model.script import ScriptError
from orchestrator_bridge.model.scripted import Scripted
from orchestrator_bridge.model.tokenizer import Tokenizers, tokenizer_of

if TYPE_CHECKING:
    from orchestrator_bridge.team import ModelSpec

_NONE: Mapping[str, str] = MappingProxyType({})


class Models:
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
        self._keys = keys
        self._base_urls = base_urls
        self._own = own or {}
        self._scripted = Scripted(scripts, sleep)
        self._clock = clock
        self._stall_after = stall_after
        self._routes: dict[tuple[str, date], Route] = {}
        self._instead: dict[Route, Route] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._litellm = LiteLLM(clock=clock)
        self._tokenizers = Tokenizers()
        self._estimator = Estimator(Counter(self._tokenizers))

    def know(self, learned: Mapping[Key, Ratio]) -> None:
        """Take over what earlier processes learned of our counts."""
        self._estimator.know(learned)

    def prepare(self, models: Iterable[str]) -> None:
        """Begin to load the tokenizers that these models are counted with: the last step of that holds up every thread, for up to
        half a second, and had better be over before people are waiting."""
        for model in models:
            with suppress(UnknownModelName):
                name = tokenizer_of(self._route(model))
                if name:
                    self._tokenizers.get(name)

    def check(self, model: str) -> Route:
        """The route of a model that could be called now, told without calling it.

        Raises:
            UnknownModelName: nobody answers to this name.
            ScriptError: its script is missing or wrong.
            BadKey: its key, or what else it needs, is not set, or is no key.
            BadRequest: it needs optional packages that are not installed.
        """
        route = self._route(model)
        match route.client:
            case "scripted":
                self._scripted.load(route.id)
            case "litellm":
                check_extra(route)
                credentials(route, self._keys)
            case "openai":
                checked_key(self._key(route), route)
        return route

    async def respond(self, request: Request) -> Response:
        """Make one call.

        Raises:
            ModelError: the call brought no usable response.
        """
        try:
            route = self._route(request.model)
            if route.client == "scripted":
                return await self._scripted.respond(request, route)
        except (UnknownModelName, ScriptError) as error:
            raise UnknownModel(str(error), "Choose another model.") from None
        return await self._answered(request, route)

    async def listen(self, request: Request, heard: Heard) -> Response:
        """Make one call whose answer is streamed; `heard` is told of every piece of it, from any thread.

        Raises:
            UnknownModelName: nobody answers to this name.
            ModelError: the call brought no usable response.
        """
        route = self.check(request.model)
        if route.client == "scripted":
            return await self.respond(request)
        return self._booked(await self._ask(request, route, heard), route)

    async def _answered(self, request: Request, route: Route) -> Response:
        """The answer of the model, or of what its provider names in its place where it no longer takes the id."""
        instead = self._instead.get(route)
        if instead is None:
            try:
                return self._booked(await self._counted(request, route), route)
            except UnknownModel:
                instead = instead_of(route)
                if instead is None:
                    raise
                self._instead[route] = instead
        return self._booked(await self._counted(request, instead), instead, refused=route.id)

    def _booked(self, response: Response, route: Route, refused: str = "") -> Response:
        said = surprise(route, response.served, refused=refused)
        return replace(response, cost=self._cost(response, route), notice=said)

    async def _counted(self, request: Request, route: Route) -> Response:
        """One call whose prompt is counted before it; what the provider makes of it corrects the next count."""
        self._estimator.check(request, route)
        counted = self._estimator.counted(request, route)
        try:
            response = await self._ask(request, route)
        except TooLong as error:
            if self._estimator.too_long(counted, route):
                # The next try is cut to what this one taught.
                error.retry_after = 0.0
            raise
        self._estimator.learn(counted, response.usage)
        return replace(response, counted=counted)

    async def _ask(self, request: Request, route: Route, heard: Heard | None = None) -> Response:
        if route.client == "litellm":
            return await self._litellm.respond(request, route, credentials(route, self._keys), heard)
        return await self._endpoint(route).respond(request, route, self._key(route), heard)

    def reserve(self, request: Request) -> Decimal | None:
        """The most that this call is expected to cost, in US dollars; None if the price is unknown. An estimate."""
        try:
            route = self._route(request.model)
        except UnknownModelName:
            return None
        if route.provider == SCRIPTED:
            return Decimal(0)
        if route.price is None:
            return None
        usage = Usage(input=self._estimator.tokens(request, route), output=request.max_output or DEFAULT_OUTPUT)
        return cost(usage, route.price)

    def notice(self, model: str) -> str:
        """What whoever is about to pay for this model has to know of its lifecycle, as a sentence; empty if nothing."""
        try:
            return notice(self._route(model), self._today)
        except UnknownModelName:
            return ""

    def sees(self, model: str) -> bool:
        """Whether a model is known to take pictures."""
        try:
            return self._route(model).vision is True
        except UnknownModelName:
            return False

    def demand(self, request: Request) -> Demand:
        """What this call asks of its route. An estimate."""
        answer = request.max_output or DEFAULT_OUTPUT
        try:
            route = self._route(request.model)
        except UnknownModelName:
            return Demand(route=request.model, provider=request.model, tokens=answer)
        return demand(route, self._estimator.tokens(request, route) + answer)

    def excess(self, request: Request) -> int:
        """By how many tokens a prompt is longer than its model takes; 0 if it fits, or nobody knows. An estimate."""
        try:
            return self._estimator.excess(request, self._route(request.model))
        except UnknownModelName:
            return 0

    async def close(self) -> None:
        """Close all connections."""
        endpoints, self._endpoints = self._endpoints, {}
        for endpoint in endpoints.values():
            await endpoint.close()
        await self._litellm.close()

    def _route(self, model: str) -> Route:
        today = self._today
        if (model, today) not in self._routes:
            self._routes[model, today] = resolve(model, self._own, self._base_urls, have=self._keys, today=today)
        return self._routes[model, today]

    @property
    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock(), UTC).date()

    def _endpoint(self, route: Route) -> Endpoint:
        if route.base_url not in self._endpoints:
            self._endpoints[route.base_url] = Endpoint(route.base_url, stall_after=self._stall_after, clock=self._clock)
        return self._endpoints[route.base_url]

    def _key(self, route: Route) -> str:
        return self._keys.get(route.key_env or "", "")

    def _cost(self, response: Response, route: Route) -> Decimal | None:
        if response.usage.estimated:
            return None
        price = price_of(route, response.served, self._own)
        return cost(response.usage, price) if price else None
