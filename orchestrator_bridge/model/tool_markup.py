"""Tool calls that a model writes into its text, because its server has no parser for its format. Pure functions.

Each family of models has marks of its own for calls. They are read where a server left them in the text:

| family | written form |
|---|---|
| Hermes, Qwen | `<tool_call>{"name": ..., "arguments": {...}}</tool_call>` |
| Qwen-Coder | `<function=NAME><parameter=KEY>VALUE</parameter></function>` |
| GLM | `<tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value></tool_call>` |
| Mistral | `[TOOL_CALLS][{"name": ..., "arguments": {...}}]`, `[TOOL_CALLS]NAME[ARGS]{...}` |
| Llama | `<|python_tag|>{"name": ..., "parameters": {...}}`, `<function=NAME>{...}</function>` |
| Kimi | `<|tool_call_begin|>functions.NAME:0<|tool_call_argument_begin|>{...}<|tool_call_end|>` |
| DeepSeek | `<｜tool▁call▁begin｜>function<｜tool▁sep｜>NAME`, then the arguments in a fence |
| gpt-oss (harmony) | `<|channel|>commentary to=functions.NAME<|message|>{...}<|call|>` |
| MiniMax | `<invoke name="NAME"><parameter name="KEY">VALUE</parameter></invoke>` |
| any | a JSON object with `name` and `arguments` (or `parameters`), alone or in a fence |

The last form has no mark, so it counts only with the name of a declared tool.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from orchestrator_bridge.model.interface import ToolSpec
from orchestrator_bridge.model.tool_repair import decode_object, decode_prefix, repair_name


class WrittenCall(NamedTuple):
    """Tool call in a text: its name, its arguments as JSON, and the part of the text that it takes."""

    name: str
    arguments: str
    start: int
    end: int


_HARMONY_START = r"(?:<\|start\|>assistant\s*)?(?:<\|channel\|>(?:commentary|analysis)\s*)?"
_NAMED = re.compile(
    r"\[TOOL_CALLS\]\s*(?P<mistral>[\w.:-]+)\s*(?:\[CALL_ID\]\w+)?(?:\[ARGS\])?\s*(?=\{)"
    r"|<function=(?P<llama>[^>\s]+)>\s*(?=\{)"
    r"|(?:<\|tool_calls_section_begin\|>\s*)?<\|tool_call_begin\|>\s*(?P<kimi>[\w.:-]+)\s*<\|tool_call_argument_begin\|>\s*"
    r"|(?:<｜tool▁calls▁begin｜>\s*)?<｜tool▁call▁begin｜>(?:function)?\s*<｜tool▁sep｜>(?P<deepseek>[\w.:-]+)\s*(?:```(?:json)?)?\s*"
    rf"|{_HARMONY_START}to=(?P<harmony>[\w.:-]+)[^{{]*?<\|message\|>\s*"
)
"""Marks with the name before the arguments, a JSON object."""

_UNNAMED = re.compile(r"<tool_calls?>|<\|tool_call\|>|\[TOOL_CALLS\]|<\|python_tag\|>|<function_calls?>", re.IGNORECASE)
"""Marks before a JSON object, or a list of them, that has both name and arguments."""

_ELEMENT = re.compile(
    r"(?:<tool_call>\s*|<function_calls>\s*|<minimax:tool_call>\s*)?(?:<function=(?P<qwen>[^>\s]+)>(?P<qwen_body>.*?)(?:</function>|\Z)"
    r"|<invoke name=\"(?P<invoke>[^\"]+)\">(?P<invoke_body>.*?)(?:</invoke>|\Z))"
    r"|<tool_call>\s*(?P<glm>[\w.:-]+)\s*(?P<glm_body><arg_key>.*?)(?:</tool_call>|\Z)",
    re.DOTALL,
)
"""Marks around a name and its arguments, each in an element of its own."""

_ARGUMENT = re.compile(
    r"<parameter(?:=| name=\")(?P<key>[^>\"\s]+)\"?[^>]*>\n?(?P<value>.*?)\n?(?:</parameter>|(?=<parameter[= ])|\Z)"
    r"|<arg_key>(?P<glm_key>.*?)</arg_key>\s*<arg_value>(?P<glm_value>.*?)(?:</arg_value>|\Z)",
    re.DOTALL,
)

_ENDS = re.compile(
    r"\A(?:\s|```|</tool_calls?>|</function(?:_calls?)?>|</minimax:tool_call>|<\|/?(?:call|end|tool_calls?_end|tool_calls_section_end|eom_id|eot_id)\|>"
    r"|<｜tool▁calls?▁end｜>)*"
)
_BEGINNINGS = re.compile(r"(?:<tool_calls?>|<function_calls?>|<minimax:tool_call>|```(?:json|xml|tool_call)?)\s*\Z")
_CLOSING = re.compile(r"</tool_calls?>|</function_calls?>|<\|(?:/tool_call|eom_id|eot_id)\|>")
_NAME = re.compile(r"\"name\"\s*:\s*\"([^\"]+)\"")
_BARE = re.compile(r"\A\s*(?=[\[{])")
_FENCED = re.compile(r"```(?:json|tool_call|tool)?\s*(?=[\[{])")

_MARKS = ("[TOOL_CALLS]", "tool_call", "<function", "<invoke", "<|python_tag|>", "tool▁call", "to=", "```", "{")
"""Texts of which a written call has at least one: the search is skipped for all other answers."""

UNREADABLE = "unreadable_call"
"""Name of a call whose own name cannot be read."""

_NAMES, _ARGUMENTS = ("name", "tool", "tool_name", "function"), ("arguments", "parameters", "args", "input")


def extract_calls(text: str, tools: Sequence[ToolSpec]) -> tuple[str, tuple[WrittenCall, ...]]:
    """The text without the tool calls that it contains, and these calls, first one first.

    Without declared tools a quoted call is part of the text, as in an answer about tool calling.
    """
    if not any(mark in text for mark in _MARKS):
        return text, ()
    declared = {tool.name: tool.parameters for tool in tools}
    calls = _first_of_each(_found(text, declared))
    marks = (mark for mark in _UNNAMED.finditer(text) if not any(call.start <= mark.start() < call.end for call in calls))
    calls = _first_of_each([*calls, *(_unreadable(text, mark) for mark in marks)])
    wanted = [call for call in calls if declared or not _quoted(text, call.start)]
    return _without(text, wanted), tuple(wanted)


def _first_of_each(calls: Iterable[WrittenCall]) -> list[WrittenCall]:
    """The calls by place, without those inside of another: one may be found in several ways."""
    kept: list[WrittenCall] = []
    for call in sorted(calls, key=lambda call: (call.start, -call.end)):
        if not kept or call.start >= kept[-1].end:
            kept.append(call)
    return kept


def _found(text: str, declared: Mapping[str, Mapping[str, Any]]) -> Iterator[WrittenCall]:
    """All written calls of a text; those found in another way, too, are repeated."""
    yield from _named_calls(text, declared)
    yield from _element_calls(text, declared)
    for mark in _UNNAMED.finditer(text):
        yield from _json_calls(text, mark, declared)
    for place in (*_FENCED.finditer(text), *_BARE.finditer(text)):
        yield from (call for call in _json_calls(text, place, declared) if call.name in declared)


def _named_calls(text: str, declared: Mapping[str, Mapping[str, Any]]) -> Iterator[WrittenCall]:
    for mark in _NAMED.finditer(text):
        found = decode_prefix(text, mark.end())
        if found is not None and isinstance(found[0], dict):
            name = next(name for name in mark.groupdict().values() if name)
            yield WrittenCall(repair_name(name, declared), json.dumps(found[0]), mark.start(), found[1])


def _element_calls(text: str, declared: Mapping[str, Mapping[str, Any]]) -> Iterator[WrittenCall]:
    for element in _ELEMENT.finditer(text):
        kind = next(kind for kind in ("qwen", "invoke", "glm") if element[kind])
        name, body = repair_name(element[kind], declared), element[f"{kind}_body"]
        if body.lstrip().startswith("{"):
            continue
        properties = declared.get(name, {}).get("properties") or {}
        pairs = ((item["key"] or item["glm_key"], item["value"] or item["glm_value"] or "") for item in _ARGUMENT.finditer(body))
        arguments = {key.strip(): _typed(value, properties.get(key.strip()) or {}) for key, value in pairs}
        yield WrittenCall(name, json.dumps(arguments), element.start(), element.end())


def _typed(value: str, schema: Mapping[str, Any]) -> Any:
    """Value of an argument that is written as text: text where the schema says so, else what its JSON says."""
    if schema.get("type") == "string":
        return value
    found = decode_prefix(value)
    return value if found is None or value[found[1] :].strip() else found[0]


def _json_calls(text: str, place: re.Match[str], declared: Mapping[str, Mapping[str, Any]]) -> list[WrittenCall]:
    """The calls of the JSON values behind a place: objects in a row, or a list. None if one of them is no call."""
    calls: list[WrittenCall] = []
    start, position = place.start(), place.end()
    while found := decode_prefix(text, position):
        value, position = found
        for entry in value if isinstance(value, list) else [value]:
            read = _read_object(entry, declared)
            if read is None:
                return calls
            calls.append(WrittenCall(*read, start, position))
            # Further calls of a list take no more of the text.
            start = position
    return calls


def _unreadable(text: str, mark: re.Match[str]) -> WrittenCall:
    """A call that cannot be read, with what stands between its marks as its arguments: the agent reads that it is wrong."""
    end = _CLOSING.search(text, mark.end())
    until = end.start() if end else len(text)
    written = text[mark.end() : until]
    name = _NAME.search(written)
    return WrittenCall(name[1] if name else UNREADABLE, written.strip(), mark.start(), until)


def _read_object(entry: object, declared: Mapping[str, Mapping[str, Any]]) -> tuple[str, str] | None:
    """Name and arguments of a JSON object that means a call, in the various keys that models give them."""
    if not isinstance(entry, dict):
        return None
    fields: dict[str, Any] = entry["function"] if isinstance(entry.get("function"), dict) else entry
    name = next((fields[key] for key in _NAMES if isinstance(fields.get(key), str)), None)
    arguments = next((fields[key] for key in _ARGUMENTS if key in fields), None)
    if isinstance(arguments, str):
        arguments = decode_object(arguments)
    if not name or not isinstance(arguments, dict):
        return None
    return repair_name(name, declared), json.dumps(arguments)


def unreadable_call(text: str) -> WrittenCall:
    """A text as a call that cannot be read."""
    name = _NAME.search(text)
    return WrittenCall(name[1] if name else UNREADABLE, text.strip(), 0, len(text))


def _quoted(text: str, start: int) -> bool:
    before = text[:start]
    return before.count("```") % 2 == 1 or before.endswith(("`", '"', "'"))


def _without(text: str, calls: Sequence[WrittenCall]) -> str:
    """The text between the calls, without the marks at their ends."""
    kept, position = [], 0
    for call in calls:
        kept.append(_BEGINNINGS.sub("", text[position : call.start]))
        end = _ENDS.match(text[call.end :])
        position = call.end + (end.end() if end else 0)
    return text if not calls else "".join((*kept, text[position:])).strip()
