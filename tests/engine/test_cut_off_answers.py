"""Answers that the output limit breaks off: more room, a continuation, or a mark and a note for people."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_bridge.team.team import AgentSpec, Policy, Team
from tests.support.clock import ManualClock
from tests.support.fake_models.players import team_behaviour
from tests.support.fake_models.replies import Behaviour, ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine, team

MARK = "(This answer is incomplete: the model reached its output limit.)"
HALF_CALL = ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments='{"content": "Begin')], finish="length")
WHOLE_CALL = ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments={"content": "Begin small."})])


async def shown(
    tmp_path: Path, behaviour: Behaviour | list[ScriptedReply], its_team: Team
) -> tuple[ListPlatform, list[ModelCall]]:
    """What people see of a run, and what the model was asked."""
    platform = ListPlatform(ManualClock())
    async with ModelServer(behaviour) as server, start_engine(tmp_path / "t.db", server, platform) as engine:
        await engine.start_run(task="a task", team=its_team, place=PLACE, by=ANA)
        await engine.wait_finished()
        return platform, list(server.requests)


def writes(*parts: ScriptedReply) -> Behaviour:
    """A team whose final text comes in these parts, one a call."""
    left = list(parts)

    def player(asked: ModelCall) -> ScriptedReply:
        play = team_behaviour(asked)
        return play if play.tool_calls else left.pop(0)

    return player


async def test_half_arguments_are_asked_for_again_with_more_room_and_people_read_it(tmp_path: Path) -> None:
    platform, asked = await shown(tmp_path, [HALF_CALL, HALF_CALL, WHOLE_CALL], team("one"))
    assert [call.body["max_tokens"] for call in asked] == [4096, 8192, 16384]
    assert "cut off at the output limit" in asked[1].messages[-1]["content"]
    assert [answer.text for answer in platform.final_answers] == ["Begin small."]
    assert [note for note in platform.notes if "output limit" in note] == [
        "My response was cut off at the output limit. I try again."
    ]


async def test_a_limit_of_the_team_file_is_kept(tmp_path: Path) -> None:
    agents = (AgentSpec(name="one", model="local", max_output=300),)
    _, asked = await shown(tmp_path, [HALF_CALL, WHOLE_CALL], Team(agents=agents, policy=Policy(settle_delay=0)))
    assert [call.body["max_tokens"] for call in asked] == [300, 300]


async def test_an_agent_whose_calls_stay_cut_off_stops_with_advice(tmp_path: Path) -> None:
    platform, _ = await shown(tmp_path, [HALF_CALL] * 3, team("one"))
    assert platform.final_answers == []
    assert any(
        "its last 3 responses were cut off at the output limit. Allow longer ones, or choose another model." in note
        for note in platform.notes
    )


async def test_words_that_stay_cut_off_are_an_answer_with_a_mark(tmp_path: Path) -> None:
    half = ScriptedReply(text="Begin small, and", finish="length")
    platform, _ = await shown(tmp_path, [half] * 3, team("one"))
    assert [answer.text for answer in platform.final_answers] == [f"Begin small, and\n\n{MARK}"]


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("We begin sma", "small."), "We begin small."),
        (("One.\n\nTw", "Two.\n\nThr", "Three."), "One.\n\nTwo.\n\nThree."),
        (("W" * 70 + " and", "W" * 70 + " and more."), "W" * 70 + " and more."),
        (("", "We begin small."), "We begin small."),
    ],
    ids=["in the middle of a word", "twice", "begun anew", "only reasoning"],
)
async def test_a_final_text_that_was_cut_off_is_continued(tmp_path: Path, parts: tuple[str, ...], text: str) -> None:
    plays = [ScriptedReply(text=part, finish="length") for part in parts[:-1]]
    platform, asked = await shown(tmp_path, writes(*plays, ScriptedReply(text=parts[-1])), team("one", "two"))
    assert [answer.text for answer in platform.final_answers] == [text]
    assert asked[-1].body["max_tokens"] == 4096 << len(plays)


async def test_a_final_text_that_stays_cut_off_has_a_mark(tmp_path: Path) -> None:
    plays = [ScriptedReply(text=part, finish="length") for part in ("We beg", "begin, and", "then")]
    platform, _ = await shown(tmp_path, writes(*plays), team("one", "two"))
    assert [answer.text for answer in platform.final_answers] == [f"We begin, then\n\n{MARK}"]
    assert [note for note in platform.notes if "output limit" in note]
