"""Runs of models that write their tool calls into the text, or with names and arguments that need repair."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.clock import ManualClock
from tests.support.fake_models.players import asking_behaviour, question, team_behaviour
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team


def hermes(use: ToolUse) -> ScriptedReply:
    written = json.dumps({"name": use.name, "arguments": json.loads(use.raw)})
    return ScriptedReply(text=f"<think>SECRET</think>I do it.\n<tool_call>\n{written}\n</tool_call>")


def mistral(use: ToolUse) -> ScriptedReply:
    return ScriptedReply(text=f"[TOOL_CALLS]{json.dumps([{'name': use.name, 'arguments': json.loads(use.raw)}])}")


def fenced(use: ToolUse) -> ScriptedReply:
    return ScriptedReply(text=f"```json\n{json.dumps({'name': use.name, 'parameters': json.loads(use.raw)}, indent=2)}\n```")


def harmony(use: ToolUse) -> ScriptedReply:
    head = f"<|channel|>analysis<|message|>SECRET<|end|><|start|>assistant<|channel|>commentary to=functions.{use.name}"
    return ScriptedReply(text=f"{head} <|constrain|>json<|message|>{use.raw}<|call|>")


def elements(use: ToolUse) -> ScriptedReply:
    values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in json.loads(use.raw).items()}
    body = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in values.items())
    return ScriptedReply(text=f"<tool_call>\n<function={use.name}>\n{body}</function>\n</tool_call>")


def python(use: ToolUse) -> ScriptedReply:
    arguments = ", ".join(f"{key}={value!r}" for key, value in json.loads(use.raw).items())
    return ScriptedReply(text=f"<think>SECRET</think>[{use.name}({arguments})]")


def dsml(use: ToolUse) -> ScriptedReply:
    values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in json.loads(use.raw).items()}
    body = "".join(f'<｜DSML｜parameter name="{key}">{value}</｜DSML｜parameter>\n' for key, value in values.items())
    return ScriptedReply(
        text=f'<｜DSML｜tool_calls>\n<｜DSML｜invoke name="{use.name}">\n{body}</｜DSML｜invoke>\n</｜DSML｜tool_calls>'
    )


def openai(use: ToolUse) -> ScriptedReply:
    calls = [{"type": "function", "function": {"name": f"mcp__team__{use.name}", "arguments": use.raw}}]
    return ScriptedReply(text=f"I do it: {json.dumps({'tool_calls': calls})} Done.")


def older(use: ToolUse) -> ScriptedReply:
    return ScriptedReply(extra={"function_call": {"name": use.name, "arguments": json.dumps(use.raw)}}, finish="function_call")


def prefixed(use: ToolUse) -> ScriptedReply:
    return ScriptedReply(
        tool_calls=[ToolUse(name=f" functions.{use.name}<|channel|>commentary", arguments=f"```json\n{use.raw}\n```")]
    )


@pytest.mark.parametrize("write", [hermes, mistral, fenced, harmony, elements, prefixed, python, dsml, openai, older])
async def test_a_team_asks_votes_and_writes_with_calls_as_text(tmp_path: Path, write: object) -> None:
    assert callable(write)

    def player(asked: ModelCall) -> ScriptedReply:
        # The question is asked by the run's first call alone: written calls leave no trace that `asking_behaviour` would see.
        play = asking_behaviour(asked) if asked.number == 1 else team_behaviour(asked)
        return write(play.tool_calls[0]) if play.tool_calls else play

    platform = ListPlatform(ManualClock())
    async with ModelServer(player) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await engine.start_run(task="a task", team=team("one", "two"), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions))
        await platform.person_says("SQLite", question=1)
        await engine.wait_finished()
    assert platform.questions[0].text == question()["question"]
    assert [answer.how for answer in platform.final_answers] == ["Won the vote, 2 of 2 votes."]
    shown = "\n".join([*platform.notes, *(answer.text for answer in platform.final_answers)])
    assert not any(mark in shown for mark in ("SECRET", "tool_call", "TOOL_CALLS", "```", "<|", "<function", "DSML", "vote("))


async def test_a_written_call_in_the_final_text_is_not_shown(tmp_path: Path) -> None:
    answer = json.dumps({"name": "new_answer", "arguments": {"content": "Begin small."}})

    def player(asked: ModelCall) -> ScriptedReply:
        play = team_behaviour(asked)
        return play if play.tool_calls else ScriptedReply(text=f"<tool_call>{answer}</tool_call>")

    platform = ListPlatform(ManualClock())
    async with ModelServer(player) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await engine.start_run(task="a task", team=team("one", "two"), place=PLACE, by=ANA)
        await engine.wait_finished()
    assert [final.text for final in platform.final_answers] == ["Begin small."]


async def test_a_written_call_that_cannot_be_read_brings_a_correction_and_is_shown_to_nobody(tmp_path: Path) -> None:
    broken = ScriptedReply(text='<tool_call>{"name": "new_answer", "arguments": {"content": oops}}</tool_call>')
    platform = ListPlatform(ManualClock())
    plays = [broken, ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments={"content": "Begin small."})])]
    async with ModelServer(plays) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await engine.wait_finished()
        said = server.requests[1].messages[-1]["content"]
    assert "are not JSON" in said
    assert [final.text for final in platform.final_answers] == ["Begin small."]
