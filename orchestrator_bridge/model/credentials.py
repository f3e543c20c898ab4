"""Requirements of a route before it can be called: settings, their LiteLLM parameters, and optional packages."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType

from orchestrator_bridge.common.text import listed
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
"""Required settings with a LiteLLM parameter of their own (docs.litellm.ai/docs/providers); every other one is the `api_key`."""

_OPTIONAL_PARAMETERS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"vertex_ai": {"GOOGLE_APPLICATION_CREDENTIALS": "vertex_credentials"}, "bedrock": {"AWS_SESSION_TOKEN": "aws_session_token"}}
)
"""Optional settings by provider, and their LiteLLM parameters."""

EXTRA_MODULES: Mapping[str, str] = MappingProxyType({"vertex": "google.auth"})
"""Module by which each optional extra is recognised as installed."""


def missing_settings(route: Route, settings: Mapping[str, str]) -> tuple[str, ...]:
    """Settings that a route needs and that have no value."""
    return tuple(name for name in route.needs if not settings.get(name, "").strip())


def credentials(route: Route, settings: Mapping[str, str]) -> dict[str, str]:
    """Authentication parameters of a call through LiteLLM. `settings` holds values by environment variable.

    Raises:
        InvalidApiKey: a required setting is missing, or the key is malformed.
    """
    missing = missing_settings(route, settings)
    if missing:
        verb, them = ("is", "it") if len(missing) == 1 else ("are", "them")
        raise InvalidApiKey(
            f"{listed(missing)} {verb} not set, and {route.name!r} needs {them}",
            f"Put {listed([f'{name}=…' for name in missing])} into .env.",
        )
    required = {_PARAMETERS.get(name, "api_key"): settings[name].strip() for name in route.needs}
    if "api_key" in required:
        validate_key(required["api_key"], route)
    optional = _OPTIONAL_PARAMETERS.get(route.provider, {})
    return required | {parameter: settings[name] for name, parameter in optional.items() if settings.get(name)}


def missing_extra(route: Route) -> str | None:
    """The optional extra that a route needs and that is not installed; None if there is none."""
    if route.extra is None:
        return None
    try:
        return None if find_spec(EXTRA_MODULES[route.extra]) is not None else route.extra
    except ModuleNotFoundError:
        # A parent package of the module is missing.
        return route.extra


def install_command(extra: str) -> str:
    """Instruction for an operator to install an extra."""
    return f"Stop the bot, run `make {extra}` once, and start it again."


def check_extra(route: Route) -> None:
    """Require that the extra of a route is installed.

    Raises:
        BadRequest: it is not; the advice says how to install it.
    """
    extra = missing_extra(route)
    if extra is not None:
        found = f"{route.provider} needs the optional packages of the extra {extra!r}, which are not installed"
        raise BadRequest(found, install_command(extra))
