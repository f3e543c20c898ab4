"""Checks of the models that the team file uses: their keys and scripts and, if asked, their endpoints."""

from __future__ import annotations

import asyncio
import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bot.app import LoadedConfig
from orchestrator_bridge.chat.platform import Finding
from orchestrator_bridge.common.clock import SystemClock
from orchestrator_bridge.model.catalogue import SCRIPTED, Route, is_configured, similar_names
from orchestrator_bridge.model.credentials import install_command, missing_extra, missing_settings
from orchestrator_bridge.model.errors import ModelError, Overloaded
from orchestrator_bridge.model.listing import ModelList, has_list, list_models, stored_lists
from orchestrator_bridge.model.provider_errors import safe_base_url
from orchestrator_bridge.model.route_memory import RouteMemory
from orchestrator_bridge.model.scripted.script import ScriptError, find_script, read_script
from orchestrator_bridge.model.tool_mode import UNUSABLE_ADVICE, unusable_text

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
    return [*(_check_model(model, start) for model in models), *_check_spelling(models, start), *_check_stored(models, start)]


def _check_stored(models: Sequence[UsedModel], start: LoadedConfig) -> Iterator[Finding]:
    """A warning for each model that its endpoint did not list at the last `townhall models --refresh`."""
    day, lists = stored_lists(start.settings.data)
    for model in models:
        listed = lists.get(safe_base_url(model.route))
        if listed is not None and listed.ids and not listed.has(model.route.id):
            found = _missing_id(model, listed)
            yield Finding(about=found.about, state="warn", found=f"{found.found} of {day}", fix=found.fix)


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
    if RouteMemory(start.settings.data, SystemClock()).get(model.route).unusable:
        return Finding(about=about, state="wrong", found=unusable_text(model.route), fix=UNUSABLE_ADVICE)
    address = safe_base_url(model.route) or model.route.provider
    found = f"{model.route.id} at {address}, key {model.key}"
    if model.route.tools is False:
        fix = "name a model that supports tools, or remove `tools = false` if it does"
        return Finding(about=about, state="warn", found=f"{found}; it does not support tools, so it is asked for JSON", fix=fix)
    if model.route.price is None:
        fix = f"set `input` and `output` in [models.{json.dumps(model.route.name)}] of the team file; 0 if it costs nothing"
        return Finding(about=about, state="warn", found=f"{found}; price unknown, so limits in US dollars do not apply", fix=fix)
    return Finding(about=about, state="ok", found=f"{found}, price of {model.route.price.source}")


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
    """Request the list of models of every endpoint, which costs nothing, and look up the ids that the team file uses.

    Clouds have no such list, and an endpoint whose key is missing is not asked.
    """
    by_endpoint: dict[tuple[str, str], list[UsedModel]] = {}
    for model in used_models(start):
        if has_list(model.route) and model.key != "missing":
            key = (model.route.base_url or model.route.provider, model.route.key_env or "")
            by_endpoint.setdefault(key, []).append(model)
    checks = await asyncio.gather(*(_check_endpoint(models, start) for models in by_endpoint.values()))
    return [*(finding for findings in checks for finding in findings), *_without_list(start)]


def _without_list(start: LoadedConfig) -> Iterator[Finding]:
    """A finding for each model of a cloud: its id was not looked up."""
    for route in (model.route for model in used_models(start) if model.key != "missing"):
        if not has_list(route) and route.provider != SCRIPTED:
            found = f"{route.id!r} was not looked up: {route.provider} gives no list of models to an API key"
            yield Finding(about=f"model {route.name}", state="ok", found=found)


async def _check_endpoint(models: Sequence[UsedModel], start: LoadedConfig) -> list[Finding]:
    route = models[0].route
    about = f"endpoint {safe_base_url(route) or route.provider}"
    try:
        listed = await list_models(route, start.provider_settings.get(route.key_env or "", "").strip())
    except Overloaded as error:
        return [Finding(about=about, state="warn", found=error.found, fix="try again later")]
    except ModelError as error:
        return [Finding(about=about, state="wrong", found=error.found, fix=error.advice)]
    if not listed.offered:
        fix = "nothing is wrong if calls work: not every server has one"
        return [Finding(about=about, state="warn", found="it responds, but has no list of models", fix=fix)]
    found = f"it responds and lists {len(listed.ids)} model{'' if len(listed.ids) == 1 else 's'}"
    missing = (_missing_id(model, listed) for model in models if not listed.has(model.route.id))
    return [Finding(about=about, state="ok", found=found), *missing]


def _missing_id(model: UsedModel, listed: ModelList) -> Finding:
    """Finding about an id that its endpoint does not list. A retired id that another model answers to is never listed."""
    route = model.route
    about = f"model {route.name}"
    found = f"{route.id!r} is not in the list of models at {listed.address}"
    if route.lifecycle and route.lifecycle.answered_by and listed.has(route.lifecycle.answered_by):
        return Finding(about=about, state="warn", found=found, fix=f"{route.lifecycle.answered_by} answers instead; name it")
    if listed.takes_any_id:
        answers = ", ".join(map(repr, sorted(listed.ids)))
        return Finding(about=about, state="ok", found=f"{found}, whose only model {answers} answers under every id")
    near = difflib.get_close_matches(route.id, sorted(listed.ids), n=3, cutoff=0.4) or sorted(listed.ids)[:3]
    fix = f"name one that it lists, such as {', '.join(map(repr, near))}" if near else "install the model there"
    return Finding(about=about, state="wrong", found=found, fix=fix)
