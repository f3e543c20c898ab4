"""The built-in demo: real disagreement, one question that matters, and an answer that follows the person's reply."""

from __future__ import annotations

import json

import pytest

from orchestrator_bridge.model.interface import Message, Request, ToolCall
from orchestrator_bridge.model.scripted.client import play_turn
from orchestrator_bridge.model.scripted.script import BUILT_IN_SCRIPTS, Script, read_script
from orchestrator_bridge.question.model import Ask
from tests.support.model_calls import NEW_ANSWER
from tests.support.scripted_run import TEAM, ScriptedRun

TASK = "Pick a name for our cat"
PEERS = [f"peer:1:{name}" for name in ("planner", "skeptic")]


def demo() -> Script:
    return read_script(BUILT_IN_SCRIPTS / "demo.toml")


def asked(task: str = TASK) -> ScriptedRun:
    """The run when planner and skeptic have done what they can, and a person is awaited."""
    run = ScriptedRun(demo(), task)
    run.complete_call("operator")
    run.post_question(1)
    run.play_to_end()
    return run


def final(run: ScriptedRun) -> str:
    """The final text, once everything that is outstanding has come back."""
    run.play_to_end()
    assert run.state.final_text is not None
    return run.state.final_text


def test_the_agents_disagree_until_a_person_has_spoken() -> None:
    run = asked()
    assert "Release on Friday" in run.answer_of("planner")
    assert "Wait until Tuesday" in run.answer_of("skeptic")
    assert (run.choice_of("planner"), run.choice_of("skeptic")) == ("planner", "skeptic")
    assert run.state.questions[1].open


@pytest.mark.parametrize("task", [TASK, "x" * 200_000, "two\nlines", "{task} and {nonsense}", "[[", "“", "."])
def test_the_question_says_for_any_task_that_it_is_scripted(task: str) -> None:
    run = ScriptedRun(demo(), task)
    (call,) = run.complete_call("operator").tool_calls
    ask = Ask.model_validate_json(call.arguments)
    assert ask.wait
    assert (ask.kind, len(ask.options)) == ("choice", 3)
    assert [option.recommended for option in ask.options].count(True) == 1
    assert "scripted scenario" in ask.context


def test_peers_advise_against_each_other() -> None:
    run = ScriptedRun(demo(), TASK)
    run.complete_call("operator")
    advice = [run.complete_call(peer).text for peer in PEERS]
    assert [text[:2] for text in advice] == ["1.", "2."]


def test_an_option_that_a_person_selected_leads_the_final_text() -> None:
    run = asked()
    run.replies(1, "2, we have time")
    text = final(run)
    assert text.startswith("**Wait until Tuesday**, decided by Ana, who wrote “2, we have time”.")
    assert "One release, four days late." in text
    assert {run.choice_of(name) for name in TEAM} == {"operator"}


def test_a_persons_own_words_lead_the_final_text() -> None:
    run = asked()
    run.replies(1, "Ask the cat\nand go by what it does")
    text = final(run)
    assert "Ana decided: “Ask the cat and go by what it does”" in text


def test_a_fallback_is_named_as_one() -> None:
    run = asked()
    run.passes(1800.0 + 10.0)
    text = final(run)
    assert "**Release, payments switched off.** Nobody answered, so this is a fallback and not a person's decision." in text


def test_the_demo_finishes_even_if_nobody_answers() -> None:
    run = ScriptedRun(demo(), TASK, gone=True)
    assert "not a person's decision" in final(run)


def test_decisions_of_agents_are_not_attributed_to_people() -> None:
    asking = ToolCall(id="c", name="ask_others", arguments='{"options": [{"id": "wait", "label": "Wait until Tuesday"}]}')
    outcome = json.dumps({"decision": "Wait until Tuesday", "choice": "wait", "decided_by": "agent"})
    messages = (
        Message(role="user", text=f"The task:\n\n{TASK}"),
        Message(role="assistant", tool_calls=(asking,)),
        Message(role="tool", text=outcome, tool_call="c"),
    )
    request = Request(agent="operator", model="scripted/demo", messages=messages, tools=(NEW_ANSWER,))
    (call,) = play_turn(demo(), request, "s")[1].tool_calls
    assert "**Wait until Tuesday.** No person was asked; the agents decided this" in json.loads(call.arguments)["content"]


def test_guidance_and_a_late_reply_change_the_answer() -> None:
    run = asked()
    run.passes(1800.0 + 10.0)
    run.complete_call("operator")
    run.guides("No names with umlauts.\n\nPlease.")
    run.replies(1, "1 after all")
    text = final(run)
    assert "From the thread: “" in text
    assert "No names with umlauts. Please.”" in text
    assert "After the question was closed: “1 after all”." in text


def test_a_demo_always_says_that_it_is_one() -> None:
    run = asked()
    run.replies(1, "1")
    assert "a script" in final(run)
    for agent in TEAM:
        assert "a script" in run.answer_of(agent)


def test_a_stopped_run_continues_unaffected() -> None:
    run = asked()
    run.replies(1, "2")
    before = play_turn(run.script, run.request("operator"), "s")
    run.restart()
    assert play_turn(demo(), run.request("operator"), "s") == before
    assert "Wait until Tuesday" in final(run)


def test_other_agents_and_one_agent_alone_can_play_it_too() -> None:
    assert "Begin with one small step" in final(ScriptedRun(demo(), TASK, agents=("zoe", "yan")))
    alone = ScriptedRun(demo(), TASK, agents=("zoe",))
    alone.play_to_end()
    assert "zoe, a script" in alone.answer_of("zoe")
