"""Group commit: one commit for all waiting jobs, each of which succeeds or fails by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator_bridge.store.interface import Conflict
from orchestrator_bridge.store.sql.log import append_events
from orchestrator_bridge.store.sql.records import to_statement
from orchestrator_bridge.store.sql.statement import Statement, WriteJob
from orchestrator_bridge.store.sqlite.migrate import bundled_migrations
from orchestrator_bridge.store.sqlite.open import open_writer
from orchestrator_bridge.store.sqlite.writer import commit
from tests.contract.store_values import guided, question_opened, run_opened


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_writer(path, bundled_migrations())) as opened:
        yield opened


def job(run: int, text: str = "hello") -> WriteJob:
    return tuple(append_events(run, 0, [guided(text)]))


def kinds(results: object) -> list[type]:
    assert isinstance(results, list)
    return [type(result) for result in results]


def runs_in(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT run FROM log ORDER BY run")]


def test_commits_wait_for_the_disk(connection: sqlite3.Connection) -> None:
    # 2 is FULL. A power cut cannot be tried here; that the setting is on can.
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_group_is_one_commit(connection: sqlite3.Connection) -> None:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    assert kinds(commit([job(run) for run in range(1, 101)], connection)) == [int] * 100
    connection.set_trace_callback(None)
    assert [statement for statement in statements if statement in ("COMMIT", "BEGIN IMMEDIATE")] == ["BEGIN IMMEDIATE", "COMMIT"]
    assert len(runs_in(connection)) == 100


def test_a_faulty_job_fails_alone_with_all_its_statements(connection: sqlite3.Connection) -> None:
    stale = (*job(8), *append_events(9, 5, [guided("far")]))
    no_run = (*job(9), to_statement(question_opened(1, run=404), 0.0))
    too_large = (*job(11), Statement(sql="SELECT ?", values=(2**80,)))
    no_sql = (*job(10), Statement(sql="SELECT nothing", values=()))
    half_a_character = (*job(12), to_statement(run_opened(12), 0.0), Statement(sql="SELECT ?", values=("\ud800",)))
    faulty = [stale, no_run, no_sql, too_large, half_a_character]
    results = commit([job(1), *faulty, job(2)], connection)
    errors = [Conflict, sqlite3.IntegrityError, sqlite3.OperationalError, OverflowError, UnicodeEncodeError]
    assert kinds(results) == [int, *errors, int]
    assert runs_in(connection) == [1, 2]


def test_if_the_group_does_not_fit_on_the_disk_the_jobs_that_fit_are_written(connection: sqlite3.Connection) -> None:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 8}")
    results = commit([job(1), job(2, "x" * 100_000), job(3)], connection)
    assert kinds(results) == [int, sqlite3.OperationalError, int]
    assert runs_in(connection) == [1, 3]
    connection.execute("PRAGMA max_page_count = 100000")
    assert kinds(commit([job(2, "x" * 100_000)], connection)) == [int]
    assert runs_in(connection) == [1, 2, 3]


def test_when_the_group_cannot_be_committed_each_job_is_tried_alone(connection: sqlite3.Connection) -> None:
    # A reference that is checked late only: the job looks well until the commit.
    late = Statement(sql="PRAGMA defer_foreign_keys = ON", values=())
    spoiler = (*job(8), late, to_statement(question_opened(1, run=404), 0.0))
    assert kinds(commit([job(1), spoiler, job(2)], connection)) == [int, sqlite3.IntegrityError, int]
    assert runs_in(connection) == [1, 2]
    assert not connection.in_transaction


def test_a_locked_file_delays_the_group_once_and_not_every_job(path: Path, connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA busy_timeout = 1")
    statements: list[str] = []
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        connection.set_trace_callback(statements.append)
        results = commit([job(1), job(2)], connection)
        assert kinds(results) == [sqlite3.OperationalError] * 2
        assert statements == ["BEGIN IMMEDIATE"]
        other.execute("ROLLBACK")
    assert kinds(commit([job(1), job(2)], connection)) == [int, int]
