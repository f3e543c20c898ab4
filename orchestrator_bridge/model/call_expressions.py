"""Tool calls written as expressions: as Python calls, or in Gemma's notation. Pure functions.

| notation | models |
|---|---|
| `[vote(agent_id="agent1", reason="...")]` | Llama 3.2 and 4, OLMo, LFM2 |
| `print(default_api.vote(agent_id="agent1"))` | Gemma 3, Gemini |
| `call:vote{agent_id:<escape>agent1<escape>}`, `call:vote{agent_id:<|"|>agent1<|"|>}` | FunctionGemma, Gemma 4 |

Sources: vLLM's parsers `pythonic`, `llama4_pythonic`, `lfm2`, `functiongemma` and `gemma4`. Nothing is evaluated: an expression
is parsed, and its arguments must be literals.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from orchestrator_bridge.model.tool_repair import MOST_LITERAL

_TOKEN = re.compile(
    r'"""(?:\\.|.)*?"""'
    r"|'''(?:\\.|.)*?'''"
    r'|(?P<text>"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\')'
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|[^\"'()\[\]{}]+",
    re.DOTALL,
)

_LITERAL_NAMES: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}
"""JSON's literals, which models write into Python."""


class Expression(NamedTuple):
    """Call: its name as written, its positional arguments, and those with a name."""

    name: str
    positional: Sequence[Any]
    named: Mapping[str, Any]


def read_python(text: str, start: int) -> tuple[list[Expression], int] | None:
    """The calls of the Python expression that begins at `start`, a call or a list of calls, and the position behind it.

    None if it is anything else, or if an argument is no literal.
    """
    found = _bracketed(text, start)
    if found is None:
        return None
    source, end = found
    try:
        body = ast.parse(source.strip(), mode="eval").body
        calls = [_call(node) for node in (body.elts if isinstance(body, ast.List | ast.Tuple) else [body])]
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return (calls, end) if calls else None


def _bracketed(text: str, start: int) -> tuple[str, int] | None:
    """Source of the expression from `start` to the bracket that closes it, and the position behind that.

    Line breaks inside of strings, which Python does not allow there, are escaped.
    """
    source: list[str] = []
    depth, position = 0, start
    while position - start < MOST_LITERAL and (token := _TOKEN.match(text, position)):
        position = token.end()
        source.append(token[0].replace("\n", "\\n").replace("\r", "\\r") if token["text"] else token[0])
        depth += bool(token["open"]) - bool(token["close"])
        if token["close"] and depth <= 0:
            return "".join(source), position
    return None


def _call(node: ast.expr) -> Expression:
    """The call that a node means; around it may be a `print`, which shows the result.

    Raises:
        ValueError: it is no call of a named function with literal arguments.
    """
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
        raise ValueError("no call")
    name = ast.unparse(node.func)
    if name == "print" and len(node.args) == 1:
        return _call(node.args[0])
    named = {str(keyword.arg): _value(keyword.value) for keyword in node.keywords if keyword.arg is not None}
    if len(named) < len(node.keywords):
        raise ValueError("arguments without a name")
    return Expression(name, [_value(argument) for argument in node.args], named)


def _value(node: ast.expr) -> Any:
    """JSON value of a literal.

    Raises:
        ValueError: it is anything else.
    """
    match node:
        case ast.Name(id=name) if name in _LITERAL_NAMES:
            return _LITERAL_NAMES[name]
        case ast.List(elts=entries) | ast.Tuple(elts=entries):
            return [_value(entry) for entry in entries]
        case ast.Dict(keys=keys, values=values):
            return {str(_value(key)) if key else "": _value(value) for key, value in zip(keys, values, strict=True)}
        case _:
            value = ast.literal_eval(node)
            if isinstance(value, bytes | complex | set) or value is ...:
                raise ValueError("no JSON value")
            json.dumps(value, allow_nan=False)
            return value


_PART = re.compile(
    r'(?P<mark><escape>|<\|"\|>)(?P<marked>.*?)(?P=mark)'
    r'|(?P<quoted>"(?:\\.|[^"\\])*")|(?P<open>[{\[])|(?P<close>[}\]])|[:,]|\s+|(?P<bare>[^\s{}\[\]:,"<][^{}\[\]:,"<]*)',
    re.DOTALL,
)
_COLON = re.compile(r"\s*:")


def read_loose_object(text: str, start: int) -> tuple[dict[str, Any], int] | None:
    """The object in Gemma's notation that begins at `start`, and the position behind it: keys without quotes, marked texts."""
    parts: list[str] = []
    depth, position = 0, start
    while part := _PART.match(text, position):
        position = part.end()
        parts.append(_as_json(part, is_key=_COLON.match(text, position) is not None))
        depth += bool(part["open"]) - bool(part["close"])
        if depth <= 0:
            break
    try:
        value = json.loads("".join(parts), strict=False)
    except (ValueError, RecursionError):
        return None
    return (value, position) if isinstance(value, dict) else None


def _as_json(part: re.Match[str], *, is_key: bool) -> str:
    if part["marked"] is not None:
        return json.dumps(part["marked"])
    bare = (part["bare"] or "").strip()
    if not bare:
        return part[0]
    literal = bare in ("true", "false", "null") or re.fullmatch(r"-?\d+(\.\d+)?", bare)
    return bare if literal and not is_key else json.dumps(bare)
