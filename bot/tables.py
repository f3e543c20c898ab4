"""Rows for people and objects for programs: what look-ups print."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import click
from rich.cells import cell_len

from orchestrator_bridge.store.port import RunSummary
from orchestrator_bridge.text import clean


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, default=_to_plain))


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; the last one is as long as it likes, so that nothing is lost in a pipe."""
    cells = [list(heads), *([" ".join(clean(cell).split()) for cell in row] for row in rows)]
    widths = [max(cell_len(row[column]) for row in cells) for column in range(len(heads) - 1)]
    for row in cells:
        padded = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*padded, row[-1]]).rstrip())


def format_time(at: float | None) -> str:
    """A moment in the local time zone, to the minute."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M") if at is not None else ""


def run_state_text(run: RunSummary) -> str:
    """Where a run stands: what it waits for, or how it ended."""
    return "waiting for people" if run.status == "running" and not run.busy else run.status


def format_dollars(amount: Decimal | None) -> str:
    """US dollars, or `unknown`."""
    return "unknown" if amount is None else f"${amount:.4f}"


def _to_plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)
