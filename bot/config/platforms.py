"""Installed chat platforms, found through the entry point group `townhall.platforms`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

from bot.config.errors import ConfigError, Problem
from orchestrator_bridge.chat.platform import ENTRY_POINT_GROUP, InvalidPlatformSettings, Platform
from orchestrator_bridge.team.team import PersonSpec, RoleSpec

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_RESERVED = frozenset({"agent", *PersonSpec.model_fields, *RoleSpec.model_fields})
"""Names with another meaning: keys of people and roles in the team file, and the prefix of agents' ids."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokenPlatform:
    """An entry point that does not lead to a usable platform. `source` is its package with the version."""

    name: str
    source: str
    reason: str

    def __str__(self) -> str:
        return f"the platform {self.name!r} of {self.source} cannot be used: {self.reason}"


@dataclass(frozen=True, kw_only=True, slots=True)
class InstalledPlatforms:
    """Usable platforms by name, in alphabetical order, and those that could not be loaded."""

    usable: Mapping[str, Platform[Any]]
    broken: tuple[BrokenPlatform, ...] = ()

    @property
    def with_accounts(self) -> tuple[str, ...]:
        """Names of the platforms on which people and roles have ids."""
        return tuple(name for name, platform in self.usable.items() if not platform.local)

    @property
    def local(self) -> tuple[str, ...]:
        """Names of the platforms with one user and no accounts."""
        return tuple(name for name, platform in self.usable.items() if platform.local)


@cache
def installed_platforms() -> InstalledPlatforms:
    """Find and load the platforms of all installed packages, once in the life of this process."""
    return load_platforms(entry_points(group=ENTRY_POINT_GROUP))


def load_platforms(entries: Iterable[EntryPoint]) -> InstalledPlatforms:
    """Load each entry point; one that fails, for whatever reason, is reported and does not affect the others."""
    usable: dict[str, Platform[Any]] = {}
    broken: list[BrokenPlatform] = []
    # Townhall's own entry points come first, so that no other package can take over their names.
    for entry in sorted(entries, key=lambda entry: (entry.name, not _source(entry).startswith("townhall "), _source(entry))):
        try:
            platform = _load(entry)
            if entry.name in usable:
                raise ValueError("another package provides a platform of this name")
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            broken.append(BrokenPlatform(name=entry.name, source=_source(entry), reason=reason))
        else:
            usable[entry.name] = platform
    return InstalledPlatforms(usable=MappingProxyType(usable), broken=tuple(broken))


def _load(entry: EntryPoint) -> Platform[Any]:
    platform = entry.load()
    if not isinstance(platform, Platform):
        raise TypeError(f"{entry.value} is a {type(platform).__name__}; expected a Platform object")
    if platform.name != entry.name:
        raise ValueError(f"its name is {platform.name!r}; expected {entry.name!r}, the name of its entry point")
    if not _NAME.fullmatch(entry.name) or entry.name in _RESERVED:
        raise ValueError("its name is invalid; expected lower-case letters, digits, '-' and '_', not a key of people or roles")
    platform.configured(platform.settings_model())  # a first try without settings: a fault shows here, not in a command
    return platform


def _source(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown package"


def to_config_error(error: InvalidPlatformSettings) -> ConfigError:
    """The error of a platform as the bot reports it."""
    return ConfigError(error.title, [Problem(where=error.where, found=error.found, expected=error.expected, fix=error.fix)])
