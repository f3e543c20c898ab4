"""Decisions: statements, and rows as values.

`marks` are words that stand for the channel, the server that shares the decision, `valid` or `superseded`, and `offered`. A text
index that holds them reads the decisions of one scope alone, however many others have the same words.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.question.decisions import Decision
from orchestrator_bridge.store.sql.statement import Row, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator_bridge.run.records import DecisionStored, DecisionSuperseded


def channel_mark(place: Place) -> str:
    """The mark of the decisions of a channel."""
    return f"c{_digest(place.platform, place.channel)}"


def server_mark(platform: str, server: str) -> str:
    """The mark of the decisions that a server shares."""
    return f"s{_digest(platform, server)}"


def _digest(platform: str, id_: str) -> str:
    """A word that stands for an id, whatever characters that has."""
    return blake2b(f"{platform}/{id_}".encode(errors="replace"), digest_size=12).hexdigest()


def _marks(decision: Decision) -> str:
    shared = server_mark(decision.place.platform, decision.server) if decision.server else ""
    state = "valid" if decision.superseded_by is None else "superseded"
    return " ".join(mark for mark in (channel_mark(decision.place), shared, state, "offered" * decision.offered) if mark)


def to_decision(row: Row) -> Decision:
    """A decision."""
    return Decision(
        decision=row["decision"],
        run=row["run"],
        team=row["team"],
        place=Place(platform=row["platform"], channel=row["channel"], thread=row["thread"]),
        message=row["message"],
        link=row["link"],
        server=row["server"],
        question=row["question"],
        options=_lines(row["options"]),
        outcome=row["outcome"],
        kind=row["kind"],
        decided_by=row["decided_by"],
        quorum=row["quorum"],
        people=_lines(row["people"]),
        people_ids=_lines(row["people_ids"]),
        at=row["at"],
        offered=bool(row["offered"]),
        superseded_by=row["superseded_by"],
    )


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()


_INSERT = """
INSERT INTO decisions (
    decision, run, team, platform, channel, thread, message, link, server, question, options, outcome, kind, decided_by, quorum,
    people, people_ids, at, offered, superseded_by, marks
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (decision) DO NOTHING
"""
_SUPERSEDE = """
UPDATE decisions SET superseded_by = ?, marks = replace(marks, ' valid', ' superseded')
WHERE decision = ? AND (? = 1 OR decided_by <> 'human')
"""


def insert_decision(row: DecisionStored) -> Statement:
    """Store a decision; nothing changes if its number is stored already."""
    decision = row.decision
    place = decision.place
    values = (
        *(decision.decision, decision.run, decision.team, place.platform, place.channel, place.thread, decision.message),
        *(decision.link, decision.server, decision.question, _joined(decision.options), decision.outcome, decision.kind),
        *(decision.decided_by, decision.quorum, _joined(decision.people), _joined(decision.people_ids), decision.at),
        *(int(decision.offered), decision.superseded_by, _marks(decision)),
    )
    return Statement(sql=_INSERT, values=values)


def supersede_decision(row: DecisionSuperseded) -> Statement:
    """Mark a decision as superseded."""
    return Statement(sql=_SUPERSEDE, values=(row.by, row.decision, int(row.by_people)))


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(" ".join(line.split()) for line in lines)
