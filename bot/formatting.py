"""Tables, times, amounts and lines that the command line and the chat commands share."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import click
from rich.cells import cell_len

from orchestrator_bridge.common.text import clean
from orchestrator_bridge.model.tokens import ESTIMATE
from orchestrator_bridge.store.interface import RunSummary, TokenCalibration


def print_json(value: Any) -> None:
    """Print one JSON object on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, default=_to_plain))


def _to_plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        # `str` would write small amounts with an exponent, such as 1E-7.
        return f"{value:f}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns as wide as their widest cell. The last column is never cut, so that a pipe receives all of it."""
    cells = [list(heads), *([" ".join(clean(cell).split()) for cell in row] for row in rows)]
    widths = [max(cell_len(row[column]) for row in cells) for column in range(len(heads) - 1)]
    for row in cells:
        padded = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*padded, row[-1]]).rstrip())


def format_time(at: float | None) -> str:
    """A time in the local time zone, to the minute; empty if there is none."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M") if at is not None else ""


def format_dollars(amount: Decimal | None) -> str:
    """US dollars, or `unknown`."""
    return "unknown" if amount is None else f"${amount:.4f}"


def run_state_text(run: RunSummary) -> str:
    """State of a run: `waiting for people` while only people are awaited, else its status."""
    return "waiting for people" if run.status == "running" and not run.busy else run.status


def calibration_lines(calibrations: Sequence[TokenCalibration]) -> list[str]:
    """One line for each model whose token counts were compared with what its provider reported."""
    return [f"Prompts of {calibration.model}: {_counted_by(calibration)}" for calibration in calibrations]


def calibration_text(calibration: TokenCalibration) -> str:
    """The same for one model, without its name."""
    return f"prompts {_counted_by(calibration)}"


def calibration_objects(calibrations: Sequence[TokenCalibration]) -> list[dict[str, object]]:
    """The same as JSON objects."""
    return [
        {
            "model": calibration.model,
            "counted_by": calibration.by,
            "ratio": round(calibration.ratio.value, 4),
            "calls": calibration.ratio.calls,
        }
        for calibration in calibrations
    ]


def _counted_by(calibration: TokenCalibration) -> str:
    method = "estimated by size" if calibration.by.startswith(ESTIMATE) else f"counted with {calibration.by}"
    calls = "1 call" if calibration.ratio.calls == 1 else f"{calibration.ratio.calls} calls"
    return f"{method}, reported {calibration.ratio.value:.2f} times that ({calls})"
