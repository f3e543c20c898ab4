"""Decisions of earlier releases: read once from the logs of their runs, after the migration that adds the table.

Each run is one transaction that also takes it off the list, so a start that is interrupted continues with the next run.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from orchestrator_bridge.question.decisions import decision_of
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.records import DecisionStored
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.store.interface import StoreError
from orchestrator_bridge.store.sql.decisions import insert_decision
from orchestrator_bridge.store.sqlite.queries.decisions import indexed
from orchestrator_bridge.store.sqlite.queries.log import list_events
from orchestrator_bridge.store.sqlite.writer import execute_statements

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.question.decisions import Decision


_LOG = logging.getLogger(__name__)
_TABLE = "SELECT 1 FROM sqlite_schema WHERE name = 'decision_backlog'"
_NEXT = "SELECT run FROM decision_backlog ORDER BY run LIMIT 1"
_DONE = "DELETE FROM decision_backlog WHERE run = ?"


def fill_decisions(connection: sqlite3.Connection) -> None:
    """Store the decisions of all runs on the list. A run whose log cannot be read is skipped, with a line in the log file.

    Raises:
        sqlite3.Error: the file cannot be written.
    """
    if connection.execute(_TABLE).fetchone() is None:
        return
    while (found := connection.execute(_NEXT).fetchone()) is not None:
        decisions = _decisions_of(connection, found["run"])
        connection.execute("BEGIN IMMEDIATE")
        try:
            cursor = connection.cursor()
            for decision in decisions:
                statement = insert_decision(DecisionStored(decision=decision))
                execute_statements(cursor, indexed(decision.decision, statement))
            cursor.execute(_DONE, (found["run"],))
            cursor.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def _decisions_of(connection: sqlite3.Connection, run: int) -> list[Decision]:
    """The decisions of a run. Whether its channel was public is not known, so each belongs to its channel alone."""
    try:
        events = list_events(connection, run)
        state = fold(events)
    except (StoreError, ValueError) as error:
        _LOG.warning("the decisions of run %s are not remembered, because its log cannot be read: %s", run, error)
        return []
    settled = {event.question: event.at for event in reversed(events) if isinstance(event, e.QuestionSettled)}
    questions = ((question, settled[question.id]) for question in state.questions.values() if question.id in settled)
    found = (decision_of(question, team=state.team.name, place=state.place, at=at) for question, at in questions)
    return [decision for decision in found if decision is not None]
