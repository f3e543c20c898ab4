"""The worked examples of docs/memory.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator_bridge.question.decisions import DecisionScope, matching_decisions, search_words
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.contract.store_decisions import HERE, decision, stored
from tests.docs.page import table

PAGE = "docs/memory.md"


@pytest.mark.parametrize("row", table(PAGE, "Memory").rows, ids=lambda row: f"{row['a decision']}: {row['`/recall` with']}")
async def test_a_search_finds_what_the_page_says(row: Mapping[str, str], tmp_path: Path) -> None:
    question, _, outcome = row["a decision"].partition("? ")
    store = await SqliteStore.open(tmp_path / "townhall.db")
    await store.append(rows=stored(decision(1, f"{question}?", outcome)))
    found = await store.decisions(row["`/recall` with"], 20, DecisionScope(place=HERE.place))
    await store.close()
    assert ("yes" if found else "no") == row["found"]


@pytest.mark.parametrize("row", table(PAGE, "Before a question is asked").rows, ids=lambda row: row["an agent asks"])
async def test_a_decision_is_shown_to_agents_as_the_page_says(row: Mapping[str, str], tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "townhall.db")
    await store.append(rows=stored(decision(1, row["decided"])))
    ask = Ask(question=row["an agent asks"], assumption="None.")
    candidates = await store.similar_decisions(search_words(ask), HERE, 0.0)
    await store.close()
    assert ("yes" if matching_decisions(ask, candidates, agents_alone=False) else "no") == row["shown"]
