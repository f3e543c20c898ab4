"""The optional extras of this package: what each brings, and how to install it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator_bridge.model.errors import BadRequest

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route

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
