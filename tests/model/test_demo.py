"""The built-in demo: real disagreement, one question that matters, and an answer that goes by what the person replied."""

from __future__ import annotations

import json

import pytest

from orchestrator_bridge.model.script import BUILT_IN, read_script
from orchestrator_bridge.model.scripted import play
from orchestrator_bridge.question.values import Ask
from tests.model.stage import Stage

TASK = "Pick a name for our cat"


def opened(task: str = TASK) -> Stage:
    """The run once planner and skeptic have answered and operator has asked."""
    stage = Stage(read_script(BUILT_IN / "demo.toml"), task)
    for agent in ("operator", "planner", "skeptic"):
        stage.act(agent)
    stage.ask()
    return stage


def finished(stage: Stage) -> str:
    """The final text, once everything that is outstanding has been called."""
    while stage.state.end is None:
        stage.act(stage.outstanding()[0].agent)
        stage.outstanding()
    assert stage.state.final_text is not None
    return stage.state.final_text


def test_the_agents_disagree_before_a_person_has_spoken() -> None:
    stage = opened()
    stage.act("planner")
    stage.act("skeptic")
    assert "take one useful step now" in stage.answer("planner")
    assert "try it small first" in stage.answer("skeptic")
    assert (stage.vote("planner"), stage.vote("skeptic")) == ("planner", "skeptic")


@pytest.mark.parametrize("task", [TASK, "x" * 200_000, "two\nlines", "{task} and {nonsense}", "“", "\x1b[31mred", "."])
def test_the_question_is_a_good_one_for_any_task(task: str) -> None:
    stage = Stage(read_script(BUILT_IN / "demo.toml"), task)
    (call,) = stage.act("operator").tool_calls
    ask = Ask.model_validate_json(call.arguments)
    assert ask.kind == "choice"
    assert ask.wait
    assert len(ask.options) == 3
    assert [option.recommended for option in ask.options].count(True) == 1
    assert "script" in ask.context
    assert task.splitlines()[0][:50] in ask.question


def test_peers_advise_against_each_other() -> None:
    stage = opened()
    question = stage.state.questions[1]
    assert stage.peer("planner", question).text.startswith("1.")
    assert stage.peer("skeptic", question).text.startswith("2.")


def test_an_option_that_a_person_picked_leads_the_final_text() -> None:
    stage = opened()
    stage.settle("Wait and measure first", choice="measure", reply="3, we have time")
    final = finished(stage)
    assert f"On “{TASK}”: **Wait and measure first.** This was decided by you, who wrote “3, we have time”." in final
    assert "Write down how things stand" in final
    assert {stage.vote(name) for name in ("planner", "skeptic", "operator")} == {"operator"}


def test_a_persons_own_words_lead_the_final_text() -> None:
    stage = opened()
    stage.settle("Ask the cat", reply="Ask the cat\nand go by what it does")
    final = finished(stage)
    assert "we go by what you wrote" in final
    assert "“Ask the cat and go by what it does”" in final


@pytest.mark.parametrize("way", ["fallback:default_option", "fallback:assume"])
def test_a_fallback_is_called_one(way: str) -> None:
    stage = opened()
    stage.settle("Try it small first", choice="trial" if way.endswith("option") else None, by=way)
    final = finished(stage)
    assert f"this is a fallback ({way}) and no person's decision" in final
    assert "**Try it small first.**" in final


def test_agents_that_decide_are_not_taken_for_people() -> None:
    stage = opened()
    stage.settle("Try it small first", choice="trial", by="agent")
    assert "No person was asked; the agents decided this" in finished(stage)


def test_guidance_and_a_late_reply_change_the_answer() -> None:
    stage = opened()
    stage.settle("I try it small first.", by="fallback:assume")
    stage.act("operator")
    stage.guide("No names with umlauts.\n\nPlease.")
    stage.reply_late("1 after all")
    final = finished(stage)
    assert "Heard in the thread: “you: No names with umlauts. Please.”." in final
    assert "Too late for the question, but read: “1 after all”." in final


def test_a_demo_always_says_that_it_is_one() -> None:
    stage = opened()
    stage.settle("Take one useful step now", choice="now", reply="1")
    assert "a script and not a model" in finished(stage)
    for agent in ("planner", "skeptic", "operator"):
        assert "a script and not a model" in stage.answer(agent)


def test_a_turn_is_the_same_however_often_it_is_asked_for() -> None:
    stage = opened()
    stage.settle("Take one useful step now", choice="now", reply="1")
    (call,) = [call for call in stage.outstanding() if call.agent == "operator"]
    request = stage.request(call)
    fresh = read_script(BUILT_IN / "demo.toml")
    assert play(stage.script, request, "s") == play(fresh, request, "s")


def test_other_agents_and_one_agent_alone_can_play_it_too() -> None:
    stage = Stage(read_script(BUILT_IN / "demo.toml"), TASK, agents=("zoe", "yan"))
    assert "begin with one small step" in finished(stage)
    alone = Stage(read_script(BUILT_IN / "demo.toml"), TASK, agents=("zoe",))
    (call,) = alone.act("zoe").tool_calls
    assert "zoe, a script and not a model" in json.loads(call.arguments)["content"]
