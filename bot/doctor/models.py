"""The models: are their keys set, and, where asked to look, do their endpoints answer?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bot.app import LoadedConfig
from bot.cli.models import UsedModel, used_models
from bot.doctor.checks import Finding
from orchestrator_bridge.model.catalogue import SCRIPTED, Route
from orchestrator_bridge.model.credentials import install_command, missing_extra, missing_settings
from orchestrator_bridge.model.provider_errors import safe_base_url
from orchestrator_bridge.model.scripted.script import ScriptError, find_script, read_script

_TIMEOUT = 10.0
"""Seconds to wait for an endpoint."""


def check_models(start: LoadedConfig) -> list[Finding]:
    """One finding a model. A missing key is wrong where the default team needs it, and a warning elsewhere."""
    return [_model_finding(model, start) for model in used_models(start)]


def _model_finding(model: UsedModel, start: LoadedConfig) -> Finding:
    about = f"model {model.route.name}"
    if model.route.provider == SCRIPTED:
        return _check_script(about, model.route.id, start.team_file.folder)
    lacks = _missing(model.route, start)
    if lacks is not None:
        found, mend = lacks
        return Finding(about=about, state="wrong" if model.default_team else "warn", found=found, mend=mend)
    price = "its price is known" if model.route.price else "its price is unknown, so bounds of money cannot hold"
    at = safe_base_url(model.route) or model.route.provider
    return Finding(about=about, state="ok", found=f"{model.route.id} at {at}, key {model.key}, {price}")


def _missing(route: Route, start: LoadedConfig) -> tuple[str, str] | None:
    """What is missing before a route can be called, and how to mend it."""
    missing = missing_settings(route, start.provider_settings)
    if missing:
        names, verb = ", ".join(missing), "is" if len(missing) == 1 else "are"
        return f"{names} {verb} not set", f"set {names} in .env or in the environment"
    extra = missing_extra(route)
    return (f"the optional packages of the extra {extra!r} are not installed", install_command(extra)) if extra else None


def _check_script(about: str, name: str, folder: Path) -> Finding:
    try:
        read_script(find_script(name, (folder,)))
    except ScriptError as error:
        return Finding(about=about, state="wrong", found=str(error), mend="correct the script, or name another model")
    return Finding(about=about, state="ok", found="a script, played without a key; no real model answers")


async def check_endpoints(start: LoadedConfig) -> list[Finding]:
    """Ask every endpoint for its list of models, which costs nothing."""
    return [await _probe_endpoint(route, start) for route in _endpoints(used_models(start))]


def _endpoints(models: Iterable[UsedModel]) -> list[Route]:
    """Those of OpenAI-compatible routes: LiteLLM's providers have no common way to be asked without paying."""
    routes = {model.route.base_url: model.route for model in models if model.route.client == "openai" and model.key != "missing"}
    return list(routes.values())


async def _probe_endpoint(route: Route, start: LoadedConfig) -> Finding:
    import httpx

    about = f"endpoint {safe_base_url(route)}"
    key = start.settings.key(route.key_env) if route.key_env else None
    headers = {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT) as client:
            answer = await client.get(f"{route.base_url}/models", headers=headers)
    except httpx.HTTPError as error:
        found = f"no answer: {type(error).__name__}"
        return Finding(about=about, state="wrong", found=found, mend="look at the address and the network")
    return _endpoint_finding(about, answer.status_code, route)


def _endpoint_finding(about: str, status: int, route: Route) -> Finding:
    if status in (401, 403):
        mend = f"put a valid key into {route.key_env}" if route.key_env else "name the key's variable: key_env in the team file"
        return Finding(about=about, state="wrong", found=f"it refuses the key (HTTP {status})", mend=mend)
    if status >= 500:
        return Finding(about=about, state="warn", found=f"it has trouble of its own (HTTP {status})", mend="try again later")
    return Finding(about=about, state="ok", found=f"it answers (HTTP {status})")
