"""What a route through LiteLLM needs to be called, as LiteLLM's own parameters, out of the settings that are there."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType

from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.errors import BadRequest, InvalidApiKey
from orchestrator_bridge.model.openai.client import validate_key

_PARAMETERS: Mapping[str, str] = MappingProxyType(
    {
        "AZURE_AI_API_BASE": "api_base",
        "AZURE_API_BASE": "api_base",
        "AZURE_API_VERSION": "api_version",
        "VERTEXAI_PROJECT": "vertex_project",
        "VERTEXAI_LOCATION": "vertex_location",
        "AWS_ACCESS_KEY_ID": "aws_access_key_id",
        "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key",
        "AWS_REGION_NAME": "aws_region_name",
    }
)
"""Settings that have a parameter of their own (docs.litellm.ai/docs/providers); a key goes as `api_key`."""

_ALSO: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"vertex_ai": {"GOOGLE_APPLICATION_CREDENTIALS": "vertex_credentials"}, "bedrock": {"AWS_SESSION_TOKEN": "aws_session_token"}}
)
"""What goes along where it is set, and is not needed."""


def missing_settings(route: Route, settings: Mapping[str, str]) -> tuple[str, ...]:
    """The settings that a route needs and that have no value."""
    return tuple(name for name in route.needs if not settings.get(name, "").strip())


def credentials(route: Route, settings: Mapping[str, str]) -> dict[str, str]:
    """The parameters by which LiteLLM is told who calls. `settings` holds values by the names of their variables.

    Raises:
        InvalidApiKey: something that is needed is not set, or the key is no key.
    """
    missing = missing_settings(route, settings)
    if missing:
        verb, them = ("is", "it") if len(missing) == 1 else ("are", "them")
        what = f"{', '.join(missing)} {verb} not set, and {route.name!r} needs {them}"
        raise InvalidApiKey(what, f"Put {' and '.join(f'{name}=…' for name in missing)} into .env.")
    found = {_PARAMETERS.get(name, "api_key"): settings[name].strip() for name in route.needs}
    if "api_key" in found:
        validate_key(found["api_key"], route)
    also = {parameter: settings[name] for name, parameter in _ALSO.get(route.provider, {}).items() if settings.get(name)}
    return {**found, **also}


EXTRA_MODULES: Mapping[str, str] = MappingProxyType({"vertex": "google.auth"})
"""A module by which each extra is known to be installed."""


def missing_extra(route: Route) -> str | None:
    """The extra that a route needs and that is not installed; None if it can be called as it is."""
    return route.extra if route.extra is not None and not _is_installed(EXTRA_MODULES[route.extra]) else None


def install_command(extra: str) -> str:
    """What to type, for people."""
    return f"Stop the bot, run `make {extra}` once, and start it again."


def check_extra(route: Route) -> None:
    """Refuse a route whose extra is not installed.

    Raises:
        BadRequest: it says which extra, and how to install it.
    """
    extra = missing_extra(route)
    if extra is not None:
        found = f"{route.provider} needs the optional packages of the extra {extra!r}, which are not installed"
        raise BadRequest(found, install_command(extra))


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
