"""Reasoning between marks at the beginning of an answer, whole and streamed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.model.reasoning_marks import ReasoningFilter, strip_reasoning
from tests.support.fake_models.replies import ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import create_model_client, create_request

HARMONY = "<|channel|>analysis<|message|>"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>\nHm.\n</think>\n\nThe answer.", "The answer."),
        ("  <thinking>Hm.</thinking>The answer.", "The answer."),
        ("Hm, I think so.\n</think>\n\nThe answer.", "The answer."),
        ("<think>cut off while", ""),
        ("The answer. I think.", "The answer. I think."),
        ("Write `<think>` before and `</think>` after it.", "Write `<think>` before and `</think>` after it."),
        ("The mark is:\n<think>\nand\n</think>\nso.", "The mark is:\n<think>\nand\n</think>\nso."),
        ("", ""),
        ("SECRET</think>answer", "answer"),
        ("SECRET one</think>SECRET two</think>answer", "answer"),
        ("SECRET</thinking>answer", "answer"),
        ("SECRET</reasoning>answer", "answer"),
        ("[THINK]SECRET[/THINK]answer", "answer"),
        ("SECRET[/THINK]\nanswer", "answer"),
        ("◁think▷SECRET◁/think▷answer", "answer"),
        ("SECRET◁/think▷answer", "answer"),
        ("<|channel>thought\nSECRET<channel|>answer", "answer"),
        ("<think>SECRET</think>\n<think>SECRET</think>answer", "answer"),
        (f"{HARMONY}SECRET<|end|><|start|>assistant<|channel|>final<|message|>answer<|return|>", "answer"),
        (f"{HARMONY}SECRET<|end|><|channel|>final <|constrain|>json<|message|>answer", "answer"),
        ("SECRET<|end|><|start|>assistant<|channel|>final<|message|>answer", "answer"),
        (f"{HARMONY}SECRET, and cut off", ""),
        ("The mark `</think>` ends it.", "The mark `</think>` ends it."),
        ("So:\n```\na\n</think>\n```\nis it.", "So:\n```\na\n</think>\n```\nis it."),
        ("a > b and [x]", "a > b and [x]"),
        ("analysisWe need SECRET.assistantfinalanswer", "answer"),
        ("analysis of the assistantfinal mark", "analysis of the assistantfinal mark"),
        ("SECRET<|end|><|start|>assistant<|channel|>commentary<|message|>SECRET", ""),
        ("<THINK>SECRET</Think>answer", "answer"),
        ('<think duration="3">SECRET</think >answer', "answer"),
        ("< think >\nSECRET\n< / think >\nanswer", "answer"),
        ("<think>SECRET</thinking>answer", "answer"),
        ("<|START_THINKING|>SECRET<|END_THINKING|><|START_RESPONSE|>answer<|END_RESPONSE|>", "answer"),
        ("<|open|>think<|sep|>SECRET<|close|>think<|sep|><|open|>response<|sep|>answer<|close|>response<|sep|>", "answer"),
        ("<think>SECRET</think>One.\n<think>SECRET</think>\nTwo.<think>SECRET</think>", "One.\nTwo."),
        ("One. <thinking>SECRET</thinking>Two.", "One. Two."),
        ("SECRET</think>One.\n<think>SECRET</think>Two.", "One.\nTwo."),
        ("<think>SECRET</think>One. <think>SECRET, and cut off", "One. "),
        ('<think>It ends with "</think>" SECRET</think>answer', "answer"),
        ('<think>SECRET "hm"</think>answer', "answer"),
        ('SECRET "hm"</think>answer', "answer"),
        ("<think>SECRET</think>The mark `<think>` begins it.", "The mark `<think>` begins it."),
        ("<think>SECRET</think>So:\n```\n<think>a</think>\n```\nis it.", "So:\n```\n<think>a</think>\n```\nis it."),
        ("Put it into <think></think> tags.", "Put it into <think></think> tags."),
        ("The <think> tag begins it.", "The <think> tag begins it."),
        ("answer<|im_end|>", "answer"),
        ("answer</s>\n", "answer"),
    ],
)
def test_reasoning_in_tags_is_removed(text: str, answer: str) -> None:
    assert strip_reasoning(text) == answer


async def test_reasoning_in_the_text_is_not_part_of_the_answer() -> None:
    async with ModelServer([ScriptedReply(text="<think>I wonder.</think>42")]) as server:
        models = create_model_client(server)
        response = await models.respond(create_request(model="mine"))
        await models.close()
    assert response.text == "42"


MARKED = [
    "<think>SECRET</think>",
    "  <thinking>\nSECRET, and more of it\n</thinking>\n",
    "<thought>SECRET</thought>",
    "[THINK]SECRET[/THINK]",
    "◁think▷SECRET◁/think▷",
    "<|channel>thought\nSECRET<channel|>",
    "<seed:think>SECRET</seed:think>",
    "<mm:think>SECRET</mm:think>",
    "<reasoning>SECRET</reasoning>",
    "<|begin_of_thought|>SECRET<|end_of_thought|>",
    f"{HARMONY}SECRET<|end|><|start|>assistant<|channel|>final<|message|>",
    "<think>SECRET</think><think>SECRET, again and again</think>",
]


@pytest.mark.parametrize("model", ["keyless", "xai/grok-4.3"], ids=["local", "vendor"])
@pytest.mark.parametrize("marks", MARKED)
async def test_people_never_see_marked_reasoning(marks: str, model: str) -> None:
    seen: list[str] = []
    play = ScriptedReply(text=f"{marks}The answer to it is 42.")
    async with ModelServer([play, play]) as server:
        models = create_model_client(server)
        # A local model is previewed once an earlier answer has shown how it reasons.
        await models.respond(create_request(model=model))
        response = await models.respond(create_request(model=model), seen.append)
        await models.close()
    assert response.text == "The answer to it is 42."
    assert "".join(seen) == response.text


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("marks", [*MARKED, ""])
def test_marks_are_recognised_across_pieces(marks: str, size: int) -> None:
    text, reasoning = f"{marks}a < b", ReasoningFilter()
    assert "".join(reasoning.visible(text[start : start + size]) for start in range(0, len(text), size)) == "a < b"


STREAMED_ALIKE = [
    "<THINK>SECRET</THINK>One.\n<think>SECRET</think>\nTwo <think duration='1'>SECRET</think >three.",
    "One. <thinking>SECRET</thinking> Two < three, [four].",
    '<think>It ends with "</think>" SECRET</think>answer',
    "The mark `<think>` begins it, and so:\n```\n<think>a</think>\n```\nis it.",
    "The mark is:\n<think>\nand\n</think>\nso.",
    "Put it into <think></think> tags.",
    "<|START_THINKING|>SECRET<|END_THINKING|>answer",
    "a <thin line> and <thinkable> [TH",
]


@pytest.mark.parametrize("text", STREAMED_ALIKE)
@pytest.mark.parametrize("size", [1, 2, 5, 11, 500])
def test_a_stream_shows_what_the_whole_answer_says(text: str, size: int) -> None:
    reasoning = ReasoningFilter()
    shown = "".join(reasoning.visible(text[start : start + size]) for start in range(0, len(text), size))
    whole = strip_reasoning(text)
    # The beginning of a mark is held back: what follows decides.
    assert whole.startswith(shown)
    assert len(whole) - len(shown) <= (len("[TH") if text.endswith("[TH") else 0)


@given(
    st.lists(
        st.sampled_from(
            ["<think>", "</think>", "<Thinking a=1>", "[THINK]", "[/THINK]", "`", "```", '"', ":", "a", " ", "\n", "<"]
        )
    )
)
def test_no_text_fails_the_removal_of_reasoning(parts: list[str]) -> None:
    strip_reasoning("".join(parts))
    reasoning = ReasoningFilter()
    for part in parts:
        reasoning.visible(part)


async def test_reasoning_without_an_opening_mark_is_not_part_of_a_streamed_answer() -> None:
    async with ModelServer([ScriptedReply(text="SECRET</think>answer")]) as server:
        models = create_model_client(server)
        response = await models.respond(create_request())
        await models.close()
    assert response.text == "answer"
