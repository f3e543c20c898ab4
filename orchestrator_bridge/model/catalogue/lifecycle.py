"""How long a model lives at a host, judged by a date that is given, and what to say of it to people."""

from __future__ import annotations

from datetime import date
from typing import Literal

from orchestrator_bridge.model.catalogue.route import Lifecycle, Route
from orchestrator_bridge.model.catalogue.show import format_price

LifecycleStage = Literal["unknown", "current", "retiring", "retired"]

RETIRING_DAYS = 60
"""Days before its retirement from which a model is called retiring."""


def lifecycle_stage(life: Lifecycle | None, today: date) -> LifecycleStage:
    """Where a model stands on that day. Its last day counts as retired: hosts end it at some hour of theirs."""
    if life is None or life.retires_on is None:
        return "unknown"
    left = (life.retires_on - today).days
    if left <= 0:
        return "retired"
    return "retiring" if left <= RETIRING_DAYS else "current"


def lifecycle_notice(route: Route, today: date) -> str:
    """What whoever is about to pay for this model has to know of its lifecycle, as a sentence; empty if nothing.

    A retired model: since when, what answers instead and at which price. One that will be retired soon: when.
    """
    life = route.lifecycle
    if life is None or life.retires_on is None:
        return ""
    said = "" if life.sure else "by LiteLLM's map "
    match lifecycle_stage(life, today):
        case "retired":
            return _sentence(f"{said}{route.provider} retired {_both(route)} on {life.retires_on}{_instead(route, life)}")
        case "retiring":
            left = (life.retires_on - today).days
            day = f"{life.retires_on}, in {left} day{'s' if left > 1 else ''}{'' if life.sure else ', at the earliest'}"
            return _sentence(f"{said}{route.provider} retires {_both(route)} on {day}.")
        case _:
            return ""


def _sentence(text: str) -> str:
    """With a capital where it does not begin with the name of a host."""
    return f"B{text[1:]}" if text.startswith("by ") else text


def _both(route: Route) -> str:
    name = route.name.removeprefix(f"{route.provider}/")
    return name if name == route.id else f"{name} ({route.id})"


def _instead(route: Route, life: Lifecycle) -> str:
    if not life.answered_by and not life.sure:
        return "; whether it still answers is not known here."
    if not life.answered_by:
        return "; requests to it are refused. Choose another model."
    effort = f" with reasoning effort {life.answered_effort}" if life.answered_effort else ""
    price = f", at {format_price(life.price)}" if life.price else ", at a price that is not known"
    return f"; {life.answered_by} answers instead{effort}{price}."


def lifecycle_badge(life: Lifecycle | None, today: date) -> str:
    """The lifecycle in a few words for a table, as `retired 2026-05-15, grok-4.3 answers`; empty if no day is known."""
    if life is None or life.retires_on is None:
        return ""
    match lifecycle_stage(life, today):
        case "retired":
            return f"retired {life.retires_on}" + (f", {life.answered_by} answers" if life.answered_by else "")
        case "retiring":
            return f"retires {life.retires_on}"
        case _:
            return f"until {life.retires_on}"
