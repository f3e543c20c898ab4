"""Earlier turns of a conversation, as the next run gets them: whole for the last turns, summarised for older ones.

A run that continues another one is the next turn of its conversation. The rule of the summary is fixed, so no model is asked for
it and a restart gives the same: the last `WHOLE_TURNS` turns keep the task, what people said and the answer, each cut at a limit;
of older turns the beginnings of task and answer stay. What was decided is kept word for word in every turn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from orchestrator_bridge.common.text import shorten

WHOLE_TURNS = 3
"""Turns that are kept whole, the newest."""

TASK_LIMIT, ANSWER_LIMIT = 8_000, 16_000
"""Characters of the task and of the answer of a turn that is kept whole."""

SUMMARY_LIMIT = 400
"""Characters of the task, and of the answer, of an older turn."""

REMARKS, REMARK_LIMIT = 30, 800
"""Messages of people that are kept of a turn, the newest, and the characters of each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """A message of a person: guidance during a turn, or something said in the thread after it (`at` as for events)."""

    author: str
    text: str
    at: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SettledQuestion:
    """A settled question of a turn. `outcome`: one line on how it was decided and by whom; `words`: the decision in full."""

    question: int
    text: str
    outcome: str
    words: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversationTurn:
    """An earlier run of a conversation. `by`: its requester; `answer`: its answer, or the reason if there is none.

    `guidance` was given during the run, `said` in its thread after it; `files` are the names of attachments of the task.
    `left_out`: earlier messages that are not kept. `cost` in US dollars; `priced`: every part of it is known. `whole`: neither
    task nor answer is summarised.
    """

    run: int
    task: str
    by: str
    status: Literal["finished", "failed", "cancelled"]
    answer: str
    decisions: tuple[SettledQuestion, ...] = ()
    guidance: tuple[Remark, ...] = ()
    said: tuple[Remark, ...] = ()
    files: tuple[str, ...] = ()
    left_out: int = 0
    cost: Decimal = Decimal(0)
    priced: bool = True
    whole: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Continuation:
    """The conversation that a run continues. `run`: the run before it; `first`: the run whose thread all turns share.

    `thread`: that thread, None if its card was never posted.
    """

    run: int
    first: int
    thread: str | None
    turns: tuple[ConversationTurn, ...]


def with_turn(turns: tuple[ConversationTurn, ...], newest: ConversationTurn) -> tuple[ConversationTurn, ...]:
    """The turns of a conversation after one more, summarised by the rule of this module."""
    older, whole = (*turns, newest)[:-WHOLE_TURNS], (*turns, newest)[-WHOLE_TURNS:]
    return (*(_summarised(turn) for turn in older), *(_cut(turn) for turn in whole))


def _summarised(turn: ConversationTurn) -> ConversationTurn:
    lost = len(turn.guidance) + len(turn.said)
    return replace(
        turn,
        task=shorten(turn.task, SUMMARY_LIMIT),
        answer=shorten(turn.answer, SUMMARY_LIMIT),
        guidance=(),
        said=(),
        left_out=turn.left_out + lost,
        whole=False,
    )


def _cut(turn: ConversationTurn) -> ConversationTurn:
    guidance, said = turn.guidance[-REMARKS:], turn.said[-REMARKS:]
    lost = len(turn.guidance) + len(turn.said) - len(guidance) - len(said)
    return replace(
        turn,
        task=shorten(turn.task, TASK_LIMIT),
        answer=shorten(turn.answer, ANSWER_LIMIT),
        guidance=tuple(_cut_remark(remark) for remark in guidance),
        said=tuple(_cut_remark(remark) for remark in said),
        left_out=turn.left_out + lost,
    )


def _cut_remark(remark: Remark) -> Remark:
    return replace(remark, text=shorten(remark.text, REMARK_LIMIT))


def spent_before(turns: tuple[ConversationTurn, ...]) -> tuple[Decimal, bool]:
    """US dollars of the earlier turns, and whether all of it is known."""
    return sum((turn.cost for turn in turns), Decimal(0)), all(turn.priced for turn in turns)


def turn_text(turn: ConversationTurn, *, answer: bool = True) -> str:
    """A turn as agents read it. Without `answer`, only the task and what was decided stay."""
    parts = [f"The task, by {turn.by}:\n{turn.task}"]
    if turn.files:
        parts.append(f"Attached then, not shown again: {', '.join(turn.files)}")
    if turn.decisions:
        parts.append("Decided:\n" + "\n".join(_decision_text(decision) for decision in turn.decisions))
    if not answer:
        return "\n\n".join((*parts, f"(left out: the answer, {len(turn.answer):,} characters, and what people said)"))
    if turn.guidance:
        parts.append("What people said meanwhile:\n" + _remarks_text(turn.guidance))
    parts.append(f"{_ANSWERS[turn.status]}:\n{turn.answer}")
    if turn.said:
        parts.append("What people said in the thread after that:\n" + _remarks_text(turn.said))
    if turn.left_out:
        parts.append(f"({turn.left_out} {'message' if turn.left_out == 1 else 'messages'} of people left out)")
    return "\n\n".join(parts)


_ANSWERS = {"finished": "The answer", "failed": "There was no answer", "cancelled": "There was no answer"}


def _decision_text(decision: SettledQuestion) -> str:
    whole = f"\n  In full: {decision.words}" if decision.words else ""
    return f"- Question {decision.question}: {decision.text}\n  {decision.outcome}{whole}"


def _remarks_text(remarks: tuple[Remark, ...]) -> str:
    return "\n".join(f"- {remark.author}: {remark.text}" for remark in remarks)
