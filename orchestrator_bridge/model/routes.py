"""Where every name leads today: the catalogue as seen with the settings that are set and the team file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from orchestrator_bridge.model.catalogue import Route, UnknownModelName, price_of, resolve
from orchestrator_bridge.model.price import cost

if TYPE_CHECKING:
    from orchestrator_bridge.model.port import Response
    from orchestrator_bridge.team import ModelSpec


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
