"""Tool calls that models write into their text, in the form of each family."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.model.answer_text import read_answer
from orchestrator_bridge.model.interface import Request, ToolSpec
from tests.support.fake_models.replies import ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import BOTH_WAYS, NEW_ANSWER, create_model_client, create_request

ASK = ToolSpec(
    name="ask_others",
    description="Ask.",
    parameters={"type": "object", "properties": {"question": {"type": "string"}, "options": {"type": "array"}}},
)
ANSWER = {"content": "Begin\nsmall."}
WRITTEN_ANSWER = json.dumps({"name": "new_answer", "arguments": ANSWER})
REQUEST = create_request(tools=(NEW_ANSWER, ASK))
BARE = create_request(tools=())


def read(text: str, request: Request = REQUEST) -> tuple[str, list[tuple[str, Any]]]:
    """The visible text, and name and arguments of each call."""
    visible, calls = read_answer(text, (), request)
    return visible, [(call.name, json.loads(call.arguments)) for call in calls]


FORMS = {
    "Hermes": f"<tool_call>\n{WRITTEN_ANSWER}\n</tool_call>",
    "Hermes without an end": f"<tool_call>{WRITTEN_ANSWER}",
    "Hermes with a raw newline": '<tool_call>{"name": "new_answer", "arguments": {"content": "Begin\nsmall."}}</tool_call>',
    "Mistral": f"[TOOL_CALLS][{WRITTEN_ANSWER}]",
    "Mistral since 2025": f"[TOOL_CALLS]new_answer[ARGS]{json.dumps(ANSWER)}",
    "Llama": json.dumps({"name": "new_answer", "parameters": ANSWER}),
    "Llama with a mark": f"<|python_tag|>{WRITTEN_ANSWER}<|eom_id|>",
    "Llama by name": f"<function=new_answer>{json.dumps(ANSWER)}</function>",
    "Qwen-Coder": (
        "<tool_call>\n<function=new_answer>\n<parameter=content>\nBegin\nsmall.\n</parameter>\n</function>\n</tool_call>"
    ),
    "Qwen-Coder without an outer mark": "<function=new_answer><parameter=content>Begin\nsmall.</parameter></function>",
    "GLM": "<tool_call>new_answer\n<arg_key>content</arg_key>\n<arg_value>Begin\nsmall.</arg_value>\n</tool_call>",
    "Kimi": (
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.new_answer:0<|tool_call_argument_begin|>"
        f"{json.dumps(ANSWER)}<|tool_call_end|><|tool_calls_section_end|>"
    ),
    "DeepSeek": (
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>new_answer\n"
        f"```json\n{json.dumps(ANSWER)}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
    ),
    "harmony": (
        "<|channel|>analysis<|message|>SECRET<|end|><|start|>assistant<|channel|>commentary to=functions.new_answer "
        f"<|constrain|>json<|message|>{json.dumps(ANSWER)}<|call|>"
    ),
    "MiniMax": (
        '<minimax:tool_call><invoke name="new_answer"><parameter name="content">Begin\nsmall.</parameter></invoke>'
        "</minimax:tool_call>"
    ),
    "a fence": f"```json\n{WRITTEN_ANSWER}\n```",
    "a fence with parameters": f"```\n{json.dumps({'name': 'new_answer', 'parameters': ANSWER})}\n```",
    "arguments as text": json.dumps({"name": "functions.new_answer", "arguments": json.dumps(ANSWER)}),
    "reasoning before it": f"<think>SECRET {WRITTEN_ANSWER}</think>\n<tool_call>{WRITTEN_ANSWER}</tool_call>",
    "reasoning without a beginning": f"SECRET</think><tool_call>{WRITTEN_ANSWER}</tool_call>",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_written_call_is_read_in_the_form_of_each_family(form: str) -> None:
    assert read(FORMS[form]) == ("", [("new_answer", ANSWER)])


@BOTH_WAYS
@pytest.mark.parametrize("form", ["Hermes", "Mistral", "a fence", "Qwen-Coder", "harmony"])
async def test_a_written_call_is_carried_out(form: str, model: str) -> None:
    async with ModelServer([ScriptedReply(text=FORMS[form])]) as server:
        models = create_model_client(server)
        response = await models.respond(create_request(model=model))
        await models.close()
    assert [(call.name, json.loads(call.arguments)) for call in response.tool_calls] == [("new_answer", ANSWER)]
    assert response.text == ""


def test_several_calls_are_read_in_their_order_and_words_around_them_are_kept() -> None:
    question = {"name": "ask_others", "arguments": {"question": "Which?", "options": []}}
    for two in (
        f"<tool_call>{json.dumps(question)}</tool_call>\n<tool_call>{WRITTEN_ANSWER}</tool_call>",
        f"[TOOL_CALLS][{json.dumps(question)}, {WRITTEN_ANSWER}]",
        f"```json\n[{json.dumps(question)}, {WRITTEN_ANSWER}]\n```",
    ):
        visible, calls = read(f"I ask first.\n\n{two}")
        assert (visible, [name for name, _ in calls]) == ("I ask first.", ["ask_others", "new_answer"])


def test_values_in_elements_have_the_types_of_the_tools_schema() -> None:
    text = (
        "<function=ask_others><parameter=question>42</parameter>"
        '<parameter=options>[{"id": "a", "label": "A"}]</parameter><parameter=wait>true</parameter></function>'
    )
    assert read(text)[1] == [("ask_others", {"question": "42", "options": [{"id": "a", "label": "A"}], "wait": True})]


@pytest.mark.parametrize("broken", ['{"name": "new_answer", "arguments": {"content": oops}}', "new_answer, please"])
def test_a_marked_call_that_cannot_be_read_is_a_call_and_no_text(broken: str) -> None:
    visible, calls = read_answer(f"<tool_call>{broken}</tool_call>", (), REQUEST)
    assert visible == ""
    assert [call.arguments for call in calls] == [broken]


@pytest.mark.parametrize(
    "text",
    [
        'Send `{"name": "new_answer", "arguments": {}}` to it.',
        '```json\n{"name": "a_config", "parameters": {"x": 1}}\n```',
        '{"name": "somebody", "arguments": "none"}',
        '{"temperature": 1}',
        "if (a < b) { return to=c }",
    ],
)
def test_text_that_only_looks_like_a_call_stays(text: str) -> None:
    assert read(text) == (text, [])


def test_a_final_text_loses_calls_but_keeps_quoted_ones() -> None:
    quoted = f"Qwen writes `<tool_call>{WRITTEN_ANSWER}</tool_call>`:\n```\n<tool_call>{WRITTEN_ANSWER}</tool_call>\n```"
    assert read(quoted, BARE) == (quoted, [])
    assert read(f"The text.\n<tool_call>{WRITTEN_ANSWER}</tool_call>", BARE)[0] == "The text."


PLAIN = st.text().filter(lambda text: not set("<>[]{}`◁▷|") & set(text))


@given(PLAIN)
def test_a_text_without_marks_passes_unchanged(text: str) -> None:
    assert read_answer(text, (), REQUEST) == (text, ())


@given(st.text(alphabet='<>[]{}|/`":,=_ \nabtool_calfunction', max_size=60))
def test_no_text_fails_the_reading(text: str) -> None:
    read_answer(text, (), REQUEST)
    read_answer(text, (), BARE)
