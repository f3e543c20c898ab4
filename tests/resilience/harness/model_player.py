"""The team of the kill test, and the model that plays it: one agent asks people and waits, one asks and goes on, one asks peers.

Every response carries the number of its request, as `prompts.request_of` reads it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.support.fake_models.players import first_label, has_called
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse

AGENTS = ("asker", "wonderer", "consulter")
EXPIRE_AFTER, GRACE = 2.0, 0.3
"""Seconds. A question lives through a few deaths."""

TEAM_FILE = """
[team.house]
ask = ["humans"]

[[team.house.agents]]
name = "asker"
model = "local"

[[team.house.agents]]
name = "wonderer"
model = "local"

[[team.house.agents]]
name = "consulter"
model = "local"

[team.house.policy]
settle_delay = 0
remind_after = 1
expire_after = {expire_after}
grace = {grace}

[team.house.bounds]
calls = 100000
tokens = 1000000000
money = 1000000
wall = "1d"
straggler_after = 1
call_timeout = 5
tries = 20

[models.local]
base_url = "{model_url}"
input = 3
output = 7
"""


def team_file(model_url: str) -> str:
    """The team file's text."""
    return TEAM_FILE.format(model_url=model_url, expire_after=EXPIRE_AFTER, grace=GRACE)


class TeamPlayer:
    """Plays the team. While `healthy` is not set the model now and then fails or is slow, by `chance`."""

    def __init__(self, chance: random.Random) -> None:
        self.healthy = False
        self._chance = chance

    def __call__(self, asked: ModelCall) -> ScriptedReply:
        play = _marked(_PARTS[speaker(asked)](asked) if asked.tools else _words(asked), asked.number)
        return play if self.healthy else self._troubled(play)

    def _troubled(self, play: ScriptedReply) -> ScriptedReply:
        roll = self._chance.random()
        if roll < 0.03:
            return ScriptedReply(status=500, body='{"error": {"message": "out of order"}}')
        if roll < 0.06:
            return ScriptedReply(status=429, headers={"retry-after": "0.05"}, body='{"error": {"message": "slower, please"}}')
        if roll < 0.09:
            return replace(play, cut="midway")
        return replace(play, delay_ms=self._chance.uniform(0, 60)) if roll < 0.5 else play


def speaker(asked: ModelCall) -> str:
    """The agent whose request this is."""
    found = re.match(r"You are (\w+),", str(asked.messages[0]["content"]))
    assert found is not None
    return found[1]


def task_of(asked: ModelCall) -> str:
    """The task that a request is about: the last one given, since earlier turns of its conversation come first."""
    found = re.findall(r"Do (task-\d+) well", "\n".join(str(message.get("content")) for message in asked.messages))
    assert found
    return str(found[-1])


def _asker(asked: ModelCall) -> ScriptedReply:
    if not has_called(asked, "ask_others"):
        return _uses(_ask(asked, "Which database?", ["humans"], wait=True))
    return _goes_on(asked)


def _wonderer(asked: ModelCall) -> ScriptedReply:
    if not has_called(asked, "ask_others"):
        return _uses(_ask(asked, "Which colour?", ["humans"], wait=False), _answer(asked))
    return _goes_on(asked)


def _consulter(asked: ModelCall) -> ScriptedReply:
    if not has_called(asked, "ask_others"):
        return _uses(_ask(asked, "Which of our ways is best?", ["agents"], wait=True))
    return _goes_on(asked)


_PARTS = {"asker": _asker, "wonderer": _wonderer, "consulter": _consulter}


def _words(asked: ModelCall) -> ScriptedReply:
    """A final text, or what one agent answers another."""
    return ScriptedReply(text=f"1. {speaker(asked)} on {task_of(asked)}: we begin small.")


def _goes_on(asked: ModelCall) -> ScriptedReply:
    if not has_called(asked, "new_answer"):
        return _uses(_answer(asked))
    return _uses(ToolUse(name="vote", arguments={"agent_id": first_label(asked), "reason": "It is right."}))


def _answer(asked: ModelCall) -> ToolUse:
    return ToolUse(name="new_answer", arguments={"content": f"{speaker(asked)} on {task_of(asked)}: begin small."})


def _ask(asked: ModelCall, question: str, to: list[str], wait: bool) -> ToolUse:
    options = [{"id": "first", "label": "The first", "recommended": True}, {"id": "second", "label": "The second"}]
    text = f"{question} ({speaker(asked)} of {task_of(asked)})"
    arguments: Mapping[str, Any] = {"question": text, "to": to, "wait": wait, "assumption": "The first will do."}
    return ToolUse(name="ask_others", arguments={**arguments, "kind": "choice", "options": options})


def _uses(*uses: ToolUse) -> ScriptedReply:
    return ScriptedReply(tool_calls=uses)


def _marked(play: ScriptedReply, number: int) -> ScriptedReply:
    if not play.tool_calls:
        return replace(play, text=f"{play.text} #{number}")
    return replace(play, tool_calls=[replace(use, id=f"r{number}_{place}") for place, use in enumerate(play.tool_calls)])
