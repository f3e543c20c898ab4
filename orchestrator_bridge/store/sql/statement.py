"""Statements and rows of SQL databases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import ValidationError

from orchestrator_bridge.common.text import one_line
from orchestrator_bridge.common.validation import explain_validation
from orchestrator_bridge.store.interface import Conflict, StoreError

Cell = str | int | float | bytes | None

MAX_INTEGER = 2**63 - 1
"""The largest integer of both databases. It stands for every larger number that people type: no run has it, and it limits no
list."""

MAX_QUOTED = 200
"""Characters of a decoding error that are quoted."""


class Row(Protocol):
    """A row of a result, by the names of its columns."""

    def __getitem__(self, column: str) -> Any:
        """The value of a column."""
        ...


Damaged = Callable[[str], StoreError]
"""Makes the error of a store with damaged content, from a description of what was found in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """An SQL statement with its values, in the order of the `?` in it.

    With a `missing_message`, it raises `Conflict` with this text if it changes or finds no row; with a `duplicate_message`, if a
    row with its key exists.
    """

    sql: str
    values: Sequence[Cell]
    missing_message: str = ""
    duplicate_message: str = ""


WriteJob = tuple[Statement, ...]
"""Statements that are committed all or none."""


def conflict(message: str) -> Conflict:
    """The error of a statement that found no matching row, or a row with its key."""
    return Conflict(message, fix="Read the log again and decide anew")


def corrupt_row(damaged: Damaged, row: str, body: bytes | str, error: ValueError) -> StoreError:
    """The error of a row, such as `event 2 of run 1`, whose body cannot be decoded."""
    return damaged(f"{row}: {_decode_failure(body, error)}")


def _decode_failure(body: bytes | str, error: ValueError) -> str:
    try:
        body.decode() if isinstance(body, bytes) else body.encode()
    except UnicodeError:
        return "its text is not UTF-8"
    return one_line(
        explain_validation(error, whole="", limit=1) if isinstance(error, ValidationError) else str(error), MAX_QUOTED
    )


def where_clause(*conditions: str) -> str:
    """WHERE clause of those conditions that are not empty."""
    given = " AND ".join(condition for condition in conditions if condition)
    return f"WHERE {given}" if given else ""
