"""Query plans: no query and no write scans a whole table, so that none slows down as data grows."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator_bridge.run.records import (
    InboxEntryHandled,
    OutcomeDelivered,
    PostDropped,
    PostFailed,
    PostSent,
    QuestionClosed,
    QuestionUpdated,
    ReplyRemoved,
    RunBusy,
    RunClosed,
    TokenCreated,
)
from orchestrator_bridge.store.sql.log import append_events
from orchestrator_bridge.store.sql.messages import insert_inbound
from orchestrator_bridge.store.sql.records import to_statement
from orchestrator_bridge.store.sqlite.migrate import bundled_migrations
from orchestrator_bridge.store.sqlite.open import open_writer
from orchestrator_bridge.store.sqlite.queries import external, log, messages, questions, runs, usage
from orchestrator_bridge.store.sqlite.writer import commit
from tests.contract.store_values import (
    booked,
    guided,
    outgoing,
    posted,
    question_opened,
    question_placed,
    run_opened,
    said,
    thread,
)
from tests.contract.store_viewers import BO

LOOKS: dict[str, Callable[[sqlite3.Connection], object]] = {
    "log": lambda connection: log.list_events(connection, run=1, after=0),
    "runs": lambda connection: runs.list_runs(connection, limit=50, status=None),
    "runs by status": lambda connection: runs.list_runs(connection, limit=50, status="running"),
    "runs that somebody may see": lambda connection: runs.list_runs(connection, limit=50, status=None, viewer=BO),
    "questions that somebody may see": lambda connection: questions.list_questions(
        connection, limit=50, status="open", viewer=BO
    ),
    "busy": runs.list_busy_runs,
    "sent since": lambda connection: usage.list_rate_samples(connection, since=1.0),
    "costs": lambda connection: runs.list_costs(connection, run=1),
    "questions": lambda connection: questions.list_questions(connection, limit=50, status=None),
    "questions by status": lambda connection: questions.list_questions(connection, limit=50, status="open"),
    "question": lambda connection: questions.get_question(connection, question=1),
    "armed": questions.list_open_deadlines,
    "open for": questions.list_open_question_audiences,
    "target": lambda connection: questions.get_target(connection, thread("t"), "unknown"),
    "last numbers": questions.get_highest_ids,
    "pending": messages.list_pending_posts,
    "behind": lambda connection: messages.get_clock_offset(connection, platform="fake"),
    "sent": lambda connection: messages.get_sent_post(connection, key="k"),
    "unhandled": messages.list_unhandled_events,
    "token use": lambda connection: external.get_token_activity(connection, token="laptop", since=0.0),
    "guest questions": lambda connection: external.list_external_questions(connection, "laptop", "coder", thread("t"), 0.0),
    "started": lambda connection: external.list_external_runs(connection, token="laptop", since=0.0),
    "guest runs": external.list_external_question_runs,
    "heard in": lambda connection: messages.list_messages_in(connection, thread("t1")),
}
WRITES = {
    "append": tuple(append_events(1, 0, [guided("one")])),
    "receive": (insert_inbound(said("m"), 1.0),),
    **{
        type(row).__name__: (to_statement(row, 1.0),)
        for row in (
            run_opened(2),
            RunBusy(run=1, busy=False),
            RunClosed(run=1, status="finished", result="", at=1.0),
            question_opened(2, 1),
            QuestionUpdated(question=1, fires_at=1.0),
            question_placed(1, "m", "t"),
            QuestionClosed(question=1, status="answered", line="", at=1.0),
            ReplyRemoved(question=1, key="k"),
            outgoing("k", version=2),
            PostSent(key="k", version=1, posted=posted("m")),
            PostFailed(key="k", why=""),
            PostDropped(key="k"),
            InboxEntryHandled(key=said("m").key),
            booked(1, "a", "0.1"),
            OutcomeDelivered(question=1, at=1.0),
            TokenCreated(name="laptop", hash="h", terms="{}", at=1.0),
        )
    },
}
# Read in the order of an index, up to a limit or as far as a partial index goes. At most `limit` rows are `shown`, and sorted.
# `json_each` is a handful of ids that whoever looks gave.
HARMLESS = re.compile(
    r"SCAN (runs|questions)$|SCAN json_each "
    r"|SCAN \w+ USING (COVERING )?INDEX (questions_open|runs_busy|runs_of_guests|outbox_unsent|inbox_unhandled)"
)


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_writer(path, bundled_migrations())) as opened:
        rows = (run_opened(1), question_opened(1, 1), outgoing("k"))
        commit([tuple(to_statement(row, 1.0) for row in rows)], opened)
        yield opened


def scans(connection: sqlite3.Connection, statements: list[str]) -> list[str]:
    """Steps of query plans that scan a table or sort."""
    plans = [[row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")] for sql in statements]
    return [step for plan in plans for step in plan if _reads_all(step) or (_sorts(step) and "SCAN shown" not in plan)]


def _reads_all(step: str) -> bool:
    return step.startswith("SCAN ") and step not in ("SCAN shown", "SCAN CONSTANT ROW") and not HARMLESS.match(step)


def _sorts(step: str) -> bool:
    return step.startswith("USE TEMP B-TREE FOR ORDER")


def traced(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], object]) -> list[str]:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    work(connection)
    connection.set_trace_callback(None)
    return [sql for sql in statements if not re.match("BEGIN|COMMIT|SAVEPOINT|RELEASE|--", sql)]


@pytest.mark.parametrize("look", LOOKS)
def test_a_query_uses_an_index(connection: sqlite3.Connection, look: str) -> None:
    statements = traced(connection, LOOKS[look])
    assert statements
    assert scans(connection, statements) == []


@pytest.mark.parametrize("write", WRITES)
def test_a_write_uses_an_index(connection: sqlite3.Connection, write: str) -> None:
    statements = traced(connection, lambda raw: commit([WRITES[write]], raw))
    assert statements
    assert scans(connection, statements) == []


@pytest.mark.parametrize(("look", "index"), [("busy", "runs_busy"), ("armed", "questions_open")])
def test_the_queries_of_a_start_do_not_grow_with_idle_runs_or_closed_questions(
    connection: sqlite3.Connection, look: str, index: str
) -> None:
    (sql,) = traced(connection, LOOKS[look])
    assert [index in row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")] == [True]
