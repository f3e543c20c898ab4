"""docs/adapters.md shows the code of the example as it is."""

from __future__ import annotations

import re

import pytest

from tests.docs.page import ROOT, read, table

PAGE = "docs/adapters.md"
EXAMPLE = ("pyproject.toml", "townhall_lines.py", "tests/test_townhall_lines.py")
BLOCKS = re.findall(r"^```(?:python|toml)\n(.*?)^```", read(PAGE), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.strip().splitlines()[0])
def test_each_block_of_code_is_part_of_the_example(block: str) -> None:
    assert any(block in read(f"examples/adapter/{file}") for file in EXAMPLE)


def test_the_example_is_as_long_as_the_page_says() -> None:
    assert "in one module of 250 lines" in read(PAGE)
    assert len((ROOT / "examples" / "adapter" / "townhall_lines.py").read_text(encoding="utf-8").splitlines()) <= 250


@pytest.mark.parametrize(
    ("heading", "column", "module"),
    [("Inbound: events", "event", "inbound"), ("Outbound: posts", "post", "outbound"), ("Failures", "raise", "adapter")],
)
def test_the_tables_name_classes_that_exist(heading: str, column: str, module: str) -> None:
    source = read(f"orchestrator_bridge/chat/{module}.py")
    for row in table(PAGE, heading).rows:
        assert f"class {row[column].strip('`')}" in source
