"""No look-up and no change reads a table from end to end, so that none grows slow with what has been kept."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator_bridge.store.migrate import shipped
from orchestrator_bridge.store.opening import open_writer
from orchestrator_bridge.store.read import log, outside, posts, questions, runs, sent
from orchestrator_bridge.store.rows import (
    InboxHandled,
    OutcomeTold,
    PostDropped,
    PostFailed,
    PostSent,
    QuestionClosed,
    QuestionMoved,
    ReplyGone,
    RunBusy,
    RunClosed,
    TokenMade,
)
from orchestrator_bridge.store.write.inbox import heard
from orchestrator_bridge.store.write.log import appended
from orchestrator_bridge.store.write.rows import written
from orchestrator_bridge.store.writer import commit
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
    "log": lambda connection: log.events(connection, run=1, after=0),
    "runs": lambda connection: runs.summaries(connection, limit=50, status=None),
    "runs by status": lambda connection: runs.summaries(connection, limit=50, status="running"),
    "runs that somebody may see": lambda connection: runs.summaries(connection, limit=50, status=None, viewer=BO),
    "questions that somebody may see": lambda connection: questions.summaries(connection, limit=50, status="open", viewer=BO),
    "busy": runs.busy,
    "sent since": lambda connection: sent.sent(connection, since=1.0),
    "costs": lambda connection: runs.costs(connection, run=1),
    "questions": lambda connection: questions.summaries(connection, limit=50, status=None),
    "questions by status": lambda connection: questions.summaries(connection, limit=50, status="open"),
    "question": lambda connection: questions.one(connection, question=1),
    "armed": questions.armed,
    "open for": questions.open_for,
    "target": lambda connection: questions.target(connection, thread("t"), "unknown"),
    "last numbers": questions.last_numbers,
    "pending": posts.pending,
    "behind": lambda connection: posts.behind(connection, platform="fake"),
    "sent": lambda connection: posts.sent(connection, key="k"),
    "unhandled": posts.unhandled,
    "token use": lambda connection: outside.use(connection, token="laptop", since=0.0),
    "guest questions": lambda connection: outside.guest_questions(connection, "laptop", "coder", thread("t"), 0.0),
    "started": lambda connection: outside.started(connection, token="laptop", since=0.0),
    "guest runs": outside.guests,
    "heard in": lambda connection: posts.heard_in(connection, thread("t1")),
}
WRITES = {
    "append": tuple(appended(1, 0, [guided("one")])),
    "receive": (heard(said("m"), 1.0),),
    **{
        type(row).__name__: (written(row, 1.0),)
        for row in (
            run_opened(2),
            RunBusy(run=1, busy=False),
            RunClosed(run=1, status="finished", result="", at=1.0),
            question_opened(2, 1),
            QuestionMoved(question=1, fires_at=1.0),
            question_placed(1, "m", "t"),
            QuestionClosed(question=1, status="answered", line="", at=1.0),
            ReplyGone(question=1, key="k"),
            outgoing("k", version=2),
            PostSent(key="k", version=1, posted=posted("m")),
            PostFailed(key="k", why=""),
            PostDropped(key="k"),
            InboxHandled(key=said("m").key),
            booked(1, "a", "0.1"),
            OutcomeTold(question=1, at=1.0),
            TokenMade(name="laptop", hash="h", terms="{}", at=1.0),
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
    with closing(open_writer(path, shipped())) as opened:
        rows = (run_opened(1), question_opened(1, 1), outgoing("k"))
        commit([tuple(written(row, 1.0) for row in rows)], opened)
        yield opened


def scans(connection: sqlite3.Connection, statements: list[str]) -> list[str]:
    """What the plans of some statements read from end to end or sort."""
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
def test_a_look_up_goes_by_an_index(connection: sqlite3.Connection, look: str) -> None:
    statements = traced(connection, LOOKS[look])
    assert statements
    assert scans(connection, statements) == []


@pytest.mark.parametrize("write", WRITES)
def test_a_change_goes_by_an_index(connection: sqlite3.Connection, write: str) -> None:
    statements = traced(connection, lambda raw: commit([WRITES[write]], raw))
    assert statements
    assert scans(connection, statements) == []


@pytest.mark.parametrize(("look", "index"), [("busy", "runs_busy"), ("armed", "questions_open")])
def test_what_a_start_needs_does_not_grow_with_what_sleeps_or_is_closed(
    connection: sqlite3.Connection, look: str, index: str
) -> None:
    (sql,) = traced(connection, LOOKS[look])
    assert [index in row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")] == [True]
