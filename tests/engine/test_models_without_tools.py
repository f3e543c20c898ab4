"""Runs of models and servers without tool calling: as JSON, with a schema or without one, or to an honest end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator_bridge.chat.outbound import Note
from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.team.team import AgentSpec, Policy, Team
from tests.support.clock import ManualClock
from tests.support.fake_models.players import asking_behaviour, question, team_behaviour, writing
from tests.support.fake_models.refusals import (
    LLAMA_RULES,
    Rule,
    no_response_format,
    no_tool_endpoint,
    no_tool_parser,
)
from tests.support.fake_models.replies import ModelCall, ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team

ROUTER = "openrouter/deepseek/deepseek-r1-0528:free"


def first_asks(asked: ModelCall) -> ScriptedReply:
    """Ask once in a run: what was written leaves no tool call behind that `asking_behaviour` would see."""
    first = not any("ask_others" in str(message.get("content")) for message in asked.messages[1:])
    is_one = "You are one" in str(asked.messages[0]["content"])
    return asking_behaviour(asked) if first and is_one else team_behaviour(asked)


@pytest.mark.parametrize(
    ("model", "rules"),
    [
        ("local", (no_tool_parser, *LLAMA_RULES)),
        ("local", (no_tool_parser, no_response_format, *LLAMA_RULES)),
        ("plain", LLAMA_RULES),
        (ROUTER, (no_tool_endpoint,)),
    ],
    ids=["no parser of tool calls", "no schema either", "tools = false", "no endpoint with tools"],
)
async def test_a_team_asks_votes_and_writes_without_tool_calling(tmp_path: Path, model: str, rules: Sequence[Rule]) -> None:
    platform = ListPlatform(ManualClock())
    agents = tuple(AgentSpec(name=name, model=model) for name in ("one", "two"))
    async with ModelServer(writing(first_asks), refuses=rules) as server:
        own = {"local": ModelSpec(base_url=server.url), "plain": ModelSpec(base_url=server.url, tools=False)}
        client = ModelClient(own=own, base_urls={"openrouter": server.url}, keys={"OPENROUTER_API_KEY": "key-0123456789"})
        async with start_engine(tmp_path / "t.db", server, platform, models=client) as engine:
            await engine.start_run(task="a task", team=Team(agents=agents, policy=Policy(settle_delay=0)), place=PLACE, by=ANA)
            await platform.until(lambda: bool(platform.questions))
            await platform.person_says("SQLite", question=1)
            await engine.wait_finished()
            assert not any("tools" in call.body for call in server.requests[4:])
    assert [answer.how for answer in platform.final_answers] == ["Won the vote, 2 of 2 votes."]
    assert not any("{" in note for note in platform.notes)


async def test_a_model_of_which_nothing_is_known_is_asked_for_json_after_two_answers_in_words(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())

    def player(asked: ModelCall) -> ScriptedReply:
        return ScriptedReply(text="Begin small.") if asked.tools else writing(team_behaviour)(asked)

    async with ModelServer(player) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await engine.start_run(task="a task", team=team("one", "two"), place=PLACE, by=ANA)
        await engine.wait_finished()
        formats = [call.body.get("response_format", {}).get("type") for call in server.requests]
    assert formats == [None, None, "json_schema", "json_schema", None]
    assert [answer.how for answer in platform.final_answers] == ["Won the vote, 2 of 2 votes."]


@pytest.mark.parametrize("text", ["I would begin small.", ""], ids=["words", "nothing"])
async def test_a_run_of_models_that_make_no_tool_calls_fails_with_advice(tmp_path: Path, text: str) -> None:
    platform = ListPlatform(ManualClock())
    async with (
        ModelServer(lambda asked: ScriptedReply(text=text)) as server,
        start_engine(tmp_path / "t.db", server, platform) as engine,
    ):
        await engine.start_run(task="a task", team=team("planner", "critic"), place=PLACE, by=ANA)
        await engine.wait_finished()
    assert platform.final_answers == []
    notes = [outbound.post.text for outbound in platform.sent if isinstance(outbound.post, Note)]
    assert any("stopped: the model made no tool calls. Choose a model that supports tools." in note for note in notes)
    assert any("This run ended without an answer." in note for note in notes)


async def test_arguments_that_are_cut_off_are_never_shown(tmp_path: Path) -> None:
    half = ScriptedReply(text='{"name": "new_answer", "arguments": {"content": "Begin', finish="length")
    platform = ListPlatform(ManualClock())
    async with (
        ModelServer(lambda asked: half, refuses=(no_tool_parser,)) as server,
        start_engine(tmp_path / "t.db", server, platform) as engine,
    ):
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await engine.wait_finished()
    assert platform.final_answers == []
    assert not any("{" in note for note in platform.notes)


def stubborn(asked: ModelCall) -> ScriptedReply:
    """A small model that asks the same question again whenever the enforced schema lets it."""
    schema = asked.body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    names = [call["properties"]["name"]["enum"][0] for call in schema.get("anyOf", [schema] if schema else [])]
    if not names:
        return team_behaviour(asked)
    if "ask_others" in names:
        return ScriptedReply(text=json.dumps({"name": "ask_others", "arguments": question()}))
    return writing(team_behaviour)(asked)


async def test_a_small_model_that_repeats_itself_is_led_on_by_the_enforced_schema(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    agents = tuple(AgentSpec(name=name, model="plain") for name in ("one", "two"))
    rules = Policy(settle_delay=0)
    async with ModelServer(stubborn) as server:
        client = ModelClient(own={"plain": ModelSpec(base_url=server.url, tools=False)})
        async with start_engine(tmp_path / "t.db", server, platform, models=client) as engine:
            await engine.start_run(task="a task", team=Team(agents=agents, policy=rules), place=PLACE, by=ANA)
            await platform.until(lambda: bool(platform.questions))
            await platform.person_says("SQLite", question=1)
            await engine.wait_finished()
    assert [answer.how for answer in platform.final_answers] == ["Won the vote, 2 of 2 votes."]
