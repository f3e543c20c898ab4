"""The file by which the commands of this machine find the running bot's door: its port, and a secret of that process.

Only the owner of the data folder can read it. A bot that was killed leaves it behind, so it holds only
while its process is the one that has the store.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

ENDPOINT_FILE = "door.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointFile:
    """Where the door of a process is. `secret` opens what only the owner may do."""

    pid: int
    port: int
    secret: str

    @property
    def url(self) -> str:
        """Where agents outside speak MCP (streamable HTTP)."""
        return f"http://127.0.0.1:{self.port}/mcp"


def write_endpoint(data: Path, door: EndpointFile) -> None:
    """Leave word of a door in the data folder, for its owner alone.

    Raises:
        OSError: it cannot be written.
    """
    new = data / f"{ENDPOINT_FILE}.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        json.dump(asdict(door), file)
    new.replace(data / ENDPOINT_FILE)


def remove_endpoint(data: Path) -> None:
    """The door is shut."""
    with contextlib.suppress(OSError):
        (data / ENDPOINT_FILE).unlink()


def read_endpoint(data: Path) -> EndpointFile | None:
    """The door of the bot that runs on this data folder; None where none runs, or its door is shut."""
    try:
        door = EndpointFile(**json.loads((data / ENDPOINT_FILE).read_text(encoding="ascii")))
    except (OSError, ValueError, TypeError):
        return None
    return door if door.pid == running_process(data) else None


def running_process(data: Path) -> int | None:
    """The process that has the store of a data folder, as it signed the lock; None where none lives. No lock is touched."""
    try:
        pid = int((data / "townhall.db.lock").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return pid if _is_alive(pid) else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
