"""Prompt caches of vendors: behaviours whose replies report what of a prompt a vendor would have found in its cache.

Nothing is assumed about the client: prompts are compared as they arrive. Four characters are a token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import accumulate, takewhile
from typing import Any

from tests.support.fake_models.replies import Behaviour, ModelCall, ScriptedReply, Tokens

CHARACTERS_PER_TOKEN = 4

LEAST_PREFIX, PREFIX_STEP = 1024, 128
"""Tokens of the shortest prefix that OpenAI caches, and the steps in which it grows (OpenAI's "Prompt Caching 201")."""


class PrefixCache:
    """OpenAI's and xAI's cache: prefixes of prompts of the same conversation, which the client names.

    The servers may find one without the name too; it is what a client can rely on (docs.x.ai, "Maximizing cache hits").
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._seen: dict[str, list[str]] = {}

    def __call__(self, asked: ModelCall) -> ScriptedReply:
        prompt = json.dumps([asked.body.get("tools"), *(asked.body.get("input") or asked.messages)])
        key = str(asked.body.get("prompt_cache_key") or asked.headers.get("x-grok-conv-id") or f"request {asked.number}")
        earlier = self._seen.setdefault(key, [])
        found = max((_equal_characters(prompt, other) for other in earlier), default=0) // CHARACTERS_PER_TOKEN
        earlier.append(prompt)
        tokens = Tokens(
            input=len(prompt) // CHARACTERS_PER_TOKEN,
            output=50,
            cached=found // PREFIX_STEP * PREFIX_STEP if found >= LEAST_PREFIX else 0,
        )
        return replace(self._behaviour(asked), usage=tokens)


def _equal_characters(prompt: str, other: str) -> int:
    """Characters at the beginning of two prompts that are equal."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(prompt, other, strict=False)))


LEAST_CLAUDE, LOOKBACK = 1024, 20
"""Tokens of the shortest prefix that Claude Sonnet 4.5 caches, and the blocks before a breakpoint in which an earlier prefix is
found (platform.claude.com/docs, "Prompt caching")."""


class BreakpointCache:
    """Claude's cache: what the request marks is written, and read if an earlier request has written it."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._written: set[str] = set()

    def __call__(self, asked: ModelCall) -> ScriptedReply:
        blocks = list(_blocks(asked.body))
        sizes = list(accumulate(len(text) // CHARACTERS_PER_TOKEN for text, _ in blocks))
        digests = list(accumulate((text for text, _ in blocks), lambda before, text: _digest(before + text), initial=""))[1:]
        marks = [place for place, (_, marked) in enumerate(blocks) if marked and sizes[place] >= LEAST_CLAUDE]
        reachable = {place for mark in marks for place in range(max(0, mark - LOOKBACK + 1), mark + 1)}
        read = max((sizes[place] for place in reachable if digests[place] in self._written), default=0)
        written = max(0, sizes[marks[-1]] - read) if marks else 0
        self._written |= {digests[mark] for mark in marks}
        tokens = Tokens(input=sizes[-1], output=50, cached=read, written=written)
        return replace(self._behaviour(asked), usage=tokens)


def _blocks(body: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Blocks of a prompt in the order in which Claude reads them, and whether each is marked."""
    system = body.get("system") or ()
    yield from map(_block, body.get("tools") or ())
    yield from map(_block, [{"type": "text", "text": system}] if isinstance(system, str) else system)
    # Another choice of tools makes other messages of the same ones ("What invalidates the cache").
    choice = json.dumps(body.get("tool_choice"))
    for message in body["messages"]:
        content = message.get("content") or json.dumps(message.get("tool_calls"))
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            text, marked = _block(part)
            yield f"{choice} {message['role']} {text}", marked


def _block(part: Mapping[str, Any]) -> tuple[str, bool]:
    return json.dumps({name: value for name, value in part.items() if name != "cache_control"}), "cache_control" in part


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
