"""Long answers in parts that fit Discord's limits."""

from __future__ import annotations

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


def test_a_longer_answer_is_split_and_ends_with_its_origin() -> None:
    made = render_final_answer(FinalAnswer(run=3, text="A paragraph of words.\n\n" * 200, how="Two votes of two.", by="ana"))
    assert 1 < len(made) <= MAX_ANSWER_MESSAGES
    assert "Final answer of run 3" in made[0].content
    assert made[-1].content.endswith("Two votes of two.")
    assert all(discord_length(message.content) <= 2000 for message in made)


def test_a_very_long_answer_is_posted_as_its_beginning_and_a_file() -> None:
    text = "A paragraph of words.\n\n" * 2000
    first, rest = render_final_answer(FinalAnswer(run=3, text=text, how="One vote.", by="ana"))
    assert first.text_file is None
    assert rest.text_file == ("run-3-answer.md", text)
    assert "the whole answer is in the file" in rest.content
