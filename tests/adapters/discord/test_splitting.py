"""Long answers in parts that fit Discord's limits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.markdown import discord_length, split_markdown
from adapters.discord.render import MAX_ANSWER_MESSAGES, render_final_answer
from orchestrator_bridge.chat.inbound import Author
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
    first, *_, rest = render_final_answer(FinalAnswer(run=3, text=text, how="One vote.", by="ana"))
    assert first.text_file is None
    assert rest.text_file == ("run-3-answer.md", text)
    assert "the whole answer is in the file" in rest.content


def test_a_final_answer_mentions_the_requester_once_and_draws_tables() -> None:
    ana = Author(platform="discord", id="42", name="Ana")
    text = "| a | b |\n|---|---|\n| 1 | 2 |"
    (message,) = render_final_answer(FinalAnswer(run=3, text=text, how="One vote.", by="ana", mentions=(ana,)))
    assert message.content.startswith("<@42> **Final answer of run 3**")
    assert "|" not in message.content
    assert message.allowed_mentions.to_dict()["users"] == [42]


def test_parts_of_an_answer_begin_with_headings() -> None:
    text = "\n\n".join(f"## Part {number}\n\n{'Some words about it. ' * 50}" for number in range(6))
    messages = render_final_answer(FinalAnswer(run=3, text=text, how="One vote.", by="ana"))
    assert all("## Part" in message.content[:60] for message in messages)
    assert not any(message.text_file for message in messages)
