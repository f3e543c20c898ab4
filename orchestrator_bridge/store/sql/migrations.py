"""Numbered steps of a schema: `migrations/0001_first.sql` and so on, in the package of a store. None is edited once released."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

_NAME = re.compile(r"(\d{4})_\w+\.sql")


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """One step of the schema. `number` counts from 1; the version of a store is the number of its last step."""

    number: int
    sql: str


@cache
def migrations_of(package: str) -> tuple[Migration, ...]:
    """Steps of this release in the package of a store, in order."""
    folder = resources.files(package) / "migrations"
    files = sorted((file for file in folder.iterdir() if _NAME.fullmatch(file.name)), key=lambda file: file.name)
    return tuple(Migration(number=int(file.name[:4]), sql=file.read_text("utf-8")) for file in files)


def latest_version(migrations: Sequence[Migration]) -> int:
    """Schema version after all steps."""
    return max((step.number for step in migrations), default=0)
