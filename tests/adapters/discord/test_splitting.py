from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.markdown import discord_length, split_markdown
from adapters.discord.render import MAX_ANSWER_MESSAGES, render_final_answer
from orchestrator_bridge.chat.outbound import FinalAnswer

LINES = ["word", "a longer line of words " * 5, "", "```python", "```", "x = 1", "    indented", "😀" * 30, "~~~", "y" * 200]
TEXT = st.lists(st.sampled_from(LINES), max_size=40).map("\n".join)


@given(TEXT)
def test_every_part_fits(text: str) -> None:
    for part in split_markdown(text, 120, 8):
        assert discord_length(part) <= 120
        assert part.count("\n") < 8


@given(TEXT)
def test_no_word_is_lost_and_their_order_stays(text: str) -> None:
    def words(of: str) -> str:
        return re.sub(r"\s|`|~|python", "", of)

    assert words("".join(split_markdown(text, 120, 8))) == words(text)


def test_what_fits_is_one_part_as_it_was() -> None:
    text = "One.\n\n```\ncode\n```\nTwo.\n\n\nThree."
    assert split_markdown(text) == ["One.\n\n```\ncode\n```\nTwo.\n\nThree."]
    assert split_markdown("") == [""]


def test_the_cut_is_between_paragraphs_where_there_is_one() -> None:
    assert split_markdown("first first\n\nsecond second\n\nthird", 28) == ["first first\n\nsecond second", "third"]


def test_code_that_is_cut_is_closed_and_opened_again_with_its_language() -> None:
    code = "\n".join(f"line {number}" for number in range(10))
    made = split_markdown(f"Before.\n\n```python\n{code}\n```\nAfter.", 60)
    assert len(made) > 2
    for part in made:
        assert part.count("```") % 2 == 0
    assert sum(part.count("```python") for part in made) >= 2
    assert made[-1].endswith("After.")


def test_code_that_was_never_closed_is_closed() -> None:
    assert split_markdown("```python\nx = 1") == ["```python\nx = 1\n```"]


def test_a_line_without_blanks_is_cut_where_it_must_be() -> None:
    assert [len(part) for part in split_markdown("x" * 250, 100)] == [100, 100, 50]


def test_an_answer_of_some_length_comes_in_parts_with_how_it_came_about_at_the_end() -> None:
    made = render_final_answer(FinalAnswer(run=3, text="A paragraph of words.\n\n" * 200, how="Two votes of two.", by="ana"))
    assert 1 < len(made) <= MAX_ANSWER_MESSAGES
    assert "Final answer of run 3" in made[0].content
    assert made[-1].content.endswith("Two votes of two.")
    assert all(discord_length(one.content) <= 2000 for one in made)


def test_a_very_long_answer_comes_as_its_beginning_and_a_file() -> None:
    text = "A paragraph of words.\n\n" * 2000
    first, rest = render_final_answer(FinalAnswer(run=3, text=text, how="One vote.", by="ana"))
    assert first.text_file is None
    assert rest.text_file == ("run-3-answer.md", text)
    assert "the whole answer is in the file" in rest.content
