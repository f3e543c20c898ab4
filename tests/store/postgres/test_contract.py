"""The PostgreSQL store passes the contract suite of stores."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from orchestrator_bridge.store.interface import Store
from orchestrator_bridge.store.postgres.address import DatabaseAddress
from orchestrator_bridge.store.postgres.store import PostgresStore
from tests.contract.store import StoreContract


class TestPostgres(StoreContract):
    @pytest.fixture
    async def store(self, emptied: DatabaseAddress) -> AsyncIterator[Store]:
        opened: Store = await PostgresStore.open(emptied)
        yield opened
        await opened.close()
