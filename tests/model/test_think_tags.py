"""Reasoning in tags at the beginning of an answer."""

from __future__ import annotations

import pytest

from orchestrator_bridge.model.reasoning import strip_think_tags
from tests.support.fake_models.replies import ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import create_model_client, create_request


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
    ],
)
def test_reasoning_in_tags_is_removed(text: str, answer: str) -> None:
    assert strip_think_tags(text) == answer


async def test_reasoning_in_the_text_is_not_part_of_the_answer() -> None:
    async with ModelServer([ScriptedReply(text="<think>I wonder.</think>42")]) as server:
        models = create_model_client(server)
        response = await models.respond(create_request(model="mine"))
        await models.close()
    assert response.text == "42"
