"""Which models the team file uses, how each is reached, and whether its key is set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bot.tables import print_json, print_table
from orchestrator_bridge.model.catalogue import SCRIPTED, Route, can_be_called
from orchestrator_bridge.model.refusals import address

if TYPE_CHECKING:
    from bot.start import Start

KeyState = Literal["set", "missing", "not needed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class UsedModel:
    """A model with those who use it, as `team/agent`, and the state of its key. `default_team`: whether that team needs it."""

    route: Route
    users: tuple[str, ...]
    default_team: bool
    key: KeyState


def used_models(start: Start) -> list[UsedModel]:
    """Every model that an agent of the team file works with, then those of its own that nobody uses; each once."""
    users = _users(start)
    return [_used(name, users.get(name, []), start) for name in dict.fromkeys([*users, *start.team_file.models])]


def _users(start: Start) -> Mapping[str, list[str]]:
    users: dict[str, list[str]] = {}
    for team in start.team_file.teams.values():
        for agent in team.agents:
            for model in agent.models:
                users.setdefault(model, []).append(f"{team.name}/{agent.name}")
    return users


def _used(name: str, users: list[str], start: Start) -> UsedModel:
    route = start.route(name)
    default = start.team_file.team().agents
    return UsedModel(
        route=route,
        users=tuple(users),
        default_team=any(name in agent.models for agent in default),
        key=_key_state(route, start),
    )


def _key_state(route: Route, start: Start) -> KeyState:
    if route.provider == SCRIPTED or not route.needs:
        return "not needed"
    return "set" if can_be_called(route, start.for_models) else "missing"


def print_models(start: Start, as_json: bool) -> None:
    """Every model of the team file, its route, the state of its key, and who uses it."""
    models = used_models(start)
    if as_json:
        print_json({"models": [_object(model) for model in models]})
    else:
        print_table(["MODEL", "ROUTE", "KEY", "USED BY"], [_row(model) for model in models])


def _row(model: UsedModel) -> list[str]:
    route = model.route
    key = f"{route.key_env} {model.key}" if route.key_env else model.key
    at = f" at {address(route)}" if route.base_url else ""
    return [route.name, f"{route.provider}/{route.id}{at}", key, ", ".join(model.users) or "nobody"]


def _object(model: UsedModel) -> dict[str, object]:
    route, price = model.route, model.route.price
    prices = {"input": price.input, "cached_input": price.cached, "output": price.output} if price else None
    return {
        "model": route.name,
        "provider": route.provider,
        "id": route.id,
        "base_url": address(route) or None,
        "key_env": route.key_env,
        "key": model.key,
        "usd_per_million_tokens": prices,
        "used_by": list(model.users),
    }
