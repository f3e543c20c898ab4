"""Previews of answers: neither reasoning without an opening mark nor tool calls are shown while a text is written."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.model.preview import Preview
from tests.support.fake_models.replies import ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import create_model_client, create_request

TEXT = "We begin small, and we look at it again in a month."


async def previews(*plays: ScriptedReply, model: str = "keyless") -> str:
    """The preview of the last of these answers, all of one model."""
    seen: list[str] = []
    async with ModelServer(list(plays)) as server:
        models = create_model_client(server)
        for _ in plays[1:]:
            await models.respond(create_request(model=model))
        await models.respond(create_request(model=model, tools=()), seen.append)
        await models.close()
    return "".join(seen)


async def test_reasoning_without_an_opening_mark_is_in_no_preview() -> None:
    assert await previews(ScriptedReply(text=f"SECRET</think>{TEXT}")) == TEXT
    assert await previews(ScriptedReply(text="SECRET</think>One."), ScriptedReply(text=f"SECRET</think>{TEXT}")) == TEXT


async def test_a_model_that_was_seen_to_answer_without_reasoning_is_previewed() -> None:
    assert await previews(ScriptedReply(text="One."), ScriptedReply(text=TEXT)) == TEXT
    used = ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments={"content": "One."})])
    assert await previews(used, ScriptedReply(text=TEXT)) == TEXT


async def test_a_vendors_model_is_previewed_at_once() -> None:
    assert await previews(ScriptedReply(text=TEXT), model="xai/grok-4.3") == TEXT


@pytest.mark.parametrize(
    "call", ['<tool_call>{"name": "x"}</tool_call>', '[TOOL_CALLS][{"name": "x"}]', "<function=x></function>"]
)
async def test_a_written_call_is_in_no_preview(call: str) -> None:
    assert await previews(ScriptedReply(text=f"{TEXT}\n{call}"), model="xai/grok-4.3") == f"{TEXT}\n"


@pytest.mark.parametrize(
    ("text", "in_reasoning", "visible"),
    [
        ("a < b, `<tool_call>` and [x]", False, "a < b, `<tool_call>` and [x]"),
        ("SECRET</think>answer.", True, "answer."),
        ("SECRET", True, ""),
        ("answer.<tool_call>SECRET</tool_call>", False, "answer."),
        ("answer.<|channel|>SECRET", False, "answer."),
        ("answer.<｜DSML｜tool_calls>SECRET", False, "answer."),
        ("answer.<TOOLCALL>SECRET", False, "answer."),
        ("answer.\n```tool_code\nSECRET\n```", False, "answer.\n"),
        ('{"name": "new_answer"}', False, ""),
        ("```json\n[1]\n```", False, ""),
        ("```python\nx = 1\n```\nso.", False, "```python\nx = 1\n```\nso."),
    ],
)
@given(st.data())
def test_a_preview_is_the_same_however_the_text_is_cut(text: str, in_reasoning: bool, visible: str, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(min_value=1, max_value=len(text) - 1), unique=True))
    seen: list[str] = []
    preview = Preview(seen.append, in_reasoning=in_reasoning)
    for start, end in pairwise([0, *sorted(cuts), len(text)]):
        preview.add(text[start:end])
    assert "".join(seen) == visible
