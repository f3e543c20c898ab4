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


PARAMETER = '<parameter name="content">Begin\nsmall.</parameter>'


def dsml(block: str, namespace: str) -> str:
    """A call as DeepSeek writes it since version 3.2."""
    parameter = f'<{namespace}parameter name="content" string="true">Begin\nsmall.</{namespace}parameter>'
    invoke = f'<{namespace}invoke name="new_answer">\n{parameter}\n</{namespace}invoke>'
    return f"<{namespace}{block}>\n{invoke}\n</{namespace}{block}>"


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
    "MiniMax with JSON": f'<invoke name="new_answer">{json.dumps(ANSWER)}</invoke>',
    "Claude": f'<function_calls>\n<invoke name="new_answer">\n{PARAMETER}\n</invoke>\n</function_calls>',
    "Step": (
        '<｜tool_calls_begin｜><｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name="new_answer">'
        '<steptml:parameter name="content">Begin\nsmall.</steptml:parameter></steptml:invoke>'
        "<｜tool_call_end｜><｜tool_calls_end｜>"
    ),
    "DeepSeek 3.1": f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>new_answer<｜tool▁sep｜>{json.dumps(ANSWER)}<｜tool▁call▁end｜>",
    "DeepSeek 3.2": dsml("function_calls", "｜DSML｜"),
    "DeepSeek 4": dsml("tool_calls", "｜DSML｜"),
    "DeepSeek 4 with other bars": dsml("tool_calls", "‖DSML‖"),
    "DeepSeek 4 with two bars": dsml("tool_calls", "｜｜DSML｜｜"),
    "DeepSeek 4 without an outer mark": dsml("tool_calls", "｜DSML｜").partition("\n")[2].rpartition("\n")[0],
    "DeepSeek 4 with JSON": f'<｜DSML｜tool_calls><｜DSML｜invoke name="new_answer">{json.dumps(ANSWER)}</｜DSML｜invoke>',
    "Kimi K3": (
        '<|open|>tools<|sep|><|open|>call tool="new_answer" index="1"<|sep|><|open|>argument key="content" type="string"<|sep|>'
        "Begin\nsmall.<|close|>argument<|sep|><|close|>call<|sep|><|close|>tools<|sep|>"
    ),
    "Cohere": (
        f'<|START_ACTION|>[{{"tool_call_id": "0", "tool_name": "new_answer", "parameters": {json.dumps(ANSWER)}}}]<|END_ACTION|>'
    ),
    "Cohere Command R": f'Action: ```json\n[{{"tool_name": "new_answer", "parameters": {json.dumps(ANSWER)}}}]\n```',
    "Cohere without a fence": f'Action: [{{"tool_name": "new_answer", "parameters": {json.dumps(ANSWER)}}}]',
    "Phi": f"functools[{WRITTEN_ANSWER}]",
    "Phi 4 mini": f"<|tool_call|>[{WRITTEN_ANSWER}]<|/tool_call|>",
    "Nemotron": f"<TOOLCALL>[{WRITTEN_ANSWER}]</TOOLCALL>",
    "Apertus": f'<|tools_prefix|>[{{"new_answer": {json.dumps(ANSWER)}}}]<|tools_suffix|>',
    "InternLM": f"<|action_start|><|plugin|>{WRITTEN_ANSWER}<|action_end|>",
    "Seed-OSS": "<seed:tool_call><function=new_answer><parameter=content>Begin\nsmall.</parameter></function></seed:tool_call>",
    "LongCat": f"<longcat_tool_call>{WRITTEN_ANSWER}</longcat_tool_call>",
    "Llama in Python": '[new_answer(content="Begin\\nsmall.")]',
    "Llama 4": '<|python_start|>[new_answer(content="Begin\\nsmall.")]<|python_end|>',
    "Python with a raw newline": '[new_answer(content="Begin\nsmall.")]',
    "LFM": "<|tool_call_start|>[new_answer(content='Begin\\nsmall.')]<|tool_call_end|>",
    "Gemma 3": "```tool_code\nprint(default_api.new_answer(content='Begin\\nsmall.'))\n```",
    "Gemma 3 without print": '```tool_code\nnew_answer("Begin\\nsmall.")\n```',
    "FunctionGemma": "<start_function_call>call:new_answer{content:<escape>Begin\nsmall.<escape>}<end_function_call>",
    "Gemma 4": '<|tool_call>call:new_answer{content:<|"|>Begin\nsmall.<|"|>}<tool_call|>',
    "ReAct": f"Action: new_answer\nAction Input: {json.dumps(ANSWER)}",
    "elements of name and arguments": (
        f"<tool_call><name>new_answer</name><arguments>{json.dumps(ANSWER)}</arguments></tool_call>"
    ),
    "OpenAI": json.dumps(
        {"tool_calls": [{"type": "function", "function": {"name": "new_answer", "arguments": json.dumps(ANSWER)}}]}
    ),
    "OpenAI with a role": json.dumps(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "function": {"name": "new_answer", "arguments": ANSWER}}],
        }
    ),
    "OpenAI's older form": json.dumps({"function_call": {"name": "new_answer", "arguments": json.dumps(ANSWER)}}),
    "the name as a key": json.dumps({"new_answer": ANSWER}),
    "arguments beside the name": json.dumps({"tool": "new_answer", **ANSWER}),
    "arguments in a wrapper": json.dumps({"name": "new_answer", "arguments": {"arguments": ANSWER}}),
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
@pytest.mark.parametrize(
    "form",
    ["Hermes", "Mistral", "a fence", "Qwen-Coder", "harmony", "DeepSeek 4", "Llama in Python", "Gemma 3", "Gemma 4", "OpenAI"],
)
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
        f"functools[{json.dumps(question)}, {WRITTEN_ANSWER}]",
        "[ask_others(question='Which?', options=[]), new_answer(content='Begin small.')]",
        "call:".join(
            ("<|tool_call>", 'ask_others{question:<|"|>Which?<|"|>,options:[]}<tool_call|><|tool_call>', "new_answer{content:1}")
        ),
        json.dumps({"tool_calls": [{"function": question}, {"function": {"name": "new_answer", "arguments": ANSWER}}]}),
        f"{json.dumps(question)}\n\n{WRITTEN_ANSWER}",
    ):
        visible, calls = read(f"I ask first.\n\n{two}")
        assert (visible, [name for name, _ in calls]) == ("I ask first.", ["ask_others", "new_answer"])


def test_values_in_elements_have_the_types_of_the_tools_schema() -> None:
    text = (
        "<function=ask_others><parameter=question>42</parameter>"
        '<parameter=options>[{"id": "a", "label": "A"}]</parameter><parameter=wait>true</parameter></function>'
    )
    assert read(text)[1] == [("ask_others", {"question": "42", "options": [{"id": "a", "label": "A"}], "wait": True})]


def test_values_in_gemmas_notation_are_read_with_their_types() -> None:
    text = (
        '<|tool_call>call:ask_others{question:<|"|>A "b", {c}: d?<|"|>,options:[{id:<|"|>a<|"|>,label:A b},3],wait:true,n:-1.5}'
        "<tool_call|>"
    )
    arguments = {"question": 'A "b", {c}: d?', "options": [{"id": "a", "label": "A b"}, 3], "wait": True, "n": -1.5}
    assert read(text)[1] == [("ask_others", arguments)]


def test_values_in_python_are_read_with_their_types() -> None:
    text = "[ask_others(question='It\\'s (b) [c]', options=[{'id': 'a', 'recommended': true}, None], wait=False, n=-1.5)]"
    arguments = {"question": "It's (b) [c]", "options": [{"id": "a", "recommended": True}, None], "wait": False, "n": -1.5}
    assert read(text)[1] == [("ask_others", arguments)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"I have decided.\n\n{WRITTEN_ANSWER}\n\nThat is my answer.", "I have decided.\n\n\n\nThat is my answer."),
        (f"Here it is: {WRITTEN_ANSWER} Thank you.", "Here it is: Thank you."),
        ('I answer.\n[new_answer(content="Begin\\nsmall.")]', "I answer."),
        (f"Thought: I know.\nAction: new_answer\nAction Input: {json.dumps(ANSWER)}", "Thought: I know."),
    ],
)
def test_a_call_between_words_is_read_and_the_words_are_kept(text: str, words: str) -> None:
    visible, calls = read(text)
    assert calls == [("new_answer", ANSWER)]
    assert visible.replace("\n\n\n\n", "\n\n").split() == words.split()


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
        "Call `new_answer(content='x')` for it.",
        "It says new_answer(content='x') there.",
        "print(sum([1, 2]))",
        "[somebody(a=1)]",
        "```tool_code\nget_weather(city='Paris')\n```",
        'Its call is {"name": "new_answer", "arguments": {}}, without content.',
        "new_answer(content=secret)",
        "See <tool_call></tool_call> and [TOOL_CALLS].",
    ],
)
def test_text_that_only_looks_like_a_call_stays(text: str) -> None:
    assert read(text) == (text, [])


def test_a_final_text_loses_calls_but_keeps_quoted_ones() -> None:
    quoted = f"Qwen writes `<tool_call>{WRITTEN_ANSWER}</tool_call>`:\n```\n<tool_call>{WRITTEN_ANSWER}</tool_call>\n```"
    assert read(quoted, BARE) == (quoted, [])
    assert read(f"The text.\n<tool_call>{WRITTEN_ANSWER}</tool_call>", BARE)[0] == "The text."


@pytest.mark.parametrize(
    "text",
    [
        'Hermes writes <tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}</tool_call> there.',
        'Cohere writes:\n```json\nAction: [{"tool_name": "get_weather", "parameters": {}}]\n```',
        "Llama writes [get_weather(city='Paris')] there.",
        "```python\nnew_answer(content='x')\n```",
        f"An answer of OpenAI's format is\n```json\n{WRITTEN_ANSWER}\n```",
        "The mark <tool_call> begins a call of Qwen.",
    ],
)
def test_a_final_text_about_tool_calls_stays(text: str) -> None:
    assert read(text, create_request(tools=(NEW_ANSWER, ASK), tool_choice="none")) == (text, [])


PLAIN = st.text().filter(lambda text: not set("<>[]{}()`◁▷|") & set(text))


@given(PLAIN)
def test_a_text_without_marks_passes_unchanged(text: str) -> None:
    assert read_answer(text, (), REQUEST) == (text, ())


@given(st.text(alphabet='<>[]{}()|/`":,=_ \nabtool_calfunction', max_size=60))
def test_no_text_fails_the_reading(text: str) -> None:
    read_answer(text, (), REQUEST)
    read_answer(text, (), BARE)
