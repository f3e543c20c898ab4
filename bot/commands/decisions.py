"""`/recall` shows what was decided, as far as the person can see it; `/supersede` replaces a decision."""

from __future__ import annotations

from orchestrator_bridge.chat.inbound import CommandReceived
from orchestrator_bridge.chat.outbound import Link, PrivateReply, Table
from orchestrator_bridge.common.text import shorten
from orchestrator_bridge.engine.authority import Actor
from orchestrator_bridge.engine.engine import Engine
from orchestrator_bridge.engine.memory import DecisionMemory
from orchestrator_bridge.question.decisions import Decision, date_text, deciders_text, outcome_text
from orchestrator_bridge.team.authority import Act, Verdict, refusal_text

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


async def supersede_decision(command: CommandReceived, engine: Engine) -> PrivateReply:
    """Execute `/supersede OLD NEW`. Doing it twice changes nothing."""
    numbers = [word.removeprefix("#") for word in command.text.split() if word != "by"]
    if len(numbers) != 2 or not all(number.isdecimal() and len(number) < 16 for number in numbers):
        text = "Give the numbers of two decisions, the older one first: `/supersede 12 40`. `/recall` lists them."
        return PrivateReply(text=text, tone="warning")
    actor = Actor(person=command.author, here=command.place)
    found = [await engine.memory.find(int(number), actor) for number in numbers]
    old, new = found
    if old is None or new is None:
        missing = numbers[0] if old is None else numbers[1]
        return PrivateReply(text=f"There is no decision {int(missing)}.", tone="warning")
    if old.decision == new.decision or new.superseded_by is not None:
        reason = f"is superseded by decision {new.superseded_by} itself" if new.superseded_by else "cannot supersede itself"
        return PrivateReply(text=f"Decision {new.decision} {reason}.", tone="warning")
    verdict = await may_change(Act.REPLACE_DECISION, old, actor, engine)
    if verdict is not Verdict.ALLOWED:
        return PrivateReply(text=refusal_text(Act.REPLACE_DECISION, verdict, f"decision {old.decision}"), tone="warning")
    await engine.memory.supersede(old, new)
    return PrivateReply(text=f"Decision {new.decision} supersedes decision {old.decision}: {outcome_text(new)}", tone="good")


async def may_change(act: Act, decision: Decision, actor: Actor, engine: Engine) -> Verdict:
    """Decide if a person may change a decision: as its run, which they may cancel or not."""
    run = await engine.run(decision.run)
    return Verdict.HIDDEN if run is None else await engine.authority.on_run(act, actor, run)
