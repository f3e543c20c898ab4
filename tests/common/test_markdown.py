"""Parts of a long Markdown text: each within the limits, readable alone, and nothing lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.common.markdown import MessageLimits, parse_markdown, split_markdown, split_text

LINES = [
    "word",
    "a longer line of words " * 5,
    "",
    "```python",
    "```",
    "x = 1",
    "    indented",
    "😀" * 30,
    "~~~",
    "y" * 200,
    "`" * 90,
]
TEXT = st.lists(st.sampled_from(LINES), max_size=40).map("\n".join)


def utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


SMALL = MessageLimits(characters=120, lines=8, length=utf16_length)


def parts(text: str, limits: MessageLimits = SMALL) -> list[str]:
    return split_markdown(parse_markdown(text), limits)


@given(TEXT)
def test_every_part_is_within_the_limits(text: str) -> None:
    for part in parts(text):
        assert utf16_length(part) <= SMALL.characters
        assert part.count("\n") < SMALL.lines


@given(TEXT)
def test_no_word_is_lost_or_moved(text: str) -> None:
    def words(markdown: str) -> str:
        return re.sub(r"\s|`|~|python", "", markdown)

    assert words("".join(parts(text))) == words(text)


def test_a_text_that_fits_stays_one_part() -> None:
    assert parts("One.\n\n```\ncode\n```\nTwo.\n\n\nThree.") == ["One.\n\n```\ncode\n```\nTwo.\n\nThree."]
    assert parts("") == [""]


def test_the_cut_is_between_paragraphs_where_one_ends_near_the_limit() -> None:
    limits = MessageLimits(characters=28)
    assert parts("first first\n\nsecond second\n\nthird", limits) == ["first first\n\nsecond second", "third"]


def test_a_long_line_is_cut_after_a_sentence_then_between_words_then_anywhere() -> None:
    limits = MessageLimits(characters=20)
    assert split_text("It holds. And it is fast enough.", limits) == ["It holds.", "And it is fast", "enough."]
    assert split_text("x" * 45, limits) == ["x" * 20, "x" * 20, "x" * 5]
    assert split_text("x" * 18 + "&amp;", limits) == ["x" * 18, "&amp;"]


def test_code_that_is_cut_is_closed_and_opened_again_with_its_language() -> None:
    code = "\n".join(f"line {number}" for number in range(10))
    made = parts(f"Before.\n\n```python\n{code}\n```\nAfter.", MessageLimits(characters=60))
    assert len(made) > 2
    assert all(part.count("```") % 2 == 0 for part in made)
    assert sum(part.count("```python") for part in made) >= 2
    assert made[-1].endswith("After.")


@pytest.mark.parametrize("fence", ["```", "~~~", "````"])
def test_code_that_is_never_closed_is_closed(fence: str) -> None:
    assert parts(f"{fence}python\nx = 1") == [f"{fence}python\nx = 1\n{fence}"]


def test_a_fence_longer_than_a_message_leaves_room_for_its_code() -> None:
    assert parts(f"{'`' * 5000}\nx = 1\n{'`' * 5000}") == ["````````\nx = 1\n````````"]


def test_code_in_a_list_loses_its_indentation() -> None:
    assert parts("1. Do this:\n    ```sh\n    ls\n    ```\n2. Done.") == ["1. Do this:\n```sh\nls\n```\n2. Done."]
