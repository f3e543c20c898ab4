"""Checks of the models that the team file uses: their keys and scripts and, if asked, their endpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bot.app import LoadedConfig
from orchestrator_bridge.chat.platform import Finding
from orchestrator_bridge.model.catalogue import SCRIPTED, Route, is_configured, similar_names
from orchestrator_bridge.model.credentials import install_command, missing_extra, missing_settings
from orchestrator_bridge.model.provider_errors import safe_base_url
from orchestrator_bridge.model.scripted.script import ScriptError, find_script, read_script

_TIMEOUT = 10.0
"""Seconds to wait for an endpoint."""

KeyState = Literal["set", "missing", "not needed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class UsedModel:
    """A model, the agents that use it as `team/agent`, and the state of its key. `default_team`: that team uses it."""

    route: Route
    users: tuple[str, ...]
    default_team: bool
    key: KeyState


def used_models(start: LoadedConfig) -> list[UsedModel]:
    """Each model once: those that agents of the team file use, then the file's own models that no agent uses."""
    users = users_of_models(start)
    default_team = {model for agent in start.team_file.team().agents for model in agent.models}
    used = []
    for name in dict.fromkeys([*users, *start.team_file.models]):
        route, users_of_it = start.route(name), tuple(users.get(name, ()))
        used.append(UsedModel(route=route, users=users_of_it, default_team=name in default_team, key=_key_state(route, start)))
    return used


def users_of_models(start: LoadedConfig) -> Mapping[str, list[str]]:
    """The agents that use each model of the team file, as `team/agent`."""
    users: dict[str, list[str]] = {}
    for team in start.team_file.teams.values():
        for agent in team.agents:
            for model in agent.models:
                users.setdefault(model, []).append(f"{team.name}/{agent.name}")
    return users


def _key_state(route: Route, start: LoadedConfig) -> KeyState:
    if route.provider == SCRIPTED or not route.needs:
        return "not needed"
    return "set" if is_configured(route, start.provider_settings) else "missing"


def check_models(start: LoadedConfig) -> list[Finding]:
    """One finding a model. A missing key is an error if the default team needs it, else a warning."""
    models = used_models(start)
    return [*(_check_model(model, start) for model in models), *_check_spelling(models, start)]


def _check_spelling(models: Sequence[UsedModel], start: LoadedConfig) -> Iterator[Finding]:
    for route in (model.route for model in models):
        if near := similar_names(route, start.team_file.models):
            fix = f"did you mean {' or '.join(map(repr, near))}? If the model is newer than this list, ignore this"
            yield Finding(about=f"model {route.name}", state="warn", found="not in the list of `townhall models`", fix=fix)


def _check_model(model: UsedModel, start: LoadedConfig) -> Finding:
    about = f"model {model.route.name}"
    if model.route.provider == SCRIPTED:
        return _check_script(about, model.route.id, start.team_file.folder)
    if missing := _missing(model.route, start):
        found, fix = missing
        return Finding(about=about, state="wrong" if model.default_team else "warn", found=found, fix=fix)
    price = "price known" if model.route.price else "price unknown, so limits in US dollars do not apply"
    address = safe_base_url(model.route) or model.route.provider
    return Finding(about=about, state="ok", found=f"{model.route.id} at {address}, key {model.key}, {price}")


def _missing(route: Route, start: LoadedConfig) -> tuple[str, str] | None:
    """Settings or packages that a route lacks, and how to fix that."""
    if missing := missing_settings(route, start.provider_settings):
        names, verb = ", ".join(missing), "is" if len(missing) == 1 else "are"
        return f"{names} {verb} not set", f"set {names} in .env or in the environment"
    if extra := missing_extra(route):
        return f"the optional packages of the extra {extra!r} are not installed", install_command(extra)
    return None


def _check_script(about: str, name: str, folder: Path) -> Finding:
    try:
        read_script(find_script(name, (folder,)))
    except ScriptError as error:
        return Finding(about=about, state="wrong", found=str(error), fix="correct the script, or name another model")
    return Finding(about=about, state="ok", found="a script, which needs no key; no real model is called")


async def check_endpoints(start: LoadedConfig) -> list[Finding]:
    """Request every endpoint's list of models, which costs nothing.

    Only OpenAI-compatible endpoints are checked: the providers behind LiteLLM share no request that is free of charge.
    """
    routes = {
        model.route.base_url: model.route
        for model in used_models(start)
        if model.route.client == "openai" and model.key != "missing"
    }
    return [await _check_endpoint(route, start) for route in routes.values()]


async def _check_endpoint(route: Route, start: LoadedConfig) -> Finding:
    import httpx

    about = f"endpoint {safe_base_url(route)}"
    key = start.settings.key(route.key_env) if route.key_env else None
    headers = {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT) as client:
            response = await client.get(f"{route.base_url}/models", headers=headers)
    except httpx.HTTPError as error:
        found = f"no response: {type(error).__name__}"
        return Finding(about=about, state="wrong", found=found, fix="check the address and the network")
    status = response.status_code
    # Any other status means that something answers there; not every server offers the list of models.
    if status in (401, 403):
        fix = f"put a valid key into {route.key_env}" if route.key_env else "name the key's variable: key_env in the team file"
        return Finding(about=about, state="wrong", found=f"it rejects the key (HTTP {status})", fix=fix)
    if status >= 500:
        return Finding(about=about, state="warn", found=f"it fails (HTTP {status})", fix="try again later")
    return Finding(about=about, state="ok", found=f"it responds (HTTP {status})")
