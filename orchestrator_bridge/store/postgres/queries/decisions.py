"""Queries on decisions, and the statement of their words.

The words are folded here, since the parser of the database depends on its locale. A search is a `tsquery` of these words and of
marks, which begin with `#`; the words of a question begin with `?`.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import combinations
from typing import TYPE_CHECKING

from orchestrator_bridge.question.decisions import LEAST_STEM, MAX_SEARCH_WORDS, search_stem
from orchestrator_bridge.store.sql.decisions import channel_mark, server_mark, to_decision
from orchestrator_bridge.store.sql.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator_bridge.question.decisions import Decision, DecisionScope
    from orchestrator_bridge.store.postgres.connection import Connection


_WORD = re.compile(r"[^\W_]+")
_NEWEST = "SELECT * FROM decisions WHERE search @@ %s::tsquery ORDER BY decision DESC LIMIT %s"
_SIMILAR = """
SELECT * FROM decisions WHERE search @@ %(search)s::tsquery AND at >= %(since)s
ORDER BY ts_rank(search, %(search)s::tsquery) DESC, decision LIMIT %(limit)s
"""
_ONE = "SELECT * FROM decisions WHERE decision = %s"
_SET_WORDS = "UPDATE decisions SET words = ? WHERE decision = ? AND words = ''"


async def list_decisions(
    connection: Connection, words: str = "", limit: int = 20, scope: DecisionScope | None = None
) -> list[Decision]:
    """Decisions that contain all words, newest first, those that are superseded after the others."""
    terms = _folded_words(words)[:MAX_SEARCH_WORDS]
    if words.strip() and not terms:
        return []
    found: list[Decision] = []
    for state in ("valid", "superseded"):
        search = " & ".join((*_marked(state, scope), *(f"'{term}':*" for term in terms)))
        rows = await (await connection.execute(_NEWEST, (search, limit - len(found)))).fetchall()
        found += sorted(map(to_decision, rows), key=lambda decision: -decision.at)
    return found


async def list_similar_decisions(
    connection: Connection, words: Sequence[str], scope: DecisionScope, since: float, limit: int = 50
) -> list[Decision]:
    """Valid decisions since a time that may be offered and whose questions have at least two of the words."""
    terms = [term for word in words if (term := _similar_term(word))]
    pairs = " | ".join(f"({term} & {other})" for term, other in combinations(terms, 2))
    if not pairs:
        return []
    search = " & ".join((*_marked("valid", scope), "'#offered'", f"({pairs})"))
    rows = await connection.execute(_SIMILAR, {"search": search, "since": since, "limit": limit})
    return [to_decision(row) async for row in rows]


async def get_decision(connection: Connection, number: int) -> Decision | None:
    """One decision by its number; None if there is none."""
    row = await (await connection.execute(_ONE, (number,))).fetchone()
    return None if row is None else to_decision(row)


def set_words(decision: Decision) -> Statement:
    """Index the words of a decision that was just stored."""
    texts = (decision.question, *decision.options, decision.outcome, *decision.people)
    everything = (word for text in texts for word in _folded_words(text))
    words = dict.fromkeys((*everything, *(f"?{word}" for word in _folded_words(decision.question))))
    return Statement(sql=_SET_WORDS, values=(" ".join(words), decision.decision))


def _similar_term(word: str) -> str:
    """A word of a question as a lexeme of the index; empty if nothing of it is indexed."""
    stems = _folded_words(search_stem(word))
    prefix = ":*" if len(word) >= LEAST_STEM else ""
    return " & ".join(f"'?{stem}'{prefix}" for stem in stems)


def _folded_words(text: str) -> list[str]:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(char for char in decomposed if not unicodedata.combining(char)))


def _marked(state: str, scope: DecisionScope | None) -> Iterable[str]:
    yield f"'#{state}'"
    if scope is not None:
        servers = (server_mark(scope.place.platform, scope.server),) if scope.server else ()
        yield "(" + " | ".join(f"'#{mark}'" for mark in (channel_mark(scope.place), *servers)) + ")"
