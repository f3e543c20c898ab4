"""Queries on decisions, and the statements of their text index, an external-content table of FTS5 (sqlite.org/fts5.html)."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from orchestrator_bridge.question.decisions import LEAST_COMMON, LEAST_STEM, MAX_SEARCH_WORDS, content_words, search_stem
from orchestrator_bridge.store.sql.decisions import channel_mark, server_mark, to_decision
from orchestrator_bridge.store.sql.statement import Statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from orchestrator_bridge.question.decisions import Decision, DecisionScope


_WORD = re.compile(r"[^\W_]+")
_FOUND = """
SELECT decisions.* FROM decision_words JOIN decisions ON decisions.decision = decision_words.rowid
WHERE decision_words MATCH ? {more} ORDER BY {order} LIMIT ?
"""
NEWEST = _FOUND.format(more="", order="decision_words.rowid DESC")
SIMILAR = _FOUND.format(more="AND decisions.at >= ?", order="decision_words.rank")
_SPARE = 4
"""Times the decisions wanted that are read, because some have only one of the words."""
ONE = "SELECT * FROM decisions WHERE decision = ?"


def list_decisions(
    connection: sqlite3.Connection, words: str = "", limit: int = 20, scope: DecisionScope | None = None
) -> list[Decision]:
    """Decisions that contain all words, newest first, those that are superseded after the others."""
    terms = _WORD.findall(words)[:MAX_SEARCH_WORDS]
    if words.strip() and not terms:
        return []
    found: list[Decision] = []
    for state in ("valid", "superseded"):
        match = " AND ".join((*_marked(state, scope), *(f'{{question options outcome people}} : "{term}" *' for term in terms)))
        rows = connection.execute(NEWEST, (match, limit - len(found))).fetchall()
        found += sorted(map(to_decision, rows), key=lambda decision: -decision.at)
    return found


def list_similar_decisions(
    connection: sqlite3.Connection, words: Sequence[str], scope: DecisionScope, since: float, limit: int = 50
) -> list[Decision]:
    """Valid decisions since a time that may be offered and whose questions have at least two of the words."""
    terms = [term for word in words if (term := _similar_term(word))]
    if len(terms) < LEAST_COMMON:
        return []
    # A query for any of the words is several times faster than one for each pair of them; those with two words rank first.
    match = " AND ".join((*_marked("valid", scope), "marks : offered", f"question : ({' OR '.join(terms)})"))
    rows = connection.execute(SIMILAR, (match, since, limit * _SPARE)).fetchall()
    found = (to_decision(row) for row in rows if _common_stems(words, row["question"]) >= LEAST_COMMON)
    return list(islice(found, limit))


def _common_stems(words: Sequence[str], question: str) -> int:
    others = content_words(question)
    stems = (search_stem(word) for word in words)
    return sum(any(word == stem or (len(stem) >= LEAST_STEM and word.startswith(stem)) for word in others) for stem in stems)


def get_decision(connection: sqlite3.Connection, number: int) -> Decision | None:
    """One decision by its number; None if there is none."""
    row = connection.execute(ONE, (number,)).fetchone()
    return None if row is None else to_decision(row)


def _similar_term(word: str) -> str:
    """A word of a question as a term of the index; empty if nothing of it is indexed."""
    stem = " ".join(_WORD.findall(search_stem(word)))
    return f'"{stem}"{" *" if len(stem) >= LEAST_STEM else ""}' if stem else ""


def _marked(state: str, scope: DecisionScope | None) -> Iterable[str]:
    yield f"marks : {state}"
    if scope is not None:
        servers = (server_mark(scope.place.platform, scope.server),) if scope.server else ()
        yield f"marks : ({' OR '.join((channel_mark(scope.place), *servers))})"


_COLUMNS = "question, options, outcome, people, marks"
_UNINDEX = f"""
INSERT INTO decision_words (decision_words, rowid, {_COLUMNS})
SELECT 'delete', decision, {_COLUMNS} FROM decisions WHERE decision = ?
"""
_INDEX = f"INSERT INTO decision_words (rowid, {_COLUMNS}) SELECT decision, {_COLUMNS} FROM decisions WHERE decision = ?"


def indexed(decision: int, statement: Statement) -> tuple[Statement, ...]:
    """A statement that changes a decision, between those that take it out of the text index and index it anew."""
    return Statement(sql=_UNINDEX, values=(decision,)), statement, Statement(sql=_INDEX, values=(decision,))
