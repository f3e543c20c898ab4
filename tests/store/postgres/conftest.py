"""Fixtures of the PostgreSQL store's tests."""

from __future__ import annotations

from tests.support.postgres.fixtures import address, emptied, one_database, postgres

__all__ = ["address", "emptied", "one_database", "postgres"]
