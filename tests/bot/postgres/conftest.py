"""Fixtures of the tests of a bot on PostgreSQL."""

from __future__ import annotations

from tests.support.postgres.fixtures import address, postgres

__all__ = ["address", "postgres"]
