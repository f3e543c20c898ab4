"""`/recall`: what was decided, as far as the person can see it."""

from __future__ import annotations

from orchestrator_bridge.chat.inbound import CommandReceived
from orchestrator_bridge.chat.outbound import Link, PrivateReply, Table
from orchestrator_bridge.common.text import shorten
from orchestrator_bridge.engine.authority import Actor
from orchestrator_bridge.engine.memory import DecisionMemory
from orchestrator_bridge.question.decisions import Decision, date_text, deciders_text, outcome_text

MAX_ROWS = 10
"""Decisions in one reply: with more, a reply does not fit on a phone's screen."""
MAX_CELL = 120
"""Characters of a question and of an outcome in a table."""


async def recall_decisions(command: CommandReceived, memory: DecisionMemory) -> PrivateReply:
    """Execute `/recall`."""
    words = command.text.strip()
    found = await memory.recall(words, Actor(person=command.author, here=command.place), MAX_ROWS + 1)
    if not found:
        return PrivateReply(text=f"No decision here has the words “{shorten(words, 80)}”." if words else "No decisions here yet.")
    rows = tuple(_row(decision, command.at) for decision in found[:MAX_ROWS])
    more = " There are more: add a word to find them." if len(found) > MAX_ROWS else ""
    title = "Decisions, newest first" + (f", with “{shorten(words, 60)}”" if words else "")
    columns = ("decision", "date", "question", "outcome", "by")
    return PrivateReply(text=more.strip(), tables=(Table(title=title, columns=columns, rows=rows),))


def _row(decision: Decision, now: float) -> tuple[str | Link, ...]:
    number: str | Link = str(decision.decision)
    if decision.message is not None:
        number = Link(text=str(decision.decision), place=decision.place, message=decision.message)
    return (
        number,
        date_text(decision.at, now),
        shorten(decision.question, MAX_CELL),
        shorten(outcome_text(decision), MAX_CELL),
        deciders_text(decision),
    )
