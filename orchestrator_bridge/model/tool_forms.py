"""Forms in which models write tool calls into their text, where the server has no parser for them. Pure functions.

| family | written form |
|---|---|
| Hermes, Qwen | `<tool_call>{"name": ..., "arguments": {...}}</tool_call>` |
| Qwen-Coder, Seed-OSS | `<function=NAME><parameter=KEY>VALUE</parameter></function>` |
| GLM | `<tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value></tool_call>` |
| Mistral | `[TOOL_CALLS][{"name": ..., "arguments": {...}}]`, `[TOOL_CALLS]NAME[ARGS]{...}` |
| Llama | `<|python_tag|>{"name": ..., "parameters": {...}}`, `<function=NAME>{...}</function>`, `[NAME(KEY="VALUE")]` |
| Kimi | `<|tool_call_begin|>functions.NAME:0<|tool_call_argument_begin|>{...}<|tool_call_end|>` |
| Kimi K3 | `<|open|>call tool="NAME"<|sep|><|open|>argument key="KEY"<|sep|>VALUE<|close|>argument<|sep|>` |
| DeepSeek | `<｜tool▁call▁begin｜>function<｜tool▁sep｜>NAME`, then the arguments in a fence; or `NAME<｜tool▁sep｜>{...}` |
| DeepSeek since 3.2 | `<｜DSML｜invoke name="NAME"><｜DSML｜parameter name="KEY" string="true">VALUE</｜DSML｜parameter>` |
| gpt-oss (harmony) | `<|channel|>commentary to=functions.NAME<|message|>{...}<|call|>` |
| MiniMax, Step, Claude | `<invoke name="NAME"><parameter name="KEY">VALUE</parameter></invoke>`, also with a namespace |
| Cohere | `<|START_ACTION|>[{"tool_name": ..., "parameters": {...}}]<|END_ACTION|>`, `Action:` before such a list in a fence |
| Phi, Nemotron | `functools[{...}]`, `<TOOLCALL>[{...}]</TOOLCALL>` |
| Apertus | `<|tools_prefix|>[{"NAME": {...}}]<|tools_suffix|>` |
| Gemma | a call in a fence named `tool_code`, `<start_function_call>call:NAME{...}`, `<|tool_call>call:NAME{...}` |
| LFM, InternLM | `<|tool_call_start|>[NAME(KEY="VALUE")]<|tool_call_end|>`, `<|action_start|><|plugin|>{...}<|action_end|>` |
| ReAct prompts | `Action: NAME` and `Action Input: {...}` |
| any | JSON with `name` and `arguments` (or `parameters`), or OpenAI's `tool_calls`, alone, in a fence, or between words |

Sources: the tool parsers of vLLM (`vllm/tool_parsers`) and SGLang (`sglang/srt/function_call`), and what they are reported to
miss (sgl-project/sglang#40236, lsdefine/GenericAgent#804). A form without a mark of its own counts only with the name of a
declared tool.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from orchestrator_bridge.model.call_expressions import Expression, read_loose_object, read_python
from orchestrator_bridge.model.tool_repair import decode_object, decode_prefix, repair_name

Declared = Mapping[str, Mapping[str, Any]]
"""JSON schemas of the arguments of the tools that may be called, by name."""


class WrittenCall(NamedTuple):
    """Tool call in a text: its name, and its arguments as JSON."""

    name: str
    arguments: str


class Passage(NamedTuple):
    """Part of a text that consists of tool calls, between two positions, marks included."""

    start: int
    end: int
    calls: tuple[WrittenCall, ...]


_DSML = r"(?:[|｜‖]{1,2}\s*DSML\s*[|｜‖]{1,2})?"
"""DeepSeek's namespace; its bars are not always the same characters."""
_TAG = rf"<{_DSML}(?:\w+:)?"
_END = rf"</{_DSML}(?:\w+:)?"
_HARMONY_START = r"(?:<\|start\|>assistant\s*)?(?:<\|channel\|>(?:commentary|analysis)\s*)?"

_NAMED = re.compile(
    r"\[TOOL_CALLS\]\s*(?P<mistral>[\w.:-]+)\s*(?:\[CALL_ID\]\w+)?(?:\[ARGS\])?\s*(?=\{)"
    r"|<function=(?P<llama>[^>\s]+)>\s*(?=\{)"
    rf"|{_TAG}(?:invoke|function|tool_call|tool_use|call)\s+name=[\"'](?P<invoke>[^\"']+)[\"'][^>]*>\s*(?=\{{)"
    r"|<(?:tool_call|tool_use|function_call|invoke)>\s*<(?:tool_)?name>\s*(?P<element>[\w.:-]+)\s*</(?:tool_)?name>\s*"
    r"<(?:arguments|parameters|input|args)>\s*(?=\{)"
    r"|(?:<\|tool_calls_section_begin\|>\s*)?<\|tool_call_begin\|>\s*(?P<kimi>[\w.:-]+)\s*<\|tool_call_argument_begin\|>\s*"
    r"|<\|open\|>call\s[^<]*?(?:tool|name)=\"(?P<kimi3>[^\"]+)\"[^<]*<\|sep\|>\s*<\|open\|>json[^<]*<\|sep\|>\s*(?=\{)"
    r"|(?:<｜tool▁calls▁begin｜>\s*)?<｜tool▁call▁begin｜>(?:function)?\s*<｜tool▁sep｜>(?P<deepseek>[\w.:-]+)\s*(?:```(?:json)?)?\s*"
    r"|(?:<｜tool▁calls▁begin｜>\s*)?<｜tool▁call▁begin｜>\s*(?P<deepseek31>[\w.:-]+)\s*<｜tool▁sep｜>\s*(?=\{)"
    rf"|{_HARMONY_START}to=(?P<harmony>[\w.:-]+)[^{{]{{0,200}}?<\|message\|>\s*"
)
"""Marks with the name before the arguments, a JSON object."""

_REACT = re.compile(
    r"^[ \t*]*Action:[ \t*]*(?P<name>[\w.:-]+)[ \t*]*\n\s*\**(?:Action Input|Arguments|Input):\**\s*(?:```(?:json)?)?\s*(?=\{)",
    re.MULTILINE | re.IGNORECASE,
)

UNNAMED = re.compile(
    rf"<{_DSML}(?:\w+[:_])?(?:tool_?calls?|function_calls?|tool_use)>|<\|tool_calls?\|?>|\[TOOL_CALLS\]|<\|python_(?:tag|start)\|>"
    r"|<\|START_ACTION\|>|<\|tools_prefix\|>|<\|tool_call_start\|>|<\|action_start\|>(?:\s*<\|plugin\|>)?|<start_function_call>",
    re.IGNORECASE,
)
"""Marks before calls that have both name and arguments: JSON objects or a list of them, or expressions."""

_ELEMENT = re.compile(
    rf"(?:{_TAG}(?:tool_calls?|function_calls?)>\s*|<｜tool_calls?_begin｜>(?:function<｜tool_sep｜>)?\s*){{0,3}}"
    rf"(?:<function=(?P<qwen>[^>\s]+)>(?P<qwen_body>.*?)(?:</function>|\Z)"
    rf"|{_TAG}(?:invoke|function)\s+name=[\"'](?P<invoke>[^\"']+)[\"'][^>]*>(?P<invoke_body>.*?)(?:{_END}(?:invoke|function)>|\Z))"
    r"|<tool_call>\s*(?P<glm>[\w.:-]+)\s*(?P<glm_body><arg_key>.*?)(?:</tool_call>|\Z)"
    r"|<\|open\|>call\s[^<]*?(?:tool|name)=\"(?P<kimi>[^\"]+)\"[^<]*<\|sep\|>(?P<kimi_body>.*?)(?:<\|close\|>call<\|sep\|>|\Z)",
    re.DOTALL,
)
"""Marks around a name and its arguments, each in an element of its own."""

_ARGUMENT = re.compile(
    rf"{_TAG}param(?:eter)?(?:=| name=[\"'])(?P<key>[^>\"'\s]+)[\"']?(?P<more>[^>]*)>\n?(?P<value>.*?)\n?"
    rf"(?:{_END}param(?:eter)?>|(?={_TAG}param(?:eter)?[= ])|\Z)"
    r"|<arg_key>(?P<glm_key>.*?)</arg_key>\s*<arg_value>(?P<glm_value>.*?)(?:</arg_value>|\Z)"
    r"|<\|open\|>argument\s[^<]*?(?:key|name)=\"(?P<kimi_key>[^\"]+)\"(?P<kimi_more>[^<]*)<\|sep\|>(?P<kimi_value>.*?)"
    r"(?:<\|close\|>argument<\|sep\|>|\Z)",
    re.DOTALL,
)
_IS_TEXT = re.compile(r"string=\"true\"|type=\"string\"")

_NAME = re.compile(r"\"name\"\s*:\s*\"([^\"]+)\"")
_CLOSING = re.compile(
    rf"{_END}(?:tool_?calls?|function_calls?)>|<\|(?:/tool_call|eom_id|eot_id|\w+_end|END_ACTION)\|>|<tool_call\|>"
)
_FENCED = re.compile(r"(?:\bAction:\s*)?```(?:json|tool_call|tool|tool_code|python)?\s*(?=[\[{])")
_LISTED = re.compile(r"(?:\bfunctools|^[ \t]*Action:)\s*(?=[\[{])", re.MULTILINE)
_GEMMA = re.compile(r"\s*call:(?P<name>[\w.:-]+?)\s*(?=\{)")
_EXPRESSION = re.compile(r"\s*(?:\[\s*)?(?:print\(\s*)?[A-Za-z_][\w.]*\s*\(")
_PYTHON = re.compile(
    r"^(?P<fence>[ \t]*```(?:tool_code|python|py)?[ \t]*\n)?"
    r"(?P<expression>[ \t]*(?:\[\s*)?(?:print\(\s*)?(?P<name>[A-Za-z_][\w.]*)\s*\()",
    re.MULTILINE,
)
_VALUE = re.compile(r"(?:\{|\[\s*\{)\s*\"")
_END_OF_EXPRESSION = re.compile(r"[ \t]*(?:\n|\Z|<|;)")

MOST_TRIED = 100
"""Places in one text that are tried in one form: a model that repeats itself may write thousands."""

UNREADABLE = "unreadable_call"
"""Name of a call whose own name cannot be read."""

_NAMES, _ARGUMENTS = (
    ("name", "tool", "tool_name", "function", "action"),
    ("arguments", "parameters", "args", "input", "action_input"),
)
_WRAPPERS = ("tool_calls", "tool_call", "function_call", "function", "calls", "actions")


def find_calls(text: str, declared: Declared) -> Iterator[Passage]:
    """All written calls of a text; those that are found in several ways are repeated."""
    yield from _named_calls(text, declared)
    yield from _element_calls(text, declared)
    for mark in islice(UNNAMED.finditer(text), MOST_TRIED):
        yield from _json_calls(text, mark.start(), mark.end(), declared)
        yield from _expressions(text, mark.start(), mark.end(), declared)
    if declared:
        yield from (found for found in _unmarked_calls(text, declared) if all(call.name in declared for call in found.calls))


def unreadable_calls(text: str, read: Sequence[Passage]) -> Iterator[Passage]:
    """Marks that begin no passage, with what stands between them as their arguments: the agent reads that it is wrong."""
    position, closes = 0, True
    while (mark := UNNAMED.search(text, position)) is not None:
        position = next((passage.end for passage in read if passage.start <= mark.start() < passage.end), mark.end())
        if position > mark.end():
            continue
        end = _CLOSING.search(text, mark.end()) if closes else None
        closes = end is not None
        written = text[mark.end() : end.start() if end else len(text)]
        # A mark that is only mentioned holds nothing.
        if re.search(r"\w", written) if end else written.lstrip().startswith(("{", "[", "call:")):
            position = mark.end() + len(written)
            yield Passage(mark.start(), position, (unreadable_call(written),))


def unreadable_call(text: str) -> WrittenCall:
    """A text as a call that cannot be read."""
    name = _NAME.search(text)
    return WrittenCall(name[1] if name else UNREADABLE, text.strip())


def _call(name: str, arguments: Mapping[str, Any], declared: Declared) -> WrittenCall:
    return WrittenCall(repair_name(name, declared), json.dumps(arguments))


def _named_calls(text: str, declared: Declared) -> Iterator[Passage]:
    for mark in islice(_NAMED.finditer(text), MOST_TRIED):
        found = decode_prefix(text, mark.end())
        if found is not None and isinstance(found[0], dict):
            name = next(name for name in mark.groupdict().values() if name)
            yield Passage(mark.start(), found[1], (_call(name, found[0], declared),))


def _element_calls(text: str, declared: Declared) -> Iterator[Passage]:
    for element in _ELEMENT.finditer(text):
        kind = next(kind for kind in ("qwen", "invoke", "glm", "kimi") if element[kind])
        name, body = repair_name(element[kind], declared), element[f"{kind}_body"]
        if body.lstrip().startswith("{"):
            continue
        properties = declared.get(name, {}).get("properties") or {}
        arguments = {key: _typed(value, properties.get(key) or {}, more) for key, value, more in _elements(body)}
        yield Passage(element.start(), element.end(), (_call(name, arguments, declared),))


def _elements(body: str) -> Iterator[tuple[str, str, str]]:
    """Name, value and attributes of each argument."""
    for item in _ARGUMENT.finditer(body):
        key = item["key"] or item["glm_key"] or item["kimi_key"]
        value = next(filter(None, (item["value"], item["glm_value"], item["kimi_value"])), "")
        yield key.strip(), value, item["more"] or item["kimi_more"] or ""


def _typed(value: str, schema: Mapping[str, Any], attributes: str) -> Any:
    """Value of an argument that is written as text: text where the schema or an attribute says so, else what its JSON says."""
    if schema.get("type") == "string" or (_IS_TEXT.search(attributes) and not schema.get("type")):
        return value
    found = decode_prefix(value)
    return value if found is None or value[found[1] :].strip() else found[0]


def _json_calls(text: str, start: int, position: int, declared: Declared) -> Iterator[Passage]:
    """The calls of the JSON values at `position`: objects in a row, or lists. It ends before a value that is no call."""
    calls: list[WrittenCall] = []
    end = position
    while found := decode_prefix(text, position):
        read = [_read_object(entry, declared) for entry in _entries(found[0])]
        if not read or None in read:
            break
        calls.extend(call for call in read if call is not None)
        end = found[1]
        position = end + (text[end : end + 1] in (",", ";"))
    if calls:
        yield Passage(start, end, tuple(calls))


def _entries(value: object) -> list[Any]:
    """The calls that a JSON value holds, without the lists and objects around them, as in an answer of OpenAI's format."""
    if isinstance(value, dict) and not any(isinstance(value.get(name), str) for name in _NAMES):
        inner = next((value[name] for name in _WRAPPERS if isinstance(value.get(name), dict | list)), None)
        if inner is not None:
            return _entries(inner)
    return value if isinstance(value, list) else [value]


def _read_object(entry: object, declared: Declared) -> WrittenCall | None:
    """The call that a JSON object means, with its name and arguments in the various keys that models give them."""
    if not isinstance(entry, dict):
        return None
    fields: dict[str, Any] = entry["function"] if isinstance(entry.get("function"), dict) else entry
    name = next((fields[key] for key in _NAMES if isinstance(fields.get(key), str)), None)
    arguments = next((fields[key] for key in _ARGUMENTS if key in fields), None)
    if isinstance(arguments, str):
        arguments = decode_object(arguments)
    if name and isinstance(arguments, dict):
        return _call(name, arguments, declared)
    return _read_short_object(fields, name, declared)


def _read_short_object(fields: Mapping[str, Any], name: str | None, declared: Declared) -> WrittenCall | None:
    """`{"NAME": {...}}`, or the arguments beside the name: both are plain only with a declared tool and its own arguments."""
    if len(fields) == 1:
        ((key, value),) = fields.items()
        return _call(key, value, declared) if isinstance(value, dict) and repair_name(key, declared) in declared else None
    properties = declared.get(repair_name(name or "", declared), {}).get("properties") or {}
    arguments = {key: value for key, value in fields.items() if key not in (*_NAMES, "type", "id") or key in properties}
    return _call(name, arguments, declared) if name and arguments and properties.keys() >= arguments.keys() else None


def _expressions(text: str, start: int, position: int, declared: Declared) -> Iterator[Passage]:
    """The calls at `position` that are expressions."""
    while gemma := _GEMMA.match(text, position):
        found = read_loose_object(text, gemma.end())
        if found is None:
            return
        yield Passage(start, found[1], (_call(gemma["name"], found[0], declared),))
        start = position = found[1]
    python = read_python(text, position) if _EXPRESSION.match(text, position) else None
    if python is not None:
        named = [(call.name, _arguments_of(call, declared)) for call in python[0]]
        calls = tuple(_call(name, arguments, declared) for name, arguments in named if arguments is not None)
        if len(calls) == len(named):
            yield Passage(start, python[1], calls)


def _arguments_of(call: Expression, declared: Declared) -> dict[str, Any] | None:
    """Arguments of an expression by name; those without a name follow the schema, as in a function's signature."""
    properties = list(declared.get(repair_name(call.name, declared), {}).get("properties") or {})
    if len(call.positional) > len(properties):
        return None
    return {**dict(zip(properties, call.positional, strict=False)), **call.named}


def _unmarked_calls(text: str, declared: Declared) -> Iterator[Passage]:
    """Calls without a mark of their own: JSON and Python, in a fence or between words."""
    for mark in islice(_REACT.finditer(text), MOST_TRIED):
        found = decode_prefix(text, mark.end())
        if found is not None and isinstance(found[0], dict):
            yield Passage(mark.start(), found[1], (_call(mark["name"], found[0], declared),))
    for place in islice(chain(_FENCED.finditer(text), _LISTED.finditer(text)), MOST_TRIED):
        yield from _json_calls(text, place.start(), place.end(), declared)
    for place in islice(_PYTHON.finditer(text), MOST_TRIED // 5):
        if repair_name(place["name"], declared) in declared:
            for passage in _expressions(text, place.start(), place.start("expression"), declared):
                if place["fence"] or _END_OF_EXPRESSION.match(text, passage.end):
                    yield passage
    yield from _bare_json_calls(text, declared)


def _bare_json_calls(text: str, declared: Declared) -> Iterator[Passage]:
    """Calls in JSON at the beginning of the text, or with all that they require between words."""
    position = 0
    for _ in range(MOST_TRIED):
        place = _VALUE.search(text, position)
        if place is None:
            return
        begin = place.start()
        passage = next(_json_calls(text, begin, begin, declared), None)
        if passage and (not text[:begin].strip() or all(_has_required(call, declared) for call in passage.calls)):
            yield passage
        found = decode_prefix(text, begin)
        position = passage.end if passage else found[1] if found else begin + 1


def _has_required(call: WrittenCall, declared: Declared) -> bool:
    return {*json.loads(call.arguments)} >= {*(declared.get(call.name, {}).get("required") or ())}
