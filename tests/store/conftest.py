"""Fixtures of the store's tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from orchestrator_bridge.store.sqlite.migrate import bundled_migrations
from orchestrator_bridge.store.sqlite.store import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "townhall.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(path, clock=lambda: 100.0)
    yield opened
    await opened.close()


@pytest.fixture
def somebody() -> Iterator[None]:
    """Skip for root, who may write everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that a user without rights can reach."""
    bundled_migrations()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)
