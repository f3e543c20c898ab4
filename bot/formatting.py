"""A question as `townhall questions` prints it: in lines for people, as an object for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import click
from rich.cells import cell_len

from adapters.terminal.adapter import PLATFORM
from adapters.terminal.parser import how_to_answer
from bot.commands.questions import OpenQuestion
from orchestrator_bridge.chat.outbound import QuestionCard
from orchestrator_bridge.common.text import clean, one_line
from orchestrator_bridge.model.tokens import ESTIMATE
from orchestrator_bridge.question.messages import options_summary
from orchestrator_bridge.store.interface import RunSummary, TokenCalibration


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


_MAX_QUESTION = 500
"""Characters of a question's text, which may have no more."""


def question_lines(one: OpenQuestion) -> Iterator[str]:
    """What is asked, what can be chosen, until when, what happens then, and where to answer."""
    summary = one.summary
    yield f"Question {summary.question} (run {summary.run}): {one_line(summary.agent, 40)} asks {one_line(summary.asked, 200)}"
    yield f"  {one_line(summary.text, _MAX_QUESTION)}"
    if one.card is not None:
        yield from _open_lines(one.card)
        yield f"  {_where(one)}"
    elif summary.status != "open":
        yield f"  {format_time(summary.closed_at)}, {summary.status.replace('_', ' ')}: {one_line(summary.line, _MAX_QUESTION)}"


def _open_lines(card: QuestionCard) -> Iterator[str]:
    if card.options:
        yield f"  {options_summary(card.options)}"
    yield f"  Expires {format_time(card.expires_at)}. Then: {one_line(card.silence, _MAX_QUESTION)}"


def _where(one: OpenQuestion) -> str:
    place = one.summary.place
    if place is None or one.card is None:
        return "It has not been posted yet."
    if place.platform == PLATFORM:
        return f"Answer where the bot runs (`townhall run`): {how_to_answer(one.card)}."
    return f"Answer in its thread on {place.platform}."


def question_object(one: OpenQuestion) -> dict[str, Any]:
    """The question for a program. Of one that has ended there are no options any more, and nothing that could happen."""
    card = one.card
    options = [{"number": number, **dataclasses.asdict(option)} for number, option in enumerate(card.options, 1)] if card else []
    return {
        **dataclasses.asdict(one.summary),
        "kind": card.answer_kind if card else None,
        "options": options,
        "expires_at": card.expires_at if card else None,
        "silence": card.silence if card else None,
    }


def calibration_lines(found: Sequence[TokenCalibration]) -> list[str]:
    """One line for each model of which something was learned."""
    return [f"Prompts of {one.model}: {_counted_by(one)}" for one in found]


def calibration_text(one: TokenCalibration) -> str:
    """The same of one model, without its name."""
    return f"prompts {_counted_by(one)}"


def calibration_objects(found: Sequence[TokenCalibration]) -> list[dict[str, object]]:
    """The same for programs."""
    return [
        {"model": one.model, "counted_by": one.by, "ratio": round(one.ratio.value, 4), "calls": one.ratio.calls} for one in found
    ]


def _counted_by(one: TokenCalibration) -> str:
    how = "estimated by size" if one.by == ESTIMATE else f"counted with {one.by}"
    calls = "1 call" if one.ratio.calls == 1 else f"{one.ratio.calls} calls"
    return f"{how}, reported {one.ratio.value:.2f} times that ({calls})"
