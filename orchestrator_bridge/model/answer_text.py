"""Text of answers as people may read it: without reasoning between marks, and without what UTF-8 cannot encode."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from orchestrator_bridge.model.interface import Request, ToolCall
from orchestrator_bridge.model.tool_markup import extract_calls, unreadable_call
from orchestrator_bridge.model.tool_repair import repair_arguments, repair_name

_PAIRS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|channel>thought", "<channel|>"),
    ("<seed:think>", "</seed:think>"),
    ("<mm:think>", "</mm:think>"),
    ("<reasoning>", "</reasoning>"),
    ("<reflection>", "</reflection>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
"""Marks around reasoning: of most open models, of Mistral's (docs.mistral.ai, "Reasoning"), of Kimi's, Gemma's, Seed's and
MiniMax's, and of fine-tuned models."""

_HARMONY = ("<|channel|>", "<|start|>")
"""Marks at the beginning of an answer in OpenAI's harmony format, which gpt-oss writes (github.com/openai/harmony)."""

_OPENINGS = (*(opening for opening, _ in _PAIRS), *_HARMONY)
_CLOSINGS = tuple(closing for _, closing in _PAIRS)
_ENDS_OF_MARKS = frozenset(">]▷")

_BLOCK = re.compile(
    r"\A\s*(?:" + "|".join(rf"{re.escape(opening)}.*?(?:{re.escape(closing)}|\Z)" for opening, closing in _PAIRS) + r")\s*",
    re.DOTALL,
)
CLOSING = re.compile("|".join(map(re.escape, _CLOSINGS)))
_SPOKEN_HARMONY = re.compile(r"\A\s*analysis(?=[A-Z\"'(]).*?assistantfinal(?:<\|message\|>)?", re.DOTALL)
"""Reasoning of gpt-oss at a server that leaves out the special tokens and keeps their names."""
_FINAL = re.compile(r"<\|channel\|>final[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_HARMONY_CHANNEL = re.compile(r"<\|channel\|>\s*(?:analysis|commentary)|\A\s*<\|(?:channel|start)\|>")
_HARMONY_END = re.compile(r"<\|(?:return|end|call|start)\|>.*", re.DOTALL)


def strip_reasoning(text: str) -> str:
    """Remove reasoning between marks from the beginning of an answer.

    Ollama, vLLM and others send `<think>…</think>` before the answer if no reasoning parser is set. Some chat templates contain
    the opening mark, so that only the closing one arrives. An answer that was cut off between the marks is all reasoning.
    """
    text = _SPOKEN_HARMONY.sub("", text)
    if not _ENDS_OF_MARKS.intersection(text):
        return text
    final = next((found for found in reversed([*_FINAL.finditer(text)]) if not _quoted(text, found)), None)
    if final is not None:
        return _HARMONY_END.sub("", text[final.end() :])
    if any(not _quoted(text, found) for found in _HARMONY_CHANNEL.finditer(text)):
        return ""
    while block := _BLOCK.match(text):
        text = text[block.end() :]
    while (closing := CLOSING.search(text)) and not _mentioned(text, closing):
        text = text[closing.end() :].lstrip()
    return text


def begins_in_reasoning(text: str) -> bool:
    """True if the opening mark of the reasoning at the beginning of an answer is missing."""
    rest = _BLOCK.sub("", text, count=1)
    closing = CLOSING.search(rest)
    return closing is not None and not _mentioned(rest, closing)


def _mentioned(text: str, closing: re.Match[str]) -> bool:
    """True if an answer shows this closing mark: its opening mark is before it, or it is quoted or in a code block."""
    before = text[: closing.start()]
    opening = next(opening for opening, mark in _PAIRS if mark == closing[0])
    return opening in before or before.count("```") % 2 == 1 or _quoted(text, closing)


def _quoted(text: str, found: re.Match[str]) -> bool:
    return text[: found.start()].endswith(("`", '"', "'"))


def read_answer(text: str, calls: Sequence[ToolCall], request: Request) -> tuple[str, tuple[ToolCall, ...]]:
    """The text of an answer for people, and its tool calls: `calls`, or else those that it contains as text.

    Names and arguments are repaired where they can mean one thing only.
    """
    visible, written = extract_calls(strip_reasoning(text), request.callable_tools)
    if not written and _HARMONY_CHANNEL.search(text):
        # In harmony a call is a message beside the reasoning, and no part of the text that people may read.
        _, written = extract_calls(text, request.callable_tools)
    if not (calls or written) and request.tool_mode != "native" and request.callable_tools and visible.lstrip().startswith("{"):
        visible, written = "", (unreadable_call(visible),)
    turn, declared = len(request.messages), [tool.name for tool in request.tools]
    read = calls or [
        ToolCall(id=f"call_{turn}_{place}", name=call.name, arguments=call.arguments) for place, call in enumerate(written)
    ]
    return visible, tuple(
        replace(call, name=repair_name(call.name, declared), arguments=repair_arguments(call.arguments)) for call in read
    )


class ReasoningFilter:
    """Removes reasoning between marks from the beginning of a streamed text.

    It recognises reasoning by its opening mark. Where only the closing one arrives, the whole answer is cleaned by
    `strip_reasoning`.
    """

    def __init__(self) -> None:
        self._held = ""
        self._answering = False

    def visible(self, piece: str) -> str:
        """Return what people may see after this piece of the text."""
        if self._answering:
            return piece
        self._held += piece
        text = self._held.lstrip()
        if text.startswith(_OPENINGS):
            # The text is searched again only where this piece may end a mark: reasoning can be long.
            if not _ENDS_OF_MARKS.intersection(piece):
                return ""
            rest = strip_reasoning(text)
            if rest or text.rstrip().endswith(_CLOSINGS):
                self._held = rest
            self._answering = not rest and _FINAL.search(text) is not None
            text = rest
        if not text or any(opening.startswith(text) for opening in _OPENINGS):
            return ""
        self._answering = True
        return text


def replace_surrogates(text: str) -> str:
    """Join surrogate pairs, and replace lone surrogates, which UTF-8 cannot encode, with U+FFFD.

    They come from odd terminals, from models that were cut off, and from streams that were split inside a pair.
    """
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def replace_surrogates_in(value: Any) -> Any:
    """Apply `replace_surrogates` to every text in a JSON value."""
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, dict):
        return {replace_surrogates_in(key): replace_surrogates_in(inner) for key, inner in value.items()}
    return [replace_surrogates_in(inner) for inner in value] if isinstance(value, list) else value
