"""Tables, drawn for platforms that show none."""

from __future__ import annotations

from orchestrator_bridge.common.markdown_tables import draw_tables

NARROW = """Before.

| Name | Cost |
|:-----|-----:|
| **a** | 1 |
| long name | 20 |

After."""

WIDE = f"""| Option | Reason |
| --- | --- |
| PostgreSQL | {"many words " * 6}|
| SQLite | |"""


def test_a_narrow_table_is_aligned_text() -> None:
    assert draw_tables(NARROW) == ("Before.\n\n```\nName       Cost\n---------  ----\na          1\nlong name  20\n```\n\nAfter.")


def test_a_wide_table_is_a_list() -> None:
    assert draw_tables(WIDE).splitlines() == [f"- **PostgreSQL** · Reason: {('many words ' * 6).strip()}", "- **SQLite**"]


def test_what_is_no_table_stays_as_it_is() -> None:
    for text in ("a | b", "a | b\nc | d", "```\n| a |\n|---|\n```", "| a | b |\n|---|\n| c | d |", "no bars"):
        assert draw_tables(text) == text


def test_an_escaped_bar_is_part_of_its_cell_and_missing_cells_are_empty() -> None:
    assert draw_tables("a | b\n--- | ---\nx \\| y |\nz") == "```\na      b\n-----  -\nx | y\n```\nz"
