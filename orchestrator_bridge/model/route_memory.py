"""Memory of what servers and models take, by route, in a file of the data folder that outlives the process.

A server is asked once in a form that it refuses, not at every start. An entry counts for `REMEMBERED_FOR`, since servers are
upgraded; several processes may use the file.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.common.private_files import create_private_file, create_private_folder
from orchestrator_bridge.model.interface import RoleOrder, ToolMode

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route

_LOG = logging.getLogger(__name__)

FILE_NAME = "model-modes.json"

REMEMBERED_FOR = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteFacts:
    """Facts about a route. `mode`: in which it takes tools; `unusable`: it made no call in any; `day`: as of (ISO date)."""

    mode: ToolMode | None = None
    unusable: bool = False
    roles: RoleOrder = "free"
    day: str = ""


_MODES: Mapping[str, ToolMode] = {"native": "native", "schema": "schema", "prompted": "prompted"}
_ROLES: Mapping[str, RoleOrder] = {"free": "free", "alternating": "alternating", "without_system": "without_system"}


def route_key(route: Route) -> str:
    """Key of a route: its model at its address."""
    return f"{route.provider}/{route.id} {route.base_url}"


class RouteMemory:
    """Facts by route. Without a `folder` they are kept for the process alone."""

    def __init__(self, folder: Path | None, clock: Clock) -> None:
        self._file = folder / FILE_NAME if folder else None
        self._clock = clock
        self._facts: dict[str, RouteFacts] = {}
        self._seen = 0
        """Time of the file's last change when it was read, in nanoseconds."""

    def get(self, route: Route) -> RouteFacts:
        """Facts about a route that are not too old; the defaults if there are none."""
        self._refresh()
        facts = self._facts.get(route_key(route), RouteFacts())
        oldest = (self._now() - REMEMBERED_FOR).date().isoformat()
        return facts if facts.day >= oldest else RouteFacts()

    def set(self, route: Route, **changed: Any) -> None:
        """Change facts about a route and store them. A file that cannot be written is reported in the log."""
        self._facts[route_key(route)] = replace(self.get(route), **changed, day=self._now().date().isoformat())
        self._store()

    def forget(self, route: Route) -> None:
        """Drop what is known of a route."""
        self._refresh()
        if self._facts.pop(route_key(route), None) is not None:
            self._store()

    def _refresh(self) -> None:
        """Read the file again if another process, such as `townhall doctor`, has changed it: what it holds is newer."""
        try:
            changed = self._file.stat().st_mtime_ns if self._file else 0
        except OSError:
            return
        if changed != self._seen:
            self._seen, self._facts = changed, {**self._facts, **self._read()}

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def _read(self) -> dict[str, RouteFacts]:
        try:
            stored = json.loads(self._file.read_text(encoding="utf-8")) if self._file else {}
            return {key: _read_facts(entry) for key, entry in stored.get("routes", {}).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _store(self) -> None:
        try:
            if self._file is not None:
                self._write(self._file)
        except OSError as error:
            _LOG.warning("%s cannot be written: %s", self._file, error)

    def _write(self, file: Path) -> None:
        create_private_folder(file.parent)
        routes = {key: asdict(facts) for key, facts in sorted(self._facts.items())}
        draft = file.with_suffix(f".{os.getpid()}")
        create_private_file(draft)
        draft.write_text(json.dumps({"routes": routes}, indent=1), encoding="utf-8")
        draft.replace(file)


def _read_facts(entry: Mapping[str, Any]) -> RouteFacts:
    return RouteFacts(
        mode=_MODES.get(str(entry.get("mode"))),
        unusable=entry.get("unusable") is True,
        roles=_ROLES.get(str(entry.get("roles")), "free"),
        day=str(entry.get("day") or ""),
    )
