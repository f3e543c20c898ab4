"""The SQLite store passes the contract suite of stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator_bridge.store.interface import Store
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.contract.store import StoreContract


class TestSqlite(StoreContract):
    @pytest.fixture
    async def store(self, path: Path) -> AsyncIterator[Store]:
        opened: Store = await SqliteStore.open(path)
        yield opened
        await opened.close()
