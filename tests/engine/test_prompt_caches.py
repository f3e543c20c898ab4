"""Prompts that providers can serve from their caches: the tools stay the same, and a conversation grows at its end only.

A provider's cache holds prefixes of earlier prompts; the tools come before the messages
(platform.openai.com/docs/guides/prompt-caching, docs.claude.com/en/docs/build-with-claude/prompt-caching).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from tests.support.clock import ManualClock
from tests.support.fake_models.players import agent_name, asking_behaviour, team_behaviour
from tests.support.fake_models.replies import Behaviour, ModelCall
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team


async def requests_of_a_run(folder: Path, behaviour: Behaviour, *names: str) -> list[ModelCall]:
    platform = ListPlatform(ManualClock())
    async with ModelServer(behaviour) as server, start_engine(folder / "t.db", server, platform) as engine:
        await engine.start_run(task="Choose a database.", team=team(*names), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.final_answers or platform.questions))
        for question in list(platform.questions):
            await platform.person_clicks(question.question, "option", "sqlite")
        await platform.until(lambda: bool(platform.final_answers))
        await engine.wait_finished()
    return server.requests


def cacheable_share(requests: Sequence[ModelCall]) -> float:
    """The share of the prompts' characters that lies in a prefix that the same agent has sent before."""
    sent: dict[str, list[str]] = {}
    cacheable = total = 0
    for asked in requests:
        prompt = json.dumps([asked.body.get("tools"), *asked.messages])
        earlier = sent.setdefault(agent_name(asked), [])
        cacheable += max((equal_characters(prompt, other) for other in earlier), default=0)
        total += len(prompt)
        earlier.append(prompt)
    return cacheable / total


def equal_characters(prompt: str, other: str) -> int:
    """Characters at the beginning of two prompts that are equal."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(prompt, other, strict=False)))


async def test_half_of_the_prompts_of_three_agents_can_come_from_a_cache(tmp_path: Path) -> None:
    requests = await requests_of_a_run(tmp_path, team_behaviour, "one", "two", "three")
    assert len(requests) == 7
    assert cacheable_share(requests) >= 0.5


async def test_every_call_of_a_run_offers_an_agent_the_same_tools(tmp_path: Path) -> None:
    requests = await requests_of_a_run(tmp_path, asking_behaviour, "one")
    assert [tool["function"]["name"] for tool in requests[0].body["tools"]] == ["new_answer", "vote", "ask_others"]
    assert len(requests) >= 2
    assert all(asked.body.get("tools") == requests[0].body["tools"] for asked in requests)
