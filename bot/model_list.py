"""Which models the team file uses, how each is reached, and whether what it needs is set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestrator_bridge.model.catalogue import SCRIPTED, Route, is_configured

if TYPE_CHECKING:
    from bot.start import LoadedConfig

KeyState = Literal["set", "missing", "not needed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class UsedModel:
    """A model with those who use it, as `team/agent`, and the state of its key. `default_team`: whether that team needs it."""

    route: Route
    users: tuple[str, ...]
    default_team: bool
    key: KeyState


def used_models(start: LoadedConfig) -> list[UsedModel]:
    """Every model that an agent of the team file works with, then those of its own that nobody uses; each once."""
    users = users_of_models(start)
    return [_used_model(name, users.get(name, []), start) for name in dict.fromkeys([*users, *start.team_file.models])]


def users_of_models(start: LoadedConfig) -> Mapping[str, list[str]]:
    """Who works with each model that the team file names, as `team/agent`."""
    users: dict[str, list[str]] = {}
    for team in start.team_file.teams.values():
        for agent in team.agents:
            for model in agent.models:
                users.setdefault(model, []).append(f"{team.name}/{agent.name}")
    return users


def _used_model(name: str, users: list[str], start: LoadedConfig) -> UsedModel:
    route = start.route(name)
    default = start.team_file.team().agents
    return UsedModel(
        route=route,
        users=tuple(users),
        default_team=any(name in agent.models for agent in default),
        key=_key_state(route, start),
    )


def _key_state(route: Route, start: LoadedConfig) -> KeyState:
    if route.provider == SCRIPTED or not route.needs:
        return "not needed"
    return "set" if is_configured(route, start.provider_settings) else "missing"
