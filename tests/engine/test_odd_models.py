"""Models with unexpected output: the run continues, or ends with a message for people."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.support.clock import ManualClock
from tests.support.fake_models.replies import ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team

HALF = "\ud83d"
"""A lone surrogate, as in an answer that is cut off inside an emoji. UTF-8 and databases refuse it."""


@pytest.mark.parametrize(
    ("play", "text"),
    [
        (ScriptedReply(text=f"Begin {HALF} small."), "Begin \ufffd small."),
        (
            ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments=f'{{"content": "Begin {HALF} small."}}')]),
            "Begin \ufffd small.",
        ),
        (
            ScriptedReply(tool_calls=[ToolUse(name=HALF, id=HALF), ToolUse(name="new_answer", arguments={"content": "Yes."})]),
            "Yes.",
        ),
        (ScriptedReply(text="Yes.", served=f"model-{HALF}"), "Yes."),
    ],
    ids=["words", "arguments", "a tool's name", "the model's name"],
)
async def test_a_lone_surrogate_fails_no_run(tmp_path: Path, play: ScriptedReply, text: str) -> None:
    platform = ListPlatform(ManualClock())
    async with ModelServer([play]) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.final_answers))
    assert platform.final_answers[0].text == text


async def test_a_lone_surrogate_in_a_refusal_fails_no_run(tmp_path: Path) -> None:
    platform = ListPlatform(ManualClock())
    refusal = ScriptedReply(status=400, body='{"error": {"message": "too \\ud83d long"}}')
    async with ModelServer([refusal]) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await engine.wait_finished()
    assert any("too long" in note and "Townhall broke" not in note for note in platform.notes)


async def test_each_failed_model_call_is_logged_in_one_line_with_agent_and_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    platform = ListPlatform(clock)
    busy = ScriptedReply(status=500, body='{"error": {"message": "out of\\norder"}}')
    wrong = ScriptedReply(status=401, body='{"error": {"message": "no such key"}}')
    caplog.set_level(logging.INFO)
    async with ModelServer([busy, wrong]) as server, start_engine(tmp_path / "t.db", server, platform, clock=clock) as engine:
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await server.request_arrives(1)
        await clock.armed_until(clock.now() + 1)
        clock.advance(60)
        await engine.wait_finished()
    told = [(record.levelname, record.getMessage()) for record in caplog.records if "a call of" in record.getMessage()]
    assert told == [
        ("INFO", "run 1: a call of one to local is tried again: overloaded: local is overloaded or failing: out of order."),
        ("WARNING", "run 1: a call of one to local is given up: bad_key: local rejected the API key: no such key."),
    ]


@pytest.mark.parametrize("odd", ['{"content": "x", "n": ' + "1" * 5_000 + "}", "[" * 100_000], ids=["digits", "brackets"])
async def test_unparsable_arguments_cost_one_response(tmp_path: Path, odd: str) -> None:
    platform = ListPlatform(ManualClock())
    plays = [ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments=use)]) for use in (odd, {"content": "Begin small."})]
    async with ModelServer(plays) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await engine.start_run(task="a task", team=team("one"), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.final_answers))
        assert len(server.requests) == 2
    assert platform.final_answers[0].text == "Begin small."
