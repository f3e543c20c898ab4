"""A process that opens a store where there is no room at all, gets some, and opens it; it prints the errors as JSON.

Started as `python -m tests.support.start_when_full FILE WAY`, with a WAY as in `until_full`.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from orchestrator_bridge.store.interface import WriteFailed
from orchestrator_bridge.store.sqlite.store import SqliteStore


def _limit(path: Path) -> Callable[[], None]:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def _filler(path: Path) -> Callable[[], None]:
    filler = path.with_name("filler")
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler.unlink


async def _main(path: Path, way: str) -> None:
    make_room = {"limit": _limit, "filler": _filler}[way](path)
    said = []
    for _ in range(2):  # the second one would say so if the first had kept the lock
        try:
            await SqliteStore.open(path)
        except WriteFailed as error:
            said.append(str(error))
    make_room()
    await (await SqliteStore.open(path)).close()
    print(json.dumps({"said": said}))  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2]))
