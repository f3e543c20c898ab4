"""docs/models.md: its tables are what the catalogue says, and its examples are right."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from bot.config.team_file import parse_team_file
from orchestrator_bridge.model.catalogue import resolve
from orchestrator_bridge.model.catalogue.pricing import cost
from tests.docs.model_tables import CALL, CALLS, DAY, PAGE, marks, tables
from tests.docs.page import read


@pytest.mark.parametrize("name", ["hosts", "migration", "comparison"])
def test_a_table_is_what_the_catalogue_says(name: str) -> None:
    start, end = marks(name)
    told = read("docs/models.md").partition(start)[2].partition(end)[0]
    assert told == tables()[name], "run python -m tests.docs.model_tables"


def test_the_sample_task_of_the_page_is_the_one_that_is_worked_out() -> None:
    page = " ".join(read("docs/models.md").split())
    said = f"{CALLS} calls, each with {CALL.input:,} tokens in, {CALL.cached:,} of them cached, and {CALL.output:,} out"
    assert said in page


def test_the_worked_example_of_the_page_is_right() -> None:
    price = resolve("grok-4.3", today=DAY).price
    assert price is not None
    assert cost(CALL, price) == Decimal("0.0074")
    assert "4,000 × $1.25 + 2,000 × $0.20 + 800 × $2.50 = $0.0074" in read("docs/models.md")


def test_every_example_of_a_team_file_is_right() -> None:
    examples = re.findall(r"```toml\n(.*?)```", read("docs/models.md"), re.DOTALL)
    assert len(examples) >= 4
    for example in examples:
        parse_team_file(example, Path("townhall.toml"))


def test_the_page_is_linked_from_the_readme() -> None:
    assert f"docs/{PAGE.name}" in read("README.md")
