"""A model as people see it: provider, price, missing settings, lifecycle. One value for tables, autocomplete and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from orchestrator_bridge.model.catalogue import PROVIDERS, Route, lifecycle_badge, lifecycle_notice, lifecycle_stage, resolve
from orchestrator_bridge.model.catalogue.pricing import cost, format_rate, format_rates, format_size
from orchestrator_bridge.model.catalogue.sources import model_entries
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.model.credentials import missing_extra, missing_settings
from orchestrator_bridge.model.interface import Usage
from orchestrator_bridge.model.route_memory import RouteMemory

SAMPLE = Usage(input=10_000, output=2_000)
"""A typical call: about six pages of input, two of output."""

EXPENSIVE = Decimal("0.05")
"""US dollars for `SAMPLE` above which a model is called expensive: a run of twenty such calls costs more than a dollar."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelView:
    """A model as it could be called today. `lacks`: settings and optional packages that are missing for a call."""

    route: Route
    lacks: tuple[str, ...]
    badge: str
    notice: str
    retired: bool
    unusable: bool = False
    """True if it was seen to make no tool calls in any form."""
    about: str = ""
    old: bool = False

    @property
    def usable(self) -> bool:
        """True if the model can be called now, and makes tool calls in some form, which agents need."""
        return not (self.lacks or self.unusable)

    @property
    def unverified(self) -> bool:
        """True if the name leads to a provider, but no source confirms that the model exists there."""
        provider = PROVIDERS.get(self.route.provider)
        hosted = provider is not None and not provider.any_model and provider.client != "scripted"
        return hosted and self.route.price is None and self.route.context is None

    @property
    def expensive(self) -> bool:
        """True if a typical call costs more than `EXPENSIVE`."""
        return self.route.price is not None and cost(SAMPLE, self.route.price) > EXPENSIVE

    @property
    def summary(self) -> str:
        """Price and context, short: `$1.25 / $0.20 / $2.50, 1M`."""
        if self.route.client == "scripted":
            return "scripted, free"
        price = format_rates(self.route.price) if self.route.price else "price unknown"
        context = format_size(self.route.context) if self.route.context else ""
        return ", ".join(part for part in (price, context) if part)

    @property
    def picker_text(self) -> str:
        """Price and context with units, short enough for a phone: `$1.25 in, $2.50 out, 1M context`."""
        price = self.route.price
        if self.route.client == "scripted" or price is None:
            return self.summary
        cost = f"{format_rate(price.input)} in, {format_rate(price.output)} out" if price.input or price.output else "free"
        return f"{cost}, {format_size(self.route.context)} context" if self.route.context else cost

    @property
    def hint(self) -> str:
        """The most important warning, short enough for autocomplete; empty if there is none."""
        if self.retired and self.usable:
            answers = self.route.lifecycle.answered_by if self.route.lifecycle else ""
            return f"retired, {answers} answers" if answers else "retired"
        return self.warning or ("expensive" if self.expensive else "")

    @property
    def warning(self) -> str:
        """Reason against the model, in a few words; empty if there is none."""
        if self.lacks:
            return f"needs {', '.join(self.lacks)}"
        if self.unusable:
            return "makes no tool calls"
        return self.badge if self.retired or self.notice else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelBrowser:
    """Finds models: the team file's `own`, base URLs by provider, settings by name, the date for lifecycles, and what was
    seen of their servers."""

    own: Mapping[str, ModelSpec]
    base_urls: Mapping[str, str]
    settings: Mapping[str, str]
    today: date
    memory: RouteMemory | None = None

    def get(self, name: str) -> ModelView:
        """Look up one model by any of its names.

        Raises:
            UnknownModelName: no model has this name.
        """
        route = resolve(name, self.own, self.base_urls, have=self.settings, today=self.today)
        extra = missing_extra(route)
        listed = model_entries().get(name)
        return ModelView(
            route=route,
            lacks=(*missing_settings(route, self.settings), *((f"the extra {extra}",) if extra else ())),
            badge=lifecycle_badge(route.lifecycle, self.today),
            notice=lifecycle_notice(route, self.today),
            retired=lifecycle_stage(route.lifecycle, self.today) == "retired",
            about=listed.about if listed else "",
            old=listed.old if listed else False,
            unusable=self.memory is not None and self.memory.get(route).unusable,
        )

    def search(self, first: Iterable[str] = (), search: str = "", *, old: bool = False) -> list[ModelView]:
        """Models with `search` in any part of their names: `first`, then the team file's own, then the catalogue.

        Old models of the catalogue appear only if `old`, or if something is searched for.
        """
        part = _comparable(search)
        names = dict.fromkeys([*first, *self.own, *model_entries()])
        named = set(first) | set(self.own)
        views = [self.get(name) for name in names if any(part in _comparable(known) for known in _model_names(name))]
        return [view for view in views if old or part or not view.old or view.route.name in named]


def best_first(views: Iterable[ModelView]) -> list[ModelView]:
    """Sort usable models before others, served before retired, current before old; otherwise the order stays."""
    return sorted(views, key=lambda view: (not view.usable, view.retired, view.old))


def _comparable(name: str) -> str:
    """A name without case, spaces and punctuation, so that "Grok 4.1 fast" finds `grok-4.1-fast`."""
    return "".join(character for character in name.casefold() if character.isalnum())


def _model_names(name: str) -> tuple[str, ...]:
    """All names that a search compares."""
    entry = model_entries().get(name)
    hosts = (f"{host.provider}/{host.id}" for host in entry.hosts) if entry else ()
    return (name, *(entry.also if entry else ()), *hosts)
