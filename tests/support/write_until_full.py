"""A process that writes until there is no room, gets some, and goes on; it prints its observations as JSON.

Started as `python -m tests.support.write_until_full FILE WAY`.
WAY says how room ends and comes back: `limit` by the size that the system
allows this process's files, `filler` by another file in the same folder, on a small disk.
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
from tests.contract.store_values import guided

_LIMIT = 1_000_000
"""Bytes."""


def _limit(path: Path) -> Callable[[], None]:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LIMIT, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def _filler(path: Path) -> Callable[[], None]:
    filler = path.with_name("filler")
    filler.write_bytes(bytes(_LIMIT))
    return filler.unlink


async def _write_until_full(store: SqliteStore) -> tuple[int, str]:
    """Number of acknowledged events, and the text of the error after them."""
    for position in range(10_000):
        try:
            await store.append(run=1, after=position, events=[guided(f"{position} " + "x" * 20_000)])
        except WriteFailed as error:
            return position, str(error)
    raise AssertionError("room for everything")


async def _crowd(store: SqliteStore, runs: range) -> list[str]:
    appends = (store.append(run=run, events=[guided("x" * 20_000)]) for run in runs)
    results = await asyncio.gather(*appends, return_exceptions=True)
    return sorted({type(result).__name__ for result in results})


async def _main(path: Path, way: str) -> None:
    store = await SqliteStore.open(path)
    make_room = {"limit": _limit, "filler": _filler}[way](path)
    acknowledged, said = await _write_until_full(store)
    crowd = await _crowd(store, range(100, 130))
    readable = len(await store.log(1))
    make_room()
    crowd_afterwards = await _crowd(store, range(200, 210))
    await store.append(run=1, after=acknowledged, events=[guided("goes on")])
    await store.close()
    again = await SqliteStore.open(path)
    kept = len(await again.log(1))
    await again.close()
    told = {
        "acknowledged": acknowledged,
        "said": said,
        "crowd": crowd,
        "readable": readable,
        "crowd_afterwards": crowd_afterwards,
        "kept": kept,
    }
    print(json.dumps(told))  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2]))
