"""Counting the tokens of a prompt before its call: by the model's own tokenizer where there is one, else by the texts' size.

A conversation grows at its end, so the counts of its texts are kept: only what is new is counted. A very long text is counted in
parts and the rest judged by these, for this happens while a run stores its next step.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_bridge.model.port import Message, Request
from orchestrator_bridge.model.tokenizer import Encode, TokenizerCache, tokenizer_of

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route

BYTES_A_TOKEN = 4
"""The usual rule of thumb for English; scripts of other alphabets have more bytes a character, and so more tokens."""

A_MESSAGE, A_TOOL, A_PICTURE = 4, 8, 1500
"""Tokens besides the texts: a message's frame (cookbook.openai.com, "How to count tokens"), a tool's, and what vendors bill for a
large picture."""

WHOLE, PARTS, PART = 50_000, 5, 8_000
"""Characters up to which a text is counted as a whole; how many parts of a longer one are counted, and their characters."""

COUNT_CACHE_SIZE = 4096
"""Counts of texts that are kept."""

ESTIMATE = "estimate"


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenCount:
    """The tokens of a prompt, and by which tokenizer; `estimate` where it is none."""

    tokens: int
    by: str


class TokenCounter:
    """Counts prompts, with the tokenizers of this process."""

    def __init__(self, tokenizers: TokenizerCache) -> None:
        self._tokenizers = tokenizers
        self._known: OrderedDict[tuple[str, int, int], int] = OrderedDict()
        self._last: tuple[Request, TokenCount] | None = None

    def count(self, request: Request, route: Route) -> TokenCount:
        """The tokens of a request's prompt at this route. The same request again costs nothing: each is asked about often."""
        name = tokenizer_of(route)
        encode = self._tokenizers.get(name) if name else None
        by = name if name and encode else ESTIMATE
        if self._last is None or self._last[0] is not request or self._last[1].by != by:
            tokens = sum(self._text(text, by, encode or estimate) for text in _texts(request))
            self._last = request, TokenCount(tokens=tokens + _overhead(request), by=by)
        return self._last[1]

    def _text(self, text: str, by: str, encode: Encode) -> int:
        key = (by, hash(text), len(text))
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        tokens = self._known[key] = encode(text) if len(text) <= WHOLE else estimate_by_samples(text, encode)
        if len(self._known) > COUNT_CACHE_SIZE:
            self._known.popitem(last=False)
        return tokens


def estimate(text: str) -> int:
    """About how many tokens a text has, by its size in UTF-8."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return -(-size // BYTES_A_TOKEN)


def estimate_prompt(request: Request) -> int:
    """About how many tokens a request's prompt has."""
    return sum(map(estimate, _texts(request))) + _overhead(request)


def estimate_by_samples(text: str, encode: Encode) -> int:
    """About how many tokens a long text has, by parts from its beginning to its end."""
    step = (len(text) - PART) // (PARTS - 1)
    parts = [text[place * step : place * step + PART] for place in range(PARTS)]
    return -(-sum(map(encode, parts)) * len(text) // sum(map(len, parts)))


def _texts(request: Request) -> Iterator[str]:
    for message in request.messages:
        yield message.text
        yield from (text for call in message.tool_calls for text in (call.name, call.arguments))
        yield _state_texts(message)
    for tool in request.tools:
        yield f"{tool.name} {tool.description} {json.dumps(tool.parameters)}"


def _state_texts(message: Message) -> str:
    """What goes back with a message takes room too."""
    return json.dumps([message.kept.message, *message.kept.calls]) if message.kept else ""


def _overhead(request: Request) -> int:
    pictures = sum(len(message.pictures) for message in request.messages)
    return A_MESSAGE * len(request.messages) + A_TOOL * len(request.tools) + A_PICTURE * pictures
